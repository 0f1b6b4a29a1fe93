//! Input: turns the terminal's bytes into keys, and keys into actions.
//!
//! It does not perform the actions: the app does.

pub mod key;
pub mod keymap;
pub mod decoder;
