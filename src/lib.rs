//! pindesk: a keyboard-only console for the two-step verification PINs of WhatsApp Business phone numbers.
//!
//! The modules below stand in the order of their dependencies: each imports only those above it, and a test
//! holds them to it.

// Words: what the program speaks of.
pub mod text;
pub mod moment;
pub mod number;
pub mod pin;
pub mod outcome;
pub mod job;

// Rules: pure.
pub mod catalogue;
pub mod pacing;
pub mod config;

// Edges: I/O.
pub mod process;
pub mod graph;
pub mod state;
pub mod escrow;
pub mod journal;

// Work.
pub mod batch;
pub mod listing;

// The console.
pub mod console;

// Stand-in.
pub mod simulator;

// The way in.
pub mod cli;
