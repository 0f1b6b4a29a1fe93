//! When the PIN of each number was last set, and by whom. It does not know which numbers are listed.

use hashbrown::{HashMap, HashSet};

use crate::domain::change::LastSet;
use crate::domain::number::PhoneNumberId;
use crate::domain::operator::OperatorName;

/// The newest confirmed change of each number. Few operators set many PINs, so each name is stored once.
#[derive(Debug, Default)]
pub(super) struct LastSets {
    by_number: HashMap<PhoneNumberId, LastSet>,
    operators: HashSet<OperatorName>,
}

impl LastSets {
    pub(super) fn get(&self, id: &PhoneNumberId) -> Option<&LastSet> {
        self.by_number.get(id)
    }

    /// Sets the value of a number, unless the known one is newer.
    pub(super) fn insert(&mut self, id: PhoneNumberId, last_set: LastSet) {
        if self.by_number.get(&id).is_some_and(|known| known.at > last_set.at) {
            return;
        }
        let by = self.operators.get_or_insert(last_set.by).clone();
        self.by_number.insert(id, LastSet { by, ..last_set });
    }
}
