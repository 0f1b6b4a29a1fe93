//! `kill -9` at random moments: every PIN in force can be recovered, and no outcome is reported unless it is certain.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;

use crate::support::crash_fixture::CrashFixture;
use crate::support::faulty_graph::{self, FaultOptions, NUMBERS_PER_WABA, SplitMix64};

/// The maximum number of concurrent requests.
pub(super) const CONCURRENCY: usize = 16;

/// The longest time from the arrival of the first request to the kill, in microseconds.
const MAX_KILL_DELAY_US: u64 = 270_000;

/// Kills a process after this time. False if it ended before.
pub(super) fn kill_after(child: &mut Child, delay: Duration) -> bool {
    let pid = Pid::from_child(child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("a process descriptor");
    let timeout = Timespec::try_from(delay).expect("a short time");
    let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)).expect("poll works");
    kill_process(pid, Signal::KILL).ok();
    child.wait().expect("the process is reaped");
    ready == 0
}

/// The totals of a loop, printed for long runs.
#[derive(Debug, Default)]
pub(super) struct KillStats {
    pub(super) kills: usize,
    exited_early: usize,
    in_force: usize,
    in_doubt: usize,
    max_in_doubt: usize,
    confirmed: usize,
}

fn run_kill_rounds(kills: usize, fault_percent: u32) -> KillStats {
    let seed = parse_env("PINDESK_SEED").unwrap_or(20_261_122);
    let mut random = SplitMix64(seed);
    let options = FaultOptions {
        min_latency: Duration::from_millis(10),
        max_latency: Duration::from_millis(60),
        fault_percent,
        seed,
    };
    let mut fixture = CrashFixture::new(options);
    let mut stats = KillStats::default();
    for round in 0..kills {
        run_kill_round(&mut fixture, round, Duration::from_micros(random.next_below(MAX_KILL_DELAY_US)), &mut stats);
    }
    stats
}

fn run_kill_round(fixture: &mut CrashFixture, round: usize, delay: Duration, stats: &mut KillStats) {
    let mut child = start_job(fixture, round);
    let was_killed = kill_after(&mut child, delay);
    stats.exited_early += usize::from(!was_killed);
    stats.kills += usize::from(was_killed);
    check_records(fixture, round, child, stats);
}

/// Starts a job of all numbers of a WABA, and returns when its first request has arrived.
pub(super) fn start_job(fixture: &CrashFixture, round: usize) -> Child {
    let before = fixture.graph.pin_requests();
    let arguments = ["--concurrency", &CONCURRENCY.to_string()];
    let mut command = fixture.pin_set_command(round, NUMBERS_PER_WABA, &arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
    if !fixture.graph.wait_for_requests(before + 1) {
        child.kill().ok();
        let output = child.wait_with_output().expect("the process ended");
        panic!("nothing was sent: {}", String::from_utf8_lossy(&output.stderr));
    }
    child
}

/// Checks what the records of a killed job say against what the fake API did. Returns the numbers that the kill put in
/// doubt.
pub(super) fn check_records(
    fixture: &mut CrashFixture,
    round: usize,
    killed: Child,
    stats: &mut KillStats,
) -> HashSet<String> {
    fixture.graph.wait_for_late_pins();
    let reported = reported_results(killed);
    let encrypted = fixture.new_escrow_entries();
    let mut candidates: HashMap<&str, HashSet<&str>> = HashMap::new();
    for entry in &encrypted {
        candidates.entry(&entry.number).or_default().insert(&entry.pin);
    }
    let pin_of: HashMap<&str, &str> =
        encrypted.iter().map(|entry| (entry.change.as_str(), entry.pin.as_str())).collect();
    let lines = fixture.last_job_lines(round);
    let results: HashMap<&str, &Value> =
        lines.iter().filter_map(|entry| Some((entry["phone_number_id"].as_str()?, entry))).collect();
    let mut in_doubt = HashSet::new();
    for number in (0..NUMBERS_PER_WABA).map(|n| faulty_graph::number_id(round, n)) {
        let in_force = fixture.graph.pin_in_force(&number);
        if let Some(pin) = &in_force {
            stats.in_force += 1;
            let is_recoverable = candidates.get(number.as_str()).is_some_and(|pins| pins.contains(pin.as_str()));
            assert!(is_recoverable, "round {round}: the PIN in force on {number} is lost");
        }
        let result = results.get(number.as_str()).unwrap_or_else(|| panic!("round {round}: {number} is not listed"));
        match result["request"].as_str().expect("a string") {
            "set" => {
                stats.confirmed += 1;
                let change = result["change"].as_str().expect("a change ID");
                assert_eq!(in_force.as_deref(), Some(pin_of[change]), "round {round}: {number} is reported as set");
            }
            // A number that was reported as in doubt before the kill does not count.
            "no_answer" if reported.contains_key(&number) => {}
            "no_answer" => drop(in_doubt.insert(number.clone())),
            _ => assert_eq!(in_force, None, "round {round}: {number} is reported as unchanged: {result}"),
        }
        if let Some(outcome) = reported.get(&number) {
            assert_eq!(
                result["request"], **outcome,
                "round {round}: {number} was reported differently before the kill"
            );
        }
    }
    let count = in_doubt.len();
    assert!(count <= CONCURRENCY, "round {round}: {count} numbers in doubt after one kill");
    stats.in_doubt += count;
    stats.max_in_doubt = stats.max_in_doubt.max(count);
    in_doubt
}

/// What the command printed for each number before it was killed. Its last line may be incomplete.
fn reported_results(mut child: Child) -> HashMap<String, String> {
    let mut stdout = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
    let lines = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let field = |line: &Value, name: &str| Some(line[name].as_str()?.to_owned());
    lines.filter_map(|line| Some((field(&line, "phone_number_id")?, field(&line, "request")?))).collect()
}

pub(super) fn parse_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

pub(super) fn kill_count(name: &str, default: usize) -> usize {
    parse_env(name).map_or(default, |kills| usize::try_from(kills).expect("a small number"))
}

#[test]
fn kill_9_at_random_moments_loses_no_pin() {
    let stats = run_kill_rounds(kill_count("PINDESK_KILLS", 25), 0);
    eprintln!("without faults: {stats:?}");
    assert!(stats.kills * 2 > stats.exited_early, "too few rounds were killed: {stats:?}");
}

#[test]
fn kill_9_during_network_faults_loses_no_pin() {
    let stats = run_kill_rounds(kill_count("PINDESK_KILLS_WITH_FAULTS", 15), 35);
    eprintln!("with 35 % faults: {stats:?}");
    assert!(stats.kills * 2 > stats.exited_early, "too few rounds were killed: {stats:?}");
}

#[test]
fn a_pin_reported_as_set_is_in_force_despite_late_tries() {
    /// Enough that each kind of fault hits a few numbers.
    const NUMBERS: usize = 40;
    let options = FaultOptions {
        min_latency: Duration::ZERO,
        max_latency: Duration::from_millis(20),
        fault_percent: 35,
        seed: parse_env("PINDESK_SEED").unwrap_or(7),
    };
    let mut fixture = CrashFixture::new(options);
    let mut pin_of: HashMap<String, String> = HashMap::new();
    let mut reported: HashMap<String, Value> = HashMap::new();
    // Three processes, one after another without a pause, set PINs on the same numbers.
    for _ in 0..3 {
        let output = fixture
            .pin_set_command(0, NUMBERS, &["--concurrency", "16", "--replace"])
            .output()
            .expect("the command runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        pin_of.extend(fixture.new_escrow_entries().into_iter().map(|line| (line.change, line.pin)));
        for line in String::from_utf8(output.stdout).expect("text").lines() {
            let result: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} {stderr}"));
            // A number that is in doubt now is no longer reported as set. A number that was not sent is unchanged.
            match (result["phone_number_id"].as_str(), result["request"].as_str()) {
                (Some(number), Some("set")) => drop(reported.insert(number.to_owned(), result.clone())),
                (Some(number), Some("no_answer")) => drop(reported.remove(number)),
                _ => {}
            }
        }
    }
    fixture.graph.wait_for_late_pins();
    assert!(reported.len() > NUMBERS / 2, "{} numbers were set", reported.len());
    for (number, result) in reported {
        let change = result["change"].as_str().expect("a change ID");
        let (in_force, pin) = (fixture.graph.pin_in_force(&number), pin_of.get(change).cloned());
        assert_eq!(in_force, pin, "{number} was reported as set: {result}");
    }
}
