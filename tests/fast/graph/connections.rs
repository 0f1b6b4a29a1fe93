//! The Graph client before it sends a request: certificates that it does not trust, and proxies that see nothing.
//!
//! A test that depends on the environment starts this test program again as a child, with its own name as the filter.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::domain::outcome::{Outcome, SendFailure};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::graph::{Graph, GraphSetupError, ProxyProblem};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use crate::support::child::test_path;

/// The URL that a child process sends its request to.
const CHILD_URL_ENV: &str = "PINDESK_TEST_URL";

/// The proxy that is in all variables of a child process.
const CHILD_PROXY_ENV: &str = "PINDESK_TEST_PROXY";

/// A host outside of this machine that does not exist.
const REMOTE_URL: &str = "https://graph.example.invalid";

fn graph(url: &str, ca_file: Option<PathBuf>) -> Result<Graph, GraphSetupError> {
    let endpoint =
        Endpoint { url: url.parse().expect("a good URL"), version: "v24.0".parse().expect("a version"), ca_file };
    let token = AccessToken::parse("EAAJBfaketoken").expect("a token");
    Graph::new(&endpoint, Credentials { token, app_secret: None }, 16)
}

async fn set_pin(graph: &Graph) -> Outcome {
    graph.set_pin("1".parse().expect("an id"), &Pin::parse(b"409726").expect("a PIN")).await.outcome
}

fn tls_failure(why: &str) -> Outcome {
    Outcome::NotSent(SendFailure::Tls(CleanText::new(why)))
}

fn wrong_name(why: &str) -> Outcome {
    Outcome::NotSent(SendFailure::CertificateName(CleanText::new(why)))
}

fn no_handshake(why: &str) -> Outcome {
    Outcome::NotSent(SendFailure::TlsHandshake(CleanText::new(why)))
}

/// A certificate authority that only the test knows.
struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl CertificateAuthority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Starts a server that confirms every request, with a certificate for `name`. Returns its URL and a counter of
    /// requests.
    async fn start_https_server(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, Arc<AtomicUsize>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let config = RustlsConfig::from_der(vec![certificate.der().to_vec()], key.serialize_der());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket option");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let app = Router::new().fallback(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::ready(r#"{"success":true}"#)
        });
        let server = axum_server::from_tcp_rustls(listener, config.await.expect("a TLS config"));
        tokio::spawn(server.expect("a server").serve(app.into_make_service()));
        (format!("https://{address}"), requests)
    }

    fn write_pem(&self, dir: &TempDir) -> PathBuf {
        let path = dir.path().join("ca.pem");
        fs::write(&path, &self.pem).expect("a file");
        path
    }
}

#[tokio::test]
async fn without_a_trusted_certificate_nothing_is_sent() {
    let dir = TempDir::new().expect("a directory");
    let ours = CertificateAuthority::new("ours");
    let ca_file = ours.write_pem(&dir);
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let in_future = |params: &mut CertificateParams| params.not_before = date_time_ymd(2090, 1, 1);
    let unchanged = |_: &mut CertificateParams| ();
    let cases = [
        (ours.start_https_server("127.0.0.1", unchanged).await, Some(&ca_file), Outcome::Confirmed, 1),
        (
            ours.start_https_server("127.0.0.1", expired).await,
            Some(&ca_file),
            tls_failure("the certificate has expired"),
            0,
        ),
        (
            ours.start_https_server("127.0.0.1", in_future).await,
            Some(&ca_file),
            tls_failure("the certificate is not valid yet"),
            0,
        ),
        (
            ours.start_https_server("127.0.0.2", unchanged).await,
            Some(&ca_file),
            wrong_name("the certificate is for 127.0.0.2, not for 127.0.0.1"),
            0,
        ),
        (
            ours.start_https_server("graph.facebook.com", unchanged).await,
            Some(&ca_file),
            wrong_name("the certificate is for graph.facebook.com, not for 127.0.0.1"),
            0,
        ),
        (
            CertificateAuthority::new("theirs").start_https_server("127.0.0.1", unchanged).await,
            Some(&ca_file),
            tls_failure("the certificate is from an unknown authority"),
            0,
        ),
        (
            CertificateAuthority::new("ours").start_https_server("127.0.0.1", unchanged).await,
            Some(&ca_file),
            tls_failure("the certificate was not signed by the authority it names"),
            0,
        ),
        (
            ours.start_https_server("127.0.0.1", unchanged).await,
            None,
            tls_failure("the certificate is from an unknown authority"),
            0,
        ),
    ];
    for ((url, requests), ca_file, expected, sent) in cases {
        let outcome = set_pin(&graph(&url, ca_file.cloned()).expect("a client")).await;
        assert_eq!((outcome, requests.load(Ordering::SeqCst)), (expected, sent));
    }
}

/// A TLS 1.1 handshake record with a `ServerHello`, as a server answers that knows no newer version.
fn tls_1_1_server_hello() -> Vec<u8> {
    let random = [7; 32];
    let hello = [&[3, 2][..], &random, &[0, 0xc0, 0x13, 0]].concat();
    let length = u8::try_from(hello.len()).expect("a short message");
    [&[22, 3, 2, 0, length + 4, 2, 0, 0, length][..], &hello].concat()
}

#[tokio::test]
async fn a_server_without_modern_tls_receives_no_request() {
    const PROTOCOL_VERSION_ALERT: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
    const HANDSHAKE_FAILURE_ALERT: &[u8] = &[21, 3, 1, 0, 2, 2, 40];
    let cases: [(Vec<u8>, Outcome); 5] = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"success\":true}".to_vec(),
            no_handshake("the server did not answer with TLS"),
        ),
        (PROTOCOL_VERSION_ALERT.to_vec(), no_handshake("the server accepts only versions of TLS below 1.2")),
        (tls_1_1_server_hello(), no_handshake("the server accepts only versions of TLS below 1.2")),
        (HANDSHAKE_FAILURE_ALERT.to_vec(), no_handshake("the server refused the TLS connection, without saying why")),
        (Vec::new(), no_connection("the server closed it before TLS was established")),
    ];
    for (answer, expected) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let url = format!("https://{address}");
        let expected = if let Outcome::NotSent(SendFailure::NoConnection(why)) = &expected {
            no_connection(&format!("{why} ({address})"))
        } else {
            expected
        };
        let received = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut bytes = vec![0; 4_096];
            let length = stream.read(&mut bytes).expect("a client hello");
            stream.write_all(&answer).expect("an answer");
            bytes.truncate(length);
            bytes
        });
        assert_eq!(set_pin(&graph(&url, None).expect("a client")).await, expected);
        let received = received.join().expect("no panic");
        assert!(!contains_bytes(&received, b"409726") && !contains_bytes(&received, b"EAAJ"));
    }
}

fn contains_bytes(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_ca_file_that_cannot_be_used_is_named_by_its_path() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("ca.pem");
    let message = |path: &PathBuf| {
        let error = graph("https://127.0.0.1", Some(path.clone())).err().expect("no client");
        error.to_string().replace(&path.display().to_string(), "PATH")
    };
    let set_mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the mode is set");
    assert_eq!(message(&path), "CA file PATH: there is no such file");
    fs::write(&path, "no certificate").expect("a file");
    set_mode(0o644);
    assert_eq!(message(&path), "no PEM certificate in the CA file PATH");
    let pem = CertificateAuthority::new("ours").pem;
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&path, format!("{pem}{damaged}")).expect("a file");
    assert_eq!(message(&path), "a certificate in the CA file PATH is damaged");
    fs::write(&path, pem).expect("a file");
    assert!(graph("https://127.0.0.1", Some(path.clone())).is_ok());
    set_mode(0o666);
    assert_eq!(message(&path), "CA file PATH: others can write it (mode 0666). Run: chmod go-w PATH");
}

/// Accepts one connection with a certificate for 127.0.0.1, and returns how many bytes of application data came.
fn count_application_bytes(authority: &CertificateAuthority, listener: TcpListener) -> JoinHandle<usize> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority.issuer).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
    let connection = ServerConnection::new(Arc::new(config.expect("a certificate and its key"))).expect("a server");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut tls = StreamOwned::new(connection, stream);
        // A client that does not trust the certificate ends the connection.
        let count = tls.read(&mut [0; 4_096]).unwrap_or(0);
        if count > 0 {
            tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"success\":true}").expect("an answer");
        }
        count
    })
}

/// The authority in `ca_file` of a child process.
const CHILD_CA_FILE_ENV: &str = "PINDESK_TEST_CA_FILE";

#[test]
fn an_authority_of_the_environment_is_not_trusted() {
    if let Ok(url) = std::env::var(CHILD_URL_ENV) {
        let ca_file = std::env::var_os(CHILD_CA_FILE_ENV).map(PathBuf::from);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let outcome = runtime.block_on(set_pin(&graph(&url, ca_file).expect("a client")));
        let trusts = std::env::var_os("SSL_CERT_FILE").or(std::env::var_os("SSL_CERT_DIR")).is_none();
        let unknown = tls_failure("the certificate is from an unknown authority");
        assert_eq!(outcome, if trusts { Outcome::Confirmed } else { unknown });
        return;
    }
    let dir = TempDir::new().expect("a directory");
    let (theirs, ours) = (CertificateAuthority::new("theirs"), CertificateAuthority::new("ours"));
    let (theirs_pem, ours_pem) = (theirs.write_pem(&dir), dir.path().join("ours.pem"));
    fs::write(&ours_pem, &ours.pem).expect("a file");
    // A directory for OpenSSL holds files that are named by a hash: the name does not matter to other readers.
    let hashed = dir.path().join("hashed");
    fs::create_dir(&hashed).expect("a directory");
    fs::write(hashed.join("00000000.0"), &theirs.pem).expect("a file");
    let run = |variables: &[(&str, &Path)], ca_file: Option<&Path>| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let server = count_application_bytes(&theirs, listener);
        let name = test_path(module_path!(), "an_authority_of_the_environment_is_not_trusted");
        let mut child = Command::new(std::env::current_exe().expect("this binary"));
        child.args(["--exact", &name]).env(CHILD_URL_ENV, url).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        child.envs(variables.iter().copied()).envs(ca_file.map(|path| (CHILD_CA_FILE_ENV, path)));
        let output = child.output().expect("a child");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && stdout.contains("1 passed"), "{variables:?} {ca_file:?}: {stdout}");
        server.join().expect("no panic")
    };
    let (file, certificates) = (("SSL_CERT_FILE", theirs_pem.as_path()), ("SSL_CERT_DIR", hashed.as_path()));
    for variables in [&[file][..], &[certificates], &[file, certificates]] {
        for ca_file in [None, Some(ours_pem.as_path())] {
            assert_eq!(run(variables, ca_file), 0, "{variables:?} {ca_file:?}");
        }
    }
    assert!(run(&[], Some(&theirs_pem)) > 0, "the config may trust that authority");
}

/// Runs the test `name` again in a child process with a proxy in its environment. Returns what the proxy received, one
/// text for each connection. The proxy refuses everything, with this status line.
fn requests_seen_by_proxy(name: &str, url: &str, status: &'static str, credentials: &str) -> Vec<String> {
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = proxy.local_addr().expect("an address");
    let recorder = std::thread::spawn(move || {
        let mut received = Vec::new();
        loop {
            let (mut stream, _) = proxy.accept().expect("a connection");
            let mut text = vec![0; 4_096];
            let length = stream.read(&mut text).expect("some bytes");
            text.truncate(length);
            if text == b"end" {
                return received;
            }
            received.push(String::from_utf8_lossy(&text).into_owned());
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("an answer");
        }
    });
    run_child_with_proxy(name, url, &format!("http://{credentials}{address}"));
    let mut stream = std::net::TcpStream::connect(address).expect("the proxy still listens");
    stream.write_all(b"end").expect("the end marker");
    recorder.join().expect("no panic")
}

fn run_child_with_proxy(name: &str, url: &str, proxy: &str) {
    let mut child = Command::new(std::env::current_exe().expect("this binary"));
    child
        .args(["--exact", &test_path(module_path!(), name)])
        .env(CHILD_URL_ENV, url)
        .env(CHILD_PROXY_ENV, proxy)
        .env_remove("no_proxy")
        .env_remove("NO_PROXY");
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(variable, proxy);
    }
    let output = child.output().expect("a child");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}

/// The proxy that the child has, as messages name it.
fn child_proxy() -> String {
    let proxy = std::env::var(CHILD_PROXY_ENV).expect("a proxy");
    let address = proxy.rsplit(['/', '@']).next().unwrap_or_default();
    format!("{address} (HTTPS_PROXY)")
}

/// In the child that [`requests_seen_by_proxy`] starts: sets a PIN at its URL, and returns the outcome. `None` in the
/// parent.
fn outcome_in_proxied_child() -> Option<Outcome> {
    let url = std::env::var(CHILD_URL_ENV).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    Some(runtime.block_on(set_pin(&graph(&url, None).expect("a client"))))
}

fn no_connection(why: &str) -> Outcome {
    Outcome::NotSent(SendFailure::NoConnection(CleanText::new(why)))
}

#[test]
fn an_environment_proxy_never_sees_loopback() {
    if let Some(outcome) = outcome_in_proxied_child() {
        let url = std::env::var(CHILD_URL_ENV).expect("a URL");
        let address = url.rsplit('/').next().unwrap_or_default();
        assert_eq!(outcome, Outcome::NotSent(SendFailure::NothingListens(CleanText::new(address))));
        return;
    }
    for scheme in ["http", "https"] {
        // No process listens there: a request that arrives anywhere arrives at the proxy.
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
        let received = requests_seen_by_proxy(
            "an_environment_proxy_never_sees_loopback",
            &format!("{scheme}://{free}"),
            "403 No",
            "",
        );
        assert_eq!(received, Vec::<String>::new(), "{scheme}");
    }
}

#[test]
fn an_environment_proxy_sees_only_the_tunnel_request() {
    if let Some(outcome) = outcome_in_proxied_child() {
        assert_eq!(outcome, no_connection(&format!("the proxy {} refused it (HTTP 403)", child_proxy())));
        return;
    }
    let name = "an_environment_proxy_sees_only_the_tunnel_request";
    let received = requests_seen_by_proxy(name, REMOTE_URL, "403 Forbidden", "ana:p%40ss@");
    let agent = concat!("pindesk/", env!("CARGO_PKG_VERSION"));
    let connect = "CONNECT graph.example.invalid:443 HTTP/1.1\r\nHost: graph.example.invalid:443\r\n";
    // The HTTP client does not tell the status of a refusal, so pindesk asks once more.
    let auth = "Proxy-Authorization: Basic YW5hOnBAc3M=\r\n";
    assert_eq!(
        received,
        [
            format!("{connect}user-agent: {agent}\r\n{}\r\n", auth.replacen('P', "p", 1).replacen('A', "a", 1)),
            format!("{connect}{auth}\r\n")
        ]
    );
}

#[test]
fn a_proxy_that_wants_a_password_is_named() {
    if let Some(outcome) = outcome_in_proxied_child() {
        let why = format!("the proxy {} wants a user and a password (HTTP 407)", child_proxy());
        assert_eq!(outcome, Outcome::NotSent(SendFailure::ProxyCredentials(CleanText::new(&why))));
        return;
    }
    let name = "a_proxy_that_wants_a_password_is_named";
    assert_eq!(requests_seen_by_proxy(name, REMOTE_URL, "407 Proxy Authentication Required", "").len(), 1);
}

#[test]
fn a_dead_proxy_is_named() {
    if let Some(outcome) = outcome_in_proxied_child() {
        let why = format!("the proxy {} does not accept one: Connection refused", child_proxy());
        assert_eq!(outcome, no_connection(&why));
        return;
    }
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    run_child_with_proxy("a_dead_proxy_is_named", REMOTE_URL, &format!("http://{free}"));
}

#[test]
fn a_malformed_proxy_is_no_direct_connection() {
    if let Ok(url) = std::env::var(CHILD_URL_ENV) {
        let problem = match std::env::var(CHILD_PROXY_ENV).expect("a proxy").as_str() {
            "socks5://127.0.0.1:9" => ProxyProblem::UnsupportedScheme,
            _ => ProxyProblem::InvalidUrl,
        };
        let error = graph(&url, None).err().expect("no client");
        assert_eq!(error.to_string(), format!("HTTPS_PROXY names no proxy that pindesk can use: {problem}"));
        assert!(graph("https://127.0.0.1:1", None).is_ok(), "a proxy never sees loopback, so its name does not matter");
        return;
    }
    for proxy in [":::bad", "http://ana:s3cret@[x", "socks5://127.0.0.1:9"] {
        run_child_with_proxy("a_malformed_proxy_is_no_direct_connection", REMOTE_URL, proxy);
    }
}
