//! When to repeat a request that sets a PIN, and when never to.
//!
//! A repeat carries the same PIN, so that it can do no more than the first try did. These are rules only: nothing here
//! waits, sends, reads a clock or draws a random number; chance is passed in.

use std::iter;
use std::time::Duration;

use crate::catalogue::{self, Entry, Scope};
use crate::job::MAX_TRIES;
use crate::outcome::{Doubt, NotSent, Outcome, ReadFailure, Unchanged};

/// The ceiling of the first wait; each further one is twice as high.
const FIRST_CEILING: Duration = Duration::from_secs(1);
/// Longer waits only make an operator think that nothing happens.
const HIGHEST_CEILING: Duration = Duration::from_mins(1);
/// Reads of one page, the first included: each may take the whole deadline.
const MAX_READS: u8 = 3;
/// After a 429 that is not Graph's: some proxy asks to go slower.
const FOREIGN_THROTTLE_WAIT: Duration = Duration::from_secs(5);

/// What follows one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The change has come to rest.
    Rest {
        /// What the change as a whole came to: doubt about an earlier try is still in it.
        outcome: Outcome,
        /// What else would fail for the same reason, and is not to be sent.
        stops: Stops,
    },
    /// The same PIN again.
    Repeat {
        /// How long to wait first.
        after: Duration,
    },
}

impl Step {
    /// What else is not to be sent: nothing, while the same PIN goes again.
    #[must_use]
    pub const fn stops(&self) -> Stops {
        match self {
            Self::Rest { stops, .. } => *stops,
            Self::Repeat { .. } => Stops::Nothing,
        }
    }
}

/// How much of a batch stops with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stops {
    /// The others go on.
    Nothing,
    /// What is left of the same WABA.
    Waba,
    /// Everything: the access token was refused.
    All,
}

/// The ceilings of the waits between tries: 1, 2, 4, … 60 s, without end.
pub fn ceilings() -> impl Iterator<Item = Duration> {
    iter::successors(Some(FIRST_CEILING), |ceiling| Some(ceiling.saturating_mul(2).min(HIGHEST_CEILING)))
}

/// Anything from nothing to the ceiling, all equally likely ("full jitter"): what failed together must not come back
/// together.
#[must_use]
pub fn full_jitter(ceiling: Duration, random: u32) -> Duration {
    ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// What follows a try of one change.
///
/// `attempt` is 1 for the first try. `earlier_doubt` is the doubt about an earlier try of the same change, if there is
/// any: only a confirmation clears it. `asked` is the wait that the reply asked for, which a throttle is due: calls made
/// before its end only make it longer. `random` is drawn anew for each call.
#[must_use]
pub fn next_step(
    outcome: Outcome,
    attempt: u8,
    earlier_doubt: Option<&Doubt>,
    asked: Option<Duration>,
    random: u32,
) -> Step {
    let asked = asked.filter(|_| is_throttle(&outcome)).unwrap_or_default();
    let least = if attempt < MAX_TRIES { least_wait(&outcome).map(|least| least.max(asked)) } else { None };
    if let Some(least) = least {
        let ceiling = ceilings().nth(usize::from(attempt.saturating_sub(1))).unwrap_or(HIGHEST_CEILING);
        return Step::Repeat { after: least + full_jitter(ceiling, random) };
    }
    let stops = stops(&outcome);
    let outcome = match (outcome, earlier_doubt) {
        (Outcome::Refused(fault), Some(doubt)) => Outcome::InDoubt(doubt.clone().repeated(Unchanged::Refused(fault))),
        (Outcome::NotSent(why), Some(doubt)) => Outcome::InDoubt(doubt.clone().repeated(Unchanged::NotSent(why))),
        (outcome, _) => outcome,
    };
    Step::Rest { outcome, stops }
}

/// How long to wait before a read that failed is tried again; `None` where that is useless. A read changes nothing, so
/// any answer but Meta's own "no" is worth another look; without a connection the operator is told at once instead.
#[must_use]
pub fn next_read(failure: &ReadFailure, attempt: u8, random: u32) -> Option<Duration> {
    let is_worth_it = match failure {
        ReadFailure::NoAnswer | ReadFailure::StrangeReply { .. } => true,
        ReadFailure::Fault(fault) => catalogue::explain(fault).scope == Scope::Meta,
        ReadFailure::NotSent(_) => false,
    };
    let ceiling = ceilings().nth(usize::from(attempt.saturating_sub(1)))?;
    (is_worth_it && attempt < MAX_READS).then(|| full_jitter(ceiling, random))
}

/// The least wait before a repeat, or `None` where a repeat is useless or wrong.
fn least_wait(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(fault) => {
            let entry = catalogue::explain(fault);
            match entry.scope {
                Scope::Pace | Scope::Meta => Some(wait_of(entry)),
                Scope::Token | Scope::Waba | Scope::Number => None,
            }
        }
        Outcome::NotSent(why) => match why {
            NotSent::NoConnection(_) => Some(Duration::ZERO),
            // A certificate does not get better in seconds; asking again only hides who answers in Meta's place.
            NotSent::Tls(_)
            | NotSent::Stopped
            | NotSent::TokenRefused
            | NotSent::WabaRefused(_)
            | NotSent::NoSureAnswers
            | NotSent::RefusedHere(_) => None,
        },
        Outcome::InDoubt(doubt) => match doubt {
            Doubt::MetaFault(fault) => {
                let entry = catalogue::explain(fault);
                // Whatever Meta's trouble was, with a refused token it would not tell us.
                (entry.scope != Scope::Token).then(|| wait_of(entry))
            }
            Doubt::StrangeReply { http_status: 429 } => Some(FOREIGN_THROTTLE_WAIT),
            Doubt::NoAnswer { .. } | Doubt::LineBroke { .. } | Doubt::StrangeReply { .. } | Doubt::SuccessNotTrue => {
                Some(Duration::ZERO)
            }
            // Not about this request: a repeat of it settles nothing.
            Doubt::OlderPin(_) | Doubt::Repeated { .. } | Doubt::CutShort | Doubt::Unrecorded => None,
        },
    }
}

fn is_throttle(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused(fault) | Outcome::InDoubt(Doubt::MetaFault(fault)) => {
            catalogue::explain(fault).scope == Scope::Pace
        }
        Outcome::InDoubt(doubt) => matches!(doubt, Doubt::StrangeReply { http_status: 429 }),
        Outcome::Confirmed | Outcome::NotSent(_) => false,
    }
}

fn wait_of(entry: &Entry) -> Duration {
    Duration::from_secs(entry.least_wait_seconds)
}

fn stops(outcome: &Outcome) -> Stops {
    match outcome {
        Outcome::Refused(fault) | Outcome::InDoubt(Doubt::MetaFault(fault)) => match catalogue::explain(fault).scope {
            Scope::Token => Stops::All,
            Scope::Waba => Stops::Waba,
            Scope::Number | Scope::Pace | Scope::Meta => Stops::Nothing,
        },
        Outcome::Confirmed
        | Outcome::NotSent(_)
        | Outcome::InDoubt(
            Doubt::NoAnswer { .. }
            | Doubt::LineBroke { .. }
            | Doubt::StrangeReply { .. }
            | Doubt::SuccessNotTrue
            | Doubt::OlderPin(_)
            | Doubt::Repeated { .. }
            | Doubt::CutShort
            | Doubt::Unrecorded,
        ) => Stops::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::Fault;
    use crate::text::Clean;

    const SECOND: Duration = Duration::from_secs(1);
    const LOST: Doubt = Doubt::LineBroke { after: SECOND };

    fn fault(http_status: u16, code: i64) -> Fault {
        Fault {
            http_status,
            code,
            subcode: None,
            message: Clean::new("?"),
            details: None,
            trace_id: None,
            is_transient: false,
        }
    }

    fn refused(code: i64) -> Outcome {
        Outcome::Refused(fault(400, code))
    }

    fn no_connection() -> Outcome {
        Outcome::NotSent(NotSent::NoConnection(Clean::new("refused")))
    }

    fn rest(outcome: Outcome, stops: Stops) -> Step {
        Step::Rest { outcome, stops }
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let seconds: Vec<u64> = ceilings().take(9).map(|ceiling| ceiling.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn jitter_takes_anything_up_to_the_ceiling() {
        assert_eq!(full_jitter(SECOND, 0), Duration::ZERO);
        assert_eq!(full_jitter(SECOND, u32::MAX), SECOND);
    }

    #[test]
    fn what_is_in_doubt_or_never_left_is_repeated_until_the_fourth_try() {
        for outcome in [Outcome::InDoubt(LOST), Outcome::InDoubt(Doubt::SuccessNotTrue), no_connection()] {
            for (attempt, seconds) in [(1, 1), (2, 2), (3, 4)] {
                let step = next_step(outcome.clone(), attempt, None, None, u32::MAX);
                assert_eq!(step, Step::Repeat { after: Duration::from_secs(seconds) }, "{outcome:?}");
            }
            assert_eq!(next_step(outcome.clone(), 4, None, None, 7), rest(outcome, Stops::Nothing));
        }
    }

    #[test]
    fn a_throttle_and_a_fault_of_meta_are_repeated_after_the_wait_they_ask_for() {
        let cases = [
            (refused(80_008), 5),
            (Outcome::Refused(fault(429, 987_654)), 5),
            (refused(131_016), 0),
            (Outcome::InDoubt(Doubt::MetaFault(fault(500, 131_057))), 60),
            (Outcome::InDoubt(Doubt::MetaFault(fault(503, 2))), 0),
            (Outcome::InDoubt(Doubt::StrangeReply { http_status: 429 }), 5),
        ];
        for (outcome, seconds) in cases {
            let step = next_step(outcome.clone(), 1, None, None, 0);
            assert_eq!(step, Step::Repeat { after: Duration::from_secs(seconds) }, "{outcome:?}");
        }
    }

    #[test]
    fn a_throttle_is_waited_out_as_long_as_meta_asks_and_nothing_else_is() {
        let asked = Some(Duration::from_mins(19));
        assert_eq!(next_step(refused(80_008), 1, None, asked, 0), Step::Repeat { after: Duration::from_mins(19) });
        assert_eq!(next_step(Outcome::InDoubt(LOST), 1, None, asked, 0), Step::Repeat { after: Duration::ZERO });
        assert_eq!(next_step(refused(100), 1, None, asked, 0), rest(refused(100), Stops::Nothing));
    }

    #[test]
    fn a_refusal_is_final_and_stops_what_would_fail_too() {
        for (code, stops) in [
            (100, Stops::Nothing),
            (133_010, Stops::Nothing),
            (133_016, Stops::Nothing),
            (200, Stops::Waba),
            (368, Stops::Waba),
            (190, Stops::All),
            (102, Stops::All),
        ] {
            assert_eq!(next_step(refused(code), 1, None, None, 0), rest(refused(code), stops), "{code}");
        }
    }

    #[test]
    fn a_failed_handshake_and_what_was_refused_here_are_not_repeated() {
        let why = Clean::new("certificate expired");
        for not_sent in [NotSent::Tls(why.clone()), NotSent::RefusedHere(why), NotSent::Stopped, NotSent::TokenRefused]
        {
            let outcome = Outcome::NotSent(not_sent);
            assert_eq!(next_step(outcome.clone(), 1, None, None, 0), rest(outcome, Stops::Nothing));
        }
    }

    #[test]
    fn a_refused_token_in_a_doubtful_answer_stops_all_and_stays_in_doubt() {
        let outcome = Outcome::InDoubt(Doubt::MetaFault(fault(500, 190)));
        assert_eq!(next_step(outcome.clone(), 1, None, None, 0), rest(outcome, Stops::All));
    }

    #[test]
    fn only_a_confirmation_clears_an_earlier_doubt() {
        let after = |last: Outcome| match last {
            Outcome::Refused(fault) => Outcome::InDoubt(LOST.repeated(Unchanged::Refused(fault))),
            Outcome::NotSent(why) => Outcome::InDoubt(LOST.repeated(Unchanged::NotSent(why))),
            Outcome::Confirmed | Outcome::InDoubt(_) => unreachable!("it changed nothing"),
        };
        let in_doubt = |last| rest(after(last), Stops::Nothing);
        assert_eq!(next_step(refused(100), 2, Some(&LOST), None, 0), in_doubt(refused(100)));
        assert_eq!(next_step(no_connection(), 4, Some(&LOST), None, 0), in_doubt(no_connection()));
        assert_eq!(next_step(Outcome::Confirmed, 2, Some(&LOST), None, 0), rest(Outcome::Confirmed, Stops::Nothing));
        let stopped = next_step(refused(190), 2, Some(&LOST), None, 0);
        assert_eq!(stopped, rest(after(refused(190)), Stops::All));
    }

    proptest! {
        #[test]
        fn no_change_is_ever_tried_a_fifth_time(code in any::<i64>(), http_status in 100u16..600, attempt in 4u8.., random: u32) {
            let outcomes = [
                Outcome::Refused(fault(http_status, code)),
                Outcome::InDoubt(Doubt::MetaFault(fault(http_status, code))),
                Outcome::InDoubt(LOST),
                no_connection(),
            ];
            for outcome in outcomes {
                let is_rest = matches!(next_step(outcome, attempt, None, None, random), Step::Rest { .. });
                prop_assert!(is_rest);
            }
        }

        #[test]
        fn a_wait_is_never_longer_than_its_least_and_its_ceiling(attempt in 1u8..4, random: u32, code in any::<i64>()) {
            if let Step::Repeat { after } = next_step(refused(code), attempt, None, None, random) {
                prop_assert!(after <= Duration::from_secs(64));
            }
        }
    }
}
