//! The writer thread commits all waiting records in one transaction, and replies when they are durable.
//!
//! It appends the encrypted PINs of a group to the escrow file and syncs the file before it commits the rows. After any
//! failure, it records nothing more in this process. After a full disk, it still tries to record outcomes; after a
//! failed sync, it never does. It does not decide whether a PIN may be sent.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::transaction::{JournalTx, WriteOp, WriteResult, WriterContext};
use super::{audit_log, cache, escrow_lines, schema};
use crate::domain::clock::Clock;
use crate::domain::text::CleanText;
use crate::escrow::EscrowFile;
use crate::journal::database_files::DatabaseIdentity;
use crate::journal::error::{RecordError, StorageError, StorageErrorKind};
use crate::journal::syslog::Syslog;
use crate::state_dir::StateDir;

/// The maximum number of records in one transaction.
const MAX_GROUP_SIZE: usize = 256;

/// How long a group waits for the lock: much longer than any transaction of a process that is not suspended.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How much longer an outcome waits, because only this process knows it until it is recorded.
const EXTRA_OUTCOME_LOCK_TIMEOUT: Duration = Duration::from_secs(25);

/// How long a checkpoint or closing waits for the lock. A later checkpoint or the next start makes up for a missed one.
const SHORT_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// How many records to write between two checkpoints of the write-ahead log: a few MB.
const CHECKPOINT_INTERVAL: usize = 128;

/// How many cached numbers take as much space as one record with its audit row and its encrypted PIN.
const CACHED_NUMBERS_PER_RECORD: usize = 16;

/// The file that reserves space. The thread removes it when the disk is full, so that it can still record outcomes.
pub(in crate::journal) const RESERVE_FILE: &str = "reserve";

/// A command for the writer thread.
#[derive(Debug)]
pub(in crate::journal) enum WriterCommand {
    Write(WriteOp, oneshot::Sender<WriteResult>),
    UpdateCache(cache::CacheUpdate, oneshot::Sender<()>),
    /// Reply when all earlier records are written or refused.
    Flush(oneshot::Sender<()>),
    /// Send these rows, after one and up to another, and all later ones to syslog.
    Forward(Syslog, (i64, i64)),
    Close(mpsc::Sender<()>),
}

/// Lets the other threads pause the writer thread.
#[derive(Debug, Default)]
pub(in crate::journal) struct WriteGate {
    state: Mutex<WriteGateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WriteGateState {
    pause_count: usize,
    is_writing: bool,
}

impl WriteGate {
    /// Keeps the thread from starting another write, and waits for a write in progress, up to the timeout.
    pub(in crate::journal) fn pause(&self, timeout: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pause_count += 1;
        // A disk that does not respond must not keep the process from suspending.
        drop(self.changed.wait_timeout_while(state, timeout, |state| state.is_writing));
    }

    pub(in crate::journal) fn resume(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pause_count -= 1;
        self.changed.notify_all();
    }

    /// Waits until no pause is in effect, then runs `write`.
    fn run_unpaused<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.pause_count > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        drop(state);
        let _writing = WritingGuard(self);
        write()
    }
}

/// Marks a write in progress. A guard, so that a panic ends it too and no pause waits forever.
struct WritingGuard<'g>(&'g WriteGate);

impl Drop for WritingGuard<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_writing = false;
        self.0.changed.notify_all();
    }
}

/// Why the journal of this process has stopped recording.
#[derive(Debug)]
struct WriterFailure {
    error: RecordError,
    kind: StorageErrorKind,
}

/// The state of the writer thread.
#[derive(Debug)]
pub(in crate::journal) struct Writer {
    pub(super) db: Connection,
    pub(super) escrow: EscrowFile,
    pub(super) dir: StateDir,
    pub(super) context: WriterContext,
    pub(super) clock: Clock,
    pub(super) head_file: File,
    /// The files of the database when it was opened.
    pub(super) identity: DatabaseIdentity,
    failure: Option<WriterFailure>,
    /// The number of records since the last checkpoint.
    records_since_checkpoint: usize,
    pending_cache_updates: VecDeque<(cache::CacheUpdate, oneshot::Sender<()>)>,
    syslog: Option<Syslog>,
}

impl Writer {
    pub(in crate::journal) const fn new(
        db: Connection,
        escrow: EscrowFile,
        dir: StateDir,
        context: WriterContext,
        clock: Clock,
        head_file: File,
        identity: DatabaseIdentity,
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
            syslog: None,
        }
    }

    /// Runs until the last handle is dropped, or until a command closes the journal.
    pub(in crate::journal) fn run(mut self, commands: &Receiver<WriterCommand>, gate: &Arc<WriteGate>) {
        let mut closed = None;
        while closed.is_none() {
            // Updates the cache only while no record waits.
            let first = if self.pending_cache_updates.is_empty() {
                commands.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                commands.try_recv()
            };
            match first {
                Ok(first) => closed = gate.run_unpaused(|| self.handle_commands(first, commands)),
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
        // The caller of `close` may no longer wait.
        closed.map(|closed| closed.send(()).ok());
    }

    /// Handles a command and the records that wait after it. Returns `Some` if the thread must end.
    fn handle_commands(
        &mut self,
        first: WriterCommand,
        commands: &Receiver<WriterCommand>,
    ) -> Option<mpsc::Sender<()>> {
        let mut group = WriteGroup::new();
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                WriterCommand::Write(op, reply) => {
                    group.push((op, reply));
                    if group.len() < MAX_GROUP_SIZE {
                        next = commands.try_recv().ok();
                    }
                }
                WriterCommand::UpdateCache(update, reply) => self.pending_cache_updates.push_back((update, reply)),
                WriterCommand::Flush(reply) => {
                    self.commit_group(std::mem::take(&mut group));
                    // The caller may no longer wait.
                    reply.send(()).ok();
                }
                WriterCommand::Forward(syslog, (after, last)) => {
                    forward_rows(&self.db, Some(&syslog), after, last);
                    self.syslog = Some(syslog);
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

    /// Records a group and sends the replies.
    fn commit_group(&mut self, mut group: WriteGroup) {
        if group.is_empty() {
            return;
        }
        if self.failure.is_none() {
            let mut result = self.record_group(&group_ops(&group), LOCK_TIMEOUT);
            if let Err(StorageError { message, kind: StorageErrorKind::Locked }) = result {
                group = refuse_all_but_outcomes(group, &message);
                if group.is_empty() {
                    return;
                }
                result = self.record_group(&group_ops(&group), EXTRA_OUTCOME_LOCK_TIMEOUT);
            }
            match result {
                Ok(replies) => {
                    let count = group.len();
                    send_replies(group, replies);
                    return self.checkpoint_if_due(count);
                }
                Err(error) => self.fail(error),
            }
        }
        let replies = self.record_outcomes_after_failure(&group_ops(&group));
        send_replies(group, replies);
    }

    /// Refuses records after a failure. If the failure was a full disk, still tries to record outcomes.
    fn record_outcomes_after_failure(&mut self, ops: &[&WriteOp]) -> Vec<WriteResult> {
        let outcomes: Vec<&WriteOp> = ops.iter().copied().filter(|op| is_outcome(op)).collect();
        let is_full = self.failure.as_ref().is_some_and(|failure| failure.kind == StorageErrorKind::DiskFull);
        let mut are_outcomes_recorded = false;
        if is_full && !outcomes.is_empty() {
            match self.record_group(&outcomes, LOCK_TIMEOUT) {
                Ok(_) => are_outcomes_recorded = true,
                Err(StorageError { kind: StorageErrorKind::DiskFull | StorageErrorKind::Locked, .. }) => {}
                // After a failed sync, the journal no longer records outcomes either.
                Err(error) => self.fail(error),
            }
        }
        let error = self.failure.as_ref().map(|failure| failure.error.clone());
        let reply = |op: &&WriteOp| match &error {
            Some(error) if !(are_outcomes_recorded && is_outcome(op)) => Err(error.clone()),
            Some(_) | None => Ok(None),
        };
        ops.iter().map(reply).collect()
    }

    fn fail(&mut self, error: StorageError) {
        let kind = error.kind;
        let error = error.into_record_error(&self.dir);
        if kind == StorageErrorKind::DiskFull {
            // If this fails, there is no space for outcomes, and the journal refuses them.
            self.dir.remove_file(RESERVE_FILE).ok();
        }
        self.failure = Some(WriterFailure { error, kind });
    }

    /// Writes one transaction, under the lock that all writers share.
    fn record_group(&mut self, ops: &[&WriteOp], timeout: Duration) -> Result<Vec<WriteResult>, StorageError> {
        let Self { db, escrow, dir, context, clock, head_file, identity, syslog, .. } = self;
        let lock = escrow.lock(timeout)?;
        check_file_identity(identity, dir)?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let old_head = audit_log::chain_head(&tx)?;
        let mut journal_tx = JournalTx::new(&tx, context, old_head, clock.now())?;
        let mut results = Vec::with_capacity(ops.len());
        for op in ops {
            results.push(journal_tx.apply(op)?);
        }
        let JournalTx { head, escrow_entries, .. } = journal_tx;
        let appended = escrow_lines::append(&tx, dir, &lock, &escrow_entries)?;
        if let Err(error) = tx.commit() {
            lock.roll_back(&appended);
            return Err(error.into());
        }
        if head != old_head {
            // If this fails, the saved head is behind, and a truncation of the newest rows is not detected.
            head.write(head_file).ok();
        }
        drop(lock);
        forward_rows(db, syslog.as_ref(), old_head.sequence, head.sequence);
        Ok(results)
    }

    /// Checkpoints the write-ahead log if it is long enough. The automatic checkpoint of SQLite would not report a
    /// failed sync.
    fn checkpoint_if_due(&mut self, count: usize) {
        self.records_since_checkpoint += count;
        if self.records_since_checkpoint < CHECKPOINT_INTERVAL {
            return;
        }
        self.records_since_checkpoint = 0;
        match self.checkpoint() {
            // On a full disk or a lock timeout, the log stays until a later checkpoint.
            Ok(()) | Err(StorageError { kind: StorageErrorKind::DiskFull | StorageErrorKind::Locked, .. }) => {}
            Err(error) => self.fail(error),
        }
    }

    fn checkpoint(&self) -> Result<(), StorageError> {
        let _lock = self.escrow.lock(SHORT_LOCK_TIMEOUT)?;
        check_file_identity(&self.identity, &self.dir)?;
        Ok(self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }

    /// Applies one update of the cache. Drops it on a full disk or a lock timeout. After a failed sync, the journal
    /// fails, because earlier rows may not be durable.
    fn apply_next_cache_update(&mut self) {
        let Some((update, reply)) = self.pending_cache_updates.pop_front() else { return };
        if self.failure.is_none() {
            match self.apply_cache_update(&update) {
                Ok(()) => self.checkpoint_if_due(update.number_count().div_ceil(CACHED_NUMBERS_PER_RECORD)),
                Err(StorageError { kind: StorageErrorKind::DiskFull | StorageErrorKind::Locked, .. }) => {}
                Err(error) => self.fail(error),
            }
        }
        // The caller may no longer wait.
        reply.send(()).ok();
    }

    fn apply_cache_update(&mut self, update: &cache::CacheUpdate) -> Result<(), StorageError> {
        let _lock = self.escrow.lock(LOCK_TIMEOUT)?;
        check_file_identity(&self.identity, &self.dir)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        update.apply(&tx)?;
        Ok(tx.commit()?)
    }

    /// Closes the database under the lock, because the last process checkpoints the write-ahead log.
    fn finish(self) {
        let lock = self.escrow.lock(SHORT_LOCK_TIMEOUT);
        // All confirmed records are already durable, so a failure here loses nothing. After a failed sync, the kernel
        // may report success for the next one, so the write-ahead log stays and the next start reads it.
        let is_sound = self.failure.is_none_or(|failure| failure.kind != StorageErrorKind::Other);
        schema::close(self.db, &self.identity, &self.dir, is_sound);
        drop(self.context);
        drop(lock);
    }
}

/// Sends durable rows to syslog. A row that cannot be read again is left out, as one that syslog does not take.
fn forward_rows(db: &Connection, syslog: Option<&Syslog>, after: i64, last: i64) {
    let Some(syslog) = syslog else { return };
    for row in audit_log::rows_between(db, after, last).unwrap_or_default() {
        syslog.send(row);
    }
}

/// Refuses to write if a file was moved or replaced, because records in the old file are lost when this process ends.
fn check_file_identity(identity: &DatabaseIdentity, dir: &StateDir) -> Result<(), StorageError> {
    match identity.first_replaced(dir)? {
        Some(name) => {
            let message = format!("{name} was moved or replaced");
            Err(StorageError { message, kind: StorageErrorKind::FileReplaced })
        }
        None => Ok(()),
    }
}

type WriteGroup = Vec<(WriteOp, oneshot::Sender<WriteResult>)>;

const fn is_outcome(op: &WriteOp) -> bool {
    matches!(op, WriteOp::RecordOutcome(_))
}

fn group_ops(group: &WriteGroup) -> Vec<&WriteOp> {
    group.iter().map(|(op, _)| op).collect()
}

fn send_replies(group: WriteGroup, results: Vec<WriteResult>) {
    for ((_, reply), result) in group.into_iter().zip(results) {
        // The caller may no longer wait. The rows stay.
        reply.send(result).ok();
    }
}

/// Refuses all records of a group except outcomes, and returns the outcomes. Nothing was recorded, so a caller may
/// retry.
fn refuse_all_but_outcomes(group: WriteGroup, reason: &str) -> WriteGroup {
    let (outcomes, others): (WriteGroup, WriteGroup) = group.into_iter().partition(|(op, _)| is_outcome(op));
    let error = RecordError::Busy(CleanText::new(&format!("nothing can be recorded: {reason}")));
    let results = others.iter().map(|_| Err(error.clone())).collect();
    send_replies(others, results);
    outcomes
}

/// The error of a journal whose thread has ended.
pub(in crate::journal) fn closed_error() -> RecordError {
    RecordError::JournalFailed(CleanText::new("the journal was closed"))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Much longer than these tests take.
    const LONG_TIMEOUT: Duration = Duration::from_hours(1);

    #[test]
    fn a_pause_does_not_wait_after_a_panic_during_a_write() {
        let gate = WriteGate::default();
        let panicked = catch_unwind(AssertUnwindSafe(|| gate.run_unpaused(|| panic!("expected by this test"))));
        assert!(panicked.is_err());
        gate.pause(LONG_TIMEOUT);
        gate.resume();
        assert_eq!(gate.run_unpaused(|| 1), 1);
    }

    #[test]
    fn a_pause_waits_for_a_write_up_to_its_timeout() {
        let gate = WriteGate::default();
        gate.run_unpaused(|| {
            gate.pause(Duration::from_millis(1));
            gate.resume();
        });
        gate.pause(LONG_TIMEOUT);
    }
}
