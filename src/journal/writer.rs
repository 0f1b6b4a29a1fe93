//! The writer thread: commits everything that waits in one transaction, and replies when that is durable.
//!
//! Within a group, the encrypted PINs are appended to the escrow file and synced before the rows are committed. Any
//! failure ends the journal of this process. Only outcomes are still tried after it if the disk was full, never after a
//! failed sync. It decides nothing about sending.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::audit::ChainHead;
use super::cache;
use super::error::{RecordError, StorageError, StorageErrorKind};
use super::history;
use super::model::HistoryEntry;
use super::schema;
use super::transaction::{JournalTx, WriteOp, WriteResult, WriterContext};
use crate::domain::clock::Clock;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::escrow::EscrowFile;
use crate::state_dir::StateDir;

/// The maximum of records in one transaction.
const MAX_GROUP_SIZE: usize = 256;

/// How long a group waits for another process: much longer than any transaction of a process that is not suspended.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How much longer an outcome waits: if it is not recorded, only this process knows it.
const EXTRA_OUTCOME_LOCK_TIMEOUT: Duration = Duration::from_secs(25);

/// How long closing waits, which needs the lock for good order only.
const SHORT_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// After this many records, the write-ahead log is checkpointed: a few MB.
const CHECKPOINT_INTERVAL: usize = 128;

/// This many cached numbers take as much space as one record with its audit row and its encrypted PIN.
const CACHED_NUMBERS_PER_RECORD: usize = 16;

/// Removed when the disk is full, so that outcomes find space.
pub(super) const RESERVE_FILE: &str = "reserve";

/// A command for the thread.
#[derive(Debug)]
pub(super) enum WriterCommand {
    Write(WriteOp, oneshot::Sender<WriteResult>),
    UpdateCache(cache::CacheUpdate, oneshot::Sender<()>),
    GetCachedNumbers(String, Option<PhoneNumberId>, oneshot::Sender<Vec<Number>>),
    GetHistory(PhoneNumberId, usize, oneshot::Sender<Vec<HistoryEntry>>),
    Close(mpsc::Sender<()>),
}

/// Whether the thread may write, and whether it writes now.
#[derive(Debug, Default)]
pub(super) struct WriteGate {
    state: Mutex<WriteGateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WriteGateState {
    pause_count: usize,
    is_writing: bool,
}

impl WriteGate {
    /// Waits for a write in progress, up to the timeout. Nothing is written from then on.
    pub(super) fn pause(&self, patience: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pause_count += 1;
        // A disk that does not respond must not keep the process from suspending.
        drop(self.changed.wait_timeout_while(state, patience, |state| state.is_writing));
    }

    pub(super) fn resume(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pause_count -= 1;
        self.changed.notify_all();
    }

    /// Runs `work` while the gate is open.
    fn run_unpaused<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.pause_count > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        drop(state);
        let _writing = WritingGuard(self);
        work()
    }
}

/// A write in progress. Dropped by a panic as well, or a pause would wait forever.
struct WritingGuard<'g>(&'g WriteGate);

impl Drop for WritingGuard<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_writing = false;
        self.0.changed.notify_all();
    }
}

/// Why this process records nothing more.
#[derive(Debug)]
struct WriterFailure {
    error: RecordError,
    kind: StorageErrorKind,
}

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) escrow: EscrowFile,
    pub(super) dir: StateDir,
    pub(super) context: WriterContext,
    pub(super) clock: Clock,
    pub(super) head_file: File,
    /// Which files the database was when it was opened.
    pub(super) identity: schema::DatabaseIdentity,
    failure: Option<WriterFailure>,
    /// Records since the last checkpoint.
    records_since_checkpoint: usize,
    pending_cache_updates: VecDeque<(cache::CacheUpdate, oneshot::Sender<()>)>,
}

impl Writer {
    pub(super) const fn new(
        db: Connection,
        escrow: EscrowFile,
        dir: StateDir,
        context: WriterContext,
        clock: Clock,
        head_file: File,
        identity: schema::DatabaseIdentity,
    ) -> Self {
        Self {
            db,
            escrow,
            dir,
            context,
            clock,
            head_file,
            identity,
            failure: None,
            records_since_checkpoint: 0,
            pending_cache_updates: VecDeque::new(),
        }
    }

    /// Runs until the last handle is dropped, or until it is closed.
    pub(super) fn run(mut self, requests: &Receiver<WriterCommand>, gate: &Arc<WriteGate>) {
        let mut closed = None;
        while closed.is_none() {
            // The cache is changed only while no record waits.
            let first = if self.pending_cache_updates.is_empty() {
                requests.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                requests.try_recv()
            };
            match first {
                Ok(first) => closed = gate.run_unpaused(|| self.handle_commands(first, requests)),
                Err(TryRecvError::Empty) => gate.run_unpaused(|| self.apply_next_cache_update()),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        gate.run_unpaused(|| {
            while !self.pending_cache_updates.is_empty() {
                self.apply_next_cache_update();
            }
            self.finish();
        });
        // The receiver may be gone.
        closed.map(|closed| closed.send(()).ok());
    }

    /// Handles a command and those that wait after it. `Some` if the thread must end.
    fn handle_commands(
        &mut self,
        first: WriterCommand,
        requests: &Receiver<WriterCommand>,
    ) -> Option<mpsc::Sender<()>> {
        let mut group = WriteGroup::new();
        let mut next = Some(first);
        while let Some(request) = next.take() {
            match request {
                WriterCommand::Write(write, reply) => {
                    group.push((write, reply));
                    if group.len() < MAX_GROUP_SIZE {
                        next = requests.try_recv().ok();
                    }
                }
                WriterCommand::UpdateCache(update, reply) => self.pending_cache_updates.push_back((update, reply)),
                // Earlier updates must be visible.
                WriterCommand::GetCachedNumbers(profile, after, reply) => {
                    self.commit_group(std::mem::take(&mut group));
                    while !self.pending_cache_updates.is_empty() {
                        self.apply_next_cache_update();
                    }
                    // The receiver may be gone. A cache that cannot be read is empty.
                    reply.send(cache::cached_numbers(&self.db, &profile, after).unwrap_or_default()).ok();
                }
                WriterCommand::GetHistory(number, most, reply) => {
                    self.commit_group(std::mem::take(&mut group));
                    reply.send(history::number_history(&self.db, number, most).unwrap_or_default()).ok();
                }
                WriterCommand::Close(done) => {
                    self.commit_group(group);
                    return Some(done);
                }
            }
        }
        self.commit_group(group);
        None
    }

    /// Records a group, and replies.
    fn commit_group(&mut self, mut group: WriteGroup) {
        if group.is_empty() {
            return;
        }
        if self.failure.is_none() {
            let mut recorded = self.record_group(&group_ops(&group), LOCK_TIMEOUT);
            if let Err(StorageError { message: what, kind: StorageErrorKind::Locked }) = recorded {
                group = refuse_all_but_outcomes(group, &what);
                if group.is_empty() {
                    return;
                }
                recorded = self.record_group(&group_ops(&group), EXTRA_OUTCOME_LOCK_TIMEOUT);
            }
            match recorded {
                Ok(answers) => {
                    let count = group.len();
                    send_replies(group, answers);
                    return self.checkpoint_if_due(count);
                }
                Err(failure) => self.fail(failure),
            }
        }
        let answers = self.record_outcomes_after_failure(&group_ops(&group));
        send_replies(group, answers);
    }

    /// After a failure: outcomes only, and only if the disk was full.
    fn record_outcomes_after_failure(&mut self, writes: &[&WriteOp]) -> Vec<WriteResult> {
        let outcomes: Vec<&WriteOp> = writes.iter().copied().filter(|write| is_outcome(write)).collect();
        let is_full = self.failure.as_ref().is_some_and(|death| death.kind == StorageErrorKind::DiskFull);
        let mut stored = false;
        if is_full && !outcomes.is_empty() {
            match self.record_group(&outcomes, LOCK_TIMEOUT) {
                Ok(_) => stored = true,
                Err(StorageError { kind: StorageErrorKind::DiskFull | StorageErrorKind::Locked, .. }) => {}
                // A sync that failed now makes the failure final.
                Err(failure) => self.fail(failure),
            }
        }
        let refused = self.failure.as_ref().map(|death| death.error.clone());
        let answer = |write: &&WriteOp| match &refused {
            Some(refused) if !(stored && is_outcome(write)) => Err(refused.clone()),
            Some(_) | None => Ok(None),
        };
        writes.iter().map(answer).collect()
    }

    fn fail(&mut self, failure: StorageError) {
        let cause = failure.kind;
        let refused = failure.into_record_error(&self.dir);
        if cause == StorageErrorKind::DiskFull {
            // If it cannot be removed, outcomes find no space and are refused.
            self.dir.remove_file(RESERVE_FILE).ok();
        }
        self.failure = Some(WriterFailure { error: refused, kind: cause });
    }

    /// One transaction, under the lock that all writers share.
    fn record_group(&mut self, writes: &[&WriteOp], patience: Duration) -> Result<Vec<WriteResult>, StorageError> {
        let Self { db, escrow, dir, context: scribe, clock, head_file, identity, .. } = self;
        let lock = escrow.lock(patience)?;
        check_file_identity(identity, dir)?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = ChainHead::read_from(&tx)?;
        let mut ledger =
            JournalTx { db: &tx, context: scribe, head: before, now: clock.now(), escrow_entries: Vec::new() };
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            answers.push(ledger.apply(write)?);
        }
        let JournalTx { head, escrow_entries: lines, .. } = ledger;
        let appended = lock.append(&lines)?;
        if let Err(error) = tx.commit() {
            lock.roll_back(&appended);
            return Err(error.into());
        }
        if head != before {
            // It may lag: a truncation is then detected only for the rows before it.
            head.write(head_file).ok();
        }
        Ok(answers)
    }

    /// Checkpoints the write-ahead log when it is long enough. SQLite would do so by itself, and would not report that
    /// the sync failed.
    fn checkpoint_if_due(&mut self, count: usize) {
        self.records_since_checkpoint += count;
        if self.records_since_checkpoint < CHECKPOINT_INTERVAL {
            return;
        }
        self.records_since_checkpoint = 0;
        match self.checkpoint() {
            // It stays until there is space, or time.
            Ok(()) | Err(StorageError { kind: StorageErrorKind::DiskFull | StorageErrorKind::Locked, .. }) => {}
            Err(failure) => self.fail(failure),
        }
    }

    fn checkpoint(&self) -> Result<(), StorageError> {
        let _lock = self.escrow.lock(SHORT_LOCK_TIMEOUT)?;
        check_file_identity(&self.identity, &self.dir)?;
        Ok(self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }

    /// Changes the cache. Drops an update without space or time. A failed sync ends the journal, because it may have
    /// been that of earlier rows.
    fn apply_next_cache_update(&mut self) {
        let Some((update, reply)) = self.pending_cache_updates.pop_front() else { return };
        if self.failure.is_none() {
            match self.apply_cache_update(&update) {
                Ok(()) => self.checkpoint_if_due(update.number_count().div_ceil(CACHED_NUMBERS_PER_RECORD)),
                Err(StorageError { kind: StorageErrorKind::DiskFull | StorageErrorKind::Locked, .. }) => {}
                Err(failure) => self.fail(failure),
            }
        }
        // The receiver may be gone. The rows stay.
        reply.send(()).ok();
    }

    fn apply_cache_update(&mut self, update: &cache::CacheUpdate) -> Result<(), StorageError> {
        let _lock = self.escrow.lock(LOCK_TIMEOUT)?;
        check_file_identity(&self.identity, &self.dir)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        update.apply(&tx)?;
        Ok(tx.commit()?)
    }

    /// Closes the database, under the lock: the last process checkpoints the write-ahead log.
    fn finish(self) {
        let lock = self.escrow.lock(SHORT_LOCK_TIMEOUT);
        // What was confirmed is durable already, so a failure here loses nothing. After a failed sync, the system may
        // report success for the next one: the write-ahead log stays, and is read again.
        let is_sound = self.failure.is_none_or(|death| death.kind != StorageErrorKind::Other);
        schema::close(self.db, &self.identity, &self.dir, is_sound);
        drop(self.context);
        drop(lock);
    }
}

/// What is written to a file without its name is lost with the process.
fn check_file_identity(identity: &schema::DatabaseIdentity, dir: &StateDir) -> Result<(), StorageError> {
    match identity.first_replaced(dir)? {
        Some(name) => {
            let what = format!("{name} was moved away or replaced meanwhile");
            Err(StorageError { message: what, kind: StorageErrorKind::FileReplaced })
        }
        None => Ok(()),
    }
}

type WriteGroup = Vec<(WriteOp, oneshot::Sender<WriteResult>)>;

const fn is_outcome(write: &WriteOp) -> bool {
    matches!(write, WriteOp::RecordOutcome(_))
}

fn group_ops(group: &WriteGroup) -> Vec<&WriteOp> {
    group.iter().map(|(write, _)| write).collect()
}

fn send_replies(group: WriteGroup, answers: Vec<WriteResult>) {
    for ((_, reply), answer) in group.into_iter().zip(answers) {
        // The receiver may be gone. The rows stay.
        reply.send(answer).ok();
    }
}

/// None of these was recorded, and the caller may try again. Outcomes keep waiting.
fn refuse_all_but_outcomes(group: WriteGroup, why: &str) -> WriteGroup {
    let (outcomes, others): (WriteGroup, WriteGroup) = group.into_iter().partition(|(write, _)| is_outcome(write));
    let refused = RecordError::Busy(CleanText::new(&format!("nothing can be recorded: {why}")));
    let answers = others.iter().map(|_| Err(refused.clone())).collect();
    send_replies(others, answers);
    outcomes
}

/// The error of a journal whose thread has ended.
pub(super) fn closed_error() -> RecordError {
    RecordError::JournalFailed(CleanText::new("the journal was closed"))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Much longer than this test takes.
    const A_WHILE: Duration = Duration::from_hours(1);

    #[test]
    fn a_panic_while_something_is_written_leaves_nobody_waiting() {
        let gate = WriteGate::default();
        let panicked = catch_unwind(AssertUnwindSafe(|| gate.run_unpaused(|| panic!("of this test"))));
        assert!(panicked.is_err());
        gate.pause(A_WHILE);
        gate.resume();
        assert_eq!(gate.run_unpaused(|| 1), 1);
    }

    #[test]
    fn a_pause_waits_for_what_is_being_written_and_not_for_ever() {
        let gate = WriteGate::default();
        gate.run_unpaused(|| {
            gate.pause(Duration::from_millis(1));
            gate.resume();
        });
        gate.pause(A_WHILE);
    }
}
