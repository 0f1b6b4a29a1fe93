//! When the next frame is drawn: at once for a key, and at most a few times a second for everything else.
//!
//! It reads no clock and draws nothing.

use std::time::{Duration, Instant};

/// The minimum time between frames for progress and timers, so that a storm of progress costs a slow line little. Keys
/// draw at once.
const PROGRESS_FRAME_INTERVAL: Duration = Duration::from_millis(250);

/// Resizes come in bursts while a window is dragged. The frame waits for the last one.
const RESIZE_DEBOUNCE: Duration = Duration::from_millis(30);

/// Which frame a round of events needs.
#[derive(Debug, Default)]
pub(super) struct RedrawRequest {
    /// A key, or what an operator waits for.
    pub(super) is_immediate: bool,
    /// Progress, or a timer.
    pub(super) has_updates: bool,
    /// The window has another size.
    pub(super) has_resize: bool,
}

/// When frames were drawn, and when the next one is due.
#[derive(Debug, Default)]
pub(super) struct FrameTimes {
    /// The last frame that no key asked for.
    last_progress_frame: Option<Instant>,
}

impl FrameTimes {
    /// When the next frame is due, if one was due before this round.
    pub(super) fn next_frame(&self, round: &RedrawRequest, due: Option<Instant>, now: Instant) -> Option<Instant> {
        let for_news = || self.last_progress_frame.map_or(now, |last| (last + PROGRESS_FRAME_INTERVAL).max(now));
        let frame_time = if round.has_resize {
            return Some(now + RESIZE_DEBOUNCE);
        } else if round.is_immediate {
            Some(now)
        } else if round.has_updates {
            Some(for_news())
        } else {
            None
        };
        due.into_iter().chain(frame_time).min()
    }

    /// A frame is drawn after this round. It shows the progress of earlier rounds as well.
    pub(super) const fn frame_drawn(&mut self, round: &RedrawRequest, now: Instant) {
        if !round.is_immediate {
            self.last_progress_frame = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When frames are drawn, in milliseconds, if these events come at these times.
    fn frames(events: &[(u64, RedrawRequest)]) -> Vec<u64> {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let (mut times, mut due, mut drawn) = (FrameTimes::default(), None, Vec::new());
        for ms in 0..2_000 {
            let now = at(ms);
            let none = RedrawRequest::default();
            let round = events.iter().find(|(time, _)| *time == ms).map_or(&none, |(_, round)| round);
            due = times.next_frame(round, due, now);
            if due.is_some_and(|due| due <= now) {
                times.frame_drawn(round, now);
                drawn.push(ms);
                due = None;
            }
        }
        drawn
    }

    fn progress() -> RedrawRequest {
        RedrawRequest { has_updates: true, ..RedrawRequest::default() }
    }

    fn key() -> RedrawRequest {
        RedrawRequest { is_immediate: true, ..RedrawRequest::default() }
    }

    #[test]
    fn a_storm_of_progress_draws_four_frames_a_second() {
        let storm: Vec<_> = (0..100).map(|n| (10 * n, progress())).collect();
        assert_eq!(frames(&storm), [0, 250, 500, 750, 1_000]);
    }

    #[test]
    fn a_key_draws_at_once_and_what_came_before_it() {
        assert_eq!(frames(&[(0, progress()), (10, progress()), (20, key()), (30, progress())]), [0, 20, 250]);
        assert_eq!(frames(&[(100, key()), (110, progress())]), [100, 110], "a key delays no progress");
    }

    #[test]
    fn a_resize_waits_for_the_last_one() {
        let resize = || RedrawRequest { has_resize: true, ..RedrawRequest::default() };
        assert_eq!(frames(&[(0, resize()), (20, resize()), (40, resize())]), [70]);
    }
}
