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
const PATIENCE: Duration = Duration::from_secs(30);

/// How the judge answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Each answer takes from this …
    pub(crate) fastest: Duration,
    /// … to this long.
    pub(crate) slowest: Duration,
    /// So many PIN requests in 100 meet a fault.
    pub(crate) faults_in_100: u32,
    /// Where chance begins.
    pub(crate) seed: u64,
}

/// What is to be known of the requests so far.
#[derive(Debug, Default)]
struct Seen {
    in_force: HashMap<String, String>,
    pin_requests: usize,
    /// PINs that were taken in and are not applied yet.
    late: usize,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

/// A running judge; it ends when it is dropped.
pub(crate) struct Judge {
    address: SocketAddr,
    shared: Arc<Shared>,
    end: Arc<Notify>,
}

/// What goes wrong with one PIN request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    ResetBefore,
    ResetAfter,
    AppliedLate,
    ErrorAfter,
    CutBody,
    Html,
}

const FAULTS: [Fault; 6] =
    [Fault::ResetBefore, Fault::ResetAfter, Fault::AppliedLate, Fault::ErrorAfter, Fault::CutBody, Fault::Html];

/// Numbers of each WABA.
pub(crate) const NUMBERS_A_WABA: usize = 120;

/// The id of a number of a WABA: the judge knows as many WABAs as it is asked for.
pub(crate) fn number(waba: usize, n: usize) -> String {
    format!("{}", 300_000_000_000_000 + waba * 1_000 + n)
}

/// The id of a WABA.
pub(crate) fn waba(waba: usize) -> String {
    format!("{}", 700_000_000 + waba)
}

impl Judge {
    pub(crate) fn start(manners: Manners) -> Self {
        let (shared, end) = (Arc::<Shared>::default(), Arc::new(Notify::new()));
        let (told, started) = mpsc::channel();
        let (bench, over) = (Arc::clone(&shared), Arc::clone(&end));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                told.send(listener.local_addr().expect("an address")).expect("the test waits");
                tokio::select! {
                    () = serve(listener, bench, manners) => {}
                    () = over.notified() => {}
                }
            });
        });
        Self { address: started.recv().expect("it starts"), shared, end }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The PIN in force on a number, if any was ever set.
    pub(crate) fn in_force(&self, number: &str) -> Option<String> {
        self.shared.seen.lock().expect("no panic inside").in_force.get(number).cloned()
    }

    /// How many requests to set a PIN arrived.
    pub(crate) fn pin_requests(&self) -> usize {
        self.shared.seen.lock().expect("no panic inside").pin_requests
    }

    /// Waits until so many requests to set a PIN arrived. False if they do not.
    pub(crate) fn wait_for_requests(&self, count: usize) -> bool {
        self.wait(|seen| seen.pin_requests >= count)
    }

    /// Waits until what is to be applied late is applied.
    pub(crate) fn wait_for_late_ones(&self) {
        assert!(self.wait(|seen| seen.late == 0), "what was taken in late is applied some day");
    }

    fn wait(&self, until: impl Fn(&Seen) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.shared.seen.lock().expect("no panic inside");
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

impl Drop for Judge {
    fn drop(&mut self) {
        self.end.notify_one();
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("no panic inside"));
        self.changed.notify_all();
    }

    fn apply(&self, number: &str, pin: &str) {
        self.change(|seen| {
            seen.in_force.insert(number.to_owned(), pin.to_owned());
        });
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, manners: Manners) {
    let mut connections = 0;
    while let Ok((line, _)) = listener.accept().await {
        connections += 1;
        let chance = Chance(manners.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(connections));
        tokio::spawn(converse(line, Arc::clone(&shared), manners, chance));
    }
}

/// Splitmix64: the same seed gives the same faults.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

async fn converse(mut line: TcpStream, shared: Arc<Shared>, manners: Manners, mut chance: Chance) {
    line.set_nodelay(true).expect("a socket option");
    while let Some((head, body)) = read_request(&mut line).await {
        let spread = manners.slowest.saturating_sub(manners.fastest).as_micros().max(1);
        let pause = manners.fastest + Duration::from_micros(chance.below(u64::try_from(spread).expect("short")));
        let path = head.split(' ').nth(1).expect("a request line").split('?').next().expect("a path").to_owned();
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let stays = match (head.starts_with("POST "), &parts[..]) {
            (true, [number]) => {
                let pin = pin_in(&body);
                let fault = (chance.below(100) < manners.faults_in_100.into())
                    .then(|| FAULTS[usize::try_from(chance.below(6)).expect("few")]);
                shared.change(|seen| {
                    seen.pin_requests += 1;
                });
                tokio::time::sleep(pause).await;
                judge_pin(&mut line, &shared, number, &pin, fault, chance.below(1_500)).await
            }
            (false, [waba, "phone_numbers"]) => answer(&mut line, 200, &page(&shared, waba, &head)).await,
            (false, [number]) => answer(&mut line, 200, &row(&shared, number)).await,
            _ => false,
        };
        if !stays {
            return;
        }
    }
}

/// Answers a PIN request, well or not. False when the connection is to end.
async fn judge_pin(
    line: &mut TcpStream,
    shared: &Arc<Shared>,
    number: &str,
    pin: &str,
    fault: Option<Fault>,
    late_ms: u64,
) -> bool {
    match fault {
        None => {
            shared.apply(number, pin);
            answer(line, 200, r#"{"success":true}"#).await
        }
        Some(Fault::ResetBefore) => {
            line.set_zero_linger().expect("a socket option");
            false
        }
        Some(Fault::ResetAfter) => {
            shared.apply(number, pin);
            line.set_zero_linger().expect("a socket option");
            false
        }
        Some(Fault::AppliedLate) => {
            shared.change(|seen| seen.late += 1);
            let (shared, number, pin) = (Arc::clone(shared), number.to_owned(), pin.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(late_ms)).await;
                shared.apply(&number, &pin);
                shared.change(|seen| seen.late -= 1);
            });
            line.set_zero_linger().expect("a socket option");
            false
        }
        Some(Fault::ErrorAfter) => {
            shared.apply(number, pin);
            let fault = r#"{"error":{"message":"Service temporarily unavailable","type":"OAuthException","code":2}}"#;
            answer(line, 503, fault).await
        }
        Some(Fault::CutBody) => {
            shared.apply(number, pin);
            line.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"succ").await.ok();
            false
        }
        Some(Fault::Html) => {
            shared.apply(number, pin);
            answer(line, 502, "<html><body>Bad gateway</body></html>").await
        }
    }
}

async fn answer(line: &mut TcpStream, status: u16, body: &str) -> bool {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    line.write_all(head.as_bytes()).await.is_ok()
}

fn row(shared: &Shared, number: &str) -> String {
    let is_on = shared.seen.lock().expect("no panic inside").in_force.contains_key(number);
    let digits = &number[number.len() - 2..];
    format!(
        r#"{{"id":"{number}","display_phone_number":"+1 555-010-01{digits}","verified_name":"Acme","is_pin_enabled":{is_on}}}"#
    )
}

/// One page holds all that a WABA has.
fn page(shared: &Shared, waba: &str, head: &str) -> String {
    let index = waba.parse::<usize>().expect("a number") - 700_000_000;
    let after = head.contains("after=");
    let numbers = if after { 0..0 } else { 0..NUMBERS_A_WABA };
    let rows: Vec<String> = numbers.map(|n| row(shared, &number(index, n))).collect();
    format!(r#"{{"data":[{}]}}"#, rows.join(","))
}

fn pin_in(body: &str) -> String {
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
