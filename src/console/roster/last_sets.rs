//! When the PIN of each number was last set, and by whom. Rows are found by slot, which saves 100,000 IDs.

use hashbrown::{HashMap, HashSet};

use crate::domain::change::LastSet;
use crate::domain::number::PhoneNumberId;
use crate::domain::operator::OperatorName;

/// The newest confirmed change of each number. Few operators set many PINs, so each name is stored once.
#[derive(Debug, Default)]
pub(super) struct LastSets {
    /// For each slot of the rows.
    pub(super) by_slot: Vec<Option<LastSet>>,
    /// Numbers that have no row yet.
    without_row: HashMap<PhoneNumberId, LastSet>,
    operators: HashSet<OperatorName>,
}

impl LastSets {
    /// Adds the slot of a new row.
    pub(super) fn push_row(&mut self, id: &PhoneNumberId) {
        self.by_slot.push(self.without_row.remove(id));
    }

    /// The value of a row.
    pub(super) fn get(&self, slot: u32) -> Option<&LastSet> {
        self.by_slot.get(slot as usize)?.as_ref()
    }

    /// Sets the value of a number, which has this slot if it has a row, unless the known value is newer.
    pub(super) fn insert(&mut self, id: PhoneNumberId, slot: Option<u32>, last_set: LastSet) {
        let by = self.operators.get_or_insert(last_set.by).clone();
        let last_set = LastSet { by, ..last_set };
        let is_newer = |known: &LastSet| known.at > last_set.at;
        match slot.and_then(|slot| self.by_slot.get_mut(slot as usize)) {
            Some(known) if known.as_ref().is_some_and(is_newer) => {}
            Some(known) => *known = Some(last_set),
            None if self.without_row.get(&id).is_some_and(is_newer) => {}
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
