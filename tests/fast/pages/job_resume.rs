//! The question before a job that was cut short goes on.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::change::{ChangeState, Completion, LastSet, Progress, ProgressSource};
use pindesk::domain::operator::OperatorName;
use pindesk::domain::pin::PinChoice;
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobDetail, JobStatus, PinSource, RecordedState};

use super::job::{JOB, console, open_job, sample_job, started};
use super::jobs::{NO_ANSWER, SET};
use super::snapshots::assert_screen_snapshot;
use crate::support::app_fixture::{AppFixture, READING_TIME, TYPING_TIME, number, number_id, recording_without_escrow};

/// A job of 3 numbers that was cut short after its first one, with the question before it is resumed.
fn asked_to_resume(size: (u16, u16)) -> AppFixture {
    let mut console = console(size);
    let states = [SET, RecordedState::NotStarted, RecordedState::NotStarted];
    open_job(&mut console, sample_job(JobStatus::Interrupted, &states)).press('t').assert_no_effects();
    assert_eq!(console.app.mode(), Mode::JobResume);
    console
}

#[test]
fn a_job_is_resumed_by_the_count_of_what_is_left() {
    let mut console = asked_to_resume((80, 24));
    console.sees("2 numbers get a new random PIN each.").sees("not set 1, on 1, unknown 0");
    console.type_text("2").key(Key::Enter).assert_no_effects().sees("Keys typed before this question are ignored.");
    console.wait(READING_TIME).type_text("22").wait(TYPING_TIME).key(Key::Enter).assert_no_effects();
    console.sees("That is not the number. Nothing was sent.").type_text("2").key(Key::Enter).assert_no_effects();
    console.sees("Too fast").wait(TYPING_TIME).type_text("2").wait(TYPING_TIME).key(Key::Enter);
    let targets = Targets::new(vec![number(1), number(2)]).expect("two");
    let plan = PinPlan { targets, pins: PinChoice::Random };
    console.assert_effects([WorkCommand::ResumeJob { job: JOB, plan }]).sees("Job 7 goes on.");
    assert_eq!((console.app.mode(), console.app.running_count()), (Mode::Job, 2));
}

#[test]
fn the_question_before_a_job_is_resumed_matches_its_snapshots() {
    for size in [(80, 24), (40, 10)] {
        let mut console = asked_to_resume(size);
        console.wait(READING_TIME);
        assert_screen_snapshot(&format!("job-resume-{}x{}", size.0, size.1), &console);
    }
}

#[test]
fn a_resumed_job_counts_what_is_left_as_queued() {
    let mut console = asked_to_resume((80, 24));
    console.key(Key::Esc).update(started(1..3)).assert_effects([WorkCommand::ReadJob(JOB)]);
    let states = [SET, RecordedState::NotStarted, RecordedState::NotStarted];
    console.update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Running, &states))));
    console.sees("set 1 failed 0 no answer 0 sending 0 waiting 0 queued 2").sees("33 % 1 of 3");
}

#[test]
fn t_says_why_a_job_cannot_be_resumed() {
    let left = [SET, RecordedState::NotStarted];
    let given = |mut detail: JobDetail| {
        detail.summary.pin_source = PinSource::Given;
        detail
    };
    let cases = [
        (sample_job(JobStatus::Running, &left), "Job 7 is running."),
        (sample_job(JobStatus::Finished, &[SET, NO_ANSWER]), "Nothing of job 7 is left to send."),
        (given(sample_job(JobStatus::Interrupted, &left)), "pindesk jobs resume 7 --pin-file FILE"),
    ];
    for (detail, hint) in cases {
        let mut console = console((100, 24));
        open_job(&mut console, detail).press('t').assert_no_effects().sees(hint);
        assert_eq!(console.app.mode(), Mode::Job);
    }
    let mut console = AppFixture::loaded((100, 24), recording_without_escrow());
    let detail = sample_job(JobStatus::Interrupted, &left);
    open_job(&mut console, detail).press('t').assert_no_effects().sees("Different PINs need a file");
}

#[test]
fn a_pin_set_since_is_left_out_of_a_resumed_job() {
    let last_set = |console: &AppFixture| {
        let at = console.now.utc.plus(Duration::from_secs(1));
        let by = OperatorName::new(1000, Some(&CleanText::new("bo")), None, &CleanText::new("web2"));
        let last_set = LastSet { at, by, escrow_keys: Some(2) };
        let state = ChangeState::Set(Completion { at, attempts: 1 });
        let source = ProgressSource::Journal(Some(last_set));
        Msg::ProgressReceived(vec![Progress { job: None, change: None, number: number_id(2), state, source }])
    };
    let mut console = asked_to_resume((80, 24));
    let msg = last_set(&console);
    console.update(msg).wait(READING_TIME).type_text("2").wait(TYPING_TIME).key(Key::Enter).assert_no_effects();
    console.sees("Nothing was sent. A PIN was set on some of them meanwhile: count again.");
    assert_eq!(console.app.mode(), Mode::Job);
    console.press('t').sees("1 number gets a new random PIN.");
    console.sees("Left out: 1, because a PIN was set there after the job began.");
}
