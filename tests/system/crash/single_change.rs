//! `kill -9` of a console that sets the PIN of one number: the PIN in force can be recovered, and nothing is reported
//! that is not certain.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::Signal;

use super::kills::{kill_count, parse_env};
use crate::support::crash_fixture::CrashFixture;
use crate::support::faulty_graph::{FaultOptions, NUMBERS_PER_WABA, SplitMix64, number_id};

/// Longer than the pause before a question accepts keys.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// The longest time from the answer of the question, or from the request, to the kill: in milliseconds.
const MAX_KILL_DELAY_MS: u64 = 300;

/// Sets a random PIN on a number, and kills the console some time after the confirmation or the first request.
fn set_and_kill(fixture: &CrashFixture, number: &str, waits_for_request: bool, delay: Duration) {
    let (mut session, before) = (fixture.start_console(1), fixture.graph.pin_requests());
    session.wait_until_quiet(QUIET_TIME);
    if session.screen().contains("Esc later") {
        session.send("\x1b");
        session.wait_until_gone("Esc later");
    }
    session.send("/");
    session.wait_until_quiet(QUIET_TIME);
    session.send(number);
    session.wait_until_quiet(QUIET_TIME);
    assert!(session.screen().contains(&format!("/ {number}")), "{}", session.text());
    session.send("\r");
    session.wait_until_quiet(QUIET_TIME);
    session.send("pg");
    session.wait_until_quiet(QUIET_TIME);
    session.send("\r");
    session.wait_until_quiet(QUIET_TIME);
    assert!(session.screen().contains("y  send it"), "{}", session.text());
    session.send("y");
    if waits_for_request {
        assert!(fixture.graph.wait_for_requests(before + 1), "nothing was sent");
    }
    session.bytes_within(delay);
    session.kill(Signal::KILL);
    session.wait_exit();
}

#[test]
fn a_change_killed_in_a_console_loses_no_pin() {
    let rounds = kill_count("PINDESK_KILLS_OF_CHANGES", 4).min(NUMBERS_PER_WABA);
    let seed = parse_env("PINDESK_SEED").unwrap_or(20_261_201);
    let options = FaultOptions {
        min_latency: Duration::from_millis(10),
        max_latency: Duration::from_millis(200),
        fault_percent: 35,
        seed,
    };
    let (mut fixture, mut random) = (CrashFixture::new(options), SplitMix64(seed));
    let (mut in_force, mut in_doubt, mut sent) = (0, HashSet::new(), 0);
    for round in 0..rounds {
        let number = number_id(0, round);
        let delay = Duration::from_millis(random.next_below(MAX_KILL_DELAY_MS));
        // Half of the kills are somewhere before the request or soon after it, and the others certainly after it.
        set_and_kill(&fixture, &number, round % 2 == 0, delay);
        fixture.graph.wait_for_late_pins();
        let saved = fixture.new_escrow_entries();
        let pin = fixture.graph.pin_in_force(&number);
        in_force += usize::from(pin.is_some());
        sent += usize::from(fixture.graph.requests_by_number().contains_key(&number));
        let is_saved = |pin: &String| saved.iter().any(|entry| entry.number == number && entry.pin == *pin);
        assert!(pin.as_ref().is_none_or(is_saved), "the PIN in force on {number} is lost");
        let result = recorded_result(&fixture, &number);
        match result.as_deref() {
            Some("set") => assert!(pin.is_some(), "{number} is reported as set"),
            Some("no_answer") => drop(in_doubt.insert(number)),
            other => assert_eq!(pin, None, "{number} is reported as {other:?}"),
        }
    }
    eprintln!("{rounds} kills: {sent} sent, {in_force} PINs in force, {} in doubt", in_doubt.len());
    let session = fixture.start_console(1);
    session.wait_until_quiet(QUIET_TIME);
    // What is in doubt comes before the list.
    assert_eq!(session.screen().contains("Esc later"), !in_doubt.is_empty(), "{}", session.text());
}

/// What the records say of the number; `None` if it was never recorded.
fn recorded_result(fixture: &CrashFixture, number: &str) -> Option<String> {
    let lines = fixture.last_job_lines(0);
    let line = lines.iter().find(|line| line["phone_number_id"] == number)?;
    line["request"].as_str().map(str::to_owned)
}
