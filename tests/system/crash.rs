//! What survives a crash: processes are killed at random moments, disks fail or fill up, and strace shows in which
//! order records are synced and PINs are sent.
//!
//! The default run kills over sixty processes. For a long run: `PINDESK_KILLS=500 PINDESK_KILLS_WITH_FAULTS=300
//! PINDESK_KILLS_IN_PAUSES=300 PINDESK_KILLS_OF_CHANGES=100 cargo test --test system crash`, and
//! `PINDESK_SECONDS_OF_RANDOM_REPLIES=600` for replies at random. `PINDESK_SEED` selects other random moments.

mod console;
mod disk_failures;
mod kills;
mod pauses;
mod random_replies;
mod re_encryption;
mod single_change;
