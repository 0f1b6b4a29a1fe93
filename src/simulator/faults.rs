//! Decides which request gets which fault, from a plan in TOML or the built-in plan of the demo.
//!
//! It never uses chance: the same plan and the same requests give the same faults. It does not build replies.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};

use super::demo_rows::{DemoFault, demo_row};
use super::splitmix::splitmix64;
use crate::domain::number::{PhoneNumberId, WabaId};

/// A plan of faults. The first fault that matches a request applies.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    rules: Vec<FaultRule>,
    is_demo: bool,
}

/// The text is not a valid plan. The message gives the line, the column and the expected value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FaultPlanError(#[from] toml::de::Error);

impl FaultPlan {
    /// A plan without faults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Parses `[[fault]]` tables. Each table has
    ///
    /// - exactly one target: `number = "ID"`, `waba = "ID"` or `every = N` (each N-th call of its kind);
    /// - `answer`: `"timeout"`, `"reset-before"`, `"reset-after"`, `"truncate"`, `"html"`, `"success-false"`,
    ///   `"redirect"`, `"slow"`, or `{ code }` with the optional keys `status` (default: that of Meta), `subcode`, `message` (default: that of Meta), `details`, `user_title`,
    ///   `user_message`, `transient` (default: true for throttles, as Meta sends them), `retry_after` (seconds), `regain_minutes` and `usage` (the value of
    ///   `X-Business-Use-Case-Usage`, instead of the counted one); the PIN is in force after `reset-after`, `truncate`,
    ///   `timeout` and `slow`;
    /// - optionally `times` (default: no limit), `for` (how long after its first use, such as `"3m"` or `"90s"`), `after`
    ///   (how many matching calls succeed first), and `call`: `"set-pin"` (default), `"list"` or `"read"`. For a list,
    ///   `answer` may also be `"empty-page"`.
    ///
    /// # Errors
    /// If the text is not TOML, a key or an answer is unknown, a value is out of range, or a fault does not have
    /// exactly one target.
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

    /// The plan of the demo: its first numbers behave as their names say. Of the others, 1 in 100 fails, each with the
    /// next code, and 1 in 200 gives no answer. A number behaves the same in every run. Temporary errors disappear after
    /// a retry. A world with this plan has the numbers of the demo.
    #[must_use]
    pub fn demo() -> Self {
        Self { rules: Vec::new(), is_demo: true }
    }

    /// True for the plan of the demo.
    pub(super) const fn is_demo(&self) -> bool {
        self.is_demo
    }
}

/// One fault: its target, how often it applies, and its reply.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawFaultRule")]
struct FaultRule {
    target: FaultTarget,
    call: CallKind,
    after: u64,
    times: Option<u64>,
    duration: Option<Duration>,
    answer: FaultResponse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum FaultTarget {
    Number(PhoneNumberId),
    Waba(WabaId),
    /// Each N-th call of its kind.
    Every(NonZeroU64),
}

/// The kinds of call that can have a fault.
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

/// The reply of a fault.
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

/// A Graph error, as a fault specifies it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorResponse {
    pub code: i64,
    /// The HTTP status; `None` for that of Meta.
    pub status: Option<u16>,
    pub subcode: Option<i64>,
    /// The message; `None` for that of Meta.
    pub message: Option<String>,
    /// `error_user_title`
    pub user_title: Option<String>,
    /// `error_user_msg`
    pub user_message: Option<String>,
    pub details: Option<String>,
    /// The value of `is_transient`; `None` for that of Meta.
    pub transient: Option<bool>,
    /// The value of the `Retry-After` header, in seconds.
    pub retry_after: Option<u32>,
    /// The value of `estimated_time_to_regain_access`, in minutes.
    pub regain_minutes: Option<u32>,
    /// The value of `X-Business-Use-Case-Usage`; `None` for the counted one.
    pub usage: Option<String>,
}

impl ErrorResponse {
    /// The HTTP status: the given one, or that which Meta documents for the code.
    pub(super) const fn http_status(&self) -> u16 {
        match (self.status, self.code) {
            (Some(status), _) => status,
            (None, 0 | 190) => 401,
            (None, 10 | 200..=299 | 368 | 131_005 | 131_031) => 403,
            (None, 803) => 404,
            (None, 3 | 131_000 | 131_016 | 131_045 | 131_057 | 133_000) => 500,
            (None, 2 | 133_004) => 503,
            (None, _) => 400,
        }
    }
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
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = FaultResponse;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table such as { code = 131016 }, or one of: ")?;
                f.write_str(&RESPONSE_NAMES.map(|(name, _)| name).join(", "))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FaultResponse, E> {
                let named = RESPONSE_NAMES.into_iter().find(|(name, _)| *name == text);
                named
                    .map(|(_, response)| response)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }

            fn visit_map<M: MapAccess<'de>>(self, table: M) -> Result<FaultResponse, M::Error> {
                ErrorResponse::deserialize(MapAccessDeserializer::new(table)).map(FaultResponse::Error)
            }
        }

        deserializer.deserialize_any(NameOrTable)
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
    r#for: Option<String>,
    answer: FaultResponse,
}

impl TryFrom<RawFaultRule> for FaultRule {
    type Error = String;

    fn try_from(raw: RawFaultRule) -> Result<Self, String> {
        let target = match (raw.number, raw.waba, raw.every) {
            (Some(id), None, None) => {
                FaultTarget::Number(id.parse().map_err(|error| format!("number = \"{id}\": {error}"))?)
            }
            (None, Some(id), None) => {
                FaultTarget::Waba(id.parse().map_err(|error| format!("waba = \"{id}\": {error}"))?)
            }
            (None, None, Some(n)) => FaultTarget::Every(NonZeroU64::new(n).ok_or("every = 0: give 1 or more")?),
            _ => return Err("a fault needs exactly one of number, waba and every".to_owned()),
        };
        if raw.call == CallKind::List && matches!(target, FaultTarget::Number(_)) {
            return Err("call = \"list\" needs waba or every, not number".to_owned());
        }
        if raw.call != CallKind::List && raw.answer == FaultResponse::EmptyPage {
            return Err("answer = \"empty-page\" needs call = \"list\"".to_owned());
        }
        if let FaultResponse::Error(error) = &raw.answer
            && !(200..=599).contains(&error.http_status())
        {
            return Err(format!("status = {}: give 200 to 599", error.http_status()));
        }
        let duration = raw.r#for.as_deref().map(parse_duration).transpose()?;
        Ok(Self { target, call: raw.call, after: raw.after, times: raw.times, duration, answer: raw.answer })
    }
}

/// Parses whole seconds, minutes or hours, such as `90s`, `3m` or `1h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600)];
    let seconds = units.into_iter().find_map(|(unit, seconds)| {
        text.strip_suffix(unit)?.parse::<u32>().ok().map(|count| u64::from(count) * seconds)
    });
    seconds.map(Duration::from_secs).ok_or_else(|| format!("for = \"{text}\": give a duration such as 90s, 3m or 1h"))
}

/// The properties of a request that a plan matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallInfo<'a> {
    pub call: CallKind,
    /// The ID and the index of the number; `None` for a list or a WABA.
    pub number: Option<(&'a str, usize)>,
    pub waba: &'a str,
}

/// Applies a plan to the requests of one world.
#[derive(Debug)]
pub(super) struct FaultInjector {
    plan: FaultPlan,
    /// How many requests matched each rule.
    match_counts: Vec<u64>,
    /// When each rule applied first.
    first_uses: Vec<Option<Instant>>,
    /// How many calls of each kind arrived.
    call_counts: HashMap<CallKind, u64>,
    /// How many times each number with a demo fault was called.
    demo_attempts: HashMap<usize, u32>,
}

impl FaultInjector {
    pub(super) fn new(plan: FaultPlan) -> Self {
        let (match_counts, first_uses) = (vec![0; plan.rules.len()], vec![None; plan.rules.len()]);
        Self { plan, match_counts, first_uses, call_counts: HashMap::new(), demo_attempts: HashMap::new() }
    }

    /// The fault for this request, if any. Must be called once for each request, because it counts the calls.
    pub(super) fn next_fault(&mut self, call_info: CallInfo<'_>, now: Instant) -> Option<FaultResponse> {
        let calls = self.call_counts.entry(call_info.call).or_default();
        *calls += 1;
        let counters = self.match_counts.iter_mut().zip(&mut self.first_uses);
        for (rule, (match_count, first_use)) in self.plan.rules.iter().zip(counters) {
            let matches = rule.call == call_info.call
                && match &rule.target {
                    FaultTarget::Number(id) => call_info.number.is_some_and(|(number, _)| number == id.as_str()),
                    FaultTarget::Waba(id) => call_info.waba == id.as_str(),
                    FaultTarget::Every(n) => calls.is_multiple_of(n.get()),
                };
            if !matches {
                continue;
            }
            *match_count += 1;
            if *match_count <= rule.after || rule.times.is_some_and(|times| *match_count - rule.after > times) {
                continue;
            }
            let age = now.saturating_duration_since(*first_use.get_or_insert(now));
            if rule.duration.is_none_or(|duration| age < duration) {
                return Some(rule.answer.clone());
            }
        }
        let (_, index) = call_info.number.filter(|_| self.plan.is_demo && call_info.call == CallKind::SetPin)?;
        let (response, times) = demo_fault(index)?;
        let attempts = self.demo_attempts.entry(index).or_default();
        *attempts += 1;
        (*attempts <= times).then_some(response)
    }
}

/// The error codes of the demo: code, HTTP status, subcode, and how many attempts fail (`None`: all). Only codes that
/// concern a single number, because one that concerns the access token or a WABA would stop the rest of the job.
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

/// How many attempts get no answer: more than pindesk retries by itself, so that the outcome is "no answer" and a retry
/// by the operator succeeds.
const DEMO_SILENT_ATTEMPTS: u32 = 4;

/// The fault of a number of the demo, and how many attempts have it.
fn demo_fault(index: usize) -> Option<(FaultResponse, u32)> {
    if let Some(row) = demo_row(index) {
        return named_fault(row.fault);
    }
    let draw = splitmix64(index as u64);
    let nth = draw / 200;
    match draw % 200 {
        0 | 1 => {
            let (code, status, subcode, times) = DEMO_CODES[(nth % DEMO_CODES.len() as u64) as usize];
            let error = ErrorResponse {
                code,
                status: Some(status),
                subcode,
                transient: Some(code == 2),
                ..ErrorResponse::default()
            };
            Some((FaultResponse::Error(error), times.unwrap_or(u32::MAX)))
        }
        2 => {
            let responses = [
                FaultResponse::ResetAfter,
                FaultResponse::Truncate,
                FaultResponse::ResetBefore,
                FaultResponse::Timeout,
            ];
            Some((responses[(nth % 4) as usize].clone(), DEMO_SILENT_ATTEMPTS))
        }
        _ => None,
    }
}

fn named_fault(fault: DemoFault) -> Option<(FaultResponse, u32)> {
    match fault {
        DemoFault::None => None,
        DemoFault::Refused { code, status } => Some((
            FaultResponse::Error(ErrorResponse { code, status: Some(status), ..ErrorResponse::default() }),
            u32::MAX,
        )),
        DemoFault::Throttled { times, retry_after } => {
            let (code, status, retry_after) = (80_008, 400, Some(retry_after));
            Some((
                FaultResponse::Error(ErrorResponse {
                    code,
                    status: Some(status),
                    retry_after,
                    ..ErrorResponse::default()
                }),
                times,
            ))
        }
        DemoFault::NoAnswer => Some((FaultResponse::ResetAfter, DEMO_SILENT_ATTEMPTS)),
        DemoFault::BadGateway => Some((FaultResponse::Html, DEMO_SILENT_ATTEMPTS)),
    }
}

#[cfg(test)]
mod tests;
