//! How a job begins and resumes: it is recorded first, and its ID is in everything that is reported of it.

use std::time::Duration;

use pindesk::domain::change::{ChangeState, JobId, Progress};
use pindesk::domain::clock::Clock;
use pindesk::domain::number::Number;
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::pin::PinChoice;
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::text::CleanText;
use pindesk::simulator::FULL_ACCESS_TOKEN;

use super::{JobsFixture, graph, id, is_set, pin, plan, plans, query_count, start_simulator, target};

/// A plan that gives these numbers the same PIN.
fn plan_of(numbers: &[u64]) -> PinPlan {
    let targets: Vec<Number> = numbers.iter().map(|n| target(*n)).collect();
    PinPlan { targets: Targets::new(targets).expect("some numbers"), pins: PinChoice::Fixed(pin(1)) }
}

#[tokio::test(start_paused = true)]
async fn progress_names_the_job_and_then_the_change() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let job = fixture.jobs.start_job(plan(1)).await.expect("a job");
    let mut reports = Vec::new();
    while !matches!(reports.last(), Some(Progress { state: ChangeState::Set(_), .. })) {
        reports.push(fixture.progress.recv().await.expect("the actor is running"));
    }
    let [queued, sending, set] = &reports[..] else { panic!("{reports:?}") };
    assert!(reports.iter().all(|report| report.job == Some(job)), "{reports:?}");
    assert_eq!((&queued.state, queued.change), (&ChangeState::Queued, None));
    assert!(sending.change.is_some() && sending.change == set.change, "{reports:?}");
}

#[tokio::test(start_paused = true)]
async fn jobs_get_ids_in_the_order_in_which_they_were_confirmed() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    let starts: Vec<_> = plans(5).into_iter().map(|plan| fixture.jobs.start_job(plan)).collect();
    let mut jobs = Vec::new();
    for start in starts {
        jobs.push(start.await.expect("a job"));
    }
    assert_eq!(jobs, [1, 2, 3, 4, 5].map(JobId::new));
    fixture.wait_until_finished(5).await;
    let state = fixture.close().await;
    let query = "SELECT count(*) FROM changes JOIN job_numbers USING (job, number) WHERE place = 1";
    assert_eq!(query_count(&state.state_path().join("journal.db"), query), 5, "each change belongs to its job");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_recorded_sends_nothing() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 2);
    std::fs::remove_file(fixture.state.state_path().join("journal.db")).expect("the file exists");
    let refused = fixture.jobs.start_job(plan_of(&[1, 2, 3])).await.expect_err("the file is gone");
    let why = SendFailure::RefusedLocally(CleanText::new(&refused.to_string())).into();
    for n in 1..=3 {
        let report = fixture.progress.recv().await.expect("the actor is running");
        assert_eq!((report.job, report.change, report.number), (None, None, id(n)));
        assert!(matches!(&report.state, ChangeState::NotSent(_, not_sent) if *not_sent == why), "{report:?}");
    }
    assert!(fixture.jobs.journal_failure().borrow().is_some(), "and the failure is reported");
    assert_eq!(simulator.pin_request_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_job_is_resumed_under_its_own_id() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let job = fixture.jobs.start_job(plan_of(&[1, 2, 3])).await.expect("a job");
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    let state = fixture.close().await;
    let graph = graph(&simulator.base_url(), FULL_ACCESS_TOKEN);
    let mut fixture = JobsFixture::with_parts(state, Clock::System, Some(graph), 1);
    let refused = fixture.jobs.resume_job(job, plan_of(&[1, 2, 3])).await.expect_err("number 1 was sent");
    fixture.wait_until_finished(3).await;
    assert_eq!(refused.to_string(), format!("the remaining numbers of job {job} have changed"));
    assert_eq!(fixture.jobs.resume_job(job, plan_of(&[2, 3])).await, Ok(job));
    fixture.receive_until(2, |progress| progress.job == Some(job) && is_set(&progress.state)).await;
    assert_eq!((simulator.pin_request_count(), fixture.jobs.journal_failure().borrow().clone()), (3, None));
    let state = fixture.close().await;
    let database = state.state_path().join("journal.db");
    let count = |table| query_count(&database, &format!("SELECT count(*) FROM {table}"));
    assert_eq!((count("jobs"), count("resumptions"), count("changes")), (1, 1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_process_resumes_its_own_job_as_often_as_numbers_are_left() {
    // Meta refuses the number twice because of the access token, which lies outside it.
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 2\nanswer = {{ code = 190, status = 401 }}\n", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let new_token = || graph(&simulator.base_url(), FULL_ACCESS_TOKEN);
    let job = fixture.jobs.start_job(plan_of(&[1])).await.expect("a job");
    for _ in 0..2 {
        fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Failed(..))).await;
        fixture.jobs.use_graph(new_token());
        assert_eq!(fixture.jobs.resume_job(job, plan_of(&[1])).await, Ok(job));
    }
    fixture.receive_until(1, |progress| is_set(&progress.state)).await;
    assert_eq!(simulator.pin_request_count(), 3);
}
