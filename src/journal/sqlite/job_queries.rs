//! Computes the state of confirmed jobs, number by number, from the rows. It never writes.
//!
//! The state of a number in a job is the state of its latest change in that job. Doubt counts as resolved if an
//! operator resolved it, or if a later PIN was confirmed.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::columns::{parse_column, waba_column};
use super::encoding::{outcome_reason, reply_summary};
use super::open_changes;
use crate::domain::change::{ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::outcome::{DoubtReason, Outcome};
use crate::domain::text::CleanText;
use crate::journal::error::StorageError;
use crate::journal::model::{JobDetail, JobNumber, JobStatus, JobSummary, PinSource, RecordedState};
use crate::journal::run_lock;
use crate::state_dir::StateDir;

/// One attempt or one outcome of a change, as the rows have it.
struct ChangeRecord {
    change: ChangeId,
    at: UtcTime,
    attempts: u8,
    outcome: Option<Outcome>,
    run_id: Option<String>,
    will_retry: bool,
    /// True if an earlier attempt of the same change was in doubt.
    was_in_doubt: bool,
}

/// The queries about jobs and the states of their changes.
pub(super) struct JobQueries<'a> {
    db: &'a Connection,
    dir: &'a StateDir,
    open_changes: HashSet<ChangeId>,
}

impl<'a> JobQueries<'a> {
    pub(super) fn new(db: &'a Connection, dir: &'a StateDir) -> Result<Self, StorageError> {
        let open = open_changes::all(db, None)?.into_iter().map(|open| open.unresolved.change).collect();
        Ok(Self { db, dir, open_changes: open })
    }

    /// Every job, newest first.
    pub(super) fn summaries(&self) -> Result<Vec<JobSummary>, StorageError> {
        let mut statement = self.db.prepare("SELECT job FROM jobs ORDER BY job DESC")?;
        let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<u32>, _>>()?;
        let mut summaries = Vec::with_capacity(ids.len());
        for id in ids {
            summaries.extend(self.detail(JobId::new(id))?.map(|detail| detail.summary));
        }
        Ok(summaries)
    }

    /// One job; `None` if no job has this ID.
    pub(super) fn detail(&self, id: JobId) -> Result<Option<JobDetail>, StorageError> {
        let row = |row: &Row<'_>| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
        };
        let job = self
            .db
            .prepare_cached("SELECT run, at, profile, pins FROM jobs WHERE job = ?1")?
            .query_row([id.get()], row)
            .optional()?;
        let Some((run, at, profile, pins)) = job else { return Ok(None) };
        let latest = self.latest_records(id)?;
        let mut is_active = run_lock::is_run_alive(self.dir, &run)?;
        let mut numbers = Vec::new();
        let mut alive = HashMap::from([(run, is_active)]);
        let is_resumed = self.is_being_resumed(id, &mut alive)?;
        for (number, waba) in self.planned_numbers(id)? {
            let entry = match latest.get(&number) {
                Some(latest) => {
                    let is_alive = self.is_in_progress(latest, &mut alive)?;
                    is_active |= is_alive;
                    self.job_number(number, waba, latest, is_alive)
                }
                None => JobNumber::not_started(number, waba),
            };
            numbers.push(entry);
        }
        let pin_source = if pins == "random" { PinSource::Random } else { PinSource::Given };
        let at = UtcTime::from_unix_seconds(at);
        let mut summary = summarize(id, at, CleanText::new(&profile), pin_source, &numbers, is_active);
        if is_resumed {
            // A process sends the remaining numbers now, so the job has not finished, even if every number has an
            // outcome.
            summary.status = JobStatus::Running;
        }
        Ok(Some(JobDetail { summary, numbers }))
    }

    /// True if a process that resumed the job is alive.
    fn is_being_resumed(&self, id: JobId, known: &mut HashMap<String, bool>) -> Result<bool, StorageError> {
        let mut statement = self.db.prepare_cached("SELECT run FROM resumptions WHERE job = ?1")?;
        let mut runs = statement.query([id.get()])?;
        while let Some(row) = runs.next()? {
            let run: String = row.get(0)?;
            if self.is_run_alive(&run, known)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Checks each run once: `known` keeps the results.
    fn is_run_alive(&self, run: &str, known: &mut HashMap<String, bool>) -> Result<bool, StorageError> {
        if let Some(is_alive) = known.get(run) {
            return Ok(*is_alive);
        }
        let is_alive = run_lock::is_run_alive(self.dir, run)?;
        known.insert(run.to_owned(), is_alive);
        Ok(is_alive)
    }

    fn planned_numbers(&self, id: JobId) -> rusqlite::Result<Vec<(PhoneNumberId, Option<WabaId>)>> {
        self.db
            .prepare_cached("SELECT number, waba FROM job_numbers WHERE job = ?1 ORDER BY place")?
            .query_map([id.get()], |row| Ok((parse_column(row, 0)?, waba_column(row, 1)?)))?
            .collect()
    }

    /// The latest record of each number: an attempt without an outcome, or an outcome.
    fn latest_records(&self, id: JobId) -> Result<HashMap<PhoneNumberId, ChangeRecord>, StorageError> {
        Ok(self.change_records(Some(id))?.into_iter().collect())
    }

    /// The state of every change in the journal.
    pub(super) fn state_by_change(&self) -> Result<HashMap<ChangeId, RecordedState>, StorageError> {
        let latest: HashMap<_, _> =
            self.change_records(None)?.into_iter().map(|(_, latest)| (latest.change, latest)).collect();
        let mut alive = HashMap::new();
        let state = |(change, latest): (ChangeId, ChangeRecord)| {
            let is_alive = self.is_in_progress(&latest, &mut alive)?;
            Ok((change, self.recorded_state(&latest, is_alive).0))
        };
        latest.into_iter().map(state).collect()
    }

    /// Every attempt and every outcome, oldest first. If `job` is given, only those of this job.
    fn change_records(&self, job: Option<JobId>) -> Result<Vec<(PhoneNumberId, ChangeRecord)>, StorageError> {
        // Two conditions instead of one, so that SQLite uses the index if a job is given.
        let condition = if job.is_some() { "job = ?1" } else { "?1 IS NULL" };
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT number, change, at, tries, detail, run, repeats, EXISTS (
                SELECT 1 FROM outcomes d WHERE d.change = o.change AND d.kind = 'no_answer' AND d.seq < o.seq)
            FROM (
                SELECT c.number, c.change, t.at, t.attempt AS tries, NULL AS detail, t.run, t.seq, 0 AS repeats
                FROM changes c JOIN tries t ON t.change = c.change WHERE {condition}
                UNION ALL SELECT number, change, at, tries, detail, iif(repeats, (
                    SELECT t.run FROM tries t WHERE t.change = o.change AND t.seq < o.seq ORDER BY t.seq DESC LIMIT 1),
                    NULL), seq, repeats
                FROM outcomes o WHERE {condition}) o
            ORDER BY seq"
        ))?;
        let mut rows = statement.query([job.map(JobId::get)])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let detail: Option<String> = row.get(4)?;
            let outcome = detail.map(|detail| {
                // An outcome that cannot be parsed proves nothing.
                serde_json::from_str(&detail).unwrap_or(Outcome::InDoubt(DoubtReason::ProcessEnded))
            });
            let record = ChangeRecord {
                change: parse_column(row, 1)?,
                at: UtcTime::from_unix_seconds(row.get(2)?),
                attempts: row.get(3)?,
                outcome,
                run_id: row.get(5)?,
                will_retry: row.get(6)?,
                was_in_doubt: row.get(7)?,
            };
            records.push((parse_column(row, 0)?, record));
        }
        Ok(records)
    }

    /// True if a live process works on this change.
    fn is_in_progress(&self, latest: &ChangeRecord, known: &mut HashMap<String, bool>) -> Result<bool, StorageError> {
        latest.run_id.as_ref().map_or(Ok(false), |run| self.is_run_alive(run, known))
    }

    /// The state of a change, and its outcome, recorded or deduced.
    fn recorded_state(&self, latest: &ChangeRecord, is_alive: bool) -> (RecordedState, Option<Outcome>) {
        let is_open = self.open_changes.contains(&latest.change);
        // If an earlier attempt was in doubt, Meta may have applied it, and the last outcome is no proof.
        let is_sure = !is_open && !latest.was_in_doubt;
        match &latest.outcome {
            Some(_) if latest.will_retry && is_alive => (RecordedState::Running, None),
            // The process that waited to retry has ended, and nothing is in doubt.
            Some(outcome) if latest.will_retry => (RecordedState::NotSent, Some(outcome.clone())),
            Some(Outcome::Confirmed) => (RecordedState::Set, latest.outcome.clone()),
            Some(Outcome::Refused(_)) if is_sure => (RecordedState::Failed, latest.outcome.clone()),
            Some(Outcome::NotSent(_)) if is_sure => (RecordedState::NotSent, latest.outcome.clone()),
            Some(Outcome::Refused(_) | Outcome::NotSent(_) | Outcome::InDoubt(_)) => {
                let state = if is_open { RecordedState::NoAnswer } else { RecordedState::Resolved };
                (state, latest.outcome.clone())
            }
            None if is_open && is_alive => (RecordedState::Running, None),
            None => {
                let state = if is_open { RecordedState::NoAnswer } else { RecordedState::Resolved };
                (state, Some(Outcome::InDoubt(DoubtReason::ProcessEnded)))
            }
        }
    }

    fn job_number(
        &self,
        number: PhoneNumberId,
        waba: Option<WabaId>,
        latest: &ChangeRecord,
        is_alive: bool,
    ) -> JobNumber {
        let (state, outcome) = self.recorded_state(latest, is_alive);
        JobNumber {
            number,
            waba,
            state,
            change: Some(latest.change),
            at: Some(latest.at),
            attempts: latest.attempts,
            reply: outcome.as_ref().map(reply_summary).unwrap_or_default(),
            reason: outcome.as_ref().and_then(outcome_reason),
            outcome,
        }
    }
}

fn summarize(
    id: JobId,
    at: UtcTime,
    profile: CleanText,
    pin_source: PinSource,
    numbers: &[JobNumber],
    is_active: bool,
) -> JobSummary {
    let mut counts = HashMap::new();
    for number in numbers {
        *counts.entry(number.state).or_default() += 1;
    }
    let is_done = ![RecordedState::NotStarted, RecordedState::Running].iter().any(|state| counts.contains_key(state));
    let status = match (is_done, is_active) {
        (true, _) => JobStatus::Finished,
        (false, true) => JobStatus::Running,
        (false, false) => JobStatus::Interrupted,
    };
    JobSummary { id, at, profile, pin_source, counts, status }
}
