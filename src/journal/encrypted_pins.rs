//! The sealed PINs that the journal has, and what became of each. It only reads, and opens none.

use rusqlite::Connection;

use super::error::StorageError;
use super::job_queries::{JobQueries, RecordedState};
use super::open_changes::parse_column;
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::escrow::{Ciphertext, EscrowEntry};
use crate::state_dir::StateDir;

/// A PIN as it was sealed, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedPin {
    /// As the journal has it.
    pub escrow_entry: EscrowEntry,
    /// What its change came to.
    pub state: RecordedState,
    /// When its last request was about to be sent; `None` where only the escrow file knew of it.
    pub last_attempt_at: Option<UtcTime>,
}

/// Every sealed PIN, the one that was sent last at the end.
pub(super) fn all(db: &Connection, dir: &StateDir) -> Result<Vec<EncryptedPin>, StorageError> {
    let mut states = JobQueries::new(db, dir)?.state_by_change()?;
    let mut pins = Vec::new();
    for_each(db, |line, last_try| {
        // Nothing is known of what has neither a try nor an outcome, which no journal of this program has.
        let state = states.remove(&line.change).unwrap_or(RecordedState::NoAnswer);
        pins.push(EncryptedPin { escrow_entry: line, state, last_attempt_at: last_try });
    })?;
    Ok(pins)
}

/// Hands over every sealed PIN, and when it was last sent. They come in that order, which no clock has a say in; one that
/// only the escrow file knew of comes where it was taken in.
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
