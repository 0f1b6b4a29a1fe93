//! Ctrl-Z, and what follows it; and a command that is told to end where nobody takes its lines.

use std::fs;
use std::io::{PipeReader, PipeWriter};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use serde_json::json;

use super::signals::{EXEC_SCRIPT, expected_summary, read_results, send_signal, start_job, terminate_until_exit};
use crate::support::shop::{CliFixture, wait_until_held};
use crate::support::watch::Watchdog;

/// Far less than a command listens for when it goes on, and enough for one that does not listen to send something.
const SHELL_PAUSE: Duration = Duration::from_millis(40);

/// So often the lock of all writers is asked for: a command that is stopped for ever would never end.
const LOCK_CHECKS: usize = 24;

/// Enough for answers that were let go to have come, and for a signal to have been heard.
pub(super) const DELIVERY_TIME: Duration = Duration::from_millis(100);

/// Far longer than an end at once takes on a busy machine, and far shorter than an answer is waited for: 30 s.
const IMMEDIATE_EXIT_LIMIT: Duration = Duration::from_secs(15);

/// Waits until it has stopped; false if it has ended.
fn wait_until_stopped(child: &Child) -> bool {
    let _watch = Watchdog::start(child);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::Pid(Pid::from_child(child)), options).expect("it is asked").expect("it has a status");
    status.stopped()
}

/// Lets others work for a while.
pub(super) fn yield_for(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::thread::yield_now();
    }
}

/// Stops it again and again, from before the journal is opened on, and asks for the lock of all writers each time. `meanwhile` is done while it is stopped for the first time with the lock in reach.
fn stop_repeatedly(shop: &CliFixture, child: &Child, meanwhile: impl FnOnce()) {
    let (mut meanwhile, mut looks) = (Some(meanwhile), 0);
    for moment in 0.. {
        // Some come while it still listens what follows the last one, and some when it sends again.
        yield_for(Duration::from_millis(moment * 37 % 300));
        send_signal(child, Signal::TSTP);
        if !wait_until_stopped(child) {
            break;
        }
        if let Ok(escrow) = fs::File::open(shop.state_path("escrow.jsonl")) {
            let lock = flock(&escrow, FlockOperation::NonBlockingLockExclusive);
            assert!(lock.is_ok(), "moment {moment}: a stopped process holds the lock on all writers");
            drop(escrow);
            if let Some(meanwhile) = meanwhile.take() {
                meanwhile();
            }
            looks += 1;
        }
        send_signal(child, Signal::CONT);
        if looks == LOCK_CHECKS {
            break;
        }
    }
    assert!(meanwhile.is_none(), "it has ended before it could be stopped");
}

#[test]
fn a_stopped_command_locks_nobody_out_and_goes_on_where_it_was() {
    const NUMBERS: usize = 14;
    let shop = CliFixture::new(Duration::from_millis(15), "");
    let mut ids = shop.number_ids("not-set", NUMBERS + 1);
    let other = ids.remove(NUMBERS);
    let (list, pin, digits) = (shop.write_id_list(&ids), shop.path("pin"), shop.last_four_digits(&other));
    let (pin, count) = (pin.to_str().expect("UTF-8"), NUMBERS.to_string());
    let set = ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", &count, "--concurrency", "2", "--json"];
    let mut command = shop.command(&set);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("a process");
    stop_repeatedly(&shop, &child, || {
        let ended = shop.run(&["pin", "set", &other, "--pin-file", pin, "--confirm", &digits]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    });
    let ended = shop.wait_for_output(child);
    let in_all = shop.simulator.pin_request_count();
    assert_eq!((ended.code, &ended.summary()["set"], in_all), (Some(0), &json!(NUMBERS), NUMBERS + 1), "{ended:?}");
}

#[test]
fn a_stopped_command_that_is_told_to_end_sends_nothing_new() {
    let shop = CliFixture::without_faults();
    let (child, held) = start_job(&shop, EXEC_SCRIPT, Stdio::piped());
    send_signal(&child, Signal::TSTP);
    assert!(wait_until_stopped(&child));
    // The answers wait for it: it could go on with the next numbers at once.
    drop(held);
    // As a shell ends a stopped job.
    send_signal(&child, Signal::TERM);
    send_signal(&child, Signal::CONT);
    let ended = shop.wait_for_output(child);
    assert_eq!(
        (ended.code, ended.summary(), shop.simulator.pin_request_count()),
        (Some(143), expected_summary(2, 4), 2),
        "{ended:?}"
    );
}

/// Waits until a process catches a signal.
fn wait_until_signal_caught(child: &Child, signal: Signal) {
    let _watch = Watchdog::start(child);
    let bit = 1 << (signal.as_raw() - 1);
    let caught = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it is there");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("it is told").trim().to_owned();
        u64::from_str_radix(&mask, 16).expect("a mask")
    };
    while caught() & bit == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_command_that_is_told_to_end_before_it_sends_anything_sends_nothing() {
    let shop = CliFixture::without_faults();
    let (list, pin) = (shop.write_id_list(&shop.number_ids("not-set", 6)), shop.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let (reads, changes) = (shop.simulator.hold_reads(0), shop.simulator.hold_changes(0));
    let set =
        ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", "6", "--concurrency", "2", "--json", "-q"];
    let mut command = shop.command(&set);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a process");
    wait_until_held(&reads, 1);
    send_signal(&child, Signal::TSTP);
    assert!(wait_until_stopped(&child));
    drop(reads);
    // It hears of the end while it still listens what comes after the stop, and before its list is handed over.
    send_signal(&child, Signal::CONT);
    wait_until_signal_caught(&child, Signal::TERM);
    send_signal(&child, Signal::TERM);
    let told: Vec<_> = read_results(&mut child, 4).iter().map(|result| result["request"].clone()).collect();
    assert_eq!(told, ["not_sent"; 4]);
    drop(changes);
    let ended = shop.wait_for_output(child);
    // On a machine that is very late, the first two have left before it hears.
    let requests = shop.simulator.pin_request_count();
    assert_eq!((ended.code, ended.summary()), (Some(143), expected_summary(requests, 6 - requests)), "{ended:?}");
}

/// True if a command that was stopped, goes on, and is then told to end, sends nothing in between.
fn handles_signal_before_sending() -> bool {
    let shop = CliFixture::without_faults();
    let (child, held) = start_job(&shop, EXEC_SCRIPT, Stdio::piped());
    send_signal(&child, Signal::TSTP);
    assert!(wait_until_stopped(&child));
    // Both answers wait when it goes on: nothing but its own patience keeps the next two here.
    drop(held);
    yield_for(DELIVERY_TIME);
    send_signal(&child, Signal::CONT);
    yield_for(SHELL_PAUSE);
    send_signal(&child, Signal::TERM);
    assert_eq!(shop.wait_for_output(child).code, Some(143));
    shop.simulator.pin_request_count() == 2
}

#[test]
fn a_command_that_goes_on_listens_before_it_sends_anything_new() {
    // This test shares its machine with others, which may keep it from being as prompt as a shell: once will do.
    assert!((0..3).any(|_| handles_signal_before_sending()), "each time something was sent first");
}

#[test]
fn a_command_that_is_to_ignore_ctrl_z_goes_on() {
    let shop = CliFixture::without_faults();
    let (child, held) = start_job(&shop, "trap '' TSTP; exec \"$@\"", Stdio::piped());
    send_signal(&child, Signal::TSTP);
    drop(held);
    let ended = shop.wait_for_output(child);
    assert_eq!((ended.code, ended.summary()), (Some(0), expected_summary(6, 0)), "{ended:?}");
}

/// A pipe that takes nothing more, and its other end.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (read, write) = std::io::pipe().expect("a pipe");
    rustix::fs::fcntl_setfl(&write, OFlags::NONBLOCK).expect("its flags");
    while rustix::io::write(&write, &[b'\n'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&write, OFlags::empty()).expect("its flags");
    (read, write)
}

#[test]
fn a_command_that_is_told_to_end_ends_though_nobody_takes_its_lines() {
    let shop = CliFixture::without_faults();
    let (_read, write) = full_pipe();
    let (child, held) = start_job(&shop, EXEC_SCRIPT, Stdio::from(write));
    send_signal(&child, Signal::TERM);
    drop(held);
    assert_eq!(shop.wait_for_output(child).code, Some(143));
}

#[test]
fn a_second_signal_ends_it_at_once_though_nobody_takes_its_last_word() {
    let shop = CliFixture::without_faults();
    let (_read, write) = full_pipe();
    let (mut child, _held) = start_job(&shop, "exec \"$@\" 2>&1", Stdio::from(write));
    let told = Instant::now();
    terminate_until_exit(&mut child);
    assert_eq!(shop.wait_for_output(child).code, Some(143));
    assert!(told.elapsed() < IMMEDIATE_EXIT_LIMIT, "it waited for its answers, or for its reader");
}
