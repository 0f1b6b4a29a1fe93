//! The first half of the decoder: maps events to keys, and joins escape sequences that arrived in parts.
//!
//! It does not detect pastes without marks.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{InputEvent, PastedText};
use crate::console::input::key::Key;

/// The maximum length of the sequence after an Esc. No key is longer, and a longer one must not swallow all later keys.
const MAX_ESCAPE_SEQUENCE: usize = 16;

/// An Esc that may be the start of a key, and the characters that followed it.
#[derive(Debug)]
struct PendingEscape {
    pressed_at: Instant,
    last_byte_at: Instant,
    sequence: String,
}

/// Maps events to input and holds an Esc until its sequence is complete or its timeout has passed.
#[derive(Debug)]
pub(super) struct EscapeReassembler {
    timeout: Duration,
    pending: Option<PendingEscape>,
}

impl EscapeReassembler {
    pub(super) const fn new(timeout: Duration) -> Self {
        Self { timeout, pending: None }
    }

    /// When the held Esc is complete, if nothing follows it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.last_byte_at + self.timeout)
    }

    /// Maps one event to input.
    pub(super) fn feed(&mut self, event: Event, at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        if self.deadline().is_some_and(|deadline| deadline < at) {
            self.flush(out);
        }
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => {}
            Event::Key(key) => self.feed_key(key, at, out),
            Event::Paste(text) => {
                self.flush(out);
                out.push((InputEvent::Paste(PastedText::new(text)), at));
            }
            Event::Resize(..) => out.push((InputEvent::Resized, at)),
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) => {}
        }
    }

    fn feed_key(&mut self, event: KeyEvent, at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        let Some(mut pending) = self.pending.take() else {
            self.decode_key(event, at, out);
            return;
        };
        if let Some(c) = typed_char(event).filter(|c| continues_sequence(&pending.sequence, *c)) {
            pending.sequence.push(c);
            pending.last_byte_at = at;
            match match_sequence(&pending.sequence) {
                SequenceMatch::Partial => self.pending = Some(pending),
                SequenceMatch::Key(key) => out.push((InputEvent::Key(key), at)),
                // The paste detector appends the text that follows.
                SequenceMatch::PasteStart => out.push((InputEvent::Paste(PastedText::new(String::new())), at)),
                SequenceMatch::Unknown => {}
            }
            return;
        }
        let is_bare = pending.sequence.is_empty();
        if is_bare {
            out.push((InputEvent::Key(Key::Esc), pending.pressed_at));
        }
        // Alt sends Esc and a byte at once: the byte is not a separate key.
        if !(is_bare && is_single_char(event)) {
            self.decode_key(event, at, out);
        }
    }

    fn decode_key(&mut self, event: KeyEvent, at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        match to_key(event) {
            Some(Key::Esc) => {
                self.pending = Some(PendingEscape { pressed_at: at, last_byte_at: at, sequence: String::new() });
            }
            Some(key) => out.push((InputEvent::Key(key), at)),
            // Alt and a letter in one read is also Esc and the letter.
            None if event.modifiers.contains(KeyModifiers::ALT) && is_single_char(event) => {
                out.push((InputEvent::Key(Key::Esc), at));
            }
            None => {}
        }
    }

    /// Appends a held Esc, but drops a partial sequence: its characters, taken as keys, could do anything.
    pub(super) fn flush(&mut self, out: &mut Vec<(InputEvent, Instant)>) {
        if let Some(pending) = self.pending.take().filter(|pending| pending.sequence.is_empty()) {
            out.push((InputEvent::Key(Key::Esc), pending.pressed_at));
        }
    }
}

/// The key of a single event. Modifiers must match exactly.
fn to_key(event: KeyEvent) -> Option<Key> {
    if let KeyCode::Char(c) = event.code {
        return match event.modifiers {
            KeyModifiers::NONE | KeyModifiers::SHIFT => Some(Key::Char(c)).filter(|_| !c.is_control()),
            KeyModifiers::CONTROL if c == 'h' => Some(Key::Backspace),
            KeyModifiers::CONTROL => Some(Key::Ctrl(c)),
            _ => None,
        };
    }
    let is_shift_tab = event.code == KeyCode::BackTab && event.modifiers == KeyModifiers::SHIFT;
    if !event.modifiers.is_empty() && !is_shift_tab {
        return None;
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm has many keys, and pindesk ignores those not named")]
    match event.code {
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Esc),
        KeyCode::Tab => Some(Key::Tab),
        KeyCode::BackTab => Some(Key::BackTab),
        KeyCode::Backspace => Some(Key::Backspace),
        KeyCode::Delete => Some(Key::Delete),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown => Some(Key::PageDown),
        _ => None,
    }
}

/// The character of an event that is only a character.
fn typed_char(event: KeyEvent) -> Option<char> {
    match (event.code, event.modifiers) {
        (KeyCode::Char(c), KeyModifiers::NONE | KeyModifiers::SHIFT) => Some(c),
        _ => None,
    }
}

/// True for keys that are sent as one byte (or one character), so that an Esc directly before them means Alt. It is
/// false for Esc: two of them are two keys.
fn is_single_char(event: KeyEvent) -> bool {
    matches!(event.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace)
}

/// True if `c` can be the next character of an escape sequence.
fn continues_sequence(sequence: &str, c: char) -> bool {
    match sequence.chars().next() {
        None => matches!(c, '[' | 'O'),
        Some(_) => c.is_ascii_graphic(),
    }
}

/// What the characters after an Esc mean.
enum SequenceMatch {
    Partial,
    Key(Key),
    PasteStart,
    Unknown,
}

fn match_sequence(sequence: &str) -> SequenceMatch {
    let key = match sequence {
        // `[[` starts the function keys of the Linux console.
        "[" | "O" | "[[" => return SequenceMatch::Partial,
        "[A" | "OA" => Key::Up,
        "[B" | "OB" => Key::Down,
        "[C" | "OC" => Key::Right,
        "[D" | "OD" => Key::Left,
        "[H" | "OH" | "[1~" | "[7~" => Key::Home,
        "[F" | "OF" | "[4~" | "[8~" => Key::End,
        "[3~" => Key::Delete,
        "[5~" => Key::PageUp,
        "[6~" => Key::PageDown,
        "[Z" => Key::BackTab,
        "[200~" => return SequenceMatch::PasteStart,
        longer => {
            // Parameters continue until a final character.
            let is_open = longer.ends_with(|c| matches!(c, '\x20'..='\x3f'));
            return if is_open && longer.len() < MAX_ESCAPE_SEQUENCE {
                SequenceMatch::Partial
            } else {
                SequenceMatch::Unknown
            };
        }
    };
    SequenceMatch::Key(key)
}
