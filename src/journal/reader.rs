//! The journal for commands that read it, while others write, and where nothing can be written.
//!
//! It changes no row, takes no lock that a writer waits for, and creates no file.

use rusqlite::{Connection, OpenFlags};
use url::Url;

use super::audit::{self, AuditProblem, AuditRow, SavedHead};
use super::encrypted_pins::{self, EncryptedPin};
use super::error::{JournalError, StorageError, database_path};
use super::job_queries::{JobDetail, JobQueries, JobSummary};
use super::schema::{self, DATABASE_FILE, LATEST_VERSION, WAL_FILE};
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::text::CleanText;
use crate::state_dir::StateDir;

/// A journal open for reading.
#[derive(Debug)]
pub struct JournalReader {
    db: Connection,
    dir: StateDir,
}

/// An audit log that verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAudit {
    /// How many rows it has.
    pub rows: i64,
}

impl JournalReader {
    /// Opens the journal of a directory.
    ///
    /// # Errors
    /// When there is none ([`JournalError::is_missing`]), when it is damaged, foreign, newer or older than this
    /// program, or when it needs recovery and nothing can be written there.
    pub fn open(dir: &StateDir) -> Result<Self, JournalError> {
        if !schema::check_files(dir)? {
            return Err(dir.missing_file_error(DATABASE_FILE).into());
        }
        let of_sqlite = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
        let db = connect(dir)?;
        let found = schema::read_info(&db).map_err(of_sqlite)?;
        if found.is_empty() {
            return Err(dir.missing_file_error(DATABASE_FILE).into());
        }
        found.check_compatible(dir, None)?;
        if found.version < LATEST_VERSION {
            return Err(JournalError::OlderSchema { path: database_path(dir.path()) });
        }
        Ok(Self { db, dir: dir.clone() })
    }

    /// Every job, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn jobs(&self) -> Result<Vec<JobSummary>, JournalError> {
        self.read(|db| JobQueries::new(db, &self.dir)?.summaries())
    }

    /// One job, number by number; `None` if there is none of this number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn job(&self, id: JobId) -> Result<Option<JobDetail>, JournalError> {
        self.read(|db| JobQueries::new(db, &self.dir)?.detail(id))
    }

    /// Passes on the rows of the audit log, oldest first, from a time on, until `take` fails: a log grows for years,
    /// and memory does not. Skips rows that cannot be parsed; [`Self::verify_audit`] reports them.
    ///
    /// # Errors
    /// When the database cannot be read. The inner error is that of `take`.
    pub fn for_each_audit_row<E>(
        &self,
        since: Option<UtcTime>,
        mut take: impl FnMut(AuditRow) -> Result<(), E>,
    ) -> Result<Result<(), E>, JournalError> {
        self.read(|db| {
            let mut statement = db.prepare("SELECT row FROM audit ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                // An altered row may not even be text.
                let Ok(row) = serde_json::from_slice::<AuditRow>(row.get_ref(0)?.as_bytes().unwrap_or_default()) else {
                    continue;
                };
                let is_recent = since.is_none_or(|since| row.time().is_none_or(|at| at >= since));
                if is_recent && let Err(error) = take(row) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })
    }

    /// Verifies the hash chain, its end against the saved head, and the other rows against the audit log. It checks the
    /// whole database, however large it is, and does not block writers.
    ///
    /// # Errors
    /// When the database is damaged or cannot be read. The inner error lists what was edited, deleted or truncated.
    pub fn verify_audit(&self) -> Result<Result<VerifiedAudit, Vec<AuditProblem>>, JournalError> {
        // Read before the rows: it lags behind them, and never leads.
        let noted = SavedHead::read(&self.dir)?;
        schema::check_integrity(&self.db, &self.dir)?;
        self.read(|db| Ok(audit::verify_chain(db, noted)?.map(|rows| VerifiedAudit { rows })))
    }

    /// True if the journal reaches its saved head, so that it has every change that was sent: none is sent before it is
    /// recorded.
    ///
    /// # Errors
    /// When the database, or the saved head, cannot be read.
    pub fn is_complete(&self) -> Result<bool, JournalError> {
        // Read before the rows: it lags behind them, and never leads.
        let noted = SavedHead::read(&self.dir)?;
        self.read(|db| Ok(noted.find_mismatch(db)?.is_none()))
    }

    /// The encrypted PINs of the journal with the state of each change, in the order in which they were sent, whatever
    /// the clock said. Those that only the escrow file had come where they were imported.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn encrypted_pins(&self) -> Result<Vec<EncryptedPin>, JournalError> {
        self.read(|db| encrypted_pins::all(db, &self.dir))
    }

    /// Reads in one transaction, so that all of it is consistent.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StorageError>) -> Result<T, JournalError> {
        let view =
            self.db.unchecked_transaction().map_err(|error| StorageError::from(error).into_journal_error(&self.dir))?;
        work(&view).map_err(|failure| failure.into_journal_error(&self.dir))
    }
}

fn connect(dir: &StateDir) -> Result<Connection, JournalError> {
    let path = dir.canonical_path(DATABASE_FILE)?;
    let of_sqlite = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
    let common = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    if dir.is_writable() {
        let db = Connection::open_with_flags(path, common | OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(of_sqlite)?;
        schema::configure(&db).and_then(|()| db.pragma_update(None, "query_only", true)).map_err(of_sqlite)?;
        return Ok(db);
    }
    let unfinished = || JournalError::NeedsRecovery { dir: CleanText::new(&dir.path().to_string_lossy()) };
    if dir.file_len(WAL_FILE)? > 0 {
        return Err(unfinished());
    }
    // Nobody can write there, so no lock is needed, which would create a file.
    let mut url = Url::from_file_path(&path).map_err(|()| unfinished())?;
    url.set_query(Some("immutable=1"));
    let flags = common | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(url.as_str(), flags).map_err(of_sqlite)?;
    schema::configure(&db).map_err(of_sqlite)?;
    Ok(db)
}
