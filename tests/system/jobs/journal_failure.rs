//! A journal that fails while changes run. The tests delete its file.

use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;

use super::{JobsFixture, expect_in_doubt, four_faults, id, is_set, plan, plans, start_simulator};

#[tokio::test(start_paused = true)]
async fn a_failed_journal_stops_everything_and_is_reported_once() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    let mut failure = fixture.jobs.journal_failure();
    fixture.set_pins(plans(100)).await;
    fixture.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    // The file is deleted: whatever pindesk writes from now on would be lost.
    std::fs::remove_file(fixture.state.state_path().join("journal.db")).expect("the file exists");
    fixture.wait_until_finished(100).await;
    let reason = failure.borrow_and_update().clone().expect("it failed");
    assert!(reason.as_str().contains(&*fixture.state.state_path().to_string_lossy()), "{reason}");
    assert_eq!(
        (simulator.pin_request_count(), fixture.count_last_states(is_set)),
        (4, 4),
        "the outcomes of requests in flight are still reported"
    );
    let why = NotSentReason::Failure(SendFailure::RefusedLocally(reason));
    assert_eq!(
        fixture.count_last_states(|state| matches!(state, ChangeState::NotSent(_, not_sent) if *not_sent == why)),
        96
    );
    fixture.set_pins(vec![plan(101)]).await;
    fixture.wait_until_finished(1).await;
    assert!(
        matches!(fixture.last_state(101), ChangeState::NotSent(_, not_sent) if *not_sent == why),
        "new changes are refused"
    );
    assert_eq!(fixture.state_history(101), "not-sent after 0");
    assert!(!failure.has_changed().expect("the actor is running"), "reported once");
}

#[tokio::test(start_paused = true)]
async fn a_failed_journal_ends_waiting_for_a_retry() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 131057, status = 400 }}", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(1)).await;
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Waiting { .. })).await;
    let start = tokio::time::Instant::now();
    fixture.set_pins(vec![plan(2)]).await;
    std::fs::remove_file(fixture.state.state_path().join("journal.db")).expect("the file exists");
    fixture.wait_until_finished(2).await;
    assert_eq!(
        (fixture.state_history(1).as_str(), fixture.state_history(2).as_str()),
        ("queued sending-1 retry failed after 1", "queued not-sent after 0")
    );
    assert!(start.elapsed() < Duration::from_secs(1), "it does not wait for a retry that it will not send");
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_a_doubt_stays_and_nothing_is_resent() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    let details = expect_in_doubt(fixture.last_state(1)).clone();
    std::fs::remove_file(fixture.state.state_path().join("journal.db")).expect("the file exists");
    fixture.jobs.resolve_manually(id(1), CleanText::new("asked the shop"));
    fixture.wait_until_finished(1).await;
    assert_eq!(*expect_in_doubt(fixture.last_state(1)), details);
    assert!(fixture.jobs.journal_failure().borrow().is_some(), "and the failure is reported");
    fixture.jobs.resend(id(1));
    fixture.wait_until_finished(1).await;
    assert!(
        fixture.state_history(1).ends_with("no-answer after 4 no-answer after 4 no-answer after 4"),
        "{}",
        fixture.state_history(1)
    );
    assert_eq!(simulator.pin_request_count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_failed_journal_stops_a_list_and_refuses_the_next() {
    let simulator = start_simulator(2_000, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    fixture.set_each_listed(1_000).await;
    fixture.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    std::fs::remove_file(fixture.state.state_path().join("journal.db")).expect("the file exists");
    fixture.wait_until_finished(1_000).await;
    fixture.set_each_listed(1_000).await;
    fixture.wait_until_finished(1_000).await;
    let why = NotSentReason::Failure(SendFailure::RefusedLocally(
        fixture.jobs.journal_failure().borrow().clone().expect("it failed"),
    ));
    assert_eq!(
        fixture.count_last_states(|state| matches!(state, ChangeState::NotSent(_, not_sent) if *not_sent == why)),
        1_000
    );
    assert_eq!(
        (simulator.pin_request_count(), fixture.state_history(1_000).as_str()),
        (4, "not-sent after 0 not-sent after 0")
    );
}
