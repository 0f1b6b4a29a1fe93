//! Failed changes, no answer, quitting, and starts without a token, a connection or a config.

use std::net::SocketAddr;
use std::time::Duration;

use pindesk::console::input::keymap::Mode;
use pindesk::domain::change::MAX_ATTEMPTS;

use super::{
    APPLIED_NO_ANSWER_FAULT, APPLIED_NO_ANSWER_FOUR_TIMES_FAULT, NOT_SET_ID, NOT_SET_NUMBER, OTHER_NOT_SET_ID,
    OTHER_NOT_SET_NUMBER, OTHER_PIN, PIN, REFUSED_FAULT, TIMEOUT_FAULT,
};
use crate::support::console_driver::{ConsoleDriver, DriverOptions};
use crate::support::state_fixture::StateFixture;

#[test]
fn a_failed_change_says_why_what_to_do_and_quotes_meta() {
    let mut console = ConsoleDriver::with_faults(REFUSED_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).sees("x failed").sees("failed: the number is not registered").enter();
    console.sees_all(&[
        "Failed: +1 415-555-0114",
        "Meta refused the request. Nothing was changed.",
        "The number is not registered with WhatsApp.",
        "Register the number. Only the API can do that: POST /<ID>/register.",
        "That call sets its PIN, unless one is set",
        "133010, 400",
        "Trace ID",
        "Tries 1, last at",
    ]);
    assert!(console.row("Meta said").contains("133010"), "{}", console.screen());
    console
        .press('c')
        .press('4')
        .sees("Copied")
        .esc()
        .esc()
        .sees("Failed:")
        .press('p')
        .sees("Set the PIN of +1 415-555-0114")
        .esc();
    let ticket = console.copied().first().cloned().unwrap_or_default();
    assert!(ticket.contains("Trace ID: A") && !ticket.contains(PIN), "{ticket}");
}

#[test]
fn no_answer_keeps_the_pin_and_s_resends_it() {
    let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FOUR_TIMES_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).sees("! no answer").sees("PIN in escrow.").enter();
    console.sees_all(&["No answer: +1 415-555-0114", "The PIN may or may not be set.", "Tries 4"]);
    console
        .press('s')
        .sees("Send the same PIN to +1 415-555-0114 again?")
        .press('y')
        .sees("Too soon after the question appeared.");
    assert_eq!(console.pin_commands(), 1);
    console.enter().confirm().sees("Last request set at").sees("5 tries").esc().sees("+ set ");
    assert_eq!(console.pins_sent(NOT_SET_ID), vec![PIN.to_owned(); usize::from(MAX_ATTEMPTS) + 1]);
}

#[test]
fn two_different_pins_are_never_in_flight_to_one_number() {
    let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).press('p').sees("A request for this number is already in progress.");
    console.sees("! no answer").wait(Duration::from_secs(1)).press('p').sees("To send the same PIN: Enter, then s.");
    console.wait(Duration::from_secs(1)).enter().press('p').sees("To send the same PIN: s.");
    assert_eq!(console.pin_commands(), 1);
    console.wait(Duration::from_secs(1)).press('u');
    console.sees("two-step verification is on").sees("this try set it, or someone else did.");
    assert!(console.pins_sent(NOT_SET_ID).iter().all(|pin| pin == PIN));
}

/// A console without an escrow: a PIN in doubt is only in memory.
fn console_without_escrow(faults: &'static str) -> ConsoleDriver {
    let state = Some(StateFixture::without_recipients());
    let mut console = DriverOptions { faults, state, ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens();
    console
}

#[test]
fn quitting_during_a_request_asks_and_waits() {
    let mut console = ConsoleDriver::with_faults(TIMEOUT_FAULT);
    console
        .set_pin(NOT_SET_NUMBER, PIN)
        .sees("recording, then sending.")
        .sees("~ sending")
        .press('q')
        .sees("1 request is in flight.")
        .press('y');
    assert!(!console.has_quit(), "too early: the quiet time has not passed");
    console.press('n').sees("~ sending").press('q').wait(Duration::from_secs(1)).press('y').sees("Quitting");
    console.sees("1 request is in flight. Waiting for the answers").press('n');
    console.sees("You did not quit. Nothing was queued.");
    assert!(!console.has_quit(), "requests in flight are awaited");
}

#[test]
fn quitting_asks_about_a_doubt_that_starts_meanwhile() {
    let mut console = console_without_escrow(APPLIED_NO_ANSWER_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).sees("~ retry").press('q').wait(Duration::from_secs(1));
    console
        .sees_all(&["Quit while a PIN is in doubt?", "the PINs of these numbers are lost:", "! +1 415-555-0114"])
        .esc();
    console.sees("! no answer");
    assert!(!console.has_quit());
}

#[test]
fn quitting_with_a_pin_in_doubt_needs_a_quiet_time() {
    let mut console = console_without_escrow(APPLIED_NO_ANSWER_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).sees("! no answer").press('q');
    console
        .sees_all(&["Quit while a PIN is in doubt?", "the PINs of these numbers are lost:", "! +1 415-555-0114"])
        .press('y')
        .enter();
    assert!(!console.has_quit());
    console.esc().sees("1 of 60").ctrl('c').ctrl('c').wait(Duration::from_secs(1)).ctrl('c');
    assert!(!console.has_quit(), "Ctrl-C alone never drops a PIN in doubt");
    console.esc().press('q').wait(Duration::from_secs(1)).press('y');
    assert!(console.has_quit());
}

#[test]
fn q_quits_at_once_if_no_request_is_running() {
    let mut console = ConsoleDriver::demo();
    console.press('q');
    assert!(console.has_quit());
}

#[test]
fn after_a_refused_token_r_with_a_good_one_loads_the_list() {
    let mut console = DriverOptions { token: Ok("SIMULATOR-EXPIRED"), ..DriverOptions::default() }.start();
    console.sees_all(&["Access token refused", "Make a new access token", "/etc/pindesk/token"]);
    console.press('r').wait(Duration::from_secs(1)).sees("Access token refused");
    console.set_token("SIMULATOR").press('r').sees_all(&["All 60 numbers", "online", "Read 60 numbers."]);
}

#[test]
fn a_read_only_token_fails_with_a_clear_reason() {
    let mut console = DriverOptions { token: Ok("SIMULATOR-READONLY"), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().set_pin(NOT_SET_NUMBER, PIN).sees("x failed").enter();
    console.sees_all(&["Nothing was changed.", "The access token may not", "To do", "Meta said"]);
    assert_eq!(console.pin_in_force(NOT_SET_ID), None);
}

#[test]
fn a_missing_token_says_where_it_is_expected() {
    let mut console = DriverOptions { token: Err("The file is empty."), ..DriverOptions::default() }.start();
    console.sees_all(&["No access token", "The file is empty.", "/etc/pindesk/token"]).press('r');
    console.sees("The access token could not be read.");
    console.set_token("SIMULATOR").press('r').sees("Read 60 numbers.");
}

#[test]
fn offline_is_shown_and_the_console_reconnects_by_itself() {
    let address: SocketAddr = "127.0.0.61:61061".parse().expect("an address");
    let mut console = DriverOptions { offline_at: Some(address), ..DriverOptions::default() }.start();
    console.sees_all(&["OFFLINE since 14:03", "could not be read"]).sees("Numbers could not be read");
    console.press('p');
    assert_eq!(console.app().mode(), Mode::NoNumbers);
    console.start_server(address).wait(Duration::from_secs(20)).sees_all(&["online", "Read 60 numbers."]);
}

#[test]
fn a_lost_connection_keeps_the_list_and_refuses_p() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).stop_server().press('r').sees("OFFLINE since").sees(NOT_SET_NUMBER);
    console.press('p').sees("No PIN can be set now").sees("graph.example has not answered since 14:03:09 UTC.");
    // Keys typed ahead for the form reach no other number.
    console.type_at_interval(Duration::from_millis(500), "g\r0179\r").sees("No PIN can be set now").esc();
    assert_eq!((console.app().mode(), console.pin_commands()), (Mode::List, 0));
}

#[test]
fn without_a_config_the_console_offers_the_demo() {
    let mut console = DriverOptions { has_config: false, token: Err(""), ..DriverOptions::default() }.start();
    console.sees_all(&["Welcome", "No config file was found.", "/etc/pindesk/config.toml", "Nothing has been sent"]);
    console.press('t');
    assert!(console.wants_demo());
    console.press('?').sees("Help: welcome").esc().press('q');
    assert!(console.has_quit());
}

#[test]
fn another_number_is_set_while_the_first_gets_no_answer() {
    let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).set_pin(OTHER_NOT_SET_NUMBER, OTHER_PIN).sees("+ set ");
    assert_eq!(console.pin_in_force(OTHER_NOT_SET_ID).as_deref(), Some(OTHER_PIN));
    console.select(NOT_SET_NUMBER).sees("! no answer");
}
