//! The Graph API that requests go to, and its credentials.
//!
//! An [`Endpoint`] is safe to send a token to: https, or http to this machine. Only one method of
//! [`AccessToken`] returns the token. This module never opens a connection.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::domain::text_problem::TextProblem;

/// The base URL of the Graph API, if nothing else is configured.
pub const DEFAULT_GRAPH_URL: &str = "https://graph.facebook.com";

/// The Graph version, if nothing else is configured. Meta released it on 2025-10-08 and supports it until 2028-02-18.
///
/// Source: developers.facebook.com/docs/graph-api/changelog.
pub const DEFAULT_GRAPH_VERSION: &str = "v24.0";

/// A Graph API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port.
    pub url: GraphUrl,
    /// The version in each path.
    pub version: GraphVersion,
    /// A certificate authority to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// The base of a Graph API: https anywhere, or http to a loopback address; no user, no query, no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphUrl(Url);

/// Why a URL cannot be a [`GraphUrl`]. The error repeats no part of it, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseGraphUrlError {
    /// The text is not a URL.
    #[error("this is not a URL")]
    InvalidUrl,
    /// The URL is plain http to another machine, or has another scheme.
    #[error("only https is allowed, or http to a loopback address such as http://127.0.0.1:8080")]
    NotEncrypted,
    /// The URL contains a user or a password.
    #[error("a user or password in the URL is not allowed")]
    HasCredentials,
    /// The URL contains a query or a fragment.
    #[error("a query or a fragment in the URL is not allowed")]
    HasQueryOrFragment,
    /// The host name is not plain ASCII, or is encoded from one that is not.
    #[error("the host name must be plain ASCII, without xn--: such a name can look like another one")]
    LookAlikeHost,
    /// The path contains a version, which `graph_version` would add a second time.
    #[error("the version belongs in graph_version, not in the URL")]
    HasVersion,
}

impl FromStr for GraphUrl {
    type Err = ParseGraphUrlError;

    fn from_str(text: &str) -> Result<Self, ParseGraphUrlError> {
        let url = Url::parse(text).map_err(|_| ParseGraphUrlError::InvalidUrl)?;
        // The parser turns a host name that is not ASCII into one that is, with or without such labels.
        let authority = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', '\\', '?', '#']).next();
        let has_encoded_label =
            url.host_str().is_some_and(|host| host.split('.').any(|label| label.starts_with("xn--")));
        if has_encoded_label || authority.is_some_and(|authority| !authority.is_ascii()) {
            return Err(ParseGraphUrlError::LookAlikeHost);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ParseGraphUrlError::HasCredentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ParseGraphUrlError::HasQueryOrFragment);
        }
        if url.path_segments().is_some_and(|mut parts| parts.any(|part| part.parse::<GraphVersion>().is_ok())) {
            return Err(ParseGraphUrlError::HasVersion);
        }
        let url = Self(url);
        match url.0.scheme() {
            "https" if url.0.has_host() => Ok(url),
            "http" if url.is_loopback() => Ok(url),
            _ => Err(ParseGraphUrlError::NotEncrypted),
        }
    }
}

impl GraphUrl {
    /// True if requests stay on this machine. False for names such as `localhost`, because they may resolve to another
    /// machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Some(Host::Domain(_)) | None => false,
        }
    }

    /// True for plain http, which is allowed only for loopback addresses and never goes through a proxy.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// True if this is Meta's own Graph API.
    #[must_use]
    pub fn is_meta(&self) -> bool {
        self.host() == "graph.facebook.com"
    }

    /// True if the host is this machine, so that no proxy can reach it.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        self.is_plain_http() || self.is_loopback() || self.host() == "localhost"
    }

    /// The host name, with the port if it is not the usual one.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        self.0.port().map_or_else(|| self.host().to_owned(), |port| format!("{}:{port}", self.host()))
    }

    /// The host name and the port, for messages about a connection.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.port_or_known_default().map_or_else(|| self.host().to_owned(), |port| format!("{}:{port}", self.host()))
    }

    /// The host name, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Adds path segments to the base URL.
    #[must_use]
    pub fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

impl fmt::Display for GraphUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// A Graph version, `v24.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphVersion(String);

/// The text is not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version looks like {DEFAULT_GRAPH_VERSION}")]
pub struct ParseVersionError;

impl FromStr for GraphVersion {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let (major, minor) = text.strip_prefix('v').and_then(|rest| rest.split_once('.')).ok_or(ParseVersionError)?;
        let is_number =
            |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number(major) && is_number(minor) { Ok(Self(text.to_owned())) } else { Err(ParseVersionError) }
    }
}

impl fmt::Display for GraphVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An access token. Wiped when dropped; `Debug` does not show it.
#[derive(Clone)]
pub struct AccessToken(SecretString);

/// The text cannot be a token. The error does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseSecretError {
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// The text contains spaces, control or non-ASCII characters, or more than 4,096 characters.
    #[error("it must be one line of at most 4,096 ASCII characters without spaces")]
    InvalidFormat,
    /// The secret is wrapped into something else.
    #[error(transparent)]
    Wrapped(TextProblem),
}

impl AccessToken {
    /// Accepts one word of visible ASCII. Ignores spaces and line ends around it.
    ///
    /// # Errors
    /// If there is no word or more than one, characters that no token has, or something around the token.
    pub fn parse(text: &str) -> Result<Self, ParseSecretError> {
        const MAX_BYTES: usize = 4_096;
        let word = text.trim();
        if word.is_empty() {
            return Err(ParseSecretError::Empty);
        }
        if let Some(problem) = TextProblem::of_word(word) {
            return Err(ParseSecretError::Wrapped(problem));
        }
        if word.len() > MAX_BYTES || !word.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ParseSecretError::InvalidFormat);
        }
        Ok(Self(word.to_owned().into()))
    }

    /// The token, for the `Authorization` header. No other method returns it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// The secret of the Meta app, which signs requests (`appsecret_proof`). Wiped when dropped; `Debug` does not show it.
#[derive(Clone)]
pub struct AppSecret(SecretString);

impl AppSecret {
    /// Accepts one word of visible ASCII, as [`AccessToken::parse`] does.
    ///
    /// # Errors
    /// If there is no word or more than one, or characters that no secret has.
    pub fn parse(text: &str) -> Result<Self, ParseSecretError> {
        AccessToken::parse(text).map(|word| Self(word.0))
    }

    /// The secret, as the key of a proof. No other method returns it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecret(…)")
    }
}

/// The credentials for the Graph API.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The access token, which pindesk sends only in the `Authorization` header.
    pub token: AccessToken,
    /// The secret that signs requests, if the app requires signed requests.
    pub app_secret: Option<AppSecret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback_http_is_accepted() {
        for good in [
            "https://graph.facebook.com",
            "https://graph.facebook.com/",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://127.9.9.9",
        ] {
            assert!(good.parse::<GraphUrl>().is_ok(), "{good}");
        }
        let bad = [
            ("http://graph.facebook.com", ParseGraphUrlError::NotEncrypted),
            ("http://localhost:1", ParseGraphUrlError::NotEncrypted),
            ("http://127.0.0.1.evil.example", ParseGraphUrlError::NotEncrypted),
            ("http://10.0.0.1", ParseGraphUrlError::NotEncrypted),
            ("ftp://127.0.0.1", ParseGraphUrlError::NotEncrypted),
            ("https://grаph.facebook.com", ParseGraphUrlError::LookAlikeHost),
            ("https://graph.fäcebook.com:8443", ParseGraphUrlError::LookAlikeHost),
            ("https://graph.xn--fcebook-8va.com", ParseGraphUrlError::LookAlikeHost),
            ("https://XN--fcebook-8va.com", ParseGraphUrlError::LookAlikeHost),
            ("https://ｇraph.facebook.com", ParseGraphUrlError::LookAlikeHost),
            ("https://graph。facebook.com", ParseGraphUrlError::LookAlikeHost),
            ("file:///etc/passwd", ParseGraphUrlError::NotEncrypted),
            ("https://graph.facebook.com@evil.example", ParseGraphUrlError::HasCredentials),
            ("https://graph.facebook.com/?x=1", ParseGraphUrlError::HasQueryOrFragment),
            ("https://graph.facebook.com/v24.0", ParseGraphUrlError::HasVersion),
            ("graph.facebook.com", ParseGraphUrlError::InvalidUrl),
        ];
        for (text, error) in bad {
            assert_eq!(text.parse::<GraphUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_path_is_built_from_segments() {
        let url: GraphUrl = "https://graph.facebook.com/".parse().expect("a good URL");
        assert_eq!(
            url.join(["v24.0", "1", "phone_numbers"]).as_str(),
            "https://graph.facebook.com/v24.0/1/phone_numbers"
        );
        assert_eq!(url.to_string(), "https://graph.facebook.com");
    }

    #[test]
    fn debug_never_shows_the_token() {
        let token = AccessToken::parse(" EAAJfake\n").expect("a token");
        assert_eq!(token.expose(), "EAAJfake");
        assert_eq!(format!("{token:?}"), "AccessToken(…)");
        assert_eq!(AccessToken::parse(" \n").err(), Some(ParseSecretError::Empty));
        assert_eq!(AccessToken::parse("two words").err(), Some(ParseSecretError::InvalidFormat));
        assert_eq!(AccessToken::parse("\"EAAJ\"").err(), Some(ParseSecretError::Wrapped(TextProblem::Quoted)));
    }
}
