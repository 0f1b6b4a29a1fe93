//! Simulates the Graph API as a pure state machine: it turns a request and the current state into a response.
//!
//! It never does I/O or reads a clock; the caller passes the time. It stores only changes, because all other state
//! follows from the seed. If Meta's behavior is unknown, it gives the strictest response (see [`ABOUT`](super::ABOUT)).

mod tokens;
mod route;
mod access;
mod call_limits;
mod fields;
mod paging;
mod params;
mod number_ranges;
mod response;
mod trace_id;
mod generator;
mod pin_history;

use std::collections::HashMap;
use std::time::{Duration, Instant};

pub use self::generator::{WabaSizes, wabas};
pub use self::params::RequestBody;
pub use self::response::{Delivery, SimulatedResponse};
pub use self::route::BUSINESS_ID;
pub use self::tokens::{
    EXPIRED_TOKEN, EXPIRING_TOKEN_PREFIX, FULL_ACCESS_TOKEN, ONE_WABA_TOKEN, READ_ONLY_TOKEN, UNLIMITED_TOKEN,
};

use self::access::Access;
use self::call_limits::CallLimits;
use self::fields::{NumberView, WabaView};
use self::generator::WorldGenerator;
use self::params::Params;
use self::response::GraphError;
use self::route::{Route, WabaEdge};
use self::tokens::TokenRights;
use super::faults::{CallInfo, CallKind, FaultInjector, FaultPlan, FaultResponse};
use crate::config::endpoint::{AppSecret, GraphVersion};
use crate::domain::clock::TimePoint;
use crate::domain::pin::PIN_DIGITS;

/// Meta's limit for `register`, and for `deregister`: 10 calls for each number in any 72 hours.
const REGISTER_LIMIT: usize = 10;
const REGISTER_WINDOW: Duration = Duration::from_hours(72);

/// The major number of the newest version.
/// Source: developers.facebook.com/docs/graph-api/changelog.
const NEWEST_VERSION: u32 = 27;

type PinBytes = [u8; PIN_DIGITS];

/// The settings of a world.
#[derive(Debug, Clone)]
pub struct WorldSpec {
    /// How many phone numbers the world has, unless `waba_sizes` says so. Up to 100,000 numbers have unique display
    /// numbers.
    pub numbers: usize,
    /// How many numbers each WABA has; `None` for different shares of `numbers`.
    pub waba_sizes: Option<WabaSizes>,
    /// The seed. The same seed gives the same world.
    pub seed: u64,
    /// The app secret with which the world checks `appsecret_proof`; `None` to accept any proof.
    pub app_secret: Option<AppSecret>,
    /// True to refuse requests without `appsecret_proof`.
    pub requires_proof: bool,
    /// True to accept a PIN for an unregistered number. Meta's behavior is unknown.
    pub unregistered_may_set_pin: bool,
    /// How many calls a WABA accepts in any hour; `None` for no limit, and low values in the usage headers.
    pub calls_per_hour: Option<usize>,
    /// True if refused calls count too, as Meta's documentation says.
    pub counts_refused_calls: bool,
}

impl WorldSpec {
    /// A world without limits, and without a check of proofs.
    #[must_use]
    pub const fn new(numbers: usize, seed: u64) -> Self {
        Self {
            numbers,
            waba_sizes: None,
            seed,
            app_secret: None,
            requires_proof: false,
            unregistered_may_set_pin: false,
            calls_per_hour: None,
            counts_refused_calls: true,
        }
    }
}

/// One request, as the server read it. Not `Debug`, because it contains a PIN and an access token.
#[derive(Clone, Default)]
pub struct SimulatedRequest {
    /// The HTTP method, such as `GET` or `POST`.
    pub method: String,
    /// The path, with its first slash.
    pub path: String,
    /// The query after the question mark, still encoded.
    pub query: String,
    /// The value of the `Authorization` header.
    pub authorization: Option<String>,
    /// The scheme and the host, for links to other pages.
    pub origin: String,
    /// The parsed body.
    pub body: RequestBody,
}

/// The changes of one number since the start of the world.
#[derive(Default)]
struct NumberChanges {
    pin: Option<PinBytes>,
    is_registered: Option<bool>,
    register_attempts: RateLimiter,
    deregister_attempts: RateLimiter,
    /// Every well-formed PIN in a request for this number, in order.
    pins_sent: Vec<PinBytes>,
}

#[derive(Default)]
struct RateLimiter {
    times: Vec<Instant>,
    blocked_until: Option<Instant>,
}

impl RateLimiter {
    fn record(&mut self, now: Instant) -> Result<(), GraphError> {
        self.times.retain(|at| now.saturating_duration_since(*at) < REGISTER_WINDOW);
        if self.blocked_until.is_some_and(|until| now < until) {
            return Err(GraphError::titled(400, 133_016));
        }
        if self.times.len() >= REGISTER_LIMIT {
            self.blocked_until = Some(now + REGISTER_WINDOW);
            return Err(GraphError::titled(400, 133_016));
        }
        self.times.push(now);
        Ok(())
    }
}

/// The simulated Graph API. Not `Debug`, because it stores PINs, and an operator may enter a real one.
pub struct World {
    spec: WorldSpec,
    generator: WorldGenerator,
    faults: FaultInjector,
    changes: HashMap<usize, NumberChanges>,
    call_limits: CallLimits,
    response_count: u64,
    pin_request_count: usize,
}

impl World {
    /// Creates a world. It costs the same for one number and for 100,000.
    #[must_use]
    pub fn new(spec: WorldSpec, faults: FaultPlan) -> Self {
        let generator = WorldGenerator::new(spec.seed, spec.numbers).with_demo_rows(faults.is_demo());
        let generator = match spec.waba_sizes {
            Some(sizes) => generator.with_waba_sizes(sizes),
            None => generator,
        };
        Self {
            generator,
            faults: FaultInjector::new(faults),
            changes: HashMap::new(),
            call_limits: CallLimits::new(spec.calls_per_hour, spec.counts_refused_calls),
            response_count: 0,
            pin_request_count: 0,
            spec,
        }
    }

    /// Handles one request.
    pub fn handle_request(&mut self, request: &SimulatedRequest, now: TimePoint) -> SimulatedResponse {
        self.response_count += 1;
        let trace_id = self.trace_id();
        let mut path = request.path.split('/').filter(|part| !part.is_empty());
        let version = path.next().unwrap_or_default();
        let node = path.next().unwrap_or_default();
        let edge = path.next();
        let target = if path.next().is_some() { None } else { Route::resolve(self.generator, node, edge) };
        let (mut regain_minutes, mut usage) = (None, None);
        let has_version = version_exists(version);
        let mut reply = if has_version {
            self.dispatch(request, node, target, now).unwrap_or_else(|error| {
                regain_minutes = error.regain_minutes;
                usage.clone_from(&error.usage);
                error.to_response(&trace_id)
            })
        } else {
            GraphError::new(400, 2_500, format!("Unknown path components: {}", request.path)).to_response(&trace_id)
        };
        if has_version {
            reply.headers.push(("facebook-api-version", version.to_owned()));
        }
        reply.headers.push(("x-fb-request-id", trace_id.chars().rev().collect()));
        reply.headers.push(("x-fb-trace-id", trace_id));
        if let Some(waba) = target.and_then(|target| target.waba(self.generator)) {
            self.call_limits.push_headers(&mut reply, waba, regain_minutes, usage);
        }
        reply
    }

    fn dispatch(
        &mut self,
        request: &SimulatedRequest,
        node: &str,
        target: Option<Route>,
        now: TimePoint,
    ) -> Result<SimulatedResponse, GraphError> {
        let is_post = request.method == "POST";
        if is_post && matches!(target, Some(Route::Number(_))) {
            self.pin_request_count += 1;
        }
        let params = Params::parse(&request.body, &request.query)?;
        let access = Access::check(&self.spec, request.authorization.as_deref(), &params, now)?;
        let target = target.ok_or_else(|| GraphError::no_such_object(&request.method, node))?;
        if let Some(waba) = target.waba(self.generator) {
            access.require_waba(waba)?;
            self.call_limits.count(waba, now.instant)?;
        }
        match (request.method.as_str(), target) {
            ("GET", Route::Number(index)) => self.read_number(index, &params, now.instant),
            ("GET", Route::Waba(waba)) => self.read_waba(waba, &params, now.instant),
            ("GET", Route::Numbers(waba)) => self.list(waba, &params, request, now.instant),
            ("GET", Route::Wabas(edge)) => list_wabas(edge, &access, &params, request),
            ("GET", Route::Permissions) => Ok(access.permissions()),
            ("GET", Route::DebugToken) => Ok(access::debug_token(&params, now.utc)),
            ("POST", Route::Number(index)) => self.set_pin(index, &params, &access, request, now.instant),
            ("POST", Route::Register(index)) => self.register(index, &params, &access, now.instant),
            ("POST", Route::Deregister(index)) => self.deregister(index, &access, now.instant),
            ("POST", Route::RequestCode(_)) => Err(GraphError::no_code_sent(136_024)),
            ("POST", Route::VerifyCode(_)) => Err(GraphError::no_code_sent(136_025)),
            _ => Err(GraphError::no_such_object(&request.method, node)),
        }
    }

    fn read_number(&mut self, index: usize, params: &Params, now: Instant) -> Result<SimulatedResponse, GraphError> {
        let fields = fields::select_fields::<NumberView>(params.text("fields"))?;
        let view = self.number_view(index, self.generator.waba_of(index));
        let fault = self.next_fault(CallKind::Read, Some(index), view.waba, now);
        let mut body = Vec::new();
        fields::write_node(&mut body, &fields, &view);
        self.apply_read_fault(fault, SimulatedResponse::json(body))
    }

    fn read_waba(&mut self, waba: usize, params: &Params, now: Instant) -> Result<SimulatedResponse, GraphError> {
        let fields = fields::select_fields::<WabaView>(params.text("fields"))?;
        let fault = self.next_fault(CallKind::Read, None, waba, now);
        let mut body = Vec::new();
        fields::write_node(&mut body, &fields, &WabaView { waba });
        self.apply_read_fault(fault, SimulatedResponse::json(body))
    }

    fn list(
        &mut self,
        waba: usize,
        params: &Params,
        request: &SimulatedRequest,
        now: Instant,
    ) -> Result<SimulatedResponse, GraphError> {
        let fields = fields::select_fields::<NumberView>(params.text("fields"))?;
        let mut page = paging::PageRange::from_params(params, self.generator.numbers_of(waba).len())?;
        let fault = self.next_fault(CallKind::List, None, waba, now);
        if fault == Some(FaultResponse::EmptyPage) {
            page = page.into_empty();
        }
        let first = self.generator.numbers_of(waba).start;
        let mut body = br#"{"data":["#.to_vec();
        for position in page.range() {
            if position > page.range().start {
                body.push(b',');
            }
            fields::write_node(&mut body, &fields, &self.number_view(first + position, waba));
        }
        body.push(b']');
        page.write_paging(&mut body, request);
        body.push(b'}');
        self.apply_read_fault(fault, SimulatedResponse::json(body))
    }

    /// The reply to a read, after its fault, if any.
    fn apply_read_fault(
        &self,
        fault: Option<FaultResponse>,
        reply: SimulatedResponse,
    ) -> Result<SimulatedResponse, GraphError> {
        match fault {
            None | Some(FaultResponse::EmptyPage) => Ok(reply),
            Some(fault) => self.apply_fault(fault, "GET", Ok(reply)),
        }
    }

    /// Applies a fault to the normal reply.
    fn apply_fault(
        &self,
        fault: FaultResponse,
        method: &str,
        normal: Result<SimulatedResponse, GraphError>,
    ) -> Result<SimulatedResponse, GraphError> {
        match fault {
            FaultResponse::Error(error) => Err(access::scripted_error(error, method)),
            FaultResponse::Html => Ok(SimulatedResponse::bad_gateway()),
            FaultResponse::SuccessFalse => Ok(SimulatedResponse::success(false)),
            // The path does not exist, so that a client that follows it gets an error and changes nothing.
            FaultResponse::Redirect => {
                Ok(SimulatedResponse::redirect(format!("/v0.0/redirected-{}", self.response_count)))
            }
            FaultResponse::ResetBefore => Ok(SimulatedResponse::success(false).with_delivery(Delivery::Reset)),
            FaultResponse::ResetAfter => Ok(normal?.with_delivery(Delivery::Reset)),
            FaultResponse::Truncate => Ok(normal?.with_delivery(Delivery::Truncated)),
            FaultResponse::Timeout => Ok(normal?.with_delivery(Delivery::Never)),
            FaultResponse::Slow => Ok(normal?.with_delivery(Delivery::Slow)),
            FaultResponse::EmptyPage => normal,
        }
    }

    fn set_pin(
        &mut self,
        index: usize,
        params: &Params,
        access: &Access,
        request: &SimulatedRequest,
        now: Instant,
    ) -> Result<SimulatedResponse, GraphError> {
        access.require(TokenRights::Change)?;
        let pin = parse_pin(params)?;
        self.changes.entry(index).or_default().pins_sent.push(pin);
        let Some(fault) = self.next_fault(CallKind::SetPin, Some(index), self.generator.waba_of(index), now) else {
            return self.apply_pin(index, pin);
        };
        let is_applied = matches!(
            fault,
            FaultResponse::ResetAfter | FaultResponse::Truncate | FaultResponse::Timeout | FaultResponse::Slow
        );
        let normal = if is_applied { self.apply_pin(index, pin) } else { Ok(SimulatedResponse::success(false)) };
        self.apply_fault(fault, &request.method, normal)
    }

    fn apply_pin(&mut self, index: usize, pin: PinBytes) -> Result<SimulatedResponse, GraphError> {
        if !self.is_registered(index) && !self.spec.unregistered_may_set_pin {
            return Err(GraphError::titled(400, 133_010));
        }
        self.changes.entry(index).or_default().pin = Some(pin);
        Ok(SimulatedResponse::success(true))
    }

    fn register(
        &mut self,
        index: usize,
        params: &Params,
        access: &Access,
        now: Instant,
    ) -> Result<SimulatedResponse, GraphError> {
        access.require(TokenRights::Change)?;
        if params.text("messaging_product") != Some("whatsapp") {
            return Err(GraphError::new(400, 100, "(#100) The parameter messaging_product is required."));
        }
        let pin = parse_pin(params)?;
        let current_pin = self.current_pin(index);
        let changes = self.changes.entry(index).or_default();
        changes.register_attempts.record(now)?;
        if current_pin.is_some_and(|current_pin| current_pin != pin) {
            return Err(GraphError::titled(400, 133_005));
        }
        changes.pin = Some(pin);
        changes.is_registered = Some(true);
        Ok(SimulatedResponse::success(true))
    }

    /// Keeps the PIN, so that an operator who has lost it still cannot register the number again.
    fn deregister(&mut self, index: usize, access: &Access, now: Instant) -> Result<SimulatedResponse, GraphError> {
        access.require(TokenRights::Change)?;
        let changes = self.changes.entry(index).or_default();
        changes.deregister_attempts.record(now)?;
        changes.is_registered = Some(false);
        Ok(SimulatedResponse::success(true))
    }

    fn number_view(&self, index: usize, waba: usize) -> NumberView {
        let is_set = self.changes.get(&index).is_some_and(|changes| changes.pin.is_some());
        let two_step = if is_set { Some(true) } else { self.generator.initial_two_step(index) };
        NumberView { generator: self.generator, index, waba, two_step, is_registered: self.is_registered(index) }
    }

    fn is_registered(&self, index: usize) -> bool {
        let changed = self.changes.get(&index).and_then(|changes| changes.is_registered);
        changed.unwrap_or_else(|| generator::is_initially_registered(index))
    }

    fn current_pin(&self, index: usize) -> Option<PinBytes> {
        self.changes.get(&index).and_then(|changes| changes.pin).or_else(|| self.generator.initial_pin(index))
    }

    fn next_fault(&mut self, call: CallKind, index: Option<usize>, waba: usize, now: Instant) -> Option<FaultResponse> {
        let number = index.map(|index| (generator::number_id(index), index));
        let number = number.as_ref().map(|(id, index)| (id.as_str(), *index));
        self.faults.next_fault(CallInfo { call, number, waba: &generator::waba_id(waba) }, now)
    }
}

/// One page of a list of WABAs.
fn list_wabas(
    edge: WabaEdge,
    access: &Access,
    params: &Params,
    request: &SimulatedRequest,
) -> Result<SimulatedResponse, GraphError> {
    let fields = fields::select_fields::<WabaView>(params.text("fields"))?;
    let wabas: Vec<usize> =
        (0..generator::waba_count()).filter(|waba| edge.has(*waba) && access.sees_waba(*waba)).collect();
    let page = paging::PageRange::from_params(params, wabas.len())?;
    let mut body = br#"{"data":["#.to_vec();
    for (position, waba) in wabas[page.range()].iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        fields::write_node(&mut body, &fields, &WabaView { waba: *waba });
    }
    body.push(b']');
    page.write_paging(&mut body, request);
    body.push(b'}');
    Ok(SimulatedResponse::json(body))
}

/// True for a version up to the newest.
fn version_exists(version: &str) -> bool {
    let major = version.strip_prefix('v').and_then(|rest| rest.split_once('.')).map(|(major, _)| major.parse::<u32>());
    version.parse::<GraphVersion>().is_ok()
        && major.is_some_and(|major| major.is_ok_and(|major| major <= NEWEST_VERSION))
}

fn parse_pin(params: &Params) -> Result<PinBytes, GraphError> {
    let digits: Option<PinBytes> = params.text("pin").and_then(|pin| pin.as_bytes().try_into().ok());
    digits.filter(|digits| digits.iter().all(u8::is_ascii_digit)).ok_or_else(GraphError::bad_pin)
}

#[cfg(test)]
mod tests;
