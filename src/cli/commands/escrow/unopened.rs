//! What the commands say of the PINs that a key does not open: of which numbers they are, and what to do.
//!
//! It decrypts nothing, and prints to standard error alone.

use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::eprint_line;
use crate::cli::output::table;
use crate::escrow::EscrowEntry;
use crate::escrow::decrypt::DecryptPinError;

use super::store::EscrowStore;

/// How many numbers a message lists. More of them say only that it is the wrong key, which the first ones say already.
const MAX_LISTED_NUMBERS: usize = 20;

/// The exit code for a PIN that a key does not open. A damaged or altered line is worse than one of another key.
pub(super) const fn exit_code(error: &DecryptPinError) -> ExitCode {
    match error {
        DecryptPinError::NoMatchingKey => ExitCode::Failed,
        DecryptPinError::Damaged | DecryptPinError::InvalidPlaintext | DecryptPinError::ContextMismatch { .. } => {
            ExitCode::NotReady
        }
    }
}

/// Warns of every PIN that was not decrypted.
pub(super) fn warn<'a>(store: &EscrowStore, unopened: impl Iterator<Item = (&'a EscrowEntry, &'a DecryptPinError)>) {
    let mut of_other_keys = Vec::new();
    for (entry, error) in unopened {
        match error {
            DecryptPinError::NoMatchingKey => of_other_keys.push(entry.number),
            DecryptPinError::Damaged | DecryptPinError::InvalidPlaintext | DecryptPinError::ContextMismatch { .. } => {
                let (number, at) = (store.known.label(entry.number), entry.at.format_date_time());
                eprint_line(&format!("pindesk: {number}: the PIN of {at}, change {}: {error}.", entry.change));
            }
        }
    }
    if of_other_keys.is_empty() {
        return;
    }
    let pins = table::pluralize(of_other_keys.len(), "PIN");
    of_other_keys.sort_by_key(|number| store.known.sort_key(*number));
    of_other_keys.dedup();
    let numbers = table::numbers_label(of_other_keys.len());
    eprint_line(&format!("pindesk: this key cannot open {pins} of {numbers}, encrypted to other keys:"));
    for number in of_other_keys.iter().take(MAX_LISTED_NUMBERS) {
        eprint_line(&format!("  {}", store.known.label(*number)));
    }
    let rest = of_other_keys.len().saturating_sub(MAX_LISTED_NUMBERS);
    if rest > 0 {
        eprint_line(&format!("  and {rest} more"));
    }
    eprint_line("  Use the private key of a recipient that the config had when the PIN was set.");
}
