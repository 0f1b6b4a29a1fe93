//! What the message line says of the selection.
//!
//! It selects nothing: the roster does.

use super::Shared;
use crate::console::input::keymap::{ListAction, table};
use crate::domain::pin_plan::PinPlan;
use crate::domain::text::format_count;

impl Shared {
    /// Says how many numbers are selected, which of them the filter hides, and what the next key would ask about.
    pub(in crate::console) fn hint_selection(&mut self) {
        let selection = self.roster.selection();
        let (count, hidden) = (selection.len(), selection.hidden_count());
        let key = self.keymap.key_label(&table::LIST, &ListAction::SetPin);
        let all = format_count(count);
        let effect = if count == 1 { format!("{key} asks about it.") } else { format!("{key} asks about all {all}.") };
        let text = match (count, hidden) {
            (0, _) => "No number is selected.".to_owned(),
            (_, 0) => format!("{all} selected. {effect}"),
            (1, _) => format!("1 selected: it is hidden by the filter. {effect}"),
            (_, 1) => format!("{all} selected: 1 of them is hidden by the filter. {effect}"),
            (_, hidden) => {
                format!("{all} selected: {} of them are hidden by the filter. {effect}", format_count(hidden))
            }
        };
        self.messages.set_hint(text);
    }

    /// Says how many numbers are selected if a new filter hides some of them.
    pub(in crate::console) fn hint_hidden_selection(&mut self) {
        if self.roster.selection().hidden_count() > 0 {
            self.hint_selection();
        }
    }

    /// Clears the selection if these are the numbers that are selected: their PINs are being set, and the same key again
    /// must not ask about them once more.
    pub(in crate::console) fn end_selection_of(&mut self, plan: &PinPlan) {
        let selection = self.roster.selection();
        let is_of_plan = plan.targets.iter().all(|number| selection.is_selected(&number.id));
        if is_of_plan && selection.len() == plan.targets.len() {
            self.roster.clear_selection();
        }
    }

    /// Says that selected numbers are no longer listed, and so are no longer selected.
    pub(in crate::console) fn report_vanished_selection(&mut self) {
        let vanished = self.roster.take_vanished();
        if vanished == 0 {
            return;
        }
        let left = format_count(self.roster.selection().len());
        let text = if vanished == 1 {
            format!("1 selected number is no longer listed. It left the selection: {left} selected.")
        } else {
            let vanished = format_count(vanished);
            format!("{vanished} selected numbers are no longer listed. They left the selection: {left} selected.")
        };
        self.messages.push(self.utc_now(), text);
    }
}
