//! The jobs that this process works on, with how many of their numbers have not ended.
//!
//! It does not record the end of a job, and does not know which numbers a job has.

use std::collections::HashMap;

use crate::domain::change::JobId;

/// The jobs with numbers that have not ended.
#[derive(Default)]
pub(super) struct OpenJobs(HashMap<JobId, OpenJob>);

struct OpenJob {
    /// How many of its numbers have not ended.
    open: usize,
    /// True if its outcomes alone do not tell the journal that the work on it has ended.
    needs_end: bool,
}

impl OpenJobs {
    /// A job starts with this many numbers. The journal cannot tell by the outcomes of a resumed job whether this process
    /// goes on with it, because its numbers may have outcomes of before.
    pub(super) fn start(&mut self, job: JobId, count: usize, is_resumed: bool) {
        self.0.insert(job, OpenJob { open: count, needs_end: is_resumed });
    }

    /// True while numbers of the job have not ended.
    pub(super) fn contain(&self, job: JobId) -> bool {
        self.0.contains_key(&job)
    }

    /// A number of a job ended, and the journal has its outcome or not. True if it was the last one, and the end of the job
    /// must be recorded.
    pub(super) fn end_number(&mut self, job: JobId, has_outcome: bool) -> bool {
        let Some(open_job) = self.0.get_mut(&job) else { return false };
        open_job.open = open_job.open.saturating_sub(1);
        open_job.needs_end |= !has_outcome;
        open_job.open == 0 && self.0.remove(&job).is_some_and(|ended| ended.needs_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: JobId = JobId::new(7);
    const OTHER: JobId = JobId::new(8);

    #[test]
    fn outcomes_alone_tell_the_end_of_a_job_that_was_not_resumed() {
        let mut jobs = OpenJobs::default();
        jobs.start(JOB, 2, false);
        assert_eq!([true, true].map(|has_outcome| jobs.end_number(JOB, has_outcome)), [false, false]);
    }

    #[test]
    fn the_last_number_ends_a_job_with_unsent_numbers_once() {
        let mut jobs = OpenJobs::default();
        jobs.start(JOB, 3, false);
        jobs.start(OTHER, 1, false);
        let ends = [true, false, true, true].map(|has_outcome| jobs.end_number(JOB, has_outcome));
        assert_eq!(ends, [false, false, true, false]);
        assert!(!jobs.end_number(OTHER, true));
    }

    #[test]
    fn the_last_number_ends_a_resumed_job() {
        let mut jobs = OpenJobs::default();
        jobs.start(JOB, 1, true);
        assert!(jobs.end_number(JOB, true));
    }
}
