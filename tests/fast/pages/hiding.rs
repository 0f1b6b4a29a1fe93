//! The hidden screen: when it hides, what it keeps from view, and how it comes back.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::{ScreenCommand, WorkCommand};
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::ReadFailure;

use crate::support::app_fixture::{
    AppFixture, HIDE_AFTER, ONE_ATTEMPT, READING_TIME, number_id, recording_with_escrow, recording_without_escrow,
    set_pin_effect,
};

#[test]
fn the_screen_hides_after_the_timeout_and_warns_30_s_before() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let until_warning = HIDE_AFTER.saturating_sub(Duration::from_secs(30));
    assert_eq!(
        console.app.next_wake(console.now.instant),
        Some(console.now.instant + until_warning),
        "the warning is the only timer"
    );
    console.wait(until_warning).sees("Hiding the screen in 30 s. Press any key.");
    console.wait(Duration::from_millis(29_999)).sees("0143").wait(Duration::from_millis(1));
    console
        .assert_effects([WorkCommand::DropSecrets])
        .sees("This is not a lock.")
        .sees("Hidden after 10 min without a key.");
    for word in ["0140", "0143", "Acme", "acme", "2000000", "Read 4"] {
        console.does_not_see(word);
    }
    assert_eq!(console.app.next_wake(console.now.instant), None, "a hidden screen needs no timer");
}

#[test]
fn the_key_that_dismisses_the_warning_does_nothing_else() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').enter_pin().wait(HIDE_AFTER.saturating_sub(Duration::from_secs(10)));
    console
        .sees("Hiding the screen")
        .press('y')
        .assert_no_effects()
        .does_not_see("Hiding")
        .sees("Set the PIN of +1 555-010-0140?");
    console.press('y').assert_no_effects().sees("Release the keys, then press y.").wait(READING_TIME);
    console.press('y').assert_effects([set_pin_effect(0)]);
}

#[test]
fn hiding_discards_typed_input_and_sends_nothing() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').enter_pin();
    console.wait(HIDE_AFTER).sees("This is not a lock.").press('y').assert_no_effects().key(Key::Enter);
    console
        .assert_effects([ScreenCommand::ReadToken])
        .update(Msg::TokenRead(Ok(())))
        .assert_effects([WorkCommand::RecordScreenShown]);
    console.sees("All 4 numbers").press('m').sees("Your input was discarded. Nothing was sent.");
}

#[test]
fn keys_before_the_hidden_screen_is_drawn_do_nothing() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.app.update(Msg::KeyPressed(Key::Char('z')), console.now);
    for key in [Key::Enter, Key::Ctrl('c'), Key::Char('q')] {
        assert_eq!(console.app.update(Msg::KeyPressed(key), console.now), []);
        assert_eq!(console.app.mode(), Mode::Hidden);
    }
    console.paint();
    console.key(Key::Enter).assert_effects([ScreenCommand::ReadToken]).key(Key::Enter).assert_no_effects();
}

#[test]
fn without_a_token_the_numbers_stay_hidden() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('z').assert_effects([WorkCommand::DropSecrets]).key(Key::Enter);
    console.update(Msg::TokenRead(Err("The file is gone.".to_owned()))).assert_no_effects().sees("No access token");
    console.does_not_see("0140").press('m').sees("No access token").press('?').does_not_see("0140").key(Key::Esc);
    console.sees("No access token").key(Key::Esc).assert_no_effects().sees("This is not a lock.").does_not_see("0140");
}

#[test]
fn cancelling_quit_keeps_the_numbers_hidden() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console
        .set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false })
        .press('z')
        .key(Key::Ctrl('c'))
        .wait(READING_TIME)
        .press('y');
    console
        .assert_effects([WorkCommand::StopSending])
        .does_not_see("0140")
        .press('n')
        .sees("This is not a lock.")
        .does_not_see("0140");
}

#[test]
fn quitting_a_hidden_screen_names_no_number() {
    let mut console = AppFixture::loaded((80, 24), recording_without_escrow());
    console.set_in_doubt(0, |details| details.is_in_escrow = false).press('z');
    console.sees("PINs in doubt, only in memory: 1. The escrow does not have them.").sees("In doubt: 1.");
    console.key(Key::Ctrl('c')).sees("Quit while a PIN is in doubt?").does_not_see("0140").does_not_see("2000000");
    console
        .press('n')
        .sees("This is not a lock.")
        .key(Key::Ctrl('c'))
        .wait(READING_TIME)
        .press('y')
        .assert_effects([ScreenCommand::Quit]);
}

#[test]
fn hiding_drops_pins_from_memory_if_the_escrow_has_them() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).press('z').does_not_see("only in memory").key(Key::Enter);
    console.update(Msg::TokenRead(Ok(()))).open_number(0).sees("encrypted in escrow.jsonl, not in memory");
    console.press('s').assert_no_effects().sees("The PIN is no longer in memory.");
}

#[test]
fn requests_continue_and_only_their_count_is_shown() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console
        .set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false })
        .press('z')
        .sees("Work continues: 1 request is in flight.");
    console.sees("When that is done pindesk drops the access token, and reloads it to show the screen.");
    console.set_change_state(1, ChangeState::Queued).sees("Work continues: 1 request is in flight, 1 more is queued.");
    console.set_change_state(0, ChangeState::Set(ONE_ATTEMPT)).sees("1 request waits to be sent.");
    console.set_change_state(1, ChangeState::Set(ONE_ATTEMPT)).does_not_see("Work continues").does_not_see("0140");
    console.sees("pindesk dropped the access token, and reloads it to show the screen.");
}

#[test]
fn neither_offline_nor_a_retry_wakes_a_hidden_screen() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let until = console.now.instant + Duration::from_secs(8);
    console.set_change_state(0, ChangeState::Waiting { attempt: 2, until, in_doubt: true, error: None });
    console.update(Msg::NumberRead { id: number_id(1), result: Err(ReadFailure::NoAnswer) }).sees("OFFLINE").press('z');
    assert_eq!(console.app.next_wake(console.now.instant), None);
    assert_eq!(console.app.update(Msg::TimerFired, console.now.plus(HIDE_AFTER)), []);
}

#[test]
fn showing_the_screen_returns_to_the_page_of_open_issues() {
    let mut console = AppFixture::new((80, 24));
    let unresolved = vec![console.recovered_change(1)];
    console
        .read_list()
        .open_recording(recording_with_escrow(), unresolved, &[])
        .press('z')
        .does_not_see("0141")
        .key(Key::Enter);
    console
        .update(Msg::TokenRead(Ok(())))
        .assert_effects([WorkCommand::ReadLastDrill, WorkCommand::RecordScreenShown])
        .sees("1 number is in doubt");
}

#[test]
fn without_a_token_the_open_issues_stay_hidden() {
    let mut console = AppFixture::new((80, 24));
    let unresolved = vec![console.recovered_change(1)];
    console.read_list().press('z').open_recording(recording_with_escrow(), unresolved, &[]).key(Key::Enter);
    console.update(Msg::TokenRead(Err("The file is gone.".to_owned()))).assert_no_effects();
    console.sees("No access token").does_not_see("0141");
}

#[test]
fn hiding_says_that_a_saved_pin_leaves_memory() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let details = console.in_doubt_state();
    console.set_change_state(0, ChangeState::InDoubt(Box::new(details)));
    console.wait(HIDE_AFTER.saturating_sub(Duration::from_secs(30)));
    console.sees("Hiding the screen in 30 s, and dropping the PIN in doubt. Press any key.");
    console.wait(Duration::from_secs(30)).sees("In doubt: 1.");
    console.sees("PINs in the escrow are no longer in memory, and cannot be sent again.");
}

#[test]
fn a_second_token_problem_leads_to_no_page_that_needs_one() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let unreadable = || Msg::TokenRead(Err("no file".to_owned()));
    console.wait(HIDE_AFTER).update(unreadable());
    assert_eq!(console.app.mode(), Mode::Token);
    console.set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false }).key(Key::Ctrl('c'));
    assert_eq!(console.app.mode(), Mode::Quit);
    console.wait(Duration::from_secs(3)).update(unreadable()).assert_no_effects();
    assert_eq!(console.app.mode(), Mode::Token, "the first page, not one over the question");
    console.key(Key::Ctrl('c')).assert_no_effects();
    assert_eq!(console.app.mode(), Mode::Quit);
}

#[test]
fn a_form_is_hidden_by_the_same_key_and_discards_its_input() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console
        .press('p')
        .type_text("40")
        .press('z')
        .assert_effects([WorkCommand::DropSecrets])
        .sees("This is not a lock.");
    console.key(Key::Enter).update(Msg::TokenRead(Ok(())));
    console.press('m').sees("The screen was hidden. Your input was discarded. Nothing was sent.");
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('a').press('p').press('z').assert_effects([WorkCommand::DropSecrets]).sees("This is not a lock.");
}
