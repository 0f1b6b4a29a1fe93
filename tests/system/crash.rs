//! What survives a crash: processes are killed at random moments, disks fail or fill up, and strace shows in which
//! order records are synced and PINs are sent.
//!
//! The default run kills over sixty processes. For a long run: `PINDESK_KILLS=500 PINDESK_KILLS_WITH_FAULTS=300
//! PINDESK_KILLS_IN_PAUSES=300 PINDESK_KILLS_OF_CHANGES=100 cargo test --test system crash`. `PINDESK_SEED` selects other
//! random moments.

mod console;
mod disk_failures;
mod kills;
mod pauses;
mod single_change;
