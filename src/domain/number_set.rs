//! A set of phone number ids that is small in memory: one that lists 100,000 numbers takes about a megabyte.
//!
//! It does not know the order in which ids were added.

use hashbrown::HashSet;

use crate::domain::number::PhoneNumberId;

/// A set of phone number ids. Meta's own ids take eight bytes each.
#[derive(Debug, Clone, Default)]
pub struct NumberSet {
    numeric: HashSet<u64>,
    /// Ids that a number cannot stand for, because they start with a zero or have too many digits.
    other: HashSet<PhoneNumberId>,
}

impl NumberSet {
    /// Adds an id. Returns true if the set did not have it.
    pub fn insert(&mut self, id: PhoneNumberId) -> bool {
        match id.to_integer() {
            Some(integer) => self.numeric.insert(integer),
            None => self.other.insert(id),
        }
    }

    /// True if the set has the id.
    #[must_use]
    pub fn contains(&self, id: &PhoneNumberId) -> bool {
        match id.to_integer() {
            Some(integer) => self.numeric.contains(&integer),
            None => self.other.contains(id),
        }
    }

    /// How many ids it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numeric.len() + self.other.len()
    }

    /// True if it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all ids.
    pub fn clear(&mut self) {
        self.numeric.clear();
        self.other.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_tells_every_two_ids_apart() {
        let ids =
            ["7", "07", "007", "0", "00", "18446744073709551615", "18446744073709551616", "12345678901234567890123"];
        let ids = ids.map(|id| id.parse().expect("an id"));
        let mut set = NumberSet::default();
        for (count, id) in ids.iter().enumerate() {
            assert_eq!((set.len(), set.contains(id), set.insert(*id)), (count, false, true), "{id}");
            assert_eq!((set.contains(id), set.insert(*id)), (true, false), "{id}");
        }
        set.clear();
        assert_eq!((set.len(), ids.iter().any(|id| set.contains(id))), (0, false));
    }
}
