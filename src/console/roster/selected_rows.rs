//! Some numbers in the order of the list.
//!
//! It does not know who selected them.

use hashbrown::HashSet;

use super::Roster;
use crate::domain::number::PhoneNumberId;

impl Roster {
    /// Those of these numbers that are listed, in the order of the list, each with whether the list shows it now.
    #[must_use]
    pub fn in_list_order(&self, ids: &[PhoneNumberId]) -> Vec<(PhoneNumberId, bool)> {
        let selected: HashSet<u32> = ids.iter().filter_map(|id| self.store.slot(id)).collect();
        let shown: HashSet<u32> = self.visible.iter().collect();
        let slots = self.order.iter_from_top().filter(|slot| selected.contains(slot));
        slots.map(|slot| (self.store.id(slot), shown.contains(&slot))).collect()
    }
}
