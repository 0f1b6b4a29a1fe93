//! The words in which an outcome stands in the rows and in the audit. It reads and writes nothing.

use super::audit::Reply;
use crate::job::Settlement;
use crate::outcome::{Fault, Outcome};
use crate::text::Clean;

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
pub(super) const fn settlement_word(how: Settlement) -> &'static str {
    match how {
        Settlement::NothingInForce => "nothing_in_force",
        Settlement::ByHand => "by_hand",
    }
}

/// Why, in words; a confirmation needs none.
pub(super) fn words_of(outcome: &Outcome) -> Option<Clean> {
    match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(fault) => Some(fault.message.clone()),
        Outcome::NotSent(why) => Some(Clean::new(&why.to_string())),
        Outcome::InDoubt(doubt) => Some(Clean::new(&doubt.to_string())),
    }
}

/// What of the reply is worth a search later.
pub(super) fn reply_of(outcome: &Outcome) -> Reply {
    let of_fault = |fault: &Fault| Reply {
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
            doubt.fault().map_or_else(of_status, of_fault)
        }
    }
}
