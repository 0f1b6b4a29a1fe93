//! A server in place of the Graph API that sends scripted bytes over TCP, in the runtime of the test that starts it.
//!
//! It sends what its script says, valid or not, and records the requests. It does not parse HTTP, except to find the
//! end of a request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One step of the reaction to a request.
#[derive(Debug, Clone)]
pub(crate) enum ScriptStep {
    /// Send these bytes.
    Bytes(Vec<u8>),
    /// Send a byte this many times, or until the client closes the connection.
    Flood(u8, usize),
    /// Send these bytes, one per second.
    Drip(Vec<u8>),
    /// Send nothing for an hour.
    Stall,
    /// Close the connection normally (FIN).
    Close,
    /// Reset the connection (RST).
    Reset,
}

impl ScriptStep {
    const fn takes_time(&self) -> bool {
        match self {
            Self::Drip(_) | Self::Stall => true,
            Self::Bytes(_) | Self::Flood(..) | Self::Close | Self::Reset => false,
        }
    }
}

#[derive(Debug, Default)]
struct ScriptedServerState {
    connections: usize,
    requests: Vec<String>,
    flooded_bytes: usize,
}

/// A running server. It stops with the runtime of the test.
#[derive(Clone)]
pub(crate) struct ScriptedServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<ScriptedServerState>>,
    /// Called with each request before the script runs.
    on_request: Arc<dyn Fn(&str) + Send + Sync>,
    _stopped_clock: Option<Arc<StoppedClock>>,
}

/// Keeps tokio from advancing a paused clock while bytes are on their way through the operating system.
///
/// tokio advances it when no task can run, and does not know that a reply is about to arrive. It does not advance while
/// a blocking task runs (see `tokio::time::advance`), so this is one that waits until it is dropped.
struct StoppedClock(#[expect(dead_code, reason = "dropped to end the task")] mpsc::Sender<()>);

impl StoppedClock {
    fn start() -> Self {
        let (sender, dropped) = mpsc::channel();
        tokio::task::spawn_blocking(move || dropped.recv());
        Self(sender)
    }
}

impl ScriptedServer {
    /// Answers the first request with the first script, and so on. The last script answers all further requests.
    pub(crate) async fn start(scripts: Vec<Vec<ScriptStep>>) -> Self {
        Self::start_with_hook(scripts, |_| {}).await
    }

    /// As [`Self::start`], and the paused clock stands still until the test drops the server, unless a script takes time.
    pub(crate) async fn start_with_stopped_clock(scripts: Vec<Vec<ScriptStep>>) -> Self {
        let takes_time = scripts.iter().any(|steps| steps.is_empty() || steps.iter().any(ScriptStep::takes_time));
        let stopped_clock = (!takes_time).then(|| Arc::new(StoppedClock::start()));
        Self { _stopped_clock: stopped_clock, ..Self::start(scripts).await }
    }

    /// As [`Self::start`], and calls `on_request` with each request before the server answers it.
    pub(crate) async fn start_with_hook(
        scripts: Vec<Vec<ScriptStep>>,
        on_request: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let handle = Self { address, state: Arc::default(), on_request: Arc::new(on_request), _stopped_clock: None };
        let server = handle.clone();
        tokio::spawn(async move {
            let scripts: Arc<[Vec<ScriptStep>]> = scripts.into();
            while let Ok((stream, _)) = listener.accept().await {
                server.state.lock().expect("not poisoned").connections += 1;
                let (server, scripts) = (server.clone(), Arc::clone(&scripts));
                tokio::spawn(async move { server.serve_connection(stream, &scripts).await });
            }
        });
        handle
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().expect("not poisoned").connections
    }

    /// The complete requests, with `HOST` for the address of the server.
    pub(crate) fn requests(&self) -> Vec<String> {
        let host = self.address.to_string();
        self.state.lock().expect("not poisoned").requests.iter().map(|text| text.replace(&host, "HOST")).collect()
    }

    /// How many bytes of a flood the operating system accepted.
    pub(crate) fn flooded_bytes(&self) -> usize {
        self.state.lock().expect("not poisoned").flooded_bytes
    }

    async fn serve_connection(&self, mut stream: TcpStream, scripts: &[Vec<ScriptStep>]) {
        while let Some(request) = read_request(&mut stream).await {
            (self.on_request)(&request);
            let script = {
                let mut state = self.state.lock().expect("not poisoned");
                state.requests.push(request);
                let index = state.requests.len().min(scripts.len()) - 1;
                scripts[index].clone()
            };
            for step in script {
                if !self.run_step(&mut stream, step).await {
                    return;
                }
            }
        }
    }

    /// Returns false if the connection must be closed.
    async fn run_step(&self, stream: &mut TcpStream, step: ScriptStep) -> bool {
        match step {
            ScriptStep::Bytes(bytes) => stream.write_all(&bytes).await.is_ok(),
            ScriptStep::Flood(byte, times) => {
                let block = vec![byte; 64 * 1024];
                let mut left = times;
                while left > 0 {
                    let len = left.min(block.len());
                    if stream.write_all(&block[..len]).await.is_err() {
                        return false;
                    }
                    self.state.lock().expect("not poisoned").flooded_bytes += len;
                    left -= len;
                }
                true
            }
            ScriptStep::Drip(bytes) => {
                for byte in bytes {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if stream.write_all(&[byte]).await.is_err() {
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
                stream.set_zero_linger().expect("a socket option");
                false
            }
        }
    }
}

/// The head, and the body if there is a Content-Length. `None` if the client closed the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        bytes.push(stream.read_u8().await.ok()?);
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
    stream.read_exact(&mut body).await.ok()?;
    bytes.extend(body);
    Some(String::from_utf8(bytes).expect("a request of ASCII"))
}
