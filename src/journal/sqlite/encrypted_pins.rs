//! Reads the encrypted PINs of the journal with the state of each change. It never writes or decrypts.

use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::change_facts;
use super::columns::{parse_column, waba_column};
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::ChangeResult;
use crate::escrow::{Ciphertext, EscrowEntry};
use crate::journal::error::StorageError;
use crate::journal::model::{EncryptedPin, RecordedState, SentChange};
use crate::journal::run_lock::LiveRuns;
use crate::state_dir::StateDir;

/// The encrypted PINs of these numbers, or of all if none is named, in the order in which they were last sent.
pub(super) fn all(
    db: &Connection,
    dir: &StateDir,
    numbers: &[PhoneNumberId],
) -> Result<Vec<EncryptedPin>, StorageError> {
    let mut states = change_facts::states(db, &mut LiveRuns::new(dir), numbers)?;
    let mut pins = Vec::new();
    for_each(db, Selection::of_numbers(numbers), |escrow_entry, last_attempt_at| {
        // This program always writes an attempt or an outcome with a change, so the state exists.
        let state = states.remove(&escrow_entry.change).unwrap_or(RecordedState::Ended(ChangeResult::NoAnswer));
        pins.push(EncryptedPin { escrow_entry, state, last_attempt_at });
    })?;
    Ok(pins)
}

/// The changes of these numbers, or of all if none is named, in the order in which they were last sent.
pub(super) fn sent_changes(
    db: &Connection,
    dir: &StateDir,
    numbers: &[PhoneNumberId],
) -> Result<Vec<SentChange>, StorageError> {
    let states = change_facts::states(db, &mut LiveRuns::new(dir), numbers)?;
    let selected = Selection::of_numbers(numbers);
    let mut statement = db.prepare_cached(&format!(
        "SELECT c.change, c.number, t.at, coalesce((
            SELECT at FROM outcomes WHERE change = c.change AND seq > coalesce(t.seq, c.seq) ORDER BY seq DESC LIMIT 1
        ), t.at) FROM changes c
        LEFT JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = c.change)
        WHERE {} ORDER BY coalesce(t.seq, c.seq)",
        selected.condition()
    ))?;
    let time = |row: &Row<'_>, column| {
        Ok::<_, rusqlite::Error>(row.get::<_, Option<u32>>(column)?.map(UtcTime::from_unix_seconds))
    };
    let mut rows = statement.query([selected.parameter()])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let change = parse_column(row, 0)?;
        let state = states.get(&change).copied().unwrap_or(RecordedState::Ended(ChangeResult::NoAnswer));
        let (last_attempt_at, ended_at) = (time(row, 2)?, time(row, 3)?);
        changes.push(SentChange { change, number: parse_column(row, 1)?, state, last_attempt_at, ended_at });
    }
    Ok(changes)
}

/// Which changes are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Selection<'a> {
    OfNumbers(&'a [PhoneNumberId]),
    /// Those that were recorded after this row.
    After(i64),
}

impl<'a> Selection<'a> {
    const fn of_numbers(numbers: &'a [PhoneNumberId]) -> Self {
        if numbers.is_empty() { Self::After(0) } else { Self::OfNumbers(numbers) }
    }

    /// Selects rows of the changes `c`.
    const fn condition(self) -> &'static str {
        match self {
            Self::OfNumbers(_) => "c.number IN (SELECT value FROM json_each(?1))",
            Self::After(_) => "c.seq > ?1",
        }
    }

    fn parameter(self) -> Value {
        match self {
            Self::OfNumbers(numbers) => Value::Text(change_facts::json_list(numbers)),
            Self::After(sequence) => Value::Integer(sequence),
        }
    }
}

/// Calls `visit` for each encrypted PIN with the time of its last attempt, in the order in which the last attempts were
/// recorded, so clocks do not affect it. A PIN that only the escrow file had has the position of its import.
pub(super) fn for_each(
    db: &Connection,
    selected: Selection<'_>,
    mut visit: impl FnMut(EscrowEntry, Option<UtcTime>),
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT c.change, c.number, c.waba, c.at, c.job, c.sealed, t.at FROM changes c
        LEFT JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = c.change)
        WHERE {} AND c.sealed IS NOT NULL ORDER BY coalesce(t.seq, c.seq)",
        selected.condition()
    ))?;
    let mut rows = statement.query([selected.parameter()])?;
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
