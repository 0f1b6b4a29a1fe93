//! Resolves the doubt about numbers, and reports the numbers that stay in doubt.
//!
//! It does not decide when a doubt is resolved: an operator or a status read does.

use super::{JobsActor, Recording, TaskOutput};
use crate::domain::change::{ChangeState, Completion, DoubtEnd, Resolution};
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::{NotApplied, NotSentReason};
use crate::domain::text::CleanText;

impl JobsActor {
    /// Reports the state of a number in doubt.
    pub(super) fn send_in_doubt(&self, number: PhoneNumberId) {
        if let Some(progress) = self.in_doubt.progress(number) {
            self.progress.send(progress);
        }
    }

    /// The state of a number whose last change was not sent. That does not resolve a doubt about an older PIN.
    pub(super) fn not_sent_state(
        &self,
        number: PhoneNumberId,
        finished: Completion,
        why: NotSentReason,
    ) -> ChangeState {
        match self.in_doubt.state_after(number, NotApplied::NotSent(why.clone())) {
            Some(details) => ChangeState::InDoubt(Box::new(details)),
            None => ChangeState::NotSent(finished, why),
        }
    }

    /// Starts to record that a number is resolved.
    pub(super) fn resolve(&mut self, number: PhoneNumberId, resolution: Resolution, note: Option<CleanText>) {
        // While a request is in flight, the doubt cannot be resolved.
        let changes = self.in_doubt.change_ids(number);
        if changes.is_empty() || !self.busy.insert(number) {
            return;
        }
        let write = self.recorder.clone().record_resolution(number, changes, resolution, note);
        let task = async move { TaskOutput::Resolved { number, resolution, result: write.await } };
        self.spawn_recording(Recording::Resolution(number, resolution), task);
    }

    /// Reports that a number is resolved, once that is recorded.
    pub(super) fn handle_resolved(
        &mut self,
        number: PhoneNumberId,
        resolution: Resolution,
        result: Result<(), CleanText>,
    ) {
        self.busy.remove(&number);
        if let Err(reason) = result {
            // The number stays in doubt, here and at the next start.
            self.handle_journal_failure(reason);
            self.send_in_doubt(number);
        } else if let Some(newest) = self.in_doubt.newest(number) {
            let (job, id) = (newest.job, newest.change);
            let tries = Completion { at: newest.sent.last_known_at(), attempts: newest.sent.attempts() };
            let end = DoubtEnd { at: self.progress.finished_now(tries.attempts).at, how: resolution };
            self.in_doubt.clear(number);
            self.progress.send_state(job, id, number, ChangeState::Resolved(tries, end));
        }
    }

    /// Drops every PIN in doubt that the escrow has, and reports the numbers whose state changed.
    pub(super) fn drop_escrowed_pins(&mut self) {
        for number in self.in_doubt.drop_escrowed_pins() {
            if !self.busy.contains(&number) {
                self.send_in_doubt(number);
            }
        }
    }
}
