//! Encodes outcomes and resolutions as text for the rows and the audit log. It does not access the database.

use crate::domain::change::Resolution;
use crate::domain::outcome::{ApiError, Outcome};
use crate::domain::text::CleanText;
use crate::journal::model::ReplySummary;

/// The keyword of an outcome, in the rows and in the audit log.
pub(super) const fn outcome_kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "set",
        Outcome::Refused(_) => "failed",
        Outcome::NotSent(_) => "not_sent",
        Outcome::InDoubt(_) => "no_answer",
    }
}

/// The keyword of a resolution, in the rows and in the audit log.
pub(super) const fn resolution_kind(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::NoPinInForce => "nothing_in_force",
        Resolution::Manual => "by_hand",
    }
}

/// The reason for an outcome, in words. A confirmed change has none.
pub(super) fn outcome_reason(outcome: &Outcome) -> Option<CleanText> {
    match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(error) => Some(error.message.clone()),
        Outcome::NotSent(reason) => Some(CleanText::new(&reason.to_string())),
        Outcome::InDoubt(doubt) => Some(CleanText::new(&doubt.to_string())),
    }
}

/// The parts of the reply that are worth searching for.
pub(super) fn reply_summary(outcome: &Outcome) -> ReplySummary {
    let error_summary = |error: &ApiError| ReplySummary {
        http_status: Some(error.http_status),
        code: Some(error.code),
        subcode: error.subcode,
        trace_id: error.trace_id.clone(),
    };
    match outcome {
        Outcome::Confirmed => ReplySummary { http_status: Some(200), ..ReplySummary::default() },
        Outcome::Refused(error) => error_summary(error),
        Outcome::NotSent(_) => ReplySummary::default(),
        Outcome::InDoubt(doubt) => {
            let status_summary = || ReplySummary { http_status: doubt.http_status(), ..ReplySummary::default() };
            doubt.api_error().map_or_else(status_summary, error_summary)
        }
    }
}
