//! Passes on what a token command writes to its standard error: cleaned, as it comes, and not without end.
//!
//! A prompt has no line end, so nothing waits for one. Control characters become visible escapes: the program may show
//! what a server sent. It keeps nothing.

use std::io::{self, Read as _, Write};
use std::process::ChildStderr;

use crate::domain::text::CleanText;

/// As much as a person reads.
const MAX_MESSAGE_BYTES: usize = 8 << 10;

/// The standard error of the program.
#[derive(Debug)]
pub(super) struct MessageRelay {
    /// `None` after its end.
    pipe: Option<ChildStderr>,
    cleaner: MessageCleaner,
}

impl MessageRelay {
    pub(super) fn new(pipe: Option<ChildStderr>) -> Self {
        Self { pipe, cleaner: MessageCleaner::default() }
    }

    pub(super) const fn pipe(&self) -> Option<&ChildStderr> {
        self.pipe.as_ref()
    }

    /// Reads once, and writes that to `out`. Messages that cannot be read or written are lost: the token matters more.
    pub(super) fn forward(&mut self, out: &mut impl Write) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut chunk = [0; 1_024];
        match pipe.read(&mut chunk) {
            Ok(0) => self.pipe = None,
            Ok(len) => {
                let text = self.cleaner.clean(&chunk[..len]);
                out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.pipe = None,
        }
    }

    /// Ends the line if the program left it open, so that no other message begins in it.
    pub(super) fn end_line(&mut self, out: &mut impl Write) {
        if self.cleaner.is_in_line {
            self.cleaner.is_in_line = false;
            out.write_all(b"\n").ok();
        }
    }
}

/// Cleans a stream of bytes.
#[derive(Debug, Default)]
struct MessageCleaner {
    /// The start of a character whose end has not come yet.
    pending: Vec<u8>,
    shown: usize,
    is_in_line: bool,
}

impl MessageCleaner {
    fn clean(&mut self, bytes: &[u8]) -> String {
        if self.shown > MAX_MESSAGE_BYTES {
            return String::new();
        }
        self.pending.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.pending) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Ok(_) | Err(_) => self.pending.len(),
        };
        let rest = self.pending.split_off(whole);
        let whole = std::mem::replace(&mut self.pending, rest);
        let room = MAX_MESSAGE_BYTES - self.shown;
        self.shown += whole.len();
        let text = String::from_utf8_lossy(&whole[..whole.len().min(room)]).replace("\r\n", "\n");
        // Each line by itself: a line end is the only control character that is passed on.
        let lines: Vec<String> = text.split('\n').map(clean_line).collect();
        let mut text = lines.join("\n");
        if self.shown > MAX_MESSAGE_BYTES {
            text.push_str("…\npindesk: token_command wrote more messages, which are not shown.\n");
        }
        self.is_in_line = text.chars().last().map_or(self.is_in_line, |last| last != '\n');
        text
    }
}

/// Cleans a text of any length.
fn clean_line(line: &str) -> String {
    const PART_CHARS: usize = 500;
    let mut chars = line.chars().peekable();
    let mut out = String::with_capacity(line.len());
    while chars.peek().is_some() {
        let part: String = chars.by_ref().take(PART_CHARS).collect();
        out.push_str(CleanText::new(&part).as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(chunks: &[&[u8]]) -> String {
        let mut cleaner = MessageCleaner::default();
        chunks.iter().map(|chunk| cleaner.clean(chunk)).collect()
    }

    #[test]
    fn messages_are_cleaned_as_they_come() {
        let cases: [(&[&[u8]], &str); 6] = [
            (&[b"Passphrase: "], "Passphrase: "),
            (&[b"one\r\ntwo\n"], "one\ntwo\n"),
            (&[b"\x1b]0;title\x07\x1b[2J\rgone"], "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\rgone"),
            (&["\u{202e}txt\u{e0041}".as_bytes()], "\\u{202e}txt\\u{e0041}"),
            (&[b"caf\xc3", b"\xa9\n"], "café\n"),
            (&[b"a\xffb"], "a\u{fffd}b"),
        ];
        for (chunks, expected) in cases {
            assert_eq!(cleaned(chunks), expected, "{chunks:?}");
        }
    }

    #[test]
    fn no_more_is_shown_than_a_person_reads() {
        let chunk = [b'x'; 1_000];
        let shown = cleaned(&[&chunk[..]; 20]);
        let expected =
            "x".repeat(MAX_MESSAGE_BYTES) + "…\npindesk: token_command wrote more messages, which are not shown.\n";
        assert_eq!(shown, expected);
    }
}
