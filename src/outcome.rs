//! What one request came to, by a closed list of evidence.
//!
//! This module decides what is *true* of a request; `catalogue` decides the words and whether to repeat. The
//! list: CONFIRMED needs HTTP 200, the whole body, and a JSON object whose `success` is the boolean `true`.
//! Not applied for certain: never connected, refused here, or a well-formed Graph error with a 4xx status
//! whose code is not 1 or 2 and whose `is_transient` is not true. Everything else is IN DOUBT.
//!
//! The journal keeps these types as JSON: a field or a variant that is renamed keeps its old name there.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text::Clean;

/// An error as Graph tells it, every text cleaned.
///
/// Source: developers.facebook.com/docs/graph-api/guides/error-handling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotSent {
    /// No connection: refused, unreachable, or the name did not resolve. The text is the system's, cleaned.
    NoConnection(Clean),
    /// TLS failed before anything was sent: expired, wrong name, unknown authority.
    Tls(Clean),
    /// The work was stopped before its turn came.
    Stopped,
    /// The same work's access token was refused before its turn came.
    TokenRefused,
    /// Meta refused another number of the same WABA, for a reason that holds for all of them. The text says which, in a
    /// few words.
    WabaRefused(Clean),
    /// Too many requests of the same work in a row got no sure answer before its turn came.
    NoSureAnswers,
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
            Self::WabaRefused(why) => write!(f, "Meta refuses all numbers of this WABA: {why}"),
            Self::NoSureAnswers => f.write_str("too many requests in a row got no sure answer before this was sent"),
            Self::RefusedHere(why) => write!(f, "refused here: {why}"),
        }
    }
}

/// Why nobody can say whether a request was applied. Each cause has its own sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The program that sent it ended before an outcome was recorded.
    CutShort,
    /// Only the escrow file knows of the PIN. It is never what a request came to, only what is left of what is not known.
    Unrecorded,
    /// The last request changed nothing for certain, but one before it, with an older PIN, is still in doubt. It is
    /// never what one request came to, only what is left of a number's requests.
    OlderPin(Unchanged),
    /// The last repeat changed nothing for certain, but an earlier try with the same PIN is still in doubt. It is never
    /// what one request came to, only what is left of a change's requests.
    Repeated {
        /// Why the earlier try is in doubt; never itself one of these two.
        earlier: Box<Self>,
        /// How the repeat came to nothing.
        last: Unchanged,
    },
}

impl Doubt {
    /// The same doubt, after a repeat that changed nothing.
    #[must_use]
    pub fn repeated(self, last: Unchanged) -> Self {
        Self::Repeated { earlier: Box::new(self.about_the_request()), last }
    }

    /// What Graph said last, where it said something: of the repeat, or of the try before one that never left.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::MetaFault(fault)
            | Self::OlderPin(Unchanged::Refused(fault))
            | Self::Repeated { last: Unchanged::Refused(fault), .. } => Some(fault),
            Self::Repeated { earlier, last: Unchanged::NotSent(_) } => earlier.fault(),
            Self::OlderPin(Unchanged::NotSent(_))
            | Self::NoAnswer { .. }
            | Self::LineBroke { .. }
            | Self::StrangeReply { .. }
            | Self::SuccessNotTrue
            | Self::CutShort
            | Self::Unrecorded => None,
        }
    }

    /// The HTTP status of the reply that this tells of, if one came.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        if let Some(fault) = self.fault() {
            return Some(fault.http_status);
        }
        match self {
            Self::StrangeReply { http_status } => Some(*http_status),
            Self::SuccessNotTrue => Some(200),
            Self::Repeated { earlier, .. } => earlier.http_status(),
            Self::NoAnswer { .. }
            | Self::LineBroke { .. }
            | Self::MetaFault(_)
            | Self::CutShort
            | Self::Unrecorded
            | Self::OlderPin(_) => None,
        }
    }

    /// Why the request itself is in doubt, whatever its repeats came to.
    #[must_use]
    pub fn about_the_request(self) -> Self {
        if let Self::Repeated { earlier, .. } = self { *earlier } else { self }
    }
}

/// How a request came to change nothing, for certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
            Self::CutShort => f.write_str("the program that sent it ended before the answer"),
            Self::Unrecorded => f.write_str("known from the escrow file alone"),
            Self::OlderPin(_) => f.write_str("an older PIN is in doubt"),
            Self::Repeated { earlier, last: Unchanged::Refused(fault) } => {
                write!(f, "{earlier}; then a repeat was refused, code {}", fault.code)
            }
            Self::Repeated { earlier, last: Unchanged::NotSent(why) } => {
                write!(f, "{earlier}; then a repeat was not sent: {why}")
            }
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
