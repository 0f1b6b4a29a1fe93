//! Whether a PIN of the escrow is in force, as far as this journal can know: Meta reveals no PIN.
//!
//! It reads nothing. What it does not know is `maybe`.

use std::collections::HashMap;

use serde::Serialize;

use crate::domain::change::ChangeId;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::standing::ChangeResult;
use crate::journal::{RecordedState, SentChange};

/// Whether a PIN is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InForce {
    /// It is the newest PIN that Meta confirmed to this journal.
    Yes,
    /// It was refused, not sent or replaced.
    No,
    /// It was set last, and Meta reported later that two-step verification is not set.
    #[serde(rename = "no")]
    OffSince,
    Maybe,
}

impl InForce {
    /// The words in the table.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::OffSince => "no, off since",
            Self::Maybe => "maybe",
        }
    }
}

/// Decides for each change. `changes` are all of the journal, in the order in which they were sent, with those whose PIN
/// is not in the escrow; `number` finds a number as it was read last.
pub(crate) fn decide<'a>(
    changes: &[SentChange],
    number: impl Fn(PhoneNumberId) -> Option<&'a Number>,
) -> HashMap<ChangeId, InForce> {
    // From the newest to the oldest: what was sent later decides about what was sent before.
    let mut later: HashMap<PhoneNumberId, Later> = HashMap::new();
    let mut decisions = HashMap::new();
    for change in changes.iter().rev() {
        let later = later.entry(change.number).or_default();
        let is_off = number(change.number).is_some_and(|number| is_off_since(number, change));
        let if_not_replaced = match change.state {
            RecordedState::Ended(ChangeResult::Failed | ChangeResult::NotSent)
            | RecordedState::NotStarted
            | RecordedState::NotApplied => InForce::No,
            RecordedState::Ended(ChangeResult::Set) | RecordedState::Resolved if is_off => InForce::OffSince,
            RecordedState::Ended(ChangeResult::Set) if !later.is_uncertain => InForce::Yes,
            RecordedState::Ended(ChangeResult::Set | ChangeResult::NoAnswer)
            | RecordedState::Running
            | RecordedState::Resolved => InForce::Maybe,
        };
        let decision = if later.is_confirmed { InForce::No } else { if_not_replaced };
        later.is_confirmed |= change.state == RecordedState::Ended(ChangeResult::Set);
        later.is_uncertain |= decision == InForce::Maybe;
        decisions.insert(change.change, decision);
    }
    decisions
}

/// What was sent to a number after a change.
#[derive(Debug, Default)]
struct Later {
    is_confirmed: bool,
    is_uncertain: bool,
}

/// True if Meta reported after the end of the change that two-step verification is not set.
fn is_off_since(number: &Number, change: &SentChange) -> bool {
    number.two_step == TwoStep::NotSet && number.read_at.zip(change.ended_at).is_some_and(|(read, ended)| read > ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UtcTime;

    const SET: RecordedState = RecordedState::Ended(ChangeResult::Set);
    const FAILED: RecordedState = RecordedState::Ended(ChangeResult::Failed);
    const NOT_SENT: RecordedState = RecordedState::Ended(ChangeResult::NotSent);
    const NO_ANSWER: RecordedState = RecordedState::Ended(ChangeResult::NoAnswer);

    /// Decides for changes of one number in these states, sent at 10 s, 20 s and so on, each answered 5 s later.
    fn decisions(states: &[RecordedState], number: Option<&Number>) -> Vec<InForce> {
        let id = "200000000000001".parse().expect("an ID");
        let change = |(n, state): (u32, &RecordedState)| SentChange {
            change: ChangeId::new(),
            number: id,
            state: *state,
            last_attempt_at: Some(UtcTime::from_unix_seconds(n * 10)),
            ended_at: Some(UtcTime::from_unix_seconds(n * 10 + 5)),
        };
        let changes: Vec<_> = (1..).zip(states).map(change).collect();
        let decisions = decide(&changes, |_| number);
        changes.iter().map(|change| decisions[&change.change]).collect()
    }

    #[test]
    fn the_newest_confirmed_pin_is_in_force() {
        use InForce::{Maybe, No, Yes};
        use RecordedState::{Resolved, Running};
        for (states, expected) in [
            (&[SET][..], &[Yes][..]),
            (&[SET, SET], &[No, Yes]),
            (&[SET, FAILED, NOT_SENT], &[Yes, No, No]),
            (&[FAILED], &[No]),
            (&[NO_ANSWER], &[Maybe]),
            (&[SET, NO_ANSWER, FAILED], &[Maybe, Maybe, No]),
            (&[SET, Running], &[Maybe, Maybe]),
            (&[SET, Resolved], &[Maybe, Maybe]),
            (&[Resolved, SET], &[No, Yes]),
            (&[SET, Resolved, SET, FAILED], &[No, No, Yes, No]),
        ] {
            assert_eq!(decisions(states, None), expected, "{states:?}");
        }
    }

    #[test]
    fn a_number_that_reads_not_set_later_has_no_pin() {
        let number = |two_step, seconds| Number {
            two_step,
            read_at: Some(UtcTime::from_unix_seconds(seconds)),
            ..Number::from_config("200000000000001".parse().expect("an ID"), None)
        };
        for (two_step, read_at, expected) in [
            (TwoStep::NotSet, 16, InForce::OffSince),
            (TwoStep::NotSet, 15, InForce::Yes),
            // Read after the request was recorded, and before Meta confirmed it.
            (TwoStep::NotSet, 11, InForce::Yes),
            (TwoStep::On, 16, InForce::Yes),
            (TwoStep::Unknown, 16, InForce::Yes),
        ] {
            assert_eq!(decisions(&[SET], Some(&number(two_step, read_at))), [expected], "{two_step:?} {read_at}");
        }
        assert_eq!(
            decisions(&[NO_ANSWER], Some(&number(TwoStep::NotSet, 16))),
            [InForce::Maybe],
            "it may still arrive"
        );
    }
}
