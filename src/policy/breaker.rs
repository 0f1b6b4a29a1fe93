//! What the answers in a row say of the line: whether anything that is sent now would come to something else.
//!
//! It counts, and stops nothing itself. It knows no numbers: whom a refusal concerns, `pacing` knows.

use crate::domain::change::MAX_ATTEMPTS;
use crate::domain::outcome::{NotSentReason, Outcome};

/// So many failed handshakes in a row stop the work: whoever answers in Meta's place answers the next request too.
const MAX_TLS_FAILURES: usize = 3;

/// So often everything that can be on its way at once may end in doubt, with all its tries, and nothing else in between.
///
/// Once is a hiccup: what it met is sent again for seconds, and what comes after it finds the line whole. Twice is a
/// line that stays as it is. What is stopped too early is resumed at the price of one command; each number that is
/// stopped too late has to be settled by hand.
const MAX_ROUNDS_IN_DOUBT: usize = 2;

/// Fewer numbers in doubt than these say nothing of the line: Meta may have trouble with just them.
const MIN_NUMBERS_IN_DOUBT: usize = 5;

/// The answers in a row.
pub(crate) struct Breaker {
    tls_failures: usize,
    /// Tries without a sure answer.
    in_doubt: usize,
    max_in_doubt: usize,
}

impl Breaker {
    /// For work of which so much can be on its way at once.
    pub(crate) fn new(concurrency: usize) -> Self {
        let numbers = (MAX_ROUNDS_IN_DOUBT * concurrency).max(MIN_NUMBERS_IN_DOUBT);
        Self { tls_failures: 0, in_doubt: 0, max_in_doubt: numbers * usize::from(MAX_ATTEMPTS) }
    }

    /// Takes in the answer to one try, whosever it was; says why nothing more is to be sent, if so. What is started
    /// after that gets its own chance.
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
            // It did not come so far that it could say anything of the line.
            Outcome::NotSent(_) => None,
        }
    }

    /// Nothing is on its way, and nothing waits: doubts about single numbers, hours apart, are no run.
    pub(crate) const fn on_idle(&mut self) {
        self.in_doubt = 0;
    }
}

/// Counts one more; the last of so many starts the count anew.
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

    /// The last answers of a kind, among those that count, as far as nothing else came in between.
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
            // What was heard since the last stop of either kind.
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
