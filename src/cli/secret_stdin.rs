//! A secret from standard input, where a file is expected: the path `-`.
//!
//! It reads from a pipe only, because a terminal would show the secret. It does not parse it, and no message repeats it.

use std::io::{self, IsTerminal as _};

use zeroize::Zeroizing;

use crate::cli::error::CliError;

/// The path that stands for standard input.
pub(crate) const STDIN_PATH: &str = "-";

/// Reads at most `max_bytes`. `noun` names the secret: `PIN`.
pub(crate) fn read(max_bytes: usize, noun: &str) -> Result<Zeroizing<Vec<u8>>, CliError> {
    if io::stdin().is_terminal() {
        return Err(CliError::usage(format!("a {noun} typed here would be visible"))
            .remedy(format!("Put the {noun} into a file of mode 0600, or into a pipe.")));
    }
    // One allocation that is large enough, and no buffer of the standard library, so that no copy of the secret remains.
    let mut bytes = Zeroizing::new(vec![0; max_bytes]);
    let mut len = 0;
    while len < max_bytes {
        match rustix::io::read(rustix::stdio::stdin(), &mut bytes[len..]) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(CliError::usage(format!("cannot read standard input: {error}"))),
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}
