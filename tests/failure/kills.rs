//! kill -9 at random moments: every PIN in force can be recovered, and nothing that is not known is told as known.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;

use crate::support::company::CrashFixture;
use crate::support::judge::{self, FaultOptions, NUMBERS_PER_WABA, SplitMix64};

/// Requests on their way at once.
const CONCURRENCY: usize = 16;

/// The latest moment of a kill, counted from the arrival of the first request, in microseconds.
const MAX_KILL_DELAY_US: u64 = 270_000;

/// Kills the process at this moment, unless it ended before. True if it was killed.
fn kill_after(child: &mut Child, moment: Duration) -> bool {
    let pid = Pid::from_child(child);
    let its_end = pidfd_open(pid, PidfdFlags::empty()).expect("a descriptor of a process");
    let timeout = Timespec::try_from(moment).expect("short");
    let ended = poll(&mut [PollFd::new(&its_end, PollFlags::IN)], Some(&timeout)).expect("it waits");
    kill_process(pid, Signal::KILL).ok();
    child.wait().expect("it is reaped");
    ended == 0
}

/// What the loop came to, for whoever runs the long one.
#[derive(Debug, Default)]
struct KillStats {
    kills: usize,
    exited_early: usize,
    in_force: usize,
    in_doubt: usize,
    max_in_doubt: usize,
    confirmed: usize,
}

fn run_kill_rounds(kills: usize, faults_in_100: u32) -> KillStats {
    let seed = parse_env("PINDESK_SEED").unwrap_or(20_261_122);
    let mut moments = SplitMix64(seed);
    let manners = FaultOptions {
        min_latency: Duration::from_millis(10),
        max_latency: Duration::from_millis(60),
        fault_percent: faults_in_100,
        seed,
    };
    let mut company = CrashFixture::new(manners);
    let mut toll = KillStats::default();
    for round in 0..kills {
        run_kill_round(&mut company, round, Duration::from_micros(moments.next_below(MAX_KILL_DELAY_US)), &mut toll);
    }
    toll
}

fn run_kill_round(company: &mut CrashFixture, round: usize, moment: Duration, toll: &mut KillStats) {
    let before = company.graph.pin_requests();
    let words = ["--concurrency", &CONCURRENCY.to_string()];
    let mut setting = company.pin_set_command(round, NUMBERS_PER_WABA, &words);
    let mut child = setting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    if !company.graph.wait_for_requests(before + 1) {
        child.kill().ok();
        let ended = child.wait_with_output().expect("it ended");
        panic!("nothing was sent: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let was_killed = kill_after(&mut child, moment);
    toll.kills += usize::from(was_killed);
    toll.exited_early += usize::from(!was_killed);
    company.graph.wait_for_late_pins();

    let reported = reported_results(child);
    let sealed = company.new_escrow_entries();
    let mut candidates: HashMap<&str, HashSet<&str>> = HashMap::new();
    for line in &sealed {
        candidates.entry(&line.number).or_default().insert(&line.pin);
    }
    let pin_of: HashMap<&str, &str> = sealed.iter().map(|line| (line.change.as_str(), line.pin.as_str())).collect();
    let lines = company.last_job_lines(round);
    let results: HashMap<&str, &Value> =
        lines.iter().filter_map(|line| Some((line["phone_number_id"].as_str()?, line))).collect();
    let mut in_doubt = 0;
    for number in (0..NUMBERS_PER_WABA).map(|n| judge::number_id(round, n)) {
        let in_force = company.graph.pin_in_force(&number);
        if let Some(pin) = &in_force {
            toll.in_force += 1;
            let known = candidates.get(number.as_str()).is_some_and(|pins| pins.contains(pin.as_str()));
            assert!(known, "round {round}: the PIN in force on {number} is lost");
        }
        let result = results.get(number.as_str()).unwrap_or_else(|| panic!("round {round}: {number} is not listed"));
        match result["request"].as_str().expect("a word") {
            "set" => {
                toll.confirmed += 1;
                let change = result["change"].as_str().expect("a change");
                assert_eq!(in_force.as_deref(), Some(pin_of[change]), "round {round}: {number} is told as set");
            }
            // What was in doubt before the kill is none of its doing.
            "no_answer" => in_doubt += usize::from(!reported.contains_key(&number)),
            _ => assert_eq!(in_force, None, "round {round}: {number} is told as unchanged: {result}"),
        }
        if let Some(word) = reported.get(&number) {
            assert_eq!(result["request"], **word, "round {round}: what was told of {number} is told otherwise now");
        }
    }
    assert!(in_doubt <= CONCURRENCY, "round {round}: {in_doubt} numbers in doubt after one kill");
    toll.in_doubt += in_doubt;
    toll.max_in_doubt = toll.max_in_doubt.max(in_doubt);
}

/// What the program said of each number before it was killed. Its last line may be half a line.
fn reported_results(mut child: Child) -> HashMap<String, String> {
    let mut said = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let word = |line: &Value, name: &str| Some(line[name].as_str()?.to_owned());
    lines.filter_map(|line| Some((word(&line, "phone_number_id")?, word(&line, "request")?))).collect()
}

fn parse_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn kill_count(name: &str, usual: usize) -> usize {
    parse_env(name).map_or(usual, |kills| usize::try_from(kills).expect("not that many"))
}

#[test]
fn no_pin_in_force_is_lost_by_kill_9_at_random_moments() {
    let toll = run_kill_rounds(kill_count("PINDESK_KILLS", 25), 0);
    eprintln!("without faults: {toll:?}");
    assert!(toll.kills * 2 > toll.exited_early, "most of the rounds were killed: {toll:?}");
}

#[test]
fn no_pin_in_force_is_lost_by_kill_9_while_a_third_of_the_requests_go_wrong() {
    let toll = run_kill_rounds(kill_count("PINDESK_KILLS_WITH_FAULTS", 15), 35);
    eprintln!("with 35 % faults: {toll:?}");
    assert!(toll.kills * 2 > toll.exited_early, "most of the rounds were killed: {toll:?}");
}

#[test]
fn what_is_told_as_set_is_in_force_however_late_an_earlier_try_lands() {
    /// Enough for each fault to meet a few.
    const NUMBERS: usize = 40;
    let manners = FaultOptions {
        min_latency: Duration::ZERO,
        max_latency: Duration::from_millis(20),
        fault_percent: 35,
        seed: parse_env("PINDESK_SEED").unwrap_or(7),
    };
    let mut company = CrashFixture::new(manners);
    let mut pin_of: HashMap<String, String> = HashMap::new();
    let mut told: HashMap<String, Value> = HashMap::new();
    // One process after the other, on the same numbers, as fast as they come.
    for _ in 0..3 {
        let output =
            company.pin_set_command(0, NUMBERS, &["--concurrency", "16", "--replace"]).output().expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        pin_of.extend(company.new_escrow_entries().into_iter().map(|line| (line.change, line.pin)));
        for line in String::from_utf8(output.stdout).expect("text").lines() {
            let result: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} {words}"));
            // What is in doubt now is no longer told as set; what was not sent changed nothing.
            match (result["phone_number_id"].as_str(), result["request"].as_str()) {
                (Some(number), Some("set")) => drop(told.insert(number.to_owned(), result.clone())),
                (Some(number), Some("no_answer")) => drop(told.remove(number)),
                _ => {}
            }
        }
    }
    company.graph.wait_for_late_pins();
    assert!(told.len() > NUMBERS / 2, "{} numbers were set", told.len());
    for (number, result) in told {
        let change = result["change"].as_str().expect("a change");
        let (in_force, pin) = (company.graph.pin_in_force(&number), pin_of.get(change).cloned());
        assert_eq!(in_force, pin, "{number} was told as set: {result}");
    }
}
