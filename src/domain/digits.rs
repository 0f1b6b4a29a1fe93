//! Digits as people write and type them: those of other scripts as ASCII, and long IDs in groups.
//!
//! A PIN is not among them: Meta takes six ASCII digits, and nothing is guessed about a PIN.

/// The zeros of the scripts in use that have decimal digits of their own; 1 to 9 follow each of them.
///
/// Source: Unicode 14, general category Nd.
const ZEROS: [char; 36] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}', '\u{c66}',
    '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}', '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}',
    '\u{1946}', '\u{19d0}', '\u{1a80}', '\u{1a90}', '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}',
    '\u{a8d0}', '\u{a900}', '\u{a9d0}', '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}',
];

/// How many digits of a long ID stand together: as many as a confirmation asks for.
const GROUP_DIGITS: usize = 4;

/// The ASCII digit for a decimal digit of any script; `None` for every other character.
#[must_use]
pub fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c).filter(char::is_ascii_digit);
    }
    let value = |zero: &char| u32::from(c).checked_sub(u32::from(*zero)).filter(|value| *value < 10);
    ZEROS.iter().find_map(value).and_then(|value| char::from_digit(value, 10))
}

/// The digits of a text as ASCII, without everything else.
#[must_use]
pub fn ascii_digits(text: &str) -> String {
    text.chars().filter_map(ascii_digit).collect()
}

/// The text with ASCII in place of the digits of other scripts; `None` if it has none.
#[must_use]
pub fn with_ascii_digits(text: &str) -> Option<String> {
    let has_others = text.chars().any(|c| !c.is_ascii() && ascii_digit(c).is_some());
    has_others.then(|| text.chars().map(|c| ascii_digit(c).unwrap_or(c)).collect())
}

/// An ID in groups of four digits, counted from its end, so that the last four can be told: `106 5403 5210 0143`.
#[must_use]
pub fn grouped_id(id: &str) -> String {
    let mut out = String::with_capacity(id.len() + id.len() / GROUP_DIGITS);
    for (index, digit) in id.chars().enumerate() {
        if index > 0 && (id.len() - index).is_multiple_of(GROUP_DIGITS) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_become_ascii() {
        for text in ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９"]
        {
            assert_eq!(ascii_digits(text), "0123456789", "{text}");
        }
        for c in ['a', '²', '½', '①', 'Ⅷ', '/', ':', '\u{65f}', '\u{66a}', '\u{ff1a}'] {
            assert_eq!(ascii_digit(c), None, "{c}");
        }
        assert_eq!(with_ascii_digits("+٢٠ 10"), Some("+20 10".to_owned()));
        assert_eq!(with_ascii_digits("+20 10"), None);
    }

    #[test]
    fn an_id_is_grouped_from_its_end() {
        let cases = [("", ""), ("143", "143"), ("0143", "0143"), ("10143", "1 0143")];
        for (id, grouped) in cases.into_iter().chain([("106540352100143", "106 5403 5210 0143")]) {
            assert_eq!(grouped_id(id), grouped);
        }
    }
}
