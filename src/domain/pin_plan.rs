//! Which numbers get which PIN, frozen when the operator was asked.
//!
//! Form, question, command and job hand a plan on unchanged, so that what is sent is what was confirmed. A plan knows
//! neither how it was confirmed nor what becomes of it.

use std::ops::Deref;
use std::sync::Arc;

use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::{Pin, PinChoice};

/// The numbers that an operator chose, in order; at least one. A clone shares the list, which may have 100,000.
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

    /// The same list.
    #[must_use]
    pub fn shared(&self) -> Arc<Vec<Number>> {
        Arc::clone(&self.0)
    }

    /// The number with this id, if it is in the list.
    #[must_use]
    pub fn get_mut(&mut self, id: &PhoneNumberId) -> Option<&mut Number> {
        let index = self.0.iter().position(|number| number.id == *id)?;
        Arc::make_mut(&mut self.0).get_mut(index)
    }

    /// True if the list has this number as it was read at the same time or before.
    #[must_use]
    pub fn is_outdated_by(&self, number: &Number) -> bool {
        self.0.iter().any(|target| target.id == number.id && target.read_at <= number.read_at)
    }

    /// Changes each number. Copies the list first if it is shared.
    pub fn for_each_mut(&mut self, change: impl FnMut(&mut Number)) {
        Arc::make_mut(&mut self.0).iter_mut().for_each(change);
    }
}

impl Deref for Targets {
    type Target = [Number];

    fn deref(&self) -> &[Number] {
        &self.0
    }
}

/// Which numbers get which PIN.
///
/// There is no `Clone`: a confirmed plan is carried out once.
#[derive(Debug, PartialEq, Eq)]
pub struct PinPlan {
    /// The numbers in the order in which they are sent, each as it was known when the operator was asked.
    pub targets: Targets,
    /// How the PIN of each number is chosen.
    pub pins: PinChoice,
}

impl PinPlan {
    /// The plan to set this PIN on one number.
    #[must_use]
    pub fn for_one(target: Number, pin: Pin) -> Self {
        Self { targets: Targets::one(target), pins: PinChoice::Fixed(pin) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_text_of_a_plan_does_not_show_its_pin() {
        let target = Number::from_config("200000000000001".parse().expect("an ID"), None);
        let plan = PinPlan::for_one(target, Pin::parse(b"409726").expect("a PIN"));
        let text = format!("{plan:?}");
        assert!(text.contains("200000000000001") && !text.contains("409726"), "{text}");
    }
}
