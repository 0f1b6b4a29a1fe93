//! The second half of the decoder: keys that arrive faster than anyone types become a paste.
//!
//! It does not know what a key means: the caller names the keys that may be typed ahead.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{InputEvent, PastedText};
use crate::console::input::key::Key;

/// More command keys than this within [`BURST_WINDOW`] were not typed.
const MAX_KEYS_IN_BURST: usize = 8;

/// The same where one key confirms: no operator presses two in that time, and the first key of a paste must not count.
const MAX_KEYS_IN_BURST_STRICT: usize = 1;

/// The time over which a burst is measured, and the silence that ends it. Key repeat is slower than 20 ms.
pub(in crate::console) const BURST_WINDOW: Duration = Duration::from_millis(20);

/// The maximum size of a paste without marks; the rest is dropped. No field of pindesk needs more.
pub(super) const MAX_BURST_BYTES: usize = 4 * 1024;

/// A paste without marks that may continue.
struct Burst {
    text: Zeroizing<String>,
    last_key_at: Instant,
}

impl Burst {
    fn starting_at(at: Instant) -> Self {
        // The buffer never grows, because growing would leave a copy of a possible PIN in memory.
        Self { text: Zeroizing::new(String::with_capacity(MAX_BURST_BYTES)), last_key_at: at }
    }
}

/// Finds pastes among keys.
pub(super) struct PasteDetector {
    burst: Option<Burst>,
    /// When the last returned command keys arrived. They count across calls.
    recent_keys: VecDeque<Instant>,
    is_strict: bool,
}

impl PasteDetector {
    pub(super) fn new() -> Self {
        Self { burst: None, recent_keys: VecDeque::with_capacity(MAX_KEYS_IN_BURST), is_strict: false }
    }

    pub(super) const fn set_strict(&mut self, is_strict: bool) {
        self.is_strict = is_strict;
    }

    /// When the current burst ends, if no key follows.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.burst.as_ref().map(|burst| burst.last_key_at + BURST_WINDOW)
    }

    /// Appends the input, with keys that came too fast as one paste.
    pub(super) fn feed(
        &mut self,
        inputs: Vec<(InputEvent, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(InputEvent, Instant)>,
    ) {
        let mut run: Vec<(Key, char, Instant)> = Vec::new();
        for (input, at) in inputs {
            let textual = match &input {
                InputEvent::Key(key) => key.to_char().map(|c| (*key, c, at)),
                InputEvent::Paste(_) => None,
            };
            let is_next = run.last().is_none_or(|(_, _, last)| at.saturating_duration_since(*last) <= BURST_WINDOW);
            if textual.is_none() || !is_next {
                self.flush_run(&mut run, &is_exempt, out);
            }
            if let Some(textual) = textual {
                run.push(textual);
            } else {
                self.flush(out);
                out.push((input, at));
            }
        }
        self.flush_run(&mut run, &is_exempt, out);
    }

    /// Appends keys that came together, or turns them into a paste.
    fn flush_run(
        &mut self,
        run: &mut Vec<(Key, char, Instant)>,
        is_exempt: impl Fn(Key) -> bool,
        out: &mut Vec<(InputEvent, Instant)>,
    ) {
        let Some((_, _, first)) = run.first().copied() else { return };
        if self.burst.as_ref().is_some_and(|burst| first.saturating_duration_since(burst.last_key_at) > BURST_WINDOW) {
            self.flush(out);
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
        // A key right after the paste may be the rest of it.
        self.recent_keys.clear();
        self.recent_keys.push_back(burst.last_key_at);
    }

    /// Counts the command keys of a run together with those returned shortly before, and remembers them.
    fn is_pasted_run(&mut self, run: &[(Key, char, Instant)], is_exempt: impl Fn(Key) -> bool) -> bool {
        let max_keys = if self.is_strict { MAX_KEYS_IN_BURST_STRICT } else { MAX_KEYS_IN_BURST };
        for (key, _, at) in run {
            if !key.is_command() || is_exempt(*key) {
                continue;
            }
            let earlier = self.recent_keys.iter().nth_back(max_keys - 1);
            if earlier.is_some_and(|earlier| at.saturating_duration_since(*earlier) <= BURST_WINDOW) {
                return true;
            }
            if self.recent_keys.len() == MAX_KEYS_IN_BURST {
                self.recent_keys.pop_front();
            }
            self.recent_keys.push_back(*at);
        }
        false
    }

    /// Appends the current burst as a paste.
    pub(super) fn flush(&mut self, out: &mut Vec<(InputEvent, Instant)>) {
        if let Some(mut burst) = self.burst.take() {
            let text = std::mem::take(&mut *burst.text);
            out.push((InputEvent::Paste(PastedText::new(text)), burst.last_key_at));
        }
    }

    /// Drops the current burst.
    pub(super) fn reset(&mut self) {
        self.burst = None;
    }
}
