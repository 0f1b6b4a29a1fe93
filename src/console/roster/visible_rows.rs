//! The rows that the list shows, from the top, and the one under the cursor.
//!
//! The cursor is on a row, not on a position: rows that appear, move or vanish around it do not move it. It leaves its
//! row only for a key or because the row was removed. This module does not decide which rows match a filter, and in
//! which order they are.

use hashbrown::HashSet;

use crate::domain::change::{ChangeState, LastSet};
use crate::domain::number::Number;

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterRow<'a> {
    /// The number.
    pub number: Number,
    /// The state of its last change, if there was one.
    pub change: Option<&'a ChangeState>,
    /// Its last change that Meta confirmed, if the journal has one.
    pub last_set: Option<&'a LastSet>,
    /// True if only an earlier run has read the number, so that its two-step status may be out of date.
    pub is_stale: bool,
    /// True if its PIN is due to be replaced.
    pub is_due: bool,
    /// What is special about the row, if anything is.
    pub mark: Option<RowMark>,
}

/// What is special about a row. Selected comes before kept: the next key may ask about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowMark {
    /// The operator selected the number.
    Selected,
    /// The row does not match the filter, and is visible because the operator acted on it or the cursor was on it.
    Kept,
}

/// What the window shows of the list after a new filter or sort order. In between it scrolls only to keep the cursor in
/// sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowStart {
    /// The first row if the cursor is in sight then, otherwise the cursor in the middle.
    #[default]
    FirstRow,
    /// The cursor in the middle.
    CursorInMiddle,
}

/// The last new filter or sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rearrangement {
    /// How many there were before it. A view that has seen another count moves its window.
    pub count: u32,
    /// Where the window starts.
    pub start: WindowStart,
}

/// Why rows appear or vanish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RebuildCause {
    /// The filter and the sort order are the same as before.
    Updates,
    /// The filter is another one. The cursor goes to the first row, unless its own row is above this index.
    NewFilter { rows_in_sight: usize },
}

/// The visible rows, by their slots.
#[derive(Debug, Default)]
pub(super) struct VisibleRows {
    /// From the top.
    slots: Vec<u32>,
    /// The index of the cursor.
    cursor: usize,
    /// The row from which filters have moved the cursor away. `None` if a key has put it where it is.
    before_filters: Option<u32>,
    /// The rows that the operator acted on. They stay visible until the filter changes.
    acted_on: HashSet<u32>,
    /// The visible rows that do not match the filter.
    kept: HashSet<u32>,
}

impl VisibleRows {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slot(&self, index: usize) -> Option<u32> {
        self.slots.get(index).copied()
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// True if the row is visible although it does not match the filter.
    pub(super) fn is_kept(&self, slot: u32) -> bool {
        self.kept.contains(&slot)
    }

    pub(super) fn mark_acted_on(&mut self, slot: u32) {
        self.acted_on.insert(slot);
    }

    /// Shows the rows of `order` that match, and those that stay visible. A row that no longer matches stays if the
    /// cursor is on it or the operator acted on it: otherwise the next key would hit another number.
    pub(super) fn rebuild(
        &mut self,
        order: impl Iterator<Item = u32>,
        is_match: impl Fn(u32) -> bool,
        cause: RebuildCause,
    ) {
        let current = self.slot(self.cursor);
        let (target, rows_in_sight) = match cause {
            RebuildCause::Updates => {
                let Self { slots, acted_on, kept, .. } = self;
                let stays = |slot: &u32| acted_on.contains(slot) || kept.contains(slot) || Some(*slot) == current;
                let still_kept = slots.iter().copied().filter(|slot| !is_match(*slot) && stays(slot)).collect();
                self.kept = still_kept;
                (current, usize::MAX)
            }
            RebuildCause::NewFilter { rows_in_sight } => {
                self.kept.clear();
                self.before_filters = self.before_filters.or(current);
                (self.before_filters, rows_in_sight)
            }
        };
        self.slots.clear();
        self.slots.extend(order.filter(|slot| is_match(*slot) || self.kept.contains(slot)));
        self.cursor = target.and_then(|target| self.index_of(target)).filter(|at| *at < rows_in_sight).unwrap_or(0);
    }

    /// From the top.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().copied()
    }

    /// The rows that match the filter, from the top.
    pub(super) fn matching(&self) -> impl Iterator<Item = u32> {
        self.iter().filter(|slot| !self.is_kept(*slot))
    }

    pub(super) fn index_of(&self, slot: u32) -> Option<usize> {
        self.slots.iter().position(|visible| *visible == slot)
    }

    /// Moves the cursor to an index, or to the last row.
    pub(super) fn move_to(&mut self, index: usize) {
        self.cursor = index.min(self.slots.len().saturating_sub(1));
        if !self.slots.is_empty() {
            self.before_filters = None;
        }
    }

    /// Moves the cursor to a row. Returns false if the row is not visible.
    pub(super) fn select(&mut self, slot: u32) -> bool {
        let index = self.index_of(slot);
        if let Some(index) = index {
            self.move_to(index);
        }
        index.is_some()
    }

    /// Removes rows; `new_slot` is the slot that a row gets, `None` for a removed one. The cursor goes from a removed
    /// row to the next one below it, or above it if there is none.
    pub(super) fn remove(&mut self, new_slot: impl Fn(u32) -> Option<u32>) {
        let (above, below) = self.slots.split_at(self.cursor.min(self.slots.len()));
        let below_cursor = below.iter().find_map(|slot| new_slot(*slot));
        let nearest = below_cursor.or_else(|| above.iter().rev().find_map(|slot| new_slot(*slot)));
        self.slots = self.slots.iter().filter_map(|slot| new_slot(*slot)).collect();
        self.cursor = nearest.and_then(|slot| self.index_of(slot)).unwrap_or(0);
        self.before_filters = self.before_filters.and_then(&new_slot);
        for rows in [&mut self.acted_on, &mut self.kept] {
            *rows = rows.iter().filter_map(|slot| new_slot(*slot)).collect();
        }
    }
}
