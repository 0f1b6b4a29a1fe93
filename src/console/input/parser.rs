//! The bytes of the terminal as events: keys, pastes, and nothing else.
//!
//! It knows what keyboards send on the terminals since the VT100; what it does not know it drops whole, so that no
//! part of a strange sequence is taken for a key. It reads nothing itself, and gives no key a meaning. Its events are
//! crossterm's, its parser is not: that one belongs to crossterm's reader, which cannot be used here (see `events`).

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use zeroize::{Zeroize as _, Zeroizing};

const ESC: u8 = 0x1b;
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// The longest sequence that is waited for to its end.
const MAX_SEQUENCE_BYTES: usize = 64;

/// The most bytes kept of one paste. No field takes more than a fraction of it.
const MAX_PASTE_BYTES: usize = 16 * 1024;

/// What was read and is not an event yet: the head of a sequence or character, or a paste without its end. It may hold a
/// PIN, so it never grows, which would leave a copy behind, and is wiped as soon as it was told.
#[derive(Debug)]
pub(crate) struct Parser {
    buffer: Zeroizing<Vec<u8>>,
    is_pasting: bool,
}

/// What the bytes at the front came to.
enum ParsedPrefix {
    /// So many bytes are this event.
    Event(usize, Event),
    /// So many bytes are nothing we know.
    Unknown(usize),
    /// A paste begins behind so many bytes.
    PasteStart(usize),
    /// The end is not there yet.
    Incomplete,
}

impl Parser {
    pub(crate) fn new() -> Self {
        Self { buffer: Zeroizing::new(Vec::with_capacity(2 * MAX_PASTE_BYTES)), is_pasting: false }
    }

    /// Takes what was read in one go, at most [`MAX_PASTE`] bytes, and gives out the events in it.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<Event>) {
        self.buffer.extend_from_slice(bytes);
        let mut done = 0;
        while done < self.buffer.len() {
            if self.is_pasting {
                let Some(used) = self.parse_paste(done, out) else { break };
                done += used;
                continue;
            }
            match parse_prefix(&self.buffer[done..]) {
                ParsedPrefix::Event(used, event) => {
                    out.push(event);
                    done += used;
                }
                ParsedPrefix::Unknown(used) => done += used,
                ParsedPrefix::PasteStart(used) => {
                    self.is_pasting = true;
                    done += used;
                }
                ParsedPrefix::Incomplete => break,
            }
        }
        self.buffer.drain(..done);
        // What is done with lies behind the end now.
        self.buffer.spare_capacity_mut()[..done].zeroize();
    }

    /// Gives out a paste that is whole; of one that is not, no more is kept than is of use.
    fn parse_paste(&mut self, from: usize, out: &mut Vec<Event>) -> Option<usize> {
        let text = &self.buffer[from..];
        let Some(length) = text.windows(PASTE_END.len()).position(|part| part == PASTE_END) else {
            if text.len() > MAX_PASTE_BYTES {
                // The end of the mark may be here already.
                let tail = self.buffer.len() - PASTE_END.len();
                self.buffer.drain(from + MAX_PASTE_BYTES - PASTE_END.len()..tail);
            }
            return None;
        };
        self.is_pasting = false;
        out.push(Event::Paste(String::from_utf8_lossy(&text[..length]).into_owned()));
        Some(length + PASTE_END.len())
    }
}

fn parse_prefix(bytes: &[u8]) -> ParsedPrefix {
    match bytes {
        // Whether a lone Esc is a key or the head of one that was cut in two is the decoder's question.
        [ESC] | [ESC, ESC, ..] => key_event(1, KeyCode::Esc, KeyModifiers::NONE),
        [ESC, b'[', ..] => parse_csi(bytes),
        [] | [ESC, b'O'] => ParsedPrefix::Incomplete,
        // Enter on the number pad.
        [ESC, b'O', b'M', ..] => key_event(3, KeyCode::Enter, KeyModifiers::NONE),
        [ESC, b'O', last, ..] => parse_letter_key(3, *last, KeyModifiers::NONE),
        [ESC, rest @ ..] => match parse_char(rest) {
            ParsedPrefix::Event(used, Event::Key(event)) => {
                key_event(used + 1, event.code, event.modifiers | KeyModifiers::ALT)
            }
            ParsedPrefix::Event(used, _) | ParsedPrefix::Unknown(used) | ParsedPrefix::PasteStart(used) => {
                ParsedPrefix::Unknown(used + 1)
            }
            ParsedPrefix::Incomplete => ParsedPrefix::Incomplete,
        },
        _ => parse_char(bytes),
    }
}

fn key_event(used: usize, code: KeyCode, modifiers: KeyModifiers) -> ParsedPrefix {
    ParsedPrefix::Event(used, Event::Key(KeyEvent::new(code, modifiers)))
}

/// A control character, or one of any script.
fn parse_char(bytes: &[u8]) -> ParsedPrefix {
    let control = |base: u8| key_event(1, KeyCode::Char(char::from(bytes[0] + base)), KeyModifiers::CONTROL);
    match bytes[0] {
        b'\r' => key_event(1, KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => key_event(1, KeyCode::Tab, KeyModifiers::NONE),
        0x7f => key_event(1, KeyCode::Backspace, KeyModifiers::NONE),
        0x00 => key_event(1, KeyCode::Char(' '), KeyModifiers::CONTROL),
        0x01..=0x1a => control(b'a' - 1),
        0x1b..=0x1f => control(b'4' - 0x1c),
        first => {
            let length = match first {
                0x20..=0x7e => 1,
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return ParsedPrefix::Unknown(1),
            };
            let Some(whole) = bytes.get(..length) else { return ParsedPrefix::Incomplete };
            let Some(c) = std::str::from_utf8(whole).ok().and_then(|text| text.chars().next()) else {
                return ParsedPrefix::Unknown(1);
            };
            key_event(length, KeyCode::Char(c), if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE })
        }
    }
}

/// `ESC [`, parameters, and a final character.
fn parse_csi(bytes: &[u8]) -> ParsedPrefix {
    if bytes.starts_with(PASTE_START) {
        return ParsedPrefix::PasteStart(PASTE_START.len());
    }
    // The function keys of the Linux console.
    if let Some(b'[') = bytes.get(2) {
        return if bytes.len() > 3 { ParsedPrefix::Unknown(4) } else { ParsedPrefix::Incomplete };
    }
    let Some(end) = bytes[2..].iter().position(|byte| !matches!(byte, 0x20..=0x3f)).map(|at| at + 2) else {
        return if bytes.len() > MAX_SEQUENCE_BYTES {
            ParsedPrefix::Unknown(bytes.len())
        } else {
            ParsedPrefix::Incomplete
        };
    };
    let last = bytes[end];
    if !matches!(last, 0x40..=0x7e) {
        // Cut off in the middle by something else.
        return ParsedPrefix::Unknown(end);
    }
    let Some(parameters) = std::str::from_utf8(&bytes[2..end]).ok() else { return ParsedPrefix::Unknown(end + 1) };
    let mut parameters = parameters.split(';');
    let first = parameters.next().unwrap_or_default();
    let modifiers = match parameters.next().map(str::parse::<u8>) {
        None => KeyModifiers::NONE,
        Some(Ok(sum)) => parse_modifiers(sum),
        Some(Err(_)) => return ParsedPrefix::Unknown(end + 1),
    };
    let code = match (last, first) {
        (b'~', "1" | "7") => KeyCode::Home,
        (b'~', "4" | "8") => KeyCode::End,
        (b'~', "3") => KeyCode::Delete,
        (b'~', "5") => KeyCode::PageUp,
        (b'~', "6") => KeyCode::PageDown,
        (b'Z', "") => return key_event(end + 1, KeyCode::BackTab, KeyModifiers::SHIFT),
        (_, "" | "1") => return parse_letter_key(end + 1, last, modifiers),
        _ => return ParsedPrefix::Unknown(end + 1),
    };
    key_event(end + 1, code, modifiers)
}

/// xterm's number for held keys.
fn parse_modifiers(sum: u8) -> KeyModifiers {
    let held = [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL), (8, KeyModifiers::META)];
    let bits = sum.saturating_sub(1);
    held.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, modifier)| modifier).collect()
}

/// The keys that have a letter.
fn parse_letter_key(used: usize, letter: u8, modifiers: KeyModifiers) -> ParsedPrefix {
    let code = match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        _ => return ParsedPrefix::Unknown(used),
    };
    key_event(used, code, modifiers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The events of bytes that come in these pieces.
    fn events(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        for piece in pieces {
            parser.feed(piece, &mut out);
        }
        out
    }

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    fn plain(code: KeyCode) -> Event {
        pressed(code, KeyModifiers::NONE)
    }

    fn chars(text: &str) -> Vec<Event> {
        text.chars().map(|c| plain(KeyCode::Char(c))).collect()
    }

    #[test]
    fn each_key_has_its_bytes() {
        let (ctrl, alt, shift) = (KeyModifiers::CONTROL, KeyModifiers::ALT, KeyModifiers::SHIFT);
        let keys: [(&[u8], Event); 28] = [
            (b"y", plain(KeyCode::Char('y'))),
            (b"Y", pressed(KeyCode::Char('Y'), shift)),
            ("\u{fc}".as_bytes(), plain(KeyCode::Char('\u{fc}'))),
            ("\u{1f35e}".as_bytes(), plain(KeyCode::Char('\u{1f35e}'))),
            (b"\r", plain(KeyCode::Enter)),
            (b"\x1bOM", plain(KeyCode::Enter)),
            (b"\n", pressed(KeyCode::Char('j'), ctrl)),
            (b"\t", plain(KeyCode::Tab)),
            (b"\x1b[Z", pressed(KeyCode::BackTab, shift)),
            (b"\x7f", plain(KeyCode::Backspace)),
            (b"\x08", pressed(KeyCode::Char('h'), ctrl)),
            (b"\x03", pressed(KeyCode::Char('c'), ctrl)),
            (b"\x1a", pressed(KeyCode::Char('z'), ctrl)),
            (b"\x1c", pressed(KeyCode::Char('4'), ctrl)),
            (b"\x00", pressed(KeyCode::Char(' '), ctrl)),
            (b"\x1b", plain(KeyCode::Esc)),
            (b"\x1by", pressed(KeyCode::Char('y'), alt)),
            (b"\x1b\r", pressed(KeyCode::Enter, alt)),
            (b"\x1b[A", plain(KeyCode::Up)),
            (b"\x1bOB", plain(KeyCode::Down)),
            (b"\x1b[1;5A", pressed(KeyCode::Up, ctrl)),
            (b"\x1b[1;3C", pressed(KeyCode::Right, alt)),
            (b"\x1b[H", plain(KeyCode::Home)),
            (b"\x1b[4~", plain(KeyCode::End)),
            (b"\x1b[3~", plain(KeyCode::Delete)),
            (b"\x1b[3;2~", pressed(KeyCode::Delete, shift)),
            (b"\x1b[5~", plain(KeyCode::PageUp)),
            (b"\x1b[6~", plain(KeyCode::PageDown)),
        ];
        for (bytes, event) in keys {
            assert_eq!(events(&[bytes]), [event], "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_known_is_dropped_whole() {
        let strange: [&[u8]; 12] = [
            b"\x1b[15~",
            b"\x1b[[A",
            b"\x1bOP",
            b"\x1b[24;80R",
            b"\x1b[?62;22c",
            b"\x1b[I",
            b"\x1b[<0;10;5M",
            b"\x1b[M",
            b"\x1b[201~",
            b"\x1b[>0q",
            b"\xff",
            b"\xc3\xc3",
        ];
        for bytes in strange {
            let followed = [bytes, b"q"].concat();
            assert_eq!(events(&[&followed]), chars("q"), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_paste_is_one_event_wherever_it_is_cut() {
        let bytes = b"a\x1b[200~409726\ny\x1b[A\x1b[201~b";
        let whole = [chars("a"), vec![Event::Paste("409726\ny\x1b[A".to_owned())], chars("b")].concat();
        assert_eq!(events(&[bytes]), whole);
        for at in 3..bytes.len() {
            assert_eq!(events(&[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
        }
    }

    #[test]
    fn an_endless_paste_keeps_its_head_and_ends_with_its_mark() {
        let mut pieces: Vec<&[u8]> = vec![b"\x1b[200~"];
        pieces.extend(std::iter::repeat_n([b'y'; 4096].as_slice(), 50));
        pieces.extend([b"\x1b[2".as_slice(), b"01~", b"q"]);
        let events = events(&pieces);
        assert!(matches!(&events[..], [Event::Paste(text), _] if (8_000..=2 * MAX_PASTE_BYTES).contains(&text.len())));
        assert_eq!(events[1..], chars("q"));
    }

    #[test]
    fn two_escapes_are_two() {
        assert_eq!(events(&[b"\x1b\x1b"]), [plain(KeyCode::Esc), plain(KeyCode::Esc)]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_are_kept_for_ever(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..50)) {
            let (mut parser, mut out) = (Parser::new(), Vec::new());
            for piece in &pieces {
                parser.feed(piece, &mut out);
                prop_assert!(parser.buffer.len() <= MAX_PASTE_BYTES + 200);
            }
        }
    }
}
