//! Pure rules: what an error means, when to retry, and when to stop. They read no clock and do no I/O.

pub mod error_catalog;
pub mod retry;
pub(crate) mod breaker;
