//! What is sealed, by the escrow file and the journal together: each change once, and every line that there is of it.
//!
//! It believes no line more than another: what differs is handed over, and told on standard error.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::super::{Failure, complain, desk, id_list};
use crate::config;
use crate::escrow::open::{Identities, DecryptPinError, DecryptedPin};
use crate::escrow::{EscrowContents, EscrowFile, EscrowEntry};
use crate::job::ChangeId;
use crate::journal::{NumberState, SealedPin};
use crate::moment::UtcTime;
use crate::number::PhoneNumberId;
use crate::state::StateDir;

/// What the escrow file and the journal have.
pub(super) struct Store {
    pub(super) dir: StateDir,
    pub(super) kept: Vec<Kept>,
    pub(super) unreadable: Vec<usize>,
    pub(super) is_torn: bool,
    /// True if nothing is there of a number that was asked for, or a PIN that was sent may be missing.
    may_lack_some: bool,
}

/// One change, and every line that there is of it: those of the escrow file, and the journal's if it is another.
#[derive(Default)]
pub(super) struct Kept {
    lines: Vec<(EscrowEntry, Source)>,
    /// What became of it; `None` where the journal does not know of it.
    pub(super) fate: Option<Fate>,
}

/// What became of a change, by the journal.
#[derive(Clone, Copy)]
pub(super) struct Fate {
    /// The greater, the later it was sent.
    rank: usize,
    pub(super) state: NumberState,
    /// `None` where only the escrow file knew of it.
    pub(super) last_try: Option<UtcTime>,
}

/// Where a line stands, or a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    EscrowFile,
    Journal,
    Both,
}

impl Source {
    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }

    /// For people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::EscrowFile => "in the escrow file only",
            Self::Journal => "in the journal only",
            Self::Both => "in both file and journal",
        }
    }
}

/// A PIN of a change, or why there is none.
pub(super) struct Opening<'a> {
    pub(super) line: &'a EscrowEntry,
    pub(super) fate: Option<Fate>,
    pub(super) source: Source,
    /// In one place on the heap, so that no copy of the PIN stays behind where a list of them grew.
    pub(super) found: Result<Box<DecryptedPin>, DecryptPinError>,
    /// True if another PIN is sealed for the same change, or may be, in a line that does not open.
    pub(super) is_disputed: bool,
}

impl Opening<'_> {
    /// True if both are the same PIN of the same number.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.found, &other.found) {
            (Ok(one), Ok(other)) => one.context.number == other.context.number && one.pin == other.pin,
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

impl Kept {
    fn add(&mut self, line: EscrowEntry, source: Source) {
        // The job says nothing of the PIN, and a journal that was begun anew does not know it.
        let is_same = |known: &EscrowEntry| known.context() == line.context() && known.ciphertext == line.ciphertext;
        match self.lines.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, known)) => *known = known.and(source),
            None => self.lines.push((line, source)),
        }
    }

    /// What is told of the change without a key.
    pub(super) fn line(&self) -> &EscrowEntry {
        &self.lines[0].0
    }

    /// Says on standard error what makes the line that is told without a key less than certain.
    pub(super) fn tell_if_lines_differ(&self) {
        let count = self.lines.len();
        if count > 1 {
            complain(&format!(
                "pindesk: change {}: {count} lines are kept of it that differ, and one is listed. What opens of them is shown \
                 by: pindesk escrow open",
                self.line().change
            ));
        }
    }

    /// Opens every line that can be: neither a line that was altered or damaged nor a forged one hides another. Each PIN
    /// once; an error only where there is no PIN.
    pub(super) fn open(&self, identities: &Identities) -> Vec<Opening<'_>> {
        let (mut pins, mut failed): (Vec<Opening<'_>>, Vec<Opening<'_>>) = (Vec::new(), Vec::new());
        for &(ref line, source) in &self.lines {
            let found = identities.decrypt(line).map(Box::new);
            let opening = Opening { line, fate: self.fate, source, found, is_disputed: false };
            if opening.found.is_err() {
                failed.push(opening);
            } else if let Some(same) = pins.iter_mut().find(|known| known.is_same(&opening)) {
                same.source = same.source.and(source);
            } else {
                pins.push(opening);
            }
        }
        self.tell(&pins, &failed);
        let is_in_file_alone = |opening: &Opening<'_>| opening.source == Source::EscrowFile;
        let is_not_the_journals = pins.iter().all(is_in_file_alone) && !failed.iter().all(is_in_file_alone);
        if pins.len() > 1 || is_not_the_journals {
            for opening in &mut pins {
                opening.is_disputed = true;
                // Nobody knows which PIN came to it.
                opening.fate = None;
            }
        }
        failed.truncate(1);
        if pins.is_empty() { failed } else { pins }
    }

    /// Says on standard error what makes the PINs that are shown less than certain.
    fn tell(&self, pins: &[Opening<'_>], failed: &[Opening<'_>]) {
        let change = self.line().change;
        if pins.len() > 1 {
            let count = pins.len();
            complain(&format!(
                "pindesk: change {change}: {count} PINs are sealed for it, and only one was ever sent: somebody altered the \
                 escrow file or the journal. Each is shown."
            ));
        } else if let ([Opening { found: Err(why), .. }, ..], [opened]) = (failed, pins) {
            let place = match opened.source {
                Source::EscrowFile | Source::Both => "a line of the escrow file",
                Source::Journal => "the journal's copy",
            };
            complain(&format!("pindesk: change {change}: {why}. The PIN that is shown is from {place}."));
        }
    }
}

impl Store {
    /// Reads both; of these numbers only, if any are named. Says on standard error what cannot be read.
    pub(super) fn read(place: &Path, numbers: &[PhoneNumberId]) -> Result<Self, Failure> {
        let dir = StateDir::open(place).map_err(|error| Failure::not_ready(&error))?;
        let EscrowContents { entries: lines, unreadable_lines: unreadable, is_torn } =
            EscrowFile::read(&dir).map_err(|error| Failure::not_ready(&error))?;
        for line in &unreadable {
            complain(&format!("pindesk: line {line} of the escrow file cannot be read."));
        }
        let journal = desk::sealed(&dir);
        if is_torn {
            complain(if journal.is_whole {
                "pindesk: the last line of the escrow file is cut off, or just being written. No PIN that was sent is lost \
                 with it: the journal has each."
            } else {
                "pindesk: the last line of the escrow file is cut off. Its PIN may have been sent, and there is no whole \
                 journal here that says so or has it. Look for it in a whole copy of either."
            });
        }
        let wanted = |number: PhoneNumberId| numbers.is_empty() || numbers.contains(&number);
        let lines = lines.into_iter().filter(|line| wanted(line.number));
        let pins = journal.pins.into_iter().filter(|pin| wanted(pin.line.number));
        let kept = united(lines, pins);
        let lacks = |number: &&PhoneNumberId| kept.iter().all(|kept| kept.line().number != **number);
        let lacking: Vec<_> = numbers.iter().filter(lacks).collect();
        for number in &lacking {
            complain(&format!("pindesk: nothing is sealed for number {}.", id_list::told(**number)));
        }
        let may_lack_some = !lacking.is_empty() || (is_torn && !journal.is_whole);
        Ok(Self { dir, kept, unreadable, is_torn, may_lack_some })
    }

    /// The exit code of whoever shows all that there is.
    pub(super) const fn exit_code(&self) -> u8 {
        if self.may_lack_some { config::EXIT_CODE } else { 0 }
    }
}

/// Each change once, and of its lines those that differ: as they were last sent, which the journal knows, and what it does
/// not know of behind them, by the time of sealing.
fn united(of_file: impl Iterator<Item = EscrowEntry>, of_journal: impl Iterator<Item = SealedPin>) -> Vec<Kept> {
    let mut changes: HashMap<ChangeId, Kept> = HashMap::new();
    for line in of_file {
        changes.entry(line.change).or_default().add(line, Source::EscrowFile);
    }
    for (rank, SealedPin { line, state, last_try }) in of_journal.enumerate() {
        let kept = changes.entry(line.change).or_default();
        kept.fate = Some(Fate { rank, state, last_try });
        kept.add(line, Source::Journal);
    }
    let mut changes: Vec<Kept> = changes.into_values().collect();
    changes.sort_by_key(|kept| {
        let rank = kept.fate.map_or(usize::MAX, |fate| fate.rank);
        (rank, kept.line().at, kept.line().change)
    });
    changes
}
