//! What the console knows of the jobs in the journal: their summaries as they were read last, and the cursor of their list.
//!
//! It reads nothing: the app asks for the jobs when a page shows them and the journal has changed.

use crate::console::input::keymap::Motion;
use crate::domain::change::JobId;
use crate::journal::JobSummary;

/// The jobs of the journal, newest first.
#[derive(Debug)]
pub struct JobList {
    /// `None` before the first read.
    summaries: Option<Vec<JobSummary>>,
    /// The journal may have more than was read.
    is_stale: bool,
    has_read_failed: bool,
    /// The job under the cursor; the newest one until a key moves it.
    cursor: Option<JobId>,
}

impl Default for JobList {
    fn default() -> Self {
        Self { summaries: None, is_stale: true, has_read_failed: false, cursor: None }
    }
}

impl JobList {
    /// The jobs, newest first; `None` before the first read.
    #[must_use]
    pub fn summaries(&self) -> Option<&[JobSummary]> {
        self.summaries.as_deref()
    }

    /// True if the last read failed.
    #[must_use]
    pub const fn has_read_failed(&self) -> bool {
        self.has_read_failed
    }

    /// The position of the job under the cursor; `None` if there are no jobs.
    #[must_use]
    pub fn cursor_index(&self) -> Option<usize> {
        let summaries = self.summaries()?;
        let index = self.cursor.and_then(|id| summaries.iter().position(|job| job.id == id)).unwrap_or(0);
        (index < summaries.len()).then_some(index)
    }

    /// The job under the cursor.
    #[must_use]
    pub fn selected(&self) -> Option<&JobSummary> {
        self.summaries()?.get(self.cursor_index()?)
    }

    /// The jobs must be read again when a page shows them.
    pub(in crate::console) const fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    /// True, once, if the jobs must be read.
    pub(in crate::console) const fn take_stale(&mut self) -> bool {
        std::mem::replace(&mut self.is_stale, false)
    }

    /// The jobs were read; `None` if they could not be read. Then the former ones stay.
    pub(in crate::console) fn set_summaries(&mut self, read: Option<Vec<JobSummary>>) {
        self.has_read_failed = read.is_none();
        self.summaries = read.or_else(|| self.summaries.take());
    }

    /// Keeps the cursor on a job, because its page opens.
    pub(in crate::console) const fn select(&mut self, id: JobId) {
        self.cursor = Some(id);
    }

    /// Moves the cursor. `page` is how many rows a page has.
    pub(in crate::console) fn move_cursor(&mut self, motion: Motion, page: usize) {
        let Some((index, summaries)) = self.cursor_index().zip(self.summaries.as_ref()) else { return };
        self.cursor = summaries.get(motion.target(index, page, summaries.len())).map(|job| job.id);
    }
}
