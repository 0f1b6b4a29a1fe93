//! The journal: what was to be sent, before it is sent; what came of it; who did what. One SQLite database.
//!
//! One thread writes, and takes everything that waits into one transaction. Rows are appended, never altered; only the
//! list of numbers last read is a cache. Several processes share it. After a failed write or sync it takes nothing
//! more. It knows no requests, no retries and no screens, and it never holds a PIN in the clear.

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

/// What is kept free for outcomes on a full disk: as many as requests can be on their way at once, each in a transaction of
/// its own.
const RESERVE_BYTES: u64 = 64 * (64 << 10);

/// So long another process that writes there is waited for when the journal is opened.
const OPEN_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// So long the end of what is being written is waited for: a request's last answer and its record fit in.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(38);

/// A handle of the journal; the thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Journal {
    commands: mpsc::Sender<WriterCommand>,
    gate: Arc<WriteGate>,
}

impl Journal {
    /// Opens the journal, makes it where it is missing, migrates it, unites it with the escrow file, and starts its
    /// thread. Blocks for as long as that takes.
    ///
    /// # Errors
    /// When the directory is read-only, the database is damaged, foreign, newer than this program, or does not sync, or
    /// another process that writes there does not come to an end within 5 s.
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
        // Its blocks are on the disk from now on, so that a power cut leaves an older head there, and never half a one.
        opened.head.write(&head_file).and_then(|()| head_file.sync_data()).map_err(system)?;
        create_reserve_file(&dir)?;
        // The names of files made just now have to last as well.
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

    /// What [`Journal::open`] would find with these recipients, but for PINs that only the escrow file knows of. It makes and
    /// writes nothing, and what it finds is found again by who opens the journal.
    ///
    /// # Errors
    /// When the database or the escrow file cannot be read.
    pub fn inspect(dir: &StateDir, recipients: Option<&Recipients>) -> Result<RecoveryReport, JournalError> {
        integrity::inspect(dir, &recipients.map(Recipients::fingerprints).unwrap_or_default())
    }

    /// Records a confirmed piece of work, durably.
    ///
    /// # Errors
    /// [`Refused::Busy`], when another process keeps the lock, and [`Refused::Dead`].
    pub async fn start_job(&self, plan: JobPlan) -> Result<JobId, RecordError> {
        // Every job that is recorded gets its number.
        self.write(WriteOp::StartJob(plan)).await?.ok_or_else(writer::closed_error)
    }

    /// Records, durably, that this process sends what is left of a job: these numbers.
    ///
    /// # Errors
    /// [`Refused::Busy`] where another process is at work on the job, or one of the numbers is not left any more.
    pub async fn resume_job(&self, job: JobId, numbers: Vec<PhoneNumberId>) -> Result<(), RecordError> {
        self.write(WriteOp::ResumeJob { job, numbers }).await.map(drop)
    }

    /// Records that this PIN is about to be sent: durable, in journal and escrow file, when this returns.
    ///
    /// # Errors
    /// [`Refused`]: nothing may be sent.
    pub async fn record_intent(&self, intent: Intent) -> Result<(), RecordError> {
        self.write(WriteOp::RecordIntent(intent)).await.map(drop)
    }

    /// Records, durably, that the PIN of a change is about to be sent again.
    ///
    /// # Errors
    /// [`Refused`]: nothing may be sent.
    pub async fn record_retry(&self, change: ChangeId, number: PhoneNumberId, attempt: u8) -> Result<(), RecordError> {
        self.write(WriteOp::RecordRetry { change, number, attempt }).await.map(drop)
    }

    /// Records what a change came to, durably. A confirmed one settles what was in doubt on its number before.
    /// On a full disk it is still tried, from a reserve.
    ///
    /// # Errors
    /// [`Refused::Dead`]: the outcome is known to this process only.
    pub async fn record_outcome(&self, rest: OutcomeRecord) -> Result<(), RecordError> {
        self.write(WriteOp::RecordOutcome(rest)).await.map(drop)
    }

    /// Records that a change was refused before its first record, and why. It is handed over when this returns, awaited or
    /// not. Unlike what a request came to, it takes nothing from the reserve, and no lock is waited for longer.
    ///
    /// # Errors
    /// [`Refused::Busy`], when another process keeps the lock, and [`Refused::Dead`].
    pub fn record_refusal(&self, rest: OutcomeRecord) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::RecordRefusal(rest));
        async { written.await.map(drop) }
    }

    /// Records that these changes of a number, which were in doubt, are settled. One that has come to its end meanwhile, or
    /// that another living process works on, is left as it is.
    ///
    /// # Errors
    /// [`Refused::Busy`], when another process keeps the lock, and [`Refused::Dead`].
    pub async fn resolve(
        &self,
        number: PhoneNumberId,
        changes: Vec<ChangeId>,
        how: Resolution,
        note: Option<CleanText>,
    ) -> Result<(), RecordError> {
        self.write(WriteOp::Resolve { number, changes, resolution: how, note }).await.map(drop)
    }

    /// Records an event. It is handed over when this returns, awaited or not: a [`Journal::close`] after it writes it.
    ///
    /// # Errors
    /// [`Refused::Busy`], when another process keeps the lock, and [`Refused::Dead`].
    pub fn record_event(&self, event: AuditEvent) -> impl Future<Output = Result<(), RecordError>> + use<> {
        self.record_events(vec![event])
    }

    /// Records events, all of them or none, by one sync.
    ///
    /// # Errors
    /// As [`Self::note`].
    pub fn record_events(&self, events: Vec<AuditEvent>) -> impl Future<Output = Result<(), RecordError>> + use<> {
        let written = self.write(WriteOp::RecordEvents(events));
        async { written.await.map(drop) }
    }

    /// Remembers this process's recipients in place of those before.
    ///
    /// # Errors
    /// [`Refused::Busy`], when another process keeps the lock, and [`Refused::Dead`].
    pub async fn accept_recipients(&self) -> Result<(), RecordError> {
        self.write(WriteOp::AcceptRecipients).await.map(drop)
    }

    /// Remembers numbers as they were read, over what was remembered of them, in one transaction; once nothing else waits
    /// to be recorded. It is handed over when this returns. A cache: if there is no room or no time for it, it is let go, and
    /// whoever waits is not told.
    pub fn cache_numbers(&self, profile: &str, numbers: Vec<Number>) -> impl Future<Output = ()> + use<> {
        self.update_cache(CacheUpdate::Upsert(profile.to_owned(), numbers))
    }

    /// Forgets numbers that Meta lists no more, after what was handed over before; but for those that were read after
    /// this time: another process may have found them again. Of the same cache.
    pub fn remove_cached_numbers(
        &self,
        profile: &str,
        numbers: Vec<PhoneNumberId>,
        read_until: UtcTime,
    ) -> impl Future<Output = ()> + use<> {
        self.update_cache(CacheUpdate::Delete(profile.to_owned(), numbers, read_until))
    }

    /// The numbers remembered for a profile, by their ids: the first of them, or those behind one; none at the end.
    pub async fn cached_numbers(&self, profile: &str, after: Option<PhoneNumberId>) -> Vec<Number> {
        self.send_command(|reply| WriterCommand::GetCachedNumbers(profile.to_owned(), after, reply))
            .await
            .unwrap_or_default()
    }

    /// What was done with a number, newest first, at most `most` lines.
    pub async fn history(&self, number: PhoneNumberId, most: usize) -> Vec<HistoryEntry> {
        self.send_command(|reply| WriterCommand::GetHistory(number, most, reply)).await.unwrap_or_default()
    }

    /// Keeps the thread from writing until the guard is dropped, once what it writes now is done, or 38 s have passed: a
    /// process that is stopped must not keep the others from writing.
    #[must_use]
    pub fn pause(&self) -> PauseGuard {
        self.gate.pause(FLUSH_TIMEOUT);
        PauseGuard { gate: Arc::clone(&self.gate) }
    }

    /// Waits until everything handed over so far is written, for 38 s at most, and gives back what the system holds for
    /// this process. Other handles are of no use from then on. A pause has to end first.
    pub fn close(self) {
        let (done, at_end) = mpsc::channel();
        if self.commands.send(WriterCommand::Close(done)).is_ok() {
            // An error says that the thread has ended, which is what is waited for, or that it does not.
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

    /// Hands the request over now, and awaits the answer later.
    fn send_command<T, F: FnOnce(oneshot::Sender<T>) -> WriterCommand>(
        &self,
        request: F,
    ) -> impl Future<Output = Option<T>> + use<T, F> {
        let (reply, answer) = oneshot::channel();
        // Where nobody takes it, the reply goes with it, and the answer says so.
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

/// Holds space that is given up when there is no other left. A file system that cannot promise any goes without.
fn create_reserve_file(dir: &StateDir) -> Result<(), JournalError> {
    let file = dir.open_file(RESERVE_FILE, state_dir::OpenMode::ReadWrite)?;
    match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(StorageError::from(std::io::Error::from(errno)).into_journal_error(dir)),
    }
}
