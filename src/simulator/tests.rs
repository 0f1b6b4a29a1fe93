//! The simulator over its own HTTP: what Graph would answer, it answers.

use std::net::Ipv4Addr;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn start(faults: &str) -> Simulator {
    let faults = FaultPlan::parse(faults).expect("a good plan");
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

fn first() -> PhoneNumberId {
    "200000000000001".parse().expect("an id")
}

async fn answer_of(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

fn once(answer: &str) -> String {
    format!("[[fault]]\nevery = 1\ntimes = 1\nanswer = {answer}")
}

#[tokio::test]
async fn a_pin_is_set_in_every_encoding() {
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
        assert_eq!(answer_of(request).await, (200, json!({"success": true})), "request {index}");
    }
    let sent = (1..=6).map(|n| [b'0', b'0', b'0', b'0', b'0', b'0' + n]).collect::<Vec<_>>();
    assert_eq!(simulator.pins_sent(&first()), sent);
    assert_eq!((simulator.pin_in_force(&first()), simulator.pin_request_count()), (Some(*b"000006"), 6));
}

#[tokio::test]
async fn a_body_in_chunks_is_read_whole() {
    let simulator = start("").await;
    let mut line = tokio::net::TcpStream::connect(simulator.address()).await.expect("a connection");
    let head = "POST /v24.0/200000000000001 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer SIMULATOR\r\n\
                Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = "8\r\n{\"pin\":\"\r\n8\r\n409726\"}\r\n0\r\n\r\n";
    line.write_all(format!("{head}{chunks}").as_bytes()).await.expect("sent");
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"success\":true}"), "{answer}");
    assert_eq!(simulator.pin_in_force(&first()), Some(*b"409726"));
}

#[tokio::test]
async fn a_reset_connection_gives_no_answer_and_only_one_kind_sets_the_pin() {
    for (answer, applies) in [("\"reset-before\"", false), ("\"reset-after\"", true)] {
        let simulator = start(&once(answer)).await;
        let before = simulator.pin_in_force(&first());
        let error = set_pin(&simulator, "409726").send().await.expect_err(answer);
        assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{answer}: {error:?}");
        let expected = if applies { Some(*b"409726") } else { before };
        assert_eq!(simulator.pin_in_force(&first()), expected, "{answer}");
        assert_eq!(simulator.pin_request_count(), 1, "{answer}: a client that repeats by itself is not ours");
        assert_eq!(answer_of(set_pin(&simulator, "409726")).await.0, 200, "{answer}: the repeat");
    }
}

#[tokio::test]
async fn a_truncated_answer_has_a_head_and_half_a_body() {
    let simulator = start(&once("\"truncate\"")).await;
    let mut response = set_pin(&simulator, "409726").send().await.expect("a head");
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(16)));
    assert_eq!(response.chunk().await.expect("half"), Some(Bytes::from_static(b"{\"succes")));
    assert!(response.chunk().await.is_err());
    assert_eq!(simulator.pin_in_force(&first()), Some(*b"409726"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_answer_outlasts_the_deadline_and_delays_nobody_else() {
    let simulator = start(&once("\"timeout\"")).await;
    let silent = set_pin(&simulator, "409726").timeout(Duration::from_secs(30));
    let error = silent.send().await.expect_err("no answer");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(simulator.pin_in_force(&first()), Some(*b"409726"));
    assert_eq!(answer_of(set_pin(&simulator, "409726")).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_takes_a_second_a_byte_and_comes_whole() {
    let simulator = start(&once("\"slow\"")).await;
    let start = tokio::time::Instant::now();
    assert_eq!(answer_of(set_pin(&simulator, "409726")).await, (200, json!({"success": true})));
    assert_eq!(start.elapsed().as_secs(), 16);
}

#[tokio::test(start_paused = true)]
async fn latency_is_waited_on_the_clock_of_the_runtime() {
    let spec =
        SimulatorSpec { world: WorldSpec::new(1, 1), latency: Duration::from_secs(3), faults: FaultPlan::none() };
    let simulator = Simulator::start(LOOPBACK, spec).await.expect("a free port");
    let start = tokio::time::Instant::now();
    assert_eq!(answer_of(set_pin(&simulator, "409726")).await.0, 200);
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_missing_token_is_told_in_the_header_as_well() {
    let simulator = start("").await;
    let url = format!("{}/v24.0/200000000000001", simulator.base_url());
    let response = client().get(&url).send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 401);
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"OAuth "Facebook Platform" "invalid_token" "An access token is required to request this resource.""#
    );
    assert_eq!(response.headers()["facebook-api-version"], "v24.0");
}

#[tokio::test]
async fn the_link_to_the_next_page_works_as_it_is() {
    let simulator = start("").await;
    let url = format!("{}/v24.0/100000000000001/phone_numbers?limit=2&fields=id", simulator.base_url());
    let (_, page) = answer_of(client().get(url).bearer_auth(FULL_ACCESS_TOKEN)).await;
    let next = page["paging"]["next"].as_str().expect("a link").to_owned();
    let (_, page) = answer_of(client().get(next)).await;
    assert_eq!(page["data"], json!([{"id": "200000000000003"}, {"id": "200000000000004"}]));
}

#[tokio::test]
async fn a_redirect_leads_nowhere_else() {
    let simulator = start(&once("\"redirect\"")).await;
    let response = set_pin(&simulator, "409726").send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 307);
    assert!(response.headers()["location"].to_str().is_ok_and(|to| to.starts_with('/')));
}

#[tokio::test]
async fn an_oversized_body_is_refused() {
    let simulator = start("").await;
    let url = format!("{}/v24.0/200000000000001", simulator.base_url());
    let request = client().post(url).bearer_auth(FULL_ACCESS_TOKEN).body(vec![b'x'; MAX_BODY_BYTES + 1]);
    assert_eq!(request.send().await.expect("an answer").status().as_u16(), 413);
    assert_eq!(simulator.pin_request_count(), 0);
}

#[tokio::test]
async fn another_address_than_loopback_is_not_listened_on() {
    let spec = SimulatorSpec { world: WorldSpec::new(1, 1), latency: Duration::ZERO, faults: FaultPlan::none() };
    let error = Simulator::start("0.0.0.0:0".parse().expect("an address"), spec).await.expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn stopping_ends_silent_answers_too() {
    let simulator = start(&once("\"timeout\"")).await;
    let (request, stop) = (set_pin(&simulator, "409726"), simulator.stop_token());
    let waiting = tokio::spawn(request.send());
    while simulator.pin_request_count() == 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    simulator.wait_until_stopped().await.expect("a clean end");
    assert!(waiting.await.expect("no panic").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_does_not_keep_a_stopped_simulator() {
    let simulator = start("").await;
    let _silent = tokio::net::TcpStream::connect(simulator.address()).await.expect("a connection");
    assert_eq!(answer_of(set_pin(&simulator, "409726")).await.0, 200);
    simulator.stop_token().cancel();
    simulator.wait_until_stopped().await.expect("a clean end");
}

#[tokio::test]
async fn an_answer_that_is_kept_back_leaves_when_it_is_let_go_and_others_at_once() {
    let simulator = start("").await;
    let held = simulator.hold_changes(1);
    assert_eq!(answer_of(set_pin(&simulator, "409725")).await.0, 200, "the first one leaves");
    let answer = tokio::spawn(answer_of(set_pin(&simulator, "409726")));
    let held =
        tokio::task::spawn_blocking(|| (held.wait_for_held(1, Duration::from_mins(1)), held)).await.expect("it waits");
    assert!(held.0 && !answer.is_finished());
    assert_eq!(simulator.pin_in_force(&first()), Some(*b"409726"), "it was carried out when it came");
    let read = client().get(format!("{}/v24.0/200000000000001", simulator.base_url())).bearer_auth(FULL_ACCESS_TOKEN);
    assert_eq!(answer_of(read).await.0, 200);
    assert!(!held.1.wait_for_held(2, Duration::ZERO));
    drop(held);
    assert_eq!(answer.await.expect("no panic"), (200, json!({"success": true})));
}
