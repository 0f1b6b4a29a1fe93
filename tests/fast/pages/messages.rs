//! The messages: one for each change, updated until it ends.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::domain::change::ChangeState;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::outcome::ReadFailure;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{AppFixture, HIDE_AFTER, ONE_ATTEMPT, number, number_id, recording_with_escrow};

const SENDING: ChangeState = ChangeState::Sending { attempt: 1, in_doubt: false };

fn sending() -> AppFixture {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_pin().sees("Setting +1 555-010-0140: recording, then sending.").set_change_state(0, SENDING);
    console
}

fn texts(console: &AppFixture) -> Vec<&str> {
    console.app.messages().newest_first().map(|message| message.text.as_str()).collect()
}

/// How long until the console wakes, unless it only waits to hide the screen.
fn wakes_in(console: &AppFixture) -> Option<Duration> {
    let wake = console.app.next_wake(console.now.instant)?.saturating_duration_since(console.now.instant);
    (wake < HIDE_AFTER / 2).then_some(wake)
}

#[test]
fn a_change_is_one_message_until_it_is_set() {
    let mut console = sending();
    let before = texts(&console).len();
    console.sees("Setting +1 555-010-0140: sending.").wait(Duration::from_secs(12)).sees("sending 12 s.");
    console.set_change_state(0, ChangeState::Set(ONE_ATTEMPT)).sees("+1 555-010-0140 set at 14:03:09 UTC.");
    let status = Number { two_step: TwoStep::On, ..number(0) };
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(status) });
    let set = "+1 555-010-0140 set at 14:03:09 UTC. Two-step verification is on.";
    assert_eq!((texts(&console).first().copied(), texts(&console).len()), (Some(set), before));
    // A later refresh is not part of the change.
    console.press('r').update(Msg::NumberRead { id: number_id(0), result: Ok(number(0)) });
    assert_eq!(texts(&console)[..2], ["+1 555-010-0140: two-step verification is not set.", set]);
}

#[test]
fn a_failed_refresh_after_a_change_ends_its_message() {
    let mut console = sending();
    console.set_change_state(0, ChangeState::Set(ONE_ATTEMPT));
    console.update(Msg::NumberRead { id: number_id(0), result: Err(ReadFailure::NoAnswer) });
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(number(0)) });
    console.sees("+1 555-010-0140: two-step verification is not set.");
}

#[test]
fn a_change_that_ends_is_the_newest_message() {
    let mut console = sending();
    console.set_change_state(2, SENDING).sees("Setting +1 555-010-0142: sending.");
    console.set_in_doubt(0, |_| {});
    let texts = texts(&console);
    assert!(texts[0].starts_with("+1 555-010-0140 no answer: "), "{texts:?}");
    assert_eq!(texts[1], "Setting +1 555-010-0142: sending.");
}

#[test]
fn a_retry_counts_down() {
    let mut console = sending();
    let until = console.now.instant + Duration::from_millis(7_500);
    console.set_change_state(0, ChangeState::Waiting { attempt: 2, until, in_doubt: true, error: None });
    console.sees("Setting +1 555-010-0140: no answer yet, try 2 in 8 s.").wait(Duration::from_secs(6));
    console.sees("try 2 in 2 s.").set_change_state(0, ChangeState::Sending { attempt: 2, in_doubt: false });
    console.sees("Setting +1 555-010-0140: sending, try 2.").wait(Duration::from_secs(3)).sees("sending 3 s, try 2.");
}

#[test]
fn a_paused_change_says_until_when_and_does_not_count() {
    let mut console = sending();
    let before = texts(&console).len();
    let until = console.now.plus(Duration::from_mins(17));
    console.set_change_state(0, ChangeState::Paused { until, in_doubt: false });
    // The column has whole minutes: the one in which the pause ends.
    console.sees(&format!("Setting +1 555-010-0140: paused until {}.", until.utc)).sees(". paused 14:20");
    assert_eq!((wakes_in(&console), texts(&console).len()), (None, before));
    console.set_change_state(0, ChangeState::Paused { until, in_doubt: true });
    console.sees(&format!("Setting +1 555-010-0140: no answer yet, paused until {}.", until.utc));
    console.set_change_state(0, SENDING).wait(Duration::from_secs(3)).sees("sending 3 s.");
}

#[test]
fn seconds_count_only_where_the_message_line_shows_them() {
    let mut console = sending();
    let second = Some(Duration::from_secs(1));
    assert_eq!(wakes_in(&console), second, "the list shows it");
    console.press('x').sees("No action");
    assert_eq!(wakes_in(&console), None, "a hint covers it");
    console.press('q').sees("Quit while work is unfinished?");
    assert_eq!(wakes_in(&console), None, "a question covers it");
    console.wait(Duration::from_secs(20)).key(Key::Esc).sees("sending 20 s.");
    assert_eq!(wakes_in(&console), second);
    console.set_change_state(2, ChangeState::Set(ONE_ATTEMPT));
    assert_eq!(wakes_in(&console), None, "another message is newer");
}

#[test]
fn an_old_message_does_not_hide_that_a_page_goes_on() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let why = "a reason that is as long as the window is wide, and then some more of it";
    console.press('?').update(Msg::JournalWatchFailed(CleanText::new(why)));
    console.sees("What other processes set").sees("more below");
}

#[test]
fn a_cancellation_is_shown_until_the_next_key() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').key(Key::Esc).sees("Canceled. Nothing was sent.").wait(Duration::from_mins(1));
    console.sees("Canceled. Nothing was sent.").press('j').does_not_see("Canceled.").sees("Read 4 numbers.");
    console.press('m').sees("Canceled. Nothing was sent.");
}
