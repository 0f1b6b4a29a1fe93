//! Parsers of argument values. An error says what is expected and never repeats the value, which may be a secret.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use crate::config::profile::MAX_CONCURRENCY;
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

/// Parses the note of a job: one line that is not empty.
pub(crate) fn parse_note(text: &str) -> Result<CleanText, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("the note is empty".to_owned()),
        1..=MAX_NOTE_CHARS => Ok(CleanText::new(text)),
        _ => Err(format!("a note has at most {MAX_NOTE_CHARS} characters")),
    }
}
