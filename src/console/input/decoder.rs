//! Turns the terminal's bytes into keys and pastes. The caller passes the time in.
//!
//! It handles what terminals and connections do to keys: escape sequences split in two, Alt that is really Esc and a
//! letter, pastes from terminals that do not mark them. It does not read the terminal, does not wait, and knows neither
//! pages nor actions. If it is not sure it drops a key: an operator presses a missing key again, but a key that no
//! operator pressed could confirm something.

mod parser;
mod paste;

use std::fmt;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use self::parser::{MAX_PASTE_BYTES, Parser};
pub(in crate::console) use self::paste::BURST_WINDOW;
use self::paste::{MAX_BURST_BYTES, PasteDetector};
use crate::console::input::key::Key;

/// How long an Esc is held, because it may be the start of a split escape sequence.
pub const ESC_TIMEOUT: Duration = Duration::from_millis(60);

/// The same over SSH, where the parts of a sequence can arrive in separate packets.
pub const ESC_TIMEOUT_OVER_SSH: Duration = Duration::from_millis(150);

/// A pasted text as it arrived, neither cleaned nor truncated. It may contain a PIN, so it is wiped on drop and `Debug`
/// does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct PastedText(Zeroizing<String>);

impl PastedText {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, which may contain a PIN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PastedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PastedText({} bytes)", self.0.len())
    }
}

/// One input from the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputEvent {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted: the terminal marked it, or it arrived faster than anyone types.
    Paste(PastedText),
}

/// True for a pasted text as long as the decoder keeps: its end may have been dropped.
#[must_use]
pub const fn may_be_cut_off(text: &str) -> bool {
    // A character that no longer fits leaves up to three bytes free.
    let longest = if text.len() > MAX_BURST_BYTES { MAX_PASTE_BYTES } else { MAX_BURST_BYTES };
    text.len() + 3 >= longest
}

/// Turns bytes into input. The console uses one for its whole life.
pub struct Decoder {
    parser: Parser,
    paste: PasteDetector,
}

impl Decoder {
    /// Creates a decoder that holds an Esc, or the last byte of an unfinished sequence, for `esc_timeout`:
    /// [`ESC_TIMEOUT`] or [`ESC_TIMEOUT_OVER_SSH`].
    #[must_use]
    pub fn new(esc_timeout: Duration) -> Self {
        Self { parser: Parser::new(esc_timeout), paste: PasteDetector::new() }
    }

    /// In strict mode two keys at once are already a paste.
    pub fn set_strict_mode(&mut self, is_strict: bool) {
        self.paste.set_strict(is_strict);
    }

    /// Drops a paste or a sequence without its end: another program has read what followed.
    pub fn reset(&mut self) {
        self.parser.reset();
        self.paste.reset();
    }

    /// When [`Decoder::expire`] has input to return, if no byte arrives before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.parser.deadline().into_iter().chain(self.paste.deadline()).min()
    }

    /// Appends the input whose deadline has passed.
    pub fn expire(&mut self, now: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        if self.paste.deadline().is_some_and(|deadline| deadline <= now) {
            self.paste.flush(out);
        }
        if self.parser.deadline().is_some_and(|deadline| deadline <= now) {
            // The Esc came after the burst, otherwise it would have ended the burst.
            self.paste.flush(out);
            self.parser.flush(out);
        }
    }

    /// Decodes the bytes of all pending reads, each with the time it arrived, and appends input with the
    /// same times: a key with that of its first byte, a paste with that of its last.
    ///
    /// `is_exempt` returns true for keys that operators legitimately type ahead in the current mode, so that they do
    /// not count towards a paste: motions in a list, digits in a PIN form.
    pub fn feed(
        &mut self,
        reads: impl IntoIterator<Item = (impl AsRef<[u8]>, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(InputEvent, Instant)>,
    ) {
        let mut inputs = Vec::new();
        for (bytes, at) in reads {
            self.parser.feed(bytes.as_ref(), at, &mut inputs);
        }
        self.paste.feed(inputs, is_exempt, out);
    }
}

#[cfg(test)]
mod tests;
