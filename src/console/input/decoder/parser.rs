//! The first half of the decoder: parses the terminal's bytes into keys and marked pastes.
//!
//! It knows the sequences that terminals since the VT100 send for keys. It drops any other sequence completely,
//! whatever that contains, so that no part of it counts as a key. It does not detect pastes without marks.
//!
//! It does not use the crate `vte`, which parses what programs send to a terminal. Keys need another grammar: to `vte`
//! (0.15), two escapes are one, `ESC O p` (keypad 0) ends with the letter `p`, `ESC [ [ A` (F1) with the letter `A`, a
//! control character inside a sequence counts, and `ESC \` after a string looks like Alt and `\`. It does not tell
//! whether a sequence is unfinished, which an Esc needs, and it does not wipe what it holds.

use std::time::{Duration, Instant};

use zeroize::{Zeroize as _, Zeroizing};

use super::paste::BURST_WINDOW;
use super::{InputEvent, PastedText};
use crate::console::input::key::Key;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const PASTE_END: &[u8] = b"\x1b[201~";

/// More bytes than any key has. Of a longer sequence only the end is kept.
const MAX_SEQUENCE_BYTES: usize = 32;

/// The maximum size of a paste; the rest is dropped. No field accepts more than a fraction of it.
pub(super) const MAX_PASTE_BYTES: usize = 16 * 1024;

/// Holds the bytes of an unfinished sequence or character, and of a paste without its end. They may contain a PIN, so
/// they are wiped, and their buffers never grow: growing would leave a copy in memory.
pub(super) struct Parser {
    timeout: Duration,
    held: Zeroizing<Vec<u8>>,
    /// When the first and the last of the held bytes arrived.
    held_at: Option<(Instant, Instant)>,
    paste: Option<MarkedPaste>,
    /// When the last key was dropped that came at once with an Esc. What follows it at once was typed with it, and would
    /// run as commands without its start.
    dropped_at: Option<Instant>,
}

/// What bytes mean together.
enum Meaning {
    Key(Key),
    PasteStart,
    /// A complete sequence that is not a key.
    Nothing,
    Incomplete,
    /// The last byte starts something new; before it there was this key, or nothing.
    Interrupted(Option<Key>),
}

impl Parser {
    pub(super) fn new(timeout: Duration) -> Self {
        let held = Zeroizing::new(Vec::with_capacity(MAX_SEQUENCE_BYTES));
        Self { timeout, held, held_at: None, paste: None, dropped_at: None }
    }

    /// When an unfinished sequence ends, if no byte follows.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held_at.map(|(_, last)| last + self.timeout)
    }

    /// Parses bytes that arrived together, and appends the input: a key with the time of its first byte, a paste with
    /// that of its last.
    pub(super) fn feed(&mut self, bytes: &[u8], at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        if self.deadline().is_some_and(|deadline| deadline < at) {
            self.flush(out);
        }
        for byte in bytes {
            match &mut self.paste {
                Some(paste) => {
                    if paste.push(*byte) {
                        out.push((InputEvent::Paste(paste.text()), at));
                        self.paste = None;
                    }
                }
                None => self.feed_byte(*byte, at, out),
            }
        }
    }

    fn feed_byte(&mut self, byte: u8, at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        let is_dropped = byte != ESC
            && self.held.is_empty()
            && self.dropped_at.is_some_and(|last| at.saturating_duration_since(last) <= BURST_WINDOW);
        self.dropped_at = is_dropped.then_some(at);
        if is_dropped {
            return;
        }
        if self.held.len() == MAX_SEQUENCE_BYTES {
            // The start says what kind of sequence it is, and the end whether it is complete.
            self.held.remove(2);
        }
        self.held.push(byte);
        let mut since = self.held_at.map_or(at, |(first, _)| first);
        loop {
            match meaning(&self.held) {
                Meaning::Incomplete => {
                    self.held_at = Some((since, at));
                    return;
                }
                Meaning::Interrupted(key) => {
                    out.extend(key.map(|key| (InputEvent::Key(key), since)));
                    self.held.zeroize();
                    self.held.push(byte);
                    since = at;
                    continue;
                }
                Meaning::Key(key) => {
                    if matches!(self.held[..], [ESC, rest, ..] if !matches!(rest, b'[' | b'O')) {
                        self.dropped_at = Some(at);
                    }
                    out.push((InputEvent::Key(key), since));
                }
                Meaning::PasteStart => self.paste = Some(MarkedPaste::new()),
                Meaning::Nothing => {}
            }
            break;
        }
        self.held_at = None;
        self.held.zeroize();
    }

    /// Appends a held Esc, but drops an unfinished sequence: its characters, taken as keys, could do anything.
    pub(super) fn flush(&mut self, out: &mut Vec<(InputEvent, Instant)>) {
        let Some((since, _)) = self.held_at.take() else { return };
        // Alt and the letter that starts a string is Esc too.
        if matches!(self.held[..], [ESC]) || matches!(self.held[..], [ESC, letter] if starts_string(letter)) {
            out.push((InputEvent::Key(Key::Esc), since));
        }
        self.held.zeroize();
    }

    /// Drops what is unfinished: its end will not come.
    pub(super) fn reset(&mut self) {
        self.held_at = None;
        self.held.zeroize();
        self.paste = None;
    }
}

fn meaning(held: &[u8]) -> Meaning {
    match *held {
        [ESC] | [ESC, b'[' | b'O'] | [ESC, b'[', b'['] => Meaning::Incomplete,
        [ESC, ESC] => Meaning::Interrupted(Some(Key::Esc)),
        [ESC, b'[' | b'O', .., ESC] => Meaning::Interrupted(None),
        // A function key of the Linux console; a string of xterm.
        [ESC, b'[', b'[', _] | [ESC, b']', .., BEL] => Meaning::Nothing,
        [ESC, b'[', ref parameters @ .., last @ b'@'..=b'~'] => csi_key(parameters, last),
        [ESC, b'[', ..] | [ESC, b'O', .., b'0'..=b'9' | b';'] => Meaning::Incomplete,
        [ESC, b'O', ref parameters @ .., last] => keypad_key(parameters, last),
        [ESC, first, ref text @ ..] if starts_string(first) => {
            if text.ends_with(b"\x1b\\") {
                Meaning::Nothing
            } else {
                Meaning::Incomplete
            }
        }
        // Alt sends Esc and a character: the character is not a separate key.
        [ESC, ref rest @ ..] => match character(rest) {
            Meaning::Key(_) | Meaning::Nothing | Meaning::PasteStart => Meaning::Key(Key::Esc),
            Meaning::Incomplete => Meaning::Incomplete,
            Meaning::Interrupted(_) => Meaning::Interrupted(Some(Key::Esc)),
        },
        ref bytes => character(bytes),
    }
}

/// True for the letters that, after Esc, start a string up to `ESC \`: DCS, SOS, OSC, PM and APC.
const fn starts_string(letter: u8) -> bool {
    matches!(letter, b'P' | b'X' | b']' | b'^' | b'_')
}

/// A control character, or a character of any script.
fn character(bytes: &[u8]) -> Meaning {
    let key = match *bytes {
        [b'\r'] => Key::Enter,
        [b'\t'] => Key::Tab,
        [0x08 | 0x7f] => Key::Backspace,
        [0x00] => Key::Ctrl(' '),
        [control @ 0x01..=0x1a] => Key::Ctrl(char::from(control - 1 + b'a')),
        [control @ 0x1c..=0x1f] => Key::Ctrl(char::from(control - 0x1c + b'4')),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => match text.chars().next().filter(|c| !c.is_control()) {
                Some(c) => Key::Char(c),
                None => return Meaning::Nothing,
            },
            Err(error) if error.error_len().is_none() => return Meaning::Incomplete,
            Err(_) if bytes.len() == 1 => return Meaning::Nothing,
            Err(_) => return Meaning::Interrupted(None),
        },
    };
    Meaning::Key(key)
}

/// The key of `ESC [`, parameters, and a last character. A key with modifiers is another key, which has no meaning.
fn csi_key(parameters: &[u8], last: u8) -> Meaning {
    // The modifier parameter 1 is no modifier.
    let key = match (parameters.strip_suffix(b";1").unwrap_or(parameters), last) {
        (b"200", b'~') => return Meaning::PasteStart,
        (b"1" | b"7", b'~') => Key::Home,
        (b"4" | b"8", b'~') => Key::End,
        (b"3", b'~') => Key::Delete,
        (b"5", b'~') => Key::PageUp,
        (b"6", b'~') => Key::PageDown,
        (b"", b'Z') => Key::BackTab,
        (b"" | b"1", letter) => return cursor_key(letter),
        _ => return Meaning::Nothing,
    };
    Meaning::Key(key)
}

/// The key of `ESC O`, modifiers, and a letter: the numeric keypad and the cursor keys in application mode.
fn keypad_key(modifiers: &[u8], letter: u8) -> Meaning {
    match letter {
        _ if !modifiers.is_empty() => Meaning::Nothing,
        // Tab, Enter, the operators and the digits are the letter without one bit.
        b'I' | b'M' | b'j'..=b'y' => character(&[letter - 0x40]),
        b'X' => Meaning::Key(Key::Char('=')),
        b' ' => Meaning::Key(Key::Char(' ')),
        _ => cursor_key(letter),
    }
}

const fn cursor_key(letter: u8) -> Meaning {
    let key = match letter {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        _ => return Meaning::Nothing,
    };
    Meaning::Key(key)
}

/// A paste between its marks. It has no deadline: its rest, taken as keys, could do anything.
struct MarkedPaste {
    bytes: Zeroizing<Vec<u8>>,
}

impl MarkedPaste {
    fn new() -> Self {
        let bytes = Vec::with_capacity(MAX_PASTE_BYTES + PASTE_END.len());
        Self { bytes: Zeroizing::new(bytes) }
    }

    /// Adds a byte. True if it completes the end mark.
    fn push(&mut self, byte: u8) -> bool {
        if self.bytes.len() == MAX_PASTE_BYTES + PASTE_END.len() {
            // The last bytes may be the start of the end mark.
            self.bytes.remove(MAX_PASTE_BYTES);
        }
        self.bytes.push(byte);
        self.bytes.ends_with(PASTE_END)
    }

    /// The text before the end mark.
    fn text(&self) -> PastedText {
        let bytes = self.bytes.strip_suffix(PASTE_END).unwrap_or(&self.bytes);
        // No character is longer than the replacement of each of its bytes.
        let mut text = String::with_capacity(bytes.len() * char::REPLACEMENT_CHARACTER.len_utf8());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        PastedText::new(text)
    }
}
