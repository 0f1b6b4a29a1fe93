//! Records the start of a job, its resumption, and the end of the work on it: by one process at a time, and only for
//! resumable numbers.
//!
//! The operator confirmed the remaining numbers as they were read earlier, so the transaction that records the
//! resumption checks them again. It never sends anything.

use std::collections::HashSet;

use rusqlite::params;

use super::job_queries;
use super::transaction::JournalTx;
use crate::domain::change::JobId;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::text::CleanText;
use crate::journal::audit::{AuditAction, AuditEntry};
use crate::journal::error::{RecordError, StorageError};
use crate::journal::model::{JobNumber, JobPlan, JobStatus, PinSource};
use crate::journal::run_lock::LiveRuns;

impl JournalTx<'_> {
    pub(super) fn start_job(&mut self, plan: &JobPlan) -> Result<JobId, StorageError> {
        // A new job must not get numbers that were inserted for it before.
        const LAST: &str = "SELECT max(coalesce((SELECT max(job) FROM jobs), 0),
            coalesce((SELECT max(job) FROM job_numbers), 0))";
        let last: u32 = self.db.query_row(LAST, [], |row| row.get(0))?;
        let job = JobId::new(last.saturating_add(1));
        let pins = pin_source_keyword(plan.pin_source);
        let noted = plan.note.as_ref().map(|note| format!(", note: {note}")).unwrap_or_default();
        let note = format!("{}, profile {}, PINs {pins}{noted}", number_count_label(plan.numbers.len()), plan.profile);
        let entry = AuditEntry { job: Some(job), note: Some(CleanText::new(&note)), ..AuditEntry::default() };
        self.add_record(AuditAction::JobStarted, self.now.utc, entry, |tx, seq| tx.insert_job(seq, job, plan))?;
        self.drop_tally(job)?;
        Ok(job)
    }

    fn insert_job(&self, seq: i64, job: JobId, plan: &JobPlan) -> Result<(), StorageError> {
        self.db
            .prepare_cached(
                "INSERT INTO jobs (job, seq, run, at, profile, pins, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                job.get(),
                seq,
                self.run_id(),
                self.now.utc.unix_seconds(),
                plan.profile.as_str(),
                pin_source_keyword(plan.pin_source),
                plan.note.as_ref().map(CleanText::as_str)
            ])?;
        let mut insert_number =
            self.db.prepare_cached("INSERT INTO job_numbers (job, place, number, waba) VALUES (?1, ?2, ?3, ?4)")?;
        for (position, (number, waba)) in (1_u32..).zip(&plan.numbers) {
            insert_number.execute(params![job.get(), position, number.as_str(), waba.as_ref().map(WabaId::as_str)])?;
        }
        Ok(())
    }

    /// Records that this process resumes a job, unless another process works on it or a number is not resumable.
    pub(super) fn resume_job(
        &mut self,
        job: JobId,
        numbers: &[PhoneNumberId],
    ) -> Result<Result<(), RecordError>, StorageError> {
        let busy = |text: String| Ok(Err(RecordError::Busy(CleanText::new(&text))));
        if let Err(damage) = self.check_job(job)? {
            return Ok(Err(damage));
        }
        // A job of this process that has ended may be resumed by it.
        let runs = LiveRuns::of_others(&self.context.run_lock);
        let Some(detail) = job_queries::detail(self.db, runs, job)? else {
            return busy(format!("job {job} no longer exists"));
        };
        if detail.summary.status == JobStatus::Running {
            return busy(format!("another process is working on job {job}"));
        }
        let resumable: HashSet<_> = detail
            .numbers
            .iter()
            .filter(|number| number.is_resumable() || number.has_failed())
            .map(|JobNumber { number, .. }| number)
            .collect();
        if numbers.iter().any(|number| !resumable.contains(number)) {
            return busy(format!("the remaining numbers of job {job} have changed"));
        }
        let note = Some(CleanText::new(&format!("resumed: {}", number_count_label(numbers.len()))));
        let at = self.now.utc;
        let entry = AuditEntry { job: Some(job), note, ..AuditEntry::default() };
        self.add_record(AuditAction::JobResumed, at, entry, |tx, seq| {
            tx.db
                .prepare_cached("INSERT INTO resumptions (seq, job, run, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![seq, job.get(), tx.run_id(), at.unix_seconds()])?;
            Ok(())
        })?;
        Ok(Ok(()))
    }

    /// Records that this process works on a job no longer, so that another one may resume it.
    pub(super) fn end_job(&mut self, job: JobId) -> Result<(), StorageError> {
        let at = self.now.utc;
        let entry = AuditEntry { job: Some(job), ..AuditEntry::default() };
        self.add_record(AuditAction::JobEnded, at, entry, |tx, seq| {
            tx.db
                .prepare_cached("INSERT INTO job_ends (seq, job, run, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![seq, job.get(), tx.run_id(), at.unix_seconds()])?;
            Ok(())
        })
    }
}

const fn pin_source_keyword(source: PinSource) -> &'static str {
    match source {
        PinSource::Given => "given",
        PinSource::Random => "random",
    }
}

fn number_count_label(count: usize) -> String {
    if count == 1 { "1 number".to_owned() } else { format!("{count} numbers") }
}
