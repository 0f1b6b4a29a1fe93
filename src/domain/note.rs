//! What a note must not hold: the journal keeps notes readable, so six digits that may be a PIN do not belong there.
//!
//! It does not know which PIN is in force, so it refuses what looks like one, and it repeats nothing of the note.

use crate::domain::pin::PIN_DIGITS;

/// Six digits of a note may be a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("six digits in a row may be a PIN, and notes are not encrypted")]
pub struct PinInNoteError;

/// The error as the console shows it, with what to do.
pub const PIN_IN_NOTE: &str =
    "Leave out the PIN (6 digits in a row): notes are not encrypted. A ticket keeps its letters: INC-104233.";

/// How a ticket number of six digits is written, so that nobody takes it for a PIN.
pub const TICKET_FORM: &str = "Write a ticket number with its letters, as in INC-104233.";

/// Checks a text that is stored unencrypted.
///
/// # Errors
/// If it has six digits in a row that may be a PIN. The digits of one word with letters before them are a ticket.
pub fn check_note(text: &str) -> Result<(), PinInNoteError> {
    let words: Vec<&str> = text.split_whitespace().map(|word| if is_ticket(word) { "ticket" } else { word }).collect();
    let text = words.join(" ");
    let digits = |part: &str| part.chars().filter(|c| c.is_numeric()).count();
    // A run of digits may contain separators, because people write a PIN with them. A phone number or an id is a longer
    // run. The second split still finds a PIN in one piece after a date or another number.
    let mut runs = text.split(char::is_alphabetic).chain(text.split(|c: char| !c.is_numeric()));
    if runs.any(|run| digits(run) == PIN_DIGITS) { Err(PinInNoteError) } else { Ok(()) }
}

/// True for letters, perhaps a dash, and digits: `INC104233`, `OPS-104233`. `PIN-409726` is not a ticket.
fn is_ticket(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ':', ';', ')']).trim_start_matches('(');
    let Some(start) = word.find(|c: char| c.is_ascii_digit()) else { return false };
    let (prefix, digits) = word.split_at(start);
    let letters = prefix.strip_suffix('-').unwrap_or(prefix);
    let is_pin = letters.eq_ignore_ascii_case("pin");
    let is_word = !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_word && !is_pin && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_that_may_be_a_pin_are_refused_in_a_note() {
        for text in [
            "409726",
            "PIN 409726",
            "PIN-409726",
            "pin409726.",
            "it was 4 0 9-72 6",
            "set 23.11. 14:05 409726",
            "ticket 4711 409726",
            "OPS-104233 409726",
            "#409726",
            "(409726)",
            "a-b-409726",
        ] {
            assert_eq!(check_note(text), Err(PinInNoteError), "{text}");
        }
    }

    #[test]
    fn tickets_dates_and_phone_numbers_are_kept_in_a_note() {
        for text in [
            "",
            "TICKET-123",
            "INC-104233",
            "see INC104233, (OPS-104233)",
            "asked +1 555 555 0100 on 23.11.2026 at 14:05, ticket 47114711",
        ] {
            assert_eq!(check_note(text), Ok(()), "{text}");
        }
    }
}
