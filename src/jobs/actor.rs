//! The actor: decides which number is next and what a failure cancels, and reports the end of each change.
//!
//! It never waits for the disk or the network: its tasks do.

mod cancellation;
mod refusal_question;
mod resolution;
mod starting;
mod updates;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{self, JoinSet};

use self::refusal_question::RefusalQuestion;
use super::in_doubt::{InDoubtChange, InDoubtChanges};
use super::job_starts::{JobStart, JobStarts};
use super::open_jobs::OpenJobs;
use super::pauses::Pauses;
use super::progress::ProgressSender;
use super::queue::{NextItem, QueueItem, SendQueue};
use super::recorder::RecordWriter;
use super::send_task::{Client, Notice, PendingChange, RunningTask, SendTask, TaskResult};
use super::{ActorCommand, Recorder, UnknownRefusals};
use crate::domain::change::{ChangeState, JobId, LATE_ARRIVAL_WINDOW, Resolution, SendHistory};
use crate::domain::number::{PhoneNumberId, TwoStep, WabaId};
use crate::domain::outcome::{DoubtReason, SendFailure};
use crate::domain::standing::{NotApplied, NotSentReason, Standing};
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::journal::RecordError;
use crate::pace::{self, Pace, Refusal};
use crate::policy::breaker::Breaker;
use crate::policy::quota::CallTarget;

/// The result of a task that ended.
pub(super) enum TaskOutput {
    Completed(Box<TaskResult>),
    JobsRecorded(Vec<Result<JobId, RecordError>>),
    Resolved { number: PhoneNumberId, resolution: Resolution, result: Result<(), CleanText> },
}

/// What a task records that sends nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recording {
    /// The start of this many jobs.
    Jobs(usize),
    /// That the doubt about a number is resolved.
    Resolution(PhoneNumberId, Resolution),
}

pub(super) struct JobsActor {
    client: watch::Sender<Client>,
    recorder: RecordWriter,
    pub(super) progress: ProgressSender,
    pub(super) permits: Arc<Semaphore>,
    concurrency: u32,
    starts: JobStarts,
    open_jobs: OpenJobs,
    queue: SendQueue,
    pace: Pace,
    tasks: JoinSet<TaskOutput>,
    running: HashMap<task::Id, RunningTask>,
    /// The tasks that only write records.
    recordings: HashMap<task::Id, Recording>,
    /// Numbers with a change that is queued, in flight or being resolved. Two changes of one number at the same time
    /// would arrive in an unknown order.
    pub(super) busy: HashSet<PhoneNumberId>,
    in_doubt: InDoubtChanges,
    breaker: Breaker,
    /// WABAs that may be locked: one of their numbers was refused for it, and none was set since.
    suspect_wabas: HashSet<WabaId>,
    /// Where questions about unknown refusals go, if a caller answers them.
    questions: Option<mpsc::UnboundedSender<UnknownRefusals>>,
    /// Until its answer, nothing is sent.
    question: Option<RefusalQuestion>,
    /// True while there is a question. For the tasks.
    is_asking: watch::Sender<bool>,
    idle_waiters: Vec<blocking::Sender<()>>,
    /// True if the process ends, so that nothing is sent any longer.
    is_shutting_down: bool,
    paused: Arc<watch::Sender<Pauses>>,
    notices: (mpsc::UnboundedSender<Notice>, mpsc::UnboundedReceiver<Notice>),
    /// Why the journal failed, if it has.
    journal_failure: watch::Sender<Option<CleanText>>,
    /// True if the secrets must be dropped as soon as nothing needs them.
    should_drop_secrets: bool,
    uptime: fn() -> Duration,
}

impl JobsActor {
    #[expect(clippy::too_many_arguments, reason = "called once; a struct would repeat the same fields")]
    pub(super) fn new(
        graph: Option<Graph>,
        recorder: Recorder,
        in_doubt: InDoubtChanges,
        concurrency: usize,
        pace: Pace,
        progress: ProgressSender,
        paused: Arc<watch::Sender<Pauses>>,
        journal_failure: watch::Sender<Option<CleanText>>,
        uptime: fn() -> Duration,
    ) -> Self {
        Self {
            client: watch::Sender::new(Client { graph, generation: 1 }),
            recorder: RecordWriter::new(recorder),
            progress,
            permits: Arc::new(Semaphore::new(concurrency)),
            concurrency: u32::try_from(concurrency).unwrap_or(u32::MAX),
            starts: JobStarts::default(),
            open_jobs: OpenJobs::default(),
            queue: SendQueue::default(),
            pace,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            recordings: HashMap::new(),
            busy: HashSet::new(),
            in_doubt,
            breaker: Breaker::new(concurrency),
            suspect_wabas: HashSet::new(),
            questions: None,
            question: None,
            is_asking: watch::Sender::new(false),
            idle_waiters: Vec::new(),
            is_shutting_down: false,
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
        let mut pace_changes = self.pace.subscribe();
        while is_open || self.has_work() {
            self.record_waiting_jobs();
            self.hold_retries();
            let permits = Arc::clone(&self.permits);
            pace_changes.mark_unchanged();
            let next = self.next_item(&paused.borrow_and_update());
            tokio::select! {
                // Commands come first, so that a stop takes effect before anything new is sent.
                biased;
                command = inbox.recv(), if is_open => {
                    if let Some(command) = command {
                        self.handle_command(command);
                    } else {
                        is_open = false;
                        self.cancel_all(&NotSentReason::Stopped);
                    }
                },
                Some(notice) = self.notices.1.recv() => self.handle_notice(notice),
                Some(joined) = self.tasks.join_next_with_id() => match joined {
                    Ok((task, output)) => {
                        self.running.remove(&task);
                        self.recordings.remove(&task);
                        self.handle_task_output(output);
                    }
                    Err(error) => self.handle_panicked_task(error.id()),
                },
                _ = paused.changed() => {}
                () = RefusalQuestion::take_permits(&mut self.question) => {}
                () = wait_while_held(&next, &mut pace_changes) => {}
                Ok(permit) = permits.acquire_owned(), if matches!(next, NextItem::OfWaba(_)) => {
                    if let NextItem::OfWaba(waba) = next {
                        self.send_next(waba, permit);
                    }
                }
            }
            self.ask_when_quiet();
            self.on_idle();
        }
    }

    /// The next number to send, if one may be sent now.
    fn next_item(&self, paused: &Pauses) -> NextItem {
        if paused.are_all || self.question.is_some() {
            return NextItem::None;
        }
        self.queue.next(|job| paused.hold(job), |waba| self.pace.refusal(CallTarget { waba, number: None }))
    }

    fn handle_command(&mut self, command: ActorCommand) {
        match command {
            ActorCommand::StartJob(start) => self
                .starts
                .push(JobStart { cancelled: self.is_shutting_down.then_some(NotSentReason::Stopped), ..start }),
            ActorCommand::SendHeld(job) => self.queue.release(job),
            ActorCommand::LeaveHeld(job) => {
                for item in self.queue.take_held(job) {
                    self.drop_queued(item, NotSentReason::LeftAfterFirst);
                }
            }
            ActorCommand::Resend(number) => self.enqueue_resend(number),
            ActorCommand::UseGraph(graph) => {
                self.should_drop_secrets = false;
                self.pace.replace_token();
                self.client.send_modify(|client| {
                    *client = Client { graph: Some(graph), generation: client.generation.saturating_add(1) };
                });
            }
            ActorCommand::Stop { is_final, idle } => {
                self.is_shutting_down |= is_final;
                self.cancel_all(&NotSentReason::Stopped);
                self.idle_waiters.push(idle);
            }
            ActorCommand::StopJob(job) => self.cancel_job(job, &NotSentReason::Stopped),
            ActorCommand::ResolveManually(number, note) => self.resolve(number, Resolution::Manual, Some(note)),
            ActorCommand::StatusRead(read) => {
                let is_proof = self.in_doubt.state(read.number).is_some_and(|details| {
                    read.two_step == TwoStep::NotSet && read.asked_at.instant >= details.new_pin_allowed_from.instant
                });
                if is_proof {
                    self.resolve(read.number, Resolution::NoPinInForce, None);
                }
            }
            ActorCommand::HandleUpdates(updates) => updates.into_iter().for_each(|update| self.handle_update(update)),
            ActorCommand::SelectIdle(mut numbers, reply) => {
                numbers.retain(|number| !self.has_open_change(*number));
                // The caller may be gone.
                reply.send(numbers).ok();
            }
            ActorCommand::DropSecrets => {
                self.should_drop_secrets = true;
                self.drop_escrowed_pins();
            }
            ActorCommand::AskAboutRefusals(questions) => self.questions = Some(questions),
            ActorCommand::Answer { code, sends_rest } => self.handle_answer(code, sends_rest),
        }
    }

    fn enqueue_resend(&mut self, number: PhoneNumberId) {
        if self.busy.contains(&number) {
            return;
        }
        let Some((change, in_doubt)) = self.in_doubt.take_resendable(number) else { return };
        let pending = PendingChange {
            change,
            attempts_before: in_doubt.sent.attempts(),
            doubt: Some(in_doubt.doubt.cause),
            is_recorded: true,
            is_in_escrow: in_doubt.is_in_escrow,
            arrival_deadline: Some(in_doubt.arrival_deadline),
            last_error: None,
        };
        self.busy.insert(number);
        let failure = self
            .journal_failure
            .borrow()
            .clone()
            .map(|failure| NotSentReason::from(SendFailure::RefusedLocally(failure)));
        if let Some(why) = failure.or(self.is_shutting_down.then_some(NotSentReason::Stopped)) {
            self.drop_queued(QueueItem::Resend(Box::new((0, pending))), why);
        } else {
            self.progress.send_change_state(&pending.change, ChangeState::Queued);
            let place = self.queue.reserve_places(1);
            self.queue.push(QueueItem::Resend(Box::new((place, pending))));
        }
    }

    fn send_next(&mut self, waba: Option<WabaId>, permit: OwnedSemaphorePermit) {
        // The WABA may have been paused while this waited for the permit.
        let Ok(call) = self.pace.try_admit(CallTarget { waba, number: None }) else { return };
        let paused = &self.paused;
        let Some(item) = self.queue.pop(waba, |job| paused.borrow().hold(job)) else { return };
        let (job, number) = (item.job(), item.number());
        let call = call.for_number(number);
        let pending = match item.into_pending() {
            Ok(pending) => pending,
            Err(error) => {
                let why = SendFailure::RefusedLocally(CleanText::new(&error.to_string())).into();
                return self.report_unstarted(job, number, why);
            }
        };
        let (cancel, cancelled) = watch::channel(None);
        let task = self.new_send_task(cancelled);
        let (change, doubt) = (Arc::clone(&pending.change), pending.doubt.clone());
        let running = RunningTask { change, attempts_before: pending.attempts_before, doubt, cancel };
        self.spawn_watched(
            running,
            task.run(pending, permit, call).map(|result| TaskOutput::Completed(Box::new(result))),
        );
    }

    pub(super) fn new_send_task(&self, cancelled: watch::Receiver<Option<NotSentReason>>) -> SendTask {
        SendTask {
            client: self.client.subscribe(),
            recorder: self.recorder.clone(),
            progress: self.progress.clone(),
            permits: Arc::clone(&self.permits),
            is_asking: self.is_asking.subscribe(),
            pace: self.pace.clone(),
            cancelled,
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

    fn handle_task_output(&mut self, output: TaskOutput) {
        // A task sends its notices before it ends, and they must be handled before its result.
        while let Ok(notice) = self.notices.1.try_recv() {
            self.handle_notice(notice);
        }
        match output {
            TaskOutput::Completed(result) => self.handle_task_result(*result),
            TaskOutput::JobsRecorded(results) => self.handle_jobs_recorded(results),
            TaskOutput::Resolved { number, resolution, result } => self.handle_resolved(number, resolution, result),
        }
    }

    fn handle_task_result(&mut self, result: TaskResult) {
        let TaskResult { pending, total_attempts, standing } = result;
        let PendingChange { change, attempts_before, is_recorded, is_in_escrow, arrival_deadline, .. } = pending;
        let (id, job, number, before) = (change.id, change.job, change.number, change.status_before);
        // A PIN that is sent again belongs to a number that has ended.
        if attempts_before == 0 {
            self.end_number(job, is_recorded);
        }
        let finished = self.progress.finished_now(total_attempts);
        self.busy.remove(&number);
        self.end_pause(job);
        if let Some(deadline) = arrival_deadline {
            self.in_doubt.extend_arrival_deadline(number, deadline);
        }
        // Wipes the PIN before the end of the change is reported, unless the change is in doubt.
        let change_with_pin = matches!(standing, Standing::InDoubt(_)).then_some(change);
        let state = match standing {
            Standing::Set => {
                // This PIN is in force now, so earlier doubt no longer matters.
                self.in_doubt.clear(number);
                ChangeState::Set(finished)
            }
            Standing::Failed(error) => match self.in_doubt.state_after(number, NotApplied::Refused(error.clone())) {
                Some(details) => ChangeState::InDoubt(Box::new(details)),
                None => ChangeState::Failed(finished, error),
            },
            Standing::NotSent(why) => self.not_sent_state(number, finished, why),
            Standing::InDoubt(doubt) => {
                let change_with_pin = change_with_pin.filter(|_| !(self.should_drop_secrets && is_in_escrow));
                let sent = SendHistory::Recorded(finished);
                let arrival_deadline =
                    arrival_deadline.unwrap_or_else(|| self.progress.now().plus(LATE_ARRIVAL_WINDOW));
                self.in_doubt.add(
                    number,
                    InDoubtChange {
                        change: id,
                        job: Some(job),
                        change_with_pin,
                        before: before.two_step,
                        is_in_escrow,
                        doubt: *doubt,
                        sent,
                        arrival_deadline,
                    },
                );
                return self.send_in_doubt(number);
            }
        };
        self.progress.send_state(job, id, number, state);
    }

    pub(super) fn spawn_recording(
        &mut self,
        recording: Recording,
        write: impl Future<Output = TaskOutput> + Send + 'static,
    ) {
        let id = self.tasks.spawn(write).id();
        self.recordings.insert(id, recording);
    }

    /// Handles a task that panicked. It is not known whether its request was applied, so its number is in doubt. What a
    /// task was to record counts as not recorded.
    fn handle_panicked_task(&mut self, task: task::Id) {
        let failure = || CleanText::new("the journal failed: its task panicked");
        match self.recordings.remove(&task) {
            Some(Recording::Jobs(count)) => {
                let failed = std::iter::repeat_with(|| Err(RecordError::JournalFailed(failure())));
                return self.handle_jobs_recorded(failed.take(count).collect());
            }
            Some(Recording::Resolution(number, resolution)) => {
                return self.handle_resolved(number, resolution, Err(failure()));
            }
            None => {}
        }
        let Some(RunningTask { change, attempts_before, doubt, .. }) = self.running.remove(&task) else { return };
        let doubt = doubt.unwrap_or(DoubtReason::ConnectionLost { after: Duration::ZERO }.into());
        self.handle_task_result(TaskResult {
            pending: PendingChange { attempts_before, ..PendingChange::new(change) },
            total_attempts: attempts_before.saturating_add(1),
            standing: Standing::in_doubt(doubt),
        });
    }

    fn has_open_change(&self, number: PhoneNumberId) -> bool {
        self.busy.contains(&number) || self.in_doubt.newest(number).is_some() || self.starts.contain(number)
    }

    /// True while a number is queued, in flight or being resolved, or a job is being recorded.
    fn has_work(&self) -> bool {
        !self.busy.is_empty() || !self.starts.is_empty()
    }

    fn on_idle(&mut self) {
        if self.has_work() {
            return;
        }
        self.breaker.on_idle();
        self.suspect_wabas.clear();
        for waiter in self.idle_waiters.drain(..) {
            // The waiter may be gone.
            waiter.send(()).ok();
        }
        if self.should_drop_secrets {
            self.client.send_if_modified(|client| client.graph.take().is_some());
        }
    }
}

/// Waits until a number that is held may go on; for ever if none is held.
async fn wait_while_held(next: &NextItem, changes: &mut watch::Receiver<()>) {
    match next {
        NextItem::None | NextItem::OfWaba(_) => std::future::pending().await,
        NextItem::Held(until) => {
            let refusal = until.map_or(Refusal::Busy, Refusal::Paused);
            pace::wait_for_change(refusal, changes).await;
        }
    }
}
