//! Reads what the state of a change depends on. The state itself is a rule of the journal.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params_from_iter};

use super::columns::parse_column;
use super::encoding::parse_resolution;
use crate::domain::change::ChangeId;
use crate::domain::number::PhoneNumberId;
use crate::journal::error::StorageError;
use crate::journal::model::RecordedState;
use crate::journal::rules::change_state::{ChangeFacts, LastRecord};
use crate::journal::run_lock::LiveRuns;

/// Joins to each row `r`, which has a `change`: the change `c`, its last attempt `t`, and its outcome `o` after that.
/// A change that was refused before its intent has only an outcome.
pub(super) const FACTS_JOIN: &str = "
    LEFT JOIN changes c ON c.change = r.change
    LEFT JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = r.change)
    LEFT JOIN outcomes o ON o.seq = (
        SELECT max(seq) FROM outcomes WHERE change = r.change AND seq > coalesce(t.seq, c.seq, 0))";

/// The columns of [`ChangeFacts`], and the run that can still continue the change.
pub(super) const FACTS_COLUMNS: &str = "
    CASE WHEN o.repeats THEN 'repeats' WHEN json_valid(o.detail) THEN o.kind WHEN o.seq THEN 'no_answer' END AS last,
    EXISTS (SELECT 1 FROM outcomes d WHERE d.change = r.change AND d.kind = 'no_answer') AS doubted,
    EXISTS (SELECT 1 FROM outcomes s WHERE s.number = c.number AND s.kind = 'set' AND s.seq > coalesce(t.seq, c.seq))
        AS confirmed,
    (SELECT s.how FROM settlements s WHERE s.change = c.change AND s.seq > coalesce(t.seq, c.seq)
        ORDER BY s.seq DESC LIMIT 1) AS settled,
    iif(o.seq IS NULL OR o.repeats, t.run, NULL) AS run";

/// How many columns [`FACTS_COLUMNS`] has.
pub(super) const FACTS_COLUMN_COUNT: usize = 5;

/// The state of every change, or of every change of these numbers if any is named.
pub(super) fn states(
    db: &Connection,
    runs: &mut LiveRuns<'_>,
    numbers: &[PhoneNumberId],
) -> Result<HashMap<ChangeId, RecordedState>, StorageError> {
    let condition = if numbers.is_empty() { "" } else { "WHERE r.number IN (SELECT value FROM json_each(?1))" };
    let mut statement =
        db.prepare_cached(&format!("SELECT {FACTS_COLUMNS}, r.change FROM changes r {FACTS_JOIN} {condition}"))?;
    let mut rows = statement.query(params_from_iter((!numbers.is_empty()).then(|| json_list(numbers))))?;
    let mut states = HashMap::new();
    while let Some(row) = rows.next()? {
        let is_alive = is_run_alive(row, 0, runs)?;
        states.insert(parse_column(row, FACTS_COLUMN_COUNT)?, read_facts(row, 0)?.state(is_alive));
    }
    Ok(states)
}

/// A JSON list of numbers, for a statement that selects them.
pub(super) fn json_list(numbers: &[PhoneNumberId]) -> String {
    // An ID is digits alone.
    let quoted: Vec<String> = numbers.iter().map(|number| format!("\"{number}\"")).collect();
    format!("[{}]", quoted.join(","))
}

/// Reads the facts from [`FACTS_COLUMNS`], which start at a column.
pub(super) fn read_facts(row: &Row<'_>, start: usize) -> rusqlite::Result<ChangeFacts> {
    let last = match row.get_ref(start)?.as_str_or_null().unwrap_or(Some("no_answer")) {
        None => LastRecord::Attempt,
        Some("repeats") => LastRecord::Retry,
        Some("set") => LastRecord::Confirmed,
        Some("failed") => LastRecord::Refused,
        Some("not_sent") => LastRecord::NotSent,
        Some(_) => LastRecord::InDoubt,
    };
    Ok(ChangeFacts {
        last,
        was_in_doubt: row.get(start + 1)?,
        is_confirmed_since: row.get(start + 2)?,
        resolved_since: row.get_ref(start + 3)?.as_str_or_null().unwrap_or_default().and_then(parse_resolution),
    })
}

/// True if the run in [`FACTS_COLUMNS`] is alive.
pub(super) fn is_run_alive(row: &Row<'_>, start: usize, runs: &mut LiveRuns<'_>) -> Result<bool, StorageError> {
    let run = row.get_ref(start + 4)?.as_str_or_null().unwrap_or_default();
    Ok(run.map_or(Ok(false), |run| runs.is_alive(run))?)
}
