//! Refusals that apply to more numbers than their own: of the access token, and of a permission on a WABA.

use std::time::Duration;

use pindesk::domain::change::{Change, ChangeState};
use pindesk::domain::outcome::{DoubtReason, NotApplied, NotSentReason};

use super::{JobsFixture, change, changes, expect_in_doubt, id, is_set, is_token_refused, start_simulator, waba};

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_stops_the_rest() {
    let faults = "[[fault]]\nevery = 1\nafter = 100\nanswer = { code = 190, status = 401 }";
    let simulator = start_simulator(5_000, Duration::from_millis(50), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 16).await;
    fixture.jobs.set_pins(changes(5_000));
    fixture.wait_until_finished(5_000).await;
    let requests = simulator.pin_request_count();
    assert!(requests <= 100 + 16, "{requests} requests");
    assert_eq!(fixture.count_last_states(is_set), 100);
    assert_eq!(fixture.count_last_states(is_token_refused), 5_000 - requests);
    assert_eq!(fixture.count_last_states(|state| matches!(state, ChangeState::Failed(..))), requests - 100);
}

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_ends_waiting_for_a_retry() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = \"html\"\n[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 190, status = 401 }}",
        id(1),
        id(2),
        id(3)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    // A change in doubt keeps its slot while it waits. A change that Meta refused does not.
    let mut fixture = JobsFixture::for_simulator(&simulator, 2).await;
    fixture.jobs.set_pins(vec![change(1)]);
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Waiting { .. })).await;
    fixture.jobs.set_pins(changes(5).split_off(1));
    fixture.wait_until_finished(5).await;
    assert_eq!(
        fixture.state_history(2),
        "queued sending-1 retry failed after 1",
        "Meta refused it, so the outcome is known"
    );
    assert_eq!(fixture.state_history(3), "queued sending-1 failed after 1");
    assert!(is_token_refused(fixture.last_state(4)) && is_token_refused(fixture.last_state(5)));
    let reason = &expect_in_doubt(fixture.last_state(1)).reason;
    assert!(
        matches!(
            reason,
            DoubtReason::EarlierAttemptInDoubt { last: NotApplied::NotSent(NotSentReason::TokenRefused), .. }
        ),
        "{reason:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_stops_only_its_waba() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 200, status = 403 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}",
        id(2),
        id(1)
    );
    let simulator = start_simulator(100, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1).await;
    let change_of = |n| Change { waba: Some(waba(1 + (n + 1) % 2)), ..change(n) };
    // Even numbers are in WABA 2, and so is number 1.
    let first = Change { waba: Some(waba(2)), ..change(1) };
    fixture.jobs.set_pins(std::iter::once(first).chain((2..=20).map(change_of)).collect());
    fixture.wait_until_finished(20).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 retry failed after 1");
    assert_eq!(fixture.state_history(2), "queued sending-1 failed after 1");
    for n in 3..=20 {
        let history = if n % 2 == 0 { "queued not-sent after 0" } else { "queued sending-1 set after 1" };
        assert_eq!(fixture.state_history(n), history, "{n}");
    }
    let ChangeState::NotSent(_, why) = fixture.last_state(4) else { panic!("{:?}", fixture.last_state(4)) };
    assert!(matches!(why, NotSentReason::WabaRefused(_)), "{why:?}");
}
