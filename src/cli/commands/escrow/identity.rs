//! Reads the private key that the operator names, from a file or from standard input.
//!
//! It asks for a passphrase on the terminal alone, and never with `--no-input`. It decrypts no PIN.

use std::path::Path;

use secrecy::SecretString;

use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::secret_stdin::{self, STDIN_PATH};
use crate::domain::text::CleanText;
use crate::escrow::decrypt::Identities;
use crate::secure_file::MAX_SECRET_BYTES;

/// Reads the private keys of a file; `-` is standard input.
pub(super) fn read(path: &Path, global: &GlobalArgs) -> Result<Identities, CliError> {
    let ask = |prompt: &str| prompt_passphrase(prompt, global.no_input);
    let identities = if path.as_os_str() == STDIN_PATH {
        let key = secret_stdin::read(MAX_SECRET_BYTES, "private key")?;
        Identities::parse(&key, &CleanText::new("(standard input)"), &ask)
    } else {
        Identities::read(path, &ask)
    };
    identities.map_err(|error| CliError::not_ready_because(&error))
}

/// Asks on the terminal, even if standard input is not one.
fn prompt_passphrase(prompt: &str, no_input: bool) -> Option<SecretString> {
    if no_input {
        return None;
    }
    rpassword::prompt_password(prompt).ok().map(SecretString::from)
}
