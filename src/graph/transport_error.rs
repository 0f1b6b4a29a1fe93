//! Explains why no complete reply arrived: turns errors of the layers below into a cause.
//!
//! Only a failure while connecting proves that no byte of the request was sent. The texts never contain a URL.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::domain::outcome::{DoubtReason, Outcome, ReadFailure, SendFailure};
use crate::domain::text::CleanText;

/// How an exchange ended without a complete reply.
#[derive(Debug)]
pub(super) enum TransportError {
    /// No byte of the request was sent.
    NotSent(SendFailure),
    /// The deadline passed.
    Timeout {
        /// How long pindesk waited.
        waited: Duration,
    },
    /// The connection was lost, or the reply was not HTTP.
    ConnectionLost {
        /// How long after the start of the exchange.
        after: Duration,
    },
    /// The body is longer than [`super::MAX_REPLY_BYTES`].
    BodyTooLarge {
        /// The HTTP status of the reply.
        http_status: u16,
    },
}

impl TransportError {
    /// Classifies an error of the HTTP client. It happened `after` the start of the exchange.
    pub(super) fn from_reqwest(error: &reqwest::Error, after: Duration, connect_timeout: Duration) -> Self {
        if error.is_builder() {
            Self::NotSent(SendFailure::RefusedLocally(CleanText::new("the request could not be built")))
        } else if error.is_connect() {
            Self::NotSent(connect_failure(error, connect_timeout))
        } else {
            Self::ConnectionLost { after }
        }
    }
}

impl From<TransportError> for Outcome {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotSent(failure) => Self::NotSent(failure),
            TransportError::Timeout { waited } => Self::InDoubt(DoubtReason::TimedOut { waited }),
            TransportError::ConnectionLost { after } => Self::InDoubt(DoubtReason::ConnectionLost { after }),
            TransportError::BodyTooLarge { http_status } => Self::InDoubt(DoubtReason::UnexpectedReply { http_status }),
        }
    }
}

impl From<TransportError> for ReadFailure {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotSent(failure) => Self::NotSent(failure),
            TransportError::Timeout { .. } | TransportError::ConnectionLost { .. } => Self::NoAnswer,
            TransportError::BodyTooLarge { http_status } => Self::UnexpectedReply { http_status },
        }
    }
}

fn connect_failure(error: &reqwest::Error, connect_timeout: Duration) -> SendFailure {
    let mut deepest: &(dyn Error + 'static) = error;
    loop {
        if let Some(tls) = find_tls_error(deepest) {
            return SendFailure::Tls(CleanText::new(&tls_error_text(tls)));
        }
        match deepest.source() {
            Some(source) => deepest = source,
            None => break,
        }
    }
    if error.is_timeout() {
        return SendFailure::NoConnection(CleanText::new(&format!("none within {} s", connect_timeout.as_secs())));
    }
    let text = deepest.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    SendFailure::NoConnection(match text.strip_prefix("tunnel error: ") {
        Some(why) => CleanText::new(&format!("the proxy refused the tunnel: {why}")),
        None => CleanText::new(text),
    })
}

/// Looks inside I/O errors, because `source()` skips the error that one wraps, and one may wrap another.
fn find_tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    while let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = wrapped;
    }
    error.downcast_ref()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a non-exhaustive enum that can print the rest")]
fn tls_error_text(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(certificate) = error else { return error.to_string() };
    let text = match certificate {
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
    text.to_owned()
}
