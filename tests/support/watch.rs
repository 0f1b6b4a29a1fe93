//! An end for processes that do not come to theirs: a test that waits for ever tells nobody why.

use std::fs;
use std::io::{self, Write as _};
use std::process::{Child, Output};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than any process of a test takes, on a busy machine as well.
const TIMEOUT: Duration = Duration::from_mins(3);

/// Tells what a process does after [`LIMIT`], and kills it then. Has to end before somebody else may get its number.
pub(crate) struct Watchdog {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn start(child: &Child) -> Self {
        let (over, is_over) = mpsc::channel();
        let pid = Pid::from_child(child);
        let watching = thread::spawn(move || {
            if is_over.recv_timeout(TIMEOUT) == Err(RecvTimeoutError::Timeout) {
                report_hung_process(pid);
                kill_process(pid, Signal::KILL).ok();
            }
        });
        Self { done: Some(over), thread: Some(watching) }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.done.take());
        self.thread.take().map(JoinHandle::join);
    }
}

/// How a process ended, and what it said.
pub(crate) fn wait_with_output(child: Child) -> Output {
    let _watch = Watchdog::start(&child);
    child.wait_with_output().expect("it ends")
}

/// Says it on the process's own standard error: what a test prints by macro is lost with the test runner.
fn report_hung_process(pid: Pid) {
    let mut stderr = io::stderr();
    let pid = pid.as_raw_nonzero();
    writeln!(stderr, "process {pid} does not end").ok();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        let status = read("status");
        let words = ["Name", "State", "SigPnd", "ShdPnd", "SigBlk"];
        let told = status.lines().filter(|line| words.iter().any(|word| line.starts_with(word)));
        let told = told.collect::<Vec<_>>().join(" ");
        writeln!(stderr, "  {told} {} {}", read("wchan"), read("syscall").trim()).ok();
    }
}
