//! A console beside commands with the same journal.

use std::time::Duration;

use crate::support::pty::ProcessExit;
use crate::support::terminal_fixture::{TerminalFixture, type_filter};

/// Acme Repairs Deliveries, +1 415-555-0114: two-step verification is not set.
const ID: &str = "200000000000002";
const LAST_FOUR: &str = "0114";

/// If the console writes nothing for this long, it has drawn what happened.
const QUIET_TIME: Duration = Duration::from_millis(500);

#[test]
fn a_pin_set_by_a_command_shows_without_a_key() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    type_filter(&mut session, ID);
    session.send("\r");
    session.wait_for("1 of ");
    assert!(!session.screen().contains("✓ set"), "{}", session.screen());
    fixture.set_pin_by_command(ID, LAST_FOUR);
    session.wait_for("✓ set ");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(session.bytes_within(Duration::from_secs(1)), 0, "it wrote more than the row");
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
    let mut session = fixture.start_console(&[]);
    type_filter(&mut session, "request:set");
    session.wait_for("1 of ");
}
