//! Decides the state of a change, what ends the doubt about it, and the status of its job.
//!
//! A change is open from its intent until one of these: it is confirmed; it is refused or not sent, and no earlier
//! attempt is in doubt; an operator or a status read resolves it; a later PIN of the number is confirmed. A later
//! attempt opens it again. This module does not decide whether a PIN may be sent.

use std::collections::HashMap;

use crate::domain::change::{ChangeId, ChangeState, Completion, DoubtEnd, Resolution};
use crate::domain::standing::{ChangeResult, Doubt, DoubtCause, NotSentReason, Standing};
use crate::journal::model::{JobStatus, RecordedState};

/// What the rows say about a change, as far as its state depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) struct ChangeFacts {
    /// Its last record.
    pub(in crate::journal) last: LastRecord,
    /// True if one of its attempts ended in doubt.
    pub(in crate::journal) was_in_doubt: bool,
    /// True if Meta confirmed a PIN of the number, this one or another, after the last attempt.
    pub(in crate::journal) is_confirmed_since: bool,
    /// How an operator or a status read resolved the doubt after the last attempt.
    pub(in crate::journal) resolved_since: Option<Resolution>,
}

/// The last record of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum LastRecord {
    /// An attempt without an outcome.
    Attempt,
    /// The outcome of an attempt that its process waits to retry: it changed nothing, or is in doubt during a pause.
    Retry,
    /// Meta confirmed it.
    Confirmed,
    /// Meta refused it.
    Refused,
    /// pindesk did not send it.
    NotSent,
    /// Meta may have applied it, or the outcome cannot be parsed.
    InDoubt,
}

impl ChangeFacts {
    /// True if Meta may have applied the change, and nothing has ended the doubt.
    pub(in crate::journal) const fn is_open(self) -> bool {
        let may_be_applied = match self.last {
            LastRecord::Attempt => true,
            // After an attempt in doubt, the outcome of the last one is no proof.
            LastRecord::Retry
            | LastRecord::Confirmed
            | LastRecord::Refused
            | LastRecord::NotSent
            | LastRecord::InDoubt => self.was_in_doubt,
        };
        may_be_applied && !self.is_confirmed_since && self.resolved_since.is_none()
    }

    /// The state of the change. `is_alive` tells whether the process that made the last attempt is alive.
    pub(in crate::journal) const fn state(self, is_alive: bool) -> RecordedState {
        match self.last {
            LastRecord::Retry if is_alive => RecordedState::Running,
            LastRecord::Confirmed => RecordedState::Ended(ChangeResult::Set),
            LastRecord::Refused if !self.was_in_doubt => RecordedState::Ended(ChangeResult::Failed),
            // If it was to be retried, the process that waited has ended, and nothing is in doubt.
            LastRecord::Retry | LastRecord::NotSent if !self.was_in_doubt => {
                RecordedState::Ended(ChangeResult::NotSent)
            }
            LastRecord::Attempt if self.is_open() && is_alive => RecordedState::Running,
            LastRecord::Attempt
            | LastRecord::Retry
            | LastRecord::Refused
            | LastRecord::NotSent
            | LastRecord::InDoubt => match self.resolved_since {
                _ if self.is_open() => RecordedState::Ended(ChangeResult::NoAnswer),
                Some(Resolution::NoPinInForce) if !self.is_confirmed_since => RecordedState::NotApplied,
                Some(Resolution::NoPinInForce | Resolution::Manual) | None => RecordedState::Resolved,
            },
        }
    }

    /// Why an open change is in doubt: `recorded` is its last outcome in doubt. An attempt without an outcome is in
    /// doubt because its process ended.
    pub(in crate::journal) fn doubt(self, recorded: Option<Standing>) -> Doubt {
        let has_outcome = self.last != LastRecord::Attempt;
        match recorded {
            Some(Standing::InDoubt(doubt)) if has_outcome => *doubt,
            Some(Standing::Set | Standing::Failed(_) | Standing::NotSent(_) | Standing::InDoubt(_)) | None => {
                DoubtCause::ProcessEnded.into()
            }
        }
    }
}

/// What a change in this state is left with, recorded or deduced; `None` while it is not known.
pub(in crate::journal) fn deduced_standing(state: RecordedState, recorded: Option<Standing>) -> Option<Standing> {
    match state {
        RecordedState::NotStarted | RecordedState::Running => None,
        RecordedState::Ended(_) | RecordedState::NotApplied | RecordedState::Resolved => {
            Some(recorded.unwrap_or_else(|| Standing::in_doubt(DoubtCause::ProcessEnded)))
        }
    }
}

/// What the rows say about the end of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::journal) struct EndedChange {
    /// When its last attempt ended; `None` without an outcome.
    pub(in crate::journal) completion: Option<Completion>,
    /// What its last attempt left, as recorded.
    pub(in crate::journal) standing: Option<Standing>,
    /// When and how a doubt about it was resolved.
    pub(in crate::journal) resolution: Option<DoubtEnd>,
    /// When Meta last confirmed a PIN of its number, this one or another.
    pub(in crate::journal) last_set: Option<Completion>,
}

/// The state of a change for the operator; `None` if it has not ended, or is in doubt.
pub(in crate::journal) fn ended_state(state: RecordedState, ended: EndedChange) -> Option<ChangeState> {
    let EndedChange { completion, standing, resolution, last_set } = ended;
    match (state, standing) {
        (RecordedState::Ended(ChangeResult::Set), _) => completion.map(ChangeState::Set),
        (RecordedState::Ended(ChangeResult::Failed), Some(Standing::Failed(error))) => {
            Some(ChangeState::Failed(completion?, error))
        }
        (RecordedState::Ended(ChangeResult::NotSent), Some(Standing::NotSent(why))) => {
            Some(ChangeState::NotSent(completion?, why))
        }
        // Its process ended while it waited to retry.
        (RecordedState::Ended(ChangeResult::NotSent), Some(_)) => {
            Some(ChangeState::NotSent(completion?, NotSentReason::Stopped))
        }
        (RecordedState::NotApplied | RecordedState::Resolved, _) => match resolution {
            Some(end) => Some(ChangeState::Resolved(completion?, end)),
            // Another PIN was confirmed before the outcome of this one was recorded.
            None => last_set.map(ChangeState::Set),
        },
        (RecordedState::Ended(_) | RecordedState::NotStarted | RecordedState::Running, _) => None,
    }
}

/// True if a note of an operator resolves an open change: only if the operator `saw` it, because another process may
/// have left it since, and only if no other live process works on it.
pub(in crate::journal) fn note_resolves(change: ChangeId, saw: &[ChangeId], is_of_other_live_process: bool) -> bool {
    !is_of_other_live_process && saw.contains(&change)
}

/// Whether a job still runs. `resumable` is how many numbers are left to send. `is_active` tells whether a live process
/// that started it has not ended its work, or works on one of its numbers; `is_resumed` the same of one that resumed it.
pub(in crate::journal) fn job_status(
    counts: &HashMap<RecordedState, usize>,
    resumable: usize,
    is_active: bool,
    is_resumed: bool,
) -> JobStatus {
    let is_done = ![RecordedState::NotStarted, RecordedState::Running].iter().any(|state| counts.contains_key(state));
    match (is_resumed, is_done, is_active) {
        // The process sends the remaining numbers now, even if every number has an outcome.
        (true, _, _) | (false, false, true) => JobStatus::Running,
        (false, true, _) if resumable == 0 => JobStatus::Finished,
        (false, true, _) | (false, false, false) => JobStatus::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UtcTime;
    use crate::domain::outcome::DoubtReason;

    const fn facts(last: LastRecord, was_in_doubt: bool) -> ChangeFacts {
        ChangeFacts { last, was_in_doubt, is_confirmed_since: false, resolved_since: None }
    }

    #[test]
    fn a_change_is_open_until_its_doubt_ends() {
        use LastRecord::{Attempt, Confirmed, InDoubt, NotSent, Refused, Retry};
        // The last record, whether an attempt ended in doubt, and whether the change is open.
        let cases = [
            (Attempt, false, true),
            (Attempt, true, true),
            (Retry, false, false),
            (Retry, true, true),
            (Refused, false, false),
            (Refused, true, true),
            (NotSent, false, false),
            (NotSent, true, true),
            (InDoubt, true, true),
            // The outcome cannot be parsed, but its kind was not in doubt.
            (InDoubt, false, false),
            (Confirmed, false, false),
        ];
        for (last, was_in_doubt, is_open) in cases {
            let open = facts(last, was_in_doubt);
            assert_eq!(open.is_open(), is_open, "{open:?}");
            for ended in [
                ChangeFacts { is_confirmed_since: true, ..open },
                ChangeFacts { resolved_since: Some(Resolution::Manual), ..open },
            ] {
                assert!(!ended.is_open(), "{ended:?}");
            }
        }
    }

    #[test]
    fn the_state_of_a_change_follows_its_last_record() {
        use LastRecord::{Attempt, Confirmed, InDoubt, NotSent, Refused, Retry};
        use RecordedState as State;
        // The last record, whether an attempt ended in doubt, and the states: open with a live and with a dead process,
        // and after the doubt ended.
        let cases = [
            (Attempt, false, [State::Running, State::Ended(ChangeResult::NoAnswer), State::Resolved]),
            (Attempt, true, [State::Running, State::Ended(ChangeResult::NoAnswer), State::Resolved]),
            (Retry, false, [State::Running, State::Ended(ChangeResult::NotSent), State::Ended(ChangeResult::NotSent)]),
            (Retry, true, [State::Running, State::Ended(ChangeResult::NoAnswer), State::Resolved]),
            (Confirmed, false, [State::Ended(ChangeResult::Set); 3]),
            (Confirmed, true, [State::Ended(ChangeResult::Set); 3]),
            (Refused, false, [State::Ended(ChangeResult::Failed); 3]),
            (
                Refused,
                true,
                [State::Ended(ChangeResult::NoAnswer), State::Ended(ChangeResult::NoAnswer), State::Resolved],
            ),
            (NotSent, false, [State::Ended(ChangeResult::NotSent); 3]),
            (
                NotSent,
                true,
                [State::Ended(ChangeResult::NoAnswer), State::Ended(ChangeResult::NoAnswer), State::Resolved],
            ),
            (
                InDoubt,
                true,
                [State::Ended(ChangeResult::NoAnswer), State::Ended(ChangeResult::NoAnswer), State::Resolved],
            ),
        ];
        for (last, was_in_doubt, states) in cases {
            let open = facts(last, was_in_doubt);
            let ended = ChangeFacts { resolved_since: Some(Resolution::Manual), ..open };
            assert_eq!([open.state(true), open.state(false), ended.state(false)], states, "{open:?}");
        }
    }

    #[test]
    fn a_doubt_that_a_status_read_ended_was_not_applied() {
        let resolved =
            ChangeFacts { resolved_since: Some(Resolution::NoPinInForce), ..facts(LastRecord::InDoubt, true) };
        assert_eq!(resolved.state(false), RecordedState::NotApplied);
        assert!(RecordedState::NotApplied.is_resumable(None), "its number has no PIN");
        // What was confirmed later is another PIN.
        let confirmed = ChangeFacts { is_confirmed_since: true, ..resolved };
        assert_eq!(confirmed.state(false), RecordedState::Resolved);
        assert!(!RecordedState::Resolved.is_resumable(None));
    }

    #[test]
    fn a_doubt_has_the_recorded_reason_or_a_dead_process() {
        let not_true = || Doubt::from(DoubtReason::SuccessNotTrue);
        let recorded = || Some(Standing::in_doubt(not_true()));
        let ended = || Doubt::from(DoubtCause::ProcessEnded);
        let cases = [
            (LastRecord::InDoubt, recorded(), not_true()),
            (LastRecord::Refused, recorded(), not_true()),
            (LastRecord::Attempt, recorded(), ended()),
            (LastRecord::Attempt, None, ended()),
            (LastRecord::InDoubt, None, ended()),
            (LastRecord::InDoubt, Some(Standing::Set), ended()),
        ];
        for (last, standing, doubt) in cases {
            assert_eq!(facts(last, true).doubt(standing.clone()), doubt, "{last:?} {standing:?}");
        }
        assert_eq!(deduced_standing(RecordedState::Running, Some(Standing::Set)), None);
        let set = RecordedState::Ended(ChangeResult::Set);
        assert_eq!(deduced_standing(set, Some(Standing::Set)), Some(Standing::Set));
        let no_answer = RecordedState::Ended(ChangeResult::NoAnswer);
        assert_eq!(deduced_standing(no_answer, None), Some(Standing::in_doubt(ended())));
    }

    #[test]
    fn an_ended_change_shows_its_outcome_or_what_ended_its_doubt() {
        let once = |seconds| Completion { at: UtcTime::from_unix_seconds(seconds), attempts: 1 };
        let stopped = || Standing::NotSent(NotSentReason::Stopped);
        let not_sent = || Some(ChangeState::NotSent(once(1), NotSentReason::Stopped));
        let ended =
            |standing, resolution, last_set| EndedChange { completion: Some(once(1)), standing, resolution, last_set };
        let end = DoubtEnd { at: UtcTime::from_unix_seconds(2), how: Resolution::Manual };
        let resolution = || Some(end);
        let doubt = || Some(Standing::in_doubt(DoubtReason::SuccessNotTrue));
        let cases = [
            (RecordedState::Running, ended(Some(stopped()), None, None), None),
            (RecordedState::Ended(ChangeResult::Set), ended(None, None, None), Some(ChangeState::Set(once(1)))),
            (RecordedState::Ended(ChangeResult::NotSent), ended(Some(stopped()), None, None), not_sent()),
            // It waited to retry something else than a PIN that was not sent.
            (RecordedState::Ended(ChangeResult::NotSent), ended(doubt(), None, None), not_sent()),
            (RecordedState::Ended(ChangeResult::NoAnswer), ended(doubt(), None, Some(once(0))), None),
            // Its outcome cannot be parsed.
            (RecordedState::Ended(ChangeResult::Failed), ended(None, None, None), None),
            (
                RecordedState::Resolved,
                ended(doubt(), resolution(), Some(once(0))),
                Some(ChangeState::Resolved(once(1), end)),
            ),
            (RecordedState::Resolved, ended(doubt(), None, Some(once(3))), Some(ChangeState::Set(once(3)))),
            (RecordedState::Resolved, ended(None, None, None), None),
        ];
        for (state, change, expected) in cases {
            assert_eq!(ended_state(state, change.clone()), expected, "{state:?} {change:?}");
        }
    }

    #[test]
    fn a_note_resolves_what_was_seen_and_is_in_no_other_hands() {
        let [seen, left_since] = [ChangeId::new(), ChangeId::new()];
        let cases = [(seen, false, true), (seen, true, false), (left_since, false, false), (left_since, true, false)];
        for (change, is_of_other_live_process, expected) in cases {
            assert_eq!(note_resolves(change, &[seen], is_of_other_live_process), expected);
        }
    }

    #[test]
    fn a_job_runs_while_a_process_works_on_it() {
        use JobStatus::{Finished, Interrupted, Running};
        let (done, unstarted, sending) =
            (RecordedState::Ended(ChangeResult::Set), RecordedState::NotStarted, RecordedState::Running);
        // Another state in the job, how many numbers are left to send, whether a process is active, whether one resumed it.
        let cases = [
            (done, 0, false, false, Finished),
            (done, 0, true, false, Finished),
            (done, 0, false, true, Running),
            (done, 1, false, false, Interrupted),
            (done, 1, true, false, Interrupted),
            (done, 1, false, true, Running),
            (unstarted, 1, false, false, Interrupted),
            (unstarted, 1, true, false, Running),
            (unstarted, 1, false, true, Running),
            (sending, 0, true, false, Running),
        ];
        for (other, resumable, is_active, is_resumed, expected) in cases {
            let counts = HashMap::from([(RecordedState::Ended(ChangeResult::Failed), 1), (other, 1)]);
            let status = job_status(&counts, resumable, is_active, is_resumed);
            assert_eq!(status, expected, "{other:?} {resumable} {is_active} {is_resumed}");
        }
    }
}
