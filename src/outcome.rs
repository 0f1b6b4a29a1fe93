//! What one request came to, by a closed list of evidence.
//!
//! This module decides what is *true* of a request; `catalogue` decides the words and whether to repeat. The
//! list: CONFIRMED needs HTTP 200, the whole body, and a JSON object whose `success` is the boolean `true`.
//! Not applied for certain: never connected, refused here, or a well-formed Graph error with a 4xx status
//! whose code is not 1 or 2 and whose `is_transient` is not true. Everything else is IN DOUBT.

use std::fmt;
use std::time::Duration;

use crate::text::Clean;

/// An error as Graph tells it, every text cleaned.
///
/// Source: developers.facebook.com/docs/graph-api/guides/error-handling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status it came with.
    pub http_status: u16,
    /// `code`, which decides.
    pub code: i64,
    /// `error_subcode`, where there is one.
    pub subcode: Option<i64>,
    /// `message`, in Meta's words.
    pub message: Clean,
    /// `error_data.details`, or `error_data` where it is a plain string.
    pub details: Option<Clean>,
    /// `fbtrace_id`, which Meta's support asks for.
    pub trace_id: Option<Clean>,
    /// `is_transient`.
    pub is_transient: bool,
}

impl Fault {
    /// True if this answer proves that nothing was changed.
    #[must_use]
    pub const fn proves_nothing_changed(&self) -> bool {
        self.http_status >= 400 && self.http_status < 500 && self.code != 1 && self.code != 2 && !self.is_transient
    }
}

/// What became of one request that sets a PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Meta said `success: true`: the PIN is in force.
    Confirmed,
    /// Meta refused it for certain: nothing was changed.
    Refused(Fault),
    /// It never left this host: nothing was changed.
    NotSent(NotSent),
    /// It may have been applied, or not.
    InDoubt(Doubt),
}

/// Why a request never left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// No connection: refused, unreachable, or the name did not resolve. The text is the system's, cleaned.
    NoConnection(Clean),
    /// TLS failed before anything was sent: expired, wrong name, unknown authority.
    Tls(Clean),
    /// The work was stopped before its turn came.
    Stopped,
    /// The same work's access token was refused before its turn came.
    TokenRefused,
    /// The request could not be built.
    RefusedHere(Clean),
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(why) => write!(f, "no connection: {why}"),
            Self::Tls(why) => write!(f, "no trusted connection: {why}"),
            Self::Stopped => f.write_str("stopped before it was sent"),
            Self::TokenRefused => f.write_str("Meta refused the access token before this was sent"),
            Self::RefusedHere(why) => write!(f, "refused here: {why}"),
        }
    }
}

/// Why nobody can say whether a request was applied. Each cause has its own sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// No (whole) answer within the deadline.
    NoAnswer {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The line broke after the request was sent, or what came over it was no HTTP.
    LineBroke {
        /// How long after the start.
        after: Duration,
    },
    /// Graph had a fault of its own, well-formed but no proof: 5xx, code 1 or 2, or transient.
    MetaFault(Fault),
    /// A reply that was not Graph's, or not a reply to this: HTML, a redirect, half a JSON text, an oversized body, 204.
    StrangeReply {
        /// Its HTTP status.
        http_status: u16,
    },
    /// HTTP 200 and JSON, but `success` was not the boolean `true`.
    SuccessNotTrue,
    /// The last request changed nothing for certain, but one before it, with an older PIN, is still in doubt. It is
    /// never what one request came to, only what is left of a number's requests.
    OlderPin(Unchanged),
}

/// How a request came to change nothing, for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unchanged {
    /// Meta refused it.
    Refused(Fault),
    /// It never left.
    NotSent(NotSent),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { waited } => write!(f, "sent, no answer in {} s", waited.as_secs()),
            Self::LineBroke { after } => write!(f, "sent, then the connection was lost after {} s", after.as_secs()),
            Self::MetaFault(fault) => write!(f, "Meta had a fault of its own, HTTP {}", fault.http_status),
            Self::StrangeReply { http_status } => write!(f, "a reply that was not Meta's, HTTP {http_status}"),
            Self::SuccessNotTrue => f.write_str("Meta answered, but did not say success: true"),
            Self::OlderPin(_) => f.write_str("an older PIN is in doubt"),
        }
    }
}

/// Why a read brought nothing. A read changes nothing, so there is no doubt about anything but the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFailure {
    /// Graph said no.
    Fault(Fault),
    /// It never left.
    NotSent(NotSent),
    /// No whole answer within the deadline, or the line broke.
    NoAnswer,
    /// A reply that was not Graph's.
    StrangeReply {
        /// Its HTTP status.
        http_status: u16,
    },
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{}", fault.message),
            Self::NotSent(why) => write!(f, "{why}"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::StrangeReply { http_status } => write!(f, "a reply that was not Meta's, HTTP {http_status}"),
        }
    }
}
