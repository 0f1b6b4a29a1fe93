//! Connections that bring no sure answer stop a job before it leaves many numbers in doubt.

use std::time::Duration;

use pindesk::domain::change::{ChangeState, MAX_ATTEMPTS};
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::standing::{NotApplied, NotSentReason};
use pindesk::simulator::FULL_ACCESS_TOKEN;

use super::{JobsFixture, expect_in_doubt, four_faults, id, is_set, plan, plans, start_simulator};

#[tokio::test]
async fn three_failed_handshakes_in_a_row_stop_the_job() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}", server.local_addr().expect("an address"));
    // It answers the TLS client hello with plain HTTP.
    tokio::spawn(async move {
        while let Ok((stream, _)) = server.accept().await {
            stream.readable().await.expect("a client hello");
            stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("an answer");
        }
    });
    let mut fixture = JobsFixture::new(&url, FULL_ACCESS_TOKEN, 1);
    fixture.set_pins(plans(50)).await;
    fixture.wait_until_finished(50).await;
    let attempts =
        fixture.states.values().flatten().filter(|state| matches!(state, ChangeState::Sending { .. })).count();
    assert_eq!(attempts, 3);
    assert_eq!(
        fixture.count_last_states(|state| matches!(
            state,
            ChangeState::NotSent(_, NotSentReason::Failure(SendFailure::TlsHandshake(_)))
        )),
        50
    );
}

fn is_stopped_by_breaker(state: &ChangeState) -> bool {
    matches!(state, ChangeState::NotSent(finished, NotSentReason::TooManyInDoubt) if finished.attempts == 0)
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_sure_answers_stops_the_job() {
    const ANSWERS: [&str; 6] =
        ["\"reset-after\"", "\"timeout\"", "\"html\"", "\"truncate\"", "\"redirect\"", "{ code = 2, status = 503 }"];
    for answer in ANSWERS {
        let simulator =
            start_simulator(2_000, Duration::ZERO, &format!("[[fault]]\nevery = 1\nanswer = {answer}")).await;
        for is_listed in [false, true] {
            let mut fixture = JobsFixture::for_simulator(&simulator, 4);
            let sent_before = simulator.pin_request_count();
            if is_listed {
                fixture.set_each_listed(2_000).await;
            } else {
                fixture.set_pins(plans(2_000)).await;
            }
            fixture.wait_until_finished(2_000).await;
            let sent = simulator.pin_request_count() - sent_before;
            let doubts = fixture.count_last_states(|state| matches!(state, ChangeState::InDoubt(_)));
            // Two changes for each of the four slots with all their attempts, and the requests in flight at that time.
            assert!(
                (32..=35).contains(&sent) && (8..=11).contains(&doubts),
                "{answer}: {sent} sent, {doubts} in doubt"
            );
            assert_eq!(fixture.count_last_states(is_stopped_by_breaker), 2_000 - doubts, "{answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_stops_nothing() {
    for (concurrency, outage_length) in [(1, 19), (2, 19), (4, 31), (16, 127)] {
        let faults = format!("[[fault]]\nevery = 1\ntimes = {outage_length}\nanswer = \"reset-before\"");
        let simulator = start_simulator(200, Duration::ZERO, &faults).await;
        let mut fixture = JobsFixture::for_simulator(&simulator, concurrency);
        fixture.set_pins(plans(200)).await;
        fixture.wait_until_finished(200).await;
        let doubts = fixture.count_last_states(|state| matches!(state, ChangeState::InDoubt(_)));
        assert!(doubts <= outage_length / usize::from(MAX_ATTEMPTS), "{doubts} in doubt");
        assert_eq!(fixture.count_last_states(is_set), 200 - doubts, "one more fault would have stopped the rest");
    }
}

#[tokio::test(start_paused = true)]
async fn any_sure_answer_resets_the_breaker() {
    // The answers to each fifth number. The others get no sure answer at all.
    const CONFIRMED: &[&str] = &["\"html\""];
    const REFUSED: &[&str] = &["\"html\"", "{ code = 100, status = 400 }"];
    const THROTTLED: &[&str] = &["\"html\"", "{ code = 80008, status = 400 }", "\"html\"", "\"html\""];
    for (answers, in_doubt) in [(CONFIRMED, 80), (REFUSED, 100), (THROTTLED, 80)] {
        let faults_of_five = |n: u64| {
            let fault = |answer| format!("[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = {answer}\n", id(5 * n));
            let others = (1..=4).map(|k| four_faults(5 * n - k, "html"));
            others.chain(answers.iter().map(fault)).collect::<String>()
        };
        let simulator = start_simulator(200, Duration::ZERO, &(1..=20).map(faults_of_five).collect::<String>()).await;
        let mut fixture = JobsFixture::for_simulator(&simulator, 1);
        fixture.set_pins(plans(100)).await;
        fixture.wait_until_finished(100).await;
        let doubts = fixture.count_last_states(|state| matches!(state, ChangeState::InDoubt(_)));
        assert_eq!((doubts, fixture.count_last_states(is_stopped_by_breaker)), (in_doubt, 0), "{answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_idle_period_the_breaker_starts_again() {
    let simulator = start_simulator(200, Duration::ZERO, "[[fault]]\nevery = 1\nanswer = \"html\"").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    fixture.set_pins(plans(4)).await;
    fixture.wait_until_finished(4).await;
    fixture.stop_and_drain().await;
    for first in [5, 105] {
        fixture.set_pins((first..first + 50).map(plan).collect()).await;
        fixture.wait_until_finished(50).await;
        let sent = (first..first + 50).filter(|n| matches!(fixture.last_state(*n), ChangeState::InDoubt(_))).count();
        assert_eq!(sent, 5, "the breaker counts from zero at number {first}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_stopped_by_the_breaker_stays_in_doubt() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 131057, status = 500 }}\n\
         [[fault]]\nevery = 1\nanswer = \"html\"",
        id(1)
    );
    let simulator = start_simulator(200, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(50)).await;
    fixture.wait_until_finished(50).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 retry? no-answer after 1");
    let last_retry = Some(NotApplied::NotSent(NotSentReason::TooManyInDoubt));
    assert_eq!(expect_in_doubt(fixture.last_state(1)).doubt.last_retry, last_retry);
}
