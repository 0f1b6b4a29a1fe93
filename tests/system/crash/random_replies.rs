//! A console whose server answers every request at random: it never crashes, and never says of a PIN what no reply
//! proved.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::kills::parse_env;
use crate::support::crash_fixture::CrashFixture;
use crate::support::faulty_graph::SplitMix64;
use crate::support::random_graph::{Evidence, RandomGraph};

/// How long the default run presses keys.
const DEFAULT_SECONDS: u64 = 8;

/// A console that ran longer would only wait for the pauses that its server asked for.
const MAX_SECONDS_PER_CONSOLE: u64 = 25;

/// How much longer it runs on a busy machine until something was sent.
const MAX_MORE_SECONDS: u64 = 60;

/// So many consoles use the same journal, one after another.
const CONSOLES_PER_JOURNAL: usize = 3;

const MAX_MEMORY_KB: u64 = 64 * 1024;

/// How many WABAs the config names.
const WABAS: usize = 2;

/// Why a change in doubt counts as failed: the status that was read later proves it.
const NOT_APPLIED: &str = "two-step verification was still not set two minutes later";

/// How often each result was found.
#[derive(Debug, Default)]
struct Tally {
    consoles: usize,
    keys: usize,
    pin_requests: usize,
    results: HashMap<String, usize>,
    most_memory_kb: u64,
}

#[test]
fn random_replies_cause_no_crash_and_no_wrong_result() {
    let seconds = parse_env("PINDESK_SECONDS_OF_RANDOM_REPLIES").unwrap_or(DEFAULT_SECONDS);
    let seed = parse_env("PINDESK_SEED").unwrap_or(20_261_201);
    let (end, mut random, mut tally) =
        (Instant::now() + Duration::from_secs(seconds), SplitMix64(seed), Tally::default());
    let last_end = end + Duration::from_secs(MAX_MORE_SECONDS);
    while Instant::now() < end || tally.pin_requests == 0 && Instant::now() < last_end {
        let graph = RandomGraph::start(random.next_below(u64::MAX));
        let mut fixture = CrashFixture::for_server(&graph.url);
        for _ in 0..CONSOLES_PER_JOURNAL {
            let limit = Instant::now() + Duration::from_secs(MAX_SECONDS_PER_CONSOLE);
            let goes_on = || Instant::now() < if graph.pin_requests() == 0 { limit } else { limit.min(end) };
            run_console(&fixture, goes_on, &mut random, &mut tally);
            if Instant::now() >= end {
                break;
            }
        }
        tally.pin_requests += graph.pin_requests();
        check_results(&mut fixture, &graph, &mut tally);
    }
    eprintln!("{tally:?}");
    assert!(tally.pin_requests > 0, "nothing was sent: {tally:?}");
}

/// Presses keys in one console as long as it `goes_on`, and ends it.
fn run_console(fixture: &CrashFixture, goes_on: impl Fn() -> bool, random: &mut SplitMix64, tally: &mut Tally) {
    let mut session = fixture.spawn_console(WABAS);
    session.wait_for("pindesk");
    while goes_on() {
        let keys = next_keys(&session.screen(), random);
        // A question waits before it accepts keys, and after digits.
        let pause = Duration::from_millis(if keys.len() == 1 && keys != "\r" { 60 } else { 600 });
        session.send(keys);
        tally.keys += 1;
        let is_over = session.exits_within(pause);
        assert!(!is_over, "the console ended: {:?}\n{}", session.wait_exit(), session.text());
    }
    let status = String::from_utf8(session.proc_file("status")).expect("text");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak of the memory");
    let memory_kb = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(memory_kb < MAX_MEMORY_KB, "{memory_kb} kB");
    tally.most_memory_kb = tally.most_memory_kb.max(memory_kb);
    tally.consoles += 1;
    session.kill(Signal::TERM);
    let exit = session.wait_exit();
    assert!(exit.is_normal && exit.code != 101, "{exit:?}\n{}", session.text());
}

/// The digits between this text and the end of its line, or a question mark.
fn digits_after(screen: &str, text: &str) -> String {
    let rest = screen.split_once(text).map_or("", |(_, rest)| rest);
    let line = rest.lines().next().unwrap_or_default().split('?').next().unwrap_or_default();
    line.chars().filter(char::is_ascii_digit).collect()
}

/// What an operator types into a field that asks for these digits: they are typed, and then sent.
fn keys_for_digits(screen: &str, label: &str, digits: String) -> String {
    let field = screen.split_once(label).and_then(|(_, rest)| rest.split(['[', ']']).nth(1)).unwrap_or_default();
    match field {
        "wait" => String::new(),
        _ if field == digits => "\r".to_owned(),
        _ if field.trim_matches('_').is_empty() => digits,
        _ => "\x15".to_owned(),
    }
}

/// What an operator types on this screen who wants to send PINs, or any key.
fn next_keys(screen: &str, random: &mut SplitMix64) -> String {
    let (count_label, number_label) = ("Type how many numbers, then Enter", "Last 4 digits of the number, then Enter");
    if random.next_below(10) == 0 {
        let keys =
            ["\x1b", "\r", "j", "k", "?", "m", "b", "w", "r", "u", "1", "2", "3", "v", "i", "x", "y", "t", "G", "/"];
        pick(&keys, random).to_owned()
    } else if screen.contains(count_label) {
        let titles = [digits_after(screen, "PINs for "), digits_after(screen, "Numbers  ")];
        keys_for_digits(screen, count_label, titles.into_iter().find(|count| !count.is_empty()).unwrap_or_default())
    } else if screen.contains(number_label) {
        let number = digits_after(screen, "the PIN of ");
        keys_for_digits(screen, number_label, number[number.len().saturating_sub(4)..].to_owned())
    } else if screen.contains("cancel, nothing is sent") {
        "y".to_owned()
    } else if screen.contains("Ready. Press Enter.") || screen.contains("Set PINs for ") {
        "\r".to_owned()
    } else if screen.contains("PIN again") {
        let pin = 102_938 + random.next_below(800_000);
        format!("{pin}{pin}")
    } else if screen.contains("Access token refused") {
        "r".to_owned()
    } else if screen.contains("Space select") {
        let keys =
            ["j", "k", "G", "g", "\x04", "\x15", "n", " ", " ", " ", "a", "p", "p", "p", "p", "b", "w", "r", "u"];
        pick(&keys, random).to_owned()
    } else {
        pick(&["\x1b", "\x1b", "\x1b", "\r", "p", "t", "x", "y"], random).to_owned()
    }
}

fn pick<'a>(texts: &[&'a str], random: &mut SplitMix64) -> &'a str {
    let count = u64::try_from(texts.len()).expect("a small number");
    texts[usize::try_from(random.next_below(count)).expect("a small number")]
}

/// Compares each recorded result with what the replies proved.
fn check_results(fixture: &mut CrashFixture, graph: &RandomGraph, tally: &mut Tally) {
    let evidence = graph.evidence();
    let entries = fixture.new_escrow_entries();
    let pins: HashMap<_, _> = entries.into_iter().map(|entry| (entry.change, (entry.number, entry.pin))).collect();
    for key in evidence.keys() {
        assert!(pins.values().any(|saved| saved == key), "a PIN was sent that is not in the escrow");
    }
    let jobs = fixture.json_lines(&["jobs", "list", "--json"]);
    for job in jobs.iter().filter_map(|job| job["job"].as_u64()) {
        for result in fixture.json_lines(&["jobs", "show", &job.to_string(), "--json"]) {
            let Some(key) = result["change"].as_str().and_then(|change| pins.get(change)) else { continue };
            let is_same_pin = pins.values().filter(|saved| *saved == key).count() > 1;
            let proved = evidence.get(key).map_or(&[][..], Vec::as_slice);
            if !is_same_pin {
                check_result(&result, proved, graph.is_applied(&key.0, &key.1));
            }
            *tally.results.entry(result["request"].as_str().expect("a result").to_owned()).or_default() += 1;
        }
    }
}

/// Checks the result of one change. `proved` is what the replies to its requests prove, in their order.
fn check_result(result: &Value, proved: &[Evidence], is_applied: bool) {
    let request = result["request"].as_str().expect("a result");
    let all_refused = proved.iter().all(|evidence| *evidence == Evidence::Refused);
    let is_right = match request {
        "set" => proved.last() == Some(&Evidence::Applied),
        "failed" if result["reason"] == NOT_APPLIED => !is_applied,
        "failed" => all_refused && !proved.is_empty(),
        "not_sent" => all_refused,
        "no_answer" => proved.contains(&Evidence::Nothing) && proved.last() != Some(&Evidence::Applied),
        other => panic!("{other}: {result}"),
    };
    assert!(is_right, "after {proved:?}: {result}");
}
