//! One change's task: record, send, judge, wait, again; record what it came to.
//!
//! It holds a permit from before its record until after its outcome is recorded, also while it waits to repeat what is in
//! doubt: so a crash leaves no more numbers in doubt than there are permits. While it waits to repeat what changed nothing,
//! others have the permit. It knows nothing of other changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use super::Records;
use super::news::Teller;
use super::record::{MAX_AGE, Unrecorded, rest_of};
use crate::graph::{Answer, Graph};
use crate::job::{Change, JobState, LATE_LANDING};
use crate::moment::Moment;
use crate::number::WabaId;
use crate::outcome::{Doubt, NotSent, Outcome, Unchanged};
use crate::pacing::{self, Step, Stops};
use crate::text::Clean;

/// Records of one try. Where each was too old by the time it could be sent, the disk is too slow to set anything safely.
const MAX_RECORDS_A_TRY: usize = 3;

/// One change on its way, with what its earlier tries left behind.
pub(super) struct Work {
    pub(super) change: Arc<Change>,
    /// Tries before this round: a PIN in doubt may be sent again by hand.
    pub(super) tries_before: u8,
    pub(super) doubt: Option<Doubt>,
    /// True once the journal knows of it.
    pub(super) is_recorded: bool,
    pub(super) is_sealed: bool,
    /// Until then a try of it can land that had no sure answer.
    pub(super) lands_until: Option<Moment>,
}

impl Work {
    pub(super) const fn new(change: Arc<Change>) -> Self {
        Self { change, tries_before: 0, doubt: None, is_recorded: false, is_sealed: false, lands_until: None }
    }
}

/// What is known outside a task of the change that it carries out.
pub(super) struct Running {
    pub(super) change: Arc<Change>,
    pub(super) tries_before: u8,
    pub(super) doubt: Option<Doubt>,
    /// Why it is to send nothing more.
    pub(super) stop: watch::Sender<Option<NotSent>>,
}

/// A change that came to rest.
pub(super) struct Rested {
    pub(super) work: Work,
    pub(super) tries: u8,
    pub(super) outcome: Outcome,
}

/// What concerns other changes too. Told at once, as writing a change's own outcome takes its time.
pub(super) enum Notice {
    /// The answer to one try.
    Answered {
        outcome: Outcome,
        waba: Option<WabaId>,
        stops: Stops,
        /// The client it was sent with.
        generation: u32,
    },
    /// The journal takes nothing more.
    RecordsDied(Clean),
}

/// A client, and how many there were before it, this one included.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) graph: Option<Graph>,
    pub(super) generation: u32,
}

/// What one change's task needs.
pub(super) struct Run {
    pub(super) line: watch::Receiver<Line>,
    pub(super) records: Records,
    pub(super) teller: Teller,
    pub(super) permits: Arc<Semaphore>,
    pub(super) stopped: watch::Receiver<Option<NotSent>>,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) notices: mpsc::UnboundedSender<Notice>,
    /// Time since the machine started, sleep included.
    pub(super) uptime: fn() -> Duration,
}

impl Run {
    /// Sends until the change is at rest, and its outcome is recorded.
    ///
    /// What it does in between has a box of its own: where Meta asks everybody to wait, thousands wait for their next try, and
    /// none of them should take the room of a request on its way.
    pub(super) async fn until_rest(mut self, mut work: Work, permit: OwnedSemaphorePermit) -> Rested {
        let mut permit = Some(permit);
        let (mut attempt, mut last, mut has_new_record) = (0_u8, None, false);
        let outcome = loop {
            let number_of_try = work.tries_before.saturating_add(attempt).saturating_add(1);
            let (graph, generation) = match Box::pin(self.clear(&mut work, number_of_try, &mut has_new_record)).await {
                Ok(line) => line,
                Err(why) => break left_with(work.doubt.as_ref(), last, why),
            };
            attempt += 1;
            self.teller.moved(work.change.id, work.change.number, JobState::Sending { attempt });
            let Answer { outcome, asked_wait } = Box::pin(graph.set_pin(work.change.number, &work.change.pin)).await;
            drop(graph);
            let chance = getrandom::u32().unwrap_or(u32::MAX);
            let step = pacing::next_step(outcome.clone(), attempt, work.doubt.as_ref(), asked_wait, chance);
            last = self.note(&mut work, &outcome);
            let (waba, stops) = (work.change.waba, step.stops());
            self.notices.send(Notice::Answered { outcome: outcome.clone(), waba, stops, generation }).ok();
            match step {
                Step::Rest { outcome: in_all, .. } => break in_all,
                Step::Repeat { after } => {
                    if work.doubt.is_none() {
                        // Nothing is in doubt while it waits: if the program dies, the next one must not believe so.
                        Box::pin(self.write_down(&work, attempt, outcome, true)).await;
                        drop(permit.take());
                    }
                    permit = self.wait(&work, attempt + 1, after, permit.take()).await;
                }
            }
        };
        if has_new_record {
            Box::pin(self.write_down(&work, attempt, outcome.clone(), false)).await;
        }
        drop(permit);
        let tries = work.tries_before.saturating_add(attempt);
        Rested { work, tries, outcome }
    }

    /// Records what it came to; where that fails, nothing more is sent by anybody, and only this process knows it.
    async fn write_down(&self, work: &Work, attempt: u8, outcome: Outcome, will_repeat: bool) {
        let finished = self.teller.finished(work.tries_before.saturating_add(attempt));
        if let Err(words) = self.records.rest(&work.change, finished, outcome, will_repeat).await {
            self.notices.send(Notice::RecordsDied(words)).ok();
        }
    }

    /// Keeps what an answer leaves behind: a doubt, and how long its request can land; or that nothing was changed.
    fn note(&self, work: &mut Work, outcome: &Outcome) -> Option<Unchanged> {
        match outcome {
            Outcome::Confirmed => None,
            Outcome::Refused(fault) => Some(Unchanged::Refused(fault.clone())),
            Outcome::NotSent(why) => Some(Unchanged::NotSent(why.clone())),
            Outcome::InDoubt(doubt) => {
                work.doubt = Some(doubt.clone());
                work.lands_until = Some(self.teller.now().plus(LATE_LANDING));
                None
            }
        }
    }

    /// The client to send with, once the record of this try is durable, and still fresh; or why nothing is to be sent.
    async fn clear(
        &mut self,
        work: &mut Work,
        number_of_try: u8,
        has_new_record: &mut bool,
    ) -> Result<(Graph, u32), NotSent> {
        for _ in 0..MAX_RECORDS_A_TRY {
            self.may_go_on().await?;
            let since = (self.uptime)();
            self.record(work, number_of_try).await?;
            *has_new_record = true;
            // The work may have been stopped, or paused, while the disk was at work.
            let line = self.may_go_on().await?;
            if (self.uptime)().saturating_sub(since) <= MAX_AGE {
                return Ok(line);
            }
        }
        let why = format!("writing its record took longer than {} s, {MAX_RECORDS_A_TRY} times", MAX_AGE.as_secs());
        Err(NotSent::RefusedHere(Clean::new(&why)))
    }

    /// Waits while the work is paused.
    async fn may_go_on(&mut self) -> Result<(Graph, u32), NotSent> {
        loop {
            // Its turn may have come just before the work was stopped.
            if let Some(why) = self.stopped.borrow().clone() {
                return Err(why);
            }
            if !*self.paused.borrow_and_update() {
                let Line { graph, generation } = self.line.borrow().clone();
                return graph.map(|graph| (graph, generation)).ok_or_else(no_graph);
            }
            tokio::select! {
                biased;
                _ = self.stopped.wait_for(Option::is_some) => {}
                _ = self.paused.changed() => {}
            }
        }
    }

    async fn record(&self, work: &mut Work, number_of_try: u8) -> Result<(), NotSent> {
        let recorded = if work.is_recorded {
            self.records.intend_again(&work.change, number_of_try).await
        } else {
            let at = self.teller.now().utc;
            self.records.intend(Arc::clone(&work.change), at).await.map(|is_sealed| {
                (work.is_recorded, work.is_sealed) = (true, is_sealed);
            })
        };
        recorded.map_err(|unrecorded| match unrecorded {
            Unrecorded::Refused(why) => {
                if !work.is_recorded {
                    let (finished, outcome) = (self.teller.finished(0), Outcome::NotSent(why.clone()));
                    self.records.refuse(rest_of(&work.change, finished, outcome));
                }
                why
            }
            Unrecorded::Dead(words) => {
                self.notices.send(Notice::RecordsDied(words.clone())).ok();
                NotSent::RefusedHere(words)
            }
        })
    }

    /// Waits for the next try's time and, without a permit, its turn; ends early, without a permit, if the work is stopped.
    async fn wait(
        &mut self,
        work: &Work,
        attempt: u8,
        after: Duration,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Option<OwnedSemaphorePermit> {
        let until = Instant::now() + after;
        let in_doubt = work.doubt.is_some();
        let state = JobState::Waiting { attempt, until: until.into_std(), in_doubt };
        self.teller.moved(work.change.id, work.change.number, state);
        let permits = Arc::clone(&self.permits);
        let turn = async {
            tokio::time::sleep_until(until).await;
            match permit {
                Some(permit) => Some(permit),
                None => permits.acquire_owned().await.ok(),
            }
        };
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(Option::is_some) => None,
            permit = turn => permit,
        }
    }
}

/// Without a client, nothing leaves.
pub(super) fn no_graph() -> NotSent {
    NotSent::RefusedHere(Clean::new("there is no access token"))
}

/// What a change came to that is not sent any more, for this reason.
pub(super) fn left_with(doubt: Option<&Doubt>, last: Option<Unchanged>, why: NotSent) -> Outcome {
    match (doubt, last) {
        (Some(doubt), Some(last)) => Outcome::InDoubt(doubt.clone().repeated(last)),
        // Whoever stopped it knows that it was stopped.
        (Some(doubt), None) if why == NotSent::Stopped => Outcome::InDoubt(doubt.clone()),
        (Some(doubt), None) => Outcome::InDoubt(doubt.clone().repeated(Unchanged::NotSent(why))),
        (None, Some(Unchanged::Refused(fault))) => Outcome::Refused(fault),
        (None, Some(Unchanged::NotSent(_)) | None) => Outcome::NotSent(why),
    }
}
