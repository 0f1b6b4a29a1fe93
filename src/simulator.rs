//! A stand-in for Meta's Graph API: serves a made-up [`World`] on loopback, inside the caller's tokio runtime.
//!
//! Is not Meta and does not claim to be: [`ABOUT`] says which of its answers nobody has confirmed. Listens on no
//! address but loopback, starts no thread, sends nothing anywhere, and knows no access token but its own.

mod splitmix;
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

pub use self::faults::{FaultPlan, FaultPlanError};
pub use self::response_gate::HoldGuard;
pub use self::world::{
    Delivery, EXPIRED_TOKEN, FULL_ACCESS_TOKEN, READ_ONLY_TOKEN, RequestBody, SimulatedRequest, SimulatedResponse,
    World, WorldSpec, wabas,
};

use self::connection::{ResetHandle, ResettableListener};
use self::response_gate::ResponseGate;
use crate::domain::clock::Clock;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PIN_DIGITS;

/// What the simulator says of itself in the help.
pub const ABOUT: &str = "\
A stand-in for Meta's Graph API, for demos, training and tests. It serves made-up WhatsApp Business phone numbers
on this machine only, and nothing leaves it. The numbers come from ranges reserved for fiction.

Access tokens: SIMULATOR may do everything, SIMULATOR-READONLY may read, SIMULATOR-EXPIRED has expired.

It follows Meta's public documentation. Where that is silent it had to choose, and Meta may answer differently:
  - which errors and limits apply to setting a PIN, and whether it counts against the calls per hour;
  - a number that is not registered (here: refused with 133010);
  - a PIN that is a JSON number, or empty (here: refused with 100);
  - the same PIN set twice (here: success), and weak PINs (here: taken);
  - the HTTP status of 104, 190 and 80008, and the key of the usage header;
  - the fields that come unasked, and some words of rarely used fields.
Sorting and filtering of lists are ignored; request_code, verify_code and the business edges are missing.";

/// The most bytes taken of a request. A PIN request has about 20.
const MAX_BODY_BYTES: usize = 64 * 1_024;

/// Between two bytes of a slow answer: the 16 bytes of `{"success":true}` stay within any sensible deadline.
const SLOW_BYTE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a stopped simulator waits for its clients.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// What a simulator is made from.
#[derive(Debug, Clone)]
pub struct SimulatorSpec {
    /// The numbers, and the rules they follow.
    pub world: WorldSpec,
    /// How long each answer takes. Waited on tokio's clock, which tests pause.
    pub latency: Duration,
    /// What goes wrong.
    pub faults: FaultPlan,
}

/// A running simulator. Stops when dropped.
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

/// What the requests share.
struct ServerState {
    world: Mutex<World>,
    latency: Duration,
    change_gate: Arc<ResponseGate>,
    read_gate: Arc<ResponseGate>,
    stop_token: CancellationToken,
}

impl ServerState {
    /// The world. A panic while it was held would be a bug of its own; the state is still of use to the others.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator {
    /// Starts serving; port 0 takes a free one. Must be called within a tokio runtime, whose tasks do the work.
    ///
    /// # Errors
    /// The address is not a loopback address, or cannot be listened on.
    pub async fn start(listen: SocketAddr, spec: SimulatorSpec) -> io::Result<Self> {
        if !listen.ip().is_loopback() {
            let why = format!("{} is not a loopback address; the simulator serves this machine only", listen.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let world = Mutex::new(World::new(spec.world, spec.faults));
        let (changes, reads, stop) = (Arc::default(), Arc::default(), CancellationToken::new());
        let desk = Arc::new(ServerState {
            world,
            latency: spec.latency,
            change_gate: changes,
            read_gate: reads,
            stop_token: stop,
        });
        let service = Router::new().fallback(serve).with_state(Arc::clone(&desk));
        let stopped = desk.stop_token.clone().cancelled_owned();
        let server =
            axum::serve(ResettableListener(listener), service.into_make_service_with_connect_info::<ResetHandle>())
                .with_graceful_shutdown(stopped);
        Ok(Self { address, state: desk, server_task: tokio::spawn(server.into_future()) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a config, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cancelling it stops the simulator: silent and slow answers end at once, the others are finished.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.state.stop_token.clone()
    }

    /// Waits until the simulator has been stopped and its connections are closed. Clients that hold a connection
    /// open without a word are left behind after [`SHUTDOWN_TIMEOUT`].
    ///
    /// # Errors
    /// The server failed.
    pub async fn wait_until_stopped(mut self) -> io::Result<()> {
        self.state.stop_token.cancelled().await;
        match tokio::time::timeout(SHUTDOWN_TIMEOUT, &mut self.server_task).await {
            Ok(ended) => ended.map_err(io::Error::other)?,
            Err(_too_long) => {
                self.server_task.abort();
                Ok(())
            }
        }
    }

    /// Keeps back the answers to requests that set a PIN, but for the next `after` of them, until what this returns is
    /// dropped.
    #[must_use]
    pub fn hold_changes(&self, after: usize) -> HoldGuard {
        self.state.change_gate.hold(after)
    }

    /// As [`Simulator::hold_changes`], for requests that read.
    #[must_use]
    pub fn hold_reads(&self, after: usize) -> HoldGuard {
        self.state.read_gate.hold(after)
    }

    /// The PIN that is in force on a number: the last one set, or the one it had at the start.
    #[must_use]
    pub fn pin_in_force(&self, id: &PhoneNumberId) -> Option<[u8; PIN_DIGITS]> {
        self.state.world().pin_in_force(id)
    }

    /// Every well-formed PIN that requests for a number carried, in the order of their arrival, refused ones too.
    #[must_use]
    pub fn pins_sent(&self, id: &PhoneNumberId) -> Vec<[u8; PIN_DIGITS]> {
        self.state.world().pins_sent(id).to_vec()
    }

    /// How many requests to set a PIN came, whatever they were answered.
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
    State(desk): State<Arc<ServerState>>,
    ConnectInfo(line): ConnectInfo<ResetHandle>,
    request: axum::extract::Request,
) -> Response {
    let Ok(request) = read_request(request).await else {
        let mut response = Response::new(HttpBody::empty());
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    if !desk.latency.is_zero() {
        tokio::time::sleep(desk.latency).await;
    }
    let now = Clock::System.at(tokio::time::Instant::now().into_std());
    let keeper = if request.method == "GET" { &desk.read_gate } else { &desk.change_gate };
    let reply = desk.world().handle_request(&request, now);
    desk.stop_token.run_until_cancelled(keeper.wait_until_open()).await;
    match reply.delivery {
        Delivery::Complete | Delivery::Slow | Delivery::Truncated => {}
        Delivery::Reset => line.reset(),
        Delivery::Never => {
            desk.stop_token.cancelled().await;
            line.reset();
        }
    }
    http_response(reply, desk.stop_token.clone())
}

/// The body was too long, or broke off.
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

/// The text parts up to the first that cannot be read; without a boundary, none.
async fn read_parts(parts: Parts, bytes: Bytes) -> Vec<(String, String)> {
    let request = axum::extract::Request::from_parts(parts, HttpBody::from(bytes));
    let mut found = Vec::new();
    let Ok(mut multipart) = Multipart::from_request(request, &()).await else { return found };
    while let Ok(Some(field)) = multipart.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        let Ok(value) = field.text().await else { break };
        found.push((name, value));
    }
    found
}

fn http_response(reply: SimulatedResponse, stop: CancellationToken) -> Response {
    let length = reply.body.len();
    let body = match reply.delivery {
        Delivery::Complete | Delivery::Never | Delivery::Reset => HttpBody::from(reply.body),
        Delivery::Truncated => truncated_body(reply.body),
        Delivery::Slow => slow_body(reply.body, stop),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        // No value can be refused: the texts in them are the world's own, or were made plain there.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    // Promised for cut and slow bodies too, so that a client can tell that some is missing.
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Half of the body, then an error, on which the server closes the connection.
fn truncated_body(mut body: Vec<u8>) -> HttpBody {
    body.truncate(body.len() / 2);
    HttpBody::from_stream(stream::unfold(Some(body), async |half| {
        if let Some(half) = half {
            return Some((Ok(Bytes::from(half)), None));
        }
        // One turn for the server to send what it has, or the client would see a connection without an answer.
        tokio::task::yield_now().await;
        Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
    }))
}

/// One byte at a time, until the simulator stops.
fn slow_body(body: Vec<u8>, stop: CancellationToken) -> HttpBody {
    let bytes = stream::unfold((body.into_iter(), stop), async |(mut rest, stop)| {
        let byte = rest.next()?;
        stop.run_until_cancelled(tokio::time::sleep(SLOW_BYTE_INTERVAL)).await?;
        Some((Ok::<_, Infallible>(Bytes::from(vec![byte])), (rest, stop)))
    });
    HttpBody::from_stream(bytes)
}

#[cfg(test)]
mod tests;
