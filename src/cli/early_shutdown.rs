//! The end of a command with `--json` by a signal before it has a job: its output still ends with a summary.
//!
//! Without `--json` there is nothing to print, so the signal ends the command by itself. Nothing was sent before a job.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use signal_hook::iterator::Signals;

use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::{eprint_line, print_json};
use crate::cli::output::tally::Tally;
use crate::cli::pauses;
use crate::domain::change::JobId;
use crate::domain::standing::ChangeResult;
use crate::process;

/// How long the last lines may take to print: their reader may have stopped reading.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(2);

/// Listens for signals until the job takes over.
#[derive(Debug, Default)]
pub(crate) struct EarlyShutdown(Arc<Mutex<bool>>);

impl EarlyShutdown {
    /// Starts to listen, if the command prints JSON. `count` numbers were requested, of this job if it exists already.
    pub(crate) fn listen(job: Option<JobId>, count: usize, options: OutputOptions) -> io::Result<Self> {
        let early = Self::default();
        if !options.is_json {
            return Ok(early);
        }
        let watched = process::TERMINATION_SIGNALS.into_iter().filter(|signal| !process::is_ignored(*signal));
        let mut signals = Signals::new(watched)?;
        let is_over = Arc::clone(&early.0);
        thread::Builder::new().name("early signals".to_owned()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Held until the process ends, so that no job starts meanwhile.
                let is_over = lock(&is_over);
                if !*is_over {
                    exit(signal, job, count, options);
                }
            }
        })?;
        Ok(early)
    }

    /// Stops to listen. If a signal arrived before, this does not return.
    pub(crate) fn end(&self) {
        *lock(&self.0) = true;
    }
}

fn lock(is_over: &Mutex<bool>) -> MutexGuard<'_, bool> {
    is_over.lock().unwrap_or_else(PoisonError::into_inner)
}

fn exit(signal: i32, job: Option<JobId>, count: usize, options: OutputOptions) -> ! {
    let (sender, printed) = mpsc::channel();
    let print = move || {
        let mut tally = Tally::default();
        tally.add(ChangeResult::NotSent, count);
        pauses::wait_until_told();
        // The reader may have closed the pipe.
        print_json(&tally.summary_record(job)).ok();
        if !options.is_quiet {
            eprint_line("pindesk: stopped. Nothing was sent.");
        }
        sender.send(()).ok();
    };
    // If no thread can be started, the summary is not printed.
    thread::Builder::new().spawn(print).ok();
    printed.recv_timeout(OUTPUT_TIMEOUT).ok();
    std::process::exit(128 + signal)
}
