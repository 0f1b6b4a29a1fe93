//! Reads the newest request of every number, and when its PIN was last set. It never writes.

use rusqlite::{Connection, Row};

use super::change_facts::{FACTS_COLUMN_COUNT, FACTS_COLUMNS, FACTS_JOIN, is_run_alive, read_facts};
use super::columns::parse_column;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::journal::error::StorageError;
use crate::journal::model::LastRequest;
use crate::journal::run_lock::LiveRuns;
use crate::state_dir::StateDir;

/// The newest request of every number that has one, in no order.
pub(super) fn all(db: &Connection, dir: &StateDir) -> Result<Vec<LastRequest>, StorageError> {
    let mut runs = LiveRuns::new(dir);
    let mut statement = db.prepare(&format!(
        "SELECT {FACTS_COLUMNS}, r.number, coalesce(o.at, t.at, c.at)
        FROM (
            SELECT number, change, max(seq) FROM (
                SELECT c.number, c.change, coalesce(t.seq, c.seq) AS seq
                FROM changes c LEFT JOIN tries t ON t.change = c.change
                UNION ALL SELECT number, change, seq FROM outcomes)
            GROUP BY number) r
        {FACTS_JOIN}"
    ))?;
    let mut rows = statement.query([])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        let is_alive = is_run_alive(row, 0, &mut runs)?;
        requests.push(LastRequest {
            number: parse_column(row, FACTS_COLUMN_COUNT)?,
            state: read_facts(row, 0)?.state(is_alive),
            at: UtcTime::from_unix_seconds(row.get(FACTS_COLUMN_COUNT + 1)?),
        });
    }
    Ok(requests)
}

/// When Meta last confirmed a PIN of each number that has one, in no order.
pub(super) fn last_sets(db: &Connection) -> Result<Vec<(PhoneNumberId, UtcTime)>, StorageError> {
    let mut statement = db.prepare("SELECT number, max(seq), at FROM outcomes WHERE kind = 'set' GROUP BY number")?;
    let read = |row: &Row<'_>| Ok((parse_column(row, 0)?, UtcTime::from_unix_seconds(row.get(2)?)));
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}
