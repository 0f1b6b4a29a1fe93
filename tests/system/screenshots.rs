//! The screenshots match what the program shows: its screen on a real terminal, character for character.
//!
//! These tests write or compare only the SVG files. To update the SVG files, then render the PNG files from them:
//!
//! ```sh
//! UPDATE_SCREENSHOTS=1 cargo test --test system screenshots
//! cargo run --release -p pindesk-screenshots
//! ```

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use pindesk::console::pages::guard::QUIET_TIME;

use crate::support::pty::PtySession;
use crate::support::svg::{DARK, LIGHT, render_svg};

/// How long a `y` is ignored. Nothing on the screen shows when this time is over.
const KEYS_ACCEPTED_AFTER: Duration = QUIET_TIME.saturating_add(Duration::from_millis(100));

/// The rows of the demo, from 0: a number without a PIN that works, one with a PIN, and two that fail as their names say.
const SET_ROW: usize = 0;
const REPLACE_ROW: usize = 1;
const FAILED_ROW: usize = 2;
const NO_ANSWER_ROW: usize = 4;

/// The footer of the list.
const LIST_KEYS: &str = "Enter details";

const PIN: &str = "409726";

#[test]
fn pages_match_their_screenshots() {
    let mut demo = DemoTerminal::start((80, 24));
    demo.check_after_keys("help", "?", "Help: number list");
    demo.leave_page();

    demo.open_form(REPLACE_ROW);
    demo.type_digits(&PIN[..3], 1);
    demo.check_screenshot("form");
    demo.type_digits(&PIN[3..], 4);
    demo.session.wait_for("Now type the same PIN again.");
    demo.type_digits(PIN, 1);
    demo.session.wait_for("Ready. Press Enter.");
    demo.session.send("\r");
    demo.session.wait_for("[____]");
    demo.check_after_keys("confirmation", "01", "[01__]");
    demo.session.send("\x1b");
    demo.session.wait_for("PIN again");
    demo.leave_page();

    demo.set_random_pin(SET_ROW, "✓ set");
    demo.set_random_pin(FAILED_ROW, "✗ failed");
    demo.check_after_keys("failed", "\r", "Last set here");
    demo.leave_page();
    demo.set_random_pin(NO_ANSWER_ROW, "! no answer");
    // The countdown starts with a shorter text.
    demo.check_after_keys("no-answer", "\r", "in 1 min 5");
    demo.leave_page();
    demo.session.send("\x1b[H");
    demo.session.wait_for(" 1 of 12,408");
    demo.check_in_both_palettes("list");
}

#[test]
fn a_wide_list_matches_its_screenshot() {
    let mut demo = DemoTerminal::start((120, 36));
    demo.set_random_pin(SET_ROW, "✓ set");
    demo.set_random_pin(FAILED_ROW, "✗ failed");
    demo.move_to(REPLACE_ROW);
    demo.session.wait_for("phone number ID 200000000000002");
    demo.check_in_both_palettes("list-wide");
}

#[test]
fn a_small_window_matches_its_screenshot() {
    let demo = DemoTerminal::start((40, 10));
    demo.check_screenshot("small");
}

/// The demo on a terminal, after it read all numbers.
struct DemoTerminal {
    session: PtySession,
}

impl DemoTerminal {
    fn start(size: (u16, u16)) -> Self {
        let args = ["--demo", "--demo-seed", "1", "--demo-latency", "0"];
        let env = [("LANG", "C.UTF-8"), ("TERM", "xterm-256color"), ("USER", "ana")];
        let mut session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &args, size, &env);
        session.wait_for("Read 12,408 numbers.");
        // A small window shows a message until the next key.
        session.send("\x1b[H");
        session.wait_for("1 of 12,408");
        Self { session }
    }

    fn move_to(&mut self, row: usize) {
        self.session.send("\x1b[H");
        self.session.send("\x1b[B".repeat(row));
        self.session.wait_for(&format!(" {} of 12,408", row + 1));
    }

    fn open_form(&mut self, row: usize) {
        self.move_to(row);
        self.session.send("p");
        self.session.wait_for("New PIN");
        self.session.wait_for("Last set here");
    }

    fn leave_page(&mut self) {
        self.session.send("\x1b");
        self.session.wait_for(LIST_KEYS);
    }

    /// Sets a random PIN on the number in this row, and waits until the list shows this outcome.
    fn set_random_pin(&mut self, row: usize, outcome: &str) {
        self.open_form(row);
        self.session.send("g");
        self.session.wait_for("random");
        self.session.send("\r");
        self.session.wait_for("y  send it");
        self.session.wait_until_quiet(KEYS_ACCEPTED_AFTER);
        self.session.send("y");
        self.session.wait_for(outcome);
    }

    /// Types the digits of a field from position `from` on. Each digit waits for the screen, because a burst of keys
    /// counts as a paste.
    fn type_digits(&mut self, digits: &str, from: usize) {
        for (n, digit) in (from..).zip(digits.chars()) {
            self.session.send(digit.to_string());
            if n < PIN.len() {
                self.session.wait_for(&format!("{n} of 6 digits."));
            }
        }
    }

    /// Sends keys, waits for this text, and compares the screen with the screenshot.
    fn check_after_keys(&mut self, name: &str, keys: &str, text: &str) {
        self.session.send(keys);
        self.session.wait_for(text);
        self.check_screenshot(name);
    }

    fn check_screenshot(&self, name: &str) {
        check(name, &self.session.with_screen(|screen| render_svg(screen, DARK)), &self.session.screen());
    }

    /// The README shows the picture that fits the reader's background.
    fn check_in_both_palettes(&self, name: &str) {
        self.check_screenshot(name);
        let svg = self.session.with_screen(|screen| render_svg(screen, LIGHT));
        check(&format!("{name}-light"), &svg, &self.session.screen());
    }
}

fn check(name: &str, svg: &str, screen: &str) {
    let file = |extension| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("screenshots/{name}.{extension}"));
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        fs::write(file("svg"), svg).expect("the SVG is written");
        return;
    }
    let expected = fs::read_to_string(file("svg")).unwrap_or_default();
    assert!(
        expected == svg,
        "screenshots/{name}.svg differs from the screen. If the screen is right:\n\
         UPDATE_SCREENSHOTS=1 cargo test --test system screenshots && cargo run --release -p pindesk-screenshots\n{screen}",
    );
    assert!(file("png").exists(), "screenshots/{name}.png is missing");
}
