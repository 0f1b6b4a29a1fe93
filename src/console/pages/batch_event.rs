//! What an event says of a number among many: the facts that decide whether it gets a PIN.
//!
//! It decides nothing: the plan does.

use super::PageEvent;
use crate::console::shared::{Shared, TargetNotice};
use crate::domain::batch_plan::{Candidate, Obstacle};
use crate::domain::number::{Number, PhoneNumberId, TwoStep};

/// The number of the event as it is known now; `None` if the event says nothing of a number that `get` knows.
pub(super) fn changed_candidate<'a>(
    event: &PageEvent<'_>,
    get: impl Fn(&PhoneNumberId) -> Option<&'a Candidate>,
    shared: &Shared,
) -> Option<Candidate> {
    match event {
        PageEvent::Refreshed(number) => {
            let known = get(&number.id)?;
            Some(shared.candidate((*number).clone(), known.is_hidden))
        }
        // A single read may be later than the page of a list.
        PageEvent::Listed(number) => {
            let known = get(&number.id).filter(|known| known.number.read_at <= number.read_at)?;
            Some(shared.candidate((*number).clone(), known.is_hidden))
        }
        PageEvent::ChangedElsewhere(id, notice) => Some(changed_elsewhere(get(id)?, notice)),
        PageEvent::ListsRead
        | PageEvent::PinGenerated(..)
        | PageEvent::CallsLeftRead(_)
        | PageEvent::RecentSetsRead(..) => None,
    }
}

fn changed_elsewhere(known: &Candidate, notice: &TargetNotice) -> Candidate {
    let known = known.clone();
    match notice {
        TargetNotice::SetElsewhere { .. } => {
            let number = Number { two_step: TwoStep::On, ..known.number };
            Candidate { number, obstacle: None, ..known }
        }
        TargetNotice::SendingElsewhere => {
            Candidate { obstacle: Some(Obstacle::BeingSent { elsewhere: true }), ..known }
        }
        TargetNotice::InDoubtElsewhere => Candidate { obstacle: Some(Obstacle::InDoubt), ..known },
        TargetNotice::Unlisted => Candidate { obstacle: Some(Obstacle::NotListed), ..known },
        TargetNotice::Renamed | TargetNotice::Refreshed => known,
    }
}
