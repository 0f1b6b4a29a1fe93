//! Locations in the config file, with the line as messages can show it.
//!
//! Operators paste tokens and PINs into config files by mistake. So a message shows a value only if its key never holds
//! a secret and the value does not look like one. This module does not parse TOML.

use std::ops::Range;
use std::path::Path;

use crate::domain::text::{self, CleanText};

/// Keys whose values messages show. [`RedactionRule::KeyBinding`] covers those of `[keys]`.
const SHOWN_KEYS: [&str; 16] = [
    "default_profile",
    "live",
    "graph_url",
    "graph_version",
    "business",
    "discover_through_gateway",
    "read_only",
    "concurrency",
    "id",
    "name",
    "rotate_after",
    "glyphs",
    "show_pin",
    "suspend",
    "bell",
    "hide_after",
];

/// Keys whose values messages show if they are paths. Any other value may be the secret itself.
const PATH_KEYS: [&str; 4] = ["token_file", "app_secret_file", "ca_file", "recipients_file"];

/// pindesk treats longer words of letters and digits as a token: a Meta app secret has 32, an access token more.
const MAX_SHOWN_WORD_BYTES: usize = 19;

/// pindesk treats longer keys as pasted text. Its own keys have 15 characters at most.
const MAX_SHOWN_KEY_BYTES: usize = 24;

/// Messages cut a line that is wider.
const MAX_LINE_COLUMNS: usize = 160;

/// The text of the file, with its path and the home directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigText<'t> {
    pub(crate) path: &'t Path,
    pub(crate) text: &'t str,
    /// The directory that `~/` means.
    pub(crate) home: Option<&'t Path>,
}

/// How to decide whether a value is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedactionRule {
    /// By the name of its key.
    ByKey,
    /// The value is in `[keys]`, so it is the name of a key on the keyboard.
    KeyBinding,
}

/// A location in the config file, ready for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigLocation {
    pub(crate) file: CleanText,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) redacted_line: CleanText,
    /// Columns before the caret.
    pub(crate) caret_column: usize,
    pub(crate) caret_width: usize,
}

impl ConfigText<'_> {
    /// Locates the bytes of `span`: file, line, column, and the line with its secrets redacted.
    pub(crate) fn location(&self, span: &Range<usize>, rule: RedactionRule) -> ConfigLocation {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let start_in_line = (start - line_start).min(line.len());
        let end_in_line =
            line.floor_char_boundary((span.end.max(start) - line_start).min(line.len())).max(start_in_line);

        let visible = visible_part(line, rule);
        let columns = |text: &str| text::width(CleanText::new(text).as_str());
        let shown = match visible {
            VisiblePart::Whole(end) => line[..end].trim_end().to_owned(),
            VisiblePart::RedactedAfter(end) => format!("{}…", &line[..end]),
        };
        let (VisiblePart::Whole(end) | VisiblePart::RedactedAfter(end)) = visible;
        let caret_start = columns(&line[..start_in_line.min(end)]).min(MAX_LINE_COLUMNS - 1);
        let caret_end = columns(&line[..end_in_line.min(end)]).min(MAX_LINE_COLUMNS);
        ConfigLocation {
            file: CleanText::new(&self.path.to_string_lossy()),
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: line[..start_in_line].chars().count() + 1,
            redacted_line: CleanText::new(&text::truncate(CleanText::new(&shown).as_str(), MAX_LINE_COLUMNS)),
            caret_column: caret_start,
            caret_width: caret_end.saturating_sub(caret_start).max(1),
        }
    }
}

/// How much of a line a message shows, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VisiblePart {
    /// The line up to this byte. The rest is only a comment.
    Whole(usize),
    /// The line up to this byte. `…` replaces the rest.
    RedactedAfter(usize),
}

fn visible_part(line: &str, rule: RedactionRule) -> VisiblePart {
    let indent = line.len() - line.trim_start().len();
    let body = &line[indent..];
    if body.starts_with('[') {
        let end = indent + body.find(']').map_or(body.len(), |at| at + 1);
        let end = if line[end..].starts_with(']') { end + 1 } else { end };
        let name = line[indent..end].trim_matches(['[', ']']);
        return match (is_safe_name(name), is_blank_or_comment(&line[end..])) {
            (true, true) => VisiblePart::Whole(end),
            (true, false) => VisiblePart::RedactedAfter(end),
            (false, _) => VisiblePart::RedactedAfter(indent),
        };
    }
    let Some(equals) = line.find('=') else {
        let is_safe = is_blank_or_comment(body) || SHOWN_KEYS.contains(&body.trim());
        return if is_safe {
            VisiblePart::Whole(line.find('#').unwrap_or(line.len()))
        } else {
            VisiblePart::RedactedAfter(indent)
        };
    };
    let name = line[indent..equals].trim();
    if !is_safe_name(name) {
        return VisiblePart::RedactedAfter(indent);
    }
    let value_start = equals + 1 + (line[equals + 1..].len() - line[equals + 1..].trim_start().len());
    // A comment does not explain the error, and may hold anything.
    let value_end = line[value_start..].find('#').map_or(line.len(), |at| value_start + at);
    let key = name.rsplit('.').next().unwrap_or_default().trim_matches(['"', '\'', ' ']);
    if is_safe_value(key, line[value_start..value_end].trim(), rule) {
        VisiblePart::Whole(value_end)
    } else {
        VisiblePart::RedactedAfter(value_start)
    }
}

fn is_blank_or_comment(rest: &str) -> bool {
    rest.trim_start().is_empty() || rest.trim_start().starts_with('#')
}

/// True if a key or a table name cannot be a secret. The operator chooses the name of a profile, so it may be long.
fn is_safe_name(name: &str) -> bool {
    let mut segments = name.split('.').map(|segment| segment.trim().trim_matches(['"', '\'']));
    let mut limit = MAX_SHOWN_KEY_BYTES;
    segments.all(|segment| {
        let is_safe_segment = segment.len() <= limit && count_digits(segment) < crate::domain::pin::PIN_DIGITS;
        limit = if segment == "profile" { 2 * MAX_SHOWN_KEY_BYTES } else { MAX_SHOWN_KEY_BYTES };
        is_safe_segment
    })
}

fn is_safe_value(key: &str, value: &str, rule: RedactionRule) -> bool {
    let may_hold_user_or_query = value.contains(['@', '?', '&', '=']);
    let has_long_word = value
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word.len() > MAX_SHOWN_WORD_BYTES && !word.bytes().all(|byte| byte.is_ascii_digit()));
    let has_pin = value.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() == crate::domain::pin::PIN_DIGITS);
    let is_path = value.trim_start_matches(['"', '\'']).starts_with(['/', '~']);
    let is_shown_key = match rule {
        RedactionRule::ByKey => SHOWN_KEYS.contains(&key) || (PATH_KEYS.contains(&key) && is_path),
        RedactionRule::KeyBinding => value.len() <= MAX_SHOWN_KEY_BYTES,
    };
    let is_binding = rule == RedactionRule::KeyBinding;
    is_shown_key && !has_long_word && (key == "id" || !has_pin) && (is_binding || !may_hold_user_or_query)
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// True if a message can show an unknown key.
pub(crate) fn is_safe_key(key: &str) -> bool {
    is_safe_name(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let source = ConfigText { path: Path::new("c.toml"), text: line, home: None };
        source.location(&(0..0), RedactionRule::ByKey).redacted_line.as_str().to_owned()
    }

    #[test]
    fn a_value_that_may_be_a_secret_is_redacted() {
        let token = "EAAJZCkXz9fakeTokenFakeToken";
        let cases = [
            ("concurrency = 65 # more", "concurrency = 65"),
            ("  graph_url = \"http://example.org\"", "  graph_url = \"http://example.org\""),
            ("graph_url = \"https://ana:pw@example.org\"", "graph_url = …"),
            ("token = \"abc\"", "token = …"),
            ("token_file = \"/etc/pindesk/tokn\"", "token_file = \"/etc/pindesk/tokn\""),
            ("token_file = \"s3cret\"", "token_file = …"),
            ("name = 123456", "name = …"),
            ("id = 102290129340398", "id = 102290129340398"),
            ("recipients = [\"AGE-SECRET-KEY-1\"]", "recipients = …"),
            ("waba = [{ token = \"abc\" }]", "waba = …"),
            ("[profile.acme-production-europe-west]", "[profile.acme-production-europe-west]"),
            ("[profile.a] token = \"abc\"", "[profile.a]…"),
            ("123456 = 1", "…"),
            ("AGE-SECRET-KEY-1", "…"),
            ("read_only", "read_only"),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line), expected, "{line}");
        }
        for line in [
            token.to_owned(),
            format!("{token} = 1"),
            format!("[{token}]"),
            format!("[profile.{token}{token}]"),
            format!("name = \"{token}\""),
            format!("token_file = \"/{token}\""),
            format!("read_only = true # {token}"),
            format!("[\"{token}\"]"),
        ] {
            assert!(!shown(&line).contains(token), "{line}");
        }
    }

    #[test]
    fn locations_count_from_one_and_carets_use_display_width() {
        let text = "a = 1\nname = \"株\x1b\" x\n";
        let source = ConfigText { path: Path::new("c.toml"), text, home: None };
        let start = text.find('x').expect("it is there");
        let location = source.location(&(start..start + 1), RedactionRule::ByKey);
        assert_eq!((location.line, location.column), (2, 13));
        assert_eq!(location.redacted_line.as_str(), "name = \"株\\u{1b}\" x");
        assert_eq!((location.caret_column, location.caret_width), (18, 1));
    }

    proptest::proptest! {
        #[test]
        fn any_span_has_a_location(text in "[\\PC\n\r=\\[\\]#]{0,60}", start in 0usize..80, length in 0usize..80) {
            let source = ConfigText { path: Path::new("c.toml"), text: &text, home: None };
            let location = source.location(&(start..start + length), RedactionRule::ByKey);
            proptest::prop_assert!(location.line >= 1 && location.column >= 1 && location.caret_width >= 1);
        }
    }
}
