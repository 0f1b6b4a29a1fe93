//! The worker's event loop: handles commands one by one, and waits for nothing itself.
//!
//! The jobs actor sends, the numbers are read, the journal writes, each in tasks of their own. Their results arrive
//! here as events.

mod fetch;

use std::sync::Arc;
use std::sync::mpsc as blocking;

use tokio::sync::{Semaphore, mpsc};

use super::open_records::{self, OpenedRecords};
use super::{IN_FLIGHT_TIMEOUT, ProgressMailbox, WorkCommand, WorkerConfig, WorkerReport};
use crate::config::endpoint::Credentials;
use crate::console::app::{Msg, RecordingStatus};
use crate::domain::change::{Change, ChangeId, ChangeState, Completion, JobId, Progress};
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::outcome::NotSentReason;
use crate::domain::text::{CleanText, error_chain};
use crate::graph::Graph;
use crate::jobs::{JobsHandle, Recorder};
use crate::journal::{AuditEvent, JobPlan, PauseGuard, PinSource, RecordError};

/// The state of the thread.
pub(super) struct Worker<R> {
    config: WorkerConfig,
    clock: Clock,
    /// The client, or why there is none: then nothing can be read or sent.
    graph: Result<Graph, NotSentReason>,
    records_state: RecordsState,
    /// How often the work was stopped: a command from before a stop must not send after it.
    stop_count: u64,
    has_reported_failure: bool,
    mailbox: ProgressMailbox,
    report: Arc<R>,
    read_permits: Arc<Semaphore>,
    event_sender: mpsc::UnboundedSender<WorkerEvent>,
    event_receiver: mpsc::UnboundedReceiver<WorkerEvent>,
}

/// Journal and escrow, and the actor that needs both.
enum RecordsState {
    Opening {
        /// Numbers to cache. The next ones follow when these are cached.
        pending_page: Option<Vec<Number>>,
        /// Senders that wait for a pause.
        pending_pauses: Vec<blocking::Sender<PauseGuard>>,
    },
    Open {
        recorder: Recorder,
        jobs: JobsHandle,
    },
    /// Why they cannot be used.
    Unusable(CleanText),
}

/// The results of the worker's tasks.
enum WorkerEvent {
    RecordsOpened(Box<Result<OpenedRecords, CleanText>>),
    /// The job of a change was recorded, or could not be.
    JobStarted {
        change: Change,
        result: Result<JobId, RecordError>,
        /// The client at the time of the command.
        graph: Graph,
        /// How often the work had been stopped at the time of the command.
        stop_count: u64,
    },
    RecipientsAccepted(Result<(), RecordError>),
    /// The journal failed.
    JournalFailed(CleanText),
}

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    pub(super) fn new(config: WorkerConfig, clock: Clock, mailbox: ProgressMailbox, report: Arc<R>) -> Self {
        let (event_sender, event_receiver) = mpsc::unbounded_channel();
        Self {
            config,
            clock,
            graph: Err(refused_locally("there is no access token yet")),
            records_state: RecordsState::Opening { pending_page: None, pending_pauses: Vec::new() },
            stop_count: 0,
            has_reported_failure: false,
            mailbox,
            report,
            read_permits: Arc::new(Semaphore::new(fetch::MAX_PAGES_IN_FLIGHT)),
            event_sender,
            event_receiver,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<WorkCommand>) {
        let (recording, clock, events) = (self.config.recording.clone(), self.clock, self.event_sender.clone());
        tokio::task::spawn_blocking(move || {
            events.send(WorkerEvent::RecordsOpened(Box::new(open_records::open(&recording, clock)))).ok();
        });
        loop {
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => return,
                },
                Some(event) = self.event_receiver.recv() => self.handle_event(event),
            }
        }
    }

    fn handle_command(&mut self, command: WorkCommand) {
        match command {
            WorkCommand::UseCredentials(credentials) => self.use_credentials(credentials),
            WorkCommand::RefreshAll { refresh_id: reading } => self.refresh_all(reading),
            WorkCommand::RefreshNumber(id) => self.refresh_number(id),
            WorkCommand::CacheNumbers(numbers) => self.cache_numbers(numbers),
            WorkCommand::RemoveCachedNumbers { numbers, read_until } => self.remove_cached_numbers(numbers, read_until),
            WorkCommand::SetPin { number, waba, before, pin } => {
                // The job id is known when the job is recorded.
                self.start_change(Change {
                    id: ChangeId::new(),
                    job: JobId::new(0),
                    status_before: before,
                    number,
                    waba,
                    pin,
                });
            }
            WorkCommand::ResolveManually { number, note } => {
                self.with_jobs(|jobs| jobs.resolve_manually(number, note));
            }
            WorkCommand::AcceptRecipients => self.accept_recipients(),
            WorkCommand::ReadHistory(number) => self.read_history(number),
            WorkCommand::DropSecrets => {
                self.graph = Err(refused_locally("the screen is hidden, and the access token was dropped"));
                self.with_jobs(JobsHandle::drop_secrets);
                self.record_event(AuditEvent::ScreenHidden);
            }
            WorkCommand::RecordScreenShown => self.record_event(AuditEvent::ScreenShown),
            WorkCommand::Pause(paused) => self.pause(paused),
            WorkCommand::Resume => {
                if let RecordsState::Opening { pending_pauses, .. } = &mut self.records_state {
                    pending_pauses.clear();
                }
                self.with_jobs(JobsHandle::resume);
            }
            WorkCommand::ResendPin(number) => self.with_jobs(|jobs| jobs.resend(number)),
            WorkCommand::StopSending => {
                self.stop_count += 1;
                self.with_jobs(JobsHandle::stop);
            }
            WorkCommand::Close(closed) => self.close(closed),
        }
    }

    fn handle_event(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::RecordsOpened(opened) => self.records_opened(*opened),
            WorkerEvent::JobStarted { change, result, graph, stop_count } => {
                self.job_started(change, result, graph, stop_count);
            }
            WorkerEvent::RecipientsAccepted(result) => {
                let result = match (result, &self.records_state) {
                    (Ok(()), RecordsState::Open { recorder, .. }) => {
                        Ok(open_records::ready_status(recorder.recipients.as_deref()))
                    }
                    (Ok(()), RecordsState::Opening { .. } | RecordsState::Unusable(_)) => {
                        Ok(open_records::ready_status(None))
                    }
                    (Err(refused), _) => Err(CleanText::new(&refused.to_string())),
                };
                self.send_msg(Msg::RecipientsAccepted(result));
            }
            WorkerEvent::JournalFailed(reason) => {
                if !std::mem::replace(&mut self.has_reported_failure, true) {
                    self.send_msg(Msg::JournalFailed(reason));
                }
            }
        }
    }

    fn records_opened(&mut self, opened: Result<OpenedRecords, CleanText>) {
        let opened = match opened {
            Ok(opened) => opened,
            Err(why) => {
                let status = RecordingStatus::Unusable(why.clone());
                let former = std::mem::replace(&mut self.records_state, RecordsState::Unusable(why));
                self.send_msg(Msg::RecordsOpened { status, unresolved: Vec::new(), findings: Vec::new() });
                return self.run_deferred(former);
            }
        };
        let OpenedRecords { recorder, unresolved, findings, status } = opened;
        let graph = self.graph.as_ref().ok().cloned();
        let (concurrency, journal) = (self.config.concurrency, recorder.journal.clone());
        let (jobs, mut progress) = JobsHandle::start(graph, recorder.clone(), unresolved, concurrency, self.clock);
        // The actor reports what is unresolved before it does anything else.
        let unresolved = std::iter::from_fn(|| progress.try_recv().ok()).collect();
        self.forward_progress(progress);
        self.watch_journal(&jobs);
        let former = std::mem::replace(&mut self.records_state, RecordsState::Open { recorder, jobs });
        self.send_msg(Msg::RecordsOpened { status, unresolved, findings });
        self.load_cached_numbers(journal);
        self.run_deferred(former);
    }

    /// Handles what waited for the journal.
    fn run_deferred(&mut self, former: RecordsState) {
        if let RecordsState::Opening { pending_page, pending_pauses } = former {
            if let Some(page) = pending_page {
                self.cache_numbers(page);
            }
            for sender in pending_pauses {
                self.pause(sender);
            }
        }
    }

    /// Puts the progress of the actor into the mailbox.
    fn forward_progress(&self, mut progress: mpsc::UnboundedReceiver<Progress>) {
        let (mailbox, report) = (self.mailbox.clone(), Arc::clone(&self.report));
        tokio::spawn(async move {
            while let Some(update) = progress.recv().await {
                if mailbox.put(update) {
                    report(WorkerReport::ProgressReady);
                }
            }
        });
    }

    fn watch_journal(&self, jobs: &JobsHandle) {
        let (mut failure, events) = (jobs.journal_failure(), self.event_sender.clone());
        tokio::spawn(async move {
            if let Ok(reason) = failure.wait_for(Option::is_some).await
                && let Some(reason) = reason.clone()
            {
                events.send(WorkerEvent::JournalFailed(reason)).ok();
            }
        });
    }

    fn cache_numbers(&mut self, numbers: Vec<Number>) {
        let journal = match &mut self.records_state {
            RecordsState::Open { recorder, .. } => recorder.journal.clone(),
            RecordsState::Opening { pending_page: page, .. } => {
                *page = Some(numbers);
                return;
            }
            // The next page follows only then.
            RecordsState::Unusable(_) => return self.send_msg(Msg::NumbersCached),
        };
        let report = Arc::clone(&self.report);
        let cached = journal.cache_numbers(self.config.recording.profile.as_str(), numbers);
        tokio::spawn(async move {
            cached.await;
            report(WorkerReport::Msg(Msg::NumbersCached));
        });
    }

    fn remove_cached_numbers(&self, numbers: Vec<PhoneNumberId>, read_until: UtcTime) {
        // While the journal is being opened, there is nothing to remove: its cache is loaded after that.
        let RecordsState::Open { recorder, .. } = &self.records_state else { return };
        // Nothing waits for it.
        drop(recorder.journal.remove_cached_numbers(self.config.recording.profile.as_str(), numbers, read_until));
    }

    fn start_change(&self, change: Change) {
        let journal = match &self.records_state {
            RecordsState::Open { recorder, .. } => recorder.journal.clone(),
            RecordsState::Opening { .. } => {
                return self.report_not_sent(&change, refused_locally("the journal is still being opened"));
            }
            RecordsState::Unusable(why) => {
                return self.report_not_sent(&change, NotSentReason::RefusedLocally(why.clone()));
            }
        };
        // Otherwise the change would end without a report.
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => return self.report_not_sent(&change, why.clone()),
        };
        let profile = self.config.recording.profile.clone();
        let plan = JobPlan { profile, pin_source: PinSource::Given, numbers: vec![(change.number, change.waba)] };
        let (stop_count, events) = (self.stop_count, self.event_sender.clone());
        tokio::spawn(async move {
            let result = journal.start_job(plan).await;
            events.send(WorkerEvent::JobStarted { change, result, graph, stop_count }).ok();
        });
    }

    fn job_started(&mut self, change: Change, result: Result<JobId, RecordError>, graph: Graph, stop_count: u64) {
        match result {
            Ok(_) if stop_count != self.stop_count => self.report_not_sent(&change, NotSentReason::Stopped),
            Ok(job) => {
                let changes = vec![Change { job, ..change }];
                match &self.graph {
                    Ok(_) => self.with_jobs(|jobs| jobs.set_pins(changes)),
                    // The screen was hidden meanwhile. A change confirmed before that goes on.
                    Err(_) => self.with_jobs(|jobs| {
                        jobs.use_graph(graph);
                        jobs.set_pins(changes);
                        jobs.drop_secrets();
                    }),
                }
            }
            Err(refused) => {
                if let RecordError::JournalFailed(reason) = &refused {
                    self.handle_event(WorkerEvent::JournalFailed(reason.clone()));
                }
                self.report_not_sent(&change, refused_locally(&refused.to_string()));
            }
        }
    }

    fn report_not_sent(&self, change: &Change, why: NotSentReason) {
        let finished = Completion { at: self.clock.now().utc, attempts: 0 };
        let state = ChangeState::NotSent(finished, why);
        if self.mailbox.put(Progress { change: Some(change.id), number: change.number, state }) {
            (self.report)(WorkerReport::ProgressReady);
        }
    }

    fn with_jobs(&self, act: impl FnOnce(&JobsHandle)) {
        if let RecordsState::Open { jobs, .. } = &self.records_state {
            act(jobs);
        }
    }

    fn accept_recipients(&self) {
        let RecordsState::Open { recorder, .. } = &self.records_state else { return };
        let (journal, events) = (recorder.journal.clone(), self.event_sender.clone());
        tokio::spawn(async move {
            events.send(WorkerEvent::RecipientsAccepted(journal.accept_recipients().await)).ok();
        });
    }

    fn record_event(&self, event: AuditEvent) {
        let RecordsState::Open { recorder, .. } = &self.records_state else { return };
        // Queued now: the program may end before a task starts.
        let (recording, events) = (recorder.journal.record_event(event), self.event_sender.clone());
        tokio::spawn(async move {
            if let Err(refused) = recording.await {
                events.send(WorkerEvent::JournalFailed(CleanText::new(&refused.to_string()))).ok();
            }
        });
    }

    fn pause(&mut self, guard_sender: blocking::Sender<PauseGuard>) {
        match &mut self.records_state {
            RecordsState::Open { recorder, jobs } => {
                jobs.pause();
                let journal = recorder.journal.clone();
                // The receiver may have given up: then the guard is dropped, and the journal goes on.
                tokio::task::spawn_blocking(move || guard_sender.send(journal.pause()).ok());
            }
            RecordsState::Opening { pending_pauses, .. } => pending_pauses.push(guard_sender),
            // Nothing can be sent or written. Dropping the sender reports it as well.
            RecordsState::Unusable(_) => {}
        }
    }

    fn close(&mut self, closed: blocking::Sender<()>) {
        self.stop_count += 1;
        // Without an actor nothing is in flight. Dropping the sender reports it as well.
        let RecordsState::Open { recorder, jobs } = &self.records_state else { return };
        let (idle, waiter) = blocking::channel();
        jobs.stop_and_notify(idle);
        let journal = recorder.journal.clone();
        tokio::task::spawn_blocking(move || {
            // After the timeout there is nothing more to wait for.
            waiter.recv_timeout(IN_FLIGHT_TIMEOUT).ok();
            journal.close();
            closed.send(()).ok();
        });
    }

    fn use_credentials(&mut self, credentials: Credentials) {
        match Graph::new(&self.config.endpoint, credentials, self.config.concurrency) {
            Ok(graph) => {
                self.with_jobs(|jobs| jobs.use_graph(graph.clone()));
                self.graph = Ok(graph);
            }
            Err(error) => {
                let reason = error_chain(&error);
                self.send_msg(Msg::ClientSetupFailed(reason.clone()));
                if let Err(why) = &mut self.graph {
                    *why = NotSentReason::RefusedLocally(reason);
                }
            }
        }
    }

    fn send_msg(&self, msg: Msg) {
        (self.report)(WorkerReport::Msg(msg));
    }
}

fn refused_locally(why: &str) -> NotSentReason {
    NotSentReason::RefusedLocally(CleanText::new(why))
}
