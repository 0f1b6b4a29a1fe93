//! Whole sessions in the console: real state, real view and real worker, against the simulator over HTTP.
//!
//! They use no terminal: the driver sends events and reads the buffer.

mod failures;
mod list;
mod other_processes;
mod pages;
mod recovery;
mod set_pin;
mod snapshots;

/// Acme Repairs Deliveries: two-step verification is not set.
const NOT_SET_NUMBER: &str = "+1 415-555-0114";
const NOT_SET_ID: &str = "200000000000002";
/// Acme Grocers Central: two-step verification is not set.
const OTHER_NOT_SET_NUMBER: &str = "+1 205-555-0105";
const OTHER_NOT_SET_ID: &str = "200000000000009";
/// Umbrella Florists Harbour: two-step verification is on.
const ON_NUMBER: &str = "+1 212-555-0101";
const ON_ID: &str = "200000000000001";
/// Wonka Sweets University: Meta does not report its two-step verification.
const UNKNOWN_NUMBER: &str = "+1 312-555-0127";

const PIN: &str = "409726";
const OTHER_PIN: &str = "838271";

/// Meta applies every request for the number, and answers none.
const APPLIED_NO_ANSWER_FAULT: &str = "[[fault]]\nnumber = \"200000000000002\"\nanswer = \"reset-after\"";
/// Meta applies every request for the number, and answers none of the first four.
const APPLIED_NO_ANSWER_FOUR_TIMES_FAULT: &str =
    "[[fault]]\nnumber = \"200000000000002\"\ntimes = 4\nanswer = \"reset-after\"";
/// Every request for the number times out.
const TIMEOUT_FAULT: &str = "[[fault]]\nnumber = \"200000000000002\"\nanswer = \"timeout\"";
/// Meta refuses every request for the number.
const REFUSED_FAULT: &str = "[[fault]]\nnumber = \"200000000000002\"\nanswer = { code = 133010, status = 400 }";
