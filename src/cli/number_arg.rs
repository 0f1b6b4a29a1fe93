//! A number on the command line: a phone number ID, or the display number as people write it.
//!
//! It knows no numbers and guesses none: a part of a number is not a number.

use std::str::FromStr;

use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::PIN_DIGITS;

/// Characters that people write into a number.
const SEPARATORS: [char; 9] = [' ', '\u{a0}', '\u{202f}', '-', '\u{2011}', '.', '/', '(', ')'];

/// The prefix that stands for `+` where people dial.
const INTERNATIONAL_PREFIX: &str = "00";

/// A number as the operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NumberArg {
    /// The digits of the display number.
    digits: String,
    /// The ID, if the text can be one.
    id: Option<PhoneNumberId>,
}

/// The text is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a phone number ID, or a number such as +44 7700 900001")]
pub(crate) struct ParseNumberError;

impl FromStr for NumberArg {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        let text = text.trim();
        let id = text.parse().ok();
        let written: String = text.chars().filter(|c| !SEPARATORS.contains(c)).collect();
        let digits = match written.strip_prefix('+').or_else(|| written.strip_prefix(INTERNATIONAL_PREFIX)) {
            Some(digits) => digits,
            None => &written,
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseNumberError);
        }
        Ok(Self { digits: digits.to_owned(), id })
    }
}

impl NumberArg {
    /// The ID, if the text can be one.
    pub(crate) const fn id(&self) -> Option<PhoneNumberId> {
        self.id
    }

    /// True if the text names this number.
    pub(crate) fn names(&self, number: &Number) -> bool {
        self.id == Some(number.id) || self.digits == display_digits(number)
    }

    /// The number for a message. Six digits are no number of Meta's, and may be a PIN.
    pub(crate) fn label(&self) -> String {
        match self.id {
            Some(id) => id_label(id),
            None => format!("+{}", self.digits),
        }
    }
}

/// The digits of the display number, without a country prefix other than its own; empty without a display number.
fn display_digits(number: &Number) -> String {
    number.original_display().unwrap_or_default().chars().filter(char::is_ascii_digit).collect()
}

/// An ID for a message. Six digits are not an ID of Meta's, and may be a PIN.
pub(crate) fn id_label(id: PhoneNumberId) -> String {
    if id.as_str().len() == PIN_DIGITS { "(six digits)".to_owned() } else { id.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::CleanText;

    fn number(id: &str, display: &str) -> Number {
        let number = Number::from_config(id.parse().expect("an ID"), None);
        Number { display_number: Some(CleanText::new(display)), ..number }
    }

    #[test]
    fn a_number_is_found_as_people_write_it() {
        let acme = number("200000000000001", "+44 7700 900001");
        for text in [
            "200000000000001",
            "+44 7700 900001",
            "447700900001",
            " +44 (7700) 900-001 ",
            "0044 7700.900001",
            "+44\u{a0}7700\u{a0}900001",
        ] {
            assert!(text.parse::<NumberArg>().expect("a number").names(&acme), "{text:?}");
        }
        for text in ["900001", "7700900001", "200000000000002", "+200000000000001"] {
            assert!(!text.parse::<NumberArg>().expect("a number").names(&acme), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "+", " ", "Acme", "EAAJ409726", "+44 7700 90000x", "１２", "++44"] {
            assert_eq!(text.parse::<NumberArg>(), Err(ParseNumberError), "{text:?}");
        }
    }

    #[test]
    fn a_message_repeats_no_possible_pin() {
        assert_eq!("409726".parse::<NumberArg>().expect("a number").label(), "(six digits)");
        assert_eq!("+44 7700 900001".parse::<NumberArg>().expect("a number").label(), "+447700900001");
    }
}
