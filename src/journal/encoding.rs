//! How an outcome is written in rows and audit log. It reads and writes nothing.

use super::audit::ReplySummary;
use crate::domain::change::Resolution;
use crate::domain::outcome::{ApiError, Outcome};
use crate::domain::text::CleanText;

/// The word for an outcome, in the rows and in the audit log.
pub(super) const fn outcome_kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "set",
        Outcome::Refused(_) => "failed",
        Outcome::NotSent(_) => "not_sent",
        Outcome::InDoubt(_) => "no_answer",
    }
}

/// The word for a resolution, in the rows and in the audit log.
pub(super) const fn resolution_kind(how: Resolution) -> &'static str {
    match how {
        Resolution::NoPinInForce => "nothing_in_force",
        Resolution::Manual => "by_hand",
    }
}

/// The reason, in words. A confirmation needs none.
pub(super) fn outcome_reason(outcome: &Outcome) -> Option<CleanText> {
    match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(fault) => Some(fault.message.clone()),
        Outcome::NotSent(why) => Some(CleanText::new(&why.to_string())),
        Outcome::InDoubt(doubt) => Some(CleanText::new(&doubt.to_string())),
    }
}

/// The parts of the reply that are worth searching for.
pub(super) fn reply_summary(outcome: &Outcome) -> ReplySummary {
    let of_fault = |fault: &ApiError| ReplySummary {
        http_status: Some(fault.http_status),
        code: Some(fault.code),
        subcode: fault.subcode,
        trace_id: fault.trace_id.clone(),
    };
    match outcome {
        Outcome::Confirmed => ReplySummary { http_status: Some(200), ..ReplySummary::default() },
        Outcome::Refused(fault) => of_fault(fault),
        Outcome::NotSent(_) => ReplySummary::default(),
        Outcome::InDoubt(doubt) => {
            let of_status = || ReplySummary { http_status: doubt.http_status(), ..ReplySummary::default() };
            doubt.api_error().map_or_else(of_status, of_fault)
        }
    }
}
