//! The sentences of the catalog about one number, WABA or ID, said of several: a message that groups them says each once.
//!
//! It changes only the nouns that point at what the message is about, and knows no other grammar.

use std::borrow::Cow;

/// What is said of one, and of several. The first that fits wins.
const PLURALS: [(&str, &str); 13] = [
    ("the PIN of this number", "the PINs of these numbers"),
    ("this number was ", "these numbers were "),
    ("this number's turn came", "the turn of these numbers came"),
    ("a request for this number", "requests for these numbers"),
    ("this number", "these numbers"),
    ("This number", "These numbers"),
    ("this WABA was ", "these WABAs were "),
    ("this WABA", "these WABAs"),
    ("This ID is not that of", "None of these IDs is that of"),
    ("This ID is not", "None of these IDs is"),
    ("This ID is", "Each of these IDs is"),
    ("this ID", "these IDs"),
    ("may not see it.", "may not see them."),
];

/// The sentence about so many.
#[must_use]
pub fn of_count(sentence: &str, count: usize) -> Cow<'_, str> {
    if count == 1 {
        return Cow::Borrowed(sentence);
    }
    PLURALS.iter().fold(Cow::Borrowed(sentence), |text, (one, several)| {
        if text.contains(one) { Cow::Owned(text.replace(one, several)) } else { text }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_about_several_is_in_the_plural() {
        for (one, several) in [
            (
                "Then resume the job, or set the PIN of this number again.",
                "Then resume the job, or set the PINs of these numbers again.",
            ),
            ("Meta says that this number was deleted.", "Meta says that these numbers were deleted."),
            ("The access token may not read this WABA.", "The access token may not read these WABAs."),
            (
                "Meta does not know this ID, or the access token may not see it.",
                "Meta does not know these IDs, or the access token may not see them.",
            ),
            (
                "This ID is a WABA (WhatsAppBusinessAccount), not a phone number.",
                "Each of these IDs is a WABA (WhatsAppBusinessAccount), not a phone number.",
            ),
            ("This ID is not a phone number.", "None of these IDs is a phone number."),
            ("Then try again.", "Then try again."),
        ] {
            assert_eq!([of_count(one, 1), of_count(one, 2)], [one, several]);
        }
    }
}
