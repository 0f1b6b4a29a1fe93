//! Reads the end of the audit log. It decides nothing about what it reads, and never writes.

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::domain::text::CleanText;
use crate::journal::audit::{AuditRow, ChainHead, SavedHead};
use crate::journal::model::EscrowDrill;

/// The head of the hash chain.
pub(super) fn chain_head(db: &Connection) -> rusqlite::Result<ChainHead> {
    head_at(db, i64::MAX)
}

/// The head of the hash chain when it had rows until this number.
pub(super) fn head_at(db: &Connection, sequence: i64) -> rusqlite::Result<ChainHead> {
    const LAST: &str = "SELECT seq, hash FROM audit WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1";
    // A hash of another length fits no row.
    let read =
        |row: &Row<'_>| Ok(ChainHead { sequence: row.get(0)?, hash: row.get(1).unwrap_or(ChainHead::EMPTY.hash) });
    Ok(db.prepare_cached(LAST)?.query_row([sequence], read).optional()?.unwrap_or(ChainHead::EMPTY))
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
            let hash =
                db.query_row("SELECT hash FROM audit WHERE seq = ?1", [head.sequence], |row| Ok(row.get(0).ok()));
            hash.optional()?.flatten()
        }
        SavedHead::Missing | SavedHead::Unreadable => None,
    };
    Ok(saved_head.find_mismatch(chain_head(db)?.sequence, stored_hash))
}
