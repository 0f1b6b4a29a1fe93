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

use crate::console::key::Key;

/// How long an Esc is held back, as it may be the head of a key that was cut in two.
pub const ESCAPE_PATIENCE: Duration = Duration::from_millis(60);

/// The same over SSH, where the halves travel in packets of their own.
pub const ESCAPE_PATIENCE_OVER_SSH: Duration = Duration::from_millis(150);

/// More command keys than this, within [`BURST`], were not typed.
const MAX_TYPED_IN_BURST: usize = 8;

/// The same where one key says yes: nobody presses two in that time, and the first of a paste must not count.
const MAX_TYPED_WHEN_WARY: usize = 1;

/// The time a burst is measured over, and the quiet that ends it. Key repeat is slower than 20 ms.
const BURST: Duration = Duration::from_millis(20);

/// The longest tail of a cut-off key: no key is longer, and what is may not eat what follows for ever.
const MAX_TAIL: usize = 16;

/// The most bytes kept of one paste without marks. Nothing that pindesk asks for comes near it.
const MAX_BURST_TEXT: usize = 4 * 1024;

/// A pasted text, as it came: neither cleaned nor cut. It may hold a PIN: wiped on drop, never in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pasted(Zeroizing<String>);

impl Pasted {
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

impl fmt::Debug for Pasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pasted({} bytes)", self.0.len())
    }
}

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted, marked by the terminal or found by its speed.
    Paste(Pasted),
    /// The terminal has another size.
    Resized,
}

/// An Esc that may be the head of a key: what followed it, and since when it waits.
#[derive(Debug)]
struct Held {
    pressed: Instant,
    since: Instant,
    tail: String,
}

/// A paste without marks that may go on.
#[derive(Debug)]
struct Burst {
    text: Zeroizing<String>,
    began: Instant,
    last: Instant,
}

impl Burst {
    fn beginning(at: Instant) -> Self {
        // Never grown, so that no copy of what may be a PIN stays behind.
        Self { text: Zeroizing::new(String::with_capacity(MAX_BURST_TEXT)), began: at, last: at }
    }
}

/// Turns events into input. One for the life of the console.
#[derive(Debug)]
pub struct Decoder {
    patience: Duration,
    held: Option<Held>,
    burst: Option<Burst>,
    /// When the last command keys that were given out arrived, to count across calls.
    recent: VecDeque<Instant>,
    is_wary: bool,
}

impl Decoder {
    /// `patience` is the time an Esc is held back: [`ESCAPE_PATIENCE`] or [`ESCAPE_PATIENCE_OVER_SSH`].
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { patience, held: None, burst: None, recent: VecDeque::with_capacity(MAX_TYPED_IN_BURST), is_wary: false }
    }

    /// Takes two keys at once for a paste already, from now on or no longer.
    pub fn be_wary(&mut self, is_wary: bool) {
        self.is_wary = is_wary;
    }

    /// When [`Decoder::expire`] has something to give out, if nothing arrives before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let escape = self.held.as_ref().map(|held| held.since + self.patience);
        let burst = self.burst.as_ref().map(|burst| burst.last + BURST);
        escape.into_iter().chain(burst).min()
    }

    /// Gives out what waited for more that did not come.
    pub fn expire(&mut self, now: Instant, out: &mut Vec<(Input, Instant)>) {
        if self.burst.as_ref().is_some_and(|burst| burst.last + BURST <= now) {
            self.end_burst(out);
        }
        if self.held.as_ref().is_some_and(|held| held.since + self.patience <= now) {
            // After the burst: the Esc came later, or it would have ended the burst.
            self.end_burst(out);
            self.let_go(out);
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
        out: &mut Vec<(Input, Instant)>,
    ) {
        let mut mended = Vec::new();
        for (event, at) in events {
            self.mend(event, at, &mut mended);
        }
        self.find_pastes(mended, is_exempt, out);
    }

    /// First half: one event to input, with cut-off keys put together.
    fn mend(&mut self, event: Event, at: Instant, out: &mut Vec<(Input, Instant)>) {
        if self.held.as_ref().is_some_and(|held| held.since + self.patience < at) {
            self.let_go(out);
        }
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => {}
            Event::Key(key) => self.mend_key(key, at, out),
            Event::Paste(text) => {
                self.let_go(out);
                out.push((Input::Paste(Pasted::new(text)), at));
            }
            Event::Resize(..) => out.push((Input::Resized, at)),
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) => {}
        }
    }

    fn mend_key(&mut self, event: KeyEvent, at: Instant, out: &mut Vec<(Input, Instant)>) {
        let Some(mut held) = self.held.take() else {
            self.mend_free_key(event, at, out);
            return;
        };
        if let Some(c) = typed_char(event).filter(|c| continues(&held.tail, *c)) {
            held.tail.push(c);
            held.since = at;
            match complete(&held.tail) {
                Tail::Partial => self.held = Some(held),
                Tail::Key(key) => out.push((Input::Key(key), at)),
                // `find_pastes` lets the text that follows join it.
                Tail::PasteMark => out.push((Input::Paste(Pasted::new(String::new())), at)),
                Tail::Unknown => {}
            }
            return;
        }
        let is_bare = held.tail.is_empty();
        if is_bare {
            out.push((Input::Key(Key::Esc), held.pressed));
        }
        // Esc and a byte at once is what Alt sends: the byte is no key of its own.
        if !(is_bare && is_one_byte(event)) {
            self.mend_free_key(event, at, out);
        }
    }

    fn mend_free_key(&mut self, event: KeyEvent, at: Instant, out: &mut Vec<(Input, Instant)>) {
        match key_of(event) {
            Some(Key::Esc) => self.held = Some(Held { pressed: at, since: at, tail: String::new() }),
            Some(key) => out.push((Input::Key(key), at)),
            // Alt and a letter in one read is Esc and the letter as well.
            None if event.modifiers.contains(KeyModifiers::ALT) && is_one_byte(event) => {
                out.push((Input::Key(Key::Esc), at));
            }
            None => {}
        }
    }

    /// Gives out a held Esc; a partial tail is swallowed: typed as letters it could mean anything.
    fn let_go(&mut self, out: &mut Vec<(Input, Instant)>) {
        if let Some(held) = self.held.take().filter(|held| held.tail.is_empty()) {
            out.push((Input::Key(Key::Esc), held.pressed));
        }
    }

    /// Second half: keys that came faster than anyone types become a paste.
    fn find_pastes(
        &mut self,
        inputs: Vec<(Input, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(Input, Instant)>,
    ) {
        let mut run: Vec<(Key, char, Instant)> = Vec::new();
        for (input, at) in inputs {
            let textual = match &input {
                Input::Key(key) => key.text().map(|text| (*key, text, at)),
                Input::Paste(_) => None,
                // A resize says nothing of keys: it neither ends a paste nor waits for one.
                Input::Resized => {
                    out.push((input, at));
                    continue;
                }
            };
            let is_next = run.last().is_none_or(|(_, _, last)| at.saturating_duration_since(*last) <= BURST);
            if textual.is_none() || !is_next {
                self.end_run(&mut run, &is_exempt, out);
            }
            match (textual, &input) {
                (Some(textual), _) => run.push(textual),
                (None, Input::Paste(text)) if text.as_str().is_empty() => {
                    // The opening mark of a paste was cut in two. The closing one crossterm drops by itself.
                    self.end_burst(out);
                    self.burst = Some(Burst::beginning(at));
                }
                (None, _) => {
                    self.end_burst(out);
                    out.push((input, at));
                }
            }
        }
        self.end_run(&mut run, &is_exempt, out);
    }

    /// Gives out keys that came in one go, or makes them a paste.
    fn end_run(
        &mut self,
        run: &mut Vec<(Key, char, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(Input, Instant)>,
    ) {
        let Some((_, _, first)) = run.first().copied() else { return };
        if self.burst.as_ref().is_some_and(|burst| first.saturating_duration_since(burst.last) > BURST) {
            self.end_burst(out);
        }
        if self.burst.is_none() && !self.is_too_fast(run, &is_exempt) {
            out.extend(run.drain(..).map(|(key, _, at)| (Input::Key(key), at)));
            return;
        }
        let burst = self.burst.get_or_insert_with(|| Burst::beginning(first));
        for (_, c, at) in run.drain(..) {
            if burst.text.len() + c.len_utf8() <= MAX_BURST_TEXT {
                burst.text.push(c);
            }
            burst.last = at;
        }
        self.recent.clear();
    }

    /// Counts the command keys of a run, those given out shortly before included, and remembers them.
    fn is_too_fast(&mut self, run: &[(Key, char, Instant)], is_exempt: impl Fn(Key) -> bool) -> bool {
        let most = if self.is_wary { MAX_TYPED_WHEN_WARY } else { MAX_TYPED_IN_BURST };
        for (key, _, at) in run {
            if !key.is_command() || is_exempt(*key) {
                continue;
            }
            let before = self.recent.iter().nth_back(most - 1);
            if before.is_some_and(|before| at.saturating_duration_since(*before) <= BURST) {
                return true;
            }
            if self.recent.len() == MAX_TYPED_IN_BURST {
                self.recent.pop_front();
            }
            self.recent.push_back(*at);
        }
        false
    }

    fn end_burst(&mut self, out: &mut Vec<(Input, Instant)>) {
        if let Some(mut burst) = self.burst.take() {
            let text = std::mem::take(&mut *burst.text);
            out.push((Input::Paste(Pasted::new(text)), burst.began));
        }
    }
}

/// The key of an event by itself; modifiers have to match exactly.
fn key_of(event: KeyEvent) -> Option<Key> {
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
fn is_one_byte(event: KeyEvent) -> bool {
    matches!(event.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace)
}

/// Whether a character can follow in the tail of a cut-off key.
fn continues(tail: &str, c: char) -> bool {
    match tail.chars().next() {
        None => matches!(c, '[' | 'O'),
        Some(_) => c.is_ascii_graphic(),
    }
}

/// What the characters after an Esc come to.
enum Tail {
    Partial,
    Key(Key),
    PasteMark,
    Unknown,
}

fn complete(tail: &str) -> Tail {
    let key = match tail {
        // `[[` opens the function keys of the Linux console.
        "[" | "O" | "[[" => return Tail::Partial,
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
        "[200~" => return Tail::PasteMark,
        longer => {
            // Parameters go on until a final character.
            let is_open = longer.ends_with(|c| matches!(c, '\x20'..='\x3f'));
            return if is_open && longer.len() < MAX_TAIL { Tail::Partial } else { Tail::Unknown };
        }
    };
    Tail::Key(key)
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
            Self { decoder: Decoder::new(ESCAPE_PATIENCE), start: Instant::now() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// What comes of the events, each at its millisecond, read in one go, digits or nothing exempt.
        fn feed(&mut self, events: Vec<(u64, Event)>, is_exempt: fn(Key) -> bool) -> Vec<Input> {
            let mut out = Vec::new();
            let events: Vec<_> = events.into_iter().map(|(ms, event)| (event, self.at(ms))).collect();
            self.decoder.feed(events, is_exempt, &mut out);
            out.into_iter().map(|(input, _)| input).collect()
        }

        fn key(&mut self, ms: u64, code: KeyCode) -> Vec<Input> {
            self.feed(vec![(ms, press(code))], |_| false)
        }

        fn expire(&mut self, ms: u64) -> Vec<Input> {
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

    fn keys(keys: &[Key]) -> Vec<Input> {
        keys.iter().copied().map(Input::Key).collect()
    }

    fn chars(text: &str) -> Vec<Input> {
        text.chars().map(|c| Input::Key(Key::Char(c))).collect()
    }

    fn paste(text: &str) -> Input {
        Input::Paste(Pasted::new(text.to_owned()))
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
        line.decoder.be_wary(true);
        assert_eq!(line.feed(typed("y", 0), |_| false), chars("y"));
        assert_eq!(line.feed(typed("y\n", 100), |_| false), []);
        assert_eq!(line.expire(130), [paste("y\n")]);
        line.decoder.be_wary(false);
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
        line.decoder = Decoder::new(ESCAPE_PATIENCE_OVER_SSH);
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
        expected.push(Input::Key(Key::Tab));
        expected.extend(chars("409726"));
        expected.push(Input::Key(Key::Enter));
        assert_eq!(Line::new().feed(events, is_digit), expected);

        let down = vec![(0, press(KeyCode::Down)); 500];
        assert_eq!(Line::new().feed(down, |_| false), vec![Input::Key(Key::Down); 500]);
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
        assert_eq!(line.feed(events, |_| false), [paste("0123456789"), Input::Key(Key::Up)]);
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
        assert_eq!(line.expire(20), [paste(&"x".repeat(MAX_BURST_TEXT))]);
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
            let is_z = |input: &Input| match input {
                Input::Key(key) => *key == Key::Char('z'),
                Input::Paste(text) => text.as_str().contains('z'),
                Input::Resized => false,
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
