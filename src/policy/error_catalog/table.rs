//! The table of error codes and their meanings.
//!
//! It contains only data and one search. The first row that matches wins, so a row with a subcode or a phrase comes
//! before the row that has only its code. It does not decide whether to retry.

use std::ops::RangeInclusive;

use crate::domain::outcome::ApiError;
use crate::policy::error_catalog::{CatalogEntry, ErrorScope, ThrottleScope};

struct CatalogRow {
    codes: &'static [RangeInclusive<i64>],
    condition: MatchCondition,
    entry: CatalogEntry,
}

/// What must match besides the code.
enum MatchCondition {
    CodeOnly,
    Subcodes(&'static [i64]),
    /// Lower-case words in the message or its details.
    Phrase(&'static str),
}

/// The minimum wait for a number in maintenance. Meta says "up to about one minute".
const MAINTENANCE_WAIT_SECONDS: u64 = 60;

pub(super) fn find(error: &ApiError) -> &'static CatalogEntry {
    match ROWS.iter().find(|row| row.matches(error)) {
        Some(row) => &row.entry,
        None => match error.http_status {
            401 => &TOKEN_REFUSED,
            429 => &THROTTLED,
            500.. => &SERVER_ERROR,
            _ => &UNKNOWN_CODE,
        },
    }
}

impl CatalogRow {
    fn matches(&self, error: &ApiError) -> bool {
        self.codes.iter().any(|codes| codes.contains(&error.code))
            && match self.condition {
                MatchCondition::CodeOnly => true,
                MatchCondition::Subcodes(subcodes) => error.subcode.is_some_and(|subcode| subcodes.contains(&subcode)),
                MatchCondition::Phrase(phrase) => {
                    contains_phrase(error.message.as_str(), phrase)
                        || error.details.as_ref().is_some_and(|details| contains_phrase(details.as_str(), phrase))
                }
            }
    }
}

/// True if the phrase occurs as whole words: "pin" does not occur in "opinion".
fn contains_phrase(text: &str, phrase: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let is_edge = |neighbour: Option<char>| neighbour.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(phrase).any(|(start, matched)| {
        is_edge(text[..start].chars().next_back()) && is_edge(text[start + matched.len()..].chars().next())
    })
}

#[cfg(test)]
pub(super) fn all_entries() -> impl Iterator<Item = &'static CatalogEntry> {
    ROWS.iter().map(|row| &row.entry).chain([&UNKNOWN_CODE])
}

pub(super) const REPLACE_TOKEN_STEPS: &[&str] =
    &["Make a new access token for the system user.", "Put it where the config says, then try again."];

const PROVIDE_TOKEN_STEPS: &[&str] = &["Put an access token where the config says.", "Read it again."];

const THROTTLED_STEPS: &[&str] = &[
    "Wait: calls that are made meanwhile make Meta's pause longer.",
    "If other programs use the same app, pause them for an hour.",
];

const SERVER_ERROR_STEPS: &[&str] =
    &["Nothing. The tool tries again with the same PIN.", "If it stays, look at metastatus.com/whatsapp-business-api."];

const REPORT_TO_SUPPORT_STEPS: &[&str] =
    &["Read the list again, then try again.", "If it stays, give Meta's words and the trace ID to support."];

const REGISTER_NUMBER_STEPS: &[&str] = &["Register the number with WhatsApp first.", "Then set the PIN again."];

const PIN_LOCKOUT_STEPS: &[&str] =
    &["Stop trying. Wait the time that Meta names below.", "Then set a new PIN here: no old PIN is needed."];

const WHATSAPP_MANAGER_STEPS: &[&str] = &["Open the number in WhatsApp Manager and follow what it asks for."];

const TOKEN_REFUSED: CatalogEntry = token_entry(
    "Meta refused the access token",
    "Meta refused the access token. It may be mistyped, expired or revoked.",
    REPLACE_TOKEN_STEPS,
);

const TOKEN_UNREADABLE: CatalogEntry = token_entry(
    "Meta cannot read the access token",
    "Meta cannot read the access token: it is mistyped, cut off, or not a token of Meta's.",
    &["Look at the token file or command: it gives the token and nothing else.", "Then try again."],
);

const TOKEN_MISSING: CatalogEntry =
    token_entry("no access token was sent", "Meta found no access token with the request.", PROVIDE_TOKEN_STEPS);

static THROTTLED: CatalogEntry = throttle_entry(ThrottleScope::Token, "Meta asks to go slower.");

const SERVER_ERROR: CatalogEntry = CatalogEntry {
    scope: ErrorScope::ServerError,
    summary: "Meta has a fault of its own",
    reason: "Meta has a fault of its own.",
    advice: SERVER_ERROR_STEPS,
    min_wait_seconds: 0,
};

const REQUEST_REJECTED: CatalogEntry =
    number_entry("Meta did not accept the request", "Meta did not accept the request.", REPORT_TO_SUPPORT_STEPS);

const PIN_REFUSED: CatalogEntry = number_entry(
    "Meta refused this PIN",
    "Meta did not accept the PIN.",
    &["Choose another PIN of 6 digits that is not easy to guess.", "Set it again."],
);

const NOT_REGISTERED: CatalogEntry =
    number_entry("the number is not registered", "The number is not registered with WhatsApp.", REGISTER_NUMBER_STEPS);

const REGISTRATION_INCOMPLETE: CatalogEntry = number_entry(
    "the registration of the number is not complete",
    "The registration of this number at Meta is not complete.",
    REGISTER_NUMBER_STEPS,
);

/// The entry of an error whose code the table does not have.
pub(super) static UNKNOWN_CODE: CatalogEntry = number_entry(
    "Meta refused the request",
    "Meta refused the request with a code that this tool does not know.",
    REPORT_TO_SUPPORT_STEPS,
);

/// The entry of an error that affects only this number.
const fn number_entry(summary: &'static str, reason: &'static str, advice: &'static [&'static str]) -> CatalogEntry {
    CatalogEntry { scope: ErrorScope::Number, summary, reason, advice, min_wait_seconds: 0 }
}

const fn token_entry(summary: &'static str, reason: &'static str, advice: &'static [&'static str]) -> CatalogEntry {
    CatalogEntry { scope: ErrorScope::Token, summary, reason, advice, min_wait_seconds: 0 }
}

const fn waba_entry(summary: &'static str, reason: &'static str, advice: &'static [&'static str]) -> CatalogEntry {
    CatalogEntry { scope: ErrorScope::Waba, summary, reason, advice, min_wait_seconds: 0 }
}

const fn app_entry(summary: &'static str, reason: &'static str, advice: &'static [&'static str]) -> CatalogEntry {
    CatalogEntry { scope: ErrorScope::App, summary, reason, advice, min_wait_seconds: 0 }
}

const fn throttle_entry(scope: ThrottleScope, reason: &'static str) -> CatalogEntry {
    CatalogEntry {
        scope: ErrorScope::Throttle(scope),
        summary: "Meta asks to go slower",
        reason,
        advice: THROTTLED_STEPS,
        min_wait_seconds: 0,
    }
}

const fn row(codes: &'static [RangeInclusive<i64>], condition: MatchCondition, entry: CatalogEntry) -> CatalogRow {
    CatalogRow { codes, condition, entry }
}

static ROWS: &[CatalogRow] = &[
    // The access token.
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[458]),
        token_entry(
            "the app was removed from this user",
            "The app that made the access token is no longer installed for its user.",
            &[
                "Let the user authorise the app again.",
                "Then make a new access token and put it where the config says.",
            ],
        ),
    ),
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[459, 464]),
        token_entry(
            "the owner of the token must log in at Facebook",
            "Meta wants the owner of the access token to log in and confirm the account.",
            &["Log in at facebook.com as the owner of the token.", "Do what the page asks for, then try again."],
        ),
    ),
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[460]),
        token_entry(
            "the password behind the token was changed",
            "The owner of the access token changed the password, which ends the token.",
            REPLACE_TOKEN_STEPS,
        ),
    ),
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[463]),
        token_entry("the access token has expired", "The access token has expired.", REPLACE_TOKEN_STEPS),
    ),
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[467]),
        token_entry(
            "the access token was canceled",
            "The access token was canceled, or its owner logged out.",
            REPLACE_TOKEN_STEPS,
        ),
    ),
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[492]),
        token_entry(
            "the owner of the token lost the role it needs",
            "The owner of the access token no longer has a role in this business portfolio.",
            &["In Meta Business settings, give the user its role back.", "Then make a new access token."],
        ),
    ),
    row(&[190..=190], MatchCondition::Phrase("malformed access token"), TOKEN_UNREADABLE),
    row(&[190..=190], MatchCondition::Phrase("cannot parse access token"), TOKEN_UNREADABLE),
    row(&[190..=190], MatchCondition::Phrase("could not be decrypted"), TOKEN_UNREADABLE),
    row(&[0..=0, 102..=102, 190..=190], MatchCondition::CodeOnly, TOKEN_REFUSED),
    row(&[104..=104, 2500..=2500], MatchCondition::CodeOnly, TOKEN_MISSING),
    row(&[200..=200], MatchCondition::Phrase("provide valid app id"), TOKEN_MISSING),
    row(
        &[100..=100],
        MatchCondition::Phrase("invalid appsecret_proof"),
        token_entry(
            "the app secret does not fit the access token",
            "Meta could not verify the signature: the app secret is not that of the token's app.",
            &["Copy the app secret from the App Dashboard: Settings, Basic.", "Put it into app_secret_file."],
        ),
    ),
    row(
        &[100..=100],
        MatchCondition::Phrase("appsecret_proof"),
        token_entry(
            "the app wants signed requests",
            "The app takes only requests that are signed with its app secret.",
            &[
                "Copy the app secret from the App Dashboard: Settings, Basic.",
                "Name its file as app_secret_file in the config.",
            ],
        ),
    ),
    // The app.
    row(
        &[3..=3],
        MatchCondition::CodeOnly,
        app_entry(
            "the app may not make this call",
            "The app of the access token does not have the capability to make this call.",
            &[
                "In the App Dashboard, add the product WhatsApp to the app.",
                "Or make an access token with an app that has it.",
            ],
        ),
    ),
    row(
        &[12..=12],
        MatchCondition::CodeOnly,
        app_entry(
            "this version of the API lacks the call",
            "The version of the Graph API in the config does not have this call.",
            &["Set graph_version in the config to a newer version, then try again."],
        ),
    ),
    // One WhatsApp Business Account.
    row(
        &[10..=10, 200..=299, 131_005..=131_005],
        MatchCondition::CodeOnly,
        waba_entry(
            "the access token may not manage this number",
            "The access token may not manage the WABA of this number.",
            &[
                "In Meta Business settings, give the system user this WABA.",
                "Choose full control.",
                "Give the access token the permission whatsapp_business_management.",
                "Then set the PIN again.",
            ],
        ),
    ),
    row(
        &[368..=368],
        MatchCondition::CodeOnly,
        waba_entry(
            "Meta has limited the account",
            "Meta has limited the account because of its policies. This is not about the PIN.",
            &["Open Business Support Home in Meta Business settings.", "Follow what it says about this WABA."],
        ),
    ),
    row(
        &[131_031..=131_031],
        MatchCondition::CodeOnly,
        waba_entry(
            "Meta has locked the account",
            "Meta has locked the account, or what was sent does not match what Meta has.",
            &[
                "Open Business Support Home in Meta Business settings.",
                "If it shows no lock, choose another PIN and set it again.",
            ],
        ),
    ),
    // Throttles.
    row(
        &[4..=4, 341..=341],
        MatchCondition::CodeOnly,
        throttle_entry(ThrottleScope::App, "Meta asks to go slower: the app has used up its calls for this hour."),
    ),
    row(
        &[17..=17, 32..=32],
        MatchCondition::CodeOnly,
        throttle_entry(ThrottleScope::Token, "Meta asks to go slower: the user has used up its calls for this hour."),
    ),
    row(
        &[80_007..=80_008],
        MatchCondition::CodeOnly,
        throttle_entry(
            ThrottleScope::Waba,
            "Meta asks to go slower: the calls for this WABA are used up for this hour.",
        ),
    ),
    row(
        &[613..=613],
        MatchCondition::CodeOnly,
        throttle_entry(ThrottleScope::Token, "Meta asks to go slower: the calls came too fast."),
    ),
    row(
        &[130_429..=130_429],
        MatchCondition::CodeOnly,
        throttle_entry(ThrottleScope::Number, "Meta asks to go slower with this number."),
    ),
    // Meta's own errors.
    row(
        &[131_057..=131_057, 2_494_100..=2_494_100],
        MatchCondition::CodeOnly,
        CatalogEntry {
            scope: ErrorScope::ServerError,
            summary: "the number is in maintenance at Meta",
            reason: "The number is in maintenance at Meta. That normally takes a minute.",
            advice: SERVER_ERROR_STEPS,
            min_wait_seconds: MAINTENANCE_WAIT_SECONDS,
        },
    ),
    row(&[1..=2, 131_000..=131_000, 131_016..=131_016, 133_004..=133_004], MatchCondition::CodeOnly, SERVER_ERROR),
    // One number, or one request.
    row(
        &[100..=100],
        MatchCondition::Phrase("nonexisting field"),
        number_entry(
            "a field is unknown to Meta",
            "Meta does not know a field that was asked for, in this version or for this app.",
            &["Check graph_version in the config.", "If it stays, give Meta's words and the trace ID to support."],
        ),
    ),
    row(&[100..=100], MatchCondition::Subcodes(&[33]), ID_NOT_FOUND),
    row(&[100..=100], MatchCondition::Phrase("does not exist"), ID_NOT_FOUND),
    row(&[33..=33, 803..=803], MatchCondition::CodeOnly, ID_NOT_FOUND),
    row(&[100..=100], MatchCondition::Phrase("not registered"), NOT_REGISTERED),
    row(&[100..=100, 131_009..=131_009], MatchCondition::Phrase("pin"), PIN_REFUSED),
    row(&[100..=100, 131_008..=131_009, 135_000..=135_000], MatchCondition::CodeOnly, REQUEST_REJECTED),
    row(
        &[133_005..=133_005],
        MatchCondition::CodeOnly,
        number_entry(
            "the PIN does not match",
            "The PIN does not match the one in force. Only registering a number compares PINs.",
            &["Set a new PIN here: no old PIN is needed.", "Then register the number with that PIN."],
        ),
    ),
    row(
        &[133_006..=133_006],
        MatchCondition::CodeOnly,
        number_entry(
            "the number is not verified",
            "The ownership of this number is not verified.",
            &["Verify the number by SMS or voice call first.", "Register it, then set the PIN again."],
        ),
    ),
    row(
        &[133_008..=133_008],
        MatchCondition::CodeOnly,
        number_entry("too many PIN tries", "There were too many tries with a wrong PIN.", PIN_LOCKOUT_STEPS),
    ),
    row(
        &[133_009..=133_009],
        MatchCondition::CodeOnly,
        number_entry("PIN tries came too fast", "PINs were tried too fast one after the other.", PIN_LOCKOUT_STEPS),
    ),
    row(&[133_010..=133_010], MatchCondition::CodeOnly, NOT_REGISTERED),
    row(
        &[133_015..=133_015],
        MatchCondition::CodeOnly,
        number_entry(
            "the number was removed a moment ago",
            "The number was removed a moment ago.",
            &["Wait 5 minutes.", "Register the number again, then set the PIN."],
        ),
    ),
    row(
        &[133_016..=133_016],
        MatchCondition::CodeOnly,
        number_entry(
            "the number was registered too often",
            "The number was registered too often: 10 times in 72 hours.",
            &["Wait 72 hours. Trying sooner does not help."],
        ),
    ),
    row(
        &[133_000..=133_000, 133_001..=133_003, 133_007..=133_007, 131_045..=131_045],
        MatchCondition::CodeOnly,
        REGISTRATION_INCOMPLETE,
    ),
    row(
        &[136_024..=136_025],
        MatchCondition::CodeOnly,
        number_entry(
            "the ownership code was refused",
            "Meta refused the ownership code, or the number is verified already.",
            &["Look at the ownership code in the details of the number.", "If it is not VERIFIED, ask for a new code."],
        ),
    ),
    row(
        &[2_388_012..=2_388_012, 2_388_091..=2_388_091, 2_388_093..=2_388_093, 2_388_103..=2_388_103],
        MatchCondition::CodeOnly,
        number_entry(
            "the number cannot be migrated now",
            "Meta refused to migrate the number.",
            WHATSAPP_MANAGER_STEPS,
        ),
    ),
];

const ID_NOT_FOUND: CatalogEntry = number_entry(
    "ID not found",
    "Meta does not know this ID, or the access token may not see it.",
    &[
        "Read the list again.",
        "Check that the ID is the phone number ID, not the number or the WABA.",
        "Check that the access token may see the WABA of this number.",
    ],
);
