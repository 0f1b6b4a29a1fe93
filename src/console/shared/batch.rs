//! What the console knows of many selected numbers: the facts that decide which of them get a PIN.
//!
//! It decides nothing: the plan of the batch does.

use std::collections::HashSet;

use super::Shared;
use crate::domain::batch_plan::{Batch, Candidate, Obstacle};
use crate::domain::change::{ChangeState, DoubtEnd, Resolution};
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, TwoStep};

impl Shared {
    /// The batch of these numbers, in the order of the list. Those that are not listed come last.
    pub(in crate::console) fn batch(&self, ids: &[PhoneNumberId]) -> Batch {
        let rows = self.roster.in_list_order(ids);
        let listed: HashSet<PhoneNumberId> = rows.iter().map(|(id, _)| *id).collect();
        let shown = rows.iter().filter_map(|(id, is_shown)| Some(self.candidate(self.number(id)?, !is_shown)));
        let missing = ids.iter().filter(|id| !listed.contains(*id));
        let unlisted = missing.map(|id| self.candidate(Number::from_config(*id, None), false));
        Batch::new(shown.chain(unlisted).collect())
    }

    /// True if a PIN was set on the number after this time, as far as the list knows: it is newer than what began then.
    pub(in crate::console) fn is_set_since(&self, id: &PhoneNumberId, began: UtcTime) -> bool {
        let last_set = self.roster.get(id).and_then(|row| row.last_set);
        last_set.is_some_and(|last_set| last_set.at > began)
    }

    /// A number of a batch as it is known now, with what was read of it.
    pub(in crate::console) fn candidate(&self, mut number: Number, is_hidden: bool) -> Candidate {
        if self.is_set_since_read(&number) {
            number.two_step = TwoStep::On;
        } else if self.is_read_before_doubt_ended(&number) {
            number.two_step = TwoStep::Unknown;
        }
        let obstacle = self.obstacle(&number);
        Candidate { number, is_hidden, obstacle }
    }

    /// Why no PIN may be sent to this number now, whatever the operator chooses.
    pub(in crate::console) fn obstacle(&self, number: &Number) -> Option<Obstacle> {
        match self.roster.change(&number.id) {
            Some(
                ChangeState::Queued
                | ChangeState::Sending { .. }
                | ChangeState::Waiting { .. }
                | ChangeState::Paused { .. },
            ) => {
                return Some(Obstacle::BeingSent { elsewhere: self.sent_elsewhere.contains(&number.id) });
            }
            Some(ChangeState::InDoubt(_)) => return Some(Obstacle::InDoubt),
            // A note does not recall a request that is on its way.
            Some(ChangeState::Resolved(..)) => {
                let allowed_from = self.in_doubt_list.late_arrival(&number.id);
                let is_early = |from: TimePoint| self.last_update.is_some_and(|now| now.instant < from.instant);
                if allowed_from.is_some_and(is_early) {
                    return Some(Obstacle::MayStillArrive);
                }
            }
            Some(ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..)) | None => {}
        }
        let is_listed = self.roster.get(&number.id).is_some() && !self.is_unlisted(number);
        (!is_listed).then_some(Obstacle::NotListed)
    }

    /// Notes whether another process is sending a PIN to the number.
    pub(in crate::console) fn note_sent_elsewhere(&mut self, id: PhoneNumberId, state: &ChangeState) {
        if state.is_running() {
            self.sent_elsewhere.insert(id);
        } else {
            self.sent_elsewhere.remove(&id);
        }
    }

    /// True if a doubt about the number was resolved by a note, and its status is from before: the PIN may be in force.
    fn is_read_before_doubt_ended(&self, number: &Number) -> bool {
        let Some(ChangeState::Resolved(_, DoubtEnd { at, how: Resolution::Manual })) = self.roster.change(&number.id)
        else {
            return false;
        };
        // Until then the request could still arrive.
        let arrived = self.in_doubt_list.late_arrival(&number.id).map(|allowed_from| allowed_from.utc);
        let ended = arrived.map_or(*at, |arrived| arrived.max(*at));
        number.read_at.is_none_or(|read_at| read_at <= ended)
    }

    /// True if Meta confirmed a PIN after it reported the status that the list shows.
    fn is_set_since_read(&self, number: &Number) -> bool {
        let last_set = self.roster.get(&number.id).and_then(|row| row.last_set);
        last_set.is_some_and(|last_set| number.read_at.is_some_and(|read_at| read_at <= last_set.at))
    }
}
