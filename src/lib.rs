//! pindesk: a keyboard-only console for the two-step verification PINs of WhatsApp Business phone numbers.

pub mod domain;
pub mod policy;
pub mod config;
pub mod secure_file;
pub mod token_source;
pub mod state_dir;
pub mod process;
pub mod graph;
pub mod escrow;
pub mod journal;
pub mod preflight;
pub mod jobs;
pub mod numbers;
pub mod console;
pub mod simulator;
pub mod cli;
