//! Calls the Graph API over HTTP: each call returns one typed outcome.
//!
//! It does not retry, does not wait between calls, follows no redirect and no link, and concludes from an error only
//! what that error proves. One exception: if Graph refuses a read because of a field name, it repeats the read with
//! fewer fields.

mod fields;
mod json;
mod rate_limit;
mod proxy;
mod tls_roots;
mod http_client;
mod transport_error;
mod reply;
mod secrets;
mod discovery;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::config::endpoint::{Credentials, Endpoint, GraphUrl, GraphVersion};
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::{ObjectKind, Outcome, ReadFailure, ReplyForm};
use crate::domain::pin::Pin;
use crate::graph::fields::{FieldRefusal, FieldSet, KnownFields, NumberParser};
use crate::graph::http_client::{build_client, environment_proxy};
use crate::graph::json::Json;
use crate::graph::proxy::EnvProxy;
use crate::graph::reply::HttpReply;
use crate::graph::secrets::RequestSecrets;
use crate::graph::transport_error::TransportError;
use crate::policy::quota::Usage;

pub use crate::graph::discovery::{WabaPage, WabaSource};
pub use crate::graph::http_client::GraphSetupError;
pub use crate::graph::proxy::ProxyProblem;
pub use crate::graph::tls_roots::TlsRootsError;

/// For DNS, TCP and TLS together. Shorter than [`TOTAL_TIMEOUT`], so that a connection that is never established is
/// reported as "not sent" and not as in doubt.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// From the call to the last byte of the reply. Meta documents no limit for setting a PIN; registering a number may
/// take 15 s, and Meta's own clients wait 20 s and more.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest body that is read of one reply. A page of 100 numbers is about 40 kB.
pub const MAX_REPLY_BYTES: usize = 1024 * 1024;

/// Names the version that a reply is of. Source: github.com/facebook/openapi, `business-messaging-api_v23.0.yaml`.
const VERSION_HEADER: &str = "facebook-api-version";

/// How many numbers one page holds at most.
/// Source: github.com/facebook/openapi, `business-messaging-api_v23.0.yaml`.
pub const MAX_PAGE_SIZE: u8 = 100;

/// The header with the trace ID that Graph also writes into most errors.
/// Source: github.com/facebook/openapi, `business-messaging-api_v23.0.yaml`.
const TRACE_ID_HEADER: &str = "x-fb-trace-id";

/// A client of one Graph API. A clone shares its connections.
#[derive(Clone)]
pub struct Graph {
    inner: Arc<Inner>,
    clock: Clock,
    on_other_version: Option<Arc<VersionObserver>>,
}

/// Is told the first time that a reply is of another version than pindesk asked for.
pub type VersionObserver = dyn Fn(OtherVersion) + Send + Sync;

/// Meta served another version of the Graph API than the config has, as it does after a version has expired.
///
/// Source: developers.facebook.com/docs/graph-api/guides/versioning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherVersion {
    /// The version that the config has.
    pub asked: GraphVersion,
    /// The version of the reply.
    pub served: GraphVersion,
}

impl fmt::Display for OtherVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, served } = self;
        write!(f, "Meta answered with version {served} instead of {asked}, which may have expired. ")?;
        write!(f, "Set graph_version in the config.")
    }
}

struct Inner {
    client: Client,
    proxy: Option<EnvProxy>,
    url: GraphUrl,
    version: GraphVersion,
    /// A reply of another version was seen.
    has_seen_other_version: AtomicBool,
    secrets: RequestSecrets,
    known_fields: KnownFields,
}

/// Where a list continues, as Graph encodes it: the parameter of the next page, and its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageCursor {
    parameter: &'static str,
    value: Box<str>,
}

/// The result of setting a PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPinAnswer {
    /// Whether Meta set the PIN, refused it, or left it in doubt.
    pub outcome: Outcome,
    /// What the reply told about the limits; nothing if there was none.
    pub usage: Usage,
}

/// The result of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadAnswer<T> {
    /// What was read, or why it was not.
    pub result: Result<T, ReadFailure>,
    /// What the last reply told about the limits; nothing if there was none.
    pub usage: Usage,
}

impl<T> ReadAnswer<T> {
    /// The answer with a value for each value that was read.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> ReadAnswer<U> {
        ReadAnswer { result: self.result.map(convert), usage: self.usage }
    }
}

/// One page of the numbers of a WABA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphPage {
    /// The numbers, in Graph's order. A page may be empty without being the last.
    pub numbers: Vec<Number>,
    /// How many rows have no usable ID. They are left out, because no request could name them.
    pub skipped: usize,
    /// Where the list continues; `None` on the last page.
    pub next: Option<PageCursor>,
    /// True if Graph says that the list continues, but not how to request the next page.
    pub is_cut_off: bool,
}

/// What to say if the environment names certificates: connections to this endpoint do not trust them.
#[must_use]
pub fn ignored_certificates(endpoint: &Endpoint) -> Option<String> {
    tls_roots::ignored_variables(endpoint, |name| std::env::var_os(name))
}

impl Graph {
    /// Creates a client for one endpoint that keeps up to `max_in_flight` idle connections. Loads the TLS roots for
    /// https, which takes some milliseconds; for http it loads nothing.
    ///
    /// # Errors
    /// If the CA file is unsafe, unreadable or holds no certificate, there are no certificates at all, or a variable of
    /// the environment names a proxy that cannot be used.
    pub fn new(endpoint: &Endpoint, credentials: Credentials, max_in_flight: usize) -> Result<Self, GraphSetupError> {
        let proxy = if endpoint.url.is_on_this_machine() { None } else { environment_proxy()? };
        let inner = Inner {
            client: build_client(endpoint, proxy.as_ref(), max_in_flight)?,
            proxy,
            url: endpoint.url.clone(),
            version: endpoint.version.clone(),
            has_seen_other_version: AtomicBool::new(false),
            secrets: RequestSecrets::new(credentials).map_err(|_| GraphSetupError::InvalidToken)?,
            known_fields: KnownFields::default(),
        };
        Ok(Self { inner: Arc::new(inner), clock: Clock::System, on_other_version: None })
    }

    /// Uses another clock for the times of numbers.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Tells `observer` once if a reply is of another version than pindesk asked for.
    #[must_use]
    pub fn on_other_version(self, observer: Arc<VersionObserver>) -> Self {
        Self { on_other_version: Some(observer), ..self }
    }

    /// Sets or replaces the PIN of a number, with one request. Takes at most [`TOTAL_TIMEOUT`].
    ///
    /// A caller that drops the future before it completes must treat the outcome as in doubt.
    ///
    /// Source:
    /// developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/two-step-verification.
    pub async fn set_pin(&self, number: PhoneNumberId, pin: &Pin) -> SetPinAnswer {
        let url = self.url(&[number.as_str()], &[]);
        let request =
            self.inner.client.post(url).header(CONTENT_TYPE, "application/json").body(secrets::set_pin_body(pin));
        match self.send_request(request).await {
            Ok(reply) => {
                let outcome = reply::set_pin_outcome(&reply, |text| self.inner.secrets.redact(text, Some(pin)));
                SetPinAnswer { outcome, usage: reply.usage }
            }
            Err(error) => SetPinAnswer { outcome: error.into(), usage: Usage::default() },
        }
    }

    /// Reads one number; its `waba` stays `None`. Fails if Graph did not report exactly this number.
    ///
    /// Source:
    /// developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/whatsapp-business-account-phone-number-api.
    pub async fn read_number(&self, number: PhoneNumberId) -> ReadAnswer<Number> {
        self.read_with_known_fields(ObjectKind::PhoneNumber, &[number.as_str()], &[], |json, asked_at| {
            let parsed = NumberParser::new(None, asked_at, |text: &str| self.inner.secrets.redact(text, None))
                .parse_number(json);
            parsed.filter(|parsed| parsed.id == number)
        })
        .await
    }

    /// Reads one page of the numbers of a WABA, with at most `limit` numbers: the first page, or the one at `after`. Fails
    /// if Graph did not report the page, or if the page links to itself, because then the list would never end.
    ///
    /// Source: developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/phone-numbers.
    pub async fn read_numbers_page(
        &self,
        waba: &Arc<Waba>,
        after: Option<&PageCursor>,
        limit: u8,
    ) -> ReadAnswer<GraphPage> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(after.map(|cursor| (cursor.parameter, &*cursor.value)));
        self.read_with_known_fields(ObjectKind::Waba, &[waba.id.as_str(), "phone_numbers"], &query, |json, asked_at| {
            let redact = |text: &str| self.inner.secrets.redact(text, None);
            let page = NumberParser::new(Some(waba), asked_at, redact).parse_page(json)?;
            (page.next.is_none() || page.next.as_ref() != after).then_some(page)
        })
        .await
    }

    /// Reads numbers. Repeats the read only while Graph refuses the name of a field, at most once for each field, and once
    /// for each client if Graph refuses the app secret proof, because it may want one with a time. What an object lacks is
    /// remembered for this object alone.
    async fn read_with_known_fields<T>(
        &self,
        kind: ObjectKind,
        path: &[&str],
        query: &[(&str, &str)],
        parse: impl Fn(&Json<'_>, UtcTime) -> Option<T>,
    ) -> ReadAnswer<T> {
        let node = path.first().copied().unwrap_or_default();
        let mut fields = self.inner.known_fields.of_node(node);
        loop {
            let answer = self.read_once(path, query, fields, &parse).await;
            let Err(ReadFailure::Api(error)) = &answer.result else { return answer };
            if self.inner.secrets.sign_time_after(error) {
                continue;
            }
            match fields.after_refusal(error, kind) {
                FieldRefusal::Fewer(fewer) => {
                    self.inner.known_fields.remember(node, fewer);
                    fields = fewer;
                }
                FieldRefusal::WrongKind(node_type) => {
                    let error = Box::new(error.clone());
                    let failure = ReadFailure::WrongKind { expected: kind, node_type, error };
                    return ReadAnswer { result: Err(failure), ..answer };
                }
                FieldRefusal::Final => return answer,
            }
        }
    }

    async fn read_once<T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        fields: FieldSet,
        parse: impl Fn(&Json<'_>, UtcTime) -> Option<T>,
    ) -> ReadAnswer<T> {
        let fields = fields.query_value();
        let mut pairs = vec![("fields", fields.as_str())];
        pairs.extend_from_slice(query);
        self.read_json(path, &pairs, parse).await
    }

    async fn read_json<T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        parse: impl Fn(&Json<'_>, UtcTime) -> Option<T>,
    ) -> ReadAnswer<T> {
        // A PIN that is set while the reply is on its way may not be in it.
        let asked_at = self.now();
        let reply = match self.send_request(self.inner.client.get(self.url(path, query))).await {
            Ok(reply) => reply,
            Err(error) => return ReadAnswer { result: Err(error.into()), usage: Usage::default() },
        };
        let json = reply::read_result(&reply, |text| self.inner.secrets.redact(text, None));
        let unexpected = ReadFailure::UnexpectedReply { http_status: reply.http_status, form: ReplyForm::Unrecognized };
        let result = json.and_then(|json| parse(&json, asked_at).ok_or(unexpected));
        ReadAnswer { result, usage: reply.usage }
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let version = self.inner.version.to_string();
        let mut url = self.inner.url.join(std::iter::once(version.as_str()).chain(path.iter().copied()));
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        for (name, value) in self.inner.secrets.proof_parameters(self.now()) {
            url.query_pairs_mut().append_pair(name, &value);
        }
        url
    }

    fn now(&self) -> UtcTime {
        self.clock.at(Instant::now().into_std()).utc
    }

    /// Sends one request and reads the complete reply.
    async fn send_request(&self, request: RequestBuilder) -> Result<HttpReply, TransportError> {
        let start = Instant::now();
        let request = request.header(AUTHORIZATION, self.inner.secrets.authorization());
        let proxy = self.inner.proxy.as_ref();
        let server = (&self.inner.url, proxy);
        let result = match timeout(TOTAL_TIMEOUT, send_and_read_body(request, server, start, self.now())).await {
            Ok(result) => result,
            Err(_) => Err(TransportError::Timeout { waited: start.elapsed() }),
        };
        self.check_version(&result);
        match (result, proxy) {
            (Err(TransportError::TunnelRefused { status: None, .. }), Some(proxy)) => {
                let limit = TOTAL_TIMEOUT.saturating_sub(start.elapsed()).min(CONNECT_TIMEOUT);
                let status = proxy.refusal_status(&self.url(&[], &[]), limit).await;
                Err(TransportError::TunnelRefused { proxy: proxy.to_string(), status })
            }
            (result, _) => result,
        }
    }

    fn check_version(&self, result: &Result<HttpReply, TransportError>) {
        let Some(observer) = &self.on_other_version else { return };
        let Some(served) = result.as_ref().ok().and_then(|reply| reply.version.clone()) else { return };
        let asked = &self.inner.version;
        if served != *asked && !self.inner.has_seen_other_version.swap(true, Ordering::Relaxed) {
            observer(OtherVersion { asked: asked.clone(), served });
        }
    }
}

async fn send_and_read_body(
    request: RequestBuilder,
    (url, proxy): (&GraphUrl, Option<&EnvProxy>),
    start: Instant,
    now: UtcTime,
) -> Result<HttpReply, TransportError> {
    let to_error =
        |error: reqwest::Error| TransportError::from_reqwest(&error, start.elapsed(), CONNECT_TIMEOUT, url, proxy);
    let mut response = request.send().await.map_err(to_error)?;
    let http_status = response.status().as_u16();
    let usage = rate_limit::usage(response.headers(), now);
    let text_of = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let trace_id = text_of(TRACE_ID_HEADER).map(str::to_owned);
    let version = text_of(VERSION_HEADER).and_then(|value| value.parse().ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(to_error)? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(TransportError::BodyTooLarge { http_status });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpReply { http_status, usage, trace_id, version, body })
}
