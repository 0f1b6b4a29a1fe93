//! How many listed numbers have which outcome. Each change of a number is counted when it comes, so that a frame counts
//! nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
    set_by_day: BTreeMap<u32, usize>,
}

impl RequestCounts {
    pub(super) fn set_on(&self, day: u32) -> usize {
        self.set_by_day.get(&day).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, state: &ChangeState) {
        match state {
            ChangeState::Failed(..) => self.failed += 1,
            ChangeState::InDoubt(_) => self.in_doubt += 1,
            ChangeState::Set(completion) => *self.set_by_day.entry(completion.at.day()).or_default() += 1,
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => {}
        }
    }

    pub(super) fn remove(&mut self, state: &ChangeState) {
        match state {
            ChangeState::Failed(..) => self.failed -= 1,
            ChangeState::InDoubt(_) => self.in_doubt -= 1,
            ChangeState::Set(completion) => {
                if let Entry::Occupied(mut numbers) = self.set_by_day.entry(completion.at.day()) {
                    *numbers.get_mut() -= 1;
                    if *numbers.get() == 0 {
                        numbers.remove();
                    }
                }
            }
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => {}
        }
    }
}
