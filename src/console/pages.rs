//! The pages of the console, one file each: its state, and what keys and events do to it.
//!
//! A page draws nothing and sends nothing. It changes the shared state, and returns a [`Step`]: what follows it, and what
//! must be done. It does not know other pages.

pub mod confirm;
pub mod copied;
pub mod copy;
pub mod filter;
pub mod guard;
pub mod hidden;
pub mod job;
pub mod job_pin;
pub mod job_resume;
pub mod job_stop;
pub mod jobs;
pub mod list;
pub mod listed_numbers;
pub mod number;
pub mod path;
pub mod pin_form;
pub mod quit;
pub mod recipients;
pub mod resolution_note;
pub mod shutting_down;
pub mod sort;
pub mod text;
pub mod token;
pub mod unresolved;
pub mod welcome;
pub mod typed_digits;
pub mod many_pins;
pub mod many_pins_list;
pub mod confirm_many;

mod batch_event;
mod same_pin;
mod text_field;

use std::time::Instant;

use self::guard::Guard;
use crate::console::go::Step;
use crate::console::input::key::Key;
use crate::console::input::keymap::{FooterKey, KeyTable, Mode};
use crate::console::shared::{Shared, TargetNotice};
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::pin::Pin;
use crate::journal::RecentSets;
use crate::policy::quota::CallsLeft;

/// Something that happened while the page was open.
#[derive(Debug)]
pub(super) enum PageEvent<'a> {
    /// A list that was read has this number.
    Listed(&'a Number),
    /// One number was refreshed.
    Refreshed(&'a Number),
    /// The lists were read to their ends, so that some numbers may be missing.
    ListsRead,
    /// Another process changed a number, or is about to, while a page asks about it.
    ChangedElsewhere(PhoneNumberId, &'a TargetNotice),
    /// A random PIN was generated; `None` if the system has no random numbers.
    PinGenerated(Option<&'a Pin>, Instant),
    /// What is left of the calls of some WABAs was read.
    CallsLeftRead(&'a [(WabaId, Option<CallsLeft>)]),
    /// Which jobs set numbers of a list lately was read, for the question with this ID.
    RecentSetsRead(u32, &'a RecentSets),
}

/// What every page answers. A default is what most pages do.
pub(super) trait PageBehavior: Sized {
    /// What its keys do.
    type Action: Copy + 'static;

    /// The action that Ctrl-C performs: it closes the page.
    const ON_INTERRUPT: Self::Action;

    /// The keys of the page, in its present state.
    fn keys(&self, shared: &Shared) -> &'static KeyTable<Self::Action>;

    /// Performs an action.
    fn on_action(self, action: Self::Action, shared: &mut Shared, now: TimePoint) -> Step<Self>;

    /// A key without an action: text in a text field.
    fn on_unbound_key(self, key: Key, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        shared.hint_unbound_key(key, self.keys(shared).mode);
        Step::stay(self)
    }

    /// The guard of a question. It takes part in what happens to the page, unless the page handles that itself.
    fn guard(&mut self) -> Option<&mut Guard> {
        None
    }

    /// Input arrived that does something else: it redraws the screen, or dismisses a warning.
    fn on_other_key(&mut self, at: Instant) {
        if let Some(guard) = self.guard() {
            guard.accepts_key(at);
        }
    }

    /// Text was pasted, or typed faster than anyone types.
    fn on_paste(self, _text: &str, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        shared.messages.set_hint("Paste ignored.");
        Step::stay(self)
    }

    /// A frame with this page on top reached the terminal. `max_scroll` is how far the page can be scrolled.
    fn on_shown(&mut self, _max_scroll: u16, at: Instant, _shared: &Shared) {
        if let Some(guard) = self.guard() {
            guard.mark_shown(at);
        }
    }

    /// The screen was covered: by the shell, or because the window became too small. A question must be read again.
    fn on_covered(&mut self) {
        if let Some(guard) = self.guard() {
            *guard = Guard::default();
        }
    }

    /// Something happened that is not a key.
    fn on_event(&mut self, _event: &PageEvent<'_>, _shared: &Shared) {}

    /// The screen is about to be hidden, and the page with it.
    fn on_hide(&mut self, _shared: &mut Shared, _now: TimePoint) {}

    /// When the page changes by itself; `None` if never.
    fn next_wake(&self, _shared: &Shared, _now: Instant) -> Option<Instant> {
        None
    }

    /// True if no number may be drawn. `below` is the answer of the page below.
    fn hides_numbers(&self, _below: bool, _shared: &Shared) -> bool {
        false
    }

    /// True if the screen hides by itself after a time without keys.
    fn can_auto_hide(&self) -> bool {
        true
    }

    /// True if the app may open a page by itself instead: the operator is not in the middle of anything.
    fn may_be_interrupted(&self) -> bool {
        false
    }

    /// True if the page asks something: an old message would look like an answer to it.
    fn asks(&self) -> bool {
        false
    }

    /// True if rows may appear, move and vanish in the list now.
    fn lets_rows_move(&self) -> bool {
        false
    }

    /// The number that the page is about. A wide window shows its history beside the page.
    fn number(&self) -> Option<PhoneNumberId> {
        None
    }

    /// True if the page is about this number, alone or among others.
    fn is_about(&self, id: &PhoneNumberId) -> bool {
        self.number() == Some(*id)
    }

    /// True if a wide window shows more beside the page.
    fn has_pane(&self) -> bool {
        self.number().is_some()
    }

    /// True if the page shows the history of this number, so that a change of it must be loaded.
    fn shows_history_of(&self, id: &PhoneNumberId, _shared: &Shared) -> bool {
        self.number() == Some(*id)
    }

    /// The keys for the footer, the most important one first.
    fn footer(&self, shared: &Shared) -> Vec<FooterKey> {
        shared.keymap.footer(self.keys(shared), |action| self.is_available(action, shared)).collect()
    }

    /// False for an action that has no effect now, so that the footer leaves it out.
    fn is_available(&self, _action: &Self::Action, _shared: &Shared) -> bool {
        true
    }
}

/// Declares the pages, and passes each question on to the page that is open.
macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident($page:ty),)+) => {
        /// A page, with its state.
        #[derive(Debug)]
        pub enum Page {
            $($(#[$doc])* $name($page),)+
        }

        impl Page {
            pub(super) fn press(self, key: Key, shared: &mut Shared, now: TimePoint) -> Step<Self> {
                match self {
                    $(Self::$name(page) => press(page, key, shared, now).map(Self::$name),)+
                }
            }

            pub(super) fn on_other_key(&mut self, at: Instant) {
                match self {
                    $(Self::$name(page) => page.on_other_key(at),)+
                }
            }

            pub(super) fn interrupt(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
                match self {
                    $(Self::$name(page) => {
                        page.on_action(<$page>::ON_INTERRUPT, shared, now).map(Self::$name)
                    })+
                }
            }

            pub(super) fn paste(self, text: &str, shared: &mut Shared, now: TimePoint) -> Step<Self> {
                match self {
                    $(Self::$name(page) => page.on_paste(text, shared, now).map(Self::$name),)+
                }
            }

            pub(super) fn on_shown(&mut self, max_scroll: u16, at: Instant, shared: &Shared) {
                match self {
                    $(Self::$name(page) => page.on_shown(max_scroll, at, shared),)+
                }
            }

            pub(super) fn on_covered(&mut self) {
                match self {
                    $(Self::$name(page) => page.on_covered(),)+
                }
            }

            pub(super) fn on_event(&mut self, event: &PageEvent<'_>, shared: &Shared) {
                match self {
                    $(Self::$name(page) => page.on_event(event, shared),)+
                }
            }

            pub(super) fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
                match self {
                    $(Self::$name(page) => page.on_hide(shared, now),)+
                }
            }

            pub(super) fn mode(&self, shared: &Shared) -> Mode {
                match self {
                    $(Self::$name(page) => page.keys(shared).mode,)+
                }
            }

            pub(super) fn footer(&self, shared: &Shared) -> Vec<FooterKey> {
                match self {
                    $(Self::$name(page) => PageBehavior::footer(page, shared),)+
                }
            }

            pub(super) fn next_wake(&self, shared: &Shared, now: Instant) -> Option<Instant> {
                match self {
                    $(Self::$name(page) => page.next_wake(shared, now),)+
                }
            }

            pub(super) fn hides_numbers(&self, below: bool, shared: &Shared) -> bool {
                match self {
                    $(Self::$name(page) => page.hides_numbers(below, shared),)+
                }
            }

            pub(super) fn can_auto_hide(&self) -> bool {
                match self {
                    $(Self::$name(page) => page.can_auto_hide(),)+
                }
            }

            pub(super) fn may_be_interrupted(&self) -> bool {
                match self {
                    $(Self::$name(page) => page.may_be_interrupted(),)+
                }
            }

            pub(super) fn asks(&self) -> bool {
                match self {
                    $(Self::$name(page) => page.asks(),)+
                }
            }

            pub(super) fn lets_rows_move(&self) -> bool {
                match self {
                    $(Self::$name(page) => page.lets_rows_move(),)+
                }
            }

            pub(super) fn number(&self) -> Option<PhoneNumberId> {
                match self {
                    $(Self::$name(page) => page.number(),)+
                }
            }

            pub(super) fn is_about(&self, id: &PhoneNumberId) -> bool {
                match self {
                    $(Self::$name(page) => page.is_about(id),)+
                }
            }

            pub(super) fn has_pane(&self) -> bool {
                match self {
                    $(Self::$name(page) => page.has_pane(),)+
                }
            }

            pub(super) fn shows_history_of(&self, id: &PhoneNumberId, shared: &Shared) -> bool {
                match self {
                    $(Self::$name(page) => page.shows_history_of(id, shared),)+
                }
            }
        }
    };
}

pages! {
    /// No config file was found.
    Welcome(welcome::WelcomePage),
    /// There is no access token, or Meta refused it.
    Token(token::TokenPage),
    /// The number list.
    List(list::ListPage),
    /// The list while its filter is typed.
    Filter(filter::FilterPage),
    /// The list while its sort column is picked.
    Sort(sort::SortPage),
    /// One number: details, or the outcome of its request.
    Number(number::NumberPage),
    /// Typing a PIN.
    PinForm(pin_form::PinFormPage),
    /// Asking before something is sent.
    Confirm(confirm::ConfirmPage),
    /// Writing the note of a manual check.
    ResolutionNote(resolution_note::ResolutionNotePage),
    /// Numbers in doubt and other open issues.
    Unresolved(unresolved::UnresolvedPage),
    /// Asking whether changed escrow keys are right.
    Recipients(recipients::RecipientsPage),
    /// The hidden screen, which shows no number.
    Hidden(hidden::HiddenPage),
    /// Picking what to copy of a number.
    Copy(copy::CopyPage),
    /// The copied text.
    Copied(copied::CopiedPage),
    /// A page of text.
    Text(text::TextPage),
    /// Asking before the program ends.
    Quit(quit::QuitPage),
    /// Waiting for requests in flight before the program ends.
    ShuttingDown(shutting_down::ShuttingDownPage),
    /// Typing the path of a file.
    Path(path::PathPage),
    /// Asking whether the numbers of a list are selected.
    ListedNumbers(listed_numbers::ListedNumbersPage),
    /// Choosing the PINs of many numbers.
    ManyPins(many_pins::ManyPinsPage),
    /// Asking for the count of many numbers before something is sent.
    ConfirmMany(confirm_many::ConfirmManyPage),
    /// The whole list of many numbers.
    ManyPinsList(many_pins_list::ManyPinsListPage),
    /// The jobs of the journal.
    Jobs(jobs::JobsPage),
    /// One job, number by number.
    Job(job::JobPage),
    /// Asking before a job is stopped.
    JobStop(job_stop::JobStopPage),
    /// Typing the PIN of a job again, before what is left of it is sent.
    JobPin(job_pin::JobPinPage),
    /// Asking before what is left of a job is sent.
    JobResume(job_resume::JobResumePage),
}

/// Performs the action of a key, or passes the key on as text.
fn press<P: PageBehavior>(page: P, key: Key, shared: &mut Shared, now: TimePoint) -> Step<P> {
    match shared.keymap.action(page.keys(shared), key) {
        Some(action) => page.on_action(action, shared, now),
        None => page.on_unbound_key(key, shared, now),
    }
}
