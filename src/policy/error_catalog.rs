//! The error catalog: what an error code of Meta means, and how far the failure reaches.
//!
//! One static table maps an error code, its subcode and, if those are ambiguous, its message to a [`CatalogEntry`]. An
//! [`Explanation`] tells support staff why a request failed, whether it changed anything, and what to do. The catalog
//! never decides what is true about a request (`outcome` does) or whether to retry it (`retry` does).

mod entry;
mod row;
mod access_rows;
mod limit_rows;
mod number_rows;
mod request_rows;
mod table;
mod foreign_words;
mod explanation;
mod meta_words;
pub mod plural;

use crate::domain::outcome::ApiError;

pub use self::entry::{CatalogEntry, Situation, Words};
pub use self::explanation::{Applied, Explanation};
pub use self::meta_words::{LabeledWords, meta_lines, meta_texts, meta_words, server_words};

/// How far a failure reaches: what else will fail for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorScope {
    /// Every request of this app.
    App,
    /// Every request, because the config names a wrong address or version.
    Endpoint,
    /// Every request with this access token.
    Token,
    /// Every number of the same WhatsApp Business Account (WABA), because the access token may not manage it.
    Permission,
    /// Every number of the same WABA, because Meta limits the account.
    Waba,
    /// This number. If Meta says it of a second number of the same WABA, every number of it.
    NumberThenWaba,
    /// Only this number, or this request.
    Number,
    /// Requests that arrive too soon. Meta asks to slow down.
    Throttle(ThrottleScope),
    /// Unknown, because Meta has an internal error.
    ServerError,
}

impl ErrorScope {
    /// True if the same request can succeed later, because the cause lies outside the number.
    const fn is_outside_number(self) -> bool {
        match self {
            Self::App | Self::Endpoint | Self::Token | Self::Permission | Self::Waba | Self::Throttle(_) => true,
            Self::NumberThenWaba | Self::Number | Self::ServerError => false,
        }
    }
}

/// How far a throttle reaches: what must wait.
///
/// Source: developers.facebook.com/docs/graph-api/overview/rate-limiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThrottleScope {
    /// Every request of the app.
    App,
    /// Every request with the access token.
    Token,
    /// Every request that concerns the same WABA.
    Waba,
    /// Every request that concerns the same number.
    Number,
}

impl ThrottleScope {
    /// How far the throttle in an error reaches; `None` if the error is no throttle.
    #[must_use]
    pub fn of(error: &ApiError) -> Option<Self> {
        match lookup(error).scope {
            ErrorScope::Throttle(scope) => Some(scope),
            ErrorScope::App
            | ErrorScope::Endpoint
            | ErrorScope::Token
            | ErrorScope::Permission
            | ErrorScope::Waba
            | ErrorScope::NumberThenWaba
            | ErrorScope::Number
            | ErrorScope::ServerError => None,
        }
    }
}

/// True if the cause of a refusal lies outside the number, so that the same request can succeed later: the app, the
/// config, the access token, a permission, the account, or too many requests.
#[must_use]
pub fn is_cause_outside_number(error: &ApiError) -> bool {
    lookup(error).scope.is_outside_number()
}

/// True if the catalog does not have the code of this error, and the HTTP status does not tell its meaning either.
#[must_use]
pub fn is_unknown_code(error: &ApiError) -> bool {
    std::ptr::eq(lookup(error), &raw const request_rows::UNKNOWN_CODE)
}

/// Looks up the meaning of an error: by its code first, then by its subcode, then by its message. The HTTP status
/// classifies a code that is not in the table.
///
/// Sources: developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes and
/// developers.facebook.com/docs/graph-api/guides/error-handling.
#[must_use]
pub fn lookup(error: &ApiError) -> &'static CatalogEntry {
    table::find(error)
}

/// Why Meta throttles with this code, as the end of a sentence: `Meta asks to go slower: … (code 4)`.
#[must_use]
pub fn throttle_reason(code: i64) -> String {
    let entry = table::find_code(code).filter(|entry| matches!(entry.scope, ErrorScope::Throttle(_)));
    let reason = entry.unwrap_or(&limit_rows::THROTTLED).reason();
    format!("{} (code {code})", reason.trim_end_matches('.'))
}

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

impl Permission {
    /// False for the permission that only solution partners need.
    #[must_use]
    pub fn is_always_needed(self) -> bool {
        self == TOKEN_PERMISSIONS[0]
    }
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
    use super::*;
    use crate::domain::text::{CleanText, width};

    fn api_error(http_status: u16, code: i64, subcode: Option<i64>, message: &str) -> ApiError {
        ApiError {
            http_status,
            code,
            subcode,
            message: CleanText::new(message),
            details: None,
            user_title: None,
            user_message: None,
            trace_id: None,
            is_transient: false,
        }
    }

    #[test]
    fn every_documented_code_has_its_scope() {
        let cases = [
            (ErrorScope::Token, &[0, 102, 104, 190][..]),
            (ErrorScope::App, &[3]),
            (ErrorScope::Endpoint, &[12]),
            (ErrorScope::Permission, &[10, 200, 250, 299, 131_005]),
            (ErrorScope::Waba, &[368]),
            (ErrorScope::NumberThenWaba, &[131_031]),
            (ErrorScope::Throttle(ThrottleScope::App), &[4, 341]),
            (ErrorScope::Throttle(ThrottleScope::Token), &[17, 32, 613]),
            (ErrorScope::Throttle(ThrottleScope::Waba), &[80_007, 80_008]),
            (ErrorScope::Throttle(ThrottleScope::Number), &[130_429]),
            (ErrorScope::ServerError, &[1, 2, 131_000, 131_016, 131_057, 133_004, 2_494_100]),
            (
                ErrorScope::Number,
                &[33, 100, 803, 2500, 131_008, 131_009, 131_045, 133_000, 133_001, 133_002, 133_003, 133_005],
            ),
            (ErrorScope::Number, &[133_006, 133_007, 133_008, 133_009, 133_010, 133_015, 133_016, 135_000, 136_024]),
            (ErrorScope::Number, &[136_025, 2_388_012, 2_388_091, 2_388_093, 2_388_103]),
        ];
        for (scope, codes) in cases {
            for code in codes {
                let entry = lookup(&api_error(400, *code, None, ""));
                assert_eq!(entry.scope, scope, "{code}");
                assert_ne!(entry.summary(), "Meta refused the request", "{code} is known");
            }
        }
    }

    #[test]
    fn the_subcode_or_message_decides_an_ambiguous_code() {
        let cases = [
            (100, Some(33), "Unsupported post request.", "ID not found"),
            (100, Some(2_388_091), "Invalid parameter", "the number cannot be migrated now"),
            (190, Some(463), "Session has expired", "the access token has expired"),
            (190, Some(1), "", "Meta refused the access token"),
            (190, None, "(#190) Access token has expired", "the access token has expired"),
            (190, None, "Malformed access token [token]", "Meta cannot read the access token"),
            (190, None, "Invalid OAuth access token - Cannot parse access token", "Meta cannot read the access token"),
            (190, None, "The access token could not be decrypted", "Meta cannot read the access token"),
            (200, None, "(#200) Provide valid app ID", "Meta got no access token"),
            (200, None, "(#200) Permissions error", "the access token may not manage this number"),
            (200, None, "API access blocked.", "Meta has blocked the app"),
            (2500, None, "An active access token must be used to query information", "Meta got no access token"),
            (2500, None, "Unknown path components: /v99.0/1", "Meta does not know this address"),
            (104, None, "(#104) Incorrect signature", "Meta cannot verify the signature"),
            (104, None, "An access token is required", "Meta got no access token"),
            (131_009, None, "Weak PIN", "Meta finds the PIN too easy to guess"),
        ];
        for (code, subcode, message, summary) in cases {
            assert_eq!(lookup(&api_error(400, code, subcode, message)).summary(), summary, "{code} {message}");
        }
    }

    #[test]
    fn only_a_whole_text_decides_what_code_100_means() {
        const UNKNOWN: &str = "Meta did not accept the request";
        const FIELD: &str = "(#100) Tried accessing nonexisting field";
        const NOT_FOUND: &str = "Unsupported get request. Object with ID '1' does not exist, cannot be loaded due to \
                                 missing permissions, or does not support this operation. Please read the Graph API \
                                 documentation.";
        let cases = [
            ("(#100) Param pin must be 6 characters long.", "Meta did not get 6 digits as the PIN"),
            ("(#100) The parameter pin is required.", "Meta did not understand the request"),
            ("Unexpected key \"pin\" on param", "Meta did not understand the request"),
            ("Parameter pin is not valid", "Meta did not accept the PIN"),
            ("The pin of the map does not exist", UNKNOWN),
            ("Invalid opinion", UNKNOWN),
            (NOT_FOUND, "ID not found"),
            ("The template does not exist", UNKNOWN),
            ("Object with ID '1' cannot be loaded due to missing permissions", UNKNOWN),
            ("(#100) Missing Permission", "the access token may not manage this number"),
            ("The phone number is not registered", "the number is not registered"),
            ("The app is not registered for it", UNKNOWN),
            ("API calls from the server require an appsecret_proof argument", "the app wants signed requests"),
            ("Invalid appsecret_proof provided in the API argument", "the app secret does not fit the access token"),
        ];
        let fields = [
            ("(is_pin_enabled)", "this version of the API lacks a field"),
            ("(phone_numbers) on node type (WhatsAppBusinessAccount)", "this version of the API lacks a field"),
            ("(phone_numbers) on node type (Business)", "the ID is not that of a WABA"),
            ("(display_phone_number) on node type (Business)", "the ID is not that of a phone number"),
            ("(display_phone_number) on node type (WhatsAppBusinessAccount)", "the ID is not that of a phone number"),
            ("(owned_whatsapp_business_accounts)", "the ID is not that of a business portfolio"),
        ]
        .map(|(field, summary)| (format!("{FIELD} {field}"), summary));
        for (message, summary) in
            cases.map(|(message, summary)| (message.to_owned(), summary)).into_iter().chain(fields)
        {
            assert_eq!(lookup(&api_error(400, 100, None, &message)).summary(), summary, "{message}");
        }
    }

    #[test]
    fn the_details_decide_if_the_message_is_only_a_title() {
        let mut error = api_error(400, 100, None, "(#100) Invalid parameter");
        error.details = Some(CleanText::new("PIN is too easy to guess"));
        assert_eq!(lookup(&error).summary(), "Meta finds the PIN too easy to guess");
    }

    #[test]
    fn the_http_status_classifies_an_unknown_code() {
        let scope = |status| lookup(&api_error(status, 987_654, None, "?")).scope;
        assert_eq!(
            [400, 401, 429, 500, 503].map(scope),
            [
                ErrorScope::Number,
                ErrorScope::Token,
                ErrorScope::Throttle(ThrottleScope::Token),
                ErrorScope::ServerError,
                ErrorScope::ServerError
            ]
        );
        assert_eq!(lookup(&api_error(0, i64::MIN, Some(i64::MAX), "")).scope, ErrorScope::Number);
    }

    #[test]
    fn every_throttle_proves_that_nothing_was_changed() {
        for code in (0..1_000).chain(80_000..80_100).chain(130_000..137_000) {
            let error = ApiError { is_transient: true, ..api_error(400, code, None, "") };
            assert_eq!(error.is_throttle(), ThrottleScope::of(&error).is_some(), "{code}");
        }
    }

    #[test]
    fn a_throttle_says_what_is_used_up_if_its_code_tells() {
        let cases = [
            (4, "Meta asks to go slower: the app has used up its calls of the last hour (code 4)"),
            (613, "Meta asks to go slower: the calls came too fast (code 613)"),
            (80_008, "Meta asks to go slower: the calls for this WABA are used up for the last hour (code 80008)"),
            (987_654, "Meta asks to go slower (code 987654)"),
            (100, "Meta asks to go slower (code 100)"),
        ];
        for (code, reason) in cases {
            assert_eq!(throttle_reason(code), reason);
        }
    }

    #[test]
    fn only_some_refusals_are_due_to_the_number() {
        for (code, is_outside) in [
            (190, true),
            (3, true),
            (12, true),
            (200, true),
            (368, true),
            (80_008, true),
            (131_031, false),
            (100, false),
            (2, false),
        ] {
            assert_eq!(is_cause_outside_number(&api_error(400, code, None, "")), is_outside, "{code}");
        }
        for (status, code, is_unknown) in [(400, 987_654, true), (401, 987_654, false), (400, 100, false)] {
            assert_eq!(is_unknown_code(&api_error(status, code, None, "")), is_unknown, "{status} {code}");
        }
    }

    #[test]
    fn every_text_of_the_table_fits_its_place() {
        for entry in table::all_entries() {
            assert!(width(entry.summary()) <= 48, "{}", entry.summary());
            assert!(!entry.summary().ends_with('.'), "{}", entry.summary());
            assert!(entry.reason().ends_with('.'), "{}", entry.reason());
            assert!(!entry.steps().is_empty(), "{}", entry.summary());
        }
        for step in table::all_entries().flat_map(CatalogEntry::steps).chain(&RESET_LOST_PIN_STEPS) {
            assert!(width(step) <= 74, "{step}");
            assert!(!step.contains('!'), "{step}");
        }
    }
}
