//! Sanitizes every string from outside: Meta's names and messages, config values, paths, pasted text.
//!
//! The type [`CleanText`] proves that a string is cleaned; pindesk draws, prints and logs no other text from outside.
//! This module does not drop characters that could control a terminal or hide from the reader: it replaces them with
//! visible escapes, so that an operator cannot mistake a forged name for a real one. The original is kept beside the
//! cleaned text, for data: JSON, the cache, and the digits of a number.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The maximum number of combining marks on one letter. No language needs more.
const MAX_COMBINING_MARKS: usize = 4;

/// The maximum number of characters kept of a string from outside. `…` replaces the rest. Meta's longest documented
/// texts (error details) are much shorter.
const MAX_CHARS: usize = 1_000;

/// The maximum number of bytes of a text that is stored inline. With the length and the variant they fill three machine
/// words, which keeps most texts of 100,000 numbers off the heap, where each would cost twice as much.
const MAX_INLINE_BYTES: usize = 22;

/// Text from outside that cannot control a terminal. Two texts are equal if they look the same.
#[derive(Clone)]
pub struct CleanText(TextRepr);

#[derive(Clone)]
enum TextRepr {
    /// The bytes after `len` are zero.
    Inline { len: u8, bytes: [u8; MAX_INLINE_BYTES] },
    /// Any longer text.
    Boxed(Box<str>),
    /// A text that was changed to make it clean, with the original.
    Changed(Box<(String, String)>),
}

impl TextRepr {
    fn new(text: &str) -> Self {
        let mut bytes = [0; MAX_INLINE_BYTES];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(prefix), Ok(len)) => {
                prefix.copy_from_slice(text.as_bytes());
                Self::Inline { len, bytes }
            }
            (_, _) => Self::Boxed(text.into()),
        }
    }
}

impl CleanText {
    /// Cleans a string: control characters, bidirectional marks, tags, invisible characters and more than four stacked
    /// marks become visible escapes such as `\u{1b}`. At most 1,000 characters are kept.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        if raw.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && raw.len() <= MAX_CHARS {
            return Self(TextRepr::new(raw));
        }
        let original = match raw.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => Cow::Owned(format!("{}…", &raw[..end])),
            None => Cow::Borrowed(raw),
        };
        let clean = escaped(&original);
        Self::from_parts(clean, original.into_owned())
    }

    fn from_parts(clean: String, original: String) -> Self {
        if clean == original {
            Self(TextRepr::new(&clean))
        } else {
            Self(TextRepr::Changed(Box::new((clean, original))))
        }
    }

    /// Leaves out the marks of reading direction and the invisible characters at both ends. They are part of the
    /// original still.
    #[must_use]
    pub fn without_outer_marks(self) -> Self {
        match self.0 {
            TextRepr::Changed(texts) => {
                let (_, original) = *texts;
                Self::from_parts(escaped(original.trim_matches(is_outer_mark)), original)
            }
            repr @ (TextRepr::Inline { .. } | TextRepr::Boxed(_)) => Self(repr),
        }
    }

    /// The cleaned text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Only `TextRepr::new` builds one, from a complete text.
            TextRepr::Inline { len, bytes } => std::str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or_default(),
            TextRepr::Boxed(text) => text,
            TextRepr::Changed(texts) => &texts.0,
        }
    }

    /// The cleaned text, for a line that goes on after it. A text that runs from right to left is between the marks that
    /// isolate it (FSI and PDI), so that a terminal or a ticket does not reorder what follows.
    #[must_use]
    pub fn isolated(&self) -> Cow<'_, str> {
        let text = self.as_str();
        if text.chars().any(is_right_to_left) { format!("\u{2068}{text}\u{2069}").into() } else { text.into() }
    }

    /// The text as it came from outside, at most 1,000 characters of it. It may control a terminal: it is data, and
    /// never drawn or printed without an encoding that escapes it.
    #[must_use]
    pub fn original(&self) -> &str {
        match &self.0 {
            TextRepr::Inline { .. } | TextRepr::Boxed(_) => self.as_str(),
            TextRepr::Changed(texts) => &texts.1,
        }
    }
}

impl PartialEq for CleanText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for CleanText {}

impl Hash for CleanText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Default for CleanText {
    fn default() -> Self {
        Self::new("")
    }
}

impl Ord for CleanText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for CleanText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for CleanText {
    /// Data keeps the original.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.original())
    }
}

impl<'de> Deserialize<'de> for CleanText {
    /// This cleans the text again.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

impl fmt::Debug for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Replaces each character that needs it by its escape.
fn escaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut marks = 0;
    for (index, c) in raw.chars().enumerate() {
        // A mark without a base character would combine with our own text beside it.
        let is_mark = !needs_escape(c) && c.width() == Some(0);
        marks = if is_mark { marks + 1 } else { 0 };
        let is_stray = is_mark && (index == 0 || marks > MAX_COMBINING_MARKS);
        if needs_escape(c) || is_stray {
            push_escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    out
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        // Writing to a String cannot fail.
        other => write!(out, "\\u{{{:x}}}", u32::from(other)).unwrap_or_default(),
    }
}

/// True for the invisible characters that programs put around a number so that it reads from left to right.
fn is_outer_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// True for letters of the scripts that are written from right to left, such as Hebrew and Arabic.
///
/// Source: unicode.org/reports/tr9, section 3.2: the blocks whose characters have the type R or AL.
const fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

/// True for characters that control the terminal, change the reading direction, or are invisible.
#[must_use]
pub fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// Formats a duration, rounded up to whole seconds: `1 min 35 s`.
#[must_use]
pub fn format_duration(duration: std::time::Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1_000);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// How many columns a text takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    // Nearly all drawn text is ASCII, and this runs on every frame, so the common case is fast.
    if text.is_ascii() { text.len() } else { text.split_inclusive(LAM).map(UnicodeWidthStr::width).sum() }
}

/// An Arabic letter that Unicode joins with a following Alef to one column. Most terminals do not, and neither does the
/// console.
const LAM: char = '\u{644}';

/// Cuts a text to at most `columns` columns. A `~` in the last column shows that it was cut.
#[must_use]
pub fn truncate(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(columns);
    let mut used = 0;
    for c in text.chars() {
        let char_width = c.width().unwrap_or(0);
        if used + char_width + 1 > columns {
            break;
        }
        used += char_width;
        out.push(c);
    }
    if columns > 0 {
        out.push('~');
    }
    Cow::Owned(out)
}

/// The error without the number that only a programmer knows: `No space left on device`.
#[must_use]
pub fn plain_io_error(error: &std::io::Error) -> String {
    without_error_number(&error.to_string())
}

/// The text without such numbers, wherever they are.
#[must_use]
pub fn without_error_number(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(')'))
}

/// Formats an error, followed by its sources: `cannot open the journal: disk I/O error`.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> CleanText {
    CleanText::new(&error_chain_text(error))
}

/// Formats an error whose text has several lines, followed by its sources. Each line is cleaned.
#[must_use]
pub fn error_lines(error: &dyn std::error::Error) -> String {
    let lines: Vec<_> = error_chain_text(error).lines().map(|line| CleanText::new(line).to_string()).collect();
    lines.join("\n")
}

fn error_chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// Formats a count with a comma between thousands: `12,408`.
#[must_use]
pub fn format_count(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 number`, `2,433 numbers`.
#[must_use]
pub fn count_numbers(count: usize) -> String {
    if count == 1 { "1 number".to_owned() } else { format!("{} numbers", format_count(count)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_width_is_that_of_a_terminal_without_ligatures() {
        for (text, columns) in [("Acme", 4), ("Acme 🍞", 7), ("مخبز السلام", 11), ("लला", 3), ("東京", 4)]
        {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn terminal_controls_become_visible_escapes() {
        let cases = [
            ("Acme\x1b[2J", "Acme\\u{1b}[2J"),
            ("a\u{9b}31mb", "a\\u{9b}31mb"),
            ("line\r\nline\t.", "line\\r\\nline\\t."),
            ("evil\u{202e}txt", "evil\\u{202e}txt"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("del\u{7f}", "del\\u{7f}"),
        ];
        for (raw, expected) in cases {
            assert_eq!(CleanText::new(raw).as_str(), expected);
        }
    }

    #[test]
    fn the_original_stays_beside_the_clean_text() {
        let raw = "\u{202a}+52 1 555 010 0143\u{202c}";
        let text = CleanText::new(raw);
        assert_eq!((text.as_str(), text.original()), ("\\u{202a}+52 1 555 010 0143\\u{202c}", raw));
        let text = text.without_outer_marks();
        assert_eq!((text.as_str(), text.original()), ("+52 1 555 010 0143", raw));
        let inner = CleanText::new("+52\u{202c}1").without_outer_marks();
        assert_eq!((inner.as_str(), inner.original()), ("+52\\u{202c}1", "+52\u{202c}1"));
        let plain = CleanText::new("Bäckerei").without_outer_marks();
        assert_eq!((plain.as_str(), plain.original()), ("Bäckerei", "Bäckerei"));
        let json = serde_json::to_string(&CleanText::new(raw)).expect("a string");
        let read: CleanText = serde_json::from_str(&json).expect("a text");
        assert_eq!((read.as_str(), read.original()), ("\\u{202a}+52 1 555 010 0143\\u{202c}", raw));
    }

    #[test]
    fn only_a_text_from_right_to_left_is_isolated() {
        let cases = [
            ("No", "No"),
            ("Nicht möglich 株", "Nicht möglich 株"),
            ("אין", "\u{2068}אין\u{2069}"),
            ("PIN لا", "\u{2068}PIN لا\u{2069}"),
            ("a\u{2069}ב", "\u{2068}a\\u{2069}ב\u{2069}"),
        ];
        for (raw, expected) in cases {
            assert_eq!(CleanText::new(raw).isolated(), expected);
        }
    }

    #[test]
    fn names_in_any_language_stay_unchanged() {
        for name in ["Bäckerei Öz", "株式会社テスト", "مخبز", "e\u{301}cole", "Acme 🍞"] {
            assert_eq!(CleanText::new(name).as_str(), name);
        }
    }

    #[test]
    fn texts_of_any_length_stay_complete_and_sort_as_str() {
        let texts = ["", "a", "ab", "b", "株式会社テストa", "株式会社テストab", "株式会社テストabc"];
        let mut cleaned = texts.map(CleanText::new);
        assert_eq!(cleaned.each_ref().map(CleanText::as_str), texts);
        cleaned.reverse();
        cleaned.sort();
        assert_eq!(cleaned.each_ref().map(CleanText::as_str), texts);
        assert_eq!((CleanText::default(), size_of::<Option<CleanText>>()), (CleanText::new(""), 24));
    }

    #[test]
    fn a_fifth_mark_and_a_leading_mark_become_escapes() {
        assert_eq!(
            CleanText::new("a\u{301}\u{301}\u{301}\u{301}\u{301}").as_str(),
            "a\u{301}\u{301}\u{301}\u{301}\\u{301}"
        );
        assert_eq!(CleanText::new("\u{301}a").as_str(), "\\u{301}a");
    }

    #[test]
    fn a_long_text_is_cut_and_ends_with_an_ellipsis() {
        let cleaned = CleanText::new(&"x".repeat(5_000));
        assert_eq!(cleaned.as_str().chars().count(), MAX_CHARS + 1);
        assert!(cleaned.as_str().ends_with('…'));
    }

    #[test]
    fn truncating_never_splits_a_wide_letter() {
        assert_eq!(truncate("Acme Stores", 20), "Acme Stores");
        assert_eq!(truncate("Acme Stores", 6), "Acme ~");
        assert_eq!(truncate("株式会社", 4), "株~");
        assert_eq!(truncate("Acme", 0), "");
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!(
            [format_count(0), format_count(999), format_count(12_408), format_count(1_000_000)],
            ["0", "999", "12,408", "1,000,000"]
        );
    }

    proptest! {
        #[test]
        fn cleaned_text_cannot_control_a_terminal(raw in any::<String>()) {
            let cleaned = CleanText::new(&raw);
            prop_assert!(!cleaned.as_str().chars().any(needs_escape));
            prop_assert_eq!(CleanText::new(cleaned.as_str()).as_str().chars().take(MAX_CHARS).collect::<String>(),
                cleaned.as_str().chars().take(MAX_CHARS).collect::<String>());
        }

        #[test]
        fn a_truncated_text_fits_its_columns(raw in any::<String>(), columns in 0usize..40) {
            let cleaned = CleanText::new(&raw);
            prop_assert!(width(&truncate(cleaned.as_str(), columns)) <= columns);
        }
    }
}
