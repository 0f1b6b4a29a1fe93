//! The start of a job, and its resumption: by one process at a time, and only for numbers that were never sent.
//!
//! The rest of a job was read before the operator confirmed, so it is checked again in the transaction that records the
//! resumption. It sends nothing.

use std::collections::HashSet;

use rusqlite::params;

use super::audit::{AuditAction, AuditEntry};
use super::error::{RecordError, StorageError};
use super::job_queries::{JobNumber, JobQueries, JobStatus};
use super::model::{JobPlan, PinSource};
use super::transaction::JournalTx;
use crate::domain::change::JobId;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::text::CleanText;

impl JournalTx<'_> {
    pub(super) fn start_job(&mut self, plan: &JobPlan) -> Result<JobId, StorageError> {
        let last: u32 = self.db.query_row("SELECT coalesce(max(job), 0) FROM jobs", [], |row| row.get(0))?;
        let job = JobId::new(last.saturating_add(1));
        let pins = match plan.pin_source {
            PinSource::Given => "given",
            PinSource::Random => "random",
        };
        let note = format!("{}, profile {}, PINs {pins}", number_count_label(plan.numbers.len()), plan.profile);
        let entry = AuditEntry { job: Some(job), note: Some(CleanText::new(&note)), ..AuditEntry::default() };
        let seq = self.add_audit_row(AuditAction::JobStarted, self.now.utc, entry)?;
        self.db
            .prepare_cached("INSERT INTO jobs (job, seq, run, at, profile, pins) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                job.get(),
                seq,
                self.run_id(),
                self.now.utc.unix_seconds(),
                plan.profile.as_str(),
                pins
            ])?;
        let mut number_row =
            self.db.prepare_cached("INSERT INTO job_numbers (job, place, number, waba) VALUES (?1, ?2, ?3, ?4)")?;
        for (place, (number, waba)) in (1_u32..).zip(&plan.numbers) {
            number_row.execute(params![job.get(), place, number.as_str(), waba.as_ref().map(WabaId::as_str)])?;
        }
        Ok(job)
    }

    /// Records that this process resumes a job, unless another one works on it.
    pub(super) fn resume_job(
        &mut self,
        job: JobId,
        numbers: &[PhoneNumberId],
    ) -> Result<Result<(), RecordError>, StorageError> {
        let busy = |text: String| Ok(Err(RecordError::Busy(CleanText::new(&text))));
        let Some(detail) = JobQueries::new(self.db, self.context.run_lock.dir())?.detail(job)? else {
            return busy(format!("there is no job {job} any more"));
        };
        if detail.summary.status == JobStatus::Running {
            return busy(format!("another process is working on job {job}"));
        }
        let left: HashSet<_> = detail
            .numbers
            .iter()
            .filter(|number| number.is_resumable())
            .map(|JobNumber { number, .. }| number)
            .collect();
        if numbers.iter().any(|number| !left.contains(number)) {
            return busy(format!("what is left of job {job} has changed meanwhile"));
        }
        let note = Some(CleanText::new(&format!("taken up again: {}", number_count_label(numbers.len()))));
        let at = self.now.utc;
        let seq = self.add_audit_row(
            AuditAction::JobResumed,
            at,
            AuditEntry { job: Some(job), note, ..AuditEntry::default() },
        )?;
        self.db
            .prepare_cached("INSERT INTO resumptions (seq, job, run, at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![seq, job.get(), self.run_id(), at.unix_seconds()])?;
        Ok(Ok(()))
    }
}

fn number_count_label(numbers: usize) -> String {
    if numbers == 1 { "1 number".to_owned() } else { format!("{numbers} numbers") }
}
