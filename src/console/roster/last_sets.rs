//! When the PIN of each number was last set, and by whom. Rows are found by slot, which saves 100,000 IDs.

use hashbrown::{HashMap, HashSet};

use crate::domain::change::LastSet;
use crate::domain::number::PhoneNumberId;
use crate::domain::operator::OperatorName;

/// The newest confirmed change of each number. Few operators set many PINs, so each name is stored once.
#[derive(Debug, Default)]
pub(super) struct LastSets {
    /// For each slot of the rows, up to the last one that has a value: without a history, this is empty.
    pub(super) by_slot: Vec<Option<LastSet>>,
    /// Numbers that have no row yet.
    without_row: HashMap<PhoneNumberId, LastSet>,
    operators: HashSet<OperatorName>,
}

impl LastSets {
    /// The number has a row now.
    pub(super) fn add_row(&mut self, id: &PhoneNumberId, slot: u32) {
        if let Some(last_set) = self.without_row.remove(id) {
            *self.slot_mut(slot) = Some(last_set);
        }
    }

    fn slot_mut(&mut self, slot: u32) -> &mut Option<LastSet> {
        let slot = slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        &mut self.by_slot[slot]
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
            Some(slot) => *self.slot_mut(slot) = Some(last_set),
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
