//! What came of a request, in words for support staff: why, whether anything was changed, and what to do.
//!
//! One static table turns an error code, its subcode and, where those are ambiguous, its message into an [`Entry`].
//! This module decides words and how far a failure reaches; it does not decide what is true of a request (`outcome`
//! does) nor whether to repeat one (`pacing` does). It names no keys of the console: commands print the same words.

mod table;

use std::borrow::Cow;

use crate::job::{JobState, Settlement};
use crate::outcome::{Doubt, Fault, NotSent, ReadFailure, Unchanged};

/// How far a failure reaches: what else will fail for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every request with this access token.
    Token,
    /// Every number of the same WhatsApp Business Account.
    Waba,
    /// This number, or this request, alone.
    Number,
    /// Whatever comes too soon: Meta asks to go slower.
    Pace,
    /// Nothing for certain: Meta has a fault of its own.
    Meta,
}

/// What one kind of error means.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// How far it reaches.
    pub scope: Scope,
    /// A few words for a table cell, at most 48 columns, no full stop.
    pub short: &'static str,
    /// One or two sentences.
    pub reason: &'static str,
    /// What to do, step by step.
    pub advice: &'static [&'static str],
    /// The least wait before a repeat can help, in seconds; 0 where Meta names none.
    pub least_wait_seconds: u64,
}

/// Whether a request changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Changed {
    /// For certain not.
    Nothing,
    /// Nobody knows.
    MayBe,
    /// For certain.
    Yes,
}

impl Changed {
    /// The sentence on the page.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "Nothing was changed.",
            Self::MayBe => "It may have been changed.",
            Self::Yes => "The new PIN is in force.",
        }
    }
}

/// What became of something, told to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A few words for a table cell, no full stop.
    pub short: Cow<'static, str>,
    /// One or two sentences.
    pub reason: Cow<'static, str>,
    /// Whether anything was changed.
    pub changed: Changed,
    /// What to do, step by step; empty where there is nothing to do.
    pub advice: &'static [&'static str],
}

/// The meaning of an error, by its code first, then its subcode, then its message. A code that is not in the table is
/// judged by its HTTP status.
///
/// Sources: developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes and
/// developers.facebook.com/docs/graph-api/guides/error-handling.
#[must_use]
pub fn explain(fault: &Fault) -> &'static Entry {
    table::find(fault)
}

impl Explanation {
    /// Of a refusal: Meta said no, and that proves that nothing was changed.
    #[must_use]
    pub fn of_refusal(fault: &Fault) -> Self {
        Self::of_entry(explain(fault), Changed::Nothing)
    }

    fn of_entry(entry: &'static Entry, changed: Changed) -> Self {
        Self { short: entry.short.into(), reason: entry.reason.into(), changed, advice: entry.advice }
    }

    /// Of a request that may have been applied, or not.
    #[must_use]
    pub fn of_doubt(doubt: &Doubt) -> Self {
        let (reason, advice): (Cow<'static, str>, _) = match doubt {
            Doubt::NoAnswer { waited } => {
                (format!("The request was sent, but no answer came in {} s.", waited.as_secs()).into(), SETTLE_DOUBT)
            }
            Doubt::LineBroke { after } => {
                let seconds = after.as_secs();
                (format!("The request was sent, then the connection was lost after {seconds} s.").into(), SETTLE_DOUBT)
            }
            Doubt::MetaFault(fault) => {
                // A token that is refused has to be replaced before the doubt can be settled.
                let entry = explain(fault);
                let advice = if entry.scope == Scope::Token { entry.advice } else { SETTLE_DOUBT };
                (entry.reason.into(), advice)
            }
            Doubt::StrangeReply { http_status } => (
                format!(
                    "The request was sent, but the reply was not Meta's (HTTP {http_status}). A proxy may sit between."
                )
                .into(),
                SETTLE_DOUBT,
            ),
            Doubt::SuccessNotTrue => ("Meta answered, but did not say that it worked.".into(), SETTLE_DOUBT),
            Doubt::CutShort => ("The program that sent the request ended before the answer came.".into(), SETTLE_DOUBT),
            Doubt::Unrecorded => {
                ("Only the escrow file knows of this PIN: whether it was sent, nobody knows.".into(), SETTLE_DOUBT)
            }
            Doubt::OlderPin(last) => {
                let what = match last {
                    Unchanged::Refused(fault) => format!("Meta refused the last request: {}.", explain(fault).short),
                    Unchanged::NotSent(why) => Self::unsent("The last request", why),
                };
                let reason =
                    format!("{what} It changed nothing, but the older PIN of the request before it is in doubt.");
                (reason.into(), SETTLE_OLDER_PIN)
            }
            Doubt::Repeated { earlier, last } => return Self::of_repeat(earlier, last),
        };
        let short = match doubt {
            Doubt::NoAnswer { .. } | Doubt::StrangeReply { .. } => doubt.to_string().into(),
            Doubt::LineBroke { .. } => "sent, then the connection was lost".into(),
            Doubt::MetaFault(fault) => explain(fault).short.into(),
            Doubt::SuccessNotTrue => "Meta did not say that it worked".into(),
            Doubt::CutShort => "the program ended before the answer".into(),
            Doubt::Unrecorded => "known from the escrow file alone".into(),
            Doubt::OlderPin(Unchanged::Refused(_)) => "refused, and an older PIN is in doubt".into(),
            Doubt::OlderPin(Unchanged::NotSent(_)) => "not sent, and an older PIN is in doubt".into(),
            Doubt::Repeated { earlier, .. } => Self::of_doubt(earlier).short,
        };
        Self { short, reason, changed: Changed::MayBe, advice }
    }

    /// That a request was not sent. Only what was refused here says by itself when it may be.
    fn unsent(request: &str, why: &NotSent) -> String {
        if let NotSent::RefusedHere(said) = why {
            return format!("{request} was refused here: {said}.");
        }
        format!("{request} was not sent: {}.", Self::of_not_sent(why).short)
    }

    /// Of a request in doubt whose repeat came to nothing.
    fn of_repeat(earlier: &Doubt, last: &Unchanged) -> Self {
        let told = Self::of_doubt(earlier);
        let (what, refusal) = match last {
            Unchanged::Refused(fault) => {
                (format!("Meta refused a repeat: {}.", explain(fault).short), Some(explain(fault)))
            }
            Unchanged::NotSent(why) => (Self::unsent("A repeat", why), None),
        };
        // A token that is refused has to be replaced before the doubt can be settled.
        let advice = refusal.filter(|entry| entry.scope == Scope::Token).map_or(told.advice, |entry| entry.advice);
        Self {
            reason: format!("{} {what} That proves nothing about the first one.", told.reason).into(),
            advice,
            ..told
        }
    }

    /// Of a request that never left this host.
    #[must_use]
    pub fn of_not_sent(why: &NotSent) -> Self {
        let (short, reason, advice): (&'static str, Cow<'static, str>, &'static [&'static str]) = match why {
            NotSent::NoConnection(said) => {
                ("no connection", format!("There is no connection to Meta: {said}.").into(), CONNECT)
            }
            NotSent::Tls(said) => {
                let reason = format!("The connection could not be trusted, so nothing was sent: {said}.");
                ("no trusted connection", reason.into(), TRUST)
            }
            NotSent::Stopped => {
                ("stopped before it was sent", "The work was stopped before this number's turn came.".into(), RESUME)
            }
            NotSent::TokenRefused => (
                "stopped: Meta refused the access token",
                "Meta refused the access token before this number's turn came.".into(),
                table::NEW_TOKEN,
            ),
            NotSent::WabaRefused(said) => (
                "stopped: Meta refuses all numbers of this WABA",
                format!("Meta refused another number of this WABA for a reason that holds for all of them: {said}.")
                    .into(),
                MEND_WABA,
            ),
            NotSent::NoSureAnswers => (
                "stopped: no sure answers came",
                "Too many requests in a row got no sure answer before this number's turn came.".into(),
                MEND_LINE,
            ),
            NotSent::RefusedHere(said) => {
                ("refused here, before it was sent", format!("The request was refused here: {said}.").into(), &[])
            }
        };
        Self { short: short.into(), reason, changed: Changed::Nothing, advice }
    }

    /// Of a read that brought nothing. A read never changes anything.
    #[must_use]
    pub fn of_read_failure(failure: &ReadFailure) -> Self {
        match failure {
            ReadFailure::Fault(fault) => Self::of_refusal(fault),
            ReadFailure::NotSent(why) => Self::of_not_sent(why),
            ReadFailure::NoAnswer => Self {
                short: "no answer".into(),
                reason: "Meta did not answer in time.".into(),
                changed: Changed::Nothing,
                advice: READ_AGAIN,
            },
            ReadFailure::StrangeReply { http_status } => Self {
                short: failure.to_string().into(),
                reason: format!("The reply was not Meta's (HTTP {http_status}). A proxy may sit between.").into(),
                changed: Changed::Nothing,
                advice: CONNECT,
            },
        }
    }

    /// Of a change that came to rest; `None` while something is still to come.
    #[must_use]
    pub fn of_job(state: &JobState) -> Option<Self> {
        match state {
            JobState::Queued | JobState::Sending { .. } | JobState::Waiting { .. } => None,
            JobState::Set(_) => Some(Self {
                short: "set".into(),
                reason: "Meta confirmed the new PIN.".into(),
                changed: Changed::Yes,
                advice: &[],
            }),
            JobState::Failed(_, fault) => Some(Self::of_refusal(fault)),
            JobState::NotSent(_, why) => Some(Self::of_not_sent(why)),
            JobState::InDoubt(standing) => Some(Self::of_doubt(&standing.doubt)),
            JobState::Settled(_, Settlement::NothingInForce) => Some(Self {
                short: "settled: no PIN is in force".into(),
                reason: "Two-step verification was still not set 2 minutes after the last try.".into(),
                changed: Changed::Nothing,
                advice: &[],
            }),
            JobState::Settled(_, Settlement::ByHand) => Some(Self {
                short: "settled: checked by hand".into(),
                reason: "Somebody checked this number and left a note.".into(),
                changed: Changed::MayBe,
                advice: &[],
            }),
        }
    }
}

const SETTLE_DOUBT: &[&str] = &[
    "Keep the PIN.",
    "Set a PIN again 2 minutes after the last try: then it is known.",
    "Or read the status then. Still not set: nothing was changed.",
    "On now, and not set before: this request set it, or somebody else.",
];

const SETTLE_OLDER_PIN: &[&str] = &[
    "Keep the older PIN: the newer one is not in force.",
    "Set a PIN again 2 minutes after the last try: then it is known.",
];

const CONNECT: &[&str] = &["Check the network and the proxy of this server.", "Then try again."];

const TRUST: &[&str] = &[
    "Check the clock of this server: a wrong date makes a good certificate bad.",
    "Ask your network team whether a proxy opens TLS, and for its authority.",
    "Put that authority into ca_file in the config.",
];

const RESUME: &[&str] = &["Resume the job, or set the PIN of this number again."];

const MEND_WABA: &[&str] = &[
    "Open the number of this WABA that failed: its page says what to do.",
    "Then resume the job, or set the PIN of this number again.",
];

const MEND_LINE: &[&str] = &[
    "Open a number without an answer: its page says why.",
    "Check the network and the proxy of this server.",
    "Then resume the job, or set the PIN of this number again.",
];

const READ_AGAIN: &[&str] = &["Read again in a minute.", "If it stays, look at metastatus.com/whatsapp-business-api."];

/// How the owner of a business portfolio changes a PIN that nobody knows, without this program.
///
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/two-step-verification.
pub const RESET_LOST_PIN: [&str; 8] = [
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
    /// Who needs it, and what for.
    pub needed: &'static str,
}

/// The permissions that setting a PIN needs.
///
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/two-step-verification.
pub const TOKEN_PERMISSIONS: [Permission; 2] = [
    Permission { name: "whatsapp_business_management", needed: "always: to read numbers and to set their PINs" },
    Permission { name: "whatsapp_business_messaging", needed: "for solution partners, besides the first" },
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::text::{Clean, width};

    fn fault(http_status: u16, code: i64, subcode: Option<i64>, message: &str) -> Fault {
        Fault {
            http_status,
            code,
            subcode,
            message: Clean::new(message),
            details: None,
            trace_id: None,
            is_transient: false,
        }
    }

    #[test]
    fn every_code_reaches_as_far_as_its_cause() {
        let cases = [
            (Scope::Token, &[0, 102, 104, 190, 2500][..]),
            (Scope::Waba, &[3, 10, 200, 250, 299, 368, 131_005, 131_031]),
            (Scope::Pace, &[4, 17, 32, 341, 613, 80_007, 80_008, 130_429]),
            (Scope::Meta, &[1, 2, 131_000, 131_016, 131_057, 133_004, 2_494_100]),
            (Scope::Number, &[33, 100, 803, 131_008, 131_009, 131_045, 133_000, 133_001, 133_002, 133_003, 133_005]),
            (Scope::Number, &[133_006, 133_007, 133_008, 133_009, 133_010, 133_015, 133_016, 135_000, 136_024]),
            (Scope::Number, &[136_025, 2_388_012, 2_388_091, 2_388_093, 2_388_103]),
        ];
        for (scope, codes) in cases {
            for code in codes {
                let entry = explain(&fault(400, *code, None, ""));
                assert_eq!(entry.scope, scope, "{code}");
                assert_ne!(entry.short, "Meta refused the request", "{code} is known");
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
            assert_eq!(explain(&fault).short, short, "{fault:?}");
        }
    }

    #[test]
    fn the_details_count_where_the_message_is_only_a_title() {
        let mut fault = fault(400, 100, None, "(#100) Invalid parameter");
        fault.details = Some(Clean::new("PIN is too easy to guess"));
        assert_eq!(explain(&fault).short, "Meta refused this PIN");
    }

    #[test]
    fn an_unknown_code_is_judged_by_its_http_status() {
        let scope = |status| explain(&fault(status, 987_654, None, "?")).scope;
        assert_eq!(
            [400, 401, 429, 500, 503].map(scope),
            [Scope::Number, Scope::Token, Scope::Pace, Scope::Meta, Scope::Meta]
        );
        assert_eq!(explain(&fault(0, i64::MIN, Some(i64::MAX), "")).scope, Scope::Number);
    }

    #[test]
    fn every_text_is_calm_and_fits_its_place() {
        for entry in table::all() {
            assert!(width(entry.short) <= 48, "{}", entry.short);
            assert!(!entry.short.ends_with('.'), "{}", entry.short);
            assert!(entry.reason.ends_with('.'), "{}", entry.reason);
            assert!(!entry.advice.is_empty(), "{}", entry.short);
        }
        let steps = table::all().flat_map(|entry| entry.advice).chain(SETTLE_DOUBT).chain(CONNECT);
        for line in steps
            .chain(SETTLE_OLDER_PIN)
            .chain(TRUST)
            .chain(RESUME)
            .chain(MEND_WABA)
            .chain(MEND_LINE)
            .chain(READ_AGAIN)
            .chain(&RESET_LOST_PIN)
        {
            assert!(width(line) <= 74, "{line}");
            assert!(!line.contains('!'), "{line}");
        }
    }

    #[test]
    fn each_cause_of_doubt_has_a_sentence_of_its_own_and_keeps_the_pin() {
        let doubts = [
            Doubt::NoAnswer { waited: Duration::from_secs(30) },
            Doubt::LineBroke { after: Duration::from_secs(12) },
            Doubt::MetaFault(fault(503, 2, None, "")),
            Doubt::StrangeReply { http_status: 502 },
            Doubt::SuccessNotTrue,
            Doubt::CutShort,
            Doubt::Unrecorded,
        ];
        let told = doubts.map(|doubt| Explanation::of_doubt(&doubt));
        for (index, one) in told.iter().enumerate() {
            assert_eq!(one.changed, Changed::MayBe);
            assert_eq!(one.advice[0], "Keep the PIN.");
            assert!(width(&one.short) <= 48, "{}", one.short);
            assert!(told[..index].iter().all(|other| other.reason != one.reason), "{}", one.reason);
        }
        assert_eq!(told[0].short, "sent, no answer in 30 s");
    }

    #[test]
    fn an_older_pin_in_doubt_is_told_apart_from_the_one_that_came_to_nothing() {
        let refused_here =
            NotSent::RefusedHere(Clean::new("an earlier PIN could still take effect until 14:02:40 UTC"));
        let told = [
            Unchanged::Refused(fault(400, 133_010, None, "")),
            Unchanged::NotSent(NotSent::Stopped),
            Unchanged::NotSent(refused_here),
        ]
        .map(|last| Explanation::of_doubt(&Doubt::OlderPin(last)));
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
            assert_eq!((told.changed, told.advice), (Changed::MayBe, SETTLE_OLDER_PIN));
            assert!(width(&told.short) <= 48, "{}", told.short);
        }
    }

    #[test]
    fn what_never_left_changed_nothing() {
        let told = Explanation::of_not_sent(&NotSent::NoConnection(Clean::new("connection refused")));
        assert_eq!(told.reason, "There is no connection to Meta: connection refused.");
        assert_eq!(told.changed, Changed::Nothing);
    }
}
