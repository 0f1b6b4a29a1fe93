//! Audit rows that bind all rows before them as they are: rows of older versions, and damage that an operator accepted.
//!
//! They bind groups of rows, so that one of these rows can be checked without reading all of them. It never decides
//! whether rows may be bound.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use super::record_digest::{self, RunTexts};

/// How many audit rows a group has: few, because all of them are read to check one.
const GROUP_SIZE: i64 = 64;

/// An audit row that binds the rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) sequence: i64,
    /// The last row that it binds.
    pub(super) until: i64,
}

/// A group of rows that a binding covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowGroup {
    pub(super) first: i64,
    pub(super) last: i64,
    /// `None` if it has another length.
    digest: Option<[u8; 32]>,
}

/// The newest binding. The caller must verify its row.
pub(super) fn newest(db: &Connection) -> rusqlite::Result<Option<Binding>> {
    select(db, "SELECT seq, max(last) FROM row_groups WHERE seq = (SELECT max(seq) FROM row_groups) GROUP BY seq")
}

/// The first binding: the one of the rows of older versions, if there are any. The caller must verify its row.
pub(super) fn first(db: &Connection) -> rusqlite::Result<Option<Binding>> {
    select(db, "SELECT seq, max(last) FROM row_groups WHERE seq = (SELECT min(seq) FROM row_groups) GROUP BY seq")
}

fn select(db: &Connection, sql: &str) -> rusqlite::Result<Option<Binding>> {
    let binding = |row: &Row<'_>| Ok(Binding { sequence: row.get(0)?, until: row.get(1)? });
    let found = db.prepare_cached(sql)?.query_row([], binding).optional()?;
    // A row binds only earlier ones.
    Ok(found.filter(|binding| binding.until < binding.sequence))
}

/// Binds all rows until this number to an audit row that is yet to be written.
pub(super) fn insert(db: &Connection, sequence: i64, until: i64) -> rusqlite::Result<()> {
    let mut runs = RunTexts::new(db);
    let mut insert = db.prepare("INSERT INTO row_groups (seq, first, last, digest) VALUES (?1, ?2, ?3, ?4)")?;
    // The first group has whatever is before the first row.
    let mut first = i64::MIN;
    let mut last = GROUP_SIZE.min(until);
    loop {
        insert.execute(params![sequence, first, last, digest(&mut runs, first, last)?])?;
        if last >= until {
            return Ok(());
        }
        (first, last) = (last + 1, last.saturating_add(GROUP_SIZE).min(until));
    }
}

/// The group of a binding that has this row.
pub(super) fn group_of(db: &Connection, binding: Binding, row: i64) -> rusqlite::Result<Option<RowGroup>> {
    const SQL: &str = "SELECT first, last, digest FROM row_groups WHERE seq = ?1 AND ?2 BETWEEN first AND last";
    db.prepare_cached(SQL)?.query_row([binding.sequence, row], read_group).optional()
}

/// All groups of a binding.
pub(super) fn groups(db: &Connection, binding: Binding) -> rusqlite::Result<Vec<RowGroup>> {
    let mut statement = db.prepare("SELECT first, last, digest FROM row_groups WHERE seq = ?1 ORDER BY first")?;
    statement.query_map([binding.sequence], read_group)?.collect()
}

fn read_group(row: &Row<'_>) -> rusqlite::Result<RowGroup> {
    Ok(RowGroup { first: row.get(0)?, last: row.get(1)?, digest: row.get(2).ok() })
}

/// True if all rows of a group are as they were bound.
pub(super) fn is_unchanged(runs: &mut RunTexts<'_>, group: RowGroup) -> rusqlite::Result<bool> {
    Ok(Some(digest(runs, group.first, group.last)?) == group.digest)
}

fn digest(runs: &mut RunTexts<'_>, first: i64, last: i64) -> rusqlite::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut statement =
        runs.db().prepare_cached("SELECT seq, row, hash FROM audit WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")?;
    let mut rows = statement.query([first, last])?;
    let mut put = |kind: &[u8], value: &[u8]| {
        hasher.update(kind);
        hasher.update((value.len() as u64).to_be_bytes());
        hasher.update(value);
    };
    while let Some(row) = rows.next()? {
        put(b"A", &row.get::<_, i64>(0)?.to_be_bytes());
        put(b"t", row.get_ref(1)?.as_bytes_or_null().unwrap_or_default().unwrap_or_default());
        put(b"h", row.get_ref(2)?.as_bytes_or_null().unwrap_or_default().unwrap_or_default());
    }
    drop(rows);
    drop(statement);
    for (sequence, digest) in record_digest::digests_between(runs, first, last)? {
        put(b"R", &sequence.to_be_bytes());
        put(b"d", &digest.0);
    }
    Ok(hasher.finalize().into())
}
