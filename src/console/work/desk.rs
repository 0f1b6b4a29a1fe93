//! What the work's thread does: takes orders one by one, and waits for nothing itself.
//!
//! The batch sends, the listing reads, the journal writes, each in tasks of their own; what they come to arrives here.

mod reading;

use std::sync::Arc;
use std::sync::mpsc as blocking;

use tokio::sync::{Semaphore, mpsc};

use super::records::{self, Opened};
use super::{Assignment, LAST_ANSWERS, Mailbox, Order, Report};
use crate::batch::{JobsHandle, Recorder};
use crate::config::endpoint::Credentials;
use crate::console::app::{Msg, status};
use crate::graph::Graph;
use crate::job::{Change, ChangeId, Completion, JobId, ChangeState, Progress};
use crate::journal::{Event, Paused, PinSource, Plan, Refused};
use crate::moment::{Clock, UtcTime};
use crate::number::{Number, PhoneNumberId};
use crate::outcome::NotSentReason;
use crate::text::CleanText;

/// Lines of a number's history that its page has room for.
const HISTORY_LINES: usize = 20;

/// What the thread holds.
pub(super) struct Desk<R> {
    assignment: Assignment,
    clock: Clock,
    /// The client, or why there is none: then nothing can be read or sent.
    graph: Result<Graph, NotSentReason>,
    books: Books,
    /// How often the work was stopped: what was asked for before a stop must not be sent after it.
    stops: u64,
    has_told_death: bool,
    mailbox: Mailbox,
    report: Arc<R>,
    room: Arc<Semaphore>,
    inward: mpsc::UnboundedSender<Inward>,
    arrivals: mpsc::UnboundedReceiver<Inward>,
}

/// The journal, the escrow, and the batch that needs both.
enum Books {
    Opening {
        /// Numbers to remember; no more come before these are.
        page: Option<Vec<Number>>,
        /// Who waits for a pause meanwhile.
        pauses: Vec<blocking::Sender<Paused>>,
    },
    Open {
        records: Recorder,
        batch: JobsHandle,
    },
    /// Why not.
    Unusable(CleanText),
}

/// What the desk's own tasks bring.
enum Inward {
    Opened(Box<Result<Opened, CleanText>>),
    /// The job of a change is recorded, or not.
    JobBegun {
        change: Change,
        begun: Result<JobId, Refused>,
        /// The client that it was asked for with.
        graph: Graph,
        /// How often the work had been stopped when it was asked for.
        stops: u64,
    },
    Acknowledged(Result<(), Refused>),
    /// The journal takes nothing more.
    Died(CleanText),
}

impl<R: Fn(Report) + Send + Sync + 'static> Desk<R> {
    pub(super) fn new(assignment: Assignment, clock: Clock, mailbox: Mailbox, report: Arc<R>) -> Self {
        let (inward, arrivals) = mpsc::unbounded_channel();
        Self {
            assignment,
            clock,
            graph: Err(refused_here("there is no access token yet")),
            books: Books::Opening { page: None, pauses: Vec::new() },
            stops: 0,
            has_told_death: false,
            mailbox,
            report,
            room: Arc::new(Semaphore::new(reading::PAGES_AHEAD)),
            inward,
            arrivals,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let (recording, clock, inward) = (self.assignment.recording.clone(), self.clock, self.inward.clone());
        tokio::task::spawn_blocking(move || {
            inward.send(Inward::Opened(Box::new(records::open(recording, clock)))).ok();
        });
        loop {
            tokio::select! {
                order = inbox.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                Some(inward) = self.arrivals.recv() => self.take_in(inward),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::UseCredentials(credentials) => self.use_credentials(credentials),
            Order::ReadAll { reading } => self.read_all(reading),
            Order::ReadNumber(id) => self.read_number(id),
            Order::RememberPage(numbers) => self.remember(numbers),
            Order::ForgetPage { numbers, read_until } => self.forget(numbers, read_until),
            Order::Set { number, waba, before, pin } => {
                // The job's number is known once the job is recorded.
                self.set(Change { id: ChangeId::new(), job: JobId::new(0), status_before: before, number, waba, pin });
            }
            Order::SettleByHand { number, note } => self.with_batch(|batch| batch.resolve_manually(number, note)),
            Order::AcknowledgeRecipients => self.acknowledge(),
            Order::ReadHistory(number) => self.read_history(number),
            Order::DropSecrets => {
                self.graph = Err(refused_here("the screen is hidden, and the access token was dropped"));
                self.with_batch(JobsHandle::drop_secrets);
                self.note(Event::ScreenHidden);
            }
            Order::RecordShown => self.note(Event::ScreenShown),
            Order::Pause(paused) => self.pause(paused),
            Order::GoOn => {
                if let Books::Opening { pauses, .. } = &mut self.books {
                    pauses.clear();
                }
                self.with_batch(JobsHandle::resume);
            }
            Order::SendAgain(number) => self.with_batch(|batch| batch.resend(number)),
            Order::Stop => {
                self.stops += 1;
                self.with_batch(JobsHandle::stop);
            }
            Order::Close(closed) => self.close(closed),
        }
    }

    fn take_in(&mut self, inward: Inward) {
        match inward {
            Inward::Opened(opened) => self.opened(*opened),
            Inward::JobBegun { change, begun, graph, stops } => self.job_begun(change, begun, graph, stops),
            Inward::Acknowledged(result) => {
                let result = match (result, &self.books) {
                    (Ok(()), Books::Open { records, .. }) => Ok(records::ready(records.recipients.as_deref())),
                    (Ok(()), Books::Opening { .. } | Books::Unusable(_)) => Ok(records::ready(None)),
                    (Err(refused), _) => Err(CleanText::new(&refused.to_string())),
                };
                self.tell(Msg::RecipientsAcknowledged(result));
            }
            Inward::Died(words) => {
                if !std::mem::replace(&mut self.has_told_death, true) {
                    self.tell(Msg::RecordsDied(words));
                }
            }
        }
    }

    fn opened(&mut self, opened: Result<Opened, CleanText>) {
        let opened = match opened {
            Ok(opened) => opened,
            Err(why) => {
                let records = status::Records::Unusable(why.clone());
                let former = std::mem::replace(&mut self.books, Books::Unusable(why));
                self.tell(Msg::RecordsOpened { records, unresolved: Vec::new(), findings: Vec::new() });
                return self.catch_up(former);
            }
        };
        let Opened { records, unresolved, findings, told } = opened;
        let graph = self.graph.as_ref().ok().cloned();
        let (concurrency, journal) = (self.assignment.concurrency, records.journal.clone());
        let (batch, mut progress) = JobsHandle::start(graph, records.clone(), unresolved, concurrency, self.clock);
        // What is unresolved was told before the batch did anything else.
        let unresolved = std::iter::from_fn(|| progress.try_recv().ok()).collect();
        self.pass_on(progress);
        self.watch_for_death(&batch);
        let former = std::mem::replace(&mut self.books, Books::Open { records, batch });
        self.tell(Msg::RecordsOpened { records: told, unresolved, findings });
        self.recall(journal);
        self.catch_up(former);
    }

    /// Takes up what waited for the journal.
    fn catch_up(&mut self, former: Books) {
        if let Books::Opening { page, pauses } = former {
            if let Some(page) = page {
                self.remember(page);
            }
            for waiting in pauses {
                self.pause(waiting);
            }
        }
    }

    /// Puts the batch's news into the mailbox.
    fn pass_on(&self, mut progress: mpsc::UnboundedReceiver<Progress>) {
        let (mailbox, report) = (self.mailbox.clone(), Arc::clone(&self.report));
        tokio::spawn(async move {
            while let Some(news) = progress.recv().await {
                if mailbox.put(news) {
                    report(Report::ProgressWaiting);
                }
            }
        });
    }

    fn watch_for_death(&self, batch: &JobsHandle) {
        let (mut death, inward) = (batch.journal_failure(), self.inward.clone());
        tokio::spawn(async move {
            if let Ok(words) = death.wait_for(Option::is_some).await
                && let Some(words) = words.clone()
            {
                inward.send(Inward::Died(words)).ok();
            }
        });
    }

    fn remember(&mut self, numbers: Vec<Number>) {
        let journal = match &mut self.books {
            Books::Open { records, .. } => records.journal.clone(),
            Books::Opening { page, .. } => {
                *page = Some(numbers);
                return;
            }
            // Whoever reads on hands over the next page only then.
            Books::Unusable(_) => return self.tell(Msg::PageRemembered),
        };
        let report = Arc::clone(&self.report);
        let remembered = journal.remember(self.assignment.recording.profile.as_str(), numbers);
        tokio::spawn(async move {
            remembered.await;
            report(Report::Happened(Msg::PageRemembered));
        });
    }

    fn forget(&self, numbers: Vec<PhoneNumberId>, read_until: UtcTime) {
        // While the journal is being opened there is nothing to forget: what it holds is recalled after that.
        let Books::Open { records, .. } = &self.books else { return };
        // Nobody waits for it.
        drop(records.journal.forget(self.assignment.recording.profile.as_str(), numbers, read_until));
    }

    fn set(&self, change: Change) {
        let journal = match &self.books {
            Books::Open { records, .. } => records.journal.clone(),
            Books::Opening { .. } => {
                return self.tell_unsent(&change, refused_here("the journal is still being opened"));
            }
            Books::Unusable(why) => return self.tell_unsent(&change, NotSentReason::RefusedLocally(why.clone())),
        };
        // Nobody else would say a word of it.
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => return self.tell_unsent(&change, why.clone()),
        };
        let profile = self.assignment.recording.profile.clone();
        let plan = Plan { profile, pins: PinSource::Given, numbers: vec![(change.number, change.waba)] };
        let (stops, inward) = (self.stops, self.inward.clone());
        tokio::spawn(async move {
            let begun = journal.begin_job(plan).await;
            inward.send(Inward::JobBegun { change, begun, graph, stops }).ok();
        });
    }

    fn job_begun(&mut self, change: Change, begun: Result<JobId, Refused>, graph: Graph, stops: u64) {
        match begun {
            Ok(_) if stops != self.stops => self.tell_unsent(&change, NotSentReason::Stopped),
            Ok(job) => {
                let changes = vec![Change { job, ..change }];
                match &self.graph {
                    Ok(_) => self.with_batch(|batch| batch.set_pins(changes)),
                    // The screen was hidden meanwhile. What was confirmed before that goes on.
                    Err(_) => self.with_batch(|batch| {
                        batch.use_graph(graph);
                        batch.set_pins(changes);
                        batch.drop_secrets();
                    }),
                }
            }
            Err(refused) => {
                if let Refused::Dead(words) = &refused {
                    self.take_in(Inward::Died(words.clone()));
                }
                self.tell_unsent(&change, refused_here(&refused.to_string()));
            }
        }
    }

    fn tell_unsent(&self, change: &Change, why: NotSentReason) {
        let finished = Completion { at: self.clock.now().utc, attempts: 0 };
        let state = ChangeState::NotSent(finished, why);
        if self.mailbox.put(Progress { change: Some(change.id), number: change.number, state }) {
            (self.report)(Report::ProgressWaiting);
        }
    }

    fn with_batch(&self, act: impl FnOnce(&JobsHandle)) {
        if let Books::Open { batch, .. } = &self.books {
            act(batch);
        }
    }

    fn acknowledge(&self) {
        let Books::Open { records, .. } = &self.books else { return };
        let (journal, inward) = (records.journal.clone(), self.inward.clone());
        tokio::spawn(async move {
            inward.send(Inward::Acknowledged(journal.acknowledge_recipients().await)).ok();
        });
    }

    fn read_history(&self, id: PhoneNumberId) {
        let Books::Open { records, .. } = &self.books else {
            return self.tell(Msg::HistoryRead { id, lines: Vec::new() });
        };
        let (journal, report) = (records.journal.clone(), Arc::clone(&self.report));
        tokio::spawn(async move {
            let lines = journal.history(id, HISTORY_LINES).await;
            report(Report::Happened(Msg::HistoryRead { id, lines }));
        });
    }

    fn note(&self, event: Event) {
        let Books::Open { records, .. } = &self.books else { return };
        // Handed over now: the program may end before a task's turn comes.
        let (noted, inward) = (records.journal.note(event), self.inward.clone());
        tokio::spawn(async move {
            if let Err(refused) = noted.await {
                inward.send(Inward::Died(CleanText::new(&refused.to_string()))).ok();
            }
        });
    }

    fn pause(&mut self, paused: blocking::Sender<Paused>) {
        match &mut self.books {
            Books::Open { records, batch } => {
                batch.pause();
                let journal = records.journal.clone();
                // Whoever asked may have given up: then the guard is dropped, and the journal goes on.
                tokio::task::spawn_blocking(move || paused.send(journal.pause()).ok());
            }
            Books::Opening { pauses, .. } => pauses.push(paused),
            // Nothing can be sent or written: dropping the sender tells as well.
            Books::Unusable(_) => {}
        }
    }

    fn close(&mut self, closed: blocking::Sender<()>) {
        self.stops += 1;
        // Without a batch nothing can be on its way: the sender is dropped, which tells as well.
        let Books::Open { records, batch } = &self.books else { return };
        let (at_rest, waiter) = blocking::channel();
        batch.stop_and_notify(at_rest);
        let journal = records.journal.clone();
        tokio::task::spawn_blocking(move || {
            // If nothing came in time, there is nothing more to wait for.
            waiter.recv_timeout(LAST_ANSWERS).ok();
            journal.close();
            closed.send(()).ok();
        });
    }

    fn use_credentials(&mut self, credentials: Credentials) {
        match Graph::new(&self.assignment.endpoint, credentials, self.assignment.concurrency) {
            Ok(graph) => {
                self.with_batch(|batch| batch.use_graph(graph.clone()));
                self.graph = Ok(graph);
            }
            Err(error) => {
                let told = records::words(&error);
                self.tell(Msg::NoClient(told.clone()));
                if let Err(why) = &mut self.graph {
                    *why = NotSentReason::RefusedLocally(told);
                }
            }
        }
    }

    fn tell(&self, msg: Msg) {
        (self.report)(Report::Happened(msg));
    }
}

fn refused_here(why: &str) -> NotSentReason {
    NotSentReason::RefusedLocally(CleanText::new(why))
}
