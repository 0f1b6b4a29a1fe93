//! A profile without a WABA and without a number: nothing is asked, and the page says so.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;

use crate::support::app_fixture::{AppFixture, cached_number, recording_with_escrow};

#[test]
fn an_empty_profile_asks_nothing_and_says_what_to_add() {
    for size in [(80, 24), (40, 10)] {
        let mut console = AppFixture::with_empty_profile(size);
        console.assert_no_effects().open_recording(recording_with_escrow(), Vec::new(), &[]);
        console.sees("Profile acme-prod names no WABA and no number. Nothing was asked.");
        console.does_not_see("No numbers").key(Key::Ctrl('l'));
        assert_eq!(console.app.mode(), Mode::NothingNamed);
        // It has no refresh, and no timer asks later.
        console.press('r').sees("No action on \"r\".").assert_no_effects();
        console.press('u').assert_no_effects().wait(Duration::from_mins(5)).assert_no_effects();
    }
    let mut console = AppFixture::with_empty_profile((80, 24));
    console.sees("[[profile.acme-prod.waba]]").sees("[[profile.acme-prod.number]]").sees("/etc/pindesk/config.toml");
}

#[test]
fn numbers_of_an_earlier_run_are_not_shown_as_named() {
    let mut console = AppFixture::with_empty_profile((80, 24));
    let mut cached = cached_number(1);
    cached.waba = None;
    console.update(Msg::CachedNumbersLoaded(vec![cached])).does_not_see("+1 555-010-0141");
    assert_eq!(console.app.roster().total(), 0);
}

#[test]
fn a_new_access_token_still_asks_nothing() {
    let mut console = AppFixture::with_empty_profile((80, 24));
    console.press('z').key(Key::Enter).update(Msg::TokenRead(Ok(())));
    assert!(!format!("{:?}", console.effects).contains("RefreshAll"), "{:?}", console.effects);
    console.sees("Nothing was asked.");
}
