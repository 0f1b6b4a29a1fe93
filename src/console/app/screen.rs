//! The pages of the console. Each owns its state; leaving a page consumes it.
//!
//! They draw nothing: the views do.

use std::time::{Duration, Instant};

use tui_input::Input;

use super::confirm::ConfirmPage;
use super::guard::Guard;
use crate::console::input::keymap::Mode;
use crate::console::pin_form::PinForm;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::text::CleanText;

/// A page, with its state.
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
    /// One number: details, or the outcome of its request.
    Number(NumberPage),
    /// Typing a PIN.
    Form(Box<PinFormPage>),
    /// Asking before something is sent.
    Confirm(Box<ConfirmPage>),
    /// Writing the note of a manual check.
    ResolutionNote(ResolutionNotePage),
    /// Numbers in doubt and other open issues, in place of the page below.
    Unresolved(Box<Self>),
    /// Asking whether changed escrow keys are right.
    Recipients(RecipientsPage),
    /// Why nothing can be set.
    JournalUnavailable(Overlay),
    /// The hidden screen, which shows no number.
    Hidden(HiddenPage),
    /// Picking what to copy of a number.
    Copy(CopyPage),
    /// The copied text.
    Copied(CopiedPage),
    /// Every message.
    Messages(Overlay),
    /// The keys of the page below.
    Help(Overlay),
    /// Asking before the program ends.
    Quit(QuitPage),
    /// Waiting for requests in flight before the program ends.
    ShuttingDown(QuitReason),
}

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenProblem {
    /// It could not be read from its source; the text says why.
    Missing(String),
    /// Meta refused it.
    Refused {
        /// Graph's error code.
        code: i64,
        /// Its meaning, in a sentence.
        reason: &'static str,
    },
}

/// The filter being typed.
#[derive(Debug)]
pub struct FilterLine {
    /// The text field.
    pub input: Input,
    /// The filter that was active before.
    pub previous: String,
    /// Why the text so far is not a valid filter.
    pub error: Option<String>,
}

/// One number's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberPage {
    /// The number.
    pub id: PhoneNumberId,
    /// The first line shown, if the window is smaller than the page.
    pub scroll: u16,
}

/// The PIN form and its number.
#[derive(Debug)]
pub struct PinFormPage {
    /// The number as it was read last.
    pub target: Number,
    /// The fields.
    pub form: PinForm,
    /// The notice that the number was renamed while the form was open.
    pub notice: Option<&'static str>,
}

impl PinFormPage {
    fn update_target(&mut self, number: &Number) {
        if number.is_renamed_from(&self.target) {
            self.notice = Some("This number's name has changed. Is it still the right one?");
            self.form.set_display_number(number.display_number.as_ref().map(CleanText::to_string));
        }
        self.target = number.clone();
    }
}

/// An open page that asks something about one number.
pub(super) enum PromptMut<'s> {
    /// It asks for a PIN.
    Form(&'s mut PinFormPage),
    /// It asks for a confirmation.
    Confirm(&'s mut ConfirmPage),
}

impl PromptMut<'_> {
    /// The number that the page asks about.
    pub(super) const fn target(&self) -> &Number {
        match self {
            Self::Form(page) => &page.target,
            Self::Confirm(page) => &page.target,
        }
    }

    /// Updates the number on the page.
    pub(super) fn update_target(self, number: &Number) {
        match self {
            Self::Form(page) => page.update_target(number),
            Self::Confirm(page) => page.update_target(number),
        }
    }

    /// Marks the two-step status as unknown, because the WABA no longer lists the number.
    pub(super) fn mark_unlisted(self) {
        match self {
            Self::Form(page) => page.target.two_step = TwoStep::Unknown,
            Self::Confirm(page) => page.mark_unlisted(),
        }
    }
}

/// The note of a manual check, being typed.
#[derive(Debug)]
pub struct ResolutionNotePage {
    /// The number.
    pub id: PhoneNumberId,
    /// The text field.
    pub input: Input,
    /// Why the note was rejected.
    pub note: Option<&'static str>,
}

/// The escrow keys, previous and current.
#[derive(Debug)]
pub struct RecipientsPage {
    /// The page below.
    pub below: Box<Screen>,
    /// The first line shown.
    pub scroll: u16,
    /// A confirmation takes no key that was typed ahead.
    pub guard: Guard,
    /// True if the last line was visible: only then may the keys be accepted.
    pub was_scrolled_to_end: bool,
    /// The response to the last key.
    pub note: Option<&'static str>,
}

impl RecipientsPage {
    pub(super) fn mark_shown(&mut self, max_scroll: u16, at: Instant) {
        self.guard.mark_shown(at);
        self.was_scrolled_to_end |= self.scroll >= max_scroll;
        self.scroll = self.scroll.min(max_scroll);
    }
}

/// The hidden screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiddenPage {
    /// How long no key was pressed; `None` if the operator hid it.
    pub idle_time: Option<Duration>,
    /// True if it reached the terminal: keys before that do not count.
    pub was_drawn: bool,
    /// True while pindesk reads the access token.
    pub is_reading_token: bool,
}

/// Picking what to copy.
#[derive(Debug)]
pub struct CopyPage {
    /// The number.
    pub id: PhoneNumberId,
    /// The page to return to.
    pub back: Box<Screen>,
}

/// The copied text.
#[derive(Debug)]
pub struct CopiedPage {
    /// The text; it may have several lines.
    pub text: String,
    /// The page to return to.
    pub back: Box<Screen>,
}

/// Why the program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuitReason {
    /// The operator, who may still cancel.
    Operator {
        /// The numbers with a PIN that would be lost, as the question named them.
        warned_numbers: Vec<PhoneNumberId>,
    },
    /// A signal.
    Signal,
}

/// A page on top of another one.
#[derive(Debug)]
pub struct Overlay {
    /// The page below.
    pub below: Box<Screen>,
    /// The first line shown.
    pub scroll: u16,
}

/// The question before quitting.
#[derive(Debug)]
pub struct QuitPage {
    /// The page below.
    pub below: Box<Screen>,
    /// A confirmation takes no key that was typed ahead.
    pub guard: Guard,
    /// The numbers with a PIN that would be lost, as this page names them.
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
    /// The mode, if the page alone decides it.
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

    /// The page that asks for a PIN or a confirmation, even if another page covers it.
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

    /// The page was covered: hides a shown PIN, and a confirmation must be shown again before keys count.
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
