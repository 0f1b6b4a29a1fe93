//! Pure rules: what an error means, when to retry, and when to stop.

pub mod error_catalog;
pub mod retry;
pub(crate) mod breaker;
