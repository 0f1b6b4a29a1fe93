//! The console: input and pages first, then what draws them, then what runs them.
//!
//! Nothing here speaks HTTP, and only [`terminal`] touches the terminal.

// State, without I/O.
pub mod input;
pub mod roster;
pub mod pin_form;
pub mod app;

// Drawing.
pub mod theme;
pub mod view;

// Running.
pub mod terminal;
pub mod worker;
pub mod runtime;
