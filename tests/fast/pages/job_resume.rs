//! The question before a job that was cut short goes on.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::change::{ChangeState, Completion, LastSet, Progress, ProgressSource};
use pindesk::domain::number::Number;
use pindesk::domain::operator::OperatorName;
use pindesk::domain::pin::{Pin, PinChoice};
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobStatus, PinSource, RecordedState};

use super::job::{JOB, console, open_job, progress, sample_job, started, with_own_reasons};
use super::jobs::{FAILED, NO_ANSWER, SET};
use super::snapshots::assert_screen_snapshot;
use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, PIN, READING_TIME, TYPING_TIME, number, number_id, recording_with_escrow,
    recording_without_escrow,
};

/// A job with the same PIN for all, of 3 numbers, that was cut short after its first one.
pub(super) fn open_job_with_one_pin(console: &mut AppFixture) -> &mut AppFixture {
    let mut detail = sample_job(JobStatus::Interrupted, &[SET, RecordedState::NotStarted, RecordedState::NotStarted]);
    detail.summary.pin_source = PinSource::Given;
    open_job(console, detail)
}

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
fn the_title_counts_a_resumed_job_as_its_page_does() {
    let mut console = asked_to_resume((100, 24));
    console.wait(READING_TIME).type_text("2").wait(TYPING_TIME).key(Key::Enter).sees("Job 7 goes on.");
    console.update(started(1..3)).sees("job 7: 33 %").sees("33 % 1 of 3");
    console.update(progress(1, ChangeState::Set(ONE_ATTEMPT))).sees("job 7: 66 %").sees("66 % 2 of 3");
}

#[test]
fn l_shows_the_whole_list_of_a_resumed_job() {
    let mut console = asked_to_resume((120, 36));
    console.sees("l whole list").wait(READING_TIME).type_text("2").press('l').sees("2 numbers, as they will be sent");
    // What was typed before counts no longer, and the question must be read again.
    console.key(Key::Esc).key(Key::Enter).assert_no_effects().sees("Keys typed before this question are ignored.");
    assert_eq!(console.app.mode(), Mode::JobResume);
    let mut console = self::console((120, 36));
    open_job_with_one_pin(&mut console).press('t').type_text(PIN).press('v').sees(&PIN[..1]).press('l');
    console.sees("2 numbers, as they will be sent").key(Key::Esc).sees("[*] [*] [*] [*] [*] [*]");
    assert_eq!(console.app.mode(), Mode::JobPin);
}

#[test]
fn failed_numbers_with_a_newer_pin_are_counted_as_left_out() {
    let mut console = console((80, 24));
    let mut detail = with_own_reasons(sample_job(JobStatus::Finished, &[SET, FAILED, FAILED]));
    detail.numbers[1].is_set_since = true;
    open_job(&mut console, detail).press('t').sees("1 number gets a new random PIN.");
    console.sees("Left out: 1, because a PIN was set there after the job began.");
}

#[test]
fn t_says_why_a_job_cannot_be_resumed() {
    let left = [SET, RecordedState::NotStarted];
    let cases = [
        (sample_job(JobStatus::Running, &left), "Job 7 is running."),
        (sample_job(JobStatus::Finished, &[SET, NO_ANSWER]), "Nothing of job 7 is left to send."),
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
fn the_same_pin_is_typed_again_before_its_job_is_resumed() {
    // Without an escrow, too: the operator has the PIN.
    for recording in [recording_with_escrow(), recording_without_escrow()] {
        let has_escrow = recording == recording_with_escrow();
        let mut console = AppFixture::loaded((80, 24), recording);
        open_job_with_one_pin(&mut console).press('t').assert_no_effects();
        console.sees("The PIN of job 7, for 2 numbers").sees("it cannot check that this is the same one.");
        console.key(Key::Enter).sees("Type 6 digits.").type_text(PIN).type_text("409727").sees("They differ.");
        console.key(Key::Enter).assert_no_effects().type_text(PIN).sees("[*] [*] [*] [*] [*] [*]");
        console.does_not_see(PIN).key(Key::Enter).assert_no_effects().does_not_see(PIN);
        assert_eq!(console.app.mode(), Mode::JobResume);
        console.sees("2 numbers get the PIN that you typed.");
        console.sees(if has_escrow { "Each is saved to the escrow first" } else { "No escrow: save this PIN" });
        console.wait(READING_TIME).type_text("2").wait(TYPING_TIME).key(Key::Enter);
        let targets = Targets::new(vec![number(1), number(2)]).expect("two");
        let plan = PinPlan { targets, pins: PinChoice::Fixed(Pin::parse(PIN.as_bytes()).expect("a PIN")) };
        console.assert_effects([WorkCommand::ResumeJob { job: JOB, plan }]).sees("Job 7 goes on.");
    }
}

#[test]
fn a_pin_that_ends_a_number_is_refused_for_its_job() {
    let mut console = console((80, 24));
    open_job_with_one_pin(&mut console).press('t');
    let display = number(1).display_number.expect("a number").to_string();
    let digits: String = display.chars().filter(char::is_ascii_digit).collect();
    let end = &digits[digits.len() - 6..];
    console.type_text(end).type_text(end).key(Key::Enter).key(Key::Enter).assert_no_effects();
    console.sees("Choose another PIN.");
    assert_eq!(console.app.mode(), Mode::JobPin);
    console.key(Key::Esc).sees("Canceled. Nothing was sent.");
    assert_eq!(console.app.mode(), Mode::Job);
}

#[test]
fn failed_numbers_are_retried_by_their_own_count() {
    let mut console = console((80, 24));
    let mut detail = with_own_reasons(sample_job(JobStatus::Finished, &[SET, FAILED, FAILED]));
    detail.summary.pin_source = PinSource::Given;
    open_job(&mut console, detail).press('t').sees("The PIN of job 7, for 2 numbers");
    console.type_text(PIN).type_text(PIN).key(Key::Enter).sees("Retry what failed in job 7?");
    console.wait(READING_TIME).type_text("2").wait(TYPING_TIME).key(Key::Enter).sees("Job 7 goes on.");
    assert_eq!(console.app.running_count(), 2);
}

#[test]
fn the_form_for_the_pin_of_a_job_matches_its_snapshots() {
    for size in [(80, 24), (40, 10)] {
        let mut console = console(size);
        open_job_with_one_pin(&mut console).press('t').type_text(PIN);
        assert_screen_snapshot(&format!("job-pin-{}x{}", size.0, size.1), &console);
    }
}

/// Another process has a new state of number 2.
fn changed_elsewhere(console: &AppFixture, state: impl FnOnce(Completion) -> ChangeState) -> Msg {
    let at = console.now.utc.plus(Duration::from_secs(1));
    let state = state(Completion { at, attempts: 1 });
    let by = OperatorName::new(1000, Some(&CleanText::new("bo")), None, &CleanText::new("web2"));
    let last_set = matches!(state, ChangeState::Set(_)).then_some(LastSet { at, by, escrow_keys: Some(2) });
    let source = ProgressSource::Journal(last_set);
    Msg::ProgressReceived(vec![Progress { job: None, change: None, number: number_id(2), state, source }])
}

#[test]
fn a_pin_set_since_is_left_out_of_a_resumed_job() {
    let mut console = asked_to_resume((80, 24));
    console.wait(READING_TIME).type_text("2");
    let msg = changed_elsewhere(&console, ChangeState::Set);
    console.update(msg).sees("is left out: a PIN was set there. Count again.").sees("1 number gets a new random PIN.");
    console.sees("Left out: 1, because a PIN was set there after the job began.");
    // What was typed before counts no longer, and the question must be read again.
    console.key(Key::Enter).sees("Keys typed before this question are ignored.");
    console.wait(READING_TIME).type_text("1").wait(TYPING_TIME).key(Key::Enter);
    let plan = PinPlan { targets: Targets::new(vec![number(1)]).expect("one"), pins: PinChoice::Random };
    console.sees("Job 7 goes on.");
    console.assert_effects([WorkCommand::ResumeJob { job: JOB, plan }]);
}

#[test]
fn a_number_sent_elsewhere_leaves_the_question_of_a_job() {
    let mut console = asked_to_resume((80, 24));
    let msg = changed_elsewhere(&console, |_| ChangeState::Sending { attempt: 1, in_doubt: false });
    console.update(msg).sees("is left out: another pindesk is sending a PIN. Count again.");
    console.wait(READING_TIME).type_text("2").wait(TYPING_TIME).key(Key::Enter).assert_no_effects();
    console.sees("That is not the number. Nothing was sent.");
    let renamed = Number { name: Some(CleanText::new("Other")), ..number(1) };
    console.update(Msg::NumberRead { id: number_id(1), result: Ok(renamed) }).sees("has changed. Count again.");
}
