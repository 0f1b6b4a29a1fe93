//! The values that the program works with. They never do I/O.

pub mod text;
pub mod clock;
pub mod number;
pub mod operator;
pub mod pin;
pub mod pin_plan;
pub mod redact;
pub mod outcome;
pub mod standing;
pub mod change;
