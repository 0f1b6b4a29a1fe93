//! Builds the history of one number from the audit log, with a few words for each entry. It never writes.

use rusqlite::{Connection, params};

use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::{ChangeResult, NotApplied, NotSentReason, Standing};
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
        "SELECT a.row, o.detail FROM audit a LEFT JOIN outcomes o ON o.seq = a.seq AND o.repeats
        WHERE a.number = ?1 AND a.row ->> '$.action' IN ('outcome', 'settled', 'opened') ORDER BY a.seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![number.as_str(), limit])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let (text, retried): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        let retried = retried.and_then(|detail| serde_json::from_str(&detail).ok());
        // Skips an altered row; `pindesk audit verify` reports it.
        if let Ok(row) = serde_json::from_str::<AuditRow>(&text)
            && let Some(description) = describe(&row, retried.as_ref())
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

/// `retried` is what a try is left with that does not end its change.
fn describe(row: &AuditRow, retried: Option<&Standing>) -> Option<String> {
    let with_note = |words: &str| match &row.note {
        Some(note) => format!("{words}: {note}"),
        None => words.to_owned(),
    };
    match row.action {
        AuditAction::Outcome => match retried {
            Some(standing) => {
                let counted = || with_note(&format!("try {} {}", row.attempts.unwrap_or(1), standing.result().label()));
                Some(uncounted_try(standing).map_or_else(counted, str::to_owned))
            }
            None => ChangeResult::parse(row.outcome.as_ref()?.as_str()).map(|result| with_note(result.label())),
        },
        AuditAction::Resolved => match row.outcome.as_ref()?.as_str() {
            "by_hand" => Some(with_note("checked manually")),
            "nothing_in_force" => Some("no PIN in force: still not set after two minutes".to_owned()),
            _ => None,
        },
        AuditAction::PinDecrypted => Some("decrypted from escrow".to_owned()),
        AuditAction::JobStarted
        | AuditAction::JobResumed
        | AuditAction::JobEnded
        | AuditAction::Intent
        | AuditAction::Retry
        | AuditAction::RecipientsStored
        | AuditAction::RecipientsAccepted
        | AuditAction::PinReEncrypted
        | AuditAction::EscrowDrill
        | AuditAction::BackedUp
        | AuditAction::ScreenHidden
        | AuditAction::ScreenShown
        | AuditAction::Finding
        | AuditAction::RowsBound
        | AuditAction::DamageAccepted
        | AuditAction::Checked => None,
    }
}

/// What became of a request that is sent again and is no try; `None` for a try.
fn uncounted_try(standing: &Standing) -> Option<&'static str> {
    let last = match standing {
        Standing::NotSent(why) => Some(why),
        Standing::InDoubt(doubt) => match &doubt.last_retry {
            Some(NotApplied::NotSent(why)) => Some(why),
            Some(NotApplied::Refused(_)) | None => None,
        },
        Standing::Set | Standing::Failed(_) => None,
    };
    match last? {
        NotSentReason::Throttled(_) => Some("throttled, not counted as a try"),
        NotSentReason::Paused => Some("paused before it was sent, not counted as a try"),
        NotSentReason::Stopped
        | NotSentReason::LeftAfterFirst
        | NotSentReason::TokenRefused
        | NotSentReason::AppRefused(_)
        | NotSentReason::WabaRefused(_)
        | NotSentReason::TooManyInDoubt
        | NotSentReason::UnknownRefusals(_)
        | NotSentReason::Failure(_) => None,
    }
}
