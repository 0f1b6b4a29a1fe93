//! Pure rules: what an error means, when to retry, and when to stop. They never read a clock or do I/O.

pub mod error_catalog;
pub mod quota;
pub mod retry;
pub mod rotation;
pub(crate) mod breaker;
