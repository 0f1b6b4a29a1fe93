//! What tests ask a world about its PINs: the one in force, and those that arrived. It changes nothing.

use super::World;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PIN_DIGITS;

impl World {
    /// The PIN that is in force on a number: the last one set, or the one it had as the world began.
    #[must_use]
    pub fn pin_in_force(&self, id: &PhoneNumberId) -> Option<[u8; PIN_DIGITS]> {
        self.generator.find_number(id.as_str()).and_then(|index| self.current_pin(index))
    }

    /// Every well-formed PIN that requests for a number carried, in the order of their arrival, refused ones too.
    #[must_use]
    pub fn pins_sent(&self, id: &PhoneNumberId) -> &[[u8; PIN_DIGITS]] {
        let index = self.generator.find_number(id.as_str());
        index.and_then(|index| self.changes.get(&index)).map_or(&[], |changes| changes.pins_sent.as_slice())
    }

    /// How many requests to set a PIN came, whatever they were answered.
    #[must_use]
    pub const fn pin_request_count(&self) -> usize {
        self.pin_request_count
    }
}
