//! The PIN of a command, from a file of mode 0600 or from standard input.
//!
//! There is no flag that takes a PIN: whoever lists the processes would see it. Nothing that was read is repeated.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::CliError;
use crate::domain::pin::{PIN_DIGITS, Pin};
use crate::domain::redact::redacted_path;
use crate::secure_file::{self, PIN_FILE};

/// Names standard input.
pub(crate) const STDIN_PATH: &str = "-";

/// Six digits, a line end of two, and one byte that shows that there is more.
const MAX_BYTES: usize = PIN_DIGITS + 3;

/// Reads the PIN: exactly six digits, and at most one line end.
pub(crate) fn read(file: &Path) -> Result<Pin, CliError> {
    if file.as_os_str() == STDIN_PATH {
        return parse(&read_stdin()?, "standard input");
    }
    let text = secure_file::read_text(&PIN_FILE, file).map_err(|error| {
        let is_special = error.is_not_regular_file();
        let hint = if is_special { " A PIN from a pipe is read from standard input: --pin-file -" } else { "" };
        CliError::Usage(format!("{error}. Nothing was sent.{hint}"))
    })?;
    parse(text.as_bytes(), &format!("the PIN file {}", redacted_path(file)))
}

fn read_stdin() -> Result<Zeroizing<Vec<u8>>, CliError> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let why = "a PIN that is typed here could be seen. Put it into a file of mode 0600, or into a pipe. Nothing \
                   was sent.";
        return Err(CliError::Usage(why.to_owned()));
    }
    // One allocation that is large enough, and no buffer of the standard library's, so that no copy stays behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_BYTES]);
    let mut len = 0;
    while len < MAX_BYTES {
        match rustix::io::read(rustix::stdio::stdin(), &mut bytes[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(CliError::Usage(format!("standard input cannot be read: {error}"))),
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

fn parse(bytes: &[u8], from: &str) -> Result<Pin, CliError> {
    let line = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
    Pin::parse(line).map_err(|_| {
        CliError::Usage(format!("{from} must hold exactly {PIN_DIGITS} digits and nothing else. Nothing was sent."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_and_one_line_end_are_a_pin_and_nothing_else_is() {
        for text in ["012345", "012345\n", "012345\r\n"] {
            assert_eq!(parse(text.as_bytes(), "it").ok(), Pin::parse(b"012345").ok(), "{text:?}");
        }
        for text in ["", "\n", "01234", "0123456", " 012345", "012345 ", "012345\n\n", "012345\r", "012345\nx", "１２"]
        {
            let error = parse(text.as_bytes(), "it").expect_err("no PIN");
            assert_eq!(error.to_string(), "it must hold exactly 6 digits and nothing else. Nothing was sent.");
        }
    }
}
