//! What is sealed, by the escrow file and the journal together: each change once, and every line that there is of it.
//!
//! It believes no line more than another: what differs is handed over, and told on standard error.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use crate::cli::{CliError, eprint_line, id_list, preflight};
use crate::domain::change::ChangeId;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::escrow::decrypt::{DecryptPinError, DecryptedPin, Identities};
use crate::escrow::{EscrowContents, EscrowEntry, EscrowFile};
use crate::journal::{EncryptedPin, RecordedState};
use crate::state_dir::StateDir;

/// What the escrow file and the journal have.
pub(crate) struct EscrowStore {
    pub(crate) dir: StateDir,
    pub(crate) changes: Vec<EscrowedChange>,
    pub(crate) unreadable_lines: Vec<usize>,
    pub(crate) is_torn: bool,
    /// True if nothing is there of a number that was asked for, or a PIN that was sent may be missing.
    is_incomplete: bool,
}

/// One change, and every line that there is of it: those of the escrow file, and the journal's if it is another.
#[derive(Default)]
pub(crate) struct EscrowedChange {
    entries: Vec<(EscrowEntry, EscrowSource)>,
    /// What became of it; `None` where the journal does not know of it.
    pub(crate) journal_status: Option<JournalStatus>,
}

/// What became of a change, by the journal.
#[derive(Clone, Copy)]
pub(crate) struct JournalStatus {
    /// The greater, the later it was sent.
    send_order: usize,
    pub(crate) state: RecordedState,
    /// `None` where only the escrow file knew of it.
    pub(crate) last_attempt_at: Option<UtcTime>,
}

/// Where a line stands, or a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EscrowSource {
    EscrowFile,
    Journal,
    Both,
}

impl EscrowSource {
    fn merge(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }

    /// For people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::EscrowFile => "in the escrow file only",
            Self::Journal => "in the journal only",
            Self::Both => "in both file and journal",
        }
    }
}

/// A PIN of a change, or why there is none.
pub(crate) struct Decryption<'a> {
    pub(crate) entry: &'a EscrowEntry,
    pub(crate) journal_status: Option<JournalStatus>,
    pub(crate) source: EscrowSource,
    /// In one place on the heap, so that no copy of the PIN stays behind where a list of them grew.
    pub(crate) result: Result<Box<DecryptedPin>, DecryptPinError>,
    /// True if another PIN is sealed for the same change, or may be, in a line that does not open.
    pub(crate) is_disputed: bool,
}

impl Decryption<'_> {
    /// True if both are the same PIN of the same number.
    fn is_same_pin(&self, other: &Self) -> bool {
        match (&self.result, &other.result) {
            (Ok(one), Ok(other)) => one.context.number == other.context.number && one.pin == other.pin,
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

impl EscrowedChange {
    fn add(&mut self, line: EscrowEntry, source: EscrowSource) {
        // The job says nothing of the PIN, and a journal that was begun anew does not know it.
        let is_same = |known: &EscrowEntry| known.context() == line.context() && known.ciphertext == line.ciphertext;
        match self.entries.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, known)) => *known = known.merge(source),
            None => self.entries.push((line, source)),
        }
    }

    /// What is told of the change without a key.
    pub(crate) fn first_entry(&self) -> &EscrowEntry {
        &self.entries[0].0
    }

    /// Says on standard error what makes the line that is told without a key less than certain.
    pub(crate) fn warn_if_entries_differ(&self) {
        let count = self.entries.len();
        if count > 1 {
            eprint_line(&format!(
                "pindesk: change {}: {count} lines are kept of it that differ, and one is listed. What opens of them is shown \
                 by: pindesk escrow open",
                self.first_entry().change
            ));
        }
    }

    /// Opens every line that can be: neither a line that was altered or damaged nor a forged one hides another. Each PIN
    /// once; an error only where there is no PIN.
    pub(crate) fn decrypt(&self, identities: &Identities) -> Vec<Decryption<'_>> {
        let (mut pins, mut failed): (Vec<Decryption<'_>>, Vec<Decryption<'_>>) = (Vec::new(), Vec::new());
        for &(ref line, source) in &self.entries {
            let found = identities.decrypt(line).map(Box::new);
            let opening = Decryption {
                entry: line,
                journal_status: self.journal_status,
                source,
                result: found,
                is_disputed: false,
            };
            if opening.result.is_err() {
                failed.push(opening);
            } else if let Some(same) = pins.iter_mut().find(|known| known.is_same_pin(&opening)) {
                same.source = same.source.merge(source);
            } else {
                pins.push(opening);
            }
        }
        self.warn_uncertain(&pins, &failed);
        let is_in_file_alone = |opening: &Decryption<'_>| opening.source == EscrowSource::EscrowFile;
        let is_not_the_journals = pins.iter().all(is_in_file_alone) && !failed.iter().all(is_in_file_alone);
        if pins.len() > 1 || is_not_the_journals {
            for opening in &mut pins {
                opening.is_disputed = true;
                // Nobody knows which PIN came to it.
                opening.journal_status = None;
            }
        }
        failed.truncate(1);
        if pins.is_empty() { failed } else { pins }
    }

    /// Says on standard error what makes the PINs that are shown less than certain.
    fn warn_uncertain(&self, pins: &[Decryption<'_>], failed: &[Decryption<'_>]) {
        let change = self.first_entry().change;
        if pins.len() > 1 {
            let count = pins.len();
            eprint_line(&format!(
                "pindesk: change {change}: {count} PINs are sealed for it, and only one was ever sent: somebody altered the \
                 escrow file or the journal. Each is shown."
            ));
        } else if let ([Decryption { result: Err(why), .. }, ..], [opened]) = (failed, pins) {
            let place = match opened.source {
                EscrowSource::EscrowFile | EscrowSource::Both => "a line of the escrow file",
                EscrowSource::Journal => "the journal's copy",
            };
            eprint_line(&format!("pindesk: change {change}: {why}. The PIN that is shown is from {place}."));
        }
    }
}

impl EscrowStore {
    /// Reads both; of these numbers only, if any are named. Says on standard error what cannot be read.
    pub(crate) fn read(place: &Path, numbers: &[PhoneNumberId]) -> Result<Self, CliError> {
        let dir = StateDir::open(place).map_err(|error| CliError::not_ready(&error))?;
        let EscrowContents { entries: lines, unreadable_lines: unreadable, is_torn } =
            EscrowFile::read(&dir).map_err(|error| CliError::not_ready(&error))?;
        for line in &unreadable {
            eprint_line(&format!("pindesk: line {line} of the escrow file cannot be read."));
        }
        let journal = preflight::journal_pins(&dir);
        if is_torn {
            eprint_line(if journal.is_complete {
                "pindesk: the last line of the escrow file is cut off, or just being written. No PIN that was sent is lost \
                 with it: the journal has each."
            } else {
                "pindesk: the last line of the escrow file is cut off. Its PIN may have been sent, and there is no whole \
                 journal here that says so or has it. Look for it in a whole copy of either."
            });
        }
        let wanted = |number: PhoneNumberId| numbers.is_empty() || numbers.contains(&number);
        let lines = lines.into_iter().filter(|line| wanted(line.number));
        let pins = journal.pins.into_iter().filter(|pin| wanted(pin.escrow_entry.number));
        let kept = merge_by_change(lines, pins);
        let lacks = |number: &&PhoneNumberId| kept.iter().all(|kept| kept.first_entry().number != **number);
        let lacking: Vec<_> = numbers.iter().filter(lacks).collect();
        for number in &lacking {
            eprint_line(&format!("pindesk: nothing is sealed for number {}.", id_list::id_label(**number)));
        }
        let may_lack_some = !lacking.is_empty() || (is_torn && !journal.is_complete);
        Ok(Self { dir, changes: kept, unreadable_lines: unreadable, is_torn, is_incomplete: may_lack_some })
    }

    /// The exit code of whoever shows all that there is.
    pub(crate) const fn exit_code(&self) -> u8 {
        if self.is_incomplete { crate::cli::NOT_READY } else { 0 }
    }
}

/// Each change once, and of its lines those that differ: as they were last sent, which the journal knows, and what it does
/// not know of behind them, by the time of sealing.
fn merge_by_change(
    of_file: impl Iterator<Item = EscrowEntry>,
    of_journal: impl Iterator<Item = EncryptedPin>,
) -> Vec<EscrowedChange> {
    let mut changes: HashMap<ChangeId, EscrowedChange> = HashMap::new();
    for line in of_file {
        changes.entry(line.change).or_default().add(line, EscrowSource::EscrowFile);
    }
    for (rank, EncryptedPin { escrow_entry: line, state, last_attempt_at: last_try }) in of_journal.enumerate() {
        let kept = changes.entry(line.change).or_default();
        kept.journal_status = Some(JournalStatus { send_order: rank, state, last_attempt_at: last_try });
        kept.add(line, EscrowSource::Journal);
    }
    let mut changes: Vec<EscrowedChange> = changes.into_values().collect();
    changes.sort_by_key(|kept| {
        let rank = kept.journal_status.map_or(usize::MAX, |fate| fate.send_order);
        (rank, kept.first_entry().at, kept.first_entry().change)
    });
    changes
}
