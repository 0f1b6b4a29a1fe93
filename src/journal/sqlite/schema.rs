//! Opens, checks, migrates and closes the database.
//!
//! Triggers refuse to alter or delete a row of any table except `numbers` and those that are derived from others. This
//! module refuses a database of another
//! program, of the other kind or of a later version, and does not change it.

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::domain::text::CleanText;
use crate::journal::database_files::{DATABASE_FILE, DatabaseIdentity, SIDECAR_FILES, WAL_FILE, database_path};
use crate::journal::error::{JournalError, StorageError};
use crate::journal::model::JournalKind;
use crate::state_dir::{OpenMode, StateDir};

/// How long SQLite waits for its own locks. Writers also share a lock outside SQLite.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Each start checks the whole database up to this size (2,000 audit rows), which takes some milliseconds. The check of a
/// larger one would cost every command more than its own work, and block all other writers, because it runs under the
/// shared lock. SQLite still detects damage in what it reads, recovery checks what is newer than the last checkpoint, and
/// `pindesk audit verify` checks everything without that lock.
const MAX_CHECKED_BYTES: u64 = 1 << 20;

/// More than the number of distinct statements, so that SQLite prepares each of them once.
const STATEMENT_CACHE_SIZE: usize = 96;

/// Each step migrates the database from the previous version to its own. The first step creates all tables.
const MIGRATIONS: [(i64, &str); 7] = [
    (1, include_str!("schema.sql")),
    // The newest outcome of each number.
    (2, "CREATE INDEX outcomes_of_number ON outcomes (number, seq)"),
    // What the operator noted about a job.
    (3, "ALTER TABLE jobs ADD COLUMN note TEXT"),
    (4, include_str!("schema_job_ends.sql")),
    (FIRST_BOUND_VERSION, include_str!("schema_row_groups.sql")),
    (6, include_str!("schema_history.sql")),
    (7, include_str!("schema_re_encryptions.sql")),
];

/// From this version on, each audit row binds the rows that are written with it.
pub(super) const FIRST_BOUND_VERSION: i64 = 5;

/// The value with which SQLite reports `synchronous = FULL`.
const SYNCHRONOUS_FULL: i64 = 2;

/// The version of the latest schema.
pub(super) const LATEST_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The application ID in the header of the database: "pind" for a journal of real numbers, "demo" for simulated ones.
const fn application_id(kind: JournalKind) -> i64 {
    match kind {
        JournalKind::Real => 0x7069_6e64,
        JournalKind::Demo => 0x6465_6d6f,
    }
}

/// What an open database says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DatabaseInfo {
    application_id: i64,
    pub(super) version: i64,
    table_count: i64,
}

impl DatabaseInfo {
    /// True if the database has rows of an older version.
    pub(super) const fn is_older(self) -> bool {
        !self.is_empty() && self.version < LATEST_VERSION
    }

    /// True if its audit rows do not bind the rows that were written with them.
    pub(super) const fn is_unbound(self) -> bool {
        !self.is_empty() && self.version < FIRST_BOUND_VERSION
    }

    /// True if the database has never been used.
    pub(super) const fn is_empty(self) -> bool {
        self.table_count == 0 && self.application_id == 0
    }

    /// Checks that this program can use the database, and that it is of this kind, if one is given.
    pub(super) fn check_compatible(self, dir: &StateDir, kind: Option<JournalKind>) -> Result<(), JournalError> {
        let path = || database_path(dir.path());
        let (real, demo) = (application_id(JournalKind::Real), application_id(JournalKind::Demo));
        if self.application_id != real && self.application_id != demo {
            return Err(JournalError::not_a_journal(dir.path()));
        }
        match kind {
            Some(JournalKind::Real) if self.application_id != real => {
                return Err(JournalError::WrongKind { path: path(), kind: "a demo journal, with simulated numbers" });
            }
            Some(JournalKind::Demo) if self.application_id != demo => {
                return Err(JournalError::WrongKind { path: path(), kind: "a journal of real numbers" });
            }
            Some(_) | None => {}
        }
        if self.version > LATEST_VERSION {
            return Err(JournalError::NewerSchema { path: path(), found: self.version, known: LATEST_VERSION });
        }
        Ok(())
    }
}

/// Checks the files of the database without opening them, because closing a file would release the locks that SQLite
/// holds on it in this process. True if the database exists.
pub(super) fn check_files(dir: &StateDir) -> Result<bool, JournalError> {
    for name in SIDECAR_FILES {
        dir.has_file(name)?;
    }
    Ok(dir.has_file(DATABASE_FILE)?)
}

/// Opens the database for writing, and creates it if it is missing.
pub(super) fn open(
    dir: &StateDir,
    exists: bool,
    sync_writes: bool,
) -> Result<(Connection, DatabaseInfo), JournalError> {
    if !exists {
        drop(dir.open_file(DATABASE_FILE, OpenMode::ReadWrite)?);
    }
    let path = dir.canonical_path(DATABASE_FILE)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let sqlite_error = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
    let db = Connection::open_with_flags(path, flags).map_err(sqlite_error)?;
    configure(&db).map_err(sqlite_error)?;
    let info = read_info(&db).map_err(sqlite_error)?;
    if !info.is_empty() {
        info.check_compatible(dir, None)?;
    }
    if dir.file_len(DATABASE_FILE)? <= MAX_CHECKED_BYTES {
        check_integrity(&db, dir)?;
    }
    let not_durable = |setting, value: &str| {
        Err(JournalError::NotDurable { path: database_path(dir.path()), setting, found: CleanText::new(value) })
    };
    let mode: String =
        db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(sqlite_error)?;
    if mode != "wal" {
        return not_durable("journal_mode", &mode);
    }
    // The writer thread checkpoints instead, so that it receives the error of a failed checkpoint.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).map_err(sqlite_error)?;
    db.pragma_update(None, "synchronous", if sync_writes { "FULL" } else { "OFF" }).map_err(sqlite_error)?;
    let level: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(sqlite_error)?;
    if sync_writes && level != SYNCHRONOUS_FULL {
        return not_durable("synchronous", &level.to_string());
    }
    Ok((db, info))
}

/// Closes the database. Checkpoints the write-ahead log if `is_sound`, but never if other files now have the names of
/// the database, because the checkpoint would overwrite their records.
pub(super) fn close(db: Connection, identity: &DatabaseIdentity, dir: &StateDir, is_sound: bool) {
    let is_own = identity.first_replaced(dir).is_ok_and(|replaced| replaced.is_none());
    // If the write-ahead log was deleted and no process created a new one, the open file is the only copy.
    let is_only_copy =
        !is_own && identity.has_same_database(dir) && { dir.file_identity(WAL_FILE).is_ok_and(|file| file.is_none()) };
    let can_checkpoint = is_sound && (is_own || is_only_copy);
    if !can_checkpoint && db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).is_err() {
        // Leaves the database open, because the end of the process writes nothing.
        std::mem::forget(db);
    }
}

/// Applies the settings that every connection has.
pub(super) fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENT_CACHE_SIZE);
    // A negative value is in KiB. pindesk reads the list of numbers once, so a large cache would only waste memory.
    db.pragma_update(None, "cache_size", -512)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)
}

/// Reads what the database says about itself.
pub(super) fn read_info(db: &Connection) -> rusqlite::Result<DatabaseInfo> {
    Ok(DatabaseInfo {
        application_id: db.pragma_query_value(None, "application_id", |row| row.get(0))?,
        version: db.pragma_query_value(None, "user_version", |row| row.get(0))?,
        table_count: db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
    })
}

/// Checks that the database is not damaged.
pub(super) fn check_integrity(db: &Connection, dir: &StateDir) -> Result<(), JournalError> {
    let report: Result<String, rusqlite::Error> = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match report {
        Ok(report) if report == "ok" => Ok(()),
        Ok(report) => Err(JournalError::damaged(dir.path(), &report)),
        Err(error) => Err(StorageError::from(error).into_journal_error(dir)),
    }
}

/// Migrates an open database to the latest version, in the transaction of the caller.
pub(super) fn migrate(tx: &Connection, info: DatabaseInfo, kind: JournalKind) -> rusqlite::Result<()> {
    if info.version == LATEST_VERSION {
        return Ok(());
    }
    for (_, step) in MIGRATIONS.iter().filter(|(version, _)| *version > info.version) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", application_id(kind))?;
    tx.pragma_update(None, "user_version", LATEST_VERSION)
}
