//! Refusals that apply to more numbers than their own: of the access token, and of a permission on a WABA.

use std::sync::Arc;
use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::number::{Number, Waba};
use pindesk::domain::pin_plan::PinPlan;
use pindesk::domain::standing::{NotApplied, NotSentReason};
use pindesk::jobs::{JobOptions, UnknownRefusals};
use tokio::time::Instant;

use super::{
    JobsFixture, expect_in_doubt, id, is_set, is_token_refused, pass_time, pin, plan, plan_in_waba, plans,
    start_simulator, target, waba,
};

const UNKNOWN_CODE: &str = "[[fault]]\nevery = 1\nanswer = { code = 987654, status = 400 }\n";

const fn question(left: usize) -> UnknownRefusals {
    UnknownRefusals { code: 987_654, refused: 5, left }
}

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
async fn a_change_that_waits_knows_the_error_that_it_waits_for() {
    let fault = "[[fault]]\nevery = 1\ntimes = 1\nanswer = { code = 131057, status = 400 }";
    let simulator = start_simulator(10, Duration::ZERO, fault).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    fixture.set_pins(vec![plan(1)]).await;
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Waiting { .. })).await;
    assert_eq!(fixture.last_state(1).api_error().map(|error| error.code), Some(131_057));
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.last_state(1).api_error(), None);
}

#[tokio::test(start_paused = true)]
async fn a_locked_account_stops_its_waba_at_the_second_number() {
    let locked = |n| format!("[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 131031, status = 403 }}\n", id(n));
    let simulator = start_simulator(100, Duration::ZERO, &[2, 6, 8].map(locked).concat()).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let wabas = [1, 2].map(|n| Arc::new(Waba { id: waba(n), name: None }));
    let plan_in = |n: u64| {
        let waba = Arc::clone(&wabas[usize::from(n.is_multiple_of(2))]);
        PinPlan::for_one(Number { waba: Some(waba), ..target(n) }, pin(n))
    };
    fixture.set_pins((1..=20).map(plan_in).collect()).await;
    fixture.wait_until_finished(20).await;
    // The PIN of number 4 was set, so that the refusal of number 2 was about number 2 alone.
    for n in 1..=20_u64 {
        let history = match n {
            2 | 6 | 8 => "queued sending-1 failed after 1",
            _ if n.is_multiple_of(2) && n > 8 => "queued not-sent after 0",
            _ => "queued sending-1 set after 1",
        };
        assert_eq!(fixture.state_history(n), history, "{n}");
    }
    let ChangeState::NotSent(_, why) = fixture.last_state(10) else { panic!("{:?}", fixture.last_state(10)) };
    assert!(matches!(why, NotSentReason::WabaRefused(_)), "{why:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_not_asked_about_twice() {
    let simulator = start_simulator(100, Duration::ZERO, UNKNOWN_CODE).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let mut questions = fixture.jobs.ask_about_refusals();
    let options = JobOptions { note: None, send_first: Some(5) };
    let job = fixture.jobs.start_job_with(plan_in_waba(1, 1, 20), options).await.expect("it is recorded");
    fixture.wait_until_finished(5).await;
    pass_time(Duration::from_hours(1)).await;
    assert_eq!((questions.try_recv().ok(), fixture.progress.try_recv().ok()), (None, None));
    fixture.jobs.send_held(job);
    assert_eq!(questions.recv().await, Some(question(10)));
    fixture.wait_until_finished(5).await;
    fixture.jobs.answer(987_654, true);
    fixture.wait_until_finished(10).await;
    assert_eq!(simulator.pin_request_count(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_question_does_not_wait_for_the_end_of_a_pause() {
    let faults = format!(
        "[[fault]]\nnumber = \"{0}\"\ntimes = 1\nanswer = {{ code = 131057, status = 500 }}\n\
         [[fault]]\nnumber = \"{0}\"\ntimes = 1\nanswer = {{ code = 80008, status = 400, regain_minutes = 60 }}\n",
        id(281)
    );
    let simulator = start_simulator(1_000, Duration::ZERO, &(faults + UNKNOWN_CODE)).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let mut questions = fixture.jobs.ask_about_refusals();
    let start = Instant::now();
    // The first number is in doubt, so it keeps its permit until its WABA is paused, after the fifth refusal.
    fixture.set_pins(vec![plan_in_waba(2, 281, 1), plan_in_waba(1, 1, 20)]).await;
    let asked = questions.recv().await.expect("a question");
    assert!(start.elapsed() < Duration::from_mins(5), "{:?}", start.elapsed());
    fixture.wait_until_finished(21 - asked.left).await;
    let requests = simulator.pin_request_count();
    assert_eq!((requests, asked), (2 + 21 - asked.left, question(asked.left)));
    pass_time(Duration::from_hours(2)).await;
    assert_eq!(simulator.pin_request_count(), requests, "nothing is sent after the pause");
    fixture.jobs.answer(987_654, true);
    fixture.wait_until_finished(asked.left).await;
    assert_eq!(fixture.state_history(281), "queued sending-1 retry? sending-2 paused? sending-2 no-answer after 2");
}

#[tokio::test(start_paused = true)]
async fn while_a_question_is_open_no_retry_is_sent() {
    let faults = format!(
        "[[fault]]\nevery = 1\ntimes = 20\nanswer = {{ code = 131057, status = 400 }}\n\
         [[fault]]\nnumber = \"{}\"\ntimes = 3\nanswer = \"timeout\"\n",
        id(21)
    );
    let simulator = start_simulator(100, Duration::ZERO, &(faults + UNKNOWN_CODE)).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let mut questions = fixture.jobs.ask_about_refusals();
    // The last number keeps the only permit until the retries of all others wait for it.
    fixture.set_pins(vec![plan_in_waba(1, 1, 21)]).await;
    fixture.wait_until_finished(5).await;
    pass_time(Duration::from_hours(1)).await;
    assert_eq!((simulator.pin_request_count(), questions.try_recv().ok()), (28, Some(question(16))));
    assert_eq!(
        fixture.state_history(21),
        "sending-1 retry? sending-2 retry? sending-3 retry? sending-4 no-answer after 4"
    );
    fixture.jobs.answer(987_654, false);
    fixture.wait_until_finished(16).await;
    let is_failed = |state: &ChangeState| matches!(state, ChangeState::Failed(finished, _) if finished.attempts == 1);
    assert_eq!((fixture.count_last_states(is_failed), simulator.pin_request_count()), (16, 28));
}
