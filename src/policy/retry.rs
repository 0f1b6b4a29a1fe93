//! When to retry a request that sets a PIN, and when never to.
//!
//! A retry carries the same PIN, so it can do no more than the first attempt. These are pure rules: nothing here waits,
//! sends, reads a clock or draws a random number; randomness is passed in.

use std::iter;
use std::time::Duration;

use crate::domain::change::MAX_ATTEMPTS;
use crate::domain::outcome::{DoubtReason, NotApplied, NotSentReason, Outcome, ReadFailure};
use crate::policy::error_catalog::{self, CatalogEntry, ErrorScope};

/// The ceiling of the first wait. Each further ceiling is twice as high.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
/// Longer waits only make an operator think that nothing happens.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// Reads of one page, including the first: each may take the whole deadline.
const MAX_READ_ATTEMPTS: u8 = 3;
/// After a 429 that is not from Graph: a proxy asks to slow down.
const PROXY_THROTTLE_WAIT: Duration = Duration::from_secs(5);

/// What follows an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// The change ends.
    Finish {
        /// The outcome of the whole change: it includes doubt about an earlier attempt.
        outcome: Outcome,
        /// What else would fail for the same reason, and must not be sent.
        stop_scope: StopScope,
    },
    /// Send the same PIN again.
    Retry {
        /// How long to wait first.
        after: Duration,
    },
}

impl NextStep {
    /// What else must not be sent: nothing, while the same PIN is retried.
    #[must_use]
    pub const fn stop_scope(&self) -> StopScope {
        match self {
            Self::Finish { stop_scope: stops, .. } => *stops,
            Self::Retry { .. } => StopScope::Nothing,
        }
    }
}

/// How much of a job stops with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopScope {
    /// Nothing else stops.
    Nothing,
    /// The rest of the same WABA.
    Waba,
    /// Everything: the access token was refused.
    All,
}

/// The ceilings of the waits between attempts: 1, 2, 4, … 60 s, without end.
pub fn backoff_ceilings() -> impl Iterator<Item = Duration> {
    iter::successors(Some(INITIAL_BACKOFF), |ceiling| Some(ceiling.saturating_mul(2).min(MAX_BACKOFF)))
}

/// Anything from zero to the ceiling, all equally likely ("full jitter"), so that requests that failed together do not
/// return together.
#[must_use]
pub fn full_jitter(ceiling: Duration, random: u32) -> Duration {
    ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// Decides what follows an attempt of one change.
///
/// `attempt` is 1 for the first. `earlier_doubt` is the doubt about an earlier attempt of the same change, if any: only
/// a confirmation clears it. `asked` is the wait that the reply asked for; only a throttle honors it, because calls
/// before its end make it longer. `random` is drawn for each call.
#[must_use]
pub fn next_step(
    outcome: Outcome,
    attempt: u8,
    earlier_doubt: Option<&DoubtReason>,
    asked: Option<Duration>,
    random: u32,
) -> NextStep {
    let asked = asked.filter(|_| is_throttle(&outcome)).unwrap_or_default();
    let least = if attempt < MAX_ATTEMPTS { min_retry_wait(&outcome).map(|least| least.max(asked)) } else { None };
    if let Some(least) = least {
        let ceiling = backoff_ceilings().nth(usize::from(attempt.saturating_sub(1))).unwrap_or(MAX_BACKOFF);
        return NextStep::Retry { after: least + full_jitter(ceiling, random) };
    }
    let stops = stop_scope(&outcome);
    let outcome = match (outcome, earlier_doubt) {
        (Outcome::Refused(fault), Some(doubt)) => {
            Outcome::InDoubt(doubt.clone().after_failed_retry(NotApplied::Refused(fault)))
        }
        (Outcome::NotSent(why), Some(doubt)) => {
            Outcome::InDoubt(doubt.clone().after_failed_retry(NotApplied::NotSent(why)))
        }
        (outcome, _) => outcome,
    };
    NextStep::Finish { outcome, stop_scope: stops }
}

/// How long to wait before a failed read is retried; `None` if that is useless. A read changes nothing, so everything
/// but Meta's own refusal is worth a retry. Without a connection the operator is told at once instead.
#[must_use]
pub fn read_retry_delay(failure: &ReadFailure, attempt: u8, random: u32) -> Option<Duration> {
    let is_worth_it = match failure {
        ReadFailure::NoAnswer | ReadFailure::UnexpectedReply { .. } => true,
        ReadFailure::Api(fault) => error_catalog::lookup(fault).scope == ErrorScope::ServerError,
        ReadFailure::NotSent(_) => false,
    };
    let ceiling = backoff_ceilings().nth(usize::from(attempt.saturating_sub(1)))?;
    (is_worth_it && attempt < MAX_READ_ATTEMPTS).then(|| full_jitter(ceiling, random))
}

/// The minimum wait before a retry; `None` if a retry is useless or wrong.
fn min_retry_wait(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(fault) => {
            let entry = error_catalog::lookup(fault);
            match entry.scope {
                ErrorScope::Throttle | ErrorScope::ServerError => Some(min_wait(entry)),
                ErrorScope::Token | ErrorScope::Waba | ErrorScope::Number => None,
            }
        }
        Outcome::NotSent(why) => match why {
            NotSentReason::NoConnection(_) => Some(Duration::ZERO),
            // A certificate does not become valid in seconds, and a retry only hides who answers in Meta's place.
            NotSentReason::Tls(_)
            | NotSentReason::Stopped
            | NotSentReason::TokenRefused
            | NotSentReason::WabaRefused(_)
            | NotSentReason::TooManyInDoubt
            | NotSentReason::RefusedLocally(_) => None,
        },
        Outcome::InDoubt(doubt) => match doubt {
            DoubtReason::ServerError(fault) => {
                let entry = error_catalog::lookup(fault);
                // With a refused token a retry could not succeed, whatever else was wrong.
                (entry.scope != ErrorScope::Token).then(|| min_wait(entry))
            }
            DoubtReason::UnexpectedReply { http_status: 429 } => Some(PROXY_THROTTLE_WAIT),
            DoubtReason::TimedOut { .. }
            | DoubtReason::ConnectionLost { .. }
            | DoubtReason::UnexpectedReply { .. }
            | DoubtReason::SuccessNotTrue => Some(Duration::ZERO),
            // These do not concern this request, so a retry resolves nothing.
            DoubtReason::OlderPinInDoubt(_)
            | DoubtReason::EarlierAttemptInDoubt { .. }
            | DoubtReason::ProcessEnded
            | DoubtReason::EscrowOnly => None,
        },
    }
}

fn is_throttle(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused(fault) | Outcome::InDoubt(DoubtReason::ServerError(fault)) => {
            error_catalog::lookup(fault).scope == ErrorScope::Throttle
        }
        Outcome::InDoubt(doubt) => matches!(doubt, DoubtReason::UnexpectedReply { http_status: 429 }),
        Outcome::Confirmed | Outcome::NotSent(_) => false,
    }
}

fn min_wait(entry: &CatalogEntry) -> Duration {
    Duration::from_secs(entry.min_wait_seconds)
}

fn stop_scope(outcome: &Outcome) -> StopScope {
    match outcome {
        Outcome::Refused(fault) | Outcome::InDoubt(DoubtReason::ServerError(fault)) => {
            match error_catalog::lookup(fault).scope {
                ErrorScope::Token => StopScope::All,
                ErrorScope::Waba => StopScope::Waba,
                ErrorScope::Number | ErrorScope::Throttle | ErrorScope::ServerError => StopScope::Nothing,
            }
        }
        Outcome::Confirmed
        | Outcome::NotSent(_)
        | Outcome::InDoubt(
            DoubtReason::TimedOut { .. }
            | DoubtReason::ConnectionLost { .. }
            | DoubtReason::UnexpectedReply { .. }
            | DoubtReason::SuccessNotTrue
            | DoubtReason::OlderPinInDoubt(_)
            | DoubtReason::EarlierAttemptInDoubt { .. }
            | DoubtReason::ProcessEnded
            | DoubtReason::EscrowOnly,
        ) => StopScope::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::outcome::ApiError;
    use crate::domain::text::CleanText;

    const SECOND: Duration = Duration::from_secs(1);
    const LOST: DoubtReason = DoubtReason::ConnectionLost { after: SECOND };

    fn fault(http_status: u16, code: i64) -> ApiError {
        ApiError {
            http_status,
            code,
            subcode: None,
            message: CleanText::new("?"),
            details: None,
            trace_id: None,
            is_transient: false,
        }
    }

    fn refused(code: i64) -> Outcome {
        Outcome::Refused(fault(400, code))
    }

    fn no_connection() -> Outcome {
        Outcome::NotSent(NotSentReason::NoConnection(CleanText::new("refused")))
    }

    fn rest(outcome: Outcome, stops: StopScope) -> NextStep {
        NextStep::Finish { outcome, stop_scope: stops }
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let seconds: Vec<u64> = backoff_ceilings().take(9).map(|ceiling| ceiling.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn jitter_takes_anything_up_to_the_ceiling() {
        assert_eq!(full_jitter(SECOND, 0), Duration::ZERO);
        assert_eq!(full_jitter(SECOND, u32::MAX), SECOND);
    }

    #[test]
    fn what_is_in_doubt_or_never_left_is_repeated_until_the_fourth_try() {
        for outcome in [Outcome::InDoubt(LOST), Outcome::InDoubt(DoubtReason::SuccessNotTrue), no_connection()] {
            for (attempt, seconds) in [(1, 1), (2, 2), (3, 4)] {
                let step = next_step(outcome.clone(), attempt, None, None, u32::MAX);
                assert_eq!(step, NextStep::Retry { after: Duration::from_secs(seconds) }, "{outcome:?}");
            }
            assert_eq!(next_step(outcome.clone(), 4, None, None, 7), rest(outcome, StopScope::Nothing));
        }
    }

    #[test]
    fn a_throttle_and_a_fault_of_meta_are_repeated_after_the_wait_they_ask_for() {
        let cases = [
            (refused(80_008), 5),
            (Outcome::Refused(fault(429, 987_654)), 5),
            (refused(131_016), 0),
            (Outcome::InDoubt(DoubtReason::ServerError(fault(500, 131_057))), 60),
            (Outcome::InDoubt(DoubtReason::ServerError(fault(503, 2))), 0),
            (Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status: 429 }), 5),
        ];
        for (outcome, seconds) in cases {
            let step = next_step(outcome.clone(), 1, None, None, 0);
            assert_eq!(step, NextStep::Retry { after: Duration::from_secs(seconds) }, "{outcome:?}");
        }
    }

    #[test]
    fn a_throttle_is_waited_out_as_long_as_meta_asks_and_nothing_else_is() {
        let asked = Some(Duration::from_mins(19));
        assert_eq!(next_step(refused(80_008), 1, None, asked, 0), NextStep::Retry { after: Duration::from_mins(19) });
        assert_eq!(next_step(Outcome::InDoubt(LOST), 1, None, asked, 0), NextStep::Retry { after: Duration::ZERO });
        assert_eq!(next_step(refused(100), 1, None, asked, 0), rest(refused(100), StopScope::Nothing));
    }

    #[test]
    fn a_refusal_is_final_and_stops_what_would_fail_too() {
        for (code, stops) in [
            (100, StopScope::Nothing),
            (133_010, StopScope::Nothing),
            (133_016, StopScope::Nothing),
            (200, StopScope::Waba),
            (368, StopScope::Waba),
            (190, StopScope::All),
            (102, StopScope::All),
        ] {
            assert_eq!(next_step(refused(code), 1, None, None, 0), rest(refused(code), stops), "{code}");
        }
    }

    #[test]
    fn a_failed_handshake_and_what_was_refused_here_are_not_repeated() {
        let why = CleanText::new("certificate expired");
        for not_sent in [
            NotSentReason::Tls(why.clone()),
            NotSentReason::RefusedLocally(why),
            NotSentReason::Stopped,
            NotSentReason::TokenRefused,
        ] {
            let outcome = Outcome::NotSent(not_sent);
            assert_eq!(next_step(outcome.clone(), 1, None, None, 0), rest(outcome, StopScope::Nothing));
        }
    }

    #[test]
    fn a_refused_token_in_a_doubtful_answer_stops_all_and_stays_in_doubt() {
        let outcome = Outcome::InDoubt(DoubtReason::ServerError(fault(500, 190)));
        assert_eq!(next_step(outcome.clone(), 1, None, None, 0), rest(outcome, StopScope::All));
    }

    #[test]
    fn only_a_confirmation_clears_an_earlier_doubt() {
        let after = |last: Outcome| match last {
            Outcome::Refused(fault) => Outcome::InDoubt(LOST.after_failed_retry(NotApplied::Refused(fault))),
            Outcome::NotSent(why) => Outcome::InDoubt(LOST.after_failed_retry(NotApplied::NotSent(why))),
            Outcome::Confirmed | Outcome::InDoubt(_) => unreachable!("it changed nothing"),
        };
        let in_doubt = |last| rest(after(last), StopScope::Nothing);
        assert_eq!(next_step(refused(100), 2, Some(&LOST), None, 0), in_doubt(refused(100)));
        assert_eq!(next_step(no_connection(), 4, Some(&LOST), None, 0), in_doubt(no_connection()));
        assert_eq!(
            next_step(Outcome::Confirmed, 2, Some(&LOST), None, 0),
            rest(Outcome::Confirmed, StopScope::Nothing)
        );
        let stopped = next_step(refused(190), 2, Some(&LOST), None, 0);
        assert_eq!(stopped, rest(after(refused(190)), StopScope::All));
    }

    proptest! {
        #[test]
        fn no_change_is_ever_tried_a_fifth_time(code in any::<i64>(), http_status in 100u16..600, attempt in 4u8.., random: u32) {
            let outcomes = [
                Outcome::Refused(fault(http_status, code)),
                Outcome::InDoubt(DoubtReason::ServerError(fault(http_status, code))),
                Outcome::InDoubt(LOST),
                no_connection(),
            ];
            for outcome in outcomes {
                let is_rest = matches!(next_step(outcome, attempt, None, None, random), NextStep::Finish { .. });
                prop_assert!(is_rest);
            }
        }

        #[test]
        fn a_wait_is_never_longer_than_its_least_and_its_ceiling(attempt in 1u8..4, random: u32, code in any::<i64>()) {
            if let NextStep::Retry { after } = next_step(refused(code), attempt, None, None, random) {
                prop_assert!(after <= Duration::from_secs(64));
            }
        }
    }
}
