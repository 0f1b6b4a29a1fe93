//! The last line of defence, seen from outside: processes killed at random moments, disks that fail or fill up, and the order
//! in which records are synced and PINs leave.
//!
//! Forty kills run here. The long loop is the same one: `PINDESK_KILLS=500 PINDESK_KILLS_WITH_FAULTS=300 cargo test --test
//! crash`, and `PINDESK_SEED` for other moments.

mod support {
    pub(crate) mod company;
    pub(crate) mod judge;
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod skip;
    pub(crate) mod trace;
}

mod failure {
    mod disks;
    mod kills;
}
