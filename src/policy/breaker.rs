//! The circuit breaker of a job: when a run of failures says that nothing sent now could succeed.
//!
//! It counts outcomes, and stops nothing itself. It does not know numbers or WABAs: `retry` decides which refusals
//! concern others.

use crate::domain::change::MAX_ATTEMPTS;
use crate::domain::outcome::{NotSentReason, Outcome};

/// This many failed TLS handshakes in a row stop the job: whoever answers in Meta's place answers the next request too.
const MAX_TLS_FAILURES: usize = 3;

/// How many times everything that can be in flight may end in doubt in a row, with all its attempts.
///
/// Once is a short outage: retries cover it, and later requests succeed. Twice is an outage that lasts. Stopping too
/// early costs one command that resumes the job; each number sent too long must be resolved manually.
const MAX_ROUNDS_IN_DOUBT: usize = 2;

/// Fewer numbers in doubt than this say nothing about the connection: Meta may have trouble with these numbers alone.
const MIN_NUMBERS_IN_DOUBT: usize = 5;

/// The run of outcomes so far.
pub(crate) struct Breaker {
    tls_failures: usize,
    /// Attempts in a row that ended in doubt.
    in_doubt: usize,
    max_in_doubt: usize,
}

impl Breaker {
    /// For a job with at most this many requests in flight.
    pub(crate) fn new(concurrency: usize) -> Self {
        let numbers = (MAX_ROUNDS_IN_DOUBT * concurrency).max(MIN_NUMBERS_IN_DOUBT);
        Self { tls_failures: 0, in_doubt: 0, max_in_doubt: numbers * usize::from(MAX_ATTEMPTS) }
    }

    /// Records the outcome of one attempt. Returns why nothing more may be sent, if so. Jobs that start later get a new
    /// chance.
    pub(crate) fn record_outcome(&mut self, answer: &Outcome) -> Option<NotSentReason> {
        match answer {
            Outcome::Confirmed | Outcome::Refused(_) => {
                (self.tls_failures, self.in_doubt) = (0, 0);
                None
            }
            Outcome::InDoubt(_) => {
                self.tls_failures = 0;
                reaches_limit(self.max_in_doubt, &mut self.in_doubt).then_some(NotSentReason::TooManyInDoubt)
            }
            Outcome::NotSent(why @ NotSentReason::Tls(_)) => {
                reaches_limit(MAX_TLS_FAILURES, &mut self.tls_failures).then(|| why.clone())
            }
            // The request did not get far enough to say anything about the connection.
            Outcome::NotSent(_) => None,
        }
    }

    /// Nothing is in flight and nothing waits: single numbers in doubt, hours apart, are not a run.
    pub(crate) const fn on_idle(&mut self) {
        self.in_doubt = 0;
    }
}

/// Counts one more. Returns true and restarts at the limit.
const fn reaches_limit(most: usize, count: &mut usize) -> bool {
    *count += 1;
    let is_last = *count >= most;
    if is_last {
        *count = 0;
    }
    is_last
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::outcome::{ApiError, DoubtReason};
    use crate::domain::text::CleanText;

    fn answer() -> impl Strategy<Value = Outcome> {
        let fault = ApiError {
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
            1 => Just(Outcome::Refused(fault)),
            2 => Just(Outcome::NotSent(NotSentReason::NoConnection(CleanText::new("refused")))),
            8 => Just(Outcome::NotSent(NotSentReason::Tls(CleanText::new("expired")))),
            150 => Just(Outcome::InDoubt(DoubtReason::ConnectionLost { after: Duration::ZERO })),
        ]
    }

    /// The last outcomes of a kind, among those that count, without another outcome in between.
    fn in_a_row(answers: &[Outcome], counts: fn(&Outcome) -> bool, is_meant: fn(&Outcome) -> bool) -> usize {
        answers.iter().rev().filter(|answer| counts(answer)).take_while(|answer| is_meant(answer)).count()
    }

    proptest! {
        #[test]
        fn a_run_of_doubts_or_of_failed_handshakes_stops_the_work_and_nothing_else_does(
            concurrency in 1_usize..=8,
            answers in prop::collection::vec(answer(), 0..400),
        ) {
            let mut breaker = Breaker::new(concurrency);
            // The outcomes since the last stop of either kind.
            let (mut since_doubts, mut since_tls) = (0, 0);
            for (at, answer) in answers.iter().enumerate() {
                let is_doubt = |answer: &Outcome| matches!(answer, Outcome::InDoubt(_));
                let is_tls = |answer: &Outcome| matches!(answer, Outcome::NotSent(NotSentReason::Tls(_)));
                let has_left = |answer: &Outcome| !matches!(answer, Outcome::NotSent(_));
                let has_met = |answer: &Outcome| !matches!(answer, Outcome::NotSent(NotSentReason::NoConnection(_)));
                let doubts = in_a_row(&answers[since_doubts..=at], has_left, is_doubt);
                let failures = in_a_row(&answers[since_tls..=at], has_met, is_tls);
                let expected = if is_doubt(answer) && doubts == 4 * (2 * concurrency).max(5) {
                    since_doubts = at + 1;
                    Some(NotSentReason::TooManyInDoubt)
                } else if is_tls(answer) && failures == 3 {
                    since_tls = at + 1;
                    Some(NotSentReason::Tls(CleanText::new("expired")))
                } else {
                    None
                };
                prop_assert_eq!(breaker.record_outcome(answer), expected, "answer {}", at);
            }
        }
    }
}
