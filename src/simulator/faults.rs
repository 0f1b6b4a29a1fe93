//! What is to go wrong, and when: faults written down beforehand, in TOML or as the demo has them.
//!
//! Leaves nothing to chance: the same plan and the same requests give the same faults. Makes no answer itself; it
//! only says which one is due.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};

use super::splitmix::splitmix64;
use crate::domain::number::{PhoneNumberId, WabaId};

/// Everything that is to go wrong. The first fault that fits a request decides.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    rules: Vec<FaultRule>,
    is_demo: bool,
}

/// The text is no plan; says line, column and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FaultPlanError(#[from] toml::de::Error);

impl FaultPlan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads `[[fault]]` tables. Each has
    ///
    /// - one of `number = "ID"`, `waba = "ID"` and `every = N` (each N-th call of its kind);
    /// - `answer`: `"timeout"`, `"reset-before"`, `"reset-after"`, `"truncate"`, `"html"`, `"success-false"`,
    ///   `"redirect"`, `"slow"`, or `{ code, status }` with, if wanted, `subcode`, `details`, `transient`,
    ///   `retry_after` (seconds) and `regain_minutes`; the PIN is in force after `reset-after`, `truncate`,
    ///   `timeout` and `slow`;
    /// - if wanted, `times` (left out: always), `after` (so many fitting calls go well first), and `call`:
    ///   `"set-pin"` (left out), `"list"` or `"read"`. A list may also answer `"empty-page"`.
    ///
    /// # Errors
    /// Bad TOML, an unknown key or answer, an impossible value, or a fault without exactly one target.
    pub fn parse(text: &str) -> Result<Self, FaultPlanError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            #[serde(default)]
            fault: Vec<FaultRule>,
        }
        let file: File = toml::from_str(text)?;
        Ok(Self { rules: file.fault, is_demo: false })
    }

    /// What the demo shows: 1 number in 100 fails, with each code in turn, and 1 in 200 gives no answer. A number
    /// behaves the same in every run; what may pass does pass when it is repeated.
    #[must_use]
    pub fn demo() -> Self {
        Self { rules: Vec::new(), is_demo: true }
    }
}

/// One fault: whom it meets, how often, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawFaultRule")]
struct FaultRule {
    target: FaultTarget,
    call: CallKind,
    after: u64,
    times: Option<u64>,
    answer: FaultResponse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum FaultTarget {
    Number(PhoneNumberId),
    Waba(WabaId),
    /// Each n-th call of its kind.
    Every(NonZeroU64),
}

/// The kinds of call that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CallKind {
    /// Setting the PIN of a number.
    #[default]
    SetPin,
    /// Listing the numbers of a WABA.
    List,
    /// Reading one number or one WABA.
    Read,
}

/// What a fault answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FaultResponse {
    Error(ErrorResponse),
    Timeout,
    ResetBefore,
    ResetAfter,
    Truncate,
    Html,
    SuccessFalse,
    Redirect,
    Slow,
    EmptyPage,
}

/// A Graph error, in the numbers that a fault gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorResponse {
    pub code: i64,
    pub status: u16,
    pub subcode: Option<i64>,
    pub details: Option<String>,
    #[serde(default)]
    pub transient: bool,
    /// Seconds.
    pub retry_after: Option<u32>,
    /// Minutes.
    pub regain_minutes: Option<u32>,
}

const RESPONSE_NAMES: [(&str, FaultResponse); 9] = [
    ("timeout", FaultResponse::Timeout),
    ("reset-before", FaultResponse::ResetBefore),
    ("reset-after", FaultResponse::ResetAfter),
    ("truncate", FaultResponse::Truncate),
    ("html", FaultResponse::Html),
    ("success-false", FaultResponse::SuccessFalse),
    ("redirect", FaultResponse::Redirect),
    ("slow", FaultResponse::Slow),
    ("empty-page", FaultResponse::EmptyPage),
];

impl<'de> Deserialize<'de> for FaultResponse {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrTable;

        impl<'de> Visitor<'de> for WordOrTable {
            type Value = FaultResponse;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table such as { code = 131016, status = 500 }, or one of: ")?;
                f.write_str(&RESPONSE_NAMES.map(|(word, _)| word).join(", "))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FaultResponse, E> {
                let found = RESPONSE_NAMES.into_iter().find(|(word, _)| *word == text);
                found.map(|(_, answer)| answer).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }

            fn visit_map<M: MapAccess<'de>>(self, table: M) -> Result<FaultResponse, M::Error> {
                ErrorResponse::deserialize(MapAccessDeserializer::new(table)).map(FaultResponse::Error)
            }
        }

        deserializer.deserialize_any(WordOrTable)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFaultRule {
    number: Option<String>,
    waba: Option<String>,
    every: Option<u64>,
    #[serde(default)]
    call: CallKind,
    #[serde(default)]
    after: u64,
    times: Option<u64>,
    answer: FaultResponse,
}

impl TryFrom<RawFaultRule> for FaultRule {
    type Error = String;

    fn try_from(raw: RawFaultRule) -> Result<Self, String> {
        let target = match (raw.number, raw.waba, raw.every) {
            (Some(id), None, None) => {
                FaultTarget::Number(id.parse().map_err(|why| format!("number = \"{id}\": {why}"))?)
            }
            (None, Some(id), None) => FaultTarget::Waba(id.parse().map_err(|why| format!("waba = \"{id}\": {why}"))?),
            (None, None, Some(n)) => FaultTarget::Every(NonZeroU64::new(n).ok_or("every = 0: give 1 or more")?),
            _ => return Err("a fault has exactly one of number, waba and every".to_owned()),
        };
        if raw.call == CallKind::List && matches!(target, FaultTarget::Number(_)) {
            return Err("a list is of a WABA: give waba or every".to_owned());
        }
        if raw.call != CallKind::List && raw.answer == FaultResponse::EmptyPage {
            return Err("answer = \"empty-page\" needs call = \"list\"".to_owned());
        }
        if let FaultResponse::Error(error) = &raw.answer
            && !(200..=599).contains(&error.status)
        {
            return Err(format!("status = {}: give 200 to 599", error.status));
        }
        Ok(Self { target, call: raw.call, after: raw.after, times: raw.times, answer: raw.answer })
    }
}

/// What a request is about, in the terms of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallInfo<'a> {
    pub call: CallKind,
    /// Its id and its place in the count.
    pub number: Option<(&'a str, usize)>,
    pub waba: &'a str,
}

/// A plan being carried out.
#[derive(Debug)]
pub(super) struct FaultInjector {
    plan: FaultPlan,
    /// How many requests fitted each rule.
    match_counts: Vec<u64>,
    /// How many calls of each kind came.
    call_counts: HashMap<CallKind, u64>,
    /// How often the demo failed each number.
    demo_attempts: HashMap<usize, u32>,
}

impl FaultInjector {
    pub(super) fn new(plan: FaultPlan) -> Self {
        let match_counts = vec![0; plan.rules.len()];
        Self { plan, match_counts, call_counts: HashMap::new(), demo_attempts: HashMap::new() }
    }

    /// The fault that is due on this request, if one is. Each request is to be asked about once.
    pub(super) fn next_fault(&mut self, subject: CallInfo<'_>) -> Option<FaultResponse> {
        let calls = self.call_counts.entry(subject.call).or_default();
        *calls += 1;
        for (rule, met) in self.plan.rules.iter().zip(&mut self.match_counts) {
            let fits = rule.call == subject.call
                && match &rule.target {
                    FaultTarget::Number(id) => subject.number.is_some_and(|(number, _)| number == id.as_str()),
                    FaultTarget::Waba(id) => subject.waba == id.as_str(),
                    FaultTarget::Every(n) => calls.is_multiple_of(n.get()),
                };
            if !fits {
                continue;
            }
            *met += 1;
            if *met > rule.after && rule.times.is_none_or(|times| *met - rule.after <= times) {
                return Some(rule.answer.clone());
            }
        }
        let (_, index) = subject.number.filter(|_| self.plan.is_demo && subject.call == CallKind::SetPin)?;
        let (answer, times) = demo_fault(index)?;
        let tries = self.demo_attempts.entry(index).or_default();
        *tries += 1;
        (*tries <= times).then_some(answer)
    }
}

/// The codes the demo shows: those that concern one number alone, since one that concerns the access token or a
/// whole WABA would stop everything else there is to see. `None` in the last place: however often it is tried.
const DEMO_CODES: [(i64, u16, Option<i64>, Option<u32>); 12] = [
    (131_031, 403, None, None),
    (131_016, 500, None, Some(1)),
    (133_010, 400, None, None),
    (2, 503, None, Some(2)),
    (100, 400, Some(33), None),
    (131_000, 500, None, Some(1)),
    (131_009, 400, None, None),
    (133_004, 503, None, Some(1)),
    (33, 400, None, None),
    (131_057, 500, None, Some(1)),
    (135_000, 400, None, None),
    (131_016, 500, None, None),
];

/// More often than a program repeats by itself, so that "no answer" is what remains; a person's repeat then passes.
const DEMO_SILENT_ATTEMPTS: u32 = 4;

fn demo_fault(index: usize) -> Option<(FaultResponse, u32)> {
    let draw = splitmix64(index as u64);
    let nth = draw / 200;
    match draw % 200 {
        0 | 1 => {
            let (code, status, subcode, times) = DEMO_CODES[(nth % DEMO_CODES.len() as u64) as usize];
            let error = ErrorResponse { code, status, subcode, transient: code == 2, ..ErrorResponse::default() };
            Some((FaultResponse::Error(error), times.unwrap_or(u32::MAX)))
        }
        2 => {
            let answers = [
                FaultResponse::ResetAfter,
                FaultResponse::Truncate,
                FaultResponse::ResetBefore,
                FaultResponse::Timeout,
            ];
            Some((answers[(nth % 4) as usize].clone(), DEMO_SILENT_ATTEMPTS))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_pin(number: (&str, usize)) -> CallInfo<'_> {
        CallInfo { call: CallKind::SetPin, number: Some(number), waba: "100000000000001" }
    }

    fn faults(text: &str) -> FaultInjector {
        FaultInjector::new(FaultPlan::parse(text).expect("a good plan"))
    }

    #[test]
    fn a_fault_meets_its_number_as_often_as_it_says() {
        let mut faults = faults(
            "[[fault]]\nnumber = \"200000000000003\"\ntimes = 2\nafter = 1\nanswer = { code = 131016, status = 500 }",
        );
        let error = FaultResponse::Error(ErrorResponse { code: 131_016, status: 500, ..ErrorResponse::default() });
        assert_eq!(faults.next_fault(set_pin(("200000000000004", 3))), None);
        let answers: Vec<_> = (0..4).map(|_| faults.next_fault(set_pin(("200000000000003", 2)))).collect();
        assert_eq!(answers, [None, Some(error.clone()), Some(error), None]);
    }

    #[test]
    fn every_third_request_counts_pin_requests_only() {
        let mut faults = faults("[[fault]]\nevery = 3\nanswer = \"html\"");
        let list = CallInfo { call: CallKind::List, number: None, waba: "100000000000001" };
        assert_eq!(faults.next_fault(list), None);
        let answers: Vec<_> = (0..6).map(|_| faults.next_fault(set_pin(("200000000000001", 0))).is_some()).collect();
        assert_eq!(answers, [false, false, true, false, false, true]);
    }

    #[test]
    fn a_waba_can_fail_to_list_while_its_numbers_work() {
        let mut faults = faults("[[fault]]\nwaba = \"100000000000001\"\ncall = \"list\"\nanswer = \"empty-page\"");
        assert_eq!(faults.next_fault(set_pin(("200000000000001", 0))), None);
        let list = CallInfo { call: CallKind::List, number: None, waba: "100000000000001" };
        assert_eq!(faults.next_fault(list), Some(FaultResponse::EmptyPage));
    }

    #[test]
    fn a_bad_plan_is_refused_with_the_line_and_the_reason() {
        let cases = [
            ("[[fault]]\nanswer = \"html\"", "exactly one of number, waba and every"),
            ("[[fault]]\nevery = 1\nwaba = \"1\"\nanswer = \"html\"", "exactly one of number, waba and every"),
            ("[[fault]]\nevery = 0\nanswer = \"html\"", "every = 0"),
            ("[[fault]]\nnumber = \"abc\"\nanswer = \"html\"", "number = \"abc\""),
            ("[[fault]]\nevery = 1\nanswer = \"explode\"", "reset-before"),
            ("[[fault]]\nevery = 1\nanswer = \"empty-page\"", "needs call = \"list\""),
            ("[[fault]]\nevery = 1\nanswer = { code = 1, status = 99 }", "status = 99"),
            ("[[fault]]\nevery = 1\nanswer = { code = 1, status = 500, stauts = 1 }", "stauts"),
            ("[[fault]]\nevery = 1\ntime = 2\nanswer = \"html\"", "time"),
            ("[[faults]]\nevery = 1\nanswer = \"html\"", "faults"),
            ("[[fault]]\nevery = 1", "answer"),
        ];
        for (text, why) in cases {
            let error = FaultPlan::parse(text).expect_err(text).to_string();
            assert!(error.contains(why) && error.contains("line "), "{text}: {error}");
        }
    }

    #[test]
    fn the_demo_fails_one_number_in_a_hundred_and_leaves_one_in_two_hundred_silent() {
        let faults: Vec<FaultResponse> =
            (0..100_000).filter_map(|index| demo_fault(index).map(|(answer, _)| answer)).collect();
        let errors = faults.iter().filter(|answer| matches!(answer, FaultResponse::Error(_))).count();
        let silent = faults.len() - errors;
        assert!((900..1_100).contains(&errors) && (430..570).contains(&silent), "{errors} errors, {silent} silent");
        let in_demo: std::collections::HashSet<i64> = (0..12_408)
            .filter_map(|index| match demo_fault(index) {
                Some((FaultResponse::Error(error), _)) => Some(error.code),
                _ => None,
            })
            .collect();
        assert_eq!(in_demo.len(), 11, "each code comes up among the demo's numbers");
    }

    #[test]
    fn what_may_pass_in_the_demo_does_pass_when_repeated() {
        let passing =
            (0..12_408).find(|index| matches!(demo_fault(*index), Some((FaultResponse::Error(_), 1)))).expect("one");
        let mut faults = FaultInjector::new(FaultPlan::demo());
        assert!(faults.next_fault(set_pin(("x", passing))).is_some());
        assert_eq!(faults.next_fault(set_pin(("x", passing))), None);
    }
}
