//! The end by a signal: nothing new is sent, what is on its way is awaited, and every number is accounted for.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use pindesk::simulator::HoldGuard;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::stops::{DELIVERY_TIME, yield_for};
use crate::support::shop::{CliFixture, PIN, wait_until_held};
use crate::support::watch::Watchdog;

/// A shell script that runs a command as it is.
pub(super) const EXEC_SCRIPT: &str = "exec \"$@\"";

/// Starts a job of six numbers, two at a time, by a shell script as `"$@"`, and gives it when two requests are on their
/// way, whose answers are kept back.
pub(super) fn start_job(shop: &CliFixture, script: &str, out: Stdio) -> (Child, HoldGuard) {
    let (list, pin) = (shop.write_id_list(&shop.number_ids("not-set", 6)), shop.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let set =
        ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", "6", "--concurrency", "2", "--json", "-q"];
    let program = shop.command(&set);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
    command.env_clear().env("HOME", shop.path("")).stdin(Stdio::null());
    // A group of its own, as a shell gives each job: there is somebody to continue it.
    command.process_group(0).stdout(out).stderr(Stdio::piped());
    let held = shop.simulator.hold_changes(0);
    let child = command.spawn().expect("a process");
    wait_until_held(&held, 2);
    (child, held)
}

pub(super) fn send_signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is there");
}

/// Reads so many of its results, as they come.
pub(super) fn read_results(child: &mut Child, count: usize) -> Vec<Value> {
    let _watch = Watchdog::start(child);
    let out = BufReader::with_capacity(1, child.stdout.as_mut().expect("a pipe"));
    let lines = out.lines().take(count).map(|line| line.expect("text"));
    lines.map(|line| serde_json::from_str(&line).expect("an object a line")).collect()
}

pub(super) fn expected_summary(set: usize, not_sent: usize) -> Value {
    json!({"schema": 1, "event": "summary", "job": 1, "total": set + not_sent, "set": set, "failed": 0,
           "not_sent": not_sent, "no_answer": 0})
}

#[test]
fn a_signal_stops_what_was_not_sent_and_awaits_what_was() {
    let signals = [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129), (Signal::QUIT, 131)];
    for (signal, code) in signals.into_iter().chain([(Signal::USR1, 138), (Signal::XCPU, 152)]) {
        let shop = CliFixture::without_faults();
        let (mut child, held) = start_job(&shop, EXEC_SCRIPT, Stdio::piped());
        send_signal(&child, signal);
        let words = |result: &Value| result["request"].as_str().map(str::to_owned);
        let stopped: Vec<_> = read_results(&mut child, 4).iter().filter_map(words).collect();
        assert_eq!(stopped, ["not_sent"; 4]);
        drop(held);
        let ended = shop.wait_for_output(child);
        assert_eq!(
            (ended.code, ended.summary(), shop.simulator.pin_request_count()),
            (Some(code), expected_summary(2, 4), 2)
        );
        let set: Vec<_> = ended.json_lines().into_iter().filter(|object| object["request"] == "set").collect();
        assert_eq!(set.len(), 2, "{ended:?}");
        for id in set.iter().map(|object| object["phone_number_id"].as_str().expect("an id")) {
            assert_eq!(shop.pin_in_force(id).as_deref(), Some(PIN));
        }
    }
}

/// Tells it to end again and again: the second time may come before the first was heard, and is the first then.
pub(super) fn terminate_until_exit(child: &mut Child) {
    let _watch = Watchdog::start(child);
    while child.try_wait().expect("it can be asked").is_none() {
        send_signal(child, Signal::TERM);
        std::thread::yield_now();
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_start_knows_what_is_in_doubt() {
    let shop = CliFixture::without_faults();
    let (mut child, held) = start_job(&shop, EXEC_SCRIPT, Stdio::piped());
    terminate_until_exit(&mut child);
    drop(held);
    let ended = shop.wait_for_output(child);
    assert_eq!((ended.code, shop.simulator.pin_request_count()), (Some(143), 2), "{ended:?}");
    assert_eq!(
        ended.stderr,
        "pindesk: exited at once: numbers whose requests were in flight are in doubt. Which ones: pindesk jobs show 1. \
         To resolve them, open the console (pindesk) and press w.\n"
    );
    let jobs = shop.run(&["jobs", "list", "--json"]).json_lines();
    assert_eq!((&jobs[0]["total"], &jobs[0]["no_answer"]), (&json!(6), &json!(2)), "{jobs:?}");
}

#[test]
fn a_journal_that_dies_stops_what_was_not_sent_and_says_where() {
    for moved in ["journal.db", ""] {
        let shop = CliFixture::without_faults();
        let (child, held) = start_job(&shop, EXEC_SCRIPT, Stdio::piped());
        fs::rename(shop.state_path(moved), shop.path("away")).expect("it was there");
        drop(held);
        let ended = shop.wait_for_output(child);
        assert_eq!(
            (ended.code, ended.summary(), shop.simulator.pin_request_count()),
            (Some(6), expected_summary(2, 4), 2),
            "{ended:?}"
        );
        assert!(ended.stderr.contains("~/.local/state/pindesk") && ended.stderr.contains("free"), "{ended:?}");
    }
}

#[test]
fn under_nohup_a_lost_terminal_does_not_stop_it() {
    let shop = CliFixture::without_faults();
    let (child, held) = start_job(&shop, "trap '' HUP; exec \"$@\"", Stdio::piped());
    send_signal(&child, Signal::HUP);
    drop(held);
    let ended = shop.wait_for_output(child);
    assert_eq!((ended.code, ended.summary()), (Some(0), expected_summary(6, 0)), "{ended:?}");
}

#[test]
fn a_terminal_that_is_lost_tells_it_twice_and_what_was_sent_is_awaited_all_the_same() {
    let shop = CliFixture::without_faults();
    let (mut child, held) = start_job(&shop, EXEC_SCRIPT, Stdio::piped());
    // By the shell, to its jobs; and by the system, when the shell has ended.
    send_signal(&child, Signal::HUP);
    assert_eq!(read_results(&mut child, 4).len(), 4);
    send_signal(&child, Signal::HUP);
    yield_for(DELIVERY_TIME);
    drop(held);
    let ended = shop.wait_for_output(child);
    assert_eq!((ended.code, ended.summary()), (Some(129), expected_summary(2, 4)), "{ended:?}");
}
