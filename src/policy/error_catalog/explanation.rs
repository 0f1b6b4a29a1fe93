//! Explains an outcome to support staff: why, whether anything was changed, and what to do.
//!
//! It never names keys of the console, because commands print the same words.

use std::borrow::Cow;

use crate::domain::change::{ChangeState, DoubtEnd, InDoubtDetails, Resolution};
use crate::domain::number::TwoStep;
use crate::domain::outcome::{ApiError, DoubtReason, ObjectKind, ReadFailure, SendFailure};
use crate::domain::standing::{Doubt, DoubtCause, NotApplied, NotSentReason};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::entry::{RESOLVE_DOUBT, RESTART, TRY_AGAIN};
use crate::policy::error_catalog::foreign_words::{
    self, CERTIFICATE_NAME_STEPS, CHECK_NETWORK_STEPS, PROXY_CREDENTIALS_STEPS, REFRESH_LATER_STEPS,
    TLS_HANDSHAKE_STEPS,
};
use crate::policy::error_catalog::{CatalogEntry, Situation, Words, lookup};

/// Whether a request changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applied {
    /// It certainly changed nothing.
    No,
    /// It may have changed something.
    Maybe,
    /// It certainly set the PIN.
    Yes,
}

impl Applied {
    /// The sentence on the page of a number.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::No => "Nothing was changed.",
            Self::Maybe => "The PIN may have been changed.",
            Self::Yes => "The new PIN was in force then.",
        }
    }
}

/// What happened, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A few words for a table cell, without a full stop.
    pub summary: Cow<'static, str>,
    /// One or two sentences.
    pub reason: Cow<'static, str>,
    /// Whether anything was changed.
    pub applied: Applied,
    /// What to do, one step each; empty if there is nothing to do.
    pub advice: Vec<&'static str>,
    /// The steps among them that remove the cause, for a page that offers the others as keys.
    pub cause_steps: &'static [&'static str],
}

impl Explanation {
    fn new(summary: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>, applied: Applied) -> Self {
        Self { summary: summary.into(), reason: reason.into(), applied, advice: Vec::new(), cause_steps: &[] }
    }

    fn with_advice(self, advice: &[&'static str]) -> Self {
        Self { advice: advice.to_vec(), ..self }
    }

    /// Explains an error of Meta in this situation.
    #[must_use]
    pub fn for_error(error: &ApiError, situation: Situation) -> Self {
        let Words { summary, reason, steps, next } = lookup(error).words(situation, error);
        let (first, applied): (&[&str], _) = match situation {
            Situation::InDoubt => (KEEP_PIN, Applied::Maybe),
            Situation::Waiting
            | Situation::GaveUp
            | Situation::ReadingWaba
            | Situation::ReadingNumber
            | Situation::Configuring => (&[], Applied::No),
        };
        Self { cause_steps: steps, ..Self::new(summary, reason, applied).with_advice(&[first, steps, next].concat()) }
    }

    /// Explains a refusal by Meta, which proves that nothing was changed.
    #[must_use]
    pub fn for_refusal(error: &ApiError) -> Self {
        Self::for_error(error, Situation::GaveUp)
    }

    /// Explains a number in doubt.
    #[must_use]
    pub fn for_number_in_doubt(details: &InDoubtDetails) -> Self {
        match &details.newer_pin {
            Some(newer_pin) => Self::for_older_pin(newer_pin),
            None => Self::for_doubt(&details.doubt, details.two_step_before),
        }
    }

    /// The explanation of a doubt about a PIN that may have replaced another.
    fn after(self, two_step_before: TwoStep) -> Self {
        if two_step_before == TwoStep::NotSet {
            return self;
        }
        let advice = [KEEP_BOTH_PINS, self.cause_steps, RESOLVE_REPLACEMENT].concat();
        Self { advice, ..self }
    }

    /// Explains a number whose last request changed nothing, but whose older PIN is in doubt.
    fn for_older_pin(newer_pin: &NotApplied) -> Self {
        let (summary, what, steps): (_, _, &'static [&'static str]) = match newer_pin {
            NotApplied::Refused(error) => (
                "refused, and an older PIN is in doubt",
                format!("Meta refused the last request: {}.", lookup(error).summary()),
                lookup(error).doubt_steps(),
            ),
            NotApplied::NotSent(why) => {
                ("not sent, and an older PIN is in doubt", Self::not_sent_sentence("The last request", why), &[])
            }
        };
        let reason = format!("{what} It changed nothing, but the older PIN of the request before it is in doubt.");
        let advice = [KEEP_OLDER_PIN, steps, &RESOLVE_DOUBT[..1]].concat();
        Self { cause_steps: steps, ..Self::new(summary, reason, Applied::Maybe).with_advice(&advice) }
    }

    /// Explains a change that may have been applied, to a number with this status before it.
    #[must_use]
    pub fn for_doubt(doubt: &Doubt, two_step_before: TwoStep) -> Self {
        Self::for_first_pin(doubt).after(two_step_before)
    }

    /// Explains a change that may have been applied, to a number without a PIN.
    fn for_first_pin(Doubt { cause, last_retry }: &Doubt) -> Self {
        let explanation = Self::for_doubt_cause(cause);
        let (what, refusal) = match last_retry {
            None => return explanation,
            Some(NotApplied::Refused(error)) => {
                (format!("Meta refused a repeat: {}.", lookup(error).summary()), Some(lookup(error)))
            }
            Some(NotApplied::NotSent(why)) => (Self::not_sent_sentence("A repeat", why), None),
        };
        // What refuses a repeat also refuses what would resolve the doubt.
        let steps = refusal.map_or(explanation.cause_steps, CatalogEntry::doubt_steps);
        Self {
            reason: format!("{} {what} That proves nothing about the first one.", explanation.reason).into(),
            advice: [KEEP_PIN, steps, RESOLVE_DOUBT].concat(),
            cause_steps: steps,
            ..explanation
        }
    }

    /// Explains an attempt that may have been applied.
    fn for_doubt_cause(cause: &DoubtCause) -> Self {
        let mut steps: &'static [&'static str] = &[];
        let (summary, reason): (Cow<'static, str>, Cow<'static, str>) = match cause {
            DoubtCause::Attempt(reason) => match reason {
                DoubtReason::TimedOut { waited } => (
                    reason.to_string().into(),
                    format!("The request was sent, but no answer came in {} s.", waited.as_secs()).into(),
                ),
                DoubtReason::ConnectionLost { after } => (
                    "sent, then the connection was lost".into(),
                    match after.as_secs() {
                        0 => "The request was sent, then the connection was lost at once.".into(),
                        seconds => {
                            format!("The request was sent, then the connection was lost after {seconds} s.").into()
                        }
                    },
                ),
                DoubtReason::ServerError(error) => return Self::for_error(error, Situation::InDoubt),
                DoubtReason::UnexpectedReply { http_status, form } => {
                    steps = foreign_words::steps_after_reply(*http_status, form);
                    let sentence = foreign_words::reply_sentence(*http_status, form);
                    (reason.to_string().into(), format!("The request was sent. {sentence}").into())
                }
                DoubtReason::SuccessNotTrue => {
                    ("Meta did not say that it worked".into(), "Meta answered, but did not say that it worked.".into())
                }
            },
            DoubtCause::ProcessEnded => (
                "the program ended before the answer".into(),
                "The program that sent the request ended before the answer came.".into(),
            ),
            DoubtCause::EscrowOnly => (
                "known from the escrow file alone".into(),
                "Only the escrow file has this PIN. It is unknown whether it was sent.".into(),
            ),
        };
        let explanation =
            Self::new(summary, reason, Applied::Maybe).with_advice(&[KEEP_PIN, steps, RESOLVE_DOUBT].concat());
        Self { cause_steps: steps, ..explanation }
    }

    /// Says that a request was not sent. The text of a local refusal is complete: it says from when the request can be
    /// sent.
    fn not_sent_sentence(request: &str, why: &NotSentReason) -> String {
        if let NotSentReason::Failure(SendFailure::RefusedLocally(reason)) = why {
            return format!("{request} was refused here: {reason}.");
        }
        format!("{request} was not sent: {}.", Self::for_not_sent(why).summary)
    }

    /// Explains a request that could not be sent.
    #[must_use]
    pub fn for_send_failure(failure: &SendFailure) -> Self {
        let (summary, reason, advice): (Cow<'static, str>, _, &'static [&'static str]) = match failure {
            SendFailure::NoConnection(detail) => {
                ("no connection".into(), format!("There is no connection to Meta: {detail}."), CHECK_NETWORK_STEPS)
            }
            SendFailure::NothingListens(address) => (
                "no connection".into(),
                format!("No server listens at {address}, which graph_url in the config names."),
                START_SIMULATOR_STEPS,
            ),
            SendFailure::Tls(detail) => (
                "no trusted connection".into(),
                format!("The connection could not be trusted, so nothing was sent: {detail}."),
                FIX_TLS_STEPS,
            ),
            SendFailure::CertificateName(detail) => (
                "the certificate is for another host".into(),
                format!("The connection could not be trusted, so nothing was sent: {detail}."),
                CERTIFICATE_NAME_STEPS,
            ),
            SendFailure::TlsHandshake(detail) => (
                "no TLS connection".into(),
                format!("There is no TLS connection, so nothing was sent: {detail}."),
                TLS_HANDSHAKE_STEPS,
            ),
            SendFailure::ProxyCredentials(detail) => (
                "the proxy wants a user and a password".into(),
                format!("There is no connection to Meta: {detail}."),
                PROXY_CREDENTIALS_STEPS,
            ),
            SendFailure::RefusedLocally(detail) => {
                (detail.to_string().into(), format!("The request was refused here: {detail}."), &[])
            }
        };
        Self::new(summary, reason, Applied::No).with_advice(advice)
    }

    /// Explains a PIN that was not sent.
    #[must_use]
    pub fn for_not_sent(why: &NotSentReason) -> Self {
        let (summary, reason, advice): (&'static str, Cow<'static, str>, &'static [&'static str]) = match why {
            NotSentReason::Failure(failure) => return Self::for_send_failure(failure),
            NotSentReason::Stopped => (
                "stopped before it was sent",
                "The work was stopped before Meta accepted a request for this number.".into(),
                RESUME_JOB_STEPS,
            ),
            NotSentReason::LeftAfterFirst => (
                "left after the first numbers of the job",
                "The job sent its first numbers, and you left the others.".into(),
                RESUME_JOB_STEPS,
            ),
            NotSentReason::TokenRefused => (
                "stopped: the access token was refused",
                "The access token was refused before this number's turn came.".into(),
                FIX_CAUSE_STEPS,
            ),
            NotSentReason::AppRefused(detail) => (
                "stopped: Meta refused another number",
                format!("Meta refused another number for a reason that holds for every request: {detail}.").into(),
                FIX_CAUSE_STEPS,
            ),
            NotSentReason::UnknownRefusals(code) => (
                "stopped: Meta refuses one number after another",
                format!("Meta refused several numbers in a row with code {code}, which pindesk does not know.").into(),
                FIX_UNKNOWN_STEPS,
            ),
            NotSentReason::Throttled(error) => return Self::for_error(error, Situation::GaveUp),
            NotSentReason::Paused => (
                "paused before it was sent",
                "The calls that Meta allows in an hour were used up before this number's turn came.".into(),
                RESUME_JOB_STEPS,
            ),
            NotSentReason::WabaRefused(detail) => (
                "stopped: Meta refused a number of this WABA",
                format!("Meta refused another number of this WABA for a reason that holds for all of them: {detail}.")
                    .into(),
                FIX_CAUSE_STEPS,
            ),
            NotSentReason::TooManyInDoubt => (
                "stopped: no sure answers came",
                "Too many requests in a row got no sure answer before this number's turn came.".into(),
                FIX_CONNECTION_STEPS,
            ),
        };
        Self::new(summary, reason, Applied::No).with_advice(advice)
    }

    /// Explains why a WABA could not be read. A read never changes anything.
    #[must_use]
    pub fn for_unread_waba(failure: &ReadFailure) -> Self {
        Self::for_read_failure(failure, Situation::ReadingWaba)
    }

    /// Explains why a number could not be read.
    #[must_use]
    pub fn for_unread_number(failure: &ReadFailure) -> Self {
        Self::for_read_failure(failure, Situation::ReadingNumber)
    }

    /// Explains why it could not be read what the access token sees.
    #[must_use]
    pub fn for_unread_token(failure: &ReadFailure) -> Self {
        Self::for_read_failure(failure, Situation::Configuring)
    }

    fn for_read_failure(failure: &ReadFailure, situation: Situation) -> Self {
        let (reason, advice): (Cow<'static, str>, &'static [&'static str]) = match failure {
            ReadFailure::Api(error) => return Self::for_error(error, situation),
            ReadFailure::NotSent(failure) => return Self::for_send_failure(failure),
            ReadFailure::NoAnswer => ("Meta did not answer in time.".into(), REFRESH_LATER_STEPS),
            ReadFailure::UnexpectedReply { http_status, form } => {
                let reason = foreign_words::reply_sentence(*http_status, form);
                let steps = foreign_words::steps_after_reply(*http_status, form);
                let advice = [steps, TRY_AGAIN].concat();
                return Self::new(failure.to_string(), reason, Applied::No).with_advice(&advice);
            }
            ReadFailure::WrongKind { expected, node_type, .. } => {
                (wrong_kind_sentence(*expected, node_type.as_ref().map(CleanText::as_str)).into(), FIX_ID_STEPS)
            }
            ReadFailure::IncompleteList(defect) => {
                (format!("The list is incomplete: {defect}.").into(), REFRESH_LATER_STEPS)
            }
        };
        Self::new(failure.to_string(), reason, Applied::No).with_advice(advice)
    }

    /// Explains the end of a change, or why it waits; `None` while there is nothing to explain.
    #[must_use]
    pub fn for_change(state: &ChangeState) -> Option<Self> {
        match state {
            ChangeState::Waiting { in_doubt, error: Some(error), .. } => {
                let applied = if *in_doubt { Applied::Maybe } else { Applied::No };
                Some(Self { applied, ..Self::for_error(error, Situation::Waiting) })
            }
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { error: None, .. }
            | ChangeState::Paused { .. } => None,
            ChangeState::Set(_) => Some(Self::new("set", "Meta confirmed the new PIN.", Applied::Yes)),
            ChangeState::Failed(_, error) => Some(Self::for_refusal(error)),
            ChangeState::NotSent(_, reason) => Some(Self::for_not_sent(reason)),
            ChangeState::InDoubt(details) => Some(Self::for_number_in_doubt(details)),
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::NoPinInForce, .. }) => Some(Self::new(
                "resolved: no PIN is in force",
                "Two-step verification was still not set 2 minutes after the last try.",
                Applied::No,
            )),
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::Manual, .. }) => Some(Self::new(
                "resolved: checked manually",
                "An operator checked this number and left a note.",
                Applied::Maybe,
            )),
        }
    }
}

/// Says what an ID names instead of what was expected.
fn wrong_kind_sentence(expected: ObjectKind, node_type: Option<&str>) -> String {
    let expected = expected.label();
    match node_type.map(|node_type| (node_type, ObjectKind::of_node_type(node_type))) {
        Some((node_type, Some(kind))) => format!("This ID is {} ({node_type}), not {expected}.", kind.label()),
        Some((node_type, None)) => format!("This ID is not {expected}, but a {node_type}."),
        None => format!("This ID is not {expected}."),
    }
}

const FIX_ID_STEPS: &[&str] = &[
    "WhatsApp Manager shows the ID of each phone number and of the WABA.",
    "Correct the ID, in the config if it is there.",
    RESTART,
];

const KEEP_PIN: &[&str] = &["Keep the PIN."];

const KEEP_OLDER_PIN: &[&str] = &["Keep the older PIN: the newer one is not in force."];

const KEEP_BOTH_PINS: &[&str] = &["Keep this PIN and the former one: either may be in force."];

/// The status is on before and after, so it does not tell which PIN is in force.
const RESOLVE_REPLACEMENT: &[&str] = &[
    "Set a PIN again 2 minutes after the last try, or later: then it is known.",
    "Reading the status does not tell which one: it is on either way.",
];

/// An address of this machine is that of the simulator, or of a gateway.
const START_SIMULATOR_STEPS: &[&str] =
    &["Is the simulator running? It prints its address, and graph_url must be the same.", "Then try again."];

const FIX_TLS_STEPS: &[&str] = &[
    "Check the clock of this server: a wrong date makes a good certificate bad.",
    "Ask your network team whether a proxy opens TLS, and for its authority.",
    "Put that authority into ca_file in the config.",
];

const RESUME_JOB_STEPS: &[&str] = &["Resume the job, or set the PIN of this number again."];

const FIX_CAUSE_STEPS: &[&str] = &[
    "See the number that Meta refused: it says what to do.",
    "Then resume the job, or set the PIN of this number again.",
];

const FIX_UNKNOWN_STEPS: &[&str] = &[
    "Give support Meta's words and the trace ID of a number that it refused.",
    "Then resume the job, or set the PIN of this number again.",
];

const FIX_CONNECTION_STEPS: &[&str] = &[
    "See a number without an answer: it says why.",
    "Check the network and the proxy of this server.",
    "Then resume the job, or set the PIN of this number again.",
];

#[cfg(test)]
mod tests;
