//! Refusals that apply to more numbers than their own: of the access token, and of a permission on a WABA.

use std::sync::Arc;
use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::number::{Number, Waba};
use pindesk::domain::pin_plan::PinPlan;
use pindesk::domain::standing::{NotApplied, NotSentReason};

use super::{
    JobsFixture, expect_in_doubt, id, is_set, is_token_refused, pin, plan, plans, start_simulator, target, waba,
};

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_stops_the_rest() {
    let faults = "[[fault]]\nevery = 1\nafter = 100\nanswer = { code = 190, status = 401 }";
    let simulator = start_simulator(5_000, Duration::from_millis(50), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 16);
    fixture.set_pins(plans(5_000)).await;
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
        "[[fault]]\nnumber = \"{}\"\nanswer = \"html\"\n[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 131057, status = 400 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 190, status = 401 }}",
        id(1),
        id(2),
        id(3)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    // A change in doubt keeps its slot while it waits. A change that Meta refused does not.
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(vec![plan(1)]).await;
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Waiting { .. })).await;
    fixture.set_pins(plans(5).split_off(1)).await;
    fixture.wait_until_finished(5).await;
    assert_eq!(
        fixture.state_history(2),
        "queued sending-1 retry failed after 1",
        "Meta refused it, so the outcome is known"
    );
    assert_eq!(fixture.state_history(3), "queued sending-1 failed after 1");
    assert!(is_token_refused(fixture.last_state(4)) && is_token_refused(fixture.last_state(5)));
    let last_retry = Some(NotApplied::NotSent(NotSentReason::TokenRefused));
    assert_eq!(expect_in_doubt(fixture.last_state(1)).doubt.last_retry, last_retry);
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_stops_only_its_waba() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 200, status = 403 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 131057, status = 400 }}",
        id(2),
        id(1)
    );
    let simulator = start_simulator(100, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    // Even numbers are in WABA 2, and so is number 1.
    let wabas = [1, 2].map(|n| Arc::new(Waba { id: waba(n), name: None }));
    let plan_in = |waba: &Arc<Waba>, n| PinPlan::for_one(Number { waba: Some(Arc::clone(waba)), ..target(n) }, pin(n));
    let others = (2..=20).map(|n| plan_in(&wabas[usize::from(n % 2 == 0)], n));
    fixture.set_pins(std::iter::once(plan_in(&wabas[1], 1)).chain(others).collect()).await;
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

#[tokio::test(start_paused = true)]
async fn a_locked_account_stops_its_waba_at_the_second_number() {
    let locked = |n| format!("[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 131031, status = 403 }}\n", id(n));
    let simulator = start_simulator(100, Duration::ZERO, &[2, 6, 8].map(locked).concat()).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let wabas = [1, 2].map(|n| Arc::new(Waba { id: waba(n), name: None }));
    let plan_in = |n: u64| {
        let waba = Arc::clone(&wabas[usize::from(n % 2 == 0)]);
        PinPlan::for_one(Number { waba: Some(waba), ..target(n) }, pin(n))
    };
    fixture.set_pins((1..=20).map(plan_in).collect()).await;
    fixture.wait_until_finished(20).await;
    // The PIN of number 4 was set, so that the refusal of number 2 was about number 2 alone.
    for n in 1..=20 {
        let history = match n {
            2 | 6 | 8 => "queued sending-1 failed after 1",
            _ if n % 2 == 0 && n > 8 => "queued not-sent after 0",
            _ => "queued sending-1 set after 1",
        };
        assert_eq!(fixture.state_history(n), history, "{n}");
    }
    let ChangeState::NotSent(_, why) = fixture.last_state(10) else { panic!("{:?}", fixture.last_state(10)) };
    assert!(matches!(why, NotSentReason::WabaRefused(_)), "{why:?}");
}
