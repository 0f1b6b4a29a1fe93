//! How long no key was pressed, and whether the journal has recorded that the screen is hidden.
//!
//! It hides nothing: the app does.

use std::time::{Duration, Instant};

/// How long before hiding the warning appears; half the time if that is shorter.
pub(super) const WARNING_TIME: Duration = Duration::from_secs(30);

/// A key that follows a refused one sooner was typed before the operator could read the refusal.
const TYPED_AHEAD_TIME: Duration = Duration::from_millis(400);

/// Tracks how long no key was pressed.
#[derive(Debug, Default)]
pub(in crate::console) struct IdleTimer {
    /// When the last key or paste arrived; `None` before the first.
    pub(in crate::console) last_input: Option<Instant>,
    pub(in crate::console) is_warned: bool,
    /// The last key of those that were typed for a page that did not open; `None` if every page opened.
    refused_key: Option<Instant>,
    /// The journal has recorded that the screen is hidden, and not yet that it is shown again.
    pub(in crate::console) is_hiding_recorded: bool,
}

impl IdleTimer {
    /// Starts to count, once: the start of the console counts as a key.
    pub(in crate::console) fn start(&mut self, now: Instant) {
        self.last_input.get_or_insert(now);
    }

    /// A key asked for a page that does not open: the keys typed ahead for that page follow.
    pub(in crate::console) const fn start_refusal_pause(&mut self) {
        self.refused_key = self.last_input;
    }

    /// True if this key was typed ahead for a page that did not open: it follows the refused key, or one like it, sooner
    /// than anyone reads why. On the page below it would do something else.
    pub(in crate::console) fn was_typed_for_refused_page(&mut self, now: Instant) -> bool {
        let is_typed_ahead =
            self.refused_key.is_some_and(|last| now.saturating_duration_since(last) < TYPED_AHEAD_TIME);
        self.refused_key = is_typed_ahead.then_some(now);
        is_typed_ahead
    }

    /// Records a key. True if it only dismisses the warning: an operator who presses "any key" must not confirm or type
    /// anything with it.
    pub(in crate::console) fn record_activity(&mut self, now: Instant) -> bool {
        self.last_input = Some(now);
        std::mem::take(&mut self.is_warned)
    }
}
