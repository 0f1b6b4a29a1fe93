//! Sends the new states of changes to the receiver of progress, and reads the clock for them. It makes no decisions.

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::change::{Change, ChangeId, ChangeState, Completion, JobId, Progress, ProgressSource};
use crate::domain::clock::{Clock, TimePoint};
use crate::domain::number::PhoneNumberId;

/// Sends new states of changes.
#[derive(Clone)]
pub(super) struct ProgressSender {
    sender: mpsc::UnboundedSender<Progress>,
    clock: Clock,
}

impl ProgressSender {
    pub(super) const fn new(sender: mpsc::UnboundedSender<Progress>, clock: Clock) -> Self {
        Self { sender, clock }
    }

    pub(super) fn send_state(
        &self,
        job: impl Into<Option<JobId>>,
        change: impl Into<Option<ChangeId>>,
        number: PhoneNumberId,
        state: ChangeState,
    ) {
        self.send(Progress { job: job.into(), change: change.into(), number, state, source: ProgressSource::Own });
    }

    /// Sends the new state of a change that was created.
    pub(super) fn send_change_state(&self, change: &Change, state: ChangeState) {
        self.send_state(change.job, change.id, change.number, state);
    }

    pub(super) fn send(&self, progress: Progress) {
        // The receiver may be gone. The actor continues without it.
        self.sender.send(progress).ok();
    }

    /// The current time on tokio's clock, which tests pause.
    pub(super) fn now(&self) -> TimePoint {
        self.clock.at(Instant::now().into_std())
    }

    pub(super) fn finished_now(&self, attempts: u8) -> Completion {
        Completion { at: self.now().utc, attempts }
    }
}
