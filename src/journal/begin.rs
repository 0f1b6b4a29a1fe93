//! A job that begins, or is taken up again: by one process at a time, and only for numbers of it that were never sent.
//!
//! What is left was read before the network was asked and somebody confirmed; so it is looked at again in the
//! transaction that records that the job is taken up.

use std::collections::HashSet;

use rusqlite::params;

use super::audit::{Action, Entry};
use super::error::{Failure, Refused};
use super::jobs::{JobNumber, JobProgress, Jobs};
use super::ledger::Ledger;
use super::records::{PinSource, Plan};
use crate::job::JobId;
use crate::number::{PhoneNumberId, WabaId};
use crate::text::CleanText;

impl Ledger<'_> {
    pub(super) fn begin_job(&mut self, plan: &Plan) -> Result<JobId, Failure> {
        let last: u32 = self.db.query_row("SELECT coalesce(max(job), 0) FROM jobs", [], |row| row.get(0))?;
        let job = JobId::new(last.saturating_add(1));
        let pins = match plan.pins {
            PinSource::Given => "given",
            PinSource::Random => "random",
        };
        let note = format!("{}, profile {}, PINs {pins}", counted(plan.numbers.len()), plan.profile);
        let entry = Entry { job: Some(job), note: Some(CleanText::new(&note)), ..Entry::default() };
        let seq = self.audit(Action::Job, self.now.utc, entry)?;
        self.db
            .prepare_cached("INSERT INTO jobs (job, seq, run, at, profile, pins) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![job.get(), seq, self.run(), self.now.utc.unix_seconds(), plan.profile.as_str(), pins])?;
        let mut number_row =
            self.db.prepare_cached("INSERT INTO job_numbers (job, place, number, waba) VALUES (?1, ?2, ?3, ?4)")?;
        for (place, (number, waba)) in (1_u32..).zip(&plan.numbers) {
            number_row.execute(params![job.get(), place, number.as_str(), waba.as_ref().map(WabaId::as_str)])?;
        }
        Ok(job)
    }

    /// Records that this process takes up what is left of a job, unless another one is at work on it.
    pub(super) fn resume_job(&mut self, job: JobId, numbers: &[PhoneNumberId]) -> Result<Result<(), Refused>, Failure> {
        let busy = |text: String| Ok(Err(Refused::Busy(CleanText::new(&text))));
        let Some(detail) = Jobs::new(self.db, self.scribe.running.dir())?.detail(job)? else {
            return busy(format!("there is no job {job} any more"));
        };
        if detail.summary.state == JobProgress::Running {
            return busy(format!("job {job} is at work in another process"));
        }
        let left: HashSet<_> =
            detail.numbers.iter().filter(|number| number.is_left()).map(|JobNumber { number, .. }| number).collect();
        if numbers.iter().any(|number| !left.contains(number)) {
            return busy(format!("what is left of job {job} has changed meanwhile"));
        }
        let note = Some(CleanText::new(&format!("taken up again: {}", counted(numbers.len()))));
        let at = self.now.utc;
        let seq = self.audit(Action::Resumed, at, Entry { job: Some(job), note, ..Entry::default() })?;
        self.db
            .prepare_cached("INSERT INTO resumptions (seq, job, run, at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![seq, job.get(), self.run(), at.unix_seconds()])?;
        Ok(Ok(()))
    }
}

fn counted(numbers: usize) -> String {
    if numbers == 1 { "1 number".to_owned() } else { format!("{numbers} numbers") }
}
