//! The end by a signal: nothing new is sent, what is on its way is awaited, and every number is accounted for.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::json;

use crate::support::shop::{PIN, Shop};

const LATENCY: Duration = Duration::from_millis(400);

/// Starts a job of six numbers, two at a time, and waits until the first request has come.
fn start(shop: &Shop, shell: Option<&str>) -> Child {
    let (list, pin) = (shop.list(&shop.ids("not-set", 6)), shop.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let set =
        ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", "6", "--concurrency", "2", "--json", "-q"];
    let mut command = shop.command(&set);
    if let Some(script) = shell {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.env_clear().env("HOME", shop.path("")).stdin(Stdio::null());
        command = shell;
    }
    // A group of its own, as a shell gives each job: there is somebody to continue it.
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a process");
    while shop.simulator.pin_requests() == 0 {
        assert_eq!(child.try_wait().expect("it can be asked"), None);
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_signal_stops_what_was_not_sent_and_awaits_what_was() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let shop = Shop::open(LATENCY, "");
        let child = start(&shop, None);
        kill_process(Pid::from_child(&child), signal).expect("it is there");
        let ended = shop.ended(&child.wait_with_output().expect("it ends"));
        let (sum, sent) = (ended.summary(), shop.simulator.pin_requests());
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!((1..=2).contains(&sent), "{sent}");
        assert_eq!(
            sum,
            json!({"schema": 1, "event": "summary", "job": 1, "total": 6, "set": sent, "failed": 0,
                   "not_sent": 6 - sent, "no_answer": 0})
        );
        for object in ended.objects().iter().filter(|object| object["request"] == "set") {
            let id = object["phone_number_id"].as_str().expect("an id");
            assert_eq!(shop.in_force(id).as_deref(), Some(PIN));
        }
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_start_knows_what_is_in_doubt() {
    let shop = Shop::open(Duration::ZERO, "[[fault]]\nevery = 1\nanswer = \"timeout\"");
    let child = start(&shop, None);
    let begun = Instant::now();
    // The second one may come before the first was heard: then it is the first.
    let mut child = child;
    while child.try_wait().expect("it can be asked").is_none() {
        kill_process(Pid::from_child(&child), Signal::TERM).expect("it is there");
        std::thread::yield_now();
    }
    let ended = shop.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, Some(143), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let sent = shop.simulator.pin_requests();
    let jobs = shop.run(&["jobs", "list", "--json"]).objects();
    // One that was recorded may not have been sent any more.
    let in_doubt = jobs[0]["no_answer"].as_u64().and_then(|count| usize::try_from(count).ok()).expect("a count");
    assert!(jobs[0]["total"] == 6 && (sent..=2).contains(&in_doubt), "{sent} sent: {jobs:?}");
}

#[test]
fn a_journal_that_dies_stops_what_was_not_sent_and_says_where() {
    let shop = Shop::open(LATENCY, "");
    let child = start(&shop, None);
    std::fs::remove_file(shop.state("journal.db")).expect("it was there");
    let ended = shop.ended(&child.wait_with_output().expect("it ends"));
    let (sum, sent) = (ended.summary(), shop.simulator.pin_requests());
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!((1..=2).contains(&sent), "{sent}");
    assert_eq!((&sum["set"], &sum["not_sent"], &sum["total"]), (&json!(sent), &json!(6 - sent), &json!(6)), "{sum}");
    assert!(ended.err.contains("~/.local/state/pindesk") && ended.err.contains("free"), "{ended:?}");
}

#[test]
fn under_nohup_a_lost_terminal_does_not_stop_it() {
    let shop = Shop::open(LATENCY, "");
    let child = start(&shop, Some("trap '' HUP; exec \"$@\""));
    kill_process(Pid::from_child(&child), Signal::HUP).expect("it is there");
    let ended = shop.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!((ended.code, &ended.summary()["set"]), (Some(0), &json!(6)), "{ended:?}");
}

/// Lets others work for a while.
fn pass(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::thread::yield_now();
    }
}

#[test]
fn a_stopped_command_locks_nobody_out_and_goes_on_where_it_was() {
    const NUMBERS: usize = 14;
    let shop = Shop::open(Duration::from_millis(15), "");
    let mut ids = shop.ids("not-set", NUMBERS + 1);
    let other = ids.remove(NUMBERS);
    let (list, pin, digits) = (shop.list(&ids), shop.path("pin"), shop.last_four(&other));
    let (pin, count) = (pin.to_str().expect("UTF-8"), NUMBERS.to_string());
    let set = ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", &count, "--concurrency", "2", "--json"];
    let mut command = shop.command(&set);
    // A group of its own, as a shell gives each job: there is somebody to continue it.
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("a process");
    let pid = Pid::from_child(&child);
    let mut has_set_other = false;
    // From before the journal is opened until the last outcome is written.
    for moment in 0..40 {
        pass(Duration::from_millis(moment * 7 % 31));
        if shop.simulator.pin_requests() >= NUMBERS {
            break;
        }
        kill_process(pid, Signal::TSTP).expect("it is there");
        let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is asked").expect("it has stopped");
        assert!(status.stopped(), "moment {moment}: {status:?}");
        if let Ok(escrow) = fs::File::open(shop.state("escrow.jsonl")) {
            let lock = flock(&escrow, FlockOperation::NonBlockingLockExclusive);
            assert!(lock.is_ok(), "moment {moment}: a stopped process holds the lock of all writers");
            drop(escrow);
            if !std::mem::replace(&mut has_set_other, true) {
                let ended = shop.run(&["pin", "set", &other, "--pin-file", pin, "--confirm", &digits]);
                assert_eq!(ended.code, Some(0), "{ended:?}");
            }
        }
        kill_process(pid, Signal::CONT).expect("it is there");
    }
    let ended = shop.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!((ended.code, &ended.summary()["set"]), (Some(0), &json!(NUMBERS)), "{ended:?}");
    assert!(has_set_other && shop.simulator.pin_requests() == NUMBERS + 1, "{}", shop.simulator.pin_requests());
}

#[test]
fn a_stopped_command_that_is_told_to_end_sends_nothing_new() {
    let shop = Shop::open(LATENCY, "");
    let mut child = start(&shop, None);
    let (pid, sent) = (Pid::from_child(&child), shop.simulator.pin_requests());
    kill_process(pid, Signal::TSTP).expect("it is there");
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is asked").expect("it has stopped");
    assert!(status.stopped(), "{status:?}");
    // As a shell ends a stopped job.
    kill_process(pid, Signal::TERM).expect("it is there");
    kill_process(pid, Signal::CONT).expect("it is there");
    let out = child.stdout.take().expect("a pipe");
    let ended = shop.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, Some(143), "{ended:?}");
    assert!(shop.simulator.pin_requests() <= 2.max(sent), "{} after {sent}", shop.simulator.pin_requests());
    drop(out);
}
