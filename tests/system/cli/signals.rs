//! Signals that end a command: it sends nothing new, awaits the requests in flight, and reports every number.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use pindesk::simulator::HoldGuard;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::suspend::{DELIVERY_TIME, yield_for};
use crate::support::cli_fixture::{CliFixture, PIN, wait_until_held};
use crate::support::watchdog::Watchdog;

/// A shell script that runs a command unchanged.
pub(super) const EXEC_SCRIPT: &str = "exec \"$@\"";

/// Starts a job of six numbers, two at a time, in a shell script that runs it as `"$@"`. Returns when two requests are
/// in flight; the simulator holds back their answers until the guard is dropped.
pub(super) fn start_job(cli: &CliFixture, script: &str, stdout: Stdio) -> (Child, HoldGuard) {
    let (list, pin) = (cli.write_id_list(&cli.number_ids("not-set", 6)), cli.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let set =
        ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", "6", "--concurrency", "2", "--json", "-q"];
    let program = cli.command(&set);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
    command.env_clear().env("HOME", cli.path("")).stdin(Stdio::null());
    // Its own process group, as a shell gives each job, so that another process can continue it.
    command.process_group(0).stdout(stdout).stderr(Stdio::piped());
    let held = cli.simulator.hold_changes(0);
    let child = command.spawn().expect("the process starts");
    wait_until_held(&held, 2);
    (child, held)
}

pub(super) fn send_signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the process exists");
}

/// Reads this many results as they arrive.
pub(super) fn read_results(child: &mut Child, count: usize) -> Vec<Value> {
    let _watchdog = Watchdog::start(child);
    let stdout = BufReader::with_capacity(1, child.stdout.as_mut().expect("a pipe"));
    let lines = stdout.lines().take(count).map(|line| line.expect("text"));
    lines.map(|line| serde_json::from_str(&line).expect("one JSON object per line")).collect()
}

/// The summary of such a job without failures.
pub(super) fn job_summary(set: usize, not_sent: usize) -> Value {
    super::expected_summary(1, set, 0, not_sent, 0)
}

#[test]
fn a_signal_stops_the_queue_and_awaits_sent_requests() {
    let signals = [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129), (Signal::QUIT, 131)];
    for (signal, code) in signals.into_iter().chain([(Signal::USR1, 138), (Signal::XCPU, 152)]) {
        let cli = CliFixture::without_faults();
        let (mut child, held) = start_job(&cli, EXEC_SCRIPT, Stdio::piped());
        send_signal(&child, signal);
        let outcome = |result: &Value| result["request"].as_str().map(str::to_owned);
        let outcomes: Vec<_> = read_results(&mut child, 4).iter().filter_map(outcome).collect();
        assert_eq!(outcomes, ["not_sent"; 4]);
        drop(held);
        let output = cli.wait_for_output(child);
        assert_eq!(
            (output.code, output.summary(), cli.simulator.pin_request_count()),
            (Some(code), job_summary(2, 4), 2)
        );
        let set: Vec<_> = output.json_lines().into_iter().filter(|object| object["request"] == "set").collect();
        assert_eq!(set.len(), 2, "{output:?}");
        for id in set.iter().map(|object| object["phone_number_id"].as_str().expect("a phone number ID")) {
            assert_eq!(cli.pin_in_force(id).as_deref(), Some(PIN));
        }
    }
}

/// Sends SIGTERM until the process ends. One more signal is not enough: it may arrive before the first is handled.
pub(super) fn terminate_until_exit(child: &mut Child) {
    let _watchdog = Watchdog::start(child);
    while child.try_wait().expect("the status is readable").is_none() {
        send_signal(child, Signal::TERM);
        std::thread::yield_now();
    }
}

#[test]
fn a_second_signal_exits_at_once_and_leaves_doubts() {
    let cli = CliFixture::without_faults();
    let (mut child, held) = start_job(&cli, EXEC_SCRIPT, Stdio::piped());
    terminate_until_exit(&mut child);
    drop(held);
    let output = cli.wait_for_output(child);
    assert_eq!((output.code, cli.simulator.pin_request_count()), (Some(143), 2), "{output:?}");
    assert_eq!(
        output.stderr,
        "pindesk: exited at once: numbers whose requests were in flight are in doubt. Which ones: pindesk jobs show 1. \
         To resolve them, open the console (pindesk) and press w.\n"
    );
    let jobs = cli.run(&["jobs", "list", "--json"]).json_lines();
    assert_eq!((&jobs[0]["total"], &jobs[0]["no_answer"]), (&json!(6), &json!(2)), "{jobs:?}");
}

#[test]
fn a_failed_journal_stops_the_queue_and_is_named() {
    for moved in ["journal.db", ""] {
        let cli = CliFixture::without_faults();
        let (child, held) = start_job(&cli, EXEC_SCRIPT, Stdio::piped());
        fs::rename(cli.state_path(moved), cli.path("away")).expect("the file is moved");
        drop(held);
        let output = cli.wait_for_output(child);
        assert_eq!(
            (output.code, output.summary(), cli.simulator.pin_request_count()),
            (Some(6), job_summary(2, 4), 2),
            "{output:?}"
        );
        assert!(output.stderr.contains("~/.local/state/pindesk") && output.stderr.contains("free"), "{output:?}");
    }
}

#[test]
fn under_nohup_a_hang_up_does_not_stop_the_job() {
    let cli = CliFixture::without_faults();
    let (child, held) = start_job(&cli, "trap '' HUP; exec \"$@\"", Stdio::piped());
    send_signal(&child, Signal::HUP);
    drop(held);
    let output = cli.wait_for_output(child);
    assert_eq!((output.code, output.summary()), (Some(0), job_summary(6, 0)), "{output:?}");
}

#[test]
fn a_second_hang_up_still_awaits_sent_requests() {
    let cli = CliFixture::without_faults();
    let (mut child, held) = start_job(&cli, EXEC_SCRIPT, Stdio::piped());
    // The shell sends the first one to its jobs, and the system sends the second one when the shell ends.
    send_signal(&child, Signal::HUP);
    assert_eq!(read_results(&mut child, 4).len(), 4);
    send_signal(&child, Signal::HUP);
    yield_for(DELIVERY_TIME);
    drop(held);
    let output = cli.wait_for_output(child);
    assert_eq!((output.code, output.summary()), (Some(129), job_summary(2, 4)), "{output:?}");
}

#[test]
fn a_signal_before_the_job_still_ends_json_with_a_summary() {
    let cli = CliFixture::without_faults();
    let list = cli.write_id_list(&cli.number_ids("not-set", 3));
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "3"];
    for (more, summary, message) in [
        (&["--json"][..], true, "pindesk: stopped. Nothing was sent.\n"),
        (&["--json", "-q"], true, ""),
        (&[], false, ""),
    ] {
        let held = cli.simulator.hold_reads(0);
        let mut command = cli.command(&[&set[..], more].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
        wait_until_held(&held, 1);
        send_signal(&child, Signal::TERM);
        let output = cli.wait_for_output(child);
        drop(held);
        // The first run creates the state directory, and says so.
        let told: String = output.stderr.lines().filter(|line| !line.contains("new state directory")).collect();
        assert_eq!((output.code, told.as_str()), (summary.then_some(143), message.trim_end()));
        let mut expected = super::expected_summary(1, 0, 0, 3, 0);
        expected["job"] = Value::Null;
        assert_eq!(output.json_lines(), if summary { vec![expected] } else { Vec::new() });
    }
    assert_eq!(cli.simulator.pin_request_count(), 0);
}
