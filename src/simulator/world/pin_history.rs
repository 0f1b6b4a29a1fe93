//! Shows tests the PINs of a world: the PIN in force, and the PINs that arrived. It never changes the world.

use super::World;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PIN_DIGITS;

impl World {
    /// The PIN that is in force on a number: the last PIN that was set, or the PIN at the start.
    #[must_use]
    pub fn pin_in_force(&self, id: &PhoneNumberId) -> Option<[u8; PIN_DIGITS]> {
        self.generator.find_number(id.as_str()).and_then(|index| self.current_pin(index))
    }

    /// Every well-formed PIN in a request for this number, in the order of arrival, including refused PINs.
    #[must_use]
    pub fn pins_sent(&self, id: &PhoneNumberId) -> &[[u8; PIN_DIGITS]] {
        let index = self.generator.find_number(id.as_str());
        index.and_then(|index| self.changes.get(&index)).map_or(&[], |changes| changes.pins_sent.as_slice())
    }

    /// How many requests to set a PIN arrived, whatever the replies.
    #[must_use]
    pub const fn pin_request_count(&self) -> usize {
        self.pin_request_count
    }
}
