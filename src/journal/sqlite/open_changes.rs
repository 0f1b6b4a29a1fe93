//! Reads the open changes, and the requests of a number that a PIN must not overtake.
//!
//! What an open change is, is a rule of the journal. This module does not decide whether a PIN may be sent.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, Rows, params};

use super::change_facts::{FACTS_COLUMN_COUNT, FACTS_COLUMNS, FACTS_JOIN, read_facts};
use super::columns::{parse_column, parse_two_step, waba_column};

use crate::domain::change::{ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::journal::model::{MAX_SEND_DELAY, OpenChange, RecordedTime, UnresolvedChange};
use crate::journal::rules::change_state::ChangeFacts;

/// The changes that may be open, with their facts. Leaves out early what a confirmation ended: that is most of a long
/// journal, and each start reads all of it under the lock.
fn candidates_sql() -> String {
    format!(
        "SELECT {FACTS_COLUMNS}, c.change, c.job, c.number, c.waba, c.before, c.sealed IS NOT NULL, c.at,
            coalesce(t.run, c.run), t.at, t.attempt, o.at, o.tries, iif(o.seq, o.up, t.up),
            (SELECT d.detail FROM outcomes d
                WHERE d.change = c.change AND d.kind = 'no_answer' ORDER BY d.seq DESC LIMIT 1),
            coalesce((SELECT boot FROM runs WHERE run = coalesce(t.run, c.run))
                = (SELECT boot FROM runs WHERE run = ?1), 0), r.seq
        FROM changes r {FACTS_JOIN} WHERE NOT confirmed"
    )
}

/// Every open change, oldest first, if only these `listed` changes (a JSON list of rows) were open at the row `after`: a
/// change that was over by then is open again only after another attempt. `run` is the run of the caller; without it, no
/// row counts as of this boot.
pub(super) fn all_since(
    db: &Connection,
    run: Option<&str>,
    after: i64,
    listed: &str,
) -> rusqlite::Result<Vec<OpenChange>> {
    let sql = format!(
        "{} AND r.seq IN (
            SELECT value FROM json_each(?2) UNION SELECT seq FROM changes WHERE seq > ?3
            UNION SELECT a.seq FROM tries n JOIN changes a USING (change) WHERE n.seq > ?3)
        ORDER BY r.seq",
        candidates_sql()
    );
    read_open(db.prepare_cached(&sql)?.query(params![run, listed, after])?)
}

/// The open changes of one number, oldest first.
pub(super) fn for_number(db: &Connection, number: PhoneNumberId, run: &str) -> rusqlite::Result<Vec<OpenChange>> {
    let sql = format!("{} AND r.number = ?2 ORDER BY r.seq", candidates_sql());
    read_open(db.prepare_cached(&sql)?.query([run, number.as_str()])?)
}

/// Reads the rows whose changes are open.
fn read_open(mut rows: Rows<'_>) -> rusqlite::Result<Vec<OpenChange>> {
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let facts = read_facts(row, 0)?;
        if facts.is_open() {
            open.push(read_change(row, facts)?);
        }
    }
    Ok(open)
}

/// The requests of other changes of this number that have no certain outcome, in whatever state those changes are now:
/// attempts that ended in doubt, that were retried without an outcome, or that have not ended.
pub(super) fn sends_in_doubt(
    db: &Connection,
    number: PhoneNumberId,
    except: ChangeId,
    run: &str,
) -> rusqlite::Result<Vec<RecordedTime>> {
    const IN_DOUBT: &str = "
        WITH unsure AS (
            SELECT o.at AS o_at, n.at AS n_at, coalesce(t.at, c.at) AS t_at, o.up AS o_up, n.up AS n_up, t.up AS t_up,
                n.seq AS n_seq, o.seq < coalesce(n.seq, o.seq + 1) AS has_outcome,
                (SELECT boot FROM runs WHERE run = t.run) = (SELECT boot FROM runs WHERE run = ?3) AS is_same_boot
            FROM changes c
            LEFT JOIN tries t ON t.change = c.change
            LEFT JOIN tries n ON n.seq = (
                SELECT min(seq) FROM tries WHERE change = c.change AND seq > coalesce(t.seq, c.seq))
            LEFT JOIN outcomes o ON o.seq = (
                SELECT min(seq) FROM outcomes WHERE change = c.change AND seq > coalesce(t.seq, c.seq))
            WHERE c.number = ?1 AND c.change <> ?2 AND (o.seq IS NULL OR o.kind = 'no_answer' OR o.seq > n.seq))
        SELECT iif(has_outcome, o_at, coalesce(n_at, t_at)), iif(has_outcome, o_up, iif(n_seq, n_up, t_up)),
            coalesce(has_outcome, 0) OR n_seq IS NOT NULL, coalesce(is_same_boot, 0)
        FROM unsure";
    let row = |row: &Row<'_>| Ok(recorded_time(row.get(0)?, row.get(1)?, row.get(3)?, row.get(2)?));
    db.prepare_cached(IN_DOUBT)?.query_map([number.as_str(), &except.to_string(), run], row)?.collect()
}

/// The latest time of a request, from the columns of a row. The request can start after the row, unless it is over.
fn recorded_time(at: u32, uptime_seconds: Option<u32>, is_same_boot: bool, is_over: bool) -> RecordedTime {
    let slack = if is_over { Duration::ZERO } else { MAX_SEND_DELAY };
    let uptime = uptime_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    RecordedTime { at: UtcTime::from_unix_seconds(at), uptime, is_same_boot, slack }
}

/// The runs that wait to retry another change of this number that is not in doubt.
pub(super) fn runs_waiting_to_retry(
    db: &Connection,
    number: PhoneNumberId,
    except: ChangeId,
) -> rusqlite::Result<Vec<String>> {
    const WAITING: &str = "
        SELECT t.run FROM changes c
        JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = c.change)
        JOIN outcomes o ON o.seq = (SELECT max(seq) FROM outcomes WHERE change = c.change)
        WHERE c.number = ?1 AND c.change <> ?2 AND o.seq > t.seq AND o.repeats";
    let mut waiting = db.prepare_cached(WAITING)?;
    waiting.query_map([number.as_str(), &except.to_string()], |row| row.get(0))?.collect()
}

/// True if another run sent a PIN to the number after the last attempt of this change, so that a retry would overwrite
/// that PIN.
pub(super) fn is_superseded(
    db: &Connection,
    number: PhoneNumberId,
    change: ChangeId,
    run: &str,
) -> rusqlite::Result<bool> {
    const LATER: &str = "
        SELECT 1 FROM changes c JOIN tries t ON t.change = c.change
        WHERE c.number = ?1 AND c.change <> ?2 AND t.run <> ?3
            AND t.seq > (SELECT max(seq) FROM tries WHERE change = ?2)";
    db.prepare_cached(LATER)?.exists(params![number.as_str(), change.to_string(), run])
}

/// When Meta last confirmed a PIN that another run sent to this number, after the row `known_until` if there is one.
pub(super) fn last_set_by_other_run(
    db: &Connection,
    number: PhoneNumberId,
    run: &str,
    known_until: Option<i64>,
) -> rusqlite::Result<Option<RecordedTime>> {
    const SET: &str = "
        SELECT o.at, o.up FROM outcomes o
        WHERE o.number = ?1 AND o.kind = 'set' AND o.seq > coalesce(?3, 0)
            AND ?2 <> (SELECT t.run FROM tries t WHERE t.change = o.change ORDER BY t.seq DESC LIMIT 1)
        ORDER BY o.seq DESC LIMIT 1";
    let row = |row: &Row<'_>| Ok(recorded_time(row.get(0)?, row.get(1)?, false, true));
    db.prepare_cached(SET)?.query_row(params![number.as_str(), run, known_until], row).optional()
}

fn read_change(row: &Row<'_>, facts: ChangeFacts) -> rusqlite::Result<OpenChange> {
    const START: usize = FACTS_COLUMN_COUNT;
    let intent_at: u32 = row.get(START + 6)?;
    let (run_id, attempt_at): (Option<String>, Option<u32>) = (row.get(START + 7)?, row.get(START + 8)?);
    let (started_attempts, outcome_at): (Option<u8>, Option<u32>) = (row.get(START + 9)?, row.get(START + 10)?);
    let ended_attempts: Option<u8> = row.get(START + 11)?;
    let last_send = recorded_time(
        outcome_at.or(attempt_at).unwrap_or(intent_at),
        row.get(START + 12)?,
        row.get(START + 14)?,
        outcome_at.is_some(),
    );
    let detail: Option<String> = row.get(START + 13)?;
    Ok(OpenChange {
        unresolved: UnresolvedChange {
            change: parse_column(row, START)?,
            job: row.get::<_, Option<u32>>(START + 1)?.map(JobId::new),
            number: parse_column(row, START + 2)?,
            waba: waba_column(row, START + 3)?,
            two_step_before: parse_two_step(&row.get::<_, String>(START + 4)?),
            at: UtcTime::from_unix_seconds(intent_at),
            attempts: run_id.as_ref().map(|_| ended_attempts.or(started_attempts).unwrap_or(1)),
            doubt: facts.doubt(detail.and_then(|detail| serde_json::from_str(&detail).ok())),
            last_send: last_send.latest(),
            is_in_escrow: row.get(START + 5)?,
        },
        sequence: row.get(START + 15)?,
        run_id,
        has_outcome: outcome_at.is_some(),
        last_send,
    })
}

/// True if the journal has this change.
pub(super) fn change_exists(db: &Connection, change: ChangeId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM changes WHERE change = ?1")?.exists([change.to_string()])
}
