//! Sets up the HTTP client: trusted certificates, the proxy, and nothing that would send a request twice or elsewhere.
//!
//! It sends nothing.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, redirect, retry};

use crate::config::endpoint::Endpoint;
use crate::graph::CONNECT_TIMEOUT;
use crate::graph::proxy::{EnvProxy, ProxyProblem};

/// The server may close a connection that was idle for longer than this, just as pindesk sends a PIN over it, which
/// would put that PIN in doubt. Load balancers close idle connections after 60 s or more.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a client of the Graph API cannot be created. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum GraphSetupError {
    /// The CA file cannot be read.
    #[error("cannot read the CA file {}", path.display())]
    CaFile {
        /// As configured.
        path: PathBuf,
        /// Why the system refused to read it.
        #[source]
        source: io::Error,
    },
    /// The CA file holds no certificate.
    #[error("no PEM certificate in the CA file {}", path.display())]
    NoCertificate {
        /// As configured.
        path: PathBuf,
    },
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
    /// The HTTP client could not be created: for https, most often because the system has no certificates.
    #[error("cannot set up TLS: the system's CA certificates are missing, or one in the CA file is damaged")]
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
        builder = builder.https_only(true).tls_certs_merge(extra_ca_certificates(endpoint)?);
    }
    builder.build().map_err(GraphSetupError::HttpClient)
}

fn extra_ca_certificates(endpoint: &Endpoint) -> Result<Vec<Certificate>, GraphSetupError> {
    let Some(path) = &endpoint.ca_file else { return Ok(Vec::new()) };
    let pem = fs::read(path).map_err(|source| GraphSetupError::CaFile { path: path.clone(), source })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(GraphSetupError::NoCertificate { path: path.clone() }),
    }
}
