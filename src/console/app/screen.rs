//! The pages. Each owns its own state; going on consumes one page and returns the next.

use std::time::{Duration, Instant};

use tui_input::Input;

use super::confirm::Confirm;
use super::guard::Guard;
use crate::console::keymap::Mode;
use crate::console::pin_form::PinForm;
use crate::number::{Number, PhoneNumberId};

/// What the window shows.
#[derive(Debug)]
pub enum Screen {
    /// No config file was found.
    Welcome,
    /// There is no access token, or Meta refused it.
    Token(TokenTrouble),
    /// The number list.
    List,
    /// The list while its filter is typed.
    Filter(FilterLine),
    /// The list while its sort column is picked.
    Sort,
    /// One number: details, or what became of its request.
    Number(NumberPage),
    /// Typing a PIN.
    Form(Box<FormPage>),
    /// Asking before something is sent.
    Confirm(Box<Confirm>),
    /// Writing down what a check by hand found.
    CheckNote(CheckNotePage),
    /// What is in doubt, in the place of the page below.
    Unresolved(Box<Self>),
    /// Asking whether changed keys of the escrow are right.
    Recipients(RecipientsPage),
    /// Why nothing can be set.
    Unrecorded(Covering),
    /// Nobody is there: no number is shown.
    Hidden(HiddenPage),
    /// Picking what to copy of a number.
    Copy(CopyPage),
    /// What was copied, shown as well.
    Copied(CopiedPage),
    /// Every message.
    Messages(Covering),
    /// The keys of the page below.
    Help(Covering),
    /// Asking before the program ends.
    Quit(QuitPage),
    /// Waiting for requests on their way before the program ends.
    Leaving(Leaving),
}

/// Why there is no access token to work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenTrouble {
    /// Its source gave none; the text says why.
    Missing(String),
    /// Meta refused it, in these words, by this code.
    Refused {
        /// Graph's error code.
        code: i64,
        /// What it means, in a sentence.
        reason: &'static str,
    },
}

/// The filter being typed.
#[derive(Debug)]
pub struct FilterLine {
    /// The text field.
    pub input: Input,
    /// What the filter was before.
    pub before: String,
    /// What is wrong with the words so far.
    pub error: Option<String>,
}

/// One number's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberPage {
    /// Which number.
    pub id: PhoneNumberId,
    /// The first line shown, where the window is smaller than the page.
    pub scroll: u16,
}

/// The PIN form and whom it is for.
#[derive(Debug)]
pub struct FormPage {
    /// Whom it is for, as last read.
    pub target: Number,
    /// The fields.
    pub form: PinForm,
}

/// What a check by hand found, being typed.
#[derive(Debug)]
pub struct CheckNotePage {
    /// Which number was checked.
    pub id: PhoneNumberId,
    /// The text field.
    pub input: Input,
    /// Why it was not taken.
    pub note: Option<&'static str>,
}

/// The keys of the escrow, before and now.
#[derive(Debug)]
pub struct RecipientsPage {
    /// The page below.
    pub below: Box<Screen>,
    /// The first line shown.
    pub scroll: u16,
    /// No slip confirms keys either.
    pub guard: Guard,
    /// The last line was in sight.
    pub was_read_to_the_end: bool,
    /// What the last key came to.
    pub note: Option<&'static str>,
}

impl RecipientsPage {
    pub(super) fn shown(&mut self, max_scroll: u16, at: Instant) {
        self.guard.shown(at);
        self.was_read_to_the_end |= self.scroll >= max_scroll;
        self.scroll = self.scroll.min(max_scroll);
    }
}

/// The screen while nobody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiddenPage {
    /// After how long without a key; `None` if somebody hid it.
    pub after: Option<Duration>,
    /// It reached the terminal: keys count from here on.
    pub was_drawn: bool,
    /// The access token is being read.
    pub is_reading: bool,
}

/// Picking what to copy.
#[derive(Debug)]
pub struct CopyPage {
    /// Of which number.
    pub id: PhoneNumberId,
    /// Where it was asked for.
    pub back: Box<Screen>,
}

/// What was copied.
#[derive(Debug)]
pub struct CopiedPage {
    /// The bare text, a line each.
    pub text: String,
    /// Where to go back to.
    pub back: Box<Screen>,
}

/// Who ends the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// The operator, who may still stay.
    Operator {
        /// The numbers whose PIN would be lost that the question before told of.
        told_of: Vec<PhoneNumberId>,
    },
    /// A signal.
    Signal,
}

/// A page that lies over another one.
#[derive(Debug)]
pub struct Covering {
    /// The page below.
    pub below: Box<Screen>,
    /// The first line shown.
    pub scroll: u16,
}

/// The question before the end.
#[derive(Debug)]
pub struct QuitPage {
    /// The page below.
    pub below: Box<Screen>,
    /// No slip ends the program either.
    pub guard: Guard,
    /// The numbers whose PIN would be lost that this page told of.
    pub told_of: Vec<PhoneNumberId>,
}

impl Covering {
    /// Covers a page.
    #[must_use]
    pub fn new(below: Screen) -> Self {
        Self { below: Box::new(below), scroll: 0 }
    }

    fn renewed(self, id: PhoneNumberId, number: &Number) -> Self {
        Self { below: Box::new(self.below.renewed(id, number)), ..self }
    }
}

impl Screen {
    /// The mode that is the same whatever the page shows; a number's page and an empty list depend on more.
    pub(super) fn fixed_mode(&self) -> Option<Mode> {
        Some(match self {
            Self::List | Self::Number(_) => return None,
            Self::Welcome => Mode::Welcome,
            Self::Token(_) => Mode::Token,
            Self::Filter(_) => Mode::Filter,
            Self::Sort => Mode::Sort,
            Self::Form(_) => Mode::PinForm,
            Self::Confirm(page) => page.mode(),
            Self::CheckNote(_) => Mode::CheckNote,
            Self::Unresolved(_) => Mode::Unresolved,
            Self::Recipients(_) => Mode::Recipients,
            Self::Unrecorded(_) => Mode::Unrecorded,
            Self::Hidden(_) => Mode::Hidden,
            Self::Copy(_) => Mode::Copy,
            Self::Copied(_) => Mode::Copied,
            Self::Messages(_) => Mode::Messages,
            Self::Help(_) => Mode::Help,
            Self::Quit(_) => Mode::Quit,
            Self::Leaving(_) => Mode::Leaving,
        })
    }

    /// The number that a PIN is asked for, or that a confirmation is about, also below another page.
    pub(super) fn target(&self) -> Option<&Number> {
        match self {
            Self::Form(page) => Some(&page.target),
            Self::Confirm(page) => Some(&page.target),
            Self::Help(page) | Self::Messages(page) | Self::Unrecorded(page) => page.below.target(),
            Self::Quit(page) => page.below.target(),
            Self::Welcome
            | Self::Token(_)
            | Self::List
            | Self::Filter(_)
            | Self::Sort
            | Self::Number(_)
            | Self::CheckNote(_)
            | Self::Unresolved(_)
            | Self::Recipients(_)
            | Self::Hidden(_)
            | Self::Copy(_)
            | Self::Copied(_)
            | Self::Leaving(_) => None,
        }
    }

    /// Takes newer word of a number: a page that asks about it says what is on now.
    pub(super) fn renewed(self, id: PhoneNumberId, number: &Number) -> Self {
        match self {
            Self::Form(mut page) if page.target.id == id => {
                page.target = number.clone();
                Self::Form(page)
            }
            Self::Confirm(page) if page.target.id == id => Self::Confirm(Box::new(page.renewed(number))),
            Self::Help(page) => Self::Help(page.renewed(id, number)),
            Self::Messages(page) => Self::Messages(page.renewed(id, number)),
            Self::Unrecorded(page) => Self::Unrecorded(page.renewed(id, number)),
            Self::Quit(page) => Self::Quit(QuitPage { below: Box::new(page.below.renewed(id, number)), ..page }),
            Self::Form(_)
            | Self::Confirm(_)
            | Self::Welcome
            | Self::Token(_)
            | Self::List
            | Self::Filter(_)
            | Self::Sort
            | Self::Number(_)
            | Self::CheckNote(_)
            | Self::Unresolved(_)
            | Self::Recipients(_)
            | Self::Hidden(_)
            | Self::Copy(_)
            | Self::Copied(_)
            | Self::Leaving(_) => self,
        }
    }

    /// The page was covered, or the screen was away: what was shown for a moment is hidden, and what confirms must be seen again.
    pub(super) fn hidden(&mut self) {
        match self {
            Self::Form(page) => page.form.hide(),
            Self::Confirm(page) => page.hidden(),
            Self::Quit(page) => {
                page.guard = Guard::default();
                page.below.hidden();
            }
            Self::Recipients(page) => page.guard = Guard::default(),
            Self::Hidden(page) => page.was_drawn = false,
            Self::Help(page) | Self::Messages(page) | Self::Unrecorded(page) => page.below.hidden(),
            Self::Copy(page) => page.back.hidden(),
            Self::Copied(page) => page.back.hidden(),
            Self::Welcome
            | Self::Token(_)
            | Self::List
            | Self::Filter(_)
            | Self::Sort
            | Self::Number(_)
            | Self::CheckNote(_)
            | Self::Unresolved(_)
            | Self::Leaving(_) => {}
        }
    }
}
