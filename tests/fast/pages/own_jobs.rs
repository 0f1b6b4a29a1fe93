//! The jobs of this process in the list of jobs, and what the console says of them before it hides or quits.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::{ScreenCommand, WorkCommand};
use pindesk::domain::change::{ChangeState, Progress, ProgressSource};
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobStatus, RecordedState};

use super::job::{JOB, SENDING, console, progress, refused, start_sample_job, started};
use super::jobs::{FAILED, SET, job};
use crate::support::app_fixture::{AppFixture, ONE_ATTEMPT, READING_TIME, number_id};

const SET_NOW: ChangeState = ChangeState::Set(ONE_ATTEMPT);

/// Job 7 of so many numbers, whose first one was set and whose others wait for the operator.
fn hold_job(console: &mut AppFixture, numbers: usize) -> &mut AppFixture {
    let ids = (0..numbers).map(number_id).collect();
    console.update(Msg::JobStarted { job: JOB, numbers: ids, send_first: Some(1) });
    for index in 0..numbers {
        console.update(progress(index, ChangeState::Queued));
    }
    console.update(progress(0, SET_NOW))
}

/// Opens the list of jobs, in which the journal has these counts of job 7.
fn list_job<'c>(console: &'c mut AppFixture, counts: &[(RecordedState, usize)]) -> &'c mut AppFixture {
    console.press('b').update(Msg::JobsRead(Some(vec![job(JOB.get(), 60, JobStatus::Running, counts)])))
}

#[test]
fn the_list_tells_what_an_own_job_gave_up() {
    let mut console = console((120, 36));
    let gave_up = ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped);
    console.update(started(0..6)).update(progress(0, ChangeState::Failed(ONE_ATTEMPT, refused())));
    for index in 1..5 {
        console.update(progress(index, gave_up.clone()));
    }
    console.update(progress(5, SENDING));
    list_job(&mut console, &[(FAILED, 1), (RecordedState::Running, 1), (RecordedState::NotStarted, 4)]);
    console.sees("Job 7 is running here: 1 failed, 4 not sent, 1 to go.").sees("> 7 running 1 of 6 0 1 0 4 ana@web1");
}

#[test]
fn the_list_names_the_keys_of_a_job_that_waits() {
    let mut console = console((80, 24));
    list_job(hold_job(&mut console, 4), &[(SET, 1), (RecordedState::NotStarted, 3)]);
    console.sees("> 7 waits for you 1 of 4").sees("Job 7 waits for you (Enter, then w goes on, x stops): 3 to go.");
    let mut console = self::console((80, 24));
    start_sample_job(&mut console).press('w').press('q');
    console.sees("> 7 paused 0 of 4").sees("Job 7 is paused (Enter, then w continues): 4 to go.");
}

#[test]
fn a_hidden_screen_says_that_a_job_waits_for_the_operator() {
    let mut console = console((80, 24));
    hold_job(&mut console, 3).press('z').does_not_see("Work continues");
    console.sees("Job 7 waits for you: 2 requests wait to be sent. Nothing of this is sent until you continue.");
    console.sees("The access token stays in memory until all of this is done.").does_not_see("drops the access token");
    console.set_change_state(3, SENDING).sees("Work continues: 1 request is in flight.");
    console.sees("Job 7 waits for you: 2 requests wait to be sent.").sees("The access token stays in memory");
}

#[test]
fn a_hidden_screen_says_that_a_job_is_paused() {
    let mut console = console((80, 24));
    start_sample_job(&mut console);
    for index in 0..4 {
        console.update(progress(index, ChangeState::Queued));
    }
    console.press('w').press('z').does_not_see("Work continues");
    console.sees("Job 7 is paused: 4 requests wait to be sent. Nothing of this is sent until you continue.");
    console.sees("The access token stays in memory until all of this is done.").does_not_see("drops the access token");
}

#[test]
fn the_question_before_quitting_says_that_everything_has_ended() {
    let mut console = console((80, 24));
    console.update(started(0..2)).update(progress(0, SENDING)).update(progress(1, SENDING)).press('q');
    console.sees("Quit while work is unfinished?").update(progress(0, SET_NOW)).update(progress(1, SET_NOW));
    console.sees("Everything has ended. Quit?").sees("No request is in flight, and no PIN is in doubt.");
    console.wait(READING_TIME).press('y').assert_effects([ScreenCommand::Quit]);
}

#[test]
fn the_question_before_quitting_tells_what_becomes_of_a_job() {
    let (waits, resumable) = ("waits for sent requests (up to 35 s)", "The job can be resumed later.");
    let mut console = console((80, 24));
    hold_job(&mut console, 3).press('q').sees("2 requests wait to be sent.").does_not_see("35 s");
    console.sees("If you quit now, pindesk sends none of them. The job can be resumed later. What was set stays set.");
    console.update(progress(1, SENDING)).sees("1 request is in flight, 1 more is queued.").sees(waits).sees(resumable);
    console.update(progress(1, SET_NOW)).sees("If you quit now, pindesk does not send it.");
    console.update(progress(2, SENDING)).sees(waits).does_not_see(resumable);
}

#[test]
fn a_cancelled_end_tells_only_what_was_queued() {
    let until = console((80, 24)).now.instant + Duration::from_secs(8);
    let (nothing, unsent) = ("Nothing was queued.", "What was still queued was not sent.");
    for (state, expected) in [
        (SENDING, nothing),
        (ChangeState::Queued, unsent),
        (ChangeState::Waiting { attempt: 2, until, in_doubt: false, error: None }, unsent),
    ] {
        let mut console = console((80, 24));
        console.update(started(0..2)).update(progress(0, SENDING)).update(progress(1, state)).press('q');
        console.wait(READING_TIME).press('y').assert_effects([WorkCommand::StopSending]).press('n');
        console.sees(&format!("You did not quit. {expected}"));
    }
}

#[test]
fn an_end_that_another_process_continued_is_told_so() {
    let mut console = console((120, 36));
    let gave_up = ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped);
    console.update(started(0..2)).update(progress(0, SET_NOW)).update(progress(1, gave_up));
    let end = "Job 7 ended: 1 set, 1 not sent.";
    let recorded = |index, state| {
        let (number, source) = (number_id(index), ProgressSource::Journal(None));
        Msg::ProgressReceived(vec![Progress { job: Some(JOB), change: None, number, state, source }])
    };
    // What this process sent itself is recorded, too.
    console.update(recorded(0, SET_NOW)).sees(end).does_not_see("Another process");
    console.update(recorded(1, SENDING)).sees(&format!("{end} Another process has continued it since."));
    console.update(recorded(1, SET_NOW)).sees(&format!("{end} Another process has continued it since."));
    console.does_not_see("since. Another");
}

#[test]
fn the_rest_of_a_waba_that_meta_refuses_is_one_message() {
    let mut console = console((80, 24));
    let refused = ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::WabaRefused(CleanText::new("the WABA is locked")));
    let text = "Job 7: WABA uk-retail is not sent further: the WABA is locked.";
    console.update(started(0..4)).update(progress(0, SENDING)).update(progress(1, refused.clone())).sees(text);
    console.update(progress(2, refused.clone())).update(progress(3, refused));
    let texts = console.app.messages().newest_first().filter(|message| message.text == text);
    assert_eq!(texts.count(), 1);
}
