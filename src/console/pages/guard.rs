//! Guards a question against keys that its reader did not mean for it: typed ahead, held down, or pasted.
//!
//! A question has a pause after its frame. Keys within it are dropped. The guard knows arrival times, not keys: the page
//! decides which key confirms, and asks for the stricter rule where a single key does.

use std::time::{Duration, Instant};

use crate::console::input::decoder::BURST_WINDOW;

/// No operator reads a question and decides in less time. A key repeat (30 ms) or a pasted burst never leaves such a
/// gap.
pub const QUIET_TIME: Duration = Duration::from_millis(400);

/// After this time digits count even if keys keep coming: someone who types at their own pace leaves no quiet time, and
/// digits confirm nothing unless they are the right ones.
pub const MAX_PAUSE: Duration = Duration::from_millis(700);

/// The answer to a key within the pause.
pub(super) const TYPED_AHEAD: &str = "Keys typed before this question are ignored.";

/// The answer to a `y` within the pause: it may be typed ahead, or that of someone quick.
const TOO_SOON: &str = "Too soon after the question appeared. Press y now.";

/// The answer to a `y` that follows another key too soon.
const RELEASE_KEYS: &str = "Release the keys, then press y.";

/// Protects a page that confirms something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guard {
    /// No frame with the question has reached the terminal yet.
    #[default]
    Unseen,
    /// The question was shown.
    Shown {
        /// When its frame reached the terminal, or when the last paste arrived.
        since: Instant,
        /// The start of the quiet time: `since`, or the last key within the pause.
        quiet_since: Instant,
        /// The last key, or `since`.
        last_key: Instant,
    },
}

impl Guard {
    const fn start(at: Instant) -> Self {
        Self::Shown { since: at, quiet_since: at, last_key: at }
    }

    /// The question was shown at this time. Only the first time counts.
    pub fn mark_shown(&mut self, at: Instant) {
        if *self == Self::Unseen {
            *self = Self::start(at);
        }
    }

    /// A paste arrived, whose end may still follow as keys: the pause starts over.
    pub fn restart(&mut self, at: Instant) {
        if let Self::Shown { last_key, .. } = self {
            *self = Self::start(at.max(*last_key));
        }
    }

    /// When the pause ends, if no further key arrives: after a quiet time, and after [`MAX_PAUSE`] at the latest; `None`
    /// before the first frame.
    #[must_use]
    pub fn pause_end(&self) -> Option<Instant> {
        match self {
            Self::Unseen => None,
            Self::Shown { since, quiet_since, .. } => Some((*quiet_since + QUIET_TIME).min(*since + MAX_PAUSE)),
        }
    }

    /// True until the pause has ended.
    #[must_use]
    pub fn is_pausing(&self, now: Instant) -> bool {
        self.pause_end().is_none_or(|end| now < end)
    }

    /// True if this key came with the one before it, faster than anyone types: it may be the end of a paste without marks.
    #[must_use]
    pub fn came_at_once(&self, arrived: Instant) -> bool {
        match self {
            Self::Unseen => false,
            Self::Shown { last_key, .. } => arrived.saturating_duration_since(*last_key) <= BURST_WINDOW,
        }
    }

    /// Whether a digit, or a key that confirms nothing by itself, counts. Within the pause it does not, and the quiet
    /// time starts over.
    pub fn accepts_key(&mut self, arrived: Instant) -> bool {
        let is_accepted = !self.is_pausing(arrived);
        if let Self::Shown { quiet_since, last_key, .. } = self {
            *last_key = arrived.max(*last_key);
            if !is_accepted {
                *quiet_since = *last_key;
            }
        }
        is_accepted
    }

    /// Whether a key that confirms by itself counts: only after the pause, and after a quiet time without any key, so
    /// that a held key never confirms. The error is the answer for the operator.
    ///
    /// # Errors
    /// If the key came too early.
    pub fn check_yes(&mut self, arrived: Instant) -> Result<(), &'static str> {
        let is_quiet = match self {
            Self::Unseen => false,
            Self::Shown { last_key, .. } => arrived >= *last_key + QUIET_TIME,
        };
        let is_shown = matches!(self, Self::Shown { since, .. } if arrived >= *since);
        match (self.accepts_key(arrived), is_quiet) {
            (false, _) if is_shown => Err(TOO_SOON),
            (false, _) => Err(TYPED_AHEAD),
            (true, false) => Err(RELEASE_KEYS),
            (true, true) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guard of a question that was shown, and a function that gives the time some milliseconds later.
    fn shown() -> (Guard, impl Fn(u64) -> Instant) {
        let (mut guard, start) = (Guard::default(), Instant::now());
        guard.mark_shown(start);
        (guard, move |millis| start + Duration::from_millis(millis))
    }

    #[test]
    fn no_key_counts_before_the_question_was_shown() {
        let (mut guard, later) = (Guard::default(), Instant::now() + Duration::from_mins(1));
        assert_eq!((guard.accepts_key(later), guard.check_yes(later)), (false, Err(TYPED_AHEAD)));
        assert!(guard.is_pausing(later) && guard.pause_end().is_none());
    }

    #[test]
    fn the_pause_ends_after_a_quiet_time() {
        let (mut guard, at) = shown();
        assert!(!guard.accepts_key(at(100)), "too early");
        assert!(!guard.accepts_key(at(499)), "the earlier key restarted the quiet time");
        let (mut guard, at) = shown();
        assert!(!guard.accepts_key(at(100)));
        assert_eq!((guard.is_pausing(at(499)), guard.pause_end()), (true, Some(at(500))));
        assert!(guard.accepts_key(at(500)));
        assert!(guard.accepts_key(at(501)), "after the pause every digit counts");
    }

    #[test]
    fn digits_typed_at_any_pace_count_after_700_ms() {
        for pace in [30, 120, 250, 399] {
            let (mut guard, at) = shown();
            let accepted: Vec<_> = (1..60).map(|n| n * pace).filter(|millis| guard.accepts_key(at(*millis))).collect();
            let expected: Vec<_> = (1..60).map(|n| n * pace).filter(|millis| *millis >= 700).collect();
            assert_eq!(accepted, expected, "{pace} ms");
        }
    }

    #[test]
    fn a_held_or_repeated_yes_never_counts() {
        for pace in [30, 250, 399] {
            let (mut guard, at) = shown();
            for n in 1..200 {
                let millis = n * pace;
                let answer = if millis < 700 { TOO_SOON } else { RELEASE_KEYS };
                assert_eq!(guard.check_yes(at(millis)), Err(answer), "{millis} ms");
            }
            assert_eq!(guard.check_yes(at(199 * pace + 400)), Ok(()));
        }
    }

    #[test]
    fn any_key_before_a_yes_restarts_its_quiet_time() {
        let (mut guard, at) = shown();
        assert!(guard.accepts_key(at(5_000)));
        assert_eq!(guard.check_yes(at(5_399)), Err(RELEASE_KEYS));
        assert_eq!(guard.check_yes(at(5_799)), Ok(()));
    }

    #[test]
    fn a_paste_starts_the_pause_over_even_after_its_end() {
        let (mut guard, at) = (Guard::default(), Instant::now());
        guard.restart(at);
        assert_eq!(guard, Guard::Unseen, "nothing starts over before the question was shown");
        let (mut guard, at) = shown();
        guard.restart(at(5_000));
        assert!(!guard.accepts_key(at(5_399)));
        assert_eq!(guard.pause_end(), Some(at(5_700)));
    }

    #[test]
    fn a_key_typed_before_the_question_never_counts() {
        let (mut guard, typed) = (Guard::default(), Instant::now());
        guard.mark_shown(typed + Duration::from_secs(30));
        assert!(!guard.accepts_key(typed));
        assert_eq!(guard.check_yes(typed), Err(TYPED_AHEAD));
        assert_eq!(guard.pause_end(), Some(typed + Duration::from_millis(30_400)), "an old key delays nothing");
        guard.mark_shown(typed);
        assert!(!guard.accepts_key(typed + Duration::from_secs(1)), "only the first frame counts");
    }
}
