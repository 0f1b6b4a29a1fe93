//! The cursor: which row it is on, and how keys move it. It is on a number, and leaves it only by these functions.

use super::{Roster, RosterRow};
use crate::domain::number::PhoneNumberId;

impl Roster {
    /// The index of the cursor; `None` if no row is visible.
    #[must_use]
    pub fn cursor_index(&self) -> Option<usize> {
        (self.visible.len() > 0).then_some(self.visible.cursor())
    }

    /// The row under the cursor.
    #[must_use]
    pub fn cursor_row(&self) -> Option<RosterRow<'_>> {
        self.row(self.visible.cursor())
    }

    /// Moves the cursor down, or up where `rows` is negative, and stops at the ends.
    pub fn move_by(&mut self, rows: isize) {
        self.visible.move_to(self.visible.cursor().saturating_add_signed(rows));
    }

    /// Moves the cursor to the first row.
    pub fn move_to_first(&mut self) {
        self.visible.move_to(0);
    }

    /// Moves the cursor to the last row.
    pub fn move_to_last(&mut self) {
        self.visible.move_to(usize::MAX);
    }

    /// Moves the cursor to a visible number. A page that opens for the row under the cursor selects it: after that the
    /// cursor stays there, also if a filter has moved it. Returns false if the number is not visible.
    pub fn select(&mut self, id: &PhoneNumberId) -> bool {
        self.store.slot(id).is_some_and(|slot| self.visible.select(slot))
    }
}
