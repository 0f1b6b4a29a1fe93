//! One PIN for each number of a list, as the console sets them for all numbers at once.

use std::collections::HashSet;
use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::pin::PinChoice;
use pindesk::domain::pin_plan::PinPlan;
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;

use super::{
    JobsFixture, id, is_set, is_token_refused, number_list, pass_time, pin_digits, plan, query_count, start_simulator,
    waba,
};

#[tokio::test(start_paused = true)]
async fn each_number_of_a_list_gets_its_pin_and_is_recorded() {
    let simulator = start_simulator(1_000, Duration::from_millis(50), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 16);
    let start = tokio::time::Instant::now();
    fixture.set_each_listed(200).await;
    fixture.wait_until_finished(200).await;
    // 13 rounds: no slot is ever idle.
    assert_eq!((start.elapsed().as_millis() / 50, simulator.pin_request_count()), (13, 200));
    for n in 1..=200 {
        assert_eq!(
            (fixture.state_history(n).as_str(), simulator.pin_in_force(&id(n))),
            ("sending-1 set after 1", Some(pin_digits(1)))
        );
    }
    let state = fixture.close().await;
    for (two_step, count) in [("on", 20), ("not_set", 80)] {
        let query =
            format!("SELECT count(*) FROM changes WHERE job = 1 AND waba = '{}' AND before = '{two_step}'", waba(2));
        assert_eq!(query_count(&state.state_path().join("journal.db"), &query), count, "{two_step}");
    }
}

#[tokio::test(start_paused = true)]
async fn random_pins_of_a_list_differ_by_number() {
    let simulator = start_simulator(1_000, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 16);
    fixture.set_pins(vec![PinPlan { targets: number_list(40), pins: PinChoice::Random }]).await;
    fixture.wait_until_finished(40).await;
    let pins: HashSet<_> = (1..=40).map(|n| simulator.pin_in_force(&id(n))).collect();
    assert!(fixture.count_last_states(is_set) == 40 && pins.len() >= 39, "{pins:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_stops_the_rest_of_a_list() {
    let faults = "[[fault]]\nevery = 1\nafter = 100\nanswer = { code = 190, status = 401 }";
    let simulator = start_simulator(5_000, Duration::from_millis(50), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 16);
    fixture.set_each_listed(5_000).await;
    fixture.wait_until_finished(5_000).await;
    let requests = simulator.pin_request_count();
    assert!(requests <= 100 + 16, "{requests} requests");
    assert_eq!(
        (fixture.count_last_states(is_set), fixture.count_last_states(is_token_refused)),
        (100, 5_000 - requests)
    );
    assert_eq!(fixture.state_history(5_000), "not-sent after 0");
    // A dropped number is free again: another change of it may be sent.
    fixture.set_pins(vec![plan(5_000)]).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(5_000), "not-sent after 0 queued sending-1 failed after 1");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_stops_only_its_waba_of_a_list() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 200, status = 403 }}", id(2));
    let simulator = start_simulator(2_000, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    fixture.set_each_listed(1_000).await;
    fixture.wait_until_finished(1_000).await;
    assert_eq!((fixture.state_history(2), simulator.pin_request_count()), ("sending-1 failed after 1".to_owned(), 501));
    assert_eq!(fixture.count_last_states(is_set), 500);
    assert_eq!(
        fixture.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::WabaRefused(_)))),
        499
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_drops_a_list_and_a_pause_holds_it() {
    let simulator = start_simulator(2_000, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    fixture.set_each_listed(1_000).await;
    fixture.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.jobs.pause();
    fixture.wait_until_finished(4).await;
    pass_time(Duration::from_mins(5)).await;
    assert_eq!(simulator.pin_request_count(), 4);
    fixture.jobs.resume();
    fixture.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.stop_and_drain().await;
    assert_eq!((simulator.pin_request_count(), fixture.count_last_states(is_set)), (8, 8));
    assert_eq!(
        fixture.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped))),
        992
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_has_at_most_one_change_in_lists_and_in_flight() {
    let simulator = start_simulator(100, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(vec![plan(3)]).await;
    fixture.set_each_listed(20).await;
    fixture.set_pins(vec![plan(20)]).await;
    fixture.wait_until_finished(22).await;
    let why = NotSentReason::Failure(SendFailure::RefusedLocally(CleanText::new(
        "another request for this number is in flight",
    )));
    let is_refused = |state: &ChangeState| matches!(state, ChangeState::NotSent(_, not_sent) if *not_sent == why);
    for (n, count) in [(3, 4), (20, 3)] {
        let states = &fixture.states[&id(n)];
        assert_eq!((states.len(), states.iter().filter(|state| is_refused(state)).count()), (count, 1), "{states:?}");
    }
    assert_eq!((simulator.pin_request_count(), simulator.pin_in_force(&id(3))), (20, Some(pin_digits(3))));
    assert_eq!(simulator.pin_in_force(&id(20)), Some(pin_digits(1)));
}
