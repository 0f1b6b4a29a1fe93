//! A stand-in for the Graph API that knows which PIN is in force on each number, whatever it answers.
//!
//! It is an honest judge and an unreliable correspondent: on request it breaks lines, applies PINs late, or says
//! something else than what it did. It runs in a thread of its own, on real time, for programs in other processes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The longest wait for anything that is to come.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How the judge answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultOptions {
    /// Each answer takes from this …
    pub(crate) min_latency: Duration,
    /// … to this long.
    pub(crate) max_latency: Duration,
    /// So many PIN requests in 100 meet a fault.
    pub(crate) fault_percent: u32,
    /// Where chance begins.
    pub(crate) seed: u64,
}

/// What is to be known of the requests so far.
#[derive(Debug, Default)]
struct FaultyGraphState {
    in_force: HashMap<String, String>,
    pin_requests: usize,
    /// PINs that were taken in and are not applied yet.
    pending_late_pins: usize,
}

#[derive(Debug, Default)]
struct SharedGraphState {
    state: Mutex<FaultyGraphState>,
    changed: Condvar,
}

/// A running judge; it ends when it is dropped.
pub(crate) struct FaultyGraph {
    address: SocketAddr,
    shared: Arc<SharedGraphState>,
    shutdown: Arc<Notify>,
}

/// What goes wrong with one PIN request.
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

/// Numbers of each WABA.
pub(crate) const NUMBERS_PER_WABA: usize = 120;

/// The id of a number of a WABA: the judge knows as many WABAs as it is asked for.
pub(crate) fn number_id(waba: usize, n: usize) -> String {
    format!("{}", 300_000_000_000_000 + waba * 1_000 + n)
}

/// The id of a WABA.
pub(crate) fn waba_id(waba: usize) -> String {
    format!("{}", 700_000_000 + waba)
}

impl FaultyGraph {
    pub(crate) fn start(manners: FaultOptions) -> Self {
        let (shared, shutdown) = (Arc::<SharedGraphState>::default(), Arc::new(Notify::new()));
        let (told, started) = mpsc::channel();
        let (bench, over) = (Arc::clone(&shared), Arc::clone(&shutdown));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                told.send(listener.local_addr().expect("an address")).expect("the test waits");
                tokio::select! {
                    () = accept_connections(listener, bench, manners) => {}
                    () = over.notified() => {}
                }
            });
        });
        Self { address: started.recv().expect("it starts"), shared, shutdown }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The PIN in force on a number, if any was ever set.
    pub(crate) fn pin_in_force(&self, number: &str) -> Option<String> {
        self.shared.state.lock().expect("no panic inside").in_force.get(number).cloned()
    }

    /// How many requests to set a PIN arrived.
    pub(crate) fn pin_requests(&self) -> usize {
        self.shared.state.lock().expect("no panic inside").pin_requests
    }

    /// Waits until so many requests to set a PIN arrived. False if they do not.
    pub(crate) fn wait_for_requests(&self, count: usize) -> bool {
        self.wait_until(|seen| seen.pin_requests >= count)
    }

    /// Waits until what is to be applied late is applied.
    pub(crate) fn wait_for_late_pins(&self) {
        assert!(self.wait_until(|seen| seen.pending_late_pins == 0), "what was taken in late is applied some day");
    }

    fn wait_until(&self, until: impl Fn(&FaultyGraphState) -> bool) -> bool {
        let deadline = Instant::now() + TIMEOUT;
        let mut seen = self.shared.state.lock().expect("no panic inside");
        while !until(&seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            seen = self.shared.changed.wait_timeout(seen, left).expect("no panic inside").0;
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
        change(&mut self.state.lock().expect("no panic inside"));
        self.changed.notify_all();
    }

    fn apply_pin(&self, number: &str, pin: &str) {
        self.update(|seen| {
            seen.in_force.insert(number.to_owned(), pin.to_owned());
        });
    }
}

async fn accept_connections(listener: TcpListener, shared: Arc<SharedGraphState>, manners: FaultOptions) {
    let mut connections = 0;
    while let Ok((line, _)) = listener.accept().await {
        connections += 1;
        let chance = SplitMix64(manners.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(connections));
        tokio::spawn(serve_connection(line, Arc::clone(&shared), manners, chance));
    }
}

/// Splitmix64: the same seed gives the same faults.
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
    mut line: TcpStream,
    shared: Arc<SharedGraphState>,
    manners: FaultOptions,
    mut chance: SplitMix64,
) {
    line.set_nodelay(true).expect("a socket option");
    while let Some((head, body)) = read_request(&mut line).await {
        let spread = manners.max_latency.saturating_sub(manners.min_latency).as_micros().max(1);
        let pause =
            manners.min_latency + Duration::from_micros(chance.next_below(u64::try_from(spread).expect("short")));
        let path = head.split(' ').nth(1).expect("a request line").split('?').next().expect("a path").to_owned();
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let stays = match (head.starts_with("POST "), &parts[..]) {
            (true, [number]) => {
                let pin = parse_pin(&body);
                let fault = (chance.next_below(100) < manners.fault_percent.into())
                    .then(|| ALL_FAULTS[usize::try_from(chance.next_below(6)).expect("few")]);
                shared.update(|seen| {
                    seen.pin_requests += 1;
                });
                tokio::time::sleep(pause).await;
                handle_pin_request(&mut line, &shared, number, &pin, fault, chance.next_below(1_500)).await
            }
            (false, [waba, "phone_numbers"]) => {
                write_response(&mut line, 200, &numbers_page_json(&shared, waba, &head)).await
            }
            (false, [number]) => write_response(&mut line, 200, &number_json(&shared, number)).await,
            _ => false,
        };
        if !stays {
            return;
        }
    }
}

/// Answers a PIN request, well or not. False when the connection is to end.
async fn handle_pin_request(
    line: &mut TcpStream,
    shared: &Arc<SharedGraphState>,
    number: &str,
    pin: &str,
    fault: Option<GraphFault>,
    late_ms: u64,
) -> bool {
    match fault {
        None => {
            shared.apply_pin(number, pin);
            write_response(line, 200, r#"{"success":true}"#).await
        }
        Some(GraphFault::ResetBefore) => {
            line.set_zero_linger().expect("a socket option");
            false
        }
        Some(GraphFault::ResetAfter) => {
            shared.apply_pin(number, pin);
            line.set_zero_linger().expect("a socket option");
            false
        }
        Some(GraphFault::AppliedLate) => {
            shared.update(|seen| seen.pending_late_pins += 1);
            let (shared, number, pin) = (Arc::clone(shared), number.to_owned(), pin.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(late_ms)).await;
                shared.apply_pin(&number, &pin);
                shared.update(|seen| seen.pending_late_pins -= 1);
            });
            line.set_zero_linger().expect("a socket option");
            false
        }
        Some(GraphFault::ErrorAfter) => {
            shared.apply_pin(number, pin);
            let fault = r#"{"error":{"message":"Service temporarily unavailable","type":"OAuthException","code":2}}"#;
            write_response(line, 503, fault).await
        }
        Some(GraphFault::TruncatedBody) => {
            shared.apply_pin(number, pin);
            line.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"succ").await.ok();
            false
        }
        Some(GraphFault::HtmlReply) => {
            shared.apply_pin(number, pin);
            write_response(line, 502, "<html><body>Bad gateway</body></html>").await
        }
    }
}

async fn write_response(line: &mut TcpStream, status: u16, body: &str) -> bool {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    line.write_all(head.as_bytes()).await.is_ok()
}

fn number_json(shared: &SharedGraphState, number: &str) -> String {
    let is_on = shared.state.lock().expect("no panic inside").in_force.contains_key(number);
    let digits = &number[number.len() - 2..];
    format!(
        r#"{{"id":"{number}","display_phone_number":"+1 555-010-01{digits}","verified_name":"Acme","is_pin_enabled":{is_on}}}"#
    )
}

/// One page holds all that a WABA has.
fn numbers_page_json(shared: &SharedGraphState, waba: &str, head: &str) -> String {
    let index = waba.parse::<usize>().expect("a number") - 700_000_000;
    let after = head.contains("after=");
    let numbers = if after { 0..0 } else { 0..NUMBERS_PER_WABA };
    let rows: Vec<String> = numbers.map(|n| number_json(shared, &number_id(index, n))).collect();
    format!(r#"{{"data":[{}]}}"#, rows.join(","))
}

fn parse_pin(body: &str) -> String {
    let (_, rest) = body.split_once("\"pin\"").expect("a PIN");
    rest.chars().filter(char::is_ascii_digit).take(6).collect()
}

/// The head and the body of a request; `None` when the other side is gone.
async fn read_request(line: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let head_ends = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        let mut part = [0; 4_096];
        let count = line.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
    };
    let head = String::from_utf8(bytes[..head_ends].to_vec()).expect("a head of ASCII");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().expect("a length"));
    let mut body = bytes[head_ends..].to_vec();
    while body.len() < length {
        let mut part = [0; 4_096];
        let count = line.read(&mut part).await.ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&part[..count]);
    }
    Some((head, String::from_utf8(body).expect("a body of text")))
}
