//! Names what is wrong with the text of a small file: a token, a PIN, a key or a list of IDs that some program or person
//! wrapped into something else.
//!
//! It describes kinds, and never repeats any of the text, because it may be a secret. It corrects nothing: what an
//! operator meant is theirs to say.

use crate::domain::text::needs_escape;

/// Why a text is not one plain value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// Two bytes a character, as some programs on Windows write.
    #[error("it is UTF-16 text. Save it as UTF-8")]
    Utf16,
    /// Rows of a table, without the line that names its columns.
    #[error(
        "its lines are CSV without the heading. Put the first line of numbers list --csv above them, or keep only the \
         IDs"
    )]
    CsvWithoutHeading,
    /// A JSON object or list.
    #[error("it is JSON. Keep only the value")]
    Json,
    /// `"value"`, with straight or curly quotation marks.
    #[error("it is in quotation marks. Remove them")]
    Quoted,
    /// `NAME=value`, `name: value`.
    #[error("there is a name before the value (NAME=value). Keep only the value")]
    Assignment,
    /// `Bearer value`.
    #[error("there is the word Bearer before the value. Keep only the value")]
    Bearer,
    /// A character that looks like a blank or like nothing.
    #[error("there is an invisible character (U+{:04X}) {place} it. Remove it", u32::from(*character))]
    Invisible {
        /// The first such character.
        character: char,
        /// `before`, `behind` or `inside`.
        place: &'static str,
    },
    /// `2.00E+14`, in place of an ID.
    #[error(
        "a spreadsheet rounded this ID, and its last digits are lost. Format the column as text, and copy the IDs again"
    )]
    Rounded,
    /// `200000000000001.0`, in place of an ID.
    #[error("a spreadsheet wrote this ID with decimals. Format the column as text, and copy the IDs again")]
    Decimals,
    /// `200,000,000,000,001`, in place of an ID.
    #[error("there are separators between its digits. Remove them")]
    Separators,
}

impl TextProblem {
    /// What is wrong with a text that should be one word; `None` if nothing of these.
    #[must_use]
    pub fn of_word(text: &str) -> Option<Self> {
        // The standard library takes a no-break space for a blank, and an operator cannot see that it is none.
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        if text.starts_with(['{', '[']) {
            Some(Self::Json)
        } else if is_quoted(text) {
            Some(Self::Quoted)
        } else if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
            Some(Self::Bearer)
        } else if is_assignment(text) {
            Some(Self::Assignment)
        } else {
            Self::invisible_in(text)
        }
    }

    /// What is wrong with a text that should be an ID; `None` if nothing of these.
    #[must_use]
    pub fn of_id(text: &str) -> Option<Self> {
        Self::of_word(text).or_else(|| Self::of_digits(text.trim()))
    }

    fn of_digits(text: &str) -> Option<Self> {
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
            let is_mantissa = is_digits(&mantissa.replacen(['.', ','], "", 1));
            return (is_mantissa && is_digits(exponent.trim_start_matches('+'))).then_some(Self::Rounded);
        }
        if let Some((whole, decimals)) = text.split_once(['.', ','])
            && is_digits(whole)
            && ["0", "00"].contains(&decimals)
        {
            return Some(Self::Decimals);
        }
        let is_separated = is_digits(&text.replace([' ', ',', '.', '\'', '_', '-'], "")) && text.starts_with(is_digit);
        (is_separated && !is_digits(text)).then_some(Self::Separators)
    }

    /// The first character of a text that looks like a blank or like nothing.
    #[must_use]
    pub fn invisible_in(text: &str) -> Option<Self> {
        // A blank or a line end is visible.
        let is_invisible = |c: char| (needs_escape(c) || c.is_whitespace()) && !c.is_ascii_whitespace();
        let (start, character) = text.char_indices().find(|(_, c)| is_invisible(*c))?;
        let place = if start == 0 {
            "before"
        } else if text[start..].trim_matches(is_invisible).is_empty() {
            "behind"
        } else {
            "inside"
        };
        Some(Self::Invisible { character, place })
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn is_quoted(text: &str) -> bool {
    const QUOTES: [char; 12] = ['"', '\'', '`', '“', '”', '„', '‟', '‘', '’', '‚', '«', '»'];
    text.starts_with(QUOTES) || text.ends_with(QUOTES)
}

/// True for `NAME=value`, `export NAME=value` and `name: value`. A token may end with `=`, which fills up base64.
fn is_assignment(text: &str) -> bool {
    let Some(at) = text.find('=').or_else(|| text.find(": ")) else { return false };
    let (name, value) = (text[..at].trim_end(), text[at + 1..].trim_start_matches('='));
    let name = name.strip_prefix("export ").unwrap_or(name).trim_start();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    is_name && !value.trim().is_empty()
}

/// The text without the byte order mark that some programs on Windows write at its start.
#[must_use]
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// True for UTF-16, with its byte order mark, or without it if each second byte is zero.
#[must_use]
pub fn is_utf16(bytes: &[u8]) -> bool {
    let is_zero_each_second =
        |first: usize| bytes.len() >= 2 && bytes.iter().skip(first).step_by(2).all(|byte| *byte == 0);
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || is_zero_each_second(0) != is_zero_each_second(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrapping_of_a_value_is_named() {
        let invisible = |character, place| Some(TextProblem::Invisible { character, place });
        let cases = [
            ("EAAJfake", None),
            ("EAAJfake\r\n", None),
            ("EAAJfake==", None),
            ("123|EAAJfake", None),
            ("two words", None),
            ("github:ana", None),
            ("\"EAAJfake\"", Some(TextProblem::Quoted)),
            ("'EAAJfake", Some(TextProblem::Quoted)),
            ("“EAAJfake”\n", Some(TextProblem::Quoted)),
            ("META_TOKEN=EAAJfake", Some(TextProblem::Assignment)),
            ("export META_TOKEN = \"EAAJfake\"", Some(TextProblem::Quoted)),
            ("export META_TOKEN=EAAJfake", Some(TextProblem::Assignment)),
            ("access_token: EAAJfake", Some(TextProblem::Assignment)),
            ("{\"access_token\":\"EAAJfake\"}", Some(TextProblem::Json)),
            ("Bearer EAAJfake", Some(TextProblem::Bearer)),
            ("\u{feff}EAAJfake", invisible('\u{feff}', "before")),
            ("EAAJfake\u{a0}\u{a0}\n", invisible('\u{a0}', "behind")),
            ("EAAJ\u{200b}fake", invisible('\u{200b}', "inside")),
        ];
        for (text, expected) in cases {
            assert_eq!(TextProblem::of_word(text), expected, "{text:?}");
        }
    }

    #[test]
    fn each_wrapping_of_an_id_is_named() {
        let cases = [
            ("200000000000001", None),
            ("", None),
            ("abc", None),
            ("12e", None),
            ("+44 7700 900001", None),
            ("2,00E+14", Some(TextProblem::Rounded)),
            ("2.00000E+14", Some(TextProblem::Rounded)),
            ("7.00000000000001e14", Some(TextProblem::Rounded)),
            ("2E+14", Some(TextProblem::Rounded)),
            ("200000000000001.0", Some(TextProblem::Decimals)),
            ("200000000000001,00", Some(TextProblem::Decimals)),
            ("200,000,000,000,001", Some(TextProblem::Separators)),
            ("200 000 000 000 001", Some(TextProblem::Separators)),
            ("\"200000000000001\"", Some(TextProblem::Quoted)),
            ("200000000000001\u{a0}", Some(TextProblem::Invisible { character: '\u{a0}', place: "behind" })),
        ];
        for (text, expected) in cases {
            assert_eq!(TextProblem::of_id(text), expected, "{text:?}");
        }
    }

    #[test]
    fn utf_16_is_recognized_with_and_without_its_mark() {
        let little: Vec<u8> = "EAAJ".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "EAAJ".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(is_utf16(&little) && is_utf16(&big) && is_utf16(&[b"\xff\xfe", &*little].concat()));
        for bytes in [&b""[..], b"E", b"EAAJ", b"\0\0", b"\xef\xbb\xbfEAAJ"] {
            assert!(!is_utf16(bytes), "{bytes:?}");
        }
        assert_eq!(without_bom(b"\xef\xbb\xbfEAAJ"), b"EAAJ");
    }
}
