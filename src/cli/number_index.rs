//! Finds a number's position in a list by its ID. It takes four bytes a number, a map of IDs about fifty.

use crate::domain::number::{Number, PhoneNumberId};

/// The positions in a list, in the order of the IDs.
#[derive(Debug, Default)]
pub(crate) struct NumberIndex(Vec<u32>);

impl NumberIndex {
    /// Indexes a list that has each number once, and fewer numbers than `u32` can count.
    pub(crate) fn new(numbers: &[Number]) -> Self {
        let mut positions: Vec<u32> = (0..).take(numbers.len()).collect();
        positions.sort_unstable_by_key(|position| id_at(numbers, *position));
        Self(positions)
    }

    /// The position of a number in the same list.
    pub(crate) fn position(&self, numbers: &[Number], id: PhoneNumberId) -> Option<usize> {
        let entry = self.0.binary_search_by_key(&Some(id), |position| id_at(numbers, *position)).ok()?;
        usize::try_from(self.0[entry]).ok()
    }
}

fn id_at(numbers: &[Number], position: u32) -> Option<PhoneNumberId> {
    numbers.get(usize::try_from(position).ok()?).map(|number| number.id)
}
