//! Guards a page against accidental confirmation: no key counts until the page was shown and the keyboard was quiet.
//!
//! Keys typed ahead do not count, because they arrive before the quiet time has passed. The guard knows arrival times,
//! not keys: the page decides which key confirms.

use std::time::{Duration, Instant};

/// No operator reads a page and decides in less time. A key repeat (30 ms) or a pasted burst never leaves such a gap.
pub const QUIET_TIME: Duration = Duration::from_millis(400);

/// The response to a key that was typed ahead.
pub(super) const TYPED_AHEAD: &str = "Read this first: keys typed ahead were dropped.";

/// Protects a page that confirms something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guard {
    /// No frame with the page has reached the terminal yet.
    #[default]
    Unseen,
    /// The page was shown, and the keyboard was quiet since then.
    Quiet {
        /// When the page was shown, or the last key that came too early, or the last paste.
        since: Instant,
    },
}

impl Guard {
    /// The page was shown at this time. Only the first time counts.
    pub fn mark_shown(&mut self, at: Instant) {
        if *self == Self::Unseen {
            *self = Self::Quiet { since: at };
        }
    }

    /// Something else than a key arrived, such as a paste, whose end may still follow as keys: the quiet time starts
    /// over.
    pub fn restart(&mut self, at: Instant) {
        if let Self::Quiet { since } = self {
            *since = at.max(*since);
        }
    }

    /// Whether a key that arrived at this time counts. A key that arrived too early restarts the quiet time.
    pub fn accepts_key(&mut self, arrived: Instant) -> bool {
        match self {
            Self::Unseen => false,
            Self::Quiet { since } if arrived >= *since + QUIET_TIME => true,
            Self::Quiet { .. } => {
                self.restart(arrived);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_counts_before_the_page_was_shown() {
        let mut guard = Guard::default();
        assert!(!guard.accepts_key(Instant::now() + Duration::from_mins(1)));
    }

    #[test]
    fn a_key_counts_only_after_a_quiet_time() {
        let (mut guard, shown) = (Guard::default(), Instant::now());
        guard.mark_shown(shown);
        assert!(!guard.accepts_key(shown + Duration::from_millis(399)), "too early");
        assert!(!guard.accepts_key(shown + Duration::from_millis(798)), "the earlier key restarted the quiet time");
        assert!(guard.accepts_key(shown + Duration::from_millis(1_198)));
        assert!(guard.accepts_key(shown + Duration::from_millis(1_199)), "after the quiet time every key counts");
    }

    #[test]
    fn a_paste_restarts_the_quiet_time_even_after_it_has_passed() {
        let (mut guard, shown) = (Guard::default(), Instant::now());
        guard.restart(shown);
        assert_eq!(guard, Guard::Unseen, "nothing restarts before the page was shown");
        guard.mark_shown(shown);
        guard.restart(shown + Duration::from_millis(500));
        assert!(!guard.accepts_key(shown + Duration::from_millis(899)));
        assert!(guard.accepts_key(shown + Duration::from_millis(1_299)));
    }

    #[test]
    fn a_key_typed_before_the_page_never_counts() {
        let (mut guard, typed) = (Guard::default(), Instant::now());
        guard.mark_shown(typed + Duration::from_secs(30));
        assert!(!guard.accepts_key(typed));
        guard.mark_shown(typed);
        assert!(!guard.accepts_key(typed + Duration::from_secs(1)), "only the first frame counts");
    }
}
