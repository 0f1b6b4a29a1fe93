//! The nearest ASCII character of a letter or a sign, for terminals that can show no other.
//!
//! It replaces one character by one, so that columns stay aligned, and never by one that sounds alike: a name in another
//! script cannot be told in ASCII.

use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};

/// Signs and letters that Unicode does not decompose.
const LOOKALIKES: [(char, &str); 16] = [
    (
        ' ',
        "\u{a0}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}",
    ),
    ('-', "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}"),
    ('\'', "‘’‚′"),
    ('"', "“”„«»″"),
    ('.', "·•"),
    ('o', "øº"),
    ('O', "Ø"),
    ('l', "ł"),
    ('L', "Ł"),
    ('d', "đ"),
    ('D', "ĐÐ"),
    ('h', "ħ"),
    ('H', "Ħ"),
    ('i', "ı"),
    ('s', "ß"),
    ('x', "×"),
];

/// The ASCII character that shows this one best; `None` if there is none.
#[must_use]
pub fn nearest_ascii(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    if let Some((ascii, _)) = LOOKALIKES.iter().find(|(_, signs)| signs.contains(c)) {
        return Some(*ascii);
    }
    match CanonicalDecompositionBorrowed::new().decompose(c) {
        Decomposed::Default => None,
        Decomposed::Singleton(base) | Decomposed::Expansion(base, _) => nearest_ascii(base),
    }
}

/// True if a text can be read in ASCII. Marks without a width of their own are left out.
#[must_use]
pub fn is_readable_in_ascii(text: &str) -> bool {
    let is_mark = |c: char| unicode_width::UnicodeWidthChar::width(c) == Some(0);
    text.is_ascii() || text.chars().all(|c| is_mark(c) || nearest_ascii(c).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_signs_have_their_nearest_ascii_character() {
        let ascii = |text: &str| text.chars().map(|c| nearest_ascii(c).unwrap_or('?')).collect::<String>();
        let cases = [
            ("+55\u{a0}11\u{a0}95550\u{2011}0145", "+55 11 95550-0145"),
            ("Bäckerei Öz", "Backerei Oz"),
            ("Crème brûlée", "Creme brulee"),
            ("Łódź Ærø Straße", "Lodz ?ro Strase"),
            ("Tiệm bánh", "Tiem banh"),
            ("“Acme” – it’s", "\"Acme\" - it's"),
            ("חנות", "????"),
        ];
        for (text, expected) in cases {
            assert_eq!(ascii(text), expected);
        }
        assert!(is_readable_in_ascii("e\u{301}cole Öz") && !is_readable_in_ascii("株式会社"));
    }
}
