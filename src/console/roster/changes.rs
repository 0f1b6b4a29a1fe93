//! The last change of each number, as the list shows it: a queued change of a paused scope is shown as paused.
//!
//! It decides nothing about changes.

use std::time::Instant;

use super::Roster;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::policy::quota::QuotaScope;

impl Roster {
    /// A scope is paused until this time: its queued numbers are shown as paused.
    pub fn pause_scope(&mut self, scope: QuotaScope, until: TimePoint) {
        self.pauses.insert(scope, until);
        self.has_pending_updates |= self.filter.depends_on_requests();
    }

    /// Ends the pauses of which this holds, with their end.
    pub fn end_pauses(&mut self, is_over: impl Fn(QuotaScope, Instant) -> bool) {
        let has_ended = self.pauses.end(is_over);
        self.has_pending_updates |= has_ended && self.filter.depends_on_requests();
    }

    /// When the next queued number is no longer shown as paused; `None` if none is.
    #[must_use]
    pub fn next_pause_end(&self) -> Option<Instant> {
        self.pauses.next_end(self.open.queued(), |id| self.queued_in(id))
    }

    /// The scope of the WABA in which a listed number is queued; `None` if it is not.
    pub(super) fn queued_in(&self, id: &PhoneNumberId) -> Option<QuotaScope> {
        let slot = self.store.slot(id)?;
        let is_queued = self.changes.of_row(slot) == Some(&ChangeState::Queued);
        let [waba, _] = self.store.quota_scopes(slot);
        is_queued.then_some(waba)
    }

    /// The state of the last change of a number, listed or not.
    #[must_use]
    pub fn change(&self, id: &PhoneNumberId) -> Option<&ChangeState> {
        let slot = self.store.slot(id);
        let scopes = || slot.map(|slot| self.store.quota_scopes(slot));
        self.changes.of_number(id, slot).map(|state| self.pauses.shown(state, scopes))
    }

    /// The last change of every number that had one, in no order.
    pub fn changes(&self) -> impl Iterator<Item = (PhoneNumberId, &ChangeState)> {
        let listed = self.changes.rows().map(|(slot, state)| (self.store.id(slot), state));
        listed.chain(self.changes.without_row())
    }

    /// How many changes are in progress.
    #[must_use]
    pub const fn running_count(&self) -> usize {
        self.open.running()
    }

    /// How many changes wait with nothing of them in force: they are queued, or paused without a doubt.
    #[must_use]
    pub const fn queued_count(&self) -> usize {
        self.open.unsent()
    }

    /// The times at which numbers retry, the first one first.
    pub fn retry_times(&self) -> impl Iterator<Item = Instant> {
        self.open.retry_times()
    }

    /// The changes that are running or in doubt, in no order: in a job of all numbers, as many as there are.
    pub fn open_changes(&self) -> impl Iterator<Item = (&PhoneNumberId, &ChangeState)> {
        self.open.ids().filter_map(|id| self.change(id).map(|state| (id, state)))
    }
}
