//! The console: what the operator sees and does. Pure state first, then what is seen, then what runs.
//!
//! Nothing here speaks HTTP, and only [`terminal`] touches the terminal.

// Pure.
pub mod input;
pub mod roster;
pub mod pin_form;
pub mod app;

// Seen.
pub mod theme;
pub mod view;

// Running.
pub mod terminal;
pub mod worker;
pub mod runtime;
