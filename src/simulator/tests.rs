//! Tests of the simulator over HTTP: encodings, faults in delivery, and shutdown.

use std::net::Ipv4Addr;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn start(faults: &str) -> Simulator {
    let faults = FaultPlan::parse(faults).expect("a valid plan");
    let spec = SimulatorSpec { world: WorldSpec::new(300, 1), latency: Duration::ZERO, faults };
    Simulator::start(LOOPBACK, spec).await.expect("a free port")
}

fn client() -> Client {
    let redirects = reqwest::redirect::Policy::none();
    Client::builder().no_proxy().tls_certs_only([]).redirect(redirects).build().expect("a client")
}

fn set_pin(simulator: &Simulator, pin: &str) -> RequestBuilder {
    let url = format!("{}/v24.0/200000000000001/", simulator.base_url());
    client().post(url).bearer_auth(FULL_ACCESS_TOKEN).json(&json!({"pin": pin}))
}

fn first_number() -> PhoneNumberId {
    "200000000000001".parse().expect("an ID")
}

async fn send(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

fn once(answer: &str) -> String {
    format!("[[fault]]\nevery = 1\ntimes = 1\nanswer = {answer}")
}

#[tokio::test]
async fn every_body_encoding_can_set_a_pin() {
    let simulator = start("").await;
    let url = format!("{}/v24.0/200000000000001", simulator.base_url());
    let post = || client().post(&url).bearer_auth(FULL_ACCESS_TOKEN);
    let form = "application/x-www-form-urlencoded";
    let parts = "--b\r\nContent-Disposition: form-data; name=\"pin\"\r\n\r\n000003\r\n--b--\r\n";
    let requests = [
        post().json(&json!({"pin": "000001"})),
        post().header("content-type", form).body("pin=000002"),
        post().header("content-type", "multipart/form-data; boundary=b").body(parts),
        post().header("content-type", "application/json; charset=utf-8").body(" {\"pin\" : \"000004\"}"),
        post().query(&[("pin", "000005")]),
        client().post(&url).header("content-type", form).body("access_token=SIMULATOR&pin=000006"),
    ];
    for (index, request) in requests.into_iter().enumerate() {
        assert_eq!(send(request).await, (200, json!({"success": true})), "request {index}");
    }
    let sent = (1..=6).map(|n| [b'0', b'0', b'0', b'0', b'0', b'0' + n]).collect::<Vec<_>>();
    assert_eq!(simulator.pins_sent(&first_number()), sent);
    assert_eq!((simulator.pin_in_force(&first_number()), simulator.pin_request_count()), (Some(*b"000006"), 6));
}

#[tokio::test]
async fn a_chunked_body_is_read_completely() {
    let simulator = start("").await;
    let mut connection = tokio::net::TcpStream::connect(simulator.address()).await.expect("a connection");
    let head = "POST /v24.0/200000000000001 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer SIMULATOR\r\n\
                Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = "8\r\n{\"pin\":\"\r\n8\r\n409726\"}\r\n0\r\n\r\n";
    connection.write_all(format!("{head}{chunks}").as_bytes()).await.expect("sent");
    let mut response = String::new();
    connection.read_to_string(&mut response).await.expect("a response");
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("{\"success\":true}"), "{response}");
    assert_eq!(simulator.pin_in_force(&first_number()), Some(*b"409726"));
}

#[tokio::test]
async fn only_a_reset_after_the_change_sets_the_pin() {
    for (answer, applies) in [("\"reset-before\"", false), ("\"reset-after\"", true)] {
        let simulator = start(&once(answer)).await;
        let before = simulator.pin_in_force(&first_number());
        let error = set_pin(&simulator, "409726").send().await.expect_err(answer);
        assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{answer}: {error:?}");
        let expected = if applies { Some(*b"409726") } else { before };
        assert_eq!(simulator.pin_in_force(&first_number()), expected, "{answer}");
        assert_eq!(simulator.pin_request_count(), 1, "{answer}: the client retried by itself");
        assert_eq!(send(set_pin(&simulator, "409726")).await.0, 200, "{answer}: the retry");
    }
}

#[tokio::test]
async fn a_truncated_reply_has_headers_and_half_a_body() {
    let simulator = start(&once("\"truncate\"")).await;
    let mut response = set_pin(&simulator, "409726").send().await.expect("response headers");
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(16)));
    assert_eq!(response.chunk().await.expect("half of the body"), Some(Bytes::from_static(b"{\"succes")));
    assert!(response.chunk().await.is_err());
    assert_eq!(simulator.pin_in_force(&first_number()), Some(*b"409726"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_reply_times_out_and_delays_no_other() {
    let simulator = start(&once("\"timeout\"")).await;
    let silent = set_pin(&simulator, "409726").timeout(Duration::from_secs(30));
    let error = silent.send().await.expect_err("no answer");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(simulator.pin_in_force(&first_number()), Some(*b"409726"));
    assert_eq!(send(set_pin(&simulator, "409726")).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reply_takes_a_second_per_byte() {
    let simulator = start(&once("\"slow\"")).await;
    let start = tokio::time::Instant::now();
    assert_eq!(send(set_pin(&simulator, "409726")).await, (200, json!({"success": true})));
    assert_eq!(start.elapsed().as_secs(), 16);
}

#[tokio::test(start_paused = true)]
async fn the_latency_uses_the_clock_of_the_runtime() {
    let spec =
        SimulatorSpec { world: WorldSpec::new(1, 1), latency: Duration::from_secs(3), faults: FaultPlan::none() };
    let simulator = Simulator::start(LOOPBACK, spec).await.expect("a free port");
    let start = tokio::time::Instant::now();
    assert_eq!(send(set_pin(&simulator, "409726")).await.0, 200);
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_missing_token_is_also_reported_in_a_header() {
    let simulator = start("").await;
    let url = format!("{}/v24.0/200000000000001", simulator.base_url());
    let response = client().get(&url).send().await.expect("a response");
    assert_eq!(response.status().as_u16(), 401);
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"OAuth "Facebook Platform" "invalid_token" "An access token is required to request this resource.""#
    );
    assert_eq!(response.headers()["facebook-api-version"], "v24.0");
}

#[tokio::test]
async fn the_link_to_the_next_page_works_unchanged() {
    let simulator = start("").await;
    let url = format!("{}/v24.0/100000000000001/phone_numbers?limit=2&fields=id", simulator.base_url());
    let (_, page) = send(client().get(url).bearer_auth(FULL_ACCESS_TOKEN)).await;
    let next = page["paging"]["next"].as_str().expect("a link").to_owned();
    let (_, page) = send(client().get(next)).await;
    assert_eq!(page["data"], json!([{"id": "200000000000003"}, {"id": "200000000000004"}]));
}

#[tokio::test]
async fn a_redirect_stays_on_the_same_host() {
    let simulator = start(&once("\"redirect\"")).await;
    let response = set_pin(&simulator, "409726").send().await.expect("a response");
    assert_eq!(response.status().as_u16(), 307);
    assert!(response.headers()["location"].to_str().is_ok_and(|to| to.starts_with('/')));
}

#[tokio::test]
async fn an_oversized_body_is_refused() {
    let simulator = start("").await;
    let url = format!("{}/v24.0/200000000000001", simulator.base_url());
    let request = client().post(url).bearer_auth(FULL_ACCESS_TOKEN).body(vec![b'x'; MAX_BODY_BYTES + 1]);
    assert_eq!(request.send().await.expect("a response").status().as_u16(), 413);
    assert_eq!(simulator.pin_request_count(), 0);
}

#[tokio::test]
async fn an_address_other_than_loopback_is_refused() {
    let spec = SimulatorSpec { world: WorldSpec::new(1, 1), latency: Duration::ZERO, faults: FaultPlan::none() };
    let error = Simulator::start("0.0.0.0:0".parse().expect("an address"), spec).await.expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn stopping_ends_a_silent_reply() {
    let simulator = start(&once("\"timeout\"")).await;
    let (request, stop) = (set_pin(&simulator, "409726"), simulator.stop_token());
    let pending = tokio::spawn(request.send());
    while simulator.pin_request_count() == 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    simulator.wait_until_stopped().await.expect("a clean shutdown");
    assert!(pending.await.expect("no panic").is_err());
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_does_not_block_shutdown() {
    let simulator = start("").await;
    let _idle_connection = tokio::net::TcpStream::connect(simulator.address()).await.expect("a connection");
    assert_eq!(send(set_pin(&simulator, "409726")).await.0, 200);
    simulator.stop_token().cancel();
    simulator.wait_until_stopped().await.expect("a clean shutdown");
}

#[tokio::test]
async fn a_held_reply_leaves_when_the_guard_is_dropped() {
    let simulator = start("").await;
    let guard = simulator.hold_changes(1);
    assert_eq!(send(set_pin(&simulator, "409725")).await.0, 200, "the first reply leaves");
    let pending = tokio::spawn(send(set_pin(&simulator, "409726")));
    let (is_held, guard) = tokio::task::spawn_blocking(|| (guard.wait_for_held(1, Duration::from_mins(1)), guard))
        .await
        .expect("no panic");
    assert!(is_held && !pending.is_finished());
    assert_eq!(simulator.pin_in_force(&first_number()), Some(*b"409726"), "the request is applied when it arrives");
    let read = client().get(format!("{}/v24.0/200000000000001", simulator.base_url())).bearer_auth(FULL_ACCESS_TOKEN);
    assert_eq!(send(read).await.0, 200);
    assert!(!guard.wait_for_held(2, Duration::ZERO));
    drop(guard);
    assert_eq!(pending.await.expect("no panic"), (200, json!({"success": true})));
}
