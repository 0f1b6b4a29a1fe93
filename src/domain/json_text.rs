//! Writes JSON that keeps strings from outside exactly, and still gives a terminal no control character.
//!
//! It reads no JSON: any parser does.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::domain::text::needs_escape;

/// The version of every JSON object that pindesk writes for scripts.
pub const SCHEMA_VERSION: u8 = 1;

/// Writes an object as JSON on one line, without a line end. Characters that control a terminal, change the reading
/// direction or are invisible are escaped, so that a parser gets the original and a terminal does not.
///
/// # Errors
/// If the writer fails, or the object cannot be JSON.
pub fn write_json(out: impl Write, object: &impl Serialize) -> serde_json::Result<()> {
    object.serialize(&mut Serializer::with_formatter(out, EscapingFormatter))
}

/// The same as a string.
///
/// # Errors
/// If the object cannot be JSON.
pub fn json_text(object: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    write_json(&mut bytes, object)?;
    // The formatter writes complete strings.
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

/// The compact format of `serde_json`, with more characters escaped.
struct EscapingFormatter;

impl Formatter for EscapingFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((start, c)) = rest.char_indices().find(|(_, c)| needs_escape(*c)) {
            writer.write_all(&rest.as_bytes()[..start])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[start + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_a_string_exactly_and_prints_no_control() {
        let text = "a\u{1b}[2J\u{7f}\u{9b}\u{202e}b\u{200b}\u{e0041}\"\\\n é 株";
        let line = json_text(&[text]).expect("a string");
        assert_eq!(line, r#"["a\u001b[2J\u007f\u009b\u202eb\u200b\udb40\udc41\"\\\n é 株"]"#);
        assert_eq!(serde_json::from_str::<Vec<String>>(&line).expect("JSON"), [text]);
    }
}
