//! The rows of errors that end with time or with the account: too many calls, errors of Meta's own, limits of an account.
//!
//! It contains only data.

use crate::policy::error_catalog::entry::{CatalogEntry, FixedWords};
use crate::policy::error_catalog::row::{CatalogRow, MatchCondition, row};
use crate::policy::error_catalog::{ErrorScope, ThrottleScope};

/// The minimum wait for a number in maintenance. Meta says "up to about one minute".
const MAINTENANCE_WAIT_SECONDS: u64 = 60;

const THROTTLED_STEPS: &[&str] = &[
    "Wait an hour: calls that are made meanwhile make Meta's pause longer.",
    "If other programs use the same app, pause them meanwhile.",
];

const SLOWER_MESSAGES_STEPS: &[&str] = &["Wait until the programs that send its messages slow down."];

const METASTATUS: &str = "Look at metastatus.com/whatsapp-business-api: it shows outages.";

const ACCOUNT_STEPS: &[&str] =
    &["Open Business Support Home in Meta Business settings.", "Follow what it says about this WABA."];

/// The entry of an unknown error with HTTP status 429.
pub(super) static THROTTLED: CatalogEntry = throttle_entry(ThrottleScope::Token, "Meta asks to go slower.");

/// The entry of an unknown error with an HTTP status of 500 or more.
pub(super) static SERVER_ERROR: CatalogEntry = server_entry(
    "a server error with an unknown code",
    "Meta answered with a server error whose code pindesk does not know.",
    &[METASTATUS],
);

const UNAVAILABLE: CatalogEntry =
    server_entry("Meta's service is not available", "Meta's service is not available at the moment.", &[METASTATUS]);

const fn throttle_entry(scope: ThrottleScope, reason: &'static str) -> CatalogEntry {
    CatalogEntry::new(
        ErrorScope::Throttle(scope),
        "too many calls",
        FixedWords { summary: "Meta asks to go slower", reason, steps: THROTTLED_STEPS },
    )
}

const fn server_entry(summary: &'static str, reason: &'static str, steps: &'static [&'static str]) -> CatalogEntry {
    CatalogEntry::new(ErrorScope::ServerError, "Meta's service", FixedWords { summary, reason, steps })
}

pub(super) static ROWS: &[CatalogRow] = &[
    row(
        &[4..=4, 341..=341],
        MatchCondition::CodeOnly,
        throttle_entry(ThrottleScope::App, "Meta asks to go slower: the app has used up its calls of the last hour."),
    ),
    row(
        &[17..=17],
        MatchCondition::CodeOnly,
        throttle_entry(
            ThrottleScope::Token,
            "Meta asks to go slower: the owner of the access token has used up the calls of the last hour.",
        ),
    ),
    row(
        &[32..=32],
        MatchCondition::CodeOnly,
        throttle_entry(
            ThrottleScope::Token,
            "Meta asks to go slower: the calls for a Facebook Page are used up for the last hour.",
        ),
    ),
    row(
        &[80_007..=80_008],
        MatchCondition::CodeOnly,
        throttle_entry(
            ThrottleScope::Waba,
            "Meta asks to go slower: the calls for this WABA are used up for the last hour.",
        ),
    ),
    row(
        &[613..=613],
        MatchCondition::Subcodes(&[1996]),
        throttle_entry(ThrottleScope::Token, "Meta asks to go slower: it found the pattern of the calls unusual."),
    ),
    row(
        &[613..=613],
        MatchCondition::CodeOnly,
        throttle_entry(ThrottleScope::Token, "Meta asks to go slower: the calls came too fast."),
    ),
    row(
        &[130_429..=130_429],
        MatchCondition::CodeOnly,
        CatalogEntry::new(
            ErrorScope::Throttle(ThrottleScope::Number),
            "too many messages",
            FixedWords {
                summary: "Meta asks to go slower",
                reason: "Meta asks to go slower: too many messages go through the number.",
                steps: SLOWER_MESSAGES_STEPS,
            },
        )
        .with_read_words(
            FixedWords {
                summary: "Meta asks to go slower",
                reason: "Meta asks to go slower: too many messages go through a number of this WABA.",
                steps: SLOWER_MESSAGES_STEPS,
            },
            FixedWords {
                summary: "Meta asks to go slower",
                reason: "Meta asks to go slower: too many messages go through the number.",
                steps: SLOWER_MESSAGES_STEPS,
            },
        )
        .with_config_words(FixedWords {
            summary: "Meta asks to go slower",
            reason: "Meta asks to go slower: the programs of the app send too many messages.",
            steps: &["Wait until the programs that send messages slow down."],
        }),
    ),
    row(
        &[131_057..=131_057, 2_494_100..=2_494_100],
        MatchCondition::CodeOnly,
        server_entry(
            "the number is in maintenance at Meta",
            "The number is in maintenance at Meta. That normally takes a minute.",
            &["Wait some minutes."],
        )
        .with_read_words(
            FixedWords {
                summary: "in maintenance at Meta",
                reason: "This WABA, or a number of it, is in maintenance at Meta. That normally takes a minute.",
                steps: &["Wait some minutes."],
            },
            FixedWords {
                summary: "the number is in maintenance at Meta",
                reason: "The number is in maintenance at Meta. That normally takes a minute.",
                steps: &["Wait some minutes."],
            },
        )
        .with_config_words(FixedWords {
            summary: "in maintenance at Meta",
            reason: "What was asked for is in maintenance at Meta. That normally takes a minute.",
            steps: &["Wait some minutes."],
        })
        .with_min_wait(MAINTENANCE_WAIT_SECONDS),
    ),
    row(
        &[1..=1],
        MatchCondition::CodeOnly,
        server_entry(
            "Meta reported an unknown error",
            "Meta reported an unknown error: a fault of its own, or of the request.",
            &[METASTATUS, "If it shows none, give Meta's words and the trace ID to support."],
        ),
    ),
    row(
        &[131_000..=131_000],
        MatchCondition::CodeOnly,
        server_entry(
            "an error without a cause",
            "Meta answered with an error, and does not say why.",
            &[METASTATUS, "If it shows none, give Meta's words and the trace ID to support."],
        ),
    ),
    row(&[2..=2, 131_016..=131_016], MatchCondition::CodeOnly, UNAVAILABLE),
    row(
        &[133_004..=133_004],
        MatchCondition::CodeOnly,
        server_entry(
            "Meta's registration server is not available",
            "Meta's server for registrations is not available at the moment.",
            &[METASTATUS],
        ),
    ),
    row(
        &[368..=368],
        MatchCondition::CodeOnly,
        CatalogEntry::new(
            ErrorScope::Waba,
            "a restricted WABA",
            FixedWords {
                summary: "Meta has restricted the WABA",
                reason: "Meta has restricted or disabled the WABA for breaking a policy. This is not about the PIN.",
                steps: ACCOUNT_STEPS,
            },
        ),
    ),
    row(
        &[131_031..=131_031],
        MatchCondition::CodeOnly,
        CatalogEntry::new(
            ErrorScope::NumberThenWaba,
            "the account or the PIN",
            FixedWords {
                summary: "the account is locked, or the PIN was refused",
                reason: "Meta has locked the account, or does not accept this PIN. The code does not tell which.",
                steps: &[
                    "Set another PIN on this number.",
                    "If Meta refuses that too, open Business Support Home: it shows a lock.",
                ],
            },
        )
        .with_complete_steps()
        .with_doubt_steps(&["Open Business Support Home: it shows whether the account is locked."])
        .with_read_words(
            FixedWords {
                summary: "Meta has locked the account",
                reason: "Meta has locked the account of this WABA.",
                steps: ACCOUNT_STEPS,
            },
            FixedWords {
                summary: "Meta has locked the account",
                reason: "Meta has locked the account of this number.",
                steps: ACCOUNT_STEPS,
            },
        )
        .with_config_words(FixedWords {
            summary: "Meta has locked the account",
            reason: "Meta has locked an account of the access token.",
            steps: &["Open Business Support Home in Meta Business settings: it shows a lock."],
        }),
    ),
];
