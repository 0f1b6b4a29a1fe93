//! Asks whether a job goes on whose numbers are refused with a code that the catalog does not know.
//!
//! Until the answer, nothing is sent: no queued number, and no retry. If no caller answers such questions, the rest is
//! not sent. It does not decide when so many refusals are too many: the breaker does.

use std::future::pending;
use std::mem;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _, MaybeDone, maybe_done};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::JobsActor;
use crate::domain::standing::NotSentReason;
use crate::jobs::UnknownRefusals;
use crate::policy::breaker::MAX_UNKNOWN_REFUSALS;

/// A question about refusals with an unknown code that is not answered yet.
pub(super) struct RefusalQuestion {
    code: i64,
    /// All permits, as soon as nothing is in flight. The question keeps them, so that nothing is sent while it is open.
    permits: MaybeDone<BoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>>,
    is_asked: bool,
}

impl RefusalQuestion {
    fn new(code: i64, permits: Arc<Semaphore>, count: u32) -> Self {
        Self { code, permits: maybe_done(permits.acquire_many_owned(count).boxed()), is_asked: false }
    }

    /// Waits until the question has all permits; for ever if it has them already, or if there is no question. A call that
    /// is dropped keeps its place among those that wait for permits.
    pub(super) async fn take_permits(question: &mut Option<Self>) {
        match question {
            Some(Self { permits: permits @ MaybeDone::Future(_), .. }) => permits.await,
            Some(_) | None => pending().await,
        }
    }

    const fn is_due(&self) -> bool {
        matches!(self.permits, MaybeDone::Done(_)) && !self.is_asked
    }
}

impl JobsActor {
    /// Stops a job, or holds it until a question is answered.
    pub(super) fn stop_or_ask(&mut self, why: &NotSentReason) {
        match (why, &self.questions) {
            (NotSentReason::UnknownRefusals(code), Some(_)) => {
                // What was in flight may be refused, too: one question is enough.
                let (permits, count) = (&self.permits, self.concurrency);
                self.question.get_or_insert_with(|| RefusalQuestion::new(*code, Arc::clone(permits), count));
            }
            (_, _) => self.cancel_all(why),
        }
    }

    /// Tells the tasks whether a question is open: a task that asked for a permit before the question gets it first.
    pub(super) fn hold_retries(&self) {
        let is_open = self.question.is_some();
        self.is_asking.send_if_modified(|is_asking| mem::replace(is_asking, is_open) != is_open);
    }

    /// Asks once nothing is in flight, so that no result follows the question.
    pub(super) fn ask_when_quiet(&mut self) {
        let Some(question) = self.question.as_mut().filter(|question| question.is_due()) else { return };
        // A canceled task ends without a permit.
        if self.running.values().any(|running| running.cancel.borrow().is_some()) {
            return;
        }
        // The tasks that still run wait to send again.
        let left = self.queue.len() + self.running.len();
        if left == 0 {
            // The numbers that are held back are asked about anyway, or another job is being recorded.
            self.question = None;
            return;
        }
        question.is_asked = true;
        let question = UnknownRefusals { code: question.code, refused: MAX_UNKNOWN_REFUSALS, left };
        let asked = self.questions.as_ref().map(|questions| questions.send(question));
        if !matches!(asked, Some(Ok(()))) {
            self.cancel_all(&NotSentReason::UnknownRefusals(question.code));
        }
    }

    /// Sends the rest, or does not. Ignores an answer to another question.
    pub(super) fn handle_answer(&mut self, code: i64, sends_rest: bool) {
        if self.question.as_ref().is_none_or(|question| question.code != code) {
            return;
        }
        if sends_rest {
            self.question = None;
            self.breaker.accept_code(code);
        } else {
            self.cancel_all(&NotSentReason::UnknownRefusals(code));
        }
    }
}
