//! What pindesk says of each error of Meta, in each situation.

use pindesk::domain::outcome::{ApiError, DoubtReason, Outcome};
use pindesk::domain::text::{CleanText, width};
use pindesk::policy::error_catalog::{Applied, Explanation, Situation, lookup};
use pindesk::policy::retry::{NextStep, next_step};

const SITUATIONS: [(&str, Situation); 6] = [
    ("waiting", Situation::Waiting),
    ("gave up", Situation::GaveUp),
    ("in doubt", Situation::InDoubt),
    ("WABA", Situation::ReadingWaba),
    ("number", Situation::ReadingNumber),
    ("config", Situation::Configuring),
];

/// The documented codes with their subcodes and the texts that decide, and a code that is not documented.
const ERRORS: &[(i64, Option<i64>, &str)] = &[
    (0, None, ""),
    (1, None, ""),
    (2, None, ""),
    (3, None, ""),
    (4, None, ""),
    (4, Some(2_446_079), ""),
    (10, None, ""),
    (12, None, ""),
    (17, None, ""),
    (32, None, ""),
    (33, None, ""),
    (100, None, ""),
    (100, None, "(#100) Param pin must be 6 characters long."),
    (100, None, "(#100) The parameter pin is required"),
    (100, None, "(#100) Unexpected key \"pin\" on param \"$\""),
    (100, None, "(#100) Parameter pin is not valid"),
    (100, None, "(#100) PIN is too easy to guess"),
    (100, None, "(#100) Missing Permission"),
    (100, None, "The phone number is not registered"),
    (100, None, "(#100) Tried accessing nonexisting field (x)"),
    (100, None, "(#100) Tried accessing nonexisting field (phone_numbers) on node type (WhatsAppBusinessAccount)"),
    (100, None, "(#100) Tried accessing nonexisting field (display_phone_number) on node type (Business)"),
    (100, None, "(#100) Tried accessing nonexisting field (phone_numbers) on node type (Business)"),
    (100, None, "API calls from the server require an appsecret_proof argument"),
    (100, None, "Invalid appsecret_proof provided in the API argument"),
    (100, Some(33), "Unsupported post request. Object with ID '1' does not exist, cannot be loaded"),
    (100, Some(2_388_001), "Invalid parameter"),
    (100, Some(2_388_012), "Invalid parameter"),
    (100, Some(2_388_091), "Invalid parameter"),
    (102, None, ""),
    (104, None, ""),
    (104, None, "(#104) Incorrect signature"),
    (190, None, ""),
    (190, None, "Malformed access token"),
    (190, Some(458), ""),
    (190, Some(459), ""),
    (190, Some(460), ""),
    (190, Some(463), ""),
    (190, Some(464), ""),
    (190, Some(467), ""),
    (190, Some(492), ""),
    (200, None, ""),
    (200, None, "(#200) Provide valid app ID"),
    (200, None, "API access blocked."),
    (299, None, ""),
    (341, None, ""),
    (368, None, ""),
    (613, None, ""),
    (613, Some(1_996), ""),
    (803, None, ""),
    (2_500, None, ""),
    (2_500, None, "An active access token must be used to query information about the current user."),
    (2_500, None, "Unknown path components: /v99.0/1"),
    (80_007, None, ""),
    (80_008, None, ""),
    (130_429, None, ""),
    (131_000, None, ""),
    (131_005, None, ""),
    (131_008, None, ""),
    (131_009, None, ""),
    (131_009, None, "Parameter pin is not valid"),
    (131_016, None, ""),
    (131_031, None, ""),
    (131_045, None, ""),
    (131_057, None, ""),
    (133_000, None, ""),
    (133_001, None, ""),
    (133_002, None, ""),
    (133_003, None, ""),
    (133_004, None, ""),
    (133_005, None, ""),
    (133_006, None, ""),
    (133_007, None, ""),
    (133_008, None, ""),
    (133_009, None, ""),
    (133_010, None, ""),
    (133_015, None, ""),
    (133_016, None, ""),
    (135_000, None, ""),
    (136_024, None, ""),
    (136_025, None, ""),
    (2_388_012, None, ""),
    (2_388_091, None, ""),
    (2_388_093, None, ""),
    (2_388_103, None, ""),
    (2_494_100, None, ""),
    (987_654, None, ""),
];

fn api_error(http_status: u16, (code, subcode, message): (i64, Option<i64>, &str)) -> ApiError {
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

/// The error as a refusal, and as a reply that proves nothing.
fn refusal_and_doubt(error: &(i64, Option<i64>, &str)) -> [Outcome; 2] {
    let doubt = DoubtReason::ServerError(api_error(500, *error));
    [Outcome::Refused(api_error(400, *error)), Outcome::InDoubt(doubt)]
}

/// The error with the HTTP status with which it leads to the situation; `None` if none does: only what time can mend is
/// waited for.
fn api_error_in(error: &(i64, Option<i64>, &str), situation: Situation) -> Option<ApiError> {
    match situation {
        Situation::Waiting => {
            let is_sent_again =
                |outcome: &Outcome| !matches!(next_step(outcome.clone(), 1, None, None, 0), NextStep::Finish { .. });
            refusal_and_doubt(error).iter().find(|outcome| is_sent_again(outcome))?.api_error().cloned()
        }
        Situation::InDoubt => Some(api_error(500, *error)),
        Situation::GaveUp | Situation::ReadingWaba | Situation::ReadingNumber | Situation::Configuring => {
            Some(api_error(400, *error))
        }
    }
}

fn explanation(error: &(i64, Option<i64>, &str), situation: Situation) -> Option<Explanation> {
    Some(Explanation::for_error(&api_error_in(error, situation)?, situation))
}

fn explanations() -> impl Iterator<Item = (i64, &'static str, Situation, Explanation)> {
    ERRORS.iter().flat_map(|error| {
        SITUATIONS
            .into_iter()
            .filter_map(|(name, situation)| Some((error.0, name, situation, explanation(error, situation)?)))
    })
}

/// The name of an error: its code, its subcode, and the text that decides.
fn name((code, subcode, message): &(i64, Option<i64>, &str)) -> String {
    let subcode = subcode.map_or_else(String::new, |subcode| format!("/{subcode}"));
    let message = if message.is_empty() { String::new() } else { format!(" \"{message}\"") };
    format!("{code}{subcode}{message}")
}

/// What the advice of each situation has besides the steps that remove the cause.
fn without_frame(situation: Situation, advice: &[&'static str]) -> Vec<&'static str> {
    let (first, last): (&[&str], &[&str]) = match situation {
        Situation::Waiting => (&[], &["pindesk sends the same PIN again by itself."]),
        Situation::InDoubt => (
            &["Keep the PIN."],
            &[
                "Set a PIN again 2 minutes after the last try, or later: then it is known.",
                "Or read the status then. Still not set: nothing was changed.",
                "On now, and not set before: this request set it, or someone else did.",
            ],
        ),
        Situation::ReadingWaba | Situation::ReadingNumber => (&[], &["Then try again."]),
        Situation::GaveUp | Situation::Configuring => (&[], &[]),
    };
    let advice = advice.strip_prefix(first).unwrap_or_else(|| panic!("{situation:?}: {advice:?}"));
    if let Some(steps) = advice.strip_suffix(last) {
        return steps.to_vec();
    }
    // An error that does not fit a read.
    assert_eq!(advice, ["Try again. If it stays, give Meta's words and the trace ID to support."], "{situation:?}");
    advice.to_vec()
}

/// The words for an error: those that several situations share are there once.
fn words(error: &(i64, Option<i64>, &str)) -> String {
    let mut situations: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, situation) in SITUATIONS {
        let Some(Explanation { summary, reason, advice, .. }) = explanation(error, situation) else { continue };
        let reason = reason.replace(&format!("(code {})", error.0), "(code …)");
        let steps =
            without_frame(situation, &advice).iter().fold(String::new(), |text, step| text + "\n      - " + step);
        let text = format!("    {summary} | {reason}{steps}");
        match situations.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(name),
            None => situations.push((text, vec![name])),
        }
    }
    situations.iter().fold(String::new(), |all, (text, names)| format!("{all}  {}\n{text}\n", names.join(", ")))
}

#[test]
fn each_code_has_these_words_in_each_situation() {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for error in ERRORS {
        let words = words(error);
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(name(error)),
            None => groups.push((words, vec![name(error)])),
        }
    }
    let text: Vec<_> = groups.iter().map(|(words, names)| format!("{}\n{words}", names.join(", "))).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
        insta::assert_snapshot!("error-words", text.join("\n"));
    });
}

#[test]
fn words_fit_their_place_in_each_situation() {
    for (code, name, _, Explanation { summary, reason, advice, .. }) in explanations() {
        assert!(width(&summary) <= 48 && !summary.ends_with('.'), "{code} {name}: {summary}");
        assert!(reason.ends_with('.') && width(&reason) <= 160, "{code} {name}: {reason}");
        assert!(!advice.is_empty(), "{code} {name}");
        assert!(advice.iter().all(|step| width(step) <= 74 && step.ends_with('.')), "{code} {name}: {advice:?}");
    }
}

#[test]
fn an_error_in_doubt_is_never_worded_as_a_refusal() {
    for (code, _, situation, explanation) in explanations() {
        let Explanation { summary, reason, applied, advice, cause_steps } = explanation;
        if situation != Situation::InDoubt {
            assert_eq!(applied, Applied::No, "{code}");
            continue;
        }
        let text = format!("{summary}. {reason}");
        for refusal in ["refused", "refuses", "did not accept", "not registered", "Nothing was changed"] {
            assert!(!text.contains(refusal), "{code}: {text}");
        }
        assert_eq!((applied, advice[0]), (Applied::Maybe, "Keep the PIN."), "{code}");
        assert!(!cause_steps.is_empty() && advice[1..].starts_with(cause_steps), "{code}: {advice:?}");
        assert!(advice.last().is_some_and(|step| step.starts_with("On now, and not set before")), "{code}: {advice:?}");
    }
}

#[test]
fn no_step_for_a_doubt_replaces_or_guesses_the_pin() {
    for error in ERRORS {
        let steps = lookup(&api_error(500, *error)).doubt_steps();
        for word in ["new PIN", "another PIN", "Set another", "that PIN", "sets its PIN"] {
            let contradicts = |step: &&&str| step.contains(word) && !step.starts_with("If Meta answers 133005");
            assert_eq!(steps.iter().find(contradicts), None, "{error:?}");
        }
    }
}

#[test]
fn only_a_change_that_waits_is_said_to_be_sent_again() {
    for (code, name, situation, Explanation { advice, .. }) in explanations() {
        let is_sent_again = advice.iter().any(|step| step.contains("pindesk sends"));
        assert_eq!(is_sent_again, situation == Situation::Waiting, "{code} {name}: {advice:?}");
        let sets = advice.iter().any(|step| step.starts_with("Then set the PIN") || step.starts_with("Then resume"));
        assert!(!sets || situation == Situation::GaveUp, "{code} {name}: {advice:?}");
    }
}
