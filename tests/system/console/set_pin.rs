//! The PIN form and its confirmation: what sends a PIN, and what never does.

use std::time::Duration;

use pindesk::console::input::keymap::Mode;

use super::{NOT_SET_ID, NOT_SET_NUMBER, ON_ID, ON_NUMBER, OTHER_PIN, PIN, UNKNOWN_NUMBER};
use crate::support::console_driver::{ConsoleDriver, DriverOptions};
use crate::support::state_fixture::StateFixture;

#[test]
fn setting_a_first_pin_turns_two_step_on() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('p').sees_all(&[
        "Set the PIN of +1 415-555-0114",
        "Two-step now - not set",
        "Type 6 digits.",
    ]);
    console.type_pin(PIN).sees("Ready. Press Enter.").enter();
    console.sees_all(&[
        "Set the PIN of +1 415-555-0114?",
        "+1 415-555-0114 Acme Repairs Deliveries",
        "DEMO: a made-up number",
        "Enter does nothing here.",
    ]);
    console.confirm().sees("+ set ").sees("Two-step verification is on.");
    assert!(console.row("Acme Repairs Deliv").contains("+ on "), "{}", console.screen());
    assert_eq!(
        (console.pins_sent(NOT_SET_ID), console.pin_in_force(NOT_SET_ID)),
        (vec![PIN.to_owned()], Some(PIN.to_owned()))
    );
}

#[test]
fn enter_never_sends_and_n_and_esc_cancel() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('p').type_pin(PIN).enter().wait(Duration::from_secs(2));
    console.enter().enter().sees("Set the PIN of +1 415-555-0114?").press('x').sees("Press y to send, n to cancel.");
    console.press('n').sees("Canceled. Nothing was sent.");
    console.press('p').type_pin(PIN).enter().wait(Duration::from_secs(2)).esc().sees("Ready. Press Enter.");
    console.esc().sees("Canceled. Nothing was sent.");
    console.press('p').type_pin(PIN).esc().sees("Canceled. Nothing was sent.");
    assert_eq!(console.pin_commands(), 0);
}

#[test]
fn replacing_a_pin_needs_the_last_four_digits() {
    let mut console = ConsoleDriver::demo();
    console.select(ON_NUMBER).press('p').sees("Two-step now + on").type_pin(PIN).enter();
    console.sees_all(&["Replace the PIN of +1 212-555-0101?", "The old PIN stops working at once."]);
    console.confirm().sees("Replace the PIN").enter().sees("Type the last 4 digits first.");
    console.confirm_with_digits("0102").sees("Those are not the last 4 digits. Try again.");
    assert_eq!(console.pin_commands(), 0);
    console.confirm_with_digits("0101").sees("+ set ");
    assert_eq!(console.pin_in_force(ON_ID).as_deref(), Some(PIN));
}

#[test]
fn the_keypad_types_and_a_line_feed_never_confirms() {
    let mut console = ConsoleDriver::demo();
    let type_on_keypad = |console: &mut ConsoleDriver, digits: &str| {
        for digit in digits.bytes() {
            console.send_bytes(&format!("\x1bO{}", char::from(digit - b'0' + b'p')));
        }
    };
    console.select(ON_NUMBER).send_bytes("\n").sees("Two-step").press('p');
    type_on_keypad(&mut console, &PIN.repeat(2));
    console.sees("Ready. Press Enter.").send_bytes("\n").sees("Replace the PIN of");
    console.wait(Duration::from_secs(2));
    type_on_keypad(&mut console, "0101");
    console.send_bytes("\n").sees("Type the 4 digits and Enter").type_in_one_read("\n\n").sees("Replace the PIN of");
    console.wait(Duration::from_secs(2)).send_bytes("\n").sees("Replace the PIN of");
    assert_eq!(console.pin_commands(), 0);
    console.send_bytes("\x1bOM").sees("Last request set at");
    assert_eq!(console.pin_in_force(ON_ID).as_deref(), Some(PIN));
}

#[test]
fn five_wrong_entries_cancel_the_replacement() {
    let mut console = ConsoleDriver::demo();
    console.select(ON_NUMBER).press('p').type_pin(PIN).enter();
    for _ in 0..4 {
        console.confirm_with_digits("1234").sees("Those are not the last 4 digits.");
    }
    console.confirm_with_digits("1234").sees("Canceled: the digits were wrong 5 times. Nothing was sent.");
    assert_eq!(console.pin_commands(), 0);
}

#[test]
fn an_unknown_two_step_status_counts_as_on() {
    let mut console = ConsoleDriver::demo();
    console.select(UNKNOWN_NUMBER).press('p').sees("Two-step now ? unknown").type_pin(PIN).enter();
    console.sees_all(&["Replace the PIN of", "! A PIN may be set unknown, read"]).confirm().sees("Replace");
    assert_eq!(console.pin_commands(), 0);
    console.confirm_with_digits("0127").sees("+ set ");
}

#[test]
fn four_keys_set_a_random_pin_that_the_escrow_keeps() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('p').press('g').sees("Ready. Press Enter.").enter().confirm().sees("+ set ");
    let pin = console.pin_in_force(NOT_SET_ID).expect("a PIN is in force");
    assert!(pin.len() == 6 && pin.bytes().all(|digit| digit.is_ascii_digit()), "{pin}");
}

#[test]
fn digits_typed_at_a_calm_pace_replace_a_pin() {
    let mut console = ConsoleDriver::demo();
    console.select(ON_NUMBER).press('p').sees("Two-step now + on");
    console.type_at_interval(Duration::from_millis(250), "409726409726\r").sees("Replace the PIN of").sees("[wait]");
    // Two digits within the pause, then the four that are asked for.
    console.type_at_interval(Duration::from_millis(250), "990101").sees("4 of 4 digits.").enter().sees("+ set ");
    assert_eq!(console.pin_in_force(ON_ID).as_deref(), Some(PIN));
}

#[test]
fn a_random_pin_is_shown_for_ten_seconds_and_retyped() {
    let state = Some(StateFixture::without_recipients());
    let mut console = DriverOptions { state, ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens();
    console.select(NOT_SET_NUMBER).press('p').press('g').sees_all(&["Random PIN.", "hides in 10 s"]);
    let pin = console.shown_pin();
    assert_eq!(pin.len(), 6);
    console.wait(Duration::from_secs(3)).sees("hides in 7 s").wait(Duration::from_secs(7)).does_not_see("hides in");
    assert_eq!(console.shown_pin(), "", "the PIN hides by itself");
    console.type_text(&pin).sees("Ready. Press Enter.").enter().does_not_see(&pin).confirm().sees("+ set ");
    assert_eq!(console.pin_in_force(NOT_SET_ID), Some(pin));
}

#[test]
fn v_shows_and_hides_the_pin_and_help_hides_it() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('p').type_text(PIN).press('v').sees("[4] [0] [9] [7] [2] [6]").press('v');
    console.sees("[*] [*] [*] [*] [*] [*]").press('v').sees("[4]").press('?').sees("Help: PIN form").esc();
    console.sees("[*] [*]").does_not_see("[4]");
}

#[test]
fn weak_pins_are_refused_and_repeating_ones_need_enter_twice() {
    let mut console = ConsoleDriver::demo();
    for (pin, why) in [
        ("111111", "all digits are the same"),
        ("123456", "the digits count up or down"),
        ("550114", "these are the last digits of the number"),
    ] {
        console.select(NOT_SET_NUMBER).press('p').type_text(pin).sees("Easy to guess:").sees(why).enter();
        assert_eq!(console.app().mode(), Mode::PinForm);
        console.esc();
    }
    console.select(NOT_SET_NUMBER).press('p').type_pin("121212").sees("Ready.").enter();
    console.sees("! Easy to guess: the digits repeat. Press Enter again to use it anyway.").enter();
    console.sees("Set the PIN of +1 415-555-0114?").esc();
    assert_eq!(console.pin_commands(), 0);
}

#[test]
fn differing_pins_are_retyped_and_backspace_works() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('p').type_text(PIN).type_text(OTHER_PIN);
    console
        .sees("They differ. Type the second again, or Up to change the first.")
        .type_text("40972")
        .send_bytes("\x7f");
    console.sees("4 of 6 digits.").ctrl('h').sees("3 of 6 digits.").type_text("726").sees("Ready.");
    console.esc().press('p').press('x').sees("Digits only.").press('4').press('X').sees("Digits only.");
}

#[test]
fn the_form_accepts_a_paste_of_six_digits_only() {
    let mut console = ConsoleDriver::demo();
    console
        .select(NOT_SET_NUMBER)
        .press('p')
        .paste("PIN: 409726")
        .sees("The pasted text is not 6 digits. Nothing was changed.");
    console.paste("409726\n").sees("Pasted 6 digits.").paste(PIN).sees("Ready. Press Enter.").does_not_see(PIN);
    console.enter().sees("Set the PIN of +1 415-555-0114?").wait(Duration::from_secs(2)).paste("y\r");
    console.sees("Too fast: that looked like a paste. Press the key again.");
    assert_eq!(console.pin_commands(), 0);
    console.confirm().sees("+ set ");
}

#[test]
fn a_number_pasted_into_the_list_becomes_the_filter() {
    let mut console = ConsoleDriver::demo();
    console.paste("p409726\ry").sees("Paste ignored. Open a field first.");
    console.paste("+1 (415) 555-0114\n").sees_all(&["1 of 60", NOT_SET_NUMBER]);
    console.enter().sees("Last request").paste("p").sees("Paste ignored.");
    assert_eq!(console.pin_commands(), 0);
}

#[test]
fn a_pin_pasted_into_the_list_by_mistake_is_not_shown() {
    ConsoleDriver::demo().paste(PIN).sees("Paste ignored. Open a field first.").does_not_see(PIN);
}

#[test]
fn keys_typed_ahead_send_nothing() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).type_in_one_read("p409726409726\ry").sees("Paste ignored.");
    assert_eq!(console.app().mode(), Mode::List);
    console.type_at_interval(Duration::from_millis(30), "p409726409726\ryyyyyyyyyyyyyyyyyyyyyyy");
    console.sees_all(&["Set the PIN of +1 415-555-0114?", "Too soon after the question appeared. Press y now."]);
    console.wait(Duration::from_millis(200)).press('y').sees("Release the keys, then press y.");
    assert_eq!(console.pin_commands(), 0);
    console.wait(Duration::from_millis(400)).press('y').sees("+ set ");
}

#[test]
fn digits_typed_ahead_do_not_confirm_a_replacement() {
    let mut console = ConsoleDriver::demo();
    console.select(ON_NUMBER).type_at_interval(Duration::from_millis(30), "p409726409726\r0101\r");
    console.sees("Replace the PIN of").sees("[wait]").wait(Duration::from_secs(1)).sees("[____]").enter();
    console.sees("Type the last 4 digits first.");
    assert_eq!(console.pin_commands(), 0);
}

#[test]
fn a_window_that_is_too_small_confirms_nothing() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('p').type_pin(PIN).enter().wait(Duration::from_secs(2)).resize(39, 9);
    console
        .sees_all(&["Window too small: 39 x 9", "pindesk needs 40 x 10."])
        .does_not_see("send it")
        .press('y')
        .wait(Duration::from_secs(2));
    console
        .resize(80, 24)
        .sees("Set the PIN of +1 415-555-0114?")
        .press('y')
        .sees("Too soon after the question appeared. Press y now.");
    assert_eq!(console.pin_commands(), 0);
    console.confirm().sees("+ set ");
}

#[test]
fn a_read_only_profile_opens_no_form() {
    let mut console = DriverOptions { read_only: true, ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().sees("READ-ONLY").select(NOT_SET_NUMBER).press('p');
    console.sees("pindesk is read-only here: nothing can be changed.");
    assert_eq!(console.app().mode(), Mode::List);
}
