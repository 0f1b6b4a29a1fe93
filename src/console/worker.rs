//! The worker's thread: one tokio runtime for everything that waits for network or disk.
//!
//! The console sends it [`WorkCommand`]s, and receives [`Msg`]s and a mailbox of progress. A terminal that stops
//! reading stops only the console; a network that hangs stops only this thread's replies.

mod number_cache;
mod event_loop;
mod journal_read;
mod number_files;
mod open_records;

use std::collections::HashMap;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use self::event_loop::Worker;
use super::app::Msg;
use super::effect::WorkCommand;
use crate::config::endpoint::{Credentials, Endpoint};
use crate::domain::change::{Progress, ProgressSource};
use crate::domain::clock::Clock;
use crate::domain::number::PhoneNumberId;
use crate::journal::PauseGuard;
use crate::numbers::NumberSources;
use crate::preflight::RecordingConfig;

/// The Graph API, the numbers, and where changes are recorded.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The Graph API.
    pub endpoint: Endpoint,
    /// The numbers to read.
    pub sources: NumberSources,
    /// Maximum concurrent requests.
    pub concurrency: usize,
    /// True if the access token may stand in a URL, so that Meta can be asked when it expires.
    pub asks_about_token: bool,
    /// Where changes are recorded.
    pub recording: RecordingConfig,
}

/// What reaches the worker's thread: a command of the app, or of the runtime.
#[derive(Debug)]
enum WorkerInput {
    Command(WorkCommand),
    /// Use this access token from now on.
    UseCredentials(Credentials),
    /// Send nothing new until [`WorkerInput::Resume`], and report when nothing is being written.
    Pause(blocking::Sender<PauseGuard>),
    /// Resume after a pause.
    Resume,
    /// Send nothing new, and report when nothing is in flight and the journal is closed: the program ends.
    Close(blocking::Sender<()>),
}

/// A report to the console.
#[derive(Debug)]
pub enum WorkerReport {
    /// Something happened.
    Msg(Msg),
    /// The same for a read, with a permit that limits the reads under way until it is dropped.
    ThrottledMsg(Msg, BackpressurePermit),
    /// The mailbox was empty and now has progress.
    ProgressReady,
}

/// Limits how much of a refresh is under way to the console, so that no list piles up there.
#[derive(Debug)]
pub struct BackpressurePermit {
    _permit: OwnedSemaphorePermit,
}

/// The latest state of each number, until the console takes it, so that no storm of progress can starve a key.
#[derive(Debug, Clone, Default)]
pub struct ProgressMailbox(Arc<Mutex<WaitingProgress>>);

#[derive(Debug, Default)]
struct WaitingProgress {
    own: HashMap<PhoneNumberId, Progress>,
    /// What the journal says after that. It replaces no progress of this process, which the console announces.
    recorded: HashMap<PhoneNumberId, Progress>,
}

impl ProgressMailbox {
    /// Adds progress, and replaces what the mailbox had of the same number. True if the mailbox was empty.
    pub fn put(&self, progress: Progress) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = waiting.own.is_empty() && waiting.recorded.is_empty();
        match progress.source {
            ProgressSource::Own => {
                waiting.recorded.remove(&progress.number);
                waiting.own.insert(progress.number, progress);
            }
            ProgressSource::Journal(_) => {
                waiting.recorded.insert(progress.number, progress);
            }
        }
        was_empty
    }

    /// Takes everything.
    #[must_use]
    pub fn take(&self) -> Vec<Progress> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.own.into_values().chain(waiting.recorded.into_values()).collect()
    }
}

/// A handle of the worker's thread.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    inputs: mpsc::UnboundedSender<WorkerInput>,
    mailbox: ProgressMailbox,
}

impl WorkerHandle {
    /// Starts the thread on this runtime. It calls `report`, which must not block.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        runtime: Runtime,
        config: WorkerConfig,
        clock: Clock,
        report: impl Fn(WorkerReport) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (inputs, inbox) = mpsc::unbounded_channel();
        let mailbox = ProgressMailbox::default();
        let worker = Worker::new(config, clock, mailbox.clone(), Arc::new(report));
        thread::Builder::new().name("work".to_owned()).spawn(move || runtime.block_on(worker.run(inbox)))?;
        Ok(Self { inputs, mailbox })
    }

    /// Sends a command.
    pub fn send(&self, command: WorkCommand) {
        self.send_input(WorkerInput::Command(command));
    }

    /// Uses this access token from now on.
    pub fn use_credentials(&self, credentials: Credentials) {
        self.send_input(WorkerInput::UseCredentials(credentials));
    }

    /// Sends nothing new until [`WorkerHandle::resume`]. The receiver gets a guard when nothing is being written.
    #[must_use]
    pub fn pause(&self) -> blocking::Receiver<PauseGuard> {
        let (guard, paused) = blocking::channel();
        self.send_input(WorkerInput::Pause(guard));
        paused
    }

    /// Resumes after a pause.
    pub fn resume(&self) {
        self.send_input(WorkerInput::Resume);
    }

    /// Sends nothing new. The receiver gets a message when nothing is in flight and the journal is closed.
    #[must_use]
    pub fn close(&self) -> blocking::Receiver<()> {
        let (closed, waiter) = blocking::channel();
        self.send_input(WorkerInput::Close(closed));
        waiter
    }

    fn send_input(&self, input: WorkerInput) {
        // The thread ends only with the process.
        self.inputs.send(input).ok();
    }

    /// Takes the waiting progress.
    #[must_use]
    pub fn take_progress(&self) -> Vec<Progress> {
        self.mailbox.take()
    }
}

#[cfg(test)]
mod tests;
