//! The number list: filling, filtering, sorting, details beside it, and names of any width.

use std::time::Duration;

use pindesk::console::input::keymap::Mode;
use pindesk::console::theme::Glyphs;

use super::{NOT_SET_ID, NOT_SET_NUMBER, ON_NUMBER, OTHER_NOT_SET_ID, OTHER_NOT_SET_NUMBER, PIN, UNKNOWN_NUMBER};
use crate::support::console_driver::{ConsoleDriver, DriverOptions};

/// The details beside the list follow the cursor when it rests for this long.
const REST_TIME: Duration = Duration::from_millis(100);

#[test]
fn the_list_fills_as_pages_arrive() {
    let mut console =
        DriverOptions { numbers: 1_200, latency: Duration::from_millis(5), ..DriverOptions::default() }.start();
    console.sees("connecting");
    console.sees_all(&["You can start now.", "online", "Acme", "Read 1,200 numbers.", "All 1,200 numbers"]);
}

#[test]
fn a_configured_number_that_is_also_listed_counts_once() {
    let mut console =
        DriverOptions { configured_number: Some((OTHER_NOT_SET_ID, None)), ..DriverOptions::default() }.start();
    console.sees("Read 60 numbers.").wait_until_journal_opens().sees("All 60 numbers");
}

#[test]
fn a_name_from_the_config_survives_a_single_refresh() {
    let configured_number = Some((NOT_SET_ID, Some("Shop at the station")));
    let mut console = DriverOptions { configured_number, ..DriverOptions::default() }.start();
    console
        .sees("Read 60 numbers.")
        .wait_until_journal_opens()
        .filter(NOT_SET_NUMBER)
        .sees("Shop at the station")
        .press('r');
    console.sees("two-step verification is not set.").sees("Shop at the station");
    console.press('p').sees("Two-step now - not set").sees("Shop at the station").does_not_see("name has changed");
}

#[test]
fn numbers_that_cannot_be_refreshed_keep_their_rows() {
    let mut console =
        DriverOptions { configured_number: Some((OTHER_NOT_SET_ID, None)), ..DriverOptions::default() }.start();
    console
        .sees("Read 60 numbers.")
        .wait_until_journal_opens()
        .filter(OTHER_NOT_SET_NUMBER)
        .sees("1 of 60")
        .stop_server();
    console.press('u').sees("could not be read").sees("OFFLINE since").wait(Duration::from_secs(1));
    console.sees_all(&[OTHER_NOT_SET_NUMBER, "Acme Grocers Central", "1 of 60"]);
}

#[test]
fn a_number_is_found_by_its_digits_with_or_without_spaces() {
    let mut console = ConsoleDriver::demo();
    for text in ["+1 415-555-0114", "14155550114", "415 5550114", "4155550114", "200000000000002"] {
        console.filter(text).sees("1 of 60");
        assert_eq!(console.cursor(), NOT_SET_NUMBER, "{text}");
    }
    console.filter("repairs DELIV").sees("1 of 60");
    console.esc().sees_all(&["All 60 numbers"]);
}

#[test]
fn the_filter_matches_two_step_waba_request_and_id() {
    let mut console = ConsoleDriver::demo();
    console.filter("two-step:unknown").sees("1 of 60").sees(UNKNOWN_NUMBER);
    console.filter("waba:us-support").sees("3 of 60");
    console.filter("id:200000000000002").sees("1 of 60").sees(NOT_SET_NUMBER);
    console.filter("waba:us-retail !two-step:on").sees("5 of 60").sees_all(&[NOT_SET_NUMBER, UNKNOWN_NUMBER]);
    console.filter("request:set").sees("No number matches. Esc clears the filter.");
    console.set_pin(NOT_SET_NUMBER, PIN).sees("+ set ").sees("Two-step verification is on");
    console.filter("request:set").sees("1 of 60").sees(NOT_SET_NUMBER);
    console.wait(Duration::from_secs(2)).press('r').sees("+1 415-555-0114: two-step verification is on.");
    console.filter("request:none").sees("59 of 60");
}

#[test]
fn an_unknown_filter_word_suggests_the_right_one() {
    let mut console = ConsoleDriver::demo();
    console.press('/').type_text("statsu:set").sees("Unknown word \"statsu:\". Did you mean request: ?");
    console.enter().sees("Unknown word");
    assert_eq!(console.app().mode(), Mode::Filter, "an invalid filter cannot be applied");
    console.esc().sees_all(&["All 60 numbers"]);
    console
        .press('/')
        .type_text("two-step:off")
        .sees("\"two-step:off\" is not a value: on, not-set, unknown, turned-off.");
}

#[test]
fn esc_restores_the_filter_and_ctrl_u_clears_it() {
    let mut console = ConsoleDriver::demo();
    console.filter("retail").sees("/ retail");
    console.press('/').type_text(" central").esc().sees("/ retail").does_not_see("central ");
    console.press('/').ctrl('u').sees("60 of 60").type_text("xyzzy").sees("No number matches.");
}

#[test]
fn a_sort_key_pressed_again_reverses_the_order() {
    let mut console = ConsoleDriver::demo();
    let first = |console: &mut ConsoleDriver| console.send_bytes("\x1b[H").rows()[4].clone();
    console.sees("NUMBER ^");
    assert!(first(&mut console).contains("+1 201-555-0153"), "{}", console.screen());
    console.press('o').press('n').sees("NUMBER v");
    assert!(first(&mut console).contains("+61"), "{}", console.screen());
    console.press('o').press('t').sees("TWO-STEP ^").press('o').press('t').sees("TWO-STEP v");
    console.press('o').press('m').sees("NAME ^");
    assert!(first(&mut console).contains("Acme"), "{}", console.screen());
    console.press('o').press('w').sees("sorted by WABA ^").press('o').press('r').sees("REQUEST ^");
    console.press('o').esc().sees("REQUEST ^");
}

#[test]
fn the_cursor_and_the_filter_survive_a_refresh() {
    let mut console = ConsoleDriver::demo();
    console.filter("retail").press('j');
    let number = console.cursor();
    console.press('u').sees("Read 60 numbers.").press('r').sees("two-step verification is");
    assert_eq!(console.cursor(), number);
    console.sees("/ retail").press('o').press('n');
    assert_eq!(console.cursor(), number, "the cursor follows its number to another row");
}

#[test]
fn details_stay_on_the_number_they_were_opened_for() {
    let mut console =
        DriverOptions { numbers: 1_200, latency: Duration::from_millis(5), ..DriverOptions::default() }.start();
    console.sees("Acme").enter();
    let heading = console.screen().lines().nth(1).unwrap_or_default().to_owned();
    console.sees("Read 1,200 numbers.").esc();
    assert!(heading.contains(&console.cursor()), "{heading}\n{}", console.screen());
}

#[test]
fn a_wide_list_has_details_beside_it_until_d() {
    let mut console = DriverOptions { size: (120, 36), ..DriverOptions::default() }.start();
    console
        .sees("Read 60 numbers.")
        .wait_until_journal_opens()
        .select(ON_NUMBER)
        .wait(REST_TIME)
        .sees_all(&["Ownership code", "Last set here"]);
    console.press('d').does_not_see("Ownership code").press('d').sees("Ownership code");
    console.resize(80, 24).does_not_see("Ownership code").press('d');
    console.sees("Details beside the list need 120 columns.");
}

#[test]
fn a_scrolled_list_has_an_empty_pane_until_it_follows() {
    let mut console = DriverOptions { size: (120, 36), ..DriverOptions::default() }.start();
    console
        .sees("Read 60 numbers.")
        .wait_until_journal_opens()
        .send_bytes("\x1b[H")
        .wait(REST_TIME)
        .sees("Ownership code");
    console.send_bytes("\x1b[B").sees("Ownership code").send_bytes("\x1b[F").does_not_see("Ownership code");
    console.wait(REST_TIME).sees("Ownership code");
}

#[test]
fn messages_are_listed_newest_first() {
    let mut console = ConsoleDriver::demo();
    console.select(NOT_SET_NUMBER).press('p').esc().press('m');
    console.sees_all(&["Messages", "Canceled. Nothing was sent.", "Read 60 numbers."]);
    let screen = console.screen();
    assert!(screen.find("Canceled") < screen.find("Read 60"), "{screen}");
    console.esc().sees("1 of 60");
}

#[test]
fn an_empty_list_says_what_to_check() {
    let mut console = DriverOptions { numbers: 0, ..DriverOptions::default() }.start();
    console.sees_all(&["No numbers", "Meta listed no phone number for these WABAs.", "us-retail", "Check the WABA ID"]);
    console.press('p').sees("No numbers");
    assert_eq!(console.pin_commands(), 0);
    console.press('q');
    assert!(console.has_quit());
}

#[test]
fn wide_or_hostile_names_keep_every_row_aligned() {
    for (glyphs, width) in [(Glyphs::Ascii, 80), (Glyphs::Unicode, 80), (Glyphs::Unicode, 120), (Glyphs::Ascii, 47)] {
        let mut console =
            DriverOptions { numbers: 1_200, glyphs, size: (width, 24), ..DriverOptions::default() }.start();
        console.sees("Read 1,200 numbers.");
        for name in
            ["株式会社", "مخبز", "애크미", "🍞", "SUCCESS", "PIN set", "kcab", "Width", "Bell", "Red", "Shop", "Cafe"]
        {
            console.filter(name);
            let buffer = console.buffer();
            for y in 0..buffer.area.height {
                for x in 0..buffer.area.width {
                    let symbol = buffer[(x, y)].symbol();
                    assert!(!symbol.chars().any(|c| c.is_control() || ('\u{e0000}'..='\u{e007f}').contains(&c)));
                    let fits_glyphs = glyphs == Glyphs::Unicode || symbol.is_ascii();
                    assert!(fits_glyphs, "{name}: {symbol:?} at {x}, {y}");
                }
            }
            if console.app().roster().visible_len() > 0 && width >= 60 {
                let heading = console.row("TWO-STEP");
                let column = heading.split("TWO-STEP").next().unwrap_or_default().chars().count();
                let sign = cell_symbol(&console, u16::try_from(column).unwrap_or_default(), 4);
                assert!("+-?✓○".contains(&sign), "{name}: {sign:?}\n{}", console.screen());
            }
        }
    }
}

fn cell_symbol(console: &ConsoleDriver, x: u16, y: u16) -> String {
    console.buffer()[(x, y)].symbol().to_owned()
}
