//! The journal: records what is about to be sent before it is sent, the outcome, and who did what. One SQLite database.
//!
//! One thread writes, and commits everything that waits in one transaction. Rows are appended, never altered; only the
//! list of numbers last read is a cache. Several processes share the database. After a failed write or sync it accepts
//! nothing more. It knows no requests, no retries and no screens, and it never holds a readable PIN.

mod audit;
mod job_start;
mod cache;
mod error;
mod integrity;
mod history;
mod job_queries;
mod transaction;
mod open_changes;
mod reader;
mod model;
mod recovery;
mod run_lock;
mod schema;
mod encrypted_pins;
mod encoding;
mod writer;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::oneshot;

use crate::domain::change::{ChangeId, JobId, Resolution};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowFile, Recipients};
use crate::state_dir::{self, StateDir};

pub use audit::{AuditAction, AuditProblem, AuditRow, ClaimedIdentity, ReplySummary};
pub use encrypted_pins::EncryptedPin;
pub use error::{JournalError, RecordError};
pub use job_queries::{JobDetail, JobNumber, JobStatus, JobSummary, RecordedState};
pub use model::{
    AuditEvent, HistoryEntry, Intent, JobPlan, JournalKind, JournalOptions, Operator, OutcomeRecord, PinSource,
    RecipientsStatus, RecoveryReport, UnresolvedChange,
};
pub use reader::{JournalReader, VerifiedAudit};

use audit::HEAD_FILE;
use cache::CacheUpdate;
use error::StorageError;
use transaction::WriteOp;
use writer::{RESERVE_FILE, WriteGate, Writer, WriterCommand};

/// Reserved for outcomes on a full disk: as many as requests can be in flight, each in a transaction of its own.
const RESERVE_BYTES: u64 = 64 * (64 << 10);

/// How long opening waits for another process that writes.
const OPEN_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for a write in progress: the last reply of a request and its record fit in.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(38);

/// A handle of the journal. The thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Journal {
    commands: mpsc::Sender<WriterCommand>,
    gate: Arc<WriteGate>,
}

impl Journal {
    /// Opens the journal, creates it if it is missing, migrates it, merges it with the escrow file, and starts its
    /// thread. Blocks meanwhile.
    ///
    /// # Errors
    /// When the directory is read-only, the database is damaged, foreign, newer than this program, or cannot be synced,
    /// or another process that writes there does not finish within 5 s.
    pub fn open(opening: JournalOptions) -> Result<(Self, RecoveryReport), JournalError> {
        let (dir, clock) = (opening.dir.clone(), opening.clock);
        if !dir.is_writable() {
            return Err(JournalError::ReadOnly { dir: CleanText::new(&dir.path().to_string_lossy()) });
        }
        let escrow = EscrowFile::open(&dir)?;
        #[cfg(debug_assertions)]
        let (syncs, escrow) = if opening.sync_writes { (true, escrow) } else { (false, escrow.without_sync()) };
        #[cfg(not(debug_assertions))]
        let syncs = true;
        let system = |error: std::io::Error| StorageError::from(error).into_journal_error(&dir);
        let lock =
            escrow.lock(OPEN_LOCK_TIMEOUT).map_err(|error| StorageError::from(error).into_journal_error(&dir))?;
        let opened = recovery::open(opening, syncs, &lock)?;
        let head_file = dir.open_file(HEAD_FILE, state_dir::OpenMode::ReadWrite)?;
        // Its blocks are allocated on disk from now on, so that a power cut leaves an older head, and never half a one.
        opened.head.write(&head_file).and_then(|()| head_file.sync_data()).map_err(system)?;
        create_reserve_file(&dir)?;
        // The names of new files must be as durable as the files.
        dir.sync().map_err(system)?;
        let identity = schema::DatabaseIdentity::read(&dir).map_err(system)?;
        drop(lock);
        let writer = Writer::new(opened.db, escrow, dir.clone(), opened.context, clock, head_file, identity);
        let (requests, inbox) = mpsc::channel();
        let gate = Arc::new(WriteGate::default());
        let passed = Arc::clone(&gate);
        thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run(&inbox, &passed)).map_err(system)?;
        Ok((Self { commands: requests, gate }, opened.report))
    }

    /// Reports what [`Journal::open`] would find with these recipients, except for PINs that only the escrow file has.
    /// It creates and writes nothing, and opening the journal reports the same findings again.
    ///
    /// # Errors
    /// When the database or the escrow file cannot be read.
    pub fn inspect(dir: &StateDir, recipients: Option<&Recipients>) -> Result<RecoveryReport, JournalError> {
        integrity::inspect(dir, &recipients.map(Recipients::fingerprints).unwrap_or_default())
    }

    /// Records a confirmed job, durably.
    ///
    /// # Errors
    /// [`RecordError::Busy`], when another process keeps the lock, and [`RecordError::JournalFailed`].
    pub async fn start_job(&self, plan: JobPlan) -> Result<JobId, RecordError> {
        // Every recorded job has a number.
        self.write(WriteOp::StartJob(plan)).await?.ok_or_else(writer::closed_error)
    }

    /// Records, durably, that this process sends the rest of a job: these numbers.
    ///
    /// # Errors
    /// [`RecordError::Busy`], when another process works on the job, or one of the numbers is no longer left.
    pub async fn resume_job(&self, job: JobId, numbers: Vec<PhoneNumberId>) -> Result<(), RecordError> {
        self.write(WriteOp::ResumeJob { job, numbers }).await.map(drop)
    }

    /// Records that this PIN is about to be sent. When this returns, the record is durable in journal and escrow file.
    ///
    /// # Errors
    /// [`RecordError`]: nothing may be sent.
    pub async fn record_intent(&self, intent: Intent) -> Result<(), RecordError> {
        self.write(WriteOp::RecordIntent(intent)).await.map(drop)
    }

    /// Records, durably, that the PIN of a change is about to be sent again.
    ///
    /// # Errors
    /// [`RecordError`]: nothing may be sent.
    pub async fn record_retry(&self, change: ChangeId, number: PhoneNumberId, attempt: u8) -> Result<(), RecordError> {
        self.write(WriteOp::RecordRetry { change, number, attempt }).await.map(drop)
    }

    /// Records the outcome of a change, durably. A confirmed change resolves earlier doubt about its number. On a full
    /// disk it uses a reserve.
    ///
    /// # Errors
    /// [`RecordError::JournalFailed`]: only this process knows the outcome.
    pub async fn record_outcome(&self, rest: OutcomeRecord) -> Result<(), RecordError> {
        self.write(WriteOp::RecordOutcome(rest)).await.map(drop)
    }

    /// Records that a change was refused before its first record, and why. The record is queued when this returns,
    /// awaited or not. Unlike an outcome, it uses no reserve and waits no longer for a lock.
    ///
    /// # Errors
    /// [`RecordError::Busy`], when another process keeps the lock, and [`RecordError::JournalFailed`].
    pub fn record_refusal(&self, rest: OutcomeRecord) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::RecordRefusal(rest));
        async { written.await.map(drop) }
    }

    /// Records that the doubt about these changes of a number is resolved. Skips a change that ended meanwhile, or that
    /// another living process works on.
    ///
    /// # Errors
    /// [`RecordError::Busy`], when another process keeps the lock, and [`RecordError::JournalFailed`].
    pub async fn resolve(
        &self,
        number: PhoneNumberId,
        changes: Vec<ChangeId>,
        how: Resolution,
        note: Option<CleanText>,
    ) -> Result<(), RecordError> {
        self.write(WriteOp::Resolve { number, changes, resolution: how, note }).await.map(drop)
    }

    /// Records an event. The record is queued when this returns, awaited or not: a later [`Journal::close`] writes it.
    ///
    /// # Errors
    /// [`RecordError::Busy`], when another process keeps the lock, and [`RecordError::JournalFailed`].
    pub fn record_event(&self, event: AuditEvent) -> impl Future<Output = Result<(), RecordError>> + use<> {
        self.record_events(vec![event])
    }

    /// Records events, all of them or none, with one sync.
    ///
    /// # Errors
    /// As [`Self::record_event`].
    pub fn record_events(&self, events: Vec<AuditEvent>) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::RecordEvents(events));
        async { written.await.map(drop) }
    }

    /// Stores the recipients of this process in place of the previous ones.
    ///
    /// # Errors
    /// [`RecordError::Busy`], when another process keeps the lock, and [`RecordError::JournalFailed`].
    pub async fn accept_recipients(&self) -> Result<(), RecordError> {
        self.write(WriteOp::AcceptRecipients).await.map(drop)
    }

    /// Caches numbers as they were read, in one transaction, when no record waits. The update is queued when this
    /// returns. Without space or time it is dropped, and the caller is not told.
    pub fn cache_numbers(&self, profile: &str, numbers: Vec<Number>) -> impl Future<Output = ()> + use<> {
        self.update_cache(CacheUpdate::Upsert(profile.to_owned(), numbers))
    }

    /// Removes numbers that Meta no longer lists from the cache, after earlier updates, except those that were read
    /// after this time, because another process may have found them again.
    pub fn remove_cached_numbers(
        &self,
        profile: &str,
        numbers: Vec<PhoneNumberId>,
        read_until: UtcTime,
    ) -> impl Future<Output = ()> + use<> {
        self.update_cache(CacheUpdate::Delete(profile.to_owned(), numbers, read_until))
    }

    /// The cached numbers of a profile in the order of their ids: the first page, or the page after an id; empty at the
    /// end.
    pub async fn cached_numbers(&self, profile: &str, after: Option<PhoneNumberId>) -> Vec<Number> {
        self.send_command(|reply| WriterCommand::GetCachedNumbers(profile.to_owned(), after, reply))
            .await
            .unwrap_or_default()
    }

    /// The history of a number, newest first, at most `most` entries.
    pub async fn history(&self, number: PhoneNumberId, most: usize) -> Vec<HistoryEntry> {
        self.send_command(|reply| WriterCommand::GetHistory(number, most, reply)).await.unwrap_or_default()
    }

    /// Keeps the thread from writing until the guard is dropped. Waits for a write in progress, at most 38 s. A
    /// suspended process must not keep others from writing.
    #[must_use]
    pub fn pause(&self) -> PauseGuard {
        self.gate.pause(FLUSH_TIMEOUT);
        PauseGuard { gate: Arc::clone(&self.gate) }
    }

    /// Waits until everything queued is written, at most 38 s, and releases what the system holds for this process.
    /// Other handles are useless from then on. A pause must end first.
    pub fn close(self) {
        let (done, at_end) = mpsc::channel();
        if self.commands.send(WriterCommand::Close(done)).is_ok() {
            // An error means that the thread has ended, which is awaited, or that it does not.
            at_end.recv_timeout(FLUSH_TIMEOUT).ok();
        }
    }

    fn write(&self, write: WriteOp) -> impl Future<Output = Result<Option<JobId>, RecordError>> + use<> {
        let answer = self.send_command(|reply| WriterCommand::Write(write, reply));
        async { answer.await.unwrap_or_else(|| Err(writer::closed_error())) }
    }

    fn update_cache(&self, update: CacheUpdate) -> impl Future<Output = ()> + use<> {
        let done = self.send_command(|reply| WriterCommand::UpdateCache(update, reply));
        async { done.await.unwrap_or_default() }
    }

    /// Queues the command now, and awaits the reply later.
    fn send_command<T, F: FnOnce(oneshot::Sender<T>) -> WriterCommand>(
        &self,
        request: F,
    ) -> impl Future<Output = Option<T>> + use<T, F> {
        let (reply, answer) = oneshot::channel();
        // If the thread has ended, the reply channel is dropped, and the error says so.
        self.commands.send(request(reply)).ok();
        async { answer.await.ok() }
    }
}

/// The journal writes nothing while this lives.
#[derive(Debug)]
pub struct PauseGuard {
    gate: Arc<WriteGate>,
}

impl Drop for PauseGuard {
    fn drop(&mut self) {
        self.gate.resume();
    }
}

/// Reserves space that is freed when the disk is full. A file system that cannot reserve any goes without.
fn create_reserve_file(dir: &StateDir) -> Result<(), JournalError> {
    let file = dir.open_file(RESERVE_FILE, state_dir::OpenMode::ReadWrite)?;
    match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(StorageError::from(std::io::Error::from(errno)).into_journal_error(dir)),
    }
}
