//! The console's pages on its state alone: a test sends messages and checks the effects and the screen.
//!
//! They use no network, no journal and no real clock.

mod actions;
mod cached_numbers;
mod counts;
mod hiding;
mod history;
mod in_doubt;
mod locale;
mod number_changes;
mod open_issues;
mod quitting;
mod recording;
mod refreshing;
mod snapshots;
mod window_sizes;
