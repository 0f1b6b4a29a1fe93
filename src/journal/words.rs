//! The words in which an outcome stands in the rows and in the audit. It reads and writes nothing.

use super::audit::Reply;
use crate::job::Resolution;
use crate::outcome::{ApiError, Outcome};
use crate::text::CleanText;

/// The word for an outcome, in the rows and in the audit.
pub(super) const fn kind_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "set",
        Outcome::Refused(_) => "failed",
        Outcome::NotSent(_) => "not_sent",
        Outcome::InDoubt(_) => "no_answer",
    }
}

/// The word for a settlement, likewise.
pub(super) const fn settlement_word(how: Resolution) -> &'static str {
    match how {
        Resolution::NoPinInForce => "nothing_in_force",
        Resolution::Manual => "by_hand",
    }
}

/// Why, in words; a confirmation needs none.
pub(super) fn words_of(outcome: &Outcome) -> Option<CleanText> {
    match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(fault) => Some(fault.message.clone()),
        Outcome::NotSent(why) => Some(CleanText::new(&why.to_string())),
        Outcome::InDoubt(doubt) => Some(CleanText::new(&doubt.to_string())),
    }
}

/// What of the reply is worth a search later.
pub(super) fn reply_of(outcome: &Outcome) -> Reply {
    let of_fault = |fault: &ApiError| Reply {
        http_status: Some(fault.http_status),
        code: Some(fault.code),
        subcode: fault.subcode,
        trace_id: fault.trace_id.clone(),
    };
    match outcome {
        Outcome::Confirmed => Reply { http_status: Some(200), ..Reply::default() },
        Outcome::Refused(fault) => of_fault(fault),
        Outcome::NotSent(_) => Reply::default(),
        Outcome::InDoubt(doubt) => {
            let of_status = || Reply { http_status: doubt.http_status(), ..Reply::default() };
            doubt.api_error().map_or_else(of_status, of_fault)
        }
    }
}
