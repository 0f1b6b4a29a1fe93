//! A different PIN for a number whose earlier requests can still arrive.

use std::time::Duration;

use pindesk::domain::change::{ChangeState, InDoubtDetails, LATE_ARRIVAL_WINDOW};
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::pin_plan::PinPlan;
use pindesk::domain::standing::{NotApplied, NotSentReason};
use pindesk::domain::text::CleanText;

use super::{
    advance_clock, expect_in_doubt, four_faults, id, is_set, pass_time, pin, pin_digits, plan_with_other_pin, plans,
    start_simulator, target, with_manual_clock,
};
use crate::support::state_fixture::StateFixture;

#[tokio::test(start_paused = true)]
async fn a_refused_newer_pin_leaves_the_older_one_in_doubt() {
    let faults = format!(
        "[[fault]]\nnumber = \"{0}\"\ntimes = 4\nanswer = \"reset-after\"\n\
         [[fault]]\nnumber = \"{0}\"\ntimes = 1\nanswer = {{ code = 133010, status = 400 }}",
        id(1)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let (mut fixture, time) = with_manual_clock(&simulator, StateFixture::without_recipients());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    let older = expect_in_doubt(fixture.last_state(1)).clone();

    advance_clock(time, LATE_ARRIVAL_WINDOW);
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    let refused = expect_in_doubt(fixture.last_state(1));
    assert!(matches!(&refused.newer_pin, Some(NotApplied::Refused(error)) if error.code == 133_010));
    assert_eq!(InDoubtDetails { newer_pin: None, ..refused.clone() }, older, "nothing else changed");

    // The job is still being recorded when the stop arrives.
    drop(fixture.jobs.start_job(plan_with_other_pin(1)));
    drop(fixture.jobs.stop());
    fixture.wait_until_finished(1).await;
    let newer_pin = Some(NotApplied::NotSent(NotSentReason::Stopped));
    assert_eq!(*expect_in_doubt(fixture.last_state(1)), InDoubtDetails { newer_pin, ..older });

    fixture.jobs.resend(id(1));
    fixture.wait_until_finished(1).await;
    assert!(fixture.state_history(1).ends_with("queued sending-1 set after 5"), "{}", fixture.state_history(1));
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(1)));
}

#[tokio::test(start_paused = true)]
async fn a_different_pin_waits_until_no_request_can_arrive() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-after")).await;
    let (mut fixture, time) = with_manual_clock(&simulator, StateFixture::default());
    let before = TwoStep::On;
    fixture.set_pins(vec![PinPlan::for_one(Number { two_step: before, ..target(1) }, pin(1))]).await;
    fixture.wait_until_finished(1).await;
    let details = expect_in_doubt(fixture.last_state(1)).clone();
    let new_pin_allowed_from = time.now().plus(LATE_ARRIVAL_WINDOW);
    let expected = InDoubtDetails {
        candidate_count: 2,
        is_pin_in_memory: true,
        is_in_escrow: true,
        two_step_before: before,
        new_pin_allowed_from,
        ..details.clone()
    };
    assert_eq!(details, expected);

    advance_clock(time, LATE_ARRIVAL_WINDOW.saturating_sub(Duration::from_secs(1)));
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    let why = NotSentReason::Failure(SendFailure::RefusedLocally(CleanText::new(
        "an earlier PIN could still take effect until 14:05:09 UTC",
    )));
    assert_eq!(expect_in_doubt(fixture.last_state(1)).newer_pin, Some(NotApplied::NotSent(why)));
    assert_eq!(simulator.pins_sent(&id(1)), [pin_digits(1); 4]);

    advance_clock(time, Duration::from_secs(1));
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    assert!(is_set(fixture.last_state(1)), "{}", fixture.state_history(1));
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(2)));
    // Nothing is left to resend, now or after a restart.
    fixture.jobs.resend(id(1));
    pass_time(Duration::from_mins(1)).await;
    let state = fixture.close().await;
    assert_eq!(simulator.pin_request_count(), 5);
    assert_eq!(with_manual_clock(&simulator, state).0.take_recovered(), []);
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_attempt_of_a_confirmed_pin_delays_the_next() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = \"reset-before\"\n", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let (mut fixture, time) = with_manual_clock(&simulator, StateFixture::default());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 retry? sending-2 set after 2");
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    // The actor knows this without a query of the journal.
    let why = NotSentReason::Failure(SendFailure::RefusedLocally(CleanText::new(
        "an earlier PIN could still take effect until 14:05:09 UTC",
    )));
    assert!(
        matches!(fixture.last_state(1), ChangeState::NotSent(_, not_sent) if *not_sent == why),
        "the first attempt can still arrive"
    );
    advance_clock(time, LATE_ARRIVAL_WINDOW);
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    assert!(is_set(fixture.last_state(1)), "{}", fixture.state_history(1));
}
