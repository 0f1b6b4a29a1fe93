//! Where a number stands in a list, by its ID: four bytes a number, where a map of IDs would take fifty.

use crate::domain::number::{Number, PhoneNumberId};

/// The places of a list, by the order of the IDs there.
#[derive(Debug, Default)]
pub(crate) struct NumberIndex(Vec<u32>);

impl NumberIndex {
    /// Of a list that names each number once, and far fewer than there are phone numbers.
    pub(crate) fn new(numbers: &[Number]) -> Self {
        let mut places: Vec<u32> = (0..).take(numbers.len()).collect();
        places.sort_unstable_by_key(|place| id_at(numbers, *place));
        Self(places)
    }

    /// Of this number in the same list.
    pub(crate) fn position(&self, numbers: &[Number], id: PhoneNumberId) -> Option<usize> {
        let found = self.0.binary_search_by_key(&Some(id), |place| id_at(numbers, *place)).ok()?;
        usize::try_from(self.0[found]).ok()
    }
}

fn id_at(numbers: &[Number], place: u32) -> Option<PhoneNumberId> {
    numbers.get(usize::try_from(place).ok()?).map(|number| number.id)
}
