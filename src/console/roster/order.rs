//! The order of the rows: by which column, and how slots are put into it.
//!
//! Keys are made once for a sort, and for nothing else: an order is kept as slots alone. Equal rows stand by number, then
//! by id, so that an order is the same each time.

use std::cmp::Ordering;
use std::sync::Arc;

use super::row_store::{ChangeStates, RowStore, priority, to_lower};
use crate::domain::number::{Number, PhoneNumberId, Waba};

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortColumn {
    /// The digits of the phone number, so that a country's numbers stand together.
    #[default]
    Number,
    /// The name, case-blind; numbers without one last.
    Name,
    /// The WABA's name, case-blind; numbers without one last.
    Waba,
    /// On, not set, unknown.
    TwoStep,
    /// What wants a person first: no answer, failed, not sent, then what runs, then set, then none.
    Request,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortDirection {
    /// Smallest first.
    #[default]
    Ascending,
    /// The same order from its end.
    Descending,
}

/// The order of the rows on the screen: by number, up, unless the operator chose another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SortOrder {
    /// The column.
    pub column: SortColumn,
    /// The way.
    pub direction: SortDirection,
}

/// What slots are compared by.
pub(super) struct SortContext<'a> {
    pub(super) store: &'a RowStore,
    pub(super) changes: &'a ChangeStates,
    pub(super) column: SortColumn,
}

/// One slot with its keys; what does not fit into eight bytes is looked up on a tie.
#[derive(Clone, Copy)]
struct SortEntry {
    column: u64,
    number: u64,
    slot: u32,
}

/// What stands behind every key that a text can give: no text begins with the byte 255.
const LAST_KEY: u64 = u64::MAX;

impl SortContext<'_> {
    fn entry(&self, slot: u32) -> SortEntry {
        let row = self.store.row(slot);
        let column = match self.column {
            SortColumn::Number => 0,
            SortColumn::Name if row.name.is_none() => LAST_KEY,
            SortColumn::Name => prefix_key(self.store.lower_name(slot).bytes()),
            SortColumn::Waba => row.waba.as_ref().map_or(LAST_KEY, |waba| prefix_key(to_lower(waba.label()).bytes())),
            SortColumn::TwoStep => self.store.two_step(slot) as u64,
            SortColumn::Request => priority(self.changes.get(&row.id)) as u64,
        };
        SortEntry { column, number: packed_digits(row), slot }
    }

    fn compare(&self, a: &SortEntry, b: &SortEntry) -> Ordering {
        let id = |keyed: &SortEntry| -> PhoneNumberId { self.store.row(keyed.slot).id };
        a.column
            .cmp(&b.column)
            .then_with(|| match self.column {
                SortColumn::Name => self.store.lower_name(a.slot).cmp(self.store.lower_name(b.slot)),
                SortColumn::Waba => {
                    compare_wabas(self.store.row(a.slot).waba.as_ref(), self.store.row(b.slot).waba.as_ref())
                }
                SortColumn::Number | SortColumn::TwoStep | SortColumn::Request => Ordering::Equal,
            })
            .then(a.number.cmp(&b.number))
            .then_with(|| id(a).cmp(&id(b)))
    }

    fn sorted_entries(&self, slots: impl Iterator<Item = u32>) -> Vec<SortEntry> {
        let mut keyed: Vec<SortEntry> = slots.map(|slot| self.entry(slot)).collect();
        keyed.sort_unstable_by(|a, b| self.compare(a, b));
        keyed
    }

    /// Every slot of the store, in order.
    pub(super) fn sort_all(&self, slots: impl Iterator<Item = u32>) -> Vec<u32> {
        self.sorted_entries(slots).into_iter().map(|keyed| keyed.slot).collect()
    }

    /// Puts slots into an order that does not hold them: each is looked for behind the one before it, so that a page of a
    /// hundred among 100,000 needs some two thousand comparisons, and half of the rows no more than a few each.
    pub(super) fn merge(&self, order: &[u32], slots: impl Iterator<Item = u32>) -> Vec<u32> {
        let new = self.sorted_entries(slots);
        let mut merged = Vec::with_capacity(order.len() + new.len());
        let mut rest = order;
        for keyed in &new {
            let before = gallop(rest, |slot| self.compare(&self.entry(*slot), keyed).is_lt());
            let (head, tail) = rest.split_at(before);
            merged.extend_from_slice(head);
            merged.push(keyed.slot);
            rest = tail;
        }
        merged.extend_from_slice(rest);
        merged
    }
}

/// How many items come before a place in a sorted list. Looks from its start onwards, by doubling steps, so that near
/// places and far ones are both found fast.
pub(super) fn gallop<T>(items: &[T], is_before: impl Fn(&T) -> bool) -> usize {
    let (mut from, mut step) = (0, 1);
    while items.get(from + step - 1).is_some_and(&is_before) {
        from += step;
        step *= 2;
    }
    let to = items.len().min(from + step);
    from + items[from..to].partition_point(is_before)
}

fn compare_wabas(a: Option<&Arc<Waba>>, b: Option<&Arc<Waba>>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => Ordering::Equal,
        (Some(a), Some(b)) => to_lower(a.label()).cmp(&to_lower(b.label())).then(a.id.cmp(&b.id)),
        // Numbers without a WABA have the last key, and only they.
        (None, _) | (_, None) => Ordering::Equal,
    }
}

/// The first eight bytes of a text, as a number in the same order.
fn prefix_key(text: impl Iterator<Item = u8>) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(text) {
        *to = from;
    }
    u64::from_be_bytes(bytes)
}

/// The first 16 digits of what the screen calls the number, as a number in the order of their text. A phone number has
/// at most 15.
fn packed_digits(row: &Number) -> u64 {
    let digits = row.label().bytes().filter(u8::is_ascii_digit).take(16);
    let (packed, count) =
        digits.fold((0, 0), |(packed, count), digit| (packed << 4 | u64::from(digit - b'0' + 1), count + 1));
    // Shifted to the top, so that a number stands before the longer ones that begin with it. Without any digit there is
    // nothing to shift.
    packed.checked_shl(64 - 4 * count).unwrap_or(0)
}
