//! The rows of errors about one request: its ID, its fields, its values, the form of the PIN.
//!
//! It contains only data.

use crate::policy::error_catalog::entry::{CatalogEntry, FixedWords, RESTART, number_entry};
use crate::policy::error_catalog::row::{CatalogRow, MatchCondition, row};

const SUPPORT_STEPS: &[&str] = &[
    "Read Meta's words: they may name the cause.",
    "If they do not, ask support: give it these words and the trace ID.",
];

const READ_DETAILS: &str = "Read Meta's words: they may name the value.";

const READ_PIN_RULE: &str = "Read Meta's words: they may name a rule for PINs.";

const REJECTED: CatalogEntry =
    number_entry("the request", "Meta did not accept the request", "Meta did not accept the request.", SUPPORT_STEPS);

/// The entry of an error whose code the table does not have.
pub(super) static UNKNOWN_CODE: CatalogEntry = number_entry(
    "the request",
    "Meta refused the request",
    "Meta refused the request with a code that pindesk does not know.",
    SUPPORT_STEPS,
);

const PIN_REFUSED: CatalogEntry = number_entry(
    "the PIN",
    "Meta did not accept the PIN",
    "Meta did not accept the PIN.",
    &[READ_PIN_RULE, "Choose another PIN that keeps to it."],
)
.with_doubt_steps(&[READ_PIN_RULE])
.about_pin();

const PIN_TOO_WEAK: CatalogEntry = number_entry(
    "the PIN",
    "Meta finds the PIN too easy to guess",
    "Meta did not accept the PIN, because it is too easy to guess.",
    &["Choose another PIN of 6 digits that is not easy to guess."],
)
.with_doubt_steps(&["For the next PIN, choose 6 digits that are not easy to guess."])
.about_pin();

/// Every PIN that pindesk sends has 6 digits, so this says nothing about the choice of the operator.
const PIN_GARBLED: CatalogEntry = number_entry(
    "the form of the PIN",
    "Meta did not get 6 digits as the PIN",
    "Meta says that the PIN does not have 6 characters. pindesk sent 6 digits.",
    CHANGED_REQUEST_STEPS,
)
.about_pin();

const PIN_MISSING: CatalogEntry = number_entry(
    "the form of the request",
    "Meta did not understand the request",
    "Meta did not find the PIN in the request, or did not expect it there.",
    CHANGED_REQUEST_STEPS,
)
.about_pin();

const CHANGED_REQUEST_STEPS: &[&str] = &[
    "Check graph_version and graph_url: a gateway may change requests.",
    "If they are right, give Meta's words and the trace ID to support.",
];

const MISSING_PARAMETER: CatalogEntry = number_entry(
    "a missing parameter",
    "Meta misses a parameter of the request",
    "Meta misses a parameter of the request: pindesk or a gateway left it out, or this version needs more.",
    &["Check graph_version and graph_url in the config.", "If they are right, report it with Meta's words."],
);

const UNKNOWN_FIELD: CatalogEntry = number_entry(
    "a field",
    "this version of the API lacks a field",
    "The version of the Graph API that the config names does not have a field or list that pindesk reads.",
    &[
        "Set graph_version in the config to a newer version, or remove it.",
        RESTART,
        "If that does not help, give Meta's words and the trace ID to support.",
    ],
)
.with_config_change();

const ID_NOT_FOUND: CatalogEntry = number_entry("the ID", "ID not found", ID_NOT_FOUND_REASON, PHONE_NUMBER_ID_STEPS)
    .with_read_words(
        FixedWords {
            summary: "WABA not found",
            reason: "Meta does not know this WABA, or the access token may not see it.",
            steps: &[CHECK_WABA_ID, "Check that the system user has this WABA as an asset."],
        },
        FixedWords { summary: "ID not found", reason: ID_NOT_FOUND_REASON, steps: PHONE_NUMBER_ID_STEPS },
    )
    .with_config_words(FixedWords {
        summary: "business portfolio not found",
        reason: "Meta does not know the business portfolio, or the access token may not see it.",
        steps: &[
            "Check the business ID in the config against Meta Business settings.",
            "Check that the system user belongs to this business portfolio.",
        ],
    });

const CHECK_WABA_ID: &str = "Check the WABA ID in the config against the one in WhatsApp Manager.";

const ID_NOT_FOUND_REASON: &str = "Meta does not know this ID, or the access token may not see it.";

const PHONE_NUMBER_ID_STEPS: &[&str] = &[
    "Check that the ID is the phone number ID, not the number or the WABA.",
    "Check that the access token may see the WABA of this number.",
];

const NOT_A_NUMBER: CatalogEntry = number_entry(
    "the ID",
    "the ID is not that of a phone number",
    "This ID is not that of a phone number, but of something else, such as a WABA.",
    &["Take the phone number ID from WhatsApp Manager.", "Correct the ID, in the config if it is there."],
);

const NOT_A_BUSINESS: CatalogEntry = number_entry(
    "the ID",
    "the ID is not that of a business portfolio",
    "This ID is not that of a business portfolio, but of something else, such as a WABA.",
    &["Take the business ID from Meta Business settings.", "Correct the ID in the config.", RESTART],
);

const NOT_A_WABA: CatalogEntry = number_entry(
    "the ID",
    "the ID is not that of a WABA",
    "This ID is not that of a WABA, but of something else, such as a phone number.",
    &["Take the WABA ID from WhatsApp Manager.", "Correct the ID in the config.", RESTART],
);

pub(super) static ROWS: &[CatalogRow] = &[
    row(
        &[100..=100],
        MatchCondition::Texts(&[
            "tried accessing nonexisting field (phone_numbers) on node type (whatsappbusinessaccount)",
            "tried accessing nonexisting field (display_phone_number) on node type (*number*)",
        ]),
        UNKNOWN_FIELD,
    ),
    row(
        &[100..=100],
        MatchCondition::Texts(&["tried accessing nonexisting field (display_phone_number)*"]),
        NOT_A_NUMBER,
    ),
    row(&[100..=100], MatchCondition::Texts(&["tried accessing nonexisting field (phone_numbers)*"]), NOT_A_WABA),
    row(
        &[100..=100],
        MatchCondition::Texts(&[
            "tried accessing nonexisting field (owned_whatsapp_business_accounts)*",
            "tried accessing nonexisting field (client_whatsapp_business_accounts)*",
        ]),
        NOT_A_BUSINESS,
    ),
    row(&[100..=100], MatchCondition::Texts(&["tried accessing nonexisting field*"]), UNKNOWN_FIELD),
    row(&[100..=100], MatchCondition::Subcodes(&[33]), ID_NOT_FOUND),
    row(
        &[100..=100],
        MatchCondition::Texts(&["unsupported * request. object with id '*' does not exist, cannot be loaded*"]),
        ID_NOT_FOUND,
    ),
    row(&[803..=803], MatchCondition::CodeOnly, ID_NOT_FOUND),
    row(
        &[33..=33],
        MatchCondition::CodeOnly,
        number_entry(
            "a deleted number",
            "the number was deleted",
            "Meta says that this number was deleted.",
            &["Refresh the list: a deleted number is no longer in it."],
        )
        .with_complete_steps()
        .with_doubt_steps(&["Refresh the list. If the number is gone, its PIN no longer matters."])
        .with_read_words(
            FixedWords {
                summary: "the WABA was deleted, or a number of it",
                reason: "Meta says that this WABA was deleted, or a number in its list.",
                steps: &[CHECK_WABA_ID, "If the WABA is gone, remove it from the config.", RESTART],
            },
            FixedWords {
                summary: "the number was deleted",
                reason: "Meta says that this number was deleted.",
                steps: &["Check the ID. If the config names the number, remove it there."],
            },
        )
        .with_config_words(FixedWords {
            summary: "the business portfolio was deleted",
            reason: "Meta says that what was asked for was deleted: the business portfolio, or its user.",
            steps: &["Check the business ID in the config against Meta Business settings."],
        }),
    ),
    row(&[100..=100], MatchCondition::Texts(&["*parameter pin is required", "unexpected key \"pin\"*"]), PIN_MISSING),
    row(&[100..=100, 131_009..=131_009], MatchCondition::Texts(&["*pin must be 6 characters*"]), PIN_GARBLED),
    row(
        &[100..=100, 131_009..=131_009],
        MatchCondition::Texts(&["*pin is too easy to guess", "*pin is too weak*", "*pin is too simple*", "weak pin*"]),
        PIN_TOO_WEAK,
    ),
    row(
        &[100..=100, 131_009..=131_009],
        MatchCondition::Texts(&["*parameter pin is not valid", "invalid pin", "param pin must be *"]),
        PIN_REFUSED,
    ),
    row(&[100..=100, 2500..=2500], MatchCondition::CodeOnly, REJECTED),
    row(&[131_008..=131_008], MatchCondition::CodeOnly, MISSING_PARAMETER),
    row(
        &[131_009..=131_009],
        MatchCondition::CodeOnly,
        number_entry(
            "a value of the request",
            "Meta does not accept a value of the request",
            "Meta does not accept a value of the request: the phone number ID, or the PIN.",
            &[READ_DETAILS, "Check the phone number ID.", "If the ID is right, choose another PIN."],
        )
        .with_doubt_steps(&[READ_DETAILS, "Check the phone number ID."])
        .with_read_words(
            FixedWords {
                summary: "Meta does not accept a value of the request",
                reason: "Meta does not accept a value of the request: the WABA ID or the place in the list.",
                steps: &[READ_DETAILS, CHECK_WABA_ID],
            },
            FixedWords {
                summary: "Meta does not accept a value of the request",
                reason: "Meta does not accept a value of the request: the phone number ID.",
                steps: PHONE_NUMBER_ID_STEPS,
            },
        )
        .with_config_words(FixedWords {
            summary: "Meta does not accept a value of the request",
            reason: "Meta does not accept a value of the request: the business ID, or the access token.",
            steps: &[READ_DETAILS, "Check the business ID in the config against Meta Business settings."],
        }),
    ),
    row(
        &[135_000..=135_000],
        MatchCondition::CodeOnly,
        number_entry(
            "the request",
            "Meta reports an unknown error in the request",
            "Meta reports an error in the request, and does not say which.",
            SUPPORT_STEPS,
        ),
    ),
];
