//! Reads the jobs that a page shows.
//!
//! It reads on request and never by itself. Requests that arrive while it reads, or soon after, are one read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Worker;
use crate::console::app::Msg;
use crate::console::worker::WorkerReport;
use crate::console::worker::journal_read::try_read_journal;
use crate::journal::{Journal, JournalReader};

/// The minimum time from the start of one read to that of the next.
const READ_INTERVAL: Duration = Duration::from_millis(250);

/// How much longer than a read the time without one is, so that a large journal does not keep a core busy.
const IDLE_FACTOR: u32 = 4;

/// The longest time without a read, however long the last one took.
const MAX_IDLE_TIME: Duration = Duration::from_secs(2);

/// What the open page wants to know.
#[derive(Debug, Default)]
pub(super) struct WantedJobs {
    has_list: AtomicBool,
    changed: Notify,
}

impl WantedJobs {
    /// Requests the list of all jobs.
    pub(super) fn want_list(&self) {
        self.has_list.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }
}

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    /// Reads what is requested, until the journal is closed.
    pub(super) fn read_wanted_jobs(&mut self, journal: Journal) {
        let (wanted, report) = (Arc::clone(&self.wanted_jobs), Arc::clone(&self.report));
        let task = async move {
            loop {
                wanted.changed.notified().await;
                let start = Instant::now();
                if wanted.has_list.swap(false, Ordering::SeqCst) {
                    let jobs = try_read_journal(&journal, JournalReader::jobs).await;
                    report(WorkerReport::Msg(Msg::JobsRead(jobs)));
                }
                tokio::time::sleep((start.elapsed() * IDLE_FACTOR).clamp(READ_INTERVAL, MAX_IDLE_TIME)).await;
            }
        };
        self.job_reader = Some(tokio::spawn(task).abort_handle());
    }
}
