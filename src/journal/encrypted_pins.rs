//! Reads the encrypted PINs of the journal with the state of each change. It never writes or decrypts.

use rusqlite::Connection;

use super::error::StorageError;
use super::job_queries::{JobQueries, RecordedState};
use super::open_changes::parse_column;
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::standing::ChangeResult;
use crate::escrow::{Ciphertext, EscrowEntry};
use crate::state_dir::StateDir;

/// An encrypted PIN with the state of its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedPin {
    /// The entry, as the journal stores it.
    pub escrow_entry: EscrowEntry,
    /// The state of its change.
    pub state: RecordedState,
    /// When pindesk was about to send its last request; `None` if only the escrow file had it.
    pub last_attempt_at: Option<UtcTime>,
}

/// All encrypted PINs, in the order in which they were last sent.
pub(super) fn all(db: &Connection, dir: &StateDir) -> Result<Vec<EncryptedPin>, StorageError> {
    let mut states = JobQueries::new(db, dir)?.state_by_change()?;
    let mut pins = Vec::new();
    for_each(db, |escrow_entry, last_attempt_at| {
        // This program always writes an attempt or an outcome with a change, so the state exists.
        let state = states.remove(&escrow_entry.change).unwrap_or(RecordedState::Ended(ChangeResult::NoAnswer));
        pins.push(EncryptedPin { escrow_entry, state, last_attempt_at });
    })?;
    Ok(pins)
}

/// Calls `visit` for each encrypted PIN with the time of its last attempt, in the order in which the last attempts were
/// recorded, so clocks do not affect it. A PIN that only the escrow file had has the position of its import.
pub(super) fn for_each(db: &Connection, mut visit: impl FnMut(EscrowEntry, Option<UtcTime>)) -> rusqlite::Result<()> {
    let mut statement = db.prepare(
        "SELECT c.change, c.number, c.waba, c.at, c.job, c.sealed, t.at FROM changes c
        LEFT JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = c.change)
        WHERE c.sealed IS NOT NULL ORDER BY coalesce(t.seq, c.seq)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let entry = EscrowEntry {
            change: parse_column(row, 0)?,
            number: parse_column(row, 1)?,
            waba: row.get::<_, Option<String>>(2)?.map(|_| parse_column(row, 2)).transpose()?,
            at: UtcTime::from_unix_seconds(row.get(3)?),
            job: row.get::<_, Option<u32>>(4)?.map(JobId::new),
            ciphertext: Ciphertext(row.get(5)?),
        };
        visit(entry, row.get::<_, Option<u32>>(6)?.map(UtcTime::from_unix_seconds));
    }
    Ok(())
}
