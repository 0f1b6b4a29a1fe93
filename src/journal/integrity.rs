//! Findings: what is wrong with the records that a dead process does not explain.
//!
//! It only reads, so an inspection reports the same as opening the journal.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use rusqlite::Connection;

use super::audit::SavedHead;
use super::error::{JournalError, StorageError};
use super::model::RecoveryReport;
use super::open_changes::{self, OpenChange};
use super::reader::JournalReader;
use super::{encrypted_pins, run_lock, transaction};
use crate::domain::change::ChangeId;
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, EscrowFile, Fingerprint};
use crate::state_dir::{StateDir, StateDirError};

/// What recovery compares with the database.
pub(super) struct RecoveryInput {
    pub(super) was_empty: bool,
    pub(super) saved_head: SavedHead,
    pub(super) escrow: EscrowIndex,
}

/// The content of the escrow file.
pub(super) struct EscrowIndex {
    /// The changes in the order of the file, with a hash of each entry; the entries themselves would take too much
    /// memory.
    pub(super) entries: Vec<(ChangeId, u64)>,
    /// With a key of this process alone, so that nobody can construct another entry with the same hash.
    hasher: RandomState,
    /// The numbers of lines that cannot be parsed.
    pub(super) unreadable_lines: Vec<usize>,
    /// True if the last line has no line end.
    pub(super) is_torn: bool,
    /// The number of a last line that was torn until now.
    pub(super) torn_line: Option<usize>,
}

/// The note of an audit row about a line begins with this, followed by its number.
pub(super) const LINE_NOTE_PREFIX: &str = "escrow.jsonl line ";

impl RecoveryInput {
    /// What a dead process does not explain.
    pub(super) fn findings(&self, db: &Connection) -> Result<Vec<CleanText>, StorageError> {
        if let Some(gone) = self.missing_journal_finding() {
            return Ok(vec![gone]);
        }
        Ok(self.saved_head.find_mismatch(db)?.into_iter().collect())
    }

    fn missing_journal_finding(&self) -> Option<CleanText> {
        let had_rows = matches!(self.saved_head, SavedHead::Present(head) if head.sequence > 0)
            || self.saved_head == SavedHead::Unreadable;
        (self.was_empty && (had_rows || !self.escrow.entries.is_empty())).then(|| {
            CleanText::new(
                "journal.db is missing or empty, though there was one: what came of the changes in it is not known, and \
                 each PIN in the escrow file may be in force or not",
            )
        })
    }
}

impl EscrowIndex {
    pub(super) fn read(dir: &StateDir) -> Result<Self, StateDirError> {
        let (mut lines, hasher) = (Vec::new(), RandomState::new());
        let contents = EscrowFile::scan_entries(dir, |line| lines.push((line.change, hash_entry(&hasher, &line))))?;
        Ok(Self {
            entries: lines,
            hasher,
            unreadable_lines: contents.unreadable_lines,
            is_torn: contents.is_torn,
            torn_line: None,
        })
    }

    /// The unparsable lines that were not reported before. The index of findings has the same condition.
    pub(super) fn unreported_lines(&self, db: &Connection) -> rusqlite::Result<Vec<usize>> {
        const FOUND: &str = "SELECT row ->> '$.note' FROM audit
            WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'found'";
        if self.unreadable_lines.is_empty() {
            return Ok(Vec::new());
        }
        let mut told = HashSet::new();
        let mut statement = db.prepare(FOUND)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let note: Option<String> = row.get(0)?;
            let line: Option<usize> =
                note.as_deref().and_then(|note| note.strip_prefix(LINE_NOTE_PREFIX)?.split(' ').next()?.parse().ok());
            told.extend(line);
        }
        Ok(self.unreadable_lines.iter().copied().filter(|line| !told.contains(line)).collect())
    }

    /// The finding that the last line is torn, unless a journal shows that its PIN was never sent.
    fn torn_line_finding(&self) -> Option<CleanText> {
        self.is_torn.then(|| CleanText::new("the last line of escrow.jsonl is cut off: its PIN may be lost"))
    }

    /// Entries of the database that the file lost or has differently. If a change has two lines, one that matches is
    /// enough.
    pub(super) fn missing_entries(&self, db: &Connection) -> rusqlite::Result<MissingEntries> {
        let changes: HashSet<ChangeId> = self.entries.iter().map(|(change, _)| *change).collect();
        let lines: HashSet<&(ChangeId, u64)> = self.entries.iter().collect();
        let mut missing = MissingEntries::default();
        encrypted_pins::for_each(db, |line, _| {
            if !lines.contains(&(line.change, hash_entry(&self.hasher, &line))) {
                missing.altered_count += usize::from(changes.contains(&line.change));
                missing.entries.push(line);
            }
        })?;
        Ok(missing)
    }
}

fn hash_entry(hasher: &RandomState, line: &EscrowEntry) -> u64 {
    // The job is not compared: it does not concern the PIN, and the journal may have lost it.
    let EscrowEntry { change, number, waba, at, job: _, ciphertext: sealed } = line;
    hasher.hash_one((change, number, waba, at.unix_seconds(), &sealed.0))
}

/// The finding that these lines cannot be parsed, if there are any.
pub(super) fn unreadable_lines_finding(lines: &[usize]) -> Option<CleanText> {
    let first = lines.first()?;
    let text = match lines.len() {
        1 => format!("a line of escrow.jsonl cannot be read (line {first}): its PIN may be lost"),
        count => {
            format!("{count} lines of escrow.jsonl cannot be read (the first is line {first}): their PINs may be lost")
        }
    };
    Some(CleanText::new(&text))
}

/// Encrypted PINs of the database that the escrow file does not have.
#[derive(Default)]
pub(super) struct MissingEntries {
    pub(super) entries: Vec<EscrowEntry>,
    /// How many of them the file has differently.
    altered_count: usize,
}

impl MissingEntries {
    /// The finding before a repair.
    fn unrepaired_finding(&self) -> Option<CleanText> {
        match self.entries.len() {
            0 => None,
            1 => Some("1 sealed PIN of the journal is not in the escrow file, or stands there otherwise".to_owned()),
            count => {
                Some(format!("{count} sealed PINs of the journal are not in the escrow file, or stand there otherwise"))
            }
        }
        .map(|text| CleanText::new(&text))
    }

    /// The findings after they were appended to the file.
    pub(super) fn repaired_findings(&self) -> impl Iterator<Item = CleanText> {
        let lost = match self.entries.len() - self.altered_count {
            0 => None,
            1 => Some("a sealed PIN was missing from the escrow file, and was added to it again".to_owned()),
            count => Some(format!("{count} sealed PINs were missing from the escrow file, and were added to it again")),
        };
        let altered = match self.altered_count {
            0 => None,
            1 => Some(
                "a line of the escrow file is not the one in the journal: one of them was altered or damaged. The \
                 journal's was added to the file, and `pindesk escrow open` shows every PIN that opens"
                    .to_owned(),
            ),
            count => Some(format!(
                "{count} lines of the escrow file are not those in the journal: they were altered or damaged. The \
                 journal's were added to the file, and `pindesk escrow open` shows every PIN that opens"
            )),
        };
        lost.into_iter().chain(altered).map(|text| CleanText::new(&text))
    }
}

/// Reports what opening the journal would find, except for PINs that only the escrow file has. Writes nothing, and
/// records no finding.
pub(super) fn inspect(dir: &StateDir, recipients: &[Fingerprint]) -> Result<RecoveryReport, JournalError> {
    // Each lags behind the next while another process writes: the head behind the rows, and the rows behind the file.
    let noted = SavedHead::read(dir)?;
    match JournalReader::open(dir) {
        Ok(reader) => reader.read(|db| {
            let escrow = EscrowIndex::read(dir).map_err(|error| StorageError::new(error.to_string()))?;
            let mut findings: Vec<_> = noted.find_mismatch(db)?.into_iter().collect();
            findings.extend(unreadable_lines_finding(&escrow.unreported_lines(db)?));
            findings.extend(escrow.missing_entries(db)?.unrepaired_finding());
            let mut unresolved = Vec::new();
            for OpenChange { unresolved: change, run_id: run, .. } in open_changes::all(db, None)? {
                if !run.map_or(Ok(false), |run| run_lock::is_run_alive(dir, &run))? {
                    unresolved.push(change);
                }
            }
            Ok(RecoveryReport { unresolved, findings, recipients: transaction::recipients_status(db, recipients)? })
        }),
        Err(error) if error.is_missing() => {
            let evidence = RecoveryInput { was_empty: true, saved_head: noted, escrow: EscrowIndex::read(dir)? };
            let escrow = &evidence.escrow;
            let findings = [
                evidence.missing_journal_finding(),
                unreadable_lines_finding(&escrow.unreadable_lines),
                escrow.torn_line_finding(),
            ];
            Ok(RecoveryReport { findings: findings.into_iter().flatten().collect(), ..RecoveryReport::default() })
        }
        Err(error) => Err(error),
    }
}
