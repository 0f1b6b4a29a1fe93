//! The files of the database: their names, and whether they are still the ones that were opened.
//!
//! It never reads what is in them.

use std::io;
use std::path::Path;

use crate::domain::text::CleanText;
use crate::state_dir::StateDir;

/// The file name of the database.
pub(super) const DATABASE_FILE: &str = "journal.db";

/// The files that SQLite creates next to the database.
pub(super) const SIDECAR_FILES: [&str; 2] = ["journal.db-wal", "journal.db-shm"];

/// Identifies the files of the database: a device and an inode for each. If a process writes to files that no longer
/// have these names, no other process sees its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseIdentity([Option<(u64, u64)>; 3]);

impl DatabaseIdentity {
    const FILE_NAMES: [&str; 3] = [DATABASE_FILE, SIDECAR_FILES[0], SIDECAR_FILES[1]];

    /// Identifies the files that have the names now.
    pub(super) fn read(dir: &StateDir) -> io::Result<Self> {
        let [database, wal, shm] = Self::FILE_NAMES.map(|name| dir.file_identity(name));
        Ok(Self([database?, wal?, shm?]))
    }

    /// Whether the database itself is still the file that was opened, whatever became of the others.
    pub(super) fn has_same_database(&self, dir: &StateDir) -> bool {
        dir.file_identity(DATABASE_FILE).is_ok_and(|file| file == self.0[0])
    }

    /// The first name that no longer belongs to the file that was opened.
    pub(super) fn first_replaced(&self, dir: &StateDir) -> io::Result<Option<&'static str>> {
        let current = Self::read(dir)?;
        let files = Self::FILE_NAMES.into_iter().zip(self.0.iter().zip(&current.0));
        Ok(files.into_iter().find_map(|(name, (opened, current))| (opened != current).then_some(name)))
    }
}

/// The write-ahead log: transactions that are not in the database file yet.
pub(super) const WAL_FILE: &str = SIDECAR_FILES[0];

/// Where the database of a state directory is, for messages.
pub(super) fn database_path(dir: &Path) -> CleanText {
    CleanText::new(&dir.join(DATABASE_FILE).to_string_lossy())
}
