//! Where the lines of the escrow file are: an index, so that one number's PINs are found without reading all of it.
//!
//! It is kept in the transaction that records the changes of the lines, and has every complete line that can be parsed up
//! to the last one that it has. What it says is checked when it is used; if it is wrong, the caller reads the whole file.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::checkpoint::LastCheckpoint;
use super::columns::parse_column;
use crate::domain::change::ChangeId;
use crate::domain::number::PhoneNumberId;
use crate::escrow::{
    AppendReceipt, EscrowContents, EscrowEntry, EscrowFile, EscrowLine, EscrowLock, EscrowPosition, EscrowScan,
    LinePlace,
};
use crate::journal::error::StorageError;
use crate::journal::integrity::line_of_note;
use crate::state_dir::StateDir;

/// Removes every line: the file may be another one.
pub(super) fn clear(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM escrow_lines", []).map(drop)
}

/// Adds a line, unless the index has it.
pub(super) fn insert(db: &Connection, place: LinePlace, number: PhoneNumberId) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO escrow_lines (offset, bytes, line, number) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            place.offset.cast_signed(),
            place.bytes.cast_signed(),
            place.number.cast_signed(),
            number.as_str()
        ])
        .map(drop)
}

/// The end of the last line of the index.
fn end(db: &Connection) -> rusqlite::Result<EscrowPosition> {
    let last = db
        .prepare_cached("SELECT offset, bytes, line FROM escrow_lines ORDER BY offset DESC LIMIT 1")?
        .query_row([], read_place)
        .optional()?;
    Ok(last.map_or_else(EscrowPosition::default, |place| EscrowPosition {
        bytes: place.end(),
        lines: place.number,
        // Nothing is chained to it.
        ..EscrowPosition::default()
    }))
}

fn read_place(row: &Row<'_>) -> rusqlite::Result<LinePlace> {
    let (offset, bytes, line): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    // A negative value is a lie, which fits no line.
    let (offset, bytes) = (u64::try_from(offset).unwrap_or_default(), u64::try_from(bytes).unwrap_or_default());
    Ok(LinePlace { offset, bytes, number: usize::try_from(line).unwrap_or_default() })
}

/// Appends entries to the escrow file, and adds their lines to the index. Before them it adds what a process left there
/// that died before it recorded its lines.
pub(super) fn append(
    db: &Connection,
    dir: &StateDir,
    lock: &EscrowLock<'_>,
    entries: &[EscrowEntry],
) -> Result<AppendReceipt, StorageError> {
    let receipt = lock.append(entries)?;
    if entries.is_empty() {
        return Ok(receipt);
    }
    let added = add_new_lines(db, dir, &receipt, entries);
    if let Err(error) = added {
        lock.roll_back(&receipt);
        return Err(error);
    }
    Ok(receipt)
}

fn add_new_lines(
    db: &Connection,
    dir: &StateDir,
    receipt: &AppendReceipt,
    entries: &[EscrowEntry],
) -> Result<(), StorageError> {
    let end = end(db)?;
    if receipt.lines.first().is_some_and(|(offset, _)| *offset == end.bytes) {
        for ((offset, bytes), (entry, number)) in receipt.lines.iter().zip(entries.iter().zip(end.lines + 1..)) {
            insert(db, LinePlace { offset: *offset, bytes: *bytes, number }, entry.number)?;
        }
        return Ok(());
    }
    scan(dir, end, |line| Ok(insert(db, line.place, line.entry.number)?)).map(drop)
}

/// Reads the escrow file from a position.
pub(super) fn scan(
    dir: &StateDir,
    from: EscrowPosition,
    on_line: impl FnMut(EscrowLine) -> Result<(), StorageError>,
) -> Result<EscrowScan, StorageError> {
    EscrowFile::scan(dir, from, on_line).map_err(|error| StorageError::new(error.to_string()))?
}

/// The lines of the escrow file that were reported as unparsable. The query has the condition of the index `findings`,
/// so that SQLite uses it.
pub(super) fn reported_lines(db: &Connection) -> rusqlite::Result<HashSet<usize>> {
    const FINDING_NOTES: &str = "SELECT row ->> '$.note' FROM audit
        WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'found'";
    let mut lines = HashSet::new();
    let mut statement = db.prepare(FINDING_NOTES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let note: Option<String> = row.get(0)?;
        lines.extend(note.as_deref().and_then(line_of_note));
    }
    Ok(lines)
}

/// What the escrow file has of these numbers; `None` if the index cannot be trusted: it is of another file, or says
/// something wrong, or lacks a PIN that the journal has.
pub(super) fn of_numbers(
    db: &Connection,
    dir: &StateDir,
    numbers: &[PhoneNumberId],
) -> Result<Option<EscrowContents>, StorageError> {
    let LastCheckpoint::Fits(_) = LastCheckpoint::read(db, dir)? else { return Ok(None) };
    let end = end(db)?;
    let is_of_file = |error: crate::state_dir::StateDirError| StorageError::new(error.to_string());
    if end == EscrowPosition::default() || !EscrowFile::has(dir, end).map_err(is_of_file)? {
        return Ok(None);
    }
    let mut entries = Vec::new();
    for number in numbers {
        let mut statement =
            db.prepare_cached("SELECT offset, bytes, line FROM escrow_lines WHERE number = ?1 ORDER BY offset")?;
        let places = statement.query_map([number.as_str()], read_place)?.collect::<Result<Vec<_>, _>>()?;
        let Some(found) = EscrowFile::read_lines(dir, &places).map_err(is_of_file)? else { return Ok(None) };
        if found.iter().any(|entry| entry.number != *number) || !has_all(db, *number, &found)? {
            return Ok(None);
        }
        entries.extend(found);
    }
    let mut unreadable_lines: Vec<usize> = reported_lines(db)?.into_iter().filter(|line| *line <= end.lines).collect();
    unreadable_lines.sort_unstable();
    let rest = scan(dir, end, |line| {
        entries.extend(numbers.contains(&line.entry.number).then_some(line.entry));
        Ok(())
    })?;
    unreadable_lines.extend(rest.unreadable_lines);
    Ok(Some(EscrowContents { entries, unreadable_lines, is_torn: rest.is_torn }))
}

/// True if each encrypted PIN of the number in the journal is among these entries.
fn has_all(db: &Connection, number: PhoneNumberId, found: &[EscrowEntry]) -> Result<bool, StorageError> {
    let found: HashSet<ChangeId> = found.iter().map(|entry| entry.change).collect();
    let mut statement =
        db.prepare_cached("SELECT change FROM changes WHERE number = ?1 AND sealed IS NOT NULL ORDER BY seq")?;
    let mut rows = statement.query([number.as_str()])?;
    while let Some(row) = rows.next()? {
        if !found.contains(&parse_column::<ChangeId>(row, 0)?) {
            return Ok(false);
        }
    }
    Ok(true)
}
