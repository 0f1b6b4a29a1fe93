//! Runs a fake Graph API: an HTTP server for a simulated [`World`] on loopback, inside the caller's tokio runtime.
//!
//! Its behavior is not always that of Meta: [`ABOUT`] lists the replies that are not confirmed. It never listens on
//! another address, starts a thread, sends a request, or accepts a real access token.

mod splitmix;
mod demo_rows;
mod faults;
mod response_gate;
mod connection;
mod world;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body as HttpBody, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequest as _, Multipart, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::demo_rows::FAILING_DEMO_ROWS;
pub use self::faults::{FaultPlan, FaultPlanError};
pub use self::response_gate::HoldGuard;
pub use self::world::{
    BUSINESS_ID, Delivery, EXPIRED_TOKEN, EXPIRING_TOKEN_PREFIX, FULL_ACCESS_TOKEN, ONE_WABA_TOKEN, READ_ONLY_TOKEN,
    RequestBody, SimulatedRequest, SimulatedResponse, UNLIMITED_TOKEN, WabaSizes, World, WorldSpec, wabas,
};

use self::connection::{ResetHandle, ResettableListener};
use self::response_gate::ResponseGate;
use crate::domain::clock::Clock;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PIN_DIGITS;

/// The description of the simulator in the help.
pub const ABOUT: &str = "\
A local fake of Meta's Graph API for demos, training and tests. It serves simulated WhatsApp Business phone numbers
on this machine only and sends nothing to the network. The numbers are from ranges reserved for fiction.

Access tokens:
  SIMULATOR               allows everything
  SIMULATOR-READONLY      allows reads
  SIMULATOR-ONE-WABA      sees the first WABA only
  SIMULATOR-UNLIMITED     as SIMULATOR, but its permissions name no WABA
  SIMULATOR-EXPIRED       has expired
  SIMULATOR-EXPIRES-TIME  expires then: TIME in seconds since 1970
Its business is 500000000000001. It owns all WABAs but the last two, which clients shared with it.

It follows Meta's public documentation. Meta may behave differently where its documentation says nothing:
  - the errors and limits of setting a PIN, and whether it counts against the calls per hour;
  - a number that is not registered (here: refused with 133010);
  - a PIN that is a JSON number, or empty (here: refused with 100);
  - the same PIN set twice (here: success), and weak PINs (here: accepted);
  - the HTTP status of 104, 190 and 80008, and the key of the usage header;
  - the type of an access token (here: SYSTEM_USER), and whether debug_token accepts the token that it is asked about
    as its own access token (here: yes);
  - a WABA that the access token does not see (here: refused with 200);
  - the words of a refused request_code or verify_code (here: always refused, because no code is sent);
  - whether refused calls count (here: as an option), and the limits of an app;
  - the default fields, and some values of rarely used fields.
It ignores sorting and filtering of lists.";

/// The maximum size of a request body, in bytes. The body of a PIN request has about 20.
const MAX_BODY_BYTES: usize = 64 * 1_024;

/// The delay between two bytes of a slow reply, so that the 16 bytes of `{"success":true}` arrive within any sensible
/// timeout.
const SLOW_BYTE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a stopped simulator waits until its clients close their connections.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The settings of a simulator.
#[derive(Debug, Clone)]
pub struct SimulatorSpec {
    /// The simulated numbers and their rules.
    pub world: WorldSpec,
    /// How long each reply takes, on the clock of tokio, which tests can pause.
    pub latency: Duration,
    /// The faults that the simulator injects.
    pub faults: FaultPlan,
}

/// A running simulator. It stops when it is dropped.
pub struct Simulator {
    address: SocketAddr,
    state: Arc<ServerState>,
    server_task: JoinHandle<io::Result<()>>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The state that all requests share.
struct ServerState {
    world: Mutex<World>,
    latency: Duration,
    change_gate: Arc<ResponseGate>,
    read_gate: Arc<ResponseGate>,
    stop_token: CancellationToken,
}

impl ServerState {
    /// Locks the world. A panic while another request held the lock does not make the state useless.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator {
    /// Starts the server; port 0 selects a free port. Must be called within a tokio runtime, whose tasks run the
    /// server.
    ///
    /// # Errors
    /// If the address is not a loopback address, or cannot be bound.
    pub async fn start(listen: SocketAddr, spec: SimulatorSpec) -> io::Result<Self> {
        if !listen.ip().is_loopback() {
            let message = format!("{} is not a loopback address; the simulator serves this machine only", listen.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let world = Mutex::new(World::new(spec.world, spec.faults));
        let state = Arc::new(ServerState {
            world,
            latency: spec.latency,
            change_gate: Arc::default(),
            read_gate: Arc::default(),
            stop_token: CancellationToken::new(),
        });
        let service = Router::new().fallback(serve).with_state(Arc::clone(&state));
        let stopped = state.stop_token.clone().cancelled_owned();
        let server =
            axum::serve(ResettableListener(listener), service.into_make_service_with_connect_info::<ResetHandle>())
                .with_graceful_shutdown(stopped);
        Ok(Self { address, state, server_task: tokio::spawn(server.into_future()) })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a config, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A token whose cancellation stops the simulator: it breaks off silent and slow replies, and completes all others.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.state.stop_token.clone()
    }

    /// Waits until the simulator has been stopped and its connections are closed. After [`SHUTDOWN_TIMEOUT`], no longer
    /// waits for clients that keep an idle connection open.
    ///
    /// # Errors
    /// If the server failed.
    pub async fn wait_until_stopped(mut self) -> io::Result<()> {
        self.state.stop_token.cancelled().await;
        match tokio::time::timeout(SHUTDOWN_TIMEOUT, &mut self.server_task).await {
            Ok(result) => result.map_err(io::Error::other)?,
            Err(_elapsed) => {
                self.server_task.abort();
                Ok(())
            }
        }
    }

    /// Holds the replies to requests that set a PIN, until the guard is dropped. The next `after` replies still leave.
    #[must_use]
    pub fn hold_changes(&self, after: usize) -> HoldGuard {
        self.state.change_gate.hold(after)
    }

    /// The same as [`Simulator::hold_changes`], for requests that read.
    #[must_use]
    pub fn hold_reads(&self, after: usize) -> HoldGuard {
        self.state.read_gate.hold(after)
    }

    /// The PIN that is in force on a number: the last PIN that was set, or the PIN at the start.
    #[must_use]
    pub fn pin_in_force(&self, id: &PhoneNumberId) -> Option<[u8; PIN_DIGITS]> {
        self.state.world().pin_in_force(id)
    }

    /// Every well-formed PIN in a request for this number, in the order of arrival, including refused PINs.
    #[must_use]
    pub fn pins_sent(&self, id: &PhoneNumberId) -> Vec<[u8; PIN_DIGITS]> {
        self.state.world().pins_sent(id).to_vec()
    }

    /// How many requests to set a PIN arrived, whatever the replies.
    #[must_use]
    pub fn pin_request_count(&self) -> usize {
        self.state.world().pin_request_count()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.state.stop_token.cancel();
    }
}

async fn serve(
    State(state): State<Arc<ServerState>>,
    ConnectInfo(connection): ConnectInfo<ResetHandle>,
    request: axum::extract::Request,
) -> Response {
    let Ok(request) = read_request(request).await else {
        let mut response = Response::new(HttpBody::empty());
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    if !state.latency.is_zero() {
        tokio::time::sleep(state.latency).await;
    }
    let now = Clock::System.at(tokio::time::Instant::now().into_std());
    let gate = if request.method == "GET" { &state.read_gate } else { &state.change_gate };
    let reply = state.world().handle_request(&request, now);
    state.stop_token.run_until_cancelled(gate.wait_until_open()).await;
    match reply.delivery {
        Delivery::Complete | Delivery::Slow | Delivery::Truncated => {}
        Delivery::Reset => connection.reset(),
        Delivery::Never => {
            state.stop_token.cancelled().await;
            connection.reset();
        }
    }
    http_response(reply, state.stop_token.clone())
}

/// The body was too long, or was interrupted.
struct UnreadableBody;

async fn read_request(request: axum::extract::Request) -> Result<SimulatedRequest, UnreadableBody> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| UnreadableBody)?;
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(SimulatedRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: text(header::AUTHORIZATION),
        origin: format!("http://{}", text(header::HOST).unwrap_or_default()),
        body: read_body(text(header::CONTENT_TYPE).unwrap_or_default().as_str(), parts, bytes).await,
    })
}

async fn read_body(content_type: &str, parts: Parts, bytes: Bytes) -> RequestBody {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        _ if bytes.is_empty() => RequestBody::Empty,
        "application/json" => RequestBody::Json(bytes.into()),
        "multipart/form-data" => RequestBody::Multipart(read_parts(parts, bytes).await),
        _ => RequestBody::Form(bytes.into()),
    }
}

/// The text parts, up to the first part that cannot be read. Empty without a boundary.
async fn read_parts(parts: Parts, bytes: Bytes) -> Vec<(String, String)> {
    let request = axum::extract::Request::from_parts(parts, HttpBody::from(bytes));
    let mut text_parts = Vec::new();
    let Ok(mut multipart) = Multipart::from_request(request, &()).await else { return text_parts };
    while let Ok(Some(field)) = multipart.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        let Ok(value) = field.text().await else { break };
        text_parts.push((name, value));
    }
    text_parts
}

fn http_response(reply: SimulatedResponse, stop_token: CancellationToken) -> Response {
    let length = reply.body.len();
    let body = match reply.delivery {
        Delivery::Complete | Delivery::Never | Delivery::Reset => HttpBody::from(reply.body),
        Delivery::Truncated => truncated_body(reply.body),
        Delivery::Slow => slow_body(reply.body, stop_token),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        // Every value is valid: the world wrote its text, or replaced the characters that a header cannot carry.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    // Also for truncated and slow bodies, so that a client can detect that bytes are missing.
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A body that sends its first half and then an error, which makes the server close the connection.
fn truncated_body(mut body: Vec<u8>) -> HttpBody {
    body.truncate(body.len() / 2);
    HttpBody::from_stream(stream::unfold(Some(body), async |first_half| {
        if let Some(first_half) = first_half {
            return Some((Ok(Bytes::from(first_half)), None));
        }
        // Lets the server send the first half. Otherwise the client would see a closed connection without a reply.
        tokio::task::yield_now().await;
        Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
    }))
}

/// A body that sends one byte at a time, until the simulator stops.
fn slow_body(body: Vec<u8>, stop_token: CancellationToken) -> HttpBody {
    let bytes = stream::unfold((body.into_iter(), stop_token), async |(mut rest, stop_token)| {
        let byte = rest.next()?;
        stop_token.run_until_cancelled(tokio::time::sleep(SLOW_BYTE_INTERVAL)).await?;
        Some((Ok::<_, Infallible>(Bytes::from(vec![byte])), (rest, stop_token)))
    });
    HttpBody::from_stream(bytes)
}

#[cfg(test)]
mod tests;
