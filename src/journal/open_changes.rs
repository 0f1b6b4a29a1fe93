//! Which changes have no end yet, by the rows: nothing is kept beside them.
//!
//! A change is open from its intent until it is confirmed, refused or not sent for certain without an earlier doubt,
//! settled, or followed by a confirmed change of the same number. It decides nothing about sending.

use rusqlite::{Connection, Row, params, types::Type};

use super::records::{LONGEST_REQUEST, Unresolved};
use crate::job::{ChangeId, JobId};
use crate::moment::UtcTime;
use crate::number::{PhoneNumberId, TwoStep};
use crate::outcome::{Doubt, Outcome};

/// A change without an end, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenChange {
    pub(super) change: Unresolved,
    /// The run that sent it last; `None` where only the escrow file knew of it.
    pub(super) run: Option<String>,
}

const OPEN: &str = "
    WITH sent AS (
        SELECT c.*, coalesce((SELECT max(t.seq) FROM tries t WHERE t.change = c.change), c.seq) AS last_sent
        FROM changes c)
    SELECT c.change, c.job, c.number, c.waba, c.before, c.sealed IS NOT NULL, c.at,
        coalesce(t.run, c.run), t.at, t.attempt, last.at, last.tries, doubt.detail
    FROM sent c
    LEFT JOIN tries t ON t.seq = c.last_sent
    LEFT JOIN outcomes last ON last.seq = (
        SELECT max(o.seq) FROM outcomes o WHERE o.change = c.change AND o.seq > c.last_sent)
    LEFT JOIN outcomes doubt ON doubt.seq = (
        SELECT max(o.seq) FROM outcomes o WHERE o.change = c.change AND o.kind = 'no_answer')
    WHERE (last.seq IS NULL OR doubt.seq IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.number = c.number AND o.kind = 'set' AND o.seq > c.last_sent)
        AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.change = c.change AND s.seq > c.last_sent)";

/// Every open change, oldest first.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<OpenChange>> {
    db.prepare(&format!("{OPEN} ORDER BY c.seq"))?.query_map([], read)?.collect()
}

/// The open changes of one number, oldest first.
pub(super) fn of_number(db: &Connection, number: PhoneNumberId) -> rusqlite::Result<Vec<OpenChange>> {
    let sql = format!("{OPEN} AND c.number = ?1 ORDER BY c.seq");
    db.prepare_cached(&sql)?.query_map([number.as_str()], read)?.collect()
}

/// When the last request without a sure answer can have left at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnsureSend {
    pub(super) at: UtcTime,
    /// The same, in seconds since the machine started, if it has not been started anew since.
    pub(super) up: Option<u64>,
}

/// The last request of another change of this number that no sure answer is known of, whatever became of its change: a
/// try that was repeated without an outcome of its own, one in doubt, or one without an end.
pub(super) fn last_unsure_send(
    db: &Connection,
    number: PhoneNumberId,
    except: ChangeId,
    run: &str,
) -> rusqlite::Result<Option<UnsureSend>> {
    const LAST: &str = "
        WITH unsure AS (
            SELECT o.at AS o_at, n.at AS n_at, coalesce(t.at, c.at) + ?3 AS t_at,
                o.up AS o_up, n.up AS n_up, t.up + ?3 AS t_up,
                o.seq < coalesce(n.seq, o.seq + 1) AS has_outcome,
                (SELECT boot FROM runs WHERE run = t.run) = (SELECT boot FROM runs WHERE run = ?4) AS is_same_boot
            FROM changes c
            LEFT JOIN tries t ON t.change = c.change
            LEFT JOIN tries n ON n.seq = (
                SELECT min(seq) FROM tries WHERE change = c.change AND seq > coalesce(t.seq, c.seq))
            LEFT JOIN outcomes o ON o.seq = (
                SELECT min(seq) FROM outcomes WHERE change = c.change AND seq > coalesce(t.seq, c.seq))
            WHERE c.number = ?1 AND c.change <> ?2 AND (o.seq IS NULL OR o.kind = 'no_answer' OR o.seq > n.seq))
        SELECT max(iif(has_outcome, o_at, coalesce(n_at, t_at))),
            max(iif(is_same_boot, iif(has_outcome, o_up, coalesce(n_up, t_up)), NULL))
        FROM unsure";
    let longest = LONGEST_REQUEST.as_secs().cast_signed();
    let mut last = db.prepare_cached(LAST)?;
    let (at, up): (Option<u32>, Option<i64>) = last
        .query_row(params![number.as_str(), except.to_string(), longest, run], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(at.map(|at| UnsureSend { at: UtcTime::from_unix_seconds(at), up: up.and_then(|up| up.try_into().ok()) }))
}

/// The runs that wait to send a change of this number again, of which nothing is in doubt.
pub(super) fn waiting(db: &Connection, number: PhoneNumberId, except: ChangeId) -> rusqlite::Result<Vec<String>> {
    const WAITING: &str = "
        SELECT t.run FROM changes c
        JOIN tries t ON t.seq = (SELECT max(seq) FROM tries WHERE change = c.change)
        JOIN outcomes o ON o.seq = (SELECT max(seq) FROM outcomes WHERE change = c.change)
        WHERE c.number = ?1 AND c.change <> ?2 AND o.seq > t.seq AND o.repeats";
    let mut waiting = db.prepare_cached(WAITING)?;
    waiting.query_map([number.as_str(), &except.to_string()], |row| row.get(0))?.collect()
}

/// True if another run sent a PIN to the number after this change's last try: nobody who decided about the change knew.
pub(super) fn is_overtaken(
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

/// When a run other than this one had a PIN of this number confirmed, at that time or later.
pub(super) fn set_elsewhere(
    db: &Connection,
    number: PhoneNumberId,
    since: UtcTime,
    run: &str,
) -> rusqlite::Result<Option<UtcTime>> {
    const SET: &str = "
        SELECT max(o.at) FROM outcomes o
        WHERE o.number = ?1 AND o.kind = 'set' AND o.at >= ?2
            AND ?3 <> (SELECT t.run FROM tries t WHERE t.change = o.change ORDER BY t.seq DESC LIMIT 1)";
    let seconds: Option<u32> =
        db.prepare_cached(SET)?.query_row(params![number.as_str(), since.unix_seconds(), run], |row| row.get(0))?;
    Ok(seconds.map(UtcTime::from_unix_seconds))
}

fn read(row: &Row<'_>) -> rusqlite::Result<OpenChange> {
    let intended = UtcTime::from_unix_seconds(row.get(6)?);
    let sent: Option<u32> = row.get(8)?;
    let ended: Option<u32> = row.get(10)?;
    let sent = sent.map_or(intended, UtcTime::from_unix_seconds);
    let attempts: Option<u8> = row.get(9)?;
    let tries: Option<u8> = row.get(11)?;
    let detail: Option<String> = row.get(12)?;
    let doubt = match (ended, detail) {
        (Some(_), Some(detail)) => match serde_json::from_str(&detail) {
            Ok(Outcome::InDoubt(doubt)) => doubt,
            Ok(Outcome::Confirmed | Outcome::Refused(_) | Outcome::NotSent(_)) | Err(_) => Doubt::CutShort,
        },
        (Some(_) | None, Some(_) | None) => Doubt::CutShort,
    };
    Ok(OpenChange {
        change: Unresolved {
            change: parsed(row, 0)?,
            job: row.get::<_, Option<u32>>(1)?.map(JobId::new),
            number: parsed(row, 2)?,
            waba: row.get::<_, Option<String>>(3)?.map(|_| parsed(row, 3)).transpose()?,
            before: two_step(&row.get::<_, String>(4)?),
            tries: tries.or(attempts).unwrap_or(1),
            doubt,
            last_send: ended.map_or(sent.plus(LONGEST_REQUEST), UtcTime::from_unix_seconds),
            is_sealed: row.get(5)?,
        },
        run: row.get(7)?,
    })
}

/// An id as it was stored.
pub(super) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// From the word that [`TwoStep::json`] makes.
pub(super) fn two_step(word: &str) -> TwoStep {
    [TwoStep::On, TwoStep::NotSet].into_iter().find(|two_step| two_step.json() == word).unwrap_or_default()
}

/// True if the journal has this change.
pub(super) fn is_known(db: &Connection, change: ChangeId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM changes WHERE change = ?1")?.exists([change.to_string()])
}
