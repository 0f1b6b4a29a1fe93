//! The queue of numbers that wait for a free slot.
//!
//! It decides neither which number is next nor what is canceled. A queued number takes two machine words: its change is
//! created, and its random PIN generated, only when it is started.

use std::iter;
use std::sync::Arc;

use super::send_task::PendingChange;
use crate::domain::change::{Change, ChangeId, Completion, JobId};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::pin::RandomSourceError;
use crate::domain::pin_plan::PinPlan;
use crate::domain::standing::{NotSentReason, Standing};
use crate::journal::OutcomeRecord;

/// A job that is recorded, shared by its queued numbers.
pub(super) struct RecordedJob {
    pub(super) id: JobId,
    pub(super) plan: PinPlan,
}

impl RecordedJob {
    /// Its numbers, in order. The last one is the last owner of the PIN.
    pub(super) fn into_numbers(self) -> impl ExactSizeIterator<Item = PlannedNumber> {
        let count = self.plan.targets.len();
        iter::repeat_n(Arc::new(self), count).enumerate().map(|(index, job)| PlannedNumber { job, index })
    }
}

/// A queued number.
pub(super) enum QueueItem {
    /// A change whose PIN is in doubt, to be sent again.
    Resend(Box<PendingChange>),
    /// A number whose change is created when it is started.
    Planned(PlannedNumber),
}

/// One number of a job.
pub(super) struct PlannedNumber {
    job: Arc<RecordedJob>,
    index: usize,
}

impl PlannedNumber {
    pub(super) fn target(&self) -> &Number {
        &self.job.plan.targets[self.index]
    }

    pub(super) fn job(&self) -> JobId {
        self.job.id
    }

    /// True if the job has no other number.
    pub(super) fn is_alone(&self) -> bool {
        self.job.plan.targets.len() == 1
    }

    /// The record of a refusal before the number is started. The number gets a change ID for it.
    pub(super) fn refusal_record(&self, finished: Completion, why: NotSentReason) -> OutcomeRecord {
        let (target, Completion { at, attempts }) = (self.target(), finished);
        OutcomeRecord {
            change: ChangeId::new(),
            job: Some(self.job()),
            number: target.id,
            waba: target.waba_id(),
            attempts,
            standing: Standing::NotSent(why),
            will_retry: false,
            at,
        }
    }

    /// Creates the change of the number, which is started.
    fn into_pending(self) -> Result<PendingChange, RandomSourceError> {
        let target = self.target();
        Ok(PendingChange::new(Arc::new(Change {
            id: ChangeId::new(),
            job: self.job(),
            status_before: target.into(),
            number: target.id,
            waba: target.waba_id(),
            pin: self.job.plan.pins.pin_for(target.original_display())?,
        })))
    }
}

impl QueueItem {
    pub(super) fn number(&self) -> PhoneNumberId {
        match self {
            Self::Resend(pending) => pending.change.number,
            Self::Planned(planned) => planned.target().id,
        }
    }

    pub(super) fn waba(&self) -> Option<WabaId> {
        match self {
            Self::Resend(pending) => pending.change.waba,
            Self::Planned(planned) => planned.target().waba_id(),
        }
    }

    pub(super) fn job(&self) -> JobId {
        match self {
            Self::Resend(pending) => pending.change.job,
            Self::Planned(planned) => planned.job(),
        }
    }

    /// The change of a number that is started.
    pub(super) fn into_pending(self) -> Result<PendingChange, RandomSourceError> {
        match self {
            Self::Resend(pending) => Ok(*pending),
            Self::Planned(planned) => planned.into_pending(),
        }
    }
}
