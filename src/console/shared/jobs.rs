//! What the console knows of jobs: the list of all, those of this process, and the one whose page is open.
//!
//! It reads nothing and sends nothing.

mod counts;
mod own_jobs;
mod open_job;
mod job_list;

pub use counts::{JobCounts, JobPhase};
pub use job_list::JobList;
pub use open_job::{JobNumbers, JobRow, OpenJob};
pub use own_jobs::{OwnJob, OwnJobs};

pub(in crate::console) use own_jobs::JobMilestone;

use std::time::Instant;

use super::Shared;
use crate::domain::change::JobId;
use crate::domain::number::Number;
use crate::journal::{JobNumber, JobStatus, JobSummary};
use crate::policy::quota::QuotaScope;

/// The state of the pages of jobs, which outlives them.
#[derive(Debug, Default)]
pub(in crate::console) struct JobsState {
    pub(in crate::console) list: JobList,
    pub(in crate::console) own: OwnJobs,
    pub(in crate::console) open: OpenJob,
    /// When jobs were read last.
    pub(in crate::console) read_at: Option<Instant>,
}

impl JobsState {
    /// True if a job that is shown runs in another process. `open` is the job whose page is shown, `None` for the list.
    pub(in crate::console) fn shows_other_process(&self, open: Option<JobId>) -> bool {
        let runs_elsewhere = |job: &JobSummary| job.status == JobStatus::Running && self.own.get(job.id).is_none();
        match open {
            Some(_) => self.open.numbers().is_some_and(|job| runs_elsewhere(job.summary())),
            None => self.list.summaries().unwrap_or_default().iter().any(runs_elsewhere),
        }
    }
}

impl Shared {
    /// The jobs of the journal.
    #[must_use]
    pub const fn job_list(&self) -> &JobList {
        &self.jobs.list
    }

    /// The jobs that this process works on.
    #[must_use]
    pub const fn own_jobs(&self) -> &OwnJobs {
        &self.jobs.own
    }

    /// The job whose page is open.
    #[must_use]
    pub const fn open_job(&self) -> &OpenJob {
        &self.jobs.open
    }

    /// The name of a WABA or number whose calls Meta limits; `None` if it has none, or for all calls.
    #[must_use]
    pub fn scope_label(&self, scope: QuotaScope) -> Option<String> {
        match scope {
            QuotaScope::Waba(waba) => {
                let known = self.session.wabas.iter().find(|known| Some(known.id) == waba);
                known.map(|known| known.label().to_owned())
            }
            QuotaScope::Number(number) => Some(self.label(&number)),
            QuotaScope::App | QuotaScope::Token => None,
        }
    }

    /// A number of a job as a target: as the list knows it, or with its WABA if it is in no list.
    pub(in crate::console) fn job_target(&self, record: &JobNumber) -> Number {
        let waba = || self.session.wabas.iter().find(|known| Some(known.id) == record.waba).cloned();
        self.number(&record.number)
            .unwrap_or_else(|| Number { waba: waba(), ..Number::from_config(record.number, None) })
    }

    /// How many numbers of a job the window shows at most, for the keys that move by a page.
    #[must_use]
    pub fn job_rows(&self) -> u16 {
        // Title, heading, bar, counts, times, filter, columns; rule, two lines about the number, keys.
        let has_note = self.jobs.open.numbers().is_some_and(|job| job.summary().note.is_some());
        let frame = if self.is_compact() { 7 } else { 11 + u16::from(has_note) };
        self.size.height.saturating_sub(frame)
    }

    /// How many jobs the window shows.
    #[must_use]
    pub const fn jobs_rows(&self) -> u16 {
        // Title, heading, columns; rule, two lines about the job, keys. A small window has one line about the job.
        self.size.height.saturating_sub(if self.is_compact() { 6 } else { 7 })
    }
}
