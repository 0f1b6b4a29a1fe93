//! What is in doubt, number by number: which PINs may be in force, and until when a request can still land.
//!
//! It records nothing and sends nothing; it knows what the operator can be told.

use std::collections::HashMap;
use std::sync::Arc;

use crate::job::{Change, ChangeId, InDoubt, JobState, Progress, Sent};
use crate::journal::Unresolved;
use crate::moment::Moment;
use crate::number::{PhoneNumberId, TwoStep};
use crate::outcome::{Doubt, Unchanged};

/// A change that may have been applied, or not.
pub(super) struct Open {
    pub(super) change: ChangeId,
    /// With its PIN, while that is in memory.
    pub(super) held: Option<Arc<Change>>,
    /// What Meta said of the number before it.
    pub(super) before: TwoStep,
    /// True if the escrow has its PIN.
    pub(super) is_sealed: bool,
    pub(super) doubt: Doubt,
    pub(super) sent: Sent,
    /// Its last request can land until then.
    pub(super) lands_until: Moment,
}

/// Everything in doubt.
#[derive(Default)]
pub(super) struct Doubts {
    /// Oldest first; never an empty list.
    open: HashMap<PhoneNumberId, Vec<Open>>,
    /// When the last request that had no sure answer can land at the latest. Kept beyond the end of a doubt: a confirmed
    /// PIN, or a note, keeps nothing from landing.
    landing: HashMap<PhoneNumberId, Moment>,
}

impl Doubts {
    /// What an earlier run left behind, oldest first.
    pub(super) fn recovered(unresolved: Vec<Unresolved>, now: Moment) -> Self {
        let mut doubts = Self::default();
        for left in unresolved {
            let (sent, lands_until) = (left.sent(), left.new_pin_from(now));
            doubts.add(
                left.number,
                Open {
                    change: left.change,
                    held: None,
                    before: left.before,
                    is_sealed: left.is_sealed,
                    doubt: left.doubt,
                    sent,
                    lands_until,
                },
            );
        }
        doubts
    }

    /// Adds the newest.
    pub(super) fn add(&mut self, number: PhoneNumberId, open: Open) {
        self.can_land(number, open.lands_until);
        self.open.entry(number).or_default().push(open);
    }

    /// A request of this number may land until then, whatever comes of its change.
    pub(super) fn can_land(&mut self, number: PhoneNumberId, until: Moment) {
        let last = self.landing.entry(number).or_insert(until);
        if last.instant < until.instant {
            *last = until;
        }
    }

    /// Until when a request of this number can still land, if it can now.
    pub(super) fn landing(&mut self, number: PhoneNumberId, now: Moment) -> Option<Moment> {
        let until = *self.landing.get(&number)?;
        if until.instant <= now.instant {
            self.landing.remove(&number);
            return None;
        }
        Some(until)
    }

    /// Nothing of this number is in doubt any more.
    pub(super) fn clear(&mut self, number: PhoneNumberId) {
        self.open.remove(&number);
    }

    /// Takes out the newest of a number, if its PIN is in memory.
    pub(super) fn take_held(&mut self, number: PhoneNumberId) -> Option<(Arc<Change>, Open)> {
        let open = self.open.get_mut(&number)?;
        let mut newest = open.pop_if(|newest| newest.held.is_some())?;
        if open.is_empty() {
            self.open.remove(&number);
        }
        newest.held.take().map(|change| (change, newest))
    }

    /// The newest of a number.
    pub(super) fn newest(&self, number: PhoneNumberId) -> Option<&Open> {
        self.open.get(&number)?.last()
    }

    /// The changes of a number that are in doubt.
    pub(super) fn changes(&self, number: PhoneNumberId) -> Vec<ChangeId> {
        self.open.get(&number).map_or_else(Vec::new, |open| open.iter().map(|open| open.change).collect())
    }

    /// How a number stands, if it is in doubt.
    pub(super) fn standing(&self, number: PhoneNumberId) -> Option<InDoubt> {
        let open = self.open.get(&number)?;
        let (oldest, newest) = (open.first()?, open.last()?);
        let was_on = match oldest.before {
            TwoStep::On | TwoStep::Unknown => 1,
            TwoStep::NotSet => 0,
        };
        Some(InDoubt {
            sent: newest.sent,
            doubt: newest.doubt.clone(),
            before: oldest.before,
            candidates: u32::try_from(open.len()).unwrap_or(u32::MAX).saturating_add(was_on),
            is_held: newest.held.is_some(),
            is_sealed: open.iter().all(|open| open.is_sealed),
            new_pin_from: self.landing.get(&number).copied().unwrap_or(newest.lands_until),
        })
    }

    /// The same, where the last request changed nothing for certain.
    pub(super) fn standing_after(&self, number: PhoneNumberId, last: Unchanged) -> Option<InDoubt> {
        self.standing(number).map(|standing| InDoubt { doubt: Doubt::OlderPin(last), ..standing })
    }

    /// How one number stands, as news.
    pub(super) fn news(&self, number: PhoneNumberId) -> Option<Progress> {
        let state = JobState::InDoubt(Box::new(self.standing(number)?));
        Some(Progress { change: Some(self.newest(number)?.change), number, state })
    }

    /// How every number in doubt stands.
    pub(super) fn all(&self) -> impl Iterator<Item = Progress> {
        self.open.keys().filter_map(|number| self.news(*number))
    }

    /// Drops every PIN that the escrow has, and names the numbers concerned.
    pub(super) fn drop_sealed(&mut self) -> Vec<PhoneNumberId> {
        let mut concerned = Vec::new();
        for (number, open) in &mut self.open {
            let dropped = open.iter_mut().filter(|open| open.is_sealed).filter_map(|open| open.held.take()).count();
            concerned.extend((dropped > 0).then_some(*number));
        }
        concerned
    }
}
