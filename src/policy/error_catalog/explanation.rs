//! Explains an outcome to support staff: why, whether anything was changed, and what to do.
//!
//! It never names keys of the console, because commands print the same words.

use std::borrow::Cow;

use crate::domain::change::{ChangeState, DoubtEnd, InDoubtDetails, Resolution};
use crate::domain::number::TwoStep;
use crate::domain::outcome::{ApiError, DoubtReason, ObjectKind, ReadFailure, SendFailure};
use crate::domain::standing::{Doubt, DoubtCause, NotApplied, NotSentReason};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::{CatalogEntry, ErrorScope, lookup, table};

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
    pub advice: &'static [&'static str],
}

impl Explanation {
    /// Explains a refusal by Meta, which proves that nothing was changed.
    #[must_use]
    pub fn for_refusal(error: &ApiError) -> Self {
        Self::from_entry(lookup(error), Applied::No)
    }

    fn from_entry(entry: &'static CatalogEntry, applied: Applied) -> Self {
        Self { summary: entry.summary.into(), reason: entry.reason.into(), applied, advice: entry.advice }
    }

    /// Explains a number in doubt.
    #[must_use]
    pub fn for_number_in_doubt(details: &InDoubtDetails) -> Self {
        match &details.newer_pin {
            Some(newer_pin) => Self::for_older_pin(newer_pin),
            None => Self::for_doubt(&details.doubt).after(details.two_step_before),
        }
    }

    /// The explanation of a doubt about a PIN that may have replaced another.
    fn after(self, two_step_before: TwoStep) -> Self {
        let is_replacement = two_step_before != TwoStep::NotSet && self.advice == RESOLVE_DOUBT_STEPS;
        let advice = if is_replacement { RESOLVE_REPLACEMENT_STEPS } else { self.advice };
        Self { advice, ..self }
    }

    /// Explains a number whose last request changed nothing, but whose older PIN is in doubt.
    fn for_older_pin(newer_pin: &NotApplied) -> Self {
        let (summary, what) = match newer_pin {
            NotApplied::Refused(error) => (
                "refused, and an older PIN is in doubt",
                format!("Meta refused the last request: {}.", lookup(error).summary),
            ),
            NotApplied::NotSent(why) => {
                ("not sent, and an older PIN is in doubt", Self::not_sent_sentence("The last request", why))
            }
        };
        Self {
            summary: summary.into(),
            reason: format!("{what} It changed nothing, but the older PIN of the request before it is in doubt.")
                .into(),
            applied: Applied::Maybe,
            advice: RESOLVE_OLDER_PIN_STEPS,
        }
    }

    /// Explains a change that may have been applied.
    #[must_use]
    pub fn for_doubt(Doubt { cause, last_retry }: &Doubt) -> Self {
        let explanation = Self::for_doubt_cause(cause);
        let (what, refusal) = match last_retry {
            None => return explanation,
            Some(NotApplied::Refused(error)) => {
                (format!("Meta refused a repeat: {}.", lookup(error).summary), Some(lookup(error)))
            }
            Some(NotApplied::NotSent(why)) => (Self::not_sent_sentence("A repeat", why), None),
        };
        // A refused token must be replaced before the doubt can be resolved.
        let advice =
            refusal.filter(|entry| entry.scope == ErrorScope::Token).map_or(explanation.advice, |entry| entry.advice);
        Self {
            reason: format!("{} {what} That proves nothing about the first one.", explanation.reason).into(),
            advice,
            ..explanation
        }
    }

    /// Explains an attempt that may have been applied.
    fn for_doubt_cause(cause: &DoubtCause) -> Self {
        let mut advice = RESOLVE_DOUBT_STEPS;
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
                DoubtReason::ServerError(error) => {
                    let entry = lookup(error);
                    // A refused token must be replaced before the doubt can be resolved.
                    if entry.scope == ErrorScope::Token {
                        advice = entry.advice;
                    }
                    (entry.summary.into(), entry.reason.into())
                }
                DoubtReason::UnexpectedReply { http_status } => (
                    reason.to_string().into(),
                    format!(
                        "The request was sent, but the reply was not Meta's (HTTP {http_status}). A proxy may sit \
                         between."
                    )
                    .into(),
                ),
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
        Self { summary, reason, applied: Applied::Maybe, advice }
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
            SendFailure::Tls(detail) => (
                "no trusted connection".into(),
                format!("The connection could not be trusted, so nothing was sent: {detail}."),
                FIX_TLS_STEPS,
            ),
            SendFailure::RefusedLocally(detail) => {
                (detail.to_string().into(), format!("The request was refused here: {detail}."), &[])
            }
        };
        Self { summary, reason: reason.into(), applied: Applied::No, advice }
    }

    /// Explains a PIN that was not sent.
    #[must_use]
    pub fn for_not_sent(why: &NotSentReason) -> Self {
        let (summary, reason, advice): (&'static str, Cow<'static, str>, &'static [&'static str]) = match why {
            NotSentReason::Failure(failure) => return Self::for_send_failure(failure),
            NotSentReason::Stopped => (
                "stopped before it was sent",
                "The work was stopped before this number's turn came.".into(),
                RESUME_JOB_STEPS,
            ),
            NotSentReason::TokenRefused => (
                "stopped: Meta refused the access token",
                "Meta refused the access token before this number's turn came.".into(),
                table::REPLACE_TOKEN_STEPS,
            ),
            NotSentReason::AppRefused(detail) => (
                "stopped: Meta refuses all requests of this app",
                format!("Meta refused another number for a reason that holds for the whole app: {detail}.").into(),
                FIX_APP_STEPS,
            ),
            NotSentReason::UnknownRefusals(code) => (
                "stopped: Meta refuses one number after another",
                format!("Meta refused several numbers in a row with code {code}, which this tool does not know.")
                    .into(),
                FIX_UNKNOWN_STEPS,
            ),
            NotSentReason::Throttled(error) => {
                let CatalogEntry { summary, reason, .. } = lookup(error);
                (summary, (*reason).into(), RESUME_JOB_STEPS)
            }
            NotSentReason::Paused => (
                "paused before it was sent",
                "The calls that Meta allows in an hour were used up before this number's turn came.".into(),
                RESUME_JOB_STEPS,
            ),
            NotSentReason::WabaRefused(detail) => (
                "stopped: Meta refuses all numbers of this WABA",
                format!("Meta refused another number of this WABA for a reason that holds for all of them: {detail}.")
                    .into(),
                FIX_WABA_STEPS,
            ),
            NotSentReason::TooManyInDoubt => (
                "stopped: no sure answers came",
                "Too many requests in a row got no sure answer before this number's turn came.".into(),
                FIX_CONNECTION_STEPS,
            ),
        };
        Self { summary: summary.into(), reason, applied: Applied::No, advice }
    }

    /// Explains a read that failed. A read never changes anything.
    #[must_use]
    pub fn for_read_failure(failure: &ReadFailure) -> Self {
        match failure {
            ReadFailure::Api(error) => Self::for_refusal(error),
            ReadFailure::NotSent(failure) => Self::for_send_failure(failure),
            ReadFailure::NoAnswer => Self {
                summary: "no answer".into(),
                reason: "Meta did not answer in time.".into(),
                applied: Applied::No,
                advice: REFRESH_LATER_STEPS,
            },
            ReadFailure::UnexpectedReply { http_status } => Self {
                summary: failure.to_string().into(),
                reason: format!("The reply was not Meta's (HTTP {http_status}). A proxy may sit between.").into(),
                applied: Applied::No,
                advice: CHECK_NETWORK_STEPS,
            },
            ReadFailure::WrongKind { expected, node_type } => Self {
                summary: failure.to_string().into(),
                reason: wrong_kind_sentence(*expected, node_type.as_ref().map(CleanText::as_str)).into(),
                applied: Applied::No,
                advice: FIX_ID_STEPS,
            },
            ReadFailure::IncompleteList(defect) => Self {
                summary: failure.to_string().into(),
                reason: format!("The list is incomplete: {defect}.").into(),
                applied: Applied::No,
                advice: REFRESH_LATER_STEPS,
            },
        }
    }

    /// Explains the end of a change; `None` while it is in progress.
    #[must_use]
    pub fn for_change(state: &ChangeState) -> Option<Self> {
        match state {
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. } => None,
            ChangeState::Set(_) => Some(Self {
                summary: "set".into(),
                reason: "Meta confirmed the new PIN.".into(),
                applied: Applied::Yes,
                advice: &[],
            }),
            ChangeState::Failed(_, error) => Some(Self::for_refusal(error)),
            ChangeState::NotSent(_, reason) => Some(Self::for_not_sent(reason)),
            ChangeState::InDoubt(details) => Some(Self::for_number_in_doubt(details)),
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::NoPinInForce, .. }) => Some(Self {
                summary: "resolved: no PIN is in force".into(),
                reason: "Two-step verification was still not set 2 minutes after the last try.".into(),
                applied: Applied::No,
                advice: &[],
            }),
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::Manual, .. }) => Some(Self {
                summary: "resolved: checked manually".into(),
                reason: "An operator checked this number and left a note.".into(),
                applied: Applied::Maybe,
                advice: &[],
            }),
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
    "Correct the ID, in the config if it stands there.",
];

const RESOLVE_DOUBT_STEPS: &[&str] = &[
    "Keep the PIN.",
    "Set a PIN again 2 minutes after the last try: then it is known.",
    "Or read the status then. Still not set: nothing was changed.",
    "On now, and not set before: this request set it, or someone else did.",
];

/// The status is on before and after, so it does not tell which PIN is in force.
const RESOLVE_REPLACEMENT_STEPS: &[&str] = &[
    "Keep this PIN and the former one: either may be in force.",
    "Set a PIN again 2 minutes after the last try: then it is known.",
    "Reading the status does not tell which one: it is on either way.",
];

const RESOLVE_OLDER_PIN_STEPS: &[&str] = &[
    "Keep the older PIN: the newer one is not in force.",
    "Set a PIN again 2 minutes after the last try: then it is known.",
];

const CHECK_NETWORK_STEPS: &[&str] = &["Check the network and the proxy of this server.", "Then try again."];

const FIX_TLS_STEPS: &[&str] = &[
    "Check the clock of this server: a wrong date makes a good certificate bad.",
    "Ask your network team whether a proxy opens TLS, and for its authority.",
    "Put that authority into ca_file in the config.",
];

const RESUME_JOB_STEPS: &[&str] = &["Resume the job, or set the PIN of this number again."];

const FIX_APP_STEPS: &[&str] = &[
    "Open a number that failed: its page says what to do.",
    "Then resume the job, or set the PIN of this number again.",
];

const FIX_UNKNOWN_STEPS: &[&str] = &[
    "Open a number that failed. Give Meta's words and the trace ID to support.",
    "Then resume the job, or set the PIN of this number again.",
];

const FIX_WABA_STEPS: &[&str] = &[
    "Open the number of this WABA that failed: its page says what to do.",
    "Then resume the job, or set the PIN of this number again.",
];

const FIX_CONNECTION_STEPS: &[&str] = &[
    "Open a number without an answer: its page says why.",
    "Check the network and the proxy of this server.",
    "Then resume the job, or set the PIN of this number again.",
];

const REFRESH_LATER_STEPS: &[&str] =
    &["Read again in a minute.", "If it stays, look at metastatus.com/whatsapp-business-api."];

#[cfg(test)]
mod tests;
