//! The console's pages on its state alone: a test sends messages and checks the effects and the screen.
//!
//! They use no network, no journal and no real clock.

mod access_token;
mod actions;
mod cached_numbers;
mod copying;
mod counts;
mod due;
mod going_back;
mod cursor;
mod filter;
mod hiding;
mod history;
mod in_doubt;
mod job;
mod job_head;
mod job_keys;
mod job_resume;
mod jobs;
mod keys;
mod messages;
mod nothing_named;
mod journal_updates;
mod locale;
mod number_changes;
mod open_issues;
mod own_jobs;
mod pauses;
mod pin_form;
mod questions;
mod quitting;
mod recording;
mod refreshing;
mod selection;
mod turned_off;
mod snapshots;
mod unread_wabas;
mod window_sizes;
mod many_pins;
