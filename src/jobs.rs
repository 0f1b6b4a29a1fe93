//! Makes changes with an actor that records each change first, limits concurrency, retries with the same PIN, and
//! reports progress.
//!
//! The actor runs on the caller's tokio runtime, receives commands from [`JobsHandle`], and finishes or stops safely
//! whatever the screen does. A single number takes the same path as many. It does not know about screens, sends nothing
//! before its record is durable, and never sends a PIN other than the one of the change. A PIN in doubt stays in memory
//! until the doubt is resolved, the secrets are dropped, or the actor ends.

mod actor;
mod job_starts;
mod in_doubt;
mod open_jobs;
mod pauses;
mod progress;
mod queue;
mod recorder;
mod recording_thread;
mod send_task;
mod stopping;

use std::sync::Arc;
use std::sync::mpsc as blocking;

use tokio::sync::{mpsc, oneshot, watch};

use self::actor::JobsActor;
use self::in_doubt::InDoubtChanges;
use self::job_starts::JobStart;
use self::pauses::Pauses;
use self::progress::ProgressSender;
use crate::domain::change::{JobId, Progress};
use crate::domain::clock::{self, Clock, TimePoint};
use crate::domain::number::{PhoneNumberId, TwoStep};
use crate::domain::pin_plan::PinPlan;
use crate::domain::text::CleanText;
use crate::escrow::Recipients;
use crate::graph::Graph;
use crate::journal::{Journal, NumberUpdate, RecordError, UnresolvedChange};
use crate::pace::Pace;

pub use self::job_starts::JobOptions;
pub use self::stopping::{IN_FLIGHT_TIMEOUT, InFlight};

/// The handle of the actor. When the last one is dropped, the actor stops.
#[derive(Debug, Clone)]
pub struct JobsHandle {
    commands: mpsc::UnboundedSender<ActorCommand>,
    paused: Arc<watch::Sender<Pauses>>,
    journal_failure: watch::Receiver<Option<CleanText>>,
}

/// Records every change before it is sent, so that its PIN can be recovered.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Records each attempt before its request, and the outcome after it.
    pub journal: Journal,
    /// The keys that PINs are encrypted to. `None` means that there is no escrow.
    pub recipients: Option<Arc<Recipients>>,
    /// The name of the profile, for the records of jobs.
    pub profile: CleanText,
}

/// A job is held, because its numbers are refused with a code that the catalog does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownRefusals {
    /// The code of Meta.
    pub code: i64,
    /// How many numbers in a row were refused with it.
    pub refused: usize,
    /// How many numbers are queued or wait for a retry, without those that are held back.
    pub left: usize,
}

/// What a read of one number reported. It may resolve a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRead {
    /// The number.
    pub number: PhoneNumberId,
    /// What Meta reported.
    pub two_step: TwoStep,
    /// When the read was requested. A read that was requested too early proves nothing.
    pub asked_at: TimePoint,
}

/// The commands of the handle.
enum ActorCommand {
    StartJob(JobStart),
    SendHeld(JobId),
    LeaveHeld(JobId),
    Resend(PhoneNumberId),
    UseGraph(Graph),
    Stop {
        /// True if nothing is sent after it either.
        is_final: bool,
        /// Gets a message when nothing is in flight.
        idle: blocking::Sender<()>,
    },
    StopJob(JobId),
    ResolveManually(PhoneNumberId, CleanText),
    StatusRead(StatusRead),
    HandleUpdates(Vec<NumberUpdate>),
    SelectIdle(Vec<PhoneNumberId>, oneshot::Sender<Vec<PhoneNumberId>>),
    DropSecrets,
    AskAboutRefusals(mpsc::UnboundedSender<UnknownRefusals>),
    Answer {
        code: i64,
        sends_rest: bool,
    },
}

impl JobsHandle {
    /// Starts the actor on the current tokio runtime, with at most `concurrency` requests in flight, fewer if `pace`
    /// says so. The receiver gets every new state, in order for each number.
    ///
    /// `graph` may be set later with [`JobsHandle::use_graph`]: until then, changes end as not sent. Before it returns,
    /// this reports each `unresolved` change as in doubt; the PIN of such a change is not in memory.
    #[must_use]
    pub fn start(
        graph: Option<Graph>,
        recorder: Recorder,
        unresolved: Vec<UnresolvedChange>,
        concurrency: usize,
        pace: Pace,
        clock: Clock,
    ) -> (Self, mpsc::UnboundedReceiver<Progress>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (sender, receiver) = mpsc::unbounded_channel();
        let (failure_sender, journal_failure) = watch::channel(None);
        let paused = Arc::new(watch::Sender::new(Pauses::default()));
        let progress = ProgressSender::new(sender, clock);
        let in_doubt = InDoubtChanges::from_unresolved(unresolved, progress.now());
        for state in in_doubt.all_progress() {
            progress.send(state);
        }
        let actor = JobsActor::new(
            graph,
            recorder,
            in_doubt,
            concurrency,
            pace,
            progress,
            Arc::clone(&paused),
            failure_sender,
            clock::uptime,
        );
        tokio::spawn(actor.run(inbox));
        (Self { commands, paused, journal_failure }, receiver)
    }

    /// Records a job and then sets its PINs, each when a slot is free. The job is ordered before all later commands when
    /// this returns; a caller that needs its ID waits for the result.
    ///
    /// Progress reports every number. A single number is reported as queued at once. Thousands of them take little
    /// memory while they wait: the numbers of a longer plan count as queued until their first state.
    ///
    /// # Errors
    /// The job could not be recorded, so each number is reported as not sent.
    pub fn start_job(&self, plan: PinPlan) -> impl Future<Output = Result<JobId, RecordError>> + use<> {
        self.send_job(plan, None, JobOptions::default())
    }

    /// As [`JobsHandle::start_job`], with a note that the journal keeps with the job, and with a pause after its first
    /// numbers. The others are held back until [`JobsHandle::send_held`]; a stop ends them as not sent.
    ///
    /// # Errors
    /// As [`JobsHandle::start_job`].
    pub fn start_job_with(
        &self,
        plan: PinPlan,
        options: JobOptions,
    ) -> impl Future<Output = Result<JobId, RecordError>> + use<> {
        self.send_job(plan, None, options)
    }

    /// Sends the numbers that this job holds back.
    pub fn send_held(&self, job: JobId) {
        self.send(ActorCommand::SendHeld(job));
    }

    /// Ends the numbers that this job holds back as not sent.
    pub fn leave_held(&self, job: JobId) {
        self.send(ActorCommand::LeaveHeld(job));
    }

    /// As [`JobsHandle::start_job`], for numbers of a job that were never sent.
    ///
    /// # Errors
    /// As [`JobsHandle::start_job`]; also if another process works on the job, or sent one of these numbers meanwhile.
    pub fn resume_job(&self, job: JobId, plan: PinPlan) -> impl Future<Output = Result<JobId, RecordError>> + use<> {
        self.send_job(plan, Some(job), JobOptions::default())
    }

    /// Sends the PIN in doubt of this number again. Does nothing if none is in memory.
    pub fn resend(&self, number: PhoneNumberId) {
        self.send(ActorCommand::Resend(number));
    }

    /// Replaces the client, because the access token was refreshed. The next request uses it, retries included.
    pub fn use_graph(&self, graph: Graph) {
        self.send(ActorCommand::UseGraph(graph));
    }

    /// Stops what was confirmed so far: queued numbers end as not sent (or stay in doubt), and so do jobs that are not
    /// recorded yet. Returns the requests in flight. Later jobs are sent again.
    #[must_use = "drop it if no caller waits"]
    pub fn stop(&self) -> InFlight {
        self.send_stop(false)
    }

    /// As [`JobsHandle::stop`], for good, because the process ends: later jobs are recorded and not sent.
    #[must_use = "drop it if no caller waits"]
    pub fn shut_down(&self) -> InFlight {
        self.send_stop(true)
    }

    /// Stops one job: its queued numbers end as not sent (or stay in doubt), and so does a resumption of it that is not
    /// recorded yet. Requests in flight continue, and so do other jobs.
    pub fn stop_job(&self, job: JobId) {
        self.send(ActorCommand::StopJob(job));
    }

    /// Records that an operator checked this number manually, and reports it as resolved. Does nothing if the number is
    /// not in doubt, or if a request for it is in flight.
    pub fn resolve_manually(&self, number: PhoneNumberId, note: CleanText) {
        self.send(ActorCommand::ResolveManually(number, note));
    }

    /// Handles a status read. If two-step verification is still not set
    /// [`LATE_ARRIVAL_WINDOW`](crate::domain::change::LATE_ARRIVAL_WINDOW) after the last request that may have been
    /// applied, the read resolves the doubt. No other status read does.
    pub fn handle_status_read(&self, read: StatusRead) {
        self.send(ActorCommand::StatusRead(read));
    }

    /// Handles what new rows of the journal say: progress reports the numbers whose changes another process made or
    /// resolved, with [`ProgressSource::Journal`](crate::domain::change::ProgressSource::Journal). A number that is
    /// queued or in flight here keeps its state.
    pub fn handle_updates(&self, updates: Vec<NumberUpdate>) {
        self.send(ActorCommand::HandleUpdates(updates));
    }

    /// Those of these numbers that have no open change: none is queued, in flight or in doubt.
    pub fn without_open_changes(
        &self,
        numbers: Vec<PhoneNumberId>,
    ) -> impl Future<Output = Vec<PhoneNumberId>> + use<> {
        let (reply, selected) = oneshot::channel();
        self.send(ActorCommand::SelectIdle(numbers, reply));
        async { selected.await.unwrap_or_default() }
    }

    /// Drops every PIN in doubt that the escrow has, and the client as soon as nothing needs it, because the screen is
    /// hidden. Requests in flight and queued numbers continue. In effect until [`JobsHandle::use_graph`].
    pub fn drop_secrets(&self) {
        self.send(ActorCommand::DropSecrets);
    }

    /// From now on, a job whose numbers are refused with an unknown code is held, and the receiver gets a question, when
    /// nothing is in flight. Each must be answered with [`JobsHandle::answer`]. Without this call such a job stops.
    #[must_use]
    pub fn ask_about_refusals(&self) -> mpsc::UnboundedReceiver<UnknownRefusals> {
        let (sender, questions) = mpsc::unbounded_channel();
        self.send(ActorCommand::AskAboutRefusals(sender));
        questions
    }

    /// Answers whether the rest is sent although numbers are refused with this code.
    pub fn answer(&self, code: i64, sends_rest: bool) {
        self.send(ActorCommand::Answer { code, sends_rest });
    }

    /// Pauses sending until [`JobsHandle::resume`]. Takes effect before this returns. Requests in flight continue.
    pub fn pause(&self) {
        self.paused.send_modify(|paused| paused.are_all = true);
    }

    /// Resumes after such a pause. Jobs with a pause of their own stay paused.
    pub fn resume(&self) {
        self.paused.send_modify(|paused| paused.are_all = false);
    }

    /// Pauses one job until [`JobsHandle::continue_job`], or until it ends. Takes effect before this returns. Requests in
    /// flight continue.
    pub fn pause_job(&self, job: JobId) {
        self.paused.send_if_modified(|paused| paused.jobs.insert(job));
    }

    /// Continues a job after such a pause.
    pub fn continue_job(&self, job: JobId) {
        self.paused.send_if_modified(|paused| paused.jobs.remove(&job));
    }

    /// Why the journal failed, once it has. From then on the actor refuses every change. The value is set before the
    /// states that follow from it are sent.
    #[must_use]
    pub fn journal_failure(&self) -> watch::Receiver<Option<CleanText>> {
        self.journal_failure.clone()
    }

    fn send_stop(&self, is_final: bool) -> InFlight {
        let (idle, in_flight) = InFlight::new();
        self.send(ActorCommand::Stop { is_final, idle });
        in_flight
    }

    fn send_job(
        &self,
        plan: PinPlan,
        resumed: Option<JobId>,
        options: JobOptions,
    ) -> impl Future<Output = Result<JobId, RecordError>> + use<> {
        let (reply, result) = oneshot::channel();
        self.send(ActorCommand::StartJob(JobStart { plan, resumed, options, cancelled: None, reply }));
        async { result.await.unwrap_or_else(|_| Err(RecordError::Busy(CleanText::new("the work has ended")))) }
    }

    fn send(&self, command: ActorCommand) {
        // The actor outlives every handle, unless its runtime ended. Then nothing can be sent.
        self.commands.send(command).ok();
    }
}

#[cfg(test)]
mod tests;
