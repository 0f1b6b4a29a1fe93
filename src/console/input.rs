//! From the terminal's bytes to keys, and from keys to actions.

pub mod key;
pub mod keymap;
pub(super) mod parser;
pub mod decoder;
