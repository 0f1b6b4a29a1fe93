//! The worker's event loop: handles commands one by one, and waits for nothing itself.
//!
//! The jobs actor sends, the numbers are read, the journal writes, each in tasks of their own. Their results arrive
//! here as events.

mod fetch;
mod follow;
mod job_reads;
mod number_file_tasks;

use std::sync::Arc;
use std::sync::mpsc as blocking;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::AbortHandle;

use self::job_reads::WantedJobs;
use super::number_cache::{NumberCache, WaitingReads};
use super::open_records::{self, OpenedRecords};
use super::{ProgressMailbox, WorkerConfig, WorkerInput, WorkerReport};
use crate::config::endpoint::Credentials;
use crate::console::app::Msg;
use crate::console::effect::WorkCommand;
use crate::console::shared::RecordingStatus;
use crate::domain::change::{ChangeState, Completion, JobId, Progress, ProgressSource};
use crate::domain::clock::Clock;
use crate::domain::number::PhoneNumberId;
use crate::domain::outcome::SendFailure;
use crate::domain::pin_plan::PinPlan;
use crate::domain::standing::NotSentReason;
use crate::domain::text::{CleanText, error_chain};
use crate::graph::Graph;
use crate::jobs::{JobOptions, JobsHandle, Recorder};
use crate::journal::{AuditEvent, PauseGuard, RecordError};
use crate::pace::Pace;

/// The state of the thread.
pub(super) struct Worker<R> {
    config: WorkerConfig,
    clock: Clock,
    /// The client, or why there is none: then nothing can be read or sent.
    graph: Result<Graph, SendFailure>,
    pace: Pace,
    records_state: RecordsState,
    number_cache: NumberCache,
    /// What was read before the journal opened.
    waiting_reads: Option<WaitingReads>,
    has_reported_failure: bool,
    /// The task that follows the journal, while it is open.
    follower: Option<AbortHandle>,
    /// The task that reads jobs, while the journal is open.
    job_reader: Option<AbortHandle>,
    /// What that task reads next.
    wanted_jobs: Arc<WantedJobs>,
    /// Lets the follower read without a change.
    reread_journal: Arc<Notify>,
    mailbox: ProgressMailbox,
    report: Arc<R>,
    read_permits: Arc<Semaphore>,
    event_sender: mpsc::UnboundedSender<WorkerEvent>,
    event_receiver: mpsc::UnboundedReceiver<WorkerEvent>,
}

/// Journal and escrow, and the actor that needs both.
enum RecordsState {
    Opening {
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
    RecipientsAccepted(Result<(), RecordError>),
    /// The journal failed.
    JournalFailed(CleanText),
}

/// How a confirmed plan starts.
enum PlanStart {
    /// As a new job.
    New(JobOptions),
    /// As what is left of a job.
    Resumed(JobId),
}

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    pub(super) fn new(config: WorkerConfig, clock: Clock, mailbox: ProgressMailbox, report: Arc<R>) -> Self {
        let (event_sender, event_receiver) = mpsc::unbounded_channel();
        let (number_cache, waiting_reads) = NumberCache::new();
        let report_pause = Arc::clone(&report);
        let pace = Pace::new(config.concurrency, clock, move |pause| {
            report_pause(WorkerReport::Msg(Msg::CallsPaused(pause)));
        });
        Self {
            pace,
            config,
            clock,
            graph: Err(refused_locally("there is no access token yet")),
            records_state: RecordsState::Opening { pending_pauses: Vec::new() },
            number_cache,
            waiting_reads: Some(waiting_reads),
            has_reported_failure: false,
            follower: None,
            job_reader: None,
            wanted_jobs: Arc::default(),
            reread_journal: Arc::default(),
            mailbox,
            report,
            read_permits: Arc::new(Semaphore::new(fetch::MAX_PAGES_IN_FLIGHT)),
            event_sender,
            event_receiver,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<WorkerInput>) {
        let (recording, clock, events) = (self.config.recording.clone(), self.clock, self.event_sender.clone());
        tokio::task::spawn_blocking(move || {
            events.send(WorkerEvent::RecordsOpened(Box::new(open_records::open(&recording, clock)))).ok();
        });
        loop {
            tokio::select! {
                input = inbox.recv() => match input {
                    Some(input) => self.handle_input(input),
                    None => return,
                },
                Some(event) = self.event_receiver.recv() => self.handle_event(event),
            }
        }
    }

    fn handle_input(&mut self, input: WorkerInput) {
        match input {
            WorkerInput::Command(command) => self.handle_command(command),
            WorkerInput::UseCredentials(credentials) => self.use_credentials(credentials),
            WorkerInput::Pause(paused) => self.pause(paused),
            WorkerInput::Resume => {
                if let RecordsState::Opening { pending_pauses, .. } = &mut self.records_state {
                    pending_pauses.clear();
                }
                self.with_jobs(JobsHandle::resume);
            }
            WorkerInput::Close(closed) => self.close(closed),
        }
    }

    fn handle_command(&mut self, command: WorkCommand) {
        match command {
            WorkCommand::RefreshAll { refresh_id } => {
                self.reread_journal.notify_one();
                self.refresh_all(refresh_id);
            }
            WorkCommand::RefreshNumber(known) => self.refresh_number(known, None),
            WorkCommand::RefreshNumberAfter { number, set_at } => self.refresh_number(number, Some(set_at)),
            WorkCommand::SetPins(plan) => self.start_job(plan, PlanStart::New(JobOptions::default())),
            WorkCommand::StartJob { plan, note, send_first } => {
                self.start_job(plan, PlanStart::New(JobOptions { note, send_first }));
            }
            WorkCommand::ResumeJob { job, plan } => self.start_job(plan, PlanStart::Resumed(job)),
            WorkCommand::ReadCallsLeft(wabas) => self.read_calls_left(wabas),
            WorkCommand::ReadRecentSets { question_id, numbers } => self.read_recent_sets(question_id, numbers),
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
            WorkCommand::ResendPin(number) => self.with_jobs(|jobs| jobs.resend(number)),
            WorkCommand::StopSending => self.with_jobs(|jobs| drop(jobs.stop())),
            WorkCommand::PauseJob(job) => self.with_jobs(|jobs| jobs.pause_job(job)),
            WorkCommand::ContinueJob(job) => self.with_jobs(|jobs| jobs.continue_job(job)),
            WorkCommand::SendHeld(job) => self.with_jobs(|jobs| jobs.send_held(job)),
            WorkCommand::StopJob(job) => self.with_jobs(|jobs| jobs.stop_job(job)),
            WorkCommand::ReadJobs => self.wanted_jobs.want_list(),
            WorkCommand::ReadLastDrill => self.read_last_drill(),
            WorkCommand::ReadJob(job) => self.wanted_jobs.want_job(job),
            WorkCommand::ReadNumberList(path) => self.read_number_list(path),
            WorkCommand::ExportNumbers { path, format, numbers } => self.export_numbers(path, format, numbers),
            WorkCommand::ReportJob { path, format, job } => self.report_job(path, format, job),
        }
    }

    fn handle_event(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::RecordsOpened(opened) => self.records_opened(*opened),
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
        // Without a journal they are dropped, and no later read waits for the cache.
        let waiting_reads = self.waiting_reads.take();
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
        let (jobs, mut progress) =
            JobsHandle::start(graph, recorder.clone(), unresolved, concurrency, self.pace.clone(), self.clock);
        // The actor reports what is unresolved before it does anything else.
        let unresolved = std::iter::from_fn(|| progress.try_recv().ok()).collect();
        self.forward_progress(progress);
        self.watch_journal(&jobs);
        let jobs_handle = jobs.clone();
        let former = std::mem::replace(&mut self.records_state, RecordsState::Open { recorder, jobs });
        self.send_msg(Msg::RecordsOpened { status, unresolved, findings });
        let (numbers, records) = (self.load_cached_numbers(journal.clone()), self.load_number_records(journal.clone()));
        tokio::spawn(async move {
            numbers.await;
            // The rows are there, so that each record finds its own.
            records.await;
        });
        self.follow_journal(journal.clone(), jobs_handle.clone());
        self.read_wanted_jobs(journal.clone());
        if let Some(reads) = waiting_reads {
            tokio::spawn(reads.cache(journal, jobs_handle, self.config.recording.profile.clone()));
        }
        self.run_deferred(former);
    }

    /// Handles what waited for the journal.
    fn run_deferred(&mut self, former: RecordsState) {
        if let RecordsState::Opening { pending_pauses } = former {
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

    fn start_job(&self, plan: PinPlan, start: PlanStart) {
        let why: NotSentReason = match (&self.records_state, &self.graph) {
            (RecordsState::Open { jobs, .. }, Ok(_)) => {
                // Progress says what becomes of it.
                let numbers = plan.targets.iter().map(|target| target.id).collect();
                return match start {
                    PlanStart::Resumed(job) => self.report_start(jobs.resume_job(job, plan), numbers, None),
                    PlanStart::New(options) => {
                        let send_first = options.send_first;
                        self.report_start(jobs.start_job_with(plan, options), numbers, send_first);
                    }
                };
            }
            // Otherwise a job would be recorded that cannot be sent.
            (RecordsState::Open { .. }, Err(why)) => why.clone().into(),
            (RecordsState::Opening { .. }, _) => refused_locally("the journal is still being opened").into(),
            (RecordsState::Unusable(why), _) => SendFailure::RefusedLocally(why.clone()).into(),
        };
        self.report_not_sent(plan, &why);
    }

    /// Reports a job when it is recorded.
    fn report_start(
        &self,
        start: impl Future<Output = Result<JobId, RecordError>> + Send + 'static,
        numbers: Vec<PhoneNumberId>,
        send_first: Option<usize>,
    ) {
        let report = Arc::clone(&self.report);
        tokio::spawn(async move {
            // Progress says why a job could not be recorded.
            if let Ok(job) = start.await {
                report(WorkerReport::Msg(Msg::JobStarted { job, numbers, send_first }));
            }
        });
    }

    /// Reports the numbers of a plan that the jobs actor did not get.
    fn report_not_sent(&self, plan: PinPlan, why: &NotSentReason) {
        let PinPlan { targets, pins } = plan;
        // Wipes the PIN before the end is reported.
        drop(pins);
        let finished = Completion { at: self.clock.now().utc, attempts: 0 };
        for target in targets.iter() {
            let state = ChangeState::NotSent(finished, why.clone());
            let progress = Progress { job: None, change: None, number: target.id, state, source: ProgressSource::Own };
            if self.mailbox.put(progress) {
                (self.report)(WorkerReport::ProgressReady);
            }
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
        // A reader that opens the closed journal would leave files behind.
        for reader in [self.follower.take(), self.job_reader.take()].into_iter().flatten() {
            reader.abort();
        }
        // Without an actor nothing is in flight. Dropping the sender reports it as well.
        let RecordsState::Open { recorder, jobs } = &self.records_state else { return };
        let (in_flight, journal) = (jobs.shut_down(), recorder.journal.clone());
        tokio::task::spawn_blocking(move || {
            in_flight.wait();
            journal.close();
            closed.send(()).ok();
        });
    }

    fn use_credentials(&mut self, credentials: Credentials) {
        match Graph::new(&self.config.endpoint, credentials, self.config.concurrency) {
            Ok(graph) => {
                let report = Arc::clone(&self.report);
                let graph = graph.on_other_version(Arc::new(move |other| {
                    report(WorkerReport::Msg(Msg::ClientNotice(CleanText::new(&other.to_string()))));
                }));
                self.with_jobs(|jobs| jobs.use_graph(graph.clone()));
                if self.config.asks_about_token {
                    self.read_token_info(graph.clone());
                }
                self.graph = Ok(graph);
            }
            Err(error) => {
                let reason = error_chain(&error);
                self.send_msg(Msg::ClientNotice(reason.clone()));
                if let Err(why) = &mut self.graph {
                    *why = SendFailure::RefusedLocally(reason);
                }
            }
        }
    }

    fn send_msg(&self, msg: Msg) {
        (self.report)(WorkerReport::Msg(msg));
    }
}

fn refused_locally(why: &str) -> SendFailure {
    SendFailure::RefusedLocally(CleanText::new(why))
}
