//! Reads the encrypted PINs of the journal with the state of each change. It never writes or decrypts.

use rusqlite::{Connection, Row};

use super::change_facts;
use super::columns::{parse_column, waba_column};
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::standing::ChangeResult;
use crate::escrow::{Ciphertext, EscrowEntry};
use crate::journal::error::StorageError;
use crate::journal::model::{EncryptedPin, RecordedState, SentChange};
use crate::journal::run_lock::LiveRuns;
use crate::state_dir::StateDir;

/// All encrypted PINs, in the order in which they were last sent.
pub(super) fn all(db: &Connection, dir: &StateDir) -> Result<Vec<EncryptedPin>, StorageError> {
    let mut states = change_facts::states(db, &mut LiveRuns::new(dir))?;
    let mut pins = Vec::new();
    for_each(db, |escrow_entry, last_attempt_at| {
        // This program always writes an attempt or an outcome with a change, so the state exists.
        let state = states.remove(&escrow_entry.change).unwrap_or(RecordedState::Ended(ChangeResult::NoAnswer));
        pins.push(EncryptedPin { escrow_entry, state, last_attempt_at });
    })?;
    Ok(pins)
}

/// All changes, in the order in which they were last sent.
pub(super) fn sent_changes(db: &Connection, dir: &StateDir) -> Result<Vec<SentChange>, StorageError> {
    let states = change_facts::states(db, &mut LiveRuns::new(dir))?;
    let mut statement = db.prepare(
        "SELECT c.change, c.number, t.at, coalesce((
            SELECT at FROM outcomes WHERE change = c.change AND seq > coalesce(t.seq, c.seq) ORDER BY seq DESC LIMIT 1
        ), t.at) FROM changes c
        LEFT JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = c.change)
        ORDER BY coalesce(t.seq, c.seq)",
    )?;
    let time = |row: &Row<'_>, column| {
        Ok::<_, rusqlite::Error>(row.get::<_, Option<u32>>(column)?.map(UtcTime::from_unix_seconds))
    };
    let mut rows = statement.query([])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let change = parse_column(row, 0)?;
        let state = states.get(&change).copied().unwrap_or(RecordedState::Ended(ChangeResult::NoAnswer));
        let (last_attempt_at, ended_at) = (time(row, 2)?, time(row, 3)?);
        changes.push(SentChange { change, number: parse_column(row, 1)?, state, last_attempt_at, ended_at });
    }
    Ok(changes)
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
            waba: waba_column(row, 2)?,
            at: UtcTime::from_unix_seconds(row.get(3)?),
            job: row.get::<_, Option<u32>>(4)?.map(JobId::new),
            ciphertext: Ciphertext(row.get(5)?),
        };
        visit(entry, row.get::<_, Option<u32>>(6)?.map(UtcTime::from_unix_seconds));
    }
    Ok(())
}
