//! The outcome of a change in the four words of the interface, and what a state says about its request.
//!
//! It prints nothing.

use serde::Serialize;

use crate::domain::change::ChangeState;
use crate::domain::outcome::SendFailure;
use crate::domain::standing::{NotApplied, NotSentReason};
use crate::domain::text::CleanText;
use crate::journal::RecordedState;
use crate::policy::error_catalog::Applied;

/// The outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeOutcome {
    Set,
    Failed,
    NotSent,
    NoAnswer,
}

impl ChangeOutcome {
    /// `None` while the change is in progress.
    pub(crate) fn from_state(state: &ChangeState) -> Option<Self> {
        match state {
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. } => None,
            ChangeState::Set(_) => Some(Self::Set),
            ChangeState::Failed(..) => Some(Self::Failed),
            ChangeState::NotSent(..) => Some(Self::NotSent),
            ChangeState::InDoubt(details) => Some(match &details.newer_pin {
                Some(NotApplied::Refused(_)) => Self::Failed,
                Some(NotApplied::NotSent(_)) => Self::NotSent,
                None => Self::NoAnswer,
            }),
            ChangeState::Resolved(..) => Some(Self::NoAnswer),
        }
    }

    /// The outcome as the summary of a recorded job counts it.
    pub(crate) const fn from_recorded(state: RecordedState) -> Self {
        match state {
            RecordedState::NotStarted | RecordedState::NotSent => Self::NotSent,
            RecordedState::Running | RecordedState::NoAnswer | RecordedState::Resolved => Self::NoAnswer,
            RecordedState::Set => Self::Set,
            RecordedState::Failed => Self::Failed,
        }
    }

    /// For people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Failed => "failed",
            Self::NotSent => "not sent",
            Self::NoAnswer => "no answer",
        }
    }
}

/// The recorded state of a number, for people.
pub(crate) const fn recorded_label(state: RecordedState) -> &'static str {
    match state {
        RecordedState::NotStarted => "not started",
        RecordedState::Running => "sending",
        RecordedState::Set => "set",
        RecordedState::Failed => "failed",
        RecordedState::NotSent => "not sent",
        RecordedState::NoAnswer => "no answer",
        RecordedState::Resolved => "resolved",
    }
}

/// Whether the request changed anything. One that failed or was not sent did not, whatever an older one may do.
pub(crate) const fn changed(outcome: ChangeOutcome, applied: Applied) -> Option<bool> {
    match (outcome, applied) {
        (ChangeOutcome::Set, _) => Some(true),
        (ChangeOutcome::Failed | ChangeOutcome::NotSent, _) | (ChangeOutcome::NoAnswer, Applied::No) => Some(false),
        (ChangeOutcome::NoAnswer, Applied::Maybe | Applied::Yes) => None,
    }
}

/// The HTTP status of the last reply, if one arrived.
pub(crate) fn http_status(state: &ChangeState) -> Option<u16> {
    match state {
        ChangeState::Set(_) => Some(200),
        ChangeState::Failed(_, error) => Some(error.http_status),
        ChangeState::InDoubt(details) => details.http_status(),
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::NotSent(..)
        | ChangeState::Resolved(..) => None,
    }
}

/// Attempts of this change. Those of an older PIN are not counted.
pub(crate) fn attempts(state: &ChangeState) -> u8 {
    match state {
        ChangeState::Queued => 0,
        ChangeState::Sending { attempt } | ChangeState::Waiting { attempt, .. } => *attempt,
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

/// Why pindesk itself refused the request, if it did.
pub(crate) fn local_refusal(state: &ChangeState) -> Option<&CleanText> {
    let reason = match state {
        ChangeState::NotSent(_, reason) => Some(reason),
        ChangeState::InDoubt(details) => match &details.newer_pin {
            Some(NotApplied::NotSent(reason)) => Some(reason),
            Some(NotApplied::Refused(_)) | None => None,
        },
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::Resolved(..) => None,
    };
    match reason? {
        NotSentReason::Failure(SendFailure::RefusedLocally(reason)) => Some(reason),
        NotSentReason::Failure(SendFailure::NoConnection(_) | SendFailure::Tls(_))
        | NotSentReason::Stopped
        | NotSentReason::TokenRefused
        | NotSentReason::WabaRefused(_)
        | NotSentReason::TooManyInDoubt => None,
    }
}
