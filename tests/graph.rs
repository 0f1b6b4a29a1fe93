//! The Graph client against a server that says anything: what each reply proves, and what goes over the wire.
//!
//! Client and server share one runtime and one paused clock, so that 30 seconds of silence take no time.

mod support {
    pub(crate) mod faultd;
}

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pindesk::config::endpoint::{AccessToken, AppSecret, Credentials, Endpoint};
use pindesk::domain::clock::{Clock, TimePoint, UtcTime};
use pindesk::domain::number::{Number, NumberDetails, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::outcome::{ApiError, DoubtReason, NotSentReason, Outcome, ReadFailure};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::graph::{CONNECT_TIMEOUT, Graph, GraphPage, MAX_REPLY_BYTES, PageCursor, SetPinAnswer, TOTAL_TIMEOUT};

use support::faultd::{ScriptStep, ScriptedServer};

const TOKEN: &str = "EAAJBfaketoken";
const PIN: &[u8; 6] = b"409726";
const SUCCESS_BODY: &str = r#"{"success":true}"#;
const READ_AT: UtcTime = UtcTime::from_unix_seconds(1_795_356_189);

fn endpoint(url: &str) -> Endpoint {
    Endpoint { url: url.parse().expect("a good URL"), version: "v24.0".parse().expect("a version"), ca_file: None }
}

fn credentials(app_secret: Option<&str>) -> Credentials {
    Credentials {
        token: AccessToken::parse(TOKEN).expect("a token"),
        app_secret: app_secret.map(|secret| AppSecret::parse(secret).expect("a secret")),
    }
}

fn graph(url: &str) -> Graph {
    let start = TimePoint { instant: Instant::now(), utc: READ_AT };
    Graph::new(&endpoint(url), credentials(None), 16).expect("a client").with_clock(Clock::Anchored(start))
}

fn id(text: &str) -> PhoneNumberId {
    text.parse().expect("an id")
}

fn pin() -> Pin {
    Pin::parse(PIN).expect("a PIN")
}

async fn set_pin(graph: &Graph) -> Outcome {
    graph.set_pin(id("106540352100143"), &pin()).await.outcome
}

/// What becomes of a PIN when the server plays this script, and the server.
async fn run_script(script: Vec<ScriptStep>) -> (Outcome, ScriptedServer) {
    let faultd = ScriptedServer::start(vec![script]).await;
    let outcome = set_pin(&graph(&faultd.url())).await;
    (outcome, faultd)
}

fn send_text(text: &str) -> ScriptStep {
    ScriptStep::Bytes(text.as_bytes().to_vec())
}

fn json_response(status: u16, body: &str) -> ScriptStep {
    send_text(&format!(
        "HTTP/1.1 {status} Word\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn fault(http_status: u16, code: i64) -> ApiError {
    ApiError {
        http_status,
        code,
        subcode: None,
        message: CleanText::new("m"),
        details: None,
        trace_id: None,
        is_transient: false,
    }
}

fn in_doubt_fault(fault: ApiError) -> Outcome {
    Outcome::InDoubt(DoubtReason::ServerError(fault))
}

fn unexpected_reply(http_status: u16) -> Outcome {
    Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status })
}

const SUCCESS_NOT_TRUE: Outcome = Outcome::InDoubt(DoubtReason::SuccessNotTrue);
const CONNECTION_BROKE: Outcome = Outcome::InDoubt(DoubtReason::ConnectionLost { after: Duration::ZERO });

fn error_body(code: i64) -> String {
    format!(r#"{{"error":{{"message":"m","type":"OAuthException","code":{code}}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_http_200_proves_success_only_by_the_boolean_true() {
    let deep = format!(r#"{{"success":true,"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"success":true,"x":"{}"}}"#, "x".repeat(MAX_REPLY_BYTES));
    let cases = [
        (SUCCESS_BODY, Outcome::Confirmed),
        (" {\"success\" : true, \"x\": [1.5, null]}\r\n", Outcome::Confirmed),
        (r#"{"success":false}"#, SUCCESS_NOT_TRUE),
        (r#"{"success":"true"}"#, SUCCESS_NOT_TRUE),
        (r#"{"success":1}"#, SUCCESS_NOT_TRUE),
        (r#"{"success":null}"#, SUCCESS_NOT_TRUE),
        (r#"{"data":{"success":true}}"#, SUCCESS_NOT_TRUE),
        (r#"{"Success":true}"#, SUCCESS_NOT_TRUE),
        (r#"[{"success":true}]"#, SUCCESS_NOT_TRUE),
        ("{}", SUCCESS_NOT_TRUE),
        ("true", SUCCESS_NOT_TRUE),
        ("", unexpected_reply(200)),
        ("<html>success: true</html>", unexpected_reply(200)),
        (r#"{"success":true"#, unexpected_reply(200)),
        (r#"{"success":true}x"#, unexpected_reply(200)),
        (r#"{"success":true}{"success":true}"#, unexpected_reply(200)),
        ("\u{feff}{\"success\":true}", unexpected_reply(200)),
        (r#"{"success":true,"success":false}"#, unexpected_reply(200)),
        (r#"{"success":false,"success":true}"#, unexpected_reply(200)),
        (r#"{"success":true,"success":true,"error":{"message":"m","code":190}}"#, unexpected_reply(200)),
        (r#"{"success":true,"error":{"message":"m","code":190}}"#, unexpected_reply(200)),
        (r#"{"success":true,"error":null}"#, unexpected_reply(200)),
        (r#"{"error":{"message":"m","code":190}}"#, in_doubt_fault(fault(200, 190))),
        (r#"{"success":false,"error":{"message":"m","code":100}}"#, in_doubt_fault(fault(200, 100))),
        (&deep, unexpected_reply(200)),
        (&long, unexpected_reply(200)),
    ];
    for (body, expected) in cases {
        assert_eq!(run_script(vec![json_response(200, body)]).await.0, expected, "{body:.100}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_proves_a_refusal_only_if_it_is_well_formed_and_not_meta_s_own() {
    let cases = [
        (400, error_body(100), Outcome::Refused(fault(400, 100))),
        (401, error_body(190), Outcome::Refused(fault(401, 190))),
        (403, error_body(200), Outcome::Refused(fault(403, 200))),
        (404, error_body(803), Outcome::Refused(fault(404, 803))),
        (429, error_body(4), Outcome::Refused(fault(429, 4))),
        (401, error_body(0), Outcome::Refused(fault(401, 0))),
        (400, r#"{"success":false,"error":{"message":"m","code":100}}"#.into(), Outcome::Refused(fault(400, 100))),
        (400, error_body(1), in_doubt_fault(fault(400, 1))),
        (400, error_body(2), in_doubt_fault(fault(400, 2))),
        (500, error_body(131_000), in_doubt_fault(fault(500, 131_000))),
        (503, error_body(2), in_doubt_fault(fault(503, 2))),
        (500, error_body(100), in_doubt_fault(fault(500, 100))),
        (400, r#"{"success":true,"error":{"message":"m","code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"success":"false","error":{"message":"m","code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":"m","code":"100"}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":"m","code":100.0}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":"m","code":99999999999999999999}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":"m"}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":7,"code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":"m","code":100,"code":190}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":"no"}"#.into(), unexpected_reply(400)),
        (400, r#"{"errors":[{"message":"m","code":100}]}"#.into(), unexpected_reply(400)),
        (400, SUCCESS_BODY.into(), unexpected_reply(400)),
        (400, String::new(), unexpected_reply(400)),
        (502, "<html>Bad Gateway</html>".into(), unexpected_reply(502)),
        (500, SUCCESS_BODY.into(), unexpected_reply(500)),
        (600, error_body(100), unexpected_reply(600)),
    ];
    for (status, body, expected) in cases {
        assert_eq!(run_script(vec![json_response(status, &body)]).await.0, expected, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_other_status_proves_anything() {
    for status in [201, 202, 203, 206, 226, 300] {
        assert_eq!(run_script(vec![json_response(status, SUCCESS_BODY)]).await.0, unexpected_reply(status), "{status}");
        assert_eq!(
            run_script(vec![json_response(status, &error_body(100))]).await.0,
            unexpected_reply(status),
            "{status}"
        );
    }
    for status in [204, 304] {
        assert_eq!(
            run_script(vec![send_text(&format!("HTTP/1.1 {status} Word\r\n\r\n"))]).await.0,
            unexpected_reply(status)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_keeps_every_text_of_graph_s_cleaned_and_no_secret() {
    let full = r#"{"error":{"message":"(#100) PIN 409726\u001b[2J of EAAJBfaketoken","type":"OAuthException","code":100,
        "error_subcode":2388092,"is_transient":false,"error_user_title":"t","error_data":{"messaging_product":"whatsapp",
        "details":"evil\u202etxt"},"fbtrace_id":"AbC"}}"#;
    let expected = ApiError {
        subcode: Some(2_388_092),
        message: CleanText::new("(#100) PIN [PIN]\u{1b}[2J of [token]"),
        details: Some(CleanText::new("evil\u{202e}txt")),
        trace_id: Some(CleanText::new("AbC")),
        ..fault(400, 100)
    };
    assert_eq!(run_script(vec![json_response(400, full)]).await.0, Outcome::Refused(expected));
    let cases = [
        (r#""error_data":"plain""#, ApiError { details: Some(CleanText::new("plain")), ..fault(400, 100) }),
        (r#""error_data":[7],"error_subcode":"x","fbtrace_id":7"#, fault(400, 100)),
        (r#""error_data":{"details":{}}"#, fault(400, 100)),
        (r#""is_transient":null"#, fault(400, 100)),
    ];
    for (more, expected) in cases {
        let body = format!(r#"{{"error":{{"message":"m","code":100,{more}}}}}"#);
        assert_eq!(run_script(vec![json_response(400, &body)]).await.0, Outcome::Refused(expected), "{more}");
    }
    for more in ["true", r#""true""#, r#""false""#, "1"] {
        let body = format!(r#"{{"error":{{"message":"m","code":100,"is_transient":{more}}}}}"#);
        let expected = ApiError { is_transient: true, ..fault(400, 100) };
        assert_eq!(run_script(vec![json_response(400, &body)]).await.0, in_doubt_fault(expected), "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_counts_only_when_it_came_whole() {
    let head = "HTTP/1.1 200 OK\r\n";
    let cases = [
        // Content-Length says more than comes, and less than comes.
        (
            vec![send_text(&format!("{head}Content-Length: 17\r\n\r\n{SUCCESS_BODY}")), ScriptStep::Close],
            CONNECTION_BROKE,
        ),
        (
            vec![send_text(&format!("{head}Content-Length: 15\r\n\r\n{SUCCESS_BODY}")), ScriptStep::Close],
            unexpected_reply(200),
        ),
        (
            vec![send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\n10\r\n{SUCCESS_BODY}\r\n0\r\n\r\n"))],
            Outcome::Confirmed,
        ),
        (
            vec![
                send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\n10\r\n{SUCCESS_BODY}\r\n")),
                ScriptStep::Close,
            ],
            CONNECTION_BROKE,
        ),
        (
            vec![send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{SUCCESS_BODY}\r\n0\r\n\r\n"))],
            CONNECTION_BROKE,
        ),
        (
            vec![send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\n10\r\n{SUCCESS_BODY}0\r\n\r\n"))],
            CONNECTION_BROKE,
        ),
        (
            vec![send_text(&format!("{head}Connection: close\r\n\r\n{SUCCESS_BODY}")), ScriptStep::Close],
            Outcome::Confirmed,
        ),
        (
            vec![send_text(&format!("{head}Content-Length: 16\r\nContent-Length: 15\r\n\r\n{SUCCESS_BODY}"))],
            CONNECTION_BROKE,
        ),
        (
            vec![ScriptStep::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"success\":true,\xff}".to_vec())],
            unexpected_reply(200),
        ),
        (
            vec![ScriptStep::Bytes(
                b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{\"success\":true,\"x\":\"\xff\xfe\"}".to_vec(),
            )],
            unexpected_reply(200),
        ),
        (vec![send_text("HTTP/1.1 200 OK\r\nContent-Le"), ScriptStep::Close], CONNECTION_BROKE),
        (vec![send_text("SSH-2.0-OpenSSH_9.2\r\n\r\n"), ScriptStep::Close], CONNECTION_BROKE),
        (vec![ScriptStep::Close], CONNECTION_BROKE),
        (vec![ScriptStep::Reset], CONNECTION_BROKE),
        (
            vec![send_text(&format!("HTTP/1.1 100 Continue\r\n\r\n{head}Content-Length: 16\r\n\r\n{SUCCESS_BODY}"))],
            Outcome::Confirmed,
        ),
    ];
    for (script, expected) in cases {
        let told = format!("{script:?}");
        assert_eq!(run_script(script).await.0, expected, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_are_never_followed() {
    let elsewhere = ScriptedServer::start(vec![vec![json_response(200, SUCCESS_BODY)]]).await;
    for status in [301, 302, 303, 307, 308] {
        for to in [
            format!("http://{}/v24.0/1", elsewhere.address),
            format!("http://localhost:{}/v24.0/1", elsewhere.address.port()),
            format!("https://{}/v24.0/1", elsewhere.address),
            format!("//{}/v24.0/1", elsewhere.address),
            "/v24.0/1".to_owned(),
        ] {
            let head = format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 16\r\n\r\n{SUCCESS_BODY}");
            let (outcome, faultd) = run_script(vec![send_text(&head)]).await;
            assert_eq!((outcome, faultd.requests().len()), (unexpected_reply(status), 1), "{status} to {to}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_endless_body_is_left_after_a_mebibyte() {
    const FLOOD: usize = 200 * 1024 * 1024;
    for head in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {FLOOD}\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n".to_owned(),
    ] {
        let (outcome, faultd) =
            run_script(vec![send_text(&head), ScriptStep::Flood(b' ', FLOOD), ScriptStep::Close]).await;
        assert_eq!(outcome, unexpected_reply(200));
        // The kernel's buffers hold some megabytes more than was read.
        assert!(faultd.flooded_bytes() < FLOOD / 8, "{} bytes went out", faultd.flooded_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_never_end_end_the_connection() {
    let (outcome, faultd) =
        run_script(vec![send_text("HTTP/1.1 200 OK\r\nX: "), ScriptStep::Flood(b'x', 200 * 1024 * 1024)]).await;
    assert_eq!(outcome, CONNECTION_BROKE);
    assert!(faultd.flooded_bytes() < 25 * 1024 * 1024, "{} bytes went out", faultd.flooded_bytes());
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n{SUCCESS_BODY}", "X: y\r\n".repeat(10_000));
    assert_eq!(run_script(vec![send_text(&many), ScriptStep::Close]).await.0, CONNECTION_BROKE);
}

#[tokio::test(start_paused = true)]
async fn silence_and_a_trickle_both_end_at_the_total_deadline() {
    let no_answer = Outcome::InDoubt(DoubtReason::TimedOut { waited: TOTAL_TIMEOUT });
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    for script in [
        vec![ScriptStep::Stall],
        vec![send_text("HTTP/1.1 200 OK\r\n"), ScriptStep::Stall],
        vec![send_text(head), send_text(SUCCESS_BODY), ScriptStep::Stall],
        vec![ScriptStep::Drip(format!("{head}{SUCCESS_BODY}").into_bytes())],
    ] {
        let told = format!("{script:?}");
        let start = tokio::time::Instant::now();
        let (outcome, _) = run_script(script).await;
        assert_eq!((outcome, start.elapsed()), (no_answer.clone(), TOTAL_TIMEOUT), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_silent_reply_delays_no_other() {
    let faultd = ScriptedServer::start(vec![vec![ScriptStep::Stall], vec![json_response(200, SUCCESS_BODY)]]).await;
    let graph = graph(&faultd.url());
    let start = tokio::time::Instant::now();
    let silent = async { (set_pin(&graph).await, start.elapsed()) };
    let quick = async {
        while faultd.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        (set_pin(&graph).await, start.elapsed())
    };
    let expected = (
        (Outcome::InDoubt(DoubtReason::TimedOut { waited: TOTAL_TIMEOUT }), TOTAL_TIMEOUT),
        (Outcome::Confirmed, Duration::ZERO),
    );
    assert_eq!(tokio::join!(silent, quick), expected);
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_sent_nothing() {
    let free = StdListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let outcome = set_pin(&graph(&format!("http://{free}"))).await;
    assert_eq!(outcome, Outcome::NotSent(NotSentReason::NoConnection(CleanText::new("Connection refused"))));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_comes_about_sent_nothing() {
    // A listener that accepts nobody, and a queue that is full: the next connection hangs.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        waiting.spawn(tokio::net::TcpStream::connect(address));
    }
    let mut connected = Vec::new();
    connected.push(waiting.join_next().await);
    connected.push(waiting.join_next().await);
    let start = tokio::time::Instant::now();
    let outcome = set_pin(&graph(&format!("http://{address}"))).await;
    let expected = Outcome::NotSent(NotSentReason::NoConnection(CleanText::new("none within 10 s")));
    assert_eq!((outcome, start.elapsed()), (expected, CONNECT_TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn these_bytes_go_over_the_wire_and_no_others() {
    let faultd =
        ScriptedServer::start(vec![vec![json_response(200, SUCCESS_BODY)], vec![json_response(200, "{}")]]).await;
    let secret = Some("secret");
    let graph = Graph::new(&endpoint(&faultd.url()), credentials(secret), 1).expect("a client");
    assert_eq!(set_pin(&graph).await, Outcome::Confirmed);
    let waba = Arc::new(Waba { id: "102290129340398".parse().expect("an id"), name: None });
    let failure = Err(ReadFailure::UnexpectedReply { http_status: 200 });
    assert_eq!(graph.read_number(id("106540352100143")).await.map(drop), failure);
    assert_eq!(graph.read_numbers_page(&waba, None).await.map(drop), failure);

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
    assert_eq!(faultd.requests(), expected);
    assert_eq!(faultd.connections(), 1, "the connection is used again");
}

#[tokio::test(start_paused = true)]
async fn a_second_reply_to_one_request_is_never_taken_for_the_next_ones() {
    let refusal = json_response(400, &error_body(100));
    let faultd =
        ScriptedServer::start(vec![vec![refusal.clone(), json_response(200, SUCCESS_BODY)], vec![refusal]]).await;
    let graph = graph(&faultd.url());
    let outcomes = [set_pin(&graph).await, set_pin(&graph).await];
    assert_eq!(outcomes, [Outcome::Refused(fault(400, 100)), Outcome::Refused(fault(400, 100))]);
    assert_eq!(faultd.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_a_reply_asks_for_comes_with_the_outcome() {
    let head = "HTTP/1.1 400 Bad Request\r\nX-App-Usage: {\"call_count\":100}\r\nRetry-After: 60\r\n";
    let body = error_body(4);
    let script = vec![send_text(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))];
    let faultd = ScriptedServer::start(vec![script]).await;
    let told = graph(&faultd.url()).set_pin(id("1"), &pin()).await;
    let retry_after = Some(Duration::from_mins(1));
    assert_eq!(told, SetPinAnswer { outcome: Outcome::Refused(fault(400, 4)), retry_after });
}

#[tokio::test(start_paused = true)]
async fn calls_can_be_made_from_many_tasks_at_once_over_few_connections() {
    let faultd = ScriptedServer::start(vec![vec![json_response(200, SUCCESS_BODY)]]).await;
    let graph = graph(&faultd.url());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let graph = graph.clone();
        calls.spawn(async move {
            for _ in 0..50 {
                assert_eq!(set_pin(&graph).await, Outcome::Confirmed);
            }
        });
    }
    while let Some(end) = calls.join_next().await {
        end.expect("no panic");
    }
    assert_eq!(faultd.requests().len(), 800);
    assert!(faultd.connections() <= 16, "{} connections", faultd.connections());
}

// Reads.

fn waba() -> Arc<Waba> {
    Arc::new(Waba { id: "102290129340398".parse().expect("an id"), name: Some(CleanText::new("Stores")) })
}

/// A number of which only the id came back.
fn number_with_id_only(number: &str, waba: Option<Arc<Waba>>) -> Number {
    Number { waba, read_at: Some(READ_AT), ..Number::from_config(id(number), None) }
}

async fn read_number(number: &str, body: &str) -> Result<Number, ReadFailure> {
    let faultd = ScriptedServer::start(vec![vec![json_response(200, body)]]).await;
    graph(&faultd.url()).read_number(id(number)).await
}

#[tokio::test(start_paused = true)]
async fn a_number_is_told_in_meta_s_own_words() {
    let body = r#"{"id":"106540352100143","display_phone_number":"+1 555-010-0143","verified_name":"Acme\u001b[2J",
        "status":"CONNECTED","is_pin_enabled":true,"code_verification_status":"VERIFIED","quality_rating":"PURPLE",
        "name_status":"APPROVED","platform_type":"CLOUD_API","account_mode":"LIVE","throughput":{"level":"STANDARD"}}"#;
    let facts = NumberDetails {
        status: Some(CleanText::new("CONNECTED")),
        quality_rating: Some(CleanText::new("PURPLE")),
        code_verification_status: Some(CleanText::new("VERIFIED")),
        name_status: Some(CleanText::new("APPROVED")),
        platform_type: Some(CleanText::new("CLOUD_API")),
        account_mode: Some(CleanText::new("LIVE")),
    };
    let expected = Number {
        id: id("106540352100143"),
        waba: None,
        display_number: Some(CleanText::new("+1 555-010-0143")),
        name: Some(CleanText::new("Acme\u{1b}[2J")),
        two_step: TwoStep::On,
        details: Arc::new(facts),
        read_at: Some(READ_AT),
    };
    assert_eq!(read_number("106540352100143", body).await, Ok(expected));
}

#[tokio::test(start_paused = true)]
async fn an_absent_or_wrongly_typed_field_is_unknown_and_costs_nothing_else() {
    for fields in [
        "",
        r#","is_pin_enabled":"true","display_phone_number":15555555555,"verified_name":null,"status":["CONNECTED"]"#,
        r#","is_pin_enabled":0,"display_phone_number":"","verified_name":{},"quality_rating":false"#,
    ] {
        assert_eq!(
            read_number("1", &format!(r#"{{"id":"1"{fields}}}"#)).await,
            Ok(number_with_id_only("1", None)),
            "{fields}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_number_is_no_answer() {
    let failure = Err(ReadFailure::UnexpectedReply { http_status: 200 });
    for body in [r#"{"id":"2"}"#, r#"{"id":1}"#, r#"{"id":"01"}"#, "{}", "[]", r#"{"id":"1","id":"1"}"#] {
        assert_eq!(read_number("1", body).await, failure, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_tells_why() {
    let cases = [
        (vec![json_response(401, &error_body(190))], ReadFailure::Api(fault(401, 190))),
        (vec![json_response(200, &error_body(190))], ReadFailure::Api(fault(200, 190))),
        (vec![json_response(500, &error_body(2))], ReadFailure::Api(fault(500, 2))),
        (vec![json_response(502, "<html>")], ReadFailure::UnexpectedReply { http_status: 502 }),
        (vec![json_response(302, "{}")], ReadFailure::UnexpectedReply { http_status: 302 }),
        (vec![json_response(200, &" ".repeat(MAX_REPLY_BYTES + 1))], ReadFailure::UnexpectedReply { http_status: 200 }),
        (vec![ScriptStep::Stall], ReadFailure::NoAnswer),
        (vec![ScriptStep::Close], ReadFailure::NoAnswer),
    ];
    for (script, expected) in cases {
        let faultd = ScriptedServer::start(vec![script]).await;
        assert_eq!(graph(&faultd.url()).read_number(id("1")).await, Err(expected));
        assert_eq!(faultd.requests().len(), 1, "a read is not repeated");
    }
}

async fn read_page(body: &str) -> Result<GraphPage, ReadFailure> {
    let faultd = ScriptedServer::start(vec![vec![json_response(200, body)]]).await;
    graph(&faultd.url()).read_numbers_page(&waba(), None).await
}

#[tokio::test(start_paused = true)]
async fn a_row_without_an_id_is_counted_and_left_out() {
    let body = r#"{"data":[{"id":"1"},{"id":2},{"id":"../3"},{"id":""},{},7,null,{"id":"4","is_pin_enabled":false}]}"#;
    let page = GraphPage {
        numbers: vec![
            number_with_id_only("1", Some(waba())),
            Number { two_step: TwoStep::NotSet, ..number_with_id_only("4", Some(waba())) },
        ],
        skipped: 6,
        next: None,
    };
    assert_eq!(read_page(body).await, Ok(page));
    for body in ["{}", r#"{"data":null}"#, r#"{"data":{}}"#, "[]", "{\"data\":["] {
        assert_eq!(read_page(body).await, Err(ReadFailure::UnexpectedReply { http_status: 200 }), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_character_in_a_name_is_shown_as_a_sign_and_costs_nothing_else() {
    let named = |name: &str| {
        let body = r#"{"data":[{"id":"1","verified_name":"NAME"},{"id":"2","verified_name":"caf\u00e9"}]}"#;
        body.replace("NAME", name)
    };
    let of = |number: &str, name: &str| Number {
        name: Some(CleanText::new(name)),
        ..number_with_id_only(number, Some(waba()))
    };
    for (name, shown) in [
        (r"\ud800", "\u{fffd}"),
        (r"Acme \uDBFF!", "Acme \u{fffd}!"),
        (r"\udc00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
        (r"\ud83d\\ude00", "\u{fffd}\\ude00"),
        (r"\\ud800 \ud83d\u0041", "\\ud800 \u{fffd}A"),
    ] {
        let page = GraphPage { numbers: vec![of("1", shown), of("2", "café")], skipped: 0, next: None };
        assert_eq!(read_page(&named(name)).await, Ok(page), "{name}");
    }
    for name in [r"\ud8", r"\ud800\", r"\ud800\x", "\\ud800\n"] {
        assert_eq!(read_page(&named(name)).await, Err(ReadFailure::UnexpectedReply { http_status: 200 }), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_of_one_page_share_equal_facts() {
    let body =
        r#"{"data":[{"id":"1","status":"CONNECTED"},{"id":"2","status":"BANNED"},{"id":"3","status":"CONNECTED"}]}"#;
    let numbers = read_page(body).await.expect("a page").numbers;
    assert!(Arc::ptr_eq(&numbers[0].details, &numbers[2].details));
    assert_ne!(numbers[0].details, numbers[1].details);
}

#[tokio::test(start_paused = true)]
async fn a_list_goes_on_only_with_a_cursor_and_a_next_link_and_never_follows_the_link() {
    let elsewhere = ScriptedServer::start(vec![vec![json_response(200, "{}")]]).await;
    let link = format!("http://{}/steal?access_token=x", elsewhere.address);
    let goes_on =
        format!(r#"{{"data":[],"paging":{{"cursors":{{"before":"a","after":"b&limit=1 ü"}},"next":"{link}"}}}}"#);
    let last = r#"{"data":[{"id":"1"}],"paging":{"cursors":{"before":"b","after":"c"}}}"#;
    let faultd = ScriptedServer::start(vec![vec![json_response(200, &goes_on)], vec![json_response(200, last)]]).await;
    let graph = graph(&faultd.url());
    let first = graph.read_numbers_page(&waba(), None).await.expect("a page");
    assert_eq!((first.numbers, first.skipped), (vec![], 0));
    let cursor = first.next.expect("more to come");
    let second = graph.read_numbers_page(&waba(), Some(&cursor)).await;
    assert_eq!(second, Ok(GraphPage { numbers: vec![number_with_id_only("1", Some(waba()))], skipped: 0, next: None }));
    assert!(faultd.requests()[1].contains("&limit=100&after=b%26limit%3D1+%C3%BC HTTP/1.1\r\n"));
    assert_eq!(elsewhere.connections(), 0);

    for paging in [
        "null",
        r#"{"next":"x"}"#,
        r#"{"cursors":{},"next":"x"}"#,
        r#"{"cursors":{"after":""},"next":"x"}"#,
        r#"{"cursors":{"after":7},"next":"x"}"#,
        r#"{"cursors":{"after":"b"},"next":null}"#,
    ] {
        let page = read_page(&format!(r#"{{"data":[],"paging":{paging}}}"#)).await;
        assert_eq!(page, Ok(GraphPage { numbers: vec![], skipped: 0, next: None }), "{paging}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leads_to_itself_does_not_make_an_endless_list() {
    let body = r#"{"data":[],"paging":{"cursors":{"after":"b"},"next":"x"}}"#;
    let faultd = ScriptedServer::start(vec![vec![json_response(200, body)]]).await;
    let graph = graph(&faultd.url());
    let cursor: Option<PageCursor> = graph.read_numbers_page(&waba(), None).await.expect("a page").next;
    let again = graph.read_numbers_page(&waba(), cursor.as_ref()).await;
    assert_eq!(again, Err(ReadFailure::UnexpectedReply { http_status: 200 }));
}

/// The `fields` of each request that the server saw.
fn requested_fields(faultd: &ScriptedServer) -> Vec<String> {
    let fields = |request: &String| {
        let (_, rest) = request.split_once("fields=").expect("a list of fields");
        let end = rest.find(['&', ' ']).expect("an end");
        rest[..end].replace("%2C", ",")
    };
    faultd.requests().iter().map(fields).collect()
}

fn unknown_field_error(words: &str) -> ScriptStep {
    json_response(
        400,
        &format!(r#"{{"error":{{"message":"(#100) Tried accessing nonexisting field{words}","code":100}}}}"#),
    )
}

const ALL_FIELDS: &str = "id,display_phone_number,verified_name,is_pin_enabled,status,code_verification_status,\
                          quality_rating,name_status,platform_type,account_mode";
const REQUIRED_FIELDS: &str = "id,display_phone_number,verified_name,is_pin_enabled";

#[tokio::test(start_paused = true)]
async fn a_field_that_graph_does_not_have_is_asked_for_once() {
    let faultd = ScriptedServer::start(vec![
        vec![unknown_field_error(" (account_mode) on node type (WhatsAppBusinessPhoneNumber)")],
        vec![unknown_field_error(" (is_pin_enabled)")],
        vec![json_response(200, r#"{"id":"1"}"#)],
    ])
    .await;
    let graph = graph(&faultd.url());
    for _ in 0..2 {
        assert_eq!(graph.clone().read_number(id("1")).await, Ok(number_with_id_only("1", None)));
    }
    let without_mode = ALL_FIELDS.replace(",account_mode", "");
    let without_both = without_mode.replace(",is_pin_enabled", "");
    assert_eq!(requested_fields(&faultd), [ALL_FIELDS, &without_mode, &without_both, &without_both]);
}

#[tokio::test(start_paused = true)]
async fn an_objection_to_a_field_that_was_not_asked_for_leaves_the_few_that_matter() {
    for words in [" (throughput)", " (id)", "", " ("] {
        let faultd =
            ScriptedServer::start(vec![vec![unknown_field_error(words)], vec![json_response(200, r#"{"id":"1"}"#)]])
                .await;
        assert_eq!(graph(&faultd.url()).read_number(id("1")).await, Ok(number_with_id_only("1", None)));
        assert_eq!(requested_fields(&faultd), [ALL_FIELDS, REQUIRED_FIELDS], "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn objections_that_never_end_are_told() {
    let faultd = ScriptedServer::start(vec![vec![unknown_field_error(" (x)")]]).await;
    let message = CleanText::new("(#100) Tried accessing nonexisting field (x)");
    let failure = ReadFailure::Api(ApiError { message, ..fault(400, 100) });
    assert_eq!(graph(&faultd.url()).read_number(id("1")).await, Err(failure));
    assert_eq!(requested_fields(&faultd), [ALL_FIELDS, REQUIRED_FIELDS]);
}
