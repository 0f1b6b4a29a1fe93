//! Asks whether the numbers of a file or a paste are selected, and names the lines that cannot be used.
//!
//! It sends nothing: it changes the selection.

use std::time::Instant;

use super::PageBehavior;
use crate::console::go::Step;
use crate::console::input::keymap::{KeyTable, ListedNumbersAction, table};
use crate::console::shared::{ListedNumbers, Shared};
use crate::domain::clock::TimePoint;

/// The question about the numbers of a list.
#[derive(Debug)]
pub struct ListedNumbersPage {
    /// The list.
    pub list: ListedNumbers,
    /// The first line shown.
    pub scroll: u16,
}

impl PageBehavior for ListedNumbersPage {
    type Action = ListedNumbersAction;
    const ON_INTERRUPT: ListedNumbersAction = ListedNumbersAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ListedNumbersAction> {
        &table::LISTED_NUMBERS
    }

    fn on_action(mut self, action: ListedNumbersAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            ListedNumbersAction::Select if self.list.ids.is_empty() => {
                shared.messages.set_hint("No line can be used, so nothing is selected.");
                Step::stay(self)
            }
            ListedNumbersAction::Select => {
                shared.roster.select_ids(&self.list.ids);
                shared.hint_selection();
                Step::back()
            }
            ListedNumbersAction::Move(motion) => {
                self.scroll = shared.scroll_after(self.scroll, motion);
                Step::stay(self)
            }
            ListedNumbersAction::Cancel => Step::back(),
        }
    }

    fn on_shown(&mut self, max_scroll: u16, _at: Instant, _shared: &Shared) {
        self.scroll = self.scroll.min(max_scroll);
    }

    fn asks(&self) -> bool {
        true
    }

    fn is_available(&self, action: &ListedNumbersAction, _shared: &Shared) -> bool {
        *action != ListedNumbersAction::Select || !self.list.ids.is_empty()
    }
}
