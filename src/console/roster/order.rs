//! Sorts the rows: by which column, how new slots are merged into an existing order, and which rows keep a place that
//! is no longer theirs.
//!
//! An order is stored as slots only: sort keys exist only while a sort runs. Equal rows are sorted by number, then by
//! ID, so that the order is always the same. This module does not filter.

use std::cmp::Ordering;
use std::iter;
use std::mem;
use std::sync::Arc;

use hashbrown::HashSet;

use super::change_states::{ChangeStates, priority};
use super::gallop::gallop;
use super::row_store::RowStore;
use super::row_texts::to_lower;
use crate::domain::number::Waba;

/// The column that rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortColumn {
    /// The digits of the phone number, so that numbers of one country are together.
    #[default]
    Number,
    /// The name, ignoring case; numbers without one last.
    Name,
    /// The WABA's name, ignoring case; numbers without one last.
    Waba,
    /// Two-step: on, not set, unknown.
    TwoStep,
    /// What needs an operator first: no answer, failed, not sent, then running changes, then set, then none.
    Request,
}

/// The direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortDirection {
    /// The smallest first.
    #[default]
    Ascending,
    /// The largest first.
    Descending,
}

/// The order of the rows. The default is by number, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SortOrder {
    /// The column.
    pub column: SortColumn,
    /// The direction.
    pub direction: SortDirection,
}

/// If more than one row in this many has moved, sorting all rows is not slower than merging the moved ones.
const FULL_SORT_DIVISOR: usize = 2;

/// All slots in the order of the list. Nothing moves before [`RowOrder::update`].
#[derive(Debug, Default)]
pub(super) struct RowOrder {
    sort: SortOrder,
    /// In ascending order.
    slots: Vec<u32>,
    /// Slots that are new, or that move to their place.
    unsorted: Vec<u32>,
    /// Slots whose rows have changed, and that keep the place that they had.
    displaced: HashSet<u32>,
}

impl RowOrder {
    pub(super) const fn sort(&self) -> SortOrder {
        self.sort
    }

    /// Adds a slot, or moves it to its place.
    pub(super) fn place(&mut self, slot: u32) {
        self.unsorted.push(slot);
    }

    /// Keeps the place of a slot whose row has changed.
    pub(super) fn displace(&mut self, slot: u32) {
        self.displaced.insert(slot);
    }

    /// Moves all slots that kept their place to where they belong. True if there are any.
    pub(super) fn place_displaced(&mut self) -> bool {
        let has_displaced = !self.displaced.is_empty();
        self.unsorted.extend(self.displaced.drain());
        has_displaced
    }

    /// Sorts all slots, also those that kept their place.
    pub(super) fn set_sort(&mut self, sort: SortOrder) {
        self.place_displaced();
        if sort.column != self.sort.column {
            self.unsorted.extend(&self.slots);
        }
        self.sort = sort;
    }

    /// Removes slots; `new_slot` is the slot that a row gets, `None` for a removed one.
    pub(super) fn remove(&mut self, new_slot: impl Fn(u32) -> Option<u32>) {
        for slots in [&mut self.slots, &mut self.unsorted] {
            *slots = slots.iter().filter_map(|slot| new_slot(*slot)).collect();
        }
        self.displaced = self.displaced.iter().filter_map(|slot| new_slot(*slot)).collect();
    }

    /// Adds and moves slots.
    pub(super) fn update(&mut self, store: &RowStore, changes: &ChangeStates) {
        let mut slots = mem::take(&mut self.unsorted);
        if slots.is_empty() {
            return;
        }
        slots.sort_unstable();
        slots.dedup();
        self.slots.retain(|slot| slots.binary_search(slot).is_err());
        self.displaced.retain(|slot| slots.binary_search(slot).is_err());
        let sorter = SortContext { store, changes, column: self.sort.column };
        self.slots = if !self.displaced.is_empty() {
            sorter.merge_around(&self.slots, &self.displaced, slots.into_iter())
        } else if slots.len() * FULL_SORT_DIVISOR > store.len() {
            sorter.sort_all(self.slots.iter().copied().chain(slots))
        } else {
            sorter.merge(&self.slots, slots.into_iter())
        };
    }

    /// The slots from the top of the list.
    pub(super) fn iter_from_top(&self) -> impl Iterator<Item = u32> {
        let (mut ascending, mut descending) = (self.slots.iter(), self.slots.iter().rev());
        let direction = self.sort.direction;
        iter::from_fn(move || match direction {
            SortDirection::Ascending => ascending.next().copied(),
            SortDirection::Descending => descending.next().copied(),
        })
    }
}

/// The data that slots are compared by.
struct SortContext<'a> {
    store: &'a RowStore,
    changes: &'a ChangeStates,
    column: SortColumn,
}

/// One slot with its sort keys. If the first eight bytes of two texts are equal, the whole texts are compared.
#[derive(Clone, Copy)]
struct SortEntry {
    column: u64,
    number: u64,
    slot: u32,
}

/// The key after those of all texts, because no text starts with the byte 255.
const LAST_KEY: u64 = u64::MAX;

impl SortContext<'_> {
    fn entry(&self, slot: u32) -> SortEntry {
        let (store, texts) = (self.store, self.store.texts());
        let column = match self.column {
            SortColumn::Number => 0,
            SortColumn::Name if !texts.has_name(slot) => LAST_KEY,
            SortColumn::Name => prefix_key(texts.lower_name(slot).bytes()),
            SortColumn::Waba => store.waba(slot).map_or(LAST_KEY, |waba| prefix_key(to_lower(waba.label()).bytes())),
            SortColumn::TwoStep => store.two_step(slot) as u64,
            SortColumn::Request => priority(self.changes.of_row(slot)) as u64,
        };
        SortEntry { column, number: packed_digits(texts.digits(slot)), slot }
    }

    fn compare(&self, a: &SortEntry, b: &SortEntry) -> Ordering {
        let (store, texts) = (self.store, self.store.texts());
        a.column
            .cmp(&b.column)
            .then_with(|| match self.column {
                SortColumn::Name => texts.lower_name(a.slot).cmp(texts.lower_name(b.slot)),
                SortColumn::Waba => compare_wabas(store.waba(a.slot), store.waba(b.slot)),
                SortColumn::Number | SortColumn::TwoStep | SortColumn::Request => Ordering::Equal,
            })
            .then(a.number.cmp(&b.number))
            .then_with(|| store.packed_id(a.slot).cmp(&store.packed_id(b.slot)))
    }

    fn sorted_entries(&self, slots: impl Iterator<Item = u32>) -> Vec<SortEntry> {
        let mut entries: Vec<SortEntry> = slots.map(|slot| self.entry(slot)).collect();
        entries.sort_unstable_by(|a, b| self.compare(a, b));
        entries
    }

    /// Sorts all slots.
    fn sort_all(&self, slots: impl Iterator<Item = u32>) -> Vec<u32> {
        self.sorted_entries(slots).into_iter().map(|entry| entry.slot).collect()
    }

    /// Merges slots into an order that does not contain them. The search for each slot starts after the previous one:
    /// a page of 100 numbers among 100,000 needs about 2,000 comparisons, and half of all rows a few each.
    fn merge(&self, order: &[u32], slots: impl Iterator<Item = u32>) -> Vec<u32> {
        let new = self.sorted_entries(slots);
        let mut merged = Vec::with_capacity(order.len() + new.len());
        let mut rest = order;
        for entry in &new {
            let before = gallop(rest, |slot| self.compare(&self.entry(*slot), entry).is_lt());
            let (head, tail) = rest.split_at(before);
            merged.extend_from_slice(head);
            merged.push(entry.slot);
            rest = tail;
        }
        merged.extend_from_slice(rest);
        merged
    }

    /// Merges slots into an order of which some slots are not in their place. Each of those stays behind the slot that
    /// it follows.
    fn merge_around(&self, order: &[u32], displaced: &HashSet<u32>, slots: impl Iterator<Item = u32>) -> Vec<u32> {
        let in_place: Vec<u32> = order.iter().copied().filter(|slot| !displaced.contains(slot)).collect();
        let mut rest = order.iter().copied().peekable();
        let mut merged = Vec::with_capacity(order.len());
        for slot in self.merge(&in_place, slots) {
            merged.extend(iter::from_fn(|| rest.next_if(|next| displaced.contains(next))));
            merged.push(slot);
            rest.next_if_eq(&slot);
        }
        merged.extend(rest);
        merged
    }
}

fn compare_wabas(a: Option<&Arc<Waba>>, b: Option<&Arc<Waba>>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => Ordering::Equal,
        (Some(a), Some(b)) => to_lower(a.label()).cmp(&to_lower(b.label())).then(a.id.cmp(&b.id)),
        // Only numbers without a WABA have the last key, so both have none here.
        (None, _) | (_, None) => Ordering::Equal,
    }
}

/// The first eight bytes of a text as a number that sorts like them.
fn prefix_key(text: impl Iterator<Item = u8>) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(text) {
        *to = from;
    }
    u64::from_be_bytes(bytes)
}

/// The first 16 digits of a number, packed so that they sort like their text. A phone number has at most 15.
fn packed_digits(digits: &str) -> u64 {
    let digits = digits.bytes().take(16);
    let (packed, count) =
        digits.fold((0, 0), |(packed, count), digit| (packed << 4 | u64::from(digit - b'0' + 1), count + 1));
    // Shifted to the highest bits, so that a number sorts before longer ones that start with it. Without digits the
    // shift would be 64, which `checked_shl` refuses.
    packed.checked_shl(64 - 4 * count).unwrap_or(0)
}
