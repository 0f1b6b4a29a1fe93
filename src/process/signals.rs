//! Which signals end the process, and how it suspends: only if a shell can resume it.
//!
//! It cannot raise SIGTSTP itself, because that is caught, so that a signal from outside suspends the program like the
//! key does. SIGSTOP suspends without asking, so this module applies the kernel's rules itself.

use std::fmt::Display;
use std::{fs, io, iter};

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    SIGXFSZ,
};

/// Signals that ask a program to end.
pub const TERMINATION_SIGNALS: [i32; 4] = [SIGHUP, SIGTERM, SIGINT, SIGQUIT];

/// Signals that mean nothing here and would still end the program at once. Those that a fault of its own raises are not
/// among them: catching them helps nobody.
pub const UNUSED_FATAL_SIGNALS: [i32; 8] = [SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU, SIGXFSZ];

/// Suspends the process, and returns when it resumes. Does nothing if no shell could resume it.
///
/// # Errors
/// When the system refuses.
pub fn suspend() -> io::Result<()> {
    if is_orphaned() {
        return Ok(());
    }
    // To this thread, not to the process, so that it has stopped when this returns.
    signal_hook::low_level::raise(SIGSTOP)
}

/// False if the program started with SIGTSTP ignored. Must be asked before the signal is caught.
#[must_use]
pub fn can_suspend() -> bool {
    !is_ignored(SIGTSTP)
}

/// True if the program started with this signal ignored, as under `nohup` or in a captive shell. Must be asked before
/// the signal is caught.
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
    // A process without a terminal is in nobody's way.
    ProcessIds::read("self").is_none_or(|this| this.foreground_group == -1 || this.foreground_group == this.group)
}

/// True if no ancestor outside of this process group belongs to the same session: then no shell would resume the group,
/// and the kernel does not suspend it either.
fn is_orphaned() -> bool {
    let Some(this) = ProcessIds::read("self") else { return true };
    let ancestors = iter::successors(this.parent(), ProcessIds::parent);
    !ancestors.take_while(|ancestor| ancestor.session == this.session).any(|ancestor| ancestor.group != this.group)
}

/// The ids of a process and its groups.
///
/// In a container, a group or session that is led from outside has the id 0, which rustix does not accept, so the ids
/// are read from `/proc`.
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
        // The name, in parentheses, may hold any character.
        let mut ids = stat.rsplit(')').next()?.split_whitespace().skip(1).map(str::parse);
        let mut next = || ids.next()?.ok();
        let (parent, group, session) = (next()?, next()?, next()?);
        // The terminal.
        next()?;
        Some(Self { parent, group, session, foreground_group: next()? })
    }

    fn parent(&self) -> Option<Self> {
        Self::read(self.parent)
    }
}
