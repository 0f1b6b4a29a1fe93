//! A fake Graph API that records which PIN is in force on each number, whatever it answers.
//!
//! Its records are exact, but on request it resets connections, applies PINs late, or answers something else than what
//! it did. It runs in its own thread and in real time, because its clients are other processes. It counts no calls: it
//! throttles only when a test tells it to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How long a test waits for a request or for a late PIN.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How the fake API answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultOptions {
    /// The shortest time that an answer takes.
    pub(crate) min_latency: Duration,
    /// The longest time that an answer takes.
    pub(crate) max_latency: Duration,
    /// How many of 100 PIN requests have a fault.
    pub(crate) fault_percent: u32,
    /// The seed of the random numbers.
    pub(crate) seed: u64,
}

/// A time in which all PIN requests are refused because there were too many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GraphThrottle {
    /// How many PIN requests are still accepted before it.
    pub(crate) accepted_before: usize,
    /// How long it lasts from its first refusal on.
    pub(crate) length: Duration,
    /// The HTTP status of the refusals.
    pub(crate) http_status: u16,
    /// Their error code.
    pub(crate) code: i64,
    /// Their additional header, which may say how long to wait; empty for none.
    pub(crate) header: &'static str,
}

/// The requests so far.
#[derive(Debug, Default)]
struct FaultyGraphState {
    in_force: HashMap<String, String>,
    pin_requests: usize,
    /// How many PIN requests arrived for each number.
    requests_by_number: HashMap<String, usize>,
    throttle: Option<GraphThrottle>,
    /// When the throttle began.
    throttled_since: Option<Instant>,
    throttled_requests: usize,
    /// PINs that were received but not applied yet.
    pending_late_pins: usize,
}

#[derive(Debug, Default)]
struct SharedGraphState {
    state: Mutex<FaultyGraphState>,
    changed: Condvar,
}

/// A running fake API. It stops when it is dropped.
pub(crate) struct FaultyGraph {
    address: SocketAddr,
    shared: Arc<SharedGraphState>,
    shutdown: Arc<Notify>,
}

/// The fault of one PIN request.
#[derive(Debug, Clone, Copy)]
enum GraphFault {
    ResetBefore,
    ResetAfter,
    AppliedLate,
    ErrorAfter,
    TruncatedBody,
    HtmlReply,
}

const ALL_FAULTS: [GraphFault; 6] = [
    GraphFault::ResetBefore,
    GraphFault::ResetAfter,
    GraphFault::AppliedLate,
    GraphFault::ErrorAfter,
    GraphFault::TruncatedBody,
    GraphFault::HtmlReply,
];

/// How many numbers each WABA has.
pub(crate) const NUMBERS_PER_WABA: usize = 120;

/// The ID of the `n`th number of a WABA. Every WABA exists.
pub(crate) fn number_id(waba: usize, n: usize) -> String {
    format!("{}", 300_000_000_000_000 + waba * 1_000 + n)
}

/// The ID of a WABA.
pub(crate) fn waba_id(waba: usize) -> String {
    format!("{}", 700_000_000 + waba)
}

impl FaultyGraph {
    pub(crate) fn start(options: FaultOptions) -> Self {
        let (shared, shutdown) = (Arc::<SharedGraphState>::default(), Arc::new(Notify::new()));
        let (sender, started) = mpsc::channel();
        let (state, stop) = (Arc::clone(&shared), Arc::clone(&shutdown));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                sender.send(listener.local_addr().expect("an address")).expect("the test waits for the address");
                tokio::select! {
                    () = accept_connections(listener, state, options) => {}
                    () = stop.notified() => {}
                }
            });
        });
        Self { address: started.recv().expect("the fake API starts"), shared, shutdown }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The PIN in force on a number, if any was ever set.
    pub(crate) fn pin_in_force(&self, number: &str) -> Option<String> {
        self.shared.state.lock().expect("no thread panicked").in_force.get(number).cloned()
    }

    /// How many PIN requests arrived.
    pub(crate) fn pin_requests(&self) -> usize {
        self.shared.state.lock().expect("no thread panicked").pin_requests
    }

    /// How many PIN requests arrived for each number that has any.
    pub(crate) fn requests_by_number(&self) -> HashMap<String, usize> {
        self.shared.state.lock().expect("no thread panicked").requests_by_number.clone()
    }

    /// Waits until this many PIN requests arrived. False if they do not arrive in time.
    pub(crate) fn wait_for_requests(&self, count: usize) -> bool {
        self.wait_until(|state| state.pin_requests >= count)
    }

    /// Plans a throttle, instead of an earlier one.
    pub(crate) fn plan_throttle(&self, throttle: GraphThrottle) {
        self.shared.update(|state| {
            (state.throttle, state.throttled_since, state.throttled_requests) = (Some(throttle), None, 0);
        });
    }

    /// Waits until the planned throttle has refused this many requests. False if that does not happen in time.
    pub(crate) fn wait_for_throttled(&self, count: usize) -> bool {
        self.wait_until(|state| state.throttled_requests >= count)
    }

    /// Waits until every late PIN is applied.
    pub(crate) fn wait_for_late_pins(&self) {
        assert!(self.wait_until(|state| state.pending_late_pins == 0), "late PINs were not applied in time");
    }

    fn wait_until(&self, until: impl Fn(&FaultyGraphState) -> bool) -> bool {
        let deadline = Instant::now() + TIMEOUT;
        let mut state = self.shared.state.lock().expect("no thread panicked");
        while !until(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).expect("no thread panicked").0;
        }
        true
    }
}

impl Drop for FaultyGraph {
    fn drop(&mut self) {
        self.shutdown.notify_one();
    }
}

impl SharedGraphState {
    fn update(&self, change: impl FnOnce(&mut FaultyGraphState)) {
        change(&mut self.state.lock().expect("no thread panicked"));
        self.changed.notify_all();
    }

    fn apply_pin(&self, number: &str, pin: &str) {
        self.update(|state| {
            state.in_force.insert(number.to_owned(), pin.to_owned());
        });
    }
}

impl FaultyGraphState {
    /// Counts a PIN request. Returns the throttle that refuses it, if one does.
    fn count_request(&mut self, number: &str) -> Option<GraphThrottle> {
        self.pin_requests += 1;
        *self.requests_by_number.entry(number.to_owned()).or_default() += 1;
        let throttle = self.throttle.as_mut()?;
        if throttle.accepted_before > 0 {
            throttle.accepted_before -= 1;
            return None;
        }
        let since = *self.throttled_since.get_or_insert_with(Instant::now);
        (since.elapsed() < throttle.length).then_some(*throttle)
    }
}

async fn accept_connections(listener: TcpListener, shared: Arc<SharedGraphState>, options: FaultOptions) {
    let mut connections = 0;
    while let Ok((stream, _)) = listener.accept().await {
        connections += 1;
        let random = SplitMix64(options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(connections));
        tokio::spawn(serve_connection(stream, Arc::clone(&shared), options, random));
    }
}

/// The `SplitMix64` generator: the same seed gives the same faults.
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next_below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

async fn serve_connection(
    mut stream: TcpStream,
    shared: Arc<SharedGraphState>,
    options: FaultOptions,
    mut random: SplitMix64,
) {
    stream.set_nodelay(true).expect("a socket option");
    while let Some((head, body)) = read_request(&mut stream).await {
        let spread = options.max_latency.saturating_sub(options.min_latency).as_micros().max(1);
        let delay = options.min_latency
            + Duration::from_micros(random.next_below(u64::try_from(spread).expect("a short time")));
        let path = head.split(' ').nth(1).expect("a request line").split('?').next().expect("a path").to_owned();
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let keep_open = match (head.starts_with("POST "), &parts[..]) {
            (true, [number]) => {
                let pin = parse_pin(&body);
                let fault = (random.next_below(100) < options.fault_percent.into())
                    .then(|| ALL_FAULTS[usize::try_from(random.next_below(6)).expect("a small number")]);
                let mut throttle = None;
                shared.update(|state| throttle = state.count_request(number));
                tokio::time::sleep(delay).await;
                if let Some(throttle) = throttle {
                    let is_open = write_throttled(&mut stream, throttle).await;
                    shared.update(|state| state.throttled_requests += 1);
                    if is_open {
                        continue;
                    }
                    return;
                }
                handle_pin_request(&mut stream, &shared, number, &pin, fault, random.next_below(1_500)).await
            }
            (false, [waba, "phone_numbers"]) => {
                write_response(&mut stream, 200, &numbers_page_json(&shared, waba, &head)).await
            }
            (false, [number]) => write_response(&mut stream, 200, &number_json(&shared, number)).await,
            _ => false,
        };
        if !keep_open {
            return;
        }
    }
}

/// Answers a PIN request, with or without a fault. False if the connection ends.
async fn handle_pin_request(
    stream: &mut TcpStream,
    shared: &Arc<SharedGraphState>,
    number: &str,
    pin: &str,
    fault: Option<GraphFault>,
    late_ms: u64,
) -> bool {
    match fault {
        None => {
            shared.apply_pin(number, pin);
            write_response(stream, 200, r#"{"success":true}"#).await
        }
        Some(GraphFault::ResetBefore) => {
            stream.set_zero_linger().expect("a socket option");
            false
        }
        Some(GraphFault::ResetAfter) => {
            shared.apply_pin(number, pin);
            stream.set_zero_linger().expect("a socket option");
            false
        }
        Some(GraphFault::AppliedLate) => {
            shared.update(|state| state.pending_late_pins += 1);
            let (shared, number, pin) = (Arc::clone(shared), number.to_owned(), pin.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(late_ms)).await;
                shared.apply_pin(&number, &pin);
                shared.update(|state| state.pending_late_pins -= 1);
            });
            stream.set_zero_linger().expect("a socket option");
            false
        }
        Some(GraphFault::ErrorAfter) => {
            shared.apply_pin(number, pin);
            let error = r#"{"error":{"message":"Service temporarily unavailable","type":"OAuthException","code":2}}"#;
            write_response(stream, 503, error).await
        }
        Some(GraphFault::TruncatedBody) => {
            shared.apply_pin(number, pin);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"succ").await.ok();
            false
        }
        Some(GraphFault::HtmlReply) => {
            shared.apply_pin(number, pin);
            write_response(stream, 502, "<html><body>Bad gateway</body></html>").await
        }
    }
}

/// Refuses a request as recorded at Meta, where throttles are transient errors.
async fn write_throttled(stream: &mut TcpStream, throttle: GraphThrottle) -> bool {
    let GraphThrottle { http_status, code, header, .. } = throttle;
    let error = format!(
        r#"{{"error":{{"message":"Too many calls","type":"OAuthException","code":{code},"is_transient":true}}}}"#
    );
    write_reply(stream, http_status, header, &error).await
}

async fn write_response(stream: &mut TcpStream, status: u16, body: &str) -> bool {
    write_reply(stream, status, "", body).await
}

async fn write_reply(stream: &mut TcpStream, status: u16, header: &str, body: &str) -> bool {
    let end = if header.is_empty() { "" } else { "\r\n" };
    let reply = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{header}{end}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes()).await.is_ok()
}

fn number_json(shared: &SharedGraphState, number: &str) -> String {
    let is_on = shared.state.lock().expect("no thread panicked").in_force.contains_key(number);
    let digits = &number[number.len() - 2..];
    format!(
        r#"{{"id":"{number}","display_phone_number":"+1 555-010-01{digits}","verified_name":"Acme","is_pin_enabled":{is_on}}}"#
    )
}

/// The numbers of a WABA. The first page has all of them.
fn numbers_page_json(shared: &SharedGraphState, waba: &str, head: &str) -> String {
    let index = waba.parse::<usize>().expect("a WABA ID") - 700_000_000;
    let after = head.contains("after=");
    let numbers = if after { 0..0 } else { 0..NUMBERS_PER_WABA };
    let rows: Vec<String> = numbers.map(|n| number_json(shared, &number_id(index, n))).collect();
    format!(r#"{{"data":[{}]}}"#, rows.join(","))
}

pub(super) fn parse_pin(body: &str) -> String {
    let (_, rest) = body.split_once("\"pin\"").expect("a PIN");
    rest.chars().filter(char::is_ascii_digit).take(6).collect()
}

/// The head and the body of a request. `None` if the client closed the connection.
pub(super) async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).expect("an ASCII head");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().expect("a length"));
    let mut body = bytes[head_end..].to_vec();
    while body.len() < length {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&part[..count]);
    }
    Some((head, String::from_utf8(body).expect("a text body")))
}
