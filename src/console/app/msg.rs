//! What happened ([`Msg`], past tense) and what must be done ([`Effect`]), both plain data.

use std::sync::Arc;

use super::status::RecordingStatus;
use crate::console::input::decoder::PastedText;
use crate::console::input::key::Key;
use crate::domain::change::{Progress, StatusBefore};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::pin::Pin;
use crate::domain::text::CleanText;
use crate::journal::HistoryEntry;

/// A size of the window, in columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// Something that happened.
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
    /// Some numbers of a refresh.
    PageReceived {
        /// The refresh.
        refresh_id: u32,
        /// The numbers.
        numbers: Vec<Number>,
    },
    /// The list of a WABA was read to its end, or could not be.
    WabaRead {
        /// The refresh.
        refresh_id: u32,
        /// The WABA.
        waba: Arc<Waba>,
        /// The result.
        result: Result<(), ReadFailure>,
    },
    /// Every WABA and every single number was read, or failed.
    RefreshFinished {
        /// The refresh.
        refresh_id: u32,
    },
    /// One number was refreshed, or could not be.
    NumberRead {
        /// The number.
        id: PhoneNumberId,
        /// The result.
        result: Result<Number, ReadFailure>,
    },
    /// New states of changes.
    ProgressReceived(Vec<Progress>),
    /// A random PIN was generated; `None` if the system has no random numbers.
    PinGenerated(Option<Pin>),
    /// The access token was read again from its source. The error is for people.
    TokenRead(Result<(), String>),
    /// The journal and the escrow were opened, or could not be.
    RecordsOpened {
        /// Their status.
        status: RecordingStatus,
        /// What is unresolved, as the actor reports it: every state is in doubt.
        unresolved: Vec<Progress>,
        /// What the operator must look at, in sentences.
        findings: Vec<CleanText>,
    },
    /// The journal failed in this process. The text is for people.
    JournalFailed(CleanText),
    /// The recipients were accepted, or could not be.
    RecipientsAccepted(Result<RecordingStatus, CleanText>),
    /// Numbers from an earlier run. Their `read_at` says when they were read.
    CachedNumbersLoaded(Vec<Number>),
    /// The numbers of [`Effect::CacheNumbers`] are cached, or were dropped.
    NumbersCached,
    /// The history of a number, newest first.
    HistoryRead {
        /// The number.
        id: PhoneNumberId,
        /// The entries.
        lines: Vec<HistoryEntry>,
    },
    /// The client could not be set up, so nothing can be read or sent. The text is for people.
    ClientSetupFailed(CleanText),
    /// A signal ends the program; requests in flight are awaited.
    TerminationRequested,
    /// The time of [`super::App::next_wake`] has come.
    TimerFired,
}

/// Something that must be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read the access token from its source again.
    ReadToken,
    /// Read every configured WABA and number.
    RefreshAll {
        /// Identifies this refresh, so that late pages of an older one are recognized.
        refresh_id: u32,
    },
    /// Refresh one number.
    RefreshNumber(PhoneNumberId),
    /// Cache these numbers for the next start. No more follow before [`Msg::NumbersCached`].
    CacheNumbers(Vec<Number>),
    /// Remove these numbers from the cache, because Meta no longer lists them, unless they were read after this time.
    RemoveCachedNumbers {
        /// The numbers.
        numbers: Vec<PhoneNumberId>,
        /// Another process may have found them again since.
        read_until: UtcTime,
    },
    /// Generate a random PIN that differs from the end of this display number.
    GeneratePin {
        /// The display number.
        display_number: Option<String>,
    },
    /// Set this PIN. Only a confirmation creates this effect.
    SetPin {
        /// The number.
        number: PhoneNumberId,
        /// The WABA that listed it.
        waba: Option<Arc<Waba>>,
        /// The status of the number when the change was confirmed.
        before: StatusBefore,
        /// The PIN.
        pin: Pin,
    },
    /// Send the PIN in doubt of this number again. Only a confirmation creates this effect.
    ResendPin(PhoneNumberId),
    /// Record that an operator checked this number. Only a confirmed note creates this effect.
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
    /// The screen is hidden: drop the access token and the PINs in memory that the escrow has, and record it.
    DropSecrets,
    /// The screen is shown again: record it.
    RecordScreenShown,
    /// Send nothing new. Requests in flight are awaited.
    StopSending,
    /// Copy text to the terminal's clipboard.
    Copy(String),
    /// Ring the terminal's bell.
    Bell,
    /// Forget what was drawn and draw everything.
    Redraw,
    /// Restore the terminal and suspend, until a shell resumes the program.
    Suspend,
    /// Quit, and start the demo.
    OpenDemo,
    /// Quit.
    Quit,
}
