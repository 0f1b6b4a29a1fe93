//! The circuit breaker of a job: it decides when so many requests in a row failed that the next ones would fail too.
//!
//! It counts outcomes. It never stops a job itself, and it does not know numbers or WABAs: `retry` decides which
//! refusals apply to other numbers.

use crate::domain::change::MAX_ATTEMPTS;
use crate::domain::outcome::{Outcome, SendFailure};
use crate::domain::standing::NotSentReason;

/// This many failed TLS handshakes in a row stop the job, because the machine that replies instead of Meta replies to
/// the next request too.
const MAX_TLS_FAILURES: usize = 3;

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
    /// Attempts in a row that ended in doubt.
    in_doubt: usize,
    max_in_doubt: usize,
}

impl Breaker {
    /// Creates the breaker of a job with at most `concurrency` requests in flight.
    pub(crate) fn new(concurrency: usize) -> Self {
        let numbers = (MAX_ROUNDS_IN_DOUBT * concurrency).max(MIN_NUMBERS_IN_DOUBT);
        Self { tls_failures: 0, in_doubt: 0, max_in_doubt: numbers * usize::from(MAX_ATTEMPTS) }
    }

    /// Records the outcome of one attempt. Returns the reason if the job must stop sending. The count then restarts, so
    /// that later jobs can send.
    pub(crate) fn record_outcome(&mut self, outcome: &Outcome) -> Option<NotSentReason> {
        match outcome {
            Outcome::Confirmed | Outcome::Refused(_) => {
                (self.tls_failures, self.in_doubt) = (0, 0);
                None
            }
            Outcome::InDoubt(_) => {
                self.tls_failures = 0;
                reaches_limit(self.max_in_doubt, &mut self.in_doubt).then_some(NotSentReason::TooManyInDoubt)
            }
            Outcome::NotSent(failure @ SendFailure::Tls(_)) => {
                reaches_limit(MAX_TLS_FAILURES, &mut self.tls_failures).then(|| failure.clone().into())
            }
            // The request did not get far enough to test the connection.
            Outcome::NotSent(SendFailure::NoConnection(_) | SendFailure::RefusedLocally(_)) => None,
        }
    }

    /// Resets the count when no request is in flight or waiting: single numbers in doubt, hours apart, are no outage.
    pub(crate) const fn on_idle(&mut self) {
        self.in_doubt = 0;
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
    use crate::domain::outcome::{ApiError, DoubtReason};
    use crate::domain::text::CleanText;

    fn outcome() -> impl Strategy<Value = Outcome> {
        let error = ApiError {
            http_status: 400,
            code: 100,
            subcode: None,
            message: CleanText::new("?"),
            details: None,
            trace_id: None,
            is_transient: false,
        };
        prop_oneof![
            1 => Just(Outcome::Confirmed),
            1 => Just(Outcome::Refused(error)),
            2 => Just(Outcome::NotSent(SendFailure::NoConnection(CleanText::new("refused")))),
            8 => Just(Outcome::NotSent(SendFailure::Tls(CleanText::new("expired")))),
            150 => Just(Outcome::InDoubt(DoubtReason::ConnectionLost { after: Duration::ZERO })),
        ]
    }

    /// Counts the last outcomes that match, without another relevant outcome in between.
    fn in_a_row(outcomes: &[Outcome], is_relevant: fn(&Outcome) -> bool, matches: fn(&Outcome) -> bool) -> usize {
        outcomes.iter().rev().filter(|outcome| is_relevant(outcome)).take_while(|outcome| matches(outcome)).count()
    }

    proptest! {
        #[test]
        fn only_doubts_or_tls_failures_in_a_row_stop_a_job(
            concurrency in 1_usize..=8,
            outcomes in prop::collection::vec(outcome(), 0..400),
        ) {
            let mut breaker = Breaker::new(concurrency);
            // The outcomes since the last stop of either kind.
            let (mut since_doubts, mut since_tls) = (0, 0);
            for (index, outcome) in outcomes.iter().enumerate() {
                let is_doubt = |outcome: &Outcome| matches!(outcome, Outcome::InDoubt(_));
                let is_tls = |outcome: &Outcome| matches!(outcome, Outcome::NotSent(SendFailure::Tls(_)));
                let was_sent = |outcome: &Outcome| !matches!(outcome, Outcome::NotSent(_));
                let reached_tls =
                    |outcome: &Outcome| !matches!(outcome, Outcome::NotSent(SendFailure::NoConnection(_)));
                let doubts = in_a_row(&outcomes[since_doubts..=index], was_sent, is_doubt);
                let failures = in_a_row(&outcomes[since_tls..=index], reached_tls, is_tls);
                let expected = if is_doubt(outcome) && doubts == 4 * (2 * concurrency).max(5) {
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
