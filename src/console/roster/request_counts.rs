//! How many listed numbers have which outcome. Each change of a number is counted when it comes, so that a frame counts
//! nothing.

use crate::domain::change::ChangeState;

/// How many numbers each quick filter finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuickCounts {
    /// Meta reports that no PIN is set.
    pub not_set: usize,
    /// Meta refused the last request.
    pub failed: usize,
    /// The last PIN may be set or not.
    pub in_doubt: usize,
    /// Meta confirmed a PIN since 00:00 UTC.
    pub set_today: usize,
    /// The PIN is due to be replaced; `None` if no PIN is ever due.
    pub due: Option<usize>,
}

/// The counts of the listed numbers.
#[derive(Debug, Default)]
pub(super) struct RequestCounts {
    pub(super) failed: usize,
    pub(super) in_doubt: usize,
}

impl RequestCounts {
    pub(super) fn add(&mut self, state: &ChangeState) {
        match state {
            ChangeState::Failed(..) => self.failed += 1,
            ChangeState::InDoubt(_) => self.in_doubt += 1,
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => {}
        }
    }

    pub(super) fn remove(&mut self, state: &ChangeState) {
        match state {
            ChangeState::Failed(..) => self.failed -= 1,
            ChangeState::InDoubt(_) => self.in_doubt -= 1,
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => {}
        }
    }
}
