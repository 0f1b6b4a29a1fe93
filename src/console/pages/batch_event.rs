//! What an event says of a number among many: the facts that decide whether it gets a PIN, and what the question about
//! them must say.
//!
//! It decides nothing: the plan does.

use super::PageEvent;
use crate::console::job_remainder::JobRemainder;
use crate::console::shared::{Shared, TargetNotice};
use crate::domain::batch_plan::{BatchChange, Candidate, LeftOutReason, Obstacle};
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::text::count_numbers;

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

/// What a question by a count says of a change of one of its numbers; `None` if the operator must read nothing again.
/// `lost` is how many numbers were left out while it was open.
pub(super) fn change_notice(change: BatchChange, label: &str, lost: &mut usize) -> Option<String> {
    Some(match change {
        BatchChange::None => return None,
        BatchChange::LeftOut(reason) => left_out_notice(label, reason_text(reason), lost),
        BatchChange::Stronger => format!("A PIN may be set on {label} now. Count again."),
        BatchChange::Renamed => format!("The name of {label} has changed. Count again."),
    })
}

fn left_out_notice(label: &str, reason: &str, lost: &mut usize) -> String {
    *lost += 1;
    match *lost {
        1 => format!("{label} is left out: {reason}. Count again."),
        lost => format!("{} are left out, because they changed. Count again.", count_numbers(lost)),
    }
}

/// Why a number is left out, after a colon.
const fn reason_text(reason: LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::On => "a PIN is set now",
        LeftOutReason::Unknown => "its status is unknown now",
        LeftOutReason::Obstacle(Obstacle::BeingSent { elsewhere: true }) => "another pindesk is sending a PIN",
        LeftOutReason::Obstacle(Obstacle::BeingSent { elsewhere: false }) => "a PIN is being sent",
        LeftOutReason::Obstacle(Obstacle::InDoubt) => "it is in doubt",
        LeftOutReason::Obstacle(Obstacle::MayStillArrive) => "its last request may still arrive",
        LeftOutReason::Obstacle(Obstacle::NotListed) => "it is no longer listed",
    }
}

/// Updates what a job left by an event. Returns what its question must say, as [`change_notice`] does.
pub(super) fn update_remainder(
    remainder: &mut JobRemainder,
    event: &PageEvent<'_>,
    lost: &mut usize,
    shared: &Shared,
) -> Option<String> {
    if let PageEvent::ChangedElsewhere(id, TargetNotice::SetElsewhere { at, .. }) = event
        && *at > remainder.began
    {
        let label = remainder.frozen().get(id)?.number.label().to_owned();
        let is_left_out = remainder.leave_out_set(id);
        return is_left_out.then(|| left_out_notice(&label, "a PIN was set there", lost));
    }
    let candidate = changed_candidate(event, |id| remainder.frozen().get(id), shared)?;
    let label = candidate.number.label().to_owned();
    change_notice(remainder.update(candidate), &label, lost)
}
