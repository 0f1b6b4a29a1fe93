//! The process behind a pseudo-terminal, and how it ended.

use rustix::process::{Pid, Signal};

/// A process, which can outlive its terminal for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(super) Pid);

impl Process {
    /// The CPU time that the process has used, in hundredths of a second.
    pub(crate) fn cpu_ticks(self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("the process exists");
        let after_name = stat.rsplit_once(')').expect("a name in parentheses").1;
        after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().expect("a number")).sum()
    }

    /// Sends a signal to the process.
    pub(crate) fn kill(self, signal: Signal) {
        rustix::process::kill_process(self.0, signal).expect("the process exists");
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessExit {
    /// The exit code.
    pub(crate) code: u32,
    /// False if a signal ended it.
    pub(crate) is_normal: bool,
}

impl ProcessExit {
    /// A program that ended by itself with this code.
    pub(crate) fn with_code(code: u32) -> Self {
        Self { code, is_normal: true }
    }
}
