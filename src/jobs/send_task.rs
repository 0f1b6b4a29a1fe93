//! The task of one change: record, send, evaluate, wait, retry; then record the outcome.
//!
//! It holds a permit from before its record until after its outcome is recorded, and while it waits to retry a request
//! in doubt: so a crash leaves no more numbers in doubt than there are permits. While it waits to retry a request that
//! changed nothing, another task has the permit. It does not know other changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use super::Recorder;
use super::progress::ProgressSender;
use super::recorder::{MAX_RECORD_AGE, RecordIntentError, outcome_record};
use crate::domain::change::{Change, ChangeState, LATE_ARRIVAL_WINDOW};
use crate::domain::clock::TimePoint;
use crate::domain::number::WabaId;
use crate::domain::outcome::{DoubtReason, NotApplied, NotSentReason, Outcome};
use crate::domain::text::CleanText;
use crate::graph::{Graph, SetPinAnswer};
use crate::policy::retry::{self, NextStep, StopScope};

/// The maximum of records for one attempt. If each is too old when its request could be sent, the disk is too slow to
/// set anything safely.
const MAX_RECORDS_PER_ATTEMPT: usize = 3;

/// One change in progress, with what its earlier attempts left.
pub(super) struct PendingChange {
    pub(super) change: Arc<Change>,
    /// Attempts before this task: an operator may send a PIN in doubt again.
    pub(super) attempts_before: u8,
    pub(super) doubt: Option<DoubtReason>,
    /// True once the journal has the change.
    pub(super) is_recorded: bool,
    pub(super) is_in_escrow: bool,
    /// Until then an attempt in doubt can arrive.
    pub(super) arrival_deadline: Option<TimePoint>,
}

impl PendingChange {
    pub(super) const fn new(change: Arc<Change>) -> Self {
        Self {
            change,
            attempts_before: 0,
            doubt: None,
            is_recorded: false,
            is_in_escrow: false,
            arrival_deadline: None,
        }
    }
}

/// What is known outside of a task about its change.
pub(super) struct RunningTask {
    pub(super) change: Arc<Change>,
    pub(super) attempts_before: u8,
    pub(super) doubt: Option<DoubtReason>,
    /// Why it must send nothing more.
    pub(super) cancel: watch::Sender<Option<NotSentReason>>,
}

/// A change that ended.
pub(super) struct TaskResult {
    pub(super) pending: PendingChange,
    pub(super) total_attempts: u8,
    pub(super) outcome: Outcome,
}

/// What concerns other changes too. Sent at once, because recording the outcome of the change takes time.
pub(super) enum Notice {
    /// The outcome of one attempt.
    Answered {
        outcome: Outcome,
        waba: Option<WabaId>,
        stop_scope: StopScope,
        /// The client that sent it.
        generation: u32,
    },
    /// The journal failed.
    JournalFailed(CleanText),
}

/// A client, and how many there were so far.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) graph: Option<Graph>,
    pub(super) generation: u32,
}

/// What the task of one change needs.
pub(super) struct SendTask {
    pub(super) client: watch::Receiver<Client>,
    pub(super) recorder: Recorder,
    pub(super) progress: ProgressSender,
    pub(super) permits: Arc<Semaphore>,
    pub(super) cancelled: watch::Receiver<Option<NotSentReason>>,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) notices: mpsc::UnboundedSender<Notice>,
    /// Time since the machine started, including its sleep.
    pub(super) uptime: fn() -> Duration,
}

impl SendTask {
    /// Sends until the change ends and its outcome is recorded.
    ///
    /// The parts between the waits are boxed: when Meta asks every request to wait, thousands of tasks wait to retry,
    /// and none of them should take the memory of a request in flight.
    pub(super) async fn run(mut self, mut work: PendingChange, permit: OwnedSemaphorePermit) -> TaskResult {
        let mut permit = Some(permit);
        let (mut attempt, mut last, mut has_new_record) = (0_u8, None, false);
        let outcome = loop {
            let number_of_try = work.attempts_before.saturating_add(attempt).saturating_add(1);
            let (graph, generation) =
                match Box::pin(self.prepare_request(&mut work, number_of_try, &mut has_new_record)).await {
                    Ok(line) => line,
                    Err(why) => break outcome_if_not_sent(work.doubt.as_ref(), last, why),
                };
            attempt += 1;
            self.progress.send_state(work.change.id, work.change.number, ChangeState::Sending { attempt });
            let SetPinAnswer { outcome, retry_after: asked_wait } =
                Box::pin(graph.set_pin(work.change.number, &work.change.pin)).await;
            drop(graph);
            let chance = getrandom::u32().unwrap_or(u32::MAX);
            let step = retry::next_step(outcome.clone(), attempt, work.doubt.as_ref(), asked_wait, chance);
            last = self.track_outcome(&mut work, &outcome);
            let (waba, stops) = (work.change.waba, step.stop_scope());
            self.notices.send(Notice::Answered { outcome: outcome.clone(), waba, stop_scope: stops, generation }).ok();
            match step {
                NextStep::Finish { outcome: in_all, .. } => break in_all,
                NextStep::Retry { after } => {
                    if work.doubt.is_none() {
                        // Nothing is in doubt while it waits. If this process dies, the next one must know that.
                        Box::pin(self.record_outcome(&work, attempt, outcome, true)).await;
                        drop(permit.take());
                    }
                    permit = self.wait_for_retry(&work, attempt + 1, after, permit.take()).await;
                }
            }
        };
        if has_new_record {
            Box::pin(self.record_outcome(&work, attempt, outcome.clone(), false)).await;
        }
        drop(permit);
        let tries = work.attempts_before.saturating_add(attempt);
        TaskResult { pending: work, total_attempts: tries, outcome }
    }

    /// Records the outcome. If that fails, no task sends anything more, and only this process knows the outcome.
    async fn record_outcome(&self, work: &PendingChange, attempt: u8, outcome: Outcome, will_repeat: bool) {
        let finished = self.progress.finished_now(work.attempts_before.saturating_add(attempt));
        if let Err(words) = self.recorder.record_outcome(&work.change, finished, outcome, will_repeat).await {
            self.notices.send(Notice::JournalFailed(words)).ok();
        }
    }

    /// Keeps what an outcome leaves: a doubt and how long its request can arrive, or that nothing was changed.
    fn track_outcome(&self, work: &mut PendingChange, outcome: &Outcome) -> Option<NotApplied> {
        match outcome {
            Outcome::Confirmed => None,
            Outcome::Refused(fault) => Some(NotApplied::Refused(fault.clone())),
            Outcome::NotSent(why) => Some(NotApplied::NotSent(why.clone())),
            Outcome::InDoubt(doubt) => {
                work.doubt = Some(doubt.clone());
                work.arrival_deadline = Some(self.progress.now().plus(LATE_ARRIVAL_WINDOW));
                None
            }
        }
    }

    /// The client to send with, once the record of this attempt is durable and still fresh; or why nothing may be sent.
    async fn prepare_request(
        &mut self,
        work: &mut PendingChange,
        number_of_try: u8,
        has_new_record: &mut bool,
    ) -> Result<(Graph, u32), NotSentReason> {
        for _ in 0..MAX_RECORDS_PER_ATTEMPT {
            self.wait_while_paused().await?;
            let since = (self.uptime)();
            self.record_attempt(work, number_of_try).await?;
            *has_new_record = true;
            // The job may have been stopped or paused during the write.
            let line = self.wait_while_paused().await?;
            if (self.uptime)().saturating_sub(since) <= MAX_RECORD_AGE {
                return Ok(line);
            }
        }
        let why = format!(
            "writing its record took longer than {} s, {MAX_RECORDS_PER_ATTEMPT} times",
            MAX_RECORD_AGE.as_secs()
        );
        Err(NotSentReason::RefusedLocally(CleanText::new(&why)))
    }

    /// Waits while the work is paused.
    async fn wait_while_paused(&mut self) -> Result<(Graph, u32), NotSentReason> {
        loop {
            // It may have been started just before the job was stopped.
            if let Some(why) = self.cancelled.borrow().clone() {
                return Err(why);
            }
            if !*self.paused.borrow_and_update() {
                let Client { graph, generation } = self.client.borrow().clone();
                return graph.map(|graph| (graph, generation)).ok_or_else(no_access_token);
            }
            tokio::select! {
                biased;
                _ = self.cancelled.wait_for(Option::is_some) => {}
                _ = self.paused.changed() => {}
            }
        }
    }

    async fn record_attempt(&self, work: &mut PendingChange, number_of_try: u8) -> Result<(), NotSentReason> {
        let recorded = if work.is_recorded {
            self.recorder.record_retry(&work.change, number_of_try).await
        } else {
            let at = self.progress.now().utc;
            self.recorder.record_intent(Arc::clone(&work.change), at).await.map(|is_sealed| {
                (work.is_recorded, work.is_in_escrow) = (true, is_sealed);
            })
        };
        recorded.map_err(|unrecorded| match unrecorded {
            RecordIntentError::Refused(why) => {
                if !work.is_recorded {
                    let (finished, outcome) = (self.progress.finished_now(0), Outcome::NotSent(why.clone()));
                    self.recorder.record_refusal(outcome_record(&work.change, finished, outcome));
                }
                why
            }
            RecordIntentError::JournalFailed(words) => {
                self.notices.send(Notice::JournalFailed(words.clone())).ok();
                NotSentReason::RefusedLocally(words)
            }
        })
    }

    /// Waits until the retry is due and, without a permit, for a permit. Returns early, without a permit, if the job is
    /// stopped.
    async fn wait_for_retry(
        &mut self,
        work: &PendingChange,
        attempt: u8,
        after: Duration,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Option<OwnedSemaphorePermit> {
        let until = Instant::now() + after;
        let in_doubt = work.doubt.is_some();
        let state = ChangeState::Waiting { attempt, until: until.into_std(), in_doubt };
        self.progress.send_state(work.change.id, work.change.number, state);
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
            _ = self.cancelled.wait_for(Option::is_some) => None,
            permit = turn => permit,
        }
    }
}

/// Without a client nothing is sent.
pub(super) fn no_access_token() -> NotSentReason {
    NotSentReason::RefusedLocally(CleanText::new("there is no access token"))
}

/// The outcome of a change that is not sent again for this reason.
pub(super) fn outcome_if_not_sent(
    doubt: Option<&DoubtReason>,
    last: Option<NotApplied>,
    why: NotSentReason,
) -> Outcome {
    match (doubt, last) {
        (Some(doubt), Some(last)) => Outcome::InDoubt(doubt.clone().after_failed_retry(last)),
        // The operator who stopped it knows that it was stopped.
        (Some(doubt), None) if why == NotSentReason::Stopped => Outcome::InDoubt(doubt.clone()),
        (Some(doubt), None) => Outcome::InDoubt(doubt.clone().after_failed_retry(NotApplied::NotSent(why))),
        (None, Some(NotApplied::Refused(fault))) => Outcome::Refused(fault),
        (None, Some(NotApplied::NotSent(_)) | None) => Outcome::NotSent(why),
    }
}
