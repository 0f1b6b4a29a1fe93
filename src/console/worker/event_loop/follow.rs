//! Follows the journal: what it has about each number when it opens, and then what every process adds.
//!
//! It reads when the watch reports a change and not by a timer, and only rows that are new. It decides nothing about
//! them: the jobs actor knows which numbers are in its own hands.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Worker;
use crate::console::app::Msg;
use crate::console::worker::WorkerReport;
use crate::console::worker::journal_read::{read_journal, try_read_journal};
use crate::domain::change::JobId;
use crate::domain::clock::Clock;
use crate::domain::text::CleanText;
use crate::jobs::JobsHandle;
use crate::journal::{Journal, JournalReader, JournalWatch, RecordCursor};

/// The time from one read to the next. A job of another process writes dozens of rows a second; this one read covers
/// all of them, and the last row is always read.
const READ_INTERVAL: Duration = Duration::from_millis(250);

/// How many records one message has: about as much memory as a page of numbers.
const RECORDS_PER_PAGE: usize = 256;

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    /// Sends what the journal has about numbers, page by page, newest first.
    pub(super) fn load_number_records(&self, journal: Journal) -> impl Future<Output = ()> + Send + use<R> {
        let wait_for_permit = self.throttled_sender();
        async move {
            let ends = read_journal(&journal, JournalReader::newest_ends).await;
            for page in ends.chunks(RECORDS_PER_PAGE) {
                let send = wait_for_permit().await;
                let page = page.to_vec();
                send(Msg::NumberRecordsLoaded(
                    read_journal(&journal, move |reader| reader.number_records(&page)).await,
                ));
            }
        }
    }

    /// Hands new rows to the actor until the journal is closed.
    pub(super) fn follow_journal(&mut self, journal: Journal, jobs: JobsHandle) {
        // Before the first read, so that no later row is missed.
        let watch = journal.watch();
        let (report, clock) = (Arc::clone(&self.report), self.clock);
        let report_jobs = {
            let report = Arc::clone(&report);
            move |jobs| report(WorkerReport::Msg(Msg::JobsChanged(jobs)))
        };
        let reread = Arc::clone(&self.reread_journal);
        let follower = Follower { journal, jobs, clock, cursor: None, reread, report_jobs: Box::new(report_jobs) };
        let report_failure = move |error: &io::Error| {
            report(WorkerReport::Msg(Msg::JournalWatchFailed(CleanText::new(&error.to_string()))));
        };
        self.follower = Some(tokio::spawn(follower.run(watch, report_failure)).abort_handle());
    }
}

/// Reads the journal from where it stopped.
struct Follower {
    journal: Journal,
    jobs: JobsHandle,
    clock: Clock,
    /// `None` before the first read.
    cursor: Option<RecordCursor>,
    /// The operator wants what is new, whether the watch reports it or not.
    reread: Arc<Notify>,
    /// Reports the jobs that new rows name; none if a process ended.
    report_jobs: Box<dyn Fn(BTreeSet<JobId>) + Send>,
}

impl Follower {
    /// Reads after each change. Reports once if the system does not report changes.
    async fn run(mut self, watch: io::Result<JournalWatch>, report_failure: impl Fn(&io::Error)) {
        let mut watch = watch.inspect_err(&report_failure).ok();
        loop {
            self.read_new_rows().await;
            tokio::time::sleep(READ_INTERVAL).await;
            let changed = tokio::select! {
                changed = wait_for_change(&mut watch) => changed,
                () = self.reread.notified() => Ok(()),
            };
            if let Err(error) = changed {
                report_failure(&error);
                watch = None;
            }
        }
    }

    async fn read_new_rows(&mut self) {
        loop {
            let (known, clock) = (self.cursor.clone(), self.clock);
            // A cursor is replaced only by a complete read: after a failed one, the next starts at the same row.
            let read = try_read_journal(&self.journal, move |reader| {
                let mut cursor = known.map_or_else(|| reader.record_cursor(), Ok)?;
                let updates = reader.number_updates(&mut cursor, clock)?;
                Ok((updates, cursor))
            });
            let Some((updates, cursor)) = read.await else { return };
            let has_more = cursor.has_more();
            // The first read only finds where the journal ends.
            if self.cursor.is_some() {
                (self.report_jobs)(cursor.changed_jobs().clone());
            }
            self.cursor = Some(cursor);
            if !updates.is_empty() {
                self.jobs.handle_updates(updates);
            }
            if !has_more {
                return;
            }
        }
    }
}

/// Waits for a change; forever without a watch.
async fn wait_for_change(watch: &mut Option<JournalWatch>) -> io::Result<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
