//! The cells of CSV, which people open in spreadsheets: no cell is a formula.
//!
//! It takes cleaned texts, and writes nothing.

use std::borrow::Cow;

/// A cleaned text as a cell of CSV: `'` before what a spreadsheet would run as a formula, also written in full width. A phone number begins with `+`
/// and stays as it is.
#[must_use]
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let is_formula = match text.chars().next() {
        Some('=' | '@' | '\t' | '\r' | '＝' | '＠' | '＋' | '－') => true,
        Some('+' | '-') => !is_phone_number(text),
        Some(_) | None => false,
    };
    if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn is_phone_number(text: &str) -> bool {
    text.starts_with('+')
        && text[1..].starts_with(|c: char| c.is_ascii_digit())
        && text[1..]
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.' | '\u{a0}' | '\u{2011}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        let cases = [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("@SUM(1)", "'@SUM(1)"),
            ("+SUM(1)", "'+SUM(1)"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("-1", "'-1"),
            ("＝1＋1", "'＝1＋1"),
            ("+44 7700 900001", "+44 7700 900001"),
            ("+1 (415) 555-0114", "+1 (415) 555-0114"),
            ("Acme = Bolt", "Acme = Bolt"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(csv_cell(text), expected);
        }
    }
}
