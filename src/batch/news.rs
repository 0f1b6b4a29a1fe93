//! Tells the news of changes, with the time. It decides nothing.

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::job::{ChangeId, Finished, JobState, Progress};
use crate::moment::{Clock, Moment};
use crate::number::PhoneNumberId;

/// Tells the news, and the time of it.
#[derive(Clone)]
pub(super) struct Teller {
    news: mpsc::UnboundedSender<Progress>,
    clock: Clock,
}

impl Teller {
    pub(super) const fn new(news: mpsc::UnboundedSender<Progress>, clock: Clock) -> Self {
        Self { news, clock }
    }

    pub(super) fn moved(&self, change: impl Into<Option<ChangeId>>, number: PhoneNumberId, state: JobState) {
        self.tell(Progress { change: change.into(), number, state });
    }

    pub(super) fn tell(&self, progress: Progress) {
        // Nobody may listen any more; the work goes on all the same.
        self.news.send(progress).ok();
    }

    /// Now, by tokio's clock, which tests pause.
    pub(super) fn now(&self) -> Moment {
        self.clock.at(Instant::now().into_std())
    }

    pub(super) fn finished(&self, tries: u8) -> Finished {
        Finished { at: self.now().utc, tries }
    }
}
