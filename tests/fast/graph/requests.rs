//! The bytes that the client sends, and how it shares its connections.

use std::sync::Arc;
use std::time::Duration;

use pindesk::domain::clock::{Clock, TimePoint, UtcTime};
use pindesk::domain::number::Waba;
use pindesk::domain::outcome::{Outcome, ReadFailure, ReplyForm};
use pindesk::graph::{Graph, OtherVersion, SetPinAnswer};
use pindesk::policy::quota::Usage;

use super::{
    SUCCESS_BODY, api_error, credentials, endpoint, error_body, graph, id, json_response, pin, send_text, set_pin,
};
use crate::support::scripted_server::ScriptedServer;

#[tokio::test(start_paused = true)]
async fn exactly_these_bytes_are_sent() {
    let server = ScriptedServer::start_with_stopped_clock(vec![
        vec![json_response(200, SUCCESS_BODY)],
        vec![json_response(200, "{}")],
    ])
    .await;
    let secret = Some("secret");
    let graph = Graph::new(&endpoint(&server.url()), credentials(secret), 1).expect("a client");
    assert_eq!(set_pin(&graph).await, Outcome::Confirmed);
    let waba = Arc::new(Waba { id: "102290129340398".parse().expect("an id"), name: None });
    let failure = Err(ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized });
    assert_eq!(graph.read_number(id("106540352100143")).await.result.map(drop), failure);
    assert_eq!(graph.read_numbers_page(&waba, None, 100).await.result.map(drop), failure);

    let proof = "appsecret_proof=69c1a75a246cc43d5a292b286dc00b61af871ba1f05b2b8413f5fe9c55e36a3e";
    let agent = concat!("user-agent: pindesk/", env!("CARGO_PKG_VERSION"));
    let fields = "fields=id%2Cdisplay_phone_number%2Cverified_name%2Cis_pin_enabled%2Cstatus%2C\
                  code_verification_status%2Cquality_rating%2Cname_status%2Cplatform_type%2Caccount_mode";
    let token = "authorization: Bearer EAAJBfaketoken";
    let expected = [
        format!(
            "POST /v24.0/106540352100143?{proof} HTTP/1.1\r\ncontent-type: application/json\r\n{token}\r\n\
             accept: */*\r\n{agent}\r\nhost: HOST\r\ncontent-length: 16\r\n\r\n{{\"pin\":\"409726\"}}"
        ),
        format!(
            "GET /v24.0/106540352100143?{fields}&{proof} HTTP/1.1\r\n{token}\r\naccept: */*\r\n{agent}\r\nhost: HOST\r\n\r\n"
        ),
        format!(
            "GET /v24.0/102290129340398/phone_numbers?{fields}&limit=100&{proof} HTTP/1.1\r\n{token}\r\n\
             accept: */*\r\n{agent}\r\nhost: HOST\r\n\r\n"
        ),
    ];
    assert_eq!(server.requests(), expected);
    assert_eq!(server.connections(), 1, "the connection is reused");
}

/// The query parameters of each request that prove the app secret.
fn proofs(server: &ScriptedServer) -> Vec<String> {
    let of_request = |request: String| {
        let query = request.split([' ', '?']).nth(2).unwrap_or_default().to_owned();
        query.split('&').filter(|pair| pair.starts_with("appsecret_")).collect::<Vec<_>>().join("&")
    };
    server.requests().into_iter().map(of_request).collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_proof_is_repeated_once_with_its_time() {
    let refusal = r#"{"error":{"message":"Invalid appsecret_proof provided in the API argument","code":100}}"#;
    let server = ScriptedServer::start_with_stopped_clock(vec![
        vec![json_response(400, refusal)],
        vec![json_response(200, r#"{"id":"1"}"#)],
        vec![json_response(200, SUCCESS_BODY)],
        vec![json_response(400, refusal)],
    ])
    .await;
    let start = TimePoint { instant: std::time::Instant::now(), utc: UtcTime::from_unix_seconds(1_700_000_000) };
    let graph = Graph::new(&endpoint(&server.url()), credentials(Some("secret")), 1).expect("a client");
    let graph = graph.with_clock(Clock::Anchored(start));
    assert!(graph.read_number(id("1")).await.result.is_ok());
    assert_eq!(set_pin(&graph).await, Outcome::Confirmed);
    assert!(matches!(graph.read_number(id("1")).await.result, Err(ReadFailure::Api(_))));
    let plain = "appsecret_proof=69c1a75a246cc43d5a292b286dc00b61af871ba1f05b2b8413f5fe9c55e36a3e";
    let timed = "appsecret_proof=ed9456d907a2858ce3223c32396475b488e1aed5d0852cd7c739f090e7cb664f\
                 &appsecret_time=1700000000";
    assert_eq!(proofs(&server), [plain, timed, timed, timed]);
}

#[tokio::test(start_paused = true)]
async fn another_version_is_told_once() {
    let reply = |version: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nFacebook-API-Version: {version}\r\n");
        vec![send_text(&format!("{head}Content-Length: {}\r\n\r\n{SUCCESS_BODY}", SUCCESS_BODY.len()))]
    };
    let server = ScriptedServer::start_with_stopped_clock(vec![
        reply("v24.0"),
        reply("<b>v25.0</b>"),
        reply("v25.0"),
        reply("v26.0"),
    ])
    .await;
    let (sender, told) = std::sync::mpsc::channel();
    let observer = move |other: OtherVersion| sender.send(other.to_string()).expect("a receiver");
    let graph = graph(&server.url()).on_other_version(Arc::new(observer));
    for _ in 0..4 {
        assert_eq!(set_pin(&graph.clone()).await, Outcome::Confirmed);
    }
    let expected = "Meta answered with version v25.0 instead of v24.0, which may have expired. Set graph_version in the \
                    config.";
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_second_reply_is_never_taken_for_the_next_request() {
    let refusal = json_response(400, &error_body(100));
    let server = ScriptedServer::start_with_stopped_clock(vec![
        vec![refusal.clone(), json_response(200, SUCCESS_BODY)],
        vec![refusal],
    ])
    .await;
    let graph = graph(&server.url());
    let outcomes = [set_pin(&graph).await, set_pin(&graph).await];
    assert_eq!(outcomes, [Outcome::Refused(api_error(400, 100)), Outcome::Refused(api_error(400, 100))]);
    assert_eq!(server.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_outcome_includes_what_is_told_about_limits() {
    let head = "HTTP/1.1 400 Bad Request\r\nX-App-Usage: {\"call_count\":100}\r\nRetry-After: 60\r\n";
    let body = error_body(4);
    let script = vec![send_text(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))];
    let server = ScriptedServer::start_with_stopped_clock(vec![script]).await;
    let answer = graph(&server.url()).set_pin(id("1"), &pin()).await;
    let usage = Usage { app_percent: Some(100), entries: Vec::new(), retry_after: Some(Duration::from_mins(1)) };
    assert_eq!(answer, SetPinAnswer { outcome: Outcome::Refused(api_error(400, 4)), usage });
}

#[tokio::test(start_paused = true)]
async fn many_tasks_share_few_connections() {
    let server = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, SUCCESS_BODY)]]).await;
    let graph = graph(&server.url());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let graph = graph.clone();
        calls.spawn(async move {
            for _ in 0..50 {
                assert_eq!(set_pin(&graph).await, Outcome::Confirmed);
            }
        });
    }
    while let Some(result) = calls.join_next().await {
        result.expect("no panic");
    }
    assert_eq!(server.requests().len(), 800);
    assert!(server.connections() <= 16, "{} connections", server.connections());
}
