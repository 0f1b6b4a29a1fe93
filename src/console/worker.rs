//! The worker's thread: one tokio runtime for everything that waits for network or disk.
//!
//! The console sends it [`WorkCommand`]s, and receives [`Msg`]s and a mailbox of progress. A terminal that stops
//! reading stops only the console; a network that hangs stops only this thread's replies.

mod number_cache;
mod event_loop;
mod open_records;

use std::collections::HashMap;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use self::event_loop::Worker;
use super::app::{Effect, Msg};
use crate::config::endpoint::{Credentials, Endpoint};
use crate::domain::change::Progress;
use crate::domain::clock::Clock;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin_plan::PinPlan;
use crate::domain::text::CleanText;
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
    /// Where changes are recorded.
    pub recording: RecordingConfig,
}

/// A command of the console; see [`Effect`] for most of them.
#[derive(Debug)]
pub enum WorkCommand {
    /// Use this access token from now on.
    UseCredentials(Credentials),
    /// Read everything.
    RefreshAll {
        /// Identifies the refresh in the reports.
        refresh_id: u32,
    },
    /// Refresh this number.
    RefreshNumber(Number),
    /// Set the PINs of this plan.
    SetPin(PinPlan),
    /// Record that an operator checked this number.
    ResolveManually {
        /// The number.
        number: PhoneNumberId,
        /// The note.
        note: CleanText,
    },
    /// Store the recipients of the config in place of the previous ones.
    AcceptRecipients,
    /// Read the history of a number.
    ReadHistory(PhoneNumberId),
    /// The screen is hidden: drop the access token and the PINs in memory that the escrow has.
    DropSecrets,
    /// The screen is shown again.
    RecordScreenShown,
    /// Send nothing new until [`WorkCommand::Resume`], and report when nothing is being written.
    Pause(blocking::Sender<PauseGuard>),
    /// Resume after a pause.
    Resume,
    /// Send the PIN in doubt on a number again.
    ResendPin(PhoneNumberId),
    /// Send nothing new.
    StopSending,
    /// Send nothing new, and report when nothing is in flight and the journal is closed: the program ends.
    Close(blocking::Sender<()>),
}

/// An effect with its receiver.
#[derive(Debug)]
pub enum RoutedEffect {
    /// For the worker.
    Work(WorkCommand),
    /// For the console itself.
    Screen(ScreenCommand),
}

/// What only the console itself can do; see [`Effect`] for each.
#[derive(Debug, PartialEq, Eq)]
pub enum ScreenCommand {
    /// Generate a random PIN.
    GeneratePin {
        /// The number whose end it must not repeat.
        display_number: Option<String>,
    },
    /// Read the access token again.
    ReadToken,
    /// Copy text to the clipboard.
    Copy(String),
    /// Ring the bell.
    Bell,
    /// Draw everything.
    Redraw,
    /// Suspend, until a shell resumes the program.
    Suspend,
    /// Quit, and start the demo.
    OpenDemo,
    /// Quit.
    Quit,
}

impl From<Effect> for RoutedEffect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::RefreshAll { refresh_id } => Self::Work(WorkCommand::RefreshAll { refresh_id }),
            Effect::RefreshNumber(known) => Self::Work(WorkCommand::RefreshNumber(known)),
            Effect::SetPin(plan) => Self::Work(WorkCommand::SetPin(plan)),
            Effect::ResendPin(number) => Self::Work(WorkCommand::ResendPin(number)),
            Effect::ResolveManually { number, note } => Self::Work(WorkCommand::ResolveManually { number, note }),
            Effect::AcceptRecipients => Self::Work(WorkCommand::AcceptRecipients),
            Effect::ReadHistory(number) => Self::Work(WorkCommand::ReadHistory(number)),
            Effect::DropSecrets => Self::Work(WorkCommand::DropSecrets),
            Effect::RecordScreenShown => Self::Work(WorkCommand::RecordScreenShown),
            Effect::StopSending => Self::Work(WorkCommand::StopSending),
            Effect::GeneratePin { display_number } => Self::Screen(ScreenCommand::GeneratePin { display_number }),
            Effect::ReadToken => Self::Screen(ScreenCommand::ReadToken),
            Effect::Copy(text) => Self::Screen(ScreenCommand::Copy(text)),
            Effect::Bell => Self::Screen(ScreenCommand::Bell),
            Effect::Redraw => Self::Screen(ScreenCommand::Redraw),
            Effect::Suspend => Self::Screen(ScreenCommand::Suspend),
            Effect::OpenDemo => Self::Screen(ScreenCommand::OpenDemo),
            Effect::Quit => Self::Screen(ScreenCommand::Quit),
        }
    }
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
pub struct ProgressMailbox(Arc<Mutex<HashMap<PhoneNumberId, Progress>>>);

impl ProgressMailbox {
    /// Adds progress, and replaces what the mailbox had of the same number. True if the mailbox was empty.
    pub fn put(&self, progress: Progress) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = waiting.is_empty();
        waiting.insert(progress.number, progress);
        was_empty
    }

    /// Takes everything.
    #[must_use]
    pub fn take(&self) -> Vec<Progress> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain().map(|(_, progress)| progress).collect()
    }
}

/// A handle of the worker's thread.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    commands: mpsc::UnboundedSender<WorkCommand>,
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
        let (commands, inbox) = mpsc::unbounded_channel();
        let mailbox = ProgressMailbox::default();
        let worker = Worker::new(config, clock, mailbox.clone(), Arc::new(report));
        thread::Builder::new().name("work".to_owned()).spawn(move || runtime.block_on(worker.run(inbox)))?;
        Ok(Self { commands, mailbox })
    }

    /// Sends a command.
    pub fn send(&self, command: WorkCommand) {
        // The thread ends only with the process.
        self.commands.send(command).ok();
    }

    /// Takes the waiting progress.
    #[must_use]
    pub fn take_progress(&self) -> Vec<Progress> {
        self.mailbox.take()
    }
}

#[cfg(test)]
mod tests;
