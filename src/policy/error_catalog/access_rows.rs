//! The rows of errors about who asks, and where: the access token, the app, the address, a permission.
//!
//! It contains only data.

use crate::policy::error_catalog::ErrorScope;
use crate::policy::error_catalog::entry::{CatalogEntry, FixedWords, RESTART};
use crate::policy::error_catalog::row::{CatalogRow, MatchCondition, row};

const SAVE_TOKEN: &str = "Save it where the config says.";

pub(super) const REPLACE_TOKEN_STEPS: &[&str] = &["Make a new access token for the system user.", SAVE_TOKEN];

const CHECK_TOKEN_STEPS: &[&str] = &[
    "Check that the whole access token is where the config says.",
    "If it is, make a new one for the system user and save it there.",
];

/// The entry of an unknown error with HTTP status 401.
pub(super) static TOKEN_REFUSED: CatalogEntry = TOKEN_REFUSED_ENTRY;

const TOKEN_REFUSED_ENTRY: CatalogEntry = token_entry(
    "Meta refused the access token",
    "Meta refused the access token. It may be mistyped, expired or revoked.",
    CHECK_TOKEN_STEPS,
);

const TOKEN_EXPIRED: CatalogEntry =
    token_entry("the access token has expired", "The access token has expired.", REPLACE_TOKEN_STEPS);

const TOKEN_UNREADABLE: CatalogEntry = token_entry(
    "Meta cannot read the access token",
    "Meta cannot read the access token: it is mistyped, cut off, or not a token of Meta's.",
    &["Check that the whole access token, and nothing else, is in its place."],
);

const TOKEN_MISSING: CatalogEntry = token_entry(
    "Meta got no access token",
    "Meta found no access token in the request.",
    &[
        "Check that the access token is where the config says.",
        "Check that no proxy or gateway removes the header Authorization.",
    ],
);

const PERMISSION_MISSING: CatalogEntry = CatalogEntry::new(
    ErrorScope::Permission,
    "a permission",
    FixedWords {
        summary: "the access token may not manage this number",
        reason: "The access token may not manage the WABA of this number.",
        steps: PERMISSION_STEPS,
    },
)
.with_read_words(
    FixedWords {
        summary: "the access token may not read this WABA",
        reason: "The access token may not read this WABA.",
        steps: PERMISSION_STEPS,
    },
    FixedWords {
        summary: "the access token may not read this number",
        reason: "The access token may not read this number.",
        steps: PERMISSION_STEPS,
    },
)
.with_config_words(FixedWords {
    summary: "the access token lacks a permission",
    reason: "The access token lacks a permission, or its system user may not see the business portfolio.",
    steps: &[
        "Make a new access token with whatsapp_business_management.",
        SAVE_TOKEN,
        "Check that the system user belongs to the business portfolio.",
    ],
});

/// A token keeps the permissions that it was made with.
///
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/access-tokens.
const PERMISSION_STEPS: &[&str] = &[
    "In Meta Business settings, assign the WABA to the system user.",
    "Choose full control. Its owner must have accepted the Cloud API terms.",
    "Make a new access token if yours lacks whatsapp_business_management.",
];

const fn entry(
    scope: ErrorScope,
    topic: &'static str,
    (summary, reason, steps): (&'static str, &'static str, &'static [&'static str]),
) -> CatalogEntry {
    CatalogEntry::new(scope, topic, FixedWords { summary, reason, steps })
}

const fn token_entry(summary: &'static str, reason: &'static str, steps: &'static [&'static str]) -> CatalogEntry {
    entry(ErrorScope::Token, "the access token", (summary, reason, steps))
}

pub(super) static ROWS: &[CatalogRow] = &[
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[458]),
        token_entry(
            "the app was removed from this user",
            "The app that made the access token is no longer installed for its user.",
            &["Let the user authorize the app again.", "Then make a new access token.", SAVE_TOKEN],
        ),
    ),
    row(
        &[190..=190],
        MatchCondition::Subcodes(&[459, 464]),
        token_entry(
            "the owner of the token must log in at Facebook",
            "Meta wants the owner of the access token to log in and confirm the account.",
            &["Log in at facebook.com as the owner of the token.", "Do what the page asks for."],
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
    row(&[190..=190], MatchCondition::Subcodes(&[463]), TOKEN_EXPIRED),
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
            &[
                "In Meta Business settings, give the owner of the token its role back.",
                "If Meta still refuses the token, make a new one and save it.",
            ],
        ),
    ),
    row(&[190..=190], MatchCondition::Texts(&["*session has expired*", "*access token has expired*"]), TOKEN_EXPIRED),
    row(&[190..=190], MatchCondition::Texts(&["malformed access token*"]), TOKEN_UNREADABLE),
    row(&[190..=190], MatchCondition::Texts(&["*cannot parse access token"]), TOKEN_UNREADABLE),
    row(&[190..=190], MatchCondition::Texts(&["the access token could not be decrypted"]), TOKEN_UNREADABLE),
    row(&[0..=0, 102..=102, 190..=190], MatchCondition::CodeOnly, TOKEN_REFUSED_ENTRY),
    row(
        &[104..=104],
        MatchCondition::Texts(&["*incorrect signature", "*invalid signature"]),
        token_entry(
            "Meta cannot verify the signature",
            "Meta could not verify the signature of the request: the access token or the app secret is wrong.",
            &[
                "Check that the whole access token is where the config says.",
                "Check that app_secret_file has the secret of the app that made it.",
            ],
        ),
    ),
    row(&[104..=104], MatchCondition::CodeOnly, TOKEN_MISSING),
    row(&[2500..=2500], MatchCondition::Texts(&["an active access token must be used*"]), TOKEN_MISSING),
    row(&[200..=200], MatchCondition::Texts(&["provide valid app id"]), TOKEN_MISSING),
    row(
        &[100..=100],
        MatchCondition::Texts(&["invalid appsecret_proof*"]),
        token_entry(
            "the app secret does not fit the access token",
            "Meta could not verify the signature: the app secret is not that of the token's app.",
            &[
                "Copy the app secret from the App Dashboard: Settings, Basic.",
                "Save it in the file that app_secret_file names.",
            ],
        ),
    ),
    row(
        &[100..=100],
        MatchCondition::Texts(&["*require an appsecret_proof argument"]),
        token_entry(
            "the app wants signed requests",
            "The app takes only requests that are signed with its app secret.",
            &[
                "Copy the app secret from the App Dashboard: Settings, Basic.",
                "Save it in a file, and name it as app_secret_file in the config.",
                RESTART,
            ],
        )
        .with_config_change(),
    ),
    row(
        &[3..=3],
        MatchCondition::CodeOnly,
        entry(
            ErrorScope::App,
            "the app",
            (
                "the app may not make this call",
                "The app of the access token lacks the capability or the permission to make this call.",
                &[
                    "In the App Dashboard, give the app the product WhatsApp.",
                    "Make a new access token with whatsapp_business_management.",
                    SAVE_TOKEN,
                ],
            ),
        ),
    ),
    row(
        &[200..=200],
        MatchCondition::Texts(&["api access blocked"]),
        entry(
            ErrorScope::App,
            "the app",
            (
                "Meta has blocked the app",
                "Meta has blocked the app of the access token from its API.",
                &[
                    "In the App Dashboard, look for alerts and required actions of the app.",
                    "Do what they ask for, or make an access token with another app.",
                ],
            ),
        ),
    ),
    row(
        &[12..=12],
        MatchCondition::CodeOnly,
        entry(
            ErrorScope::Endpoint,
            "the API version",
            (
                "this version of the API lacks the call",
                "The version of the Graph API that the config names does not have this call.",
                &["Set graph_version in the config to another version, or remove it.", RESTART],
            ),
        )
        .with_config_change(),
    ),
    row(
        &[2500..=2500],
        MatchCondition::Texts(&["unknown path components*"]),
        entry(
            ErrorScope::Endpoint,
            "the address",
            (
                "Meta does not know this address",
                "Meta does not know this address: graph_version or graph_url in the config is wrong.",
                &["Check graph_version and graph_url in the config.", RESTART],
            ),
        )
        .with_config_change(),
    ),
    row(&[10..=10, 200..=299, 131_005..=131_005], MatchCondition::CodeOnly, PERMISSION_MISSING),
    row(&[100..=100], MatchCondition::Texts(&["missing permission", "missing permissions"]), PERMISSION_MISSING),
];
