//! What the console says about numbers in doubt before it quits.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::{ScreenCommand, WorkCommand};
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::Size;
use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::SendFailure;
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, READING_TIME, recording_with_escrow, recording_without_escrow,
};

#[test]
fn a_doubt_saved_to_the_escrow_does_not_block_quitting() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).press('q').sees("1 number in doubt is shown again at the next start.");
    console.sees("After that the same PIN cannot be sent again: only the escrow has it.");
    console.does_not_see("are lost").wait(READING_TIME).press('y').assert_effects([ScreenCommand::Quit]);
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).key(Key::Ctrl('c')).key(Key::Ctrl('c')).assert_effects([ScreenCommand::Quit]);
}

#[test]
fn quitting_names_each_number_whose_pin_is_only_in_memory() {
    let mut console = AppFixture::loaded((80, 24), recording_without_escrow());
    console
        .set_in_doubt(0, |details| details.is_in_escrow = false)
        .set_in_doubt(2, |details| details.is_pin_in_memory = false);
    console.key(Key::Ctrl('c')).key(Key::Ctrl('c')).assert_no_effects().sees("! +1 555-010-0140").does_not_see("0142");
    console.sees("1 number in doubt is shown again at the next start.");
}

#[test]
fn a_number_named_just_before_the_key_was_not_read() {
    let mut console = AppFixture::loaded((80, 24), recording_without_escrow());
    console.set_in_doubt(0, |details| details.is_in_escrow = false).press('q').wait(READING_TIME);
    console.set_in_doubt(2, |details| details.is_in_escrow = false).sees("! +1 555-010-0142");
    console.wait(Duration::from_millis(5)).press('y').assert_no_effects();
    console.wait(READING_TIME).press('y').assert_effects([ScreenCommand::Quit]);
}

#[test]
fn a_key_right_after_a_paste_does_not_quit() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).press('q').wait(READING_TIME);
    console.update(Msg::Pasted(PastedText::new("y".to_owned()))).press('y').assert_no_effects();
    console.wait(READING_TIME).press('y').assert_effects([ScreenCommand::Quit]);
}

#[test]
fn a_small_window_asks_about_quitting_only_once() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false }).press('q');
    console.update(Msg::Resized(Size { width: 20, height: 5 })).press('q').key(Key::Ctrl('c')).assert_no_effects();
    console.update(Msg::Resized(Size { width: 80, height: 24 }));
    assert_eq!(console.app.mode(), Mode::Quit);
    console.press('n');
    assert_eq!(console.app.mode(), Mode::List, "no question is below the other");
    console.press('q').wait(READING_TIME).press('y').assert_effects([WorkCommand::StopSending]);
    console.update(Msg::Resized(Size { width: 20, height: 5 })).press('q').assert_no_effects();
    console.update(Msg::Resized(Size { width: 80, height: 24 }));
    assert_eq!(console.app.mode(), Mode::ShuttingDown);
}

#[test]
fn what_was_not_sent_is_counted_until_it_is_sent() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let not_sent = |why| ChangeState::NotSent(ONE_ATTEMPT, why);
    let refused = SendFailure::RefusedLocally(CleanText::new("another process works on it"));
    for (index, state, expected) in [
        (0, not_sent(NotSentReason::Stopped), 1),
        (1, not_sent(NotSentReason::TokenRefused), 2),
        // The operator was told at once.
        (2, not_sent(refused.into()), 2),
        (0, ChangeState::Sending { attempt: 1, in_doubt: false }, 1),
        (1, ChangeState::Set(ONE_ATTEMPT), 0),
    ] {
        console.set_change_state(index, state);
        assert_eq!(console.app.not_sent_here(), expected);
    }
}
