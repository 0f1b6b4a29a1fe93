//! The rows of the number list: every number with the state of its change, sorted and filtered, with a cursor.
//!
//! Rows do not move while the operator looks at an open page: an update changes the content of a row at once, but rows
//! are added, removed and moved only in [`Roster::apply_updates`], which the list calls before it is drawn. From the
//! first row that it adds, the cursor is on a number and stays there until a key moves it. So there is no frame in which
//! a key could hit another number than the one that the frame before showed.
//!
//! A list that is read puts each row into its place. After that a row keeps its place, whatever becomes of its number,
//! until the operator sorts, refreshes or filters. This module does not know keys, columns or scroll offsets.

mod filter;
mod gallop;
mod order;
mod row_store;
mod visible_rows;

use std::iter;
use std::mem;

use hashbrown::HashSet;

use crate::domain::change::ChangeState;
use crate::domain::number::{Number, PhoneNumberId, WabaId};

pub use filter::{FilterError, FilterKey};
pub use order::{SortColumn, SortDirection, SortOrder};
pub use row_store::{StaleSummary, TwoStepCounts};
pub use visible_rows::{Rearrangement, WindowStart};

use filter::Filter;
use order::SortContext;
use row_store::{ChangeStates, RowStore, UpsertResult, priority};
use visible_rows::{RebuildCause, VisibleRows};

/// If more than one row in this many has moved, sorting all rows is not slower than merging the moved ones.
const FULL_SORT_DIVISOR: usize = 2;

/// All numbers, and which of them are visible.
#[derive(Debug, Default)]
pub struct Roster {
    store: RowStore,
    changes: ChangeStates,
    sort: SortOrder,
    filter: Filter,
    /// All sorted slots, in ascending order.
    order: Vec<u32>,
    visible: VisibleRows,
    rearrangement: Rearrangement,
    /// Slots that are new, or that the next [`Roster::apply_updates`] moves to their place in the order.
    unsorted: Vec<u32>,
    /// Slots in the order that are no longer in their place, and keep theirs.
    displaced: HashSet<u32>,
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
    /// True if only an earlier run has read the number, so that its two-step status may be out of date.
    pub is_stale: bool,
    /// True if the row does not match the filter, and is visible because the operator acted on it or the cursor was on
    /// it.
    pub is_kept: bool,
}

impl Roster {
    /// Adds a number that a list has, or replaces its data. No row moves before [`Roster::apply_updates`].
    pub fn upsert(&mut self, number: &Number) {
        let (slot, moves) = self.store_number(number);
        if moves {
            self.unsorted.push(slot);
            self.has_pending_updates = true;
        }
    }

    /// Adds a number that was read by itself, or replaces its data. Its row keeps its place.
    pub fn upsert_single(&mut self, number: &Number) {
        let is_new = self.store.slot(&number.id).is_none();
        let (slot, moves) = self.store_number(number);
        if is_new {
            self.unsorted.push(slot);
            self.has_pending_updates = true;
        } else if moves {
            self.displaced.insert(slot);
            self.has_pending_updates = true;
        }
    }

    /// Stores the data of a number. Returns its slot, and whether it may have another place in the order now.
    fn store_number(&mut self, number: &Number) -> (u32, bool) {
        match self.store.upsert(number) {
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
        }
    }

    /// Adds a number from the cache of an earlier run, unless it is known already. It counts as not read.
    pub fn insert_cached(&mut self, number: &Number) {
        if let Some(slot) = self.store.insert_cached(number) {
            self.unsorted.push(slot);
            self.has_pending_updates = true;
        }
    }

    /// Starts a refresh: numbers that are not added or updated from now on count as missing. The next
    /// [`Roster::apply_updates`] moves each row to its place.
    pub fn begin_refresh(&mut self) {
        self.store.clear_seen();
        self.has_pending_updates |= !self.displaced.is_empty();
        self.move_displaced_rows();
    }

    fn move_displaced_rows(&mut self) {
        self.unsorted.extend(self.displaced.drain());
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

    /// Sets the state of a number's change. Its row keeps its place. The number may be unknown: the row gets the state
    /// when the number arrives.
    pub fn set_change(&mut self, id: PhoneNumberId, state: ChangeState) {
        let new = priority(Some(&state));
        let old = priority(self.changes.insert(id, state).as_deref());
        if new == old {
            return;
        }
        if self.sort.column == SortColumn::Request {
            self.displaced.extend(self.store.slot(&id));
        }
        self.has_pending_updates |= self.filter.depends_on_requests();
    }

    /// Records that the operator acted on a number: its row stays visible until the filter changes, also if it no
    /// longer matches.
    pub fn mark_acted_on(&mut self, id: &PhoneNumberId) {
        if let Some(slot) = self.store.slot(id) {
            self.visible.mark_acted_on(slot);
        }
    }

    /// Adds, removes and moves rows. Does nothing if there are no updates.
    pub fn apply_updates(&mut self) {
        self.apply(RebuildCause::Updates);
    }

    fn apply(&mut self, cause: RebuildCause) {
        if !self.has_pending_updates {
            return;
        }
        self.has_pending_updates = false;
        self.remove_pending();
        self.store.rebuild_text();
        self.update_order();
        let matches =
            if self.filter.is_empty() { None } else { Some(self.filter.matching_rows(&self.store, &self.changes)) };
        let is_match = |slot| matches.as_ref().is_none_or(|matches| matches[slot as usize]);
        self.visible.rebuild(iter_directed(&self.order, self.sort.direction), is_match, cause);
    }

    fn remove_pending(&mut self) {
        let pending = mem::take(&mut self.pending_removal);
        let mut removed: Vec<u32> =
            pending.into_iter().filter(|slot| !self.has_open_change(&self.store.row(*slot).id)).collect();
        if removed.is_empty() {
            return;
        }
        removed.sort_unstable();
        let new_slot = |slot: u32| {
            let before = removed.binary_search(&slot).err()?;
            Some(slot - u32::try_from(before).unwrap_or(u32::MAX))
        };
        for slot in &removed {
            self.changes.remove(&self.store.row(*slot).id);
        }
        for slots in [&mut self.order, &mut self.unsorted] {
            *slots = slots.iter().filter_map(|slot| new_slot(*slot)).collect();
        }
        self.displaced = self.displaced.iter().filter_map(|slot| new_slot(*slot)).collect();
        self.visible.remove(new_slot);
        self.store.remove(&removed);
    }

    fn update_order(&mut self) {
        let mut slots = mem::take(&mut self.unsorted);
        if slots.is_empty() {
            return;
        }
        slots.sort_unstable();
        slots.dedup();
        self.order.retain(|slot| slots.binary_search(slot).is_err());
        self.displaced.retain(|slot| slots.binary_search(slot).is_err());
        let sorter = SortContext { store: &self.store, changes: &self.changes, column: self.sort.column };
        self.order = if !self.displaced.is_empty() {
            sorter.merge_around(&self.order, &self.displaced, slots.into_iter())
        } else if slots.len() * FULL_SORT_DIVISOR > self.store.len() {
            sorter.sort_all(self.order.iter().copied().chain(slots))
        } else {
            sorter.merge(&self.order, slots.into_iter())
        };
    }

    /// Shows only the rows that match a filter; an empty text shows all rows. Applies the updates.
    ///
    /// The cursor goes to the first row that matches. It stays on its number if that is one of the first
    /// `rows_in_sight`, or if the text is empty. If a filter has moved it before, its number is the one from which the
    /// filter moved it: so each key of a filter leaves the cursor where the same text in one paste does.
    ///
    /// # Errors
    /// An invalid filter. The previous filter then stays active.
    pub fn set_filter(&mut self, text: &str, rows_in_sight: usize) -> Result<(), FilterError> {
        let filter = Filter::parse(text)?;
        if filter == self.filter {
            self.apply_updates();
            return Ok(());
        }
        let rows_in_sight = if filter.is_empty() { usize::MAX } else { rows_in_sight };
        self.filter = filter;
        self.move_displaced_rows();
        self.rearranged(WindowStart::FirstRow);
        self.has_pending_updates = true;
        self.apply(RebuildCause::NewFilter { rows_in_sight });
        Ok(())
    }

    /// The current sort order.
    #[must_use]
    pub const fn sort(&self) -> SortOrder {
        self.sort
    }

    /// Sorts the rows, also those that kept their place. Applies the updates.
    pub fn set_sort(&mut self, sort: SortOrder) {
        // A removed row passes the cursor to the next row of the old order, so rows are removed before the order
        // changes.
        self.apply_updates();
        self.move_displaced_rows();
        if sort.column != self.sort.column {
            self.unsorted.extend(&self.order);
        }
        self.sort = sort;
        self.rearranged(WindowStart::CursorInMiddle);
        self.has_pending_updates = true;
        self.apply_updates();
    }

    fn rearranged(&mut self, start: WindowStart) {
        self.rearrangement = Rearrangement { count: self.rearrangement.count.wrapping_add(1), start };
    }

    /// The last new filter or sort order.
    #[must_use]
    pub const fn rearrangement(&self) -> Rearrangement {
        self.rearrangement
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
        self.visible.slot(index).map(|slot| self.row_at_slot(slot))
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

    fn row_at_slot(&self, slot: u32) -> RosterRow<'_> {
        let number = self.store.row(slot);
        RosterRow {
            number,
            change: self.changes.get(&number.id),
            is_stale: self.store.is_stale(slot),
            is_kept: self.visible.is_kept(slot),
        }
    }

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
