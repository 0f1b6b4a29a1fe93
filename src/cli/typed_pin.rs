//! The refusal of six digits on a command line, where they may be a PIN. It repeats none of them, and says what is left
//! to do about a PIN that was typed there.

use crate::cli::error::CliError;

/// Six digits stand where a number belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("six digits look like a PIN, and other users can see a PIN on the command line")]
pub(crate) struct TypedPinError;

/// How a command gets a PIN instead.
const USE_PIN_FILE: &str = "Use --pin-file FILE, or --pin-file - for standard input.";

/// The shell keeps what was typed.
const IN_HISTORY: &str = "If it was a PIN, it may be in your shell's history: delete it there, and choose another PIN.";

/// Refuses what may be a PIN. `what` says where it was, and `takes_pin_file` whether the command has `--pin-file`.
pub(crate) fn refuse(what: impl Into<String>, takes_pin_file: bool) -> CliError {
    CliError::usage(what).optional_remedy(takes_pin_file.then(|| USE_PIN_FILE.to_owned())).remedy(IN_HISTORY)
}
