//! Chooses the proxy for https from the environment, and explains how a proxy refused a tunnel.
//!
//! A variable that cannot be understood is an error: a direct connection instead could break a rule of the network. The
//! proxy sees the name of the host, never a token or a PIN. No text contains the user or the password of the proxy.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::NoProxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url, form_urlencoded};
use zeroize::Zeroizing;

/// In the order in which they apply. `http_proxy` is not among them: plain http goes to this machine only.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The longest status line that is read of a proxy.
const MAX_STATUS_LINE_BYTES: usize = 1024;

/// A proxy of the environment.
#[derive(Clone)]
pub(super) struct EnvProxy {
    variable: &'static str,
    url: Url,
}

/// Why a variable names no usable proxy. The error repeats no part of its value, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyProblem {
    /// The text is not a URL with a host.
    #[error("this is not the URL of a proxy, such as http://proxy.example.com:3128")]
    InvalidUrl,
    /// The URL has another scheme.
    #[error("only proxies with http:// or https:// are supported")]
    UnsupportedScheme,
}

impl EnvProxy {
    /// The first variable that is not empty.
    ///
    /// # Errors
    /// If its value is not the URL of a proxy: the name of the variable, and why.
    pub(super) fn from_lookup(
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, (&'static str, ProxyProblem)> {
        for variable in VARIABLES {
            let Some(value) = lookup(variable).filter(|value| !value.is_empty()) else { continue };
            let url = value.to_str().ok_or(ProxyProblem::InvalidUrl).and_then(parse_url);
            return url.map(|url| Some(Self { variable, url })).map_err(|problem| (variable, problem));
        }
        Ok(None)
    }

    /// The proxy for the HTTP client. `NO_PROXY` still exempts hosts from it.
    ///
    /// # Errors
    /// If the client refuses the URL.
    pub(super) fn for_client(&self) -> reqwest::Result<reqwest::Proxy> {
        Ok(reqwest::Proxy::https(self.url.clone())?.no_proxy(NoProxy::from_env()))
    }

    /// Asks the proxy once more for a tunnel to `target`, as the HTTP client did, and returns the HTTP status, which the
    /// client does not tell. `None` if there is none within `limit`, or the connection to the proxy is encrypted.
    pub(super) async fn refusal_status(&self, target: &Url, limit: Duration) -> Option<u16> {
        if self.url.scheme() != "http" {
            return None;
        }
        let status_line = timeout(limit, self.request_tunnel(target)).await.ok()?.ok()?;
        let status = status_line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
        status.parse().ok().filter(|status| (100..=999).contains(status) && *status != 200)
    }

    async fn request_tunnel(&self, target: &Url) -> io::Result<String> {
        let host = match self.url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host @ (Host::Domain(_) | Host::Ipv4(_))) => host.to_string(),
            None => String::new(),
        };
        let mut stream = TcpStream::connect((host, self.port())).await?;
        let target =
            format!("{}:{}", target.host_str().unwrap_or_default(), target.port_or_known_default().unwrap_or_default());
        let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
        if let Some(credentials) = self.credentials() {
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&credentials);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut line = Vec::new();
        while line.len() < MAX_STATUS_LINE_BYTES && !line.contains(&b'\n') {
            if stream.read_buf(&mut line).await? == 0 {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&line).lines().next().unwrap_or_default().to_owned())
    }

    /// User and password in the form of the `Basic` scheme, if the URL has them.
    fn credentials(&self) -> Option<Zeroizing<String>> {
        let (user, password) = (self.url.username(), self.url.password().unwrap_or_default());
        if user.is_empty() && password.is_empty() {
            return None;
        }
        let pair = Zeroizing::new(format!("{}:{}", *percent_decoded(user), *percent_decoded(password)));
        Some(Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes())))
    }

    fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }
}

/// Host, port and variable: `127.0.0.1:3128 (https_proxy)`.
impl fmt::Display for EnvProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.url.host_str().unwrap_or_default(), self.port(), self.variable)
    }
}

/// A value without a scheme means http, as in other programs.
fn parse_url(text: &str) -> Result<Url, ProxyProblem> {
    let with_scheme = Zeroizing::new(if text.contains("://") { text.to_owned() } else { format!("http://{text}") });
    let url = Url::parse(&with_scheme).map_err(|_| ProxyProblem::InvalidUrl)?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        "http" | "https" => Err(ProxyProblem::InvalidUrl),
        _ => Err(ProxyProblem::UnsupportedScheme),
    }
}

/// A part of a URL without its percent encoding.
fn percent_decoded(text: &str) -> Zeroizing<String> {
    // In a form, these three have a meaning that they do not have here.
    let form = Zeroizing::new(text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D"));
    let decoded = form_urlencoded::parse(form.as_bytes()).next();
    Zeroizing::new(decoded.map(|(text, _)| text.into_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)]) -> Result<Option<String>, (&'static str, ProxyProblem)> {
        let lookup =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value));
        EnvProxy::from_lookup(lookup).map(|proxy| proxy.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn the_first_variable_that_is_not_empty_names_the_proxy() {
        let name = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(proxy(&[("http_proxy", "http://a:1"), ("HTTPS_PROXY", "")]), Ok(None));
        assert_eq!(proxy(&[("https_proxy", "a:1"), ("ALL_PROXY", "b:1")]), name("a:1 (https_proxy)"));
        assert_eq!(proxy(&[("all_proxy", "https://u:p@a")]), name("a:443 (all_proxy)"));
        assert_eq!(proxy(&[("HTTPS_PROXY", "http://[::1]:3128/")]), name("[::1]:3128 (HTTPS_PROXY)"));
    }

    #[test]
    fn a_malformed_variable_is_an_error_without_its_value() {
        for value in [":::bad", "http://[bad", "http://a b", "http://", "u:pa:ss@x:y", "http://a:99999"] {
            assert_eq!(proxy(&[("https_proxy", value)]), Err(("https_proxy", ProxyProblem::InvalidUrl)), "{value}");
        }
        for value in ["socks5://127.0.0.1:9", "ftp://a:1", "file:///etc/passwd"] {
            let expected = Err(("ALL_PROXY", ProxyProblem::UnsupportedScheme));
            assert_eq!(proxy(&[("ALL_PROXY", value), ("all_proxy", "a:1")]), expected, "{value}");
        }
    }

    #[test]
    fn credentials_are_decoded_before_they_are_encoded() {
        let credentials = |text: &str| {
            let proxy = EnvProxy { variable: "https_proxy", url: parse_url(text).expect("a proxy") };
            proxy.credentials().map(|text| String::clone(&text))
        };
        assert_eq!(credentials("http://ana:p%40+%26=x@a:1"), Some(BASE64_STANDARD.encode("ana:p@+&=x")));
        assert_eq!(credentials("http://a:1"), None);
    }
}
