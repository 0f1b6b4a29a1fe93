//! Acquires the lock that all writers of a state directory share, and finds its holder.
//!
//! It never waits without a timeout, because a suspended holder never releases the lock.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock, major, minor};
use rustix::io::Errno;

use crate::domain::redact::shell_quote;
use crate::domain::text::CleanText;
use crate::state_dir::StateDir;

/// The delay after the first try. It doubles after each try.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(2);

/// The maximum delay between tries: short enough to acquire the lock between two writes of a process that writes
/// without a break.
const MAX_RETRY_DELAY: Duration = Duration::from_millis(32);

/// How many times to read the list of locks to find a holder. If any process releases a lock during a read, the kernel
/// may skip another lock in the list.
const MAX_HOLDER_LOOKUPS: usize = 8;

/// The lock was not acquired. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process held it until the timeout.
    #[error("{0}")]
    Held(LockHolder),
    /// The system has no more locks, or the name no longer belongs to the open file.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The holder of the lock. Its text names the process and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// The process ID of the holder, if the system reports it.
    pid: Option<u32>,
    /// The locked file, quoted for a shell.
    file: CleanText,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, file } = self;
        match pid {
            Some(pid) => write!(
                f,
                "process {pid} holds the lock on {file} and may be suspended. To resume it: kill -CONT {pid}. To end \
                 it after that: kill {pid}"
            ),
            None => write!(
                f,
                "another process holds the lock on {file} and may be suspended. Resume it or end it. To find it: fuser \
                 -v {file}"
            ),
        }
    }
}

/// Acquires the lock of an open file, and retries until the timeout.
pub(super) fn acquire(file: &File, dir: &StateDir, name: &str, timeout: Duration) -> Result<(), LockError> {
    let start = Instant::now();
    let mut delay = MIN_RETRY_DELAY;
    loop {
        let is_last = start.elapsed() >= timeout;
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if is_last => {
                let pid = find_holder_pid(file)?;
                return Err(LockError::Held(LockHolder { pid, file: shell_quote(&dir.path().join(name)) }));
            }
            Err(Errno::WOULDBLOCK) => thread::sleep(delay.min(timeout.saturating_sub(start.elapsed()))),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
        delay = MAX_RETRY_DELAY.min(delay * 2);
    }
}

/// The process that holds the lock on a file, from `/proc/locks`. `None` if the list names the file by another device,
/// or does not name the process: no process is better than the wrong one.
///
/// Source: man7.org/linux/man-pages/man5/proc_locks.5.html.
fn find_holder_pid(file: &File) -> io::Result<Option<u32>> {
    let metadata = file.metadata()?;
    let (major, minor, inode) = (major(metadata.dev()), minor(metadata.dev()), metadata.ino());
    let file_id = format!("{major:02x}:{minor:02x}:{inode}");
    Ok((0..MAX_HOLDER_LOOKUPS).find_map(|_| {
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        locks.lines().find_map(|line| parse_holder_pid(line, &file_id))
    }))
}

/// The process of a line such as `1: FLOCK  ADVISORY  WRITE 712 fe:00:1016 0 EOF`.
fn parse_holder_pid(line: &str, file_id: &str) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    // The line of a process that only waits has an arrow before `FLOCK`.
    let [_, "FLOCK", _, "WRITE", pid, locked_file, ..] = fields[..] else { return None };
    // A process of another container has no valid PID here.
    pid.parse().ok().filter(|pid| locked_file == file_id && *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_read_only_from_the_line_of_the_file() {
        let file_id = "fe:00:1016";
        let lines = [
            ("1: FLOCK  ADVISORY  WRITE 712 fe:00:1016 0 EOF", Some(712)),
            ("1: FLOCK  ADVISORY  WRITE 712 fe:00:10167 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 712 fe:01:1016 0 EOF", None),
            ("1: -> FLOCK  ADVISORY  WRITE 712 fe:00:1016 0 EOF", None),
            ("1: POSIX  ADVISORY  WRITE 712 fe:00:1016 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 0 fe:00:1016 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE -1 fe:00:1016 0 EOF", None),
            ("", None),
        ];
        for (line, pid) in lines {
            assert_eq!(parse_holder_pid(line, file_id), pid, "{line}");
        }
    }
}
