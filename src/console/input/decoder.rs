//! The decoder: terminal events become keys and pastes, with time passed in.
//!
//! It mends what the line does to keys: escape sequences cut in two, Alt that is really Esc and a letter,
//! pastes from terminals that do not mark them. It reads nothing, waits for nothing, and knows neither
//! pages nor what a key means. When in doubt it drops a key: a key that is missing is pressed again, a key that
//! nobody pressed may confirm.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use zeroize::Zeroizing;

use crate::console::input::key::Key;

/// How long an Esc is held back, as it may be the head of a key that was cut in two.
pub const ESC_TIMEOUT: Duration = Duration::from_millis(60);

/// The same over SSH, where the halves travel in packets of their own.
pub const ESC_TIMEOUT_OVER_SSH: Duration = Duration::from_millis(150);

/// More command keys than this, within [`BURST`], were not typed.
const MAX_KEYS_IN_BURST: usize = 8;

/// The same where one key says yes: nobody presses two in that time, and the first of a paste must not count.
const MAX_KEYS_IN_BURST_STRICT: usize = 1;

/// The time a burst is measured over, and the quiet that ends it. Key repeat is slower than 20 ms.
const BURST_WINDOW: Duration = Duration::from_millis(20);

/// The longest tail of a cut-off key: no key is longer, and what is may not eat what follows for ever.
const MAX_ESCAPE_SEQUENCE: usize = 16;

/// The most bytes kept of one paste without marks. Nothing that pindesk asks for comes near it.
const MAX_BURST_BYTES: usize = 4 * 1024;

/// A pasted text, as it came: neither cleaned nor cut. It may hold a PIN: wiped on drop, never in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PastedText(Zeroizing<String>);

impl PastedText {
    /// Takes a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PastedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pasted({} bytes)", self.0.len())
    }
}

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputEvent {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted, marked by the terminal or found by its speed.
    Paste(PastedText),
    /// The terminal has another size.
    Resized,
}

/// An Esc that may be the head of a key: what followed it, and since when it waits.
#[derive(Debug)]
struct PendingEscape {
    pressed_at: Instant,
    last_byte_at: Instant,
    sequence: String,
}

/// A paste without marks that may go on.
#[derive(Debug)]
struct Burst {
    text: Zeroizing<String>,
    started_at: Instant,
    last_key_at: Instant,
}

impl Burst {
    fn starting_at(at: Instant) -> Self {
        // Never grown, so that no copy of what may be a PIN stays behind.
        Self { text: Zeroizing::new(String::with_capacity(MAX_BURST_BYTES)), started_at: at, last_key_at: at }
    }
}

/// Turns events into input. One for the life of the console.
#[derive(Debug)]
pub struct Decoder {
    esc_timeout: Duration,
    pending_escape: Option<PendingEscape>,
    burst: Option<Burst>,
    /// When the last command keys that were given out arrived, to count across calls.
    recent_keys: VecDeque<Instant>,
    is_strict: bool,
}

impl Decoder {
    /// `esc_timeout` is the time that an Esc is held back: [`ESC_TIMEOUT`] or [`ESC_TIMEOUT_OVER_SSH`].
    #[must_use]
    pub fn new(esc_timeout: Duration) -> Self {
        Self {
            esc_timeout,
            pending_escape: None,
            burst: None,
            recent_keys: VecDeque::with_capacity(MAX_KEYS_IN_BURST),
            is_strict: false,
        }
    }

    /// Takes two keys at once for a paste already, from now on or no longer.
    pub fn set_strict_mode(&mut self, is_wary: bool) {
        self.is_strict = is_wary;
    }

    /// When [`Decoder::expire`] has something to give out, if nothing arrives before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let escape = self.pending_escape.as_ref().map(|held| held.last_byte_at + self.esc_timeout);
        let burst = self.burst.as_ref().map(|burst| burst.last_key_at + BURST_WINDOW);
        escape.into_iter().chain(burst).min()
    }

    /// Gives out what waited for more that did not come.
    pub fn expire(&mut self, now: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        if self.burst.as_ref().is_some_and(|burst| burst.last_key_at + BURST_WINDOW <= now) {
            self.flush_burst(out);
        }
        if self.pending_escape.as_ref().is_some_and(|held| held.last_byte_at + self.esc_timeout <= now) {
            // After the burst: the Esc came later, or it would have ended the burst.
            self.flush_burst(out);
            self.flush_pending_escape(out);
        }
    }

    /// Takes all events that wait, each with the instant it arrived, and gives out input with the same instants.
    ///
    /// `is_exempt` tells which keys are typed ahead rightly and count for no paste in the present mode:
    /// motions in a list, digits in a PIN form.
    pub fn feed(
        &mut self,
        events: impl IntoIterator<Item = (Event, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(InputEvent, Instant)>,
    ) {
        let mut mended = Vec::new();
        for (event, at) in events {
            self.reassemble(event, at, &mut mended);
        }
        self.detect_pastes(mended, is_exempt, out);
    }

    /// First half: one event to input, with cut-off keys put together.
    fn reassemble(&mut self, event: Event, at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        if self.pending_escape.as_ref().is_some_and(|held| held.last_byte_at + self.esc_timeout < at) {
            self.flush_pending_escape(out);
        }
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => {}
            Event::Key(key) => self.reassemble_key(key, at, out),
            Event::Paste(text) => {
                self.flush_pending_escape(out);
                out.push((InputEvent::Paste(PastedText::new(text)), at));
            }
            Event::Resize(..) => out.push((InputEvent::Resized, at)),
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) => {}
        }
    }

    fn reassemble_key(&mut self, event: KeyEvent, at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        let Some(mut held) = self.pending_escape.take() else {
            self.decode_key(event, at, out);
            return;
        };
        if let Some(c) = typed_char(event).filter(|c| continues_sequence(&held.sequence, *c)) {
            held.sequence.push(c);
            held.last_byte_at = at;
            match match_sequence(&held.sequence) {
                SequenceMatch::Partial => self.pending_escape = Some(held),
                SequenceMatch::Key(key) => out.push((InputEvent::Key(key), at)),
                // `find_pastes` lets the text that follows join it.
                SequenceMatch::PasteStart => out.push((InputEvent::Paste(PastedText::new(String::new())), at)),
                SequenceMatch::Unknown => {}
            }
            return;
        }
        let is_bare = held.sequence.is_empty();
        if is_bare {
            out.push((InputEvent::Key(Key::Esc), held.pressed_at));
        }
        // Esc and a byte at once is what Alt sends: the byte is no key of its own.
        if !(is_bare && is_single_char(event)) {
            self.decode_key(event, at, out);
        }
    }

    fn decode_key(&mut self, event: KeyEvent, at: Instant, out: &mut Vec<(InputEvent, Instant)>) {
        match to_key(event) {
            Some(Key::Esc) => {
                self.pending_escape = Some(PendingEscape { pressed_at: at, last_byte_at: at, sequence: String::new() });
            }
            Some(key) => out.push((InputEvent::Key(key), at)),
            // Alt and a letter in one read is Esc and the letter as well.
            None if event.modifiers.contains(KeyModifiers::ALT) && is_single_char(event) => {
                out.push((InputEvent::Key(Key::Esc), at));
            }
            None => {}
        }
    }

    /// Gives out a held Esc; a partial tail is swallowed: typed as letters it could mean anything.
    fn flush_pending_escape(&mut self, out: &mut Vec<(InputEvent, Instant)>) {
        if let Some(held) = self.pending_escape.take().filter(|held| held.sequence.is_empty()) {
            out.push((InputEvent::Key(Key::Esc), held.pressed_at));
        }
    }

    /// Second half: keys that came faster than anyone types become a paste.
    fn detect_pastes(
        &mut self,
        inputs: Vec<(InputEvent, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(InputEvent, Instant)>,
    ) {
        let mut run: Vec<(Key, char, Instant)> = Vec::new();
        for (input, at) in inputs {
            let textual = match &input {
                InputEvent::Key(key) => key.to_char().map(|text| (*key, text, at)),
                InputEvent::Paste(_) => None,
                // A resize says nothing of keys: it neither ends a paste nor waits for one.
                InputEvent::Resized => {
                    out.push((input, at));
                    continue;
                }
            };
            let is_next = run.last().is_none_or(|(_, _, last)| at.saturating_duration_since(*last) <= BURST_WINDOW);
            if textual.is_none() || !is_next {
                self.flush_run(&mut run, &is_exempt, out);
            }
            match (textual, &input) {
                (Some(textual), _) => run.push(textual),
                (None, InputEvent::Paste(text)) if text.as_str().is_empty() => {
                    // The opening mark of a paste was cut in two. The closing one crossterm drops by itself.
                    self.flush_burst(out);
                    self.burst = Some(Burst::starting_at(at));
                }
                (None, _) => {
                    self.flush_burst(out);
                    out.push((input, at));
                }
            }
        }
        self.flush_run(&mut run, &is_exempt, out);
    }

    /// Gives out keys that came in one go, or makes them a paste.
    fn flush_run(
        &mut self,
        run: &mut Vec<(Key, char, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(InputEvent, Instant)>,
    ) {
        let Some((_, _, first)) = run.first().copied() else { return };
        if self.burst.as_ref().is_some_and(|burst| first.saturating_duration_since(burst.last_key_at) > BURST_WINDOW) {
            self.flush_burst(out);
        }
        if self.burst.is_none() && !self.is_pasted_run(run, &is_exempt) {
            out.extend(run.drain(..).map(|(key, _, at)| (InputEvent::Key(key), at)));
            return;
        }
        let burst = self.burst.get_or_insert_with(|| Burst::starting_at(first));
        for (_, c, at) in run.drain(..) {
            if burst.text.len() + c.len_utf8() <= MAX_BURST_BYTES {
                burst.text.push(c);
            }
            burst.last_key_at = at;
        }
        self.recent_keys.clear();
    }

    /// Counts the command keys of a run, those given out shortly before included, and remembers them.
    fn is_pasted_run(&mut self, run: &[(Key, char, Instant)], is_exempt: impl Fn(Key) -> bool) -> bool {
        let most = if self.is_strict { MAX_KEYS_IN_BURST_STRICT } else { MAX_KEYS_IN_BURST };
        for (key, _, at) in run {
            if !key.is_command() || is_exempt(*key) {
                continue;
            }
            let before = self.recent_keys.iter().nth_back(most - 1);
            if before.is_some_and(|before| at.saturating_duration_since(*before) <= BURST_WINDOW) {
                return true;
            }
            if self.recent_keys.len() == MAX_KEYS_IN_BURST {
                self.recent_keys.pop_front();
            }
            self.recent_keys.push_back(*at);
        }
        false
    }

    fn flush_burst(&mut self, out: &mut Vec<(InputEvent, Instant)>) {
        if let Some(mut burst) = self.burst.take() {
            let text = std::mem::take(&mut *burst.text);
            out.push((InputEvent::Paste(PastedText::new(text)), burst.started_at));
        }
    }
}

/// The key of an event by itself; modifiers have to match exactly.
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
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "crossterm knows many keys; those not named have no meaning here"
    )]
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

/// The character of an event that is nothing but one.
fn typed_char(event: KeyEvent) -> Option<char> {
    match (event.code, event.modifiers) {
        (KeyCode::Char(c), KeyModifiers::NONE | KeyModifiers::SHIFT) => Some(c),
        _ => None,
    }
}

/// True for keys that travel as one byte (or one character), so that an Esc right before them is Alt. An Esc
/// itself is none: two are two.
fn is_single_char(event: KeyEvent) -> bool {
    matches!(event.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace)
}

/// Whether a character can follow in the tail of a cut-off key.
fn continues_sequence(tail: &str, c: char) -> bool {
    match tail.chars().next() {
        None => matches!(c, '[' | 'O'),
        Some(_) => c.is_ascii_graphic(),
    }
}

/// What the characters after an Esc come to.
enum SequenceMatch {
    Partial,
    Key(Key),
    PasteStart,
    Unknown,
}

fn match_sequence(tail: &str) -> SequenceMatch {
    let key = match tail {
        // `[[` opens the function keys of the Linux console.
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
            // Parameters go on until a final character.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A decoder on a clock of its own, in milliseconds.
    struct Line {
        decoder: Decoder,
        start: Instant,
    }

    impl Line {
        fn new() -> Self {
            Self { decoder: Decoder::new(ESC_TIMEOUT), start: Instant::now() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// What comes of the events, each at its millisecond, read in one go, digits or nothing exempt.
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
            let out = Line::new().feed(vec![(0, with(code, modifiers))], |_| false);
            assert_eq!(out, keys(key.as_slice()), "{code:?} {modifiers:?}");
        }
    }

    #[test]
    fn a_repeat_is_a_press_and_a_release_is_nothing() {
        let of_kind = |kind| Event::Key(KeyEvent::new_with_kind(KeyCode::Down, KeyModifiers::NONE, kind));
        let events = vec![(0, of_kind(KeyEventKind::Repeat)), (1, of_kind(KeyEventKind::Release))];
        assert_eq!(Line::new().feed(events, |_| false), keys(&[Key::Down]));
    }

    #[test]
    fn where_one_key_says_yes_two_at_once_are_a_paste() {
        let mut line = Line::new();
        line.decoder.set_strict_mode(true);
        assert_eq!(line.feed(typed("y", 0), |_| false), chars("y"));
        assert_eq!(line.feed(typed("y\n", 100), |_| false), []);
        assert_eq!(line.expire(130), [paste("y\n")]);
        line.decoder.set_strict_mode(false);
        assert_eq!(line.feed(typed("jj", 200), |_| false), chars("jj"));
    }

    #[test]
    fn an_escape_is_held_and_then_given_out() {
        let mut line = Line::new();
        assert_eq!(line.key(0, KeyCode::Esc), []);
        assert_eq!(line.decoder.deadline(), Some(line.at(60)));
        assert_eq!(line.expire(59), []);
        assert_eq!(line.expire(60), keys(&[Key::Esc]));
        assert_eq!(line.decoder.deadline(), None);
    }

    #[test]
    fn a_key_cut_in_two_is_put_together_again() {
        let tails = [
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
        for (tail, key) in tails {
            for pause in [20, 50] {
                let mut line = Line::new();
                assert_eq!(line.key(0, KeyCode::Esc), []);
                assert_eq!(line.feed(typed(tail, pause), |_| false), keys(&[key]), "{tail} after {pause} ms");
                assert_eq!(line.decoder.deadline(), None);
            }
        }
    }

    #[test]
    fn after_the_time_an_escape_is_an_escape_and_the_rest_is_letters() {
        let mut line = Line::new();
        line.key(0, KeyCode::Esc);
        let mut expected = keys(&[Key::Esc]);
        expected.extend(chars("[B"));
        assert_eq!(line.feed(typed("[B", 120), |_| false), expected);
    }

    #[test]
    fn over_ssh_the_halves_may_come_later() {
        let mut line = Line::new();
        line.decoder = Decoder::new(ESC_TIMEOUT_OVER_SSH);
        line.key(0, KeyCode::Esc);
        assert_eq!(line.feed(typed("[B", 120), |_| false), keys(&[Key::Down]));
    }

    #[test]
    fn each_byte_of_a_cut_off_key_may_come_alone() {
        let mut line = Line::new();
        let mut out = line.key(0, KeyCode::Esc);
        for (ms, c) in [(40, '['), (80, '5'), (120, '~')] {
            out.extend(line.key(ms, KeyCode::Char(c)));
        }
        assert_eq!(out, keys(&[Key::PageUp]));
    }

    #[test]
    fn a_partial_or_unknown_tail_is_swallowed() {
        for tail in ["[", "O", "[1;3", "[1;3A", "[[A", "OP", "[24~", "[Q"] {
            let mut line = Line::new();
            line.key(0, KeyCode::Esc);
            assert_eq!(line.feed(typed(tail, 10), |_| false), [], "{tail}");
            assert_eq!(line.expire(200), [], "{tail}");
            assert_eq!(line.key(300, KeyCode::Char('y')), chars("y"), "{tail}");
        }
    }

    #[test]
    fn a_tail_has_an_end() {
        let mut line = Line::new();
        line.key(0, KeyCode::Esc);
        line.feed(typed("[11111111111111111111", 0), |key| matches!(key, Key::Char(_)));
        assert_eq!(line.decoder.deadline(), None);
    }

    #[test]
    fn an_escape_and_a_letter_at_once_is_an_escape_alone() {
        for event in [press(KeyCode::Char('y')), press(KeyCode::Enter), with(KeyCode::Char('u'), KeyModifiers::CONTROL)]
        {
            let mut line = Line::new();
            line.key(0, KeyCode::Esc);
            assert_eq!(line.feed(vec![(30, event)], |_| false), keys(&[Key::Esc]));
        }
        let alt_y = with(KeyCode::Char('y'), KeyModifiers::ALT);
        assert_eq!(Line::new().feed(vec![(0, alt_y)], |_| false), keys(&[Key::Esc]));
    }

    #[test]
    fn an_escape_and_a_whole_key_are_two_keys() {
        let mut line = Line::new();
        line.key(0, KeyCode::Esc);
        assert_eq!(line.key(30, KeyCode::Down), keys(&[Key::Esc, Key::Down]));
        line.key(100, KeyCode::Esc);
        assert_eq!(line.key(110, KeyCode::Esc), keys(&[Key::Esc]));
        assert_eq!(line.expire(170), keys(&[Key::Esc]));
    }

    #[test]
    fn eight_keys_at_once_are_keys_and_nine_are_a_paste() {
        assert_eq!(Line::new().feed(typed("abcdefgh", 0), |_| false), chars("abcdefgh"));
        let mut line = Line::new();
        assert_eq!(line.feed(typed("p 409726\ny", 0), |_| false), []);
        assert_eq!(line.decoder.deadline(), Some(line.at(20)));
        assert_eq!(line.expire(20), [paste("p 409726\ny")]);
    }

    #[test]
    fn nine_keys_in_more_time_are_keys() {
        let events: Vec<_> = (0..9).flat_map(|n| typed("a", n * 3)).collect();
        assert_eq!(Line::new().feed(events, |_| false), chars("aaaaaaaaa"));
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
        assert_eq!(Line::new().feed(events, is_digit), expected);

        let down = vec![(0, press(KeyCode::Down)); 500];
        assert_eq!(Line::new().feed(down, |_| false), vec![InputEvent::Key(Key::Down); 500]);
    }

    #[test]
    fn a_paste_over_several_reads_stays_one() {
        let mut line = Line::new();
        assert_eq!(line.feed(typed("106540352100", 0), |_| false), []);
        assert_eq!(line.feed(typed("143\tq", 15), |_| true), []);
        assert_eq!(line.feed(typed("yyy", 30), |_| true), []);
        assert_eq!(line.expire(49), []);
        assert_eq!(line.expire(50), [paste("106540352100143\tqyyy")]);
        assert_eq!(line.key(51, KeyCode::Char('y')), chars("y"));
    }

    #[test]
    fn keys_given_out_before_count_as_well() {
        let mut line = Line::new();
        assert_eq!(line.feed(typed("abcde", 0), |_| false), chars("abcde"));
        assert_eq!(line.feed(typed("fghij", 10), |_| false), []);
        assert_eq!(line.expire(100), [paste("fghij")]);
    }

    #[test]
    fn a_key_that_no_text_holds_ends_a_paste() {
        let mut line = Line::new();
        let mut events = typed("0123456789", 0);
        events.push((1, press(KeyCode::Up)));
        assert_eq!(line.feed(events, |_| false), [paste("0123456789"), InputEvent::Key(Key::Up)]);
    }

    #[test]
    fn a_marked_paste_is_a_paste_and_a_cut_mark_too() {
        let marked = Event::Paste("qqqq".to_owned());
        assert_eq!(Line::new().feed(vec![(0, marked)], |_| false), [paste("qqqq")]);

        let mut line = Line::new();
        line.key(0, KeyCode::Esc);
        assert_eq!(line.feed(typed("[200~pay", 30), |_| false), []);
        assert_eq!(line.expire(50), [paste("pay")]);
    }

    #[test]
    fn a_paste_without_end_keeps_a_bounded_text() {
        let mut line = Line::new();
        line.feed(typed(&"x".repeat(100_000), 0), |_| false);
        assert_eq!(line.expire(20), [paste(&"x".repeat(MAX_BURST_BYTES))]);
    }

    #[test]
    fn debug_never_shows_what_was_pasted() {
        assert_eq!(format!("{:?}", paste("409726")), "Paste(Pasted(6 bytes))");
    }

    proptest! {
        #[test]
        fn no_line_noise_panics_or_lets_an_alt_letter_through(
            events in proptest::collection::vec((0..40u64, any_event()), 0..60),
            reads in 1..9usize,
        ) {
            let mut line = Line::new();
            let mut ms = 0;
            let mut out = Vec::new();
            for read in events.chunks(reads) {
                let read = read.iter().map(|(pause, event)| { ms += pause; (ms, event.clone()) }).collect();
                out.extend(line.feed(read, |_| false));
                out.extend(line.expire(ms));
            }
            out.extend(line.expire(ms + 1_000));
            prop_assert_eq!(line.decoder.deadline(), None);
            // 'z' is sent with Alt only.
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
}
