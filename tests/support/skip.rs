//! Saying that a test cannot run here.
//!
//! It is said on the process's own standard error: what a test that passes prints by macro is shown to nobody.

use std::io::Write as _;

/// A program is missing that could be installed.
pub(crate) fn missing(program: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {program} is not installed").ok();
}

/// The system does not let a test do what it needs.
pub(crate) fn not_allowed(what: &str) {
    writeln!(std::io::stderr(), "SKIPPED, not allowed here: {what}").ok();
}
