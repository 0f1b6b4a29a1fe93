//! Journeys through the console, in the operator's words: real state, real view, real work, the simulator over HTTP.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod books;
    pub(crate) mod driver;
}

use std::net::SocketAddr;
use std::time::Duration;

use crossterm::event::KeyCode;
use pindesk::console::input::keymap::Mode;
use pindesk::console::theme::Glyphs;
use pindesk::domain::change::MAX_ATTEMPTS;
use pindesk::policy::error_catalog::{RESET_LOST_PIN_STEPS, TOKEN_PERMISSIONS};

use support::books::StateFixture;
use support::driver::{ConsoleDriver, DriverOptions};

/// Acme Repairs Deliveries: no PIN is set.
const NOT_SET_NUMBER: &str = "+1 415-555-0114";
const NOT_SET_ID: &str = "200000000000002";
/// Acme Grocers Central: no PIN is set.
const OTHER_NOT_SET_NUMBER: &str = "+1 205-555-0105";
const OTHER_NOT_SET_ID: &str = "200000000000009";
/// Umbrella Florists Harbour: a PIN is set.
const ON_NUMBER: &str = "+1 212-555-0101";
const ON_ID: &str = "200000000000001";
/// Wonka Sweets University: Meta does not say.
const UNKNOWN_NUMBER: &str = "+1 312-555-0127";

const PIN: &str = "409726";
const OTHER_PIN: &str = "838271";

/// The number's requests are applied, and never answered.
const APPLIED_NO_ANSWER_FAULT: &str = "[[fault]]\nnumber = \"200000000000002\"\nanswer = \"reset-after\"";
/// The same, until the fourth try.
const APPLIED_NO_ANSWER_FOUR_TIMES_FAULT: &str =
    "[[fault]]\nnumber = \"200000000000002\"\ntimes = 4\nanswer = \"reset-after\"";
/// The number's requests are never answered at all.
const TIMEOUT_FAULT: &str = "[[fault]]\nnumber = \"200000000000002\"\nanswer = \"timeout\"";
/// Meta refuses the number's requests.
const REFUSED_FAULT: &str = "[[fault]]\nnumber = \"200000000000002\"\nanswer = { code = 133010, status = 400 }";

mod list {
    use super::*;

    #[test]
    fn the_list_fills_as_pages_arrive() {
        let mut console =
            DriverOptions { numbers: 1_200, latency: Duration::from_millis(5), ..DriverOptions::default() }.start();
        console.sees("connecting");
        console.sees_all(&["You can start now.", "online", "Acme", "Read 1,200 numbers.", "Showing 1,200 of 1,200"]);
    }

    #[test]
    fn a_number_that_is_configured_and_listed_too_counts_once() {
        let mut console =
            DriverOptions { configured_number: Some((OTHER_NOT_SET_ID, None)), ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens().sees("Showing 60 of 60");
    }

    #[test]
    fn a_number_that_the_config_names_keeps_that_name_when_it_is_read_by_itself() {
        let named = Some((NOT_SET_ID, Some("Shop at the station")));
        let mut console = DriverOptions { configured_number: named, ..DriverOptions::default() }.start();
        console
            .sees("Read 60 numbers.")
            .wait_until_journal_opens()
            .filter(NOT_SET_NUMBER)
            .sees("Shop at the station")
            .press('r');
        console.sees("two-step verification is not set.").sees("Shop at the station");
        console.press('p').sees("Two-step now not set").sees("Shop at the station").does_not_see("called otherwise");
    }

    #[test]
    fn numbers_that_cannot_be_read_again_keep_their_rows() {
        let mut console =
            DriverOptions { configured_number: Some((OTHER_NOT_SET_ID, None)), ..DriverOptions::default() }.start();
        console
            .sees("Read 60 numbers.")
            .wait_until_journal_opens()
            .filter(OTHER_NOT_SET_NUMBER)
            .sees("Showing 1 of 60")
            .stop_server();
        console.press('u').sees("could not be read").sees("OFFLINE since").wait(Duration::from_secs(1));
        console.sees_all(&[OTHER_NOT_SET_NUMBER, "Acme Grocers Central", "Showing 1 of 60"]);
    }

    #[test]
    fn a_number_is_found_by_its_digits_with_and_without_blanks() {
        let mut console = ConsoleDriver::demo();
        for text in ["+1 415-555-0114", "14155550114", "415 5550114", "4155550114", "200000000000002"] {
            console.filter(text).sees("Showing 1 of 60");
            assert_eq!(console.cursor(), NOT_SET_NUMBER, "{text}");
        }
        console.filter("repairs DELIV").sees("Showing 1 of 60");
        console.esc().sees_all(&["Filter: none", "Showing 60 of 60"]);
    }

    #[test]
    fn words_of_the_filter_ask_for_two_step_waba_request_and_id() {
        let mut console = ConsoleDriver::demo();
        console.filter("two-step:unknown").sees("Showing 1 of 60").sees(UNKNOWN_NUMBER);
        console.filter("waba:us-support").sees("Showing 3 of 60");
        console.filter("id:200000000000002").sees("Showing 1 of 60").sees(NOT_SET_NUMBER);
        console
            .filter("waba:us-retail !two-step:on")
            .sees("Showing 5 of 60")
            .sees_all(&[NOT_SET_NUMBER, UNKNOWN_NUMBER]);
        console.filter("request:set").sees("No number matches. Esc clears the filter.");
        console.set_pin(NOT_SET_NUMBER, PIN).sees("+ set ").sees("Two-step verification is on");
        console.filter("request:set").sees("Showing 1 of 60").sees(NOT_SET_NUMBER);
        console.wait(Duration::from_secs(2)).press('r').sees("+1 415-555-0114: two-step verification is on.");
        console.filter("request:none").sees("Showing 59 of 60");
    }

    #[test]
    fn an_unknown_word_of_the_filter_tells_which_one_was_meant() {
        let mut console = ConsoleDriver::demo();
        console.press('/').type_text("statsu:set").sees("Unknown word \"statsu:\". Did you mean request: ?");
        console.enter().sees("Unknown word");
        assert_eq!(console.app().mode(), Mode::Filter, "a filter that is not understood cannot be kept");
        console.esc().sees_all(&["Filter: none", "Showing 60 of 60"]);
        console.press('/').type_text("two-step:off").sees("two-step: takes on, not-set or unknown.");
    }

    #[test]
    fn a_filter_is_undone_by_esc_and_cleared_by_ctrl_u() {
        let mut console = ConsoleDriver::demo();
        console.filter("retail").sees("Filter: retail");
        console.press('/').type_text(" central").esc().sees("Filter: retail").does_not_see("central ");
        console.press('/').ctrl('u').sees("Showing 60 of 60").type_text("xyzzy").sees("No number matches.");
    }

    #[test]
    fn the_list_is_sorted_by_a_letter_and_reversed_by_the_same() {
        let mut console = ConsoleDriver::demo();
        let first = |console: &ConsoleDriver| console.rows()[4].clone();
        console.sees("Sort: number, up");
        assert!(first(&console).contains("+1 201-555-0153"), "{}", console.screen());
        console.press('o').press('n').sees("Sort: number, down");
        assert!(first(&console).contains("+61"), "{}", console.screen());
        console.press('o').press('t').sees("Sort: two-step, up").press('o').press('t').sees("Sort: two-step, down");
        console.press('o').press('m').sees("Sort: name, up");
        assert!(first(&console).contains("Acme"), "{}", console.screen());
        console.press('o').press('w').sees("Sort: WABA, up").press('o').press('r').sees("Sort: request, up");
        console.press('o').esc().sees("Sort: request, up");
    }

    #[test]
    fn cursor_and_filter_survive_a_refresh_because_they_follow_the_number() {
        let mut console = ConsoleDriver::demo();
        console.filter("retail").press('j');
        let number = console.cursor();
        console.press('u').sees("Read 60 numbers.").press('r').sees("two-step verification is");
        assert_eq!(console.cursor(), number);
        console.sees("Filter: retail").press('o').press('n');
        assert_eq!(console.cursor(), number, "the cursor goes with its number to another place");
    }

    #[test]
    fn the_row_that_never_moved_is_the_one_a_page_opened_for() {
        let mut console =
            DriverOptions { numbers: 1_200, latency: Duration::from_millis(5), ..DriverOptions::default() }.start();
        console.sees("Acme").enter();
        let heading = console.screen().lines().nth(1).unwrap_or_default().to_owned();
        console.sees("Read 1,200 numbers.").esc();
        assert!(heading.contains(&console.cursor()), "{heading}\n{}", console.screen());
    }

    #[test]
    fn details_stand_beside_a_wide_list_by_d() {
        let mut console = DriverOptions { size: (120, 36), ..DriverOptions::default() }.start();
        console
            .sees("Read 60 numbers.")
            .wait_until_journal_opens()
            .select(ON_NUMBER)
            .does_not_see("DETAILS")
            .press('d');
        console.sees_all(&["DETAILS", "Ownership code", "none since this start"]);
        console.resize(80, 24).does_not_see("DETAILS").press('d').sees("Details beside the list need 100 columns.");
    }

    #[test]
    fn messages_are_kept_newest_first() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).press('p').esc().press('m');
        console.sees_all(&["Messages", "Cancelled. Nothing was sent.", "Read 60 numbers."]);
        let screen = console.screen();
        assert!(screen.find("Cancelled") < screen.find("Read 60"), "{screen}");
        console.esc().sees("Showing 1 of 60");
    }

    #[test]
    fn no_numbers_at_all_tells_what_to_look_at() {
        let mut console = DriverOptions { numbers: 0, ..DriverOptions::default() }.start();
        console.sees_all(&["No numbers", "but it sees no phone numbers", "us-retail", "Check the WABA ID"]);
        console.press('p').sees("No numbers");
        assert_eq!(console.pin_commands(), 0);
        console.press('q');
        assert!(console.has_quit());
    }

    #[test]
    fn names_that_are_wide_or_hostile_leave_every_row_aligned() {
        for (glyphs, width) in [(Glyphs::Ascii, 80), (Glyphs::Unicode, 80), (Glyphs::Unicode, 120), (Glyphs::Ascii, 47)]
        {
            let mut console =
                DriverOptions { numbers: 1_200, glyphs, size: (width, 24), ..DriverOptions::default() }.start();
            console.sees("Read 1,200 numbers.");
            for name in [
                "株式会社",
                "مخبز",
                "애크미",
                "🍞",
                "SUCCESS",
                "PIN set",
                "kcab",
                "Width",
                "Bell",
                "Red",
                "Shop",
                "Cafe",
            ] {
                console.filter(name);
                let buffer = console.buffer();
                for y in 0..buffer.area.height {
                    for x in 0..buffer.area.width {
                        let symbol = buffer[(x, y)].symbol();
                        assert!(!symbol.chars().any(|c| c.is_control() || ('\u{e0000}'..='\u{e007f}').contains(&c)));
                        let is_ascii = glyphs == Glyphs::Unicode || symbol.is_ascii();
                        assert!(is_ascii, "{name}: {symbol:?} at {x}, {y}");
                    }
                }
                if console.app().roster().visible_len() > 0 && width >= 60 {
                    let at =
                        u16::try_from(console.row("TWO-STEP").find("TWO-STEP").unwrap_or_default()).unwrap_or_default();
                    let sign = cell_symbol(&console, at, 4);
                    assert!("+-?✓".contains(&sign), "{name}: {sign:?}\n{}", console.screen());
                }
            }
        }
    }

    fn cell_symbol(console: &ConsoleDriver, x: u16, y: u16) -> String {
        console.buffer()[(x, y)].symbol().to_owned()
    }
}

mod setting {
    use super::*;

    #[test]
    fn a_pin_is_set_where_none_was_and_then_meta_says_on() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).press('p').sees_all(&["Set PIN", "Two-step now not set", "Type 6 digits."]);
        console.type_pin(PIN).sees("Ready. Press Enter.").enter();
        console.sees_all(&[
            "Set the PIN for 1 number?",
            NOT_SET_NUMBER,
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
        console.enter().enter().sees("Set the PIN for 1 number?").press('x').sees("Press y to send, n to cancel.");
        console.press('n').sees("Cancelled. Nothing was sent.");
        console
            .press('p')
            .type_pin(PIN)
            .enter()
            .wait(Duration::from_secs(2))
            .esc()
            .sees("Cancelled. Nothing was sent.");
        console.press('p').type_pin(PIN).esc().sees("Cancelled. Nothing was sent.");
        assert_eq!(console.pin_commands(), 0);
    }

    #[test]
    fn a_pin_is_replaced_only_by_the_last_four_digits_of_the_number() {
        let mut console = ConsoleDriver::demo();
        console.select(ON_NUMBER).press('p').sees("Two-step now on").type_pin(PIN).enter();
        console.sees_all(&["Replace the PIN of 1 number?", "The old PIN stops working at once."]);
        console.confirm().sees("Replace the PIN").enter().sees("Type the last 4 digits first.");
        console.confirm_with_digits("0102").sees("Those are not the last 4 digits. Try again.");
        assert_eq!(console.pin_commands(), 0);
        console.confirm_with_digits("0101").sees("+ set ");
        assert_eq!(console.pin_in_force(ON_ID).as_deref(), Some(PIN));
    }

    #[test]
    fn five_times_wrong_digits_cancel() {
        let mut console = ConsoleDriver::demo();
        console.select(ON_NUMBER).press('p').type_pin(PIN).enter();
        for _ in 0..4 {
            console.confirm_with_digits("1234").sees("Those are not the last 4 digits.");
        }
        console.confirm_with_digits("1234").sees("Cancelled: the digits were wrong 5 times. Nothing was sent.");
        assert_eq!(console.pin_commands(), 0);
    }

    #[test]
    fn an_unknown_number_counts_as_on() {
        let mut console = ConsoleDriver::demo();
        console.select(UNKNOWN_NUMBER).press('p').sees("Two-step now unknown").type_pin(PIN).enter();
        console.sees_all(&["Replace the PIN of 1 number?", "unknown (a PIN may be set)"]).confirm().sees("Replace");
        assert_eq!(console.pin_commands(), 0);
        console.confirm_with_digits("0127").sees("+ set ");
    }

    #[test]
    fn a_random_pin_is_shown_for_ten_seconds_and_typed_again() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).press('p').press('g').sees_all(&["Random PIN.", "shown, hides in 10 s"]);
        let pin = console.shown_pin();
        assert_eq!(pin.len(), 6);
        console.wait(Duration::from_secs(3)).sees("hides in 7 s").wait(Duration::from_secs(7)).does_not_see("hides in");
        assert_eq!(console.shown_pin(), "", "hidden by itself");
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
        console.sees("Set the PIN for 1 number?").esc();
        assert_eq!(console.pin_commands(), 0);
    }

    #[test]
    fn what_differs_is_typed_again_and_backspace_works() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).press('p').type_text(PIN).type_text(OTHER_PIN);
        console.sees("The two PINs differ. Retype the second one.").type_text("40972").key(KeyCode::Backspace);
        console.sees("4 of 6 digits.").ctrl('h').sees("3 of 6 digits.").type_text("726").sees("Ready.");
        console.esc().press('p').press('x').sees("Only digits 0 to 9.").press('X').sees("Caps Lock is on.");
    }

    #[test]
    fn six_digits_are_pasted_and_nothing_else() {
        let mut console = ConsoleDriver::demo();
        console
            .select(NOT_SET_NUMBER)
            .press('p')
            .paste("PIN: 409726")
            .sees("The pasted text is not 6 digits. Nothing was changed.");
        console.paste("409726\n").sees("Pasted 6 digits.").paste(PIN).sees("Ready. Press Enter.").does_not_see(PIN);
        console.enter().sees("Set the PIN for 1 number?").wait(Duration::from_secs(2)).paste("y\r");
        console.sees("A paste confirms nothing.");
        assert_eq!(console.pin_commands(), 0);
        console.confirm().sees("+ set ");
    }

    #[test]
    fn a_paste_elsewhere_is_ignored_and_a_number_in_the_list_becomes_the_filter() {
        let mut console = ConsoleDriver::demo();
        console.paste("p409726\ry").sees("Paste ignored. Open a field first.");
        console.paste("+1 (415) 555-0114\n").sees_all(&["Showing 1 of 60", NOT_SET_NUMBER]);
        console.enter().sees("Details").paste("p").sees("Paste ignored.");
        assert_eq!(console.pin_commands(), 0);
    }

    #[test]
    fn a_pin_pasted_into_the_list_by_mistake_is_not_shown() {
        ConsoleDriver::demo().paste(PIN).sees("Paste ignored. Open a field first.").does_not_see(PIN);
    }

    #[test]
    fn what_was_typed_ahead_sends_nothing() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).type_in_one_read("p409726409726\ry").sees("Paste ignored.");
        assert_eq!(console.app().mode(), Mode::List);
        console.type_at_interval(Duration::from_millis(30), "p409726409726\ryyyyyyyyyyyyyyyyyyyyyyy");
        console.sees_all(&["Set the PIN for 1 number?", "Read this first: keys typed ahead were dropped."]);
        console.wait(Duration::from_millis(200)).press('y').sees("Read this first");
        assert_eq!(console.pin_commands(), 0);
        console.wait(Duration::from_millis(400)).press('y').sees("+ set ");
    }

    #[test]
    fn digits_typed_ahead_of_a_replacement_count_for_nothing() {
        let mut console = ConsoleDriver::demo();
        console.select(ON_NUMBER).type_at_interval(Duration::from_millis(30), "p409726409726\r0101\r");
        console.sees("Replace the PIN of 1 number?").wait(Duration::from_secs(1)).enter();
        console.sees("Type the last 4 digits first.");
        assert_eq!(console.pin_commands(), 0);
    }

    #[test]
    fn a_window_too_small_confirms_nothing_and_the_page_comes_back() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).press('p').type_pin(PIN).enter().wait(Duration::from_secs(2)).resize(39, 9);
        console
            .sees_all(&["Window too small: 39 x 9", "This needs 40 x 10."])
            .does_not_see("send it")
            .press('y')
            .wait(Duration::from_secs(2));
        console.resize(80, 24).sees("Set the PIN for 1 number?").press('y').sees("Read this first");
        assert_eq!(console.pin_commands(), 0);
        console.confirm().sees("+ set ");
    }

    #[test]
    fn a_read_only_profile_opens_no_form() {
        let mut console = DriverOptions { read_only: true, ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens().sees("READ-ONLY").select(NOT_SET_NUMBER).press('p');
        console.sees("This profile is read-only: nothing can be changed.");
        assert_eq!(console.app().mode(), Mode::List);
    }
}

mod failures {
    use super::*;

    #[test]
    fn a_failed_number_tells_why_what_to_do_and_metas_words() {
        let mut console = ConsoleDriver::with_faults(REFUSED_FAULT);
        console.set_pin(NOT_SET_NUMBER, PIN).sees("x failed").sees("failed: the number is not registered").enter();
        console.sees_all(&[
            "Failed: +1 415-555-0114",
            "Meta refused the request. Nothing was changed.",
            "The number is not registered with WhatsApp.",
            "Register the number with WhatsApp first.",
            "133010, 400",
            "Trace ID",
            "Tries 1, last at",
        ]);
        assert!(console.row("Meta said").contains("133010"), "{}", console.screen());
        console.press('c').press('4').sees("Copied").esc().sees("Failed:").press('p').sees("Set PIN").esc();
        let ticket = console.copied().first().cloned().unwrap_or_default();
        assert!(ticket.contains("Trace ID: A") && !ticket.contains(PIN), "{ticket}");
    }

    #[test]
    fn no_answer_keeps_the_pin_and_s_sends_the_same_one_again() {
        let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FOUR_TIMES_FAULT);
        console.set_pin(NOT_SET_NUMBER, PIN).sees("! no answer").sees("PIN in escrow.").enter();
        console.sees_all(&["No answer: +1 415-555-0114", "The PIN may have been set, or it may not.", "Tries 4"]);
        console.press('s').sees("Send the same PIN to 1 number again?").press('y').sees("Read this first");
        assert_eq!(console.pin_commands(), 1);
        console.enter().confirm().sees("+ set ").enter().sees("Last request set at").sees("5 tries").esc();
        assert_eq!(console.pins_sent(NOT_SET_ID), vec![PIN.to_owned(); usize::from(MAX_ATTEMPTS) + 1]);
    }

    #[test]
    fn two_different_pins_are_never_on_their_way_to_one_number() {
        let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FAULT);
        console.set_pin(NOT_SET_NUMBER, PIN).press('p').sees("A request for this number is already in progress.");
        console.sees("! no answer").press('p').sees("Until then only the same PIN can be sent: Enter, then s.");
        console.enter().press('p').sees("Until then only the same PIN can be sent: s.");
        assert_eq!(console.pin_commands(), 1);
        console.press('u').sees("two-step verification is on").sees("this try set it, or somebody else did.");
        assert!(console.pins_sent(NOT_SET_ID).iter().all(|pin| pin == PIN));
    }

    /// Without an escrow: a PIN in doubt is nowhere but in memory.
    fn console_without_escrow(faults: &'static str) -> ConsoleDriver {
        let books = Some(StateFixture::without_recipients());
        let mut console = DriverOptions { faults, state: books, ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens();
        console
    }

    #[test]
    fn quitting_while_work_runs_asks_and_waits() {
        let mut console = ConsoleDriver::with_faults(TIMEOUT_FAULT);
        console
            .set_pin(NOT_SET_NUMBER, PIN)
            .sees("recording, then sending.")
            .sees("~ sending")
            .press('q')
            .sees("1 request is on the way.")
            .press('y');
        assert!(!console.has_quit(), "too early: the page was not read");
        console.press('n').sees("~ sending").press('q').wait(Duration::from_secs(1)).press('y').sees("Quitting");
        console.sees("1 request is on the way. Waiting for the answers").press('n');
        console.sees("Still running. Stopped requests were not sent.");
        assert!(!console.has_quit(), "what is on its way is awaited");
    }

    #[test]
    fn a_pin_that_comes_to_be_in_doubt_while_quitting_is_asked_about() {
        let mut console = console_without_escrow(APPLIED_NO_ANSWER_FAULT);
        console.set_pin(NOT_SET_NUMBER, PIN).sees("~ retry").press('q').wait(Duration::from_secs(1));
        console
            .sees_all(&[
                "Quit while a PIN is in doubt?",
                "the PINs of these numbers are forgotten:",
                "! +1 415-555-0114",
            ])
            .esc();
        console.sees("! no answer");
        assert!(!console.has_quit());
    }

    #[test]
    fn quitting_with_a_pin_in_doubt_asks_names_it_and_needs_a_quiet_time() {
        let mut console = console_without_escrow(APPLIED_NO_ANSWER_FAULT);
        console.set_pin(NOT_SET_NUMBER, PIN).sees("! no answer").press('q');
        console
            .sees_all(&[
                "Quit while a PIN is in doubt?",
                "the PINs of these numbers are forgotten:",
                "! +1 415-555-0114",
            ])
            .press('y')
            .enter();
        assert!(!console.has_quit());
        console.esc().sees("Showing 1 of 60").ctrl('c').ctrl('c').wait(Duration::from_secs(1)).ctrl('c');
        assert!(!console.has_quit(), "a PIN in doubt is never forgotten by Ctrl-C alone");
        console.esc().press('q').wait(Duration::from_secs(1)).press('y');
        assert!(console.has_quit());
    }

    #[test]
    fn without_unfinished_work_q_quits_at_once() {
        let mut console = ConsoleDriver::demo();
        console.press('q');
        assert!(console.has_quit());
    }

    #[test]
    fn a_refused_token_is_told_and_after_r_with_a_good_one_the_list_appears() {
        let mut console = DriverOptions { token: Ok("SIMULATOR-EXPIRED"), ..DriverOptions::default() }.start();
        console.sees_all(&["Access token refused", "Make a new access token", "/etc/pindesk/token"]);
        console.press('r').wait(Duration::from_secs(1)).sees("Access token refused");
        console.set_token("SIMULATOR").press('r').sees_all(&["Showing 60 of 60", "online", "Read 60 numbers."]);
    }

    #[test]
    fn a_token_that_may_only_read_fails_in_words_that_say_so() {
        let mut console = DriverOptions { token: Ok("SIMULATOR-READONLY"), ..DriverOptions::default() }.start();
        console
            .sees("Read 60 numbers.")
            .wait_until_journal_opens()
            .set_pin(NOT_SET_NUMBER, PIN)
            .sees("x failed")
            .enter();
        console.sees_all(&["Nothing was changed.", "The access token may not", "To do", "Meta said"]);
        assert_eq!(console.pin_in_force(NOT_SET_ID), None);
    }

    #[test]
    fn no_token_at_all_tells_where_it_is_looked_for() {
        let mut console = DriverOptions { token: Err("The file is empty."), ..DriverOptions::default() }.start();
        console.sees_all(&["No access token", "The file is empty.", "/etc/pindesk/token"]).press('r');
        console.sees("There is still no access token.");
        console.set_token("SIMULATOR").press('r').sees("Read 60 numbers.");
    }

    #[test]
    fn offline_is_told_refuses_to_start_and_comes_back_by_itself() {
        let address: SocketAddr = "127.0.0.61:61061".parse().expect("an address");
        let mut console = DriverOptions { offline_at: Some(address), ..DriverOptions::default() }.start();
        console.sees_all(&["OFFLINE since 14:03", "could not be read"]).sees("No numbers could be read");
        console.press('p');
        assert_eq!(console.app().mode(), Mode::NoNumbers);
        console.start_server(address).wait(Duration::from_secs(20)).sees_all(&["online", "Read 60 numbers."]);
    }

    #[test]
    fn a_line_that_is_lost_later_keeps_the_list_and_refuses_p() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).stop_server().press('r').sees("OFFLINE since").sees(NOT_SET_NUMBER);
        console.press('p').sees("No connection to graph.example. Press r to retry now.");
        assert_eq!((console.app().mode(), console.pin_commands()), (Mode::List, 0));
    }

    #[test]
    fn without_a_config_the_program_says_welcome_and_shows_the_demo() {
        let mut console = DriverOptions { has_config: false, token: Err(""), ..DriverOptions::default() }.start();
        console.sees_all(&[
            "Welcome",
            "No config file was found.",
            "/etc/pindesk/config.toml",
            "Nothing has been sent",
        ]);
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
}

mod recovery {
    use super::*;

    /// The next start on what the last one recorded.
    fn restart(books: StateFixture) -> ConsoleDriver {
        let mut console = DriverOptions { state: Some(books), ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens();
        console
    }

    fn console_left_in_doubt() -> ConsoleDriver {
        let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FAULT);
        console.set_pin(NOT_SET_NUMBER, PIN).sees("! no answer").sees("in doubt 1 |");
        console
    }

    #[test]
    fn a_number_in_doubt_comes_before_the_list_at_the_next_start_and_goes_by_a_note() {
        let mut console = restart(console_left_in_doubt().shut_down());
        console.sees("1 number is in doubt").sees_all(&[NOT_SET_NUMBER, "1 PIN escrow"]).enter();
        console.sees("sealed in escrow.jsonl, not in memory").press('s').sees("The PIN is no longer in memory.");
        console.press('h').type_text("told by phone: the new one").enter().sees("Record that 1 number").confirm();
        console.sees("Nothing is in doubt any more.").esc().does_not_see("in doubt 1");
        console.filter(NOT_SET_NUMBER).sees("- settled").resize(80, 40).enter().sees_all(&[
            "settled: checked by hand",
            "told by phone: the new one",
            "History",
        ]);
        let mut console = restart(console.shut_down());
        console.sees("Showing 60 of 60").does_not_see("in doubt");
        assert_eq!(console.pin_commands(), 0);
    }

    #[test]
    fn still_not_set_two_minutes_later_settles_it() {
        let lost = "[[fault]]\nnumber = \"200000000000002\"\nanswer = \"reset-before\"";
        let mut console = ConsoleDriver::with_faults(lost);
        console
            .set_pin(NOT_SET_NUMBER, PIN)
            .sees("! no answer")
            .enter()
            .press('u')
            .sees("two-step verification is not set.");
        console.sees("No answer:").wait(Duration::from_secs(121)).press('u').sees("settled: no PIN is in force");
        console.esc().does_not_see("in doubt 1").sees("- settled");
    }

    #[test]
    fn a_new_pin_goes_after_the_last_try_can_land_no_more_and_settles_it() {
        let mut console = ConsoleDriver::with_faults(APPLIED_NO_ANSWER_FOUR_TIMES_FAULT);
        console
            .set_pin(NOT_SET_NUMBER, PIN)
            .sees("! no answer")
            .enter()
            .press('p')
            .sees("Until then only the same PIN");
        console.wait(Duration::from_secs(121)).press('p').sees("Two-step now on").type_pin(OTHER_PIN).enter();
        console.confirm_with_digits("0114").sees("+ set ").does_not_see("in doubt");
        assert_eq!(console.pin_in_force(NOT_SET_ID).as_deref(), Some(OTHER_PIN));
    }

    #[test]
    fn changed_keys_stop_all_setting_until_they_are_confirmed() {
        let mut console = ConsoleDriver::demo();
        console.set_pin(NOT_SET_NUMBER, PIN).sees("+ set ").sees("Two-step verification is on.");
        let mut console = restart(console.shut_down().with_new_recipient());
        console
            .sees("KEYS CHANGED")
            .filter(OTHER_NOT_SET_NUMBER)
            .press('p')
            .sees("1 added, 1 removed, 0 kept.")
            .confirm();
        console.sees("Escrow keys accepted.").does_not_see("KEYS CHANGED").set_pin(OTHER_NOT_SET_NUMBER, PIN);
        console.sees("+ set ");
    }

    #[test]
    fn a_hidden_screen_comes_back_with_the_token_and_can_set_a_pin() {
        let mut console = ConsoleDriver::demo();
        console.press('z').sees("Screen hidden").does_not_see(NOT_SET_NUMBER).enter().sees("Showing 60 of 60");
        console.set_pin(NOT_SET_NUMBER, PIN).sees("+ set ");
    }

    #[test]
    fn hiding_the_screen_right_after_the_answer_lets_the_request_go_on() {
        let mut console = ConsoleDriver::demo();
        console.set_pin(NOT_SET_NUMBER, PIN).press('z').sees("Screen hidden").enter().sees("+ set ");
        assert_eq!(console.pin_in_force(NOT_SET_ID).as_deref(), Some(PIN));
    }

    #[test]
    fn a_number_that_meta_lists_no_more_comes_back_in_no_later_run() {
        let mut first = ConsoleDriver::demo();
        first.sees("Read 60 numbers.").wait_until_saved();
        let offline = |books, host: &str| {
            let address: SocketAddr = format!("{host}:61062").parse().expect("an address");
            (
                DriverOptions {
                    numbers: 59,
                    offline_at: Some(address),
                    state: Some(books),
                    ..DriverOptions::default()
                }
                .start(),
                address,
            )
        };
        let (mut second, address) = offline(first.shut_down(), "127.0.0.62");
        second.sees_all(&["Showing 60 of 60", "OFFLINE since"]).start_server(address).wait(Duration::from_secs(20));
        second.sees_all(&["Read 59 numbers.", "Showing 59 of 59"]).wait_until_saved();
        let (mut third, _) = offline(second.shut_down(), "127.0.0.63");
        third.sees("? on").sees("Showing 59 of 59");
    }

    #[test]
    fn the_numbers_of_the_last_run_are_there_at_once_and_marked_as_old() {
        let mut first = DriverOptions { numbers: 600, ..DriverOptions::default() }.start();
        first.sees("Read 600 numbers.").wait_until_journal_opens().wait_until_saved();
        let books = Some(first.shut_down());
        let latency = Duration::from_millis(400);
        let mut console = DriverOptions { numbers: 600, state: books, latency, ..DriverOptions::default() }.start();
        console
            .sees("reading them afresh")
            .sees("? on")
            .sees("Showing 600 of 600")
            .sees("Read 600 numbers.")
            .does_not_see("? on");
    }
}

mod pages {
    use super::*;

    #[test]
    fn help_lists_every_key_of_its_page_and_the_two_texts() {
        let mut console = DriverOptions { size: (120, 60), ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens().press('?').sees("Help: number list");
        let keymap = console.app().keymap().clone();
        for (keys, binding) in keymap.rows(Mode::List) {
            let line = format!("{keys} {}", binding.description);
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
            console.key(KeyCode::PageDown);
        }
        console.sees("pindesk 0.1.0");
    }

    #[test]
    fn a_copied_value_is_shown_bare_as_well() {
        let mut console = ConsoleDriver::demo();
        console.select(NOT_SET_NUMBER).press('c').sees("Copy").press('2').sees("Sent to your terminal's clipboard.");
        assert_eq!(console.copied(), [NOT_SET_ID]);
        assert!(console.rows().iter().any(|row| row.trim() == NOT_SET_ID), "{}", console.screen());
        console.esc().press('c').press('1').esc().press('c').press('3').esc().sees("Showing 1 of 60");
        assert_eq!(console.copied(), [NOT_SET_ID, NOT_SET_NUMBER, "100000000000001"]);
    }

    /// Every page that concerns a number, reached at 40x10: the number and the way out are on it.
    #[test]
    fn each_page_at_40x10_shows_the_number_and_the_way_out() {
        let mut console = DriverOptions { size: (40, 10), faults: REFUSED_FAULT, ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens().filter(NOT_SET_NUMBER);
        let shows = |console: &ConsoleDriver, way_out: &str| {
            let screen = console.screen();
            assert!(screen.contains(NOT_SET_NUMBER) && screen.contains(way_out), "{way_out}:\n{screen}");
        };
        console.enter();
        shows(&console, "back");
        console.press('c');
        shows(&console, "back");
        console.press('1');
        shows(&console, "back");
        console.esc().press('p').sees("Two-step now: not set");
        shows(&console, "Esc cancel");
        console.press('g').sees("Random PIN.");
        shows(&console, "Esc cancel");
        console.sees("hides 10s").esc().press('p').type_pin(PIN).enter();
        shows(&console, "n cancel");
        console.confirm().sees("x failed").enter().sees("Failed:");
        shows(&console, "back");
        console.esc().filter(ON_NUMBER).press('p').type_pin(PIN).enter();
        assert!(
            console.screen().contains(ON_NUMBER) && console.screen().contains("Esc cancel"),
            "{}",
            console.screen()
        );
        console.sees("Type the last 4 digits of the number, then press Enter: [____]");
    }
}

mod looks {
    use super::*;

    /// Takes a picture of the screen. Times and trace IDs differ from run to run.
    fn assert_screen_snapshot(name: &str, console: &ConsoleDriver) {
        insta::with_settings!({
            filters => [
                (r"\d\d:\d\d:\d\d UTC", "HH:MM:SS UTC"),
                (r"set \d\d:\d\d", "set HH:MM"),
                (r"since \d\d:\d\d", "since HH:MM"),
                (r"\bA[\w-]{22}\b", "TRACE-ID"),
                (r"pindesk \d+\.\d+\.\d+", "pindesk VERSION"),
                (r"\bage1[0-9a-z]+[~…][0-9a-z]+", "age1-KEY"),
            ],
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

    /// One journey past every page of a number, photographed at each size.
    #[test]
    fn pages_of_a_number_look_as_they_did() {
        for (size_name, size, glyphs) in SIZES {
            let snap =
                |page: &str, console: &ConsoleDriver| assert_screen_snapshot(&format!("{page}-{size_name}"), console);
            let mut console = DriverOptions { size, glyphs, faults: REFUSED_FAULT, ..DriverOptions::default() }.start();
            console.sees("Read 60 numbers.").wait_until_journal_opens().key(KeyCode::Down);
            snap("list", &console);
            console.press('/').type_text("two-step:not-set waba:us");
            snap("filter", &console);
            console.ctrl('u').type_text("statsu:");
            snap("filter-unknown", &console);
            console.esc().press('o');
            snap("sort", &console);
            console.esc().filter("xyzzy");
            snap("no-match", &console);
            console.filter(NOT_SET_NUMBER).enter();
            snap("details", &console);
            console.press('c');
            snap("copy", &console);
            console.press('2');
            snap("copied", &console);
            console.esc().press('?');
            snap("help", &console);
            console.esc().press('p').sees("not set").type_text("409");
            snap("form", &console);
            console.ctrl('u').type_text("123456");
            snap("form-weak", &console);
            console.ctrl('u').type_pin(PIN).enter();
            snap("confirm", &console);
            console.confirm().sees(if glyphs == Glyphs::Ascii { "x failed" } else { "✗ failed" }).enter();
            snap("failed", &console);
            console
                .esc()
                .filter(ON_NUMBER)
                .press('p')
                .type_pin(PIN)
                .enter()
                .wait(Duration::from_secs(1))
                .type_text("01");
            snap("confirm-replace", &console);
            console.type_text("01").enter().filter(ON_NUMBER);
            console.sees(if glyphs == Glyphs::Ascii { "+ set " } else { "✓ set " }).sees("done. Two-");
            console.wait(Duration::from_secs(1));
            snap("set", &console);
            console.press('m');
            snap("messages", &console);
            console.resize(39, 9);
            assert_screen_snapshot("too-small", &console);
        }
    }

    #[test]
    fn pages_of_doubt_look_as_they_did() {
        // All four are on their way before the first is looked at: each takes seconds to come to rest.
        let consoles = SIZES.map(|(size_name, size, glyphs)| {
            let mut console =
                DriverOptions { size, glyphs, faults: APPLIED_NO_ANSWER_FAULT, ..DriverOptions::default() }.start();
            console
                .sees("Read 60 numbers.")
                .wait_until_journal_opens()
                .filter(NOT_SET_NUMBER)
                .press('p')
                .type_pin(PIN)
                .enter()
                .confirm();
            (size_name, console)
        });
        for (size_name, mut console) in consoles {
            console.sees("! no answer").enter();
            assert_screen_snapshot(&format!("no-answer-{size_name}"), &console);
            console.press('s');
            assert_screen_snapshot(&format!("send-same-{size_name}"), &console);
            console.esc().press('q').sees("in doubt?");
            assert_screen_snapshot(&format!("quit-{size_name}"), &console);
        }
    }

    #[test]
    fn pages_without_numbers_look_as_they_did() {
        for (size_name, size, glyphs) in SIZES {
            let start = || DriverOptions { size, glyphs, ..DriverOptions::default() };
            let welcome = DriverOptions { has_config: false, token: Err(""), ..start() }.start();
            assert_screen_snapshot(&format!("welcome-{size_name}"), &welcome);
            let missing = DriverOptions { token: Err("The file is empty."), ..start() }.start();
            assert_screen_snapshot(&format!("no-token-{size_name}"), &missing);
            let mut refused = DriverOptions { token: Ok("SIMULATOR-EXPIRED"), ..start() }.start();
            refused.sees("Access token refused").sees("7 of 7 WABAs could not");
            assert_screen_snapshot(&format!("refused-token-{size_name}"), &refused);
            let mut empty = DriverOptions { numbers: 0, ..start() }.start();
            empty.sees("Read 0 numbers.");
            assert_screen_snapshot(&format!("no-numbers-{size_name}"), &empty);
        }
    }

    #[test]
    fn details_beside_the_list_look_as_they_did() {
        let mut console = DriverOptions { size: (120, 36), ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens().press('d');
        assert_screen_snapshot("details-pane-120x36", &console);
    }
}
