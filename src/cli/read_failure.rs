//! How commands report numbers and WABAs that cannot be read: the exit code, the name, and one message for all that have
//! the same reason.
//!
//! It prints nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::exit_code::ExitCode;
use crate::cli::output::table;
use crate::domain::number::{PhoneNumberId, Waba};
use crate::domain::outcome::{ApiError, ListDefect, ReadFailure};
use crate::policy::error_catalog::{self, ErrorScope, Explanation};

/// How many names a message lists before it counts the rest.
const MAX_LISTED_NAMES: usize = 5;

/// What could not be read, in the order of the reads.
#[derive(Debug, Default)]
pub(crate) struct ReadFailures {
    pub(crate) wabas: Vec<(Arc<Waba>, String)>,
    numbers: Vec<(PhoneNumberId, String)>,
    /// What to do about WABAs and about numbers, for each reason.
    advice: [BTreeMap<String, Advice>; 2],
    codes: Vec<ExitCode>,
}

impl ReadFailures {
    pub(crate) fn add_waba(&mut self, waba: Arc<Waba>, failure: &ReadFailure) {
        let advice = if is_unknown_id(failure) { FIND_WABA_STEPS } else { advice(failure) };
        let reason = self.add(failure);
        self.advice[0].insert(reason.clone(), advice);
        self.wabas.push((waba, reason));
    }

    pub(crate) fn add_number(&mut self, id: PhoneNumberId, failure: &ReadFailure) {
        let reason = self.add(failure);
        self.advice[1].insert(reason.clone(), advice(failure));
        self.numbers.push((id, reason));
    }

    fn add(&mut self, failure: &ReadFailure) -> String {
        self.codes.push(exit_code(failure));
        Explanation::for_read_failure(failure).reason.into_owned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::first_that_applies(self.codes.iter().copied())
    }

    /// One message for each reason, with what to do. `waba_count` is how many WABAs were to be read.
    pub(crate) fn messages(&self, waba_count: usize) -> Vec<String> {
        let wabas = names_by_reason(self.wabas.iter().map(|(waba, reason)| (waba_label(waba), reason.as_str())));
        let numbers = names_by_reason(self.numbers.iter().map(|(id, reason)| (id.to_string(), reason.as_str())));
        let [waba_advice, number_advice] = &self.advice;
        let message = |what: &str, reason: &str, advice: &BTreeMap<String, Advice>| {
            let steps = advice.get(reason).into_iter().copied().flatten().map(|step| format!("\n  {step}"));
            format!("{what} be read. {reason}{}", steps.collect::<String>())
        };
        let waba_message = |(reason, names): (&str, Vec<String>)| {
            let what = match names.len() {
                count if count > 1 && count == waba_count => format!("none of the {count} WABAs could"),
                _ => format!("{} could not", named("WABA", &names)),
            };
            message(&what, reason, waba_advice)
        };
        let number_message = |(reason, names): (&str, Vec<String>)| {
            message(&format!("{} could not", named("number", &names)), reason, number_advice)
        };
        wabas.into_iter().map(waba_message).chain(numbers.into_iter().map(number_message)).collect()
    }
}

/// What to do, one step each.
type Advice = &'static [&'static str];

fn advice(failure: &ReadFailure) -> Advice {
    Explanation::for_read_failure(failure).advice
}

/// The catalog's steps for an unknown ID are those for a number.
const FIND_WABA_STEPS: Advice = &[
    "Check its ID in the config: WhatsApp Manager shows it under Account settings.",
    "Check that the system user of the access token has this WABA as an asset.",
];

/// True for Meta's codes for an ID that does not exist, or that the access token may not see.
fn is_unknown_id(failure: &ReadFailure) -> bool {
    matches!(failure, ReadFailure::Api(error) if matches!((error.code, error.subcode), (100, Some(33)) | (33 | 803, _)))
}

/// The names of each reason.
fn names_by_reason<'a>(failures: impl Iterator<Item = (String, &'a str)>) -> BTreeMap<&'a str, Vec<String>> {
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    failures.for_each(|(name, reason)| names.entry(reason).or_default().push(name));
    names
}

/// `WABA a`, or `2 WABAs (a, b)`.
fn named(kind: &str, names: &[String]) -> String {
    if let [name] = names {
        return format!("{kind} {name}");
    }
    let listed = names[..names.len().min(MAX_LISTED_NAMES)].join(", ");
    let rest = names.len().saturating_sub(MAX_LISTED_NAMES);
    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    format!("{} ({listed}{more})", table::pluralize(names.len(), kind))
}

/// The exit code of a read that failed.
pub(crate) fn exit_code(failure: &ReadFailure) -> ExitCode {
    match failure {
        ReadFailure::Api(error) => api_error_exit_code(error),
        ReadFailure::NotSent(_)
        | ReadFailure::NoAnswer
        | ReadFailure::UnexpectedReply { .. }
        | ReadFailure::IncompleteList(ListDefect::NoContinuation | ListDefect::Loop | ListDefect::Endless) => {
            ExitCode::NoConnection
        }
        ReadFailure::WrongKind { .. } | ReadFailure::IncompleteList(ListDefect::UnusableRows(_)) => ExitCode::Failed,
    }
}

/// The exit code of an error that Meta reported.
pub(crate) fn api_error_exit_code(error: &ApiError) -> ExitCode {
    let scope = error_catalog::lookup(error).scope;
    if matches!(scope, ErrorScope::Token | ErrorScope::App) || is_missing_permission(error) {
        ExitCode::NoAccess
    } else if scope == ErrorScope::ServerError {
        ExitCode::NoConnection
    } else {
        ExitCode::Failed
    }
}

/// Source: developers.facebook.com/docs/graph-api/guides/error-handling.
const fn is_missing_permission(error: &ApiError) -> bool {
    matches!(error.code, 3 | 10 | 200..=299)
}

/// The name of a WABA with its ID, or the ID alone.
pub(crate) fn waba_label(waba: &Waba) -> String {
    waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name} ({})", waba.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::ListDefect;

    fn failures(lost_wabas: usize, looping_wabas: usize, numbers: usize) -> ReadFailures {
        let waba = |n: usize| Arc::new(Waba { id: (1_001 + n).to_string().parse().expect("an ID"), name: None });
        let mut failures = ReadFailures::default();
        (0..lost_wabas).for_each(|n| failures.add_waba(waba(n), &ReadFailure::NoAnswer));
        let looping = ReadFailure::IncompleteList(ListDefect::Loop);
        (lost_wabas..lost_wabas + looping_wabas).for_each(|n| failures.add_waba(waba(n), &looping));
        let number = |n: usize| (2_001 + n).to_string().parse().expect("an ID");
        (0..numbers).for_each(|n| failures.add_number(number(n), &ReadFailure::NoAnswer));
        failures
    }

    #[test]
    fn what_has_the_same_reason_is_told_in_one_message() {
        let Explanation { reason, advice, .. } = Explanation::for_read_failure(&ReadFailure::NoAnswer);
        let reason = format!("{reason}\n  {}", advice.join("\n  "));
        let cases = [
            (failures(7, 0, 0), format!("none of the 7 WABAs could be read. {reason}")),
            (failures(1, 0, 0), format!("WABA 1001 could not be read. {reason}")),
            (failures(2, 0, 0), format!("2 WABAs (1001, 1002) could not be read. {reason}")),
            (
                failures(0, 0, 6),
                format!("6 numbers (2001, 2002, 2003, 2004, 2005, and 1 more) could not be read. {reason}"),
            ),
        ];
        for (failures, expected) in cases {
            assert_eq!(failures.messages(7), [expected]);
        }
        assert_eq!(failures(3, 4, 1).messages(7).len(), 3);
        assert!(failures(0, 0, 0).is_empty());
    }
}
