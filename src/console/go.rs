//! Where a step of a page leads, and what it asks for.
//!
//! A page returns a [`Step`]. It knows no other page: it names a [`Destination`], and the app builds that page.

use std::time::Duration;

use crate::console::effect::{Effect, ScreenCommand};
use crate::console::job_remainder::{JobRemainder, ResumeRequest};
use crate::console::many_pins::{ManyPinsDraft, ManyPinsRequest};
use crate::console::pin_form::PinForm;
use crate::console::shared::{BlockReason, ListedNumbers, Shared, TargetNotice, TokenProblem};
use crate::domain::batch_plan::FrozenBatch;
use crate::domain::change::JobId;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::PinChoice;
use crate::domain::pin_plan::Targets;
use crate::domain::text::CleanText;

/// What follows a page.
#[derive(Debug)]
pub enum Go<P> {
    /// The page stays.
    Stay(P),
    /// Another page opens on top, and [`Go::Back`] returns here.
    Open(P, Destination),
    /// Another page takes the place of this one.
    Replace(Destination),
    /// The page closes, and the one below is shown again.
    Back,
    /// Every page closes, and another one opens.
    Reset(Destination),
}

/// A page to open, with what it needs.
#[derive(Debug)]
pub enum Destination {
    /// The number list.
    List,
    /// The first page: the number list, or the hidden screen if the access token was not read since it was hidden.
    Home,
    /// There is no access token, or Meta refused it.
    Token(TokenProblem),
    /// The line that filters the list.
    Filter,
    /// The line that picks the sort column.
    Sort,
    /// One number.
    Number(PhoneNumberId),
    /// The PIN form for these numbers.
    PinForm(Targets),
    /// The PIN form again, as it was left.
    EditPin(PinDraft),
    /// The question before something is sent or recorded.
    Confirm(ConfirmRequest),
    /// The note of a manual check of a number.
    ResolutionNote(PhoneNumberId),
    /// The same note again, as it was left.
    EditResolutionNote(PhoneNumberId, CleanText),
    /// Numbers in doubt and other open issues.
    Unresolved,
    /// Changed escrow keys.
    Recipients,
    /// Why nothing can be set.
    JournalUnavailable,
    /// Meta does not answer, so nothing can be set now.
    Offline,
    /// The hidden screen, after this time without a key; `None` if the operator hides it.
    Hidden(Option<Duration>),
    /// The values of a number that can be copied.
    Copy(PhoneNumberId),
    /// A text that was copied.
    Copied(CopiedText),
    /// Every message.
    Messages,
    /// The keys of the page below.
    Help,
    /// The question before quitting.
    Quit,
    /// Waiting for requests in flight before the program ends.
    ShuttingDown(QuitReason),
    /// The form for many selected numbers.
    ManyPinsForm(Vec<PhoneNumberId>),
    /// The same form again, as it was left.
    EditManyPins(Box<ManyPinsDraft>),
    /// The question about many numbers.
    ConfirmMany(Box<ManyPinsRequest>),
    /// The whole list of many numbers.
    ManyPinsList(FrozenBatch),
    /// The jobs of the journal.
    Jobs,
    /// One job.
    Job(JobId),
    /// The question before what is left of a job is sent.
    ResumeJob(Box<ResumeRequest>),
    /// The PIN of a job that sets the same PIN everywhere, before that question.
    JobPin(Box<JobRemainder>),
    /// The question before a job is stopped.
    StopJob(JobId),
    /// The path of a file.
    Path(PathPurpose),
    /// The question whether the numbers of a list are selected.
    ListedNumbers(ListedNumbers),
}

/// The PIN form and its numbers, which the form and its question hand to each other.
#[derive(Debug)]
pub struct PinDraft {
    /// The numbers, frozen.
    pub targets: Targets,
    /// The form, with what was typed into it.
    pub form: PinForm,
    /// What the operator must know about the numbers.
    pub notice: Option<TargetNotice>,
}

/// What the operator types the path of a file for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPurpose {
    /// To select the numbers in it.
    LoadNumbers,
    /// To write numbers to it.
    Export {
        /// The numbers, frozen, in the order of the list.
        ids: Vec<PhoneNumberId>,
        /// True if they are selected; false if they are what the list showed.
        is_selection: bool,
    },
    /// To write what became of the numbers of a job to it.
    ReportJob(JobId),
}

/// A text for the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedText {
    /// The text; it may have several lines.
    pub text: String,
    /// True if it is a command for a shell.
    pub is_command: bool,
    /// What the operator must know before using it, in sentences.
    pub notes: Vec<&'static str>,
}

/// What the operator must confirm.
#[derive(Debug)]
pub enum ConfirmRequest {
    /// Set these PINs on the numbers of the draft.
    SetPins {
        /// The PINs.
        pins: PinChoice,
        /// The form that they come from.
        draft: PinDraft,
    },
    /// Send the PIN in doubt of a number again.
    ResendPin(Number),
    /// Record a manual check of a number.
    ResolveManually {
        /// The number.
        number: Number,
        /// What the operator found.
        note: CleanText,
    },
}

/// Why the program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuitReason {
    /// The operator, who may still cancel.
    Operator {
        /// The numbers with a PIN that would be lost, as the question named them.
        warned_numbers: Vec<PhoneNumberId>,
        /// True if something was not sent yet, and is not sent because of that.
        had_unsent: bool,
    },
    /// A signal.
    Signal,
}

/// The result of a key: what follows the page, and the effects in order.
#[derive(Debug)]
#[must_use]
pub struct Step<P> {
    /// What follows.
    pub go: Go<P>,
    /// What must be done.
    pub effects: Vec<Effect>,
}

impl<P> Step<P> {
    const fn new(go: Go<P>) -> Self {
        Self { go, effects: Vec::new() }
    }

    pub(super) const fn stay(page: P) -> Self {
        Self::new(Go::Stay(page))
    }

    pub(super) const fn back() -> Self {
        Self::new(Go::Back)
    }

    pub(super) const fn open(page: P, destination: Destination) -> Self {
        Self::new(Go::Open(page, destination))
    }

    pub(super) const fn replace(destination: Destination) -> Self {
        Self::new(Go::Replace(destination))
    }

    pub(super) const fn reset(destination: Destination) -> Self {
        Self::new(Go::Reset(destination))
    }

    /// The same step, with one more effect.
    pub(super) fn with(mut self, effect: impl Into<Effect>) -> Self {
        self.effects.push(effect.into());
        self
    }

    /// The same step of a wrapped page.
    pub(super) fn map<Q>(self, wrap: impl FnOnce(P) -> Q) -> Step<Q> {
        let go = match self.go {
            Go::Stay(page) => Go::Stay(wrap(page)),
            Go::Open(page, destination) => Go::Open(wrap(page), destination),
            Go::Replace(destination) => Go::Replace(destination),
            Go::Back => Go::Back,
            Go::Reset(destination) => Go::Reset(destination),
        };
        Step { go, effects: self.effects }
    }

    /// Quits, or asks first if work is in progress or a number is in doubt.
    pub(super) fn ask_to_quit(page: P, shared: &Shared) -> Self {
        if shared.has_unfinished_work() {
            Self::open(page, Destination::Quit)
        } else {
            Self::stay(page).with(ScreenCommand::Quit)
        }
    }

    /// The page cannot do what was asked: the message line or another page says why.
    pub(super) fn blocked(page: P, reason: BlockReason, shared: &mut Shared) -> Self {
        match explain(reason, shared) {
            None => Self::stay(page),
            Some(destination) => Self::open(page, destination),
        }
    }

    /// The same, and the page closes.
    pub(super) fn closed_by(reason: BlockReason, shared: &mut Shared) -> Self {
        match explain(reason, shared) {
            None => Self::back(),
            Some(destination) => Self::replace(destination),
        }
    }
}

/// The page that says why nothing is sent now; `None` if the message line says it.
fn explain(reason: BlockReason, shared: &mut Shared) -> Option<Destination> {
    Some(match reason {
        BlockReason::Message(text) => {
            shared.messages.set_hint(text);
            shared.idle_timer.start_refusal_pause();
            return None;
        }
        BlockReason::TokenRefused(problem) => Destination::Token(problem),
        BlockReason::Recipients => Destination::Recipients,
        BlockReason::JournalUnavailable => Destination::JournalUnavailable,
        BlockReason::Offline => Destination::Offline,
    })
}
