//! What a later run, a shown screen or a new PIN makes of changes in doubt and of cached numbers.

use std::net::SocketAddr;
use std::time::Duration;

use super::{
    APPLIED_NO_ANSWER_FAULT, APPLIED_NO_ANSWER_FOUR_TIMES_FAULT, NOT_SET_ID, NOT_SET_NUMBER, OTHER_NOT_SET_NUMBER,
    OTHER_PIN, PIN,
};
use crate::support::console_driver::{ConsoleDriver, DriverOptions};
use crate::support::state_fixture::StateFixture;

/// Starts a console on the state directory of an earlier one.
fn restart(state: StateFixture) -> ConsoleDriver {
    let mut console = DriverOptions { state: Some(state), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens();
    console
}

fn console_left_in_doubt() -> ConsoleDriver {
    let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).sees("! no answer").sees("in doubt 1");
    console
}

#[test]
fn a_restart_shows_doubts_first_and_a_note_resolves_them() {
    let mut console = restart(console_left_in_doubt().shut_down());
    console.sees("1 number is in doubt").sees_all(&[NOT_SET_NUMBER, "this one or none escrow"]).enter();
    console.sees("encrypted in escrow.jsonl, not in memory").press('s').sees("The PIN is no longer in memory.");
    console
        .wait(Duration::from_secs(1))
        .press('h')
        .type_text("confirmed by phone: the new PIN")
        .enter()
        .sees("Mark +1 415-555-0114 as resolved?")
        .confirm();
    console.sees("Nothing is in doubt.").esc().does_not_see("in doubt 1");
    console.filter(NOT_SET_NUMBER).sees("- resolved").resize(80, 40).enter().sees_all(&[
        "resolved: checked manually",
        "confirmed by phone: the new PIN",
        "History",
    ]);
    let mut console = restart(console.shut_down());
    console.sees("All 60 numbers").sees("in doubt 0");
    assert_eq!(console.pin_commands(), 0);
}

#[test]
fn not_set_after_two_minutes_resolves_the_doubt() {
    let fault = "[[fault]]\nnumber = \"200000000000002\"\nanswer = \"reset-before\"";
    let mut console = ConsoleDriver::with_faults(fault);
    console
        .set_pin(NOT_SET_NUMBER, PIN)
        .sees("! no answer")
        .enter()
        .press('u')
        .sees("two-step verification is not set.");
    console.sees("No answer:").wait(Duration::from_secs(121)).press('u').sees("resolved: no PIN is in force");
    console.esc().does_not_see("in doubt 1").sees("- resolved");
}

#[test]
fn a_new_pin_after_two_minutes_resolves_the_doubt() {
    let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FOUR_TIMES_FAULT);
    console.set_pin(NOT_SET_NUMBER, PIN).sees("! no answer").enter().press('p').sees("To send the same PIN: s");
    console.wait(Duration::from_secs(121)).press('p').sees("Two-step now + on").type_pin(OTHER_PIN).enter();
    console.confirm_with_digits("0114").sees("Last request set at").esc().sees("+ set ");
    assert_eq!(console.pin_in_force(NOT_SET_ID).as_deref(), Some(OTHER_PIN));
}

#[test]
fn changed_keys_block_all_changes_until_accepted() {
    let mut console = ConsoleDriver::demo();
    console.set_pin(NOT_SET_NUMBER, PIN).sees("+ set ").sees("Two-step verification is on.");
    let mut console = restart(console.shut_down().with_new_recipient());
    console
        .sees("KEYS CHANGED")
        .filter(OTHER_NOT_SET_NUMBER)
        .press('p')
        .sees("1 added, 1 removed, 0 unchanged.")
        .confirm();
    console.sees("Escrow keys accepted.").does_not_see("KEYS CHANGED").set_pin(OTHER_NOT_SET_NUMBER, PIN);
    console.sees("+ set ");
}

#[test]
fn showing_the_screen_reads_the_token_and_can_set_a_pin() {
    let mut console = ConsoleDriver::demo();
    console.press('z').sees("This is not a lock.").does_not_see(NOT_SET_NUMBER).enter().sees("All 60 numbers");
    console.set_pin(NOT_SET_NUMBER, PIN).sees("+ set ");
}

#[test]
fn hiding_right_after_confirming_lets_the_request_finish() {
    let mut console = ConsoleDriver::demo();
    console.set_pin(NOT_SET_NUMBER, PIN).press('z').sees("This is not a lock.").enter().sees("+ set ");
    assert_eq!(console.pin_in_force(NOT_SET_ID).as_deref(), Some(PIN));
}

#[test]
fn a_number_meta_no_longer_lists_never_comes_back() {
    let mut first = ConsoleDriver::demo();
    first.sees("Read 60 numbers.").wait_until_journal_opens().wait_until_cached(60);
    let start_offline = |state, host: &str| {
        let address: SocketAddr = format!("{host}:61062").parse().expect("a socket address");
        let options = DriverOptions { numbers: 59, offline_at: Some(address), state, ..DriverOptions::default() };
        (options.start(), address)
    };
    let (mut second, address) = start_offline(Some(first.shut_down()), "127.0.0.62");
    second
        .sees_all(&["60 numbers; 7 of 7 WABAs could not be read", "OFFLINE since"])
        .start_server(address)
        .wait(Duration::from_secs(20));
    second.sees_all(&["Read 59 numbers.", "All 59 numbers"]).wait_until_cached(59);
    let (mut third, _) = start_offline(Some(second.shut_down()), "127.0.0.63");
    third.sees("? on").sees("59 numbers; 7 of 7 WABAs");
}

#[test]
fn cached_numbers_appear_at_once_and_are_marked_as_old() {
    let mut first = DriverOptions { numbers: 600, ..DriverOptions::default() }.start();
    first.sees("Read 600 numbers.").wait_until_journal_opens().wait_until_cached(600);
    let state = Some(first.shut_down());
    let latency = Duration::from_millis(400);
    let mut console = DriverOptions { numbers: 600, state, latency, ..DriverOptions::default() }.start();
    console.sees("Others as of ").sees("? on").sees("Read 600 numbers.").does_not_see("? on");
}
