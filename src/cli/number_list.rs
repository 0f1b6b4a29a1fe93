//! The file of `pin set --from`: numbers, checked as a whole before one of them is used.
//!
//! It repeats no line that may have a secret, and no digits that could be a PIN: the operator may have named the wrong
//! file.

mod reader;

use std::collections::HashMap;
use std::sync::Arc;

use crate::cli::error::CliError;
use crate::cli::number_arg::NumberArg;
use crate::domain::number::{Number, Waba};
use crate::domain::text::CleanText;
use crate::domain::text_problem::TextProblem;

/// How many errors a message lists. A file with more is the wrong file.
const MAX_LISTED_ERRORS: usize = 100;

/// The numbers of a file, and the errors in it.
#[derive(Debug, Default)]
pub(crate) struct NumberList {
    /// Each number once, as far as the text tells, with its line, from 1.
    lines: Vec<(usize, NumberArg)>,
    errors: Vec<(usize, String)>,
    /// Why no line of the file can be read.
    file_problem: Option<TextProblem>,
}

impl NumberList {
    /// Parses the bytes of a file: a list with one number a line, or the CSV or JSON of `numbers list`.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let entries = match reader::read_entries(bytes) {
            Ok(entries) => entries,
            Err(problem) => return Self { file_problem: Some(problem), ..Self::default() },
        };
        let mut list = Self::default();
        let mut first_lines = HashMap::new();
        for (line, entry) in entries {
            let number = match entry {
                Ok(number) => number,
                Err(error) => {
                    list.errors.push((line, error));
                    continue;
                }
            };
            match first_lines.get(&number) {
                None => {
                    first_lines.insert(number.clone(), line);
                    list.lines.push((line, number));
                }
                Some(first) => list.errors.push((line, duplicate_error(&number, *first))),
            }
        }
        list
    }

    /// The numbers in the order of the file, each once.
    pub(crate) fn requests(&self) -> Vec<NumberArg> {
        self.lines.iter().map(|(_, number)| number.clone()).collect()
    }

    /// How many numbers the file has.
    pub(crate) const fn len(&self) -> usize {
        self.lines.len()
    }

    /// True if the file has numbers and no error was found so far.
    pub(crate) fn is_usable(&self) -> bool {
        self.errors.is_empty() && !self.lines.is_empty()
    }

    /// Adds an error for each line that fits no number of the profile, more than one, or the same as an earlier line.
    /// `candidates` are the numbers that fit the line at a position. With `has_unread`, a line that fits none may fit one
    /// that could not be read.
    pub(crate) fn flag<'a>(
        &mut self,
        profile: &CleanText,
        wabas: &[Arc<Waba>],
        candidates: impl Fn(usize) -> Vec<&'a Number>,
        has_unread: bool,
    ) {
        let mut first_lines = HashMap::new();
        for (position, (line, number)) in self.lines.iter().enumerate() {
            let error = match &candidates(position)[..] {
                [found] => {
                    let first = *first_lines.entry(found.id).or_insert(*line);
                    (first != *line).then(|| duplicate_error(number, first))
                }
                [] => (!has_unread).then(|| number.unknown_text(profile, wabas)),
                several => Some(ambiguous_line_error(number, several)),
            };
            self.errors.extend(error.map(|error| (*line, error)));
        }
        self.errors.sort_by_key(|(line, _)| *line);
    }

    /// Refuses a list that is empty or has errors, and lists each error with its line.
    pub(crate) fn check(&self, file: &str) -> Result<(), CliError> {
        if let Some(problem) = self.file_problem {
            return Err(CliError::usage(format!("{file}: {problem}")).nothing_sent());
        }
        if self.errors.is_empty() && self.lines.is_empty() {
            return Err(CliError::usage(format!("no number in {file}")).nothing_sent());
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        let lines = self.errors.iter().take(MAX_LISTED_ERRORS).map(|(line, error)| format!("line {line}: {error}"));
        let rest = self.errors.len().saturating_sub(MAX_LISTED_ERRORS);
        let rest = (rest > 0).then(|| format!("and {rest} more"));
        Err(CliError::usage(format!("{file} has errors")).nothing_sent().details(lines.chain(rest)))
    }
}

fn duplicate_error(number: &NumberArg, first_line: usize) -> String {
    format!("{}: duplicate of line {first_line}", number.label())
}

fn ambiguous_line_error(number: &NumberArg, found: &[&Number]) -> String {
    let found: Vec<_> = found
        .iter()
        .map(|number| {
            let name = number.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            format!("{}{name}", number.id)
        })
        .collect();
    format!("{} fits {} numbers: {}. Give the phone number ID", number.label(), found.len(), found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::CleanText;

    fn error(list: &NumberList) -> String {
        list.check("ids.txt").expect_err("the list has errors").to_string()
    }

    fn number(id: &str, display: &str) -> Number {
        let number = Number::from_config(id.parse().expect("an ID"), Some(CleanText::new("Acme")));
        Number { display_number: Some(CleanText::new(display)), ..number }
    }

    #[test]
    fn blank_lines_comments_and_other_line_ends_are_skipped() {
        let list = NumberList::parse(b"\xef\xbb\xbf# ours\r\n200000000000001\r\n\r\n  200000000000002  \n#3\n");
        let numbers: Vec<String> = list.requests().iter().map(NumberArg::label).collect();
        assert_eq!(numbers, ["200000000000001", "200000000000002"]);
        assert!(list.check("ids.txt").is_ok());
    }

    #[test]
    fn each_error_has_its_line_and_repeats_no_possible_secret() {
        let text = b"200000000000001\n\n200000000000001\nEAAJtoken\n409726\n200000000000001\n200000000000009\n\xff\n";
        let mut list = NumberList::parse(text);
        let known = number("200000000000001", "+44 7700 900001");
        list.flag(
            &CleanText::new("acme"),
            &[],
            |position| if position == 0 { vec![&known] } else { Vec::new() },
            false,
        );
        assert_eq!(
            error(&list),
            "ids.txt has errors. Nothing was sent.\n  \
             line 3: 200000000000001: duplicate of line 1\n  \
             line 4: neither a phone number ID nor a phone number\n  \
             line 5: no number (six digits) in profile acme\n  \
             line 6: 200000000000001: duplicate of line 1\n  \
             line 7: no number 200000000000009 in profile acme\n  \
             line 8: neither a phone number ID nor a phone number"
        );
    }

    #[test]
    fn a_display_number_is_resolved_with_its_line() {
        let numbers = [
            number("200000000000001", "+44 7700 900001"),
            number("200000000000002", "+44 7700 900002"),
            number("200000000000003", "+44 7700-900002"),
        ];
        let text = "200000000000001\n+44 7700 900001\n447700900002\n0044 7700 900003\n+409726\n";
        let mut list = NumberList::parse(text.as_bytes());
        let requests = list.requests();
        let fitting = |position: usize| numbers.iter().filter(|number| requests[position].names(number)).collect();
        list.flag(&CleanText::new("acme"), &[], fitting, false);
        assert_eq!(
            error(&list),
            "ids.txt has errors. Nothing was sent.\n  \
             line 2: +44 7700 900001: duplicate of line 1\n  \
             line 3: 447700900002 fits 2 numbers: 200000000000002 Acme, 200000000000003 Acme. Give the phone number ID\n  \
             line 4: no number 0044 7700 900003 in profile acme\n  \
             line 5: no number (six digits) in profile acme"
        );
        let mut list = NumberList::parse(b"+44 7700 900003\n");
        list.flag(&CleanText::new("acme"), &[], |_| Vec::new(), true);
        assert!(list.is_usable(), "it may be in the list that could not be read");
    }

    #[test]
    fn a_file_without_a_number_is_refused() {
        assert_eq!(error(&NumberList::parse(b"# none\n\n")), "no number in ids.txt. Nothing was sent.");
        assert_eq!(
            error(&NumberList::parse(b"\xff\xfe1\0\n\0")),
            "ids.txt: it is UTF-16 text. Save it as UTF-8. Nothing was sent."
        );
    }
}
