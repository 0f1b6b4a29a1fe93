//! pindesk: a keyboard-only console for the two-step verification PINs of WhatsApp Business phone numbers.
//!
//! The modules below stand in the order of their dependencies: each imports only those above it, and a test
//! holds them to it.

// Words: what the program speaks of.
pub mod text;
pub mod clock;
pub mod number;
pub mod pin;
pub mod outcome;
pub mod change;

// Rules: pure.
pub mod error_catalog;
pub mod retry;
pub mod config;

// Edges: I/O.
pub mod process;
pub mod graph;
pub mod state_dir;
pub mod escrow;
pub mod journal;

// Work.
pub mod jobs;
pub mod numbers;

// The console.
pub mod console;

// Stand-in.
pub mod simulator;

// The way in.
pub mod cli;
