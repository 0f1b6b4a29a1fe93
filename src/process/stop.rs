//! Stops the process as Ctrl-Z does: only where somebody is there to continue it.
//!
//! The signal of Ctrl-Z itself cannot be used: it is caught, so that what comes from outside stops the program as well
//! as the key does. The one that cannot be caught stops without asking, so the kernel's own rules are kept here.

use std::fs;
use std::io;

use rustix::process::Pid;
use signal_hook::consts::SIGSTOP;

/// Stops the process; returns when it goes on. Does nothing where nobody could continue it.
///
/// # Errors
/// When the system refuses.
pub fn stop() -> io::Result<()> {
    if is_orphaned() {
        return Ok(());
    }
    // To this thread, not to the process: then it has stopped when this returns.
    signal_hook::low_level::raise(SIGSTOP)
}

/// True if this signal was to be ignored when the program started: as under `nohup`, or in a shell that lets nobody out.
/// Asked before anybody catches it.
#[must_use]
pub fn ignores(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & (1 << (signal - 1)) != 0
}

/// True if no ancestor outside this process group belongs to the same session: then no shell would continue the group,
/// and the kernel does not stop it either.
fn is_orphaned() -> bool {
    let (session, group) = (rustix::process::getsid(None), rustix::process::getpgrp());
    let mut ancestor = rustix::process::getppid();
    while let Some(pid) = ancestor {
        if session.is_err() || rustix::process::getsid(Some(pid)) != session {
            return true;
        }
        if rustix::process::getpgid(Some(pid)) != Ok(group) {
            return false;
        }
        ancestor = parent_of(pid);
    }
    true
}

/// The parent of another process.
fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name, in parentheses, may hold anything.
    let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?;
    Pid::from_raw(parent.parse().ok()?)
}
