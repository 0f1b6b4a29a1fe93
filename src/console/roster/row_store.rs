//! Stores the numbers compactly and finds them by ID.
//!
//! The index of a row, its *slot*, changes only in [`RowStore::remove`]. Data that many of 100,000 rows share is stored
//! once, and the text that a filter searches is one string, so that a search is one pass. This module does not know the
//! sort order or the cursor.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::BuildHasher;
use std::mem;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};

use super::gallop::gallop;
use super::last_sets::{LastSets, remove_slots};
use crate::domain::change::LastSet;
use crate::domain::clock::UtcTime;
use crate::domain::digits::ascii_digit;
use crate::domain::number::{Number, NumberDetails, PhoneNumberId, TwoStep, Waba};
use crate::domain::text::CleanText;
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

#[derive(Debug, Default)]
pub(super) struct RowStore {
    rows: Vec<Number>,
    /// Slots by the ID of their row. A map would store every ID twice.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// For each row, in the order of the slots: name, line break, digits of the number, line break; all in lower case.
    /// A cleaned text contains no line break, so nothing matches across two of them.
    search_text: String,
    /// The end of each row's text, as a byte offset.
    text_ends: Vec<u32>,
    is_text_stale: bool,
    /// For each row, true if it was added or updated since [`RowStore::clear_seen`].
    seen: Vec<bool>,
    /// For each row, true if only an earlier run has read it.
    stale: Vec<bool>,
    /// How many stale rows have which read time. Many were read in the same second.
    stale_read_times: BTreeMap<UtcTime, usize>,
    wabas: HashSet<Arc<Waba>>,
    details: HashSet<Arc<NumberDetails>>,
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

    pub(super) fn rows(&self) -> &[Number] {
        &self.rows
    }

    pub(super) fn row(&self, slot: u32) -> &Number {
        &self.rows[slot as usize]
    }

    pub(super) fn counts(&self) -> TwoStepCounts {
        self.counts
    }

    pub(super) fn wabas(&self) -> impl Iterator<Item = &Arc<Waba>> {
        self.wabas.iter()
    }

    pub(super) fn slot(&self, id: &PhoneNumberId) -> Option<u32> {
        self.index.find(self.hasher.hash_one(id), |slot| self.row(*slot).id == *id).copied()
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
            self.seen[slot as usize] = true;
            return UpsertResult::Existing { slot, changed: RowDiff::default() };
        }
        *self.counts.count_mut(number.two_step) += 1;
        let Some(slot) = slot else {
            return UpsertResult::New(self.push_row(number));
        };
        let old_two_step = self.two_step(slot);
        *self.counts.count_mut(old_two_step) -= 1;
        self.mark_fresh(slot);
        let (waba, details) = (self.intern_waba(number), self.intern_details(number));
        let row = &mut self.rows[slot as usize];
        let changed = RowDiff {
            text: row.name != number.name || row.display_number != number.display_number,
            waba: row.waba != waba,
            two_step: old_two_step != number.two_step,
        };
        if changed.text {
            row.name.clone_from(&number.name);
            row.display_number.clone_from(&number.display_number);
        }
        (row.waba, row.details, row.two_step, row.read_at) = (waba, details, number.two_step, number.read_at);
        self.seen[slot as usize] = true;
        self.is_text_stale |= changed.text;
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
        self.seen[slot as usize] = false;
        self.stale[slot as usize] = true;
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
        let (two_step, read_at) = (self.two_step(slot), self.rows[slot as usize].read_at);
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
        let was_stale = mem::replace(&mut self.stale[slot as usize], false);
        let Some(at) = self.row(slot).read_at.filter(|_| was_stale) else { return };
        if let Entry::Occupied(mut rows) = self.stale_read_times.entry(at) {
            *rows.get_mut() -= 1;
            if *rows.get() == 0 {
                rows.remove();
            }
        }
    }

    fn intern_waba(&mut self, number: &Number) -> Option<Arc<Waba>> {
        number.waba.as_ref().map(|waba| Arc::clone(self.wabas.get_or_insert_with(waba, Arc::clone)))
    }

    fn intern_details(&mut self, number: &Number) -> Arc<NumberDetails> {
        Arc::clone(self.details.get_or_insert_with(&number.details, Arc::clone))
    }

    pub(super) fn stale_summary(&self) -> Option<StaleSummary> {
        let (oldest, _) = self.stale_read_times.first_key_value()?;
        Some(StaleSummary { numbers: self.stale_read_times.values().sum(), oldest: *oldest })
    }

    /// True if only an earlier run has read the row.
    pub(super) fn is_stale(&self, slot: u32) -> bool {
        self.stale[slot as usize]
    }

    /// The current two-step status: unknown if only an earlier run has read it.
    pub(super) fn two_step(&self, slot: u32) -> TwoStep {
        if self.is_stale(slot) { TwoStep::Unknown } else { self.row(slot).two_step }
    }

    /// Appends a row. It copies the texts, because shared ones would keep the memory of the received page alive.
    fn push_row(&mut self, number: &Number) -> u32 {
        let slot = to_u32(self.rows.len());
        let (waba, details) = (self.intern_waba(number), self.intern_details(number));
        push_search_text(&mut self.search_text, number);
        self.text_ends.push(to_u32(self.search_text.len()));
        self.seen.push(true);
        self.stale.push(false);
        self.last_sets.add_row(&number.id, slot);
        self.rows.push(Number { waba, details, ..number.clone() });
        self.index_row(slot);
        slot
    }

    /// Adds a row to the index.
    fn index_row(&mut self, slot: u32) {
        let hash = |slot: &u32| self.hasher.hash_one(self.rows[*slot as usize].id);
        self.index.insert_unique(hash(&slot), slot, hash);
    }

    pub(super) fn clear_seen(&mut self) {
        self.seen.fill(false);
    }

    /// True if the row was added or updated since [`RowStore::clear_seen`].
    pub(super) fn is_seen(&self, slot: u32) -> bool {
        self.seen[slot as usize]
    }

    /// The slots that were not added or updated since [`RowStore::clear_seen`].
    pub(super) fn unseen(&self) -> impl Iterator<Item = u32> {
        self.seen.iter().enumerate().filter(|(_, is_seen)| !**is_seen).map(|(slot, _)| to_u32(slot))
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
        remove_slots(&mut self.seen, sorted_slots);
        remove_slots(&mut self.stale, sorted_slots);
        self.last_sets.remove(sorted_slots);
        self.wabas.retain(|waba| Arc::strong_count(waba) > 1);
        self.details.retain(|details| Arc::strong_count(details) > 1);
        self.is_text_stale = true;
        self.index.clear();
        for slot in 0..to_u32(self.rows.len()) {
            self.index_row(slot);
        }
    }

    /// Rebuilds the search text if a name or number has changed.
    pub(super) fn rebuild_text(&mut self) {
        if !self.is_text_stale {
            return;
        }
        self.is_text_stale = false;
        self.search_text.clear();
        self.text_ends.clear();
        for row in &self.rows {
            push_search_text(&mut self.search_text, row);
            self.text_ends.push(to_u32(self.search_text.len()));
        }
    }

    /// Releases unused capacity.
    pub(super) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.search_text.shrink_to_fit();
        self.text_ends.shrink_to_fit();
        self.last_sets.shrink();
    }

    pub(super) fn search_text(&self) -> &str {
        &self.search_text
    }

    /// The search text of a row: the name in lower case, and the digits of the number.
    fn row_text(&self, slot: u32) -> (&str, &str) {
        let slot = slot as usize;
        let from = if slot == 0 { 0 } else { self.text_ends[slot - 1] as usize };
        let text = self.search_text.get(from..self.text_ends[slot] as usize);
        text.and_then(|text| text.strip_suffix('\n')?.split_once('\n')).unwrap_or_default()
    }

    /// The name in lower case.
    pub(super) fn lower_name(&self, slot: u32) -> &str {
        self.row_text(slot).0
    }

    /// True if the digits of the row's number end with these.
    pub(super) fn number_ends_with(&self, slot: u32, digits: &str) -> bool {
        self.row_text(slot).1.ends_with(digits)
    }

    /// True if the digits of the row's number start with these.
    pub(super) fn number_starts_with(&self, slot: u32, digits: &str) -> bool {
        self.row_text(slot).1.starts_with(digits)
    }

    /// The slot whose text contains a byte offset, and the end of that text. The search starts at the slot `from`.
    pub(super) fn slot_at_offset(&self, offset: usize, from: usize) -> Option<(usize, usize)> {
        let slot = from + gallop(&self.text_ends[from..], |end| *end as usize <= offset);
        self.text_ends.get(slot).map(|end| (slot, *end as usize))
    }
}

/// Slots and text offsets fit in 32 bits up to 4 GB of names. A larger roster does not fit in memory; if it did, a
/// filter would not find the rows after that.
fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn push_search_text(text: &mut String, number: &Number) {
    push_lower(text, number.name.as_ref().map_or("", CleanText::as_str));
    text.push('\n');
    text.extend(number.label().chars().filter_map(ascii_digit));
    text.push('\n');
}

/// Appends a text in lower case, letter by letter. The result for a letter must not depend on its neighbors (as for a
/// Greek sigma at the end of a word), otherwise a filter would not find part of a word.
pub(super) fn push_lower(out: &mut String, text: &str) {
    out.extend(text.chars().flat_map(char::to_lowercase));
}

/// The text in lower case, as [`push_lower`] writes it.
pub(super) fn to_lower(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_lower(&mut out, text);
    out
}
