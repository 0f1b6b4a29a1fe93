//! The PIN of a command, from a file of mode 0600 or from standard input.
//!
//! No flag takes a PIN, because other users can list the arguments of a process. No message repeats what was read.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::cli::checks::check_strength;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::secret_stdin::{self, STDIN_PATH};
use crate::cli::typed_pin::{self, TypedPinError};
use crate::domain::pin::{PIN_DIGITS, Pin, PinChoice};
use crate::domain::redact::redacted_path;
use crate::domain::text_problem::{self, TextProblem};
use crate::secure_file::{self, PIN_FILE};

/// Six digits, a line end of two bytes, and enough more to see what else there is.
const MAX_BYTES: usize = 64;

/// The PIN of this file, which must not be weak; random PINs without a file.
pub(crate) fn choose_pins(file: Option<&Path>) -> Result<PinChoice, CliError> {
    let pins = file.map(read).transpose()?.map_or(PinChoice::Random, PinChoice::Fixed);
    check_strength(&pins, &[])?;
    Ok(pins)
}

/// Reads the PIN: exactly six digits, and at most one line end.
fn read(file: &Path) -> Result<Pin, CliError> {
    if file.as_os_str() == STDIN_PATH {
        let bytes = secret_stdin::read(MAX_BYTES, "PIN")
            .map_err(|error| error.nothing_sent().remedy("Or set it in the console, which shows no digit: pindesk"))?;
        return parse(&bytes, "standard input");
    }
    check_size(file)?;
    let text = secure_file::read_text(&PIN_FILE, file).map_err(|error| {
        if error.is_missing() && Pin::parse(file.as_os_str().as_bytes()).is_ok() {
            return typed_pin::refuse(TypedPinError.to_string(), true).nothing_sent();
        }
        let (is_special, is_missing) = (error.is_not_regular_file(), error.is_missing());
        let code = if error.is_unsafe() { ExitCode::NotReady } else { ExitCode::Usage };
        let error = CliError::new(code, error.to_string()).nothing_sent();
        if is_special {
            error.remedy("To read the PIN from a pipe: --pin-file -")
        } else if is_missing {
            error.remedy("Give the path of a file of mode 0600 that holds the PIN, or - for a pipe.")
        } else {
            error
        }
    })?;
    parse(text.as_bytes(), &format!("PIN file {}", redacted_path(file)))
}

/// Refuses a file that is too large for a PIN before its mode is judged: `chmod` would not make it one.
fn check_size(file: &Path) -> Result<(), CliError> {
    let is_too_large = |metadata: fs::Metadata| metadata.is_file() && metadata.len() > MAX_BYTES as u64;
    if !fs::metadata(file).is_ok_and(is_too_large) {
        return Ok(());
    }
    let path = redacted_path(file);
    Err(CliError::usage(format!("{path} is no PIN file: it is larger than {PIN_DIGITS} digits"))
        .nothing_sent()
        .remedy("--pin-file names a file of mode 0600 that holds the PIN and nothing else.")
        .remedy("A file of numbers belongs to --from: pindesk pin set --from FILE"))
}

fn parse(bytes: &[u8], source: &str) -> Result<Pin, CliError> {
    let text = text_problem::without_bom(bytes);
    let line = text.strip_suffix(b"\n").map_or(text, |line| line.strip_suffix(b"\r").unwrap_or(line));
    Pin::parse(line).map_err(|_| {
        let problem = if text_problem::is_utf16(bytes) {
            Some(TextProblem::Utf16)
        } else {
            std::str::from_utf8(line).ok().and_then(TextProblem::of_word)
        };
        let reason = problem.map(|problem| format!(": {problem}")).unwrap_or_default();
        CliError::usage(format!("{source} must hold exactly {PIN_DIGITS} digits and nothing else{reason}"))
            .nothing_sent()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_digits_and_one_line_end_are_a_pin() {
        for text in ["012345", "012345\n", "012345\r\n", "\u{feff}012345\r\n"] {
            assert_eq!(parse(text.as_bytes(), "it").ok(), Pin::parse(b"012345").ok(), "{text:?}");
        }
        for text in ["", "\n", "01234", "0123456", " 012345", "012345 ", "012345\n\n", "012345\r", "012345\nx", "１２"]
        {
            let error = parse(text.as_bytes(), "it").expect_err("it is not a PIN");
            assert_eq!(error.to_string(), "it must hold exactly 6 digits and nothing else. Nothing was sent.");
        }
        let cases = [
            ("\"012345\"\n", "it is in quotation marks. Remove them"),
            ("PIN=012345", "there is a name before the value (NAME=value). Keep only the value"),
            ("{\"pin\":\"012345\"}", "it is JSON. Keep only the value"),
            ("012345\u{a0}", "there is an invisible character (U+00A0) behind it. Remove it"),
            ("0\x001\x002\x003\x004\x005\x00", "it is UTF-16 text. Save it as UTF-8"),
        ];
        for (text, problem) in cases {
            let error = parse(text.as_bytes(), "it").expect_err("it is not a PIN");
            let expected = format!("it must hold exactly 6 digits and nothing else: {problem}. Nothing was sent.");
            assert_eq!(error.to_string(), expected, "{text:?}");
        }
    }
}
