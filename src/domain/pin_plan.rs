//! Which numbers get which PIN, frozen when the operator is asked.
//!
//! It does not decide whether a PIN may be sent.

use std::sync::Arc;

use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::PinChoice;

/// The numbers that an operator chose, in order; at least one. A clone shares the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(Arc<Vec<Number>>);

impl Targets {
    /// One number.
    #[must_use]
    pub fn one(number: Number) -> Self {
        Self(Arc::new(vec![number]))
    }

    /// These numbers; `None` if there are none.
    #[must_use]
    pub fn new(numbers: Vec<Number>) -> Option<Self> {
        (!numbers.is_empty()).then(|| Self(Arc::new(numbers)))
    }

    /// The first number: the only one, if there is one.
    #[must_use]
    pub fn first(&self) -> &Number {
        // A list is never empty.
        &self.0[0]
    }

    /// All numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[Number] {
        &self.0
    }

    /// The number with this id, if it is in the list.
    #[must_use]
    pub fn get_mut(&mut self, id: &PhoneNumberId) -> Option<&mut Number> {
        let index = self.0.iter().position(|number| number.id == *id)?;
        Arc::make_mut(&mut self.0).get_mut(index)
    }

    /// Changes each number. Copies the list first if it is shared.
    pub fn for_each_mut(&mut self, change: impl FnMut(&mut Number)) {
        Arc::make_mut(&mut self.0).iter_mut().for_each(change);
    }
}

/// Numbers and the PINs that they get.
#[derive(Debug, PartialEq, Eq)]
pub struct PinPlan {
    /// The numbers, as they were when the operator was asked.
    pub targets: Targets,
    /// Their PINs.
    pub pins: PinChoice,
}
