//! Commands that are suspended, resumed or ended: they hold no lock while suspended, and after a signal they send
//! nothing new, even if the reader of their output is stuck.

use std::fs;
use std::io::{PipeReader, PipeWriter};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use serde_json::json;

use super::signals::{EXEC_SCRIPT, job_summary, read_results, send_signal, start_job, terminate_until_exit};
use crate::support::cli_fixture::{CliFixture, wait_until_held};
use crate::support::watchdog::Watchdog;

/// Far less than the time for which a resumed command waits for signals, and enough for a command that does not wait to
/// send something.
const SHELL_PAUSE: Duration = Duration::from_millis(40);

/// How often the test checks the lock of all writers. It has to stop at some time, so that the command can end.
const LOCK_CHECKS: usize = 24;

/// Enough for released answers to arrive and for a signal to be handled.
pub(super) const DELIVERY_TIME: Duration = Duration::from_millis(100);

/// Far longer than an immediate exit takes on a busy machine, and far shorter than the 30 s for which a command waits
/// for an answer.
const IMMEDIATE_EXIT_LIMIT: Duration = Duration::from_secs(15);

/// Waits until a process is suspended. False if it ends instead.
fn wait_until_suspended(child: &Child) -> bool {
    let _watchdog = Watchdog::start(child);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::Pid(Pid::from_child(child)), options).expect("the process exists").expect("a status");
    status.stopped()
}

/// Yields to other processes for this long.
pub(super) fn yield_for(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::thread::yield_now();
    }
}

/// Suspends a command repeatedly, from before it opens its journal, and checks each time that the lock of all writers
/// is free. Calls `meanwhile` during the first suspension in which the escrow file exists.
fn suspend_repeatedly(cli: &CliFixture, child: &Child, meanwhile: impl FnOnce()) {
    let (mut meanwhile, mut checks) = (Some(meanwhile), 0);
    for round in 0.. {
        // Some signals arrive while the command still waits after the last one, and some after it has sent again.
        yield_for(Duration::from_millis(round * 37 % 300));
        send_signal(child, Signal::TSTP);
        if !wait_until_suspended(child) {
            break;
        }
        if let Ok(escrow) = fs::File::open(cli.state_path("escrow.jsonl")) {
            let lock = flock(&escrow, FlockOperation::NonBlockingLockExclusive);
            assert!(lock.is_ok(), "round {round}: a suspended process holds the lock of all writers");
            drop(escrow);
            if let Some(meanwhile) = meanwhile.take() {
                meanwhile();
            }
            checks += 1;
        }
        send_signal(child, Signal::CONT);
        if checks == LOCK_CHECKS {
            break;
        }
    }
    assert!(meanwhile.is_none(), "the command ended before it could be suspended");
}

#[test]
fn a_suspended_command_holds_no_lock_and_resumes() {
    const NUMBERS: usize = 14;
    let cli = CliFixture::new(Duration::from_millis(15), "");
    let mut ids = cli.number_ids("not-set", NUMBERS + 1);
    let other = ids.remove(NUMBERS);
    let (list, pin, digits) = (cli.write_id_list(&ids), cli.path("pin"), cli.last_four_digits(&other));
    let (pin, count) = (pin.to_str().expect("UTF-8"), NUMBERS.to_string());
    let set = ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", &count, "--concurrency", "2", "--json"];
    let mut command = cli.command(&set);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the process starts");
    suspend_repeatedly(&cli, &child, || {
        let output = cli.run(&["pin", "set", &other, "--pin-file", pin, "--confirm", &digits]);
        assert_eq!(output.code, Some(0), "{output:?}");
    });
    let output = cli.wait_for_output(child);
    let requests = cli.simulator.pin_request_count();
    assert_eq!(
        (output.code, &output.summary()["set"], requests),
        (Some(0), &json!(NUMBERS), NUMBERS + 1),
        "{output:?}"
    );
}

#[test]
fn a_suspended_command_that_is_ended_sends_nothing() {
    let cli = CliFixture::without_faults();
    let (child, held) = start_job(&cli, EXEC_SCRIPT, Stdio::piped());
    send_signal(&child, Signal::TSTP);
    assert!(wait_until_suspended(&child));
    // The answers are waiting, so that a resumed command could continue with the next numbers at once.
    drop(held);
    // This is how a shell ends a suspended job.
    send_signal(&child, Signal::TERM);
    send_signal(&child, Signal::CONT);
    let output = cli.wait_for_output(child);
    assert_eq!(
        (output.code, output.summary(), cli.simulator.pin_request_count()),
        (Some(143), job_summary(2, 4), 2),
        "{output:?}"
    );
}

/// Waits until a process has a thread of this name.
fn wait_until_thread_runs(child: &Child, name: &str) {
    let _watchdog = Watchdog::start(child);
    let has_thread = || {
        let threads = fs::read_dir(format!("/proc/{}/task", child.id())).expect("the process exists");
        // A thread that has just ended has no name any longer.
        let name_of = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        threads.flatten().any(|thread| name_of(thread).trim_end() == name)
    };
    while !has_thread() {
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_before_the_first_send_stops_every_send() {
    let cli = CliFixture::without_faults();
    let (list, pin) = (cli.write_id_list(&cli.number_ids("not-set", 6)), cli.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let (reads, changes) = (cli.simulator.hold_reads(0), cli.simulator.hold_changes(0));
    let set =
        ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", "6", "--concurrency", "2", "--json", "-q"];
    let mut command = cli.command(&set);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the process starts");
    wait_until_held(&reads, 1);
    send_signal(&child, Signal::TSTP);
    assert!(wait_until_suspended(&child));
    drop(reads);
    // SIGTERM arrives while the command still waits for signals after the suspension, before it queues its list.
    send_signal(&child, Signal::CONT);
    // An earlier signal ends it without a job, and so without a result of each number.
    wait_until_thread_runs(&child, "work");
    send_signal(&child, Signal::TERM);
    let outcomes: Vec<_> = read_results(&mut child, 4).iter().map(|result| result["request"].clone()).collect();
    assert_eq!(outcomes, ["not_sent"; 4]);
    drop(changes);
    let output = cli.wait_for_output(child);
    // On a very slow machine, the command sends the first two requests before it handles the signal.
    let requests = cli.simulator.pin_request_count();
    assert_eq!((output.code, output.summary()), (Some(143), job_summary(requests, 6 - requests)), "{output:?}");
}

/// True if a command that is suspended, resumed and then ended sends nothing in between.
fn handles_signal_before_sending() -> bool {
    let cli = CliFixture::without_faults();
    let (child, held) = start_job(&cli, EXEC_SCRIPT, Stdio::piped());
    send_signal(&child, Signal::TSTP);
    assert!(wait_until_suspended(&child));
    // Both answers are waiting when the command resumes: only its own wait for signals delays the next two requests.
    drop(held);
    yield_for(DELIVERY_TIME);
    send_signal(&child, Signal::CONT);
    yield_for(SHELL_PAUSE);
    send_signal(&child, Signal::TERM);
    assert_eq!(cli.wait_for_output(child).code, Some(143));
    cli.simulator.pin_request_count() == 2
}

#[test]
fn a_resumed_command_checks_for_signals_first() {
    // Other tests on the same machine can delay this one, so that it is slower than a shell. One success in three is
    // enough.
    assert!((0..3).any(|_| handles_signal_before_sending()), "in each attempt, something was sent first");
}

#[test]
fn an_ignored_sigtstp_does_not_suspend_the_command() {
    let cli = CliFixture::without_faults();
    let (child, held) = start_job(&cli, "trap '' TSTP; exec \"$@\"", Stdio::piped());
    send_signal(&child, Signal::TSTP);
    drop(held);
    let output = cli.wait_for_output(child);
    assert_eq!((output.code, output.summary()), (Some(0), job_summary(6, 0)), "{output:?}");
}

/// A full pipe: its reading end and its writing end.
pub(super) fn full_pipe() -> (PipeReader, PipeWriter) {
    let (read, write) = std::io::pipe().expect("a pipe");
    rustix::fs::fcntl_setfl(&write, OFlags::NONBLOCK).expect("the flags are set");
    while rustix::io::write(&write, &[b'\n'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&write, OFlags::empty()).expect("the flags are set");
    (read, write)
}

#[test]
fn a_full_output_pipe_does_not_delay_a_signal() {
    let cli = CliFixture::without_faults();
    let (_read, write) = full_pipe();
    let (child, held) = start_job(&cli, EXEC_SCRIPT, Stdio::from(write));
    send_signal(&child, Signal::TERM);
    drop(held);
    assert_eq!(cli.wait_for_output(child).code, Some(143));
}

#[test]
fn a_full_output_pipe_does_not_delay_a_second_signal() {
    let cli = CliFixture::without_faults();
    let (_read, write) = full_pipe();
    let (mut child, _held) = start_job(&cli, "exec \"$@\" 2>&1", Stdio::from(write));
    let start = Instant::now();
    terminate_until_exit(&mut child);
    assert_eq!(cli.wait_for_output(child).code, Some(143));
    assert!(start.elapsed() < IMMEDIATE_EXIT_LIMIT, "it waited for its answers or for its reader");
}
