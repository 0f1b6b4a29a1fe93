//! Caches the numbers as they were last read, so that the next start shows a list at once.
//!
//! This is the only table whose rows are replaced and deleted. It never affects whether a PIN may be sent.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::columns::{parse_column, parse_two_step};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, NumberDetails, PhoneNumberId, Waba, WabaId};
use crate::domain::text::CleanText;

/// How many numbers one query reads: few, so that the first ones are on the screen early and few wait in memory.
const PAGE_SIZE: i64 = 256;

/// An update of the cache for one profile.
#[derive(Debug)]
pub(in crate::journal) enum CacheUpdate {
    /// Insert numbers, or replace their cached values.
    Upsert(String, Vec<Number>),
    /// Delete numbers, except those that were read after this time.
    Delete(String, Vec<PhoneNumberId>, UtcTime),
}

impl CacheUpdate {
    /// How many numbers the update names.
    pub(super) const fn number_count(&self) -> usize {
        match self {
            Self::Upsert(_, numbers) => numbers.len(),
            Self::Delete(_, numbers, _) => numbers.len(),
        }
    }

    pub(super) fn apply(&self, db: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Upsert(profile, numbers) => upsert_numbers(db, profile, numbers),
            Self::Delete(profile, numbers, read_until) => delete_numbers(db, profile, numbers, *read_until),
        }
    }
}

fn delete_numbers(
    db: &Connection,
    profile: &str,
    numbers: &[PhoneNumberId],
    read_until: UtcTime,
) -> rusqlite::Result<()> {
    let mut statement =
        db.prepare_cached("DELETE FROM numbers WHERE profile = ?1 AND number = ?2 AND read_at <= ?3")?;
    for number in numbers {
        statement.execute(params![profile, number.as_str(), read_until.unix_seconds()])?;
    }
    Ok(())
}

fn upsert_numbers(db: &Connection, profile: &str, numbers: &[Number]) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(
        "INSERT OR REPLACE INTO numbers (profile, number, waba, waba_name, display, name, two_step, status,
            quality_rating, code_verification_status, name_status, platform_type, account_mode, read_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let text = |text: &Option<CleanText>| text.as_ref().map(|text| text.original().to_owned());
    for number in numbers {
        let (waba, details) = (number.waba.as_ref(), &number.details);
        statement.execute(params![
            profile,
            number.id.as_str(),
            waba.map(|waba| waba.id.as_str()),
            waba.and_then(|waba| text(&waba.name)),
            text(&number.display_number),
            text(&number.name),
            number.two_step.json_value(),
            text(&details.status),
            text(&details.quality_rating),
            text(&details.code_verification_status),
            text(&details.name_status),
            text(&details.platform_type),
            text(&details.account_mode),
            number.read_at.map(UtcTime::unix_seconds),
        ])?;
    }
    Ok(())
}

/// One page of the numbers of a profile, sorted by ID, after the ID `after`. Equal values share memory.
pub(super) fn cached_numbers(
    db: &Connection,
    profile: &str,
    after: Option<PhoneNumberId>,
) -> rusqlite::Result<Vec<Number>> {
    let sql = format!("SELECT {COLUMNS} FROM numbers WHERE profile = ?1 AND number > ?2 ORDER BY number LIMIT ?3");
    let mut statement = db.prepare_cached(&sql)?;
    // No ID is empty, so each ID sorts after the empty text.
    let mut rows = statement.query(params![profile, after.as_ref().map_or("", PhoneNumberId::as_str), PAGE_SIZE])?;
    let (mut reader, mut numbers) = (NumberRows::default(), Vec::new());
    while let Some(row) = rows.next()? {
        numbers.push(reader.read(row)?);
    }
    Ok(numbers)
}

/// Every number of every profile, sorted by ID, each once as it was read last.
pub(super) fn all_numbers(db: &Connection) -> rusqlite::Result<Vec<Number>> {
    let mut statement = db.prepare(&format!("SELECT {COLUMNS} FROM numbers ORDER BY number, read_at"))?;
    let mut rows = statement.query([])?;
    let (mut reader, mut numbers) = (NumberRows::default(), Vec::<Number>::new());
    while let Some(row) = rows.next()? {
        let number = reader.read(row)?;
        numbers.pop_if(|earlier| earlier.id == number.id);
        numbers.push(number);
    }
    Ok(numbers)
}

/// The columns that [`NumberRows`] reads.
const COLUMNS: &str = "number, waba, waba_name, display, name, two_step, status, quality_rating,
    code_verification_status, name_status, platform_type, account_mode, read_at";

/// Reads rows. Equal values share memory.
#[derive(Debug, Default)]
struct NumberRows {
    wabas: Interner<Waba>,
    details: Interner<NumberDetails>,
}

impl NumberRows {
    fn read(&mut self, row: &Row<'_>) -> rusqlite::Result<Number> {
        let has_waba = row.get_ref(1)? != rusqlite::types::ValueRef::Null;
        let waba = if has_waba { Some(Waba { id: parse_column(row, 1)?, name: clean_column(row, 2)? }) } else { None };
        let details = NumberDetails {
            status: clean_column(row, 6)?,
            quality_rating: clean_column(row, 7)?,
            code_verification_status: clean_column(row, 8)?,
            name_status: clean_column(row, 9)?,
            platform_type: clean_column(row, 10)?,
            account_mode: clean_column(row, 11)?,
        };
        Ok(Number {
            id: parse_column(row, 0)?,
            waba: waba.map(|waba| self.wabas.intern(waba)),
            display_number: clean_column(row, 3)?.map(CleanText::without_outer_marks),
            name: clean_column(row, 4)?,
            two_step: parse_two_step(row.get_ref(5)?.as_str().unwrap_or_default()),
            details: self.details.intern(details),
            read_at: row.get::<_, Option<u32>>(12)?.map(UtcTime::from_unix_seconds),
        })
    }
}

/// Calls `visit` with the ID and the WABA of each number of a profile that a WABA listed, if it was read at this time
/// or before.
pub(super) fn for_each_until(
    db: &Connection,
    profile: &str,
    read_at: UtcTime,
    mut visit: impl FnMut(PhoneNumberId, WabaId),
) -> rusqlite::Result<()> {
    let mut statement = db
        .prepare_cached("SELECT number, waba FROM numbers WHERE profile = ?1 AND waba IS NOT NULL AND read_at <= ?2")?;
    let mut rows = statement.query(params![profile, read_at.unix_seconds()])?;
    while let Some(row) = rows.next()? {
        visit(parse_column(row, 0)?, parse_column(row, 1)?);
    }
    Ok(())
}

fn clean_column(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<CleanText>> {
    Ok(row.get::<_, Option<String>>(column)?.map(|text| CleanText::new(&text)))
}

/// Keeps one allocation for each distinct value.
#[derive(Debug)]
struct Interner<T>(HashMap<T, Arc<T>>);

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash + Clone> Interner<T> {
    fn intern(&mut self, value: T) -> Arc<T> {
        if let Some(existing) = self.0.get(&value) {
            return Arc::clone(existing);
        }
        let shared = Arc::new(value.clone());
        self.0.insert(value, Arc::clone(&shared));
        shared
    }
}
