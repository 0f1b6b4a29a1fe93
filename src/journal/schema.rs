//! The database: how it is opened, what it must be like, and its tables.
//!
//! Rows are only added to every table except `numbers`; triggers enforce it. A database of another program, of the
//! other kind or of a later version is refused and not changed.

use std::io;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{JournalError, StorageError, database_path};
use super::model::JournalKind;
use crate::domain::text::CleanText;
use crate::state_dir::{OpenMode, StateDir};

/// The file of the database.
pub(super) const DATABASE_FILE: &str = "journal.db";

/// The files that SQLite creates beside it.
const SIDECAR_FILES: [&str; 2] = ["journal.db-wal", "journal.db-shm"];

/// Which files the database is: a device and an inode for each. A process that writes to files that lost their names
/// writes a history that no other process sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseIdentity([Option<(u64, u64)>; 3]);

impl DatabaseIdentity {
    const FILE_NAMES: [&str; 3] = [DATABASE_FILE, SIDECAR_FILES[0], SIDECAR_FILES[1]];

    /// The files that have the names now.
    pub(super) fn read(dir: &StateDir) -> io::Result<Self> {
        let [database, ahead, index] = Self::FILE_NAMES.map(|name| dir.file_identity(name));
        Ok(Self([database?, ahead?, index?]))
    }

    /// The first name that no longer belongs to the open file.
    pub(super) fn first_replaced(&self, dir: &StateDir) -> io::Result<Option<&'static str>> {
        let now = Self::read(dir)?;
        let names = Self::FILE_NAMES.into_iter().zip(self.0.iter().zip(&now.0));
        Ok(names.into_iter().find_map(|(name, (then, now))| (then != now).then_some(name)))
    }
}

/// Transactions that are not in the database itself yet.
pub(super) const WAL_FILE: &str = SIDECAR_FILES[0];

/// How long to wait for another process, besides the lock that all writers share.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A database up to this size (30,000 audit rows) is checked completely at each start. A larger one would block every
/// other writer, because the shared lock is held meanwhile: 100,000 audit rows (49 MB) took 0.3 s from memory, and take
/// many times that from a cold disk; without the check, opening takes 3 ms. SQLite still finds damage in whatever it
/// reads, the end of the audit log is compared with its saved head, and `pindesk audit verify` checks all of it without
/// that lock.
const MAX_CHECKED_BYTES: u64 = 16 << 20;

/// More than the statements in use, so that each is prepared once.
const STATEMENT_CACHE_SIZE: usize = 48;

/// Each step migrates from the version before to its own; the first creates everything.
const MIGRATIONS: [(i64, &str); 1] = [(1, include_str!("schema.sql"))];

/// SQLite's value for `synchronous = FULL`.
const SYNCHRONOUS_FULL: i64 = 2;

/// The version of the latest schema.
pub(super) const LATEST_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The application id in SQLite's header: "pind" for a journal of real numbers, "demo" for made-up ones.
const fn application_id(kind: JournalKind) -> i64 {
    match kind {
        JournalKind::Real => 0x7069_6e64,
        JournalKind::Demo => 0x6465_6d6f,
    }
}

/// What an open database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DatabaseInfo {
    application_id: i64,
    pub(super) version: i64,
    table_count: i64,
}

impl DatabaseInfo {
    /// True if it never held anything.
    pub(super) const fn is_empty(self) -> bool {
        self.table_count == 0 && self.application_id == 0
    }

    /// Whether this program can use the database, and of which kind it is.
    pub(super) fn check_compatible(self, dir: &StateDir, kind: Option<JournalKind>) -> Result<(), JournalError> {
        let path = || database_path(dir.path());
        let (real, demo) = (application_id(JournalKind::Real), application_id(JournalKind::Demo));
        if self.application_id != real && self.application_id != demo {
            return Err(JournalError::not_a_journal(dir.path()));
        }
        match kind {
            Some(JournalKind::Real) if self.application_id != real => {
                return Err(JournalError::WrongKind { path: path(), kind: "a demo's, of made-up numbers" });
            }
            Some(JournalKind::Demo) if self.application_id != demo => {
                return Err(JournalError::WrongKind { path: path(), kind: "one of real numbers, not a demo's" });
            }
            Some(_) | None => {}
        }
        if self.version > LATEST_VERSION {
            return Err(JournalError::NewerSchema { path: path(), found: self.version, known: LATEST_VERSION });
        }
        Ok(())
    }
}

/// Checks the files of the database without opening them: closing one would release the locks that SQLite has on it in
/// this process. True if the database exists.
pub(super) fn check_files(dir: &StateDir) -> Result<bool, JournalError> {
    for name in SIDECAR_FILES {
        dir.has_file(name)?;
    }
    Ok(dir.has_file(DATABASE_FILE)?)
}

/// Opens the database for writing, and creates it if it is missing.
pub(super) fn open(dir: &StateDir, is_there: bool, syncs: bool) -> Result<(Connection, DatabaseInfo), JournalError> {
    if !is_there {
        drop(dir.open_file(DATABASE_FILE, OpenMode::ReadWrite)?);
    }
    let path = dir.canonical_path(DATABASE_FILE)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let of_sqlite = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
    let db = Connection::open_with_flags(path, flags).map_err(of_sqlite)?;
    configure(&db).map_err(of_sqlite)?;
    let found = read_info(&db).map_err(of_sqlite)?;
    if !found.is_empty() {
        found.check_compatible(dir, None)?;
    }
    if dir.file_len(DATABASE_FILE)? <= MAX_CHECKED_BYTES {
        check_integrity(&db, dir)?;
    }
    let not_durable = |setting, found: &str| {
        Err(JournalError::NotDurable { path: database_path(dir.path()), setting, found: CleanText::new(found) })
    };
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(of_sqlite)?;
    if mode != "wal" {
        return not_durable("journal_mode", &mode);
    }
    // The writer thread does that, and receives the error if it fails.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).map_err(of_sqlite)?;
    db.pragma_update(None, "synchronous", if syncs { "FULL" } else { "OFF" }).map_err(of_sqlite)?;
    let level: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(of_sqlite)?;
    if syncs && level != SYNCHRONOUS_FULL {
        return not_durable("synchronous", &level.to_string());
    }
    Ok((db, found))
}

/// Closes a database. Checkpoints the write-ahead log if that is sound, but never over another history that has its
/// names now.
pub(super) fn close(db: Connection, identity: &DatabaseIdentity, dir: &StateDir, is_sound: bool) {
    let is_own = identity.first_replaced(dir).is_ok_and(|lost| lost.is_none());
    // Deleted, and nobody created a new one: the write-ahead log is the only copy.
    let is_last = !is_own && dir.file_identity(DATABASE_FILE).is_ok_and(|now| now == identity.0[0]) && {
        dir.file_identity(WAL_FILE).is_ok_and(|now| now.is_none())
    };
    let takes_in = is_sound && (is_own || is_last);
    if !takes_in && db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).is_err() {
        // Left open until the process ends, which writes nothing.
        std::mem::forget(db);
    }
}

/// Settings of every connection.
pub(super) fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENT_CACHE_SIZE);
    // In KiB, because it is negative. The list of numbers is read once, so a large cache would only waste memory.
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

/// Checks whether it is damaged.
pub(super) fn check_integrity(db: &Connection, dir: &StateDir) -> Result<(), JournalError> {
    let verdict: Result<String, rusqlite::Error> = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(JournalError::damaged(dir.path(), &verdict)),
        Err(error) => Err(StorageError::from(error).into_journal_error(dir)),
    }
}

/// Migrates an open database to the latest version, in one transaction.
pub(super) fn migrate(db: &mut Connection, found: DatabaseInfo, kind: JournalKind) -> rusqlite::Result<()> {
    if found.version == LATEST_VERSION {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (_, step) in MIGRATIONS.iter().filter(|(version, _)| *version > found.version) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", application_id(kind))?;
    tx.pragma_update(None, "user_version", LATEST_VERSION)?;
    tx.commit()
}
