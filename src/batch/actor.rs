//! The actor itself: whose turn it is, what stops what, and what is told of each change at rest.
//!
//! It waits for no disk and no network: its tasks do.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{self, JoinSet};

use super::breaker::Breaker;
use super::doubts::{Doubts, Open};
use super::news::Teller;
use super::queue::Turn;
use super::run::{Line, Notice, Rested, Run, Running, Work, left_with, no_graph};
use super::{Command, Records};
use crate::catalogue;
use crate::graph::Graph;
use crate::job::{Finished, JobState, LATE_LANDING, Sent, Settlement};
use crate::number::{PhoneNumberId, TwoStep, WabaId};
use crate::outcome::{Doubt, NotSent, Outcome, Unchanged};
use crate::pacing::Stops;
use crate::text::Clean;

/// A task that came to its end.
pub(super) enum Ended {
    Rested(Box<Rested>),
    Settled { number: PhoneNumberId, how: Settlement, written: Result<(), Clean> },
}

pub(super) struct Actor {
    line: watch::Sender<Line>,
    records: Records,
    pub(super) teller: Teller,
    pub(super) permits: Arc<Semaphore>,
    queue: VecDeque<Turn>,
    tasks: JoinSet<Ended>,
    running: HashMap<task::Id, Running>,
    /// Numbers with a change queued or on its way, or being settled: two at once would end in an order that nobody knows.
    pub(super) busy: HashSet<PhoneNumberId>,
    doubts: Doubts,
    breaker: Breaker,
    waiting_for_rest: Vec<blocking::Sender<()>>,
    paused: Arc<watch::Sender<bool>>,
    notices: (mpsc::UnboundedSender<Notice>, mpsc::UnboundedReceiver<Notice>),
    /// Why the journal takes nothing more, if it does not.
    dies: watch::Sender<Option<Clean>>,
    /// The secrets are to be dropped once nothing needs them.
    is_hidden: bool,
    uptime: fn() -> Duration,
}

impl Actor {
    #[expect(clippy::too_many_arguments, reason = "called once; a struct of the same parts would say it twice")]
    pub(super) fn new(
        graph: Option<Graph>,
        records: Records,
        doubts: Doubts,
        concurrency: usize,
        teller: Teller,
        paused: Arc<watch::Sender<bool>>,
        dies: watch::Sender<Option<Clean>>,
        uptime: fn() -> Duration,
    ) -> Self {
        Self {
            line: watch::Sender::new(Line { graph, generation: 1 }),
            records,
            teller,
            permits: Arc::new(Semaphore::new(concurrency)),
            queue: VecDeque::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            busy: HashSet::new(),
            doubts,
            breaker: Breaker::new(concurrency),
            waiting_for_rest: Vec::new(),
            paused,
            notices: mpsc::unbounded_channel(),
            dies,
            is_hidden: false,
            uptime,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let mut is_open = true;
        let mut paused = self.paused.subscribe();
        while is_open || !self.busy.is_empty() {
            let permits = Arc::clone(&self.permits);
            let may_send = !*paused.borrow_and_update() && !self.queue.is_empty();
            tokio::select! {
                // What is to stop is heard before anything new is sent.
                biased;
                command = inbox.recv(), if is_open => {
                    if let Some(command) = command {
                        self.obey(command);
                    } else {
                        is_open = false;
                        self.let_go(&NotSent::Stopped, |_| true);
                    }
                },
                Some(notice) = self.notices.1.recv() => self.heed(notice),
                Some(ended) = self.tasks.join_next_with_id() => match ended {
                    Ok((task, ended)) => {
                        self.running.remove(&task);
                        self.take_in(ended);
                    }
                    Err(failure) => self.lost(failure.id()),
                },
                _ = paused.changed() => {}
                Ok(permit) = permits.acquire_owned(), if may_send => self.send_next(permit),
            }
            self.come_to_rest();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(changes) => changes.into_iter().map(Turn::new).for_each(|turn| self.enqueue(turn)),
            Command::StartEach(list) => {
                let turns = list.turns();
                self.busy.reserve(turns.len());
                self.queue.reserve(turns.len());
                turns.for_each(|turn| self.enqueue(turn));
            }
            Command::SendAgain(number) => self.enqueue_again(number),
            Command::Use(graph) => {
                self.is_hidden = false;
                self.line.send_modify(|line| {
                    *line = Line { graph: Some(graph), generation: line.generation.saturating_add(1) };
                });
            }
            Command::Stop(waiter) => {
                self.let_go(&NotSent::Stopped, |_| true);
                self.waiting_for_rest.extend(waiter);
            }
            Command::SettleByHand(number, note) => self.settle(number, Settlement::ByHand, Some(note)),
            Command::StatusRead(read) => {
                let proves_it = self.doubts.standing(read.number).is_some_and(|standing| {
                    read.two_step == TwoStep::NotSet && read.asked.instant >= standing.new_pin_from.instant
                });
                if proves_it {
                    self.settle(read.number, Settlement::NothingInForce, None);
                }
            }
            Command::DropSecrets => {
                self.is_hidden = true;
                self.drop_sealed();
            }
        }
    }

    fn enqueue(&mut self, turn: Turn) {
        let (change, number) = (turn.change(), turn.number());
        if let Some(why) = self.why_not(number) {
            let finished = self.teller.finished(0);
            let refusal = turn.refused(finished, why.clone());
            drop(turn);
            let change = refusal.change;
            self.records.refuse(refusal);
            // What is on its way is what the number's state tells of: it stays so.
            let state = if self.busy.contains(&number) {
                JobState::NotSent(finished, why)
            } else {
                self.state_of_unsent(number, finished, why)
            };
            self.teller.moved(change, number, state);
            return;
        }
        self.busy.insert(number);
        if let Some(change) = change {
            self.teller.moved(change, number, JobState::Queued);
        }
        self.queue.push_back(turn);
    }

    /// Why a new PIN is not to go to this number now.
    fn why_not(&mut self, number: PhoneNumberId) -> Option<NotSent> {
        let why = if self.busy.contains(&number) {
            Clean::new("another request for this number is on its way")
        } else if let Some(words) = self.dies.borrow().clone() {
            words
        } else if let Some(until) = self.doubts.landing(number, self.teller.now()) {
            Clean::new(&format!("an earlier PIN could still take effect until {}", until.utc))
        } else if self.line.borrow().graph.is_none() {
            return Some(no_graph());
        } else {
            return None;
        };
        Some(NotSent::RefusedHere(why))
    }

    fn enqueue_again(&mut self, number: PhoneNumberId) {
        if self.busy.contains(&number) {
            return;
        }
        let Some((change, open)) = self.doubts.take_held(number) else { return };
        let work = Work {
            change,
            tries_before: open.sent.tries(),
            doubt: Some(open.doubt.about_the_request()),
            is_recorded: true,
            is_sealed: open.is_sealed,
            lands_until: Some(open.lands_until),
        };
        self.busy.insert(number);
        let death = self.dies.borrow().clone();
        if let Some(words) = death {
            self.put_aside(Turn::Made(Box::new(work)), NotSent::RefusedHere(words));
        } else {
            self.teller.moved(work.change.id, number, JobState::Queued);
            self.queue.push_back(Turn::Made(Box::new(work)));
        }
    }

    fn send_next(&mut self, permit: OwnedSemaphorePermit) {
        let Some(turn) = self.queue.pop_front() else { return };
        let number = turn.number();
        let work = match turn.work() {
            Ok(work) => work,
            Err(why) => return self.unsent(number, NotSent::RefusedHere(Clean::new(&why.to_string()))),
        };
        let (stop, stopped) = watch::channel(None);
        let run = self.run_of(stopped);
        let (change, doubt) = (Arc::clone(&work.change), work.doubt.clone());
        let running = Running { change, tries_before: work.tries_before, doubt, stop };
        self.watch_over(running, run.until_rest(work, permit).map(|rested| Ended::Rested(Box::new(rested))));
    }

    pub(super) fn run_of(&self, stopped: watch::Receiver<Option<NotSent>>) -> Run {
        Run {
            line: self.line.subscribe(),
            records: self.records.clone(),
            teller: self.teller.clone(),
            permits: Arc::clone(&self.permits),
            stopped,
            paused: self.paused.subscribe(),
            notices: self.notices.0.clone(),
            uptime: self.uptime,
        }
    }

    pub(super) fn watch_over(&mut self, running: Running, task: impl Future<Output = Ended> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.running.insert(id, running);
    }

    /// What waits, for its turn or for its next try, is let go; what is on its way goes on.
    fn let_go(&mut self, why: &NotSent, concerns: impl Fn(Option<WabaId>) -> bool) {
        for running in self.running.values().filter(|running| concerns(running.change.waba)) {
            running.stop.send_replace(Some(why.clone()));
        }
        let (dropped, left): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|turn| concerns(turn.waba()));
        self.queue = left;
        for turn in dropped {
            self.put_aside(turn, why.clone());
        }
    }

    /// Its turn does not come.
    fn put_aside(&mut self, turn: Turn, why: NotSent) {
        match turn {
            Turn::Made(work) => {
                let (tries, outcome) = (work.tries_before, left_with(work.doubt.as_ref(), None, why));
                self.rest(Rested { work: *work, tries, outcome });
            }
            Turn::Listed(listed) => {
                // A PIN is wiped before its end is told.
                let number = listed.number().id;
                drop(listed);
                self.unsent(number, why);
            }
        }
    }

    /// No change of this number was made.
    fn unsent(&mut self, number: PhoneNumberId, why: NotSent) {
        self.busy.remove(&number);
        let state = self.state_of_unsent(number, self.teller.finished(0), why);
        self.teller.moved(None, number, state);
    }

    fn heed(&mut self, notice: Notice) {
        match notice {
            Notice::Answered { outcome, waba, stops, generation } => {
                self.stop_what_would_fail(&outcome, waba, stops, generation);
                if let Some(why) = self.breaker.hear(&outcome) {
                    self.let_go(&why, |_| true);
                }
            }
            Notice::RecordsDied(words) => self.records_died(words),
        }
    }

    fn stop_what_would_fail(&mut self, outcome: &Outcome, waba: Option<WabaId>, stops: Stops, generation: u32) {
        match stops {
            Stops::Nothing => {}
            Stops::Waba => {
                let why = match outcome {
                    Outcome::Refused(fault) | Outcome::InDoubt(Doubt::MetaFault(fault)) => {
                        NotSent::WabaRefused(Clean::new(catalogue::explain(fault).short))
                    }
                    Outcome::Confirmed | Outcome::NotSent(_) | Outcome::InDoubt(_) => NotSent::Stopped,
                };
                self.let_go(&why, |of| of.is_some() && of == waba);
            }
            // The refusal of an access token that was replaced meanwhile says nothing of the new one.
            Stops::All if generation != self.line.borrow().generation => {}
            Stops::All => self.let_go(&NotSent::TokenRefused, |_| true),
        }
    }

    /// Told once, before what comes of it.
    fn records_died(&mut self, words: Clean) {
        if self.dies.borrow().is_none() {
            self.dies.send_replace(Some(words.clone()));
            self.let_go(&NotSent::RefusedHere(words), |_| true);
        }
    }

    fn take_in(&mut self, ended: Ended) {
        // A task speaks of what concerns others before it ends.
        while let Ok(notice) = self.notices.1.try_recv() {
            self.heed(notice);
        }
        match ended {
            Ended::Rested(rested) => self.rest(*rested),
            Ended::Settled { number, how, written } => self.settled(number, how, written),
        }
    }

    fn rest(&mut self, rested: Rested) {
        let Rested { work, tries, outcome } = rested;
        let Work { change, is_sealed, lands_until, .. } = work;
        let (id, number, before) = (change.id, change.number, change.before);
        let finished = self.teller.finished(tries);
        self.busy.remove(&number);
        if let Some(until) = lands_until {
            self.doubts.can_land(number, until);
        }
        // Unless it is in doubt, the PIN is wiped before its end is told.
        let held = matches!(outcome, Outcome::InDoubt(_)).then_some(change);
        let state = match outcome {
            Outcome::Confirmed => {
                // Whatever was in doubt before, this PIN is in force now.
                self.doubts.clear(number);
                JobState::Set(finished)
            }
            Outcome::Refused(fault) => match self.doubts.standing_after(number, Unchanged::Refused(fault.clone())) {
                Some(standing) => JobState::InDoubt(Box::new(standing)),
                None => JobState::Failed(finished, fault),
            },
            Outcome::NotSent(why) => self.state_of_unsent(number, finished, why),
            Outcome::InDoubt(doubt) => {
                let held = held.filter(|_| !(self.is_hidden && is_sealed));
                let sent = Sent::Recorded(finished);
                let lands_until = lands_until.unwrap_or_else(|| self.teller.now().plus(LATE_LANDING));
                self.doubts.add(
                    number,
                    Open { change: id, held, before: before.two_step, is_sealed, doubt, sent, lands_until },
                );
                return self.tell_doubt(number);
            }
        };
        self.teller.moved(id, number, state);
    }

    fn tell_doubt(&self, number: PhoneNumberId) {
        if let Some(news) = self.doubts.news(number) {
            self.teller.tell(news);
        }
    }

    /// A newer PIN that came to nothing does not settle the doubt about an older one.
    fn state_of_unsent(&self, number: PhoneNumberId, finished: Finished, why: NotSent) -> JobState {
        match self.doubts.standing_after(number, Unchanged::NotSent(why.clone())) {
            Some(standing) => JobState::InDoubt(Box::new(standing)),
            None => JobState::NotSent(finished, why),
        }
    }

    fn settle(&mut self, number: PhoneNumberId, how: Settlement, note: Option<Clean>) {
        // While a request is on its way, nothing about the number can be settled.
        let changes = self.doubts.changes(number);
        if changes.is_empty() || !self.busy.insert(number) {
            return;
        }
        let written = self.records.clone().settle(number, changes, how, note);
        self.tasks.spawn(async move { Ended::Settled { number, how, written: written.await } });
    }

    fn settled(&mut self, number: PhoneNumberId, how: Settlement, written: Result<(), Clean>) {
        self.busy.remove(&number);
        if let Err(words) = written {
            // It stays in doubt, here and at the next start.
            self.records_died(words);
            self.tell_doubt(number);
        } else if let Some((id, tries)) = self.doubts.newest(number).map(|open| (open.change, open.sent.tries())) {
            self.doubts.clear(number);
            self.teller.moved(id, number, JobState::Settled(self.teller.finished(tries), how));
        }
    }

    /// A task that ended without a word, by a panic: whether its request was applied, nobody knows.
    fn lost(&mut self, task: task::Id) {
        let Some(Running { change, tries_before, doubt, .. }) = self.running.remove(&task) else { return };
        let doubt = doubt.unwrap_or(Doubt::LineBroke { after: Duration::ZERO });
        let tries = tries_before.saturating_add(1);
        let outcome = Outcome::InDoubt(doubt);
        self.rest(Rested { work: Work { tries_before, ..Work::new(change) }, tries, outcome });
    }

    fn drop_sealed(&mut self) {
        for number in self.doubts.drop_sealed() {
            if !self.busy.contains(&number) {
                self.tell_doubt(number);
            }
        }
    }

    fn come_to_rest(&mut self) {
        if !self.busy.is_empty() {
            return;
        }
        self.breaker.rest();
        for waiter in self.waiting_for_rest.drain(..) {
            // Whoever waited may have given up.
            waiter.send(()).ok();
        }
        if self.is_hidden {
            self.line.send_if_modified(|line| line.graph.take().is_some());
        }
    }
}
