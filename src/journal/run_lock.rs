//! Tells which processes are alive: each run holds a lock on its own file, and the kernel releases it when the process
//! dies.
//!
//! It never uses process IDs, because the kernel reuses them.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::state_dir::{OpenMode, StateDir, StateDirError};

/// The file of a run has this prefix before its ID.
pub(super) const LOCK_FILE_PREFIX: &str = "running.";

/// The locked file of this run. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct RunLock {
    dir: StateDir,
    run_id: String,
    _file: File,
}

impl RunLock {
    /// Creates and locks the file of a run, and removes the files of runs that ended. The caller holds the lock of all
    /// writers.
    pub(super) fn acquire(dir: &StateDir, run_id: String) -> Result<Self, StateDirError> {
        let io_error = |error| StateDirError::Io {
            path: crate::domain::text::CleanText::new(&dir.path().to_string_lossy()),
            error,
        };
        for name in dir.file_names_with_prefix(LOCK_FILE_PREFIX).map_err(io_error)? {
            if !is_locked(dir, &name).map_err(io_error)? {
                dir.remove_file(&name).map_err(io_error)?;
            }
        }
        let file = dir.open_file(&lock_file_name(&run_id), OpenMode::ReadWrite)?;
        // Waits, because another process may hold a shared lock for a moment to check this run.
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| io_error(errno.into()))?;
        Ok(Self { dir: dir.clone(), run_id, _file: file })
    }

    /// The ID of this run.
    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The directory of the journal.
    pub(super) const fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// True for a live run of another process.
    pub(super) fn is_other_live_run(&self, run_id: &str) -> io::Result<bool> {
        Ok(run_id != self.run_id && is_run_alive(&self.dir, run_id)?)
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // If this fails, the next process removes the file.
        self.dir.remove_file(&lock_file_name(&self.run_id)).ok();
    }
}

fn lock_file_name(run_id: &str) -> String {
    format!("{LOCK_FILE_PREFIX}{run_id}")
}

/// Which runs are alive. It checks each run once, so that what it answers does not change in between.
#[derive(Debug)]
pub(super) struct LiveRuns<'a> {
    dir: &'a StateDir,
    known: HashMap<String, bool>,
}

impl<'a> LiveRuns<'a> {
    pub(super) fn new(dir: &'a StateDir) -> Self {
        Self { dir, known: HashMap::new() }
    }

    /// The same for all runs but this one, which counts as ended: it knows itself what it works on.
    pub(super) fn of_others(own: &'a RunLock) -> Self {
        Self { dir: &own.dir, known: HashMap::from([(own.run_id.clone(), false)]) }
    }

    /// True if the process of this run is alive.
    pub(super) fn is_alive(&mut self, run_id: &str) -> io::Result<bool> {
        if let Some(is_alive) = self.known.get(run_id) {
            return Ok(*is_alive);
        }
        let is_alive = is_run_alive(self.dir, run_id)?;
        self.known.insert(run_id.to_owned(), is_alive);
        Ok(is_alive)
    }
}

/// A run whose process is alive, if there is one.
pub(super) fn any_live_run(dir: &StateDir) -> io::Result<Option<String>> {
    for name in dir.file_names_with_prefix(LOCK_FILE_PREFIX)? {
        if is_locked(dir, &name)? {
            return Ok(name.strip_prefix(LOCK_FILE_PREFIX).map(str::to_owned));
        }
    }
    Ok(None)
}

/// True if the process of this run is alive.
pub(super) fn is_run_alive(dir: &StateDir, run_id: &str) -> io::Result<bool> {
    is_locked(dir, &lock_file_name(run_id))
}

fn is_locked(dir: &StateDir, name: &str) -> io::Result<bool> {
    let file = match dir.open_file(name, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(false),
        Err(error) => return Err(io::Error::other(error)),
    };
    // A shared lock, so that two concurrent checks do not mistake each other for the owner.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}
