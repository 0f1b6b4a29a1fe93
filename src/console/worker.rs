//! The work's own thread: one tokio runtime for everything that waits for the network or the disk.
//!
//! The screen hands it [`Order`]s and gets [`Msg`]s and a mailbox of progress back. A terminal that stops reading
//! stops only the screen; a network that hangs stops only this thread's answers.

mod event_loop;
mod open_records;

use std::collections::HashMap;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use self::event_loop::Worker;
use super::app::{Effect, Msg};
use crate::config::endpoint::{Credentials, Endpoint};
use crate::domain::change::{Progress, StatusBefore};
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::pin::Pin;
use crate::domain::text::CleanText;
use crate::journal::PauseGuard;
use crate::numbers::NumberSources;
use crate::preflight::RecordingConfig;

/// When the program ends, requests on their way are awaited this long: their deadline is 30 s.
pub(super) const IN_FLIGHT_TIMEOUT: Duration = Duration::from_secs(35);

/// Whom to talk to, about what, and where to record it.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The Graph API.
    pub endpoint: Endpoint,
    /// What is read.
    pub sources: NumberSources,
    /// Requests on their way at once.
    pub concurrency: usize,
    /// Where what is sent is recorded.
    pub recording: RecordingConfig,
}

/// What the screen asks for.
#[derive(Debug)]
pub enum WorkCommand {
    /// Use this access token from now on.
    UseCredentials(Credentials),
    /// Read everything.
    RefreshAll {
        /// Names the reading in what comes back.
        refresh_id: u32,
    },
    /// Read one number.
    RefreshNumber(PhoneNumberId),
    /// Remember these numbers for the next start.
    CacheNumbers(Vec<Number>),
    /// Forget these numbers, unless they were read after this time.
    RemoveCachedNumbers {
        /// Which.
        numbers: Vec<PhoneNumberId>,
        /// Up to when.
        read_until: UtcTime,
    },
    /// Set a PIN.
    SetPin {
        /// Whose.
        number: PhoneNumberId,
        /// The WABA it was listed under.
        waba: Option<WabaId>,
        /// What Meta said of it when the change was confirmed.
        before: StatusBefore,
        /// Which.
        pin: Pin,
    },
    /// Record that what is in doubt on this number was checked by hand.
    ResolveManually {
        /// Which number.
        number: PhoneNumberId,
        /// What they wrote.
        note: CleanText,
    },
    /// Remember the config's recipients in place of those before.
    AcceptRecipients,
    /// Read what was done with a number.
    ReadHistory(PhoneNumberId),
    /// Drop the access token and the PINs in memory that the escrow has: the screen is hidden.
    DropSecrets,
    /// The screen is shown again.
    RecordScreenShown,
    /// Send nothing new until [`Order::GoOn`], and tell when nothing is being written.
    Pause(blocking::Sender<PauseGuard>),
    /// Go on after a pause.
    Resume,
    /// Send the PIN in doubt on a number again.
    ResendPin(PhoneNumberId),
    /// Send nothing new.
    StopSending,
    /// Send nothing new, and tell when nothing is on its way any more and the journal is closed: the program ends.
    Close(blocking::Sender<()>),
}

/// Whose an effect is.
#[derive(Debug)]
pub enum RoutedEffect {
    /// The work's.
    Work(WorkCommand),
    /// The screen's.
    Screen(ScreenCommand),
}

/// What only the screen's side can do; see [`Effect`] for each.
#[derive(Debug, PartialEq, Eq)]
pub enum ScreenCommand {
    /// Draw a random PIN.
    GeneratePin {
        /// Whose end it must not repeat.
        display_number: Option<String>,
    },
    /// Read the access token again.
    ReadToken,
    /// Hand text to the clipboard.
    Copy(String),
    /// Ring the bell.
    Bell,
    /// Draw everything.
    Redraw,
    /// Stop, until somebody continues the program.
    Suspend,
    /// End, and start the demo.
    OpenDemo,
    /// End.
    Quit,
}

impl From<Effect> for RoutedEffect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::RefreshAll { refresh_id: reading } => Self::Work(WorkCommand::RefreshAll { refresh_id: reading }),
            Effect::RefreshNumber(id) => Self::Work(WorkCommand::RefreshNumber(id)),
            Effect::CacheNumbers(numbers) => Self::Work(WorkCommand::CacheNumbers(numbers)),
            Effect::RemoveCachedNumbers { numbers, read_until } => {
                Self::Work(WorkCommand::RemoveCachedNumbers { numbers, read_until })
            }
            Effect::SetPin { number, waba, before, pin } => {
                Self::Work(WorkCommand::SetPin { number, waba: waba.map(|waba| waba.id), before, pin })
            }
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

/// What comes back.
#[derive(Debug)]
pub enum WorkerReport {
    /// Something happened.
    Msg(Msg),
    /// The same, as reading brought it. What comes next waits for room, of which this one holds some until it is dropped.
    ThrottledMsg(Msg, BackpressurePermit),
    /// The mailbox, empty until now, has progress.
    ProgressReady,
}

/// Room for what was read on its way to the screen: no list, however fast it comes, piles up there.
#[derive(Debug)]
pub struct BackpressurePermit {
    _permit: OwnedSemaphorePermit,
}

/// The newest state of each number that moved, until the screen fetches it: no storm of progress can starve a key.
#[derive(Debug, Clone, Default)]
pub struct ProgressMailbox(Arc<Mutex<HashMap<PhoneNumberId, Progress>>>);

impl ProgressMailbox {
    /// Puts news in, over what was there of the same number. True if the mailbox was empty.
    pub fn put(&self, progress: Progress) -> bool {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = letters.is_empty();
        letters.insert(progress.number, progress);
        was_empty
    }

    /// Takes everything out.
    #[must_use]
    pub fn take(&self) -> Vec<Progress> {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        letters.drain().map(|(_, progress)| progress).collect()
    }
}

/// The way to the work's thread.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    commands: mpsc::UnboundedSender<WorkCommand>,
    mailbox: ProgressMailbox,
}

impl WorkerHandle {
    /// Starts the thread on this runtime. `report` is called on it, and must not block.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        runtime: Runtime,
        assignment: WorkerConfig,
        clock: Clock,
        report: impl Fn(WorkerReport) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let mailbox = ProgressMailbox::default();
        let desk = Worker::new(assignment, clock, mailbox.clone(), Arc::new(report));
        thread::Builder::new().name("work".to_owned()).spawn(move || runtime.block_on(desk.run(inbox)))?;
        Ok(Self { commands: orders, mailbox })
    }

    /// Hands over an order.
    pub fn send(&self, order: WorkCommand) {
        // The thread ends only with the process.
        self.commands.send(order).ok();
    }

    /// Takes the progress that waits.
    #[must_use]
    pub fn take_progress(&self) -> Vec<Progress> {
        self.mailbox.take()
    }
}

#[cfg(test)]
mod tests;
