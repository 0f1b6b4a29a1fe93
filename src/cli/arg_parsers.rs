//! Parsers of argument values. An error says what is expected and never repeats the value, which may be a secret.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use crate::cli::typed_pin::TypedPinError;
use crate::config::profile::MAX_CONCURRENCY;
use crate::domain::note::{PinInNoteError, check_note};
use crate::domain::number_arg::{NumberArg, ParseNumberError};
use crate::domain::text::CleanText;

/// More than a ticket and a sentence.
const MAX_NOTE_CHARS: usize = 200;

/// Parses an integer that is not below `min`.
pub(crate) fn integer_at_least<T>(min: T) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr<Err = ParseIntError> + PartialOrd + Display + Copy,
{
    move |text| match text.parse() {
        Ok(number) if number >= min => Ok(number),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err("the number is too large".to_owned()),
        Ok(_) | Err(_) => Err(format!("expected a whole number, {min} or more")),
    }
}

/// Parses the maximum of concurrent requests.
pub(crate) fn parse_concurrency(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_CONCURRENCY).contains(number));
    number.ok_or_else(|| format!("expected a number from 1 to {MAX_CONCURRENCY}"))
}

/// Parses the address to listen on.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:8080")
}

/// Why a note of a job is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseNoteError {
    #[error("the note is empty")]
    Empty,
    #[error("a note has at most {MAX_NOTE_CHARS} characters")]
    TooLong,
    #[error(transparent)]
    HasPin(PinInNoteError),
}

/// Parses the note of a job: one line that is not empty and holds nothing that may be a PIN.
pub(crate) fn parse_note(text: &str) -> Result<CleanText, ParseNoteError> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(ParseNoteError::Empty),
        1..=MAX_NOTE_CHARS => check_note(text).map(|()| CleanText::new(text)).map_err(ParseNoteError::HasPin),
        _ => Err(ParseNoteError::TooLong),
    }
}

/// Why a word is refused where a number is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseNumberArgError {
    #[error(transparent)]
    NotANumber(#[from] ParseNumberError),
    #[error(transparent)]
    Pin(TypedPinError),
}

/// Parses a number. Six digits are none of Meta's, and may be a PIN.
pub(crate) fn parse_number(text: &str) -> Result<NumberArg, ParseNumberArgError> {
    let number: NumberArg = text.parse()?;
    if number.may_be_pin() { Err(ParseNumberArgError::Pin(TypedPinError)) } else { Ok(number) }
}
