//! The circuit breaker of a job: it decides when so many requests in a row failed that the next ones would fail too.
//! A throttle is no failure: its scope waits.
//!
//! It counts outcomes. It never stops a job itself, and it does not know numbers or WABAs: `retry` decides which
//! refusals apply to other numbers.

use crate::domain::change::MAX_ATTEMPTS;
use crate::domain::outcome::{ApiError, Outcome, SendFailure};
use crate::domain::standing::NotSentReason;
use crate::policy::error_catalog;

/// This many failed TLS handshakes in a row stop the job, because the machine that replies instead of Meta replies to
/// the next request too.
const MAX_TLS_FAILURES: usize = 3;

/// This many requests in a row that found no connection stop the job: the network is down, and each further number would
/// make its attempts in vain.
const MAX_UNCONNECTED: usize = 10;

/// This many refusals in a row with the same code stop the job if the catalog does not have the code: nobody knows
/// whether it is about the number.
pub(crate) const MAX_UNKNOWN_REFUSALS: usize = 5;

/// How many times in a row all requests that can be in flight may end in doubt, with all their attempts.
///
/// Once is a short outage: retries cover it, and later requests succeed. Twice is a long outage. Stopping too early
/// costs one command that resumes the job. Stopping too late costs a manual resolution for each number.
const MAX_ROUNDS_IN_DOUBT: usize = 2;

/// Fewer numbers in doubt than this prove nothing about the connection: Meta may have problems with only these numbers.
const MIN_NUMBERS_IN_DOUBT: usize = 5;

/// Counts the last outcomes of a job.
pub(crate) struct Breaker {
    /// TLS handshakes in a row that failed.
    tls_failures: usize,
    /// Requests in a row that found no connection.
    unconnected: usize,
    /// Refusals in a row with the same unknown code, and the code.
    unknown_refusals: (usize, i64),
    /// Unknown codes that stop nothing, because an operator said so.
    accepted_codes: Vec<i64>,
    /// Attempts in a row that ended in doubt.
    in_doubt: usize,
    max_in_doubt: usize,
}

impl Breaker {
    /// Creates the breaker of a job with at most `concurrency` requests in flight.
    pub(crate) fn new(concurrency: usize) -> Self {
        let numbers = (MAX_ROUNDS_IN_DOUBT * concurrency).max(MIN_NUMBERS_IN_DOUBT);
        let max_in_doubt = numbers * usize::from(MAX_ATTEMPTS);
        Self {
            tls_failures: 0,
            unconnected: 0,
            unknown_refusals: (0, 0),
            accepted_codes: Vec::new(),
            in_doubt: 0,
            max_in_doubt,
        }
    }

    /// Records the outcome of one attempt. Returns the reason if the job must stop sending. The count then restarts, so
    /// that later jobs can send.
    pub(crate) fn record_outcome(&mut self, outcome: &Outcome) -> Option<NotSentReason> {
        match outcome {
            Outcome::Confirmed => {
                self.count_sure_answer();
                self.unknown_refusals.0 = 0;
                None
            }
            Outcome::Refused(error) => {
                self.count_sure_answer();
                if error.is_throttle() {
                    return None;
                }
                if !error_catalog::is_unknown_code(error) || self.accepted_codes.contains(&error.code) {
                    self.unknown_refusals.0 = 0;
                    return None;
                }
                if self.unknown_refusals.1 != error.code {
                    self.unknown_refusals = (0, error.code);
                }
                reaches_limit(MAX_UNKNOWN_REFUSALS, &mut self.unknown_refusals.0)
                    .then_some(NotSentReason::UnknownRefusals(error.code))
            }
            // Its scope waits, so it says nothing about the next request.
            Outcome::InDoubt(reason) if reason.api_error().is_some_and(ApiError::is_throttle) => None,
            Outcome::InDoubt(_) => {
                (self.tls_failures, self.unconnected) = (0, 0);
                reaches_limit(self.max_in_doubt, &mut self.in_doubt).then_some(NotSentReason::TooManyInDoubt)
            }
            Outcome::NotSent(
                failure @ (SendFailure::Tls(_) | SendFailure::CertificateName(_) | SendFailure::TlsHandshake(_)),
            ) => reaches_limit(MAX_TLS_FAILURES, &mut self.tls_failures).then(|| failure.clone().into()),
            Outcome::NotSent(
                failure @ (SendFailure::NoConnection(_)
                | SendFailure::NothingListens(_)
                | SendFailure::ProxyCredentials(_)),
            ) => reaches_limit(MAX_UNCONNECTED, &mut self.unconnected).then(|| failure.clone().into()),
            // The request did not get far enough to test the connection.
            Outcome::NotSent(SendFailure::RefusedLocally(_)) => None,
        }
    }

    /// Refusals with this code stop nothing until no request is left.
    pub(crate) fn accept_code(&mut self, code: i64) {
        self.accepted_codes.push(code);
    }

    const fn count_sure_answer(&mut self) {
        (self.tls_failures, self.unconnected, self.in_doubt) = (0, 0, 0);
    }

    /// Resets all counts when no request is in flight or waiting: what failed for single numbers, hours apart, proves
    /// nothing about the next job.
    pub(crate) fn on_idle(&mut self) {
        (self.tls_failures, self.unconnected, self.in_doubt) = (0, 0, 0);
        self.unknown_refusals.0 = 0;
        self.accepted_codes.clear();
    }
}

/// Adds one to the count. At the limit it returns true and restarts the count.
const fn reaches_limit(limit: usize, count: &mut usize) -> bool {
    *count += 1;
    let is_reached = *count >= limit;
    if is_reached {
        *count = 0;
    }
    is_reached
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::outcome::DoubtReason;
    use crate::domain::text::CleanText;

    fn api_error(code: i64) -> ApiError {
        ApiError {
            http_status: 400,
            code,
            subcode: None,
            message: CleanText::new("?"),
            details: None,
            user_title: None,
            user_message: None,
            trace_id: None,
            is_transient: false,
        }
    }

    fn refused(code: i64) -> Outcome {
        Outcome::Refused(api_error(code))
    }

    fn no_connection() -> Outcome {
        Outcome::NotSent(SendFailure::NoConnection(CleanText::new("refused")))
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            1 => Just(Outcome::Confirmed),
            1 => Just(refused(100)),
            1 => Just(refused(80_008)),
            2 => Just(no_connection()),
            8 => Just(Outcome::NotSent(SendFailure::Tls(CleanText::new("expired")))),
            150 => Just(Outcome::InDoubt(DoubtReason::ConnectionLost { after: Duration::ZERO })),
        ]
    }

    /// Counts the last outcomes that match, without another relevant outcome in between.
    fn in_a_row(outcomes: &[Outcome], is_relevant: fn(&Outcome) -> bool, matches: fn(&Outcome) -> bool) -> usize {
        outcomes.iter().rev().filter(|outcome| is_relevant(outcome)).take_while(|outcome| matches(outcome)).count()
    }

    #[test]
    fn five_equal_refusals_with_an_unknown_code_stop_a_job() {
        let (unknown, other, known, throttle) = (refused(987_654), refused(987_655), refused(100), refused(80_008));
        let doubt = Outcome::InDoubt(DoubtReason::SuccessNotTrue);
        let stop = |code| Some(NotSentReason::UnknownRefusals(code));
        let stops = |between: &Outcome| {
            let mut breaker = Breaker::new(1);
            let outcomes = [&unknown, &unknown, &unknown, &unknown, between, &unknown];
            outcomes.map(|outcome| breaker.record_outcome(outcome)).into_iter().flatten().next()
        };
        // What comes between the fourth and the fifth.
        for (between, expected) in [
            (&no_connection(), stop(987_654)),
            (&throttle, stop(987_654)),
            (&doubt, stop(987_654)),
            (&unknown, stop(987_654)),
            (&other, None),
            (&known, None),
            (&Outcome::Confirmed, None),
        ] {
            assert_eq!(stops(between), expected, "{between:?}");
        }
    }

    #[test]
    fn a_code_that_an_operator_accepted_stops_nothing() {
        let mut breaker = Breaker::new(1);
        breaker.accept_code(987_654);
        let stops = |breaker: &mut Breaker, code| (0..5).filter_map(|_| breaker.record_outcome(&refused(code))).count();
        assert_eq!([987_654, 987_655].map(|code| stops(&mut breaker, code)), [0, 1]);
        breaker.on_idle();
        assert_eq!(stops(&mut breaker, 987_654), 1, "the next job is asked about again");
    }

    #[test]
    fn what_failed_before_an_idle_time_stops_no_later_job() {
        let tls = Outcome::NotSent(SendFailure::Tls(CleanText::new("expired")));
        let doubt = Outcome::InDoubt(DoubtReason::ConnectionLost { after: Duration::ZERO });
        for (outcome, limit) in [(tls, 3), (no_connection(), 10), (refused(987_654), 5), (doubt, 20)] {
            let mut breaker = Breaker::new(1);
            for _ in 0..2 {
                for _ in 1..limit {
                    assert_eq!(breaker.record_outcome(&outcome), None, "{outcome:?}");
                }
                breaker.on_idle();
            }
        }
    }

    #[test]
    fn ten_requests_without_a_connection_stop_a_job() {
        let failure = SendFailure::NoConnection(CleanText::new("refused"));
        let mut breaker = Breaker::new(1);
        for _ in 0..2 {
            for _ in 0..9 {
                assert_eq!(breaker.record_outcome(&no_connection()), None);
            }
            assert_eq!(breaker.record_outcome(&no_connection()), Some(failure.clone().into()));
        }
        let throttled = DoubtReason::ServerError(ApiError { http_status: 503, ..api_error(80_008) });
        for _ in 0..100 {
            assert_eq!(breaker.record_outcome(&Outcome::InDoubt(throttled.clone())), None, "its scope waits");
        }
        for answer in [Outcome::Confirmed, refused(100), Outcome::InDoubt(DoubtReason::SuccessNotTrue)] {
            for _ in 0..9 {
                assert_eq!(breaker.record_outcome(&no_connection()), None, "{answer:?}");
            }
            assert_eq!(breaker.record_outcome(&answer), None, "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn only_failures_in_a_row_stop_a_job(
            concurrency in 1_usize..=8,
            outcomes in prop::collection::vec(outcome(), 0..400),
        ) {
            let mut breaker = Breaker::new(concurrency);
            // The outcomes since the last stop of either kind.
            let (mut since_doubts, mut since_tls, mut since_unconnected) = (0, 0, 0);
            for (index, outcome) in outcomes.iter().enumerate() {
                let is_doubt = |outcome: &Outcome| matches!(outcome, Outcome::InDoubt(_));
                let is_tls = |outcome: &Outcome| matches!(outcome, Outcome::NotSent(SendFailure::Tls(_)));
                let was_sent = |outcome: &Outcome| !matches!(outcome, Outcome::NotSent(_));
                let is_unconnected =
                    |outcome: &Outcome| matches!(outcome, Outcome::NotSent(SendFailure::NoConnection(_)));
                let is_answer_or_unconnected =
                    |outcome: &Outcome| !matches!(outcome, Outcome::NotSent(SendFailure::Tls(_)));
                let reached_tls =
                    |outcome: &Outcome| !matches!(outcome, Outcome::NotSent(SendFailure::NoConnection(_)));
                let doubts = in_a_row(&outcomes[since_doubts..=index], was_sent, is_doubt);
                let failures = in_a_row(&outcomes[since_tls..=index], reached_tls, is_tls);
                let unconnected =
                    in_a_row(&outcomes[since_unconnected..=index], is_answer_or_unconnected, is_unconnected);
                let expected = if is_unconnected(outcome) && unconnected == 10 {
                    since_unconnected = index + 1;
                    Some(SendFailure::NoConnection(CleanText::new("refused")).into())
                } else if is_doubt(outcome) && doubts == 4 * (2 * concurrency).max(5) {
                    since_doubts = index + 1;
                    Some(NotSentReason::TooManyInDoubt)
                } else if is_tls(outcome) && failures == 3 {
                    since_tls = index + 1;
                    Some(SendFailure::Tls(CleanText::new("expired")).into())
                } else {
                    None
                };
                prop_assert_eq!(breaker.record_outcome(outcome), expected, "outcome {}", index);
            }
        }
    }
}
