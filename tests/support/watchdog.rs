//! A time limit for child processes: it reports what a process that hangs is doing, and kills it.

use std::fs;
use std::io::{self, Write as _};
use std::process::{Child, Output};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than any process of a test takes, even on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(3);

/// Reports what a process is doing after [`TIMEOUT`], and then kills it. Drop it before the process is reaped: after
/// that the system may give its process ID to another process.
pub(crate) struct Watchdog {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn start(child: &Child) -> Self {
        let (done, is_done) = mpsc::channel();
        let pid = Pid::from_child(child);
        let thread = thread::spawn(move || {
            if is_done.recv_timeout(TIMEOUT) == Err(RecvTimeoutError::Timeout) {
                report_hung_process(pid);
                kill_process(pid, Signal::KILL).ok();
            }
        });
        Self { done: Some(done), thread: Some(thread) }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.done.take());
        self.thread.take().map(JoinHandle::join);
    }
}

/// Waits for the end of a process, at most [`TIMEOUT`], and returns its output.
pub(crate) fn wait_with_output(child: Child) -> Output {
    let _watchdog = Watchdog::start(&child);
    child.wait_with_output().expect("the process ends")
}

/// Writes to the standard error of the test process, because the test runner captures what a macro prints.
fn report_hung_process(pid: Pid) {
    let mut stderr = io::stderr();
    let pid = pid.as_raw_nonzero();
    writeln!(stderr, "process {pid} does not end").ok();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        let status = read("status");
        let names = ["Name", "State", "SigPnd", "ShdPnd", "SigBlk"];
        let fields = status.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        let fields = fields.collect::<Vec<_>>().join(" ");
        writeln!(stderr, "  {fields} {} {}", read("wchan"), read("syscall").trim()).ok();
    }
}
