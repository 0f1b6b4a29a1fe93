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
    fn a_path_in_a_command_is_one_word() {
        let words =
            ["/etc/a b", "it's", "-f", "$HOME/x", "/plain/ä.txt"].map(|path| shell_quote(Path::new(path)).to_string());
        assert_eq!(words, ["'/etc/a b'", r"'it'\''s'", "'./-f'", "'$HOME/x'", "/plain/ä.txt"]);
    }
}
