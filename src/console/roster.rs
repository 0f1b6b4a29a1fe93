//! The rows: every number with the state of its job, in order, filtered, with a cursor that stands on a number.
//!
//! One rule keeps rows still under the operator's hands: news changes what rows say at once, but rows come, go and change
//! places only in [`Roster::apply_updates`], which the list calls before it is drawn and an open page does not call. The cursor is
//! an id, never a place. This module knows no keys, no columns and no scroll offset.

mod filter;
mod order;
mod row_store;

use std::collections::VecDeque;
use std::iter;
use std::mem;

use hashbrown::HashSet;

use crate::domain::change::ChangeState;
use crate::domain::number::{Number, PhoneNumberId, WabaId};

pub use filter::{FilterError, FilterKey};
pub use order::{SortColumn, SortDirection, SortOrder};
pub use row_store::{StaleSummary, TwoStepCounts};

use filter::Filter;
use order::SortContext;
use row_store::{ChangeStates, RowStore, UpsertResult, priority};

/// From half of all rows on, sorting everything is no slower than putting each in its place.
const FULL_SORT_DIVISOR: usize = 2;

/// All numbers, and which of them are on the screen.
#[derive(Debug, Default)]
pub struct Roster {
    store: RowStore,
    changes: ChangeStates,
    sort: SortOrder,
    filter: Filter,
    /// The settled slots, upwards.
    order: Vec<u32>,
    /// The slots on the screen, from the top.
    visible: Vec<u32>,
    /// Where the cursor stands in `shown`.
    cursor: usize,
    /// The number that the operator put the cursor on; `None` while it was never moved: it stands at the top.
    anchor: Option<PhoneNumberId>,
    /// Slots that are new, or whose place in the order may have changed.
    unsorted: Vec<u32>,
    /// Slots of numbers that were read and not taken to be remembered yet, each once, the first read first.
    uncached: VecDeque<u32>,
    /// Slots that go at the next settling.
    pending_removal: HashSet<u32>,
    has_pending_updates: bool,
}

/// One row of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterRow<'a> {
    /// The number.
    pub number: &'a Number,
    /// The state of the last work on it, if there was any.
    pub change: Option<&'a ChangeState>,
    /// True where the number is as an earlier run read it: what it says of two-step verification is not known to be so now.
    pub is_stale: bool,
}

impl Roster {
    /// Puts a number in, or replaces what is known of it. Nothing moves before [`Roster::apply_updates`].
    pub fn upsert(&mut self, number: &Number) {
        // One that could not be read is no news.
        let is_read = number.read_at.is_some();
        let (slot, moves) = match self.store.upsert(number) {
            UpsertResult::New(slot) => (slot, true),
            UpsertResult::Existing { slot, changed } => {
                self.pending_removal.remove(&slot);
                self.has_pending_updates |= changed.waba || changed.two_step;
                // Equal rows stand by number.
                let moves = match self.sort.column {
                    SortColumn::Number | SortColumn::Name | SortColumn::Request => changed.text,
                    SortColumn::Waba => changed.text || changed.waba,
                    SortColumn::TwoStep => changed.text || changed.two_step,
                };
                (slot, moves)
            }
        };
        if is_read && self.store.mark_uncached(slot) {
            self.uncached.push_back(slot);
        }
        if moves {
            self.unsorted.push(slot);
            self.has_pending_updates = true;
        }
    }

    /// Puts in a number as an earlier run read it, unless it is known already. It counts as not read.
    pub fn insert_cached(&mut self, number: &Number) {
        if let Some(slot) = self.store.insert_cached(number) {
            self.unsorted.push(slot);
            self.has_pending_updates = true;
        }
    }

    /// How many numbers were read and not taken to be remembered yet.
    #[must_use]
    pub fn uncached_len(&self) -> usize {
        self.uncached.len()
    }

    /// Takes at most so many of them, the first read first.
    pub fn take_uncached(&mut self, most: usize) -> Vec<Number> {
        let slots = self.uncached.drain(..most.min(self.uncached.len()));
        let numbers = slots.map(|slot| self.store.take_uncached(slot)).collect();
        if self.uncached.is_empty() {
            // Where a whole list waited there is seldom more than a number afterwards.
            self.uncached = VecDeque::new();
        }
        numbers
    }

    /// From here on, numbers that are not told of count as missing.
    pub fn begin_refresh(&mut self) {
        self.store.clear_seen();
    }

    /// Lets go of numbers that a WABA, read to its end, no longer lists, and of those that an earlier run read by
    /// themselves and this one was not told of: they are not configured any more. Those of a WABA that could not be read
    /// stay, and so does a number on which something runs or is in doubt. Gives back those that are let
    /// go because a WABA no longer lists them.
    pub fn finish_refresh(&mut self, complete_wabas: &[WabaId]) -> Vec<PhoneNumberId> {
        let mut unlisted = Vec::new();
        for slot in self.store.unseen() {
            let number = self.store.row(slot);
            let is_unlisted = number.waba_id().is_some_and(|waba| complete_wabas.contains(&waba));
            if is_unlisted || (number.waba.is_none() && self.store.is_stale(slot)) {
                self.pending_removal.insert(slot);
            }
            if is_unlisted && !self.has_open_change(&number.id) {
                unlisted.push(number.id);
            }
        }
        self.has_pending_updates |= !self.pending_removal.is_empty();
        self.store.shrink();
        unlisted
    }

    /// True for a number that was told of since the last [`Roster::begin_refresh`].
    #[must_use]
    pub fn is_seen(&self, id: &PhoneNumberId) -> bool {
        self.store.slot(id).is_some_and(|slot| self.store.is_seen(slot))
    }

    /// True for a number that stays whoever lists it: something runs on it or is in doubt.
    #[must_use]
    pub fn has_open_change(&self, id: &PhoneNumberId) -> bool {
        self.change(id).is_some_and(|job| job.is_running() || job.is_in_doubt())
    }

    /// Tells of a job. That of a number not listed (yet) is kept until it is.
    pub fn set_change(&mut self, id: PhoneNumberId, state: ChangeState) {
        let is_now = priority(Some(&state));
        let was = priority(self.changes.insert(id, state).as_deref());
        if is_now == was {
            return;
        }
        if self.sort.column == SortColumn::Request {
            self.unsorted.extend(self.store.slot(&id));
            self.has_pending_updates = true;
        }
        self.has_pending_updates |= self.filter.depends_on_requests();
    }

    /// Lets rows come, go and change places. Costs nothing when there is nothing to do.
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
        let gone = mem::take(&mut self.pending_removal);
        let mut gone: Vec<u32> =
            gone.into_iter().filter(|slot| !self.has_open_change(&self.store.row(*slot).id)).collect();
        if gone.is_empty() {
            return;
        }
        gone.sort_unstable();
        let stays = |slot: &u32| gone.binary_search(slot).is_err();
        if let Some(anchor) = self.anchor.and_then(|id| self.store.slot(&id)) {
            let slots: Vec<u32> = iter_directed(&self.order, self.sort.direction).collect();
            // A number that was never shown cannot carry the cursor, so an anchor is always in the order.
            let at = slots.iter().position(|slot| *slot == anchor).unwrap_or_default();
            let heir =
                slots[at..].iter().find(|slot| stays(slot)).or_else(|| slots[..at].iter().rfind(|slot| stays(slot)));
            self.anchor = heir.map(|slot| self.store.row(*slot).id);
        }
        for slot in &gone {
            self.changes.remove(&self.store.row(*slot).id);
        }
        self.order.retain(stays);
        self.unsorted.retain(stays);
        self.uncached.retain(stays);
        for slot in self.order.iter_mut().chain(&mut self.unsorted).chain(&mut self.uncached) {
            let below = gone.partition_point(|gone| gone < slot);
            *slot -= u32::try_from(below).unwrap_or(u32::MAX);
        }
        self.store.remove(&gone);
    }

    fn update_order(&mut self) {
        let mut slots = mem::take(&mut self.unsorted);
        slots.sort_unstable();
        slots.dedup();
        let keys = SortContext { store: &self.store, changes: &self.changes, column: self.sort.column };
        if slots.len() * FULL_SORT_DIVISOR > self.store.len() {
            self.order.retain(|slot| slots.binary_search(slot).is_err());
            self.order = keys.sort_all(self.order.iter().copied().chain(slots));
        } else if !slots.is_empty() {
            self.order.retain(|slot| slots.binary_search(slot).is_err());
            self.order = keys.merge(&self.order, slots.into_iter());
        }
    }

    fn apply_filter(&mut self) {
        let passes =
            if self.filter.is_empty() { None } else { Some(self.filter.matching_rows(&self.store, &self.changes)) };
        let anchor = self.anchor.and_then(|id| self.store.slot(&id));
        self.cursor = 0;
        self.visible.clear();
        for slot in iter_directed(&self.order, self.sort.direction) {
            if Some(slot) == anchor {
                // If the filter hides it, the next row that is shown will stand here.
                self.cursor = self.visible.len();
            }
            if passes.as_ref().is_none_or(|passes| passes[slot as usize]) {
                self.visible.push(slot);
            }
        }
        self.cursor = self.cursor.min(self.visible.len().saturating_sub(1));
    }

    /// Shows only the rows that a filter lets through; an empty text shows all. Settles.
    ///
    /// # Errors
    /// A filter that is not understood; the one before stays.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        let filter = Filter::parse(text)?;
        if filter != self.filter {
            self.filter = filter;
            self.has_pending_updates = true;
        }
        self.apply_updates();
        Ok(())
    }

    /// The order in force.
    #[must_use]
    pub const fn sort(&self) -> SortOrder {
        self.sort
    }

    /// Orders the rows. Settles.
    pub fn set_sort(&mut self, sort: SortOrder) {
        // What goes with this settling leaves the cursor to the row that follows it on the screen, not in the order to come.
        self.apply_updates();
        if sort.column != self.sort.column {
            self.unsorted.extend(&self.order);
        }
        self.has_pending_updates |= sort != self.sort;
        self.sort = sort;
        self.apply_updates();
    }

    /// How many numbers stand where, hidden ones included.
    #[must_use]
    pub fn counts(&self) -> TwoStepCounts {
        self.store.counts()
    }

    /// The numbers that only an earlier run has read; `None` if there is none.
    #[must_use]
    pub fn stale_summary(&self) -> Option<StaleSummary> {
        self.store.stale_summary()
    }

    /// All numbers, hidden ones included.
    #[must_use]
    pub fn total(&self) -> usize {
        self.store.len()
    }

    /// The rows on the screen, as of the last settling.
    #[must_use]
    pub fn visible_len(&self) -> usize {
        self.visible.len()
    }

    /// A row by its place on the screen.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<RosterRow<'_>> {
        self.visible.get(index).map(|slot| self.row_at_slot(*slot))
    }

    /// A row by its number, hidden or not.
    #[must_use]
    pub fn get(&self, id: &PhoneNumberId) -> Option<RosterRow<'_>> {
        self.store.slot(id).map(|slot| self.row_at_slot(slot))
    }

    /// The state of the last work on a number, listed or not.
    #[must_use]
    pub fn change(&self, id: &PhoneNumberId) -> Option<&ChangeState> {
        self.changes.get(id)
    }

    /// Every job there was, in no order.
    pub fn changes(&self) -> impl Iterator<Item = (&PhoneNumberId, &ChangeState)> {
        self.changes.iter()
    }

    fn row_at_slot(&self, slot: u32) -> RosterRow<'_> {
        let number = self.store.row(slot);
        RosterRow { number, change: self.changes.get(&number.id), is_stale: self.store.is_stale(slot) }
    }

    /// Where the cursor stands; `None` if no row is shown.
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

    /// Puts the cursor on a shown number, for good: a page that opens for the row under the cursor selects it, so that it
    /// is there when the page closes. False if the number is not shown.
    pub fn select(&mut self, id: &PhoneNumberId) -> bool {
        let slot = self.store.slot(id);
        let index = self.visible.iter().position(|shown| Some(*shown) == slot);
        if let Some(index) = index {
            self.move_to(index);
        }
        index.is_some()
    }
}

/// The slots of an order, from the top of the screen.
fn iter_directed(order: &[u32], direction: SortDirection) -> impl Iterator<Item = u32> {
    let (mut upwards, mut downwards) = (order.iter(), order.iter().rev());
    iter::from_fn(move || match direction {
        SortDirection::Ascending => upwards.next().copied(),
        SortDirection::Descending => downwards.next().copied(),
    })
}

#[cfg(test)]
mod tests;
