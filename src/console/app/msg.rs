//! What happened ([`Msg`], past tense) and what is to be done ([`Effect`]), both plain data.

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
    /// A key arrived.
    KeyPressed(Key),
    /// Text was pasted, or typed faster than anybody types.
    Pasted(PastedText),
    /// The window has this size now.
    Resized(Size),
    /// The frame that shows the present state was handed to the terminal.
    FrameShown {
        /// How far the page can be scrolled, as it was laid out.
        max_scroll: u16,
    },
    /// The program goes on after a stop.
    Resumed,
    /// Some numbers of a list being read.
    PageReceived {
        /// Which reading of the lists.
        refresh_id: u32,
        /// The numbers.
        numbers: Vec<Number>,
    },
    /// A WABA's list is at its end, or could not be read on.
    WabaRead {
        /// Which reading of the lists.
        refresh_id: u32,
        /// Whose.
        waba: Arc<Waba>,
        /// How it ended.
        result: Result<(), ReadFailure>,
    },
    /// Every WABA and every single number was read, or failed to.
    RefreshFinished {
        /// Which reading of the lists.
        refresh_id: u32,
    },
    /// One number was read by itself, or could not be.
    NumberRead {
        /// Which.
        id: PhoneNumberId,
        /// What came of it.
        result: Result<Number, ReadFailure>,
    },
    /// News of changes on their way.
    ProgressReceived(Vec<Progress>),
    /// A random PIN was drawn; `None` if the system has no random numbers.
    PinGenerated(Option<Pin>),
    /// The access token was read again from its source; the error is for people.
    TokenRead(Result<(), String>),
    /// The journal and the escrow were opened, or could not be.
    RecordsOpened {
        /// How they are.
        status: RecordingStatus,
        /// What is unresolved, as the batch knows it now: every state is in doubt.
        unresolved: Vec<Progress>,
        /// What has to be looked at, in sentences.
        findings: Vec<CleanText>,
    },
    /// The journal takes nothing more in this process; the text is for people.
    JournalFailed(CleanText),
    /// The recipients were acknowledged, or could not be.
    RecipientsAccepted(Result<RecordingStatus, CleanText>),
    /// Numbers as an earlier run read them; their `read_at` tells when.
    CachedNumbersLoaded(Vec<Number>),
    /// Those of [`Effect::RememberPage`] are remembered, or there was no room for them.
    NumbersCached,
    /// What was done with a number, newest first.
    HistoryRead {
        /// Which.
        id: PhoneNumberId,
        /// What was done.
        lines: Vec<HistoryEntry>,
    },
    /// The client could not be set up, so nothing can be read or sent; the text is for people.
    ClientSetupFailed(CleanText),
    /// A signal ends the program; what is on its way is awaited.
    TerminationRequested,
    /// The time came that [`super::App::next_wake`] named.
    TimerFired,
}

/// Something to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read the access token from its source again.
    ReadToken,
    /// Read every configured WABA and number.
    RefreshAll {
        /// Names this reading, so that an older one's late pages are known as such.
        refresh_id: u32,
    },
    /// Read one number.
    RefreshNumber(PhoneNumberId),
    /// Remember these numbers for the next start. No others are handed over before it is told that these are.
    CacheNumbers(Vec<Number>),
    /// Forget these numbers, which Meta lists no more, unless they were read after this time.
    RemoveCachedNumbers {
        /// Which.
        numbers: Vec<PhoneNumberId>,
        /// Up to when: another process may have found them again since.
        read_until: UtcTime,
    },
    /// Draw a random PIN that does not repeat the end of this display number.
    GeneratePin {
        /// The display number.
        display_number: Option<String>,
    },
    /// Set this PIN. Made in one place only: by a confirmation.
    SetPin {
        /// Whose.
        number: PhoneNumberId,
        /// The WABA it was listed under.
        waba: Option<Arc<Waba>>,
        /// What Meta said of it when the change was confirmed.
        before: StatusBefore,
        /// Which.
        pin: Pin,
    },
    /// Send again, unchanged, the PIN that is in doubt on this number. Made by a confirmation only.
    ResendPin(PhoneNumberId),
    /// Record that what is in doubt on this number was checked by hand. Made by a person's note only.
    ResolveManually {
        /// Which number.
        number: PhoneNumberId,
        /// What they wrote.
        note: CleanText,
    },
    /// Remember the config's recipients in place of those before. Made by a confirmation only.
    AcceptRecipients,
    /// Read what was done with a number.
    ReadHistory(PhoneNumberId),
    /// The screen is hidden: drop the access token and the PINs in memory that the escrow has, and record it.
    DropSecrets,
    /// The screen is shown again: record it.
    RecordScreenShown,
    /// Send nothing new; what is on its way is awaited.
    StopSending,
    /// Hand text to the terminal's clipboard.
    Copy(String),
    /// Ring the terminal's bell.
    Bell,
    /// Forget what was drawn and draw everything.
    Redraw,
    /// Restore the terminal and stop, until somebody continues the program.
    Suspend,
    /// End, and start the demo.
    OpenDemo,
    /// End.
    Quit,
}
