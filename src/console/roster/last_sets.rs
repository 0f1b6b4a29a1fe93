//! When the PIN of each number was last set, and by whom. Rows are found by slot, which saves 100,000 IDs.
//!
//! It counts the rows of each day as they come, so that a frame counts nothing. It does not know which day it is.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hashbrown::{HashMap, HashSet};

use crate::domain::change::LastSet;
use crate::domain::number::PhoneNumberId;
use crate::domain::operator::OperatorName;

/// The newest confirmed change of each number. Few operators set many PINs, so each name is stored once.
#[derive(Debug, Default)]
pub(super) struct LastSets {
    /// For each slot of the rows, up to the last one that has a value: without a history, this is empty.
    by_slot: Vec<Option<LastSet>>,
    /// How many rows were last set on which day, as in [`UtcTime::day`](crate::domain::clock::UtcTime::day).
    rows_by_day: BTreeMap<u32, usize>,
    /// Numbers that have no row yet.
    without_row: HashMap<PhoneNumberId, LastSet>,
    operators: HashSet<OperatorName>,
}

impl LastSets {
    /// The number has a row now.
    pub(super) fn add_row(&mut self, id: &PhoneNumberId, slot: u32) {
        if let Some(last_set) = self.without_row.remove(id) {
            self.set_row(slot, last_set);
        }
    }

    fn set_row(&mut self, slot: u32, last_set: LastSet) {
        let slot = slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        *self.rows_by_day.entry(last_set.at.day()).or_default() += 1;
        if let Some(before) = self.by_slot[slot].replace(last_set) {
            self.discount(&before);
        }
    }

    fn discount(&mut self, last_set: &LastSet) {
        if let Entry::Occupied(mut rows) = self.rows_by_day.entry(last_set.at.day()) {
            *rows.get_mut() -= 1;
            if *rows.get() == 0 {
                rows.remove();
            }
        }
    }

    /// How many rows were last set on this day.
    pub(super) fn count_on(&self, day: u32) -> usize {
        self.rows_by_day.get(&day).copied().unwrap_or_default()
    }

    /// Removes rows. The slot of each later row decreases by the number of removed rows before it.
    pub(super) fn remove(&mut self, sorted_slots: &[u32]) {
        for slot in sorted_slots {
            if let Some(last_set) = self.by_slot.get_mut(*slot as usize).and_then(Option::take) {
                self.discount(&last_set);
            }
        }
        remove_slots(&mut self.by_slot, sorted_slots);
    }

    /// The value of a row.
    pub(super) fn get(&self, slot: u32) -> Option<&LastSet> {
        self.by_slot.get(slot as usize)?.as_ref()
    }

    /// Sets the value of a number, which has this slot if it has a row, unless the known value is newer.
    pub(super) fn insert(&mut self, id: PhoneNumberId, slot: Option<u32>, last_set: LastSet) {
        let by = self.operators.get_or_insert(last_set.by).clone();
        let last_set = LastSet { by, ..last_set };
        let known = match slot {
            Some(slot) => self.get(slot),
            None => self.without_row.get(&id),
        };
        if known.is_some_and(|known| known.at > last_set.at) {
            return;
        }
        match slot {
            Some(slot) => self.set_row(slot, last_set),
            None => {
                self.without_row.insert(id, last_set);
            }
        }
    }

    /// Releases unused capacity.
    pub(super) fn shrink(&mut self) {
        self.by_slot.shrink_to_fit();
        self.without_row.shrink_to_fit();
    }
}

/// Removes the elements at these indices.
pub(super) fn remove_slots<T>(rows: &mut Vec<T>, sorted_slots: &[u32]) {
    let mut slots = 0..;
    rows.retain(|_| slots.next().is_none_or(|slot| sorted_slots.binary_search(&slot).is_err()));
}
