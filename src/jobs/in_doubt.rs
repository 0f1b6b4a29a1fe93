//! Keeps the numbers in doubt: which PINs may be in force, and until when a request can still arrive.
//!
//! It does not write to the journal and does not send anything.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::change::{
    Change, ChangeId, ChangeState, InDoubtDetails, JobId, Progress, ProgressSource, SendHistory,
};
use crate::domain::clock::TimePoint;
use crate::domain::number::{PhoneNumberId, TwoStep};
use crate::domain::standing::{Doubt, NotApplied};
use crate::journal::UnresolvedChange;

/// A change that may have been applied.
pub(super) struct InDoubtChange {
    pub(super) change: ChangeId,
    /// Its job; `None` if only the escrow file has the change.
    pub(super) job: Option<JobId>,
    /// The change with its PIN, while the PIN is in memory.
    pub(super) change_with_pin: Option<Arc<Change>>,
    /// What Meta reported before the change.
    pub(super) before: TwoStep,
    /// True if the escrow has its PIN.
    pub(super) is_in_escrow: bool,
    pub(super) doubt: Doubt,
    pub(super) sent: SendHistory,
    /// Until when its last request can arrive.
    pub(super) arrival_deadline: TimePoint,
}

/// All changes in doubt.
#[derive(Default)]
pub(super) struct InDoubtChanges {
    /// Oldest first; never an empty list.
    by_number: HashMap<PhoneNumberId, Vec<InDoubtChange>>,
    /// Until when the last request in doubt can arrive. Kept after the doubt is resolved, because neither a confirmed
    /// PIN nor a note stops a request from arriving.
    arrival_deadlines: HashMap<PhoneNumberId, TimePoint>,
}

impl InDoubtChanges {
    /// The changes that earlier processes left in doubt, oldest first.
    pub(super) fn from_unresolved(unresolved: Vec<UnresolvedChange>, now: TimePoint) -> Self {
        let mut in_doubt = Self::default();
        for change in unresolved {
            in_doubt.add_unresolved(change, now);
        }
        in_doubt
    }

    fn add_unresolved(&mut self, change: UnresolvedChange, now: TimePoint) {
        let (sent, arrival_deadline) = (change.send_history(), change.new_pin_allowed_from(now));
        self.add(
            change.number,
            InDoubtChange {
                change: change.change,
                job: change.job,
                change_with_pin: None,
                before: change.two_step_before,
                is_in_escrow: change.is_in_escrow,
                doubt: change.doubt,
                sent,
                arrival_deadline,
            },
        );
    }

    /// Adds the changes of a number that another process left in doubt, and removes those that are no longer in doubt.
    /// True if this adds or removes one.
    pub(super) fn reconcile(
        &mut self,
        number: PhoneNumberId,
        unresolved: Vec<UnresolvedChange>,
        closed: &[ChangeId],
        now: TimePoint,
    ) -> bool {
        let known = self.change_ids(number);
        if let Some(changes) = self.by_number.get_mut(&number) {
            changes.retain(|change| !closed.contains(&change.change));
            if changes.is_empty() {
                self.by_number.remove(&number);
            }
        }
        for change in unresolved {
            if !known.contains(&change.change) {
                self.add_unresolved(change, now);
            }
        }
        self.change_ids(number) != known
    }

    /// Adds the newest change.
    pub(super) fn add(&mut self, number: PhoneNumberId, change: InDoubtChange) {
        self.extend_arrival_deadline(number, change.arrival_deadline);
        self.by_number.entry(number).or_default().push(change);
    }

    /// Remembers that a request of this number can arrive until this time, whatever the outcome of its change is.
    pub(super) fn extend_arrival_deadline(&mut self, number: PhoneNumberId, until: TimePoint) {
        let deadline = self.arrival_deadlines.entry(number).or_insert(until);
        if deadline.instant < until.instant {
            *deadline = until;
        }
    }

    /// Until when a request of this number can arrive; `None` if none can arrive now.
    pub(super) fn arrival_deadline(&mut self, number: PhoneNumberId, now: TimePoint) -> Option<TimePoint> {
        let until = *self.arrival_deadlines.get(&number)?;
        if until.instant <= now.instant {
            self.arrival_deadlines.remove(&number);
            return None;
        }
        Some(until)
    }

    /// Removes all doubt about this number.
    pub(super) fn clear(&mut self, number: PhoneNumberId) {
        self.by_number.remove(&number);
    }

    /// Removes and returns the newest change of a number, if its PIN is in memory.
    pub(super) fn take_resendable(&mut self, number: PhoneNumberId) -> Option<(Arc<Change>, InDoubtChange)> {
        let changes = self.by_number.get_mut(&number)?;
        let mut newest = changes.pop_if(|newest| newest.change_with_pin.is_some())?;
        if changes.is_empty() {
            self.by_number.remove(&number);
        }
        newest.change_with_pin.take().map(|change| (change, newest))
    }

    /// The newest change of a number.
    pub(super) fn newest(&self, number: PhoneNumberId) -> Option<&InDoubtChange> {
        self.by_number.get(&number)?.last()
    }

    /// The IDs of the changes of a number that are in doubt.
    pub(super) fn change_ids(&self, number: PhoneNumberId) -> Vec<ChangeId> {
        let changes = self.by_number.get(&number);
        changes.map_or_else(Vec::new, |changes| changes.iter().map(|change| change.change).collect())
    }

    /// The state of a number, if it is in doubt.
    pub(super) fn state(&self, number: PhoneNumberId) -> Option<InDoubtDetails> {
        let changes = self.by_number.get(&number)?;
        let (oldest, newest) = (changes.first()?, changes.last()?);
        // A PIN that was set before the oldest change may still be in force.
        let pins_before = match oldest.before {
            TwoStep::On | TwoStep::Unknown => 1,
            TwoStep::NotSet => 0,
        };
        Some(InDoubtDetails {
            send_history: newest.sent,
            doubt: newest.doubt.clone(),
            newer_pin: None,
            two_step_before: oldest.before,
            candidate_count: u32::try_from(changes.len()).unwrap_or(u32::MAX).saturating_add(pins_before),
            is_pin_in_memory: newest.change_with_pin.is_some(),
            is_in_escrow: changes.iter().all(|change| change.is_in_escrow),
            new_pin_allowed_from: self.arrival_deadlines.get(&number).copied().unwrap_or(newest.arrival_deadline),
        })
    }

    /// The state of a number, if it is in doubt and a newer PIN was certainly not applied.
    pub(super) fn state_after(&self, number: PhoneNumberId, newer_pin: NotApplied) -> Option<InDoubtDetails> {
        self.state(number).map(|details| InDoubtDetails { newer_pin: Some(newer_pin), ..details })
    }

    /// The state of one number, as progress.
    pub(super) fn progress(&self, number: PhoneNumberId) -> Option<Progress> {
        let state = ChangeState::InDoubt(Box::new(self.state(number)?));
        let InDoubtChange { change, job, .. } = self.newest(number)?;
        Some(Progress { job: *job, change: Some(*change), number, state, source: ProgressSource::Own })
    }

    /// The state of every number in doubt.
    pub(super) fn all_progress(&self) -> impl Iterator<Item = Progress> {
        self.by_number.keys().filter_map(|number| self.progress(*number))
    }

    /// Drops every PIN that the escrow has. Returns the numbers whose state changed.
    pub(super) fn drop_escrowed_pins(&mut self) -> Vec<PhoneNumberId> {
        let mut numbers = Vec::new();
        for (number, changes) in &mut self.by_number {
            let escrowed = changes.iter_mut().filter(|change| change.is_in_escrow);
            let dropped = escrowed.filter_map(|change| change.change_with_pin.take()).count();
            numbers.extend((dropped > 0).then_some(*number));
        }
        numbers
    }
}
