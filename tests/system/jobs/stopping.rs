//! Stopping and pausing: what is still sent, and how each change ends.

use std::collections::HashMap;
use std::time::Duration;

use pindesk::domain::change::{ChangeState, JobId, Progress};
use pindesk::domain::pin::PinChoice;
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::standing::NotSentReason;
use pindesk::jobs::JobOptions;
use pindesk::journal::JobStatus;

use super::{
    JobsFixture, four_faults, id, is_set, number_list, pass_time, pin, plan, plans, query_count, start_simulator,
    state_label, target,
};

#[tokio::test(start_paused = true)]
async fn a_stop_sends_nothing_new_and_awaits_requests_in_flight() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    fixture.set_pins(plans(100)).await;
    fixture.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), 4);
    assert_eq!(fixture.count_last_states(is_set), 4);
    assert_eq!(fixture.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped))), 96);
    // The actor goes on after a stop: it sends later changes.
    fixture.set_pins(vec![plan(50)]).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(50), "queued not-sent after 0 queued sending-1 set after 1");
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_first_attempt_sends_nothing() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    fixture.set_pins(plans(50)).await;
    // These jobs are still being recorded when the stop arrives.
    for plan in plans(100).into_iter().skip(50) {
        drop(fixture.jobs.start_job(plan));
    }
    fixture.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), 0);
    assert_eq!(
        fixture.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped))),
        100
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_waiting_changes_with_their_known_outcome() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = \"reset-after\"\n[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 131057, status = 400 }}",
        id(1),
        id(2)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(2)).await;
    fixture.receive_until(2, |progress| matches!(progress.state, ChangeState::Waiting { attempt: 2, .. })).await;
    let requests = simulator.pin_request_count();
    fixture.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), requests);
    assert!(matches!(fixture.last_state(1), ChangeState::InDoubt(..)), "{}", fixture.state_history(1));
    assert_eq!(fixture.state_history(2), "queued sending-1 retry failed after 1");
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_later_jobs_are_recorded_and_not_sent() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(1)).await;
    fixture.wait_until_finished(1).await;
    let (requests, in_flight) = (simulator.pin_request_count(), fixture.jobs.shut_down());
    let job = fixture.jobs.start_job(plan(2)).await.expect("it is recorded");
    fixture.jobs.resend(id(1));
    fixture.receive_until(1, |progress| progress.job == Some(job)).await;
    fixture.wait_until_finished(1).await;
    assert!(in_flight.have_ended());
    assert!(matches!(fixture.last_state(1), ChangeState::InDoubt(_)), "{}", fixture.state_history(1));
    assert_eq!((fixture.state_history(2).as_str(), simulator.pin_request_count()), ("not-sent after 0", requests));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handle_stops_the_actor() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    fixture.set_pins(plans(100)).await;
    fixture.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    let JobsFixture { jobs, mut progress, .. } = fixture;
    drop(jobs);
    let mut final_states = HashMap::<_, usize>::new();
    while let Some(Progress { state, .. }) = progress.recv().await {
        *final_states.entry(state_label(&state)).or_default() += 1;
    }
    assert_eq!(final_states, [("set after 1".to_owned(), 4), ("not-sent after 0".to_owned(), 96)].into());
}

#[tokio::test(start_paused = true)]
async fn a_pause_sends_nothing_and_lets_requests_in_flight_finish() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(6)).await;
    fixture.receive_until(2, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.jobs.pause();
    fixture.wait_until_finished(2).await;
    pass_time(Duration::from_mins(5)).await;
    assert_eq!((simulator.pin_request_count(), fixture.count_last_states(is_set)), (2, 2));
    fixture.jobs.resume();
    fixture.wait_until_finished(4).await;
    assert_eq!(fixture.count_last_states(is_set), 6);
}

/// Starts a job on six numbers that pauses after two, and waits for the pause.
async fn paused_job(fixture: &mut JobsFixture) -> JobId {
    let plan = PinPlan { targets: number_list(6), pins: PinChoice::Fixed(pin(1)) };
    let options = JobOptions { note: None, send_first: Some(2) };
    let job = fixture.jobs.start_job_with(plan, options).await.expect("it is recorded");
    fixture.wait_until_finished(2).await;
    pass_time(Duration::from_mins(5)).await;
    assert_eq!(fixture.count_last_states(is_set), 2);
    job
}

#[tokio::test(start_paused = true)]
async fn a_job_pauses_after_its_first_numbers() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let job = paused_job(&mut fixture).await;
    fixture.jobs.send_held(JobId::new(job.get() + 1));
    pass_time(Duration::from_mins(5)).await;
    assert_eq!(fixture.count_last_states(is_set), 2, "another job is meant");
    fixture.jobs.send_held(job);
    fixture.wait_until_finished(4).await;
    assert_eq!((fixture.count_last_states(is_set), simulator.pin_request_count()), (6, 6));
    // A stop ends what is held back.
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let job = paused_job(&mut fixture).await;
    fixture.stop_and_drain().await;
    let is_stopped = |state: &_| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped));
    assert_eq!((fixture.count_last_states(is_stopped), simulator.pin_request_count()), (4, 2));
    fixture.jobs.send_held(job);
    fixture.set_pins(vec![plan(7)]).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(simulator.pin_request_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn canceled_numbers_that_were_held_end_first() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 200, status = 403 }}", id(1));
    let simulator = start_simulator(10, Duration::from_secs(1), &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let plan = PinPlan { targets: number_list(8), pins: PinChoice::Fixed(pin(1)) };
    let options = JobOptions { note: None, send_first: Some(4) };
    let job = fixture.jobs.start_job_with(plan, options);
    // Number 1 is refused for its whole WABA, that of the odd numbers.
    let mut ended = Vec::new();
    while ended.len() < 6 {
        let progress = fixture.progress.recv().await.expect("the actor is running");
        ended.extend((!progress.state.is_running()).then_some(progress.number));
    }
    assert_eq!(ended, [5, 7, 3, 1, 2, 4].map(id), "after the last of the first ones, only what is held is left");
    pass_time(Duration::from_mins(5)).await;
    assert_eq!((fixture.progress.try_recv().ok(), simulator.pin_request_count()), (None, 3));
    fixture.jobs.send_held(job.await.expect("it is recorded"));
    fixture.wait_until_finished(2).await;
    assert_eq!(fixture.count_last_states(is_set), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_retries_and_a_stop_ends_it() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    fixture.set_pins(plans(2)).await;
    fixture
        .receive_until(2, |progress| matches!(progress.state, ChangeState::Waiting { .. } | ChangeState::Set(_)))
        .await;
    fixture.jobs.pause();
    let requests = simulator.pin_request_count();
    pass_time(Duration::from_mins(5)).await;
    fixture.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), requests);
    assert!(matches!(fixture.last_state(1), ChangeState::InDoubt(_)), "{}", fixture.state_history(1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_one_job_lets_the_others_go_on() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let list = PinPlan { targets: number_list(6), pins: PinChoice::Fixed(pin(1)) };
    let job = fixture.jobs.start_job(list).await.expect("it is recorded");
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.set_pins(vec![plan(7)]).await;
    fixture.jobs.stop_job(job);
    fixture.wait_until_finished(7).await;
    let is_stopped = |state: &_| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped));
    assert_eq!((fixture.count_last_states(is_stopped), fixture.count_last_states(is_set)), (5, 2));
    assert_eq!((fixture.state_history(7).as_str(), simulator.pin_request_count()), ("queued sending-1 set after 1", 2));
}

#[tokio::test(start_paused = true)]
async fn the_journal_knows_that_the_work_on_a_job_has_ended() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let list = |numbers: &[u64]| {
        let targets = Targets::new(numbers.iter().map(|n| target(*n)).collect()).expect("numbers");
        PinPlan { targets, pins: PinChoice::Fixed(pin(1)) }
    };
    let job = fixture.jobs.start_job(list(&[1, 2, 3])).await.expect("it is recorded");
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    assert_eq!(fixture.job_status(job).await, JobStatus::Running);
    fixture.jobs.stop_job(job);
    fixture.wait_until_finished(3).await;
    assert_eq!(fixture.job_status(job).await, JobStatus::Interrupted);
    fixture.jobs.resume_job(job, list(&[2, 3])).await.expect("it is recorded");
    assert_eq!(fixture.job_status(job).await, JobStatus::Running);
    fixture.wait_until_finished(2).await;
    assert_eq!(fixture.job_status(job).await, JobStatus::Finished);
    // One that was not resumed and not stopped needs no row of its own.
    fixture.set_pins(vec![plan(4)]).await;
    fixture.wait_until_finished(1).await;
    let state = fixture.close().await;
    assert_eq!(query_count(&state.state_path().join("journal.db"), "SELECT count(*) FROM job_ends WHERE job = 1"), 2);
    assert_eq!(query_count(&state.state_path().join("journal.db"), "SELECT count(*) FROM job_ends"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pin_sent_again_does_not_end_its_job() {
    let simulator = start_simulator(10, Duration::from_secs(1), &four_faults(1, "reset-before")).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let plan = PinPlan { targets: number_list(3), pins: PinChoice::Fixed(pin(1)) };
    let options = JobOptions { note: None, send_first: Some(1) };
    let job = fixture.jobs.start_job_with(plan, options).await.expect("it is recorded");
    fixture.wait_until_finished(1).await;
    fixture.jobs.resend(id(1));
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.job_status(job).await, JobStatus::Running);
    fixture.jobs.stop_job(job);
    fixture.wait_until_finished(2).await;
    assert_eq!(fixture.job_status(job).await, JobStatus::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_a_job_reaches_its_unrecorded_resumption() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    fixture.jobs.pause();
    let job = fixture.jobs.start_job(plan(1)).await.expect("it is recorded");
    fixture.jobs.stop_job(job);
    fixture.wait_until_finished(1).await;
    fixture.jobs.resume();
    // The resumption is still being recorded when the stop arrives. So is another job, which goes on.
    let (resumption, other) = (fixture.jobs.resume_job(job, plan(1)), fixture.jobs.start_job(plan(7)));
    fixture.jobs.stop_job(job);
    assert_eq!(resumption.await, Ok(job));
    other.await.expect("it is recorded");
    fixture.wait_until_finished(2).await;
    assert_eq!(fixture.state_history(1), "queued not-sent after 0 not-sent after 0");
    assert!(matches!(fixture.last_state(1), ChangeState::NotSent(_, NotSentReason::Stopped)));
    assert_eq!((fixture.state_history(7).as_str(), simulator.pin_request_count()), ("queued sending-1 set after 1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_one_job_lets_the_others_go_on() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let list = || PinPlan { targets: number_list(6), pins: PinChoice::Fixed(pin(1)) };
    let job = fixture.jobs.start_job(list()).await.expect("it is recorded");
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    fixture.jobs.pause_job(job);
    fixture.set_pins(vec![plan(7)]).await;
    fixture.wait_until_finished(2).await;
    pass_time(Duration::from_mins(5)).await;
    assert_eq!((fixture.count_last_states(is_set), simulator.pin_request_count()), (2, 2));
    fixture.jobs.continue_job(job);
    fixture.wait_until_finished(5).await;
    assert_eq!((fixture.count_last_states(is_set), simulator.pin_request_count()), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_job_leaves_no_pause_behind() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let list = || PinPlan { targets: number_list(6), pins: PinChoice::Fixed(pin(1)) };
    let job = fixture.jobs.start_job(list()).await.expect("it is recorded");
    fixture.jobs.pause_job(job);
    fixture.jobs.stop_job(job);
    fixture.wait_until_finished(6).await;
    assert_eq!(simulator.pin_request_count(), 0);
    fixture.jobs.resume_job(job, list()).await.expect("nothing was sent");
    fixture.wait_until_finished(6).await;
    assert_eq!((fixture.count_last_states(is_set), simulator.pin_request_count()), (6, 6));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_after_the_first_numbers_says_so() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let job = paused_job(&mut fixture).await;
    fixture.jobs.leave_held(job);
    fixture.wait_until_finished(4).await;
    let is_left = |state: &_| matches!(state, ChangeState::NotSent(_, NotSentReason::LeftAfterFirst));
    assert_eq!((fixture.count_last_states(is_left), simulator.pin_request_count()), (4, 2));
}
