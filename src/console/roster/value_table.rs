//! Stores each distinct value once. Many of 100,000 rows have the same, and each has only the index of its value.
//!
//! It does not count the rows of a value.

use std::hash::Hash;

use hashbrown::HashMap;

/// Distinct values. The index of a value changes only in [`ValueTable::keep_used`].
#[derive(Debug)]
pub(super) struct ValueTable<T> {
    values: Vec<T>,
    indexes: HashMap<T, u32>,
}

impl<T> Default for ValueTable<T> {
    fn default() -> Self {
        Self { values: Vec::new(), indexes: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> ValueTable<T> {
    /// The index of a value, which is added if the table does not have it.
    pub(super) fn insert(&mut self, value: &T) -> u32 {
        if let Some(index) = self.indexes.get(value) {
            return *index;
        }
        let index = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.clone());
        self.indexes.insert(value.clone(), index);
        index
    }

    pub(super) fn get(&self, index: u32) -> &T {
        &self.values[index as usize]
    }

    /// Each value, by its index.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    /// Removes the values that no row has, and gives each row the new index of its value.
    pub(super) fn keep_used<'a>(&mut self, indexes: impl Iterator<Item = &'a mut u32>) {
        let mut used = Self::default();
        let mut new_indexes: Vec<Option<u32>> = vec![None; self.values.len()];
        for index in indexes {
            let value = &self.values[*index as usize];
            *index = *new_indexes[*index as usize].get_or_insert_with(|| used.insert(value));
        }
        *self = used;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_stored_once_as_long_as_a_row_has_it() {
        let mut table = ValueTable::default();
        let mut rows = ["b", "a", "b", "c"].map(|value| table.insert(&value));
        assert_eq!((rows, table.values()), ([0, 1, 0, 2], &["b", "a", "c"][..]));
        rows[1] = rows[3];
        table.keep_used(rows.iter_mut());
        assert_eq!((rows.map(|index| *table.get(index)), table.values()), (["b", "c", "b", "c"], &["b", "c"][..]));
        assert_eq!((table.insert(&"a"), table.insert(&"c")), (2, 1));
    }
}
