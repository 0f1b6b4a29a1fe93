//! The rows of errors about one number: its registration, its verification, its migration, the lockouts of its PIN.
//!
//! It contains only data.

use crate::policy::error_catalog::entry::{CatalogEntry, number_entry};
use crate::policy::error_catalog::row::{CatalogRow, MatchCondition, row};

/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/registration.
const REGISTER_CALL: &str = "Register the number. Only the API can do that: POST /<ID>/register.";

const REGISTERING_SETS_PIN: &str = "That call sets its PIN, unless one is set: then it needs that PIN.";

const REGISTER_STEPS: &[&str] = &[REGISTER_CALL, REGISTERING_SETS_PIN];

/// While a PIN may be in force, registering with another one would only guess.
const REGISTER_IN_DOUBT: &str = "If it must be registered, use the PIN in doubt: POST /<ID>/register.";

const MISMATCH_IN_DOUBT: &str = "If Meta answers 133005, another PIN is in force. Do not guess it.";

const REGISTER_IN_DOUBT_STEPS: &[&str] = &[REGISTER_IN_DOUBT, MISMATCH_IN_DOUBT];

const DEREGISTER_CALL: &str = "Deregister the number again: POST /<ID>/deregister.";

const VERIFY_CALL: &str = "Request a code by SMS or voice call, and verify it.";

const LOCKOUT_STEPS: &[&str] = &[
    "Do not try again at once. Wait as long as Meta's details say, if they do.",
    "Then set a new PIN here. No old PIN is needed, so that is no guess.",
];

const LOCKOUT_DOUBT_STEPS: &[&str] = &[
    "Wait as long as Meta's details say, if they do. Set no PIN before that.",
    "Do not register the number meanwhile: a wrong PIN is one more guess.",
];

const NOT_REGISTERED: CatalogEntry = number_entry(
    "the registration",
    "the number is not registered",
    "The number is not registered with WhatsApp.",
    &[REGISTER_CALL, REGISTERING_SETS_PIN, "To have it in the escrow, set the PIN here afterwards."],
)
.with_complete_steps()
.with_doubt_steps(REGISTER_IN_DOUBT_STEPS)
.about_number();

const REGISTRATION_PROBLEM: CatalogEntry = number_entry(
    "the registration",
    "Meta reports a problem with the registration",
    "Meta reports a problem with the registration of this number.",
    REGISTER_STEPS,
)
.with_complete_steps()
.with_doubt_steps(REGISTER_IN_DOUBT_STEPS)
.about_number();

const MIGRATION_REFUSED: CatalogEntry = number_entry(
    "a migration",
    "the number cannot be migrated now",
    "Meta refused to migrate the number from another account.",
    &["Open the number in WhatsApp Manager, and follow what it asks for."],
)
.with_complete_steps()
.about_number();

const ALREADY_ADDED: CatalogEntry = number_entry(
    "adding the number",
    "the number was added already",
    "Meta says that the number was added to the WABA already. That is an error of adding a number, not of its PIN.",
    &["Refresh the list: the number is there."],
)
.about_number();

pub(super) static ROWS: &[CatalogRow] = &[
    row(&[100..=100], MatchCondition::Texts(&["the phone number is not registered"]), NOT_REGISTERED),
    row(&[100..=100], MatchCondition::Subcodes(&[2_388_012]), ALREADY_ADDED),
    row(&[100..=100], MatchCondition::Subcodes(&[2_388_091, 2_388_093, 2_388_103]), MIGRATION_REFUSED),
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
        .with_doubt_steps(&["Do not register the number meanwhile: a wrong PIN is one more guess."])
        .about_pin(),
    ),
    row(
        &[133_006..=133_006],
        MatchCondition::CodeOnly,
        number_entry(
            "the ownership code",
            "the number is not verified",
            "The ownership of this number is not verified by a code.",
            &[VERIFY_CALL, REGISTER_CALL, REGISTERING_SETS_PIN],
        )
        .with_complete_steps()
        .with_doubt_steps(&[VERIFY_CALL, REGISTER_IN_DOUBT, MISMATCH_IN_DOUBT])
        .about_number(),
    ),
    row(
        &[133_008..=133_008],
        MatchCondition::CodeOnly,
        number_entry("the PIN", "too many PIN tries", "There were too many tries with a wrong PIN.", LOCKOUT_STEPS)
            .with_complete_steps()
            .with_doubt_steps(LOCKOUT_DOUBT_STEPS)
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
        .with_doubt_steps(LOCKOUT_DOUBT_STEPS)
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
        .with_doubt_steps(&["Wait 5 minutes.", REGISTER_IN_DOUBT, MISMATCH_IN_DOUBT])
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
        .with_doubt_steps(&["Do not register the number for 72 hours: Meta refuses that."])
        .about_number(),
    ),
    row(
        &[133_000..=133_000],
        MatchCondition::CodeOnly,
        number_entry(
            "the registration",
            "an earlier deregistration is not complete",
            "Meta has not completed an earlier deregistration of this number.",
            &[DEREGISTER_CALL, REGISTER_CALL, REGISTERING_SETS_PIN],
        )
        .with_complete_steps()
        .with_doubt_steps(&[DEREGISTER_CALL, REGISTER_IN_DOUBT, MISMATCH_IN_DOUBT])
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
        .with_doubt_steps(REGISTER_IN_DOUBT_STEPS)
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
