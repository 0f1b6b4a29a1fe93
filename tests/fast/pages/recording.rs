//! What the pages show before the journal opens, after it fails, and after the escrow keys change.

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::RecordingStatus;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{
    AppFixture, READING_TIME, number, recording_with_changed_keys, recording_with_escrow, recording_without_escrow,
    set_pin_effect,
};

#[test]
fn nothing_is_sent_until_the_journal_is_open() {
    let mut console = AppFixture::new((80, 24));
    console.read_list().press('p').sees("The journal is still being opened.");
    assert_eq!(console.app.mode(), Mode::List);
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .wait(READING_TIME)
        .set_pin()
        .assert_effects([set_pin_effect(0)]);
}

#[test]
fn an_unusable_journal_keeps_the_list_and_blocks_changes() {
    let why = "the state directory /srv/state cannot be written to: read-only file system.";
    let mut console = AppFixture::loaded((80, 24), RecordingStatus::Unusable(CleanText::new(why)));
    console
        .sees("NO JOURNAL")
        .sees("No PIN can be set: the state directory")
        .sees("+1 555-010-0143")
        .press('p')
        .sees("No PIN can be set")
        .sees(why);
    console.key(Key::Esc).sees("All 4 numbers").press('r').assert_effects([WorkCommand::RefreshNumber(number(0))]);
}

#[test]
fn a_damaged_journal_keeps_the_list_and_blocks_changes() {
    let why = "the journal is damaged: audit row 12: it was altered. To see each damaged row: pindesk audit verify.";
    let mut console = AppFixture::loaded((80, 24), RecordingStatus::Damaged(CleanText::new(why)));
    console
        .sees("JOURNAL DAMAGED")
        .sees("No PIN can be set: the journal is damaged: audit row 12")
        .sees("+1 555-010-0143")
        .press('p')
        .assert_no_effects();
    console.sees("Rows of the journal were altered or deleted, so nothing is sent.").sees(why);
    console.key(Key::Esc).sees("All 4 numbers").press('r').assert_effects([WorkCommand::RefreshNumber(number(0))]);
}

#[test]
fn after_the_journal_fails_nothing_more_is_sent() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').enter_pin().wait(READING_TIME);
    let why = "the disk of /srv/state is full, 0 bytes are free.";
    console.update(Msg::JournalFailed(CleanText::new(why))).sees("JOURNAL FAILED").press('y').assert_no_effects();
    console.sees("The journal failed, so nothing more is sent.").sees(why);
    console.key(Key::Esc).press('m').sees("Nothing was sent. The journal cannot record it.");
    console
        .key(Key::Esc)
        .update(Msg::RecipientsAccepted(Ok(recording_with_escrow())))
        .press('p')
        .sees("The journal failed");
    console.key(Key::Esc).sees("JOURNAL FAILED");
}

#[test]
fn changed_keys_are_accepted_with_y_after_a_quiet_time() {
    let mut console = AppFixture::loaded((80, 24), recording_with_changed_keys());
    console.sees("KEYS CHANGED").sees("Escrow keys have changed.").press('p');
    console.sees("1 added, 1 removed, 1 unchanged.").sees("Added ssh-ed25519 SHA256:new").sees("Removed ssh-ed25519");
    console.press('y').assert_no_effects().sees("Too soon after the question appeared.").press('x').wait(READING_TIME);
    console
        .update(Msg::Pasted(PastedText::new("y".to_owned())))
        .assert_no_effects()
        .key(Key::Enter)
        .assert_no_effects();
    console.wait(READING_TIME).press('y').assert_effects([WorkCommand::AcceptRecipients]);
    console.press('p').sees("1 added").key(Key::Esc);
    console.update(Msg::RecipientsAccepted(Ok(recording_with_escrow()))).does_not_see("KEYS CHANGED").set_pin();
    console.assert_effects([set_pin_effect(0)]);
}

#[test]
fn keys_can_be_accepted_only_after_scrolling_to_the_end() {
    let names: Vec<String> = (0..9).map(|key| format!("ssh-ed25519 SHA256:{key}")).collect();
    let current = names.iter().map(|name| CleanText::new(name)).collect();
    let mut console =
        AppFixture::loaded((40, 10), RecordingStatus::RecipientsChanged { previous: Vec::new(), current });
    console.press('p').wait(READING_TIME).press('y').assert_no_effects().sees("There is more below. Press Down.");
    for _ in 0..9 {
        console.key(Key::PageDown);
    }
    console.press('y').assert_no_effects().sees("Release the keys, then press y.");
    console.wait(READING_TIME).press('y').assert_effects([WorkCommand::AcceptRecipients]);
}

#[test]
fn keys_that_cannot_be_accepted_still_block_all_changes() {
    let mut console = AppFixture::loaded((80, 24), recording_with_changed_keys());
    console.update(Msg::RecipientsAccepted(Err(CleanText::new("the disk is full")))).sees("were not accepted");
    console.press('p').sees("1 added");
}

#[test]
fn the_form_and_the_confirmation_say_where_the_pin_is_saved() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').sees("Saved to the escrow first (2 keys can open it).").enter_pin();
    console.sees("PIN typed, saved to the escrow first (2 keys)");
    console.sees("Enter does nothing here.");
    let mut console = AppFixture::loaded((80, 24), recording_without_escrow());
    console.press('p').sees("No escrow: this PIN is only in memory until you quit.").enter_pin();
    console.sees("PIN typed. No escrow: this PIN is only in memory until you quit. Save it first.");
    console.wait(READING_TIME).press('y').assert_effects([set_pin_effect(0)]);
}
