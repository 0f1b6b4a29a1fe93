//! A PIN in doubt: what the operator sees of it, and how a resend ends the doubt.

use std::time::Duration;

use pindesk::domain::change::{InDoubtDetails, LATE_ARRIVAL_WINDOW};
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::outcome::DoubtReason;
use pindesk::domain::pin_plan::PinPlan;
use pindesk::domain::standing::{DoubtCause, NotApplied};

use super::{
    JobsFixture, advance_clock, expect_in_doubt, four_faults, id, is_set, pass_time, pin, pin_digits,
    plan_with_other_pin, plans, start_simulator, target, with_manual_clock,
};
use crate::support::state_fixture::StateFixture;

#[tokio::test(start_paused = true)]
async fn a_later_refusal_does_not_clear_an_earlier_doubt() {
    let faults = format!(
        "[[fault]]\nnumber = \"{0}\"\ntimes = 1\nanswer = \"reset-after\"\n\
         [[fault]]\nnumber = \"{0}\"\nanswer = {{ code = 100, status = 400 }}",
        id(1)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 retry? sending-2 no-answer after 2");
    let doubt = &expect_in_doubt(fixture.last_state(1)).doubt;
    let is_first_lost = matches!(doubt.cause, DoubtCause::Attempt(DoubtReason::ConnectionLost { .. }));
    let is_last_refused = matches!(&doubt.last_retry, Some(NotApplied::Refused(error)) if error.code == 100);
    assert!(is_first_lost && is_last_refused, "the doubt has both: {doubt:?}");
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(1)), "the first attempt was applied");
}

#[tokio::test(start_paused = true)]
async fn a_pin_in_doubt_can_be_resent_until_it_is_confirmed() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 5\nanswer = \"reset-before\"", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    // Two commands, but one resend.
    fixture.jobs.resend(id(1));
    fixture.jobs.resend(id(1));
    fixture.wait_until_finished(1).await;
    // Nothing is in doubt any longer, so this sends nothing.
    fixture.jobs.resend(id(1));
    pass_time(Duration::from_mins(1)).await;
    fixture.stop_and_drain().await;
    assert_eq!(
        fixture.state_history(1),
        "queued sending-1 retry? sending-2 retry? sending-3 retry? sending-4 no-answer after 4 \
         queued sending-1 retry? sending-2 set after 6"
    );
    assert_eq!(simulator.pins_sent(&id(1)), [pin_digits(1); 6]);
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(1)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_a_resend_keeps_the_pin_in_doubt() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 4\nanswer = \"reset-before\"", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    fixture.jobs.resend(id(1));
    drop(fixture.jobs.stop());
    fixture.wait_until_finished(1).await;
    assert!(
        fixture.state_history(1).ends_with("no-answer after 4 queued no-answer after 4"),
        "{}",
        fixture.state_history(1)
    );
    fixture.jobs.resend(id(1));
    fixture.wait_until_finished(1).await;
    assert!(fixture.state_history(1).ends_with("queued sending-1 set after 5"), "{}", fixture.state_history(1));
}

#[tokio::test(start_paused = true)]
async fn with_two_pins_in_doubt_the_details_cover_both() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-after").repeat(2)).await;
    let (mut fixture, _) = with_manual_clock(&simulator, StateFixture::without_recipients());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    // From now on there is an escrow, but it lacks the first PIN.
    let state = fixture.close().await.with_new_recipient();
    let (mut fixture, time) = with_manual_clock(&simulator, state);
    assert_eq!(fixture.take_recovered().len(), 1);
    advance_clock(time, LATE_ARRIVAL_WINDOW);
    fixture.set_pins(vec![PinPlan::for_one(Number { two_step: TwoStep::On, ..target(1) }, pin(2))]).await;
    fixture.wait_until_finished(1).await;
    let details = expect_in_doubt(fixture.last_state(1));
    let new_pin_allowed_from = time.now().plus(LATE_ARRIVAL_WINDOW);
    let expected = InDoubtDetails {
        two_step_before: TwoStep::NotSet,
        candidate_count: 2,
        is_pin_in_memory: true,
        is_in_escrow: false,
        new_pin_allowed_from,
        ..details.clone()
    };
    assert_eq!(*details, expected);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_of_an_earlier_run_ends_with_a_confirmed_pin() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-after")).await;
    let (mut fixture, _) = with_manual_clock(&simulator, StateFixture::default());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    let before = expect_in_doubt(fixture.last_state(1)).clone();
    let state = fixture.close().await;

    let (mut fixture, time) = with_manual_clock(&simulator, state);
    let [recovered] = &fixture.take_recovered()[..] else { panic!("one doubt is recovered") };
    let new_pin_allowed_from = recovered.new_pin_allowed_from;
    assert_eq!(*recovered, InDoubtDetails { is_pin_in_memory: false, new_pin_allowed_from, ..before.clone() });
    assert_eq!(new_pin_allowed_from.utc, before.new_pin_allowed_from.utc);
    fixture.jobs.resend(id(1));
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    assert!(expect_in_doubt(fixture.last_state(1)).newer_pin.is_some(), "too early");
    assert_eq!(simulator.pin_request_count(), 4);
    time.set(new_pin_allowed_from);
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    assert!(is_set(fixture.last_state(1)), "{}", fixture.state_history(1));
    let state = fixture.close().await;
    assert_eq!(with_manual_clock(&simulator, state).0.take_recovered(), []);
}
