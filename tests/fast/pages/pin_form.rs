//! The PIN form: typed and random PINs, with an escrow and without one.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::{Effect, ScreenCommand};
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::RecordingStatus;
use pindesk::console::theme::TerminalEnv;
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use ratatui::layout::Position;

use crate::support::app_fixture::{
    AppFixture, PIN, READING_TIME, recording_with_escrow, recording_without_escrow, set_drawn_pin_effect,
    set_pin_effect,
};

const HIDDEN_PIN: &str = "[*] [*] [*] [*] [*] [*]";
const SHOWN_PIN: &str = "[4] [0] [9] [7] [2] [6]";

/// The console with this way of recording, which shows PINs for 10 seconds or never.
fn console_with(recording: RecordingStatus, shows_pins: bool) -> AppFixture {
    let show_pin_for = shows_pins.then(|| Duration::from_secs(10));
    let mut console = AppFixture::with_options((80, 24), &TerminalEnv::default(), show_pin_for);
    console.read_list().open_recording(recording, Vec::new(), &[]);
    console
}

/// Presses `g`, and answers with `PIN`.
fn generate(console: &mut AppFixture) -> &mut AppFixture {
    let display_number = Some("+1 555-010-0140".to_owned());
    console.press('g').assert_effects([ScreenCommand::GeneratePin { display_number }]);
    console.update(Msg::PinGenerated(Pin::parse(PIN.as_bytes()).ok()))
}

#[test]
fn four_keys_set_a_random_pin_that_the_escrow_keeps() {
    for shows_pins in [true, false] {
        let mut console = console_with(recording_with_escrow(), shows_pins);
        generate(console.press('p')).sees(&format!("New PIN {HIDDEN_PIN} random"));
        console
            .sees("PIN again not needed: the escrow keeps it")
            .sees("Saved to the escrow first (2 keys can open it).");
        console.sees("Ready. Press Enter. Nothing is sent before you confirm.").sees("Enter continue");
        console.key(Key::Enter).sees("PIN random, saved to the escrow first (2 keys)").wait(READING_TIME);
        console.press('y').assert_effects([set_drawn_pin_effect(0)]);
    }
}

#[test]
fn fifteen_keys_set_a_typed_pin() {
    let mut console = console_with(recording_with_escrow(), true);
    let keys = [format!("p{PIN}{PIN}\r"), "y".to_owned()];
    assert_eq!(keys.iter().map(String::len).sum::<usize>(), 15);
    for key in keys[0].chars() {
        console.key(if key == '\r' { Key::Enter } else { Key::Char(key) });
    }
    console.wait(READING_TIME).press('y').assert_effects([set_pin_effect(0)]);
}

#[test]
fn v_shows_a_random_pin_where_that_is_allowed() {
    let mut console = console_with(recording_with_escrow(), true);
    generate(console.press('p')).press('v').sees(&format!("{SHOWN_PIN} hides in 10 s"));
    console.key(Key::Enter).key(Key::Esc).sees(HIDDEN_PIN).does_not_see("hides in");
    let mut console = console_with(recording_with_escrow(), false);
    generate(console.press('p')).press('v').sees("Showing PINs is off here.").sees(HIDDEN_PIN);
}

#[test]
fn without_an_escrow_a_random_pin_is_shown_and_retyped() {
    let mut console = console_with(recording_without_escrow(), true);
    generate(console.press('p')).sees(&format!("{SHOWN_PIN} hides in 10 s"));
    console.sees("Random PIN. Save it in your vault, then retype it.").key(Key::Enter).assert_no_effects();
    assert_eq!(console.app.mode(), Mode::PinForm);
    console.type_text(PIN).sees("Ready. Press Enter.").key(Key::Enter).wait(READING_TIME);
    console.sees("PIN random. No escrow").press('y').assert_effects([set_pin_effect(0)]);
}

#[test]
fn a_random_pin_that_nobody_could_read_is_not_generated() {
    let mut console = console_with(recording_without_escrow(), false);
    console.press('p').press('g').assert_no_effects();
    console.sees("Showing PINs is off here, so you could not save a random PIN.");
}

#[test]
fn an_unseen_random_pin_is_not_sent_after_the_journal_failed() {
    let failure = || Msg::JournalFailed(CleanText::new("the disk is full"));
    // On the form, and on the question.
    for is_asked in [false, true] {
        let mut console = console_with(recording_with_escrow(), true);
        generate(console.press('p'));
        if is_asked {
            console.key(Key::Enter).update(failure());
        } else {
            console.update(failure()).key(Key::Enter);
        }
        console.wait(READING_TIME).press('y').assert_no_effects().sees("The journal failed, so nothing more is sent.");
        console.key(Key::Esc).press('m').sees("Nothing was sent. The journal cannot record it.");
    }
    // A PIN that arrives after the failure could not be saved any more, so it has to be seen and retyped.
    let mut console = console_with(recording_with_escrow(), true);
    console.press('p').press('g').update(failure()).update(Msg::PinGenerated(Pin::parse(PIN.as_bytes()).ok()));
    console.sees(SHOWN_PIN).key(Key::Enter);
    assert_eq!(console.app.mode(), Mode::PinForm);
}

#[test]
fn each_input_is_answered_on_the_same_line() {
    let mut console = console_with(recording_with_escrow(), true);
    console.press('p');
    let line = |console: &AppFixture| console.screen().lines().nth(11).unwrap_or_default().trim().to_owned();
    let mut answers = vec![line(&console)];
    for keys in ["409", "X", "726", "409727", "x", "4", "09726"] {
        console.type_text(keys);
        answers.push(line(&console));
    }
    console.key(Key::Esc).press('p').update(Msg::Pasted(PastedText::new("PIN: 409726".to_owned())));
    answers.push(line(&console));
    console.update(Msg::Pasted(PastedText::new(PIN.to_owned())));
    answers.push(line(&console));
    let expected = [
        "Type 6 digits.",
        "3 of 6 digits.",
        "Digits only.",
        "Now type the same PIN again.",
        "They differ. Type the second again, or Up to change the first.",
        "They differ. Type the second again, or Up to change the first.",
        "1 of 6 digits.",
        "Ready. Press Enter.",
        "The pasted text is not 6 digits. Nothing was changed.",
        "Pasted 6 digits.",
    ];
    assert_eq!(answers, expected);
}

#[test]
fn the_cursor_is_in_the_cell_of_the_next_digit() {
    let mut console = console_with(recording_with_escrow(), true);
    let mut cursors = vec![console.press('p').cursor];
    for keys in ["409", "726", "40"] {
        cursors.push(console.type_text(keys).cursor);
    }
    let expected = [(21, 8), (33, 8), (21, 9), (29, 9)].map(|(x, y)| Some(Position { x, y }));
    assert_eq!(cursors, expected, "{}", console.screen());
}

#[test]
fn a_form_can_be_left_and_reopened_with_its_pin() {
    for is_random in [false, true] {
        let mut console = console_with(recording_with_escrow(), true);
        console.press('p');
        if is_random {
            generate(&mut console);
        } else {
            console.type_text(PIN).type_text(PIN);
        }
        console.key(Key::Enter).key(Key::Esc).sees("Ready. Press Enter.").sees(HIDDEN_PIN).key(Key::Enter);
        console.wait(READING_TIME).press('y').assert_effects([if is_random {
            set_drawn_pin_effect(0)
        } else {
            set_pin_effect(0)
        }]);
    }
    let mut console = console_with(recording_with_escrow(), true);
    console.press('p').enter_pin().key(Key::Esc).key(Key::Esc).sees("Canceled. Nothing was sent.");
    assert_eq!((console.app.mode(), &console.effects), (Mode::List, &Vec::<Effect>::new()));
}
