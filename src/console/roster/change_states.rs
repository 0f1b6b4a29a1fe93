//! The state of the last change of each number, listed or not, and which state needs an operator first.
//!
//! It does not know the rows.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::domain::change::ChangeState;
use crate::domain::number::PhoneNumberId;

/// The state of the last change of each number. Equal states are stored once: in a job of all numbers most are queued,
/// or were set within the same second.
#[derive(Debug, Default)]
pub(super) struct ChangeStates {
    states: HashMap<PhoneNumberId, Arc<ChangeState>>,
    /// The newest state of each priority. The next one is probably equal.
    newest_by_priority: [Option<Arc<ChangeState>>; PRIORITIES],
}

impl ChangeStates {
    pub(super) fn get(&self, id: &PhoneNumberId) -> Option<&ChangeState> {
        self.states.get(id).map(Arc::as_ref)
    }

    /// Sets the state of a number and returns the previous one.
    pub(super) fn insert(&mut self, id: PhoneNumberId, state: ChangeState) -> Option<Arc<ChangeState>> {
        let newest = &mut self.newest_by_priority[priority(Some(&state))];
        let shared = match newest {
            Some(known) if **known == state => Arc::clone(known),
            Some(_) | None => Arc::clone(newest.insert(Arc::new(state))),
        };
        self.states.insert(id, shared)
    }

    pub(super) fn remove(&mut self, id: &PhoneNumberId) -> Option<Arc<ChangeState>> {
        self.states.remove(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PhoneNumberId, &ChangeState)> {
        self.states.iter().map(|(id, state)| (id, state.as_ref()))
    }
}

const PRIORITIES: usize = 8;

/// What needs an operator first: no answer, failed, not sent; then running changes; then set, and numbers without a
/// change.
pub(super) fn priority(change: Option<&ChangeState>) -> usize {
    match change {
        Some(ChangeState::InDoubt(..)) => 0,
        Some(ChangeState::Failed(..)) => 1,
        Some(ChangeState::NotSent(..)) => 2,
        Some(ChangeState::Waiting { .. } | ChangeState::Paused { .. }) => 3,
        Some(ChangeState::Sending { .. }) => 4,
        Some(ChangeState::Queued) => 5,
        Some(ChangeState::Set(_) | ChangeState::Resolved(..)) => 6,
        None => 7,
    }
}
