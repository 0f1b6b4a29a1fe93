//! The rows of errors about one number, or about one request.
//!
//! It contains only data.

use crate::policy::error_catalog::ErrorScope;
use crate::policy::error_catalog::entry::{CatalogEntry, FixedWords};
use crate::policy::error_catalog::row::{CatalogRow, MatchCondition, row};

/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/registration.
const REGISTER_CALL: &str = "Register the number. Only the API can do that: POST /<ID>/register.";

const REGISTERING_SETS_PIN: &str = "That call sets its PIN, unless one is set: then it needs that PIN.";

const REGISTER_STEPS: &[&str] = &[REGISTER_CALL, REGISTERING_SETS_PIN];

const SUPPORT_STEPS: &[&str] = &[
    "Read Meta's words: they may name the cause.",
    "If they do not, ask support: give it these words and the trace ID.",
];

const LOCKOUT_STEPS: &[&str] = &[
    "Do not try again at once. Wait as long as Meta's details say, if they do.",
    "Then set a new PIN here. No old PIN is needed, so that is no guess.",
];

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
    "Meta refused this PIN",
    "Meta did not accept the PIN.",
    &["Choose another PIN of 6 digits that is not easy to guess."],
)
.about_pin();

const NOT_REGISTERED: CatalogEntry = number_entry(
    "the registration",
    "the number is not registered",
    "The number is not registered with WhatsApp.",
    &[REGISTER_CALL, REGISTERING_SETS_PIN, "To have it in the escrow, set the PIN here afterwards."],
)
.with_complete_steps()
.about_number();

const REGISTRATION_PROBLEM: CatalogEntry = number_entry(
    "the registration",
    "Meta reports a problem with the registration",
    "Meta reports a problem with the registration of this number.",
    REGISTER_STEPS,
)
.with_complete_steps()
.about_number();

const ID_NOT_FOUND: CatalogEntry = number_entry("the ID", "ID not found", ID_NOT_FOUND_REASON, PHONE_NUMBER_ID_STEPS)
    .with_read_words(
        FixedWords {
            summary: "WABA not found",
            reason: "Meta does not know this WABA, or the access token may not see it.",
            steps: &[
                "Check its ID in the config: WhatsApp Manager, Account settings, shows it.",
                "Check that the system user has this WABA as an asset.",
            ],
        },
        FixedWords { summary: "ID not found", reason: ID_NOT_FOUND_REASON, steps: PHONE_NUMBER_ID_STEPS },
    );

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

const NOT_A_WABA: CatalogEntry = number_entry(
    "the ID",
    "the ID is not that of a WABA",
    "This ID is not that of a WABA, but of something else, such as a phone number.",
    &["Take the WABA ID from WhatsApp Manager.", "Correct the ID in the config."],
);

const MIGRATION_REFUSED: CatalogEntry = number_entry(
    "a migration",
    "the number cannot be migrated now",
    "Meta refused to migrate the number from another account.",
    &["Open the number in WhatsApp Manager, and follow what it asks for."],
)
.with_complete_steps()
.about_number();

const ALREADY_ADDED: CatalogEntry = number_entry(
    "the list of numbers",
    "the number is in the list already",
    "Meta refused to add the number, because it is in the list already.",
    &["Refresh the list: the number is there."],
)
.with_complete_steps()
.about_number();

const fn number_entry(
    topic: &'static str,
    summary: &'static str,
    reason: &'static str,
    steps: &'static [&'static str],
) -> CatalogEntry {
    CatalogEntry::new(ErrorScope::Number, topic, FixedWords { summary, reason, steps })
}

pub(super) static ROWS: &[CatalogRow] = &[
    row(&[100..=100], MatchCondition::Phrase("nonexisting field (display_phone_number"), NOT_A_NUMBER),
    row(&[100..=100], MatchCondition::Phrase("nonexisting field (phone_numbers"), NOT_A_WABA),
    row(
        &[100..=100],
        MatchCondition::Phrase("nonexisting field"),
        number_entry(
            "a field",
            "a field is unknown to Meta",
            "Meta does not know a field that was asked for, in this version or for this app.",
            &["Check graph_version in the config.", "If it is right, give Meta's words and the trace ID to support."],
        ),
    ),
    row(&[100..=100], MatchCondition::Subcodes(&[33]), ID_NOT_FOUND),
    row(&[100..=100], MatchCondition::Phrase("does not exist"), ID_NOT_FOUND),
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
        .with_read_words(
            FixedWords {
                summary: "the WABA was deleted",
                reason: "Meta says that this WABA was deleted.",
                steps: &["Check the WABA ID in the config."],
            },
            FixedWords {
                summary: "the number was deleted",
                reason: "Meta says that this number was deleted.",
                steps: &["Check the ID. If the config names the number, remove it there."],
            },
        ),
    ),
    row(&[100..=100], MatchCondition::Phrase("not registered"), NOT_REGISTERED),
    row(&[100..=100], MatchCondition::Subcodes(&[2_388_012]), ALREADY_ADDED),
    row(&[100..=100], MatchCondition::Subcodes(&[2_388_091, 2_388_093, 2_388_103]), MIGRATION_REFUSED),
    row(&[100..=100, 131_009..=131_009], MatchCondition::Phrase("pin"), PIN_REFUSED),
    row(&[100..=100, 2500..=2500], MatchCondition::CodeOnly, REJECTED),
    row(
        &[131_008..=131_008],
        MatchCondition::CodeOnly,
        number_entry(
            "a missing parameter",
            "Meta misses a parameter of the request",
            "Meta misses a parameter of the request: pindesk or a gateway left it out, or this version needs more.",
            &["Check graph_version and graph_url in the config.", "If they are right, report it with Meta's words."],
        ),
    ),
    row(
        &[131_009..=131_009],
        MatchCondition::CodeOnly,
        number_entry(
            "a value of the request",
            "Meta does not accept a value of the request",
            "Meta does not accept a value of the request: the PIN or the phone number ID.",
            &["Check the phone number ID.", "If it is right, choose another PIN."],
        )
        .with_read_words(
            FixedWords {
                summary: "Meta does not accept a value of the request",
                reason: "Meta does not accept a value of the request: the WABA ID or the place in the list.",
                steps: &["Check the WABA ID in the config."],
            },
            FixedWords {
                summary: "Meta does not accept a value of the request",
                reason: "Meta does not accept a value of the request: the phone number ID.",
                steps: PHONE_NUMBER_ID_STEPS,
            },
        ),
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
    row(
        &[133_005..=133_005],
        MatchCondition::CodeOnly,
        number_entry(
            "the PIN",
            "the PIN does not match",
            "The PIN does not match the one in force. Only registering a number compares PINs.",
            &[
                "Set a new PIN here once more: no old PIN is needed.",
                "If Meta compares it again, turn two-step off in WhatsApp Manager first.",
            ],
        )
        .with_complete_steps()
        .about_pin(),
    ),
    row(
        &[133_006..=133_006],
        MatchCondition::CodeOnly,
        number_entry(
            "the ownership code",
            "the number is not verified",
            "The ownership of this number is not verified by a code.",
            &["Request a code by SMS or voice call, and verify it.", REGISTER_CALL, REGISTERING_SETS_PIN],
        )
        .with_complete_steps()
        .about_number(),
    ),
    row(
        &[133_008..=133_008],
        MatchCondition::CodeOnly,
        number_entry("the PIN", "too many PIN tries", "There were too many tries with a wrong PIN.", LOCKOUT_STEPS)
            .with_complete_steps()
            .about_pin(),
    ),
    row(
        &[133_009..=133_009],
        MatchCondition::CodeOnly,
        number_entry(
            "the PIN",
            "PIN tries came too fast",
            "PINs were tried too fast one after the other.",
            LOCKOUT_STEPS,
        )
        .with_complete_steps()
        .about_pin(),
    ),
    row(&[133_010..=133_010], MatchCondition::CodeOnly, NOT_REGISTERED),
    row(
        &[133_015..=133_015],
        MatchCondition::CodeOnly,
        number_entry(
            "the registration",
            "the number was removed a moment ago",
            "The number was removed a moment ago, and Meta has not finished that.",
            &["Wait 5 minutes.", REGISTER_CALL, REGISTERING_SETS_PIN],
        )
        .with_complete_steps()
        .about_number(),
    ),
    row(
        &[133_016..=133_016],
        MatchCondition::CodeOnly,
        number_entry(
            "the registration",
            "the number was registered too often",
            "The number was registered or deregistered more than 10 times in 72 hours.",
            &["Wait 72 hours: Meta refuses to register the number until then."],
        )
        .about_number(),
    ),
    row(
        &[133_000..=133_000],
        MatchCondition::CodeOnly,
        number_entry(
            "the registration",
            "an earlier deregistration is not complete",
            "Meta has not completed an earlier deregistration of this number.",
            &["Deregister the number again: POST /<ID>/deregister.", REGISTER_CALL, REGISTERING_SETS_PIN],
        )
        .with_complete_steps()
        .about_number(),
    ),
    row(&[133_001..=133_003, 133_007..=133_007], MatchCondition::CodeOnly, REGISTRATION_PROBLEM),
    row(
        &[131_045..=131_045],
        MatchCondition::CodeOnly,
        number_entry(
            "the registration",
            "the registration of the number has an error",
            "The registration of this number, or its certificate, has an error.",
            REGISTER_STEPS,
        )
        .with_complete_steps()
        .about_number(),
    ),
    row(
        &[136_024..=136_024],
        MatchCondition::CodeOnly,
        number_entry(
            "the ownership code",
            "no ownership code was sent",
            "Meta did not send an ownership code, or the number is verified already.",
            &["Look at the ownership code in the details of the number.", "If it is not VERIFIED, request a new code."],
        )
        .about_number(),
    ),
    row(
        &[136_025..=136_025],
        MatchCondition::CodeOnly,
        number_entry(
            "the ownership code",
            "the ownership code was refused",
            "Meta did not accept the ownership code.",
            &["Look at the ownership code in the details of the number.", "If it is not VERIFIED, request a new code."],
        )
        .about_number(),
    ),
    row(&[2_388_012..=2_388_012], MatchCondition::CodeOnly, ALREADY_ADDED),
    row(
        &[2_388_091..=2_388_091, 2_388_093..=2_388_093, 2_388_103..=2_388_103],
        MatchCondition::CodeOnly,
        MIGRATION_REFUSED,
    ),
];
