//! How a doubt is resolved without a resend: by a status read, or manually.

use std::time::Duration;

use pindesk::domain::change::{ChangeState, DoubtEnd, LATE_ARRIVAL_WINDOW, Resolution};
use pindesk::domain::number::TwoStep;
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;
use pindesk::jobs::StatusRead;

use super::{
    advance_clock, four_faults, id, plan_with_other_pin, plans, query_count, start_simulator, with_manual_clock,
};
use crate::support::state_fixture::StateFixture;

#[tokio::test(start_paused = true)]
async fn only_two_step_still_not_set_resolves_a_doubt() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let (mut fixture, time) = with_manual_clock(&simulator, StateFixture::default());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    let early = time.now().plus(LATE_ARRIVAL_WINDOW.saturating_sub(Duration::from_secs(1)));
    let late = time.now().plus(LATE_ARRIVAL_WINDOW);
    time.set(late);
    let read = |two_step, asked_at| StatusRead { number: id(1), two_step, asked_at };
    for read in [
        read(TwoStep::NotSet, early),
        read(TwoStep::On, late),
        read(TwoStep::Unknown, late),
        StatusRead { number: id(2), ..read(TwoStep::NotSet, late) },
    ] {
        fixture.jobs.handle_status_read(read);
    }
    fixture.stop_and_drain().await;
    assert!(matches!(fixture.last_state(1), ChangeState::InDoubt(_)), "{}", fixture.state_history(1));
    fixture.jobs.handle_status_read(read(TwoStep::NotSet, late));
    fixture.wait_until_finished(1).await;
    assert!(
        matches!(fixture.last_state(1), ChangeState::Resolved(finished, DoubtEnd { how: Resolution::NoPinInForce, .. }) if finished.attempts == 4)
    );
    let state = fixture.close().await;
    assert_eq!(with_manual_clock(&simulator, state).0.take_recovered(), []);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_resolved_while_another_pin_is_in_flight() {
    let simulator = start_simulator(10, Duration::from_secs(1), &four_faults(1, "reset-before")).await;
    let (mut fixture, time) = with_manual_clock(&simulator, StateFixture::default());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    advance_clock(time, LATE_ARRIVAL_WINDOW);
    let read = StatusRead { number: id(1), two_step: TwoStep::NotSet, asked_at: time.now() };
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.jobs.resolve_manually(id(1), CleanText::new("asked the shop"));
    fixture.jobs.handle_status_read(read);
    fixture.jobs.resend(id(1));
    fixture.stop_and_drain().await;
    assert!(
        fixture.state_history(1).ends_with("no-answer after 4 queued sending-1 set after 1"),
        "{}",
        fixture.state_history(1)
    );
    assert_eq!(query_count(&fixture.state.state_path().join("journal.db"), "SELECT count(*) FROM settlements"), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_manual_resolution_another_pin_still_waits() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let (mut fixture, _time) = with_manual_clock(&simulator, StateFixture::default());
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    fixture.jobs.resolve_manually(id(1), CleanText::new("called the shop"));
    fixture.jobs.resolve_manually(id(2), CleanText::new("nothing was in doubt"));
    fixture.wait_until_finished(1).await;
    assert!(
        matches!(fixture.last_state(1), ChangeState::Resolved(finished, DoubtEnd { how: Resolution::Manual, .. }) if finished.attempts == 4)
    );
    fixture.set_pins(vec![plan_with_other_pin(1)]).await;
    fixture.wait_until_finished(1).await;
    assert!(
        matches!(
            fixture.last_state(1),
            ChangeState::NotSent(_, NotSentReason::Failure(SendFailure::RefusedLocally(_)))
        ),
        "{:?}",
        fixture.last_state(1)
    );
    let state = fixture.close().await;
    assert_eq!(with_manual_clock(&simulator, state).0.take_recovered(), []);
}
