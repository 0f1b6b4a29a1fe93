//! The encrypted PINs of the journal with the state of each change. It only reads, and decrypts nothing.

use rusqlite::Connection;

use super::error::StorageError;
use super::job_queries::{JobQueries, RecordedState};
use super::open_changes::parse_column;
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::escrow::{Ciphertext, EscrowEntry};
use crate::state_dir::StateDir;

/// An encrypted PIN, and the state of its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedPin {
    /// The entry in the journal.
    pub escrow_entry: EscrowEntry,
    /// The state of its change.
    pub state: RecordedState,
    /// When its last request was about to be sent; `None` if only the escrow file had it.
    pub last_attempt_at: Option<UtcTime>,
}

/// Every encrypted PIN, in the order in which they were sent.
pub(super) fn all(db: &Connection, dir: &StateDir) -> Result<Vec<EncryptedPin>, StorageError> {
    let mut states = JobQueries::new(db, dir)?.state_by_change()?;
    let mut pins = Vec::new();
    for_each(db, |line, last_try| {
        // A change without attempt and outcome: no journal of this program has one.
        let state = states.remove(&line.change).unwrap_or(RecordedState::NoAnswer);
        pins.push(EncryptedPin { escrow_entry: line, state, last_attempt_at: last_try });
    })?;
    Ok(pins)
}

/// Passes on every encrypted PIN with the time when it was last sent, in the order in which they were sent, independent
/// of clocks. One that only the escrow file had comes where it was imported.
pub(super) fn for_each(db: &Connection, mut take: impl FnMut(EscrowEntry, Option<UtcTime>)) -> rusqlite::Result<()> {
    let mut statement = db.prepare(
        "SELECT c.change, c.number, c.waba, c.at, c.job, c.sealed, t.at FROM changes c
        LEFT JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = c.change)
        WHERE c.sealed IS NOT NULL ORDER BY coalesce(t.seq, c.seq)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line = EscrowEntry {
            change: parse_column(row, 0)?,
            number: parse_column(row, 1)?,
            waba: row.get::<_, Option<String>>(2)?.map(|_| parse_column(row, 2)).transpose()?,
            at: UtcTime::from_unix_seconds(row.get(3)?),
            job: row.get::<_, Option<u32>>(4)?.map(JobId::new),
            ciphertext: Ciphertext(row.get(5)?),
        };
        take(line, row.get::<_, Option<u32>>(6)?.map(UtcTime::from_unix_seconds));
    }
    Ok(())
}
