//! Snapshots of the pages for doubts and for the journal, at two window sizes.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{
    AppFixture, HIDE_AFTER, cached_number, recording_with_changed_keys, recording_with_escrow, recording_without_escrow,
};

pub(super) fn assert_screen_snapshot(name: &str, console: &AppFixture) {
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, console.screen());
    });
}

const SIZES: [(u16, u16); 2] = [(80, 24), (40, 10)];

#[test]
fn pages_match_their_snapshots() {
    for size in SIZES {
        let snap = |page: &str, console: &AppFixture| {
            assert_screen_snapshot(&format!("{page}-{}x{}", size.0, size.1), console);
        };
        let mut console = AppFixture::new(size);
        let unresolved = vec![console.recovered_change(1), console.recovered_change(7)];
        let finding = "The journal was missing, so a new one was created. What the escrow file has is in doubt.";
        console.read_list().open_recording(recording_with_escrow(), unresolved, &[finding]).key(Key::Down);
        snap("unresolved", &console);
        console.key(Key::Enter);
        snap("doubt-recovered", &console);
        console.key(Key::Esc).key(Key::Esc);
        snap("list-in-doubt", &console);
        console.set_in_doubt(0, |_| {}).open_number(0);
        snap("doubt-held", &console);
        console.set_in_doubt(0, |details| details.is_in_escrow = false);
        snap("doubt-unsealed", &console);
        console.press('h').type_text("the shop still registers with the old PIN");
        snap("check-note", &console);
        console.key(Key::Enter);
        snap("check-question", &console);
        console.key(Key::Esc).key(Key::Esc).key(Key::Esc).press('q');
        snap("quit-in-doubt", &console);
        console.key(Key::Esc).press('z');
        snap("hidden", &console);
        console.key(Key::Ctrl('c'));
        snap("hidden-quit", &console);
    }
}

#[test]
fn recording_pages_match_their_snapshots() {
    for size in SIZES {
        let snap = |page: &str, console: &AppFixture| {
            assert_screen_snapshot(&format!("{page}-{}x{}", size.0, size.1), console);
        };
        let mut console = AppFixture::loaded(size, recording_with_changed_keys());
        snap("list-keys-changed", &console);
        console.press('p');
        snap("keys-changed", &console);
        let mut console = AppFixture::loaded(size, recording_with_escrow());
        console.press('p');
        snap("form-escrow", &console);
        console.enter_pin();
        snap("confirm-escrow", &console);
        let why = "A sync of /srv/pindesk/journal.db failed: no space left on device. 0 bytes are free there.";
        console.key(Key::Esc).key(Key::Esc).update(Msg::JournalFailed(CleanText::new(why))).press('p');
        snap("journal-failed", &console);
        console.key(Key::Esc);
        snap("list-journal-failed", &console);
        let mut console = AppFixture::loaded(size, recording_without_escrow());
        console.press('p');
        snap("form-no-escrow", &console);
        console.enter_pin();
        snap("confirm-no-escrow", &console);
        let mut console = AppFixture::new(size);
        console.open_recording(recording_with_escrow(), Vec::new(), &[]);
        console.update(Msg::CachedNumbersLoaded(vec![cached_number(1)]));
        snap("list-remembered", &console);
        console.wait(HIDE_AFTER.saturating_sub(Duration::from_secs(1)));
        snap("list-warning", &console);
    }
}

#[test]
fn pages_for_many_numbers_match_their_snapshots() {
    for size in [(80, 24), (120, 36), (40, 10)] {
        let snap = |page: &str, console: &AppFixture| {
            assert_screen_snapshot(&format!("{page}-{}x{}", size.0, size.1), console);
        };
        let mut console = AppFixture::loaded(size, recording_with_escrow());
        console.open_many_pins(0..4);
        snap("many-form", &console);
        console.press(' ').key(Key::Down);
        snap("many-form-same-pin", &console);
        console.key(Key::Up).press(' ').key(Key::Up).type_text("TICKET-123").key(Key::Enter);
        snap("many-question-wait", &console);
        console.wait(HIDE_AFTER / 2).press('2');
        snap("many-question", &console);
        console.press('l');
        snap("many-list", &console);
        console.key(Key::Esc).key(Key::Esc);
        console.key(Key::Up).press(' ').key(Key::Up).press(' ').key(Key::Enter).wait(HIDE_AFTER / 2);
        snap("many-question-replace", &console);
    }
}
