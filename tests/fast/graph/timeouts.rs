//! Deadlines, and connections that never open.

use std::net::TcpListener;
use std::time::Duration;

use pindesk::domain::outcome::{DoubtReason, Outcome, SendFailure};
use pindesk::domain::text::CleanText;
use pindesk::graph::{CONNECT_TIMEOUT, TOTAL_TIMEOUT};

use super::{SUCCESS_BODY, graph, json_response, run_script, send_text, set_pin};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};

#[tokio::test(start_paused = true)]
async fn a_stalled_and_a_slow_reply_end_at_the_total_deadline() {
    let timed_out = Outcome::InDoubt(DoubtReason::TimedOut { waited: TOTAL_TIMEOUT });
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    for script in [
        vec![ScriptStep::Stall],
        vec![send_text("HTTP/1.1 200 OK\r\n"), ScriptStep::Stall],
        vec![send_text(head), send_text(SUCCESS_BODY), ScriptStep::Stall],
        vec![ScriptStep::Drip(format!("{head}{SUCCESS_BODY}").into_bytes())],
    ] {
        let description = format!("{script:?}");
        let start = tokio::time::Instant::now();
        let (outcome, _) = run_script(script).await;
        assert_eq!((outcome, start.elapsed()), (timed_out.clone(), TOTAL_TIMEOUT), "{description}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_reply_delays_no_other() {
    let server =
        ScriptedServer::start_with_stopped_clock(vec![vec![ScriptStep::Stall], vec![json_response(200, SUCCESS_BODY)]])
            .await;
    let graph = graph(&server.url());
    let start = tokio::time::Instant::now();
    let stalled = async { (set_pin(&graph).await, start.elapsed()) };
    let quick = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        (set_pin(&graph).await, start.elapsed())
    };
    let expected = (
        (Outcome::InDoubt(DoubtReason::TimedOut { waited: TOTAL_TIMEOUT }), TOTAL_TIMEOUT),
        (Outcome::Confirmed, Duration::ZERO),
    );
    assert_eq!(tokio::join!(stalled, quick), expected);
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_sent_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let outcome = set_pin(&graph(&format!("http://{free}"))).await;
    assert_eq!(outcome, Outcome::NotSent(SendFailure::NothingListens(CleanText::new(&free.to_string()))));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_times_out_sent_nothing() {
    // A listener that accepts no connection, and whose queue is full: the next connection hangs.
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
    let expected =
        Outcome::NotSent(SendFailure::NoConnection(CleanText::new(&format!("none within 10 s ({address})"))));
    assert_eq!((outcome, start.elapsed()), (expected, CONNECT_TIMEOUT));
}
