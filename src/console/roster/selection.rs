//! The numbers that the operator selected.
//!
//! A selection is of numbers, not of rows: filters, sort orders and refreshes leave it as it is. Only the functions here
//! change it, and a number that is removed from the list leaves it. It does not decide which numbers may get a PIN.

mod slot_set;
mod summary;

use std::cell::OnceCell;
use std::mem;

use super::Roster;
use crate::domain::number::{Number, PhoneNumberId};

pub use summary::{SelectionSummary, WabaCount};

use slot_set::SlotSet;

/// The selected numbers, by their slots.
#[derive(Debug, Default)]
pub(super) struct Selection {
    selected: SlotSet,
    range: Option<Range>,
    /// How many selected numbers were removed since [`Roster::take_vanished`].
    vanished: usize,
    /// Made when a frame needs it; empty if something has changed since.
    summary: OnceCell<SelectionSummary>,
    /// How many the filter hides: counted apart, because a status that changes hides nothing.
    hidden: OnceCell<usize>,
}

/// A range that is being selected, from the row where it began to the cursor.
#[derive(Debug)]
struct Range {
    anchor: u32,
    /// What was selected before.
    before: SlotSet,
}

impl Selection {
    pub(super) fn contains(&self, slot: u32) -> bool {
        self.selected.contains(slot)
    }

    /// The data or the state of a row has changed.
    pub(super) fn forget_summary(&mut self) {
        self.summary.take();
    }

    /// Other rows are selected or visible than before, or in another order.
    pub(super) fn forget_rows(&mut self) {
        self.forget_summary();
        self.hidden.take();
    }

    /// Changes what is selected, outside a range. It is the end of one.
    fn change(&mut self) -> &mut SlotSet {
        self.range = None;
        self.forget_rows();
        &mut self.selected
    }

    /// Removes rows; `new_slot` is the slot that a row gets, `None` for a removed one. A range whose first row is
    /// removed has ended.
    pub(super) fn remove(&mut self, new_slot: impl Fn(u32) -> Option<u32>) {
        let before = self.selected.len();
        self.selected = self.selected.map(&new_slot);
        self.vanished += before - self.selected.len();
        self.range = self.range.take().and_then(|range| {
            let anchor = new_slot(range.anchor)?;
            Some(Range { anchor, before: range.before.map(&new_slot) })
        });
        self.forget_rows();
    }
}

/// What is selected, for reading.
#[derive(Debug, Clone, Copy)]
pub struct SelectedNumbers<'a> {
    roster: &'a Roster,
}

impl<'a> SelectedNumbers<'a> {
    /// How many numbers are selected, hidden ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.roster.selection.selected.len()
    }

    /// True if no number is selected.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The selected numbers in the order of the list, hidden ones included.
    #[must_use]
    pub fn ids(&self) -> Vec<PhoneNumberId> {
        let Roster { store, order, selection, .. } = self.roster;
        order.iter_from_top().filter(|slot| selection.contains(*slot)).map(|slot| store.id(slot)).collect()
    }

    /// How many selected numbers the filter hides.
    #[must_use]
    pub fn hidden_count(&self) -> usize {
        let Roster { selection, visible, .. } = self.roster;
        let is_selected = |slot: &u32| selection.selected.contains(*slot);
        let count = || self.len() - visible.iter().filter(is_selected).count();
        if self.is_empty() { 0 } else { *selection.hidden.get_or_init(count) }
    }

    /// True if this number is selected.
    #[must_use]
    pub fn is_selected(&self, id: &PhoneNumberId) -> bool {
        self.roster.store.slot(id).is_some_and(|slot| self.roster.selection.contains(slot))
    }

    /// True while a range is being selected.
    #[must_use]
    pub const fn has_range(&self) -> bool {
        self.roster.selection.range.is_some()
    }

    /// What is selected, in counts. It is made once after each change of a row, whatever the number of frames.
    #[must_use]
    pub fn summary(&self) -> &'a SelectionSummary {
        self.roster.selection.summary.get_or_init(|| SelectionSummary::of(self.roster))
    }
}

impl Roster {
    /// What is selected.
    #[must_use]
    pub const fn selection(&self) -> SelectedNumbers<'_> {
        SelectedNumbers { roster: self }
    }

    /// Selects the number under the cursor, or takes it from the selection.
    pub fn toggle_selected(&mut self) {
        if let Some(slot) = self.visible.slot(self.visible.cursor()) {
            self.selection.change().toggle(slot);
        }
    }

    /// Selects every number that the filter finds and that a row shows. A row that stays in sight although it no longer
    /// matches is not selected with the others.
    pub fn select_shown(&mut self) {
        let selected = self.selection.change();
        self.visible.matching().for_each(|slot| selected.insert(slot));
    }

    /// Selects each number that [`Roster::select_shown`] would select and that is not selected, and takes the others of
    /// them from the selection.
    pub fn invert_shown(&mut self) {
        let selected = self.selection.change();
        self.visible.matching().for_each(|slot| selected.toggle(slot));
    }

    /// All numbers, in no order.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        self.store.numbers()
    }

    /// The numbers that rows show, from the top.
    #[must_use]
    pub fn shown_ids(&self) -> Vec<PhoneNumberId> {
        self.visible.iter().map(|slot| self.store.id(slot)).collect()
    }

    /// Adds these numbers to the selection, shown or not. A number that is not listed is left out. Applies the updates.
    pub fn select_ids<'a>(&mut self, ids: impl IntoIterator<Item = &'a PhoneNumberId>) {
        // A selected number has its place in the order.
        self.apply_updates();
        let (selected, store) = (self.selection.change(), &self.store);
        ids.into_iter().filter_map(|id| store.slot(id)).for_each(|slot| selected.insert(slot));
    }

    /// Selects nothing.
    pub fn clear_selection(&mut self) {
        *self.selection.change() = SlotSet::default();
    }

    /// Begins a range at the cursor, which adds to what is selected.
    pub fn begin_range(&mut self) {
        let Some(anchor) = self.visible.slot(self.visible.cursor()) else { return };
        let before = self.selection.change().clone();
        self.selection.range = Some(Range { anchor, before });
        self.extend_range();
    }

    /// Lets the range reach the cursor, after a key has moved that. A range whose first row is no longer shown ends with
    /// what it has.
    pub fn extend_range(&mut self) {
        let Some(range) = &self.selection.range else { return };
        let Some(anchor) = self.visible.index_of(range.anchor) else { return self.end_range() };
        let cursor = self.visible.cursor();
        let mut selected = range.before.clone();
        (anchor.min(cursor)..=anchor.max(cursor))
            .filter_map(|index| self.visible.slot(index))
            .for_each(|slot| selected.insert(slot));
        self.selection.selected = selected;
        self.selection.forget_rows();
    }

    /// Ends the range: what it reaches stays selected.
    pub fn end_range(&mut self) {
        self.selection.range = None;
    }

    /// Ends the range, and selects what was selected before it.
    pub fn cancel_range(&mut self) {
        if let Some(range) = self.selection.range.take() {
            *self.selection.change() = range.before;
        }
    }

    /// How many selected numbers were removed from the list, and so from the selection, since the last call.
    pub fn take_vanished(&mut self) -> usize {
        mem::take(&mut self.selection.vanished)
    }
}
