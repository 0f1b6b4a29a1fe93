//! Builds the history of one number from the audit log, with a few words for each entry. It never writes.

use rusqlite::{Connection, params};

use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::journal::audit::{AuditAction, AuditRow};
use crate::journal::model::HistoryEntry;

/// The history of a number, newest first, at most `limit` entries.
pub(super) fn number_history(
    db: &Connection,
    number: PhoneNumberId,
    limit: usize,
) -> rusqlite::Result<Vec<HistoryEntry>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(
        "SELECT row FROM audit
        WHERE number = ?1 AND row ->> '$.action' IN ('outcome', 'settled', 'opened') ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![number.as_str(), limit])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        // Skips an altered row; `pindesk audit verify` reports it.
        if let Ok(row) = serde_json::from_str::<AuditRow>(&text)
            && let Some(description) = describe(&row)
        {
            let at = row.time().unwrap_or(UtcTime::from_unix_seconds(0));
            let is_request = row.action != AuditAction::PinDecrypted;
            entries.push(HistoryEntry {
                at,
                operator_label: CleanText::new(row.operator_name().as_str()),
                is_request,
                description: CleanText::new(&description),
            });
        }
    }
    Ok(entries)
}

fn describe(row: &AuditRow) -> Option<String> {
    let with_note = |words: &str| match &row.note {
        Some(note) => format!("{words}: {note}"),
        None => words.to_owned(),
    };
    match row.action {
        AuditAction::Outcome => {
            ChangeResult::parse(row.outcome.as_ref()?.as_str()).map(|result| with_note(result.label()))
        }
        AuditAction::Resolved => match row.outcome.as_ref()?.as_str() {
            "by_hand" => Some(with_note("checked manually")),
            "nothing_in_force" => Some("no PIN in force: still not set after two minutes".to_owned()),
            _ => None,
        },
        AuditAction::PinDecrypted => Some("decrypted from escrow".to_owned()),
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
