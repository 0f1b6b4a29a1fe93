//! A number as an operator names it, on the command line or in a list: a phone number ID, or the display number as people
//! write it.
//!
//! It knows no numbers and guesses none: a part of a number is not a number.

use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use crate::domain::digits::ascii_digits;
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::pin::PIN_DIGITS;
use crate::domain::text::CleanText;

/// Characters that people write into a number.
const SEPARATORS: [char; 9] = [' ', '\u{a0}', '\u{202f}', '-', '\u{2011}', '.', '/', '(', ')'];

/// The prefix that stands for `+` where people dial.
const INTERNATIONAL_PREFIX: &str = "00";

/// A number as the operator names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NumberArg {
    /// A phone number ID, and nothing else.
    Id(PhoneNumberId),
    /// Digits alone: an ID, or the digits of a display number.
    Digits(PhoneNumberId),
    /// A display number.
    Display(DisplayNumber),
}

/// A display number as the operator wrote it. Two are equal if their digits are.
#[derive(Debug, Clone)]
pub struct DisplayNumber {
    digits: Box<str>,
    written: CleanText,
}

impl PartialEq for DisplayNumber {
    fn eq(&self, other: &Self) -> bool {
        self.digits == other.digits
    }
}

impl Eq for DisplayNumber {}

impl Hash for DisplayNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digits.hash(state);
    }
}

/// The text is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a phone number ID, or a number such as +44 7700 900001")]
pub struct ParseNumberError;

impl FromStr for NumberArg {
    type Err = ParseNumberError;

    /// # Errors
    /// If the text is something else than digits, separators and a prefix.
    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        let text = text.trim();
        let written: String = text.chars().filter(|c| !SEPARATORS.contains(c)).collect();
        let digits = written.strip_prefix('+').unwrap_or_else(|| without_international_prefix(&written));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseNumberError);
        }
        let written = || text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect::<String>();
        let display = || DisplayNumber { digits: digits.into(), written: CleanText::new(&written()) };
        Ok(text.parse().map_or_else(|_| Self::Display(display()), Self::Digits))
    }
}

impl NumberArg {
    /// The ID, if the text can be one.
    #[must_use]
    pub const fn id(&self) -> Option<PhoneNumberId> {
        match self {
            Self::Id(id) | Self::Digits(id) => Some(*id),
            Self::Display(_) => None,
        }
    }

    /// The digits of the display number, if the text can be one.
    #[must_use]
    pub fn display_digits(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Digits(id) => Some(without_international_prefix(id.as_str())),
            Self::Display(number) => Some(&number.digits),
        }
    }

    /// True if the text names this number.
    #[must_use]
    pub fn names(&self, number: &Number) -> bool {
        self.id() == Some(number.id) || self.display_digits() == Some(&display_digits(number))
    }

    /// True for six digits, which are no number of Meta's.
    #[must_use]
    pub fn may_be_pin(&self) -> bool {
        match self {
            Self::Id(id) | Self::Digits(id) => id.as_str().len() == PIN_DIGITS,
            Self::Display(number) => number.digits.len() == PIN_DIGITS,
        }
    }

    /// The number for a message. Six digits are no number of Meta's, and may be a PIN.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Id(id) | Self::Digits(id) => id_label(*id),
            Self::Display(_) if self.may_be_pin() => SIX_DIGITS.to_owned(),
            Self::Display(number) => number.written.to_string(),
        }
    }

    /// True if the text may be the end of this number: its last digits, or all but its country code.
    #[must_use]
    pub fn is_end_of(&self, number: &Number) -> bool {
        let Some(end) = self.last_digits().or_else(|| self.local_digits()) else { return false };
        let digits = display_digits(number);
        digits.len() > end.len() && digits.ends_with(end)
    }

    /// True if the text may be the end of a number.
    #[must_use]
    pub fn may_be_end(&self) -> bool {
        self.last_digits().is_some() || self.local_digits().is_some()
    }

    /// What to do about a number that is not known, a line each. `similar` are the known numbers that it is the end of.
    #[must_use]
    pub fn hint(&self, similar: &[Number]) -> Vec<String> {
        if self.last_digits().is_some() {
            return last_digits_hint(similar);
        }
        if self.is_part() {
            return vec!["If the number has blanks, put it in quotation marks, as in '+44 7700 900001'.".to_owned()];
        }
        if self.local_digits().is_none() {
            return Vec::new();
        }
        vec![match similar {
            [number] => format!("Did you mean {}?", number.label()),
            _ => "Start a phone number with + and the country code, as in +44 7700 900001.".to_owned(),
        }]
    }

    /// The last digits of a number, as people tell it from others: too few to name one.
    fn last_digits(&self) -> Option<&str> {
        let Self::Digits(id) = self else { return None };
        Some(id.as_str()).filter(|digits| LAST_DIGITS.contains(&digits.len()))
    }

    /// True if the text is too short for a number: a shell splits a number at its blanks. Six digits may be a PIN.
    fn is_part(&self) -> bool {
        let count = self.display_digits().map_or(usize::MAX, str::len);
        count < *LOCAL_LENGTHS.start() && count != PIN_DIGITS
    }

    /// The digits of a number that may have no country code, without the zero that is dialed before it within a country.
    fn local_digits(&self) -> Option<&str> {
        let written = match self {
            Self::Id(_) => return None,
            Self::Digits(id) => id.as_str(),
            Self::Display(number) => number.written.as_str(),
        };
        let is_international = written.starts_with('+') || written.starts_with(INTERNATIONAL_PREFIX);
        let digits = self.display_digits()?.trim_start_matches('0');
        (!is_international && LOCAL_LENGTHS.contains(&digits.len())).then_some(digits)
    }

    /// Why a profile with these WABAs does not have the number.
    #[must_use]
    pub fn unknown_text(&self, profile: &CleanText, wabas: &[Arc<Waba>]) -> String {
        let waba = wabas.iter().find(|waba| self.id().is_some_and(|id| id.as_str() == waba.id.as_str()));
        match waba.map(|waba| &**waba) {
            Some(Waba { id, name: Some(name) }) => format!("{id} is the WABA {name}, not a number"),
            Some(Waba { id, name: None }) => format!("{id} is a WABA, not a number"),
            None => format!("no number {} in profile {profile}", self.label()),
        }
    }
}

/// What to do about last digits. The next digits of a number decide, so it never picks one.
fn last_digits_hint(similar: &[Number]) -> Vec<String> {
    let whole = "Give the whole number, or its ID: its last digits do not name it for sure.";
    let mut lines = vec![whole.to_owned()];
    if !similar.is_empty() {
        lines.push(if similar.len() == 1 { "This one ends so:" } else { "These end so:" }.to_owned());
    }
    let listed = similar.iter().take(MAX_LISTED_ENDS);
    lines.extend(listed.map(|number| format!("  {}  {}", number.label(), number.id)));
    let rest = similar.len().saturating_sub(MAX_LISTED_ENDS);
    lines.extend((rest > 0).then(|| format!("  and {rest} more")));
    lines
}

/// How many numbers a hint lists before it counts the rest.
const MAX_LISTED_ENDS: usize = 3;

/// How many digits people give as the end of a number. Six may be a PIN.
const LAST_DIGITS: RangeInclusive<usize> = 4..=5;

/// How many digits a number without its country code has. Six may be a PIN, and an ID has more.
const LOCAL_LENGTHS: RangeInclusive<usize> = 7..=12;

fn without_international_prefix(digits: &str) -> &str {
    digits.strip_prefix(INTERNATIONAL_PREFIX).unwrap_or(digits)
}

/// The digits of the display number; empty without a display number.
#[must_use]
pub fn display_digits(number: &Number) -> String {
    ascii_digits(number.original_display().unwrap_or_default())
}

/// What a message says in place of digits that may be a PIN.
const SIX_DIGITS: &str = "(six digits)";

/// An ID for a message. Six digits are not an ID of Meta's, and may be a PIN.
#[must_use]
pub fn id_label(id: PhoneNumberId) -> String {
    if id.as_str().len() == PIN_DIGITS { SIX_DIGITS.to_owned() } else { id.to_string() }
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
    fn an_id_of_a_list_is_no_display_number() {
        let id = "447700900001".parse().expect("an ID");
        let acme = number("200000000000001", "+44 7700 900001");
        assert!(NumberArg::Digits(id).names(&acme) && !NumberArg::Id(id).names(&acme));
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "+", " ", "Acme", "EAAJ409726", "+44 7700 90000x", "１２", "++44"] {
            assert_eq!(text.parse::<NumberArg>(), Err(ParseNumberError), "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_number_gets_the_hint_to_quote_it() {
        let hint = |text: &str| text.parse::<NumberArg>().expect("a number").hint(&[]);
        for part in ["+1", "555", "+44 77", "44 77"] {
            let expected = "If the number has blanks, put it in quotation marks, as in '+44 7700 900001'.";
            assert_eq!(hint(part), [expected], "{part}");
        }
        for whole in ["409726", "200000000000001", "+44 7700 900001"] {
            assert_eq!(hint(whole), [""; 0], "{whole}");
        }
    }

    #[test]
    fn last_digits_list_the_numbers_that_end_so() {
        let numbers: Vec<Number> =
            (1..=5).map(|n| number(&format!("20000000000000{n}"), &format!("+1 201-555-{n}0142"))).collect();
        let hint = |text: &str, known: &[Number]| {
            let arg: NumberArg = text.parse().expect("a number");
            let similar: Vec<Number> = known.iter().filter(|number| arg.is_end_of(number)).cloned().collect();
            assert!(arg.may_be_end(), "{text}");
            arg.hint(&similar)
        };
        let whole = "Give the whole number, or its ID: its last digits do not name it for sure.";
        assert_eq!(hint("0143", &numbers), [whole]);
        let [first, second] = ["+1 201-555-10142  200000000000001", "+1 201-555-20142  200000000000002"];
        assert_eq!(hint("10142", &numbers), [whole, "This one ends so:", &format!("  {first}")]);
        assert_eq!(
            hint("0142", &numbers),
            [
                whole,
                "These end so:",
                &format!("  {first}"),
                &format!("  {second}"),
                "  +1 201-555-30142  200000000000003",
                "  and 2 more"
            ]
        );
    }

    #[test]
    fn a_message_repeats_no_possible_pin() {
        for text in ["409726", "+409726", "409 726"] {
            assert_eq!(text.parse::<NumberArg>().expect("a number").label(), "(six digits)", "{text:?}");
        }
        for text in ["+44 7700 900001", "7700 900-001", "447700900001"] {
            assert_eq!(text.parse::<NumberArg>().expect("a number").label(), text, "as it was written");
        }
    }
}
