//! Which processes are alive: each holds a lock on a file of its own, which the kernel releases when it dies.
//!
//! It uses no process ids, because the kernel reuses them.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::state_dir::{OpenMode, StateDir, StateDirError};

const LOCK_FILE_PREFIX: &str = "running.";

/// The file of this process, locked as long as this lives.
#[derive(Debug)]
pub(super) struct RunLock {
    dir: StateDir,
    run_id: String,
    _file: File,
}

impl RunLock {
    /// Registers a run, and removes the files of runs that died. The caller holds the lock of all writers.
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
        // Waits: another process may just be checking.
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| system(errno.into()))?;
        Ok(Self { dir: dir.clone(), run_id: run, _file: file })
    }

    /// The id of this run.
    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The state directory.
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
        // The next process removes what is left.
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
    // Shared, so that two checks at once do not take each other for the owner.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}
