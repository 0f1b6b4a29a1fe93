//! Decides the outcome of one request from a closed list of evidence.
//!
//! This module decides what is *true* about a request. It never decides the words (`error_catalog` does) or whether
//! to retry (`retry` does). The list: CONFIRMED needs HTTP 200, the whole body, and a JSON object whose `success` is
//! the boolean `true`. Certainly not applied: never connected, refused here, or a well-formed Graph error with a
//! 4xx status whose code is not 1 or 2 and whose `is_transient` is not true. Everything else is IN DOUBT.
//!
//! The journal stores these types as JSON, so `serde` attributes keep the stored names stable.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::text::CleanText;

/// An error as Graph reports it. Every text in it is cleaned.
///
/// Source: developers.facebook.com/docs/graph-api/guides/error-handling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// The HTTP status of the reply.
    pub http_status: u16,
    /// `code`, which decides what the error means.
    pub code: i64,
    /// `error_subcode`, if there is one.
    pub subcode: Option<i64>,
    /// `message`, in Meta's words.
    pub message: CleanText,
    /// `error_data.details`, or `error_data` if it is a plain string.
    pub details: Option<CleanText>,
    /// `fbtrace_id`, which Meta's support asks for.
    pub trace_id: Option<CleanText>,
    /// `is_transient`: Graph expects a retry to succeed.
    pub is_transient: bool,
}

impl ApiError {
    /// True if this error proves that nothing was changed.
    #[must_use]
    pub const fn is_definite_refusal(&self) -> bool {
        self.http_status >= 400 && self.http_status < 500 && self.code != 1 && self.code != 2 && !self.is_transient
    }
}

/// The outcome of one request that sets a PIN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Meta said `success: true`: the PIN is in force.
    Confirmed,
    /// Meta certainly refused it: nothing was changed.
    Refused(ApiError),
    /// It was never sent: nothing was changed.
    NotSent(NotSentReason),
    /// Meta may or may not have applied it.
    InDoubt(DoubtReason),
}

/// Why a request could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendFailure {
    /// No connection: refused, unreachable, or the name did not resolve. The text is the cleaned text of the system.
    NoConnection(CleanText),
    /// TLS failed before anything was sent: expired, wrong name, unknown authority.
    Tls(CleanText),
    /// pindesk itself refused the request. The text is the reason.
    #[serde(rename = "RefusedHere")]
    RefusedLocally(CleanText),
}

impl fmt::Display for SendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(reason) => write!(f, "no connection: {reason}"),
            Self::Tls(reason) => write!(f, "no trusted connection: {reason}"),
            Self::RefusedLocally(reason) => write!(f, "refused here: {reason}"),
        }
    }
}

/// Why the PIN of a change was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotSentReason {
    /// The job was stopped before it sent the PIN.
    Stopped,
    /// Meta refused the access token in an earlier request of the same job.
    TokenRefused,
    /// Meta refused another number of the same WABA for a reason that applies to all of them. The text is the reason in
    /// a few words.
    WabaRefused(CleanText),
    /// Too many earlier requests of the same job in a row ended in doubt.
    #[serde(rename = "NoSureAnswers")]
    TooManyInDoubt,
    /// The request could not be sent, or earlier requests of the same job could not be for a reason that applies to all.
    #[serde(untagged)]
    Failure(SendFailure),
}

impl From<SendFailure> for NotSentReason {
    fn from(failure: SendFailure) -> Self {
        Self::Failure(failure)
    }
}

impl fmt::Display for NotSentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped before it was sent"),
            Self::TokenRefused => f.write_str("Meta refused the access token before this was sent"),
            Self::WabaRefused(reason) => write!(f, "Meta refuses all numbers of this WABA: {reason}"),
            Self::TooManyInDoubt => f.write_str("too many requests in a row got no sure answer before this was sent"),
            Self::Failure(failure) => write!(f, "{failure}"),
        }
    }
}

/// Why it is not known whether a request was applied. Each cause has its own sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DoubtReason {
    /// No complete reply arrived within the deadline.
    #[serde(rename = "NoAnswer")]
    TimedOut {
        /// How long pindesk waited.
        waited: Duration,
    },
    /// The connection was lost after the request was sent, or the reply was not HTTP.
    #[serde(rename = "LineBroke")]
    ConnectionLost {
        /// How long after the start of the request it was lost.
        after: Duration,
    },
    /// Graph reported an internal error, which is well-formed but proves nothing: 5xx, code 1 or 2, or transient.
    #[serde(rename = "MetaFault")]
    ServerError(ApiError),
    /// A reply that is not from Graph, or not a reply to this request: HTML, a redirect, truncated JSON, an oversized
    /// body, 204.
    #[serde(rename = "StrangeReply")]
    UnexpectedReply {
        /// Its HTTP status.
        http_status: u16,
    },
    /// HTTP 200 and JSON, but `success` was not the boolean `true`.
    SuccessNotTrue,
    /// The process that sent the request ended before it recorded an outcome.
    #[serde(rename = "CutShort")]
    ProcessEnded,
    /// Only the escrow file has the PIN. Never the outcome of a request: only recovery uses it.
    #[serde(rename = "Unrecorded")]
    EscrowOnly,
    /// The last request certainly changed nothing, but an earlier one with an older PIN is still in doubt. Never the
    /// outcome of one request: it describes the state of a number.
    #[serde(rename = "OlderPin")]
    OlderPinInDoubt(NotApplied),
    /// The last retry certainly changed nothing, but an earlier attempt with the same PIN is still in doubt. Never the
    /// outcome of one request: it describes the state of a change.
    #[serde(rename = "Repeated")]
    EarlierAttemptInDoubt {
        /// Why the earlier attempt is in doubt; never itself one of these two.
        earlier: Box<Self>,
        /// Why the retry changed nothing.
        last: NotApplied,
    },
}

impl DoubtReason {
    /// The same doubt, after a retry that changed nothing.
    #[must_use]
    pub fn after_failed_retry(self, last: NotApplied) -> Self {
        Self::EarlierAttemptInDoubt { earlier: Box::new(self.without_retries()), last }
    }

    /// The last error that Graph reported, if it did: for the retry, or, if the retry was never sent, for the attempt
    /// before it.
    #[must_use]
    pub const fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::ServerError(error)
            | Self::OlderPinInDoubt(NotApplied::Refused(error))
            | Self::EarlierAttemptInDoubt { last: NotApplied::Refused(error), .. } => Some(error),
            Self::EarlierAttemptInDoubt { earlier, last: NotApplied::NotSent(_) } => earlier.api_error(),
            Self::OlderPinInDoubt(NotApplied::NotSent(_))
            | Self::TimedOut { .. }
            | Self::ConnectionLost { .. }
            | Self::UnexpectedReply { .. }
            | Self::SuccessNotTrue
            | Self::ProcessEnded
            | Self::EscrowOnly => None,
        }
    }

    /// The HTTP status of the reply, if one arrived.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        if let Some(error) = self.api_error() {
            return Some(error.http_status);
        }
        match self {
            Self::UnexpectedReply { http_status } => Some(*http_status),
            Self::SuccessNotTrue => Some(200),
            Self::EarlierAttemptInDoubt { earlier, .. } => earlier.http_status(),
            Self::TimedOut { .. }
            | Self::ConnectionLost { .. }
            | Self::ServerError(_)
            | Self::ProcessEnded
            | Self::EscrowOnly
            | Self::OlderPinInDoubt(_) => None,
        }
    }

    /// Why the first request is in doubt, without the outcome of its retries.
    #[must_use]
    pub fn without_retries(self) -> Self {
        if let Self::EarlierAttemptInDoubt { earlier, .. } = self { *earlier } else { self }
    }
}

/// Why a request certainly changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotApplied {
    /// Meta refused it.
    Refused(ApiError),
    /// It was never sent.
    NotSent(NotSentReason),
}

impl fmt::Display for DoubtReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { waited } => write!(f, "sent, no answer in {} s", waited.as_secs()),
            Self::ConnectionLost { after } => {
                write!(f, "sent, then the connection was lost after {} s", after.as_secs())
            }
            Self::ServerError(error) => write!(f, "Meta had a fault of its own, HTTP {}", error.http_status),
            Self::UnexpectedReply { http_status } => write!(f, "a reply that was not Meta's, HTTP {http_status}"),
            Self::SuccessNotTrue => f.write_str("Meta answered, but did not say success: true"),
            Self::ProcessEnded => f.write_str("the program that sent it ended before the answer"),
            Self::EscrowOnly => f.write_str("known from the escrow file alone"),
            Self::OlderPinInDoubt(_) => f.write_str("an older PIN is in doubt"),
            Self::EarlierAttemptInDoubt { earlier, last: NotApplied::Refused(error) } => {
                write!(f, "{earlier}; then a repeat was refused, code {}", error.code)
            }
            Self::EarlierAttemptInDoubt { earlier, last: NotApplied::NotSent(reason) } => {
                write!(f, "{earlier}; then a repeat was not sent: {reason}")
            }
        }
    }
}

/// Why a read failed. A read changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFailure {
    /// Graph reported an error.
    Api(ApiError),
    /// It could not be sent.
    NotSent(SendFailure),
    /// No complete reply within the deadline, or the connection was lost.
    NoAnswer,
    /// A reply that is not from Graph.
    UnexpectedReply {
        /// Its HTTP status.
        http_status: u16,
    },
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(error) => write!(f, "{}", error.message),
            Self::NotSent(failure) => write!(f, "{failure}"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::UnexpectedReply { http_status } => write!(f, "a reply that was not Meta's, HTTP {http_status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api_error() -> ApiError {
        ApiError {
            http_status: 400,
            code: 133_010,
            subcode: Some(2_388_001),
            message: CleanText::new("not registered"),
            details: None,
            trace_id: Some(CleanText::new("A1")),
            is_transient: false,
        }
    }

    const API_ERROR: &str = r#"{"http_status":400,"code":133010,"subcode":2388001,"message":"not registered","details":null,"trace_id":"A1","is_transient":false}"#;

    fn text() -> CleanText {
        CleanText::new("why")
    }

    /// The journals of all versions have these texts, so they never change.
    #[test]
    fn the_stored_json_of_every_outcome_is_pinned() {
        let wait = Duration::new(30, 5);
        let outcomes = [
            (Outcome::Confirmed, r#""Confirmed""#),
            (Outcome::Refused(api_error()), r#"{"Refused":<error>}"#),
            (
                Outcome::NotSent(NotSentReason::Failure(SendFailure::NoConnection(text()))),
                r#"{"NotSent":{"NoConnection":"why"}}"#,
            ),
            (Outcome::NotSent(NotSentReason::Failure(SendFailure::Tls(text()))), r#"{"NotSent":{"Tls":"why"}}"#),
            (
                Outcome::NotSent(NotSentReason::Failure(SendFailure::RefusedLocally(text()))),
                r#"{"NotSent":{"RefusedHere":"why"}}"#,
            ),
            (Outcome::NotSent(NotSentReason::Stopped), r#"{"NotSent":"Stopped"}"#),
            (Outcome::NotSent(NotSentReason::TokenRefused), r#"{"NotSent":"TokenRefused"}"#),
            (Outcome::NotSent(NotSentReason::WabaRefused(text())), r#"{"NotSent":{"WabaRefused":"why"}}"#),
            (Outcome::NotSent(NotSentReason::TooManyInDoubt), r#"{"NotSent":"NoSureAnswers"}"#),
        ];
        let doubts = [
            (DoubtReason::TimedOut { waited: wait }, r#"{"NoAnswer":{"waited":{"secs":30,"nanos":5}}}"#),
            (DoubtReason::ConnectionLost { after: wait }, r#"{"LineBroke":{"after":{"secs":30,"nanos":5}}}"#),
            (DoubtReason::ServerError(api_error()), r#"{"MetaFault":<error>}"#),
            (DoubtReason::UnexpectedReply { http_status: 502 }, r#"{"StrangeReply":{"http_status":502}}"#),
            (DoubtReason::SuccessNotTrue, r#""SuccessNotTrue""#),
            (DoubtReason::ProcessEnded, r#""CutShort""#),
            (DoubtReason::EscrowOnly, r#""Unrecorded""#),
        ];
        let retries = [
            (NotApplied::Refused(api_error()), r#"{"Refused":<error>}"#),
            (NotApplied::NotSent(NotSentReason::Stopped), r#"{"NotSent":"Stopped"}"#),
            (NotApplied::NotSent(NotSentReason::Failure(SendFailure::Tls(text()))), r#"{"NotSent":{"Tls":"why"}}"#),
        ];
        let mut cases: Vec<_> = outcomes.map(|(outcome, json)| (outcome, json.to_owned())).into();
        for (doubt, json) in doubts {
            cases.push((Outcome::InDoubt(doubt.clone()), format!(r#"{{"InDoubt":{json}}}"#)));
            for (last, last_json) in &retries {
                let repeated = format!(r#"{{"InDoubt":{{"Repeated":{{"earlier":{json},"last":{last_json}}}}}}}"#);
                cases.push((Outcome::InDoubt(doubt.clone().after_failed_retry(last.clone())), repeated));
            }
        }
        for (outcome, json) in cases {
            let json = json.replace("<error>", API_ERROR);
            assert_eq!(serde_json::to_string(&outcome).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Outcome>(&json).expect("an outcome"), outcome, "{json}");
        }
    }
}
