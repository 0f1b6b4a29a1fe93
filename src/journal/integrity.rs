//! Finds problems in the records that the death of a process does not explain.
//!
//! It never writes, so an inspection reports the same findings as opening the journal.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use super::audit::SavedHead;
use super::error::StorageError;
use super::rules::recovery::{self, AppendReason, EscrowCopy};
use crate::domain::change::ChangeId;
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, EscrowFile, EscrowLine, EscrowPosition};
use crate::state_dir::StateDir;

/// The evidence that recovery compares with the database.
pub(super) struct RecoveryInput {
    pub(super) was_empty: bool,
    pub(super) saved_head: SavedHead,
    pub(super) escrow: EscrowIndex,
}

/// The content of the escrow file, from where an earlier start had checked it.
pub(super) struct EscrowIndex {
    /// The changes in the order of the file, each with a hash of its entry, because the entries would take too much
    /// memory.
    pub(super) entries: Vec<(ChangeId, u64)>,
    /// Its key is random for each process, so that an attacker cannot construct another entry with the same hash.
    hasher: RandomState,
    /// The numbers of lines that cannot be parsed.
    pub(super) unreadable_lines: Vec<usize>,
    /// True if the last line is incomplete.
    pub(super) is_torn: bool,
    /// The end of the last complete line.
    pub(super) end: EscrowPosition,
    /// The number of the last line, if recovery has just terminated it.
    pub(super) torn_line: Option<usize>,
}

/// An audit note about a line of the escrow file starts with this text, followed by the line number.
pub(super) const LINE_NOTE_PREFIX: &str = "escrow.jsonl line ";

impl RecoveryInput {
    /// The finding that the journal is missing, although there is evidence that it had records.
    pub(super) fn missing_journal_finding(&self) -> Option<CleanText> {
        recovery::is_journal_lost(self.was_empty, self.saved_head, !self.escrow.entries.is_empty()).then(|| {
            CleanText::new(
                "journal.db is missing or empty, although it had records: the outcomes of its changes are unknown, and \
                 each PIN in the escrow file may or may not be in force",
            )
        })
    }
}

impl EscrowIndex {
    /// Reads from a position on, and passes each line on.
    pub(super) fn read(
        dir: &StateDir,
        from: EscrowPosition,
        mut on_line: impl FnMut(&EscrowLine) -> Result<(), StorageError>,
    ) -> Result<Self, StorageError> {
        let (mut entries, hasher) = (Vec::new(), RandomState::new());
        let add = |line: EscrowLine| {
            on_line(&line)?;
            entries.push((line.entry.change, hash_entry(&hasher, &line.entry)));
            Ok::<_, StorageError>(())
        };
        let scanned = EscrowFile::scan(dir, from, add).map_err(|error| StorageError::new(error.to_string()))??;
        let (unreadable_lines, is_torn, end) = (scanned.unreadable_lines, scanned.is_torn, scanned.end);
        Ok(Self { entries, hasher, unreadable_lines, is_torn, end, torn_line: None })
    }

    /// Notes that the last line was torn and has just been terminated.
    pub(super) fn note_torn_line(&mut self) {
        self.torn_line = self.unreadable_lines.last().copied().filter(|line| *line == self.end.lines);
    }

    /// The unparsable lines that are not in `reported`.
    pub(super) fn unreported_lines(&self, reported: &HashSet<usize>) -> Vec<usize> {
        self.unreadable_lines.iter().copied().filter(|line| !reported.contains(line)).collect()
    }

    /// The finding that the last line is torn, for a directory without a journal: no row shows that its PIN was never
    /// sent.
    pub(super) fn torn_line_finding(&self) -> Option<CleanText> {
        self.is_torn.then(|| CleanText::new("the last line of escrow.jsonl is truncated: its PIN may be lost"))
    }
}

fn hash_entry(hasher: &RandomState, entry: &EscrowEntry) -> u64 {
    // Leaves out the job: it does not concern the PIN, and the journal may have lost it.
    let EscrowEntry { change, number, waba, at, job: _, ciphertext } = entry;
    hasher.hash_one((change, number, waba, at.unix_seconds(), &ciphertext.0))
}

/// The finding that these lines of the escrow file cannot be parsed; `None` if there are no such lines.
pub(super) fn unreadable_lines_finding(lines: &[usize]) -> Option<CleanText> {
    let first = lines.first()?;
    let text = match lines.len() {
        1 => format!("line {first} of escrow.jsonl cannot be parsed: its PIN may be lost"),
        count => {
            format!(
                "{count} lines of escrow.jsonl cannot be parsed (the first is line {first}): their PINs may be lost"
            )
        }
    };
    Some(CleanText::new(&text))
}

/// The line that the audit note of an unparsable line names.
pub(super) fn line_of_note(note: &str) -> Option<usize> {
    note.strip_prefix(LINE_NOTE_PREFIX)?.split(' ').next()?.parse().ok()
}

/// Compares the encrypted PINs of the database with the escrow file, one by one.
pub(super) struct EscrowComparison<'a> {
    index: &'a EscrowIndex,
    changes: HashSet<ChangeId>,
    entries: HashSet<&'a (ChangeId, u64)>,
    missing: MissingEntries,
}

impl<'a> EscrowComparison<'a> {
    pub(super) fn new(index: &'a EscrowIndex) -> Self {
        let changes = index.entries.iter().map(|(change, _)| *change).collect();
        Self { index, changes, entries: index.entries.iter().collect(), missing: MissingEntries::default() }
    }

    /// Compares an entry of the database. If a change has two lines, one match is enough.
    pub(super) fn compare(&mut self, entry: EscrowEntry) {
        let has_same_line = self.entries.contains(&(entry.change, hash_entry(&self.index.hasher, &entry)));
        let copy = EscrowCopy::new(self.changes.contains(&entry.change), has_same_line);
        if let Some(reason) = copy.append_reason() {
            self.missing.altered_count += usize::from(reason == AppendReason::Altered);
            self.missing.entries.push(entry);
        }
    }

    /// Compares a PIN that was encrypted again. The file may have other lines of its change, so that one which is not there
    /// is missing.
    pub(super) fn compare_re_encryption(&mut self, entry: EscrowEntry) {
        if !self.entries.contains(&(entry.change, hash_entry(&self.index.hasher, &entry))) {
            self.missing.entries.push(entry);
        }
    }

    /// The entries that the escrow file lacks or has differently.
    pub(super) fn finish(self) -> MissingEntries {
        self.missing
    }
}

/// The encrypted PINs of the database that the escrow file lacks or has differently.
#[derive(Default)]
pub(super) struct MissingEntries {
    pub(super) entries: Vec<EscrowEntry>,
    /// How many of them the escrow file has differently.
    altered_count: usize,
}

impl MissingEntries {
    /// The finding if they are not appended to the escrow file.
    pub(super) fn unrepaired_finding(&self) -> Option<CleanText> {
        match self.entries.len() {
            0 => None,
            1 => Some("1 encrypted PIN of the journal is missing from the escrow file, or differs there".to_owned()),
            count => {
                Some(format!("{count} encrypted PINs of the journal are missing from the escrow file, or differ there"))
            }
        }
        .map(|text| CleanText::new(&text))
    }

    /// The findings after they were appended to the escrow file.
    pub(super) fn repaired_findings(&self) -> impl Iterator<Item = CleanText> {
        let lost = match self.entries.len() - self.altered_count {
            0 => None,
            1 => Some("an encrypted PIN was missing from the escrow file; pindesk appended it again".to_owned()),
            count => {
                Some(format!("{count} encrypted PINs were missing from the escrow file; pindesk appended them again"))
            }
        };
        let altered = match self.altered_count {
            0 => None,
            1 => Some(
                "a line of the escrow file differs from the journal: one of them was altered or damaged. pindesk \
                 appended the line of the journal to the file. `pindesk escrow open` shows every PIN that your key \
                 can decrypt"
                    .to_owned(),
            ),
            count => Some(format!(
                "{count} lines of the escrow file differ from the journal: they were altered or damaged. pindesk \
                 appended the lines of the journal to the file. `pindesk escrow open` shows every PIN that your key \
                 can decrypt"
            )),
        };
        lost.into_iter().chain(altered).map(|text| CleanText::new(&text))
    }
}
