//! The interactive console: its state and pages, the views that draw them, and the threads that run it.
//!
//! It does not know the Graph API's HTTP calls, and only [`terminal`] touches the terminal.

// State, without I/O.
pub mod input;
pub mod roster;
pub mod pin_form;
pub mod effect;
pub mod shared;
pub mod many_pins;
pub mod job_remainder;
pub mod go;
pub mod pages;
pub mod app;

// Drawing.
pub mod theme;
pub mod view;

// Running.
pub mod terminal;
pub mod worker;
pub mod runtime;
