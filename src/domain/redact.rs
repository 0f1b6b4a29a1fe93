//! Redacts the words and paths that a person typed, so that messages can repeat them.
//!
//! An operator may have typed a PIN or an access token where a name belongs. This module decides only how to show such
//! a word. It does not read files or check whether the word is valid.

use std::path::Path;

use crate::domain::pin::PIN_DIGITS;
use crate::domain::text::CleanText;

/// Returns a word from the command line as a message can show it: `…` instead of six digits, and instead of a long word
/// without a slash, because either may be a secret.
#[must_use]
pub fn redacted_word(word: &str) -> &str {
    const MAX_WORD_BYTES: usize = 24;
    let is_pin = word.len() == PIN_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_long = word.len() > MAX_WORD_BYTES && !word.contains('/');
    if is_pin || is_long { "…" } else { word }
}

/// True if a text may have a PIN, an access token or a private key in it, so that no message repeats any of it.
#[must_use]
pub fn may_have_secret(text: &str) -> bool {
    let is_pin = |digits: &str| digits.len() == PIN_DIGITS;
    let all_digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let has_pin = is_pin(&all_digits) || text.split(|c: char| !c.is_ascii_digit()).any(is_pin);
    let is_key = |word: &str| {
        let word = word.to_ascii_uppercase();
        redacted_word(&word) != word || SECRET_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
    };
    has_pin || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(is_key)
}

/// How access tokens of Meta and private keys of age begin.
const SECRET_PREFIXES: [&str; 2] = ["EAA", "AGE-SECRET-KEY"];

/// Returns a path as a message can show it; see [`redacted_word`].
#[must_use]
pub fn redacted_path(path: &Path) -> CleanText {
    CleanText::new(redacted_word(&path.to_string_lossy()))
}

/// Returns a path as one word for a shell, so that the operator can copy a command from a message; see
/// [`redacted_word`].
#[must_use]
pub fn shell_quote(path: &Path) -> CleanText {
    let path = path.to_string_lossy();
    let text = redacted_word(&path);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(is_plain) && !text.starts_with('-') {
        return CleanText::new(text);
    }
    let start = if text.starts_with('-') { "./" } else { "" };
    CleanText::new(&format!("'{start}{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_digits_or_words_of_a_secret_is_found() {
        for text in
            ["409726", "409 726", "pin=409726", "EAAJtoken", "key: AGE-SECRET-KEY-1QQ", "abcdefghijklmnopqrstuvwxyz"]
        {
            assert!(may_have_secret(text), "{text}");
        }
        for text in ["", "Acme Retail", "name,number", "us-retail-2026", "+44 7700 9000011"] {
            assert!(!may_have_secret(text), "{text}");
        }
    }

    #[test]
    fn a_path_in_a_command_is_one_word() {
        let words =
            ["/etc/a b", "it's", "-f", "$HOME/x", "/plain/ä.txt"].map(|path| shell_quote(Path::new(path)).to_string());
        assert_eq!(words, ["'/etc/a b'", r"'it'\''s'", "'./-f'", "'$HOME/x'", "/plain/ä.txt"]);
    }
}
