//! Help, copied values, and every page of a number in the smallest window.

use std::time::Duration;

use pindesk::console::input::keymap::Mode;
use pindesk::policy::error_catalog::{RESET_LOST_PIN_STEPS, TOKEN_PERMISSIONS};

use super::{NOT_SET_ID, NOT_SET_NUMBER, ON_NUMBER, PIN, REFUSED_FAULT};
use crate::support::console_driver::{ConsoleDriver, DriverOptions};

#[test]
fn help_lists_every_key_of_its_page_and_both_guides() {
    let mut console = DriverOptions { size: (120, 80), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().press('?').sees("Help: number list");
    let keymap = console.app().keymap().clone();
    for row in keymap.help_rows(Mode::List) {
        let line = format!("{} {}", row.keys, row.description);
        console.sees(&line);
    }
    for step in RESET_LOST_PIN_STEPS {
        console.sees(step);
    }
    for permission in TOKEN_PERMISSIONS {
        console.sees(permission.name);
    }
    console.resize(80, 12).does_not_see("What an access token needs");
    for _ in 0..9 {
        console.send_bytes("\x1b[6~");
    }
    console.sees("pindesk 0.1.0");
}

#[test]
fn a_copied_value_is_also_shown_as_plain_text() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('c').sees("Copy").press('2').sees("Sent to your terminal's clipboard.");
    assert_eq!(console.copied(), [NOT_SET_ID]);
    assert!(console.rows().iter().any(|row| row.trim() == NOT_SET_ID), "{}", console.screen());
    console.esc().press('1').esc().press('3').esc().esc().sees("1 of 60");
    assert_eq!(console.copied(), [NOT_SET_ID, NOT_SET_NUMBER, "100000000000001"]);
}

/// Opens every page of a number at 40x10: each shows the number and the key that leaves it.
#[test]
fn each_page_at_40x10_shows_its_number_and_the_exit_key() {
    let mut console = DriverOptions { size: (40, 10), faults: REFUSED_FAULT, ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().filter(NOT_SET_NUMBER);
    let assert_shown = |console: &ConsoleDriver, exit_key: &str| {
        let screen = console.screen();
        assert!(screen.contains(NOT_SET_NUMBER) && screen.contains(exit_key), "{exit_key}:\n{screen}");
    };
    console.enter();
    assert_shown(&console, "back");
    console.press('c');
    assert_shown(&console, "back");
    console.press('1');
    assert_shown(&console, "back");
    console.esc().esc().press('p').sees("- not set");
    assert_shown(&console, "Esc cancel");
    console.press('g').sees("PIN again not needed");
    assert_shown(&console, "Esc cancel");
    console.press('v').sees("hides 10s").esc().press('p').type_pin(PIN).enter();
    assert_shown(&console, "n cancel");
    assert_shown(&console, "Esc back");
    console.confirm().sees("Failed:");
    assert_shown(&console, "back");
    console.esc().filter(ON_NUMBER).press('p').type_pin(PIN).enter();
    assert!(console.screen().contains(ON_NUMBER) && console.screen().contains("Esc back"), "{}", console.screen());
    console.sees("Last 4 digits, then Enter [wait]").wait(Duration::from_millis(400)).sees("[____]");
}
