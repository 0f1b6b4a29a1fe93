//! Sets up the HTTP client: trusted certificates, the proxy, and nothing that would send a request twice or elsewhere.
//!
//! It sends nothing.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect, retry};

use crate::config::endpoint::Endpoint;
use crate::graph::CONNECT_TIMEOUT;
use crate::graph::proxy::{EnvProxy, ProxyProblem};
use crate::graph::tls_roots::{self, TlsRootsError};

/// The server may close a connection that was idle for longer than this, just as pindesk sends a PIN over it, which
/// would put that PIN in doubt. Load balancers close idle connections after 60 s or more.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a client of the Graph API cannot be created. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum GraphSetupError {
    /// Whom TLS trusts is not known.
    #[error(transparent)]
    Roots(#[from] TlsRootsError),
    /// An HTTP header cannot carry the token.
    #[error("the access token contains a character that an HTTP header cannot carry")]
    InvalidToken,
    /// The proxy of the environment cannot be used.
    #[error("{variable} names no proxy that pindesk can use: {problem}")]
    Proxy {
        /// The name of the environment variable.
        variable: &'static str,
        /// What is wrong with its value.
        problem: ProxyProblem,
    },
    /// The HTTP client could not be created.
    #[error("cannot set up the HTTP client")]
    HttpClient(#[source] reqwest::Error),
}

/// The proxy that the environment names for https.
pub(super) fn environment_proxy() -> Result<Option<EnvProxy>, GraphSetupError> {
    EnvProxy::from_lookup(|name| std::env::var_os(name))
        .map_err(|(variable, problem)| GraphSetupError::Proxy { variable, problem })
}

pub(super) fn build_client(
    endpoint: &Endpoint,
    proxy: Option<&EnvProxy>,
    max_in_flight: usize,
) -> Result<Client, GraphSetupError> {
    let mut builder = ClientBuilder::new()
        .user_agent(concat!("pindesk/", env!("CARGO_PKG_VERSION")))
        // A redirect would carry the PIN to another host, or turn the request into a read that reports "success".
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(max_in_flight)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT);
    // The HTTP client would ignore a variable that it cannot parse, and connect directly.
    builder = builder.no_proxy();
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy.for_client().map_err(GraphSetupError::HttpClient)?);
    }
    if endpoint.url.is_plain_http() {
        // Loads no TLS roots: that takes time, and fails if the system has none.
        builder = builder.tls_certs_only([]);
    } else {
        builder = builder.https_only(true).tls_certs_only(tls_roots::load(endpoint)?);
    }
    builder.build().map_err(GraphSetupError::HttpClient)
}
