//! The work's own thread: one tokio runtime for everything that waits for the network or the disk.
//!
//! The screen hands it [`Order`]s and gets [`Msg`]s and a mailbox of progress back. A terminal that stops reading
//! stops only the screen; a network that hangs stops only this thread's answers.

mod desk;
mod records;

use std::collections::HashMap;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

pub use self::records::Recording;

use self::desk::Desk;
use super::app::{Effect, Msg};
use crate::config::endpoint::{Credentials, Endpoint};
use crate::job::{StatusBefore, Progress};
use crate::journal::Paused;
use crate::listing::NumberSources;
use crate::moment::{Clock, UtcTime};
use crate::number::{Number, PhoneNumberId, WabaId};
use crate::pin::Pin;
use crate::text::CleanText;

/// When the program ends, requests on their way are awaited this long: their deadline is 30 s.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(35);

/// Whom to talk to, about what, and where to record it.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The Graph API.
    pub endpoint: Endpoint,
    /// What is read.
    pub sources: NumberSources,
    /// Requests on their way at once.
    pub concurrency: usize,
    /// Where what is sent is recorded.
    pub recording: Recording,
}

/// What the screen asks for.
#[derive(Debug)]
pub enum Order {
    /// Use this access token from now on.
    UseCredentials(Credentials),
    /// Read everything.
    ReadAll {
        /// Names the reading in what comes back.
        reading: u32,
    },
    /// Read one number.
    ReadNumber(PhoneNumberId),
    /// Remember these numbers for the next start.
    RememberPage(Vec<Number>),
    /// Forget these numbers, unless they were read after this time.
    ForgetPage {
        /// Which.
        numbers: Vec<PhoneNumberId>,
        /// Up to when.
        read_until: UtcTime,
    },
    /// Set a PIN.
    Set {
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
    SettleByHand {
        /// Which number.
        number: PhoneNumberId,
        /// What they wrote.
        note: CleanText,
    },
    /// Remember the config's recipients in place of those before.
    AcknowledgeRecipients,
    /// Read what was done with a number.
    ReadHistory(PhoneNumberId),
    /// Drop the access token and the PINs in memory that the escrow has: the screen is hidden.
    DropSecrets,
    /// The screen is shown again.
    RecordShown,
    /// Send nothing new until [`Order::GoOn`], and tell when nothing is being written.
    Pause(blocking::Sender<Paused>),
    /// Go on after a pause.
    GoOn,
    /// Send the PIN in doubt on a number again.
    SendAgain(PhoneNumberId),
    /// Send nothing new.
    Stop,
    /// Send nothing new, and tell when nothing is on its way any more and the journal is closed: the program ends.
    Close(blocking::Sender<()>),
}

/// Whose an effect is.
#[derive(Debug)]
pub enum Errand {
    /// The work's.
    Work(Order),
    /// The screen's.
    Screen(Chore),
}

/// What only the screen's side can do; see [`Effect`] for each.
#[derive(Debug, PartialEq, Eq)]
pub enum Chore {
    /// Draw a random PIN.
    DrawPin {
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

impl From<Effect> for Errand {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::ReadAll { reading } => Self::Work(Order::ReadAll { reading }),
            Effect::ReadNumber(id) => Self::Work(Order::ReadNumber(id)),
            Effect::RememberPage(numbers) => Self::Work(Order::RememberPage(numbers)),
            Effect::ForgetPage { numbers, read_until } => Self::Work(Order::ForgetPage { numbers, read_until }),
            Effect::SetPin { number, waba, before, pin } => {
                Self::Work(Order::Set { number, waba: waba.map(|waba| waba.id), before, pin })
            }
            Effect::SendSamePin(number) => Self::Work(Order::SendAgain(number)),
            Effect::SettleByHand { number, note } => Self::Work(Order::SettleByHand { number, note }),
            Effect::AcknowledgeRecipients => Self::Work(Order::AcknowledgeRecipients),
            Effect::ReadHistory(number) => Self::Work(Order::ReadHistory(number)),
            Effect::DropSecrets => Self::Work(Order::DropSecrets),
            Effect::RecordShown => Self::Work(Order::RecordShown),
            Effect::StopWork => Self::Work(Order::Stop),
            Effect::DrawPin { display_number } => Self::Screen(Chore::DrawPin { display_number }),
            Effect::ReadToken => Self::Screen(Chore::ReadToken),
            Effect::Copy(text) => Self::Screen(Chore::Copy(text)),
            Effect::Bell => Self::Screen(Chore::Bell),
            Effect::Redraw => Self::Screen(Chore::Redraw),
            Effect::Suspend => Self::Screen(Chore::Suspend),
            Effect::OpenDemo => Self::Screen(Chore::OpenDemo),
            Effect::Quit => Self::Screen(Chore::Quit),
        }
    }
}

/// What comes back.
#[derive(Debug)]
pub enum Report {
    /// Something happened.
    Happened(Msg),
    /// The same, as reading brought it. What comes next waits for room, of which this one holds some until it is dropped.
    Read(Msg, Room),
    /// The mailbox, empty until now, has progress.
    ProgressWaiting,
}

/// Room for what was read on its way to the screen: no list, however fast it comes, piles up there.
#[derive(Debug)]
pub struct Room {
    _permit: OwnedSemaphorePermit,
}

/// The newest state of each number that moved, until the screen fetches it: no storm of progress can starve a key.
#[derive(Debug, Clone, Default)]
pub struct Mailbox(Arc<Mutex<HashMap<PhoneNumberId, Progress>>>);

impl Mailbox {
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
pub struct Work {
    orders: mpsc::UnboundedSender<Order>,
    mailbox: Mailbox,
}

impl Work {
    /// Starts the thread on this runtime. `report` is called on it, and must not block.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        runtime: Runtime,
        assignment: Assignment,
        clock: Clock,
        report: impl Fn(Report) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let mailbox = Mailbox::default();
        let desk = Desk::new(assignment, clock, mailbox.clone(), Arc::new(report));
        thread::Builder::new().name("work".to_owned()).spawn(move || runtime.block_on(desk.run(inbox)))?;
        Ok(Self { orders, mailbox })
    }

    /// Hands over an order.
    pub fn give(&self, order: Order) {
        // The thread ends only with the process.
        self.orders.send(order).ok();
    }

    /// Takes the progress that waits.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        self.mailbox.take()
    }
}

#[cfg(test)]
mod tests;
