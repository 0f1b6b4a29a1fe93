//! Which lines of the escrow a removed recipient can still open, and for which numbers that matters.
//!
//! It goes by what the journal recorded about the recipients of each line: an encrypted PIN does not name them. It decrypts
//! nothing, and changes nothing.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::cli::error::CliError;
use crate::cli::output::table::{numbers_label, pluralize};
use crate::domain::change::ChangeId;
use crate::domain::number::PhoneNumberId;
use crate::domain::redact::{redacted_path, shell_quote};
use crate::domain::text::plain_io_error;
use crate::escrow::Fingerprint;
use crate::journal::PinRecipients;

use super::store::EscrowStore;

/// How many removed recipients a message names.
const MAX_LISTED_RECIPIENTS: usize = 5;

/// The recipients of each line of each change; `None` for a line whose recipients are not known.
pub(super) struct LineRecipients(HashMap<ChangeId, Vec<Option<Arc<[Fingerprint]>>>>);

/// What removed recipients can open.
pub(super) struct Exposure {
    /// Those that were removed since a line was encrypted to them.
    pub(super) removed_recipients: BTreeSet<Fingerprint>,
    /// How many lines they can open.
    pub(super) lines: usize,
    /// How many lines have recipients that are not known.
    pub(super) lines_of_unknown_recipients: usize,
    /// The numbers with such a line whose PIN may be in force, in the order of tables.
    pub(super) numbers: Vec<PhoneNumberId>,
}

impl LineRecipients {
    pub(super) fn new(recorded: Vec<PinRecipients>) -> Self {
        let mut lines: HashMap<ChangeId, Vec<_>> = HashMap::new();
        for PinRecipients { change, recipients } in recorded {
            lines.entry(change).or_default().push(recipients);
        }
        Self(lines)
    }

    fn of(&self, change: ChangeId) -> &[Option<Arc<[Fingerprint]>>] {
        self.0.get(&change).map_or(&[], Vec::as_slice)
    }

    /// True if the PIN of this change was encrypted to exactly these recipients.
    pub(super) fn has(&self, change: ChangeId, keys: &[Fingerprint]) -> bool {
        self.of(change).iter().flatten().any(|recipients| **recipients == *keys)
    }
}

impl Exposure {
    /// `current` are the recipients of the config.
    pub(super) fn new(store: &EscrowStore, line_recipients: &LineRecipients, current: &[Fingerprint]) -> Self {
        let mut exposure =
            Self { removed_recipients: BTreeSet::new(), lines: 0, lines_of_unknown_recipients: 0, numbers: Vec::new() };
        for change in &store.changes {
            let entry = change.first_entry();
            let recorded = line_recipients.of(entry.change);
            let mut open_lines = 0;
            for keys in recorded.iter().flatten() {
                let mut removed = keys.iter().filter(|key| current.binary_search(key).is_err()).peekable();
                open_lines += usize::from(removed.peek().is_some());
                exposure.removed_recipients.extend(removed.cloned());
            }
            // A line that only the escrow file has is not in the journal's list.
            let unknown = change.entry_count().saturating_sub(recorded.iter().flatten().count());
            exposure.lines += open_lines;
            exposure.lines_of_unknown_recipients += unknown;
            if open_lines + unknown > 0 && store.may_be_in_force(entry.change) {
                exposure.numbers.push(entry.number);
            }
        }
        exposure.numbers.sort_by_key(|number| store.known.sort_key(*number));
        exposure.numbers.dedup();
        exposure
    }

    /// What to say of it; empty if no one else can open anything. `list` is the file that [`Self::write_list`] wrote.
    pub(super) fn lines(&self, list: Option<&Path>) -> Vec<String> {
        let mut lines = Vec::new();
        if self.lines > 0 {
            let count = pluralize(self.lines, "line");
            lines.push(format!("Recipients that are no longer in the config can open {count} of the escrow:"));
            let keys = self.removed_recipients.iter().take(MAX_LISTED_RECIPIENTS);
            lines.extend(keys.map(|key| format!("  removed  {}", key.as_str())));
            let rest = self.removed_recipients.len().saturating_sub(MAX_LISTED_RECIPIENTS);
            lines.extend((rest > 0).then(|| format!("  and {rest} more")));
        }
        if self.lines_of_unknown_recipients > 0 {
            let count = pluralize(self.lines_of_unknown_recipients, "line");
            lines.push(format!("Who can open {count} is not known: only the escrow file had them."));
        }
        if self.numbers.is_empty() {
            return lines;
        }
        let numbers = numbers_label(self.numbers.len());
        lines.push(format!(
            "So the PINs of {numbers} that may be in force can be read with their keys. Encrypting again does not change \
             that. Only new PINs do:"
        ));
        lines.push(match list {
            Some(file) => format!("  pindesk pin set --from {} --random --replace", shell_quote(file)),
            None => "  To write these numbers to a file for pin set --from, add --list FILE.".to_owned(),
        });
        lines
    }

    /// Writes the numbers to a new file that only its owner can read, as `pin set --from` reads it.
    pub(super) fn write_list(&self, path: &Path) -> Result<(), CliError> {
        let mut text = String::new();
        for number in &self.numbers {
            text.push_str(number.as_str());
            text.push('\n');
        }
        let write = || -> io::Result<()> {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| CliError::machine(&format!("cannot write {}", redacted_path(path)), &error))
    }
}

/// Refuses a file that exists, before anything is done.
pub(super) fn check_list_path(path: &Path) -> Result<(), CliError> {
    let name = redacted_path(path);
    match path.symlink_metadata() {
        Ok(_) => Err(CliError::usage(format!("{name} exists")).nothing_changed().remedy("Name a new file.")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(CliError::usage(format!("cannot write {name}: {}", plain_io_error(&error))).nothing_changed())
        }
    }
}
