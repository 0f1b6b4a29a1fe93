//! The values that the program works with. They never do I/O.

pub mod ascii;
pub mod text;
pub mod csv_cell;
pub mod json_text;
pub mod text_problem;
pub mod digits;
pub mod clock;
pub mod number;
pub mod number_set;
pub mod operator;
pub mod pin;
pub mod note;
pub mod number_arg;
pub mod pin_plan;
pub mod redact;
pub mod token_info;
pub mod outcome;
pub mod standing;
pub mod change;
pub mod batch_plan;
