//! The decisions of the journal, as functions of values: whether a PIN may be sent, what ends a doubt, whether the
//! recipients are known, and what recovery makes of what it finds.
//!
//! They read no rows, files or clocks, and write nothing.

pub(super) mod change_state;
pub(super) mod recent_sets;
pub(super) mod recipients;
pub(super) mod recovery;
pub(super) mod send;
