//! The one rule for stopping, for console and commands alike: nothing new is sent, what is queued is not sent, and
//! requests in flight are awaited for a limited time.
//!
//! It never cancels a request. At a second stop the process ends at once: each request was recorded before it was sent, so
//! those in flight have no answer, and the next start says so.

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long requests in flight are awaited: their own deadline is 30 s.
pub const IN_FLIGHT_TIMEOUT: Duration = Duration::from_secs(35);

/// The requests that were in flight when the work was stopped.
#[derive(Debug)]
pub struct InFlight {
    ended: mpsc::Receiver<()>,
    deadline: Instant,
}

impl InFlight {
    /// The requests in flight from now on, and the sender that reports their end.
    pub(super) fn new() -> (mpsc::Sender<()>, Self) {
        let (sender, ended) = mpsc::channel();
        (sender, Self { ended, deadline: Instant::now() + IN_FLIGHT_TIMEOUT })
    }

    /// Blocks until all of them ended and every outcome is recorded, at most [`IN_FLIGHT_TIMEOUT`] after the stop. What
    /// is in flight after that has no answer.
    pub fn wait(self) {
        // If the actor has ended, nothing is in flight.
        self.ended.recv_timeout(self.deadline.saturating_duration_since(Instant::now())).ok();
    }

    /// True once all of them ended and every outcome is recorded.
    #[must_use]
    pub fn have_ended(&self) -> bool {
        self.ended.try_recv() != Err(mpsc::TryRecvError::Empty)
    }

    /// Requests that never end, awaited until this deadline.
    #[cfg(test)]
    pub(crate) fn never_ending(deadline: Instant) -> Self {
        let (sender, ended) = mpsc::channel();
        // If it were dropped, the requests would count as ended.
        Box::leak(Box::new(sender));
        Self { ended, deadline }
    }
}
