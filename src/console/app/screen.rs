//! The pages. Each owns its own state; going on consumes one page and returns the next.

use std::time::{Duration, Instant};

use tui_input::Input;

use super::confirm::Confirm;
use super::guard::Guard;
use crate::console::keymap::Mode;
use crate::console::pin_form::PinForm;
use crate::number::{Number, PhoneNumberId, TwoStep};
use crate::text::CleanText;

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
    /// What the message line says of the number since it changed under the page.
    pub news: Option<&'static str>,
}

impl FormPage {
    fn renew(&mut self, number: &Number) {
        if number.is_renamed_from(&self.target) {
            self.news = Some("This number is called otherwise now. Is it the one you mean?");
            self.form.is_for(number.display_number.as_ref().map(CleanText::to_string));
        }
        self.target = number.clone();
    }
}

/// A page that asks something about one number.
pub(super) enum Asking<'s> {
    /// For a PIN.
    Form(&'s mut FormPage),
    /// For a confirmation.
    Confirm(&'s mut Confirm),
}

impl Asking<'_> {
    /// Whom it is about.
    pub(super) const fn target(&self) -> &Number {
        match self {
            Self::Form(page) => &page.target,
            Self::Confirm(page) => &page.target,
        }
    }

    /// Takes newer word of the number.
    pub(super) fn renew(self, number: &Number) {
        match self {
            Self::Form(page) => page.renew(number),
            Self::Confirm(page) => page.renew(number),
        }
    }

    /// Takes the word that the number's WABA lists it no more: what is on there now is not known.
    pub(super) fn miss(self) {
        match self {
            Self::Form(page) => page.target.two_step = TwoStep::Unknown,
            Self::Confirm(page) => page.miss(),
        }
    }
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

    /// The page that asks for a PIN or for a confirmation, also below another page.
    pub(super) fn asking(&mut self) -> Option<Asking<'_>> {
        match self {
            Self::Form(page) => Some(Asking::Form(page)),
            Self::Confirm(page) => Some(Asking::Confirm(page)),
            Self::Help(page) | Self::Messages(page) | Self::Unrecorded(page) => page.below.asking(),
            Self::Quit(page) => page.below.asking(),
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
