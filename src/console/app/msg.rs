//! The input and output of [`super::App::update`]: what happened ([`Msg`]) and what must be done ([`Effect`]).
//!
//! Both are plain data: they perform nothing themselves.

use std::sync::Arc;

use super::status::RecordingStatus;
use crate::console::input::decoder::PastedText;
use crate::console::input::key::Key;
use crate::domain::change::Progress;
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::pin::Pin;
use crate::domain::pin_plan::PinPlan;
use crate::domain::text::CleanText;
use crate::journal::HistoryEntry;

/// The size of the window, in columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// Something that happened: a key, a report of the worker, a signal or a timer.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    KeyPressed(Key),
    /// Text was pasted, or typed faster than anyone types.
    Pasted(PastedText),
    /// The window has a new size.
    Resized(Size),
    /// A frame with the current state was written to the terminal.
    FrameShown {
        /// How far the page can be scrolled.
        max_scroll: u16,
    },
    /// The program resumed after a suspend.
    Resumed,
    /// A page of numbers was read.
    PageReceived {
        /// The refresh, as in [`Effect::RefreshAll`].
        refresh_id: u32,
        /// The numbers.
        numbers: Vec<Number>,
    },
    /// The list of a WABA was read to its end, or the read failed.
    WabaRead {
        /// The refresh, as in [`Effect::RefreshAll`].
        refresh_id: u32,
        /// The WABA.
        waba: Arc<Waba>,
        /// An error says why the list is incomplete.
        result: Result<(), ReadFailure>,
    },
    /// The refresh ended: each WABA and each single number was read, or its read failed.
    RefreshFinished {
        /// The refresh, as in [`Effect::RefreshAll`].
        refresh_id: u32,
    },
    /// One number was refreshed, or the read failed.
    NumberRead {
        /// The number.
        id: PhoneNumberId,
        /// The number as Meta reports it, or why it was not read.
        result: Result<Number, ReadFailure>,
    },
    /// Changes have new states: the latest of each number.
    ProgressReceived(Vec<Progress>),
    /// A random PIN was generated; `None` if the system has no random numbers.
    PinGenerated(Option<Pin>),
    /// The access token was read again from its source. The error is a sentence for the operator.
    TokenRead(Result<(), String>),
    /// The journal and the escrow were opened, or cannot be used.
    RecordsOpened {
        /// The status of both.
        status: RecordingStatus,
        /// The unresolved changes of earlier processes: every state is in doubt.
        unresolved: Vec<Progress>,
        /// What the operator must check, in sentences.
        findings: Vec<CleanText>,
    },
    /// The journal failed in this process. The text tells the operator why.
    JournalFailed(CleanText),
    /// The recipients were accepted, or the journal could not record it.
    RecipientsAccepted(Result<RecordingStatus, CleanText>),
    /// Numbers that an earlier process read. Their `read_at` says when.
    CachedNumbersLoaded(Vec<Number>),
    /// The history of a number was read.
    HistoryRead {
        /// The number.
        id: PhoneNumberId,
        /// The entries, newest first.
        lines: Vec<HistoryEntry>,
    },
    /// The HTTP client could not be set up, so nothing can be read or sent. The text tells the operator why.
    ClientSetupFailed(CleanText),
    /// A signal ends the process, which waits for requests in flight first.
    TerminationRequested,
    /// The time of [`super::App::next_wake`] has come.
    TimerFired,
}

/// Something that the runtime or the worker must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read the access token from its source again.
    ReadToken,
    /// Read every configured WABA and number.
    RefreshAll {
        /// Identifies this refresh, so that late pages of an older one are recognized.
        refresh_id: u32,
    },
    /// Refresh this number, of which the list knows this.
    RefreshNumber(Number),
    /// Generate a random PIN that differs from the end of this display number.
    GeneratePin {
        /// The display number.
        display_number: Option<String>,
    },
    /// Set the PINs of this plan. Only a confirmation creates this effect.
    SetPin(PinPlan),
    /// Send the PIN in doubt of this number again. Only a confirmation creates this effect.
    ResendPin(PhoneNumberId),
    /// Record that the operator checked this number manually. Only a confirmed note creates this effect.
    ResolveManually {
        /// The number.
        number: PhoneNumberId,
        /// The note.
        note: CleanText,
    },
    /// Store the recipients of the config in place of the previous ones. Only a confirmation creates this effect.
    AcceptRecipients,
    /// Read the history of a number.
    ReadHistory(PhoneNumberId),
    /// The screen is hidden: drop the access token and each PIN that the escrow has from memory, and record it.
    DropSecrets,
    /// The screen is shown again: record it.
    RecordScreenShown,
    /// Send nothing new, and wait for requests in flight.
    StopSending,
    /// Copy text to the terminal's clipboard.
    Copy(String),
    /// Ring the terminal's bell.
    Bell,
    /// Clear the terminal and draw everything again.
    Redraw,
    /// Restore the terminal and suspend, until a shell resumes the program.
    Suspend,
    /// Quit, and start the demo.
    OpenDemo,
    /// Quit.
    Quit,
}
