//! What commands print.

pub(crate) mod table;
pub(crate) mod numbers;
pub(crate) mod job;
