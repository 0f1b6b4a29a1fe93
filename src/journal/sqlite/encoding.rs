//! Encodes outcomes and resolutions as text for the rows and the audit log. It does not access the database.

use crate::domain::change::Resolution;
use crate::domain::standing::{NotSentReason, Standing};
use crate::journal::audit::THROTTLED_OUTCOME;
use crate::journal::model::OutcomeRecord;

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
