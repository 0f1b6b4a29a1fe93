//! Decides whether a PIN may be sent to a number now.
//!
//! Two different PINs must never be able to reach a number in an unknown order. So a PIN waits until no earlier request
//! with another PIN can arrive, whatever the outcome of that request was. This module sends and records nothing.

use std::fmt;
use std::time::Duration;

use super::recipients::RecipientsMatch;
use crate::domain::clock::UtcTime;
use crate::domain::text::CleanText;
use crate::journal::error::RecordError;
use crate::journal::model::is_in_future;

/// What the journal knows about a number when a request for it is about to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::journal) struct SendFacts {
    /// When the request is recorded.
    pub(in crate::journal) at: UtcTime,
    /// Another live process whose different change of this number is open or waits to be retried.
    pub(in crate::journal) other_process: Option<ProcessLabel>,
    /// How long a request with a different PIN can still arrive: the longest time of all that have no certain outcome.
    pub(in crate::journal) arrival: Duration,
    /// What depends on the PIN.
    pub(in crate::journal) pin: PinFacts,
}

/// What decides about a new PIN, and about the same PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::journal) enum PinFacts {
    /// The first request of a change.
    New {
        /// When this process read the status that the operator saw; `None` if it never did.
        status_read_at: Option<UtcTime>,
        /// When Meta last confirmed a PIN of another process, unless the status was certainly read after that.
        last_set_elsewhere: Option<UtcTime>,
        /// Whether the recipients that the PIN was encrypted for are the stored ones.
        recipients: RecipientsMatch,
    },
    /// A later request of a change.
    Same {
        /// True if another process sent a PIN to the number since the last request of this change.
        is_superseded: bool,
    },
}

/// A process, for an operator who looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::journal) struct ProcessLabel {
    pub(in crate::journal) pid: u32,
    pub(in crate::journal) host: String,
    pub(in crate::journal) operator: String,
}

impl fmt::Display for ProcessLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, {}", self.pid, self.host, self.operator)
    }
}

/// Why a PIN must not be sent now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::journal) enum SendRefusal {
    #[error("another pindesk is working on this number: {0}")]
    OtherProcess(ProcessLabel),
    #[error("an earlier PIN can still reach this number; a different PIN can be sent from {0}")]
    EarlierPinCanArrive(UtcTime),
    #[error("another pindesk sent a different PIN to this number since the last try")]
    Superseded,
    /// The operator who confirmed the change did not know of that PIN.
    #[error(
        "another pindesk set a PIN on this number at {}, after its status was read here; refresh the number before you \
         set another PIN", .0.format_date_time()
    )]
    SetSinceRead(UtcTime),
    /// The clock was set back since the read, so it is unknown which came first.
    #[error(
        "another pindesk set a PIN on this number at {}, and the clock showed {} when its status was read; refresh the \
         number before you set another PIN", .set_at.format_date_time(), .read_at.format_date_time()
    )]
    SetAtUnknownTime { set_at: UtcTime, read_at: UtcTime },
    #[error("{}", RecordError::RecipientsChanged)]
    RecipientsChanged,
}

impl From<SendRefusal> for RecordError {
    fn from(refusal: SendRefusal) -> Self {
        match refusal {
            SendRefusal::RecipientsChanged => Self::RecipientsChanged,
            SendRefusal::OtherProcess(_)
            | SendRefusal::EarlierPinCanArrive(_)
            | SendRefusal::Superseded
            | SendRefusal::SetSinceRead(_)
            | SendRefusal::SetAtUnknownTime { .. } => Self::Busy(CleanText::new(&refusal.to_string())),
        }
    }
}

/// Decides whether a PIN may be sent now.
///
/// # Errors
/// The first reason against it.
pub(in crate::journal) fn check(facts: &SendFacts) -> Result<(), SendRefusal> {
    if let Some(process) = &facts.other_process {
        return Err(SendRefusal::OtherProcess(process.clone()));
    }
    if !facts.arrival.is_zero() {
        return Err(SendRefusal::EarlierPinCanArrive(facts.at.plus(facts.arrival)));
    }
    match facts.pin {
        PinFacts::Same { is_superseded: true } => Err(SendRefusal::Superseded),
        PinFacts::Same { is_superseded: false } => Ok(()),
        PinFacts::New { status_read_at, last_set_elsewhere, recipients } => {
            if let (Some(read_at), Some(set_at)) = (status_read_at, last_set_elsewhere) {
                check_status(read_at, set_at, facts.at)?;
            }
            match recipients {
                RecipientsMatch::FirstUse | RecipientsMatch::Known => Ok(()),
                RecipientsMatch::Changed => Err(SendRefusal::RecipientsChanged),
            }
        }
    }
}

fn check_status(read_at: UtcTime, set_at: UtcTime, now: UtcTime) -> Result<(), SendRefusal> {
    if is_in_future(read_at, now) {
        return Err(SendRefusal::SetAtUnknownTime { set_at, read_at });
    }
    if read_at <= set_at { Err(SendRefusal::SetSinceRead(set_at)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u32) -> UtcTime {
        UtcTime::from_unix_seconds(1_795_356_000 + seconds)
    }

    fn process() -> ProcessLabel {
        ProcessLabel { pid: 7, host: "desk-1".to_owned(), operator: "uid 1000 (ana)".to_owned() }
    }

    fn new_pin(read_at: Option<u32>, set_at: Option<u32>, recipients: RecipientsMatch) -> PinFacts {
        PinFacts::New { status_read_at: read_at.map(at), last_set_elsewhere: set_at.map(at), recipients }
    }

    #[test]
    fn a_pin_is_sent_only_if_nothing_speaks_against_it() {
        use RecipientsMatch::{Changed, FirstUse, Known};
        let (same, overtaken) = (PinFacts::Same { is_superseded: false }, PinFacts::Same { is_superseded: true });
        let in_doubt = Err(SendRefusal::EarlierPinCanArrive(at(190)));
        let elsewhere = || Err(SendRefusal::OtherProcess(process()));
        let set_since = |seconds| Err(SendRefusal::SetSinceRead(at(seconds)));
        // Another process, seconds in which an earlier PIN can arrive, the PIN.
        let cases = [
            (false, 0, same.clone(), Ok(())),
            (false, 0, overtaken.clone(), Err(SendRefusal::Superseded)),
            (false, 90, same.clone(), in_doubt.clone()),
            (false, 90, overtaken.clone(), in_doubt.clone()),
            (true, 0, same, elsewhere()),
            (true, 90, overtaken, elsewhere()),
            (false, 0, new_pin(None, None, Known), Ok(())),
            (false, 0, new_pin(None, None, FirstUse), Ok(())),
            (false, 0, new_pin(None, None, Changed), Err(SendRefusal::RecipientsChanged)),
            (false, 90, new_pin(None, None, Changed), in_doubt),
            (true, 90, new_pin(None, None, Known), elsewhere()),
            // The status that the operator saw is older than the PIN of another process, or as old.
            (false, 0, new_pin(Some(50), Some(60), Known), set_since(60)),
            (false, 0, new_pin(Some(60), Some(60), Known), set_since(60)),
            (false, 0, new_pin(Some(61), Some(60), Known), Ok(())),
            (false, 0, new_pin(Some(61), Some(60), Changed), Err(SendRefusal::RecipientsChanged)),
            (false, 0, new_pin(None, Some(60), Known), Ok(())),
            (false, 0, new_pin(Some(50), None, Known), Ok(())),
            // 40 s later than now is no time that a correct clock has shown.
            (false, 0, new_pin(Some(140), Some(60), Known), Ok(())),
            (
                false,
                0,
                new_pin(Some(141), Some(60), Known),
                Err(SendRefusal::SetAtUnknownTime { set_at: at(60), read_at: at(141) }),
            ),
        ];
        for (is_elsewhere, seconds, pin, expected) in cases {
            let other_process = is_elsewhere.then(process);
            let facts = SendFacts { at: at(100), other_process, arrival: Duration::from_secs(seconds), pin };
            assert_eq!(check(&facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_process_or_the_time() {
        let busy = |text: &str| RecordError::Busy(CleanText::new(text));
        let cases = [
            (
                SendRefusal::OtherProcess(process()),
                busy("another pindesk is working on this number: process 7 on desk-1, uid 1000 (ana)"),
            ),
            (SendRefusal::Superseded, busy("another pindesk sent a different PIN to this number since the last try")),
            (SendRefusal::RecipientsChanged, RecordError::RecipientsChanged),
        ];
        for (refusal, expected) in cases {
            assert_eq!(RecordError::from(refusal), expected);
        }
    }
}
