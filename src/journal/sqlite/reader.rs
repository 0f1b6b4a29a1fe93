//! Opens the journal for reading, while other processes write, and in a directory that is not writable.
//!
//! It never changes a row, takes a lock that a writer waits for, or creates a file, but for the mark of damaged rows.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use url::Url;

use super::row_check::RowCheck;
use super::schema::{self, LATEST_VERSION};
use super::{
    audit_check, audit_log, cache, checkpoint, encrypted_pins, escrow_lines, history, job_counts, job_queries,
    last_requests, number_records, re_encryptions,
};
use crate::domain::change::JobId;
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowContents, EscrowEntry};
use crate::journal::audit::{AuditRow, SavedHead};
use crate::journal::database_files::{DATABASE_FILE, WAL_FILE, database_path};
use crate::journal::error::{JournalError, StorageError};
use crate::journal::model::{
    AuditProblem, BoundRows, EncryptedPin, EscrowDrill, HistoryEntry, JobDetail, JobSummary, LastRequest, NumberRecord,
    NumberUpdate, PinRecipients, RecordCursor, SentChange,
};
use crate::journal::rules::recent_sets::RecentSets;
use crate::journal::run_lock::LiveRuns;
use crate::state_dir::StateDir;

/// A journal that is open for reading.
#[derive(Debug)]
pub struct JournalReader {
    db: Connection,
    dir: StateDir,
    /// The run of the writer in this process; empty without one.
    own_run: Arc<str>,
}

/// The result of verifying an intact audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAudit {
    /// How many rows the log has.
    pub rows: i64,
    /// The rows that only a later row binds. `None` if each row binds what was written with it.
    pub bound: Option<BoundRows>,
}

impl JournalReader {
    /// Opens the journal of a state directory.
    ///
    /// # Errors
    /// If there is no journal ([`JournalError::is_missing`]), if it is damaged, of another program, or newer or older
    /// than this program, or if it needs recovery and the directory is read-only.
    pub fn open(dir: &StateDir) -> Result<Self, JournalError> {
        if !schema::check_files(dir)? {
            return Err(dir.missing_file_error(DATABASE_FILE).into());
        }
        let sqlite_error = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
        let db = connect(dir)?;
        let info = schema::read_info(&db).map_err(sqlite_error)?;
        if info.is_empty() {
            return Err(dir.missing_file_error(DATABASE_FILE).into());
        }
        info.check_compatible(dir, None)?;
        if info.version < LATEST_VERSION {
            return Err(JournalError::OlderSchema { path: database_path(dir.path()) });
        }
        Ok(Self { db, dir: dir.clone(), own_run: Arc::default() })
    }

    /// Opens the journal beside its writer in the same process. If this reader is closed last, it leaves the write-ahead
    /// log as it is, because after a failed sync only the next start may read it.
    pub(in crate::journal) fn open_beside_writer(dir: &StateDir, own_run: Arc<str>) -> Result<Self, JournalError> {
        /// In KiB. It reads each page of the database once, so a cache of SQLite's usual size is only memory.
        const CACHE_SIZE: i64 = 256;
        let reader = Self { own_run, ..Self::open(dir)? };
        let db = &reader.db;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .and_then(|_| db.pragma_update(None, "cache_size", -CACHE_SIZE))
            .map_err(|error| StorageError::from(error).into_journal_error(dir))?;
        Ok(reader)
    }

    /// The history of a number, newest first, at most `limit` entries.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn history(&self, number: PhoneNumberId, limit: usize) -> Result<Vec<HistoryEntry>, JournalError> {
        self.read(|db| Ok(history::number_history(db, number, limit)?))
    }

    /// Up to where the journal can be read now, to read from there later: [`Self::number_updates`].
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn record_cursor(&self) -> Result<RecordCursor, JournalError> {
        self.read(|db| number_records::cursor(db, &self.dir))
    }

    /// The newest row of every number that ended a change, newest first: eight bytes for each number, for
    /// [`Self::number_records`].
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn newest_ends(&self) -> Result<Vec<i64>, JournalError> {
        self.read(|db| Ok(number_records::newest_ends(db)?))
    }

    /// What the journal has about the numbers with these rows, in the same order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn number_records(&self, ends: &[i64]) -> Result<Vec<NumberRecord>, JournalError> {
        self.read(|db| number_records::records(db, &mut LiveRuns::new(&self.dir), ends))
    }

    /// What rows after the cursor say about their numbers, and what became of the numbers that another process works on.
    /// Advances the cursor, at most by some 1,000 rows: [`RecordCursor::has_more`] tells whether there are more.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn number_updates(&self, cursor: &mut RecordCursor, clock: Clock) -> Result<Vec<NumberUpdate>, JournalError> {
        self.read(|db| number_records::updates(db, &self.dir, clock, &self.own_run, cursor))
    }

    /// The cached numbers of a profile, sorted by ID: the first page, or the page after an ID. Empty after the last
    /// page.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn cached_numbers(&self, profile: &str, after: Option<PhoneNumberId>) -> Result<Vec<Number>, JournalError> {
        self.read(|db| Ok(cache::cached_numbers(db, profile, after)?))
    }

    /// Every cached number of every profile, sorted by ID, each once as it was read last.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn all_cached_numbers(&self) -> Result<Vec<Number>, JournalError> {
        self.read(|db| Ok(cache::all_numbers(db)?))
    }

    /// The newest request of every number that has one, in no order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_requests(&self) -> Result<Vec<LastRequest>, JournalError> {
        self.read(|db| last_requests::all(db, &self.dir))
    }

    /// When Meta last confirmed a PIN of each number that has one, in no order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_sets(&self) -> Result<Vec<(PhoneNumberId, UtcTime)>, JournalError> {
        self.read(last_requests::last_sets)
    }

    /// Calls `visit` with the ID and the WABA of each cached number of a profile that a WABA listed, if it was read at
    /// this time or before. In no order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn for_each_cached_until(
        &self,
        profile: &str,
        read_at: UtcTime,
        visit: impl FnMut(PhoneNumberId, WabaId),
    ) -> Result<(), JournalError> {
        self.read(|db| Ok(cache::for_each_until(db, profile, read_at, visit)?))
    }

    /// Every job, newest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn jobs(&self) -> Result<Vec<JobSummary>, JournalError> {
        let mut jobs = Vec::new();
        let Ok(()) = self.for_each_job(|job| {
            jobs.push(job);
            Ok::<(), Infallible>(())
        })?;
        Ok(jobs)
    }

    /// Calls `visit` for every job, newest first, until it fails.
    ///
    /// # Errors
    /// If the database cannot be read. The inner error is the one that `visit` returned.
    pub fn for_each_job<E>(
        &self,
        visit: impl FnMut(JobSummary) -> Result<(), E>,
    ) -> Result<Result<(), E>, JournalError> {
        self.read(|db| job_queries::for_each_summary(db, &self.dir, visit))
    }

    /// One job, number by number; `None` if no job has this ID.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn job(&self, id: JobId) -> Result<Option<JobDetail>, JournalError> {
        self.read(|db| job_queries::detail(db, LiveRuns::new(&self.dir), id))
    }

    /// Why the numbers of a job may not be the ones that were confirmed: its rows are not as they were written, even if
    /// an operator accepted the damage since. `None` if they are, or if no job has this ID.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn job_problem(&self, id: JobId) -> Result<Option<AuditProblem>, JournalError> {
        self.read(|db| Ok(RowCheck::new(db, None)?.check_job(id)?.err()))
    }

    /// The jobs that set some of these numbers in the 24 hours before `now`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn recent_sets(&self, numbers: &HashSet<PhoneNumberId>, now: UtcTime) -> Result<RecentSets, JournalError> {
        let sets = self.read(|db| job_queries::sets_since(db, RecentSets::window_start(now)))?;
        Ok(RecentSets::count(numbers, sets, now))
    }

    /// Calls `visit` for each row of the audit log since a time, oldest first, until `visit` fails. Reads row by row,
    /// because the log may not fit in memory. Skips rows that cannot be parsed; [`Self::verify_audit`] reports them.
    ///
    /// # Errors
    /// If the database cannot be read. The inner error is the one that `visit` returned.
    pub fn for_each_audit_row<E>(
        &self,
        since: Option<UtcTime>,
        mut visit: impl FnMut(AuditRow) -> Result<(), E>,
    ) -> Result<Result<(), E>, JournalError> {
        self.read(|db| {
            let mut statement = db.prepare("SELECT row FROM audit ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                // An altered row may not be valid text.
                let Ok(row) = serde_json::from_slice::<AuditRow>(row.get_ref(0)?.as_bytes().unwrap_or_default()) else {
                    continue;
                };
                let is_recent = since.is_none_or(|since| row.time().is_none_or(|at| at >= since));
                if is_recent && let Err(error) = visit(row) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })
    }

    /// Calls `visit` for each row of the audit log with its number, its text and its hash, until `visit` fails. Reads row
    /// by row. An altered text that is no longer UTF-8 is passed on with replacement characters, so that its hash differs.
    pub(in crate::journal) fn for_each_chain_row<E>(
        &self,
        mut visit: impl FnMut(i64, &str, [u8; 32]) -> Result<(), E>,
    ) -> Result<Result<(), E>, JournalError> {
        self.read(|db| {
            let mut statement = db.prepare("SELECT seq, row, hash FROM audit ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let text = String::from_utf8_lossy(row.get_ref(1)?.as_bytes().unwrap_or_default());
                if let Err(error) = visit(row.get(0)?, &text, row.get(2)?) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })
    }

    /// The state directory that it reads.
    pub(in crate::journal) const fn dir(&self) -> &StateDir {
        &self.dir
    }

    pub(in crate::journal) const fn connection(&self) -> &Connection {
        &self.db
    }

    /// Verifies the hash chain, compares its end with the saved head, and compares the other tables and
    /// the escrow file with the audit log.
    /// Checks the whole database, whatever its size, and does not block writers.
    ///
    /// # Errors
    /// If the database is damaged or cannot be read. The inner error lists what was edited, deleted or truncated.
    pub fn verify_audit(&self) -> Result<Result<VerifiedAudit, Vec<AuditProblem>>, JournalError> {
        // Read before the rows, because it may be behind them, but never ahead.
        let saved_head = SavedHead::read(&self.dir)?;
        schema::check_integrity(&self.db, &self.dir)?;
        let check = self.read(|db| {
            let mut check = audit_check::verify_all(db)?;
            let mismatch = audit_log::find_mismatch(db, saved_head)?;
            let problem = |text: CleanText| AuditProblem::note(check.head.sequence, text.as_str());
            check.problems.extend(mismatch.map(problem));
            // Altered rows make checkpoints and counts wrong as well.
            if check.problems.is_empty() {
                check.problems.extend(checkpoint::changed_escrow(db, &self.dir)?);
                check.problems.extend(job_counts::wrong_tallies(db, &self.dir)?);
            }
            Ok(check)
        })?;
        if check.problems.is_empty() {
            return Ok(Ok(VerifiedAudit { rows: check.rows, bound: check.bound }));
        }
        Ok(Err(check.problems))
    }

    /// Makes each later start verify all rows, until it finds no damage. Does nothing in a directory that is not
    /// writable, where nothing can be set either.
    ///
    /// # Errors
    /// If the mark cannot be created.
    pub fn mark_damage(&self) -> Result<(), JournalError> {
        if self.dir.is_writable() { Ok(audit_check::mark_damage(&self.dir)?) } else { Ok(()) }
    }

    /// How the rows contradict the saved head, if they do: the journal was truncated, or replaced with an older copy.
    ///
    /// # Errors
    /// If the database or the saved head cannot be read.
    pub fn head_mismatch(&self) -> Result<Option<CleanText>, JournalError> {
        // Read before the rows, because it may be behind them, but never ahead.
        let saved_head = SavedHead::read(&self.dir)?;
        self.read(|db| Ok(audit_log::find_mismatch(db, saved_head)?))
    }

    /// True if the rows reach the saved head. Then the journal has every change that was sent, because pindesk records
    /// a change before it sends it.
    ///
    /// # Errors
    /// If the database or the saved head cannot be read.
    pub fn is_complete(&self) -> Result<bool, JournalError> {
        Ok(self.head_mismatch()?.is_none())
    }

    /// What the escrow file has of these numbers, by the index of its lines. `None` if the index cannot be trusted, or
    /// nothing was checked yet: then the whole file must be read.
    ///
    /// # Errors
    /// If the database or the escrow file cannot be read.
    pub fn escrow_of(&self, numbers: &[PhoneNumberId]) -> Result<Option<EscrowContents>, JournalError> {
        self.read(|db| escrow_lines::of_numbers(db, &self.dir, numbers))
    }

    /// The encrypted PINs of the journal with the state of each change, in the order in which they were last sent,
    /// which does not depend on clocks. PINs that only the escrow file had have the position of their import. Only those
    /// of these numbers, if any is named.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn encrypted_pins(&self, numbers: &[PhoneNumberId]) -> Result<Vec<EncryptedPin>, JournalError> {
        self.read(|db| encrypted_pins::all(db, &self.dir, numbers))
    }

    /// The PINs of these numbers that were encrypted again, or of all if none is named, in that order. Their changes are
    /// those of [`Self::encrypted_pins`].
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn re_encrypted_pins(&self, numbers: &[PhoneNumberId]) -> Result<Vec<EscrowEntry>, JournalError> {
        self.read(|db| {
            let mut entries = Vec::new();
            re_encryptions::for_each(db, 0, numbers, |entry| entries.push(entry))?;
            Ok(entries)
        })
    }

    /// To which recipients each encrypted PIN was encrypted, with those that were encrypted again.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn pin_recipients(&self) -> Result<Vec<PinRecipients>, JournalError> {
        self.read(re_encryptions::pin_recipients)
    }

    /// The last drill of the escrow; `None` if there was none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_drill(&self) -> Result<Option<EscrowDrill>, JournalError> {
        self.read(|db| Ok(audit_log::last_drill(db)?))
    }

    /// The changes of the journal, in the order in which they were last sent. Only those of these numbers, if any is
    /// named.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn sent_changes(&self, numbers: &[PhoneNumberId]) -> Result<Vec<SentChange>, JournalError> {
        self.read(|db| encrypted_pins::sent_changes(db, &self.dir, numbers))
    }

    /// Runs `query` in one transaction, so that all it reads is consistent.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StorageError>,
    ) -> Result<T, JournalError> {
        let tx =
            self.db.unchecked_transaction().map_err(|error| StorageError::from(error).into_journal_error(&self.dir))?;
        query(&tx).map_err(|error| error.into_journal_error(&self.dir))
    }
}

fn connect(dir: &StateDir) -> Result<Connection, JournalError> {
    let path = dir.canonical_path(DATABASE_FILE)?;
    let sqlite_error = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
    let common_flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    if dir.is_writable() {
        let db = Connection::open_with_flags(path, common_flags | OpenFlags::SQLITE_OPEN_READ_WRITE)
            .map_err(sqlite_error)?;
        schema::configure(&db).and_then(|()| db.pragma_update(None, "query_only", true)).map_err(sqlite_error)?;
        return Ok(db);
    }
    let needs_recovery = || JournalError::NeedsRecovery { dir: CleanText::new(&dir.path().to_string_lossy()) };
    if dir.file_len(WAL_FILE)? > 0 {
        return Err(needs_recovery());
    }
    // No process can write there, so `immutable` is safe. Without it, SQLite would create a file for its locks.
    let mut url = Url::from_file_path(&path).map_err(|()| needs_recovery())?;
    url.set_query(Some("immutable=1"));
    let flags = common_flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(url.as_str(), flags).map_err(sqlite_error)?;
    schema::configure(&db).map_err(sqlite_error)?;
    Ok(db)
}
