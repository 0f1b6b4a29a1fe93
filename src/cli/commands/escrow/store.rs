//! The encrypted PINs of the escrow file and of the journal together: each change once, with every entry it has.
//!
//! It trusts no entry more than another: it returns all that differ, and warns on standard error.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::stdio::eprint_line;
use crate::cli::output::table;
use crate::cli::records;
use crate::cli::rerun::RerunOptions;
use crate::domain::change::ChangeId;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::number_arg::NumberArg;
use crate::domain::redact::redacted_path;
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::escrow::decrypt::{DecryptPinError, DecryptedPin, Identities};
use crate::escrow::{EscrowContents, EscrowEntry, EscrowFile};
use crate::journal::{EncryptedPin, JournalReader, RecordedState, SentChange};
use crate::state_dir::StateDir;

use super::in_force::{self, InForce};

/// The contents of the escrow file and of the journal.
pub(crate) struct EscrowStore {
    /// `None` on a machine where nothing was recorded yet.
    pub(crate) dir: Option<StateDir>,
    pub(crate) changes: Vec<EscrowedChange>,
    /// The numbers that the journal knows.
    pub(crate) known: KnownNumbers,
    in_force: HashMap<ChangeId, InForce>,
    /// The newest change of each number that Meta confirmed.
    last_sets: HashMap<PhoneNumberId, SentChange>,
    is_journal_complete: bool,
    pub(crate) unreadable_lines: Vec<usize>,
    pub(crate) is_torn: bool,
    /// The state directory, if it has no encrypted PIN of any number.
    pub(crate) empty_place: Option<CleanText>,
    /// The exit code for what is missing: a PIN that was sent, or any PIN of a requested number.
    missing_code: ExitCode,
}

/// A change with every entry it has: those of the escrow file, and the journal's entry if it differs.
#[derive(Default)]
pub(crate) struct EscrowedChange {
    entries: Vec<(EscrowEntry, EscrowSource)>,
    /// `None` if the journal does not know the change.
    pub(crate) journal_status: Option<JournalStatus>,
}

/// The status of a change in the journal.
#[derive(Clone, Copy)]
pub(crate) struct JournalStatus {
    /// Its position in the order in which changes were sent.
    send_order: usize,
    pub(crate) state: RecordedState,
    /// `None` if only the escrow file knew the change.
    pub(crate) last_attempt_at: Option<UtcTime>,
}

/// Which files an entry or a PIN is in.
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

/// A decrypted PIN of a change, or why it could not be decrypted.
pub(crate) struct Decryption<'a> {
    pub(crate) entry: &'a EscrowEntry,
    pub(crate) journal_status: Option<JournalStatus>,
    pub(crate) source: EscrowSource,
    /// On the heap, so that no copy of the PIN remains where a list of them grew.
    pub(crate) result: Result<Box<DecryptedPin>, DecryptPinError>,
    /// True if another entry of the same change has another PIN, or may have one because it cannot be decrypted.
    pub(crate) is_disputed: bool,
}

impl<'a> Decryption<'a> {
    /// Why it could not be decrypted, if it could not.
    pub(super) fn error(&self) -> Option<(&'a EscrowEntry, &DecryptPinError)> {
        self.result.as_ref().err().map(|error| (self.entry, error))
    }

    /// True if both are the same PIN of the same number.
    fn is_same_pin(&self, other: &Self) -> bool {
        match (&self.result, &other.result) {
            (Ok(one), Ok(other)) => one.context.number == other.context.number && one.pin == other.pin,
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

impl EscrowedChange {
    fn add(&mut self, entry: EscrowEntry, source: EscrowSource) {
        // The job is not compared: it does not concern the PIN, and a new journal does not know it.
        let is_same = |known: &EscrowEntry| known.context() == entry.context() && known.ciphertext == entry.ciphertext;
        match self.entries.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, known)) => *known = known.merge(source),
            None => self.entries.push((entry, source)),
        }
    }

    /// True if the escrow file has an entry that the journal lacks, which lists the change in the same way. A change that only
    /// the escrow file had proves nothing: the journal copied one of its entries.
    fn has_unrecorded_entry(&self) -> bool {
        let is_recorded = self.journal_status.is_some_and(|status| status.last_attempt_at.is_some());
        let is_in_file_only = |(_, source): &(EscrowEntry, EscrowSource)| *source == EscrowSource::EscrowFile;
        is_recorded && !self.is_listed_differently() && self.entries.iter().any(is_in_file_only)
    }

    /// True if entries name different numbers or times, so that the listed one may be wrong.
    fn is_listed_differently(&self) -> bool {
        self.entries.iter().any(|(entry, _)| entry.context() != self.first_entry().context())
    }

    /// Every number that an entry names: more than one only if an entry was altered.
    pub(super) fn numbers(&self) -> impl Iterator<Item = PhoneNumberId> {
        self.entries.iter().map(|(entry, _)| entry.number)
    }

    /// The entry that is listed without a key.
    pub(crate) fn first_entry(&self) -> &EscrowEntry {
        &self.entries[0].0
    }

    /// The entry that was encrypted last: that of the journal, if the escrow file has none.
    pub(super) fn newest_entry(&self) -> &EscrowEntry {
        let in_file = self.entries.iter().rev().find(|(_, source)| *source != EscrowSource::Journal);
        in_file.or(self.entries.last()).map_or_else(|| self.first_entry(), |(entry, _)| entry)
    }

    /// How many entries the escrow file and the journal have of it, each different one once.
    pub(super) const fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// True if Meta refused the PIN, or it was not sent.
    pub(crate) fn was_never_set(&self) -> bool {
        let state = self.journal_status.map(|status| status.state);
        matches!(state, Some(RecordedState::Ended(ChangeResult::Failed | ChangeResult::NotSent)))
    }

    /// The number and the change, for a message.
    fn label(&self, known: &KnownNumbers) -> String {
        let entry = self.first_entry();
        format!("{}, change {}", known.label(entry.number), entry.change)
    }

    /// Warns if the listed entry may be wrong. A PIN that was encrypted again has several entries, which differ in the
    /// encrypted text alone.
    pub(crate) fn warn_if_entries_differ(&self, known: &KnownNumbers, rerun: &RerunOptions) {
        let count = self.entries.len();
        if self.is_listed_differently() {
            eprint_line(&format!(
                "pindesk: {}: {count} entries differ, and one is listed. To see those that can be decrypted: {}",
                self.label(known),
                rerun.command("escrow open --identity FILE")
            ));
        }
    }

    /// Decrypts every entry, so that an altered, damaged or forged entry cannot hide another. Returns each PIN once, and
    /// an error only if there is no PIN.
    pub(crate) fn decrypt(&self, identities: &Identities, known: &KnownNumbers) -> Vec<Decryption<'_>> {
        let (mut pins, mut failed): (Vec<Decryption<'_>>, Vec<Decryption<'_>>) = (Vec::new(), Vec::new());
        for &(ref entry, source) in &self.entries {
            let result = identities.decrypt(entry).map(Box::new);
            let decryption =
                Decryption { entry, journal_status: self.journal_status, source, result, is_disputed: false };
            if decryption.result.is_err() {
                failed.push(decryption);
            } else if let Some(same) = pins.iter_mut().find(|known| known.is_same_pin(&decryption)) {
                same.source = same.source.merge(source);
            } else {
                pins.push(decryption);
            }
        }
        let is_in_file_only = |decryption: &Decryption<'_>| decryption.source == EscrowSource::EscrowFile;
        let differs_from_journal = pins.iter().all(is_in_file_only) && !failed.iter().all(is_in_file_only);
        self.warn_uncertain(&pins, &failed, differs_from_journal, known);
        if pins.len() > 1 || differs_from_journal {
            for decryption in &mut pins {
                decryption.is_disputed = true;
                // It is not known which PIN the status belongs to.
                decryption.journal_status = None;
            }
        }
        failed.truncate(1);
        if pins.is_empty() { failed } else { pins }
    }

    /// Warns if the PINs that are shown may be wrong.
    fn warn_uncertain(
        &self,
        pins: &[Decryption<'_>],
        failed: &[Decryption<'_>],
        differs_from_journal: bool,
        known: &KnownNumbers,
    ) {
        let label = self.label(known);
        // A key does not open every entry of a PIN that was encrypted again.
        let is_expected = |decryption: &&Decryption<'_>| {
            !differs_from_journal && matches!(decryption.result, Err(DecryptPinError::NoMatchingKey))
        };
        let unexpected = failed.iter().find(|decryption| !is_expected(decryption)).and_then(Decryption::error);
        if pins.len() > 1 {
            let count = pins.len();
            eprint_line(&format!(
                "pindesk: {label}: {count} different PINs are encrypted for it, and only one was sent: the escrow file or \
                 the journal was altered. All are shown."
            ));
        } else if let (Some((_, error)), [decrypted]) = (unexpected, pins) {
            let source = match decrypted.source {
                EscrowSource::EscrowFile | EscrowSource::Both => "an entry of the escrow file",
                EscrowSource::Journal => "the journal's copy",
            };
            eprint_line(&format!("pindesk: {label}: {error}. The PIN that is shown is from {source}."));
        }
    }
}

impl EscrowStore {
    /// Reads both files; only these numbers, if any are named. Warns of what cannot be read.
    pub(crate) fn read(
        state_dir: &Path,
        is_explicit: bool,
        args: &[NumberArg],
        rerun: &RerunOptions,
    ) -> Result<Self, CliError> {
        let dir = records::open_existing_dir(state_dir, is_explicit)?;
        let reader = dir.as_ref().and_then(records::open_for_pins);
        let known = reader.as_ref().map(KnownNumbers::read).unwrap_or_default();
        let numbers: Vec<_> = args.iter().map(|arg| known.resolve(arg, rerun)).collect::<Result<_, _>>()?;
        let contents = dir.as_ref().map(|dir| read_escrow(dir, reader.as_ref(), &numbers)).transpose()?;
        let is_file_empty = contents.as_ref().is_none_or(|(contents, is_indexed)| {
            contents.entries.is_empty() && contents.unreadable_lines.is_empty() && !is_indexed
        });
        let contents = contents.map(|(contents, _)| contents);
        let EscrowContents { entries, unreadable_lines, is_torn } = contents.unwrap_or_default();
        for line in &unreadable_lines {
            eprint_line(&format!("pindesk: line {line} of the escrow file cannot be read."));
        }
        let journal = reader.map(|reader| records::journal_pins(&reader, &numbers)).unwrap_or_default();
        if is_torn {
            eprint_line(torn_line_text(journal.is_complete));
        }
        let has_none = is_file_empty && journal.pins.is_empty();
        let empty_place = has_none.then(|| redacted_path(state_dir));
        let wanted = |number: PhoneNumberId| numbers.is_empty() || numbers.contains(&number);
        let entries = entries.into_iter().filter(|entry| wanted(entry.number));
        let pins = journal.pins.into_iter().filter(|pin| wanted(pin.escrow_entry.number));
        let re_encrypted = journal.re_encrypted.into_iter().filter(|entry| wanted(entry.number));
        let changes = merge_by_change(entries, pins, re_encrypted);
        let is_missing = |number: PhoneNumberId| changes.iter().all(|change| change.first_entry().number != number);
        let missing: Vec<_> = args.iter().zip(&numbers).filter(|(_, number)| is_missing(**number)).collect();
        for (arg, number) in &missing {
            eprint_line(&format!("pindesk: no encrypted PIN for number {}.", arg.label()));
            if known.get(**number).is_none() {
                known.hint(arg).iter().for_each(|line| eprint_line(&format!("  {line}")));
            }
        }
        let missing_code = if is_torn && !journal.is_complete {
            ExitCode::NotReady
        } else if missing.is_empty() {
            ExitCode::Done
        } else {
            ExitCode::Usage
        };
        let in_force = in_force::decide(&journal.changes, |number| known.get(number));
        let is_set = |change: &SentChange| change.state == RecordedState::Ended(ChangeResult::Set);
        let last_sets = journal.changes.into_iter().filter(is_set).map(|change| (change.number, change)).collect();
        let is_journal_complete = journal.is_complete;
        Ok(Self {
            dir,
            changes,
            known,
            in_force,
            last_sets,
            is_journal_complete,
            unreadable_lines,
            is_torn,
            empty_place,
            missing_code,
        })
    }

    /// Warns of entries that may be of other PINs than the journal has.
    pub(crate) fn warn_of_unrecorded_entries(&self, rerun: &RerunOptions) {
        let count = self.changes.iter().filter(|change| change.has_unrecorded_entry()).count();
        if count > 0 {
            let verb = if count == 1 { "has" } else { "have" };
            eprint_line(&format!(
                "pindesk: {} {verb} an entry that only the escrow file has: it was encrypted again by a command that ended \
                 early, or the file was altered. To compare: {}",
                table::pluralize(count, "PIN"),
                rerun.command("escrow open --identity FILE")
            ));
        }
    }

    /// True if the PIN of this change may be in force, or was set last and is off since.
    pub(super) fn may_be_in_force(&self, change: ChangeId) -> bool {
        match self.in_force(change) {
            InForce::Yes | InForce::OffSince | InForce::Maybe => true,
            InForce::No => false,
        }
    }

    /// Whether the PIN of this change is in force. A journal that may lack changes proves nothing.
    pub(crate) fn in_force(&self, change: ChangeId) -> InForce {
        match self.in_force.get(&change) {
            Some(InForce::Yes) if !self.is_journal_complete => InForce::Maybe,
            Some(decision) => *decision,
            None => InForce::Maybe,
        }
    }

    /// The listed numbers whose PIN that was set last is not among these changes, and when it was.
    pub(crate) fn last_sets_without(&self, shown: &HashSet<ChangeId>) -> Vec<(PhoneNumberId, Option<UtcTime>)> {
        let is_listed = |number| self.changes.iter().any(|change| change.first_entry().number == number);
        let missing =
            self.last_sets.iter().filter(|(number, last)| !shown.contains(&last.change) && is_listed(**number));
        let mut missing: Vec<_> = missing.map(|(number, last)| (*number, last.last_attempt_at)).collect();
        missing.sort_by_key(|(number, _)| self.known.sort_key(*number));
        missing
    }

    /// What `maybe` means for a reader who must try PINs.
    pub(crate) const fn maybe_note(&self) -> &'static str {
        if self.is_journal_complete {
            "maybe: no sure answer from Meta: one of these, or none."
        } else {
            "maybe: the journal is not complete: one of these, or none."
        }
    }

    /// The exit code of a command that shows records with these codes. A record that was altered is worse than one that
    /// another key decrypts, so 6 wins over 3 here: the row of code 3 fits only if no row below names the reason.
    pub(crate) fn exit_code(&self, records: impl Iterator<Item = ExitCode>) -> ExitCode {
        let incomplete = if self.missing_code == ExitCode::NotReady { ExitCode::NotReady } else { ExitCode::Done };
        ExitCode::first_that_applies([records.fold(incomplete, ExitCode::max), self.missing_code])
    }
}

/// What a truncated last line means, beside a complete journal or without one.
const fn torn_line_text(is_journal_complete: bool) -> &'static str {
    if is_journal_complete {
        "pindesk: the last line of the escrow file is truncated, or is being written. No PIN that was sent is lost: the \
         journal has all of them."
    } else {
        "pindesk: the last line of the escrow file is truncated. Its PIN may have been sent, and there is no complete \
         journal here that has it. Look for it in a complete copy of either file."
    }
}

/// Reads the lines of these numbers by the index of the journal, if it can be trusted, and otherwise the whole file. True
/// if it used the index.
fn read_escrow(
    dir: &StateDir,
    reader: Option<&JournalReader>,
    numbers: &[PhoneNumberId],
) -> Result<(EscrowContents, bool), CliError> {
    let indexed = reader.filter(|_| !numbers.is_empty()).and_then(|reader| reader.escrow_of(numbers).ok().flatten());
    match indexed {
        Some(contents) => Ok((contents, true)),
        None => Ok((EscrowFile::read(dir)?, false)),
    }
}

/// Each change once, with those of its entries that differ. Changes of the journal come first, in the order in which they
/// were sent; the others follow in the order in which they were encrypted.
fn merge_by_change(
    file_entries: impl Iterator<Item = EscrowEntry>,
    journal_pins: impl Iterator<Item = EncryptedPin>,
    re_encrypted: impl Iterator<Item = EscrowEntry>,
) -> Vec<EscrowedChange> {
    let mut changes: HashMap<ChangeId, EscrowedChange> = HashMap::new();
    for entry in file_entries {
        changes.entry(entry.change).or_default().add(entry, EscrowSource::EscrowFile);
    }
    for (send_order, EncryptedPin { escrow_entry, state, last_attempt_at }) in journal_pins.enumerate() {
        let change = changes.entry(escrow_entry.change).or_default();
        change.journal_status = Some(JournalStatus { send_order, state, last_attempt_at });
        change.add(escrow_entry, EscrowSource::Journal);
    }
    for entry in re_encrypted {
        changes.entry(entry.change).or_default().add(entry, EscrowSource::Journal);
    }
    let mut changes: Vec<EscrowedChange> = changes.into_values().collect();
    changes.sort_by_key(|change| {
        let send_order = change.journal_status.map_or(usize::MAX, |status| status.send_order);
        (send_order, change.first_entry().at, change.first_entry().change)
    });
    changes
}
