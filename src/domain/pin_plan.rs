//! Which numbers get which PIN, frozen when the operator was asked.
//!
//! Form, question, command and job hand a plan on unchanged, so that what is sent is what was confirmed. A plan knows
//! neither how it was confirmed nor what becomes of it.

use std::sync::Arc;

use crate::domain::number::Number;
use crate::domain::pin::{Pin, PinChoice};

/// Which numbers get which PIN. One number is a list of one.
///
/// There is no `Clone`: a confirmed plan is carried out once.
#[derive(Debug, PartialEq, Eq)]
pub struct PinPlan {
    /// The numbers in the order in which they are sent, each as it was known when the operator was asked. A shared
    /// `Vec`, not a shared slice: a slice would copy a list of 100,000 numbers.
    pub targets: Arc<Vec<Number>>,
    /// How the PIN of each number is chosen.
    pub pins: PinChoice,
}

impl PinPlan {
    /// The plan to set this PIN on one number.
    #[must_use]
    pub fn for_one(target: Number, pin: Pin) -> Self {
        Self { targets: Arc::new(vec![target]), pins: PinChoice::Fixed(pin) }
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
