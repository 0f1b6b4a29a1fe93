//! The page of a job: what the journal has of it, and what this process reports since.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::{ScreenCommand, WorkCommand};
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::Size;
use pindesk::domain::change::{ChangeState, JobId, Progress, ProgressSource};
use pindesk::domain::number::{PhoneNumberId, TwoStep};
use pindesk::domain::outcome::{ApiError, DoubtReason};
use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobDetail, JobNumber, JobStatus, JobSummary, RecordedState};
use pindesk::pace::Pause;
use pindesk::policy::quota::{PauseCause, QuotaScope};

use super::jobs::{FAILED, NO_ANSWER, SET, job};
use super::snapshots::assert_screen_snapshot;
use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, READING_TIME, START_TIME, number, number_id, recording_with_escrow, waba,
};

pub(super) const JOB: JobId = JobId::new(7);

pub(super) fn refused() -> ApiError {
    ApiError {
        http_status: 403,
        code: 200,
        subcode: None,
        message: CleanText::new("(#200) Permissions error"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: Some(CleanText::new("AbCdEf123456")),
        is_transient: false,
    }
}

fn recorded(index: usize, state: RecordedState) -> JobNumber {
    let standing = match state {
        FAILED => Some(Standing::Failed(refused())),
        NO_ANSWER => Some(Standing::in_doubt(DoubtReason::TimedOut { waited: Duration::from_secs(30) })),
        RecordedState::NotStarted
        | RecordedState::Running
        | RecordedState::Ended(_)
        | RecordedState::NotApplied
        | RecordedState::Resolved => None,
    };
    let is_started = state != RecordedState::NotStarted;
    JobNumber {
        is_set_since: false,
        number: number_id(index),
        waba: Some(waba().id),
        state,
        change: None,
        at: is_started.then_some(START_TIME),
        attempts: u8::from(is_started),
        two_step_before: TwoStep::NotSet,
        standing: standing.map(Box::new),
    }
}

/// Job 7 with a number in each of these states, the known four numbers first.
pub(super) fn sample_job(status: JobStatus, recorded_as: &[RecordedState]) -> JobDetail {
    let numbers: Vec<_> = recorded_as.iter().enumerate().map(|(index, state)| recorded(index, *state)).collect();
    let counts: Vec<_> = [SET, FAILED, NO_ANSWER, RecordedState::Running, RecordedState::NotStarted]
        .map(|state| (state, recorded_as.iter().filter(|other| **other == state).count()))
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    let resumable = numbers.iter().filter(|number| number.is_resumable()).count();
    JobDetail { summary: JobSummary { resumable, ..job(JOB.get(), 60, status, &counts) }, numbers }
}

/// The same job, whose refused numbers were refused for their own reasons.
pub(super) fn with_own_reasons(mut detail: JobDetail) -> JobDetail {
    for number in detail.numbers.iter_mut().filter(|number| number.state == FAILED) {
        number.standing = Some(Box::new(Standing::Failed(ApiError { code: 131_009, ..refused() })));
    }
    detail.summary.resumable = detail.numbers.iter().filter(|number| number.is_resumable()).count();
    detail
}

/// Opens job 7, which has this status and these numbers.
pub(super) fn open_job(console: &mut AppFixture, detail: JobDetail) -> &mut AppFixture {
    console.press('b').update(Msg::JobsRead(Some(vec![detail.summary.clone()]))).key(Key::Enter);
    console.assert_effects([WorkCommand::ReadJob(JOB)]).update(Msg::JobRead(JOB, Some(detail)))
}

/// Opens a job with 20 numbers that need attention.
pub(super) fn open_sample_job(console: &mut AppFixture, status: JobStatus) -> &mut AppFixture {
    let numbers: Vec<_> = (0..24).map(|n| [FAILED, NO_ANSWER, FAILED, FAILED, FAILED, SET][n % 6]).collect();
    open_job(console, sample_job(status, &numbers))
}

pub(super) fn console(size: (u16, u16)) -> AppFixture {
    AppFixture::loaded(size, recording_with_escrow())
}

/// This process reports a new state of a number of job 7.
pub(super) fn progress(index: usize, state: ChangeState) -> Msg {
    let number: PhoneNumberId = number_id(index);
    Msg::ProgressReceived(vec![Progress { job: Some(JOB), change: None, number, state, source: ProgressSource::Own }])
}

pub(super) const SENDING: ChangeState = ChangeState::Sending { attempt: 1, in_doubt: false };

pub(super) fn started(numbers: Range<usize>) -> Msg {
    Msg::JobStarted { job: JOB, numbers: numbers.map(number_id).collect(), send_first: None }
}

/// A console with job 7 of these many numbers, which this process has just started, on its page.
pub(super) fn console_with_own_job(size: (u16, u16), numbers: usize) -> AppFixture {
    let mut console = console(size);
    console.update(started(0..numbers)).assert_no_effects();
    open_job(&mut console, sample_job(JobStatus::Running, &vec![RecordedState::NotStarted; numbers]));
    console
}

/// Opens a job of 4 numbers that this process has just started.
pub(super) fn start_sample_job(console: &mut AppFixture) -> &mut AppFixture {
    console.update(started(0..4)).assert_no_effects();
    open_job(console, sample_job(JobStatus::Running, &[RecordedState::NotStarted; 4]))
}

#[test]
fn the_page_of_an_ended_job_matches_its_snapshots() {
    for size in [(80, 24), (120, 36), (40, 10)] {
        let mut console = console(size);
        let states = [SET, FAILED, NO_ANSWER, SET, FAILED, RecordedState::NotStarted];
        open_job(&mut console, sample_job(JobStatus::Interrupted, &states));
        assert_screen_snapshot(&format!("job-cut-short-{}x{}", size.0, size.1), &console);
    }
}

#[test]
fn the_page_of_a_running_job_matches_its_snapshots() {
    for size in [(80, 24), (120, 36), (40, 10)] {
        let mut console = console_with_own_job(size, 60);
        for index in 0..30 {
            console.wait(Duration::from_millis(500)).update(progress(index, ChangeState::Set(ONE_ATTEMPT)));
        }
        console.update(progress(30, ChangeState::Failed(ONE_ATTEMPT, refused()))).update(progress(31, SENDING));
        let until = console.now.instant + Duration::from_secs(8);
        console.update(progress(32, ChangeState::Waiting { attempt: 2, until, in_doubt: true, error: None }));
        let name = |what: &str| format!("job-{what}-{}x{}", size.0, size.1);
        assert_screen_snapshot(&name("running"), &console);
        let until = console.now.plus(Duration::from_mins(21));
        let scope = QuotaScope::Waba(Some(waba().id));
        console.update(Msg::CallsPaused(Pause { scope, cause: PauseCause::QuotaUsedUp, until }));
        console.update(progress(31, ChangeState::Set(ONE_ATTEMPT))).key(Key::Ctrl('l'));
        assert_screen_snapshot(&name("paused"), &console);
    }
}

#[test]
fn the_counts_of_an_own_job_follow_its_progress() {
    let mut console = console_with_own_job((80, 24), 4);
    console.sees("set 0 failed 0 no answer 0 sending 0 waiting 0 queued 4").sees("0 % 0 of 4").sees("None.");
    console.update(progress(0, SENDING)).sees("sending 1 waiting 0 queued 3");
    console.update(progress(0, ChangeState::Failed(ONE_ATTEMPT, refused())));
    console.sees("25 % 1 of 4").sees("failed 1").sees("> +1 555-010-0140 x failed");
    console.update(progress(1, SENDING)).sees("sending 1 waiting 0 queued 2").assert_no_effects();
    console.press('f').sees("All numbers (4)").sees("~ sending").sees(". queued");
}

#[test]
fn an_own_job_reads_the_journal_again_only_at_its_end() {
    let mut console = console_with_own_job((80, 24), 2);
    console.update(Msg::JobsChanged(BTreeSet::from([JOB]))).assert_no_effects();
    console.update(progress(0, ChangeState::Set(ONE_ATTEMPT))).assert_no_effects();
    console.update(progress(1, ChangeState::Set(ONE_ATTEMPT))).assert_effects([WorkCommand::ReadJob(JOB)]);
    console.sees("100 % 2 of 2").sees("finished");
    console.update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Finished, &[SET, SET]))));
    console.assert_no_effects().sees("100 % 2 of 2").sees("finished");
}

#[test]
fn a_job_of_another_process_is_read_again_when_it_changes() {
    let mut console = console((80, 24));
    let states = [SET, RecordedState::Running, RecordedState::NotStarted];
    open_job(&mut console, sample_job(JobStatus::Running, &states));
    console.sees("bo@web2, process 4242, works on it.").sees("set 1 failed 0 no answer 0 sending 1 waiting 0 queued 1");
    console.update(Msg::JobsChanged(BTreeSet::from([JobId::new(6)]))).assert_no_effects();
    console.update(Msg::JobsChanged(BTreeSet::from([JOB]))).assert_effects([WorkCommand::ReadJob(JOB)]);
    console.update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Running, &[SET, SET, RecordedState::Running]))));
    console.sees("66 % 2 of 3").update(Msg::JobsChanged(BTreeSet::new())).assert_effects([WorkCommand::ReadJob(JOB)]);
    console.key(Key::Esc).key(Key::Esc).update(Msg::JobsChanged(BTreeSet::from([JOB]))).assert_no_effects();
}

#[test]
fn the_page_of_an_ended_job_wakes_nothing() {
    let mut console = console((120, 36));
    open_sample_job(&mut console, JobStatus::Finished);
    let without_job = self::console((80, 24));
    let wake = |console: &AppFixture| console.app.next_wake(console.now.instant).map(|wake| wake - console.now.instant);
    assert_eq!(wake(&console), wake(&without_job), "only the hidden screen");
}

#[test]
fn the_cursor_of_a_job_stays_on_its_number() {
    let mut console = console_with_own_job((80, 24), 4);
    console.update(progress(2, ChangeState::Failed(ONE_ATTEMPT, refused()))).press('j').sees("> +1 555-010-0142");
    console.update(progress(0, ChangeState::Failed(ONE_ATTEMPT, refused())));
    console.sees("> +1 555-010-0142").sees("2 of 2").press('f').sees("> +1 555-010-0142").sees("3 of 4");
    console.key(Key::Enter);
    assert_eq!(console.app.mode(), Mode::Failed);
    console.key(Key::Esc).sees("> +1 555-010-0142");
}

#[test]
fn a_job_has_one_message_at_its_end_with_the_bell() {
    let mut console = AppFixture::with_bell((100, 24));
    console.update(started(0..3)).sees("job 7: 0 %");
    for index in 0..2 {
        console.update(progress(index, SENDING)).update(progress(index, ChangeState::Set(ONE_ATTEMPT)));
        console.assert_no_effects();
    }
    console.sees("job 7: 66 %").does_not_see("set at");
    console.update(progress(2, ChangeState::Failed(ONE_ATTEMPT, refused()))).assert_effects([ScreenCommand::Bell]);
    console.sees("Job 7 ended: 2 set, 1 failed.").does_not_see("job 7: 100 %");
}

#[test]
fn a_pause_of_a_job_is_told_with_the_bell() {
    let mut console = AppFixture::with_bell((100, 24));
    let until = console.now.plus(Duration::from_mins(5));
    let scope = QuotaScope::Waba(Some(waba().id));
    let pause = Pause { scope, cause: PauseCause::QuotaUsedUp, until };
    console.update(Msg::CallsPaused(pause)).assert_no_effects().sees("uk-retail is paused until");
    console.update(started(0..3)).update(Msg::CallsPaused(pause)).assert_effects([ScreenCommand::Bell]);
    console.sees("Job 7: uk-retail is paused until").sees("job 7: 0 %, 1 paused");
    console.wait(Duration::from_mins(5)).does_not_see("1 paused");
}

#[test]
fn a_job_that_cannot_be_read_says_so() {
    let mut console = console((80, 24));
    console.press('b').update(Msg::JobsRead(Some(vec![sample_job(JobStatus::Finished, &[SET]).summary])));
    console.key(Key::Enter).sees("Reading the job.").update(Msg::JobRead(JOB, None)).sees("could not be read");
}

#[test]
fn the_page_of_a_job_is_drawn_at_every_size() {
    let mut console = console_with_own_job((80, 24), 30);
    let until = console.now.plus(Duration::from_mins(5));
    for scope in [QuotaScope::App, QuotaScope::Token, QuotaScope::Waba(None), QuotaScope::Number(number_id(1))] {
        console.update(Msg::CallsPaused(Pause { scope, cause: PauseCause::Throttled(80_008), until }));
    }
    for width in [1, 39, 40, 59, 60, 79, 80, 119, 120, 200] {
        for height in [1, 9, 10, 11, 15, 16, 60] {
            console.update(Msg::Resized(Size { width, height }));
        }
    }
}

#[test]
fn w_pauses_sending_and_continues() {
    let mut console = console((80, 24));
    start_sample_job(&mut console).press('w').assert_effects([WorkCommand::PauseJob(JOB)]);
    console.sees("-- paused --").sees("job 7: 0 %, paused").sees("You paused this job. w continues.").sees("w go on");
    console.press('w').assert_effects([WorkCommand::ContinueJob(JOB)]).sees("-- running --").sees("w pause");
}

#[test]
fn w_sends_the_numbers_that_wait_for_the_operator() {
    let mut console = AppFixture::with_bell((100, 24));
    console.update(Msg::JobStarted { job: JOB, numbers: (0..4).map(number_id).collect(), send_first: Some(1) });
    open_job(&mut console, sample_job(JobStatus::Running, &[RecordedState::NotStarted; 4]));
    console.update(progress(0, SENDING)).update(progress(0, ChangeState::Set(ONE_ATTEMPT)));
    assert!(console.effects.contains(&ScreenCommand::Bell.into()), "{:?}", console.effects);
    console.sees("-- waits for you --").sees("Job 7 waits: 1 set.").key(Key::Ctrl('l')).press('j');
    console
        .sees("Look at the result. w goes on with 3, x ends the job.")
        .sees("job 7: 25 %, waits for you")
        .sees("w go on");
    console.press('w').assert_effects([WorkCommand::SendHeld(JOB)]).sees("-- running --");
}

#[test]
fn a_job_is_stopped_only_with_y_after_a_quiet_time() {
    let mut console = console((80, 24));
    start_sample_job(&mut console).update(progress(0, SENDING)).press('x').press('y').assert_no_effects();
    assert_eq!(console.app.mode(), Mode::JobStop);
    console.sees("3 of 4 numbers are not sent.").sees("Requests in flight end by themselves: 1.");
    console.wait(READING_TIME).press('n').assert_no_effects();
    assert_eq!(console.app.mode(), Mode::Job);
    console.press('x').wait(READING_TIME).press('y').assert_effects([WorkCommand::StopJob(JOB)]);
    console.sees("Stopping job 7");
    let stopped = || ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped);
    for index in 1..4 {
        console.update(progress(index, stopped())).sees("not sent");
    }
    console.update(progress(0, ChangeState::Set(ONE_ATTEMPT))).sees("Job 7 ended: 1 set, 3 not sent.");
}

#[test]
fn a_stopped_job_leaves_no_pause_behind() {
    let mut console = console((80, 24));
    start_sample_job(&mut console).press('w').assert_effects([WorkCommand::PauseJob(JOB)]);
    for index in 0..4 {
        console.update(progress(index, ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped)));
    }
    console.update(started(0..4)).sees("-- running --").does_not_see("paused");
}

#[test]
fn the_question_before_a_stop_tells_what_stays_in_doubt() {
    let mut console = console_with_own_job((80, 24), 4);
    let until = console.now.instant + Duration::from_secs(8);
    let waiting = |in_doubt| ChangeState::Waiting { attempt: 2, until, in_doubt, error: None };
    console.update(progress(0, waiting(true))).update(progress(1, waiting(false))).update(progress(2, SENDING));
    console.sees("sending 1 waiting 2 queued 1").press('x').sees("2 of 4 numbers are not sent.");
    console.sees("Not sent again, and in doubt, because a request had no answer: 1.");
}

#[test]
fn a_stopped_job_is_cut_short_before_it_is_read_again() {
    let mut console = console_with_own_job((80, 24), 3);
    console.update(progress(0, ChangeState::Set(ONE_ATTEMPT)));
    for index in 1..3 {
        console.update(progress(index, ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped)));
    }
    console.sees("cut short").key(Key::Up).sees("2 numbers are left to send. t resumes the job.");
}

#[test]
fn numbers_that_were_refused_before_the_start_have_ended() {
    let mut console = console((80, 24));
    let refused = || ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped);
    console.update(progress(0, refused())).update(started(0..2)).assert_no_effects();
    console.update(progress(1, ChangeState::Set(ONE_ATTEMPT))).sees("Job 7 ended: 1 set, 1 not sent.");
}

#[test]
fn a_doubt_that_a_pause_holds_back_needs_attention() {
    let mut console = console_with_own_job((80, 24), 2);
    let until = console.now.plus(Duration::from_mins(17));
    console.update(progress(0, ChangeState::Paused { until, in_doubt: false })).does_not_see("+1 555-010-0140");
    console.update(progress(0, ChangeState::Paused { until, in_doubt: true })).sees("+1 555-010-0140");
}

#[test]
fn a_number_that_was_checked_needs_no_attention() {
    let mut console = console((100, 24));
    open_job(&mut console, sample_job(JobStatus::Finished, &[SET, RecordedState::Resolved]));
    console.sees("set 1 failed 0 no answer 0 resolved 1 not sent 0").sees("Needs attention: failed, no answer (0)");
    console.press('u').assert_no_effects().sees("No number of this job is in doubt.");
}

#[test]
fn a_pause_is_of_one_job() {
    let mut console = console((100, 24));
    let other = JobId::new(8);
    console.update(Msg::JobStarted { job: other, numbers: vec![number_id(2), number_id(3)], send_first: None });
    console.update(started(0..2));
    open_job(&mut console, sample_job(JobStatus::Running, &[RecordedState::NotStarted; 2]));
    console.press('w').assert_effects([WorkCommand::PauseJob(JOB)]).sees("job 7: 0 %, paused");
    for index in 0..2 {
        console.update(progress(index, ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped)));
    }
    console.sees("job 8: 0 %").does_not_see("job 8: 0 %, paused");
}

#[test]
fn w_continues_a_paused_job_that_also_waits() {
    let mut console = console((100, 24));
    console.update(Msg::JobStarted { job: JOB, numbers: (0..4).map(number_id).collect(), send_first: Some(1) });
    open_job(&mut console, sample_job(JobStatus::Running, &[RecordedState::NotStarted; 4]));
    console.update(progress(0, SENDING)).press('w').assert_effects([WorkCommand::PauseJob(JOB)]);
    console.update(progress(0, ChangeState::Set(ONE_ATTEMPT))).sees("-- waits for you --").press('w');
    console.assert_effects([WorkCommand::SendHeld(JOB), WorkCommand::ContinueJob(JOB)]).sees("-- running --");
}

#[test]
fn a_job_of_another_process_is_neither_paused_nor_stopped() {
    for (status, hint) in [
        (JobStatus::Running, "bo@web2, process 4242, works on job 7: only that process can pause or stop it."),
        (JobStatus::Finished, "Job 7 is not running."),
    ] {
        let mut console = console((80, 24));
        open_job(&mut console, sample_job(status, &[SET, FAILED]));
        for key in ['w', 'x'] {
            console.press(key).assert_no_effects().sees(hint);
        }
        assert_eq!(console.app.mode(), Mode::Job);
    }
}

#[test]
fn u_refreshes_the_numbers_with_no_answer() {
    let mut console = console((80, 24));
    open_job(&mut console, sample_job(JobStatus::Finished, &[NO_ANSWER, FAILED, NO_ANSWER, SET]));
    let refresh = |index| WorkCommand::RefreshNumber(number(index));
    console.press('u').assert_effects([refresh(0), refresh(2)]).sees("Refreshing 2 numbers.");
    console.update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Finished, &[SET, SET, SET, SET]))));
    console.press('u').assert_no_effects().sees("No number of this job is in doubt.");
}

#[test]
fn the_title_and_the_page_count_alike_what_was_not_sent() {
    let mut console = console_with_own_job((100, 24), 4);
    let not_sent = ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped);
    console.update(progress(0, ChangeState::Set(ONE_ATTEMPT))).update(progress(1, not_sent));
    console.sees("job 7: 25 %").sees("25 % 1 of 4");
}

#[test]
fn a_job_tells_the_last_seconds_of_a_pause() {
    let mut console = console_with_own_job((80, 24), 4);
    let (scope, until) = (QuotaScope::Waba(Some(waba().id)), console.now.plus(Duration::from_mins(5)));
    console.update(Msg::CallsPaused(Pause { scope, cause: PauseCause::QuotaUsedUp, until }));
    console.update(progress(0, ChangeState::Paused { until, in_doubt: false })).press('f').sees(". paused 14:08 ");
    console.sees("uk-retail paused until 14:08:09 UTC (5 min)").wait(Duration::from_mins(4)).sees("UTC (60 s)");
    console.wait(Duration::from_secs(58)).sees("UTC (2 s)").wait(Duration::from_secs(1)).sees("UTC (1 s)");
}

#[test]
fn a_job_tells_which_numbers_left_to_send_were_refused() {
    let cases: [(&[RecordedState], &str); 3] = [
        (&[SET, RecordedState::NotStarted], "1 number is left to send. t resumes the job."),
        (&[SET, FAILED], "1 number is left to send, refused before. t resumes the job."),
        (
            &[FAILED, RecordedState::NotStarted, FAILED],
            "3 numbers are left to send, 2 of them refused before. t resumes",
        ),
    ];
    for (states, sentence) in cases {
        let mut console = console((80, 24));
        open_job(&mut console, sample_job(JobStatus::Interrupted, states)).sees(sentence);
    }
}

#[test]
fn a_job_that_has_ended_cannot_be_stopped() {
    let mut console = console_with_own_job((80, 24), 1);
    console.press('x').sees("Stop job 7?").sees("y stop the job").sees("n let it go on");
    console.update(progress(0, ChangeState::Set(ONE_ATTEMPT))).sees("Job 7 has ended").sees("Nothing is left to stop.");
    console.does_not_see("stop the job").does_not_see("let it go on").sees("n back");
    console.press('k').sees("Press n to go back.").press('n').assert_effects([WorkCommand::ReadJob(JOB)]);
    assert_eq!(console.app.mode(), Mode::Job);
}
