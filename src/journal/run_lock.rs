//! Which processes are alive: each holds a lock on a file of its own, which the kernel gives back when it dies.
//!
//! It asks for no process id: another process may have the same one by now.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::state_dir::{OpenMode, StateDir, StateDirError};

const LOCK_FILE_PREFIX: &str = "running.";

/// This process's file, locked as long as this lives.
#[derive(Debug)]
pub(super) struct RunLock {
    dir: StateDir,
    run_id: String,
    _file: File,
}

impl RunLock {
    /// Says that a run has begun, and clears away the files of those that ended without a word. The lock of all
    /// writers has to be held.
    pub(super) fn acquire(dir: &StateDir, run: String) -> Result<Self, StateDirError> {
        let system = |error| StateDirError::Io {
            path: crate::domain::text::CleanText::new(&dir.path().to_string_lossy()),
            error,
        };
        for name in dir.file_names_with_prefix(LOCK_FILE_PREFIX).map_err(system)? {
            if !is_locked(dir, &name).map_err(system)? {
                dir.remove_file(&name).map_err(system)?;
            }
        }
        let file = dir.open_file(&lock_file_name(&run), OpenMode::ReadWrite)?;
        // Waits: somebody may just be looking.
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| system(errno.into()))?;
        Ok(Self { dir: dir.clone(), run_id: run, _file: file })
    }

    /// This run.
    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Where it says so.
    pub(super) fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// True for a living run of another process.
    pub(super) fn is_other_live_run(&self, run: &str) -> io::Result<bool> {
        Ok(run != self.run_id && is_run_alive(&self.dir, run)?)
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // What is left behind is cleared away by the next one.
        self.dir.remove_file(&lock_file_name(&self.run_id)).ok();
    }
}

fn lock_file_name(run: &str) -> String {
    format!("{LOCK_FILE_PREFIX}{run}")
}

/// True if the process of this run lives.
pub(super) fn is_run_alive(dir: &StateDir, run: &str) -> io::Result<bool> {
    is_locked(dir, &lock_file_name(run))
}

fn is_locked(dir: &StateDir, name: &str) -> io::Result<bool> {
    let file = match dir.open_file(name, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(false),
        Err(error) => return Err(io::Error::other(error)),
    };
    // Shared, so that two who look at once do not take each other for the owner.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}
