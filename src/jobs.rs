//! The actor that carries out changes: recorded first, bounded concurrency, repeats with the same PIN, and news of
//! every move.
//!
//! It lives on the caller's tokio runtime, is spoken to by [`Batch`], and finishes or stops safely whatever the
//! screen does. One number is a batch of one. It knows no screens, sends nothing whose record is not durable, and never
//! sends a PIN other than the one a change was made with. A PIN whose outcome is in doubt stays here, in memory, until
//! it is settled, the secrets are dropped, or the actor ends.

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

/// The handle of the actor. When the last one is dropped, the actor stops as if asked to.
#[derive(Debug, Clone)]
pub struct JobsHandle {
    commands: mpsc::UnboundedSender<ActorCommand>,
    paused: Arc<watch::Sender<bool>>,
    journal_failure: watch::Receiver<Option<CleanText>>,
}

/// What makes a PIN that is sent one that cannot be lost.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Written before and after each request.
    pub journal: Journal,
    /// Whom PINs are sealed to; without any there is no escrow.
    pub recipients: Option<Arc<Recipients>>,
}

/// What a read of one number said, as far as a doubt can be settled by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRead {
    /// Which number.
    pub number: PhoneNumberId,
    /// What Meta said.
    pub two_step: TwoStep,
    /// When it was asked: an answer to an earlier question proves nothing.
    pub asked_at: TimePoint,
}

/// What the handle asks for.
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
    /// Starts the actor on the current tokio runtime, with at most `concurrency` requests on their way at once.
    /// The receiver gets news of every move, in order for each number.
    ///
    /// `graph` may come later, by [`Batch::use_graph`]: until then what is set ends as not sent. What is `unresolved` is told
    /// at once as in doubt, before this returns; its PIN is not in memory.
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

    /// Sets a PIN on each of these numbers, as one job. What waits takes little memory: the change of a number is made when
    /// its turn comes, and nothing is told of it before that, or before it is let go.
    pub fn set_pin_of_each(&self, job: JobId, numbers: Arc<Vec<Number>>, pins: PinChoice) {
        self.send(ActorCommand::SetPinOfEach(NumberList { job, numbers, pins }));
    }

    /// Sends the PIN that is in doubt on this number again; does nothing where none is in memory.
    pub fn resend(&self, number: PhoneNumberId) {
        self.send(ActorCommand::Resend(number));
    }

    /// Uses another client from the next request on, repeats included: the access token was read again.
    pub fn use_graph(&self, graph: Graph) {
        self.send(ActorCommand::UseGraph(graph));
    }

    /// Sends nothing new: what waits ends as not sent (or stays in doubt), what is on its way is awaited.
    pub fn stop(&self) {
        self.send(ActorCommand::Stop(None));
    }

    /// As [`Batch::stop`], and tells `at_rest` when nothing is on its way any more and every outcome is recorded.
    pub fn stop_and_notify(&self, at_rest: blocking::Sender<()>) {
        self.send(ActorCommand::Stop(Some(at_rest)));
    }

    /// Records that what is in doubt on this number was checked by hand, and tells it as settled. Does nothing where
    /// nothing is in doubt, or a request is on its way.
    pub fn resolve_manually(&self, number: PhoneNumberId, note: CleanText) {
        self.send(ActorCommand::ResolveManually(number, note));
    }

    /// Takes in what a read said: still not set, [`LATE_LANDING`](crate::job::LATE_LANDING) after the last request that may
    /// have been applied, settles the doubt; anything else settles nothing.
    pub fn handle_status_read(&self, read: StatusRead) {
        self.send(ActorCommand::StatusRead(read));
    }

    /// Forgets the client as soon as nothing needs it any more, and every PIN in doubt that the escrow has: the screen is
    /// hidden. What is on its way or waits for its turn goes on. Holds until [`Batch::use_graph`].
    pub fn drop_secrets(&self) {
        self.send(ActorCommand::DropSecrets);
    }

    /// Sends nothing new until [`Batch::go_on`], from the moment this returns on; what is on its way goes on.
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }

    /// Why the journal takes nothing more in this process, once it does not: then no work is taken any more. Told before
    /// the states that come of it.
    #[must_use]
    pub fn journal_failure(&self) -> watch::Receiver<Option<CleanText>> {
        self.journal_failure.clone()
    }

    fn send(&self, command: ActorCommand) {
        // The actor outlives every handle, unless its runtime ended: then nothing can be sent any more, as wished.
        self.commands.send(command).ok();
    }
}

#[cfg(test)]
mod tests;
