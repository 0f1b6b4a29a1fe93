//! The rows of some numbers, in the order of the list.
//!
//! It does not know who selected them.

use hashbrown::HashSet;

use super::{Roster, RosterRow};
use crate::domain::number::PhoneNumberId;

impl Roster {
    /// The rows of these numbers that are listed, in the order of the list, each with whether the list shows it now.
    #[must_use]
    pub fn rows_of(&self, ids: &[PhoneNumberId]) -> Vec<(RosterRow<'_>, bool)> {
        let selected: HashSet<u32> = ids.iter().filter_map(|id| self.store.slot(id)).collect();
        let shown: HashSet<u32> = (0..self.visible.len()).filter_map(|index| self.visible.slot(index)).collect();
        let rows = self.order.iter_from_top().filter(|slot| selected.contains(slot));
        rows.map(|slot| (self.row_at_slot(slot), shown.contains(&slot))).collect()
    }
}
