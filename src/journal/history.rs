//! The history of one number, in a few words for each entry, from the audit log. It only reads.

use rusqlite::{Connection, params};

use super::audit::{AuditAction, AuditRow};
use super::model::HistoryEntry;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;

/// The newest entries of a number's history, newest first.
pub(super) fn number_history(
    db: &Connection,
    number: PhoneNumberId,
    most: usize,
) -> rusqlite::Result<Vec<HistoryEntry>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(
        "SELECT row FROM audit
        WHERE number = ?1 AND row ->> '$.action' IN ('outcome', 'settled', 'opened') ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![number.as_str(), most])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        // An altered row is reported by verifying the audit log.
        if let Ok(row) = serde_json::from_str::<AuditRow>(&text)
            && let Some(what) = describe(&row)
        {
            let at = row.time().unwrap_or(UtcTime::from_unix_seconds(0));
            let is_of_request = row.action != AuditAction::PinDecrypted;
            lines.push(HistoryEntry {
                at,
                operator_label: row.operator_label(),
                is_request: is_of_request,
                description: CleanText::new(&what),
            });
        }
    }
    Ok(lines)
}

fn describe(row: &AuditRow) -> Option<String> {
    let with_note = |words: &str| match &row.note {
        Some(note) => format!("{words}: {note}"),
        None => words.to_owned(),
    };
    match row.action {
        AuditAction::Outcome => match row.outcome.as_ref()?.as_str() {
            "set" => Some("set".to_owned()),
            "failed" => Some(with_note("failed")),
            "not_sent" => Some(with_note("not sent")),
            "no_answer" => Some(with_note("no answer")),
            _ => None,
        },
        AuditAction::Resolved => match row.outcome.as_ref()?.as_str() {
            "by_hand" => Some(with_note("checked by hand")),
            "nothing_in_force" => Some("no PIN in force: still not set two minutes later".to_owned()),
            _ => None,
        },
        AuditAction::PinDecrypted => Some("opened from escrow".to_owned()),
        AuditAction::JobStarted
        | AuditAction::JobResumed
        | AuditAction::Intent
        | AuditAction::Retry
        | AuditAction::RecipientsStored
        | AuditAction::RecipientsAccepted
        | AuditAction::ScreenHidden
        | AuditAction::ScreenShown
        | AuditAction::Finding => None,
    }
}
