//! The actor: which number is next, what stops what, and what is reported at the end of each change.
//!
//! It never waits for disk or network: its tasks do.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{self, JoinSet};

use super::in_doubt::{InDoubtChange, InDoubtChanges};
use super::progress::ProgressSender;
use super::queue::QueueItem;
use super::send_task::{
    Client, Notice, PendingChange, RunningTask, SendTask, TaskResult, no_access_token, outcome_if_not_sent,
};
use super::{ActorCommand, Recorder};
use crate::domain::change::{ChangeState, Completion, LATE_ARRIVAL_WINDOW, Resolution, SendHistory};
use crate::domain::number::{PhoneNumberId, TwoStep, WabaId};
use crate::domain::outcome::{DoubtReason, NotApplied, NotSentReason, Outcome};
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::policy::breaker::Breaker;
use crate::policy::error_catalog;
use crate::policy::retry::StopScope;

/// A task that ended.
pub(super) enum TaskOutput {
    Completed(Box<TaskResult>),
    Resolved { number: PhoneNumberId, resolution: Resolution, result: Result<(), CleanText> },
}

pub(super) struct JobsActor {
    client: watch::Sender<Client>,
    recorder: Recorder,
    pub(super) progress: ProgressSender,
    pub(super) permits: Arc<Semaphore>,
    queue: VecDeque<QueueItem>,
    tasks: JoinSet<TaskOutput>,
    running: HashMap<task::Id, RunningTask>,
    /// Numbers with a change queued, in flight or being resolved. Two at once would end in an unknown order.
    pub(super) busy: HashSet<PhoneNumberId>,
    in_doubt: InDoubtChanges,
    breaker: Breaker,
    idle_waiters: Vec<blocking::Sender<()>>,
    paused: Arc<watch::Sender<bool>>,
    notices: (mpsc::UnboundedSender<Notice>, mpsc::UnboundedReceiver<Notice>),
    /// Why the journal failed, if it has.
    journal_failure: watch::Sender<Option<CleanText>>,
    /// The secrets are dropped as soon as nothing needs them.
    should_drop_secrets: bool,
    uptime: fn() -> Duration,
}

impl JobsActor {
    #[expect(clippy::too_many_arguments, reason = "called once; a struct of the same parts would say it twice")]
    pub(super) fn new(
        graph: Option<Graph>,
        recorder: Recorder,
        in_doubt: InDoubtChanges,
        concurrency: usize,
        progress: ProgressSender,
        paused: Arc<watch::Sender<bool>>,
        journal_failure: watch::Sender<Option<CleanText>>,
        uptime: fn() -> Duration,
    ) -> Self {
        Self {
            client: watch::Sender::new(Client { graph, generation: 1 }),
            recorder,
            progress,
            permits: Arc::new(Semaphore::new(concurrency)),
            queue: VecDeque::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            busy: HashSet::new(),
            in_doubt,
            breaker: Breaker::new(concurrency),
            idle_waiters: Vec::new(),
            paused,
            notices: mpsc::unbounded_channel(),
            journal_failure,
            should_drop_secrets: false,
            uptime,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<ActorCommand>) {
        let mut is_open = true;
        let mut paused = self.paused.subscribe();
        while is_open || !self.busy.is_empty() {
            let permits = Arc::clone(&self.permits);
            let may_send = !*paused.borrow_and_update() && !self.queue.is_empty();
            tokio::select! {
                // A stop is handled before anything new is sent.
                biased;
                command = inbox.recv(), if is_open => {
                    if let Some(command) = command {
                        self.handle_command(command);
                    } else {
                        is_open = false;
                        self.cancel(&NotSentReason::Stopped, |_| true);
                    }
                },
                Some(notice) = self.notices.1.recv() => self.handle_notice(notice),
                Some(ended) = self.tasks.join_next_with_id() => match ended {
                    Ok((task, ended)) => {
                        self.running.remove(&task);
                        self.handle_task_output(ended);
                    }
                    Err(failure) => self.handle_panicked_task(failure.id()),
                },
                _ = paused.changed() => {}
                Ok(permit) = permits.acquire_owned(), if may_send => self.send_next(permit),
            }
            self.on_idle();
        }
    }

    fn handle_command(&mut self, command: ActorCommand) {
        match command {
            ActorCommand::SetPins(changes) => {
                changes.into_iter().map(QueueItem::new).for_each(|turn| self.enqueue(turn))
            }
            ActorCommand::SetPinOfEach(list) => {
                let turns = list.into_items();
                self.busy.reserve(turns.len());
                self.queue.reserve(turns.len());
                turns.for_each(|turn| self.enqueue(turn));
            }
            ActorCommand::Resend(number) => self.enqueue_resend(number),
            ActorCommand::UseGraph(graph) => {
                self.should_drop_secrets = false;
                self.client.send_modify(|line| {
                    *line = Client { graph: Some(graph), generation: line.generation.saturating_add(1) };
                });
            }
            ActorCommand::Stop(waiter) => {
                self.cancel(&NotSentReason::Stopped, |_| true);
                self.idle_waiters.extend(waiter);
            }
            ActorCommand::ResolveManually(number, note) => self.resolve(number, Resolution::Manual, Some(note)),
            ActorCommand::StatusRead(read) => {
                let proves_it = self.in_doubt.state(read.number).is_some_and(|standing| {
                    read.two_step == TwoStep::NotSet && read.asked_at.instant >= standing.new_pin_allowed_from.instant
                });
                if proves_it {
                    self.resolve(read.number, Resolution::NoPinInForce, None);
                }
            }
            ActorCommand::DropSecrets => {
                self.should_drop_secrets = true;
                self.drop_escrowed_pins();
            }
        }
    }

    fn enqueue(&mut self, turn: QueueItem) {
        let (change, number) = (turn.change_id(), turn.number());
        if let Some(why) = self.reason_to_refuse(number) {
            let finished = self.progress.finished_now(0);
            let refusal = turn.refusal_record(finished, why.clone());
            drop(turn);
            let change = refusal.change;
            self.recorder.record_refusal(refusal);
            // The state of a number describes its request in flight, so it stays.
            let state = if self.busy.contains(&number) {
                ChangeState::NotSent(finished, why)
            } else {
                self.not_sent_state(number, finished, why)
            };
            self.progress.send_state(change, number, state);
            return;
        }
        self.busy.insert(number);
        if let Some(change) = change {
            self.progress.send_state(change, number, ChangeState::Queued);
        }
        self.queue.push_back(turn);
    }

    /// Why no new PIN may be sent to this number now.
    fn reason_to_refuse(&mut self, number: PhoneNumberId) -> Option<NotSentReason> {
        let why = if self.busy.contains(&number) {
            CleanText::new("another request for this number is on its way")
        } else if let Some(words) = self.journal_failure.borrow().clone() {
            words
        } else if let Some(until) = self.in_doubt.arrival_deadline(number, self.progress.now()) {
            CleanText::new(&format!("an earlier PIN could still take effect until {}", until.utc))
        } else if self.client.borrow().graph.is_none() {
            return Some(no_access_token());
        } else {
            return None;
        };
        Some(NotSentReason::RefusedLocally(why))
    }

    fn enqueue_resend(&mut self, number: PhoneNumberId) {
        if self.busy.contains(&number) {
            return;
        }
        let Some((change, open)) = self.in_doubt.take_resendable(number) else { return };
        let work = PendingChange {
            change,
            attempts_before: open.sent.attempts(),
            doubt: Some(open.doubt.without_retries()),
            is_recorded: true,
            is_in_escrow: open.is_in_escrow,
            arrival_deadline: Some(open.arrival_deadline),
        };
        self.busy.insert(number);
        let death = self.journal_failure.borrow().clone();
        if let Some(words) = death {
            self.drop_queued(QueueItem::Prepared(Box::new(work)), NotSentReason::RefusedLocally(words));
        } else {
            self.progress.send_state(work.change.id, number, ChangeState::Queued);
            self.queue.push_back(QueueItem::Prepared(Box::new(work)));
        }
    }

    fn send_next(&mut self, permit: OwnedSemaphorePermit) {
        let Some(turn) = self.queue.pop_front() else { return };
        let number = turn.number();
        let work = match turn.into_pending() {
            Ok(work) => work,
            Err(why) => {
                return self.report_not_sent(number, NotSentReason::RefusedLocally(CleanText::new(&why.to_string())));
            }
        };
        let (stop, stopped) = watch::channel(None);
        let run = self.new_send_task(stopped);
        let (change, doubt) = (Arc::clone(&work.change), work.doubt.clone());
        let running = RunningTask { change, attempts_before: work.attempts_before, doubt, cancel: stop };
        self.spawn_watched(running, run.run(work, permit).map(|rested| TaskOutput::Completed(Box::new(rested))));
    }

    pub(super) fn new_send_task(&self, stopped: watch::Receiver<Option<NotSentReason>>) -> SendTask {
        SendTask {
            client: self.client.subscribe(),
            recorder: self.recorder.clone(),
            progress: self.progress.clone(),
            permits: Arc::clone(&self.permits),
            cancelled: stopped,
            paused: self.paused.subscribe(),
            notices: self.notices.0.clone(),
            uptime: self.uptime,
        }
    }

    pub(super) fn spawn_watched(
        &mut self,
        running: RunningTask,
        task: impl Future<Output = TaskOutput> + Send + 'static,
    ) {
        let id = self.tasks.spawn(task).id();
        self.running.insert(id, running);
    }

    /// Cancels queued numbers and pending retries. Requests in flight continue.
    fn cancel(&mut self, why: &NotSentReason, concerns: impl Fn(Option<WabaId>) -> bool) {
        for running in self.running.values().filter(|running| concerns(running.change.waba)) {
            running.cancel.send_replace(Some(why.clone()));
        }
        let (dropped, left): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|turn| concerns(turn.waba()));
        self.queue = left;
        for turn in dropped {
            self.drop_queued(turn, why.clone());
        }
    }

    /// Ends a queued number that is not started.
    fn drop_queued(&mut self, turn: QueueItem, why: NotSentReason) {
        match turn {
            QueueItem::Prepared(work) => {
                let (tries, outcome) = (work.attempts_before, outcome_if_not_sent(work.doubt.as_ref(), None, why));
                self.handle_task_result(TaskResult { pending: *work, total_attempts: tries, outcome });
            }
            QueueItem::Listed(listed) => {
                // The PIN is wiped before its end is reported.
                let number = listed.number().id;
                drop(listed);
                self.report_not_sent(number, why);
            }
        }
    }

    /// Reports a number for which no change was created.
    fn report_not_sent(&mut self, number: PhoneNumberId, why: NotSentReason) {
        self.busy.remove(&number);
        let state = self.not_sent_state(number, self.progress.finished_now(0), why);
        self.progress.send_state(None, number, state);
    }

    fn handle_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Answered { outcome, waba, stop_scope: stops, generation } => {
                self.cancel_stop_scope(&outcome, waba, stops, generation);
                if let Some(why) = self.breaker.record_outcome(&outcome) {
                    self.cancel(&why, |_| true);
                }
            }
            Notice::JournalFailed(words) => self.handle_journal_failure(words),
        }
    }

    fn cancel_stop_scope(&mut self, outcome: &Outcome, waba: Option<WabaId>, stops: StopScope, generation: u32) {
        match stops {
            StopScope::Nothing => {}
            StopScope::Waba => {
                let why = match outcome {
                    Outcome::Refused(fault) | Outcome::InDoubt(DoubtReason::ServerError(fault)) => {
                        NotSentReason::WabaRefused(CleanText::new(error_catalog::lookup(fault).summary))
                    }
                    Outcome::Confirmed | Outcome::NotSent(_) | Outcome::InDoubt(_) => NotSentReason::Stopped,
                };
                self.cancel(&why, |of| of.is_some() && of == waba);
            }
            // The refusal of an access token that was replaced since says nothing about the new one.
            StopScope::All if generation != self.client.borrow().generation => {}
            StopScope::All => self.cancel(&NotSentReason::TokenRefused, |_| true),
        }
    }

    /// Handled once, before what follows from it.
    fn handle_journal_failure(&mut self, words: CleanText) {
        if self.journal_failure.borrow().is_none() {
            self.journal_failure.send_replace(Some(words.clone()));
            self.cancel(&NotSentReason::RefusedLocally(words), |_| true);
        }
    }

    fn handle_task_output(&mut self, ended: TaskOutput) {
        // A task sends what concerns other changes before it ends.
        while let Ok(notice) = self.notices.1.try_recv() {
            self.handle_notice(notice);
        }
        match ended {
            TaskOutput::Completed(rested) => self.handle_task_result(*rested),
            TaskOutput::Resolved { number, resolution: how, result: written } => {
                self.handle_resolved(number, how, written)
            }
        }
    }

    fn handle_task_result(&mut self, rested: TaskResult) {
        let TaskResult { pending: work, total_attempts: tries, outcome } = rested;
        let PendingChange { change, is_in_escrow: is_sealed, arrival_deadline: lands_until, .. } = work;
        let (id, number, before) = (change.id, change.number, change.status_before);
        let finished = self.progress.finished_now(tries);
        self.busy.remove(&number);
        if let Some(until) = lands_until {
            self.in_doubt.extend_arrival_deadline(number, until);
        }
        // Unless it is in doubt, the PIN is wiped before its end is reported.
        let held = matches!(outcome, Outcome::InDoubt(_)).then_some(change);
        let state = match outcome {
            Outcome::Confirmed => {
                // Whatever was in doubt before, this PIN is in force now.
                self.in_doubt.clear(number);
                ChangeState::Set(finished)
            }
            Outcome::Refused(fault) => match self.in_doubt.state_after(number, NotApplied::Refused(fault.clone())) {
                Some(standing) => ChangeState::InDoubt(Box::new(standing)),
                None => ChangeState::Failed(finished, fault),
            },
            Outcome::NotSent(why) => self.not_sent_state(number, finished, why),
            Outcome::InDoubt(doubt) => {
                let held = held.filter(|_| !(self.should_drop_secrets && is_sealed));
                let sent = SendHistory::Recorded(finished);
                let lands_until = lands_until.unwrap_or_else(|| self.progress.now().plus(LATE_ARRIVAL_WINDOW));
                self.in_doubt.add(
                    number,
                    InDoubtChange {
                        change: id,
                        change_with_pin: held,
                        before: before.two_step,
                        is_in_escrow: is_sealed,
                        doubt,
                        sent,
                        arrival_deadline: lands_until,
                    },
                );
                return self.send_in_doubt(number);
            }
        };
        self.progress.send_state(id, number, state);
    }

    fn send_in_doubt(&self, number: PhoneNumberId) {
        if let Some(news) = self.in_doubt.progress(number) {
            self.progress.send(news);
        }
    }

    /// A newer PIN that changed nothing does not resolve the doubt about an older one.
    fn not_sent_state(&self, number: PhoneNumberId, finished: Completion, why: NotSentReason) -> ChangeState {
        match self.in_doubt.state_after(number, NotApplied::NotSent(why.clone())) {
            Some(standing) => ChangeState::InDoubt(Box::new(standing)),
            None => ChangeState::NotSent(finished, why),
        }
    }

    fn resolve(&mut self, number: PhoneNumberId, how: Resolution, note: Option<CleanText>) {
        // While a request is in flight, nothing about the number can be resolved.
        let changes = self.in_doubt.change_ids(number);
        if changes.is_empty() || !self.busy.insert(number) {
            return;
        }
        let written = self.recorder.clone().record_resolution(number, changes, how, note);
        self.tasks.spawn(async move { TaskOutput::Resolved { number, resolution: how, result: written.await } });
    }

    fn handle_resolved(&mut self, number: PhoneNumberId, how: Resolution, written: Result<(), CleanText>) {
        self.busy.remove(&number);
        if let Err(words) = written {
            // It stays in doubt, here and at the next start.
            self.handle_journal_failure(words);
            self.send_in_doubt(number);
        } else if let Some((id, tries)) = self.in_doubt.newest(number).map(|open| (open.change, open.sent.attempts())) {
            self.in_doubt.clear(number);
            self.progress.send_state(id, number, ChangeState::Resolved(self.progress.finished_now(tries), how));
        }
    }

    /// A task that panicked: it is not known whether its request was applied.
    fn handle_panicked_task(&mut self, task: task::Id) {
        let Some(RunningTask { change, attempts_before: tries_before, doubt, .. }) = self.running.remove(&task) else {
            return;
        };
        let doubt = doubt.unwrap_or(DoubtReason::ConnectionLost { after: Duration::ZERO });
        let tries = tries_before.saturating_add(1);
        let outcome = Outcome::InDoubt(doubt);
        self.handle_task_result(TaskResult {
            pending: PendingChange { attempts_before: tries_before, ..PendingChange::new(change) },
            total_attempts: tries,
            outcome,
        });
    }

    fn drop_escrowed_pins(&mut self) {
        for number in self.in_doubt.drop_escrowed_pins() {
            if !self.busy.contains(&number) {
                self.send_in_doubt(number);
            }
        }
    }

    fn on_idle(&mut self) {
        if !self.busy.is_empty() {
            return;
        }
        self.breaker.on_idle();
        for waiter in self.idle_waiters.drain(..) {
            // The receiver may have given up.
            waiter.send(()).ok();
        }
        if self.should_drop_secrets {
            self.client.send_if_modified(|line| line.graph.take().is_some());
        }
    }
}
