//! The lock that all writers of a state directory share: waiting for it, and finding its holder.
//!
//! It never waits without limit: the holder may be suspended, and then never releases it.

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

/// The delay between the first tries; doubled after each.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(2);

/// The maximum delay between tries: short enough to get in between the groups of a process that writes without a break.
const MAX_RETRY_DELAY: Duration = Duration::from_millis(32);

/// How many times the list of locks is read to find a holder: while it is read, a lock that any process releases can
/// make the kernel skip another.
const MAX_HOLDER_LOOKUPS: usize = 8;

/// The lock was not acquired. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process held it all the time.
    #[error("{0}")]
    Held(LockHolder),
    /// The system has no more locks, or the file is no longer the escrow file.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The holder of the lock: a sentence that names it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// Its process, if the system reports it.
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
                "process {pid} holds the lock of {file} and may be stopped. To let it go on: kill -CONT {pid}, and to \
                 end it after that: kill {pid}"
            ),
            None => write!(
                f,
                "another process holds the lock of {file} and may be stopped. Let it go on, or end it; to find it: \
                 fuser -v {file}"
            ),
        }
    }
}

/// Acquires the lock of an open file, and retries until the timeout.
pub(super) fn acquire(file: &File, dir: &StateDir, name: &str, patience: Duration) -> Result<(), LockError> {
    let start = Instant::now();
    let mut wait = MIN_RETRY_DELAY;
    loop {
        let is_last = start.elapsed() >= patience;
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if is_last => {
                let pid = find_holder_pid(file)?;
                return Err(LockError::Held(LockHolder { pid, file: shell_quote(&dir.path().join(name)) }));
            }
            Err(Errno::WOULDBLOCK) => thread::sleep(wait.min(patience.saturating_sub(start.elapsed()))),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
        wait = MAX_RETRY_DELAY.min(wait * 2);
    }
}

/// The process that holds the lock of a file, from `/proc/locks`; `None` if that names the file by another device, or
/// does not know the process, because naming the wrong process would be worse.
///
/// Source: man7.org/linux/man-pages/man5/proc_locks.5.html.
fn find_holder_pid(file: &File) -> io::Result<Option<u32>> {
    let found = file.metadata()?;
    let (major, minor, inode) = (major(found.dev()), minor(found.dev()), found.ino());
    let place = format!("{major:02x}:{minor:02x}:{inode}");
    Ok((0..MAX_HOLDER_LOOKUPS).find_map(|_| {
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        locks.lines().find_map(|line| parse_holder_pid(line, &place))
    }))
}

/// The process of a line such as `1: FLOCK  ADVISORY  WRITE 712 fe:00:1016 0 EOF`.
fn parse_holder_pid(line: &str, place: &str) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // A process that only waits has an arrow before this.
    let [_, "FLOCK", _, "WRITE", pid, at, ..] = words[..] else { return None };
    // A process of another container has no number here.
    pid.parse().ok().filter(|pid| at == place && *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_read_from_the_line_of_the_file_and_no_other() {
        let place = "fe:00:1016";
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
            assert_eq!(parse_holder_pid(line, place), pid, "{line}");
        }
    }
}
