//! Snapshots of the pages at four sizes and glyph sets.

use std::time::Duration;

use pindesk::console::theme::Glyphs;

use super::{APPLIED_NO_ANSWER_FAULT, NOT_SET_NUMBER, ON_NUMBER, PIN, REFUSED_FAULT};
use crate::support::console_driver::{ConsoleDriver, DriverOptions};

/// Compares the screen with its snapshot. Times, versions, keys and trace IDs are masked, because they vary.
fn assert_screen_snapshot(name: &str, console: &ConsoleDriver) {
    insta::with_settings!({
        filters => [
            (r"\d\d:\d\d:\d\d UTC", "HH:MM:SS UTC"),
            (r"read \d\d:\d\d:\d\d\b", "read HH:MM:SS"),
            (r"set \d\d:\d\d", "set HH:MM"),
            (r"since \d\d:\d\d", "since HH:MM"),
            (r"\bA[\w-]{22}\b", "TRACE-ID"),
            (r"pindesk \d+\.\d+\.\d+", "pindesk VERSION"),
            (r"\bage1[0-9a-z]+[~…][0-9a-z]+", "age1-KEY"),
        ],
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, console.screen());
    });
}

const SIZES: [(&str, (u16, u16), Glyphs); 4] = [
    ("80x24", (80, 24), Glyphs::Ascii),
    ("120x36", (120, 36), Glyphs::Ascii),
    ("40x10", (40, 10), Glyphs::Ascii),
    ("80x24-unicode", (80, 24), Glyphs::Unicode),
];

/// One walk past every page of a number, at each size.
#[test]
fn number_pages_match_their_snapshots() {
    for (size_name, size, glyphs) in SIZES {
        let snap =
            |page: &str, console: &ConsoleDriver| assert_screen_snapshot(&format!("{page}-{size_name}"), console);
        let mut console = DriverOptions { size, glyphs, faults: REFUSED_FAULT, ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens().send_bytes("\x1b[H\x1b[B");
        snap("list", &console);
        console.press('/').type_text("two-step:not-set waba:us");
        snap("filter", &console);
        console.ctrl('u').type_text("statsu:");
        snap("filter-unknown", &console);
        console.esc().press('o');
        snap("sort", &console);
        console.esc().filter("xyzzy");
        snap("no-match", &console);
        console.filter(NOT_SET_NUMBER).enter().wait_for_history();
        snap("details", &console);
        console.press('c');
        snap("copy", &console);
        console.press('2');
        snap("copied", &console);
        console.esc().esc().press('?');
        snap("help", &console);
        console.esc().press('p').sees("not set").wait_for_history().type_text("409");
        snap("form", &console);
        console.ctrl('u').type_text("123456");
        snap("form-weak", &console);
        console.ctrl('u').type_pin(PIN).enter();
        snap("confirm", &console);
        console.confirm().sees("Failed:").wait_for_history_entry();
        snap("failed", &console);
        // The form refreshes its number. Nothing else orders that message before those of the change.
        console.esc().filter(ON_NUMBER).press('p').wait_for_message("two-step verification is on.").wait_for_history();
        console.type_pin(PIN).enter().wait(Duration::from_secs(1)).type_text("01");
        snap("confirm-replace", &console);
        console.type_text("01").enter().filter(ON_NUMBER);
        console.sees(if glyphs == Glyphs::Ascii { "+ set " } else { "✓ set " }).sees("UTC. Tw");
        console.wait(Duration::from_secs(1)).wait_for_history().wait_for_history_entry();
        snap("set", &console);
        console.press('m');
        snap("messages", &console);
        console.resize(39, 9);
        assert_screen_snapshot("too-small", &console);
    }
}

#[test]
fn in_doubt_pages_match_their_snapshots() {
    // All four requests start before the first is checked, because each takes seconds to finish.
    let consoles = SIZES.map(|(size_name, size, glyphs)| {
        let mut console =
            DriverOptions { size, glyphs, faults: APPLIED_NO_ANSWER_FAULT, ..DriverOptions::default() }.start();
        console
            .sees("Read 60 numbers.")
            .wait_until_journal_opens()
            .filter(NOT_SET_NUMBER)
            .press('p')
            // Nothing else orders the message of this refresh before those of the change.
            .wait_for_message("two-step verification is not set.")
            .type_pin(PIN)
            .enter()
            .confirm();
        (size_name, console)
    });
    for (size_name, mut console) in consoles {
        console.sees("! no answer").enter().wait_for_history_entry();
        assert_screen_snapshot(&format!("no-answer-{size_name}"), &console);
        console.press('s');
        assert_screen_snapshot(&format!("send-same-{size_name}"), &console);
        console.esc().esc().press('q').sees("in doubt?");
        assert_screen_snapshot(&format!("quit-{size_name}"), &console);
    }
}

#[test]
fn pages_without_numbers_match_their_snapshots() {
    for (size_name, size, glyphs) in SIZES {
        let start = || DriverOptions { size, glyphs, ..DriverOptions::default() };
        let welcome = DriverOptions { has_config: false, token: Err(""), ..start() }.start();
        assert_screen_snapshot(&format!("welcome-{size_name}"), &welcome);
        let missing = DriverOptions { token: Err("The file is empty."), ..start() }.start();
        assert_screen_snapshot(&format!("no-token-{size_name}"), &missing);
        let mut refused = DriverOptions { token: Ok("SIMULATOR-EXPIRED"), ..start() }.start();
        refused.sees("Access token refused").sees("Read 0 numbers");
        assert_screen_snapshot(&format!("refused-token-{size_name}"), &refused);
        let mut empty = DriverOptions { numbers: 0, ..start() }.start();
        empty.sees("Read 0 numbers.");
        assert_screen_snapshot(&format!("no-numbers-{size_name}"), &empty);
    }
}

#[test]
fn the_details_pane_matches_its_snapshot() {
    let mut console = DriverOptions { size: (120, 36), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().press('d');
    assert_screen_snapshot("details-pane-120x36", &console);
}
