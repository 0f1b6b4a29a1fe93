//! The rows of the number list: every number with the state of its change, sorted and filtered, with a cursor.
//!
//! Rows do not move while the operator looks at an open page: an update changes the content of a row at once, but rows
//! are added, removed and moved only in [`Roster::apply_updates`], which the list calls before it is drawn. The cursor
//! stays on a number, not on a position. This module does not know keys, columns or scroll offsets.

mod filter;
mod gallop;
mod last_sets;
mod order;
mod row_store;

use std::iter;
use std::mem;

use hashbrown::HashSet;

use crate::domain::change::{ChangeState, LastSet};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId, WabaId};

pub use filter::{FilterError, FilterKey};
pub use order::{SortColumn, SortDirection, SortOrder};
pub use row_store::{StaleSummary, TwoStepCounts};

use filter::Filter;
use order::SortContext;
use row_store::{ChangeStates, RowStore, UpsertResult, priority};

/// If more than one row in this many has moved, sorting all rows is not slower than merging the moved ones.
const FULL_SORT_DIVISOR: usize = 2;

/// All numbers, and which of them are visible.
#[derive(Debug, Default)]
pub struct Roster {
    store: RowStore,
    changes: ChangeStates,
    /// The numbers with a running change or in doubt: few, whatever the journal has about the others.
    open: HashSet<PhoneNumberId>,
    /// The newest time at which a change was confirmed.
    newest_set: Option<UtcTime>,
    sort: SortOrder,
    filter: Filter,
    /// All sorted slots, in ascending order.
    order: Vec<u32>,
    /// The visible slots, from the top.
    visible: Vec<u32>,
    /// The index of the cursor in `visible`.
    cursor: usize,
    /// The number that the operator moved the cursor to. `None` until the first move: the cursor is then on the first
    /// row.
    anchor: Option<PhoneNumberId>,
    /// Slots that are new, or whose position in the order may have changed.
    unsorted: Vec<u32>,
    /// Slots that the next [`Roster::apply_updates`] removes.
    pending_removal: HashSet<u32>,
    has_pending_updates: bool,
}

/// One row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterRow<'a> {
    /// The number.
    pub number: &'a Number,
    /// The state of its last change, if there was one.
    pub change: Option<&'a ChangeState>,
    /// Its last change that Meta confirmed, if the journal has one.
    pub last_set: Option<&'a LastSet>,
    /// True if only an earlier run has read the number, so that its two-step status may be out of date.
    pub is_stale: bool,
}

impl Roster {
    /// Adds a number, or replaces its data. No row moves before [`Roster::apply_updates`].
    pub fn upsert(&mut self, number: &Number) {
        let (slot, moves) = match self.store.upsert(number) {
            UpsertResult::New(slot) => (slot, true),
            UpsertResult::Existing { slot, changed } => {
                self.pending_removal.remove(&slot);
                self.has_pending_updates |= changed.waba || changed.two_step;
                // Equal rows are sorted by number, so a changed text always moves them.
                let moves = match self.sort.column {
                    SortColumn::Number | SortColumn::Name | SortColumn::Request => changed.text,
                    SortColumn::Waba => changed.text || changed.waba,
                    SortColumn::TwoStep => changed.text || changed.two_step,
                };
                (slot, moves)
            }
        };
        if moves {
            self.unsorted.push(slot);
            self.has_pending_updates = true;
        }
    }

    /// Adds a number from the cache of an earlier run, unless it is known already. It counts as not read.
    pub fn insert_cached(&mut self, number: &Number) {
        if let Some(slot) = self.store.insert_cached(number) {
            self.unsorted.push(slot);
            self.has_pending_updates = true;
        }
    }

    /// Starts a refresh: numbers that are not added or updated from now on count as missing.
    pub fn begin_refresh(&mut self) {
        self.store.clear_seen();
    }

    /// Ends a refresh. Removes missing numbers of the WABAs whose lists were read completely, and missing numbers
    /// without a WABA that only an earlier run has read: they are no longer in the config. Numbers of other WABAs stay,
    /// and so do numbers with a running change or in doubt.
    pub fn finish_refresh(&mut self, complete_wabas: &[WabaId]) {
        for slot in self.store.unseen() {
            let number = self.store.row(slot);
            let is_unlisted = number.waba_id().is_some_and(|waba| complete_wabas.contains(&waba));
            if is_unlisted || (number.waba.is_none() && self.store.is_stale(slot)) {
                self.pending_removal.insert(slot);
            }
        }
        self.has_pending_updates |= !self.pending_removal.is_empty();
        self.store.shrink();
    }

    /// True if the number was added or updated since the last [`Roster::begin_refresh`].
    #[must_use]
    pub fn is_seen(&self, id: &PhoneNumberId) -> bool {
        self.store.slot(id).is_some_and(|slot| self.store.is_seen(slot))
    }

    /// True if the number has a running change or is in doubt. Such a number stays in the list even if no WABA lists
    /// it.
    #[must_use]
    pub fn has_open_change(&self, id: &PhoneNumberId) -> bool {
        self.change(id).is_some_and(|state| state.is_running() || state.is_in_doubt())
    }

    /// Sets the state of a number's change. The number may be unknown: the row gets the state when the number arrives.
    pub fn set_change(&mut self, id: PhoneNumberId, state: ChangeState) {
        if state.is_running() || state.is_in_doubt() {
            self.open.insert(id);
        } else {
            self.open.remove(&id);
        }
        if let ChangeState::Set(completion) = &state {
            self.newest_set = self.newest_set.max(Some(completion.at));
        }
        let new = priority(Some(&state));
        let old = priority(self.changes.insert(id, state).as_deref());
        if new == old {
            return;
        }
        if self.sort.column == SortColumn::Request {
            self.unsorted.extend(self.store.slot(&id));
            self.has_pending_updates = true;
        }
        self.has_pending_updates |= self.filter.depends_on_requests();
    }

    /// Sets when the PIN of a number was last set, unless a newer time is known. The number may be unknown.
    pub fn set_last_set(&mut self, id: PhoneNumberId, last_set: LastSet) {
        self.store.set_last_set(id, last_set);
    }

    /// Adds, removes and moves rows. Does nothing if there are no updates.
    pub fn apply_updates(&mut self) {
        if !self.has_pending_updates {
            return;
        }
        self.has_pending_updates = false;
        self.remove_pending();
        self.store.rebuild_text();
        self.update_order();
        self.apply_filter();
    }

    fn remove_pending(&mut self) {
        let pending = mem::take(&mut self.pending_removal);
        let mut removed: Vec<u32> =
            pending.into_iter().filter(|slot| !self.has_open_change(&self.store.row(*slot).id)).collect();
        if removed.is_empty() {
            return;
        }
        removed.sort_unstable();
        let stays = |slot: &u32| removed.binary_search(slot).is_err();
        if let Some(anchor) = self.anchor.and_then(|id| self.store.slot(&id)) {
            let slots: Vec<u32> = iter_directed(&self.order, self.sort.direction).collect();
            // The cursor was never on a hidden number, so the anchor is always in the order.
            let at = slots.iter().position(|slot| *slot == anchor).unwrap_or_default();
            let nearest =
                slots[at..].iter().find(|slot| stays(slot)).or_else(|| slots[..at].iter().rfind(|slot| stays(slot)));
            self.anchor = nearest.map(|slot| self.store.row(*slot).id);
        }
        for slot in &removed {
            self.changes.remove(&self.store.row(*slot).id);
        }
        self.order.retain(stays);
        self.unsorted.retain(stays);
        for slot in self.order.iter_mut().chain(&mut self.unsorted) {
            let below = removed.partition_point(|removed| removed < slot);
            *slot -= u32::try_from(below).unwrap_or(u32::MAX);
        }
        self.store.remove(&removed);
    }

    fn update_order(&mut self) {
        let mut slots = mem::take(&mut self.unsorted);
        slots.sort_unstable();
        slots.dedup();
        let sorter = SortContext { store: &self.store, changes: &self.changes, column: self.sort.column };
        if slots.len() * FULL_SORT_DIVISOR > self.store.len() {
            self.order.retain(|slot| slots.binary_search(slot).is_err());
            self.order = sorter.sort_all(self.order.iter().copied().chain(slots));
        } else if !slots.is_empty() {
            self.order.retain(|slot| slots.binary_search(slot).is_err());
            self.order = sorter.merge(&self.order, slots.into_iter());
        }
    }

    fn apply_filter(&mut self) {
        let matches =
            if self.filter.is_empty() { None } else { Some(self.filter.matching_rows(&self.store, &self.changes)) };
        let anchor = self.anchor.and_then(|id| self.store.slot(&id));
        self.cursor = 0;
        self.visible.clear();
        for slot in iter_directed(&self.order, self.sort.direction) {
            if Some(slot) == anchor {
                // If the filter hides this row, the cursor is on the next visible row.
                self.cursor = self.visible.len();
            }
            if matches.as_ref().is_none_or(|matches| matches[slot as usize]) {
                self.visible.push(slot);
            }
        }
        self.cursor = self.cursor.min(self.visible.len().saturating_sub(1));
    }

    /// Shows only the rows that match a filter; an empty text shows all rows. Applies the updates.
    ///
    /// # Errors
    /// An invalid filter. The previous filter then stays active.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        let filter = Filter::parse(text)?;
        if filter != self.filter {
            self.filter = filter;
            self.has_pending_updates = true;
        }
        self.apply_updates();
        Ok(())
    }

    /// The current sort order.
    #[must_use]
    pub const fn sort(&self) -> SortOrder {
        self.sort
    }

    /// Sorts the rows. Applies the updates.
    pub fn set_sort(&mut self, sort: SortOrder) {
        // A removed row passes the cursor to the next row of the old order, so rows are removed before the order
        // changes.
        self.apply_updates();
        if sort.column != self.sort.column {
            self.unsorted.extend(&self.order);
        }
        self.has_pending_updates |= sort != self.sort;
        self.sort = sort;
        self.apply_updates();
    }

    /// How many numbers have which two-step status, including filtered ones.
    #[must_use]
    pub fn counts(&self) -> TwoStepCounts {
        self.store.counts()
    }

    /// How many numbers only an earlier run has read; `None` if there are none.
    #[must_use]
    pub fn stale_summary(&self) -> Option<StaleSummary> {
        self.store.stale_summary()
    }

    /// How many numbers there are, including filtered ones.
    #[must_use]
    pub fn total(&self) -> usize {
        self.store.len()
    }

    /// How many rows are visible since the last [`Roster::apply_updates`].
    #[must_use]
    pub fn visible_len(&self) -> usize {
        self.visible.len()
    }

    /// A visible row by its index.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<RosterRow<'_>> {
        self.visible.get(index).map(|slot| self.row_at_slot(*slot))
    }

    /// A row by its phone number ID, visible or not.
    #[must_use]
    pub fn get(&self, id: &PhoneNumberId) -> Option<RosterRow<'_>> {
        self.store.slot(id).map(|slot| self.row_at_slot(slot))
    }

    /// The state of the last change of a number, listed or not.
    #[must_use]
    pub fn change(&self, id: &PhoneNumberId) -> Option<&ChangeState> {
        self.changes.get(id)
    }

    /// The last change of every number that had one, in no order.
    pub fn changes(&self) -> impl Iterator<Item = (&PhoneNumberId, &ChangeState)> {
        self.changes.iter()
    }

    /// True if the newest confirmed change is of this day, as in [`UtcTime::day`].
    #[must_use]
    pub fn is_set_on(&self, day: u32) -> bool {
        self.newest_set.is_some_and(|at| at.day() == day)
    }

    /// The changes that are running or in doubt, in no order.
    pub fn open_changes(&self) -> impl Iterator<Item = (&PhoneNumberId, &ChangeState)> {
        self.open.iter().filter_map(|id| self.changes.get(id).map(|state| (id, state)))
    }

    fn row_at_slot(&self, slot: u32) -> RosterRow<'_> {
        let number = self.store.row(slot);
        RosterRow {
            number,
            change: self.changes.get(&number.id),
            last_set: self.store.last_set(slot),
            is_stale: self.store.is_stale(slot),
        }
    }

    /// The index of the cursor; `None` if no row is visible.
    #[must_use]
    pub fn cursor_index(&self) -> Option<usize> {
        (!self.visible.is_empty()).then_some(self.cursor)
    }

    /// The row under the cursor.
    #[must_use]
    pub fn cursor_row(&self) -> Option<RosterRow<'_>> {
        self.row(self.cursor)
    }

    /// Moves the cursor down, or up where `rows` is negative, and stops at the ends.
    pub fn move_by(&mut self, rows: isize) {
        self.move_to(self.cursor.saturating_add_signed(rows));
    }

    /// Moves the cursor to the first row.
    pub fn move_to_first(&mut self) {
        self.move_to(0);
    }

    /// Moves the cursor to the last row.
    pub fn move_to_last(&mut self) {
        self.move_to(usize::MAX);
    }

    fn move_to(&mut self, index: usize) {
        self.cursor = index.min(self.visible.len().saturating_sub(1));
        if let Some(slot) = self.visible.get(self.cursor) {
            self.anchor = Some(self.store.row(*slot).id);
        }
    }

    /// Moves the cursor to a visible number. A page that opens for the row under the cursor selects it, so that the
    /// cursor is still there when the page closes. Returns false if the number is not visible.
    pub fn select(&mut self, id: &PhoneNumberId) -> bool {
        let slot = self.store.slot(id);
        let index = self.visible.iter().position(|visible| Some(*visible) == slot);
        if let Some(index) = index {
            self.move_to(index);
        }
        index.is_some()
    }
}

/// The slots of an order, from the top of the list.
fn iter_directed(order: &[u32], direction: SortDirection) -> impl Iterator<Item = u32> {
    let (mut ascending, mut descending) = (order.iter(), order.iter().rev());
    iter::from_fn(move || match direction {
        SortDirection::Ascending => ascending.next().copied(),
        SortDirection::Descending => descending.next().copied(),
    })
}

#[cfg(test)]
mod tests;
