//! What commands and other consoles with the same journal do shows by itself, without a key and without a message.

use std::time::Duration;

use pindesk::domain::clock::UtcTime;
use pindesk::domain::outcome::DoubtReason;
use pindesk::domain::standing::{NotSentReason, Standing};

use super::{NOT_SET_ID, NOT_SET_NUMBER, ON_ID, ON_NUMBER, OTHER_NOT_SET_ID};
use crate::support::console_driver::{ConsoleDriver, DriverOptions};
use crate::support::state_fixture::StateFixture;

fn no_answer() -> Standing {
    Standing::in_doubt(DoubtReason::SuccessNotTrue)
}

#[test]
fn the_list_shows_what_another_process_did() {
    let mut console = ConsoleDriver::demo();
    let messages = console.app().messages().newest_first().len();
    console.filter(NOT_SET_NUMBER).change_elsewhere(NOT_SET_ID, Standing::Set).sees("+ set 14:03");
    console.filter("request:set").sees("1 of 60").sees(NOT_SET_NUMBER);
    assert_eq!(console.app().messages().newest_first().len(), messages);
}

#[test]
fn a_number_in_doubt_elsewhere_can_be_resolved_here() {
    let mut console = ConsoleDriver::demo();
    console.filter(NOT_SET_NUMBER).change_elsewhere(NOT_SET_ID, no_answer()).sees("! no answer").sees("in doubt 1");
    // Once this shows, the console also knows that the first process has ended.
    console.filter(ON_NUMBER).change_elsewhere(ON_ID, Standing::Set).sees("+ set 14:03").esc();
    console.press('w').sees("1 number is in doubt").sees(NOT_SET_NUMBER).enter().sees("No answer:");
    console.press('h').type_text("phoned the shop").enter().confirm().sees("resolved: checked manually.");
}

#[test]
fn an_open_page_shows_the_new_entry_of_its_history() {
    let mut console = DriverOptions { size: (80, 36), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().filter(ON_NUMBER).enter();
    console.sees("No changes recorded here.");
    console.change_elsewhere(ON_ID, Standing::NotSent(NotSentReason::Stopped)).sees("Not sent:");
    console.sees("not sent: stopped before it was sent");
}

#[test]
fn the_next_start_shows_what_every_earlier_run_did() {
    let state = StateFixture::default();
    let time = |text| UtcTime::from_rfc3339(text).expect("a time");
    state.record_change(NOT_SET_ID, Standing::Set, time("2026-03-02T10:41:00Z"));
    state.record_change(OTHER_NOT_SET_ID, Standing::Set, time("2025-08-14T09:12:00Z"));
    let not_sent = Standing::NotSent(NotSentReason::Stopped);
    state.record_change(OTHER_NOT_SET_ID, not_sent, time("2026-04-01T00:00:00Z"));
    let mut console = DriverOptions { state: Some(state), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().filter("two-step:not-set");
    console.sees("+ set 02 Mar").sees("- not sent");
    let row = console.app().roster().get(&NOT_SET_ID.parse().expect("an ID")).expect("a row");
    let last_set = row.last_set.expect("it was set in March");
    assert_eq!(last_set.at, time("2026-03-02T10:41:00Z"));
}

#[test]
fn the_list_of_jobs_shows_a_new_job_of_another_process() {
    let mut console = ConsoleDriver::demo();
    console.press('b').sees("No jobs yet.").change_elsewhere(NOT_SET_ID, Standing::Set);
    console.sees("1 finished 1 of 1").enter().sees("Job 1: a PIN for 1 number").sees("set 1 failed 0 no answer 0");
    console.esc().change_elsewhere(ON_ID, no_answer()).sees("2 finished 1 of 1").sees("> 1 finished");
}

#[test]
fn a_job_that_another_process_left_is_resumed_here() {
    let state = StateFixture::default();
    state.record_unsent_job(&[NOT_SET_ID, OTHER_NOT_SET_ID]);
    let mut console = DriverOptions { state: Some(state), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().press('b').sees("x cut short 0 of 2").enter();
    console.sees("2 numbers are left to send.").press('t').sees("Resume job 1?").confirm_with_digits("2");
    console.sees("set 2 failed 0 no answer 0 not sent 0").sees("100 % 2 of 2").sees("finished");
    assert_eq!([NOT_SET_ID, OTHER_NOT_SET_ID].map(|id| console.pins_sent(id).len()), [1, 1]);
}

#[test]
fn a_job_that_was_stopped_here_is_resumed_here() {
    let ids: Vec<_> = (1..=12).map(|n| format!("{}", 200_000_000_000_000_u64 + n)).collect();
    let state = StateFixture::default();
    state.record_unsent_job(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let latency = Duration::from_secs(1);
    let mut console = DriverOptions { state: Some(state), latency, ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().press('b').sees("x cut short 0 of 12").enter();
    console.sees("12 numbers are left to send.").press('t').sees("Resume job 1?").confirm_with_digits("12");
    // Four are in flight at once.
    console.sees("sending 4").press('x').sees("Stop job 1?").confirm().sees("cut short");
    console.sees("set 4 failed 0 no answer 0 not sent 8").sees("t resume 8").press('t').sees("8 numbers get a new");
    console.confirm_with_digits("8").sees("100 % 12 of 12").sees("finished");
    assert!(ids.iter().all(|id| console.pins_sent(id).len() == 1), "each number got one PIN");
}
