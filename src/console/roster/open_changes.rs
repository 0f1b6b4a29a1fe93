//! The changes that are running or in doubt: as many as there are numbers, in a job of all of them. So each is counted
//! when it comes, and neither a frame nor a turn of the loop looks at all of them.
//!
//! It does not know the rows, and does not decide what may be sent.

use std::collections::BTreeSet;
use std::time::Instant;

use hashbrown::{HashMap, HashSet};

use crate::domain::change::ChangeState;
use crate::domain::number::PhoneNumberId;
use crate::policy::quota::QuotaScope;

/// The numbers whose change is running or in doubt, listed or not.
#[derive(Debug, Default)]
pub(super) struct OpenChanges {
    ids: HashSet<PhoneNumberId>,
    running: usize,
    /// How many are queued, or paused without a doubt.
    unsent: usize,
    /// Those that wait to retry, with the time of that, the first time first.
    waits: BTreeSet<(Instant, PhoneNumberId)>,
    /// How many listed numbers are queued, by the scope of their WABA.
    queued: HashMap<QuotaScope, usize>,
}

impl OpenChanges {
    /// Replaces the state of a number by another one.
    pub(super) fn replace(&mut self, id: PhoneNumberId, old: Option<&ChangeState>, new: &ChangeState) {
        if let Some(old) = old {
            self.running -= usize::from(old.is_running());
            self.unsent -= usize::from(is_unsent(old));
            if let ChangeState::Waiting { until, .. } = old {
                self.waits.remove(&(*until, id));
            }
        }
        self.running += usize::from(new.is_running());
        self.unsent += usize::from(is_unsent(new));
        if let ChangeState::Waiting { until, .. } = new {
            self.waits.insert((*until, id));
        }
        if new.is_running() || new.is_in_doubt() {
            self.ids.insert(id);
        } else {
            self.ids.remove(&id);
        }
    }

    /// Moves a queued number from the scope of one WABA to another; `None` stands for a number that is not queued, or has
    /// no row.
    pub(super) fn move_queued(&mut self, from: Option<QuotaScope>, to: Option<QuotaScope>) {
        if from == to {
            return;
        }
        if let Some(count) = from.and_then(|scope| self.queued.get_mut(&scope)) {
            *count -= 1;
        }
        if let Some(scope) = to {
            *self.queued.entry(scope).or_default() += 1;
        }
    }

    /// In no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &PhoneNumberId> {
        self.ids.iter()
    }

    pub(super) const fn running(&self) -> usize {
        self.running
    }

    pub(super) const fn unsent(&self) -> usize {
        self.unsent
    }

    /// The times at which numbers retry, the first one first.
    pub(super) fn retry_times(&self) -> impl Iterator<Item = Instant> {
        self.waits.iter().map(|(until, _)| *until)
    }

    /// How many listed numbers are queued, by the scope of their WABA. A count may be zero.
    pub(super) const fn queued(&self) -> &HashMap<QuotaScope, usize> {
        &self.queued
    }
}

/// True if nothing of the change is in force, and it is not being sent.
const fn is_unsent(state: &ChangeState) -> bool {
    match state {
        ChangeState::Queued | ChangeState::Paused { in_doubt: false, .. } => true,
        ChangeState::Paused { in_doubt: true, .. }
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::InDoubt(_)
        | ChangeState::Resolved(..) => false,
    }
}
