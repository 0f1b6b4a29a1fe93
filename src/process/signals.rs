//! Which signals end the process, and how it suspends: only if a shell can resume it.
//!
//! The program catches SIGTSTP, so that a signal from outside suspends it as the key does. It therefore cannot raise
//! SIGTSTP to suspend itself. It raises SIGSTOP, which always suspends, so this module first applies the rules of the
//! kernel for SIGTSTP. It never restores the terminal.

use std::fmt::Display;
use std::sync::Arc;
use std::{fs, io, iter};

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    SIGXFSZ,
};

/// Signals that ask a program to end.
pub const TERMINATION_SIGNALS: [i32; 4] = [SIGHUP, SIGTERM, SIGINT, SIGQUIT];

/// Signals that pindesk does not use and that would end it at once. Signals that a crash raises are not in this list,
/// because catching them does not help.
pub const UNUSED_FATAL_SIGNALS: [i32; 7] = [SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU];

/// Lets a write fail that would make a file larger than the limit of the process, instead of ending the process.
///
/// # Errors
/// If the system refuses.
pub fn catch_file_size_signal() -> io::Result<()> {
    if !is_ignored(SIGXFSZ) {
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    }
    Ok(())
}

/// Suspends the process, and returns when it resumes. It does nothing if no shell could resume the process.
///
/// # Errors
/// If the system refuses.
pub fn suspend() -> io::Result<()> {
    if is_orphaned() {
        return Ok(());
    }
    // The signal goes to this thread and not to the process, so that the process has stopped when this returns.
    signal_hook::low_level::raise(SIGSTOP)
}

/// False if the program started with SIGTSTP ignored. Call this before the program catches the signal.
#[must_use]
pub fn can_suspend() -> bool {
    !is_ignored(SIGTSTP)
}

/// True if the program started with this signal ignored, as under `nohup` or in a captive shell. Call this before the
/// program catches the signal.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & (1 << (signal - 1)) != 0
}

/// False if the shell has given the terminal to another job.
#[must_use]
pub fn is_in_foreground() -> bool {
    // A process without a terminal counts as in the foreground, because it cannot disturb another job.
    ProcessIds::read("self").is_none_or(|this| this.foreground_group == -1 || this.foreground_group == this.group)
}

/// True if no ancestor outside this process group belongs to the same session. Then no shell would resume the group,
/// and the kernel would not suspend it either.
fn is_orphaned() -> bool {
    let Some(this) = ProcessIds::read("self") else { return true };
    let ancestors = iter::successors(this.parent(), ProcessIds::parent);
    !ancestors.take_while(|ancestor| ancestor.session == this.session).any(|ancestor| ancestor.group != this.group)
}

/// The ids of a process and its groups.
///
/// In a container, a group or session whose leader is outside has the id 0, which rustix does not accept. So this type
/// reads the ids from `/proc`.
struct ProcessIds {
    parent: i32,
    group: i32,
    session: i32,
    /// The foreground group of its terminal; -1 if it has none.
    foreground_group: i32,
}

impl ProcessIds {
    fn read(pid: impl Display) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the process, in parentheses, may contain any character.
        let mut ids = stat.rsplit(')').next()?.split_whitespace().skip(1).map(str::parse);
        let mut next = || ids.next()?.ok();
        let (parent, group, session) = (next()?, next()?, next()?);
        // Skip the terminal.
        next()?;
        Some(Self { parent, group, session, foreground_group: next()? })
    }

    fn parent(&self) -> Option<Self> {
        Self::read(self.parent)
    }
}
