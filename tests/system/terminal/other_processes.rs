//! A console beside commands with the same journal.

use std::time::Duration;

use crate::support::pty::ProcessExit;
use crate::support::terminal_fixture::{PIN, TerminalFixture, type_filter};

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

#[test]
fn a_job_that_a_console_stopped_is_resumed_by_a_command() {
    let fixture = TerminalFixture::new(Duration::from_secs(1), "");
    let mut session = fixture.start_console(&[]);
    type_filter(&mut session, "two-step:not-set");
    session.send("\ra");
    session.wait_for("selected");
    session.send("p");
    session.wait_for("Set PINs for ");
    let screen = session.screen();
    let count = screen.split("Set PINs for ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a count");
    session.send("\t");
    session.wait_for("0-9 type");
    session.send(&PIN[..4]);
    session.wait_for("4 of 6 digits.");
    session.send(&PIN[4..]);
    session.send(&PIN[..4]);
    session.wait_for("[*] [*] [*] [*] [_]");
    session.send(&PIN[4..]);
    session.wait_for("Ready. Press Enter.");
    session.send("\r");
    session.wait_for("Type ");
    session.wait_until_quiet(QUIET_TIME);
    session.send(count);
    session.wait_until_quiet(QUIET_TIME);
    session.send("\r");
    session.wait_for("Starting a job");
    session.send("b");
    session.wait_for("running");
    session.send("\r");
    session.wait_for(&format!("Job 1: the same PIN for {count} numbers"));
    session.send("x");
    session.wait_for("Stop job 1?");
    session.wait_until_quiet(QUIET_TIME);
    session.send("y");
    session.wait_for("cut short");
    let (sent, count) = (fixture.pin_requests(), count.parse::<usize>().expect("a count"));
    let (left, shown) = (count - sent, fixture.run_command(&["jobs", "show", "1"]));
    assert!(shown.contains(&format!("{sent} set, 0 failed, {left} not sent, 0 no answer.")), "{shown}");
    assert!(!shown.contains("nother process"), "{shown}");
    fixture.run_command_with_pin(&["jobs", "resume", "1", "--confirm", &left.to_string(), "--concurrency", "32"]);
    session.wait_for("finished");
    session.wait_for(&format!("100 %  {count} of {count}"));
    assert_eq!((fixture.pin_requests(), fixture.pins_in_force()), (count, count));
}
