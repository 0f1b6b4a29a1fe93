//! Copies the database to another directory, as it is at one moment, while other processes write to it.

use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use crate::journal::database_files::DATABASE_FILE;
use crate::journal::error::{JournalError, StorageError};
use crate::state_dir::{OpenMode, StateDir};

/// How many pages are copied under one read of the database: all of them, so that a write of another process never
/// starts the copy again.
const ALL_PAGES: i32 = i32::MAX;

/// How long to wait before another try while the database is locked.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Copies the database to a directory that has none, and syncs the copy.
pub(in crate::journal) fn copy_database(db: &Connection, to: &StateDir) -> Result<(), JournalError> {
    let sqlite_error = |error: rusqlite::Error| StorageError::from(error).into_journal_error(to);
    let io_error = |error: std::io::Error| StorageError::from(error).into_journal_error(to);
    let file = to.open_file(DATABASE_FILE, OpenMode::ReadWrite)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut copy = Connection::open_with_flags(to.canonical_path(DATABASE_FILE)?, flags).map_err(sqlite_error)?;
    Backup::new(db, &mut copy)
        .and_then(|backup| backup.run_to_completion(ALL_PAGES, RETRY_PAUSE, None))
        .map_err(sqlite_error)?;
    copy.close().map_err(|(_, error)| sqlite_error(error))?;
    file.sync_all().map_err(io_error)
}
