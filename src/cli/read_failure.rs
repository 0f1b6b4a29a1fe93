//! How commands report numbers and WABAs that cannot be read: the exit code, the name, and one message for all that have
//! the same reason.
//!
//! It prints nothing.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use crate::cli::exit_code::ExitCode;
use crate::cli::output::table;
use crate::domain::number::{PhoneNumberId, Waba};
use crate::domain::outcome::{ApiError, ListDefect, ReadFailure};
use crate::policy::error_catalog::{self, ErrorScope, Explanation, meta_lines, plural};

/// How many names a message lists before it counts the rest.
const MAX_LISTED_NAMES: usize = 5;

/// What could not be read, in the order of the reads.
#[derive(Debug, Default)]
pub(crate) struct ReadFailures {
    pub(crate) wabas: Vec<(Arc<Waba>, ReadFailure)>,
    numbers: Vec<(PhoneNumberId, ReadFailure)>,
}

impl ReadFailures {
    pub(crate) fn add_waba(&mut self, waba: Arc<Waba>, failure: ReadFailure) {
        self.wabas.push((waba, failure));
    }

    pub(crate) fn add_number(&mut self, id: PhoneNumberId, failure: ReadFailure) {
        self.numbers.push((id, failure));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wabas.is_empty() && self.numbers.is_empty()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        let wabas = self.wabas.iter().map(|(_, failure)| failure);
        let numbers = self.numbers.iter().map(|(_, failure)| failure);
        ExitCode::first_that_applies(wabas.chain(numbers).map(exit_code))
    }

    /// One message for each reason, with what to do and Meta's words, each on a line of its own. `waba_count` is how many
    /// WABAs were to be read.
    pub(crate) fn messages(&self, waba_count: usize) -> Vec<String> {
        let wabas =
            self.wabas.iter().map(|(waba, failure)| (waba_label(waba), Explanation::for_unread_waba(failure), failure));
        let numbers =
            self.numbers.iter().map(|(id, failure)| (id.to_string(), Explanation::for_unread_number(failure), failure));
        let waba_title = |names: &[String]| match names.len() {
            count if count > 1 && count == waba_count => format!("none of the {count} WABAs could be read"),
            _ => format!("{} could not be read", named("WABA", names)),
        };
        let number_title = |names: &[String]| format!("{} could not be read", named("number", names));
        let mut messages = grouped_messages(wabas, waba_title);
        messages.extend(grouped_messages(numbers, number_title));
        messages
    }
}

/// One message for each reason. What Meta said is that of the first name.
fn grouped_messages<'a>(
    failures: impl Iterator<Item = (String, Explanation, &'a ReadFailure)>,
    title: impl Fn(&[String]) -> String,
) -> Vec<String> {
    let mut groups: BTreeMap<String, (Vec<String>, Explanation, &ReadFailure)> = BTreeMap::new();
    for (name, explanation, failure) in failures {
        let reason = explanation.reason.clone().into_owned();
        groups.entry(reason).or_insert_with(|| (Vec::new(), explanation, failure)).0.push(name);
    }
    let message = |(reason, (names, explanation, failure)): (String, (Vec<String>, Explanation, &ReadFailure))| {
        let first = format!("{}. {}", title(&names), plural::of_count(&reason, names.len()));
        let lines = steps_and_words(&explanation, failure, names.len());
        iter::once(first).chain(lines).collect::<Vec<_>>().join("\n  ")
    };
    groups.into_iter().map(message).collect()
}

/// What to do about the read of so many numbers or WABAs that failed, then Meta's words.
pub(crate) fn steps_and_words(explanation: &Explanation, failure: &ReadFailure, count: usize) -> Vec<String> {
    let words = failure.api_error().map(meta_lines).unwrap_or_default();
    let steps = explanation.advice.iter().map(|step| plural::of_count(step, count).into_owned());
    steps.chain(words).collect()
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
        ReadFailure::UnexpectedReply { .. } if failure.is_refusal_by_gateway() => ExitCode::NoAccess,
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
    match error_catalog::lookup(error).scope {
        ErrorScope::Token | ErrorScope::App | ErrorScope::Permission => ExitCode::NoAccess,
        ErrorScope::ServerError => ExitCode::NoConnection,
        ErrorScope::Endpoint
        | ErrorScope::Waba
        | ErrorScope::NumberThenWaba
        | ErrorScope::Number
        | ErrorScope::Throttle(_) => ExitCode::Failed,
    }
}

/// The name of a WABA with its ID, or the ID alone.
pub(crate) fn waba_label(waba: &Waba) -> String {
    waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name} ({})", waba.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::{ListDefect, ObjectKind};
    use crate::domain::text::CleanText;

    fn failures(lost_wabas: usize, looping_wabas: usize, numbers: usize) -> ReadFailures {
        let waba = |n: usize| Arc::new(Waba { id: (1_001 + n).to_string().parse().expect("an ID"), name: None });
        let mut failures = ReadFailures::default();
        (0..lost_wabas).for_each(|n| failures.add_waba(waba(n), ReadFailure::NoAnswer));
        let looping = ReadFailure::IncompleteList(ListDefect::Loop);
        (lost_wabas..lost_wabas + looping_wabas).for_each(|n| failures.add_waba(waba(n), looping.clone()));
        let number = |n: usize| (2_001 + n).to_string().parse().expect("an ID");
        (0..numbers).for_each(|n| failures.add_number(number(n), ReadFailure::NoAnswer));
        failures
    }

    /// Numbers whose IDs are those of WABAs.
    fn failures_of_id(count: usize) -> ReadFailures {
        let node_type = Some(CleanText::new("WhatsAppBusinessAccount"));
        let error = ApiError {
            http_status: 400,
            code: 100,
            subcode: None,
            message: CleanText::new("nonexisting field"),
            details: None,
            user_title: None,
            user_message: None,
            trace_id: None,
            is_transient: false,
        };
        let (expected, error) = (ObjectKind::PhoneNumber, Box::new(error));
        let failure = ReadFailure::WrongKind { expected, node_type, error };
        let mut failures = ReadFailures::default();
        (0..count).for_each(|n| failures.add_number((2_001 + n).to_string().parse().expect("an ID"), failure.clone()));
        failures
    }

    fn wrong_ids(names: &str, ids_are: &str) -> String {
        format!(
            "{names} could not be read. {ids_are} a WABA (WhatsAppBusinessAccount), not a phone number.\n  WhatsApp \
             Manager shows the ID of each phone number and of the WABA.\n  Correct the ID, in the config if it is \
             there.\n  Restart a console that is open: it has read the config already.\n  Meta said: nonexisting \
             field\n  Code, HTTP: 100, 400\n  Trace ID: none"
        )
    }

    #[test]
    fn what_has_the_same_reason_is_told_in_one_message() {
        let Explanation { reason, advice, .. } = Explanation::for_unread_waba(&ReadFailure::NoAnswer);
        let reason = format!("{reason}\n  {}", advice.join("\n  "));
        let cases = [
            (failures(7, 0, 0), format!("none of the 7 WABAs could be read. {reason}")),
            (failures(1, 0, 0), format!("WABA 1001 could not be read. {reason}")),
            (failures(2, 0, 0), format!("2 WABAs (1001, 1002) could not be read. {reason}")),
            (failures_of_id(1), wrong_ids("number 2001", "This ID is")),
            (failures_of_id(2), wrong_ids("2 numbers (2001, 2002)", "Each of these IDs is")),
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
