//! The whole list of many numbers, as they will be sent, and those that are left out.
//!
//! It changes nothing, and shows the list as it was when it opened. Its filter is that of the number list, and leaves that
//! one as it is.

use hashbrown::HashSet;
use tui_input::Input;

use super::PageBehavior;
use super::text_field::{PASTED_LINE_END, edit_text, insert_text};
use crate::console::go::{Destination, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{KeyTable, ManyPinsListAction, Motion, table};
use crate::console::roster::FilterError;
use crate::console::shared::Shared;
use crate::domain::batch_plan::{Candidate, FrozenBatch, LeftOutReason};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;

/// The list.
#[derive(Debug)]
pub struct ManyPinsListPage {
    frozen: FrozenBatch,
    /// The first line shown. There may be more lines than a page of text can have.
    pub scroll: usize,
    /// The filter.
    pub filter: Input,
    /// True while the filter is typed.
    pub is_typing: bool,
    /// The numbers that match the filter; `None` if there is none.
    matching: Option<Matching>,
    error: Option<FilterError>,
}

/// The numbers that a filter shows.
#[derive(Debug)]
struct Matching {
    ids: HashSet<PhoneNumberId>,
    targets: usize,
    left_out: usize,
}

impl ManyPinsListPage {
    /// All numbers of the list.
    #[must_use]
    pub fn new(frozen: FrozenBatch) -> Self {
        Self { frozen, scroll: 0, filter: Input::default(), is_typing: false, matching: None, error: None }
    }

    /// The list without the filter.
    #[must_use]
    pub const fn frozen(&self) -> &FrozenBatch {
        &self.frozen
    }

    /// True if the filter hides numbers.
    #[must_use]
    pub const fn is_filtered(&self) -> bool {
        self.matching.is_some()
    }

    /// Why the filter shows the numbers of the text before it.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.error.as_ref().map(ToString::to_string)
    }

    /// How many numbers that get a PIN are shown, and how many that are left out.
    #[must_use]
    pub fn shown(&self) -> (usize, usize) {
        let all = || (self.frozen.targets().len(), self.frozen.left_out().len());
        self.matching.as_ref().map_or_else(all, |matching| (matching.targets, matching.left_out))
    }

    /// The numbers shown that get a PIN.
    pub fn targets(&self) -> impl Iterator<Item = &Candidate> {
        self.frozen.targets().filter(|candidate| self.is_shown(candidate))
    }

    /// The numbers shown that are left out, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (&Candidate, LeftOutReason)> {
        self.frozen.left_out().filter(|(candidate, _)| self.is_shown(candidate))
    }

    fn is_shown(&self, candidate: &Candidate) -> bool {
        self.matching.as_ref().is_none_or(|matching| matching.ids.contains(&candidate.number.id))
    }

    /// How many lines the page has: the numbers, and, below a heading, those that are left out.
    #[must_use]
    pub fn line_count(&self) -> usize {
        let (targets, left_out) = self.shown();
        targets + if left_out > 0 { left_out + 2 } else { 0 }
    }

    /// Shows what matches the text of the filter. An invalid one keeps the numbers of the text before it.
    fn apply_filter(&mut self, shared: &Shared) {
        if self.filter.value().trim().is_empty() {
            (self.matching, self.error) = (None, None);
        } else {
            let numbers = self.frozen.targets().chain(self.frozen.left_out().map(|(candidate, _)| candidate));
            let ids = numbers.map(|candidate| &candidate.number.id);
            match shared.roster.numbers_that_match(self.filter.value(), ids) {
                Ok(ids) => {
                    let is_match = |candidate: &Candidate| ids.contains(&candidate.number.id);
                    let targets = self.frozen.targets().filter(|candidate| is_match(candidate)).count();
                    let left_out = self.frozen.left_out().filter(|(candidate, _)| is_match(candidate)).count();
                    (self.matching, self.error) = (Some(Matching { ids, targets, left_out }), None);
                }
                Err(error) => self.error = Some(error),
            }
        }
        self.scroll = 0;
    }

    fn show_all(&mut self) {
        (self.matching, self.error, self.is_typing) = (None, None, false);
        self.filter = Input::default();
        self.scroll = 0;
    }

    fn scroll(&mut self, motion: Motion, page: usize) {
        // The first line can be at most the one that shows the last line at the end of the window.
        let first_lines = self.line_count().saturating_sub(page);
        self.scroll = motion.target(self.scroll, page, first_lines);
    }
}

impl PageBehavior for ManyPinsListPage {
    type Action = ManyPinsListAction;
    const ON_INTERRUPT: ManyPinsListAction = ManyPinsListAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ManyPinsListAction> {
        if self.is_typing { &table::MANY_PINS_LIST_FILTER } else { &table::MANY_PINS_LIST }
    }

    fn on_action(mut self, action: ManyPinsListAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            // One step back: first to all numbers.
            ManyPinsListAction::Back if self.is_filtered() => self.show_all(),
            ManyPinsListAction::Back => return Step::back(),
            ManyPinsListAction::HideScreen => return Step::reset(Destination::Hidden(None)),
            ManyPinsListAction::EditFilter => self.is_typing = true,
            // What is invalid cannot be applied: the numbers would not be those of the text.
            ManyPinsListAction::KeepFilter => self.is_typing = self.error.is_some(),
            ManyPinsListAction::ShowAll => self.show_all(),
            ManyPinsListAction::ClearField => {
                self.filter = Input::default();
                self.apply_filter(shared);
            }
            ManyPinsListAction::Move(motion) => self.scroll(motion, usize::from(shared.page_rows())),
        }
        Step::stay(self)
    }

    fn on_unbound_key(mut self, key: Key, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        if self.is_typing {
            if edit_text(&mut self.filter, key) {
                self.apply_filter(shared);
            }
        } else {
            shared.hint_unbound_key(key, self.keys(shared).mode);
        }
        Step::stay(self)
    }

    fn on_paste(mut self, text: &str, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        if self.is_typing {
            if insert_text(&mut self.filter, text) {
                shared.messages.set_hint(PASTED_LINE_END);
            }
            self.apply_filter(shared);
        } else {
            shared.messages.set_hint("Paste ignored.");
        }
        Step::stay(self)
    }
}
