//! Changes of the access token while changes run, and what the actor drops when the console is hidden.

use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::clock::Clock;
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;
use pindesk::simulator::{EXPIRED_TOKEN, FULL_ACCESS_TOKEN};

use super::{
    JobsFixture, expect_in_doubt, four_faults, graph, id, is_set, plan, plans, start_simulator, with_manual_clock,
};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};
use crate::support::state_fixture::StateFixture;

#[tokio::test(start_paused = true)]
async fn a_new_access_token_is_used_from_the_next_request_on() {
    let simulator = start_simulator(100, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::new(&simulator.base_url(), EXPIRED_TOKEN, 2);
    fixture.set_pins(plans(20)).await;
    fixture.receive_until(2, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
    fixture.wait_until_finished(20).await;
    // Meta refuses the old token in two requests, and that stops nothing.
    assert_eq!(
        fixture.count_last_states(|state| matches!(state, ChangeState::Failed(_, error) if error.code == 190)),
        2
    );
    assert_eq!(fixture.count_last_states(is_set), 18);
}

#[tokio::test(start_paused = true)]
async fn a_retry_uses_the_current_access_token() {
    let resetting = ScriptedServer::start(vec![vec![ScriptStep::Reset]]).await;
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::new(&resetting.url(), EXPIRED_TOKEN, 1);
    fixture.set_pins(plans(1)).await;
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Waiting { .. })).await;
    fixture.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 retry? sending-2 set after 2");
}

#[tokio::test(start_paused = true)]
async fn hiding_drops_the_client_and_the_pins_in_the_escrow() {
    for (state, is_pin_kept) in [(StateFixture::default(), false), (StateFixture::without_recipients(), true)] {
        let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
        let (mut fixture, _) = with_manual_clock(&simulator, state);
        fixture.set_pins(vec![plan(1), plan(2)]).await;
        // Queued changes go on.
        fixture.jobs.drop_secrets();
        fixture.wait_until_finished(2).await;
        assert!(is_set(fixture.last_state(2)), "{}", fixture.state_history(2));
        assert_eq!(expect_in_doubt(fixture.last_state(1)).is_pin_in_memory, is_pin_kept);
        fixture.set_pins(vec![plan(3)]).await;
        fixture.wait_until_finished(1).await;
        let why = NotSentReason::Failure(SendFailure::RefusedLocally(CleanText::new("there is no access token")));
        assert!(
            matches!(fixture.last_state(3), ChangeState::NotSent(_, not_sent) if *not_sent == why),
            "{:?}",
            fixture.last_state(3)
        );
        fixture.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
        fixture.jobs.resend(id(1));
        fixture.set_pins(vec![plan(3)]).await;
        fixture.wait_until_finished(1 + usize::from(is_pin_kept)).await;
        assert_eq!((is_set(fixture.last_state(1)), is_set(fixture.last_state(3))), (is_pin_kept, true));
    }
}

#[tokio::test(start_paused = true)]
async fn hiding_drops_a_pin_in_doubt_only_if_it_is_in_the_escrow() {
    for (state, is_pin_kept) in [(StateFixture::default(), false), (StateFixture::without_recipients(), true)] {
        let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
        let (mut fixture, _) = with_manual_clock(&simulator, state);
        fixture.set_pins(plans(1)).await;
        fixture.wait_until_finished(1).await;
        fixture.jobs.drop_secrets();
        fixture.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
        fixture.jobs.resend(id(1));
        fixture.wait_until_finished(1).await;
        assert_eq!(
            (is_set(fixture.last_state(1)), simulator.pin_request_count()),
            (is_pin_kept, if is_pin_kept { 5 } else { 4 })
        );
        if !is_pin_kept {
            assert!(!expect_in_doubt(fixture.last_state(1)).is_pin_in_memory, "and the state says so");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_client_nothing_is_sent() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::with_parts(StateFixture::default(), Clock::System, None, 1);
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    fixture.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(1), "not-sent after 0 queued sending-1 set after 1");
}
