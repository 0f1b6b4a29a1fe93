//! Reads what the journal has about each number, from the changes of all operators: its newest change, its newest confirmed
//! PIN, and, if it has new rows, which of its changes are in doubt. It never writes.
//!
//! The newest changes of all numbers come from one index. Every later read starts at the audit row after the last one.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};

use super::change_facts::{FACTS_COLUMN_COUNT, FACTS_COLUMNS, FACTS_JOIN, is_run_alive, read_facts};
use super::checkpoint::LastCheckpoint;
use super::columns::parse_column;
use super::encoding::parse_resolution;
use super::{audit_log, open_changes};
use crate::domain::change::{ChangeId, Completion, DoubtEnd, JobId, LastSet};
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::number::PhoneNumberId;
use crate::domain::operator::OperatorName;
use crate::journal::audit::RowOperator;
use crate::journal::error::StorageError;
use crate::journal::model::{NumberRecord, NumberUpdate, RecordCursor, RecordedChange};
use crate::journal::rules::change_state::{EndedChange, ended_state};
use crate::journal::rules::recovery;
use crate::journal::run_lock::LiveRuns;
use crate::state_dir::StateDir;

/// How many audit rows one read of updates covers, so that a long absence does not fill the memory.
const ROWS_PER_UPDATE: u32 = 1_024;

/// The last row, and the numbers with an open change.
pub(super) fn cursor(db: &Connection, dir: &StateDir) -> Result<RecordCursor, StorageError> {
    let checked = LastCheckpoint::read(db, dir)?.base();
    let open = open_changes::all_since(db, None, checked.head.sequence, &checked.open)?;
    let held = open.into_iter().map(|open| open.unresolved.number).collect();
    Ok(RecordCursor { sequence: audit_log::chain_head(db)?.sequence, held, has_more: false, jobs: BTreeSet::new() })
}

/// The newest row of each number that ended a change, newest first: an outcome or a resolution. The outcomes come from
/// an index; resolutions are few.
pub(super) fn newest_ends(db: &Connection) -> rusqlite::Result<Vec<i64>> {
    const NEWEST: &str = "
        WITH resolved AS MATERIALIZED (
            SELECT c.number, max(z.seq) AS seq FROM settlements z JOIN changes c USING (change) GROUP BY c.number)
        SELECT max(o.seq, coalesce(z.seq, 0))
        FROM (SELECT number, max(seq) AS seq FROM outcomes GROUP BY number) o LEFT JOIN resolved z USING (number)
        UNION ALL SELECT seq FROM resolved z WHERE NOT EXISTS (SELECT 1 FROM outcomes WHERE number = z.number)";
    let mut statement = db.prepare_cached(NEWEST)?;
    let mut newest = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    newest.sort_unstable_by(|a, b| b.cmp(a));
    Ok(newest)
}

/// The records of the numbers with these newest rows, newest first. One statement reads all of them.
pub(super) fn records(
    db: &Connection,
    runs: &mut LiveRuns<'_>,
    ends: &[i64],
) -> Result<Vec<NumberRecord>, StorageError> {
    let ends = serde_json::to_string(ends).map_err(|error| StorageError::new(error.to_string()))?;
    let mut statement = db.prepare_cached(&records_sql())?;
    let mut rows = statement.query([ends])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(read_record(row, runs)?);
    }
    Ok(records)
}

/// What the rows after the cursor say about their numbers, and again about the numbers that it holds. Advances the
/// cursor; empty if there is nothing new.
pub(super) fn updates(
    db: &Connection,
    dir: &StateDir,
    clock: Clock,
    own_run: &str,
    cursor: &mut RecordCursor,
) -> Result<Vec<NumberUpdate>, StorageError> {
    let mut numbers = std::mem::take(&mut cursor.held);
    let row_count = add_changed_numbers(db, cursor, &mut numbers)?;
    cursor.has_more = row_count == ROWS_PER_UPDATE;
    let mut runs = LiveRuns::new(dir);
    let mut updates = Vec::with_capacity(numbers.len());
    for number in numbers {
        updates.push(update(db, number, clock, own_run, &mut runs, &mut cursor.held)?);
    }
    Ok(updates)
}

/// Adds the numbers of the rows after the cursor, and advances it over them, with their jobs. Returns how many rows there
/// were.
fn add_changed_numbers(
    db: &Connection,
    cursor: &mut RecordCursor,
    numbers: &mut BTreeSet<PhoneNumberId>,
) -> rusqlite::Result<u32> {
    let mut statement = db.prepare_cached(
        "SELECT seq, number, iif(json_valid(row), row ->> '$.job', NULL) FROM audit
        WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query(params![cursor.sequence, ROWS_PER_UPDATE])?;
    let mut count = 0;
    cursor.jobs.clear();
    while let Some(row) = rows.next()? {
        cursor.sequence = row.get(0)?;
        count += 1;
        let job = row.get_ref(2)?.as_i64_or_null().unwrap_or_default();
        cursor.jobs.extend(job.and_then(|job| u32::try_from(job).ok()).map(JobId::new));
        // Skips an altered row; `pindesk audit verify` reports it.
        let number = row.get_ref(1)?.as_str_or_null().unwrap_or_default();
        numbers.extend(number.and_then(|text| text.parse::<PhoneNumberId>().ok()));
    }
    Ok(count)
}

fn update(
    db: &Connection,
    number: PhoneNumberId,
    clock: Clock,
    own_run: &str,
    runs: &mut LiveRuns<'_>,
    held_numbers: &mut BTreeSet<PhoneNumberId>,
) -> Result<NumberUpdate, StorageError> {
    const NEWEST: &str = "
        SELECT max(seq) FROM (
            SELECT max(seq) AS seq FROM outcomes WHERE number = ?1
            UNION ALL SELECT max(z.seq) FROM settlements z JOIN changes c USING (change) WHERE c.number = ?1)";
    let newest: Option<i64> = db.prepare_cached(NEWEST)?.query_row([number.as_str()], |row| row.get(0))?;
    let record = records(db, runs, newest.as_slice())?.pop();
    let record = record.unwrap_or(NumberRecord { number, latest: None, last_set: None });
    let mut closed = changes_of(db, number)?;
    let (mut unresolved, mut held) = (Vec::new(), Vec::new());
    let (now, uptime) = (clock.now().utc, clock.uptime());
    for open in open_changes::for_number(db, number, own_run)? {
        closed.retain(|change| *change != open.unresolved.change);
        let run = open.run_id.as_deref();
        if run == Some(own_run) {
            continue;
        }
        let is_alive = run.map_or(Ok(false), |run| runs.is_alive(run))?;
        let has_outcome = open.has_outcome;
        let change = recovery::unresolved(open, false, now, uptime);
        if is_alive {
            held_numbers.insert(number);
            // Without an outcome it is in progress there.
            held.extend(change.filter(|_| has_outcome));
        } else {
            unresolved.extend(change);
        }
    }
    Ok(NumberUpdate { record, unresolved, held, closed })
}

fn changes_of(db: &Connection, number: PhoneNumberId) -> rusqlite::Result<Vec<ChangeId>> {
    let mut statement = db.prepare_cached("SELECT change FROM changes WHERE number = ?1 ORDER BY seq")?;
    statement.query_map([number.as_str()], |row| parse_column(row, 0))?.collect()
}

/// The rows `r` that a JSON list names: each an outcome, or a resolution with its change. `z` is the resolution of the
/// change, `p` the newest confirmation of the number, `e` the change of that if it has an encrypted PIN, and `k` the
/// recipients of that PIN.
fn records_sql() -> String {
    format!(
        "SELECT {FACTS_COLUMNS}, r.number, r.job, coalesce(o.at, t.at), coalesce(o.tries, t.attempt), o.detail, z.at, z.how,
            (SELECT row FROM audit WHERE seq = coalesce(z.seq, r.seq)), p.at, p.tries,
            p.seq = coalesce(z.seq, r.seq),
            (SELECT row FROM audit WHERE seq = p.seq AND seq <> coalesce(z.seq, r.seq)), k.fingerprints
        FROM (
            SELECT seq, change, number, job FROM outcomes WHERE seq IN (SELECT value FROM json_each(?1))
            UNION ALL SELECT z.seq, change, c.number, c.job FROM settlements z JOIN changes c USING (change)
            WHERE z.seq IN (SELECT value FROM json_each(?1))) r
        {FACTS_JOIN}
        LEFT JOIN settlements z ON z.seq = (
            SELECT max(seq) FROM settlements WHERE change = c.change AND seq > coalesce(t.seq, c.seq))
        LEFT JOIN outcomes p ON p.seq = (SELECT max(seq) FROM outcomes WHERE number = r.number AND kind = 'set')
        LEFT JOIN changes e ON e.change = p.change AND e.sealed IS NOT NULL
        LEFT JOIN recipients k ON k.seq = (SELECT max(seq) FROM recipients WHERE seq <= e.seq)
        ORDER BY r.seq DESC"
    )
}

fn read_record(row: &Row<'_>, runs: &mut LiveRuns<'_>) -> Result<NumberRecord, StorageError> {
    const START: usize = FACTS_COLUMN_COUNT;
    let state = read_facts(row, 0)?.state(is_run_alive(row, 0, runs)?);
    let detail: Option<String> = row.get(START + 4)?;
    let resolved_at: Option<u32> = row.get(START + 5)?;
    let resolution: Option<String> = row.get(START + 6)?;
    let operator = operator(row, START + 7)?;
    let set = completion(row, START + 8)?;
    let is_newest_row: Option<bool> = row.get(START + 10)?;
    let set_by = if is_newest_row == Some(true) { operator.clone() } else { self::operator(row, START + 11)? };
    let ended = EndedChange {
        completion: completion(row, START + 2)?,
        standing: detail.and_then(|detail| serde_json::from_str(&detail).ok()),
        resolution: resolved_at
            .zip(resolution.as_deref().and_then(parse_resolution))
            .map(|(at, how)| DoubtEnd { at: UtcTime::from_unix_seconds(at), how }),
        last_set: set,
    };
    let job = row.get::<_, Option<u32>>(START + 1)?.map(JobId::new);
    let latest =
        ended_state(state, ended).zip(operator).map(|(state, operator)| RecordedChange { job, operator, state });
    let escrow_keys = key_count(row, START + 12)?;
    let last_set = set.zip(set_by).map(|(set, by)| LastSet { at: set.at, by, escrow_keys });
    Ok(NumberRecord { number: parse_column(row, START)?, latest, last_set })
}

/// Reads the time and the attempts of an outcome; `None` without an outcome.
fn completion(row: &Row<'_>, start: usize) -> rusqlite::Result<Option<Completion>> {
    let at: Option<u32> = row.get(start)?;
    let attempts: Option<u8> = row.get(start + 1)?;
    Ok(at.zip(attempts).map(|(at, attempts)| Completion { at: UtcTime::from_unix_seconds(at), attempts }))
}

/// Reads who wrote an audit row; `None` for an altered row.
fn operator(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<OperatorName>> {
    let text = row.get_ref(column)?.as_str_or_null().unwrap_or_default();
    Ok(text.and_then(|text| serde_json::from_str::<RowOperator>(text).ok()).map(|row| row.name()))
}

/// Reads the number of recipients; `None` if the escrow does not have the PIN.
fn key_count(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u16>> {
    let fingerprints: Option<String> = row.get(column)?;
    let fingerprints = fingerprints.and_then(|text| serde_json::from_str::<Vec<String>>(&text).ok());
    Ok(fingerprints.map(|fingerprints| u16::try_from(fingerprints.len()).unwrap_or(u16::MAX)))
}
