//! The journal records each PIN before it is sent, each outcome, and who did what, in one SQLite database.
//!
//! One thread writes: it commits all waiting records in one transaction. It appends rows and never alters them, except
//! in the cache of numbers. Several processes share the database. After a failed write or sync, the journal records
//! nothing more in this process. It never sends or retries a request, draws a screen, or holds a readable PIN.
//!
//! `rules` decides, as functions of the values in `model`. `sqlite` has all of SQL: it reads the values, asks the rules,
//! and writes the rows. `audit` is the hash chain, `integrity` the comparison with the escrow file, `watch` tells of new
//! rows, `syslog` sends them to syslog, `backup` copies the journal to another directory, and
//! `audit_export` the audit log to a file.

mod database_files;
mod error;
mod model;
mod audit;
mod run_lock;
mod rules;
mod integrity;
mod watch;
mod syslog;
mod sqlite;
mod backup;
mod audit_export;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::oneshot;

use crate::domain::change::{ChangeId, JobId, Resolution};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, EscrowFile, Recipients};
use crate::state_dir::{self, StateDir};

pub use audit::{AuditAction, AuditRow, ClaimedIdentity, THROTTLED_OUTCOME};
pub use audit_export::{ExportComparison, ExportError};
pub use backup::{Backup, BackupError};
pub use error::{JournalError, RecordError};
pub use model::{
    AuditEvent, AuditProblem, BoundRows, EncryptedPin, EscrowDrill, HistoryEntry, Intent, JobDetail, JobNumber,
    JobOperator, JobPlan, JobSet, JobStatus, JobSummary, JobWorker, JournalDamage, JournalKind, JournalOptions,
    LastRequest, NumberRecord, NumberUpdate, Operator, OutcomeRecord, PinRecipients, PinSource, RecipientsStatus,
    RecordCursor, RecordedChange, RecordedState, RecoveryReport, ReplySummary, SentChange, UnresolvedChange,
};
pub use rules::recent_sets::{RecentJob, RecentSets};
pub use sqlite::reader::{JournalReader, VerifiedAudit};
pub use syslog::SYSLOG_SOCKET;
pub use watch::JournalWatch;

use audit::HEAD_FILE;
use error::StorageError;
use sqlite::cache::CacheUpdate;
use sqlite::transaction::WriteOp;
use sqlite::writer::{self, RESERVE_FILE, WriteGate, Writer, WriterCommand};
use syslog::Syslog;

/// Space reserved for outcomes on a full disk: one transaction for each request that can be in flight.
const RESERVE_BYTES: u64 = 64 * (64 << 10);

/// How long [`Journal::open`] waits for another process that writes.
const OPEN_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for a write in progress: long enough for the last reply of a request and its record.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(38);

/// A handle to the journal. The writer thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Journal {
    commands: mpsc::Sender<WriterCommand>,
    gate: Arc<WriteGate>,
    dir: StateDir,
    run_id: Arc<str>,
    /// The rows that recovery wrote: the numbers of the last row before and of the last one.
    recovery_rows: (i64, i64),
}

impl Journal {
    /// Opens the journal, creates it if it is missing, migrates it, merges it with the escrow file, and starts the
    /// writer thread. Blocks until all of this is done.
    ///
    /// # Errors
    /// If the directory is read-only, if the database is damaged, of another program, newer than this program or not
    /// durable, or if another process that writes there does not finish within 5 s.
    pub fn open(options: JournalOptions) -> Result<(Self, RecoveryReport), JournalError> {
        let (dir, clock) = (options.dir.clone(), options.clock);
        if !dir.is_writable() {
            return Err(JournalError::ReadOnly { dir: CleanText::new(&dir.path().to_string_lossy()) });
        }
        let escrow = EscrowFile::open(&dir)?;
        #[cfg(debug_assertions)]
        let (sync_writes, escrow) = if options.sync_writes { (true, escrow) } else { (false, escrow.without_sync()) };
        #[cfg(not(debug_assertions))]
        let sync_writes = true;
        let storage_error = |error: std::io::Error| StorageError::from(error).into_journal_error(&dir);
        let lock =
            escrow.lock(OPEN_LOCK_TIMEOUT).map_err(|error| StorageError::from(error).into_journal_error(&dir))?;
        let opened = sqlite::recovery::open(options, sync_writes, &lock)?;
        let head_file = dir.open_file(HEAD_FILE, state_dir::OpenMode::ReadWrite)?;
        // The sync allocates the blocks of the file, so that a power cut leaves an older head, never half of one.
        opened.head.write(&head_file).and_then(|()| head_file.sync_data()).map_err(storage_error)?;
        create_reserve_file(&dir)?;
        // The names of new files must be as durable as their content.
        dir.sync().map_err(storage_error)?;
        let identity = database_files::DatabaseIdentity::read(&dir).map_err(storage_error)?;
        drop(lock);
        let run_id = opened.context.run_id().into();
        let recovery_rows = (opened.old_head.sequence, opened.head.sequence);
        let writer = Writer::new(opened.db, escrow, dir.clone(), opened.context, clock, head_file, identity);
        let (commands, receiver) = mpsc::channel();
        let gate = Arc::new(WriteGate::default());
        let writer_gate = Arc::clone(&gate);
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&receiver, &writer_gate))
            .map_err(storage_error)?;
        Ok((Self { commands, gate, dir, run_id, recovery_rows }, opened.report))
    }

    /// Reports what [`Journal::open`] would find with these recipients, except for PINs that only the escrow file has.
    /// Creates and writes nothing, so [`Journal::open`] reports the same findings again.
    ///
    /// # Errors
    /// If the database or the escrow file cannot be read.
    pub fn inspect(dir: &StateDir, recipients: Option<&Recipients>) -> Result<RecoveryReport, JournalError> {
        sqlite::inspection::inspect(dir, &recipients.map(Recipients::fingerprints).unwrap_or_default())
    }

    /// Records a confirmed job. The record is durable when this returns.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process holds the lock for too long; [`RecordError::JournalFailed`].
    pub async fn start_job(&self, plan: JobPlan) -> Result<JobId, RecordError> {
        // Every recorded job has a number.
        self.write(WriteOp::StartJob(plan)).await?.ok_or_else(writer::closed_error)
    }

    /// Records that this process resumes a job and sends PINs to these numbers. The record is durable when this
    /// returns.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process works on the job, or if one of the numbers is no longer resumable.
    pub async fn resume_job(&self, job: JobId, numbers: Vec<PhoneNumberId>) -> Result<(), RecordError> {
        self.write(WriteOp::ResumeJob { job, numbers }).await.map(drop)
    }

    /// Records that this process works on a job no longer, so that another one may resume it. The record is queued when
    /// this returns, even if the caller does not await the result. Without it, the process works on the job as long as it
    /// is alive, unless it started the job and every number has an outcome.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process holds the lock for too long; [`RecordError::JournalFailed`].
    pub fn end_job(&self, job: JobId) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::EndJob(job));
        async { written.await.map(drop) }
    }

    /// Records that this PIN is about to be sent. The record is durable in the journal and in the escrow file when this
    /// returns.
    ///
    /// # Errors
    /// [`RecordError`]: the caller must not send the PIN.
    pub async fn record_intent(&self, intent: Intent) -> Result<(), RecordError> {
        self.write(WriteOp::RecordIntent(intent)).await.map(drop)
    }

    /// Records that the PIN of a change is about to be sent again. The record is durable when this returns.
    ///
    /// # Errors
    /// [`RecordError`]: the caller must not send the PIN.
    pub async fn record_retry(&self, change: ChangeId, number: PhoneNumberId, attempt: u8) -> Result<(), RecordError> {
        self.write(WriteOp::RecordRetry { change, number, attempt }).await.map(drop)
    }

    /// Records the outcome of a change. The record is durable when this returns. A confirmed change resolves earlier
    /// doubt about its number. On a full disk, the record uses the reserved space.
    ///
    /// # Errors
    /// [`RecordError::JournalFailed`]: only this process knows the outcome.
    pub async fn record_outcome(&self, record: OutcomeRecord) -> Result<(), RecordError> {
        self.write(WriteOp::RecordOutcome(record)).await.map(drop)
    }

    /// Records that pindesk refused a change before its intent was recorded, and why. The record is queued when this
    /// returns, even if the caller does not await the result. Unlike an outcome, it does not use the reserved space or
    /// the longer wait for the lock.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process holds the lock for too long; [`RecordError::JournalFailed`].
    pub fn record_refusal(&self, record: OutcomeRecord) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::RecordRefusal(record));
        async { written.await.map(drop) }
    }

    /// Records that the doubt about these changes of a number is resolved. Skips a change that has ended since, or that
    /// another live process works on.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process holds the lock for too long; [`RecordError::JournalFailed`].
    pub async fn resolve(
        &self,
        number: PhoneNumberId,
        changes: Vec<ChangeId>,
        resolution: Resolution,
        note: Option<CleanText>,
    ) -> Result<(), RecordError> {
        self.write(WriteOp::Resolve { number, changes, resolution, note }).await.map(drop)
    }

    /// Records an event. The record is queued when this returns, even if the caller does not await the result; a later
    /// [`Journal::close`] writes it.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process holds the lock for too long; [`RecordError::JournalFailed`].
    pub fn record_event(&self, event: AuditEvent) -> impl Future<Output = Result<(), RecordError>> + use<> {
        self.record_events(vec![event])
    }

    /// Records all of these events or none, with one sync.
    ///
    /// # Errors
    /// The same as [`Self::record_event`].
    pub fn record_events(&self, events: Vec<AuditEvent>) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::RecordEvents(events));
        async { written.await.map(drop) }
    }

    /// Records PINs of the escrow that were encrypted again to the recipients of this process, all of them or none, with
    /// one sync. The lines are appended to the escrow file, and are durable when this returns. The record is queued at
    /// once.
    ///
    /// # Errors
    /// [`RecordError::RecipientsChanged`] if an operator must accept the recipients first. [`RecordError::Busy`] if
    /// another process holds the lock for too long, or if the journal lacks a change. [`RecordError::JournalFailed`].
    pub fn record_re_encryptions(
        &self,
        entries: Vec<EscrowEntry>,
    ) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::RecordReEncryptions(entries));
        async { written.await.map(drop) }
    }

    /// Records that an operator accepted the recipients of this process. They replace the previous ones.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process holds the lock for too long; [`RecordError::JournalFailed`].
    pub async fn accept_recipients(&self) -> Result<(), RecordError> {
        self.write(WriteOp::AcceptRecipients).await.map(drop)
    }

    /// Records that an operator accepted the damage in all rows until this one. They are bound as they are. This process
    /// still sends nothing; a later one does.
    ///
    /// # Errors
    /// [`RecordError::Busy`] if another process holds the lock for too long; [`RecordError::JournalFailed`].
    pub async fn accept_damage(&self, until: i64) -> Result<(), RecordError> {
        self.write(WriteOp::AcceptDamage { until }).await.map(drop)
    }

    /// Caches numbers as they were read, in one transaction, when no record waits. The update is queued when this
    /// returns. On a full disk or a lock timeout, the journal drops the update and does not report it.
    pub fn cache_numbers(&self, profile: &str, numbers: Vec<Number>) -> impl Future<Output = ()> + use<> {
        self.update_cache(CacheUpdate::Upsert(profile.to_owned(), numbers))
    }

    /// Removes numbers that Meta no longer lists from the cache, after all earlier updates. Keeps numbers that were
    /// read after `read_until`, because another process may have found them again.
    pub fn remove_cached_numbers(
        &self,
        profile: &str,
        numbers: Vec<PhoneNumberId>,
        read_until: UtcTime,
    ) -> impl Future<Output = ()> + use<> {
        self.update_cache(CacheUpdate::Delete(profile.to_owned(), numbers, read_until))
    }

    /// Waits until everything that is queued now is written or refused, so that a reader sees it. The wait begins when
    /// this returns, even if the caller does not await the result yet.
    pub fn flush(&self) -> impl Future<Output = ()> + use<> {
        let flushed = self.send_command(WriterCommand::Flush);
        async { flushed.await.unwrap_or_default() }
    }

    /// Opens the journal for reading. Blocks, so that callers do it on a thread that may. It sees what is committed and
    /// needs no turn in the queue, so that reads go on while the journal is paused. Drop it when it is not needed: a
    /// reader that is open when the journal is closed keeps the write-ahead log on the disk.
    ///
    /// # Errors
    /// The same as [`JournalReader::open`].
    pub fn open_reader(&self) -> Result<JournalReader, JournalError> {
        JournalReader::open_beside_writer(&self.dir, Arc::clone(&self.run_id))
    }

    /// Sends every audit row of this process to syslog from now on, and those that its recovery wrote. The socket is
    /// [`SYSLOG_SOCKET`].
    ///
    /// # Errors
    /// If syslog cannot be reached. The journal works without it.
    pub fn forward_to_syslog(&self, socket: &Path) -> std::io::Result<()> {
        let syslog = Syslog::connect(socket)?;
        // If the thread has ended, there are no rows to forward.
        self.commands.send(WriterCommand::Forward(syslog, self.recovery_rows)).ok();
        Ok(())
    }

    /// Watches for rows that any process commits, on the current tokio runtime.
    ///
    /// # Errors
    /// If the system refuses: the user has too many watches, or the file system has none.
    pub fn watch(&self) -> std::io::Result<JournalWatch> {
        JournalWatch::start(&self.dir)
    }

    /// Stops the thread from writing until the guard is dropped, because a suspended process must not block the writes
    /// of others. Waits for a write in progress, at most 38 s.
    #[must_use]
    pub fn pause(&self) -> PauseGuard {
        self.gate.pause(FLUSH_TIMEOUT);
        PauseGuard { gate: Arc::clone(&self.gate) }
    }

    /// Writes everything that is queued, then closes the database and releases its locks. Waits at most 38 s. All other
    /// handles fail after this. The caller must drop every [`PauseGuard`] first.
    pub fn close(self) {
        let (done, closed) = mpsc::channel();
        if self.commands.send(WriterCommand::Close(done)).is_ok() {
            // An error means that the thread has already ended, or that it did not end in time.
            closed.recv_timeout(FLUSH_TIMEOUT).ok();
        }
    }

    fn write(&self, op: WriteOp) -> impl Future<Output = Result<Option<JobId>, RecordError>> + use<> {
        let result = self.send_command(|reply| WriterCommand::Write(op, reply));
        async { result.await.unwrap_or_else(|| Err(writer::closed_error())) }
    }

    fn update_cache(&self, update: CacheUpdate) -> impl Future<Output = ()> + use<> {
        let done = self.send_command(|reply| WriterCommand::UpdateCache(update, reply));
        async { done.await.unwrap_or_default() }
    }

    /// Queues the command at once. The returned future waits for the reply.
    fn send_command<T, F: FnOnce(oneshot::Sender<T>) -> WriterCommand>(
        &self,
        command: F,
    ) -> impl Future<Output = Option<T>> + use<T, F> {
        let (reply, receiver) = oneshot::channel();
        // If the thread has ended, this drops the sender of the reply, and the receiver returns an error.
        self.commands.send(command(reply)).ok();
        async { receiver.await.ok() }
    }
}

/// The journal writes nothing until this guard is dropped.
#[derive(Debug)]
pub struct PauseGuard {
    gate: Arc<WriteGate>,
}

impl Drop for PauseGuard {
    fn drop(&mut self) {
        self.gate.resume();
    }
}

/// Creates the file that reserves space for outcomes on a full disk. Without support of the file system, there is no
/// reserve.
fn create_reserve_file(dir: &StateDir) -> Result<(), JournalError> {
    let file = dir.open_file(RESERVE_FILE, state_dir::OpenMode::ReadWrite)?;
    match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(StorageError::from(std::io::Error::from(errno)).into_journal_error(dir)),
    }
}
