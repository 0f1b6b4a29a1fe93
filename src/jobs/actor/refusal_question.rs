//! Asks whether a job goes on whose numbers are refused with a code that the catalog does not know.
//!
//! Until the answer, no queued number is sent. If no caller answers such questions, the rest is not sent. It does not
//! decide when so many refusals are too many: the breaker does.

use super::{JobsActor, RefusalQuestion};
use crate::domain::standing::NotSentReason;
use crate::jobs::UnknownRefusals;
use crate::policy::breaker::MAX_UNKNOWN_REFUSALS;

impl JobsActor {
    /// Stops a job, or holds it until a question is answered.
    pub(super) fn stop_or_ask(&mut self, why: &NotSentReason) {
        match (why, &self.questions) {
            (NotSentReason::UnknownRefusals(code), Some(_)) if !self.queue.is_empty() => {
                // What was in flight may be refused, too: one question is enough.
                self.question.get_or_insert(RefusalQuestion { code: *code, is_asked: false });
            }
            (_, _) => self.cancel_all(why),
        }
    }

    /// Asks once nothing is in flight, so that no result follows the question.
    pub(super) fn ask_when_quiet(&mut self) {
        let is_quiet = self.permits.available_permits() == self.concurrency;
        let Some(question) = self.question.as_mut().filter(|question| !question.is_asked && is_quiet) else { return };
        question.is_asked = true;
        let question = UnknownRefusals { code: question.code, refused: MAX_UNKNOWN_REFUSALS, left: self.queue.len() };
        let asked = self.questions.as_ref().map(|questions| questions.send(question));
        if !matches!(asked, Some(Ok(()))) {
            self.cancel_all(&NotSentReason::UnknownRefusals(question.code));
        }
    }

    /// Sends the rest, or does not. Ignores an answer to another question.
    pub(super) fn handle_answer(&mut self, code: i64, sends_rest: bool) {
        if self.question.is_none_or(|question| question.code != code) {
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
