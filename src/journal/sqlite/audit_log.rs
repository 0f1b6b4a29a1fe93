//! Reads the audit log, for its hash chain. It decides nothing about what it reads, and never writes.

use rusqlite::{Connection, OptionalExtension as _};

use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::journal::audit::{AuditProblem, AuditRow, ChainHead, ChainVerifier, SavedHead, THROTTLED_OUTCOME};
use crate::journal::error::StorageError;
use crate::journal::model::EscrowDrill;

/// The head of the hash chain.
pub(super) fn chain_head(db: &Connection) -> rusqlite::Result<ChainHead> {
    let last = db
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok(ChainHead { sequence: row.get(0)?, hash: row.get(1)? }))
        .optional()?;
    Ok(last.unwrap_or(ChainHead::EMPTY))
}

/// The last drill of the escrow. The condition is that of the index `drills`, so that SQLite uses it.
pub(super) fn last_drill(db: &Connection) -> rusqlite::Result<Option<EscrowDrill>> {
    let row: Option<String> = db
        .prepare_cached(
            "SELECT row FROM audit WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'drill'
            ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    let row = row.and_then(|row| serde_json::from_str::<AuditRow>(&row).ok());
    Ok(row.and_then(|row| EscrowDrill::from_outcome(row.time()?, row.outcome.as_ref()?.as_str())))
}

/// The texts of the rows after one and up to another.
pub(super) fn rows_between(db: &Connection, after: i64, last: i64) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached("SELECT row FROM audit WHERE seq > ?1 AND seq <= ?2 ORDER BY seq")?
        .query_map([after, last], |row| row.get(0))?
        .collect()
}

/// How the rows contradict the saved head, if they do.
pub(super) fn find_mismatch(db: &Connection, saved_head: SavedHead) -> rusqlite::Result<Option<CleanText>> {
    let stored_hash = match saved_head {
        SavedHead::Present(head) => {
            db.query_row("SELECT hash FROM audit WHERE seq = ?1", [head.sequence], |row| row.get(0)).optional()?
        }
        SavedHead::Missing | SavedHead::Unreadable => None,
    };
    Ok(saved_head.find_mismatch(chain_head(db)?.sequence, stored_hash))
}

/// Verifies the hash chain. Returns the number of rows, or the problems.
pub(super) fn verify_chain(
    db: &Connection,
    saved_head: SavedHead,
) -> Result<Result<i64, Vec<AuditProblem>>, StorageError> {
    let mut verifier = ChainVerifier::new();
    let mut statement = db.prepare("SELECT seq, row, hash FROM audit ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        verifier.verify_row(row.get(0)?, &row.get::<_, String>(1)?, row.get(2)?);
    }
    Ok(verifier.finish(unmatched_rows(db)?, find_mismatch(db, saved_head)?))
}

/// The audit rows whose record in another table is missing or differs.
fn unmatched_rows(db: &Connection) -> rusqlite::Result<Vec<i64>> {
    db.prepare(
        "WITH told AS (SELECT seq, row ->> '$.action' AS action, row ->> '$.change' AS change,
            row ->> '$.phone_number_id' AS number, row ->> '$.outcome' AS outcome FROM audit WHERE json_valid(row))
        SELECT seq FROM told WHERE CASE action
            WHEN 'intent' THEN (change, number) NOT IN (SELECT c.change, c.number FROM changes c WHERE c.seq = told.seq)
            WHEN 'try' THEN (change, number) NOT IN (SELECT t.change, c.number FROM tries t
                JOIN changes c USING (change) WHERE t.seq = told.seq)
            WHEN 'outcome' THEN (change, CASE outcome WHEN ?1 THEN ?2 ELSE outcome END) NOT IN (
                SELECT o.change, o.kind FROM outcomes o WHERE o.seq = told.seq)
            WHEN 'settled' THEN (change, outcome) NOT IN (
                SELECT s.change, s.how FROM settlements s WHERE s.seq = told.seq)
            WHEN 're-encrypted' THEN (change, number) NOT IN (SELECT r.change, c.number FROM re_encryptions r
                JOIN changes c USING (change) WHERE r.seq = told.seq)
            ELSE 0 END
        ORDER BY seq",
    )?
    .query_map([THROTTLED_OUTCOME, ChangeResult::NotSent.as_str()], |row| row.get(0))?
    .collect()
}
