//! What an outcome means, in words for support staff: why, whether anything was changed, and what to do.
//!
//! One static table maps an error code, its subcode and, if those are ambiguous, its message to a [`CatalogEntry`].
//! This module decides the words and how far a failure reaches. It does not decide what is true about a request
//! (`outcome` does) nor whether to retry it (`retry` does). It names no keys of the console, because commands print the
//! same words.

mod table;

use std::borrow::Cow;

use crate::domain::change::{ChangeState, Resolution};
use crate::domain::outcome::{ApiError, DoubtReason, NotApplied, NotSentReason, ReadFailure};

/// How far a failure reaches: what else will fail for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorScope {
    /// Every request with this access token.
    Token,
    /// Every number of the same WhatsApp Business Account.
    Waba,
    /// Only this number, or this request.
    Number,
    /// Requests that come too soon: Meta asks to slow down.
    Throttle,
    /// Not certain: Meta has an error of its own.
    ServerError,
}

/// What one kind of error means.
#[derive(Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// How far the failure reaches.
    pub scope: ErrorScope,
    /// A few words for a table cell, at most 48 columns, no full stop.
    pub summary: &'static str,
    /// One or two sentences.
    pub reason: &'static str,
    /// What to do, step by step.
    pub advice: &'static [&'static str],
    /// The minimum wait before a retry can help, in seconds; 0 if Meta names none.
    pub min_wait_seconds: u64,
}

/// Whether a request changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applied {
    /// Certainly not.
    No,
    /// Not known.
    Maybe,
    /// Certainly.
    Yes,
}

impl Applied {
    /// The sentence on the page.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::No => "Nothing was changed.",
            Self::Maybe => "It may have been changed.",
            Self::Yes => "The new PIN is in force.",
        }
    }
}

/// What happened, explained to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A few words for a table cell, no full stop.
    pub summary: Cow<'static, str>,
    /// One or two sentences.
    pub reason: Cow<'static, str>,
    /// Whether anything was changed.
    pub applied: Applied,
    /// What to do, step by step; empty if there is nothing to do.
    pub advice: &'static [&'static str],
}

/// The meaning of an error: by its code first, then its subcode, then its message. A code that is not in the table is
/// classified by its HTTP status.
///
/// Sources: developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes and
/// developers.facebook.com/docs/graph-api/guides/error-handling.
#[must_use]
pub fn lookup(fault: &ApiError) -> &'static CatalogEntry {
    table::find(fault)
}

impl Explanation {
    /// Explains a refusal by Meta, which proves that nothing was changed.
    #[must_use]
    pub fn for_refusal(fault: &ApiError) -> Self {
        Self::from_entry(lookup(fault), Applied::No)
    }

    fn from_entry(entry: &'static CatalogEntry, applied: Applied) -> Self {
        Self { summary: entry.summary.into(), reason: entry.reason.into(), applied, advice: entry.advice }
    }

    /// Explains a request that may have been applied.
    #[must_use]
    pub fn for_doubt(doubt: &DoubtReason) -> Self {
        let (reason, advice): (Cow<'static, str>, _) = match doubt {
            DoubtReason::TimedOut { waited } => (
                format!("The request was sent, but no answer came in {} s.", waited.as_secs()).into(),
                RESOLVE_DOUBT_STEPS,
            ),
            DoubtReason::ConnectionLost { after } => {
                let seconds = after.as_secs();
                (
                    format!("The request was sent, then the connection was lost after {seconds} s.").into(),
                    RESOLVE_DOUBT_STEPS,
                )
            }
            DoubtReason::ServerError(fault) => {
                // A refused token must be replaced before the doubt can be resolved.
                let entry = lookup(fault);
                let advice = if entry.scope == ErrorScope::Token { entry.advice } else { RESOLVE_DOUBT_STEPS };
                (entry.reason.into(), advice)
            }
            DoubtReason::UnexpectedReply { http_status } => (
                format!(
                    "The request was sent, but the reply was not Meta's (HTTP {http_status}). A proxy may sit between."
                )
                .into(),
                RESOLVE_DOUBT_STEPS,
            ),
            DoubtReason::SuccessNotTrue => {
                ("Meta answered, but did not say that it worked.".into(), RESOLVE_DOUBT_STEPS)
            }
            DoubtReason::ProcessEnded => {
                ("The program that sent the request ended before the answer came.".into(), RESOLVE_DOUBT_STEPS)
            }
            DoubtReason::EscrowOnly => (
                "Only the escrow file knows of this PIN: whether it was sent, nobody knows.".into(),
                RESOLVE_DOUBT_STEPS,
            ),
            DoubtReason::OlderPinInDoubt(last) => {
                let what = match last {
                    NotApplied::Refused(fault) => format!("Meta refused the last request: {}.", lookup(fault).summary),
                    NotApplied::NotSent(why) => Self::not_sent_sentence("The last request", why),
                };
                let reason =
                    format!("{what} It changed nothing, but the older PIN of the request before it is in doubt.");
                (reason.into(), RESOLVE_OLDER_PIN_STEPS)
            }
            DoubtReason::EarlierAttemptInDoubt { earlier, last } => return Self::for_failed_retry(earlier, last),
        };
        let short = match doubt {
            DoubtReason::TimedOut { .. } | DoubtReason::UnexpectedReply { .. } => doubt.to_string().into(),
            DoubtReason::ConnectionLost { .. } => "sent, then the connection was lost".into(),
            DoubtReason::ServerError(fault) => lookup(fault).summary.into(),
            DoubtReason::SuccessNotTrue => "Meta did not say that it worked".into(),
            DoubtReason::ProcessEnded => "the program ended before the answer".into(),
            DoubtReason::EscrowOnly => "known from the escrow file alone".into(),
            DoubtReason::OlderPinInDoubt(NotApplied::Refused(_)) => "refused, and an older PIN is in doubt".into(),
            DoubtReason::OlderPinInDoubt(NotApplied::NotSent(_)) => "not sent, and an older PIN is in doubt".into(),
            DoubtReason::EarlierAttemptInDoubt { earlier, .. } => Self::for_doubt(earlier).summary,
        };
        Self { summary: short, reason, applied: Applied::Maybe, advice }
    }

    /// Says that a request was not sent. Only a local refusal says by itself when it may be sent.
    fn not_sent_sentence(request: &str, why: &NotSentReason) -> String {
        if let NotSentReason::RefusedLocally(said) = why {
            return format!("{request} was refused here: {said}.");
        }
        format!("{request} was not sent: {}.", Self::for_not_sent(why).summary)
    }

    /// Explains a request in doubt whose retry failed.
    fn for_failed_retry(earlier: &DoubtReason, last: &NotApplied) -> Self {
        let told = Self::for_doubt(earlier);
        let (what, refusal) = match last {
            NotApplied::Refused(fault) => {
                (format!("Meta refused a repeat: {}.", lookup(fault).summary), Some(lookup(fault)))
            }
            NotApplied::NotSent(why) => (Self::not_sent_sentence("A repeat", why), None),
        };
        // A refused token must be replaced before the doubt can be resolved.
        let advice = refusal.filter(|entry| entry.scope == ErrorScope::Token).map_or(told.advice, |entry| entry.advice);
        Self {
            reason: format!("{} {what} That proves nothing about the first one.", told.reason).into(),
            advice,
            ..told
        }
    }

    /// Explains a request that was not sent.
    #[must_use]
    pub fn for_not_sent(why: &NotSentReason) -> Self {
        let (short, reason, advice): (&'static str, Cow<'static, str>, &'static [&'static str]) = match why {
            NotSentReason::NoConnection(said) => {
                ("no connection", format!("There is no connection to Meta: {said}.").into(), CHECK_NETWORK_STEPS)
            }
            NotSentReason::Tls(said) => {
                let reason = format!("The connection could not be trusted, so nothing was sent: {said}.");
                ("no trusted connection", reason.into(), FIX_TLS_STEPS)
            }
            NotSentReason::Stopped => (
                "stopped before it was sent",
                "The work was stopped before this number's turn came.".into(),
                RESUME_JOB_STEPS,
            ),
            NotSentReason::TokenRefused => (
                "stopped: Meta refused the access token",
                "Meta refused the access token before this number's turn came.".into(),
                table::REPLACE_TOKEN_STEPS,
            ),
            NotSentReason::WabaRefused(said) => (
                "stopped: Meta refuses all numbers of this WABA",
                format!("Meta refused another number of this WABA for a reason that holds for all of them: {said}.")
                    .into(),
                FIX_WABA_STEPS,
            ),
            NotSentReason::TooManyInDoubt => (
                "stopped: no sure answers came",
                "Too many requests in a row got no sure answer before this number's turn came.".into(),
                FIX_CONNECTION_STEPS,
            ),
            NotSentReason::RefusedLocally(said) => {
                ("refused here, before it was sent", format!("The request was refused here: {said}.").into(), &[])
            }
        };
        Self { summary: short.into(), reason, applied: Applied::No, advice }
    }

    /// Explains a read that failed. A read never changes anything.
    #[must_use]
    pub fn for_read_failure(failure: &ReadFailure) -> Self {
        match failure {
            ReadFailure::Api(fault) => Self::for_refusal(fault),
            ReadFailure::NotSent(why) => Self::for_not_sent(why),
            ReadFailure::NoAnswer => Self {
                summary: "no answer".into(),
                reason: "Meta did not answer in time.".into(),
                applied: Applied::No,
                advice: REFRESH_LATER_STEPS,
            },
            ReadFailure::UnexpectedReply { http_status } => Self {
                summary: failure.to_string().into(),
                reason: format!("The reply was not Meta's (HTTP {http_status}). A proxy may sit between.").into(),
                applied: Applied::No,
                advice: CHECK_NETWORK_STEPS,
            },
        }
    }

    /// Explains the end of a change; `None` while it is in progress.
    #[must_use]
    pub fn for_change(state: &ChangeState) -> Option<Self> {
        match state {
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. } => None,
            ChangeState::Set(_) => Some(Self {
                summary: "set".into(),
                reason: "Meta confirmed the new PIN.".into(),
                applied: Applied::Yes,
                advice: &[],
            }),
            ChangeState::Failed(_, fault) => Some(Self::for_refusal(fault)),
            ChangeState::NotSent(_, why) => Some(Self::for_not_sent(why)),
            ChangeState::InDoubt(standing) => Some(Self::for_doubt(&standing.reason)),
            ChangeState::Resolved(_, Resolution::NoPinInForce) => Some(Self {
                summary: "settled: no PIN is in force".into(),
                reason: "Two-step verification was still not set 2 minutes after the last try.".into(),
                applied: Applied::No,
                advice: &[],
            }),
            ChangeState::Resolved(_, Resolution::Manual) => Some(Self {
                summary: "settled: checked by hand".into(),
                reason: "Somebody checked this number and left a note.".into(),
                applied: Applied::Maybe,
                advice: &[],
            }),
        }
    }
}

const RESOLVE_DOUBT_STEPS: &[&str] = &[
    "Keep the PIN.",
    "Set a PIN again 2 minutes after the last try: then it is known.",
    "Or read the status then. Still not set: nothing was changed.",
    "On now, and not set before: this request set it, or somebody else.",
];

const RESOLVE_OLDER_PIN_STEPS: &[&str] = &[
    "Keep the older PIN: the newer one is not in force.",
    "Set a PIN again 2 minutes after the last try: then it is known.",
];

const CHECK_NETWORK_STEPS: &[&str] = &["Check the network and the proxy of this server.", "Then try again."];

const FIX_TLS_STEPS: &[&str] = &[
    "Check the clock of this server: a wrong date makes a good certificate bad.",
    "Ask your network team whether a proxy opens TLS, and for its authority.",
    "Put that authority into ca_file in the config.",
];

const RESUME_JOB_STEPS: &[&str] = &["Resume the job, or set the PIN of this number again."];

const FIX_WABA_STEPS: &[&str] = &[
    "Open the number of this WABA that failed: its page says what to do.",
    "Then resume the job, or set the PIN of this number again.",
];

const FIX_CONNECTION_STEPS: &[&str] = &[
    "Open a number without an answer: its page says why.",
    "Check the network and the proxy of this server.",
    "Then resume the job, or set the PIN of this number again.",
];

const REFRESH_LATER_STEPS: &[&str] =
    &["Read again in a minute.", "If it stays, look at metastatus.com/whatsapp-business-api."];

/// How the owner of a business portfolio changes a lost PIN without pindesk.
///
/// Source:
/// developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/two-step-verification.
pub const RESET_LOST_PIN_STEPS: [&str; 8] = [
    "Open business.facebook.com/settings and choose the business portfolio.",
    "Under Accounts, choose WhatsApp Accounts.",
    "Choose the WhatsApp Business Account (WABA), then its Settings.",
    "Choose WhatsApp Manager.",
    "Next to the phone number, choose Settings.",
    "Choose Two-step verification.",
    "Choose Change PIN.",
    "Enter the new PIN, enter it again, and confirm.",
];

/// A permission that an access token needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// Its name at Meta.
    pub name: &'static str,
    /// Who needs it, and why.
    pub purpose: &'static str,
}

/// The permissions that setting a PIN needs.
///
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/two-step-verification.
pub const TOKEN_PERMISSIONS: [Permission; 2] = [
    Permission { name: "whatsapp_business_management", purpose: "always: to read numbers and to set their PINs" },
    Permission { name: "whatsapp_business_messaging", purpose: "for solution partners, besides the first" },
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::text::{CleanText, width};

    fn fault(http_status: u16, code: i64, subcode: Option<i64>, message: &str) -> ApiError {
        ApiError {
            http_status,
            code,
            subcode,
            message: CleanText::new(message),
            details: None,
            trace_id: None,
            is_transient: false,
        }
    }

    #[test]
    fn every_code_reaches_as_far_as_its_cause() {
        let cases = [
            (ErrorScope::Token, &[0, 102, 104, 190, 2500][..]),
            (ErrorScope::Waba, &[3, 10, 200, 250, 299, 368, 131_005, 131_031]),
            (ErrorScope::Throttle, &[4, 17, 32, 341, 613, 80_007, 80_008, 130_429]),
            (ErrorScope::ServerError, &[1, 2, 131_000, 131_016, 131_057, 133_004, 2_494_100]),
            (
                ErrorScope::Number,
                &[33, 100, 803, 131_008, 131_009, 131_045, 133_000, 133_001, 133_002, 133_003, 133_005],
            ),
            (ErrorScope::Number, &[133_006, 133_007, 133_008, 133_009, 133_010, 133_015, 133_016, 135_000, 136_024]),
            (ErrorScope::Number, &[136_025, 2_388_012, 2_388_091, 2_388_093, 2_388_103]),
        ];
        for (scope, codes) in cases {
            for code in codes {
                let entry = lookup(&fault(400, *code, None, ""));
                assert_eq!(entry.scope, scope, "{code}");
                assert_ne!(entry.summary, "Meta refused the request", "{code} is known");
            }
        }
    }

    #[test]
    fn where_the_code_is_ambiguous_the_subcode_or_the_message_decides() {
        let cases = [
            (fault(400, 100, None, "(#100) Param pin must be 6 characters long."), "Meta refused this PIN"),
            (fault(400, 100, Some(33), "Unsupported post request."), "ID not found"),
            (fault(400, 100, None, "Object with ID '1' does not exist"), "ID not found"),
            (
                fault(400, 100, None, "(#100) Tried accessing nonexisting field (is_pin_enabled)"),
                "a field is unknown to Meta",
            ),
            (fault(400, 100, None, "The phone number is not registered"), "the number is not registered"),
            (fault(400, 100, None, "Invalid opinion"), "Meta did not accept the request"),
            (
                fault(400, 100, None, "API calls from the server require an appsecret_proof argument"),
                "the app wants signed requests",
            ),
            (
                fault(400, 100, None, "Invalid appsecret_proof provided in the API argument"),
                "the app secret does not fit the access token",
            ),
            (fault(401, 190, Some(463), "Session has expired"), "the access token has expired"),
            (fault(401, 190, Some(1), ""), "Meta refused the access token"),
            (fault(400, 200, None, "(#200) Provide valid app ID"), "no access token was sent"),
            (fault(403, 200, None, "(#200) Permissions error"), "the access token may not manage this number"),
        ];
        for (fault, short) in cases {
            assert_eq!(lookup(&fault).summary, short, "{fault:?}");
        }
    }

    #[test]
    fn the_details_count_where_the_message_is_only_a_title() {
        let mut fault = fault(400, 100, None, "(#100) Invalid parameter");
        fault.details = Some(CleanText::new("PIN is too easy to guess"));
        assert_eq!(lookup(&fault).summary, "Meta refused this PIN");
    }

    #[test]
    fn an_unknown_code_is_judged_by_its_http_status() {
        let scope = |status| lookup(&fault(status, 987_654, None, "?")).scope;
        assert_eq!(
            [400, 401, 429, 500, 503].map(scope),
            [
                ErrorScope::Number,
                ErrorScope::Token,
                ErrorScope::Throttle,
                ErrorScope::ServerError,
                ErrorScope::ServerError
            ]
        );
        assert_eq!(lookup(&fault(0, i64::MIN, Some(i64::MAX), "")).scope, ErrorScope::Number);
    }

    #[test]
    fn every_text_is_calm_and_fits_its_place() {
        for entry in table::all_entries() {
            assert!(width(entry.summary) <= 48, "{}", entry.summary);
            assert!(!entry.summary.ends_with('.'), "{}", entry.summary);
            assert!(entry.reason.ends_with('.'), "{}", entry.reason);
            assert!(!entry.advice.is_empty(), "{}", entry.summary);
        }
        let steps =
            table::all_entries().flat_map(|entry| entry.advice).chain(RESOLVE_DOUBT_STEPS).chain(CHECK_NETWORK_STEPS);
        for line in steps
            .chain(RESOLVE_OLDER_PIN_STEPS)
            .chain(FIX_TLS_STEPS)
            .chain(RESUME_JOB_STEPS)
            .chain(FIX_WABA_STEPS)
            .chain(FIX_CONNECTION_STEPS)
            .chain(REFRESH_LATER_STEPS)
            .chain(&RESET_LOST_PIN_STEPS)
        {
            assert!(width(line) <= 74, "{line}");
            assert!(!line.contains('!'), "{line}");
        }
    }

    #[test]
    fn each_cause_of_doubt_has_a_sentence_of_its_own_and_keeps_the_pin() {
        let doubts = [
            DoubtReason::TimedOut { waited: Duration::from_secs(30) },
            DoubtReason::ConnectionLost { after: Duration::from_secs(12) },
            DoubtReason::ServerError(fault(503, 2, None, "")),
            DoubtReason::UnexpectedReply { http_status: 502 },
            DoubtReason::SuccessNotTrue,
            DoubtReason::ProcessEnded,
            DoubtReason::EscrowOnly,
        ];
        let told = doubts.map(|doubt| Explanation::for_doubt(&doubt));
        for (index, one) in told.iter().enumerate() {
            assert_eq!(one.applied, Applied::Maybe);
            assert_eq!(one.advice[0], "Keep the PIN.");
            assert!(width(&one.summary) <= 48, "{}", one.summary);
            assert!(told[..index].iter().all(|other| other.reason != one.reason), "{}", one.reason);
        }
        assert_eq!(told[0].summary, "sent, no answer in 30 s");
    }

    #[test]
    fn an_older_pin_in_doubt_is_told_apart_from_the_one_that_came_to_nothing() {
        let refused_here =
            NotSentReason::RefusedLocally(CleanText::new("an earlier PIN could still take effect until 14:02:40 UTC"));
        let told = [
            NotApplied::Refused(fault(400, 133_010, None, "")),
            NotApplied::NotSent(NotSentReason::Stopped),
            NotApplied::NotSent(refused_here),
        ]
        .map(|last| Explanation::for_doubt(&DoubtReason::OlderPinInDoubt(last)));
        assert_eq!(
            told.each_ref().map(|told| told.reason.as_ref()),
            [
                "Meta refused the last request: the number is not registered. It changed nothing, but the older PIN of \
                 the request before it is in doubt.",
                "The last request was not sent: stopped before it was sent. It changed nothing, but the older PIN of \
                 the request before it is in doubt.",
                "The last request was refused here: an earlier PIN could still take effect until 14:02:40 UTC. It \
                 changed nothing, but the older PIN of the request before it is in doubt.",
            ]
        );
        for told in told {
            assert_eq!((told.applied, told.advice), (Applied::Maybe, RESOLVE_OLDER_PIN_STEPS));
            assert!(width(&told.summary) <= 48, "{}", told.summary);
        }
    }

    #[test]
    fn what_never_left_changed_nothing() {
        let told = Explanation::for_not_sent(&NotSentReason::NoConnection(CleanText::new("connection refused")));
        assert_eq!(told.reason, "There is no connection to Meta: connection refused.");
        assert_eq!(told.applied, Applied::No);
    }
}
