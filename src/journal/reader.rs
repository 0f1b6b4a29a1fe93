//! The journal, to be read by commands: while others write, and where nothing can be written.
//!
//! It changes no row, takes no lock that a writer waits for, and makes no file that was not there.

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

/// An audit that is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAudit {
    /// How many rows it has.
    pub rows: i64,
}

impl JournalReader {
    /// Opens a directory's journal.
    ///
    /// # Errors
    /// When there is none ([`JournalError::is_missing`]), it is damaged, foreign, newer or older than this program, or
    /// lies where nothing can be written and was left in the middle.
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

    /// Every job, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn jobs(&self) -> Result<Vec<JobSummary>, JournalError> {
        self.read(|db| JobQueries::new(db, &self.dir)?.summaries())
    }

    /// One job, number by number; `None` if there is none of that number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn job(&self, id: JobId) -> Result<Option<JobDetail>, JournalError> {
        self.read(|db| JobQueries::new(db, &self.dir)?.detail(id))
    }

    /// Hands over the audit's rows, the oldest first, from a time on, until `take` fails: an audit grows for years, and
    /// memory does not. A row that somebody made unreadable is left out here; [`Self::verify`] tells of it.
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
                // A row is altered by making it no text as well.
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

    /// Follows the audit's chain, holds its end against what was noted of it, and the other rows against the audit. It
    /// looks at the whole database, however large it is, and keeps no writer waiting.
    ///
    /// # Errors
    /// When the database is damaged or cannot be read. The inner error lists what was edited, deleted or cut off.
    pub fn verify_audit(&self) -> Result<Result<VerifiedAudit, Vec<AuditProblem>>, JournalError> {
        // Read before the rows: it lags behind them, and never leads.
        let noted = SavedHead::read(&self.dir)?;
        schema::check_integrity(&self.db, &self.dir)?;
        self.read(|db| Ok(audit::verify_chain(db, noted)?.map(|rows| VerifiedAudit { rows })))
    }

    /// True if the journal reaches as far as was noted of it, so that no change is missing from it that was sent: none was
    /// before it was recorded there.
    ///
    /// # Errors
    /// When the database, or what was noted, cannot be read.
    pub fn is_complete(&self) -> Result<bool, JournalError> {
        // Read before the rows: it lags behind them, and never leads.
        let noted = SavedHead::read(&self.dir)?;
        self.read(|db| Ok(noted.find_mismatch(db)?.is_none()))
    }

    /// The sealed PINs that the journal has, and what became of each; the one that was sent last at the end, whatever the
    /// clock said. Where only the escrow file knew of some, they stand where they were taken in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn encrypted_pins(&self) -> Result<Vec<EncryptedPin>, JournalError> {
        self.read(|db| encrypted_pins::all(db, &self.dir))
    }

    /// Reads within one transaction, so that all of it is of one moment.
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
    // Nobody can write there, so nothing has to be locked, which would need a file to be made.
    let mut url = Url::from_file_path(&path).map_err(|()| unfinished())?;
    url.set_query(Some("immutable=1"));
    let flags = common | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(url.as_str(), flags).map_err(of_sqlite)?;
    schema::configure(&db).map_err(of_sqlite)?;
    Ok(db)
}
