//! What a job left: the numbers that it sends when it is resumed, as the operator is asked about them.
//!
//! It draws nothing and sends nothing. Numbers may leave it, and none is added.

use crate::domain::batch_plan::{Batch, BatchChange, Candidate, FrozenBatch};
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::PinChoice;

/// The numbers that a job left.
#[derive(Debug)]
pub struct JobRemainder {
    /// The job.
    pub job: JobId,
    /// When it began. A PIN that was set after that is newer than the decision about it.
    pub began: UtcTime,
    /// True if Meta refused all of them.
    pub have_failed: bool,
    /// How many others are left out, because a PIN was set on them after the job began.
    pub set_since: usize,
    frozen: FrozenBatch,
}

/// What a job left, with the PINs that it gets.
#[derive(Debug)]
pub struct ResumeRequest {
    /// The numbers.
    pub remainder: JobRemainder,
    /// Their PINs.
    pub pins: PinChoice,
}

impl JobRemainder {
    /// These numbers of a job. Those that have a PIN get another one: the operator decided that when the job started.
    #[must_use]
    pub fn new(job: JobId, began: UtcTime, numbers: Vec<Number>, have_failed: bool, set_since: usize) -> Self {
        let candidate = |number| Candidate { number, is_hidden: false, obstacle: None };
        let batch = Batch::new(numbers.into_iter().map(candidate).collect());
        Self { job, began, have_failed, set_since, frozen: FrozenBatch::new(batch, true) }
    }

    /// The numbers, with those that were left out since.
    #[must_use]
    pub const fn frozen(&self) -> &FrozenBatch {
        &self.frozen
    }

    /// How many numbers get a PIN: what the operator counts.
    #[must_use]
    pub fn count(&self) -> usize {
        self.frozen.plan().count()
    }

    /// Updates a number, and leaves it out if it can no longer get a PIN.
    pub fn update(&mut self, candidate: Candidate) -> BatchChange {
        self.frozen.update(candidate)
    }

    /// Leaves out a number, because a PIN was set on it after the job began. False if it is not among those that get one.
    pub fn leave_out_set(&mut self, id: &PhoneNumberId) -> bool {
        if !self.frozen.targets().any(|candidate| candidate.number.id == *id) {
            return false;
        }
        let others = self.frozen.targets().filter(|candidate| candidate.number.id != *id).cloned().collect();
        self.frozen = FrozenBatch::new(Batch::new(others), true);
        self.set_since += 1;
        true
    }
}
