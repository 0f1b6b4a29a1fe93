//! Reads the jobs that a page shows.
//!
//! It reads on request and never by itself. Requests that arrive while it reads, or soon after, are one read.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Worker;
use crate::console::app::Msg;
use crate::console::worker::WorkerReport;
use crate::console::worker::journal_read::try_read_journal;
use crate::domain::change::JobId;
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
    wanted: Mutex<Wanted>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Wanted {
    has_list: bool,
    job: Option<JobId>,
}

impl WantedJobs {
    /// Requests the list of all jobs.
    pub(super) fn want_list(&self) {
        self.lock().has_list = true;
        self.changed.notify_one();
    }

    /// Requests a job, number by number, in place of another one.
    pub(super) fn want_job(&self, job: JobId) {
        self.lock().job = Some(job);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a request.
    async fn next(&self) -> Wanted {
        self.changed.notified().await;
        mem::take(&mut self.lock())
    }
}

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    /// Reads what is requested, until the journal is closed.
    pub(super) fn read_wanted_jobs(&mut self, journal: Journal) {
        let (wanted, report) = (Arc::clone(&self.wanted_jobs), Arc::clone(&self.report));
        let task = async move {
            loop {
                let Wanted { has_list, job } = wanted.next().await;
                let start = Instant::now();
                // The console may know of results whose records still wait.
                journal.flush().await;
                if has_list {
                    let jobs = try_read_journal(&journal, JournalReader::jobs).await;
                    report(WorkerReport::Msg(Msg::JobsRead(jobs)));
                }
                if let Some(id) = job {
                    let read = try_read_journal(&journal, move |reader| reader.job(id)).await.flatten();
                    report(WorkerReport::Msg(Msg::JobRead(id, read)));
                }
                tokio::time::sleep((start.elapsed() * IDLE_FACTOR).clamp(READ_INTERVAL, MAX_IDLE_TIME)).await;
            }
        };
        self.job_reader = Some(tokio::spawn(task).abort_handle());
    }
}
