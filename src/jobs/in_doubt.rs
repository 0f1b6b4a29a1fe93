//! The numbers in doubt: which PINs may be in force, and until when a request can still arrive.
//!
//! It records nothing and sends nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::change::{Change, ChangeId, ChangeState, InDoubtDetails, Progress, SendHistory};
use crate::domain::clock::TimePoint;
use crate::domain::number::{PhoneNumberId, TwoStep};
use crate::domain::outcome::{DoubtReason, NotApplied};
use crate::journal::UnresolvedChange;

/// A change that may have been applied.
pub(super) struct InDoubtChange {
    pub(super) change: ChangeId,
    /// The change with its PIN, while that is in memory.
    pub(super) change_with_pin: Option<Arc<Change>>,
    /// What Meta reported before the change.
    pub(super) before: TwoStep,
    /// True if the escrow has its PIN.
    pub(super) is_in_escrow: bool,
    pub(super) doubt: DoubtReason,
    pub(super) sent: SendHistory,
    /// Until then its last request can arrive.
    pub(super) arrival_deadline: TimePoint,
}

/// All changes in doubt.
#[derive(Default)]
pub(super) struct InDoubtChanges {
    /// Oldest first; never an empty list.
    by_number: HashMap<PhoneNumberId, Vec<InDoubtChange>>,
    /// Until when the last request in doubt can arrive. Kept after the doubt is resolved: neither a confirmed PIN nor a
    /// note keeps a request from arriving.
    arrival_deadlines: HashMap<PhoneNumberId, TimePoint>,
}

impl InDoubtChanges {
    /// What an earlier run left, oldest first.
    pub(super) fn from_unresolved(unresolved: Vec<UnresolvedChange>, now: TimePoint) -> Self {
        let mut doubts = Self::default();
        for left in unresolved {
            let (sent, lands_until) = (left.send_history(), left.new_pin_allowed_from(now));
            doubts.add(
                left.number,
                InDoubtChange {
                    change: left.change,
                    change_with_pin: None,
                    before: left.two_step_before,
                    is_in_escrow: left.is_in_escrow,
                    doubt: left.reason,
                    sent,
                    arrival_deadline: lands_until,
                },
            );
        }
        doubts
    }

    /// Adds the newest change.
    pub(super) fn add(&mut self, number: PhoneNumberId, open: InDoubtChange) {
        self.extend_arrival_deadline(number, open.arrival_deadline);
        self.by_number.entry(number).or_default().push(open);
    }

    /// Until then a request of this number may arrive, whatever the outcome of its change is.
    pub(super) fn extend_arrival_deadline(&mut self, number: PhoneNumberId, until: TimePoint) {
        let last = self.arrival_deadlines.entry(number).or_insert(until);
        if last.instant < until.instant {
            *last = until;
        }
    }

    /// Until when a request of this number can arrive, if it can now.
    pub(super) fn arrival_deadline(&mut self, number: PhoneNumberId, now: TimePoint) -> Option<TimePoint> {
        let until = *self.arrival_deadlines.get(&number)?;
        if until.instant <= now.instant {
            self.arrival_deadlines.remove(&number);
            return None;
        }
        Some(until)
    }

    /// Nothing of this number is in doubt.
    pub(super) fn clear(&mut self, number: PhoneNumberId) {
        self.by_number.remove(&number);
    }

    /// Takes out the newest change of a number, if its PIN is in memory.
    pub(super) fn take_resendable(&mut self, number: PhoneNumberId) -> Option<(Arc<Change>, InDoubtChange)> {
        let open = self.by_number.get_mut(&number)?;
        let mut newest = open.pop_if(|newest| newest.change_with_pin.is_some())?;
        if open.is_empty() {
            self.by_number.remove(&number);
        }
        newest.change_with_pin.take().map(|change| (change, newest))
    }

    /// The newest change of a number.
    pub(super) fn newest(&self, number: PhoneNumberId) -> Option<&InDoubtChange> {
        self.by_number.get(&number)?.last()
    }

    /// The changes of a number that are in doubt.
    pub(super) fn change_ids(&self, number: PhoneNumberId) -> Vec<ChangeId> {
        self.by_number.get(&number).map_or_else(Vec::new, |open| open.iter().map(|open| open.change).collect())
    }

    /// The state of a number, if it is in doubt.
    pub(super) fn state(&self, number: PhoneNumberId) -> Option<InDoubtDetails> {
        let open = self.by_number.get(&number)?;
        let (oldest, newest) = (open.first()?, open.last()?);
        let was_on = match oldest.before {
            TwoStep::On | TwoStep::Unknown => 1,
            TwoStep::NotSet => 0,
        };
        Some(InDoubtDetails {
            send_history: newest.sent,
            reason: newest.doubt.clone(),
            two_step_before: oldest.before,
            candidate_count: u32::try_from(open.len()).unwrap_or(u32::MAX).saturating_add(was_on),
            is_pin_in_memory: newest.change_with_pin.is_some(),
            is_in_escrow: open.iter().all(|open| open.is_in_escrow),
            new_pin_allowed_from: self.arrival_deadlines.get(&number).copied().unwrap_or(newest.arrival_deadline),
        })
    }

    /// The same, if the last request certainly changed nothing.
    pub(super) fn state_after(&self, number: PhoneNumberId, last: NotApplied) -> Option<InDoubtDetails> {
        self.state(number).map(|standing| InDoubtDetails { reason: DoubtReason::OlderPinInDoubt(last), ..standing })
    }

    /// The state of one number, as progress.
    pub(super) fn progress(&self, number: PhoneNumberId) -> Option<Progress> {
        let state = ChangeState::InDoubt(Box::new(self.state(number)?));
        Some(Progress { change: Some(self.newest(number)?.change), number, state })
    }

    /// The state of every number in doubt.
    pub(super) fn all_progress(&self) -> impl Iterator<Item = Progress> {
        self.by_number.keys().filter_map(|number| self.progress(*number))
    }

    /// Drops every PIN that the escrow has, and returns the numbers concerned.
    pub(super) fn drop_escrowed_pins(&mut self) -> Vec<PhoneNumberId> {
        let mut concerned = Vec::new();
        for (number, open) in &mut self.by_number {
            let dropped =
                open.iter_mut().filter(|open| open.is_in_escrow).filter_map(|open| open.change_with_pin.take()).count();
            concerned.extend((dropped > 0).then_some(*number));
        }
        concerned
    }
}
