//! What words are that an operator typed after a number: a PIN, the digits that confirm, or more of the number.
//!
//! It looks at how many digits they have and returns none of them, because each may be a PIN.

use crate::domain::pin::PIN_DIGITS;

/// More digits than a part of a number has, and fewer than a whole one.
const MIN_NUMBER_DIGITS: usize = 7;

/// An ID, or a number with its country code.
const MIN_WHOLE_DIGITS: usize = 10;

/// How many digits of a number confirm it.
const CONFIRM_DIGITS: usize = 4;

/// What the words most likely are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExtraWords {
    /// Six digits, alone or beside a whole number.
    Pin,
    /// A whole number and four digits.
    Confirmation,
    /// Parts of one number.
    NumberParts,
}

impl ExtraWords {
    /// Recognizes the words that follow each other up to and beyond `extra`, which the parser did not expect. `is_value`
    /// tells whether the word after this word is the value of an option, and no number.
    pub(super) fn find(extra: &str, arguments: &[String], is_value: impl Fn(&str) -> bool) -> Option<Self> {
        let position = arguments.iter().rposition(|argument| argument == extra)?;
        let is_value = |at: usize| at > 0 && is_value(&arguments[at - 1]);
        let is_part = |at: usize| digit_count(&arguments[at]).is_some() && !is_value(at);
        let start = (0..=position).rev().take_while(|at| is_part(*at)).last()?;
        let end = (position..arguments.len()).take_while(|at| is_part(*at)).last()? + 1;
        let counts: Vec<usize> = arguments[start..end].iter().filter_map(|word| digit_count(word)).collect();
        Self::of_counts(&counts)
    }

    /// Decides by how many digits each word has.
    fn of_counts(counts: &[usize]) -> Option<Self> {
        let [first, rest @ ..] = counts else { return None };
        let others: usize = rest.iter().sum();
        match *first {
            PIN_DIGITS if rest.is_empty() => Some(Self::Pin),
            _ if rest.is_empty() => None,
            PIN_DIGITS if rest.len() == 1 && others >= MIN_WHOLE_DIGITS => Some(Self::Pin),
            MIN_NUMBER_DIGITS.. if others == PIN_DIGITS => Some(Self::Pin),
            MIN_WHOLE_DIGITS.. if others == CONFIRM_DIGITS => Some(Self::Confirmation),
            ..MIN_NUMBER_DIGITS => Some(Self::NumberParts),
            _ if rest.iter().all(|count| *count < MIN_NUMBER_DIGITS) => Some(Self::NumberParts),
            _ => None,
        }
    }
}

/// How many digits a word has that may be part of a number; `None` for another word.
fn digit_count(word: &str) -> Option<usize> {
    let is_part = !word.starts_with('-') && word.chars().all(|c| c.is_ascii_digit() || "+-./()".contains(c));
    Some(word.bytes().filter(u8::is_ascii_digit).count()).filter(|count| is_part && *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_told_from_the_parts_of_a_number() {
        use ExtraWords::{Confirmation, NumberParts, Pin};
        let id = "200000000000001";
        for (extra, line, expected) in [
            ("409726", format!("pin set {id} 409726"), Some(Pin)),
            ("409726", format!("pin set {id} --confirm 0123 409726"), Some(Pin)),
            ("409726", "pin set +15550100123 409726 --random".to_owned(), Some(Pin)),
            (id, format!("pin set 409726 {id}"), Some(Pin)),
            ("409", format!("pin set {id} 409 726"), Some(Pin)),
            ("0123", format!("pin set {id} 0123 --random"), Some(Confirmation)),
            ("555", "pin set +1 555 010 0123 --random".to_owned(), Some(NumberParts)),
            ("7700", "pin set --random +44 7700 900001".to_owned(), Some(NumberParts)),
            ("900001", "pin set 447700 900001".to_owned(), Some(NumberParts)),
            ("555-0100", "numbers show +1 555-0100".to_owned(), Some(NumberParts)),
            ("555", "audit show --number +1 555 010".to_owned(), Some(NumberParts)),
            ("200000000000002", format!("pin set {id} 200000000000002"), None),
            ("x", "pin set x".to_owned(), None),
        ] {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let found = ExtraWords::find(extra, &arguments, |option| option == "--confirm");
            assert_eq!(found, expected, "{line}");
        }
    }
}
