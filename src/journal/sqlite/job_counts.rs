//! Keeps the tally of each job that no process works on, so that a list of jobs need not count all their numbers again.
//!
//! It counts a job when its process ends the work on it, or at the next start if the process died, and counts a number of
//! it again when a later record of another job can change what became of it.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::job_queries;
use super::job_tallies;
use super::transaction::{JournalTx, WriteOp};
use crate::domain::change::{ChangeId, JobId};
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::{ChangeResult, Standing};
use crate::journal::error::StorageError;
use crate::journal::model::{AuditProblem, JobNumber, JobStatus, RecordedState};
use crate::journal::run_lock::LiveRuns;
use crate::state_dir::StateDir;

impl JournalTx<'_> {
    /// Keeps the tallies true after a record.
    pub(super) fn update_tallies(&self, op: &WriteOp) -> Result<(), StorageError> {
        match op {
            WriteOp::ResumeJob { job, .. } => self.drop_tally(*job),
            WriteOp::EndJob(job) => self.store_tally(*job),
            WriteOp::RecordIntent(intent) => self.drop_tally(intent.job),
            WriteOp::RecordRetry { change, .. } => self.drop_tally_of_change(*change),
            WriteOp::RecordOutcome(record) | WriteOp::RecordRefusal(record) => {
                record.job.map_or(Ok(()), |job| self.drop_tally(job))?;
                if record.standing == Standing::Set { self.recount_number(record.number) } else { Ok(()) }
            }
            WriteOp::Resolve { number, .. } => self.recount_number(*number),
            WriteOp::StartJob(_)
            | WriteOp::RecordEvents(_)
            | WriteOp::RecordReEncryptions(_)
            | WriteOp::AcceptRecipients => Ok(()),
            // The records of a job may be others now.
            WriteOp::AcceptDamage { .. } => self.drop_all_tallies(),
        }
    }

    /// Counts the jobs whose processes died before they ended their work.
    pub(super) fn store_missing_tallies(&self) -> Result<(), StorageError> {
        let mut statement = self.db.prepare("SELECT job FROM untallied_jobs ORDER BY job")?;
        let jobs: Vec<u32> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        jobs.into_iter().try_for_each(|job| self.store_tally(JobId::new(job)))
    }

    /// Forgets all tallies, because one may be wrong.
    pub(super) fn drop_all_tallies(&self) -> Result<(), StorageError> {
        Ok(self.db.execute_batch(
            "DELETE FROM job_rests; DELETE FROM job_tallies; INSERT OR IGNORE INTO untallied_jobs SELECT job FROM jobs",
        )?)
    }

    /// Forgets the tally of a job that changes or is new.
    pub(super) fn drop_tally(&self, job: JobId) -> Result<(), StorageError> {
        let job = job.get();
        if self.db.prepare_cached("SELECT 1 FROM untallied_jobs WHERE job = ?1")?.exists([job])? {
            return Ok(());
        }
        self.db
            .prepare_cached("INSERT INTO untallied_jobs (job) SELECT job FROM jobs WHERE job = ?1")?
            .execute([job])?;
        self.db.prepare_cached("DELETE FROM job_rests WHERE job = ?1")?.execute([job])?;
        self.db.prepare_cached("DELETE FROM job_tallies WHERE job = ?1")?.execute([job])?;
        Ok(())
    }

    fn drop_tally_of_change(&self, change: ChangeId) -> Result<(), StorageError> {
        let mut statement = self.db.prepare_cached("SELECT job FROM changes WHERE change = ?1")?;
        let job: Option<Option<u32>> = statement.query_row([change.to_string()], |row| row.get(0)).optional()?;
        job.flatten().map_or(Ok(()), |job| self.drop_tally(JobId::new(job)))
    }

    /// Counts a job, unless a process works on it.
    fn store_tally(&self, job: JobId) -> Result<(), StorageError> {
        // A job whose rows are damaged has no tally, and must not keep the journal from opening.
        let runs = LiveRuns::of_others(&self.context.run_lock);
        let Ok(Some(detail)) = job_queries::detail(self.db, runs, job) else { return Ok(()) };
        self.drop_tally(job)?;
        if detail.summary.status == JobStatus::Running || detail.summary.counts.contains_key(&RecordedState::Running) {
            return Ok(());
        }
        self.db.prepare_cached("INSERT INTO job_tallies VALUES (?1, 0, 0, 0, 0, 0, 0, 0, 0)")?.execute([job.get()])?;
        for (state, count) in &detail.summary.counts {
            self.add_to_tally(job, *state, i64::try_from(*count).unwrap_or(i64::MAX), 0)?;
        }
        let resumable = i64::try_from(detail.summary.resumable).unwrap_or(i64::MAX);
        self.add_to_tally(job, RecordedState::NotStarted, 0, resumable)?;
        for number in detail.numbers.iter().filter(|number| can_change(number)) {
            self.insert_rest(job, number)?;
        }
        self.db.prepare_cached("DELETE FROM untallied_jobs WHERE job = ?1")?.execute([job.get()])?;
        Ok(())
    }

    fn insert_rest(&self, job: JobId, number: &JobNumber) -> Result<(), StorageError> {
        self.db
            .prepare_cached("INSERT INTO job_rests (job, number, state, resumable) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                job.get(),
                number.number.as_str(),
                job_tallies::column(number.state),
                number.is_resumable()
            ])?;
        Ok(())
    }

    /// Counts a number again in the jobs that left it, because a PIN was set or a doubt was resolved.
    fn recount_number(&self, number: PhoneNumberId) -> Result<(), StorageError> {
        let mut statement = self.db.prepare_cached("SELECT job, state, resumable FROM job_rests WHERE number = ?1")?;
        let counted: Vec<(u32, String, bool)> = statement
            .query_map([number.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (job, state, was_resumable) in counted {
            let job = JobId::new(job);
            let mut runs = LiveRuns::of_others(&self.context.run_lock);
            let mut now = None;
            job_queries::for_each_number(self.db, &mut runs, job, Some(number), |found, _| now = Some(found))?;
            let Some((now, old)) = now.zip(job_tallies::parse_column(&state)) else {
                self.drop_tally(job)?;
                continue;
            };
            self.add_to_tally(job, old, -1, -i64::from(was_resumable))?;
            self.add_to_tally(job, now.state, 1, i64::from(now.is_resumable()))?;
            self.db
                .prepare_cached("DELETE FROM job_rests WHERE job = ?1 AND number = ?2")?
                .execute(params![job.get(), number.as_str()])?;
            if can_change(&now) {
                self.insert_rest(job, &now)?;
            }
        }
        Ok(())
    }

    fn add_to_tally(&self, job: JobId, state: RecordedState, count: i64, resumable: i64) -> Result<(), StorageError> {
        let Some(column) = job_tallies::column(state) else { return self.drop_tally(job) };
        self.db
            .prepare_cached(&format!(
                "UPDATE job_tallies SET {column} = {column} + ?2, resumable = resumable + ?3 WHERE job = ?1"
            ))?
            .execute(params![job.get(), count, resumable])?;
        Ok(())
    }
}

/// True if a later record of another job can change what the number counts as.
fn can_change(number: &JobNumber) -> bool {
    match number.state {
        RecordedState::Ended(ChangeResult::Set) | RecordedState::Resolved => false,
        RecordedState::NotStarted | RecordedState::Ended(ChangeResult::Failed | ChangeResult::NotSent) => {
            number.is_resumable()
        }
        RecordedState::Running | RecordedState::Ended(ChangeResult::NoAnswer) | RecordedState::NotApplied => true,
    }
}

/// The tallies that differ from the records, as problems of the rows that started their jobs. Counts every job again.
pub(super) fn wrong_tallies(db: &Connection, dir: &StateDir) -> Result<Vec<AuditProblem>, StorageError> {
    let mut statement = db.prepare(&format!(
        "SELECT t.job, coalesce((SELECT seq FROM jobs WHERE job = t.job), 0), {} FROM job_tallies t ORDER BY t.job",
        job_tallies::COLUMNS
    ))?;
    let mut rows = statement.query([])?;
    let (mut problems, mut runs) = (Vec::new(), LiveRuns::new(dir));
    while let Some(row) = rows.next()? {
        let (job, stored) = (JobId::new(row.get(0)?), job_tallies::read(row, 2)?);
        let (mut counts, mut resumable) = (HashMap::new(), 0);
        job_queries::for_each_number(db, &mut runs, job, None, |number, _| {
            *counts.entry(number.state).or_default() += 1;
            resumable += usize::from(number.is_resumable());
        })?;
        if stored != Some((counts, resumable)) {
            let problem =
                format!("the counts that `jobs list` shows of job {job} are wrong; the next start corrects them");
            problems.push(AuditProblem::note(row.get(1)?, &problem));
        }
    }
    Ok(problems)
}
