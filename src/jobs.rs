//! The actor that carries out changes: it records them first, limits concurrency, retries with the same PIN, and
//! reports progress.
//!
//! It runs on the caller's tokio runtime, takes commands from [`JobsHandle`], and finishes or stops safely whatever the
//! screen does. A single number takes the same path as many. It knows no screens, sends nothing whose record is not
//! durable, and never sends a PIN other than the one of the change. A PIN in doubt stays in memory until it is
//! resolved, the secrets are dropped, or the actor ends.

mod actor;
mod in_doubt;
mod progress;
mod queue;
mod recorder;
mod send_task;

use std::sync::Arc;
use std::sync::mpsc as blocking;

use tokio::sync::{mpsc, watch};

use self::actor::JobsActor;
use self::in_doubt::InDoubtChanges;
use self::progress::ProgressSender;
use self::queue::NumberList;
use crate::domain::change::{Change, JobId, Progress};
use crate::domain::clock::{self, Clock, TimePoint};
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::pin::PinChoice;
use crate::domain::text::CleanText;
use crate::escrow::Recipients;
use crate::graph::Graph;
use crate::journal::{Journal, UnresolvedChange};

/// The handle of the actor. When the last one is dropped, the actor stops.
#[derive(Debug, Clone)]
pub struct JobsHandle {
    commands: mpsc::UnboundedSender<ActorCommand>,
    paused: Arc<watch::Sender<bool>>,
    journal_failure: watch::Receiver<Option<CleanText>>,
}

/// Makes every PIN recoverable before it is sent.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Written before and after each request.
    pub journal: Journal,
    /// The keys that PINs are encrypted to. Without any there is no escrow.
    pub recipients: Option<Arc<Recipients>>,
}

/// What a read of one number reported, for resolving a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRead {
    /// The number.
    pub number: PhoneNumberId,
    /// What Meta reported.
    pub two_step: TwoStep,
    /// When the read was requested: the reply to an earlier request proves nothing.
    pub asked_at: TimePoint,
}

/// The commands of the handle.
enum ActorCommand {
    SetPins(Vec<Change>),
    SetPinOfEach(NumberList),
    Resend(PhoneNumberId),
    UseGraph(Graph),
    Stop(Option<blocking::Sender<()>>),
    ResolveManually(PhoneNumberId, CleanText),
    StatusRead(StatusRead),
    DropSecrets,
}

impl JobsHandle {
    /// Starts the actor on the current tokio runtime, with at most `concurrency` requests in flight. The receiver gets
    /// every new state, in order for each number.
    ///
    /// `graph` may come later, through [`JobsHandle::use_graph`]: until then changes end as not sent. What is
    /// `unresolved` is reported as in doubt before this returns; its PIN is not in memory.
    #[must_use]
    pub fn start(
        graph: Option<Graph>,
        records: Recorder,
        unresolved: Vec<UnresolvedChange>,
        concurrency: usize,
        clock: Clock,
    ) -> (Self, mpsc::UnboundedReceiver<Progress>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (news, progress) = mpsc::unbounded_channel();
        let (dies, death) = watch::channel(None);
        let paused = Arc::new(watch::Sender::new(false));
        let teller = ProgressSender::new(news, clock);
        let doubts = InDoubtChanges::from_unresolved(unresolved, teller.now());
        for doubt in doubts.all_progress() {
            teller.send(doubt);
        }
        let actor =
            JobsActor::new(graph, records, doubts, concurrency, teller, Arc::clone(&paused), dies, clock::uptime);
        tokio::spawn(actor.run(inbox));
        (Self { commands, paused, journal_failure: death }, progress)
    }

    /// Sets these PINs.
    pub fn set_pins(&self, changes: Vec<Change>) {
        self.send(ActorCommand::SetPins(changes));
    }

    /// Sets a PIN on each of these numbers, as one job. Queued numbers take little memory: a change is created when its
    /// number is started, and nothing is reported before that, or before it is canceled.
    pub fn set_pin_of_each(&self, job: JobId, numbers: Arc<Vec<Number>>, pins: PinChoice) {
        self.send(ActorCommand::SetPinOfEach(NumberList { job, numbers, pins }));
    }

    /// Sends the PIN in doubt of this number again. Does nothing if none is in memory.
    pub fn resend(&self, number: PhoneNumberId) {
        self.send(ActorCommand::Resend(number));
    }

    /// Uses another client from the next request on, retries included: the access token was read again.
    pub fn use_graph(&self, graph: Graph) {
        self.send(ActorCommand::UseGraph(graph));
    }

    /// Sends nothing new: queued numbers end as not sent (or stay in doubt), requests in flight are awaited.
    pub fn stop(&self) {
        self.send(ActorCommand::Stop(None));
    }

    /// As [`JobsHandle::stop`], and notifies when nothing is in flight and every outcome is recorded.
    pub fn stop_and_notify(&self, at_rest: blocking::Sender<()>) {
        self.send(ActorCommand::Stop(Some(at_rest)));
    }

    /// Records that an operator checked this number, and reports it as resolved. Does nothing if nothing is in doubt,
    /// or a request is in flight.
    pub fn resolve_manually(&self, number: PhoneNumberId, note: CleanText) {
        self.send(ActorCommand::ResolveManually(number, note));
    }

    /// Handles a status read. If two-step verification is still not set
    /// [`LATE_ARRIVAL_WINDOW`](crate::domain::change::LATE_ARRIVAL_WINDOW) after the last request that may have been
    /// applied, the doubt is resolved. Nothing else resolves it.
    pub fn handle_status_read(&self, read: StatusRead) {
        self.send(ActorCommand::StatusRead(read));
    }

    /// Drops the client as soon as nothing needs it, and every PIN in doubt that the escrow has, because the screen is
    /// hidden. Requests in flight and queued numbers continue. Holds until [`JobsHandle::use_graph`].
    pub fn drop_secrets(&self) {
        self.send(ActorCommand::DropSecrets);
    }

    /// Sends nothing new until [`JobsHandle::resume`]. Takes effect before this returns. Requests in flight continue.
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// Resumes after a pause.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }

    /// Why the journal failed, once it has: then the actor accepts no more work. Set before the states that follow from
    /// it.
    #[must_use]
    pub fn journal_failure(&self) -> watch::Receiver<Option<CleanText>> {
        self.journal_failure.clone()
    }

    fn send(&self, command: ActorCommand) {
        // The actor outlives every handle unless its runtime ended, and then nothing can be sent.
        self.commands.send(command).ok();
    }
}

#[cfg(test)]
mod tests;
