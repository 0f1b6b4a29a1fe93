//! The actor that carries out changes: recorded first, bounded concurrency, repeats with the same PIN, and news of
//! every move.
//!
//! It lives on the caller's tokio runtime, is spoken to by [`Batch`], and finishes or stops safely whatever the
//! screen does. One number is a batch of one. It knows no screens, sends nothing whose record is not durable, and never
//! sends a PIN other than the one a change was made with. A PIN whose outcome is in doubt stays here, in memory, until
//! it is settled, the secrets are dropped, or the actor ends.

mod actor;
mod breaker;
mod doubts;
mod news;
mod queue;
mod record;
mod run;

use std::sync::Arc;
use std::sync::mpsc as blocking;

use tokio::sync::{mpsc, watch};

use self::actor::Actor;
use self::doubts::Doubts;
use self::news::Teller;
use self::queue::List;
use crate::escrow::Recipients;
use crate::graph::Graph;
use crate::job::{Change, JobId, Progress};
use crate::journal::{Journal, Unresolved};
use crate::moment::{self, Clock, Moment};
use crate::number::{Number, PhoneNumberId, TwoStep};
use crate::pin::Pins;
use crate::text::Clean;

/// The handle of the actor. When the last one is dropped, the actor stops as if asked to.
#[derive(Debug, Clone)]
pub struct Batch {
    commands: mpsc::UnboundedSender<Command>,
    paused: Arc<watch::Sender<bool>>,
    death: watch::Receiver<Option<Clean>>,
}

/// What makes a PIN that is sent one that cannot be lost.
#[derive(Debug, Clone)]
pub struct Records {
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
    pub asked: Moment,
}

/// What the handle asks for.
enum Command {
    Start(Vec<Change>),
    StartEach(List),
    SendAgain(PhoneNumberId),
    Use(Graph),
    Stop(Option<blocking::Sender<()>>),
    SettleByHand(PhoneNumberId, Clean),
    StatusRead(StatusRead),
    DropSecrets,
}

impl Batch {
    /// Starts the actor on the current tokio runtime, with at most `concurrency` requests on their way at once.
    /// The receiver gets news of every move, in order for each number.
    ///
    /// `graph` may come later, by [`Batch::use_graph`]: until then what is set ends as not sent. What is `unresolved` is told
    /// at once as in doubt, before this returns; its PIN is not in memory.
    #[must_use]
    pub fn start(
        graph: Option<Graph>,
        records: Records,
        unresolved: Vec<Unresolved>,
        concurrency: usize,
        clock: Clock,
    ) -> (Self, mpsc::UnboundedReceiver<Progress>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (news, progress) = mpsc::unbounded_channel();
        let (dies, death) = watch::channel(None);
        let paused = Arc::new(watch::Sender::new(false));
        let teller = Teller::new(news, clock);
        let doubts = Doubts::recovered(unresolved, teller.now());
        for doubt in doubts.all() {
            teller.tell(doubt);
        }
        let actor = Actor::new(graph, records, doubts, concurrency, teller, Arc::clone(&paused), dies, moment::uptime);
        tokio::spawn(actor.run(inbox));
        (Self { commands, paused, death }, progress)
    }

    /// Sets these PINs.
    pub fn set(&self, changes: Vec<Change>) {
        self.tell(Command::Start(changes));
    }

    /// Sets a PIN on each of these numbers, as one job. What waits takes little memory: the change of a number is made when
    /// its turn comes, and nothing is told of it before that, or before it is let go.
    pub fn set_each(&self, job: JobId, numbers: Arc<Vec<Number>>, pins: Pins) {
        self.tell(Command::StartEach(List { job, numbers, pins }));
    }

    /// Sends the PIN that is in doubt on this number again; does nothing where none is in memory.
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

    /// As [`Batch::stop`], and tells `at_rest` when nothing is on its way any more and every outcome is recorded.
    pub fn stop_then(&self, at_rest: blocking::Sender<()>) {
        self.tell(Command::Stop(Some(at_rest)));
    }

    /// Records that what is in doubt on this number was checked by hand, and tells it as settled. Does nothing where
    /// nothing is in doubt, or a request is on its way.
    pub fn settle_by_hand(&self, number: PhoneNumberId, note: Clean) {
        self.tell(Command::SettleByHand(number, note));
    }

    /// Takes in what a read said: still not set, [`LATE_LANDING`](crate::job::LATE_LANDING) after the last request that may
    /// have been applied, settles the doubt; anything else settles nothing.
    pub fn status_read(&self, read: StatusRead) {
        self.tell(Command::StatusRead(read));
    }

    /// Forgets the client as soon as nothing needs it any more, and every PIN in doubt that the escrow has: the screen is
    /// hidden. What is on its way or waits for its turn goes on. Holds until [`Batch::use_graph`].
    pub fn drop_secrets(&self) {
        self.tell(Command::DropSecrets);
    }

    /// Sends nothing new until [`Batch::go_on`], from the moment this returns on; what is on its way goes on.
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// Goes on after a pause.
    pub fn go_on(&self) {
        self.paused.send_replace(false);
    }

    /// Why the journal takes nothing more in this process, once it does not: then no work is taken any more. Told before
    /// the states that come of it.
    #[must_use]
    pub fn records_died(&self) -> watch::Receiver<Option<Clean>> {
        self.death.clone()
    }

    fn tell(&self, command: Command) {
        // The actor outlives every handle, unless its runtime ended: then nothing can be sent any more, as wished.
        self.commands.send(command).ok();
    }
}

#[cfg(test)]
mod tests;
