//! Explains why no complete reply arrived: turns errors of the layers below into a cause.
//!
//! Only a failure while connecting proves that no byte of the request was sent. The texts never contain a URL.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use crate::config::endpoint::GraphUrl;
use crate::domain::outcome::{DoubtReason, Outcome, ReadFailure, ReplyForm, SendFailure};
use crate::domain::text::CleanText;
use crate::graph::proxy::EnvProxy;

/// How an exchange ended without a complete reply.
#[derive(Debug)]
pub(super) enum TransportError {
    /// No byte of the request was sent.
    NotSent(SendFailure),
    /// The proxy refused to open a tunnel to the server, so no byte of the request was sent.
    TunnelRefused {
        /// Its host and port, and the variable that names it.
        proxy: String,
        /// The HTTP status of its answer, if it is known.
        status: Option<u16>,
    },
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
    /// Classifies an error of the HTTP client. It happened `after` the start of the exchange with the server of `url`.
    /// `proxy` is the one that the client uses, unless `NO_PROXY` exempts the host.
    pub(super) fn from_reqwest(
        error: &reqwest::Error,
        after: Duration,
        connect_timeout: Duration,
        url: &GraphUrl,
        proxy: Option<&EnvProxy>,
    ) -> Self {
        if error.is_builder() {
            Self::NotSent(SendFailure::RefusedLocally(CleanText::new("the request could not be built")))
        } else if error.is_connect() {
            connect_failure(error, connect_timeout, url, proxy)
        } else {
            Self::ConnectionLost { after }
        }
    }
}

impl From<TransportError> for Outcome {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotSent(failure) => Self::NotSent(failure),
            TransportError::TunnelRefused { proxy, status } => Self::NotSent(refused_tunnel(&proxy, status)),
            TransportError::Timeout { waited } => Self::InDoubt(DoubtReason::TimedOut { waited }),
            TransportError::ConnectionLost { after } => Self::InDoubt(DoubtReason::ConnectionLost { after }),
            TransportError::BodyTooLarge { http_status } => {
                Self::InDoubt(DoubtReason::UnexpectedReply { http_status, form: ReplyForm::Unrecognized })
            }
        }
    }
}

impl From<TransportError> for ReadFailure {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotSent(failure) => Self::NotSent(failure),
            TransportError::TunnelRefused { proxy, status } => Self::NotSent(refused_tunnel(&proxy, status)),
            TransportError::Timeout { .. } | TransportError::ConnectionLost { .. } => Self::NoAnswer,
            TransportError::BodyTooLarge { http_status } => {
                Self::UnexpectedReply { http_status, form: ReplyForm::Unrecognized }
            }
        }
    }
}

fn refused_tunnel(proxy: &str, status: Option<u16>) -> SendFailure {
    let text = match status {
        Some(407) => {
            let text = format!("the proxy {proxy} wants a user and a password (HTTP 407)");
            return SendFailure::ProxyCredentials(CleanText::new(&text));
        }
        Some(status) => format!("the proxy {proxy} refused it (HTTP {status})"),
        None => format!("the proxy {proxy} refused it"),
    };
    SendFailure::NoConnection(CleanText::new(&text))
}

/// Why no connection was established: the deepest cause, and the proxy if it was on the way.
fn connect_failure(
    error: &reqwest::Error,
    connect_timeout: Duration,
    url: &GraphUrl,
    proxy: Option<&EnvProxy>,
) -> TransportError {
    let mut deepest: &(dyn Error + 'static) = error;
    let (mut proxy_failed, mut name_failed) = (false, false);
    loop {
        if let Some(tls) = find_tls_error(deepest) {
            return TransportError::NotSent(tls_failure(tls));
        }
        let text = deepest.to_string();
        match (text.strip_prefix("tunnel error: "), proxy) {
            (Some(why), Some(proxy)) if deepest.source().is_none() => return tunnel_failure(why, proxy),
            (Some(_), _) => proxy_failed = true,
            (None, _) => name_failed |= text == "dns error",
        }
        match deepest.source() {
            Some(source) => deepest = source,
            None => break,
        }
    }
    let address = url.address();
    if url.is_on_this_machine() && is_refused(deepest) {
        return TransportError::NotSent(SendFailure::NothingListens(CleanText::new(&address)));
    }
    let why = if error.is_timeout() {
        format!("none within {} s", connect_timeout.as_secs())
    } else {
        plain_text(&deepest.to_string())
    };
    let text = match proxy {
        Some(proxy) if proxy_failed && name_failed => format!("the name of the proxy {proxy} does not resolve ({why})"),
        Some(proxy) if proxy_failed => format!("the proxy {proxy} does not accept one: {why}"),
        // The time may have run out before the proxy or behind it, or `NO_PROXY` may exempt the host.
        Some(proxy) if error.is_timeout() => format!("{why} ({address}); the environment names the proxy {proxy}"),
        Some(_) | None if name_failed => format!("the name {} does not resolve ({why})", url.host()),
        Some(_) | None => format!("{why} ({address})"),
    };
    TransportError::NotSent(SendFailure::NoConnection(CleanText::new(&text)))
}

/// True if the other side refused the connection, as a machine does without a server at the port.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The text of the system, or plain words instead of those of a library.
fn plain_text(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or_default();
    match text {
        "tls handshake eof" => "the server closed it before TLS was established".to_owned(),
        // What the resolver says in front of every cause.
        _ => text.strip_prefix("failed to lookup address information: ").unwrap_or(text).to_owned(),
    }
}

/// A proxy that answered, but opened no tunnel. The HTTP client tells its words, but not the HTTP status.
fn tunnel_failure(why: &str, proxy: &EnvProxy) -> TransportError {
    let what = match why {
        "unsuccessful" => return TransportError::TunnelRefused { proxy: proxy.to_string(), status: None },
        "proxy authorization required" => {
            return TransportError::TunnelRefused { proxy: proxy.to_string(), status: Some(407) };
        }
        "unexpected end of file" => "closed the connection",
        _ => "did not answer as a proxy",
    };
    TransportError::NotSent(SendFailure::NoConnection(CleanText::new(&format!("the proxy {proxy} {what}"))))
}

/// Looks inside I/O errors, because `source()` skips the error that one wraps, and one may wrap another.
fn find_tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    while let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = wrapped;
    }
    error.downcast_ref()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "non-exhaustive enums of a library")]
fn tls_failure(error: &rustls::Error) -> SendFailure {
    let text = |text: &str| CleanText::new(text);
    match error {
        rustls::Error::InvalidCertificate(CertificateError::NotValidForName) => {
            SendFailure::CertificateName(text("the certificate is for another host"))
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => {
            SendFailure::CertificateName(wrong_name_text(&expected.to_str(), presented))
        }
        rustls::Error::InvalidCertificate(certificate) => SendFailure::Tls(text(certificate_problem(certificate))),
        rustls::Error::InvalidMessage(_) => SendFailure::TlsHandshake(text("the server did not answer with TLS")),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => SendFailure::TlsHandshake(text("the server accepts only versions of TLS below 1.2")),
        rustls::Error::AlertReceived(_) => {
            SendFailure::TlsHandshake(text("the server refused the TLS connection, without saying why"))
        }
        rustls::Error::PeerIncompatible(_) => {
            SendFailure::TlsHandshake(text("the server and pindesk have no kind of TLS in common"))
        }
        _ => SendFailure::TlsHandshake(text("the server broke the rules of TLS")),
    }
}

/// Names the hosts of a certificate, at most two of them: a certificate can have hundreds.
fn wrong_name_text(expected: &str, presented: &[String]) -> CleanText {
    const MAX_NAMES: usize = 2;
    // The TLS library writes `DnsName("example.com")` and `IpAddress(127.0.0.1)`.
    let names: Vec<&str> = presented
        .iter()
        .take(MAX_NAMES)
        .filter_map(|name| Some(name.split_once('(')?.1.trim_end_matches(')').trim_matches('"')))
        .collect();
    let more = if presented.len() > MAX_NAMES { " and others" } else { "" };
    match names.as_slice() {
        [] => CleanText::new(&format!("the certificate names no host, so it is not for {expected}")),
        names => CleanText::new(&format!("the certificate is for {}{more}, not for {expected}", names.join(", "))),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a non-exhaustive enum of a library")]
const fn certificate_problem(certificate: &CertificateError) -> &'static str {
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::UnknownIssuer => "the certificate is from an unknown authority",
        CertificateError::BadSignature => "the certificate was not signed by the authority it names",
        CertificateError::Revoked => "the certificate was revoked",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not one of a server"
        }
        CertificateError::BadEncoding => "the certificate is damaged",
        _ => "the certificate is not valid",
    }
}
