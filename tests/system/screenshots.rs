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
use tempfile::TempDir;

use crate::support::pty::PtySession;
use crate::support::svg::{DARK, render_svg};

/// How long a `y` is ignored. Nothing on the screen shows when this time is over.
const KEYS_ACCEPTED_AFTER: Duration = QUIET_TIME.saturating_add(Duration::from_millis(100));

/// Faults for three numbers that the demo lists first and that have no PIN yet: one fails, one gets no answer, and one
/// stays in flight.
const FAULTS: &str = r#"
# +1 201-555-0140
[[fault]]
number = "200000000011732"
answer = { code = 133010, status = 400 }

# +1 202-555-0100
[[fault]]
number = "200000000000762"
answer = "reset-after"

# +1 202-555-0102
[[fault]]
number = "200000000003030"
answer = "timeout"
"#;

/// The rows in the list, from 0, of a number without a fault and of the three numbers above.
const SET_ROW: usize = 3;
const FAILED_ROW: usize = 5;
const NO_ANSWER_ROW: usize = 12;
const SENDING_ROW: usize = 13;

/// The first row with the cursor on it.
const FIRST_ROW: &str = ">   +1 201-555-0104";

const PIN: &str = "409726";

#[test]
fn pages_match_their_screenshots() {
    let mut demo = DemoTerminal::start((80, 24));
    demo.check_after_keys("help", "?", "Help: number list");
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");

    demo.session.send("p");
    demo.session.wait_for("New PIN");
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
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");

    demo.set_pin(SET_ROW, "✓ set");
    demo.set_pin(FAILED_ROW, "✗ failed");
    demo.check_after_keys("failed", "\r", "Failed: ");
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");
    demo.set_pin(NO_ANSWER_ROW, "! no answer");
    demo.check_after_keys("no-answer", "\r", "No answer: ");
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");
    demo.set_pin(SENDING_ROW, "~ sending");
    demo.check_after_keys("list", "\x1b[H", FIRST_ROW);
}

#[test]
fn a_small_window_matches_its_screenshot() {
    let demo = DemoTerminal::start((40, 12));
    demo.check_screenshot("small");
}

/// The demo on a terminal, after it read all numbers.
struct DemoTerminal {
    session: PtySession,
    _fault_dir: TempDir,
}

impl DemoTerminal {
    fn start(size: (u16, u16)) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let faults = dir.path().join("faults.toml");
        fs::write(&faults, FAULTS).expect("the fault file is written");
        let faults = faults.to_str().expect("a UTF-8 path");
        let args = ["--demo", "--demo-seed", "1", "--demo-latency", "0", "--demo-faults", faults];
        let env = [("LANG", "C.UTF-8"), ("TERM", "xterm-256color"), ("USER", "ana")];
        let mut session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &args, size, &env);
        session.wait_for("Read 12,408 numbers.");
        // The cursor is on the number that came first, which may be any.
        session.send("\x1b[H");
        session.wait_for(FIRST_ROW);
        Self { session, _fault_dir: dir }
    }

    /// Sets a PIN on the number in this row, and waits until the list shows this outcome.
    fn set_pin(&mut self, row: usize, outcome: &str) {
        self.session.send("\x1b[H");
        self.session.send("\x1b[B".repeat(row));
        self.session.send("p");
        self.session.wait_for("New PIN");
        self.type_digits(PIN, 1);
        self.session.wait_for("Now type the same PIN again.");
        self.type_digits(PIN, 1);
        self.session.wait_for("Ready. Press Enter.");
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
        let svg = self.session.with_screen(|screen| render_svg(screen, DARK));
        let file =
            |extension| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("screenshots/{name}.{extension}"));
        if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
            fs::write(file("svg"), svg).expect("the SVG is written");
            return;
        }
        let expected = fs::read_to_string(file("svg")).unwrap_or_default();
        assert!(
            expected == svg,
            "screenshots/{name}.svg differs from the screen. If the screen is right:\n\
             UPDATE_SCREENSHOTS=1 cargo test --test system screenshots && cargo run --release -p pindesk-screenshots\n{}",
            self.session.screen()
        );
        assert!(file("png").exists(), "screenshots/{name}.png is missing");
    }
}
