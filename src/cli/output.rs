//! What commands print: results to standard output, messages to standard error. It decides nothing about the work.

pub(crate) mod message;
pub(crate) mod stdio;
pub(crate) mod table;
pub(crate) mod names;
pub(crate) mod options;
pub(crate) mod result_fields;
pub(crate) mod meta_fields;
pub(crate) mod numbers;
pub(crate) mod number_table;
pub(crate) mod tally;
pub(crate) mod job;
pub(crate) mod dry_run;
pub(crate) mod audit_row;
