//! The list while its filter is typed: each change shows the rows that match.
//!
//! What is unfinished or invalid keeps the rows of the text before it, and cannot be applied: operators act on the rows
//! they see.

use tui_input::Input;

use super::PageBehavior;
use super::text_field::{PASTED_LINE_END, edit_text, insert_text};
use crate::console::go::Step;
use crate::console::input::key::Key;
use crate::console::input::keymap::{FilterAction, KeyTable, table};
use crate::console::roster::{FilterCompletion, FilterError, Roster};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The filter being typed.
#[derive(Debug)]
pub struct FilterPage {
    /// The text field.
    pub input: Input,
    /// The filter that was active before.
    previous: String,
    /// Why the rows are not those of the text.
    error: Option<FilterError>,
    /// The last key tried to apply the text in spite of the error.
    was_refused: bool,
}

/// What the message line says while a filter is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterMessage {
    /// Why the text cannot be applied.
    Error(String),
    /// What the word at the cursor must become before the text can be applied.
    Unfinished(FilterCompletion),
    /// What the word at the cursor can become.
    Completion(FilterCompletion),
}

impl FilterPage {
    /// The line, with the active filter, unless one key set it.
    #[must_use]
    pub fn new(filter: &str, is_quick: bool) -> Self {
        // After a quick filter, an operator starts a new search. After other words, they add a word.
        let text = if filter.is_empty() || is_quick { String::new() } else { format!("{filter} ") };
        Self { input: Input::new(text), previous: filter.to_owned(), error: None, was_refused: false }
    }

    /// True if the rows are those of the text; false if they are those of the filter that is still active.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.error.is_none()
    }

    /// What the message line says.
    #[must_use]
    pub fn message(&self, roster: &Roster) -> FilterMessage {
        let completion = self.completion(roster);
        match &self.error {
            None => FilterMessage::Completion(completion),
            Some(error) if self.was_refused => FilterMessage::Error(format!("Not applied. {error}")),
            Some(error) if self.is_at_cursor(error, &completion) => FilterMessage::Unfinished(completion),
            Some(error) => FilterMessage::Error(error.to_string()),
        }
    }

    /// True if the word at the cursor is the one that is unfinished.
    fn is_at_cursor(&self, error: &FilterError, completion: &FilterCompletion) -> bool {
        match error {
            FilterError::NoValue { key } => completion.key == Some(*key),
            FilterError::Unfinished { .. } => self.input.cursor() == self.input.value().chars().count(),
            FilterError::UnknownKey { .. } | FilterError::BadValue { .. } => false,
        }
    }

    fn completion(&self, roster: &Roster) -> FilterCompletion {
        roster.complete_filter(self.input.value(), self.input.cursor())
    }

    fn apply_text(&mut self, shared: &mut Shared) {
        self.was_refused = false;
        self.error = shared.type_filter(self.input.value()).err();
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
            FilterAction::Apply => {
                // Rows that came since the last key may match.
                self.apply_text(shared);
                if self.error.is_some() {
                    self.was_refused = true;
                    return Step::stay(self);
                }
                shared.select_under_cursor();
                shared.hint_hidden_selection();
                Step::back()
            }
            FilterAction::Complete => {
                if let Some((text, cursor)) = self.completion(&shared.roster).completed {
                    self.input = Input::new(text).with_cursor(cursor);
                    self.apply_text(shared);
                }
                Step::stay(self)
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
        let has_line_end = insert_text(&mut self.input, text);
        self.apply_text(shared);
        if has_line_end {
            shared.messages.set_hint(PASTED_LINE_END);
        }
        Step::stay(self)
    }

    fn lets_rows_move(&self) -> bool {
        true
    }
}
