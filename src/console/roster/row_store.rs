//! Stores the numbers compactly and finds them by ID.
//!
//! The index of a row, its *slot*, changes only in [`RowStore::remove`]. A row takes 28 bytes and its texts, because there
//! may be 100,000 of them: a [`Number`] is made from it when a page needs one. This module does not know the sort order
//! or the cursor.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::BuildHasher;
use std::mem;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::last_sets::LastSets;
use super::row_texts::{RowTexts, to_u32};
use super::row_values::remove_slots;
use super::value_table::ValueTable;
use crate::domain::change::LastSet;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, NumberDetails, PackedNumberId, PhoneNumberId, TwoStep, Waba};
use crate::policy::quota::QuotaScope;
use crate::policy::rotation::Rotation;

/// How many numbers have which two-step status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TwoStepCounts {
    /// Meta reports that a PIN is set.
    pub on: usize,
    /// Meta reports that no PIN is set.
    pub not_set: usize,
    /// Not read yet, or Meta did not report it.
    pub unknown: usize,
}

impl TwoStepCounts {
    pub(super) fn count_mut(&mut self, two_step: TwoStep) -> &mut usize {
        match two_step {
            TwoStep::On => &mut self.on,
            TwoStep::NotSet => &mut self.not_set,
            TwoStep::Unknown => &mut self.unknown,
        }
    }
}

/// The numbers that only an earlier run has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleSummary {
    /// How many there are, at least one.
    pub numbers: usize,
    /// When the oldest of them was read.
    pub oldest: UtcTime,
}

/// The result of an upsert.
pub(super) enum UpsertResult {
    New(u32),
    /// The row existed before.
    Existing {
        slot: u32,
        changed: RowDiff,
    },
}

/// The changes that can affect the filter or the sort order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowDiff {
    /// The name or the display number.
    pub(super) text: bool,
    pub(super) waba: bool,
    pub(super) two_step: bool,
}

/// What is stored of a number, but for its texts.
#[derive(Debug)]
struct Row {
    id: PackedNumberId,
    read_at: Option<UtcTime>,
    /// The index of its WABA.
    waba: u32,
    /// The index of its details.
    details: u32,
    two_step: TwoStep,
    /// True if the row was added or updated since [`RowStore::clear_seen`].
    is_seen: bool,
    /// True if only an earlier run has read the number.
    is_stale: bool,
}

#[derive(Debug, Default)]
pub(super) struct RowStore {
    rows: Vec<Row>,
    texts: RowTexts,
    /// Slots by the ID of their row. A map would store every ID twice.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// How many stale rows have which read time. Many were read in the same second.
    stale_read_times: BTreeMap<UtcTime, usize>,
    /// `None` for the numbers that no WABA lists.
    wabas: ValueTable<Option<Arc<Waba>>>,
    details: ValueTable<Arc<NumberDetails>>,
    last_sets: LastSets,
    rotation: Option<Rotation>,
    /// As in [`UtcTime::day`].
    today: u32,
    /// Counted when a frame needs it; `None` if something has changed since.
    due_count: Cell<Option<usize>>,
    counts: TwoStepCounts,
}

impl RowStore {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, slot: u32) -> &Row {
        &self.rows[slot as usize]
    }

    /// The number of a row, as it was read.
    pub(super) fn number(&self, slot: u32) -> Number {
        let row = self.row(slot);
        Number {
            id: row.id.unpack(),
            waba: self.waba(slot).cloned(),
            display_number: self.texts.display_number(slot),
            name: self.texts.name(slot),
            two_step: row.two_step,
            details: Arc::clone(self.details.get(row.details)),
            read_at: row.read_at,
        }
    }

    /// All numbers, by their slots.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Number> {
        (0..to_u32(self.rows.len())).map(|slot| self.number(slot))
    }

    pub(super) fn id(&self, slot: u32) -> PhoneNumberId {
        self.row(slot).id.unpack()
    }

    /// As [`RowStore::id`], and sorted like it.
    pub(super) fn packed_id(&self, slot: u32) -> PackedNumberId {
        self.row(slot).id
    }

    /// The WABA that lists a number.
    pub(super) fn waba(&self, slot: u32) -> Option<&Arc<Waba>> {
        self.wabas.get(self.row(slot).waba).as_ref()
    }

    /// The scopes of limits that are those of this row: its WABA and its number.
    pub(super) fn quota_scopes(&self, slot: u32) -> [QuotaScope; 2] {
        [QuotaScope::Waba(self.waba(slot).map(|waba| waba.id)), QuotaScope::Number(self.id(slot))]
    }

    /// The texts of the rows.
    pub(super) fn texts(&self) -> &RowTexts {
        &self.texts
    }

    pub(super) fn counts(&self) -> TwoStepCounts {
        self.counts
    }

    pub(super) fn wabas(&self) -> impl Iterator<Item = &Arc<Waba>> {
        self.wabas.values().iter().flatten()
    }

    /// For each row, by its slot, whether its WABA is one of these.
    pub(super) fn has_waba(&self, is_wanted: impl Fn(&Waba) -> bool) -> impl Iterator<Item = bool> {
        // Each WABA is tested once, not each row.
        let wanted: Vec<bool> =
            self.wabas.values().iter().map(|waba| waba.as_deref().is_some_and(&is_wanted)).collect();
        self.rows.iter().map(move |row| wanted[row.waba as usize])
    }

    pub(super) fn slot(&self, id: &PhoneNumberId) -> Option<u32> {
        let id = PackedNumberId::new(id);
        self.index.find(self.hasher.hash_one(id), |slot| self.row(*slot).id == id).copied()
    }

    /// Sets how old a PIN may get; `None` if no PIN is ever due.
    pub(super) fn set_rotation(&mut self, rotation: Option<Rotation>) {
        self.rotation = rotation;
        self.due_count.take();
    }

    /// As in [`UtcTime::day`].
    pub(super) const fn today(&self) -> u32 {
        self.today
    }

    /// Sets the day, and returns true if it is a new one.
    pub(super) fn set_today(&mut self, today: u32) -> bool {
        let is_new = mem::replace(&mut self.today, today) != today;
        if is_new {
            self.due_count.take();
        }
        is_new
    }

    /// True if the PIN of a row is due to be replaced.
    pub(super) fn is_due(&self, slot: u32) -> bool {
        let last_set = self.last_sets.get(slot).map(|last_set| last_set.at);
        self.rotation.is_some_and(|rotation| rotation.is_due(self.two_step(slot), last_set, self.today))
    }

    /// How many PINs are due; `None` if none ever is.
    pub(super) fn due_count(&self) -> Option<usize> {
        self.rotation?;
        let slots = 0..to_u32(self.rows.len());
        let count = self.due_count.get().unwrap_or_else(|| slots.filter(|slot| self.is_due(*slot)).count());
        self.due_count.set(Some(count));
        Some(count)
    }

    pub(super) fn upsert(&mut self, number: &Number) -> UpsertResult {
        self.due_count.take();
        let slot = self.slot(&number.id);
        if let (None, Some(slot)) = (number.read_at, slot) {
            // A failed read keeps the data of an earlier one.
            self.rows[slot as usize].is_seen = true;
            return UpsertResult::Existing { slot, changed: RowDiff::default() };
        }
        *self.counts.count_mut(number.two_step) += 1;
        let Some(slot) = slot else {
            return UpsertResult::New(self.push_row(number));
        };
        let old_two_step = self.two_step(slot);
        *self.counts.count_mut(old_two_step) -= 1;
        self.mark_fresh(slot);
        let (name, display) = (self.texts.name(slot), self.texts.display_number(slot));
        let (waba, details) = (self.wabas.insert(&number.waba), self.details.insert(&number.details));
        let row = &mut self.rows[slot as usize];
        let changed = RowDiff {
            text: name != number.name || display != number.display_number,
            waba: row.waba != waba,
            two_step: old_two_step != number.two_step,
        };
        (row.waba, row.details, row.two_step, row.read_at) = (waba, details, number.two_step, number.read_at);
        row.is_seen = true;
        if changed.text {
            self.texts.replace(slot, number);
        }
        UpsertResult::Existing { slot, changed }
    }

    /// Adds a number from the cache of an earlier run, unless it is known already. It counts as unknown and as not
    /// seen.
    pub(super) fn insert_cached(&mut self, number: &Number) -> Option<u32> {
        self.due_count.take();
        if self.slot(&number.id).is_some() {
            return None;
        }
        self.counts.unknown += 1;
        let slot = self.push_row(number);
        let row = &mut self.rows[slot as usize];
        (row.is_seen, row.is_stale) = (false, true);
        if let Some(at) = number.read_at {
            *self.stale_read_times.entry(at).or_default() += 1;
        }
        Some(slot)
    }

    /// When the PIN of a row was last set.
    pub(super) fn last_set(&self, slot: u32) -> Option<&LastSet> {
        self.last_sets.get(slot)
    }

    /// Sets when the PIN of a number was last set, unless a newer time is known.
    pub(super) fn set_last_set(&mut self, id: PhoneNumberId, last_set: LastSet) {
        self.due_count.take();
        let slot = self.slot(&id);
        self.last_sets.insert(id, slot, last_set);
    }

    /// True if the PIN of a row was set here, and two-step verification was turned off elsewhere after that.
    pub(super) fn is_turned_off(&self, slot: u32) -> bool {
        let (two_step, read_at) = (self.two_step(slot), self.row(slot).read_at);
        self.last_set(slot).is_some_and(|last_set| last_set.was_turned_off(two_step, read_at))
    }

    /// True if the PIN of a row was last set on this day, as in [`UtcTime::day`].
    pub(super) fn is_set_on(&self, slot: u32, day: u32) -> bool {
        self.last_set(slot).is_some_and(|last_set| last_set.at.day() == day)
    }

    /// How many rows [`RowStore::is_set_on`] this day.
    pub(super) fn set_count(&self, day: u32) -> usize {
        self.last_sets.count_on(day)
    }

    /// Marks a row as read by this run.
    fn mark_fresh(&mut self, slot: u32) {
        let row = &mut self.rows[slot as usize];
        let was_stale = mem::replace(&mut row.is_stale, false);
        let Some(at) = row.read_at.filter(|_| was_stale) else { return };
        if let Entry::Occupied(mut rows) = self.stale_read_times.entry(at) {
            *rows.get_mut() -= 1;
            if *rows.get() == 0 {
                rows.remove();
            }
        }
    }

    pub(super) fn stale_summary(&self) -> Option<StaleSummary> {
        let (oldest, _) = self.stale_read_times.first_key_value()?;
        Some(StaleSummary { numbers: self.stale_read_times.values().sum(), oldest: *oldest })
    }

    /// True if only an earlier run has read the row.
    pub(super) fn is_stale(&self, slot: u32) -> bool {
        self.row(slot).is_stale
    }

    /// The current two-step status: unknown if only an earlier run has read it.
    pub(super) fn two_step(&self, slot: u32) -> TwoStep {
        if self.is_stale(slot) { TwoStep::Unknown } else { self.row(slot).two_step }
    }

    fn push_row(&mut self, number: &Number) -> u32 {
        let slot = to_u32(self.rows.len());
        self.texts.push(number);
        self.last_sets.add_row(&number.id, slot);
        self.rows.push(Row {
            id: PackedNumberId::new(&number.id),
            read_at: number.read_at,
            waba: self.wabas.insert(&number.waba),
            details: self.details.insert(&number.details),
            two_step: number.two_step,
            is_seen: true,
            is_stale: false,
        });
        self.index_row(slot);
        slot
    }

    /// Adds a row to the index.
    fn index_row(&mut self, slot: u32) {
        let hash = |slot: &u32| self.hasher.hash_one(self.rows[*slot as usize].id);
        self.index.insert_unique(hash(&slot), slot, hash);
    }

    pub(super) fn clear_seen(&mut self) {
        self.rows.iter_mut().for_each(|row| row.is_seen = false);
    }

    /// True if the row was added or updated since [`RowStore::clear_seen`].
    pub(super) fn is_seen(&self, slot: u32) -> bool {
        self.row(slot).is_seen
    }

    /// The slots that were not added or updated since [`RowStore::clear_seen`].
    pub(super) fn unseen(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.rows).filter(|(_, row)| !row.is_seen).map(|(slot, _)| slot)
    }

    /// Removes rows. The slot of each later row decreases by the number of removed rows before it.
    pub(super) fn remove(&mut self, sorted_slots: &[u32]) {
        self.due_count.take();
        for slot in sorted_slots {
            let two_step = self.two_step(*slot);
            *self.counts.count_mut(two_step) -= 1;
            self.mark_fresh(*slot);
        }
        remove_slots(&mut self.rows, sorted_slots);
        self.texts.remove(sorted_slots);
        self.last_sets.remove(sorted_slots);
        self.wabas.keep_used(self.rows.iter_mut().map(|row| &mut row.waba));
        self.details.keep_used(self.rows.iter_mut().map(|row| &mut row.details));
        self.index.clear();
        for slot in 0..to_u32(self.rows.len()) {
            self.index_row(slot);
        }
    }

    /// Brings the text that a filter searches up to date.
    pub(super) fn rebuild_text(&mut self) {
        let rows = &self.rows;
        self.texts.rebuild(|slot| rows[slot as usize].id.unpack());
    }

    /// Releases unused capacity, but not that of large arrays: it takes no memory before it is used, and the allocator, which
    /// wipes what it frees, would copy the array.
    pub(super) fn shrink(&mut self) {
        self.texts.shrink();
        self.last_sets.shrink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_28_bytes() {
        assert_eq!(size_of::<Row>(), 28, "there are 100,000 of them");
    }
}
