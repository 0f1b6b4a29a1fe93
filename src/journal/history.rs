//! What was done with one number, in a few words a line, from the audit.

use rusqlite::{Connection, params};

use super::audit::{Action, AuditRow};
use super::records::HistoryLine;
use crate::moment::UtcTime;
use crate::number::PhoneNumberId;
use crate::text::CleanText;

/// The newest lines of a number's history, newest first.
pub(super) fn of_number(db: &Connection, number: PhoneNumberId, most: usize) -> rusqlite::Result<Vec<HistoryLine>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(
        "SELECT row FROM audit
        WHERE number = ?1 AND row ->> '$.action' IN ('outcome', 'settled', 'opened') ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![number.as_str(), most])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        // A row that somebody altered is the audit's affair.
        if let Ok(row) = serde_json::from_str::<AuditRow>(&text)
            && let Some(what) = words(&row)
        {
            let at = row.time().unwrap_or(UtcTime::from_unix_seconds(0));
            let is_of_request = row.action != Action::Opened;
            lines.push(HistoryLine { at, who: row.who(), is_of_request, what: CleanText::new(&what) });
        }
    }
    Ok(lines)
}

fn words(row: &AuditRow) -> Option<String> {
    let with_note = |words: &str| match &row.note {
        Some(note) => format!("{words}: {note}"),
        None => words.to_owned(),
    };
    match row.action {
        Action::Outcome => match row.outcome.as_ref()?.as_str() {
            "set" => Some("set".to_owned()),
            "failed" => Some(with_note("failed")),
            "not_sent" => Some(with_note("not sent")),
            "no_answer" => Some(with_note("no answer")),
            _ => None,
        },
        Action::Settled => match row.outcome.as_ref()?.as_str() {
            "by_hand" => Some(with_note("checked by hand")),
            "nothing_in_force" => Some("no PIN in force: still not set two minutes later".to_owned()),
            _ => None,
        },
        Action::Opened => Some("opened from escrow".to_owned()),
        Action::Job
        | Action::Resumed
        | Action::Intent
        | Action::Try
        | Action::RecipientsFirst
        | Action::RecipientsAcknowledged
        | Action::ScreenHidden
        | Action::ScreenShown
        | Action::Found => None,
    }
}
