//! A fault server: plain bytes over TCP in place of the Graph API, in the runtime of the test that starts it.
//!
//! It says what its script says, right or wrong, and remembers what it was sent. It knows no HTTP beyond where a
//! request ends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One thing to do when a request has come.
#[derive(Debug, Clone)]
pub(crate) enum ScriptStep {
    /// Send these bytes.
    Bytes(Vec<u8>),
    /// Send a byte again and again, this many times or until nobody listens.
    Flood(u8, usize),
    /// Send these bytes, one a second.
    Drip(Vec<u8>),
    /// Say nothing more, for an hour.
    Stall,
    /// Close the connection in good order.
    Close,
    /// Break the connection (RST).
    Reset,
}

#[derive(Debug, Default)]
struct ScriptedServerState {
    connections: usize,
    requests: Vec<String>,
    flooded_bytes: usize,
}

/// A running fault server; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct ScriptedServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<ScriptedServerState>>,
    /// Called with each request as it comes.
    on_request: Arc<dyn Fn(&str) + Send + Sync>,
}

impl ScriptedServer {
    /// Answers the first request by the first script, and so on; the last script answers all that follow.
    pub(crate) async fn start(scripts: Vec<Vec<ScriptStep>>) -> Self {
        Self::start_with_hook(scripts, |_| {}).await
    }

    /// The same, and looks at each request before it is answered.
    pub(crate) async fn start_with_hook(
        scripts: Vec<Vec<ScriptStep>>,
        watch: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let faultd = Self { address, state: Arc::default(), on_request: Arc::new(watch) };
        let server = faultd.clone();
        tokio::spawn(async move {
            let scripts: Arc<[Vec<ScriptStep>]> = scripts.into();
            while let Ok((line, _)) = listener.accept().await {
                server.state.lock().expect("no panic inside").connections += 1;
                let (server, scripts) = (server.clone(), Arc::clone(&scripts));
                tokio::spawn(async move { server.serve_connection(line, &scripts).await });
            }
        });
        faultd
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().expect("no panic inside").connections
    }

    /// Whole requests, with the server's own address replaced by `HOST`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let host = self.address.to_string();
        self.state.lock().expect("no panic inside").requests.iter().map(|text| text.replace(&host, "HOST")).collect()
    }

    /// Bytes of a flood that were taken off its hands.
    pub(crate) fn flooded_bytes(&self) -> usize {
        self.state.lock().expect("no panic inside").flooded_bytes
    }

    async fn serve_connection(&self, mut line: TcpStream, scripts: &[Vec<ScriptStep>]) {
        while let Some(request) = read_request(&mut line).await {
            (self.on_request)(&request);
            let script = {
                let mut seen = self.state.lock().expect("no panic inside");
                seen.requests.push(request);
                let at = seen.requests.len().min(scripts.len()) - 1;
                scripts[at].clone()
            };
            for say in script {
                if !self.run_step(&mut line, say).await {
                    return;
                }
            }
        }
    }

    /// False when the connection is to end.
    async fn run_step(&self, line: &mut TcpStream, say: ScriptStep) -> bool {
        match say {
            ScriptStep::Bytes(bytes) => line.write_all(&bytes).await.is_ok(),
            ScriptStep::Flood(byte, times) => {
                let block = vec![byte; 64 * 1024];
                let mut left = times;
                while left > 0 {
                    let part = left.min(block.len());
                    if line.write_all(&block[..part]).await.is_err() {
                        return false;
                    }
                    self.state.lock().expect("no panic inside").flooded_bytes += part;
                    left -= part;
                }
                true
            }
            ScriptStep::Drip(bytes) => {
                for byte in bytes {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if line.write_all(&[byte]).await.is_err() {
                        return false;
                    }
                }
                true
            }
            ScriptStep::Stall => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                false
            }
            ScriptStep::Close => false,
            ScriptStep::Reset => {
                line.set_zero_linger().expect("a socket option");
                false
            }
        }
    }
}

/// The head, and as much of a body as its Content-Length says; `None` when the other side is gone.
async fn read_request(line: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        bytes.push(line.read_u8().await.ok()?);
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(bytes.clone()).expect("a head of ASCII");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().expect("a length"));
    let mut body = vec![0; length];
    line.read_exact(&mut body).await.ok()?;
    bytes.extend(body);
    Some(String::from_utf8(bytes).expect("a request of ASCII"))
}
