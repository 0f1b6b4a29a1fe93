//! The journal's thread: it takes everything that waits into one transaction, and answers when that is durable.
//!
//! Within a group the sealed PINs are appended to the escrow file and synced before the rows are committed. Whatever
//! fails ends the journal for this process; only outcomes are still tried where nothing but space was wanting, never
//! after a failed sync.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::audit::Head;
use super::cache;
use super::error::{Cause, Failure, Refused};
use super::history;
use super::ledger::{Answer, Ledger, Scribe, Write};
use super::records::HistoryLine;
use super::schema;
use crate::escrow::EscrowFile;
use crate::moment::Clock;
use crate::number::{Number, PhoneNumberId};
use crate::state::StateDir;
use crate::text::CleanText;

/// The most things recorded in one transaction.
const MAX_GROUP: usize = 256;

/// So long a group waits for another process to end its own: far longer than any takes that is not stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// So much longer an outcome waits: what is not written then is known to this process only.
const PATIENCE_FOR_OUTCOMES: Duration = Duration::from_secs(25);

/// So long the end waits, which needs the lock for good order only.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// After so many things recorded, what was written ahead is taken into the database: a few MB.
const CHECKPOINT: usize = 128;

/// So many numbers remembered take as much as one thing recorded, with its audit row and its sealed PIN.
const NUMBERS_AS_ONE: usize = 16;

/// Given up when the disk is full, so that outcomes find room.
pub(super) const RESERVE_FILE: &str = "reserve";

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Request {
    Write(Write, oneshot::Sender<Answer>),
    Cache(cache::Update, oneshot::Sender<()>),
    Remembered(String, Option<PhoneNumberId>, oneshot::Sender<Vec<Number>>),
    History(PhoneNumberId, usize, oneshot::Sender<Vec<HistoryLine>>),
    Close(mpsc::Sender<()>),
}

/// Whether the thread may write, and whether it does.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    pauses: usize,
    is_writing: bool,
}

impl Gate {
    /// Waits for the end of what is being written, for so long at most; nothing is written from then on.
    pub(super) fn close(&self, patience: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pauses += 1;
        // Nobody is stopped for ever by a disk that does not answer.
        drop(self.changed.wait_timeout_while(state, patience, |state| state.is_writing));
    }

    pub(super) fn open(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pauses -= 1;
        self.changed.notify_all();
    }

    /// Runs `work` while nobody pauses.
    fn pass<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.pauses > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        drop(state);
        let _writing = Writing(self);
        work()
    }
}

/// Something is being written, until this is dropped: by a panic as well, or whoever pauses would wait for ever.
struct Writing<'g>(&'g Gate);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_writing = false;
        self.0.changed.notify_all();
    }
}

/// Why this process records nothing more.
#[derive(Debug)]
struct Death {
    refused: Refused,
    cause: Cause,
}

/// Everything that the thread owns.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) escrow: EscrowFile,
    pub(super) dir: StateDir,
    pub(super) scribe: Scribe,
    pub(super) clock: Clock,
    pub(super) head_file: File,
    /// Which files the database was when it was opened.
    pub(super) identity: schema::Identity,
    death: Option<Death>,
    /// What was recorded since the last checkpoint.
    ahead: usize,
    to_cache: VecDeque<(cache::Update, oneshot::Sender<()>)>,
}

impl Writer {
    pub(super) const fn new(
        db: Connection,
        escrow: EscrowFile,
        dir: StateDir,
        scribe: Scribe,
        clock: Clock,
        head_file: File,
        identity: schema::Identity,
    ) -> Self {
        Self { db, escrow, dir, scribe, clock, head_file, identity, death: None, ahead: 0, to_cache: VecDeque::new() }
    }

    /// Works until the last handle is gone, or until it is closed.
    pub(super) fn run(mut self, requests: &Receiver<Request>, gate: &Arc<Gate>) {
        let mut closed = None;
        while closed.is_none() {
            // The cache is changed only while nothing else waits.
            let first = if self.to_cache.is_empty() {
                requests.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                requests.try_recv()
            };
            match first {
                Ok(first) => closed = gate.pass(|| self.serve(first, requests)),
                Err(TryRecvError::Empty) => gate.pass(|| self.cache_some()),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        gate.pass(|| {
            while !self.to_cache.is_empty() {
                self.cache_some();
            }
            self.finish();
        });
        // Nobody has to wait for it.
        closed.map(|closed| closed.send(()).ok());
    }

    /// Serves a request and what waits behind it. `Some` if it is to end.
    fn serve(&mut self, first: Request, requests: &Receiver<Request>) -> Option<mpsc::Sender<()>> {
        let mut group = Group::new();
        let mut next = Some(first);
        while let Some(request) = next.take() {
            match request {
                Request::Write(write, reply) => {
                    group.push((write, reply));
                    if group.len() < MAX_GROUP {
                        next = requests.try_recv().ok();
                    }
                }
                Request::Cache(update, reply) => self.to_cache.push_back((update, reply)),
                // What was handed over before is to be seen.
                Request::Remembered(profile, after, reply) => {
                    self.commit(std::mem::take(&mut group));
                    while !self.to_cache.is_empty() {
                        self.cache_some();
                    }
                    // Who asked may be gone; a cache that cannot be read is empty.
                    reply.send(cache::remembered(&self.db, &profile, after).unwrap_or_default()).ok();
                }
                Request::History(number, most, reply) => {
                    self.commit(std::mem::take(&mut group));
                    reply.send(history::of_number(&self.db, number, most).unwrap_or_default()).ok();
                }
                Request::Close(done) => {
                    self.commit(group);
                    return Some(done);
                }
            }
        }
        self.commit(group);
        None
    }

    /// Records a group, and answers.
    fn commit(&mut self, mut group: Group) {
        if group.is_empty() {
            return;
        }
        if self.death.is_none() {
            let mut recorded = self.record_group(&writes_of(&group), PATIENCE);
            if let Err(Failure { what, cause: Cause::Locked }) = recorded {
                group = refuse_all_but_outcomes(group, &what);
                if group.is_empty() {
                    return;
                }
                recorded = self.record_group(&writes_of(&group), PATIENCE_FOR_OUTCOMES);
            }
            match recorded {
                Ok(answers) => {
                    let count = group.len();
                    tell(group, answers);
                    return self.take_in(count);
                }
                Err(failure) => self.die(failure),
            }
        }
        let answers = self.record_outcomes(&writes_of(&group));
        tell(group, answers);
    }

    /// After the end: outcomes only, and only where space was all that was wanting.
    fn record_outcomes(&mut self, writes: &[&Write]) -> Vec<Answer> {
        let outcomes: Vec<&Write> = writes.iter().copied().filter(|write| is_outcome(write)).collect();
        let is_full = self.death.as_ref().is_some_and(|death| death.cause == Cause::Full);
        let mut stored = false;
        if is_full && !outcomes.is_empty() {
            match self.record_group(&outcomes, PATIENCE) {
                Ok(_) => stored = true,
                Err(Failure { cause: Cause::Full | Cause::Locked, .. }) => {}
                // A sync that failed now makes it final.
                Err(failure) => self.die(failure),
            }
        }
        let refused = self.death.as_ref().map(|death| death.refused.clone());
        let answer = |write: &&Write| match &refused {
            Some(refused) if !(stored && is_outcome(write)) => Err(refused.clone()),
            Some(_) | None => Ok(None),
        };
        writes.iter().map(answer).collect()
    }

    fn die(&mut self, failure: Failure) {
        let cause = failure.cause;
        let refused = failure.into_death(&self.dir);
        if cause == Cause::Full {
            // If it cannot be removed, outcomes find no room: they are refused then.
            self.dir.remove_file(RESERVE_FILE).ok();
        }
        self.death = Some(Death { refused, cause });
    }

    /// One transaction, under the lock that all writers share.
    fn record_group(&mut self, writes: &[&Write], patience: Duration) -> Result<Vec<Answer>, Failure> {
        let Self { db, escrow, dir, scribe, clock, head_file, identity, .. } = self;
        let lock = escrow.lock(patience)?;
        judge_names(identity, dir)?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = Head::of(&tx)?;
        let mut ledger = Ledger { db: &tx, scribe, head: before, now: clock.now(), lines: Vec::new() };
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            answers.push(ledger.write(write)?);
        }
        let Ledger { head, lines, .. } = ledger;
        let appended = lock.append(&lines)?;
        if let Err(error) = tx.commit() {
            lock.roll_back(&appended);
            return Err(error.into());
        }
        if head != before {
            // It may lag: a cut is then told for the rows before it only.
            head.write(head_file).ok();
        }
        Ok(answers)
    }

    /// Takes what was written ahead into the database, once there is enough of it. SQLite would do so by itself, and keep
    /// it to itself that the sync failed.
    fn take_in(&mut self, count: usize) {
        self.ahead += count;
        if self.ahead < CHECKPOINT {
            return;
        }
        self.ahead = 0;
        match self.checkpoint() {
            // It stays where it is until there is room, or time.
            Ok(()) | Err(Failure { cause: Cause::Full | Cause::Locked, .. }) => {}
            Err(failure) => self.die(failure),
        }
    }

    fn checkpoint(&self) -> Result<(), Failure> {
        let _lock = self.escrow.lock(PATIENCE_AT_END)?;
        judge_names(&self.identity, &self.dir)?;
        Ok(self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }

    /// Changes the cache. One for which there is no room or no time is let go; a sync that failed is the end, as it
    /// may have been that of rows written before.
    fn cache_some(&mut self) {
        let Some((update, reply)) = self.to_cache.pop_front() else { return };
        if self.death.is_none() {
            match self.cache_now(&update) {
                Ok(()) => self.take_in(update.numbers().div_ceil(NUMBERS_AS_ONE)),
                Err(Failure { cause: Cause::Full | Cause::Locked, .. }) => {}
                Err(failure) => self.die(failure),
            }
        }
        // Who asked may be gone; the rows stay.
        reply.send(()).ok();
    }

    fn cache_now(&mut self, update: &cache::Update) -> Result<(), Failure> {
        let _lock = self.escrow.lock(PATIENCE)?;
        judge_names(&self.identity, &self.dir)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        update.carry_out(&tx)?;
        Ok(tx.commit()?)
    }

    /// Gives the database back, under the lock: the last one to leave empties what was written ahead.
    fn finish(self) {
        let lock = self.escrow.lock(PATIENCE_AT_END);
        // What was answered is durable already; a failure here loses nothing. After a failed sync, the system may say of the
        // next that it was done: what was written ahead stays there, and is read again.
        let is_sound = self.death.is_none_or(|death| death.cause != Cause::Other);
        schema::close(self.db, &self.identity, &self.dir, is_sound);
        drop(self.scribe);
        drop(lock);
    }
}

/// What is written to a file without its name is lost with the process.
fn judge_names(identity: &schema::Identity, dir: &StateDir) -> Result<(), Failure> {
    match identity.lost(dir)? {
        Some(name) => {
            let what = format!("{name} was moved away or replaced meanwhile");
            Err(Failure { what, cause: Cause::Renamed })
        }
        None => Ok(()),
    }
}

type Group = Vec<(Write, oneshot::Sender<Answer>)>;

const fn is_outcome(write: &Write) -> bool {
    matches!(write, Write::Rest(_))
}

fn writes_of(group: &Group) -> Vec<&Write> {
    group.iter().map(|(write, _)| write).collect()
}

fn tell(group: Group, answers: Vec<Answer>) {
    for ((_, reply), answer) in group.into_iter().zip(answers) {
        // Who asked may be gone; the rows stay.
        reply.send(answer).ok();
    }
}

/// Nothing of these was recorded, and may be asked for again. What has happened already goes on waiting.
fn refuse_all_but_outcomes(group: Group, why: &str) -> Group {
    let (outcomes, others): (Group, Group) = group.into_iter().partition(|(write, _)| is_outcome(write));
    let refused = Refused::Busy(CleanText::new(&format!("nothing can be recorded: {why}")));
    let answers = others.iter().map(|_| Err(refused.clone())).collect();
    tell(others, answers);
    outcomes
}

/// The refusal of a journal whose thread has ended.
pub(super) fn ended() -> Refused {
    Refused::Dead(CleanText::new("the journal was closed"))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Far longer than this test takes.
    const A_WHILE: Duration = Duration::from_hours(1);

    #[test]
    fn a_panic_while_something_is_written_leaves_nobody_waiting() {
        let gate = Gate::default();
        let panicked = catch_unwind(AssertUnwindSafe(|| gate.pass(|| panic!("of this test"))));
        assert!(panicked.is_err());
        gate.close(A_WHILE);
        gate.open();
        assert_eq!(gate.pass(|| 1), 1);
    }

    #[test]
    fn a_pause_waits_for_what_is_being_written_and_not_for_ever() {
        let gate = Gate::default();
        gate.pass(|| {
            gate.close(Duration::from_millis(1));
            gate.open();
        });
        gate.close(A_WHILE);
    }
}
