//! Parses the terminal's bytes into events: keys and pastes.
//!
//! It knows the key sequences of terminals since the VT100. It drops an unknown sequence completely, so that no part of
//! it counts as a key. It does not read the terminal, and does not know what a key does. It uses crossterm's event
//! types but not crossterm's parser, which cannot be used without crossterm's reader (see `event_reader`).

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use zeroize::{Zeroize as _, Zeroizing};

const ESC: u8 = 0x1b;
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// The maximum length of an incomplete sequence. A longer one is dropped.
const MAX_SEQUENCE_BYTES: usize = 64;

/// The maximum size of a paste; the rest is dropped. No field accepts more than a fraction of it.
const MAX_PASTE_BYTES: usize = 16 * 1024;

/// Holds bytes that are not an event yet: the start of a sequence or character, or a paste without its end. They may
/// contain a PIN, so the buffer never grows (growing would leave a copy in memory) and parsed bytes are wiped at once.
#[derive(Debug)]
pub(crate) struct Parser {
    buffer: Zeroizing<Vec<u8>>,
    is_pasting: bool,
}

/// The meaning of the first bytes. The number is how many bytes it covers.
enum ParsedPrefix {
    /// An event.
    Event(usize, Event),
    /// An unknown sequence.
    Unknown(usize),
    /// The start mark of a paste.
    PasteStart(usize),
    /// More bytes are needed.
    Incomplete,
}

impl Parser {
    pub(crate) fn new() -> Self {
        Self { buffer: Zeroizing::new(Vec::with_capacity(2 * MAX_PASTE_BYTES)), is_pasting: false }
    }

    /// Parses the bytes of one read, at most [`MAX_PASTE_BYTES`], and appends their events.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<Event>) {
        self.buffer.extend_from_slice(bytes);
        let mut parsed = 0;
        while parsed < self.buffer.len() {
            if self.is_pasting {
                let Some(used) = self.parse_paste(parsed, out) else { break };
                parsed += used;
                continue;
            }
            match parse_prefix(&self.buffer[parsed..]) {
                ParsedPrefix::Event(used, event) => {
                    out.push(event);
                    parsed += used;
                }
                ParsedPrefix::Unknown(used) => parsed += used,
                ParsedPrefix::PasteStart(used) => {
                    self.is_pasting = true;
                    parsed += used;
                }
                ParsedPrefix::Incomplete => break,
            }
        }
        self.buffer.drain(..parsed);
        // `drain` left the parsed bytes in the spare capacity.
        self.buffer.spare_capacity_mut()[..parsed].zeroize();
    }

    /// Appends a complete paste. Truncates an incomplete one that is too long.
    fn parse_paste(&mut self, from: usize, out: &mut Vec<Event>) -> Option<usize> {
        let text = &self.buffer[from..];
        let Some(length) = text.windows(PASTE_END.len()).position(|part| part == PASTE_END) else {
            if text.len() > MAX_PASTE_BYTES {
                // The last bytes may be the start of the end mark.
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
        // The decoder decides whether a lone Esc is a key or the start of a split sequence.
        [ESC] | [ESC, ESC, ..] => key_event(1, KeyCode::Esc, KeyModifiers::NONE),
        [ESC, b'[', ..] => parse_csi(bytes),
        [] | [ESC, b'O'] => ParsedPrefix::Incomplete,
        // Enter on the numeric keypad.
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

/// A control character, or a character of any script.
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
            let Some(encoded) = bytes.get(..length) else { return ParsedPrefix::Incomplete };
            let Some(c) = std::str::from_utf8(encoded).ok().and_then(|text| text.chars().next()) else {
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
        // Another sequence interrupted it.
        return ParsedPrefix::Unknown(end);
    }
    let Some(parameters) = std::str::from_utf8(&bytes[2..end]).ok() else { return ParsedPrefix::Unknown(end + 1) };
    let mut parameters = parameters.split(';');
    let first = parameters.next().unwrap_or_default();
    let modifiers = match parameters.next().map(str::parse::<u8>) {
        None => KeyModifiers::NONE,
        Some(Ok(parameter)) => parse_modifiers(parameter),
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

/// The modifiers of xterm's parameter: 1 plus the sum of their bits.
fn parse_modifiers(parameter: u8) -> KeyModifiers {
    let all = [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL), (8, KeyModifiers::META)];
    let bits = parameter.saturating_sub(1);
    all.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, modifier)| modifier).collect()
}

/// The keys whose sequence ends with a letter.
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

    /// The events of bytes that arrive in these pieces.
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
    fn each_key_is_parsed_from_its_bytes() {
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
    fn unknown_sequences_are_dropped_completely() {
        let unknown: [&[u8]; 12] = [
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
        for bytes in unknown {
            let input = [bytes, b"q"].concat();
            assert_eq!(events(&[&input]), chars("q"), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_paste_is_one_event_wherever_it_is_split() {
        let bytes = b"a\x1b[200~409726\ny\x1b[A\x1b[201~b";
        let expected = [chars("a"), vec![Event::Paste("409726\ny\x1b[A".to_owned())], chars("b")].concat();
        assert_eq!(events(&[bytes]), expected);
        for at in 3..bytes.len() {
            assert_eq!(events(&[&bytes[..at], &bytes[at..]]), expected, "split at {at}");
        }
    }

    #[test]
    fn an_endless_paste_is_truncated_and_ends_with_its_mark() {
        let mut pieces: Vec<&[u8]> = vec![b"\x1b[200~"];
        pieces.extend(std::iter::repeat_n([b'y'; 4096].as_slice(), 50));
        pieces.extend([b"\x1b[2".as_slice(), b"01~", b"q"]);
        let events = events(&pieces);
        assert!(matches!(&events[..], [Event::Paste(text), _] if (8_000..=2 * MAX_PASTE_BYTES).contains(&text.len())));
        assert_eq!(events[1..], chars("q"));
    }

    #[test]
    fn two_escapes_are_two_keys() {
        assert_eq!(events(&[b"\x1b\x1b"]), [plain(KeyCode::Esc), plain(KeyCode::Esc)]);
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic_or_stay_in_the_buffer(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..50),
        ) {
            let (mut parser, mut out) = (Parser::new(), Vec::new());
            for piece in &pieces {
                parser.feed(piece, &mut out);
                prop_assert!(parser.buffer.len() <= MAX_PASTE_BYTES + 200);
            }
        }
    }
}
