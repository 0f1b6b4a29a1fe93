//! What the console says about numbers in doubt before it quits.

use pindesk::console::effect::ScreenCommand;
use pindesk::console::input::key::Key;

use crate::support::app_fixture::{AppFixture, READING_TIME, recording_with_escrow, recording_without_escrow};

#[test]
fn a_doubt_saved_to_the_escrow_does_not_block_quitting() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).press('q').sees("1 number in doubt is shown again at the next start.");
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
