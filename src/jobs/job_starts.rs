//! Confirmed jobs whose records are not written yet, oldest first.
//!
//! The jobs that arrive while a record is written are recorded together after it, because each write costs a sync. This
//! module does not write, and knows neither which numbers are busy nor what is sent.

use std::mem;

use tokio::sync::oneshot;

use crate::domain::change::JobId;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin_plan::PinPlan;
use crate::domain::standing::NotSentReason;
use crate::domain::text::CleanText;
use crate::journal::RecordError;

/// What an operator can add to a new job.
#[derive(Debug, Default)]
pub struct JobOptions {
    /// What it is for, such as the number of a ticket.
    pub note: Option<CleanText>,
    /// How many of its numbers are sent before the job pauses; `None` if it does not pause.
    pub send_first: Option<usize>,
}

/// A confirmed job.
pub(super) struct JobStart {
    pub(super) plan: PinPlan,
    /// The job to resume; `None` for a new one.
    pub(super) resumed: Option<JobId>,
    pub(super) options: JobOptions,
    /// Why nothing of it is sent, if it was stopped before its record was written.
    pub(super) cancelled: Option<NotSentReason>,
    /// Gets the ID of the job, or why there is none.
    pub(super) reply: oneshot::Sender<Result<JobId, RecordError>>,
}

/// All confirmed jobs without a record.
#[derive(Default)]
pub(super) struct JobStarts {
    waiting: Vec<JobStart>,
    being_recorded: Vec<JobStart>,
}

impl JobStarts {
    pub(super) fn push(&mut self, start: JobStart) {
        self.waiting.push(start);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.being_recorded.is_empty()
    }

    /// True if one of the jobs has this number.
    pub(super) fn contain(&self, number: PhoneNumberId) -> bool {
        let mut targets = self.waiting.iter().chain(&self.being_recorded).flat_map(|start| start.plan.targets.iter());
        targets.any(|target| target.id == number)
    }

    /// Marks the jobs that `matches` selects: each is still recorded, because an operator confirmed it, but nothing of it
    /// is sent.
    pub(super) fn cancel(&mut self, why: &NotSentReason, matches: impl Fn(&JobStart) -> bool) {
        for start in self.waiting.iter_mut().chain(&mut self.being_recorded).filter(|start| matches(start)) {
            start.cancelled.get_or_insert_with(|| why.clone());
        }
    }

    /// The jobs to record next. Empty while others are being recorded.
    pub(super) fn begin_recording(&mut self) -> &[JobStart] {
        if !self.being_recorded.is_empty() {
            return &[];
        }
        self.being_recorded = mem::take(&mut self.waiting);
        &self.being_recorded
    }

    /// Takes the jobs whose records were written, or could not be.
    pub(super) fn end_recording(&mut self) -> Vec<JobStart> {
        mem::take(&mut self.being_recorded)
    }
}
