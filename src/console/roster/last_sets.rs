//! When the PIN of each number was last set, and by whom.
//!
//! It counts the rows of each day as they come, so that a frame counts nothing. It does not know which day it is.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hashbrown::HashSet;

use super::row_values::RowValues;
use crate::domain::change::LastSet;
use crate::domain::number::PhoneNumberId;
use crate::domain::operator::OperatorName;

/// The newest confirmed change of each number. Few operators set many PINs, so each name is stored once.
#[derive(Debug, Default)]
pub(super) struct LastSets {
    values: RowValues<LastSet>,
    /// How many rows were last set on which day, as in [`UtcTime::day`](crate::domain::clock::UtcTime::day).
    rows_by_day: BTreeMap<u32, usize>,
    operators: HashSet<OperatorName>,
}

impl LastSets {
    /// The number has a row now.
    pub(super) fn add_row(&mut self, id: &PhoneNumberId, slot: u32) {
        if let Some(last_set) = self.values.add_row(id, slot) {
            *self.rows_by_day.entry(last_set.at.day()).or_default() += 1;
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
        for last_set in self.values.remove(sorted_slots) {
            self.discount(&last_set);
        }
    }

    /// The value of a row.
    pub(super) fn get(&self, slot: u32) -> Option<&LastSet> {
        self.values.of_row(slot)
    }

    /// Sets the value of a number, which has this slot if it has a row, unless the known value is newer.
    pub(super) fn insert(&mut self, id: PhoneNumberId, slot: Option<u32>, last_set: LastSet) {
        if self.values.of_number(&id, slot).is_some_and(|known| known.at > last_set.at) {
            return;
        }
        let (at, by) = (last_set.at, self.operators.get_or_insert(last_set.by).clone());
        let before = self.values.insert(id, slot, LastSet { by, ..last_set });
        if slot.is_some() {
            *self.rows_by_day.entry(at.day()).or_default() += 1;
            if let Some(before) = before {
                self.discount(&before);
            }
        }
    }

    /// Releases unused capacity.
    pub(super) fn shrink(&mut self) {
        self.values.shrink();
    }
}
