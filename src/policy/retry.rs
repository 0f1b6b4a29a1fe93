//! Decides when to retry a request that sets a PIN.
//!
//! A retry sends the same PIN, so it has no other effect than the first attempt. These are pure rules: they never wait,
//! send, read a clock or draw a random number. Callers pass randomness in.

use std::iter;
use std::time::Duration;

use crate::domain::change::MAX_ATTEMPTS;
use crate::domain::outcome::{DoubtReason, Outcome, ReadFailure, SendFailure};
use crate::domain::standing::{DoubtCause, Standing};
use crate::policy::error_catalog::{self, CatalogEntry, ErrorScope, ThrottleScope};

/// The ceiling of the first wait. Each further ceiling is twice as high.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
/// The maximum of all ceilings. With longer waits an operator would think that pindesk hangs.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// The maximum number of reads of one page, including the first. Each may take the whole timeout.
const MAX_READ_ATTEMPTS: u8 = 3;
/// The wait after a 429 that is not from Graph, which means that a proxy asks to slow down.
const PROXY_THROTTLE_WAIT: Duration = Duration::from_secs(5);

/// What to do after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// The change ends.
    Finish {
        /// What the change is left with: it includes doubt about an earlier attempt.
        standing: Standing,
        /// Which other requests would fail for the same reason. pindesk must not send them.
        stop_scope: StopScope,
    },
    /// Send the same PIN again.
    Retry {
        /// How long to wait first.
        after: Duration,
    },
    /// Send the same PIN when the scope of the throttle is no longer paused. The attempt does not count.
    AwaitQuota,
}

impl NextStep {
    /// Which other requests must not be sent: none, while the same PIN is retried.
    #[must_use]
    pub const fn stop_scope(&self) -> StopScope {
        match self {
            Self::Finish { stop_scope, .. } => *stop_scope,
            Self::Retry { .. } | Self::AwaitQuota => StopScope::Nothing,
        }
    }
}

/// Which requests of a job stop with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopScope {
    /// No other request stops.
    Nothing,
    /// All requests for the same WABA stop.
    Waba,
    /// All requests for the same WABA stop if this is the second such outcome of the WABA.
    WabaIfRepeated,
    /// All requests stop, because Meta refuses the app, or does not know the address.
    App,
    /// All requests stop, because Meta refused the access token.
    Token,
}

/// The ceilings of the waits between attempts: 1, 2, 4, … 60 s, without end.
pub fn backoff_ceilings() -> impl Iterator<Item = Duration> {
    iter::successors(Some(INITIAL_BACKOFF), |ceiling| Some(ceiling.saturating_mul(2).min(MAX_BACKOFF)))
}

/// Returns a wait from zero to the ceiling, all equally likely ("full jitter"), so that requests that failed together
/// do not retry together.
#[must_use]
pub fn full_jitter(ceiling: Duration, random: u32) -> Duration {
    ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// Decides what to do after an attempt of one change.
///
/// `attempt` is 1 for the first. `earlier_doubt` is the doubt about an earlier attempt of the same change, if any: only
/// a confirmation clears it. `requested_wait` is the wait that the reply asked for. It applies only to a proxy that asks
/// to slow down: the pauses of `quota` follow those of Meta. The caller draws `random` for each call.
#[must_use]
pub fn next_step(
    outcome: Outcome,
    attempt: u8,
    earlier_doubt: Option<&DoubtCause>,
    requested_wait: Option<Duration>,
    random: u32,
) -> NextStep {
    if matches!(&outcome, Outcome::Refused(error) if ThrottleScope::of(error).is_some()) {
        return NextStep::AwaitQuota;
    }
    let requested_wait = requested_wait.filter(|_| is_proxy_throttle(&outcome)).unwrap_or_default();
    let minimum =
        if attempt < MAX_ATTEMPTS { min_retry_wait(&outcome).map(|minimum| minimum.max(requested_wait)) } else { None };
    if let Some(minimum) = minimum {
        let ceiling = backoff_ceilings().nth(usize::from(attempt.saturating_sub(1))).unwrap_or(MAX_BACKOFF);
        return NextStep::Retry { after: minimum + full_jitter(ceiling, random) };
    }
    let stop_scope = stop_scope(&outcome);
    NextStep::Finish { standing: Standing::after_attempt(outcome, earlier_doubt), stop_scope }
}

/// How long to wait before pindesk retries a failed read; `None` if a retry is useless. A read changes nothing, so
/// pindesk retries everything except a refusal by Meta. If there is no connection, it reports that at once instead.
#[must_use]
pub fn read_retry_delay(failure: &ReadFailure, attempt: u8, random: u32) -> Option<Duration> {
    let is_retryable = match failure {
        // A gateway that refuses the access refuses it again.
        ReadFailure::UnexpectedReply { .. } => !failure.is_refusal_by_gateway(),
        ReadFailure::NoAnswer => true,
        // The same page would be too large again.
        ReadFailure::Api(_) if wants_smaller_page(failure) => false,
        ReadFailure::Api(error) => error_catalog::lookup(error).scope == ErrorScope::ServerError,
        ReadFailure::NotSent(_) | ReadFailure::WrongKind { .. } | ReadFailure::IncompleteList(_) => false,
    };
    let ceiling = backoff_ceilings().nth(usize::from(attempt.saturating_sub(1)))?;
    (is_retryable && attempt < MAX_READ_ATTEMPTS).then(|| full_jitter(ceiling, random))
}

/// True if Meta refused a page because it has too much data, so that a smaller page may succeed.
#[must_use]
pub fn wants_smaller_page(failure: &ReadFailure) -> bool {
    matches!(failure, ReadFailure::Api(error)
        if error.message.as_str().to_ascii_lowercase().contains("reduce the amount of data"))
}

/// The minimum wait before a retry; `None` if a retry is useless or wrong.
fn min_retry_wait(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Refused(error) => {
            let entry = error_catalog::lookup(error);
            is_temporary(entry.scope).then(|| min_wait(entry))
        }
        Outcome::NotSent(SendFailure::NoConnection(_) | SendFailure::NothingListens(_)) => Some(Duration::ZERO),
        // A certificate does not become valid in seconds, and a retry would only hide that Meta did not reply.
        Outcome::Confirmed
        | Outcome::NotSent(
            SendFailure::Tls(_)
            | SendFailure::CertificateName(_)
            | SendFailure::TlsHandshake(_)
            | SendFailure::ProxyCredentials(_)
            | SendFailure::RefusedLocally(_),
        ) => None,
        Outcome::InDoubt(doubt) => match doubt {
            DoubtReason::ServerError(error) => {
                let entry = error_catalog::lookup(error);
                (is_temporary(entry.scope) || error_catalog::is_unknown_code(error)).then(|| min_wait(entry))
            }
            DoubtReason::UnexpectedReply { http_status: 401 | 403, .. } => None,
            DoubtReason::UnexpectedReply { http_status: 429, .. } => Some(PROXY_THROTTLE_WAIT),
            DoubtReason::TimedOut { .. }
            | DoubtReason::ConnectionLost { .. }
            | DoubtReason::UnexpectedReply { .. }
            | DoubtReason::SuccessNotTrue => Some(Duration::ZERO),
        },
    }
}

/// True if the cause ends by itself. The others do not, and Meta counts repeats of some of them as guesses.
///
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes.
const fn is_temporary(scope: ErrorScope) -> bool {
    match scope {
        ErrorScope::Throttle(_) | ErrorScope::ServerError => true,
        ErrorScope::App
        | ErrorScope::Endpoint
        | ErrorScope::Token
        | ErrorScope::Permission
        | ErrorScope::Waba
        | ErrorScope::NumberThenWaba
        | ErrorScope::Number => false,
    }
}

const fn is_proxy_throttle(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status: 429, .. }))
}

fn min_wait(entry: &CatalogEntry) -> Duration {
    Duration::from_secs(entry.min_wait_seconds)
}

fn stop_scope(outcome: &Outcome) -> StopScope {
    // A 401 in a form that is not Graph's, which proves nothing about this number, but the next one would get it too.
    if matches!(outcome, Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status: 401, .. })) {
        return StopScope::Token;
    }
    let Some(error) = outcome.api_error() else { return StopScope::Nothing };
    match error_catalog::lookup(error).scope {
        ErrorScope::App | ErrorScope::Endpoint => StopScope::App,
        ErrorScope::Token => StopScope::Token,
        ErrorScope::Permission | ErrorScope::Waba => StopScope::Waba,
        ErrorScope::NumberThenWaba => StopScope::WabaIfRepeated,
        ErrorScope::Number | ErrorScope::Throttle(_) | ErrorScope::ServerError => StopScope::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::outcome::{ApiError, ReplyForm};
    use crate::domain::standing::{Doubt, NotApplied};
    use crate::domain::text::CleanText;

    const SECOND: Duration = Duration::from_secs(1);
    const LOST: DoubtReason = DoubtReason::ConnectionLost { after: SECOND };

    fn api_error(http_status: u16, code: i64) -> ApiError {
        ApiError {
            http_status,
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
        Outcome::Refused(api_error(400, code))
    }

    fn no_connection() -> Outcome {
        Outcome::NotSent(SendFailure::NoConnection(CleanText::new("refused")))
    }

    fn finish(outcome: Outcome, scope: StopScope) -> NextStep {
        NextStep::Finish { standing: Standing::after_attempt(outcome, None), stop_scope: scope }
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let seconds: Vec<u64> = backoff_ceilings().take(9).map(|ceiling| ceiling.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn jitter_ranges_from_zero_to_the_ceiling() {
        assert_eq!(full_jitter(SECOND, 0), Duration::ZERO);
        assert_eq!(full_jitter(SECOND, u32::MAX), SECOND);
    }

    #[test]
    fn doubts_and_lost_connections_are_retried_up_to_attempt_4() {
        for outcome in [Outcome::InDoubt(LOST), Outcome::InDoubt(DoubtReason::SuccessNotTrue), no_connection()] {
            for (attempt, seconds) in [(1, 1), (2, 2), (3, 4)] {
                let step = next_step(outcome.clone(), attempt, None, None, u32::MAX);
                assert_eq!(step, NextStep::Retry { after: Duration::from_secs(seconds) }, "{outcome:?}");
            }
            assert_eq!(next_step(outcome.clone(), 4, None, None, 7), finish(outcome, StopScope::Nothing));
        }
    }

    #[test]
    fn server_errors_and_proxies_have_a_minimum_wait() {
        let cases = [
            (refused(131_016), 0),
            (Outcome::InDoubt(DoubtReason::ServerError(api_error(500, 131_057))), 60),
            (Outcome::InDoubt(DoubtReason::ServerError(api_error(503, 2))), 0),
            // A throttle that proves nothing: the pause of its scope is the wait.
            (Outcome::InDoubt(DoubtReason::ServerError(api_error(503, 80_008))), 0),
            (Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status: 429, form: ReplyForm::Unrecognized }), 5),
        ];
        for (outcome, seconds) in cases {
            let step = next_step(outcome.clone(), 1, None, None, 0);
            assert_eq!(step, NextStep::Retry { after: Duration::from_secs(seconds) }, "{outcome:?}");
        }
    }

    #[test]
    fn a_throttle_uses_up_no_attempt() {
        let doubt = DoubtCause::from(LOST);
        for code in [4, 17, 32, 341, 613, 80_007, 80_008, 130_429] {
            for attempt in [1, MAX_ATTEMPTS, u8::MAX] {
                let step = next_step(refused(code), attempt, Some(&doubt), None, 7);
                assert_eq!(step, NextStep::AwaitQuota, "{code} {attempt}");
            }
        }
        assert_eq!(next_step(Outcome::Refused(api_error(429, 987_654)), 4, None, None, 7), NextStep::AwaitQuota);
        let in_doubt = Outcome::InDoubt(DoubtReason::ServerError(api_error(503, 80_008)));
        assert_eq!(next_step(in_doubt.clone(), 4, None, None, 7), finish(in_doubt, StopScope::Nothing));
    }

    #[test]
    fn only_a_proxy_that_throttles_may_request_a_wait() {
        let requested = Some(Duration::from_mins(19));
        let proxy = Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status: 429, form: ReplyForm::Unrecognized });
        assert_eq!(next_step(proxy, 1, None, requested, 0), NextStep::Retry { after: Duration::from_mins(19) });
        assert_eq!(next_step(Outcome::InDoubt(LOST), 1, None, requested, 0), NextStep::Retry { after: Duration::ZERO });
        assert_eq!(next_step(refused(100), 1, None, requested, 0), finish(refused(100), StopScope::Nothing));
    }

    #[test]
    fn a_refusal_is_final_and_stops_what_would_also_fail() {
        for (code, scope) in [
            (100, StopScope::Nothing),
            (133_010, StopScope::Nothing),
            (133_016, StopScope::Nothing),
            (200, StopScope::Waba),
            (368, StopScope::Waba),
            (3, StopScope::App),
            (12, StopScope::App),
            (190, StopScope::Token),
            (102, StopScope::Token),
        ] {
            assert_eq!(next_step(refused(code), 1, None, None, 0), finish(refused(code), scope), "{code}");
        }
    }

    #[test]
    fn tls_failures_and_local_refusals_are_not_retried() {
        let reason = CleanText::new("certificate expired");
        for failure in [SendFailure::Tls(reason.clone()), SendFailure::RefusedLocally(reason)] {
            let outcome = Outcome::NotSent(failure);
            assert_eq!(next_step(outcome.clone(), 1, None, None, 0), finish(outcome, StopScope::Nothing));
        }
    }

    #[test]
    fn a_code_that_time_does_not_mend_is_sent_once() {
        let in_doubt = |code| Outcome::InDoubt(DoubtReason::ServerError(api_error(500, code)));
        for code in [0, 3, 10, 12, 33, 100, 200, 368, 803, 2500, 131_005, 131_009, 131_031, 133_005, 133_008, 133_010] {
            let step = next_step(in_doubt(code), 1, None, None, 7);
            assert!(matches!(step, NextStep::Finish { .. }), "{code}: {step:?}");
        }
        for code in [1, 2, 4, 80_008, 131_000, 131_016, 131_057, 133_004, 2_494_100, 987_654] {
            let step = next_step(in_doubt(code), 1, None, None, 7);
            assert!(matches!(step, NextStep::Retry { .. }), "{code}: {step:?}");
        }
        let transient = ApiError { is_transient: true, ..api_error(400, 987_654) };
        let step = next_step(Outcome::InDoubt(DoubtReason::ServerError(transient)), 1, None, None, 7);
        assert_eq!(step, NextStep::Retry { after: full_jitter(SECOND, 7) });
    }

    #[test]
    fn a_doubt_about_the_token_stops_all() {
        let server_error = DoubtReason::ServerError(api_error(500, 190));
        for reason in [server_error, DoubtReason::UnexpectedReply { http_status: 401, form: ReplyForm::Unrecognized }] {
            let outcome = Outcome::InDoubt(reason);
            assert_eq!(next_step(outcome.clone(), 1, None, None, 0), finish(outcome, StopScope::Token));
        }
    }

    #[test]
    fn only_a_confirmation_clears_an_earlier_doubt() {
        let doubt = DoubtCause::from(LOST);
        let in_doubt = |last: NotApplied, stop_scope| {
            let standing = Standing::in_doubt(Doubt { cause: LOST.into(), last_retry: Some(last) });
            NextStep::Finish { standing, stop_scope }
        };
        let next_step = |outcome, attempt| next_step(outcome, attempt, Some(&doubt), None, 0);
        let error = |code| NotApplied::Refused(api_error(400, code));
        assert_eq!(next_step(refused(100), 2), in_doubt(error(100), StopScope::Nothing));
        assert_eq!(next_step(refused(190), 2), in_doubt(error(190), StopScope::Token));
        let unsent = NotApplied::NotSent(SendFailure::NoConnection(CleanText::new("refused")).into());
        assert_eq!(next_step(no_connection(), 4), in_doubt(unsent, StopScope::Nothing));
        assert_eq!(next_step(Outcome::Confirmed, 2), finish(Outcome::Confirmed, StopScope::Nothing));
    }

    proptest! {
        #[test]
        fn no_change_has_a_fifth_attempt(
            code in any::<i64>(),
            http_status in 100u16..600,
            attempt in 4u8..,
            random: u32,
        ) {
            let outcomes = [
                Outcome::Refused(api_error(http_status, code)),
                Outcome::InDoubt(DoubtReason::ServerError(api_error(http_status, code))),
                Outcome::InDoubt(LOST),
                no_connection(),
            ];
            for outcome in outcomes {
                let is_throttle = matches!(&outcome, Outcome::Refused(error) if ThrottleScope::of(error).is_some());
                let step = next_step(outcome, attempt, None, None, random);
                let is_finished = matches!(step, NextStep::Finish { .. });
                prop_assert!(is_finished || is_throttle && step == NextStep::AwaitQuota);
            }
        }

        #[test]
        fn a_wait_is_at_most_its_minimum_plus_its_ceiling(
            attempt in 1u8..4,
            random: u32,
            (outcome, minimum) in prop::sample::select(vec![
                (Outcome::InDoubt(LOST), 0),
                (no_connection(), 0),
                (refused(131_016), 0),
                (Outcome::InDoubt(DoubtReason::ServerError(api_error(500, 131_057))), 60),
                (Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status: 429, form: ReplyForm::Unrecognized }), 5),
            ]),
        ) {
            let step = next_step(outcome, attempt, None, None, random);
            let NextStep::Retry { after } = step else { panic!("{step:?}") };
            let minimum = Duration::from_secs(minimum);
            prop_assert!((minimum..=minimum + Duration::from_secs(1 << (attempt - 1))).contains(&after), "{after:?}");
        }
    }
}
