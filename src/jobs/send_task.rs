//! Carries out one change in a task: records, sends, evaluates the outcome, waits, retries; then records the outcome.
//!
//! The task holds a permit from before its record until after its outcome is recorded, and while it waits to retry a
//! request in doubt. So a crash puts at most as many numbers in doubt as there are permits. While it waits to retry a
//! request that changed nothing, or for the end of a pause, it gives the permit to another task, after what it knows is
//! recorded. It does not know about other changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use super::pauses::Pauses;
use super::progress::ProgressSender;
use super::recorder::{MAX_RECORD_AGE, RecordIntentError, RecordWriter, outcome_record};
use crate::domain::change::{Change, ChangeState, JobId, LATE_ARRIVAL_WINDOW};
use crate::domain::clock::TimePoint;
use crate::domain::number::WabaId;
use crate::domain::outcome::{ApiError, DoubtReason, Outcome, SendFailure};
use crate::domain::standing::{DoubtCause, NotApplied, NotSentReason, Standing};
use crate::domain::text::CleanText;
use crate::graph::{Graph, SetPinAnswer};
use crate::pace::{Pace, PacedCall};
use crate::policy::quota::{CallEnd, CallTarget, Throttle};
use crate::policy::retry::{self, NextStep, StopScope};

/// A free slot for a request in flight.
type Permit = OwnedSemaphorePermit;

/// The most records of one attempt. If each is too old by the time its request could be sent, the disk is too slow to
/// set a PIN safely.
const MAX_RECORDS_PER_ATTEMPT: usize = 3;

/// A change in progress, with the state that its earlier attempts left.
pub(super) struct PendingChange {
    pub(super) change: Arc<Change>,
    /// Attempts before this task: an operator may send a PIN in doubt again.
    pub(super) attempts_before: u8,
    pub(super) doubt: Option<DoubtCause>,
    /// True once the journal has the change.
    pub(super) is_recorded: bool,
    pub(super) is_in_escrow: bool,
    /// Until when an attempt in doubt can arrive.
    pub(super) arrival_deadline: Option<TimePoint>,
    /// The error that Graph reported for the last attempt, if it did.
    pub(super) last_error: Option<Box<ApiError>>,
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
            last_error: None,
        }
    }

    fn call_target(&self) -> CallTarget {
        CallTarget { waba: self.change.waba, number: Some(self.change.number) }
    }

    /// What the change is left with for now, if its last request was not carried out for this reason.
    fn not_applied(&self, why: NotSentReason) -> Standing {
        Standing::not_applied(NotApplied::NotSent(why), self.doubt.as_ref())
    }
}

/// What the actor knows about the change of a task.
pub(super) struct RunningTask {
    pub(super) change: Arc<Change>,
    pub(super) attempts_before: u8,
    pub(super) doubt: Option<DoubtCause>,
    /// Set to cancel the task, with the reason.
    pub(super) cancel: watch::Sender<Option<NotSentReason>>,
}

/// A change that ended.
pub(super) struct TaskResult {
    pub(super) pending: PendingChange,
    pub(super) total_attempts: u8,
    pub(super) standing: Standing,
}

/// A message that concerns other changes too. Sent at once, because recording the outcome takes time.
pub(super) enum Notice {
    /// The outcome of one attempt.
    Answered {
        outcome: Outcome,
        waba: Option<WabaId>,
        stop_scope: StopScope,
        /// The generation of the client that sent it.
        generation: u32,
    },
    /// The journal failed.
    JournalFailed(CleanText),
}

/// Why a request may not be sent now.
enum Unprepared {
    /// A scope of it was throttled meanwhile.
    Throttled,
    /// It may not be sent at all.
    NotSent(NotSentReason),
}

impl From<NotSentReason> for Unprepared {
    fn from(why: NotSentReason) -> Self {
        Self::NotSent(why)
    }
}

/// A client, and how many clients there were so far.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) graph: Option<Graph>,
    pub(super) generation: u32,
}

/// What the task of one change needs.
pub(super) struct SendTask {
    pub(super) client: watch::Receiver<Client>,
    pub(super) recorder: RecordWriter,
    pub(super) progress: ProgressSender,
    pub(super) permits: Arc<Semaphore>,
    /// True while an operator is asked whether anything more is sent.
    pub(super) is_asking: watch::Receiver<bool>,
    pub(super) pace: Pace,
    pub(super) cancelled: watch::Receiver<Option<NotSentReason>>,
    pub(super) paused: watch::Receiver<Pauses>,
    pub(super) notices: mpsc::UnboundedSender<Notice>,
    /// Time since the machine started, including its sleep.
    pub(super) uptime: fn() -> Duration,
}

impl SendTask {
    /// Sends until the change ends and its outcome is recorded.
    ///
    /// The parts between the waits are boxed, because a task that waits should not use the memory of a request in flight.
    pub(super) async fn run(mut self, mut pending: PendingChange, permit: Permit, call: PacedCall) -> TaskResult {
        let (mut permit, mut call) = (Some(permit), Some(call));
        let (mut attempt, mut last, mut is_newly_recorded) = (0_u8, None, false);
        let standing = loop {
            let attempt_number = pending.attempts_before.saturating_add(attempt).saturating_add(1);
            let (graph, generation) =
                match Box::pin(self.prepare_request(&mut pending, attempt_number, &mut is_newly_recorded)).await {
                    Ok(client) => client,
                    Err(Unprepared::Throttled) => {
                        drop(call.take());
                        let standing = pending.not_applied(NotSentReason::Paused);
                        (permit, call) = self.wait_out_pause(&pending, attempt, standing, permit.take()).await;
                        continue;
                    }
                    Err(Unprepared::NotSent(why)) => break standing_if_not_sent(pending.doubt.as_ref(), last, why),
                };
            attempt += 1;
            let in_doubt = pending.doubt.is_some();
            self.progress.send_change_state(&pending.change, ChangeState::Sending { attempt, in_doubt });
            let answer = Box::pin(graph.set_pin(pending.change.number, &pending.change.pin)).await;
            drop(graph);
            if let Some(call) = call.take() {
                finish_call(call, &answer);
            }
            let SetPinAnswer { outcome, usage } = answer;
            let chance = getrandom::u32().unwrap_or(u32::MAX);
            let step = retry::next_step(outcome.clone(), attempt, pending.doubt.as_ref(), usage.retry_after, chance);
            self.send_notice(&pending, &outcome, step.stop_scope(), generation);
            match step {
                NextStep::Finish { standing, .. } => {
                    self.track_outcome(&mut pending, &outcome);
                    break standing;
                }
                NextStep::AwaitQuota => {
                    // Meta did not carry it out, so it is no attempt.
                    attempt -= 1;
                    let standing = pending.not_applied(throttled_reason(outcome));
                    (permit, call) = self.wait_out_pause(&pending, attempt, standing, permit.take()).await;
                }
                NextStep::Retry { after } => {
                    last = self.track_outcome(&mut pending, &outcome);
                    pending.last_error = outcome.api_error().cloned().map(Box::new);
                    let standing = Standing::after_attempt(outcome, pending.doubt.as_ref());
                    (permit, call) = self.wait_for_retry(&pending, attempt, after, standing, permit.take()).await;
                }
            }
        };
        if is_newly_recorded {
            Box::pin(self.record_outcome(&pending, attempt, standing.clone(), false)).await;
        }
        drop((permit, call));
        let total_attempts = pending.attempts_before.saturating_add(attempt);
        TaskResult { pending, total_attempts, standing }
    }

    fn send_notice(&self, pending: &PendingChange, outcome: &Outcome, stop_scope: StopScope, generation: u32) {
        let (outcome, waba) = (outcome.clone(), pending.change.waba);
        self.notices.send(Notice::Answered { outcome, waba, stop_scope, generation }).ok();
    }

    /// Records the outcome. If that fails, no task sends anything again, and only this process knows the outcome.
    async fn record_outcome(&self, pending: &PendingChange, attempt: u8, standing: Standing, will_retry: bool) {
        let finished = self.progress.finished_now(pending.attempts_before.saturating_add(attempt));
        if let Err(reason) = self.recorder.record_outcome(&pending.change, finished, standing, will_retry).await {
            self.notices.send(Notice::JournalFailed(reason)).ok();
        }
    }

    /// Keeps the doubt that an outcome leaves, with how long its request can arrive. Returns why a request certainly
    /// changed nothing.
    fn track_outcome(&self, pending: &mut PendingChange, outcome: &Outcome) -> Option<NotApplied> {
        match outcome {
            Outcome::Confirmed => None,
            Outcome::Refused(error) => Some(NotApplied::Refused(error.clone())),
            Outcome::NotSent(failure) => Some(NotApplied::NotSent(failure.clone().into())),
            Outcome::InDoubt(reason) => {
                pending.doubt = Some(reason.clone().into());
                pending.arrival_deadline = Some(self.progress.now().plus(LATE_ARRIVAL_WINDOW));
                None
            }
        }
    }

    /// Waits until the record of this attempt is durable and still fresh. Returns the client to send with, or why
    /// nothing may be sent now.
    async fn prepare_request(
        &mut self,
        pending: &mut PendingChange,
        attempt_number: u8,
        is_newly_recorded: &mut bool,
    ) -> Result<(Graph, u32), Unprepared> {
        for _ in 0..MAX_RECORDS_PER_ATTEMPT {
            self.wait_while_paused(pending.change.job).await?;
            let since = (self.uptime)();
            self.record_attempt(pending, attempt_number).await?;
            *is_newly_recorded = true;
            // An operator may have stopped or paused the job during the write.
            let client = self.wait_while_paused(pending.change.job).await?;
            // So may another request have been throttled.
            if self.pace.is_throttled(pending.call_target()) {
                return Err(Unprepared::Throttled);
            }
            if (self.uptime)().saturating_sub(since) <= MAX_RECORD_AGE {
                return Ok(client);
            }
        }
        let why = format!(
            "writing its record took longer than {} s, {MAX_RECORDS_PER_ATTEMPT} times",
            MAX_RECORD_AGE.as_secs()
        );
        Err(NotSentReason::from(SendFailure::RefusedLocally(CleanText::new(&why))).into())
    }

    /// Waits while the job is paused. Returns the client to send with, or why nothing may be sent.
    async fn wait_while_paused(&mut self, job: JobId) -> Result<(Graph, u32), NotSentReason> {
        loop {
            // The task may have started just before the job was stopped.
            if let Some(why) = self.cancelled.borrow().clone() {
                return Err(why);
            }
            if !self.paused.borrow_and_update().hold(job) {
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

    async fn record_attempt(&self, pending: &mut PendingChange, attempt_number: u8) -> Result<(), NotSentReason> {
        let result = if pending.is_recorded {
            self.recorder.record_retry(&pending.change, attempt_number).await
        } else {
            let at = self.progress.now().utc;
            self.recorder.record_intent(&pending.change, at).await.map(|is_in_escrow| {
                (pending.is_recorded, pending.is_in_escrow) = (true, is_in_escrow);
            })
        };
        result.map_err(|error| match error {
            RecordIntentError::Refused(why) => {
                if !pending.is_recorded {
                    let (finished, standing) = (self.progress.finished_now(0), Standing::NotSent(why.clone()));
                    self.recorder.record_refusal(outcome_record(&pending.change, finished, standing));
                }
                why
            }
            RecordIntentError::JournalFailed(reason) => {
                self.notices.send(Notice::JournalFailed(reason.clone())).ok();
                SendFailure::RefusedLocally(reason).into()
            }
        })
    }

    /// Waits until a retry is due, and for its turn. A change that is not in doubt gives its permit to another one.
    async fn wait_for_retry(
        &mut self,
        pending: &PendingChange,
        attempt: u8,
        after: Duration,
        standing: Standing,
        permit: Option<Permit>,
    ) -> (Option<Permit>, Option<PacedCall>) {
        let due = Instant::now() + after;
        if pending.doubt.is_some() {
            return self.wait_for_turn(pending, attempt, due, Some(standing), permit).await;
        }
        // Nothing is in doubt while it waits. If this process dies, the next process must know that.
        Box::pin(self.record_outcome(pending, attempt, standing, true)).await;
        drop(permit);
        self.wait_for_turn(pending, attempt, due, None, None).await
    }

    /// Waits while a scope of the change is paused, and for its turn. `standing` is recorded before the permit goes to
    /// another change, so that a crash during the pause leaves no number in doubt because of it.
    async fn wait_out_pause(
        &mut self,
        pending: &PendingChange,
        attempt: u8,
        standing: Standing,
        permit: Option<Permit>,
    ) -> (Option<Permit>, Option<PacedCall>) {
        Box::pin(self.record_outcome(pending, attempt, standing, true)).await;
        drop(permit);
        self.wait_for_turn(pending, attempt, Instant::now(), None, None).await
    }

    /// Waits until this time, until the pace admits the call, and for a permit if there is none. Returns nothing if the
    /// task is canceled. In a pause, it records `unrecorded` and gives the permit to another change.
    async fn wait_for_turn(
        &mut self,
        pending: &PendingChange,
        attempt: u8,
        due: Instant,
        mut unrecorded: Option<Standing>,
        mut permit: Option<Permit>,
    ) -> (Option<Permit>, Option<PacedCall>) {
        let target = pending.call_target();
        let mut changes = self.pace.subscribe_to(target);
        let mut reported = None;
        loop {
            let pause = self.pace.paused_until(target);
            if pause.is_some() && permit.is_some() {
                if let Some(standing) = unrecorded.take() {
                    Box::pin(self.record_outcome(pending, attempt, standing, true)).await;
                }
                drop(permit.take());
            }
            let end = pause.map_or(due.into_std(), |pause| pause.instant.max(due.into_std()));
            if end > Instant::now().into_std() && reported != Some(end) {
                reported = Some(end);
                let state = waiting_state(pending, attempt.saturating_add(1), due, pause);
                self.progress.send_change_state(&pending.change, state);
            }
            let is_due = Instant::now() >= due;
            let mut refusal = is_due.then(|| self.pace.refusal(target)).flatten();
            if is_due && refusal.is_none() {
                // The permit comes first: a task that waits for one must not keep a call from a task that has one.
                let was_held = permit.is_some();
                let Some(held) = self.wait_for_permit(permit.take()).await else { return (None, None) };
                match self.pace.try_admit(target) {
                    Ok(call) => return (Some(held), Some(call)),
                    Err(why) => (permit, refusal) = (was_held.then_some(held), Some(why)),
                }
            }
            tokio::select! {
                biased;
                _ = self.cancelled.wait_for(Option::is_some) => return (None, None),
                () = tokio::time::sleep_until(due), if !is_due => {}
                () = changes.wait(refusal) => {}
            }
        }
    }

    /// The permit, or a new one; `None` if the task is canceled.
    async fn wait_for_permit(&mut self, permit: Option<Permit>) -> Option<Permit> {
        if permit.is_some() {
            return permit;
        }
        let Self { permits, is_asking, cancelled, .. } = self;
        let next_permit = async {
            loop {
                let permit = Arc::clone(permits).acquire_owned().await.ok()?;
                if !*is_asking.borrow() {
                    return Some(permit);
                }
                drop(permit);
                is_asking.wait_for(|is_asking| !is_asking).await.ok()?;
            }
        };
        tokio::select! {
            biased;
            _ = cancelled.wait_for(Option::is_some) => None,
            permit = next_permit => permit,
        }
    }
}

/// The state of a change that waits until this time, or until the end of a pause if that is later.
fn waiting_state(pending: &PendingChange, attempt: u8, due: Instant, pause: Option<TimePoint>) -> ChangeState {
    let in_doubt = pending.doubt.is_some();
    match pause.filter(|pause| pause.instant > due.into_std()) {
        Some(until) => ChangeState::Paused { until, in_doubt },
        None => ChangeState::Waiting { attempt, until: due.into_std(), in_doubt, error: pending.last_error.clone() },
    }
}

/// Tells the pace how a request ended.
fn finish_call(call: PacedCall, SetPinAnswer { outcome, usage }: &SetPinAnswer) {
    let throttle = outcome.api_error().and_then(Throttle::from_error);
    call.finish(match outcome {
        Outcome::NotSent(_) => CallEnd::NotSent,
        Outcome::InDoubt(
            DoubtReason::TimedOut { .. } | DoubtReason::ConnectionLost { .. } | DoubtReason::UnexpectedReply { .. },
        ) => CallEnd::NoReply,
        Outcome::Confirmed | Outcome::Refused(_) | Outcome::InDoubt(_) => CallEnd::Replied { usage, throttle },
    });
}

/// The record of a request that Meta refused because there were too many.
fn throttled_reason(outcome: Outcome) -> NotSentReason {
    match outcome {
        Outcome::Refused(error) => NotSentReason::Throttled(Box::new(error)),
        Outcome::Confirmed | Outcome::NotSent(_) | Outcome::InDoubt(_) => NotSentReason::Paused,
    }
}

/// Why nothing can be sent without a client.
pub(super) fn no_access_token() -> NotSentReason {
    SendFailure::RefusedLocally(CleanText::new("there is no access token")).into()
}

/// What a change is left with that is not sent again for this reason.
pub(super) fn standing_if_not_sent(
    doubt: Option<&DoubtCause>,
    last: Option<NotApplied>,
    why: NotSentReason,
) -> Standing {
    match (doubt, last) {
        // The operator who stopped it knows why nothing more was sent.
        (Some(doubt), None) if why == NotSentReason::Stopped => Standing::in_doubt(doubt.clone()),
        (Some(_), Some(last)) | (None, Some(last @ NotApplied::Refused(_))) => Standing::not_applied(last, doubt),
        (_, None) | (None, Some(NotApplied::NotSent(_))) => Standing::not_applied(NotApplied::NotSent(why), doubt),
    }
}
