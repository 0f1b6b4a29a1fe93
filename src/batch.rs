//! The actor that carries out changes: bounded concurrency, repeats with the same PIN, and news of every move.
//!
//! It lives on the caller's tokio runtime, is spoken to by [`Batch`], and finishes or stops safely whatever the
//! screen does. One number is a batch of one. It knows no screens, and never sends a PIN other than the one a
//! change was made with. A PIN whose outcome is in doubt stays here, in memory, until it is confirmed or the actor ends.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{self, JoinSet};
use tokio::time::Instant;

use crate::graph::{Answer, Graph};
use crate::job::{Change, Finished, JobState, Progress};
use crate::moment::Clock;
use crate::number::PhoneNumberId;
use crate::outcome::{Doubt, NotSent, Outcome, Unchanged};
use crate::pacing::{self, Step, Stops};
use crate::text::Clean;

/// So many failed handshakes in a row stop the work: whoever answers in Meta's place answers the next request too.
const MAX_TLS_FAILURES: u8 = 3;

/// The handle of the actor. When the last one is dropped, the actor stops as if asked to.
#[derive(Debug, Clone)]
pub struct Batch {
    commands: mpsc::UnboundedSender<Command>,
}

enum Command {
    Start(Vec<Change>),
    SendAgain(PhoneNumberId),
    Use(Graph),
    Stop(Option<blocking::Sender<()>>),
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Start(_) => "Start",
            Self::SendAgain(_) => "SendAgain",
            Self::Use(_) => "Use",
            Self::Stop(_) => "Stop",
        })
    }
}

impl Batch {
    /// Starts the actor on the current tokio runtime, with at most `concurrency` requests on their way at once.
    /// The receiver gets news of every move, in order for each number.
    #[must_use]
    pub fn start(graph: Graph, concurrency: usize, clock: Clock) -> (Self, mpsc::UnboundedReceiver<Progress>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (news, progress) = mpsc::unbounded_channel();
        tokio::spawn(Actor::new(graph, concurrency, News { news, clock }).run(inbox));
        (Self { commands }, progress)
    }

    /// Sets these PINs.
    pub fn set(&self, changes: Vec<Change>) {
        self.tell(Command::Start(changes));
    }

    /// Sends the PIN that is in doubt on this number again; does nothing where none is.
    pub fn send_again(&self, number: PhoneNumberId) {
        self.tell(Command::SendAgain(number));
    }

    /// Uses another client from the next request on, repeats included: the access token was read again.
    pub fn use_graph(&self, graph: Graph) {
        self.tell(Command::Use(graph));
    }

    /// Sends nothing new: what waits ends as not sent (or stays in doubt), what is on its way is awaited.
    pub fn stop(&self) {
        self.tell(Command::Stop(None));
    }

    /// As [`Batch::stop`], and tells `at_rest` when nothing is on its way any more.
    pub fn stop_then(&self, at_rest: blocking::Sender<()>) {
        self.tell(Command::Stop(Some(at_rest)));
    }

    fn tell(&self, command: Command) {
        // The actor outlives every handle, unless its runtime ended: then nothing can be sent any more, as wished.
        self.commands.send(command).ok();
    }
}

/// One change on its way, with what its earlier tries left behind.
struct Work {
    change: Arc<Change>,
    /// Tries before this round: a PIN in doubt may be sent again by hand.
    tries_before: u8,
    doubt: Option<Doubt>,
}

/// A change that came to rest.
struct Rested {
    work: Work,
    tries: u8,
    outcome: Outcome,
    stops: Stops,
    /// The client it was sent with last; 0 for none.
    generation: u32,
}

/// What is known outside a task of the change that it carries out.
struct Running {
    change: Arc<Change>,
    tries_before: u8,
    doubt: Option<Doubt>,
    /// Why it is to send nothing more.
    stop: watch::Sender<Option<NotSent>>,
}

/// A PIN that may be in force, or not.
struct Kept {
    change: Arc<Change>,
    doubt: Doubt,
    finished: Finished,
}

/// A client, and how many there were before it, this one included.
#[derive(Clone)]
struct Line {
    graph: Graph,
    generation: u32,
}

struct Actor {
    line: watch::Sender<Line>,
    news: News,
    permits: Arc<Semaphore>,
    queue: VecDeque<Work>,
    tasks: JoinSet<Rested>,
    running: HashMap<task::Id, Running>,
    /// Numbers with a change queued or on its way: two at once would end in an order that nobody knows.
    busy: HashSet<PhoneNumberId>,
    kept: HashMap<PhoneNumberId, Vec<Kept>>,
    /// In a row.
    tls_failures: u8,
    waiting_for_rest: Vec<blocking::Sender<()>>,
}

impl Actor {
    fn new(graph: Graph, concurrency: usize, news: News) -> Self {
        Self {
            line: watch::Sender::new(Line { graph, generation: 1 }),
            news,
            permits: Arc::new(Semaphore::new(concurrency)),
            queue: VecDeque::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            busy: HashSet::new(),
            kept: HashMap::new(),
            tls_failures: 0,
            waiting_for_rest: Vec::new(),
        }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let mut is_open = true;
        while is_open || !self.busy.is_empty() {
            let permits = Arc::clone(&self.permits);
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
                Some(ended) = self.tasks.join_next_with_id() => match ended {
                    Ok((task, rested)) => {
                        self.running.remove(&task);
                        self.heed(&rested);
                        self.take_in(rested);
                    }
                    Err(failure) => self.lost(failure.id()),
                },
                Ok(permit) = permits.acquire_owned(), if !self.queue.is_empty() => self.send_next(permit),
            }
            self.tell_rest();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(changes) => {
                for change in changes {
                    self.enqueue(change);
                }
            }
            Command::SendAgain(number) => {
                if !self.busy.contains(&number)
                    && let Some(kept) = self.kept.get_mut(&number).and_then(Vec::pop)
                {
                    self.busy.insert(number);
                    self.news.tell(&kept.change, JobState::Queued);
                    let work = Work { change: kept.change, tries_before: kept.finished.tries, doubt: Some(kept.doubt) };
                    self.queue.push_back(work);
                }
            }
            Command::Use(graph) => self.line.send_modify(|line| {
                *line = Line { graph, generation: line.generation.saturating_add(1) };
            }),
            Command::Stop(waiter) => {
                self.let_go(&NotSent::Stopped, |_| true);
                self.waiting_for_rest.extend(waiter);
            }
        }
    }

    fn enqueue(&mut self, change: Change) {
        if self.busy.contains(&change.number) {
            let why = Clean::new("another request for this number is on its way");
            let state = JobState::NotSent(self.news.finished(0), NotSent::RefusedHere(why));
            self.news.tell(&change, state);
            return;
        }
        let change = Arc::new(change);
        self.busy.insert(change.number);
        self.news.tell(&change, JobState::Queued);
        self.queue.push_back(Work { change, tries_before: 0, doubt: None });
    }

    fn send_next(&mut self, permit: OwnedSemaphorePermit) {
        if let Some(work) = self.queue.pop_front() {
            let (stop, stopped) = watch::channel(None);
            let run = Run {
                line: self.line.subscribe(),
                news: self.news.clone(),
                permits: Arc::clone(&self.permits),
                stopped,
            };
            let (change, doubt) = (Arc::clone(&work.change), work.doubt.clone());
            let running = Running { change, tries_before: work.tries_before, doubt, stop };
            self.watch_over(running, run.until_rest(work, permit));
        }
    }

    fn watch_over(&mut self, running: Running, task: impl Future<Output = Rested> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.running.insert(id, running);
    }

    /// What waits, for its turn or for its next try, is let go; what is on its way goes on.
    fn let_go(&mut self, why: &NotSent, concerns: impl Fn(&Change) -> bool) {
        for running in self.running.values().filter(|running| concerns(&running.change)) {
            running.stop.send_replace(Some(why.clone()));
        }
        let (dropped, left): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|work| concerns(&work.change));
        self.queue = left;
        for work in dropped {
            let outcome = match &work.doubt {
                Some(doubt) => Outcome::InDoubt(doubt.clone()),
                None => Outcome::NotSent(why.clone()),
            };
            let tries = work.tries_before;
            self.take_in(Rested { work, tries, outcome, stops: Stops::Nothing, generation: 0 });
        }
    }

    /// Stops what would fail for the same reason.
    fn heed(&mut self, rested: &Rested) {
        match rested.stops {
            Stops::Nothing => {}
            Stops::Waba => {
                let waba = rested.work.change.waba;
                self.let_go(&NotSent::Stopped, |change| change.waba.is_some() && change.waba == waba);
            }
            // The refusal of an access token that was replaced meanwhile says nothing of the new one.
            Stops::All if rested.generation != self.line.borrow().generation => {}
            Stops::All => self.let_go(&NotSent::TokenRefused, |_| true),
        }
        match &rested.outcome {
            Outcome::NotSent(NotSent::Tls(why)) => {
                self.tls_failures = self.tls_failures.saturating_add(1);
                if self.tls_failures >= MAX_TLS_FAILURES {
                    // What the operator starts next gets its own chance.
                    self.tls_failures = 0;
                    self.let_go(&NotSent::Tls(why.clone()), |_| true);
                }
            }
            Outcome::Confirmed | Outcome::Refused(_) | Outcome::NotSent(_) | Outcome::InDoubt(_) => {
                self.tls_failures = 0;
            }
        }
    }

    fn take_in(&mut self, rested: Rested) {
        let Rested { work, tries, outcome, .. } = rested;
        let finished = self.news.finished(tries);
        let number = work.change.number;
        self.busy.remove(&number);
        let state = match outcome {
            Outcome::Confirmed => {
                // Whatever was in doubt before, this PIN is in force now.
                self.kept.remove(&number);
                JobState::Set(finished)
            }
            Outcome::Refused(fault) => match self.older_doubt(number) {
                Some(older) => JobState::InDoubt(older, Doubt::OlderPin(Unchanged::Refused(fault))),
                None => JobState::Failed(finished, fault),
            },
            Outcome::NotSent(why) => match self.older_doubt(number) {
                Some(older) => JobState::InDoubt(older, Doubt::OlderPin(Unchanged::NotSent(why))),
                None => JobState::NotSent(finished, why),
            },
            Outcome::InDoubt(doubt) => {
                let kept = Kept { change: Arc::clone(&work.change), doubt: doubt.clone(), finished };
                self.kept.entry(number).or_default().push(kept);
                JobState::InDoubt(finished, doubt)
            }
        };
        self.news.tell(&work.change, state);
    }

    /// When the PIN that is still in doubt on this number was sent last, if there is one. A newer one that came to
    /// nothing does not settle it.
    fn older_doubt(&self, number: PhoneNumberId) -> Option<Finished> {
        self.kept.get(&number).and_then(|kept| kept.last()).map(|kept| kept.finished)
    }

    /// A task that ended without a word, by a panic: whether its request was applied, nobody knows.
    fn lost(&mut self, task: task::Id) {
        let Some(Running { change, tries_before, doubt, .. }) = self.running.remove(&task) else { return };
        let doubt = doubt.unwrap_or(Doubt::LineBroke { after: Duration::ZERO });
        let tries = tries_before.saturating_add(1);
        let work = Work { change, tries_before, doubt: None };
        let outcome = Outcome::InDoubt(doubt);
        self.take_in(Rested { work, tries, outcome, stops: Stops::Nothing, generation: 0 });
    }

    fn tell_rest(&mut self) {
        if self.busy.is_empty() {
            for waiter in self.waiting_for_rest.drain(..) {
                // Whoever waited may have given up.
                waiter.send(()).ok();
            }
        }
    }
}

/// Tells the news, with the time.
#[derive(Clone)]
struct News {
    news: mpsc::UnboundedSender<Progress>,
    clock: Clock,
}

impl News {
    fn tell(&self, change: &Change, state: JobState) {
        // Nobody may listen any more; the work goes on all the same.
        self.news.send(Progress { change: change.id, number: change.number, state }).ok();
    }

    fn finished(&self, tries: u8) -> Finished {
        Finished { at: self.clock.at(Instant::now().into_std()).utc, tries }
    }
}

/// What one change's task needs.
struct Run {
    line: watch::Receiver<Line>,
    news: News,
    permits: Arc<Semaphore>,
    stopped: watch::Receiver<Option<NotSent>>,
}

impl Run {
    /// Sends until the change is at rest. The permit goes back while the next try is waited for.
    async fn until_rest(mut self, mut work: Work, permit: OwnedSemaphorePermit) -> Rested {
        let mut permit = Some(permit);
        let (mut attempt, mut generation, mut refusal) = (0, 0, None);
        loop {
            // Its turn may have come just before the work was stopped.
            let stopped = self.stopped.borrow().clone();
            if let Some(why) = stopped.or_else(|| permit.is_none().then_some(NotSent::Stopped)) {
                let outcome = match (&work.doubt, refusal) {
                    (Some(doubt), _) => Outcome::InDoubt(doubt.clone()),
                    (None, Some(fault)) => Outcome::Refused(fault),
                    (None, None) => Outcome::NotSent(why),
                };
                let tries = work.tries_before.saturating_add(attempt);
                return Rested { work, tries, outcome, stops: Stops::Nothing, generation };
            }
            attempt += 1;
            let line = self.line.borrow().clone();
            generation = line.generation;
            self.news.tell(&work.change, JobState::Sending { attempt });
            let Answer { outcome, asked_wait } = line.graph.set_pin(work.change.number, &work.change.pin).await;
            drop(permit.take());
            let chance = getrandom::u32().unwrap_or(u32::MAX);
            let step = pacing::next_step(outcome.clone(), attempt, work.doubt.as_ref(), asked_wait, chance);
            match outcome {
                Outcome::InDoubt(doubt) => work.doubt = Some(doubt),
                Outcome::Refused(fault) => refusal = Some(fault),
                Outcome::Confirmed | Outcome::NotSent(_) => {}
            }
            match step {
                Step::Rest { outcome, stops } => {
                    let tries = work.tries_before.saturating_add(attempt);
                    return Rested { work, tries, outcome, stops, generation };
                }
                Step::Repeat { after } => permit = self.wait(&work, attempt + 1, after).await,
            }
        }
    }

    /// Waits for the next try's time and turn; ends early, without a permit, if the work is stopped.
    async fn wait(&mut self, work: &Work, attempt: u8, after: Duration) -> Option<OwnedSemaphorePermit> {
        let until = Instant::now() + after;
        let in_doubt = work.doubt.is_some();
        self.news.tell(&work.change, JobState::Waiting { attempt, until: until.into_std(), in_doubt });
        let permits = Arc::clone(&self.permits);
        let turn = async {
            tokio::time::sleep_until(until).await;
            permits.acquire_owned().await.ok()
        };
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(Option::is_some) => None,
            permit = turn => permit,
        }
    }
}

#[cfg(test)]
mod tests;
