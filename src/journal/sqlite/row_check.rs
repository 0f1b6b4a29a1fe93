//! Checks the rows that decide something when they are used: each must be as it was written with its audit row.
//!
//! It reads the rows of one number, of one job or of the recipients, however long the journal is. A row that was altered
//! together with its audit row, whose hash was recomputed, passes; `audit_check` compares the hashes of all rows. It never
//! writes.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::record_digest::{self, BOUND_TABLES, RunTexts};
use super::row_groups::{self, Binding};
use crate::domain::change::JobId;
use crate::domain::number::PhoneNumberId;
use crate::journal::audit::{ALTERED, AuditAction, AuditRow, ChainHead, StoredRow, UNKNOWN_ROW, UNMATCHED};
use crate::journal::model::AuditProblem;

/// What a check found: nothing, or why a row cannot be trusted.
pub(super) type CheckResult<T> = rusqlite::Result<Result<T, AuditProblem>>;

/// A check of rows in one transaction.
#[derive(Debug)]
pub(super) struct RowCheck<'d> {
    db: &'d Connection,
    /// The newest binding, if its own row is as it was written.
    pub(super) binding: Option<Binding>,
    checked_groups: HashSet<(i64, i64)>,
}

impl<'d> RowCheck<'d> {
    /// `verified` is a binding that needs no check again.
    pub(super) fn new(db: &'d Connection, verified: Option<Binding>) -> rusqlite::Result<Self> {
        let mut check = Self { db, binding: None, checked_groups: HashSet::new() };
        check.binding = match row_groups::newest(db)? {
            Some(binding) if Some(binding) != verified => check.verified_binding(binding)?.map(|(binding, _)| binding),
            newest => newest,
        };
        Ok(check)
    }

    pub(super) const fn db(&self) -> &'d Connection {
        self.db
    }

    fn verified_binding(&self, binding: Binding) -> rusqlite::Result<Option<(Binding, AuditAction)>> {
        let row = self.written_row(binding.sequence)?;
        let is_binding = |action| matches!(action, AuditAction::RowsBound | AuditAction::DamageAccepted);
        Ok(row.ok().filter(|row| is_binding(row.action)).map(|row| (binding, row.action)))
    }

    /// Checks everything that decides about a number: its changes, their attempts, outcomes and resolutions, and every
    /// audit row that names it.
    pub(super) fn check_number(&mut self, number: PhoneNumberId) -> CheckResult<()> {
        const ROWS: &str = "
            SELECT seq FROM audit WHERE number = ?1
            UNION SELECT seq FROM changes WHERE number = ?1
            UNION SELECT t.seq FROM changes c JOIN tries t USING (change) WHERE c.number = ?1
            UNION SELECT seq FROM outcomes WHERE number = ?1
            UNION SELECT o.seq FROM changes c JOIN outcomes o USING (change) WHERE c.number = ?1
            UNION SELECT s.seq FROM changes c JOIN settlements s USING (change) WHERE c.number = ?1";
        let mut statement = self.db.prepare_cached(ROWS)?;
        let rows: Vec<i64> = statement.query_map([number.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for row in rows {
            if let Err(problem) = self.check(row)? {
                return Ok(Err(problem));
            }
        }
        Ok(Ok(()))
    }

    /// Checks a job with its frozen list: as it was confirmed, even if its damage was accepted since.
    pub(super) fn check_job(&mut self, job: JobId) -> CheckResult<()> {
        let mut statement = self.db.prepare_cached("SELECT seq FROM jobs WHERE job = ?1")?;
        match statement.query_row([job.get()], |row| row.get(0)).optional()? {
            Some(sequence) => self.check_original(sequence),
            None => Ok(Ok(())),
        }
    }

    /// Checks the newest recipients: that they are the ones that were stored last. False if they were altered and an
    /// operator accepted the damage: then they are not known.
    pub(super) fn check_recipients(&mut self) -> CheckResult<bool> {
        // The condition is the one of the index.
        const NEWEST: &str = "SELECT (SELECT max(seq) FROM recipients), (
            SELECT max(seq) FROM audit WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL)
                IN ('recipients-first', 'recipients-acknowledged'))";
        let (stored, told): (Option<i64>, Option<i64>) =
            self.db.prepare_cached(NEWEST)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some(newest) = stored.max(told) else { return Ok(Ok(true)) };
        // If the audit log tells of newer ones, the digest of its row does not fit.
        let Err(problem) = self.check_original(newest)? else { return Ok(Ok(true)) };
        let is_accepted = self.binding.is_some_and(|binding| newest <= binding.until);
        Ok(if is_accepted { self.check(newest)?.map(|()| false) } else { Err(problem) })
    }

    /// Checks a row as it was written, or as it was bound later.
    fn check(&mut self, sequence: i64) -> CheckResult<()> {
        match self.binding {
            Some(binding) if sequence <= binding.until => self.check_in_group(binding, sequence),
            Some(_) | None => Ok(self.written_row(sequence)?.map(drop)),
        }
    }

    /// Checks a row as it was written. A row of an older version is checked as it was bound first.
    fn check_original(&mut self, sequence: i64) -> CheckResult<()> {
        let Err(problem) = self.written_row(sequence)? else { return Ok(Ok(())) };
        let first = row_groups::first(self.db)?.filter(|binding| sequence <= binding.until);
        let verified = first.map(|binding| self.verified_binding(binding)).transpose()?.flatten();
        match verified {
            Some((binding, AuditAction::RowsBound)) => self.check_in_group(binding, sequence),
            Some(_) | None => Ok(Err(problem)),
        }
    }

    fn check_in_group(&mut self, binding: Binding, sequence: i64) -> CheckResult<()> {
        let Some(group) = row_groups::group_of(self.db, binding, sequence)? else {
            return Ok(Err(AuditProblem::new(sequence, "no row binds it")));
        };
        let (key, mut runs) = ((binding.sequence, group.first), RunTexts::new(self.db));
        if self.checked_groups.contains(&key) || row_groups::is_unchanged(&mut runs, group)? {
            self.checked_groups.insert(key);
            return Ok(Ok(()));
        }
        Ok(Err(group_problem(binding, group)))
    }

    /// Reads a row that is as it was written: it follows the row before it, and binds its rows in other tables.
    fn written_row(&self, sequence: i64) -> CheckResult<AuditRow> {
        let Some(previous) = self.hash_before(sequence)? else {
            return Ok(Err(AuditProblem::new(sequence, "the row before it is missing")));
        };
        let mut statement = self.db.prepare_cached("SELECT row, hash FROM audit WHERE seq = ?1")?;
        let mut rows = statement.query([sequence])?;
        let Some(row) = rows.next()? else { return Ok(Err(AuditProblem::new(sequence, UNKNOWN_ROW))) };
        let stored = StoredRow {
            sequence,
            text: row.get_ref(0)?.as_str_or_null().unwrap_or_default(),
            hash: row.get(1).ok(),
            record: record_digest::digest(self.db, &BOUND_TABLES, sequence)?,
        };
        let problem = |problem| Ok(Err(AuditProblem::new(sequence, problem)));
        match stored.parse(Some(previous)) {
            Some(row) if stored.is_bound_by(&row) => Ok(Ok(row)),
            Some(_) => problem(UNMATCHED),
            None => problem(ALTERED),
        }
    }

    /// The hash that a row continues. Rows may be missing only at the end of what a binding covers.
    fn hash_before(&self, sequence: i64) -> rusqlite::Result<Option<[u8; 32]>> {
        const LAST: &str = "SELECT seq, hash FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT 1";
        if sequence == 1 {
            return Ok(Some(ChainHead::EMPTY.hash));
        }
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1).ok()));
        let last = self.db.prepare_cached(LAST)?.query_row([sequence], read).optional()?;
        let is_after_binding = self.binding.is_some_and(|binding| sequence == binding.until.saturating_add(1));
        Ok(last.filter(|(last, _)| is_after_binding || last.saturating_add(1) == sequence).and_then(|(_, hash)| hash))
    }
}

/// Rows of a group are no longer as they were bound.
pub(super) fn group_problem(binding: Binding, group: row_groups::RowGroup) -> AuditProblem {
    let (first, last) = (group.first.max(1), group.last);
    let description = if first == last {
        format!("it was altered after row {} bound it", binding.sequence)
    } else {
        format!("rows {first} to {last} were altered after row {} bound them", binding.sequence)
    };
    AuditProblem { until: last, ..AuditProblem::new(first, &description) }
}
