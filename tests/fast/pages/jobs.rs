//! The list of jobs: what it shows of each, and when it reads the journal.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::{RecordingStatus, Size};
use pindesk::domain::change::JobId;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::standing::ChangeResult;
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobOperator, JobStatus, JobSummary, JobWorker, PinSource, RecordedState};

use super::snapshots::assert_screen_snapshot;
use crate::support::app_fixture::{AppFixture, START_TIME, operator, recording_with_escrow};

/// A job, started so many seconds before `START_TIME`, with this many numbers in each state.
pub(super) fn job(id: u32, seconds_ago: u32, status: JobStatus, counts: &[(RecordedState, usize)]) -> JobSummary {
    let left = [RecordedState::NotStarted, RecordedState::Ended(ChangeResult::NotSent)];
    JobSummary {
        id: JobId::new(id),
        at: UtcTime::from_unix_seconds(START_TIME.unix_seconds() - seconds_ago),
        profile: CleanText::new("acme-prod"),
        pin_source: PinSource::Random,
        operator: JobOperator { name: operator("ana", "web1"), user: None, claimed_user: None },
        note: None,
        counts: counts.iter().copied().collect::<HashMap<_, _>>(),
        resumable: counts.iter().filter(|(state, _)| left.contains(state)).map(|(_, count)| count).sum(),
        status,
        worker: (status == JobStatus::Running).then(|| JobWorker { name: operator("bo", "web2"), pid: 4_242 }),
    }
}

pub(super) const SET: RecordedState = RecordedState::Ended(ChangeResult::Set);
pub(super) const FAILED: RecordedState = RecordedState::Ended(ChangeResult::Failed);
pub(super) const NO_ANSWER: RecordedState = RecordedState::Ended(ChangeResult::NoAnswer);

/// Finished jobs of one number each, newest first.
pub(super) fn sample_jobs(count: u32) -> Vec<JobSummary> {
    (1..=count).rev().map(|id| job(id, (count - id) * 60, JobStatus::Finished, &[(SET, 1)])).collect()
}

fn varied_jobs() -> Vec<JobSummary> {
    vec![
        job(
            7,
            125,
            JobStatus::Running,
            &[(SET, 911), (FAILED, 9), (NO_ANSWER, 4), (RecordedState::Running, 7), (RecordedState::NotStarted, 1_502)],
        ),
        job(5, 17_485, JobStatus::Finished, &[(SET, 44)]),
        JobSummary {
            note: Some(CleanText::new("TICKET-123")),
            ..job(
                4,
                75_658,
                JobStatus::Interrupted,
                &[(SET, 801), (FAILED, 2), (NO_ANSWER, 9), (RecordedState::NotStarted, 1_188)],
            )
        },
        JobSummary { pin_source: PinSource::Given, ..job(3, 108_177, JobStatus::Finished, &[(FAILED, 1)]) },
    ]
}

/// The console with its list of jobs open.
fn console_with_jobs(size: (u16, u16), jobs: Vec<JobSummary>) -> AppFixture {
    let mut console = AppFixture::loaded(size, recording_with_escrow());
    console.press('b').assert_effects([WorkCommand::ReadJobs]).update(Msg::JobsRead(Some(jobs)));
    console
}

fn changed(job: u32) -> Msg {
    Msg::JobsChanged(BTreeSet::from([JobId::new(job)]))
}

#[test]
fn the_list_of_jobs_matches_its_snapshots() {
    for size in [(80, 24), (120, 36), (40, 10)] {
        let mut console = console_with_jobs(size, varied_jobs());
        console.key(Key::Down).key(Key::Down);
        assert_screen_snapshot(&format!("jobs-{}x{}", size.0, size.1), &console);
    }
}

#[test]
fn a_job_says_that_all_are_set_only_if_they_are() {
    let cases = [
        (JobStatus::Running, RecordedState::Running, "Job 1 is running (bo@web2, process 4242): 1 to go."),
        (JobStatus::Finished, RecordedState::Resolved, "Job 1 is finished: 1 resolved."),
        (JobStatus::Finished, RecordedState::NotApplied, "Job 1 is finished: 1 not applied."),
        (JobStatus::Finished, SET, "Job 1 is finished: every number was set."),
    ];
    for (status, state, sentence) in cases {
        console_with_jobs((80, 24), vec![job(1, 0, status, &[(SET, 1), (state, 1)])]).sees(sentence);
    }
}

#[test]
fn the_cursor_stays_on_its_job_while_new_ones_appear() {
    let mut console = console_with_jobs((80, 24), sample_jobs(3));
    console.key(Key::Down).sees("> 2 finished");
    console.update(Msg::JobsRead(Some(sample_jobs(9)))).sees("> 2 finished").sees("8 of 9");
    console.press('g').sees("> 9 finished").press('G').sees("> 1 finished");
}

#[test]
fn jobs_are_read_only_while_their_list_is_shown() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.update(changed(1)).assert_no_effects();
    console.press('b').assert_effects([WorkCommand::ReadJobs]);
    console.update(Msg::JobsRead(Some(sample_jobs(1)))).assert_no_effects();
    console.update(changed(2)).assert_effects([WorkCommand::ReadJobs]);
    console.press('?').update(changed(2)).assert_no_effects();
    console.key(Key::Esc).assert_effects([WorkCommand::ReadJobs]);
    console.key(Key::Esc).update(changed(2)).assert_no_effects();
    assert_eq!(console.app.mode(), Mode::List);
}

#[test]
fn an_open_list_of_jobs_wakes_nothing() {
    let ended = varied_jobs().into_iter().filter(|job| job.status != JobStatus::Running).collect();
    let console = console_with_jobs((80, 24), ended);
    let without_jobs = AppFixture::loaded((80, 24), recording_with_escrow());
    let wake = |console: &AppFixture| console.app.next_wake(console.now.instant).map(|wake| wake - console.now.instant);
    assert_eq!(wake(&console), wake(&without_jobs), "only the hidden screen");
}

#[test]
fn a_running_job_of_another_process_is_checked() {
    let mut console = console_with_jobs((80, 24), varied_jobs());
    console.wait(Duration::from_secs(4)).assert_no_effects();
    // A killed process writes nothing, so nothing else would tell.
    console.wait(Duration::from_secs(1)).assert_effects([WorkCommand::ReadJobs]);
    let cut_short = varied_jobs().into_iter().map(|job| JobSummary { status: JobStatus::Interrupted, ..job });
    console.update(Msg::JobsRead(Some(cut_short.collect()))).does_not_see("running");
    console.wait(Duration::from_mins(1)).assert_no_effects();
}

#[test]
fn a_list_without_jobs_says_why() {
    let mut console = AppFixture::new((80, 24));
    console.read_list().press('b').assert_no_effects().sees("The journal is still being opened.");
    console.open_recording(recording_with_escrow(), Vec::new(), &[]).assert_effects([WorkCommand::ReadJobs]);
    console.sees("Reading the jobs.").update(Msg::JobsRead(None)).sees("The jobs could not be read.");
    console.update(Msg::JobsRead(Some(Vec::new()))).sees("No jobs yet.");
    let why = CleanText::new("the state directory cannot be written to");
    let mut console = AppFixture::loaded((80, 24), RecordingStatus::Unusable(why));
    console.press('b').assert_no_effects().sees("The journal cannot be read: the state directory");
}

#[test]
fn the_list_of_jobs_is_drawn_at_every_size() {
    let mut console = console_with_jobs((80, 24), varied_jobs());
    for width in [1, 39, 40, 59, 60, 79, 80, 119, 120, 200] {
        for height in [1, 9, 10, 11, 15, 16, 60] {
            console.update(Msg::Resized(Size { width, height }));
        }
    }
}
