//! The end of a command that sends PINs, by a signal: nothing new is sent, and what is on its way is awaited.
//!
//! Asked a second time it ends at once, and says so; what is on its way is then in doubt, and recorded as such before it
//! left. A signal that was ignored when the command started stays ignored: `nohup` means what it says.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;

use crate::cli::eprint_line;
use crate::domain::change::JobId;
use crate::jobs::JobsHandle;
use crate::process;

/// Requests on their way are awaited this long: their deadline is 30 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(35);

/// The last lines are waited for this long: whoever reads them may have stopped reading.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(2);

/// So long the last word of a command that is ended at once is waited for: a full pipe does not hold up the end.
const FINAL_MESSAGE_TIMEOUT: Duration = Duration::from_millis(200);

/// What comes so soon after the first signal is the same asking: `timeout` tells a command, and then its group.
const REPEATED_SIGNAL_WINDOW: Duration = Duration::from_millis(50);

/// The signal that asked for the end, if one did.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShutdownHandler(Arc<AtomicI32>);

impl ShutdownHandler {
    /// Starts to listen, for as long as the process lives, which works on this job.
    pub(crate) fn listen(batch: JobsHandle, job: JobId) -> io::Result<Self> {
        let heeded = process::TERMINATION_SIGNALS.into_iter().chain(process::UNUSED_FATAL_SIGNALS);
        let mut signals = Signals::new(heeded.filter(|signal| !process::is_ignored(*signal)))?;
        let ending = Self::default();
        let first = Arc::clone(&ending.0);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut asked: Option<Instant> = None;
            for signal in signals.forever() {
                match asked {
                    None => {
                        asked = Some(Instant::now());
                        first.store(signal, Ordering::SeqCst);
                        begin_shutdown(signal, &batch);
                    }
                    Some(asked) if is_second_request(signal, asked.elapsed()) => exit_now(signal, job),
                    Some(_) => {}
                }
            }
        })?;
        Ok(ending)
    }

    /// 128 and the number of the signal.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::SeqCst);
        if signal == 0 { None } else { u8::try_from(128 + signal).ok() }
    }
}

/// True if somebody does not want to wait. A hang-up comes with and after other endings, and twice: from the shell, and
/// from the system when the shell has ended.
fn is_second_request(signal: i32, since_first: Duration) -> bool {
    signal != SIGHUP && since_first > REPEATED_SIGNAL_WINDOW
}

/// Sees to it that the process ends, even if the last lines cannot be written. Returns at once, so that a second signal
/// is heard.
fn begin_shutdown(signal: i32, batch: &JobsHandle) {
    let (at_rest, waiter) = mpsc::channel();
    batch.stop_and_notify(at_rest);
    exit_after_drain(signal, waiter, DRAIN_TIMEOUT, OUTPUT_TIMEOUT);
}

/// Ends the process, whatever is on its way, and says what that means, if somebody takes it.
fn exit_now(signal: i32, job: JobId) -> ! {
    let (told, is_told) = mpsc::channel();
    let tell = move || {
        eprint_line(&format!(
            "pindesk: ended at once: what was still on its way is in doubt. Which numbers: pindesk jobs show {job}. \
             To settle them: pindesk"
        ));
        told.send(()).ok();
    };
    // Without a thread, nothing is said, nor waited for.
    thread::Builder::new().spawn(tell).ok();
    is_told.recv_timeout(FINAL_MESSAGE_TIMEOUT).ok();
    std::process::exit(128 + signal)
}

/// Ends the process when the work is at rest and its lines are written, or when either took too long.
fn exit_after_drain(signal: i32, at_rest: mpsc::Receiver<()>, last_answers: Duration, last_lines: Duration) {
    let last = thread::Builder::new().spawn(move || {
        at_rest.recv_timeout(last_answers).ok();
        // The command itself ends before this, unless nobody takes its lines.
        thread::sleep(last_lines);
        std::process::exit(128 + signal);
    });
    if last.is_err() {
        std::process::exit(128 + signal);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use signal_hook::consts::{SIGINT, SIGTERM};

    use super::*;

    /// Set for the process that ends.
    const CHILD: &str = "PINDESK_TEST_CHILD";

    const A_MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn a_signal_that_comes_with_the_first_one_and_a_hang_up_ask_for_nothing_more() {
        let later = REPEATED_SIGNAL_WINDOW + A_MOMENT;
        let asked = [(SIGTERM, A_MOMENT), (SIGINT, A_MOMENT), (SIGHUP, later), (SIGTERM, later), (SIGINT, later)];
        assert_eq!(asked.map(|(signal, since)| is_second_request(signal, since)), [false, false, false, true, true]);
    }

    #[test]
    fn work_that_never_comes_to_rest_does_not_keep_the_process() {
        if std::env::var_os(CHILD).is_some() {
            let (_never_told, at_rest) = mpsc::channel();
            exit_after_drain(SIGTERM, at_rest, A_MOMENT, A_MOMENT);
            loop {
                thread::park();
            }
        }
        let mut child = Command::new(std::env::current_exe().expect("it has a path"));
        let name = "cli::ending::tests::work_that_never_comes_to_rest_does_not_keep_the_process";
        let ended = child.args(["--exact", name]).env(CHILD, "1").output().expect("a process");
        assert_eq!(ended.status.code(), Some(143), "{ended:?}");
    }
}
