//! Saying that a test cannot run here.
//!
//! It is said on the process's own standard error: what a test that passes prints by macro is shown to nobody.

use std::fs;
use std::io::Write as _;

/// A program is missing that could be installed.
pub(crate) fn missing_program(program: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {program} is not installed").ok();
}

/// The system does not let a test do what it needs.
pub(crate) fn not_allowed(what: &str) {
    writeln!(std::io::stderr(), "SKIPPED, not allowed here: {what}").ok();
}

/// True, and said so, where the machine was started so few seconds ago that nothing can have happened that long ago on it.
pub(crate) fn if_uptime_below(seconds: u64) -> bool {
    let uptime = fs::read_to_string("/proc/uptime").expect("it is told");
    let whole = uptime.split('.').next().expect("a number");
    let is_younger = whole.parse::<u64>().expect("seconds") < seconds;
    if is_younger {
        not_allowed(&format!("a test of what was {seconds} s ago, on a machine started since"));
    }
    is_younger
}
