//! One file a command. A command does not import another command.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod demo;
pub(crate) mod escrow;
pub(crate) mod jobs;
pub(crate) mod numbers;
pub(crate) mod pin;
pub(crate) mod simulator;
pub(crate) mod wabas;
