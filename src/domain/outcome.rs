//! Decides the outcome of one request from a closed list of evidence.
//!
//! This module decides what is *true* about one request. It does not know what a change is left with after several
//! (`standing` does), and never decides the words (`error_catalog` does) or whether to retry (`retry` does). The list:
//! CONFIRMED needs HTTP 200, the whole body, and a JSON object whose `success` is the boolean `true`. Certainly not
//! applied: never connected, refused here, a well-formed Graph error with a 4xx status and a throttle code or the status
//! 429, or any other well-formed Graph error with a 4xx status whose code is not 1 or 2 and whose `is_transient` is not
//! true. Everything else is IN DOUBT.
//!
//! The journal stores most of these types as JSON, so `serde` attributes keep the stored names stable.

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
    /// `error_user_title`, which Meta wrote for the person in front of the screen. It is rare, so it is on the heap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_title: Option<Box<CleanText>>,
    /// `error_user_msg`, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_message: Option<Box<CleanText>>,
    /// `fbtrace_id`, which Meta's support asks for.
    pub trace_id: Option<CleanText>,
    /// `is_transient`: Graph expects a retry to succeed.
    pub is_transient: bool,
}

impl ApiError {
    /// True if this error proves that nothing was changed.
    ///
    /// A throttle proves it whatever `is_transient` says: Meta sends throttles with `is_transient: true`, and refuses
    /// the call before it carries it out. That is an inference, because Meta does not document it.
    #[must_use]
    pub const fn is_definite_refusal(&self) -> bool {
        let is_client_error = self.http_status >= 400 && self.http_status < 500;
        is_client_error && (self.is_throttle() || self.code != 1 && self.code != 2 && !self.is_transient)
    }

    /// True if Meta refused the call because there were too many, by its code or by the HTTP status 429.
    ///
    /// Source: developers.facebook.com/docs/graph-api/overview/rate-limiting.
    #[must_use]
    pub const fn is_throttle(&self) -> bool {
        matches!(self.code, 4 | 17 | 32 | 341 | 613 | 80_007 | 80_008 | 130_429) || self.http_status == 429
    }
}

/// The outcome of one request that sets a PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Meta said `success: true`: the PIN is in force.
    Confirmed,
    /// Meta certainly refused it: nothing was changed.
    Refused(ApiError),
    /// It could not be sent: nothing was changed.
    NotSent(SendFailure),
    /// Meta may or may not have applied it.
    InDoubt(DoubtReason),
}

impl Outcome {
    /// The error that Graph reported, if it did.
    #[must_use]
    pub const fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Refused(error) => Some(error),
            Self::InDoubt(reason) => reason.api_error(),
            Self::Confirmed | Self::NotSent(_) => None,
        }
    }
}

/// Why a request could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendFailure {
    /// No connection: refused, unreachable, or the name did not resolve. The text is the cleaned text of the system.
    NoConnection(CleanText),
    /// No server listens at this address of this machine, the host and port of the config.
    NothingListens(CleanText),
    /// TLS failed before anything was sent, because the certificate is not trusted: expired, unknown authority.
    Tls(CleanText),
    /// The certificate is for another host.
    CertificateName(CleanText),
    /// The server and pindesk agreed on no version of TLS, or the server did not speak TLS.
    TlsHandshake(CleanText),
    /// The proxy wants a user and a password (HTTP 407), or refused those that it got.
    ProxyCredentials(CleanText),
    /// pindesk itself refused the request. The text is the reason.
    #[serde(rename = "RefusedHere")]
    RefusedLocally(CleanText),
}

impl SendFailure {
    /// True if no trusted connection was established.
    #[must_use]
    pub const fn is_without_connection(&self) -> bool {
        match self {
            Self::NoConnection(_)
            | Self::NothingListens(_)
            | Self::Tls(_)
            | Self::CertificateName(_)
            | Self::TlsHandshake(_)
            | Self::ProxyCredentials(_) => true,
            Self::RefusedLocally(_) => false,
        }
    }
}

impl fmt::Display for SendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(reason) | Self::ProxyCredentials(reason) => write!(f, "no connection: {reason}"),
            Self::NothingListens(address) => write!(f, "no connection: no server listens at {address}"),
            Self::Tls(reason) | Self::CertificateName(reason) | Self::TlsHandshake(reason) => {
                write!(f, "no trusted connection: {reason}")
            }
            Self::RefusedLocally(reason) => write!(f, "refused here: {reason}"),
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
        /// What its body is.
        #[serde(default, skip_serializing_if = "ReplyForm::is_unrecognized")]
        form: ReplyForm,
    },
    /// HTTP 200 and JSON, but `success` was not the boolean `true`.
    SuccessNotTrue,
}

impl DoubtReason {
    /// The error that Graph reported, if it did.
    #[must_use]
    pub const fn api_error(&self) -> Option<&ApiError> {
        if let Self::ServerError(error) = self { Some(error) } else { None }
    }

    /// The text of an error that is not Graph's, if one came as the answer.
    #[must_use]
    pub const fn foreign_text(&self) -> Option<&CleanText> {
        if let Self::UnexpectedReply { form: ReplyForm::ForeignError(text), .. } = self { text.as_ref() } else { None }
    }

    /// The HTTP status of the reply, if one arrived.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        match self {
            Self::ServerError(error) => Some(error.http_status),
            Self::UnexpectedReply { http_status, .. } => Some(*http_status),
            Self::SuccessNotTrue => Some(200),
            Self::TimedOut { .. } | Self::ConnectionLost { .. } => None,
        }
    }
}

impl fmt::Display for DoubtReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { waited } => write!(f, "sent, no answer in {} s", waited.as_secs()),
            Self::ConnectionLost { after } => match after.as_secs() {
                0 => f.write_str("sent, then the connection was lost at once"),
                seconds => write!(f, "sent, then the connection was lost after {seconds} s"),
            },
            Self::ServerError(error) => {
                write!(f, "Meta answered with error {}, HTTP {}", error.code, error.http_status)
            }
            Self::UnexpectedReply { http_status, form } => write!(f, "{}, HTTP {http_status}", form.summary()),
            Self::SuccessNotTrue => f.write_str("Meta answered, but did not say success: true"),
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
        /// What its body is.
        form: ReplyForm,
    },
    /// The ID names something else than was expected.
    WrongKind {
        /// What was expected.
        expected: ObjectKind,
        /// What Graph calls it, if it says so.
        node_type: Option<CleanText>,
        /// The error that says so.
        error: Box<ApiError>,
    },
    /// A list was read, but not all of it.
    IncompleteList(ListDefect),
}

impl ReadFailure {
    /// The error that Graph reported, if it did.
    #[must_use]
    pub const fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::WrongKind { error, .. } => Some(error),
            Self::NotSent(_) | Self::NoAnswer | Self::UnexpectedReply { .. } | Self::IncompleteList(_) => None,
        }
    }

    /// True if a server other than Graph refused the access, in a form of its own.
    #[must_use]
    pub const fn is_refusal_by_gateway(&self) -> bool {
        matches!(self, Self::UnexpectedReply { http_status: 401 | 403, form: ReplyForm::ForeignError(_) })
    }
}

/// What the body of a reply is that is not one of Graph's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReplyForm {
    /// Anything else.
    #[default]
    Unrecognized,
    /// A web page. Meta or a proxy may have sent it.
    WebPage,
    /// The error page of Facebook.
    FacebookErrorPage,
    /// JSON with an error status, as a gateway sends it, with the text of the error, if it has one.
    ForeignError(Option<CleanText>),
}

impl ReplyForm {
    const fn is_unrecognized(&self) -> bool {
        matches!(self, Self::Unrecognized)
    }

    /// A few words for a table cell.
    const fn summary(&self) -> &'static str {
        match self {
            Self::Unrecognized => "a reply that was not Meta's",
            Self::WebPage => "a web page came as the answer",
            Self::FacebookErrorPage => "Meta answered with an error page",
            Self::ForeignError(_) => "an error that is not Graph's",
        }
    }
}

/// What an ID can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A business phone number.
    PhoneNumber,
    /// A WhatsApp Business Account.
    Waba,
}

impl ObjectKind {
    /// The name with its article, for a sentence.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::PhoneNumber => "a phone number",
            Self::Waba => "a WABA",
        }
    }

    /// The kind that Graph calls by this name, if pindesk knows it.
    #[must_use]
    pub fn of_node_type(node_type: &str) -> Option<Self> {
        if node_type == "WhatsAppBusinessAccount" {
            return Some(Self::Waba);
        }
        node_type.to_ascii_lowercase().contains("number").then_some(Self::PhoneNumber)
    }
}

/// Why a list was not read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListDefect {
    /// Graph says that there is another page, but not how to request it.
    NoContinuation,
    /// The pages form a loop.
    Loop,
    /// Page after page arrives without an end.
    Endless,
    /// This many rows have no usable ID.
    UnusableRows(usize),
}

impl fmt::Display for ListDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContinuation => f.write_str("the list goes on, but Meta does not say where"),
            Self::Loop => f.write_str("the pages of the list form a loop"),
            Self::Endless => f.write_str("the list does not end"),
            Self::UnusableRows(1) => f.write_str("1 row of the list has no usable ID"),
            Self::UnusableRows(count) => write!(f, "{count} rows of the list have no usable ID"),
        }
    }
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(error) => write!(f, "{}", error.message),
            Self::NotSent(failure) => write!(f, "{failure}"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::UnexpectedReply { http_status, form } => write!(f, "{}, HTTP {http_status}", form.summary()),
            Self::WrongKind { expected, .. } => write!(f, "this ID is not {}", expected.label()),
            Self::IncompleteList(defect) => write!(f, "{defect}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_lost_at_once_is_not_lost_after_0_s() {
        let texts =
            [0, 999, 3_000].map(|ms| DoubtReason::ConnectionLost { after: Duration::from_millis(ms) }.to_string());
        let [at_once, soon, later] = texts;
        assert_eq!(at_once, "sent, then the connection was lost at once");
        assert_eq!((soon.as_str(), later.as_str()), (at_once.as_str(), "sent, then the connection was lost after 3 s"));
    }
}
