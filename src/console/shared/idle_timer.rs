//! How long no key was pressed, and whether the journal has recorded that the screen is hidden.
//!
//! It hides nothing: the app does.

use std::time::{Duration, Instant};

/// How long before hiding the warning appears; half the time if that is shorter.
pub(super) const WARNING_TIME: Duration = Duration::from_secs(30);

/// Tracks how long no key was pressed.
#[derive(Debug, Default)]
pub(in crate::console) struct IdleTimer {
    /// When the last key or paste arrived; `None` before the first.
    pub(in crate::console) last_input: Option<Instant>,
    pub(in crate::console) is_warned: bool,
    /// The journal has recorded that the screen is hidden, and not yet that it is shown again.
    pub(in crate::console) is_hiding_recorded: bool,
}

impl IdleTimer {
    /// Starts to count, once: the start of the console counts as a key.
    pub(in crate::console) fn start(&mut self, now: Instant) {
        self.last_input.get_or_insert(now);
    }

    /// Records a key. True if it only dismisses the warning: an operator who presses "any key" must not confirm or type
    /// anything with it.
    pub(in crate::console) fn record_activity(&mut self, now: Instant) -> bool {
        self.last_input = Some(now);
        std::mem::take(&mut self.is_warned)
    }
}
