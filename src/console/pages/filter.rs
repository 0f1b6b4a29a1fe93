//! The list while its filter is typed: each change shows the rows that match.

use tui_input::Input;

use super::PageBehavior;
use super::text_field::{edit_text, insert_text};
use crate::console::go::Step;
use crate::console::input::key::Key;
use crate::console::input::keymap::{FilterAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The filter being typed.
#[derive(Debug)]
pub struct FilterPage {
    /// The text field.
    pub input: Input,
    /// The filter that was active before.
    previous: String,
    /// Why the text so far is not a valid filter.
    pub error: Option<String>,
}

impl FilterPage {
    /// The line, with the active filter.
    #[must_use]
    pub fn new(filter: &str) -> Self {
        Self { input: Input::new(filter.to_owned()), previous: filter.to_owned(), error: None }
    }

    fn apply_text(&mut self, shared: &mut Shared) {
        self.error = shared.set_filter(self.input.value()).err().map(|error| error.to_string());
    }
}

impl PageBehavior for FilterPage {
    type Action = FilterAction;
    const ON_INTERRUPT: FilterAction = FilterAction::Restore;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<FilterAction> {
        &table::FILTER
    }

    fn on_action(mut self, action: FilterAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            FilterAction::Apply if self.error.is_some() => Step::stay(self),
            FilterAction::Apply => {
                shared.select_under_cursor();
                Step::back()
            }
            FilterAction::Restore => {
                shared.restore_filter(&self.previous);
                Step::back()
            }
            FilterAction::Clear => {
                // A new field, because a reset one keeps the text for yanking.
                self.input = Input::default();
                self.apply_text(shared);
                Step::stay(self)
            }
            FilterAction::Move(motion) => {
                shared.move_cursor(motion);
                Step::stay(self)
            }
        }
    }

    fn on_unbound_key(mut self, key: Key, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        if edit_text(&mut self.input, key) {
            self.apply_text(shared);
        }
        Step::stay(self)
    }

    fn on_paste(mut self, text: &str, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        insert_text(&mut self.input, text);
        self.apply_text(shared);
        Step::stay(self)
    }

    fn lets_rows_move(&self) -> bool {
        true
    }
}
