//! A number of a job in words: what became of it, why, and what to do.
//!
//! It draws nothing, and decides nothing about the number.

use std::borrow::Cow;
use std::time::Instant;

use super::status;
use crate::console::shared::JobRow;
use crate::console::theme::{Role, StatusSymbol};
use crate::domain::change::ChangeState;
use crate::domain::clock::UtcTime;
use crate::domain::outcome::ApiError;
use crate::domain::standing::ChangeResult;
use crate::journal::RecordedState;
use crate::policy::error_catalog::Explanation;

/// The cell of the column REQUEST. `is_running` tells whether a process works on the job.
pub(super) fn request_cell(
    row: JobRow<'_>,
    is_running: bool,
    now: Instant,
    utc_now: UtcTime,
) -> (StatusSymbol, String, Role) {
    if let Some(state) = row.live {
        return status::request_cell(state, now, utc_now);
    }
    let not_sent = || (StatusSymbol::NotSent, ChangeResult::NotSent.label().to_owned(), Role::Plain);
    match row.record.state {
        RecordedState::NotStarted if is_running => (StatusSymbol::Queued, "queued".to_owned(), Role::Plain),
        RecordedState::NotStarted | RecordedState::Ended(ChangeResult::NotSent) => not_sent(),
        RecordedState::Running => (StatusSymbol::InProgress, "sending".to_owned(), Role::Plain),
        RecordedState::Ended(ChangeResult::Set) => {
            let at = row.record.at.unwrap_or(utc_now);
            let role = if at.day() == utc_now.day() { Role::Success } else { Role::Plain };
            (StatusSymbol::Yes, format!("set {}", at.format_since(utc_now)), role)
        }
        RecordedState::Ended(ChangeResult::Failed) => {
            (StatusSymbol::Failed, ChangeResult::Failed.label().to_owned(), Role::Failure)
        }
        RecordedState::Ended(ChangeResult::NoAnswer) => {
            (StatusSymbol::NoAnswer, ChangeResult::NoAnswer.label().to_owned(), Role::Uncertain)
        }
        RecordedState::NotApplied => (StatusSymbol::NotSent, "not applied".to_owned(), Role::Plain),
        RecordedState::Resolved => (StatusSymbol::NotSent, "resolved".to_owned(), Role::Plain),
    }
}

/// Why a number has its state; `None` if there is nothing to explain.
pub(super) fn explanation(row: JobRow<'_>) -> Option<Explanation> {
    match row.live {
        Some(ChangeState::Set(_)) => None,
        Some(state) => Explanation::for_change(state),
        None => row.record.explanation(),
    }
}

/// The same in a few words for a table; empty if there is nothing to say. The words stay when the job has ended: those of
/// Meta are beside them.
pub(super) fn reason(row: JobRow<'_>) -> Cow<'_, str> {
    match row.live {
        Some(ChangeState::Paused { until, .. }) => format!("Meta's limit, until {}", until.utc).into(),
        Some(ChangeState::Waiting { in_doubt: true, .. }) => "no answer so far".into(),
        None if row.record.state == RecordedState::NotApplied => row.record.short_reason().to_string().into(),
        Some(_) | None => explanation(row).map(|explanation| explanation.summary).unwrap_or_default(),
    }
}

/// The error that Meta reported last, if it did.
pub(super) fn api_error(row: JobRow<'_>) -> Option<&ApiError> {
    match row.live {
        Some(state) => state.api_error(),
        None => row.record.api_error(),
    }
}
