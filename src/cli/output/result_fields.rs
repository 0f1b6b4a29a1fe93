//! What the state of a change says about its request, for the results of commands.
//!
//! It prints nothing.

use crate::cli::output::table::{Cell, Tone};
use crate::domain::change::ChangeState;
use crate::domain::outcome::SendFailure;
use crate::domain::standing::{ChangeResult, NotApplied, NotSentReason};
use crate::domain::text::CleanText;
use crate::journal::RecordedState;
use crate::policy::error_catalog::Applied;

/// The recorded state of a number, for people.
pub(crate) const fn recorded_label(state: RecordedState) -> &'static str {
    match state {
        RecordedState::NotStarted => ChangeResult::NotSent.label(),
        RecordedState::Running => "sending",
        RecordedState::Ended(result) => result.label(),
        RecordedState::NotApplied => "not applied",
        RecordedState::Resolved => "resolved",
    }
}

/// The recorded state of a number, as a cell.
pub(crate) fn recorded_cell(state: RecordedState) -> Cell<'static> {
    let tone = match state {
        RecordedState::Ended(ChangeResult::Failed) | RecordedState::NotApplied => Tone::Failure,
        RecordedState::Ended(ChangeResult::NoAnswer) => Tone::Uncertain,
        RecordedState::Ended(ChangeResult::Set | ChangeResult::NotSent)
        | RecordedState::NotStarted
        | RecordedState::Running
        | RecordedState::Resolved => Tone::Plain,
    };
    Cell::new(recorded_label(state), tone)
}

/// Whether the request changed anything. One that failed or was not sent did not, whatever an older one may do.
pub(crate) const fn changed(result: ChangeResult, applied: Applied) -> Option<bool> {
    match (result, applied) {
        (ChangeResult::Set, _) => Some(true),
        (ChangeResult::Failed | ChangeResult::NotSent, _) | (ChangeResult::NoAnswer, Applied::No) => Some(false),
        (ChangeResult::NoAnswer, Applied::Maybe | Applied::Yes) => None,
    }
}

/// The HTTP status of the last reply, if one arrived.
pub(crate) fn http_status(state: &ChangeState) -> Option<u16> {
    match state {
        ChangeState::Set(_) => Some(200),
        ChangeState::Failed(_, error) => Some(error.http_status),
        ChangeState::InDoubt(details) => details.http_status(),
        ChangeState::NotSent(_, why) => why.api_error().map(|error| error.http_status),
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Paused { .. }
        | ChangeState::Resolved(..) => None,
    }
}

/// Attempts of this change. Those of an older PIN are not counted.
pub(crate) fn attempts(state: &ChangeState) -> u8 {
    match state {
        ChangeState::Queued | ChangeState::Paused { .. } => 0,
        ChangeState::Sending { attempt, .. } | ChangeState::Waiting { attempt, .. } => *attempt,
        ChangeState::Set(completion)
        | ChangeState::Failed(completion, _)
        | ChangeState::NotSent(completion, _)
        | ChangeState::Resolved(completion, _) => completion.attempts,
        ChangeState::InDoubt(details) => match &details.newer_pin {
            Some(NotApplied::NotSent(_)) => 0,
            Some(NotApplied::Refused(_)) => 1,
            None => details.send_history.attempts(),
        },
    }
}

/// True if the last request changed nothing, and the PIN of an earlier one is in doubt.
pub(crate) fn has_older_pin_in_doubt(state: &ChangeState) -> bool {
    matches!(state, ChangeState::InDoubt(details) if details.newer_pin.is_some())
}

/// Why pindesk itself refused the request, if it did.
pub(crate) fn local_refusal(state: &ChangeState) -> Option<&CleanText> {
    let why = match state {
        ChangeState::NotSent(_, why) => Some(why),
        ChangeState::InDoubt(details) => match &details.newer_pin {
            Some(NotApplied::NotSent(why)) => Some(why),
            Some(NotApplied::Refused(_)) | None => None,
        },
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Paused { .. }
        | ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::Resolved(..) => None,
    };
    if let NotSentReason::Failure(SendFailure::RefusedLocally(reason)) = why? { Some(reason) } else { None }
}
