//! Unit tests of the decoder: split keys, pastes, and noise.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use proptest::prelude::*;

use super::paste::MAX_BURST_BYTES;
use super::*;

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

    /// Feeds events in one read, each at its millisecond, and returns the input.
    fn feed(&mut self, events: Vec<(u64, Event)>, is_exempt: fn(Key) -> bool) -> Vec<InputEvent> {
        let mut out = Vec::new();
        let events: Vec<_> = events.into_iter().map(|(ms, event)| (event, self.at(ms))).collect();
        self.decoder.feed(events, is_exempt, &mut out);
        out.into_iter().map(|(input, _)| input).collect()
    }

    fn key(&mut self, ms: u64, code: KeyCode) -> Vec<InputEvent> {
        self.feed(vec![(ms, press(code))], |_| false)
    }

    fn expire(&mut self, ms: u64) -> Vec<InputEvent> {
        let mut out = Vec::new();
        self.decoder.expire(self.at(ms), &mut out);
        out.into_iter().map(|(input, _)| input).collect()
    }
}

fn press(code: KeyCode) -> Event {
    with(code, KeyModifiers::NONE)
}

fn with(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

fn typed(text: &str, ms: u64) -> Vec<(u64, Event)> {
    let code = |c| match c {
        '\n' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        c => KeyCode::Char(c),
    };
    text.chars().map(|c| (ms, press(code(c)))).collect()
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

#[test]
fn modifiers_are_matched_exactly() {
    let (ctrl, shift) = (KeyModifiers::CONTROL, KeyModifiers::SHIFT);
    let cases = [
        (KeyCode::Char('y'), KeyModifiers::NONE, Some(Key::Char('y'))),
        (KeyCode::Char('Y'), shift, Some(Key::Char('Y'))),
        (KeyCode::Char('u'), ctrl, Some(Key::Ctrl('u'))),
        (KeyCode::Char('h'), ctrl, Some(Key::Backspace)),
        (KeyCode::Char('j'), ctrl, Some(Key::Ctrl('j'))),
        (KeyCode::Char('u'), ctrl | shift, None),
        (KeyCode::Char('u'), KeyModifiers::SUPER, None),
        (KeyCode::Char('y'), ctrl | KeyModifiers::SUPER, None),
        (KeyCode::BackTab, shift, Some(Key::BackTab)),
        (KeyCode::Up, shift, None),
        (KeyCode::Up, KeyModifiers::ALT, None),
        (KeyCode::Enter, ctrl, None),
        (KeyCode::F(1), KeyModifiers::NONE, None),
        (KeyCode::Insert, KeyModifiers::NONE, None),
    ];
    for (code, modifiers, key) in cases {
        let out = Fixture::new().feed(vec![(0, with(code, modifiers))], |_| false);
        assert_eq!(out, keys(key.as_slice()), "{code:?} {modifiers:?}");
    }
}

#[test]
fn a_repeat_is_a_press_and_a_release_is_ignored() {
    let down = |kind| Event::Key(KeyEvent::new_with_kind(KeyCode::Down, KeyModifiers::NONE, kind));
    let events = vec![(0, down(KeyEventKind::Repeat)), (1, down(KeyEventKind::Release))];
    assert_eq!(Fixture::new().feed(events, |_| false), keys(&[Key::Down]));
}

#[test]
fn in_strict_mode_two_keys_at_once_are_a_paste() {
    let mut fixture = Fixture::new();
    fixture.decoder.set_strict_mode(true);
    assert_eq!(fixture.feed(typed("y", 0), |_| false), chars("y"));
    assert_eq!(fixture.feed(typed("y\n", 100), |_| false), []);
    assert_eq!(fixture.expire(130), [paste("y\n")]);
    fixture.decoder.set_strict_mode(false);
    assert_eq!(fixture.feed(typed("jj", 200), |_| false), chars("jj"));
}

#[test]
fn an_escape_is_held_until_its_timeout() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.key(0, KeyCode::Esc), []);
    assert_eq!(fixture.decoder.deadline(), Some(fixture.at(60)));
    assert_eq!(fixture.expire(59), []);
    assert_eq!(fixture.expire(60), keys(&[Key::Esc]));
    assert_eq!(fixture.decoder.deadline(), None);
}

#[test]
fn a_split_key_is_joined() {
    let sequences = [
        ("[A", Key::Up),
        ("[B", Key::Down),
        ("OC", Key::Right),
        ("[D", Key::Left),
        ("[H", Key::Home),
        ("OF", Key::End),
        ("[3~", Key::Delete),
        ("[5~", Key::PageUp),
        ("[6~", Key::PageDown),
        ("[Z", Key::BackTab),
    ];
    for (sequence, key) in sequences {
        for pause in [20, 50] {
            let mut fixture = Fixture::new();
            assert_eq!(fixture.key(0, KeyCode::Esc), []);
            assert_eq!(fixture.feed(typed(sequence, pause), |_| false), keys(&[key]), "{sequence} after {pause} ms");
            assert_eq!(fixture.decoder.deadline(), None);
        }
    }
}

#[test]
fn after_the_timeout_the_rest_is_letters() {
    let mut fixture = Fixture::new();
    fixture.key(0, KeyCode::Esc);
    let mut expected = keys(&[Key::Esc]);
    expected.extend(chars("[B"));
    assert_eq!(fixture.feed(typed("[B", 120), |_| false), expected);
}

#[test]
fn over_ssh_the_parts_may_arrive_later() {
    let mut fixture = Fixture::new();
    fixture.decoder = Decoder::new(ESC_TIMEOUT_OVER_SSH);
    fixture.key(0, KeyCode::Esc);
    assert_eq!(fixture.feed(typed("[B", 120), |_| false), keys(&[Key::Down]));
}

#[test]
fn each_byte_of_a_key_may_arrive_alone() {
    let mut fixture = Fixture::new();
    let mut out = fixture.key(0, KeyCode::Esc);
    for (ms, c) in [(40, '['), (80, '5'), (120, '~')] {
        out.extend(fixture.key(ms, KeyCode::Char(c)));
    }
    assert_eq!(out, keys(&[Key::PageUp]));
}

#[test]
fn a_partial_or_unknown_sequence_is_dropped() {
    for sequence in ["[", "O", "[1;3", "[1;3A", "[[A", "OP", "[24~", "[Q"] {
        let mut fixture = Fixture::new();
        fixture.key(0, KeyCode::Esc);
        assert_eq!(fixture.feed(typed(sequence, 10), |_| false), [], "{sequence}");
        assert_eq!(fixture.expire(200), [], "{sequence}");
        assert_eq!(fixture.key(300, KeyCode::Char('y')), chars("y"), "{sequence}");
    }
}

#[test]
fn an_endless_sequence_is_dropped() {
    let mut fixture = Fixture::new();
    fixture.key(0, KeyCode::Esc);
    fixture.feed(typed("[11111111111111111111", 0), |key| matches!(key, Key::Char(_)));
    assert_eq!(fixture.decoder.deadline(), None);
}

#[test]
fn an_escape_with_a_letter_is_only_an_escape() {
    for event in [press(KeyCode::Char('y')), press(KeyCode::Enter), with(KeyCode::Char('u'), KeyModifiers::CONTROL)] {
        let mut fixture = Fixture::new();
        fixture.key(0, KeyCode::Esc);
        assert_eq!(fixture.feed(vec![(30, event)], |_| false), keys(&[Key::Esc]));
    }
    let alt_y = with(KeyCode::Char('y'), KeyModifiers::ALT);
    assert_eq!(Fixture::new().feed(vec![(0, alt_y)], |_| false), keys(&[Key::Esc]));
}

#[test]
fn an_escape_and_a_complete_key_are_two_keys() {
    let mut fixture = Fixture::new();
    fixture.key(0, KeyCode::Esc);
    assert_eq!(fixture.key(30, KeyCode::Down), keys(&[Key::Esc, Key::Down]));
    fixture.key(100, KeyCode::Esc);
    assert_eq!(fixture.key(110, KeyCode::Esc), keys(&[Key::Esc]));
    assert_eq!(fixture.expire(170), keys(&[Key::Esc]));
}

#[test]
fn eight_keys_at_once_are_keys_and_nine_are_a_paste() {
    assert_eq!(Fixture::new().feed(typed("abcdefgh", 0), |_| false), chars("abcdefgh"));
    let mut fixture = Fixture::new();
    assert_eq!(fixture.feed(typed("p 409726\ny", 0), |_| false), []);
    assert_eq!(fixture.decoder.deadline(), Some(fixture.at(20)));
    assert_eq!(fixture.expire(20), [paste("p 409726\ny")]);
}

#[test]
fn nine_slower_keys_are_keys() {
    let events: Vec<_> = (0..9).flat_map(|n| typed("a", n * 3)).collect();
    assert_eq!(Fixture::new().feed(events, |_| false), chars("aaaaaaaaa"));
}

#[test]
fn exempt_keys_may_be_typed_ahead() {
    let is_digit = |key| matches!(key, Key::Char('0'..='9'));
    let mut events = typed("409726", 0);
    events.push((0, press(KeyCode::Tab)));
    events.extend(typed("409726\n", 0));
    let mut expected = chars("409726");
    expected.push(InputEvent::Key(Key::Tab));
    expected.extend(chars("409726"));
    expected.push(InputEvent::Key(Key::Enter));
    assert_eq!(Fixture::new().feed(events, is_digit), expected);

    let down = vec![(0, press(KeyCode::Down)); 500];
    assert_eq!(Fixture::new().feed(down, |_| false), vec![InputEvent::Key(Key::Down); 500]);
}

#[test]
fn a_paste_over_several_reads_is_one_paste() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.feed(typed("106540352100", 0), |_| false), []);
    assert_eq!(fixture.feed(typed("143\tq", 15), |_| true), []);
    assert_eq!(fixture.feed(typed("yyy", 30), |_| true), []);
    assert_eq!(fixture.expire(49), []);
    assert_eq!(fixture.expire(50), [paste("106540352100143\tqyyy")]);
    assert_eq!(fixture.key(51, KeyCode::Char('y')), chars("y"));
}

#[test]
fn keys_of_earlier_reads_count_too() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.feed(typed("abcde", 0), |_| false), chars("abcde"));
    assert_eq!(fixture.feed(typed("fghij", 10), |_| false), []);
    assert_eq!(fixture.expire(100), [paste("fghij")]);
}

#[test]
fn a_key_without_a_character_ends_a_paste() {
    let mut fixture = Fixture::new();
    let mut events = typed("0123456789", 0);
    events.push((1, press(KeyCode::Up)));
    assert_eq!(fixture.feed(events, |_| false), [paste("0123456789"), InputEvent::Key(Key::Up)]);
}

#[test]
fn a_marked_paste_is_one_even_if_the_mark_is_split() {
    let marked = Event::Paste("qqqq".to_owned());
    assert_eq!(Fixture::new().feed(vec![(0, marked)], |_| false), [paste("qqqq")]);

    let mut fixture = Fixture::new();
    fixture.key(0, KeyCode::Esc);
    assert_eq!(fixture.feed(typed("[200~pay", 30), |_| false), []);
    assert_eq!(fixture.expire(50), [paste("pay")]);
}

#[test]
fn an_endless_paste_keeps_a_limited_text() {
    let mut fixture = Fixture::new();
    fixture.feed(typed(&"x".repeat(100_000), 0), |_| false);
    assert_eq!(fixture.expire(20), [paste(&"x".repeat(MAX_BURST_BYTES))]);
}

#[test]
fn debug_output_hides_the_pasted_text() {
    assert_eq!(format!("{:?}", paste("409726")), "Paste(PastedText(6 bytes))");
}

proptest! {
    #[test]
    fn noise_neither_panics_nor_passes_an_alt_letter(
        events in proptest::collection::vec((0..40u64, any_event()), 0..60),
        reads in 1..9usize,
    ) {
        let mut fixture = Fixture::new();
        let mut ms = 0;
        let mut out = Vec::new();
        for read in events.chunks(reads) {
            let read = read.iter().map(|(pause, event)| { ms += pause; (ms, event.clone()) }).collect();
            out.extend(fixture.feed(read, |_| false));
            out.extend(fixture.expire(ms));
        }
        out.extend(fixture.expire(ms + 1_000));
        prop_assert_eq!(fixture.decoder.deadline(), None);
        // Only events with Alt carry a 'z'.
        let is_z = |input: &InputEvent| match input {
            InputEvent::Key(key) => *key == Key::Char('z'),
            InputEvent::Paste(text) => text.as_str().contains('z'),
            InputEvent::Resized => false,
        };
        prop_assert!(!out.iter().any(is_z), "{:?}", out);
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(press(KeyCode::Esc)),
        6 => "[\\[O~;0-9A-Fa-y\\PC]".prop_map(|text| {
            press(KeyCode::Char(text.chars().next().filter(|c| *c != 'z').unwrap_or('y')))
        }),
        2 => Just(with(KeyCode::Char('z'), KeyModifiers::ALT)),
        1 => Just(with(KeyCode::Char('z'), KeyModifiers::ALT | KeyModifiers::CONTROL)),
        1 => Just(press(KeyCode::Enter)),
        1 => Just(press(KeyCode::Down)),
        1 => Just(Event::Paste("pasted".to_owned())),
        1 => Just(Event::Resize(0, 0)),
    ]
}
