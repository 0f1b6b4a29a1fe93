//! Encodes outcomes and resolutions as text for the rows and the audit log. It does not access the database.

use crate::domain::change::Resolution;
use crate::domain::outcome::ApiError;
use crate::domain::standing::{NotSentReason, Standing};
use crate::domain::text::CleanText;
use crate::journal::audit::THROTTLED_OUTCOME;
use crate::journal::model::{OutcomeRecord, ReplySummary};

/// The keyword of a resolution, in the rows and in the audit log.
pub(super) const fn resolution_kind(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::NoPinInForce => "nothing_in_force",
        Resolution::Manual => "by_hand",
    }
}

/// The keyword of an outcome in the audit log. A throttled request has its own, because it is no attempt.
pub(super) const fn outcome_keyword(record: &OutcomeRecord) -> &'static str {
    match &record.standing {
        Standing::NotSent(NotSentReason::Throttled(_)) if record.will_retry => THROTTLED_OUTCOME,
        Standing::Set | Standing::Failed(_) | Standing::NotSent(_) | Standing::InDoubt(_) => {
            record.standing.result().as_str()
        }
    }
}

/// Parses the output of [`resolution_kind`].
pub(super) fn parse_resolution(text: &str) -> Option<Resolution> {
    [Resolution::NoPinInForce, Resolution::Manual].into_iter().find(|resolution| resolution_kind(*resolution) == text)
}

/// The reason for an outcome, in words. A confirmed change has none.
pub(super) fn outcome_reason(standing: &Standing) -> Option<CleanText> {
    match standing {
        Standing::Set => None,
        Standing::Failed(error) => Some(error.message.clone()),
        Standing::NotSent(reason) => Some(CleanText::new(&reason.to_string())),
        Standing::InDoubt(doubt) => Some(CleanText::new(&doubt.to_string())),
    }
}

/// The parts of the reply that are worth searching for.
pub(super) fn reply_summary(standing: &Standing) -> ReplySummary {
    let error_summary = |error: &ApiError| ReplySummary {
        http_status: Some(error.http_status),
        code: Some(error.code),
        subcode: error.subcode,
        trace_id: error.trace_id.clone(),
    };
    match standing {
        Standing::Set => ReplySummary { http_status: Some(200), ..ReplySummary::default() },
        Standing::Failed(error) => error_summary(error),
        Standing::NotSent(why) => why.api_error().map_or_else(ReplySummary::default, error_summary),
        Standing::InDoubt(doubt) => {
            let status_summary = || ReplySummary { http_status: doubt.http_status(), ..ReplySummary::default() };
            doubt.api_error().map_or_else(status_summary, error_summary)
        }
    }
}
