//! What happened ([`Msg`], past tense) and what is to be done ([`Effect`]), both plain data.

use std::sync::Arc;

use crate::console::decoder::Pasted;
use crate::console::key::Key;
use crate::job::Progress;
use crate::number::{Number, PhoneNumberId, Waba};
use crate::outcome::ReadFailure;
use crate::pin::Pin;
use crate::text::Clean;

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
    Pasted(Pasted),
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
    PageArrived {
        /// Which reading of the lists.
        reading: u32,
        /// The numbers.
        numbers: Vec<Number>,
    },
    /// A WABA's list is at its end, or could not be read on.
    WabaRead {
        /// Which reading of the lists.
        reading: u32,
        /// Whose.
        waba: Arc<Waba>,
        /// How it ended.
        result: Result<(), ReadFailure>,
    },
    /// Every WABA and every single number was read, or failed to.
    ListRead {
        /// Which reading of the lists.
        reading: u32,
    },
    /// One number was read by itself, or could not be.
    NumberRead {
        /// Which.
        id: PhoneNumberId,
        /// What came of it.
        result: Result<Number, ReadFailure>,
    },
    /// News of changes on their way.
    JobsMoved(Vec<Progress>),
    /// A random PIN was drawn; `None` if the system has no random numbers.
    PinDrawn(Option<Pin>),
    /// The access token was read again from its source; the error is for people.
    TokenRead(Result<(), String>),
    /// The client could not be set up, so nothing can be read or sent; the text is for people.
    NoClient(Clean),
    /// A signal ends the program; what is on its way is awaited.
    Ending,
    /// The time came that [`super::App::next_wake`] named.
    Woken,
}

/// Something to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read the access token from its source again.
    ReadToken,
    /// Read every configured WABA and number.
    ReadAll {
        /// Names this reading, so that an older one's late pages are known as such.
        reading: u32,
    },
    /// Read one number.
    ReadNumber(PhoneNumberId),
    /// Draw a random PIN that does not repeat the end of this display number.
    DrawPin {
        /// The display number.
        display_number: Option<String>,
    },
    /// Set this PIN. Made in one place only: by a confirmation.
    SetPin {
        /// Whose.
        number: PhoneNumberId,
        /// The WABA it was listed under.
        waba: Option<Arc<Waba>>,
        /// Which.
        pin: Pin,
    },
    /// Send again, unchanged, the PIN that is in doubt on this number. Made by a confirmation only.
    SendSamePin(PhoneNumberId),
    /// Send nothing new; what is on its way is awaited.
    StopWork,
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
