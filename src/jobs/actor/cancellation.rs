//! Cancels what a failure makes useless: the rest of a WABA, or everything.
//!
//! It does not decide which failure reaches how far: the retry rules and the breaker do. Requests in flight continue.

use super::JobsActor;
use crate::domain::change::JobId;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::outcome::{Outcome, SendFailure};
use crate::domain::standing::NotSentReason;
use crate::domain::text::CleanText;
use crate::jobs::queue::QueueItem;
use crate::jobs::send_task::{Notice, TaskResult, standing_if_not_sent};
use crate::policy::error_catalog;
use crate::policy::retry::StopScope;

impl JobsActor {
    /// Cancels everything that was confirmed so far. Requests in flight continue.
    pub(super) fn cancel_all(&mut self, why: &NotSentReason) {
        // Nothing is left to ask about.
        self.question = None;
        self.starts.cancel(why, |_| true);
        self.cancel(why, |_| true);
    }

    /// Cancels the queued numbers and pending retries of the WABAs that `matches` selects. Requests in flight continue.
    pub(super) fn cancel(&mut self, why: &NotSentReason, matches: impl Fn(Option<WabaId>) -> bool) {
        for running in self.running.values().filter(|running| matches(running.change.waba)) {
            running.cancel.send_replace(Some(why.clone()));
        }
        for item in self.queue.take(matches) {
            self.drop_queued(item, why.clone());
        }
    }

    /// Cancels the queued numbers and pending retries of a job. Requests in flight continue.
    pub(super) fn cancel_job(&mut self, job: JobId, why: &NotSentReason) {
        // Its resumption may not be recorded yet.
        self.starts.cancel(why, |start| start.resumed == Some(job));
        for running in self.running.values().filter(|running| running.change.job == job) {
            running.cancel.send_replace(Some(why.clone()));
        }
        for item in self.queue.take_job(job) {
            self.drop_queued(item, why.clone());
        }
    }

    /// Ends a queued number that was never started.
    pub(super) fn drop_queued(&mut self, item: QueueItem, why: NotSentReason) {
        match item {
            QueueItem::Resend(resend) => {
                let (_, pending) = *resend;
                let standing = standing_if_not_sent(pending.doubt.as_ref(), None, why);
                let total_attempts = pending.attempts_before;
                self.handle_task_result(TaskResult { pending, total_attempts, standing });
            }
            QueueItem::Planned(planned) => {
                // Dropping the last number of a job wipes its PIN, before the end is reported.
                let (job, number) = (planned.job(), planned.target().id);
                drop(planned);
                self.report_unstarted(job, number, why);
            }
        }
    }

    /// Reports a queued number as not sent that has no change yet.
    pub(super) fn report_unstarted(&mut self, job: JobId, number: PhoneNumberId, why: NotSentReason) {
        self.busy.remove(&number);
        self.end_number(job, false);
        self.end_pause(job);
        let state = self.not_sent_state(number, self.progress.finished_now(0), why);
        self.progress.send_state(job, None, number, state);
    }

    pub(super) fn handle_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Answered { outcome, waba, stop_scope, generation } => {
                if let (Outcome::Confirmed, Some(waba)) = (&outcome, waba) {
                    self.suspect_wabas.remove(&waba);
                }
                self.cancel_stop_scope(&outcome, waba, stop_scope, generation);
                if let Some(why) = self.breaker.record_outcome(&outcome) {
                    self.stop_or_ask(&why);
                }
            }
            Notice::JournalFailed(reason) => self.handle_journal_failure(reason),
        }
    }

    pub(super) fn cancel_stop_scope(
        &mut self,
        outcome: &Outcome,
        waba: Option<WabaId>,
        scope: StopScope,
        generation: u32,
    ) {
        match scope {
            StopScope::Nothing => {}
            StopScope::Waba => self.cancel_waba(waba, outcome),
            StopScope::WabaIfRepeated => {
                if waba.is_some_and(|waba| !self.suspect_wabas.insert(waba)) {
                    self.cancel_waba(waba, outcome);
                }
            }
            // The refusal of an old access token says nothing about the token that replaced it.
            StopScope::App | StopScope::Token if generation != self.client.borrow().generation => {}
            StopScope::App => self.cancel_all(&NotSentReason::AppRefused(refusal_summary(outcome))),
            StopScope::Token => self.cancel_all(&NotSentReason::TokenRefused),
        }
    }

    fn cancel_waba(&mut self, waba: Option<WabaId>, outcome: &Outcome) {
        self.cancel(&NotSentReason::WabaRefused(refusal_summary(outcome)), |other| other.is_some() && other == waba);
    }

    /// Publishes the first failure of the journal, and then cancels everything because of it. Ignores later failures.
    pub(super) fn handle_journal_failure(&mut self, reason: CleanText) {
        if self.journal_failure.borrow().is_none() {
            self.journal_failure.send_replace(Some(reason.clone()));
            self.cancel_all(&SendFailure::RefusedLocally(reason).into());
        }
    }
}

/// Why Meta refused a request, in a few words.
fn refusal_summary(outcome: &Outcome) -> CleanText {
    outcome.api_error().map(|error| CleanText::new(error_catalog::lookup(error).summary())).unwrap_or_default()
}
