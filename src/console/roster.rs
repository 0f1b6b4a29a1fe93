//! The rows: every number with the state of its job, in order, filtered, with a cursor that stands on a number.
//!
//! One rule keeps rows still under the operator's hands: news changes what rows say at once, but rows come, go and change
//! places only in [`Roster::settle`], which the list calls before it is drawn and an open page does not call. The cursor is
//! an id, never a place. This module knows no keys, no columns and no scroll offset.

mod filter;
mod order;
mod store;

use std::collections::VecDeque;
use std::iter;
use std::mem;

use hashbrown::HashSet;

use crate::job::ChangeState;
use crate::number::{Number, PhoneNumberId, WabaId};

pub use filter::{FilterError, Key};
pub use order::{Direction, Sort, SortBy};
pub use store::{Counts, Remembered};

use filter::Filter;
use order::Keys;
use store::{Jobs, Store, Upserted, urgency};

/// From half of all rows on, sorting everything is no slower than putting each in its place.
const MANY: usize = 2;

/// All numbers, and which of them are on the screen.
#[derive(Debug, Default)]
pub struct Roster {
    store: Store,
    jobs: Jobs,
    sort: Sort,
    filter: Filter,
    /// The settled slots, upwards.
    order: Vec<u32>,
    /// The slots on the screen, from the top.
    shown: Vec<u32>,
    /// Where the cursor stands in `shown`.
    cursor: usize,
    /// The number that the operator put the cursor on; `None` while it was never moved: it stands at the top.
    anchor: Option<PhoneNumberId>,
    /// Slots that are new, or whose place in the order may have changed.
    unplaced: Vec<u32>,
    /// Slots of numbers that were read and not taken to be remembered yet, each once, the first read first.
    unremembered: VecDeque<u32>,
    /// Slots that go at the next settling.
    gone: HashSet<u32>,
    is_unsettled: bool,
}

/// One row of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The number.
    pub number: &'a Number,
    /// The state of the last work on it, if there was any.
    pub job: Option<&'a ChangeState>,
    /// True where the number is as an earlier run read it: what it says of two-step verification is not known to be so now.
    pub is_old: bool,
}

impl Roster {
    /// Puts a number in, or replaces what is known of it. Nothing moves before [`Roster::settle`].
    pub fn upsert(&mut self, number: &Number) {
        // One that could not be read is no news.
        let is_read = number.read_at.is_some();
        let (slot, moves) = match self.store.upsert(number) {
            Upserted::New(slot) => (slot, true),
            Upserted::Known { slot, changed } => {
                self.gone.remove(&slot);
                self.is_unsettled |= changed.waba || changed.two_step;
                // Equal rows stand by number.
                let moves = match self.sort.by {
                    SortBy::Number | SortBy::Name | SortBy::Request => changed.text,
                    SortBy::Waba => changed.text || changed.waba,
                    SortBy::TwoStep => changed.text || changed.two_step,
                };
                (slot, moves)
            }
        };
        if is_read && self.store.await_remembering(slot) {
            self.unremembered.push_back(slot);
        }
        if moves {
            self.unplaced.push(slot);
            self.is_unsettled = true;
        }
    }

    /// Puts in a number as an earlier run read it, unless it is known already. It counts as not read.
    pub fn remember(&mut self, number: &Number) {
        if let Some(slot) = self.store.remember(number) {
            self.unplaced.push(slot);
            self.is_unsettled = true;
        }
    }

    /// How many numbers were read and not taken to be remembered yet.
    #[must_use]
    pub fn unremembered(&self) -> usize {
        self.unremembered.len()
    }

    /// Takes at most so many of them, the first read first.
    pub fn take_unremembered(&mut self, most: usize) -> Vec<Number> {
        let slots = self.unremembered.drain(..most.min(self.unremembered.len()));
        let numbers = slots.map(|slot| self.store.take_unremembered(slot)).collect();
        if self.unremembered.is_empty() {
            // Where a whole list waited there is seldom more than a number afterwards.
            self.unremembered = VecDeque::new();
        }
        numbers
    }

    /// From here on, numbers that are not told of count as missing.
    pub fn begin_refresh(&mut self) {
        self.store.forget_seen();
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
            if is_unlisted || (number.waba.is_none() && self.store.is_old(slot)) {
                self.gone.insert(slot);
            }
            if is_unlisted && !self.is_held(&number.id) {
                unlisted.push(number.id);
            }
        }
        self.is_unsettled |= !self.gone.is_empty();
        self.store.shrink();
        unlisted
    }

    /// True for a number that was told of since the last [`Roster::begin_refresh`].
    #[must_use]
    pub fn is_told_of(&self, id: &PhoneNumberId) -> bool {
        self.store.slot(id).is_some_and(|slot| self.store.is_seen(slot))
    }

    /// True for a number that stays whoever lists it: something runs on it or is in doubt.
    #[must_use]
    pub fn is_held(&self, id: &PhoneNumberId) -> bool {
        self.job(id).is_some_and(|job| job.is_running() || job.is_in_doubt())
    }

    /// Tells of a job. That of a number not listed (yet) is kept until it is.
    pub fn set_job(&mut self, id: PhoneNumberId, state: ChangeState) {
        let is_now = urgency(Some(&state));
        let was = urgency(self.jobs.insert(id, state).as_deref());
        if is_now == was {
            return;
        }
        if self.sort.by == SortBy::Request {
            self.unplaced.extend(self.store.slot(&id));
            self.is_unsettled = true;
        }
        self.is_unsettled |= self.filter.asks_for_requests();
    }

    /// Lets rows come, go and change places. Costs nothing when there is nothing to do.
    pub fn settle(&mut self) {
        if !self.is_unsettled {
            return;
        }
        self.is_unsettled = false;
        self.drop_gone();
        self.store.freshen_text();
        self.place();
        self.show();
    }

    fn drop_gone(&mut self) {
        let gone = mem::take(&mut self.gone);
        let mut gone: Vec<u32> = gone.into_iter().filter(|slot| !self.is_held(&self.store.row(*slot).id)).collect();
        if gone.is_empty() {
            return;
        }
        gone.sort_unstable();
        let stays = |slot: &u32| gone.binary_search(slot).is_err();
        if let Some(anchor) = self.anchor.and_then(|id| self.store.slot(&id)) {
            let slots: Vec<u32> = directed(&self.order, self.sort.direction).collect();
            // A number that was never shown cannot carry the cursor, so an anchor is always in the order.
            let at = slots.iter().position(|slot| *slot == anchor).unwrap_or_default();
            let heir =
                slots[at..].iter().find(|slot| stays(slot)).or_else(|| slots[..at].iter().rfind(|slot| stays(slot)));
            self.anchor = heir.map(|slot| self.store.row(*slot).id);
        }
        for slot in &gone {
            self.jobs.remove(&self.store.row(*slot).id);
        }
        self.order.retain(stays);
        self.unplaced.retain(stays);
        self.unremembered.retain(stays);
        for slot in self.order.iter_mut().chain(&mut self.unplaced).chain(&mut self.unremembered) {
            let below = gone.partition_point(|gone| gone < slot);
            *slot -= u32::try_from(below).unwrap_or(u32::MAX);
        }
        self.store.remove(&gone);
    }

    fn place(&mut self) {
        let mut slots = mem::take(&mut self.unplaced);
        slots.sort_unstable();
        slots.dedup();
        let keys = Keys { store: &self.store, jobs: &self.jobs, by: self.sort.by };
        if slots.len() * MANY > self.store.len() {
            self.order.retain(|slot| slots.binary_search(slot).is_err());
            self.order = keys.sort_all(self.order.iter().copied().chain(slots));
        } else if !slots.is_empty() {
            self.order.retain(|slot| slots.binary_search(slot).is_err());
            self.order = keys.merge(&self.order, slots.into_iter());
        }
    }

    fn show(&mut self) {
        let passes = if self.filter.is_empty() { None } else { Some(self.filter.passes(&self.store, &self.jobs)) };
        let anchor = self.anchor.and_then(|id| self.store.slot(&id));
        self.cursor = 0;
        self.shown.clear();
        for slot in directed(&self.order, self.sort.direction) {
            if Some(slot) == anchor {
                // If the filter hides it, the next row that is shown will stand here.
                self.cursor = self.shown.len();
            }
            if passes.as_ref().is_none_or(|passes| passes[slot as usize]) {
                self.shown.push(slot);
            }
        }
        self.cursor = self.cursor.min(self.shown.len().saturating_sub(1));
    }

    /// Shows only the rows that a filter lets through; an empty text shows all. Settles.
    ///
    /// # Errors
    /// A filter that is not understood; the one before stays.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        let filter = Filter::parse(text)?;
        if filter != self.filter {
            self.filter = filter;
            self.is_unsettled = true;
        }
        self.settle();
        Ok(())
    }

    /// The order in force.
    #[must_use]
    pub const fn sort(&self) -> Sort {
        self.sort
    }

    /// Orders the rows. Settles.
    pub fn set_sort(&mut self, sort: Sort) {
        // What goes with this settling leaves the cursor to the row that follows it on the screen, not in the order to come.
        self.settle();
        if sort.by != self.sort.by {
            self.unplaced.extend(&self.order);
        }
        self.is_unsettled |= sort != self.sort;
        self.sort = sort;
        self.settle();
    }

    /// How many numbers stand where, hidden ones included.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.store.counts()
    }

    /// The numbers that only an earlier run has read; `None` if there is none.
    #[must_use]
    pub fn remembered(&self) -> Option<Remembered> {
        self.store.remembered()
    }

    /// All numbers, hidden ones included.
    #[must_use]
    pub fn total(&self) -> usize {
        self.store.len()
    }

    /// The rows on the screen, as of the last settling.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.shown.len()
    }

    /// A row by its place on the screen.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        self.shown.get(index).map(|slot| self.row_of(*slot))
    }

    /// A row by its number, hidden or not.
    #[must_use]
    pub fn get(&self, id: &PhoneNumberId) -> Option<Row<'_>> {
        self.store.slot(id).map(|slot| self.row_of(slot))
    }

    /// The state of the last work on a number, listed or not.
    #[must_use]
    pub fn job(&self, id: &PhoneNumberId) -> Option<&ChangeState> {
        self.jobs.get(id)
    }

    /// Every job there was, in no order.
    pub fn jobs(&self) -> impl Iterator<Item = (&PhoneNumberId, &ChangeState)> {
        self.jobs.iter()
    }

    fn row_of(&self, slot: u32) -> Row<'_> {
        let number = self.store.row(slot);
        Row { number, job: self.jobs.get(&number.id), is_old: self.store.is_old(slot) }
    }

    /// Where the cursor stands; `None` if no row is shown.
    #[must_use]
    pub fn cursor_index(&self) -> Option<usize> {
        (!self.shown.is_empty()).then_some(self.cursor)
    }

    /// The row under the cursor.
    #[must_use]
    pub fn cursor_row(&self) -> Option<Row<'_>> {
        self.row(self.cursor)
    }

    /// Moves the cursor down, or up where `rows` is negative, and stops at the ends.
    pub fn move_by(&mut self, rows: isize) {
        self.move_to(self.cursor.saturating_add_signed(rows));
    }

    /// Moves the cursor to the first row.
    pub fn first(&mut self) {
        self.move_to(0);
    }

    /// Moves the cursor to the last row.
    pub fn last(&mut self) {
        self.move_to(usize::MAX);
    }

    fn move_to(&mut self, index: usize) {
        self.cursor = index.min(self.shown.len().saturating_sub(1));
        if let Some(slot) = self.shown.get(self.cursor) {
            self.anchor = Some(self.store.row(*slot).id);
        }
    }

    /// Puts the cursor on a shown number, for good: a page that opens for the row under the cursor selects it, so that it
    /// is there when the page closes. False if the number is not shown.
    pub fn select(&mut self, id: &PhoneNumberId) -> bool {
        let slot = self.store.slot(id);
        let index = self.shown.iter().position(|shown| Some(*shown) == slot);
        if let Some(index) = index {
            self.move_to(index);
        }
        index.is_some()
    }
}

/// The slots of an order, from the top of the screen.
fn directed(order: &[u32], direction: Direction) -> impl Iterator<Item = u32> {
    let (mut upwards, mut downwards) = (order.iter(), order.iter().rev());
    iter::from_fn(move || match direction {
        Direction::Up => upwards.next().copied(),
        Direction::Down => downwards.next().copied(),
    })
}

#[cfg(test)]
mod tests;
