//! A value for some numbers: found by slot for those that have a row, which saves 100,000 IDs, and by ID for the others.
//!
//! It does not know the rows: it is told when a number gets one, and when rows are removed.

use hashbrown::HashMap;

use crate::domain::number::PhoneNumberId;

/// Values of numbers, at most one each.
#[derive(Debug)]
pub(super) struct RowValues<T> {
    /// For each slot, up to the last one that has a value: without values, this is empty.
    by_slot: Vec<Option<T>>,
    /// Those of numbers that have no row yet.
    without_row: HashMap<PhoneNumberId, T>,
}

impl<T> Default for RowValues<T> {
    fn default() -> Self {
        Self { by_slot: Vec::new(), without_row: HashMap::new() }
    }
}

impl<T> RowValues<T> {
    /// The value of a row.
    pub(super) fn of_row(&self, slot: u32) -> Option<&T> {
        self.by_slot.get(slot as usize)?.as_ref()
    }

    /// The value of a number, which has this slot if it has a row.
    pub(super) fn of_number(&self, id: &PhoneNumberId, slot: Option<u32>) -> Option<&T> {
        match slot {
            Some(slot) => self.of_row(slot),
            None => self.without_row.get(id),
        }
    }

    /// Sets the value of a number, which has this slot if it has a row, and returns the previous one.
    pub(super) fn insert(&mut self, id: PhoneNumberId, slot: Option<u32>, value: T) -> Option<T> {
        let Some(slot) = slot.map(|slot| slot as usize) else { return self.without_row.insert(id, value) };
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, || None);
        }
        self.by_slot[slot].replace(value)
    }

    /// The number has a row now. Returns its value.
    pub(super) fn add_row(&mut self, id: &PhoneNumberId, slot: u32) -> Option<&T> {
        let value = self.without_row.remove(id)?;
        self.insert(*id, Some(slot), value);
        self.of_row(slot)
    }

    /// Removes rows, and returns their values. The slot of each later row decreases by the number of removed rows before
    /// it.
    pub(super) fn remove(&mut self, sorted_slots: &[u32]) -> Vec<T> {
        let take = |slot: &u32| self.by_slot.get_mut(*slot as usize).and_then(Option::take);
        let removed = sorted_slots.iter().filter_map(take).collect();
        remove_slots(&mut self.by_slot, sorted_slots);
        removed
    }

    /// The values of rows, by their slots.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.by_slot).filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }

    /// The values of the numbers that have no row, in no order.
    pub(super) fn without_row(&self) -> impl Iterator<Item = (PhoneNumberId, &T)> {
        self.without_row.iter().map(|(id, value)| (*id, value))
    }

    /// Releases unused capacity, but not that of the large array.
    pub(super) fn shrink(&mut self) {
        self.without_row.shrink_to_fit();
    }
}

/// Removes the elements at these indices.
pub(super) fn remove_slots<T>(rows: &mut Vec<T>, sorted_slots: &[u32]) {
    let mut slots = 0..;
    rows.retain(|_| slots.next().is_none_or(|slot| sorted_slots.binary_search(&slot).is_err()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digits: &str) -> PhoneNumberId {
        digits.parse().expect("an id")
    }

    #[test]
    fn a_value_follows_its_number_into_a_row_and_among_rows() {
        let mut values = RowValues::default();
        assert_eq!((values.insert(id("1"), None, 'a'), values.insert(id("1"), None, 'b')), (None, Some('a')));
        assert_eq!(values.add_row(&id("9"), 4), None);
        assert_eq!(values.add_row(&id("1"), 5), Some(&'b'));
        assert_eq!((values.of_number(&id("1"), None), values.of_number(&id("1"), Some(5))), (None, Some(&'b')));
        assert_eq!((values.insert(id("2"), Some(1), 'c'), values.insert(id("3"), Some(3), 'd')), (None, None));
        values.insert(id("4"), None, 'e');
        assert_eq!(values.remove(&[0, 3, 7]), ['d']);
        assert_eq!(values.rows().collect::<Vec<_>>(), [(0, &'c'), (3, &'b')]);
        assert_eq!(values.without_row().collect::<Vec<_>>(), [(id("4"), &'e')]);
    }
}
