//! Copies the journal and the escrow file to another directory, while other processes write, and checks the copy.
//!
//! The order makes the copy safe to restore: first the saved head of the audit log, then the database, then the escrow
//! file. So the head is not ahead of the rows, unless rows were lost, and the escrow file has the PIN of every change in
//! the database. It never writes to the directory that it copies, or over a file.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use super::audit::HEAD_FILE;
use super::error::StorageError;
use super::sqlite::backup::copy_database;
use super::sqlite::inspection;
use super::sqlite::reader::JournalReader;
use super::{AuditProblem, JournalError};
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::escrow::{EscrowFile, EscrowPosition};
use crate::state_dir::{OpenMode, StateDir, StateDirError};

/// A backup that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// How many rows the copy of the audit log has; 0 if it could not be verified.
    pub rows: i64,
    /// How many encrypted PINs the copy of the escrow file has.
    pub encrypted_pins: usize,
    /// What is wrong with the journal, and so with its copy: sentences without a full stop. Empty if nothing is.
    pub problems: Vec<CleanText>,
}

/// No backup was made. A directory that was created stays, and may have part of the copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is in the directory. Nothing was written.
    #[error("{0}: it is not empty. A backup needs a new or an empty directory, so that it replaces nothing")]
    NotEmpty(CleanText),
    /// The directory or a file in it cannot be used.
    #[error(transparent)]
    Directory(#[from] StateDirError),
    /// The journal cannot be read, or its copy cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl JournalReader {
    /// Copies the journal and the escrow file to a new or an empty directory, syncs and checks the copy. Other processes
    /// may write meanwhile: what they commit during the copy may be missing from it.
    ///
    /// # Errors
    /// [`BackupError`] if the copy is incomplete. A complete copy of a damaged journal is no error: see
    /// [`Backup::problems`].
    pub fn back_up(&self, target: &Path) -> Result<Backup, BackupError> {
        let target = StateDir::open_or_create(target)?;
        let io_error = |error| target.io_error(".", error);
        if !target.is_empty().map_err(io_error)? {
            return Err(BackupError::NotEmpty(redacted_path(target.path())));
        }
        let saved_head = read_head(self.dir())?;
        copy_database(self.connection(), &target)?;
        EscrowFile::copy_lines(self.dir(), &target)?;
        if let Some(saved_head) = saved_head {
            let file = target.open_file(HEAD_FILE, OpenMode::ReadWrite)?;
            write_and_sync(file, &saved_head).map_err(|error| target.io_error(HEAD_FILE, error))?;
        }
        target.sync().and_then(|()| sync_parent(target.path())).map_err(io_error)?;
        Ok(check(&target)?)
    }
}

/// The content of the saved head; `None` if there is none. It is not parsed, because what is wrong with it must be
/// wrong with the copy, too.
fn read_head(dir: &StateDir) -> Result<Option<Vec<u8>>, StateDirError> {
    /// Many times the length of a head.
    const MAX_HEAD_BYTES: u64 = 4096;
    let file = match dir.open_file(HEAD_FILE, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(MAX_HEAD_BYTES).read_to_end(&mut content).map_err(|error| dir.io_error(HEAD_FILE, error))?;
    Ok(Some(content))
}

fn write_and_sync(mut file: File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

/// Makes the name of the directory durable.
fn sync_parent(dir: &Path) -> io::Result<()> {
    match dir.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads the whole copy, as its first reader would.
fn check(copy: &StateDir) -> Result<Backup, JournalError> {
    let sentence = |problem: AuditProblem| CleanText::new(&problem.to_string());
    let (rows, mut problems) = match JournalReader::open(copy)?.verify_audit()? {
        Ok(verified) => (verified.rows, Vec::new()),
        Err(problems) => (0, problems.into_iter().map(sentence).collect()),
    };
    let mut encrypted_pins = 0;
    let count = |_| {
        encrypted_pins += 1;
        Ok::<_, StorageError>(())
    };
    EscrowFile::scan(copy, EscrowPosition::default(), count)?.map_err(|error| error.into_journal_error(copy))?;
    problems.extend(inspection::inspect(copy, &[])?.findings);
    Ok(Backup { rows, encrypted_pins, problems })
}
