//! Which lines of the escrow a removed key can still open, and for which numbers that matters.
//!
//! It goes by what the journal recorded about the keys of each line: an encrypted PIN itself does not name them. It decrypts
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

/// How many removed keys a message names.
const MAX_LISTED_KEYS: usize = 5;

/// The keys of each line of each change; `None` for a line whose keys are not known.
pub(super) struct LineKeys(HashMap<ChangeId, Vec<Option<Arc<[Fingerprint]>>>>);

/// What keys that are no longer recipients can open.
pub(super) struct Exposure {
    /// The keys that were removed since a line was encrypted to them.
    pub(super) removed_keys: BTreeSet<Fingerprint>,
    /// How many lines such a key can open.
    pub(super) lines: usize,
    /// How many lines have keys that are not known.
    pub(super) lines_of_unknown_keys: usize,
    /// The numbers with such a line whose PIN may be in force, in the order of tables.
    pub(super) numbers: Vec<PhoneNumberId>,
}

impl LineKeys {
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

    /// True if the PIN of this change was encrypted to exactly these keys.
    pub(super) fn has(&self, change: ChangeId, keys: &[Fingerprint]) -> bool {
        self.of(change).iter().flatten().any(|recipients| **recipients == *keys)
    }
}

impl Exposure {
    /// `current` are the recipients of the config.
    pub(super) fn new(store: &EscrowStore, line_keys: &LineKeys, current: &[Fingerprint]) -> Self {
        let mut exposure =
            Self { removed_keys: BTreeSet::new(), lines: 0, lines_of_unknown_keys: 0, numbers: Vec::new() };
        for change in &store.changes {
            let entry = change.first_entry();
            let recorded = line_keys.of(entry.change);
            let mut open_lines = 0;
            for keys in recorded.iter().flatten() {
                let mut removed = keys.iter().filter(|key| current.binary_search(key).is_err()).peekable();
                open_lines += usize::from(removed.peek().is_some());
                exposure.removed_keys.extend(removed.cloned());
            }
            // A line that only the escrow file has is not in the journal's list.
            let unknown = change.entry_count().saturating_sub(recorded.iter().flatten().count());
            exposure.lines += open_lines;
            exposure.lines_of_unknown_keys += unknown;
            if open_lines + unknown > 0 && store.may_be_in_force(entry.change) {
                exposure.numbers.push(entry.number);
            }
        }
        exposure.numbers.sort_by_key(|number| store.known.sort_key(*number));
        exposure.numbers.dedup();
        exposure
    }

    /// What to say of it; empty if no other key can open anything. `list` is the file that [`Self::write_list`] wrote.
    pub(super) fn lines(&self, list: Option<&Path>) -> Vec<String> {
        let mut lines = Vec::new();
        if self.lines > 0 {
            let count = pluralize(self.lines, "line");
            lines.push(format!("Keys that are no longer in the config can open {count} of the escrow:"));
            let keys = self.removed_keys.iter().take(MAX_LISTED_KEYS);
            lines.extend(keys.map(|key| format!("  removed  {}", key.as_str())));
            let rest = self.removed_keys.len().saturating_sub(MAX_LISTED_KEYS);
            lines.extend((rest > 0).then(|| format!("  and {rest} more")));
        }
        if self.lines_of_unknown_keys > 0 {
            let count = pluralize(self.lines_of_unknown_keys, "line");
            lines.push(format!("Whose keys can open {count} is not known: only the escrow file had them."));
        }
        if self.numbers.is_empty() {
            return lines;
        }
        let numbers = numbers_label(self.numbers.len());
        lines.push(format!(
            "So the PINs of {numbers} that may be in force can be read with these keys. Encrypting again does not change \
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
