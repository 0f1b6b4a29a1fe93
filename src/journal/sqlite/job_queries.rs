//! Reads confirmed jobs, with their counts and number by number. It never writes.
//!
//! The state of a number in a job is the state of its latest change in that job.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use super::change_facts::{FACTS_COLUMN_COUNT, FACTS_COLUMNS, FACTS_JOIN, is_run_alive, read_facts};
use super::columns::{parse_column, parse_two_step, waba_column};
use super::job_tallies;
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, TwoStep};
use crate::domain::operator::OperatorName;
use crate::domain::standing::Standing;
use crate::domain::text::CleanText;
use crate::journal::audit::AuditRow;
use crate::journal::error::StorageError;
use crate::journal::model::{JobDetail, JobNumber, JobOperator, JobSet, JobStatus, JobSummary, JobWorker, PinSource};
use crate::journal::rules::change_state;
use crate::journal::run_lock::LiveRuns;
use crate::state_dir::StateDir;

/// Calls `visit` for every job, newest first, until it fails. Counts the numbers only of jobs that have no tally.
pub(super) fn for_each_summary<E>(
    db: &Connection,
    dir: &StateDir,
    mut visit: impl FnMut(JobSummary) -> Result<(), E>,
) -> Result<Result<(), E>, StorageError> {
    const TALLY: usize = 8;
    let mut runs = LiveRuns::new(dir);
    let mut statement = db.prepare_cached(&format!(
        "SELECT {JOB_COLUMNS}, {} FROM jobs j LEFT JOIN job_tallies t ON t.job = j.job ORDER BY j.job DESC",
        job_tallies::COLUMNS
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut tally = read_job(row, 0, &mut runs)?;
        if let Some(counted) = job_tallies::read(row, TALLY)? {
            (tally.summary.counts, tally.summary.resumable) = counted;
        } else {
            let id = tally.summary.id;
            for_each_number(db, &mut runs, id, None, |number, is_alive| tally.add(&number, is_alive))?;
        }
        if let Err(error) = visit(tally.finish(db)?) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// One job; `None` if no job has this ID.
pub(super) fn detail(db: &Connection, mut runs: LiveRuns<'_>, id: JobId) -> Result<Option<JobDetail>, StorageError> {
    let mut statement = db.prepare_cached(&format!("SELECT {JOB_COLUMNS} FROM jobs j WHERE j.job = ?1"))?;
    let mut jobs = statement.query([id.get()])?;
    let Some(mut tally) = jobs.next()?.map(|row| read_job(row, 0, &mut runs)).transpose()? else { return Ok(None) };
    // A list that grows would take twice its memory.
    let count: u32 = db.query_row("SELECT count(*) FROM job_numbers WHERE job = ?1", [id.get()], |row| row.get(0))?;
    let mut numbers = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    for_each_number(db, &mut runs, id, None, |number, is_alive| {
        tally.add(&number, is_alive);
        numbers.push(number);
    })?;
    Ok(Some(JobDetail { summary: tally.finish(db)?, numbers }))
}

/// Calls `visit` for each number of a job, or for one of them, in the order of the plan, with whether a live process works
/// on it.
pub(super) fn for_each_number(
    db: &Connection,
    runs: &mut LiveRuns<'_>,
    id: JobId,
    only: Option<PhoneNumberId>,
    mut visit: impl FnMut(JobNumber, bool),
) -> Result<(), StorageError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {FACTS_COLUMNS}, n.number, n.waba, r.change, coalesce(o.at, t.at), coalesce(o.tries, t.attempt),
            o.detail, {SET_SINCE_COLUMN}, c.before {} ORDER BY n.place",
        numbers_sql(only.is_some())
    ))?;
    let mut rows = match &only {
        Some(number) => statement.query(params![id.get(), number.as_str()])?,
        None => statement.query([id.get()])?,
    };
    while let Some(row) = rows.next()? {
        let is_alive = is_run_alive(row, 0, runs)?;
        visit(read_number(row, is_alive)?, is_alive);
    }
    Ok(())
}

/// The PINs that Meta confirmed to jobs since a time, oldest first.
pub(super) fn sets_since(db: &Connection, since: UtcTime) -> Result<Vec<JobSet>, StorageError> {
    let mut statement = db.prepare_cached(
        "SELECT job, at, number FROM outcomes WHERE kind = 'set' AND at >= ?1 AND job IS NOT NULL ORDER BY seq",
    )?;
    let read = |row: &Row<'_>| {
        let (job, at) = (JobId::new(row.get(0)?), UtcTime::from_unix_seconds(row.get(1)?));
        Ok(JobSet { job, at, number: parse_column(row, 2)? })
    };
    Ok(statement.query_map([since.unix_seconds()], read)?.collect::<Result<_, _>>()?)
}

/// Whether another job set a PIN on the number after this one began.
const SET_SINCE_COLUMN: &str = "
    EXISTS (SELECT 1 FROM outcomes s WHERE s.number = n.number AND s.kind = 'set' AND s.job IS NOT n.job
        AND s.seq > (SELECT seq FROM jobs WHERE job = n.job)) AS set_since";

/// The columns of a job `j`. The run that started it, and the runs that resumed it, only while they have not ended their
/// work on it.
const JOB_COLUMNS: &str = "j.job, j.at, j.profile, j.pins,
    (SELECT j.run WHERE NOT EXISTS (SELECT 1 FROM job_ends e WHERE e.job = j.job AND e.run = j.run)),
    (SELECT group_concat(p.run) FROM resumptions p WHERE p.job = j.job AND NOT EXISTS (
        SELECT 1 FROM job_ends e WHERE e.job = p.job AND e.run = p.run AND e.seq > p.seq)),
    j.note, (SELECT row FROM audit WHERE seq = j.seq)";

/// The planned numbers `n` of a job, or one of them, each with the change `r` that has the latest record of the number in
/// the job.
fn numbers_sql(is_one: bool) -> String {
    let only = if is_one { "AND number = ?2" } else { "" };
    format!(
        "FROM job_numbers n LEFT JOIN (
            SELECT job, number, change, max(seq) FROM (
                SELECT c.job, c.number, c.change, t.seq
                FROM (SELECT * FROM changes WHERE job = ?1 {only}) c JOIN tries t ON t.change = c.change
                UNION ALL SELECT job, number, change, seq FROM outcomes WHERE job = ?1 {only})
            GROUP BY job, number) r ON r.job = n.job AND r.number = n.number
        {FACTS_JOIN} WHERE n.job = ?1 {}",
        if is_one { "AND n.number = ?2" } else { "" }
    )
}

/// A job whose numbers are being counted.
struct JobTally {
    summary: JobSummary,
    /// True if a live process that started it has not ended its work, or if a live one works on one of its numbers.
    is_active: bool,
    /// True if a live process that resumed it has not ended its work.
    is_resumed: bool,
    /// The live run that resumed or started it and has not ended its work.
    worker: Option<String>,
}

impl JobTally {
    /// Counts a number. `is_alive` tells whether a live process works on it.
    fn add(&mut self, number: &JobNumber, is_alive: bool) {
        *self.summary.counts.entry(number.state).or_default() += 1;
        self.summary.resumable += usize::from(number.is_resumable());
        self.is_active |= is_alive;
    }

    fn finish(self, db: &Connection) -> Result<JobSummary, StorageError> {
        let status =
            change_state::job_status(&self.summary.counts, self.summary.resumable, self.is_active, self.is_resumed);
        let run = self.worker.filter(|_| status == JobStatus::Running);
        let worker = run.map(|run| read_worker(db, self.summary.id, &run)).transpose()?;
        Ok(JobSummary { status, worker, ..self.summary })
    }
}

/// The process of a run that works on a job. Its operator is the one of the row that it wrote when it started or resumed
/// the job.
fn read_worker(db: &Connection, job: JobId, run: &str) -> Result<JobWorker, StorageError> {
    let mut statement = db.prepare_cached(
        "SELECT pid, (SELECT row FROM audit WHERE seq = coalesce(
            (SELECT max(seq) FROM resumptions WHERE job = ?1 AND run = ?2), (SELECT seq FROM jobs WHERE job = ?1)))
        FROM runs WHERE run = ?2",
    )?;
    Ok(statement.query_row(params![job.get(), run], |row| {
        Ok(JobWorker { pid: row.get(0)?, name: job_operator(&row.get::<_, String>(1)?).name })
    })?)
}

/// Reads [`JOB_COLUMNS`], which start at a column.
fn read_job(row: &Row<'_>, start: usize, runs: &mut LiveRuns<'_>) -> Result<JobTally, StorageError> {
    let (profile, pins): (String, String) = (row.get(start + 2)?, row.get(start + 3)?);
    let started_by: Option<String> = row.get(start + 4)?;
    let resumed_by: Option<String> = row.get(start + 5)?;
    let mut worker = None;
    for run in resumed_by.iter().flat_map(|runs| runs.split(',')) {
        if runs.is_alive(run)? {
            worker = Some(run.to_owned());
        }
    }
    let is_resumed = worker.is_some();
    let summary = JobSummary {
        id: JobId::new(row.get(start)?),
        at: UtcTime::from_unix_seconds(row.get(start + 1)?),
        profile: CleanText::new(&profile),
        pin_source: if pins == "random" { PinSource::Random } else { PinSource::Given },
        operator: job_operator(&row.get::<_, String>(start + 7)?),
        note: row.get::<_, Option<String>>(start + 6)?.map(|note| CleanText::new(&note)),
        counts: HashMap::new(),
        resumable: 0,
        // Known when all of its numbers are counted.
        status: JobStatus::Interrupted,
        worker: None,
    };
    let is_active = started_by.as_ref().map_or(Ok(false), |run| runs.is_alive(run))?;
    let worker = worker.or_else(|| started_by.filter(|_| is_active));
    Ok(JobTally { summary, is_active, is_resumed, worker })
}

/// Who confirmed a job, by its row in the audit log. An altered row may name no operator.
fn job_operator(audit_row: &str) -> JobOperator {
    let Ok(row) = serde_json::from_str::<AuditRow>(audit_row) else {
        let unknown = CleanText::new("unknown");
        return JobOperator {
            name: OperatorName::new(0, Some(&unknown), None, &unknown),
            user: None,
            claimed_user: None,
        };
    };
    JobOperator { name: row.operator_name(), user: row.claimed.user, claimed_user: row.claimed.sudo_user }
}

/// Reads a number of a job. `is_alive` tells whether a live process works on it.
fn read_number(row: &Row<'_>, is_alive: bool) -> rusqlite::Result<JobNumber> {
    const START: usize = FACTS_COLUMN_COUNT;
    let (number, waba) = (parse_column(row, START)?, waba_column(row, START + 1)?);
    let change: Option<String> = row.get(START + 2)?;
    let is_set_since = row.get(START + 6)?;
    if change.is_none() {
        return Ok(JobNumber { is_set_since, ..JobNumber::not_started(number, waba) });
    }
    let state = read_facts(row, 0)?.state(is_alive);
    let detail: Option<String> = row.get(START + 5)?;
    let before: Option<String> = row.get(START + 7)?;
    let standing = change_state::deduced_standing(state, detail.and_then(|detail| serde_json::from_str(&detail).ok()));
    Ok(JobNumber {
        number,
        waba,
        state,
        change: Some(parse_column(row, START + 2)?),
        at: Some(UtcTime::from_unix_seconds(row.get(START + 3)?)),
        attempts: row.get(START + 4)?,
        two_step_before: before.map_or(TwoStep::Unknown, |before| parse_two_step(&before)),
        standing: standing.filter(|standing| *standing != Standing::Set).map(Box::new),
        is_set_since,
    })
}
