//! What the journal and the escrow hold before a request leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::clock::Clock;
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::standing::NotSentReason;
use pindesk::simulator::FULL_ACCESS_TOKEN;

use super::{JobsFixture, graph, is_set, plan, plans, query_count, start_simulator, with_manual_clock};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};
use crate::support::state_fixture::StateFixture;

fn http_response(status: &str, body: &str) -> Vec<ScriptStep> {
    vec![ScriptStep::Bytes(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())]
}

/// The phone number ID that a request names.
fn requested_number(request: &str) -> String {
    request.split(['/', ' ', '?']).find(|part| part.starts_with("2000")).expect("a number").to_owned()
}

#[tokio::test(start_paused = true)]
async fn no_request_arrives_before_its_attempt_is_recorded() {
    let state = StateFixture::default();
    let (database, escrow) = (state.state_path().join("journal.db"), state.state_path().join("escrow.jsonl"));
    let arrivals = Mutex::new(HashMap::<String, i64>::new());
    let check_records = move |request: &str| {
        let number = requested_number(request);
        let mut arrivals = arrivals.lock().expect("not poisoned");
        let count = arrivals.entry(number.clone()).or_default();
        *count += 1;
        let attempts = format!("SELECT count(*) FROM tries JOIN changes USING (change) WHERE number = '{number}'");
        assert!(query_count(&database, &attempts) >= *count, "attempt {count} of {number} arrived before its record");
        let entries = std::fs::read_to_string(&escrow).expect("the escrow");
        assert_eq!(
            entries.lines().filter(|line| line.contains(&number)).count(),
            1,
            "{number} has one entry in the escrow"
        );
    };
    let mut scripts = vec![vec![ScriptStep::Reset]; 15];
    scripts.push(http_response("200 OK", r#"{"success":true}"#));
    let server = ScriptedServer::start_with_hook(scripts, check_records).await;
    let graph = graph(&server.url(), FULL_ACCESS_TOKEN);
    let mut fixture = JobsFixture::with_parts(state, Clock::System, Some(graph), 4);
    fixture.set_pins(plans(20)).await;
    fixture.wait_until_finished(20).await;
    // A failed assertion in the server would have closed its connection, and so caused more requests.
    assert_eq!(server.requests().len(), 15 + fixture.count_last_states(is_set), "{:?}", fixture.states);
    assert!(fixture.count_last_states(is_set) >= 15, "{:?}", fixture.states);
}

#[tokio::test(start_paused = true)]
async fn open_changes_never_exceed_the_request_limit() {
    const OPEN: &str = "SELECT count(*) FROM changes c WHERE NOT EXISTS (SELECT 1 FROM outcomes o
        WHERE o.change = c.change AND o.seq > (SELECT max(t.seq) FROM tries t WHERE t.change = c.change))";
    let state = StateFixture::without_recipients();
    let database = state.state_path().join("journal.db");
    let max_open = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&max_open);
    let count_open = move |_: &str| {
        let mut max_open = counter.lock().expect("not poisoned");
        *max_open = query_count(&database, OPEN).max(*max_open);
    };
    let throttled =
        http_response("400 Bad Request", r#"{"error":{"code":80008,"message":"slower","type":"OAuthException"}}"#);
    let mut scripts = vec![throttled; 60];
    scripts.push(http_response("200 OK", r#"{"success":true}"#));
    let server = ScriptedServer::start_with_hook(scripts, count_open).await;
    let mut fixture = JobsFixture::with_parts(state, Clock::System, Some(graph(&server.url(), FULL_ACCESS_TOKEN)), 5);
    fixture.set_pins(plans(40)).await;
    fixture.wait_until_finished(40).await;
    assert_eq!((fixture.count_last_states(is_set), server.requests().len()), (40, 100), "Meta throttled 60 first");
    assert_eq!(*max_open.lock().expect("not poisoned"), 5);
}

#[tokio::test(start_paused = true)]
async fn unaccepted_recipients_stop_each_change_before_it_is_sent() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let (mut fixture, _) = with_manual_clock(&simulator, StateFixture::default());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    let state = fixture.close().await.with_new_recipient();
    let (mut fixture, _) = with_manual_clock(&simulator, state);
    fixture.set_pins(vec![plan(2)]).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(simulator.pin_request_count(), 1);
    assert!(
        matches!(
            fixture.last_state(2),
            ChangeState::NotSent(_, NotSentReason::Failure(SendFailure::RefusedLocally(_)))
        ),
        "{:?}",
        fixture.last_state(2)
    );
    fixture.recorder.journal.accept_recipients().await.expect("accepted");
    fixture.set_pins(vec![plan(2)]).await;
    fixture.wait_until_finished(1).await;
    assert!(is_set(fixture.last_state(2)), "{}", fixture.state_history(2));
}
