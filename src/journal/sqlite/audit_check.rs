//! Verifies the audit log and the rows that it binds: all of it, or what is new at a start.
//!
//! It never writes, except for the mark that makes each start verify all rows while some are damaged.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::audit_log;
use super::record_digest::{self, RunTexts};
use super::row_check::group_problem;
use super::row_groups::{self, Binding};
use crate::domain::standing::ChangeResult;
use crate::journal::audit::{
    AuditAction, AuditRow, ChainHead, ChainVerifier, StoredRow, THROTTLED_OUTCOME, UNKNOWN_ROW, UNMATCHED,
};
use crate::journal::error::StorageError;
use crate::journal::model::{AuditProblem, BoundRows};
use crate::state_dir::{OpenMode, StateDir, StateDirError};

/// The file that `audit verify` leaves when it finds damage. It may lie: it only makes a start verify all rows.
const DAMAGE_MARK: &str = "audit.damaged";

/// How many rows are read at a time.
const WINDOW_SIZE: i64 = 256;

/// What a verification found.
#[derive(Debug)]
pub(in crate::journal) struct AuditCheck {
    /// The last row.
    pub(in crate::journal) head: ChainHead,
    /// How many rows were verified.
    pub(in crate::journal) rows: i64,
    pub(in crate::journal) problems: Vec<AuditProblem>,
    pub(in crate::journal) bound: Option<BoundRows>,
}

/// Verifies every row after one that was verified earlier: its hash, and the digest of its rows in other tables. What
/// an operator accepted is no problem.
pub(super) fn verify_after(db: &Connection, from: ChainHead) -> Result<AuditCheck, StorageError> {
    let bound = bound_rows(db)?;
    let own_digests_after = bound.map_or(0, |bound| bound.until);
    let from = match bound.filter(|bound| bound.are_accepted && bound.until > from.sequence) {
        // The last rows before it may be missing.
        Some(bound) => ChainHead { sequence: bound.until, ..audit_log::head_at(db, bound.until)? },
        None => from,
    };
    let (mut verifier, mut runs) = (ChainVerifier::after(from), RunTexts::new(db));
    let mut read_until = from.sequence;
    loop {
        let last = last_of_window(db, read_until)?;
        // What is after the last row belongs to no row.
        let until = last.unwrap_or(i64::MAX);
        let mut records = record_digest::digests_between(&mut runs, read_until.saturating_add(1), until)?;
        let mut statement =
            db.prepare_cached("SELECT seq, row, hash FROM audit WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")?;
        let mut rows = statement.query([read_until.saturating_add(1), until])?;
        while let Some(row) = rows.next()? {
            let sequence = row.get(0)?;
            let text = row.get_ref(1)?.as_str_or_null().unwrap_or_default();
            let stored = StoredRow { sequence, text, hash: row.get(2).ok(), record: records.remove(&sequence) };
            verifier.verify_row(&stored, sequence > own_digests_after);
        }
        for sequence in records.into_keys() {
            verifier.report_unknown_record(sequence);
        }
        match last {
            Some(last) => read_until = last,
            None => break,
        }
    }
    let (head, rows, problems) = verifier.finish();
    Ok(AuditCheck { head, rows, problems, bound })
}

/// Verifies all rows, and those that are bound together.
pub(super) fn verify_all(db: &Connection) -> Result<AuditCheck, StorageError> {
    let mut check = verify_after(db, ChainHead::EMPTY)?;
    let problems = &mut check.problems;
    if let Some(binding) = row_groups::newest(db)? {
        problems.extend(changed_groups(db, binding)?);
    } else if let Some(first) = record_digest::digests_between(&mut RunTexts::new(db), i64::MIN, 0)?.into_keys().next()
    {
        problems.push(AuditProblem::new(first, UNKNOWN_ROW));
    }
    if let Some(bound) = check.bound.filter(|bound| !bound.are_accepted) {
        let rows = unmatched_rows(db, bound.until)?;
        problems.extend(rows.into_iter().map(|sequence| AuditProblem::new(sequence, UNMATCHED)));
    }
    if let Some(job) = record_digest::job_without_row(db)? {
        let problem = format!("job {job} has numbers, but no row of the log starts it");
        problems.push(AuditProblem::note(check.head.sequence, &problem));
    }
    problems.sort_by_key(|problem| problem.sequence);
    check.rows = db.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))?;
    Ok(check)
}

/// The damage that a start finds: in the rows after the last one that was checked, or in all rows while the mark is there.
/// Removes the mark if there is none left.
pub(super) fn damage_at_start(
    db: &Connection,
    dir: &StateDir,
    checked: ChainHead,
) -> Result<Vec<AuditProblem>, StorageError> {
    let is_marked = is_marked(dir)?;
    let check = if is_marked { verify_all(db)? } else { verify_after(db, checked)? };
    let damage: Vec<AuditProblem> = check.problems.into_iter().filter(|found| found.is_damage).collect();
    if is_marked && damage.is_empty() && dir.is_writable() {
        dir.remove_file(DAMAGE_MARK)?;
    }
    Ok(damage)
}

/// True if an earlier verification found damage.
pub(super) fn is_marked(dir: &StateDir) -> Result<bool, StorageError> {
    dir.has_file(DAMAGE_MARK).map_err(|error| StorageError::new(error.to_string()))
}

/// Makes each later start verify all rows, until it finds no damage.
pub(super) fn mark_damage(dir: &StateDir) -> Result<(), StateDirError> {
    dir.open_file(DAMAGE_MARK, OpenMode::ReadWrite).map(drop)
}

/// The rows that the newest binding covers. Its own row is verified with the others.
fn bound_rows(db: &Connection) -> Result<Option<BoundRows>, StorageError> {
    let Some(Binding { sequence, until }) = row_groups::newest(db)? else { return Ok(None) };
    let row = db.query_row("SELECT row FROM audit WHERE seq = ?1", [sequence], |row| Ok(row.get::<_, String>(0).ok()));
    let row = row.optional()?.flatten().and_then(|row| serde_json::from_str::<AuditRow>(&row).ok());
    let are_accepted = match row.map(|row| row.action) {
        Some(AuditAction::DamageAccepted) => true,
        Some(AuditAction::RowsBound) => false,
        Some(_) | None => return Ok(None),
    };
    Ok(Some(BoundRows { until, by: sequence, are_accepted }))
}

/// The groups that are no longer as they were bound.
fn changed_groups(db: &Connection, binding: Binding) -> rusqlite::Result<Vec<AuditProblem>> {
    let (mut problems, mut runs) = (Vec::new(), RunTexts::new(db));
    for group in row_groups::groups(db, binding)? {
        if !row_groups::is_unchanged(&mut runs, group)? {
            problems.push(group_problem(binding, group));
        }
    }
    Ok(problems)
}

/// The last audit row of the next window.
fn last_of_window(db: &Connection, after: i64) -> rusqlite::Result<Option<i64>> {
    const LAST: &str = "SELECT max(seq) FROM (SELECT seq FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2)";
    db.prepare_cached(LAST)?.query_row([after, WINDOW_SIZE], |row| row.get(0))
}

/// The audit rows of older versions whose record in another table is missing or differs.
fn unmatched_rows(db: &Connection, until: i64) -> rusqlite::Result<Vec<i64>> {
    db.prepare(
        "WITH told AS (SELECT seq, row ->> '$.action' AS action, row ->> '$.change' AS change,
            row ->> '$.phone_number_id' AS number, row ->> '$.outcome' AS outcome FROM audit WHERE seq <= ?3 AND json_valid(row))
        SELECT seq FROM told WHERE CASE action
            WHEN 'intent' THEN (change, number) NOT IN (SELECT c.change, c.number FROM changes c WHERE c.seq = told.seq)
            WHEN 'try' THEN (change, number) NOT IN (SELECT t.change, c.number FROM tries t
                JOIN changes c USING (change) WHERE t.seq = told.seq)
            WHEN 'outcome' THEN (change, CASE outcome WHEN ?1 THEN ?2 ELSE outcome END) NOT IN (
                SELECT o.change, o.kind FROM outcomes o WHERE o.seq = told.seq)
            WHEN 'settled' THEN (change, outcome) NOT IN (
                SELECT s.change, s.how FROM settlements s WHERE s.seq = told.seq)
            ELSE 0 END
        ORDER BY seq",
    )?
    .query_map(params![THROTTLED_OUTCOME, ChangeResult::NotSent.as_str(), until], |row| row.get(0))?
    .collect()
}
