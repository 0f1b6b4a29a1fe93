//! Copying a value of a number, or the command that decrypts its PIN.

use pindesk::console::effect::{Effect, ScreenCommand};
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::ApiError;
use pindesk::domain::text::CleanText;

use super::actions::refused;
use crate::support::app_fixture::{AppFixture, recording_with_escrow, recording_without_escrow};

#[test]
fn five_copies_the_command_that_decrypts_the_pin() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('c').sees("5 the command that decrypts its PIN").press('5');
    let command = "pindesk escrow open --identity FILE 200000000000000";
    console.assert_effects([ScreenCommand::Copy(command.to_owned())]);
    assert!(console.screen().lines().any(|line| line.trim() == command), "{}", console.screen());
    console.sees("Replace FILE with the path of your private key.");
}

#[test]
fn a_command_wider_than_the_window_can_be_pasted_from_it() {
    let mut console = AppFixture::loaded((40, 10), recording_with_escrow());
    console.press('c').press('5');
    let screen = console.screen();
    let lines: Vec<_> = screen.lines().filter(|line| line.contains("escrow open") || line.contains("--id")).collect();
    assert_eq!(lines, ["pindesk escrow open \\", "--identity FILE 200000000000000"], "{screen}");
}

#[test]
fn without_an_escrow_no_command_is_offered() {
    let mut console = AppFixture::loaded((80, 24), recording_without_escrow());
    console.press('c').does_not_see("decrypts its PIN").press('5').assert_no_effects();
    console.sees("PINs are not saved to an escrow now, so there is no command.");
    assert_eq!(console.app.mode(), Mode::Copy);
}

#[test]
fn a_value_that_is_missing_leaves_the_menu_open() {
    let mut console = AppFixture::new((80, 24));
    let unresolved = vec![console.recovered_change(7)];
    console.open_recording(recording_with_escrow(), unresolved, &[]).key(Key::Enter).press('c').press('3');
    console.sees("pindesk does not know this value of the number.").assert_no_effects();
    assert_eq!(console.app.mode(), Mode::Copy);
}

#[test]
fn the_page_and_the_ticket_have_all_words_of_meta() {
    let mut console = AppFixture::loaded((80, 40), recording_with_escrow());
    let ChangeState::Failed(at, error) = refused() else { panic!("a failed change") };
    let text = |text| Some(Box::new(CleanText::new(text)));
    let error = ApiError {
        subcode: Some(2_388_001),
        details: Some(CleanText::new("blame_field_specs: pin")),
        user_title: text("Nicht möglich"),
        user_message: text("לא ניתן"),
        ..error
    };
    console.set_change_state(0, ChangeState::Failed(at, error)).open_number(0);
    console.sees("Details blame_field_specs: pin").sees("Title Nicht moglich").sees("User message ?? ????");
    console.sees("Code, HTTP 100/2388001, 400").press('c').press('4');
    let Some(Effect::Screen(ScreenCommand::Copy(text))) = console.effects.last() else {
        panic!("{:?}", console.effects)
    };
    let words = "\nMeta said: (#100) The PIN is not accepted\nDetails: blame_field_specs: pin\nTitle: Nicht möglich\n\
                 User message: \u{2068}לא ניתן\u{2069}\nCode, HTTP: 100/2388001, 400\nTrace ID: none";
    assert!(text.ends_with(words), "{text}");
}

#[test]
fn a_copied_ticket_says_when_each_thing_was_known() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).open_number(0).press('c').press('4');
    let Some(Effect::Screen(ScreenCommand::Copy(text))) = console.effects.last() else {
        panic!("{:?}", console.effects)
    };
    assert!(text.contains("\nTwo-step verification: not set, read 22 Nov 2026 14:03 UTC\n"), "{text}");
    assert!(text.contains("\nLast request: no answer, 22 Nov 2026 14:0"), "{text}");
}

#[test]
fn the_command_for_a_number_without_a_pin_here_says_so() {
    let none = "No PIN of this number was set here so far: the command may find none.";
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('c').press('5').sees(none).sees("Replace FILE with").key(Key::Esc);
    console.set_in_doubt(0, |_| {}).press('c').press('5').does_not_see(none).sees("Replace FILE with");
}
