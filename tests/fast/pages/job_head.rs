//! What the page of a job says above its numbers, and of each: how long it takes, its note, the reasons.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::shared::Size;
use pindesk::domain::change::ChangeState;
use pindesk::domain::text::CleanText;
use pindesk::journal::JobStatus;
use pindesk::pace::Pause;
use pindesk::policy::quota::{PauseCause, QuotaScope};

use super::job::{JOB, SENDING, console, console_with_own_job, open_job, progress, refused, sample_job};
use super::jobs::{FAILED, SET};
use crate::support::app_fixture::{AppFixture, ONE_ATTEMPT};

#[test]
fn the_time_left_is_told_only_as_far_as_it_is_known() {
    let mut console = console_with_own_job((80, 24), 60);
    let mut set = 0..60;
    let mut set_next = |console: &mut AppFixture, count: usize| {
        for index in set.by_ref().take(count) {
            console.update(progress(index, ChangeState::Set(ONE_ATTEMPT)));
        }
    };
    console.wait(Duration::from_secs(10));
    set_next(&mut console, 20);
    console.sees("About 20 s left.");
    set_next(&mut console, 30);
    console.sees("A few seconds left.").update(Msg::Resized(Size { width: 40, height: 10 })).sees("83 % seconds left");
    console.update(Msg::Resized(Size { width: 80, height: 24 }));
    // The time of a pause says nothing about the pace, and neither do limits of Meta.
    console.press('w').does_not_see("left.").wait(Duration::from_secs(9)).press('w').does_not_see("left.");
    console.wait(Duration::from_secs(10));
    set_next(&mut console, 5);
    console.sees("A few seconds left.");
    let (scope, until) = (QuotaScope::Waba(None), console.now.plus(Duration::from_mins(5)));
    console.update(Msg::CallsPaused(Pause { scope, cause: PauseCause::QuotaUsedUp, until })).does_not_see("left.");
    console.wait(Duration::from_mins(5));
    // The last requests may be answered at once, or wait for their retries.
    for index in 55..60 {
        console.update(progress(index, SENDING));
    }
    console.does_not_see("left.");
}

#[test]
fn the_note_of_a_job_is_on_its_page() {
    for size in [(80, 24), (120, 36)] {
        let mut console = console(size);
        let mut detail = sample_job(JobStatus::Finished, &[SET, FAILED]);
        detail.summary.note = Some(CleanText::new("TICKET-7"));
        open_job(&mut console, detail).sees("Note: TICKET-7");
        if size.0 == 120 {
            console.sees("Note of the job TICKET-7");
        }
    }
}

#[test]
fn a_reason_has_the_same_words_after_the_end() {
    let mut console = console_with_own_job((80, 24), 2);
    console.update(progress(0, ChangeState::Failed(ONE_ATTEMPT, refused())));
    console.update(progress(1, ChangeState::Set(ONE_ATTEMPT)));
    let reason = "x failed the access token may not manage";
    console.sees(reason).update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Interrupted, &[FAILED, SET]))));
    console.sees("cut short").sees(reason);
}
