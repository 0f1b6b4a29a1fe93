//! The state of the last change of each number, listed or not, and which state needs an operator first.
//!
//! It does not know the rows.

use std::sync::Arc;

use super::row_values::RowValues;
use crate::domain::change::ChangeState;
use crate::domain::number::PhoneNumberId;

/// The state of the last change of each number. Equal states are stored once: in a job of all numbers most are queued,
/// or were set within the same second.
#[derive(Debug, Default)]
pub(super) struct ChangeStates {
    states: RowValues<Arc<ChangeState>>,
    /// The newest state of each priority. The next one is probably equal.
    newest_by_priority: [Option<Arc<ChangeState>>; PRIORITIES],
}

impl ChangeStates {
    /// The state of a row.
    pub(super) fn of_row(&self, slot: u32) -> Option<&ChangeState> {
        self.states.of_row(slot).map(Arc::as_ref)
    }

    /// The state of a number, which has this slot if it has a row.
    pub(super) fn of_number(&self, id: &PhoneNumberId, slot: Option<u32>) -> Option<&ChangeState> {
        self.states.of_number(id, slot).map(Arc::as_ref)
    }

    /// Sets the state of a number, which has this slot if it has a row, and returns the previous one.
    pub(super) fn insert(
        &mut self,
        id: PhoneNumberId,
        slot: Option<u32>,
        state: ChangeState,
    ) -> Option<Arc<ChangeState>> {
        let newest = &mut self.newest_by_priority[priority(Some(&state))];
        let shared = match newest {
            Some(known) if **known == state => Arc::clone(known),
            Some(_) | None => Arc::clone(newest.insert(Arc::new(state))),
        };
        self.states.insert(id, slot, shared)
    }

    /// The number has a row now. Returns its state.
    pub(super) fn add_row(&mut self, id: &PhoneNumberId, slot: u32) -> Option<&ChangeState> {
        self.states.add_row(id, slot).map(Arc::as_ref)
    }

    /// Removes rows, and returns their states. The slot of each later row decreases by the number of removed rows before
    /// it.
    pub(super) fn remove(&mut self, sorted_slots: &[u32]) -> Vec<Arc<ChangeState>> {
        self.states.remove(sorted_slots)
    }

    /// The states of rows, by their slots.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, &ChangeState)> {
        self.states.rows().map(|(slot, state)| (slot, state.as_ref()))
    }

    /// The states of the numbers that have no row, in no order.
    pub(super) fn without_row(&self) -> impl Iterator<Item = (PhoneNumberId, &ChangeState)> {
        self.states.without_row().map(|(id, state)| (id, state.as_ref()))
    }

    /// Releases unused capacity.
    pub(super) fn shrink(&mut self) {
        self.states.shrink();
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
