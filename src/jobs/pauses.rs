//! What sends nothing new for now: one job, or everything. It does not know who paused it.

use std::collections::BTreeSet;

use crate::domain::change::JobId;

/// The pauses of this process.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    /// True if nothing is sent.
    pub(super) are_all: bool,
    /// The jobs of which nothing is sent.
    pub(super) jobs: BTreeSet<JobId>,
}

impl Pauses {
    /// True if nothing of this job is sent.
    pub(super) fn hold(&self, job: JobId) -> bool {
        self.are_all || self.jobs.contains(&job)
    }
}
