//! The end by a signal: nothing new is sent, what is on its way is awaited, and every number is accounted for.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pindesk::process;
use pindesk::simulator::Held;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::{Value, json};

use crate::support::shop::{Ended, PIN, Shop, await_held};
use crate::support::skip;
use crate::support::watch::Watch;

/// Starts a job of six numbers, two at a time, and gives it when two requests are on their way, whose answers are kept back.
fn start(shop: &Shop, shell: Option<&str>) -> (Child, Held) {
    let (list, pin) = (shop.list(&shop.ids("not-set", 6)), shop.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let set =
        ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", "6", "--concurrency", "2", "--json", "-q"];
    let mut command = shop.command(&set);
    if let Some(script) = shell {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.env_clear().env("HOME", shop.path("")).stdin(Stdio::null());
        command = shell;
    }
    // A group of its own, as a shell gives each job: there is somebody to continue it.
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let held = shop.simulator.hold_changes(0);
    let child = command.spawn().expect("a process");
    await_held(&held, 2);
    (child, held)
}

fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is there");
}

/// Waits until it has stopped; false if it has ended.
fn has_stopped(child: &Child) -> bool {
    let _watch = Watch::over(child);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::Pid(Pid::from_child(child)), options).expect("it is asked").expect("it has a status");
    status.stopped()
}

/// Reads so many of its results, as they come.
fn results(child: &mut Child, count: usize) -> Vec<Value> {
    let _watch = Watch::over(child);
    let out = BufReader::with_capacity(1, child.stdout.as_mut().expect("a pipe"));
    let lines = out.lines().take(count).map(|line| line.expect("text"));
    lines.map(|line| serde_json::from_str(&line).expect("an object a line")).collect()
}

fn sum(set: usize, not_sent: usize) -> Value {
    json!({"schema": 1, "event": "summary", "job": 1, "total": set + not_sent, "set": set, "failed": 0,
           "not_sent": not_sent, "no_answer": 0})
}

#[test]
fn a_signal_stops_what_was_not_sent_and_awaits_what_was() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        if process::ignores(signal.as_raw()) {
            skip::not_allowed(&format!("whoever started this test has signal {} ignored", signal.as_raw()));
            continue;
        }
        let shop = Shop::prompt();
        let (mut child, held) = start(&shop, None);
        tell(&child, signal);
        let words = |result: &Value| result["request"].as_str().map(str::to_owned);
        let stopped: Vec<_> = results(&mut child, 4).iter().filter_map(words).collect();
        assert_eq!(stopped, ["not_sent"; 4]);
        drop(held);
        let ended = shop.end_of(child);
        assert_eq!((ended.code, ended.summary(), shop.simulator.pin_requests()), (Some(code), sum(2, 4), 2));
        let set: Vec<_> = ended.objects().into_iter().filter(|object| object["request"] == "set").collect();
        assert_eq!(set.len(), 2, "{ended:?}");
        for id in set.iter().map(|object| object["phone_number_id"].as_str().expect("an id")) {
            assert_eq!(shop.in_force(id).as_deref(), Some(PIN));
        }
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_start_knows_what_is_in_doubt() {
    let shop = Shop::prompt();
    let (mut child, held) = start(&shop, None);
    // The second one may come before the first was heard: then it is the first.
    let watch = Watch::over(&child);
    while child.try_wait().expect("it can be asked").is_none() {
        tell(&child, Signal::TERM);
        std::thread::yield_now();
    }
    drop(watch);
    drop(held);
    let ended = shop.end_of(child);
    assert_eq!((ended.code, shop.simulator.pin_requests()), (Some(143), 2), "{ended:?}");
    let jobs = shop.run(&["jobs", "list", "--json"]).objects();
    assert_eq!((&jobs[0]["total"], &jobs[0]["no_answer"]), (&json!(6), &json!(2)), "{jobs:?}");
}

#[test]
fn a_journal_that_dies_stops_what_was_not_sent_and_says_where() {
    let shop = Shop::prompt();
    let (child, held) = start(&shop, None);
    fs::remove_file(shop.state("journal.db")).expect("it was there");
    drop(held);
    let ended = shop.end_of(child);
    assert_eq!((ended.code, ended.summary(), shop.simulator.pin_requests()), (Some(6), sum(2, 4), 2), "{ended:?}");
    assert!(ended.err.contains("~/.local/state/pindesk") && ended.err.contains("free"), "{ended:?}");
}

#[test]
fn under_nohup_a_lost_terminal_does_not_stop_it() {
    let shop = Shop::prompt();
    let (child, held) = start(&shop, Some("trap '' HUP; exec \"$@\""));
    tell(&child, Signal::HUP);
    drop(held);
    let ended = shop.end_of(child);
    assert_eq!((ended.code, ended.summary()), (Some(0), sum(6, 0)), "{ended:?}");
}

/// Lets others work for a while.
fn pass(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::thread::yield_now();
    }
}

/// Stops it again and again, from before the journal is opened until the last outcome is written, and asks for the lock
/// of all writers each time. `meanwhile` is done while it is stopped for the first time with the lock in reach.
fn stop_again_and_again(shop: &Shop, child: &Child, meanwhile: impl FnOnce()) {
    let mut meanwhile = Some(meanwhile);
    for moment in 0.. {
        pass(Duration::from_millis(moment * 7 % 31));
        tell(child, Signal::TSTP);
        if !has_stopped(child) {
            break;
        }
        if let Ok(escrow) = fs::File::open(shop.state("escrow.jsonl")) {
            let lock = flock(&escrow, FlockOperation::NonBlockingLockExclusive);
            assert!(lock.is_ok(), "moment {moment}: a stopped process holds the lock of all writers");
            drop(escrow);
            if let Some(meanwhile) = meanwhile.take() {
                meanwhile();
            }
        }
        tell(child, Signal::CONT);
    }
    assert!(meanwhile.is_none(), "it has ended before it could be stopped");
}

#[test]
fn a_stopped_command_locks_nobody_out_and_goes_on_where_it_was() {
    const NUMBERS: usize = 8;
    let shop = Shop::open(Duration::from_millis(15), "");
    let mut ids = shop.ids("not-set", NUMBERS + 1);
    let other = ids.remove(NUMBERS);
    let (list, pin, digits) = (shop.list(&ids), shop.path("pin"), shop.last_four(&other));
    let (pin, count) = (pin.to_str().expect("UTF-8"), NUMBERS.to_string());
    let set = ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", &count, "--concurrency", "2", "--json"];
    let mut command = shop.command(&set);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("a process");
    stop_again_and_again(&shop, &child, || {
        let ended: Ended = shop.run(&["pin", "set", &other, "--pin-file", pin, "--confirm", &digits]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    });
    let ended = shop.end_of(child);
    let in_all = shop.simulator.pin_requests();
    assert_eq!((ended.code, &ended.summary()["set"], in_all), (Some(0), &json!(NUMBERS), NUMBERS + 1), "{ended:?}");
}

#[test]
fn a_stopped_command_that_is_told_to_end_sends_nothing_new() {
    let shop = Shop::prompt();
    let (child, held) = start(&shop, None);
    tell(&child, Signal::TSTP);
    assert!(has_stopped(&child));
    // The answers wait for it: it could go on with the next numbers at once.
    drop(held);
    // As a shell ends a stopped job.
    tell(&child, Signal::TERM);
    tell(&child, Signal::CONT);
    let ended = shop.end_of(child);
    assert_eq!((ended.code, ended.summary(), shop.simulator.pin_requests()), (Some(143), sum(2, 4), 2), "{ended:?}");
}
