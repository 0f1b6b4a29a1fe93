//! The screenshots are what the program shows today: its real screen on a real terminal, character for character.
//!
//! `UPDATE_SCREENSHOTS=1 cargo test --test screenshots` makes them anew.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use pindesk::console::app::guard::QUIET_TIME;
use tempfile::TempDir;

use self::support::pty::Session;

mod support {
    #[expect(dead_code, reason = "screenshots need no signals, no hang-ups and no modes")]
    pub(crate) mod pty;
    pub(crate) mod signals;
    pub(crate) mod svg;
}

/// A confirmation takes no key before the keyboard was quiet for a time; nothing on the screen tells when that is over.
const UNTIL_A_KEY_COUNTS: Duration = QUIET_TIME.saturating_add(Duration::from_millis(100));

/// Four numbers of the demo's world, in sight when it opens and so far without a PIN, behave as four of life do.
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

/// The rows of those numbers in the list, the first row being 0. The first goes well.
const SET: usize = 3;
const FAILED: usize = 5;
const NO_ANSWER: usize = 12;
const SENDING: usize = 13;

const PIN: &str = "409726";

#[test]
fn the_pages_look_as_in_their_screenshots() {
    let mut demo = Demo::start((80, 24));
    demo.shoots("help", "?", "Help: number list");
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");

    demo.session.send("p");
    demo.session.wait_for("New PIN");
    demo.types(&PIN[..3], 1);
    demo.is_as_in("form");
    demo.types(&PIN[3..], 4);
    demo.session.wait_for("Now type the same PIN again.");
    demo.types(PIN, 1);
    demo.session.wait_for("Ready. Press Enter.");
    demo.session.send("\r");
    demo.session.wait_for("Replace the PIN");
    demo.session.wait_quiet(UNTIL_A_KEY_COUNTS);
    demo.shoots("confirmation", "01", "[01__]");
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");

    demo.sets_pin(SET, "✓ set");
    demo.sets_pin(FAILED, "✗ failed");
    demo.shoots("failed", "\r", "Failed: ");
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");
    demo.sets_pin(NO_ANSWER, "! no answer");
    demo.shoots("no-answer", "\r", "No answer: ");
    demo.session.send("\x1b");
    demo.session.wait_for("Sort:");
    demo.sets_pin(SENDING, "~ sending");
    // The list as it opens has the cursor on the first row.
    demo.shoots("list", "\x1b[H", "phone number ID 200000000001139");
}

#[test]
fn a_small_window_looks_as_in_its_screenshot() {
    let demo = Demo::start((40, 12));
    demo.is_as_in("small");
}

/// The demo on a terminal, everything read.
struct Demo {
    session: Session,
    _faults: TempDir,
}

impl Demo {
    fn start(size: (u16, u16)) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let faults = dir.path().join("faults.toml");
        fs::write(&faults, FAULTS).expect("the file");
        let faults = faults.to_str().expect("a plain name");
        let args = ["--demo", "--demo-seed", "1", "--demo-latency", "0", "--demo-faults", faults];
        let env = [("LANG", "C.UTF-8"), ("TERM", "xterm-256color"), ("USER", "ana")];
        let session = Session::spawn(env!("CARGO_BIN_EXE_pindesk"), &args, size, &env);
        session.wait_for("Read 12,408 numbers.");
        Self { session, _faults: dir }
    }

    /// Sets the PIN of a row of the list that is not set, and waits for what the list shows of it.
    fn sets_pin(&mut self, row: usize, comes_to: &str) {
        self.session.send("\x1b[H");
        self.session.send("\x1b[B".repeat(row));
        self.session.send("p");
        self.session.wait_for("New PIN");
        self.types(PIN, 1);
        self.session.wait_for("Now type the same PIN again.");
        self.types(PIN, 1);
        self.session.wait_for("Ready. Press Enter.");
        self.session.send("\r");
        self.session.wait_for("Set the PIN for 1 number?");
        self.session.wait_quiet(UNTIL_A_KEY_COUNTS);
        self.session.send("y");
        self.session.wait_for(comes_to);
    }

    /// Types digits of a field, the first being its `from`-th, no faster than the screen follows: a burst is a paste.
    fn types(&mut self, digits: &str, from: usize) {
        for (n, digit) in (from..).zip(digits.chars()) {
            self.session.send(digit.to_string());
            if n < PIN.len() {
                self.session.wait_for(&format!("{n} of 6 digits."));
            }
        }
    }

    /// Presses keys, waits for what they bring, and holds the screen against a screenshot.
    fn shoots(&mut self, name: &str, keys: &str, text: &str) {
        self.session.send(keys);
        self.session.wait_for(text);
        self.is_as_in(name);
    }

    fn is_as_in(&self, name: &str) {
        let drawn = self.session.terminal(support::svg::svg);
        let file =
            |extension| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("screenshots/{name}.{extension}"));
        if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
            fs::write(file("png"), support::svg::png(&drawn)).expect("the PNG is written");
            fs::write(file("svg"), drawn).expect("the SVG is written");
            return;
        }
        let kept = fs::read_to_string(file("svg")).unwrap_or_default();
        assert!(
            kept == drawn,
            "screenshots/{name}.svg is not what the screen shows. If the screen is right:\n\
             UPDATE_SCREENSHOTS=1 cargo test --test screenshots\n{}",
            self.session.screen()
        );
        assert!(file("png").exists(), "screenshots/{name}.png is missing");
    }
}
