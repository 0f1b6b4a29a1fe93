//! How many numbers of a job are in which phase, counted as they change: 10,000 numbers are never counted again for a
//! frame.
//!
//! It does not know which job it counts.

use crate::domain::change::{ChangeState, DoubtEnd, Resolution};
use crate::domain::standing::ChangeResult;
use crate::journal::RecordedState;

/// The phase of a number in a job. Each number is in exactly one, so that the counts add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobPhase {
    /// Meta confirmed its PIN.
    Set,
    /// Meta refused its PIN, or it was certainly not applied.
    Failed,
    /// Its PIN may be in force or not.
    NoAnswer,
    /// It was in doubt, and an operator has checked it.
    Resolved,
    /// Its request is in flight.
    Sending,
    /// It waits to retry, or for the limits of Meta.
    Waiting,
    /// It waits as well, and an earlier request had no answer.
    WaitingInDoubt,
    /// It waits for its turn.
    Queued,
    /// No request was sent, and none will be unless the job is resumed.
    NotSent,
}

impl JobPhase {
    /// The phase of a number that this process works on.
    #[must_use]
    pub const fn of_change(state: &ChangeState) -> Self {
        match state {
            ChangeState::Queued => Self::Queued,
            ChangeState::Sending { .. } => Self::Sending,
            ChangeState::Waiting { in_doubt: true, .. } | ChangeState::Paused { in_doubt: true, .. } => {
                Self::WaitingInDoubt
            }
            ChangeState::Waiting { .. } | ChangeState::Paused { .. } => Self::Waiting,
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::NoPinInForce, .. }) => Self::Failed,
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::Manual, .. }) => Self::Resolved,
            ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::InDoubt(_) => {
                match state.result() {
                    Some(result) => Self::of_result(result),
                    None => Self::Sending,
                }
            }
        }
    }

    /// The phase of a number as the journal has it. `is_running` tells whether a process works on the job.
    #[must_use]
    pub const fn of_record(state: RecordedState, is_running: bool) -> Self {
        match state {
            RecordedState::NotStarted if is_running => Self::Queued,
            RecordedState::NotStarted => Self::NotSent,
            RecordedState::Running => Self::Sending,
            RecordedState::Ended(result) => Self::of_result(result),
            RecordedState::NotApplied => Self::Failed,
            RecordedState::Resolved => Self::Resolved,
        }
    }

    const fn of_result(result: ChangeResult) -> Self {
        match result {
            ChangeResult::Set => Self::Set,
            ChangeResult::Failed => Self::Failed,
            ChangeResult::NoAnswer => Self::NoAnswer,
            ChangeResult::NotSent => Self::NotSent,
        }
    }

    /// True if pindesk still works on the number.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Sending | Self::Waiting | Self::WaitingInDoubt | Self::Queued => true,
            Self::Set | Self::Failed | Self::NoAnswer | Self::Resolved | Self::NotSent => false,
        }
    }
}

/// How many numbers are in each phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts([usize; 9]);

impl JobCounts {
    /// How many numbers are in this phase.
    #[must_use]
    pub const fn get(&self, phase: JobPhase) -> usize {
        self.0[phase as usize]
    }

    /// All numbers.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// How many numbers pindesk still works on.
    #[must_use]
    pub const fn open(&self) -> usize {
        self.get(JobPhase::Sending) + self.waiting() + self.get(JobPhase::Queued)
    }

    /// How many numbers wait to retry, or for the limits of Meta.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.get(JobPhase::Waiting) + self.get(JobPhase::WaitingInDoubt)
    }

    /// How many numbers have a result: all that are not open and were sent.
    #[must_use]
    pub fn done(&self) -> usize {
        self.total() - self.open() - self.get(JobPhase::NotSent)
    }

    /// The share of the numbers that have a result, rounded down.
    #[must_use]
    pub fn percent(&self) -> usize {
        self.done() * 100 / self.total().max(1)
    }

    /// These counts and others.
    #[must_use]
    pub fn plus(&self, others: &Self) -> Self {
        Self(std::array::from_fn(|phase| self.0[phase] + others.0[phase]))
    }

    /// Moves numbers from one phase to another, as many as there are at most.
    pub(in crate::console) fn move_between(&mut self, from: JobPhase, to: JobPhase, count: usize) {
        let count = count.min(self.get(from));
        self.0[from as usize] -= count;
        self.0[to as usize] += count;
    }

    /// Moves a number from one phase to another.
    pub(in crate::console) const fn change(&mut self, from: Option<JobPhase>, to: JobPhase) {
        if let Some(from) = from {
            self.0[from as usize] -= 1;
        }
        self.0[to as usize] += 1;
    }
}
