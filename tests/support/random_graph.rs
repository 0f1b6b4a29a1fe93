//! A server in place of the Graph API that answers at random: valid replies, errors, random JSON and bytes, with random
//! statuses and headers, late, torn or not at all. It records what each of its replies proves.
//!
//! It judges a reply by the closed list of evidence (see `pindesk::domain::outcome`) with code of its own.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::faulty_graph::{SplitMix64, parse_pin, read_request};

/// What a reply proves about the request that sets a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    Applied,
    Refused,
    Nothing,
}

/// The requests so far.
#[derive(Debug, Default)]
struct Requests {
    /// What the replies to the requests with a number and a PIN prove, in their order.
    evidence: HashMap<(String, String), Vec<Evidence>>,
    /// The numbers and PINs that were applied, whatever the reply said.
    applied: HashSet<(String, String)>,
}

/// A running server. It stops when it is dropped.
pub(crate) struct RandomGraph {
    pub(crate) url: String,
    requests: Arc<Mutex<Requests>>,
    shutdown: Arc<Notify>,
}

/// How many numbers each WABA has.
const NUMBERS_PER_WABA: usize = 120;

/// What follows the bytes of a reply.
#[derive(Debug, Clone, Copy)]
enum Ending {
    KeepOpen,
    Close,
    Reset,
}

struct Reply {
    bytes: Vec<u8>,
    evidence: Evidence,
    ending: Ending,
}

impl RandomGraph {
    pub(crate) fn start(seed: u64) -> Self {
        let (requests, shutdown) = (Arc::<Mutex<Requests>>::default(), Arc::new(Notify::new()));
        let (sender, started) = mpsc::channel();
        let (shared, stop) = (Arc::clone(&requests), Arc::clone(&shutdown));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("an address");
                sender.send(format!("http://{address}")).expect("the test waits for the address");
                tokio::select! {
                    () = accept_connections(listener, shared, seed) => {}
                    () = stop.notified() => {}
                }
            });
        });
        Self { url: started.recv().expect("the server starts"), requests, shutdown }
    }

    /// How many requests to set a PIN arrived.
    pub(crate) fn pin_requests(&self) -> usize {
        self.requests.lock().expect("no thread panicked").evidence.values().map(Vec::len).sum()
    }

    /// What the replies to the requests with each number and PIN prove, in their order.
    pub(crate) fn evidence(&self) -> HashMap<(String, String), Vec<Evidence>> {
        self.requests.lock().expect("no thread panicked").evidence.clone()
    }

    /// True if the PIN was ever applied to the number.
    pub(crate) fn is_applied(&self, number: &str, pin: &str) -> bool {
        self.requests.lock().expect("no thread panicked").applied.contains(&(number.to_owned(), pin.to_owned()))
    }
}

impl Drop for RandomGraph {
    fn drop(&mut self) {
        self.shutdown.notify_one();
    }
}

async fn accept_connections(listener: TcpListener, requests: Arc<Mutex<Requests>>, seed: u64) {
    let mut connections = 0;
    while let Ok((stream, _)) = listener.accept().await {
        connections += 1;
        let random = Random(SplitMix64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(connections)));
        tokio::spawn(serve_connection(stream, Arc::clone(&requests), random));
    }
}

async fn serve_connection(mut stream: TcpStream, requests: Arc<Mutex<Requests>>, mut random: Random) {
    while let Some((head, body)) = read_request(&mut stream).await {
        let path = head.split([' ', '?']).nth(1).expect("a path").to_owned();
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let reply = match (head.starts_with("POST "), &parts[..]) {
            (true, [number]) => {
                let reply = random.pin_reply();
                let key = ((*number).to_owned(), parse_pin(&body));
                let is_applied = match reply.evidence {
                    Evidence::Applied => true,
                    Evidence::Refused => false,
                    Evidence::Nothing => random.is_one_of(2),
                };
                let mut requests = requests.lock().expect("no thread panicked");
                if is_applied {
                    requests.applied.insert(key.clone());
                }
                requests.evidence.entry(key).or_default().push(reply.evidence);
                reply
            }
            (false, [_, "phone_numbers"] | [_]) if random.is_one_of(4) => random.any_reply(),
            (false, [waba, "phone_numbers"]) => {
                let first = waba.parse::<usize>().expect("a WABA ID") * 1_000_000;
                let numbers =
                    (first..first + NUMBERS_PER_WABA).map(|id| number_json(&requests, &id.to_string(), &mut random));
                let page = json!({ "data": numbers.collect::<Vec<_>>() });
                random.whole(200, page.to_string().as_bytes(), Evidence::Nothing)
            }
            (false, [number]) => {
                let number = number_json(&requests, number, &mut random);
                random.whole(200, number.to_string().as_bytes(), Evidence::Nothing)
            }
            _ => random.any_reply(),
        };
        let delay = if random.is_one_of(100) { 2_000 } else { random.below(100) };
        tokio::time::sleep(Duration::from_millis(delay)).await;
        if stream.write_all(&reply.bytes).await.is_err() {
            return;
        }
        match reply.ending {
            Ending::KeepOpen => {}
            Ending::Close => return,
            Ending::Reset => {
                stream.set_zero_linger().expect("a socket option");
                return;
            }
        }
    }
}

/// A number whose two-step verification is as the server knows it, with a name of any characters.
fn number_json(requests: &Mutex<Requests>, id: &str, random: &mut Random) -> Value {
    let is_on = requests.lock().expect("no thread panicked").applied.iter().any(|(number, _)| number == id);
    let digits = id.get(id.len().saturating_sub(7)..).unwrap_or(id);
    json!({"id": id, "display_phone_number": format!("+1 555 {digits}"), "verified_name": random.text(),
           "is_pin_enabled": is_on})
}

/// Chooses replies.
struct Random(SplitMix64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_below(bound)
    }

    fn is_one_of(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        let count = u64::try_from(values.len()).expect("a small number");
        values[usize::try_from(self.below(count)).expect("a small number")]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most)).map(|_| u8::try_from(self.below(256)).expect("a byte")).collect()
    }

    /// A text with control characters, marks that run from right to left, and words of Meta.
    fn text(&mut self) -> String {
        let pieces = [
            "Acme",
            "\u{1b}[2J",
            "\u{202e}",
            "\u{200b}",
            "שגוי",
            "(#100) ",
            "The parameter pin is required",
            "Unsupported get request.",
            "does not exist",
            " ",
            "\n",
            "\0",
            "é",
            "\u{9b}",
            "appsecret_proof",
            "%s",
            "Session has expired",
            "nonexisting field (x)",
            "API access blocked.",
            "\u{1f600}",
            "a\u{301}\u{301}\u{301}",
        ];
        (0..self.below(6)).map(|_| self.pick(&pieces)).collect()
    }

    fn json(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Bool(self.is_one_of(2)),
            2 => json!(self.below(200_000)),
            3 => json!(f64::from(u32::try_from(self.below(1_000)).expect("a small number")) / 7.0),
            4 => json!(u64::MAX - self.below(9)),
            5 => Value::String(self.text()),
            6 => Value::Array((0..self.below(4)).map(|_| self.json(depth - 1)).collect()),
            _ => {
                let keys = ["success", "error", "code", "message", "data", "paging", "id", "is_transient", "meta"];
                (0..self.below(4))
                    .map(|_| (self.pick(&keys).to_owned(), self.json(depth - 1)))
                    .collect::<Map<_, _>>()
                    .into()
            }
        }
    }

    fn status(&mut self) -> u16 {
        self.pick(&[
            200, 200, 201, 202, 206, 301, 302, 307, 400, 401, 403, 404, 407, 408, 409, 422, 429, 500, 502, 503, 599,
        ])
    }

    /// Codes that pause or stop everything are rare, so that the others come, too.
    fn code(&mut self) -> i64 {
        match self.below(100) {
            0..3 => self.pick(&[4, 17, 613, 80_007, 80_008, 130_429]),
            3..5 => self.pick(&[190, 102, 0]),
            5 => self.pick(&[3, 12]),
            6..20 => i64::try_from(self.below(3_000_000)).expect("a small number") - 1_000,
            _ => self.pick(&[
                1, 2, 10, 33, 100, 200, 368, 803, 2_500, 131_000, 131_005, 131_008, 131_009, 131_016, 131_031, 131_045,
                133_000, 133_004, 133_005, 133_006, 133_008, 133_009, 133_010, 133_015, 133_016, 135_000, 136_024,
                2_388_012, 2_494_100,
            ]),
        }
    }

    fn error(&mut self) -> Value {
        let mut error = json!({"message": self.text(), "type": "OAuthException", "code": self.code()});
        let more = [
            ("error_subcode", json!(self.pick(&[33, 463, 459, 2_388_012]))),
            ("is_transient", self.pick(&[Some(true), Some(false), None]).into()),
            ("error_data", json!({"messaging_product": "whatsapp", "details": self.text()})),
            ("error_user_title", json!(self.text())),
            ("error_user_msg", json!(self.text())),
            ("fbtrace_id", json!(self.text())),
            ("message", self.json(1)),
            ("code", self.json(0)),
        ];
        for (key, value) in more {
            // Its message and its code are seldom something else.
            if self.is_one_of(if key == "message" || key == "code" { 20 } else { 3 }) {
                error[key] = value;
            }
        }
        json!({ "error": error })
    }

    /// The reply to a request that sets a PIN: often one that proves something.
    fn pin_reply(&mut self) -> Reply {
        match self.below(10) {
            0..4 => self.value(200, &json!({"success": true})),
            4..6 => {
                let (status, error) = (self.pick(&[400, 403, 404]), self.error());
                self.value(status, &error)
            }
            _ => self.any_reply(),
        }
    }

    fn any_reply(&mut self) -> Reply {
        let status = self.status();
        match self.below(12) {
            0 => {
                let value = self.json(4);
                self.value(status, &value)
            }
            1 | 2 => {
                let error = self.error();
                self.value(status, &error)
            }
            3 => {
                let success =
                    [json!(false), json!("true"), json!(1), json!(null), json!([true]), json!({"success": true})];
                let index = usize::try_from(self.below(6)).expect("a small number");
                self.value(status, &json!({ "success": success[index] }))
            }
            4 => {
                let text = self.text();
                self.value(status, &json!({"meta": {"developerMessage": text}}))
            }
            5 => {
                let both =
                    [r#"{"success":true,"success":true}"#, r#"{"success":true,"error":{"message":"m","code":100}}"#];
                let body = self.pick(&both).as_bytes();
                self.whole(status, body, Evidence::Nothing)
            }
            6 => {
                let page = self.pick(&["<html>Bad gateway", "<!DOCTYPE html><html id=\"facebook\">", "", "success"]);
                self.whole(status, page.as_bytes(), Evidence::Nothing)
            }
            7 => {
                let body = self.bytes(3_000);
                self.whole(status, &body, Evidence::Nothing)
            }
            // Longer than what is read of a reply.
            8 if self.is_one_of(4) => self.whole(200, &vec![b' '; 2 * 1024 * 1024], Evidence::Nothing),
            8 => self.whole(status, "[".repeat(50_000).as_bytes(), Evidence::Nothing),
            9 => {
                let bytes = self.bytes(300);
                Reply { bytes, evidence: Evidence::Nothing, ending: self.pick(&[Ending::Close, Ending::Reset]) }
            }
            // Torn: the last byte never comes.
            10 => {
                let mut reply = self.value(200, &json!({"success": true}));
                reply.bytes.pop();
                Reply { evidence: Evidence::Nothing, ending: self.pick(&[Ending::Close, Ending::Reset]), ..reply }
            }
            _ => {
                let head =
                    self.pick(&["HTTP/1.1 204 X\r\n\r\n", "HTTP/1.1 304 X\r\n\r\n", "HTTP/1.1 banana\r\n\r\n", ""]);
                Reply { bytes: head.as_bytes().to_vec(), evidence: Evidence::Nothing, ending: Ending::Close }
            }
        }
    }

    fn value(&mut self, status: u16, value: &Value) -> Reply {
        self.whole(status, value.to_string().as_bytes(), evidence_of(status, value))
    }

    /// A complete reply with random headers, as one piece or in chunks.
    fn whole(&mut self, status: u16, body: &[u8], evidence: Evidence) -> Reply {
        let headers = [
            "Content-Type: text/html\r\n",
            "Content-Type: application/json; charset=utf-16\r\n",
            "Retry-After: 1\r\n",
            "Retry-After: banana\r\n",
            "Retry-After: 99999999999999999999\r\n",
            "Set-Cookie: a=b\r\n",
            "X-App-Usage: {\"call_count\":28,\"total_time\":[]}\r\n",
            "X-Business-Use-Case-Usage: {\"\\\r\n",
            "X-Business-Use-Case-Usage: {\"700000000\":[{\"type\":\"whatsapp_business_management\",\"call_count\":40}]}\r\n",
            "facebook-api-version: v1.0\r\n",
            "facebook-api-version: NaN\r\n",
            "x-fb-trace-id: A\u{e9}\u{202e}\r\n",
            "Location: http://127.0.0.1:1/\r\n",
            "WWW-Authenticate: OAuth \"Facebook Platform\"\r\n",
        ];
        let mut head = format!("HTTP/1.1 {status} X\r\n");
        (0..self.below(4)).for_each(|_| head.push_str(self.pick(&headers)));
        let mut bytes;
        if self.is_one_of(5) && !body.is_empty() {
            head.push_str("Transfer-Encoding: chunked\r\n\r\n");
            bytes = head.into_bytes();
            for chunk in body.chunks(1 + usize::try_from(self.below(5_000)).expect("a small number")) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            write!(head, "Content-Length: {}\r\n\r\n", body.len()).expect("writing to a String cannot fail");
            bytes = head.into_bytes();
            bytes.extend_from_slice(body);
        }
        let ending = if self.is_one_of(5) { Ending::Close } else { Ending::KeepOpen };
        Reply { bytes, evidence, ending }
    }
}

/// What a whole reply with this body proves, by the closed list.
fn evidence_of(status: u16, body: &Value) -> Evidence {
    const THROTTLES: [i64; 8] = [4, 17, 32, 341, 613, 80_007, 80_008, 130_429];
    let (error, success) = (body.get("error"), body.get("success"));
    if status == 200 && error.is_none() && success == Some(&Value::Bool(true)) {
        return Evidence::Applied;
    }
    let code = error.and_then(|error| error["code"].as_i64());
    let (Some(error), Some(code)) = (error, code) else { return Evidence::Nothing };
    let is_well_formed = error["message"].is_string() && success.is_none_or(|value| *value == Value::Bool(false));
    let is_throttle = THROTTLES.contains(&code) || status == 429;
    let is_transient = !matches!(&error["is_transient"], Value::Null | Value::Bool(false));
    let is_sure = is_throttle || code != 1 && code != 2 && !is_transient;
    if (400..500).contains(&status) && is_well_formed && is_sure { Evidence::Refused } else { Evidence::Nothing }
}
