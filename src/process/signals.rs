//! Which signals end the process; and its stop, as by Ctrl-Z: only where somebody is there to continue it.
//!
//! The signal of Ctrl-Z itself cannot be used: it is caught, so that what comes from outside stops the program as well
//! as the key does. The one that cannot be caught stops without asking, so the kernel's own rules are kept here.

use std::fmt::Display;
use std::{fs, io, iter};

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    SIGXFSZ,
};

/// Signals that ask a program for its end.
pub const TERMINATION_SIGNALS: [i32; 4] = [SIGHUP, SIGTERM, SIGINT, SIGQUIT];

/// Signals that mean nothing here, and would end a program at once all the same. Those that a fault of its own raises are
/// not among them: to catch them helps nobody.
pub const UNUSED_FATAL_SIGNALS: [i32; 8] = [SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU, SIGXFSZ];

/// Stops the process; returns when it goes on. Does nothing where nobody could continue it.
///
/// # Errors
/// When the system refuses.
pub fn suspend() -> io::Result<()> {
    if is_orphaned() {
        return Ok(());
    }
    // To this thread, not to the process: then it has stopped when this returns.
    signal_hook::low_level::raise(SIGSTOP)
}

/// False if Ctrl-Z was to be ignored when the program started. Asked before anybody catches its signal.
#[must_use]
pub fn can_suspend() -> bool {
    !is_ignored(SIGTSTP)
}

/// True if this signal was to be ignored when the program started: as under `nohup`, or in a shell that lets nobody out.
/// Asked before anybody catches it.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & (1 << (signal - 1)) != 0
}

/// False if a shell has given the terminal to another job.
#[must_use]
pub fn is_in_foreground() -> bool {
    // Without a terminal of its own it is in nobody's way.
    ProcessIds::read("self").is_none_or(|this| this.foreground_group == -1 || this.foreground_group == this.group)
}

/// True if no ancestor outside this process group belongs to the same session: then no shell would continue the group,
/// and the kernel does not stop it either.
fn is_orphaned() -> bool {
    let Some(this) = ProcessIds::read("self") else { return true };
    let ancestors = iter::successors(this.parent(), ProcessIds::parent);
    !ancestors.take_while(|ancestor| ancestor.session == this.session).any(|ancestor| ancestor.group != this.group)
}

/// What the system tells of a process: whom it belongs to, by process ids.
///
/// In a container, whoever leads a group or session from outside has the id 0, which the library for the system's own
/// calls does not expect; so they are read from `/proc`.
struct ProcessIds {
    parent: i32,
    group: i32,
    session: i32,
    /// The group that has its terminal; -1 where there is none.
    foreground_group: i32,
}

impl ProcessIds {
    fn read(pid: impl Display) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let mut ids = stat.rsplit(')').next()?.split_whitespace().skip(1).map(str::parse);
        let mut next = || ids.next()?.ok();
        let (parent, group, session) = (next()?, next()?, next()?);
        // After the terminal itself.
        next()?;
        Some(Self { parent, group, session, foreground_group: next()? })
    }

    fn parent(&self) -> Option<Self> {
        Self::read(self.parent)
    }
}
