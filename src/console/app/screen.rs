//! The pages. Each owns its own state; going on consumes one page and returns the next.

use std::time::{Duration, Instant};

use tui_input::Input;

use super::confirm::ConfirmPage;
use super::guard::Guard;
use crate::console::input::keymap::Mode;
use crate::console::pin_form::PinForm;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::text::CleanText;

/// What the window shows.
#[derive(Debug)]
pub enum Screen {
    /// No config file was found.
    Welcome,
    /// There is no access token, or Meta refused it.
    Token(TokenProblem),
    /// The number list.
    List,
    /// The list while its filter is typed.
    Filter(FilterLine),
    /// The list while its sort column is picked.
    Sort,
    /// One number: details, or what became of its request.
    Number(NumberPage),
    /// Typing a PIN.
    Form(Box<PinFormPage>),
    /// Asking before something is sent.
    Confirm(Box<ConfirmPage>),
    /// Writing down what a check by hand found.
    ResolutionNote(ResolutionNotePage),
    /// What is in doubt, in the place of the page below.
    Unresolved(Box<Self>),
    /// Asking whether changed keys of the escrow are right.
    Recipients(RecipientsPage),
    /// Why nothing can be set.
    JournalUnavailable(Overlay),
    /// Nobody is there: no number is shown.
    Hidden(HiddenPage),
    /// Picking what to copy of a number.
    Copy(CopyPage),
    /// What was copied, shown as well.
    Copied(CopiedPage),
    /// Every message.
    Messages(Overlay),
    /// The keys of the page below.
    Help(Overlay),
    /// Asking before the program ends.
    Quit(QuitPage),
    /// Waiting for requests on their way before the program ends.
    ShuttingDown(QuitReason),
}

/// Why there is no access token to work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenProblem {
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
    pub previous: String,
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
pub struct PinFormPage {
    /// Whom it is for, as last read.
    pub target: Number,
    /// The fields.
    pub form: PinForm,
    /// What the message line says of the number since it changed under the page.
    pub notice: Option<&'static str>,
}

impl PinFormPage {
    fn update_target(&mut self, number: &Number) {
        if number.is_renamed_from(&self.target) {
            self.notice = Some("This number is called otherwise now. Is it the one you mean?");
            self.form.set_display_number(number.display_number.as_ref().map(CleanText::to_string));
        }
        self.target = number.clone();
    }
}

/// A page that asks something about one number.
pub(super) enum PromptMut<'s> {
    /// For a PIN.
    Form(&'s mut PinFormPage),
    /// For a confirmation.
    Confirm(&'s mut ConfirmPage),
}

impl PromptMut<'_> {
    /// Whom it is about.
    pub(super) const fn target(&self) -> &Number {
        match self {
            Self::Form(page) => &page.target,
            Self::Confirm(page) => &page.target,
        }
    }

    /// Takes newer word of the number.
    pub(super) fn update_target(self, number: &Number) {
        match self {
            Self::Form(page) => page.update_target(number),
            Self::Confirm(page) => page.update_target(number),
        }
    }

    /// Takes the word that the number's WABA lists it no more: what is on there now is not known.
    pub(super) fn mark_unlisted(self) {
        match self {
            Self::Form(page) => page.target.two_step = TwoStep::Unknown,
            Self::Confirm(page) => page.mark_unlisted(),
        }
    }
}

/// What a check by hand found, being typed.
#[derive(Debug)]
pub struct ResolutionNotePage {
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
    pub was_scrolled_to_end: bool,
    /// What the last key came to.
    pub note: Option<&'static str>,
}

impl RecipientsPage {
    pub(super) fn mark_shown(&mut self, max_scroll: u16, at: Instant) {
        self.guard.mark_shown(at);
        self.was_scrolled_to_end |= self.scroll >= max_scroll;
        self.scroll = self.scroll.min(max_scroll);
    }
}

/// The screen while nobody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiddenPage {
    /// After how long without a key; `None` if somebody hid it.
    pub idle_time: Option<Duration>,
    /// It reached the terminal: keys count from here on.
    pub was_drawn: bool,
    /// The access token is being read.
    pub is_reading_token: bool,
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
pub enum QuitReason {
    /// The operator, who may still stay.
    Operator {
        /// The numbers whose PIN would be lost that the question before told of.
        warned_numbers: Vec<PhoneNumberId>,
    },
    /// A signal.
    Signal,
}

/// A page that lies over another one.
#[derive(Debug)]
pub struct Overlay {
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
    pub warned_numbers: Vec<PhoneNumberId>,
}

impl Overlay {
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
            Self::ResolutionNote(_) => Mode::ResolutionNote,
            Self::Unresolved(_) => Mode::Unresolved,
            Self::Recipients(_) => Mode::Recipients,
            Self::JournalUnavailable(_) => Mode::JournalUnavailable,
            Self::Hidden(_) => Mode::Hidden,
            Self::Copy(_) => Mode::Copy,
            Self::Copied(_) => Mode::Copied,
            Self::Messages(_) => Mode::Messages,
            Self::Help(_) => Mode::Help,
            Self::Quit(_) => Mode::Quit,
            Self::ShuttingDown(_) => Mode::ShuttingDown,
        })
    }

    /// The page that asks for a PIN or for a confirmation, also below another page.
    pub(super) fn prompt_mut(&mut self) -> Option<PromptMut<'_>> {
        match self {
            Self::Form(page) => Some(PromptMut::Form(page)),
            Self::Confirm(page) => Some(PromptMut::Confirm(page)),
            Self::Help(page) | Self::Messages(page) | Self::JournalUnavailable(page) => page.below.prompt_mut(),
            Self::Quit(page) => page.below.prompt_mut(),
            Self::Welcome
            | Self::Token(_)
            | Self::List
            | Self::Filter(_)
            | Self::Sort
            | Self::Number(_)
            | Self::ResolutionNote(_)
            | Self::Unresolved(_)
            | Self::Recipients(_)
            | Self::Hidden(_)
            | Self::Copy(_)
            | Self::Copied(_)
            | Self::ShuttingDown(_) => None,
        }
    }

    /// The page was covered, or the screen was away: what was shown for a moment is hidden, and what confirms must be seen again.
    pub(super) fn mark_hidden(&mut self) {
        match self {
            Self::Form(page) => page.form.hide(),
            Self::Confirm(page) => page.mark_hidden(),
            Self::Quit(page) => {
                page.guard = Guard::default();
                page.below.mark_hidden();
            }
            Self::Recipients(page) => page.guard = Guard::default(),
            Self::Hidden(page) => page.was_drawn = false,
            Self::Help(page) | Self::Messages(page) | Self::JournalUnavailable(page) => page.below.mark_hidden(),
            Self::Copy(page) => page.back.mark_hidden(),
            Self::Copied(page) => page.back.mark_hidden(),
            Self::Welcome
            | Self::Token(_)
            | Self::List
            | Self::Filter(_)
            | Self::Sort
            | Self::Number(_)
            | Self::ResolutionNote(_)
            | Self::Unresolved(_)
            | Self::ShuttingDown(_) => {}
        }
    }
}
