//! Esc is one step back, to the page that the operator came from. So are `q` and Ctrl-C.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::ScreenCommand;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::Size;
use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::ApiError;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, READING_TIME, recording_with_changed_keys, recording_with_escrow,
};

/// Longer than the time in which a second Ctrl-C quits.
const BETWEEN_INTERRUPTS: Duration = Duration::from_secs(3);

const WINDOW: (u16, u16) = (80, 24);

fn loaded() -> AppFixture {
    AppFixture::loaded(WINDOW, recording_with_escrow())
}

fn in_doubt() -> AppFixture {
    let mut console = loaded();
    console.set_in_doubt(0, |_| {});
    console.wait(Duration::from_mins(3));
    console
}

fn refused(code: i64) -> ChangeState {
    let message = CleanText::new("refused");
    let error = ApiError {
        http_status: 400,
        code,
        subcode: None,
        message,
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient: false,
    };
    ChangeState::Failed(ONE_ATTEMPT, error)
}

fn failed() -> AppFixture {
    let mut console = loaded();
    console.set_change_state(0, refused(133_010));
    console
}

/// Meta refused the access token while the operator read about a number; the page of it was closed.
fn token_refused() -> AppFixture {
    let mut console = loaded();
    console.set_change_state(1, refused(190)).key(Key::Esc);
    console
}

fn keys_changed() -> AppFixture {
    AppFixture::loaded(WINDOW, recording_with_changed_keys())
}

fn journal_failed() -> AppFixture {
    let mut console = loaded();
    console.update(Msg::JournalFailed(CleanText::new("The disk is full.")));
    console
}

type Start = fn() -> AppFixture;

/// Where a walk starts, the keys of its steps, and the mode after each.
fn walks() -> Vec<(Start, &'static str, Vec<Mode>)> {
    use Mode::{
        Copied, Copy, Details, Failed, Help, JournalUnavailable, Messages, NoAnswer, PinForm, Quit, Recipients,
        ResolutionNote, TokenOverPage, Unresolved,
    };
    vec![
        (loaded, "\r?", vec![Details, Help]),
        (loaded, "\rm", vec![Details, Messages]),
        (loaded, "\rc4", vec![Details, Copy, Copied]),
        (loaded, "c1", vec![Copy, Copied]),
        (loaded, "\rp?", vec![Details, PinForm, Help]),
        (loaded, "p", vec![PinForm]),
        (loaded, "/", vec![Mode::Filter]),
        (loaded, "o", vec![Mode::Sort]),
        (failed, "\rp", vec![Failed, PinForm]),
        (in_doubt, "\rp", vec![NoAnswer, PinForm]),
        (in_doubt, "\rs", vec![NoAnswer, Mode::ConfirmResend]),
        (in_doubt, "\rh", vec![NoAnswer, ResolutionNote]),
        (in_doubt, "w\rc2", vec![Unresolved, NoAnswer, Copy, Copied]),
        (in_doubt, "w\rs", vec![Unresolved, NoAnswer, Mode::ConfirmResend]),
        (in_doubt, "q", vec![Quit]),
        (keys_changed, "\rp", vec![Details, Recipients]),
        (journal_failed, "\rp", vec![Details, JournalUnavailable]),
        (token_refused, "\rp?", vec![Details, TokenOverPage, Help]),
        (token_refused, "\rpm", vec![Details, TokenOverPage, Messages]),
    ]
}

/// Takes the steps, and then one step back with `back` for each, which must lead through the same modes.
fn walk_and_return(start: Start, steps: &str, expected: &[Mode], back: Key) {
    let mut console = start();
    assert_eq!(console.app.mode(), Mode::List, "before {steps:?}");
    let mut modes = vec![Mode::List];
    for step in steps.chars() {
        console.key(if step == '\r' { Key::Enter } else { Key::Char(step) }).wait(BETWEEN_INTERRUPTS);
        modes.push(console.app.mode());
    }
    assert_eq!(&modes[1..], expected, "{steps:?}");
    while modes.pop().is_some_and(|mode| mode != Mode::List) {
        let mode = console.app.mode();
        // A field, and a question, have no `q`.
        let has_key = console.app.keymap().row(mode, back).is_some_and(|row| row.closes_page) || back == Key::Ctrl('c');
        console.key(if has_key { back } else { Key::Esc }).wait(BETWEEN_INTERRUPTS);
        assert_eq!(Some(&console.app.mode()), modes.last(), "{back} on {mode:?} after {steps:?}");
        console.assert_no_effects();
    }
}

#[test]
fn esc_q_and_ctrl_c_go_back_one_step_on_every_page() {
    for (start, steps, expected) in walks() {
        for back in [Key::Esc, Key::Char('q'), Key::Ctrl('c')] {
            walk_and_return(start, steps, &expected, back);
        }
    }
}

#[test]
fn cancelling_a_resolution_goes_back_to_its_note() {
    let mut console = in_doubt();
    console.key(Key::Enter).press('h').type_text("asked the shop").key(Key::Enter).wait(READING_TIME);
    assert_eq!(console.app.mode(), Mode::ConfirmResolution);
    console.key(Key::Esc).sees("asked the shop");
    console.key(Key::Esc);
    assert_eq!(console.app.mode(), Mode::NoAnswer);
}

#[test]
fn cancelling_the_wait_before_quitting_goes_back() {
    let mut console = loaded();
    console.set_change_state(1, ChangeState::Sending { attempt: 1, in_doubt: false }).key(Key::Enter).key(Key::Esc);
    console.press('q').wait(READING_TIME).press('y');
    assert_eq!(console.app.mode(), Mode::ShuttingDown);
    console.key(Key::Esc);
    assert_eq!(console.app.mode(), Mode::List);
    // Ctrl-C goes back from the details, and the second one quits.
    console.key(Key::Enter).press('?').key(Key::Ctrl('c')).key(Key::Ctrl('c'));
    assert_eq!(console.app.mode(), Mode::ShuttingDown);
}

#[test]
fn a_new_access_token_leads_back_to_the_page_before() {
    let mut console = token_refused();
    console.key(Key::Enter).press('p');
    assert_eq!(console.app.mode(), Mode::TokenOverPage);
    console.press('r').update(Msg::TokenRead(Ok(())));
    assert_eq!(console.app.mode(), Mode::Details);
}

#[test]
fn a_second_token_problem_leaves_no_page_of_the_first_below() {
    let mut console = loaded();
    let failed = || Msg::TokenRead(Err("The file is empty.".to_owned()));
    console.set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false }).update(failed());
    assert_eq!(console.app.mode(), Mode::TokenOverPage);
    // In a window that is too small for pages, Ctrl-C asks whether to quit.
    let resized = |width, height| Msg::Resized(Size { width, height });
    console.update(resized(1, 1)).key(Key::Ctrl('c')).update(resized(80, 24)).wait(READING_TIME).press('y');
    console.update(failed());
    console.wait(BETWEEN_INTERRUPTS).key(Key::Ctrl('c'));
    assert_ne!(console.app.mode(), Mode::TokenOverPage);
}

#[test]
fn a_refused_token_is_explained_only_if_meta_did() {
    let mut console = token_refused();
    console.press('p').sees("Meta refused the access token. It may be mistyped, expired or revoked.");
    console.sees("To do 1 Check that the whole access token is where the config says.").sees("3 Press r.");
    console.sees("Meta said refused").sees("Code, HTTP 190, 400");
    let mut console = loaded();
    let ChangeState::Failed(at, error) = refused(190) else { panic!("a failed change") };
    console.set_change_state(1, ChangeState::Failed(at, ApiError { subcode: Some(463), ..error }));
    console.sees("The access token has expired. To do 1 Make a new access token for the system user.");
    console.does_not_see("mistyped");
}

#[test]
fn the_steps_for_a_refused_token_are_those_of_its_error() {
    const PROOF_WANTED: &str = "API calls from the server require an appsecret_proof argument";
    let cases = [
        (190, Some(459), "m", "1 Log in at facebook.com as the owner of the token.", true),
        (190, Some(492), "m", "1 In Meta Business settings, give the owner of the token its role back.", true),
        (100, None, "Invalid appsecret_proof", "2 Save it in the file that app_secret_file names.", true),
        (100, None, PROOF_WANTED, "3 Restart a console that is open", false),
    ];
    for (code, subcode, message, step, has_key) in cases {
        let mut console = loaded();
        let ChangeState::Failed(at, error) = refused(190) else { panic!("a failed change") };
        let error = ApiError { code, subcode, message: CleanText::new(message), ..error };
        console.set_change_state(1, ChangeState::Failed(at, error)).sees(step);
        assert_eq!(console.screen().contains("Press r."), has_key, "{message}");
    }
}

#[test]
fn no_key_uses_a_refused_access_token_again() {
    let mut console = token_refused();
    console.press('u').assert_effects([ScreenCommand::ReadToken]);
    console.press('r').assert_effects([ScreenCommand::ReadToken]);
}
