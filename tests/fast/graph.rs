//! The Graph client against a server that may reply anything: what each reply proves, and what the client sends.
//!
//! Client and server share one runtime and one paused clock, so 30 seconds of silence take no time.

mod bodies;
mod connections;
mod discovery;
mod fields;
mod reads;
mod replies;
mod requests;
mod timeouts;

use std::sync::Arc;
use std::time::Instant;

use pindesk::config::endpoint::{AccessToken, AppSecret, Credentials, Endpoint};
use pindesk::domain::clock::{Clock, TimePoint, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, Waba};
use pindesk::domain::outcome::{ApiError, DoubtReason, Outcome, ReplyForm};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::graph::Graph;

use crate::support::scripted_server::{ScriptStep, ScriptedServer};

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

/// Sets a PIN on a server that runs this script. Returns the outcome and the server.
async fn run_script(script: Vec<ScriptStep>) -> (Outcome, ScriptedServer) {
    let server = ScriptedServer::start_with_stopped_clock(vec![script]).await;
    let outcome = set_pin(&graph(&server.url())).await;
    (outcome, server)
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

fn api_error(http_status: u16, code: i64) -> ApiError {
    ApiError {
        http_status,
        code,
        subcode: None,
        message: CleanText::new("m"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient: false,
    }
}

fn unexpected_reply(http_status: u16) -> Outcome {
    Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status, form: ReplyForm::Unrecognized })
}

/// A reply whose body has this form.
fn reply_of_form(http_status: u16, form: ReplyForm) -> Outcome {
    Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status, form })
}

fn foreign_error(text: &str) -> ReplyForm {
    ReplyForm::ForeignError(Some(CleanText::new(text)))
}

fn error_body(code: i64) -> String {
    format!(r#"{{"error":{{"message":"m","type":"OAuthException","code":{code}}}}}"#)
}

/// A number whose reply held only its ID.
fn number_with_id_only(number: &str, waba: Option<Arc<Waba>>) -> Number {
    Number { waba, read_at: Some(READ_AT), ..Number::from_config(id(number), None) }
}
