//! Why no reply came: what the layers below say of a failed exchange, made into a cause.
//!
//! Only a failure while connecting proves that no byte of the request left. No text made here holds a URL.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::outcome::{Doubt, NotSent, Outcome, ReadFailure};
use crate::text::Clean;

/// How an exchange ended without a whole reply.
#[derive(Debug)]
pub(super) enum NoReply {
    /// No byte of the request left.
    NotSent(NotSent),
    /// The deadline passed.
    Silence {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The connection was lost, or what came over it was no HTTP.
    LineBroke {
        /// How long after the start.
        after: Duration,
    },
    /// The body is longer than any reply of Graph's.
    TooLong {
        /// The status it came with.
        http_status: u16,
    },
}

impl NoReply {
    /// From an error of the HTTP client, `after` the start of the exchange.
    pub(super) fn from_error(error: &reqwest::Error, after: Duration, connect_timeout: Duration) -> Self {
        if error.is_builder() {
            Self::NotSent(NotSent::RefusedHere(Clean::new("the request could not be built")))
        } else if error.is_connect() {
            Self::NotSent(why_not_connected(error, connect_timeout))
        } else {
            Self::LineBroke { after }
        }
    }
}

impl From<NoReply> for Outcome {
    fn from(end: NoReply) -> Self {
        match end {
            NoReply::NotSent(why) => Self::NotSent(why),
            NoReply::Silence { waited } => Self::InDoubt(Doubt::NoAnswer { waited }),
            NoReply::LineBroke { after } => Self::InDoubt(Doubt::LineBroke { after }),
            NoReply::TooLong { http_status } => Self::InDoubt(Doubt::StrangeReply { http_status }),
        }
    }
}

impl From<NoReply> for ReadFailure {
    fn from(end: NoReply) -> Self {
        match end {
            NoReply::NotSent(why) => Self::NotSent(why),
            NoReply::Silence { .. } | NoReply::LineBroke { .. } => Self::NoAnswer,
            NoReply::TooLong { http_status } => Self::StrangeReply { http_status },
        }
    }
}

fn why_not_connected(error: &reqwest::Error, connect_timeout: Duration) -> NotSent {
    let mut deepest: &(dyn Error + 'static) = error;
    loop {
        if let Some(tls) = tls_error(deepest) {
            return NotSent::Tls(Clean::new(&tls_words(tls)));
        }
        match deepest.source() {
            Some(source) => deepest = source,
            None => break,
        }
    }
    if error.is_timeout() {
        return NotSent::NoConnection(Clean::new(&format!("none within {} s", connect_timeout.as_secs())));
    }
    let words = deepest.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    NotSent::NoConnection(match words.strip_prefix("tunnel error: ") {
        Some(why) => Clean::new(&format!("the proxy gave no tunnel: {why}")),
        None => Clean::new(words),
    })
}

/// An I/O error keeps what it wraps to itself (`source()` passes it by), and here one may wrap another.
fn tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    while let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = wrapped;
    }
    error.downcast_ref()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "not our enum, and open: rustls has words for the rest")]
fn tls_words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(certificate) = error else { return error.to_string() };
    let words = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        CertificateError::UnknownIssuer => "the certificate is from an unknown authority",
        CertificateError::BadSignature => "the certificate was not signed by the authority it names",
        CertificateError::Revoked => "the certificate was revoked",
        other => return other.to_string(),
    };
    words.to_owned()
}
