//! The rows of the number list: every number with the state of its change, sorted and filtered, with a cursor.
//!
//! Rows do not move while the operator looks at an open page: an update changes the content of a row at once, but rows
//! are added, removed and moved only in [`Roster::apply_updates`], which the list calls before it is drawn. From the
//! first row that it adds, the cursor is on a number and stays there until a key moves it. So there is no frame in which
//! a key could hit another number than the one that the frame before showed.
//!
//! A list that is read puts each row into its place. After that a row keeps its place, whatever becomes of its number,
//! until the operator sorts, refreshes or filters. This module does not know keys, columns or scroll offsets.

mod change_states;
mod changes;
mod completion;
mod cursor;
mod filter;
mod filter_words;
mod gallop;
mod last_sets;
mod open_changes;
mod order;
mod pauses;
mod request_counts;
mod row_store;
mod row_texts;
mod row_values;
mod selected_rows;
mod selection;
mod value_table;
mod visible_rows;

use std::mem;
use std::sync::Arc;

use hashbrown::HashSet;

use crate::domain::change::{ChangeState, LastSet};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId, Waba, WabaId};
use crate::policy::rotation::Rotation;

pub use completion::FilterCompletion;
pub use filter::FilterError;
pub use filter_words::FilterKey;
pub use order::{SortColumn, SortDirection, SortOrder};
pub use request_counts::QuickCounts;
pub use row_store::{StaleSummary, TwoStepCounts};
pub use selection::{SelectedNumbers, SelectionSummary, WabaCount};
pub use visible_rows::{Rearrangement, RosterRow, RowMark, WindowStart};

use change_states::{ChangeStates, priority};
use filter::{Filter, FilterContext, FilterMatches};
use open_changes::OpenChanges;
use order::RowOrder;
use pauses::ScopePauses;
use request_counts::RequestCounts;
use row_store::{RowStore, UpsertResult};
use selection::Selection;
use visible_rows::{RebuildCause, VisibleRows};

/// All numbers, and which of them are visible.
#[derive(Debug, Default)]
pub struct Roster {
    store: RowStore,
    changes: ChangeStates,
    open: OpenChanges,
    pauses: ScopePauses,
    /// Of the numbers in `store`.
    request_counts: RequestCounts,
    filter: Filter,
    order: RowOrder,
    visible: VisibleRows,
    selection: Selection,
    rearrangement: Rearrangement,
    /// Slots that the next [`Roster::apply_updates`] removes.
    pending_removal: HashSet<u32>,
    has_pending_updates: bool,
}

impl Roster {
    /// Adds a number that a list has, or replaces its data. No row moves before [`Roster::apply_updates`].
    pub fn upsert(&mut self, number: &Number) {
        let (slot, moves) = self.store_number(number);
        if moves {
            self.order.place(slot);
            self.has_pending_updates = true;
        }
    }

    /// Adds a number that was read by itself, or replaces its data. Its row keeps its place.
    pub fn upsert_single(&mut self, number: &Number) {
        let is_new = self.store.slot(&number.id).is_none();
        let (slot, moves) = self.store_number(number);
        if is_new {
            self.order.place(slot);
            self.has_pending_updates = true;
        } else if moves {
            self.order.displace(slot);
            self.has_pending_updates = true;
        }
    }

    /// Stores the data of a number. Returns its slot, and whether it may have another place in the order now.
    fn store_number(&mut self, number: &Number) -> (u32, bool) {
        self.selection.forget_summary();
        let queued_before = self.queued_in(&number.id);
        let result = self.store.upsert(number);
        if let UpsertResult::New(slot) = result {
            self.add_change_of_row(&number.id, slot);
        }
        self.open.move_queued(queued_before, self.queued_in(&number.id));
        match result {
            UpsertResult::New(slot) => (slot, true),
            UpsertResult::Existing { slot, changed } => {
                self.pending_removal.remove(&slot);
                self.has_pending_updates |= changed.waba || changed.two_step;
                // Equal rows are sorted by number, so a changed text always moves them.
                let moves = match self.order.sort().column {
                    SortColumn::Number | SortColumn::Name | SortColumn::Request => changed.text,
                    SortColumn::Waba => changed.text || changed.waba,
                    SortColumn::TwoStep => changed.text || changed.two_step,
                };
                (slot, moves)
            }
        }
    }

    /// Counts the change of a number that came before its row.
    fn add_change_of_row(&mut self, id: &PhoneNumberId, slot: u32) {
        if let Some(state) = self.changes.add_row(id, slot) {
            self.request_counts.add(state);
        }
    }

    /// Adds a number from the cache of an earlier run, unless it is known already. It counts as not read.
    pub fn insert_cached(&mut self, number: &Number) {
        if let Some(slot) = self.store.insert_cached(number) {
            self.add_change_of_row(&number.id, slot);
            self.open.move_queued(None, self.queued_in(&number.id));
            self.order.place(slot);
            self.has_pending_updates = true;
        }
    }

    /// Starts a refresh: numbers that are not added or updated from now on count as missing. The next
    /// [`Roster::apply_updates`] moves each row to its place.
    pub fn begin_refresh(&mut self) {
        self.store.clear_seen();
        self.has_pending_updates |= self.order.place_displaced();
    }

    /// Ends a refresh. Removes missing numbers of the WABAs whose lists were read completely, and missing numbers
    /// without a WABA that only an earlier run has read: they are no longer in the config. Numbers of other WABAs stay,
    /// and so do numbers with a running change or in doubt.
    pub fn finish_refresh(&mut self, complete_wabas: &[WabaId]) {
        for slot in self.store.unseen() {
            let waba = self.store.waba(slot);
            let is_unlisted = waba.is_some_and(|waba| complete_wabas.contains(&waba.id));
            if is_unlisted || (waba.is_none() && self.store.is_stale(slot)) {
                self.pending_removal.insert(slot);
            }
        }
        self.has_pending_updates |= !self.pending_removal.is_empty();
        self.store.shrink();
        self.changes.shrink();
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
        self.selection.forget_summary();
        let slot = self.store.slot(&id);
        self.open.replace(id, self.changes.of_number(&id, slot), &state);
        let queued_before = self.queued_in(&id);
        let (new, keyword) = (priority(Some(&state)), state.keyword());
        if slot.is_some() {
            self.request_counts.add(&state);
        }
        let old = self.changes.insert(id, slot, state);
        if let Some(old) = old.as_ref().filter(|_| slot.is_some()) {
            self.request_counts.remove(old);
        }
        self.open.move_queued(queued_before, self.queued_in(&id));
        let is_moved = new != priority(old.as_deref());
        let has_new_keyword = old.is_none_or(|old| old.keyword() != keyword);
        self.has_pending_updates |= has_new_keyword && self.filter.depends_on_requests();
        if let Some(slot) = slot.filter(|_| is_moved && self.order.sort().column == SortColumn::Request) {
            self.order.displace(slot);
        }
    }

    /// Sets how old a PIN may get; `None` if no PIN is ever due.
    pub fn set_rotation(&mut self, rotation: Option<Rotation>) {
        self.store.set_rotation(rotation);
    }

    /// Says which day it is, for the numbers that were set today and for the PINs that are due.
    pub fn set_today(&mut self, now: UtcTime) {
        if self.store.set_today(now.day()) {
            self.has_pending_updates |= self.filter.depends_on_today();
        }
    }

    /// Records that the operator acted on a number: its row stays visible until the filter changes, also if it no
    /// longer matches.
    pub fn mark_acted_on(&mut self, id: &PhoneNumberId) {
        if let Some(slot) = self.store.slot(id) {
            self.visible.mark_acted_on(slot);
        }
    }

    /// Sets when the PIN of a number was last set, unless a newer time is known. The number may be unknown.
    pub fn set_last_set(&mut self, id: PhoneNumberId, last_set: LastSet) {
        self.store.set_last_set(id, last_set);
        self.has_pending_updates |= self.filter.depends_on_today();
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
        self.selection.forget_rows();
        self.remove_pending();
        self.store.rebuild_text();
        self.order.update(&self.store, &self.changes);
        let matches = if self.filter.is_empty() { None } else { Some(self.matching_rows(&self.filter)) };
        let is_match = |slot| matches.as_ref().is_none_or(|matches| matches.contains(slot));
        let order = || self.order.iter_from_top();
        if let Some(matches) = matches.as_ref().filter(|matches| matches.ranks_rows()) {
            let (first, others) = (order(), order());
            let ranked = first.filter(|slot| matches.is_first(*slot));
            let ranked = ranked.chain(others.filter(|slot| !matches.is_first(*slot)));
            self.visible.rebuild(ranked, is_match, cause);
        } else {
            self.visible.rebuild(order(), is_match, cause);
        }
    }

    fn matching_rows(&self, filter: &Filter) -> FilterMatches {
        filter.matching_rows(&FilterContext { store: &self.store, changes: &self.changes, pauses: &self.pauses })
    }

    fn remove_pending(&mut self) {
        let pending = mem::take(&mut self.pending_removal);
        let mut removed: Vec<u32> =
            pending.into_iter().filter(|slot| !self.has_open_change(&self.store.id(*slot))).collect();
        if removed.is_empty() {
            return;
        }
        removed.sort_unstable();
        let new_slot = |slot: u32| {
            let before = removed.binary_search(&slot).err()?;
            Some(slot - u32::try_from(before).unwrap_or(u32::MAX))
        };
        for state in self.changes.remove(&removed) {
            self.request_counts.remove(&state);
        }
        self.order.remove(new_slot);
        self.visible.remove(new_slot);
        self.selection.remove(new_slot);
        self.store.remove(&removed);
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
        self.use_filter(Filter::parse(text)?, rows_in_sight);
        Ok(())
    }

    /// Like [`Roster::set_filter`], for a text that the operator is typing: the start of a key or of a state does not
    /// empty the list.
    ///
    /// # Errors
    /// An invalid filter, or one of which no row has the last word and the word is unfinished. The previous filter then
    /// stays active.
    pub fn type_filter(&mut self, text: &str, rows_in_sight: usize) -> Result<(), FilterError> {
        let filter = Filter::parse(text)?;
        self.apply_updates();
        if self.total() > 0
            && let Some(error) = completion::unfinished_word(text)
            && self.matching_rows(&filter).is_empty()
        {
            return Err(error);
        }
        self.use_filter(filter, rows_in_sight);
        Ok(())
    }

    /// What the word at the cursor of a filter can become. `cursor` counts characters.
    #[must_use]
    pub fn complete_filter(&self, text: &str, cursor: usize) -> FilterCompletion {
        completion::complete(text, cursor, self.store.wabas().map(Arc::as_ref))
    }

    /// The first part of a WABA's name or ID that the filter asks for, and that neither a row's WABA nor one of these has.
    #[must_use]
    pub fn unknown_waba(&self, wabas: &[Arc<Waba>]) -> Option<&str> {
        let wabas: Vec<_> = self.store.wabas().chain(wabas).map(Arc::as_ref).collect();
        self.filter.unknown_waba(&wabas)
    }

    fn use_filter(&mut self, filter: Filter, rows_in_sight: usize) {
        if filter == self.filter {
            return self.apply_updates();
        }
        let rows_in_sight = if filter.is_empty() { usize::MAX } else { rows_in_sight };
        self.filter = filter;
        self.order.place_displaced();
        self.rearranged(WindowStart::FirstRow);
        self.has_pending_updates = true;
        self.apply(RebuildCause::NewFilter { rows_in_sight });
    }

    /// The current sort order.
    #[must_use]
    pub const fn sort(&self) -> SortOrder {
        self.order.sort()
    }

    /// Sorts the rows, also those that kept their place. Applies the updates.
    pub fn set_sort(&mut self, sort: SortOrder) {
        // A removed row passes the cursor to the next row of the old order, so rows are removed before the order
        // changes.
        self.apply_updates();
        self.order.set_sort(sort);
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

    /// How many numbers each quick filter finds.
    #[must_use]
    pub fn quick_counts(&self) -> QuickCounts {
        let counts = &self.request_counts;
        QuickCounts {
            not_set: self.counts().not_set,
            failed: counts.failed,
            in_doubt: counts.in_doubt,
            set_today: self.store.set_count(self.store.today()),
            due: self.store.due_count(),
        }
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

    /// True if the PIN of a listed number was last set on this day, as in [`UtcTime::day`].
    #[must_use]
    pub fn is_set_on(&self, day: u32) -> bool {
        self.store.set_count(day) > 0
    }

    fn mark(&self, slot: u32) -> Option<RowMark> {
        let kept = || self.visible.is_kept(slot).then_some(RowMark::Kept);
        if self.selection.contains(slot) { Some(RowMark::Selected) } else { kept() }
    }

    fn row_at_slot(&self, slot: u32) -> RosterRow<'_> {
        let shown = |state| self.pauses.shown(state, || Some(self.store.quota_scopes(slot)));
        RosterRow {
            number: self.store.number(slot),
            change: self.changes.of_row(slot).map(shown),
            last_set: self.store.last_set(slot),
            is_stale: self.store.is_stale(slot),
            is_due: self.store.is_due(slot),
            mark: self.mark(slot),
        }
    }
}

#[cfg(test)]
mod tests;
