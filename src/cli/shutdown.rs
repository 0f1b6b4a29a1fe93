//! The end of a command that sends PINs, by a signal: the command sends nothing new and awaits the requests in flight.
//!
//! At a second signal it exits at once and says so. The journal recorded each request before it was sent, so requests in
//! flight are then in doubt. A signal that was ignored when the command started stays ignored: `nohup` works.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};
use signal_hook::iterator::Signals;

use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::eprint_line;
use crate::cli::progress_line::InFlightCount;
use crate::cli::rerun::RerunOptions;
use crate::domain::change::JobId;
use crate::jobs::{IN_FLIGHT_TIMEOUT, InFlight, JobsHandle};
use crate::process;

/// How long the last lines may take to print: their reader may have stopped reading.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a message may take that is printed before an end, so that a full pipe or a stopped terminal does not delay it.
const MESSAGE_TIMEOUT: Duration = Duration::from_millis(200);

/// A signal so soon after the first is the same request: `timeout` signals a command, and then its group.
const REPEATED_SIGNAL_WINDOW: Duration = Duration::from_millis(50);

/// The end that a signal requested, if one arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShutdownHandler(Arc<ShutdownState>);

#[derive(Debug, Default)]
struct ShutdownState {
    /// The signal that requested the end, or 0.
    signal: AtomicI32,
    job: OnceLock<JobId>,
    /// For the commands that the last message names.
    rerun: RerunOptions,
}

impl ShutdownHandler {
    /// Starts to listen, until the process ends. `in_flight` is told to the operator, unless the command is quiet.
    pub(crate) fn listen(
        jobs: JobsHandle,
        in_flight: InFlightCount,
        rerun: RerunOptions,
        is_quiet: bool,
    ) -> io::Result<Self> {
        let watched = process::TERMINATION_SIGNALS.into_iter().chain(process::UNUSED_FATAL_SIGNALS);
        let mut signals = Signals::new(watched.filter(|signal| !process::is_ignored(*signal)))?;
        let handler = Self(Arc::new(ShutdownState { rerun, ..ShutdownState::default() }));
        let state = Arc::clone(&handler.0);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut requested_at: Option<Instant> = None;
            for signal in signals.forever() {
                match requested_at {
                    None => {
                        requested_at = Some(Instant::now());
                        state.signal.store(signal, Ordering::SeqCst);
                        start_fresh_line(signal);
                        begin_shutdown(signal, &jobs);
                        if !is_quiet {
                            print_stopping(in_flight.get());
                        }
                    }
                    Some(at) if is_second_request(signal, at.elapsed()) => exit_now(signal, &state),
                    Some(_) => {}
                }
            }
        })?;
        Ok(handler)
    }

    /// The job that the process works on, for the last message.
    pub(crate) fn set_job(&self, job: JobId) {
        // It works on one job only.
        self.0.job.set(job).ok();
    }

    /// The exit code of the signal, if one arrived.
    pub(crate) fn exit_code(&self) -> Option<ExitCode> {
        let signal = self.0.signal.load(Ordering::SeqCst);
        (signal != 0).then_some(ExitCode::Signal(signal))
    }
}

/// True if the operator does not want to wait. A hang-up is not a second request: it arrives with other signals, and
/// twice, from the shell and then from the system.
fn is_second_request(signal: i32, since_first: Duration) -> bool {
    signal != SIGHUP && since_first > REPEATED_SIGNAL_WINDOW
}

/// What ends the line on which the terminal showed `^C`.
fn line_end_after(signal: i32) -> &'static str {
    let is_typed = [SIGINT, SIGQUIT].contains(&signal);
    if is_typed && io::stderr().is_terminal() { "\n" } else { "" }
}

/// Ends the line of `^C` before anything else is printed, so that no row of results runs into it. A terminal that was
/// stopped delays this for a moment only.
fn start_fresh_line(signal: i32) {
    let line_end = line_end_after(signal);
    if line_end.is_empty() {
        return;
    }
    let (sender, printed) = mpsc::channel();
    let print = move || {
        io::stderr().write_all(line_end.as_bytes()).ok();
        sender.send(()).ok();
    };
    // If no thread can be started, the line is not ended.
    thread::Builder::new().spawn(print).ok();
    printed.recv_timeout(MESSAGE_TIMEOUT).ok();
}

/// Stops the jobs, and makes sure that the process ends even if its last lines cannot be printed. Returns at once, so
/// that a second signal is received.
fn begin_shutdown(signal: i32, jobs: &JobsHandle) {
    exit_after_drain(signal, jobs.shut_down(), OUTPUT_TIMEOUT);
}

/// Says what the command waits for, on a thread of its own, so that a full pipe delays nothing.
fn print_stopping(in_flight: usize) {
    let awaited = match in_flight {
        0 => String::new(),
        1 => format!(" 1 request in flight is awaited, at most {} s.", IN_FLIGHT_TIMEOUT.as_secs()),
        count => format!(" {count} requests in flight are awaited, at most {} s.", IN_FLIGHT_TIMEOUT.as_secs()),
    };
    let print = move || eprint_line(&format!("pindesk: stopping.{awaited} Nothing new is sent."));
    // If no thread can be started, the message is not printed.
    thread::Builder::new().spawn(print).ok();
}

/// Ends the process with requests in flight, and says what that means if the message can be printed.
fn exit_now(signal: i32, state: &ShutdownState) -> ! {
    let (sender, printed) = mpsc::channel();
    // A job that was recorded just now may already be at work.
    let words = state.job.get().map_or_else(|| "jobs list".to_owned(), |job| format!("jobs show {job}"));
    let (command, resolve) = (state.rerun.command(&words), state.rerun.resolve_hint("them"));
    let line_end = line_end_after(signal);
    let print = move || {
        eprint_line(&format!(
            "{line_end}pindesk: exited at once: numbers whose requests were in flight are in doubt. Which ones: {command}. {resolve}"
        ));
        sender.send(()).ok();
    };
    // If no thread can be started, the message is not printed.
    thread::Builder::new().spawn(print).ok();
    printed.recv_timeout(MESSAGE_TIMEOUT).ok();
    std::process::exit(128 + signal)
}

/// Ends the process when the jobs are idle and the last lines are printed, or when either took too long.
fn exit_after_drain(signal: i32, in_flight: InFlight, output_timeout: Duration) {
    let waiter = thread::Builder::new().spawn(move || {
        in_flight.wait();
        // The command itself ends before this, unless its last lines cannot be printed.
        thread::sleep(output_timeout);
        std::process::exit(128 + signal);
    });
    if waiter.is_err() {
        std::process::exit(128 + signal);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use signal_hook::consts::SIGTERM;

    use super::*;

    /// Set for the process that exits.
    const CHILD: &str = "PINDESK_TEST_CHILD";

    const A_MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn a_repeated_signal_and_a_hang_up_are_not_a_second_request() {
        let later = REPEATED_SIGNAL_WINDOW + A_MOMENT;
        let requests = [(SIGTERM, A_MOMENT), (SIGINT, A_MOMENT), (SIGHUP, later), (SIGTERM, later), (SIGINT, later)];
        assert_eq!(requests.map(|(signal, since)| is_second_request(signal, since)), [false, false, false, true, true]);
    }

    #[test]
    fn work_that_never_ends_does_not_keep_the_process() {
        if std::env::var_os(CHILD).is_some() {
            exit_after_drain(SIGTERM, InFlight::never_ending(Instant::now() + A_MOMENT), A_MOMENT);
            loop {
                thread::park();
            }
        }
        let mut child = Command::new(std::env::current_exe().expect("the test has a path"));
        let name = "cli::shutdown::tests::work_that_never_ends_does_not_keep_the_process";
        let ended = child.args(["--exact", name]).env(CHILD, "1").output().expect("the process ran");
        assert_eq!(ended.status.code(), Some(143), "{ended:?}");
    }
}
