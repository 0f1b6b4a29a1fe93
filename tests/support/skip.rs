//! Reports that a test cannot run on this machine.
//!
//! The report goes directly to standard error, because the test harness hides what a passing test prints with a macro.

use std::fs;
use std::io::Write as _;

/// The test needs a program that is not installed.
pub(crate) fn missing_program(program: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {program} is not installed").ok();
}

/// The system does not permit what the test needs.
pub(crate) fn not_allowed(what: &str) {
    writeln!(std::io::stderr(), "SKIPPED, not permitted: {what}").ok();
}

/// True if the machine started less than `seconds` ago, so that nothing can be that old on it. It then reports the test
/// as skipped.
pub(crate) fn if_uptime_below(seconds: u64) -> bool {
    let uptime = fs::read_to_string("/proc/uptime").expect("the uptime");
    let whole_seconds = uptime.split('.').next().expect("a number");
    let is_younger = whole_seconds.parse::<u64>().expect("seconds") < seconds;
    if is_younger {
        not_allowed(&format!("a test that needs a machine that started at least {seconds} s ago"));
    }
    is_younger
}
