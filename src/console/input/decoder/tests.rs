//! Unit tests of the decoder: keys as terminals send them, split keys, pastes, and noise.

use super::parser::MAX_PASTE_BYTES;
use super::paste::MAX_BURST_BYTES;
use super::*;

mod properties;

/// A decoder with its own clock, in milliseconds.
struct Fixture {
    decoder: Decoder,
    start: Instant,
}

impl Fixture {
    fn new() -> Self {
        Self { decoder: Decoder::new(ESC_TIMEOUT), start: Instant::now() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Feeds reads that wait together, each of its millisecond, and returns the input.
    fn feed<B: AsRef<[u8]>>(
        &mut self,
        reads: impl IntoIterator<Item = (u64, B)>,
        is_exempt: fn(Key) -> bool,
    ) -> Vec<InputEvent> {
        let mut out = Vec::new();
        let reads: Vec<_> = reads.into_iter().map(|(ms, bytes)| (bytes, self.at(ms))).collect();
        self.decoder.feed(reads, is_exempt, &mut out);
        out.into_iter().map(|(input, _)| input).collect()
    }

    fn send(&mut self, ms: u64, bytes: impl AsRef<[u8]>) -> Vec<InputEvent> {
        self.feed([(ms, bytes)], |_| false)
    }

    fn expire(&mut self, ms: u64) -> Vec<InputEvent> {
        let mut out = Vec::new();
        self.decoder.expire(self.at(ms), &mut out);
        out.into_iter().map(|(input, _)| input).collect()
    }
}

fn keys(keys: &[Key]) -> Vec<InputEvent> {
    keys.iter().copied().map(InputEvent::Key).collect()
}

fn chars(text: &str) -> Vec<InputEvent> {
    text.chars().map(|c| InputEvent::Key(Key::Char(c))).collect()
}

fn paste(text: &str) -> InputEvent {
    InputEvent::Paste(PastedText::new(text.to_owned()))
}

/// What xterm, `PuTTY`, Windows Terminal, iTerm2, tmux, screen, rxvt and the Linux console send for each key, in normal
/// and in application mode, without the keypad's digits and operators.
const KEYS: [(Key, &[&str]); 24] = [
    (Key::Up, &["\x1b[A", "\x1bOA", "\x1b[1A", "\x1b[1;1A"]),
    (Key::Down, &["\x1b[B", "\x1bOB"]),
    (Key::Right, &["\x1b[C", "\x1bOC"]),
    (Key::Left, &["\x1b[D", "\x1bOD"]),
    (Key::Home, &["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"]),
    (Key::End, &["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"]),
    (Key::Delete, &["\x1b[3~"]),
    (Key::PageUp, &["\x1b[5~"]),
    (Key::PageDown, &["\x1b[6~"]),
    (Key::Tab, &["\t", "\x1bOI"]),
    (Key::BackTab, &["\x1b[Z"]),
    (Key::Enter, &["\r", "\x1bOM"]),
    (Key::Backspace, &["\x7f", "\x08"]),
    (Key::Esc, &["\x1b"]),
    (Key::Ctrl('j'), &["\n"]),
    (Key::Ctrl('c'), &["\x03"]),
    (Key::Ctrl('z'), &["\x1a"]),
    (Key::Ctrl('4'), &["\x1c"]),
    (Key::Ctrl(' '), &["\0"]),
    (Key::Char('y'), &["y"]),
    (Key::Char('Y'), &["Y"]),
    (Key::Char(' '), &[" ", "\x1bO "]),
    (Key::Char('\u{fc}'), &["\u{fc}"]),
    (Key::Char('\u{1f35e}'), &["\u{1f35e}"]),
];

/// What the same terminals send for keys that the console does not know, and as replies, separated by spaces.
const NO_KEYS: [&str; 7] = [
    // Modifiers.
    "\x1b[1;2A \x1b[1;3A \x1b[1;5A \x1b[1;3C \x1b[1;5H \x1b[3;2~ \x1b[5;5~ \x1b[a \x1bOa \x1b[3^ \x1bO5A \x1bO2P",
    // Insert, Menu, the 5 of the keypad, function keys.
    "\x1b[2~ \x1b[29~ \x1b[E \x1bOE \x1b[G \x1bOP \x1bOS \x1b[11~ \x1b[15~ \x1b[24~ \x1b[1;2P \x1b[15;5~ \x1b[34~",
    // The function keys of the Linux console.
    "\x1b[[A \x1b[[B \x1b[[C \x1b[[D \x1b[[E",
    // Modes that the console does not enable: modified keys, key releases, Windows keys, mouse, focus.
    "\x1b[27;5;13~ \x1b[121;5u \x1b[1;1:3B \x1b[65;30;97;1;0;1_ \x1b[<0;10;5M \x1b[M \x1b[I \x1b[O",
    // Replies.
    "\x1b[24;80R \x1b[?62;22c \x1b[>0q \x1b[?2026;2$y \x1b[8;24;80t \x1bP>|tmux\x1b\\ \x1bP1$r0m\x1b\\",
    "\x1b]11;rgb:0/0/0\x1b\\ \x1b]11;rgb:f/f/f\x07 \x1b]52;c;cXl5\x07 \x1b_Gi=31;OK\x1b\\ \x1b^y\x1b\\ \x1bXy\x1b\\",
    // An end mark without a paste.
    "\x1b[201~",
];

fn documented_sequences() -> Vec<(Option<Key>, String)> {
    let known = KEYS.into_iter().flat_map(|(key, all)| all.iter().map(move |bytes| (Some(key), (*bytes).to_owned())));
    let keypad = ('j'..='y').zip("*+,-./0123456789".chars());
    let keypad = keypad.chain([('X', '=')]).map(|(last, c)| (Some(Key::Char(c)), format!("\x1bO{last}")));
    let unknown = NO_KEYS.into_iter().flat_map(str::split_ascii_whitespace).map(|bytes| (None, bytes.to_owned()));
    known.chain(keypad).chain(unknown).collect()
}

#[test]
fn each_documented_sequence_is_one_key_or_none() {
    for (key, bytes) in documented_sequences() {
        let mut fixture = Fixture::new();
        let mut out = fixture.send(0, &bytes);
        out.extend(fixture.expire(60));
        assert_eq!(out, keys(key.as_slice()), "{}", bytes.escape_default());
        assert_eq!(fixture.send(100, "q"), chars("q"), "{}", bytes.escape_default());
    }
}

#[test]
fn a_sequence_may_be_split_at_any_byte() {
    for (key, bytes) in documented_sequences().into_iter().filter(|(_, bytes)| bytes.len() > 1) {
        let mut expected = keys(key.as_slice());
        expected.extend(chars("q"));
        for pause in [0, 20, 60] {
            for at in 1..bytes.len() {
                let (mut fixture, (first, rest)) = (Fixture::new(), bytes.as_bytes().split_at(at));
                let mut out = fixture.send(0, first);
                out.extend(fixture.expire(pause.min(59)));
                out.extend(fixture.send(pause, rest));
                assert_eq!(fixture.decoder.deadline(), None);
                out.extend(fixture.send(200, "q"));
                assert_eq!(out, expected, "{} split at {at}, {pause} ms", bytes.escape_default());
            }
            let mut fixture = Fixture::new();
            let mut out = Vec::new();
            for (n, byte) in (0..).zip(bytes.bytes()) {
                out.extend(fixture.send(n * pause, [byte]));
            }
            out.extend(fixture.send(10_000, "q"));
            assert_eq!(out, expected, "{} in single bytes, {pause} ms", bytes.escape_default());
        }
    }
}

#[test]
fn an_unknown_sequence_directly_before_a_key_is_dropped() {
    for (_, bytes) in documented_sequences().into_iter().filter(|(key, _)| key.is_none()) {
        assert_eq!(Fixture::new().send(0, format!("{bytes}q")), chars("q"), "{}", bytes.escape_default());
    }
    for bytes in [b"\xff".as_slice(), b"\xc3\xc3", b"\xe2\x82", b"\xf0\x9f\xff", b"\xc2\x9b"] {
        assert_eq!(Fixture::new().send(0, [bytes, b"q"].concat()), chars("q"), "{}", bytes.escape_ascii());
    }
}

#[test]
fn nothing_is_lost_of_64_kib_at_once() {
    let bytes = "x\x1b[B\u{fc}\x1bOp".repeat(64 * 1024 / 9 + 1);
    let expected = keys(&[Key::Char('x'), Key::Down, Key::Char('\u{fc}'), Key::Char('0')].repeat(64 * 1024 / 9 + 1));
    assert!(bytes.len() >= 64 * 1024);
    assert_eq!(Fixture::new().feed([(0, &bytes)], |_| true), expected);
    let reads = bytes.as_bytes().chunks(4095).map(|bytes| (0, bytes));
    assert_eq!(Fixture::new().feed(reads, |_| true), expected);
}

#[test]
fn in_strict_mode_two_keys_at_once_are_a_paste() {
    let mut fixture = Fixture::new();
    fixture.decoder.set_strict_mode(true);
    assert_eq!(fixture.send(0, "y"), chars("y"));
    assert_eq!(fixture.send(100, "y\r"), []);
    assert_eq!(fixture.expire(130), [paste("y\n")]);
    assert_eq!(fixture.send(200, "y\n"), [], "a line feed counts like Enter");
    assert_eq!(fixture.expire(230), [paste("y\n")]);
    assert_eq!(fixture.send(300, "ab\x08y"), [paste("ab"), InputEvent::Key(Key::Backspace)], "y may be its rest");
    assert_eq!(fixture.expire(330), [paste("y")]);
    fixture.decoder.set_strict_mode(false);
    assert_eq!(fixture.send(400, "jj"), chars("jj"));
}

#[test]
fn an_escape_is_held_until_its_timeout() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.send(0, "\x1b"), []);
    assert_eq!(fixture.decoder.deadline(), Some(fixture.at(60)));
    assert_eq!(fixture.expire(59), []);
    assert_eq!(fixture.expire(60), keys(&[Key::Esc]));
    assert_eq!(fixture.decoder.deadline(), None);
}

#[test]
fn after_the_timeout_the_rest_is_letters() {
    let mut fixture = Fixture::new();
    fixture.send(0, "\x1b");
    let mut expected = keys(&[Key::Esc]);
    expected.extend(chars("[B"));
    assert_eq!(fixture.send(120, "[B"), expected);
}

#[test]
fn over_ssh_the_parts_may_arrive_later() {
    let mut fixture = Fixture::new();
    fixture.decoder = Decoder::new(ESC_TIMEOUT_OVER_SSH);
    fixture.send(0, "\x1b");
    assert_eq!(fixture.send(120, "[B"), keys(&[Key::Down]));
}

#[test]
fn a_partial_sequence_is_dropped_after_its_timeout() {
    for bytes in ["\x1b[", "\x1bO", "\x1b[1;3", "\x1b[[", "\x1bO5", "\x1b]11;y", "\x1bPy\x1b", "\u{20ac}"] {
        let mut fixture = Fixture::new();
        let partial = bytes.strip_suffix('\u{20ac}').map_or(bytes.as_bytes(), |_| b"\xe2\x82".as_slice());
        assert_eq!(fixture.send(0, partial), [], "{}", bytes.escape_default());
        assert_eq!(fixture.decoder.deadline(), Some(fixture.at(60)));
        assert_eq!(fixture.expire(60), [], "{}", bytes.escape_default());
        assert_eq!(fixture.send(61, "y"), chars("y"), "{}", bytes.escape_default());
    }
}

#[test]
fn an_endless_sequence_is_dropped_up_to_its_last_letter() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.send(0, format!("\x1b[{}", "1".repeat(100_000))), []);
    assert_eq!(fixture.send(10, ";1~q"), chars("q"));
}

#[test]
fn an_interrupted_sequence_is_dropped() {
    for bytes in ["\x1b[\x1b[B", "\x1b[1;\x1b[B", "\x1bO\x1bOB", "\x1bO5\x1b[B"] {
        assert_eq!(Fixture::new().send(0, bytes), keys(&[Key::Down]), "{}", bytes.escape_default());
    }
    assert_eq!(Fixture::new().send(0, "\x1b[1\r\x03A"), [], "a control character is a part of it");
}

#[test]
fn an_escape_with_a_letter_is_only_an_escape() {
    for letter in ["y", "\r", "\x15", "\x7f", "\t", "\u{fc}", "P", "X", "]", "^", "_"] {
        for pause in [0, 30] {
            let mut fixture = Fixture::new();
            let mut out = fixture.feed([(0, "\x1b"), (pause, letter)], |_| false);
            out.extend(fixture.expire(200));
            assert_eq!(out, keys(&[Key::Esc]), "Alt and {}", letter.escape_default());
        }
    }
}

#[test]
fn what_comes_at_once_with_an_escape_is_dropped_with_it() {
    let mut fixture = Fixture::new();
    // `/zurich` without its `/` would hide the screen, and more.
    assert_eq!(fixture.send(0, "\x1b/zurich\r"), keys(&[Key::Esc]));
    assert_eq!(fixture.send(20, "z"), []);
    assert_eq!(fixture.send(41, "z"), chars("z"), "a key of its own");
    assert_eq!(fixture.send(100, "\x1b[Bz"), [keys(&[Key::Down]), chars("z")].concat(), "an arrow is no Esc");
}

#[test]
fn an_escape_and_a_complete_key_are_two_keys() {
    let mut fixture = Fixture::new();
    fixture.send(0, "\x1b");
    assert_eq!(fixture.send(30, "\x1b[B"), keys(&[Key::Esc, Key::Down]));
    fixture.send(100, "\x1b");
    assert_eq!(fixture.send(110, "\x1b"), keys(&[Key::Esc]));
    assert_eq!(fixture.expire(170), keys(&[Key::Esc]));
}

#[test]
fn a_key_has_the_time_of_its_first_byte() {
    let mut fixture = Fixture::new();
    let mut out = Vec::new();
    let reads = [("\x1b", fixture.at(0)), ("[", fixture.at(40)), ("B", fixture.at(80)), ("\x1b", fixture.at(90))];
    fixture.decoder.feed(reads, |_| false, &mut out);
    fixture.decoder.expire(fixture.at(150), &mut out);
    assert_eq!(out, [(InputEvent::Key(Key::Down), fixture.at(0)), (InputEvent::Key(Key::Esc), fixture.at(90))]);
}

#[test]
fn a_paste_has_the_time_of_its_last_byte() {
    let mut fixture = Fixture::new();
    let mut out = Vec::new();
    let marked = [("\x1b[200~4", fixture.at(0)), ("09726\x1b[201~", fixture.at(900))];
    fixture.decoder.feed(marked, |_| false, &mut out);
    let unmarked = [("p 409726\r", fixture.at(2_000)), ("y", fixture.at(2_015))];
    fixture.decoder.feed(unmarked, |_| false, &mut out);
    fixture.decoder.expire(fixture.at(2_035), &mut out);
    assert_eq!(out, [(paste("409726"), fixture.at(900)), (paste("p 409726\ny"), fixture.at(2_015))]);
}

#[test]
fn a_reset_forgets_what_has_no_end() {
    let unfinished: [&[u8]; 5] = [b"\x1b", b"\x1b[", b"\x1bP", b"\x1b[200~409726", b"\xf0\x9f"];
    for unfinished in unfinished {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.send(0, unfinished), []);
        fixture.decoder.reset();
        assert_eq!(fixture.decoder.deadline(), None);
        assert_eq!(fixture.send(10, "q"), chars("q"), "{}", unfinished.escape_ascii());
    }
    let mut fixture = Fixture::new();
    assert_eq!(fixture.send(0, "106540352100"), []);
    fixture.decoder.reset();
    assert_eq!(fixture.expire(1_000), []);
}

#[test]
fn eight_keys_at_once_are_keys_and_nine_are_a_paste() {
    assert_eq!(Fixture::new().send(0, "abcdefgh"), chars("abcdefgh"));
    let mut fixture = Fixture::new();
    assert_eq!(fixture.send(0, "p 409726\ry"), []);
    assert_eq!(fixture.decoder.deadline(), Some(fixture.at(20)));
    assert_eq!(fixture.expire(20), [paste("p 409726\ny")]);
}

#[test]
fn nine_slower_keys_are_keys() {
    assert_eq!(Fixture::new().feed((0..9).map(|n| (n * 3, "a")), |_| false), chars("aaaaaaaaa"));
}

#[test]
fn exempt_keys_may_be_typed_ahead() {
    let is_digit = |key| matches!(key, Key::Char('0'..='9'));
    let mut expected = chars("409726");
    expected.push(InputEvent::Key(Key::Tab));
    expected.extend(chars("409726"));
    expected.push(InputEvent::Key(Key::Enter));
    assert_eq!(Fixture::new().feed([(0, "409726\t409726\r")], is_digit), expected);

    assert_eq!(Fixture::new().send(0, "\x1b[B".repeat(500)), vec![InputEvent::Key(Key::Down); 500]);
}

#[test]
fn a_paste_over_several_reads_is_one_paste() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.send(0, "106540352100"), []);
    assert_eq!(fixture.feed([(15, "143\tq")], |_| true), []);
    assert_eq!(fixture.feed([(30, "yyy")], |_| true), []);
    assert_eq!(fixture.expire(49), []);
    assert_eq!(fixture.expire(50), [paste("106540352100143\tqyyy")]);
    assert_eq!(fixture.send(51, "y"), chars("y"));
}

#[test]
fn keys_of_earlier_reads_count_too() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.send(0, "abcde"), chars("abcde"));
    assert_eq!(fixture.send(10, "fghij"), []);
    assert_eq!(fixture.expire(100), [paste("fghij")]);
}

#[test]
fn a_key_without_a_character_ends_a_paste() {
    let mut fixture = Fixture::new();
    let out = fixture.feed([(0, "0123456789"), (1, "\x1b[A")], |_| false);
    assert_eq!(out, [paste("0123456789"), InputEvent::Key(Key::Up)]);
}

#[test]
fn a_marked_paste_is_one_wherever_it_is_split() {
    let bytes = b"a\x1b[200~409726\ny\x1b[A\xff\x1b[201~b";
    let expected = [chars("a"), vec![paste("409726\ny\x1b[A\u{fffd}")], chars("b")].concat();
    assert_eq!(Fixture::new().send(0, bytes), expected);
    for at in 1..bytes.len() {
        for pause in [0, 30] {
            let (mut fixture, (first, rest)) = (Fixture::new(), bytes.split_at(at));
            let mut out = fixture.send(0, first);
            out.extend(fixture.send(pause, rest));
            assert_eq!(out, expected, "split at {at}");
        }
    }
}

#[test]
fn an_endless_marked_paste_is_truncated_and_ends_with_its_mark() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.send(0, "\x1b[200~"), []);
    for n in 1..50 {
        assert_eq!(fixture.send(n * 1_000, [b'y'; 4096]), []);
    }
    assert_eq!(fixture.decoder.deadline(), None);
    let expected = [paste(&"y".repeat(MAX_PASTE_BYTES)), InputEvent::Key(Key::Char('q'))];
    assert_eq!(fixture.feed([(60_000, "\x1b[2"), (70_000, "01~"), (71_000, "q")], |_| false), expected);
}

#[test]
fn an_endless_paste_keeps_a_limited_text() {
    let mut fixture = Fixture::new();
    fixture.send(0, "x".repeat(100_000));
    assert_eq!(fixture.expire(20), [paste(&"x".repeat(MAX_BURST_BYTES))]);
}

#[test]
fn debug_output_hides_the_pasted_text() {
    assert_eq!(format!("{:?}", paste("409726")), "Paste(PastedText(6 bytes))");
}
