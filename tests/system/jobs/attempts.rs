//! How many attempts a change gets, how many requests are in flight at once, and one change per number at a time.

use std::sync::Arc;
use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::number::{Number, Waba};
use pindesk::domain::outcome::{DoubtReason, SendFailure};
use pindesk::domain::pin_plan::PinPlan;
use pindesk::domain::standing::{DoubtCause, NotSentReason};
use pindesk::domain::text::CleanText;
use pindesk::simulator::FULL_ACCESS_TOKEN;

use super::{JobsFixture, id, pass_time, pin, plan, plans, start_simulator, target, waba};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};

#[tokio::test(start_paused = true)]
async fn a_change_gets_four_attempts_and_stays_in_doubt() {
    let faults = "[[fault]]\nevery = 1\nanswer = \"reset-before\"";
    let simulator = start_simulator(10, Duration::ZERO, faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    let history = "queued sending-1 retry? sending-2 retry? sending-3 retry? sending-4 no-answer after 4";
    assert_eq!((fixture.state_history(1).as_str(), simulator.pin_request_count()), (history, 4));
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_no_attempt_and_a_refusal_is_final() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\ntimes = 2\nanswer = {{ code = 80008, status = 400 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 100, status = 400 }}",
        id(1),
        id(2)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let start = tokio::time::Instant::now();
    // Another WABA, which the throttle does not pause.
    let waba = Arc::new(Waba { id: waba(2), name: None });
    let second = PinPlan::for_one(Number { waba: Some(waba), ..target(2) }, pin(2));
    fixture.set_pins(vec![plan(1), second]).await;
    fixture.wait_until_finished(2).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 paused sending-1 paused sending-1 set after 1");
    assert_eq!(fixture.state_history(2), "queued sending-1 failed after 1");
    assert!(start.elapsed() >= Duration::from_mins(3), "a pause of 1 minute, then one of 2");
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_never_exceed_the_limit() {
    let server = ScriptedServer::start(vec![vec![ScriptStep::Stall]]).await;
    let mut fixture = JobsFixture::new(&server.url(), FULL_ACCESS_TOKEN, 5);
    fixture.set_pins(plans(40)).await;
    pass_time(Duration::from_secs(29)).await;
    assert_eq!((server.requests().len(), server.connections()), (5, 5));
    // The five in doubt keep their slots: a crash now must not leave more than five in doubt.
    pass_time(Duration::from_secs(2)).await;
    assert_eq!(server.requests().len(), 10);
    fixture.stop_and_drain().await;
    let (mut in_doubt, mut not_sent) = (0, 0);
    for n in 1..=40 {
        let state = fixture.last_state(n);
        if matches!(state, ChangeState::InDoubt(details) if details.send_history.attempts() == 2
            && matches!(details.doubt.cause, DoubtCause::Attempt(DoubtReason::TimedOut { .. })))
        {
            in_doubt += 1;
        } else if matches!(state, ChangeState::NotSent(finished, NotSentReason::Stopped) if finished.attempts == 0) {
            not_sent += 1;
        }
    }
    assert_eq!((in_doubt, not_sent, server.requests().len()), (5, 35, 10));
}

#[tokio::test(start_paused = true)]
async fn a_second_change_for_a_number_in_flight_is_refused() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let (first, second) = (fixture.jobs.start_job(plan(1)), fixture.jobs.start_job(plan(1)));
    let (first_id, second_id) = (first.await.expect("a job"), second.await.expect("a job"));
    let mut finished = Vec::new();
    while finished.len() < 2 {
        let progress = fixture.progress.recv().await.expect("the actor is running");
        if !progress.state.is_running() {
            finished.push((progress.job, progress.state));
        }
    }
    let why = NotSentReason::Failure(SendFailure::RefusedLocally(CleanText::new(
        "another request for this number is in flight",
    )));
    assert!(
        matches!(&finished[0], (id, ChangeState::NotSent(_, not_sent)) if *id == Some(second_id) && *not_sent == why)
    );
    assert!(matches!(&finished[1], (id, ChangeState::Set(_)) if *id == Some(first_id)));
    assert_eq!(simulator.pin_request_count(), 1);
}
