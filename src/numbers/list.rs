//! A list of numbers that an operator has: a file or a paste, checked as a whole before one of them is used.
//!
//! It repeats no line that may have a secret, and no digits that could be a PIN: the operator may have named the wrong
//! file.

mod paste;
mod reader;

use std::collections::HashMap;
use std::sync::Arc;

use super::request_index::RequestIndex;
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::number_arg::NumberArg;
use crate::domain::text::CleanText;
use crate::domain::text_problem::TextProblem;

/// The maximum size of a list: enough for 100,000 IDs with comments.
pub const MAX_LIST_BYTES: u64 = 16 << 20;

/// An error in a list: the line, from 1, and what is wrong with it. It repeats nothing that could be a secret.
pub type LineError = (usize, String);

/// The numbers of a file, and the errors in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberList {
    /// Each number once, as far as the text tells, with its line, from 1.
    lines: Vec<(usize, NumberArg)>,
    errors: Vec<LineError>,
    /// Why no line of the file can be read.
    file_problem: Option<TextProblem>,
}

impl NumberList {
    /// Parses the bytes of a file or of a paste: a list with one number a line, or the CSV or JSON of `numbers list`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
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
    #[must_use]
    pub fn requests(&self) -> Vec<NumberArg> {
        self.lines.iter().map(|(_, number)| number.clone()).collect()
    }

    /// How many numbers the list has.
    #[must_use]
    pub const fn number_count(&self) -> usize {
        self.lines.len()
    }

    /// True if the file has numbers and no error was found so far.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.errors.is_empty() && !self.lines.is_empty()
    }

    /// Why no line of the list can be read; `None` if they can.
    #[must_use]
    pub const fn file_problem(&self) -> Option<TextProblem> {
        self.file_problem
    }

    /// The errors found so far, in the order of their lines.
    #[must_use]
    pub fn errors(&self) -> &[LineError] {
        &self.errors
    }

    /// True if a line is of no form that is known.
    #[must_use]
    pub fn has_unrecognized_line(&self) -> bool {
        self.errors.iter().any(|(_, error)| error.starts_with(reader::NOT_A_NUMBER))
    }

    /// True if the list has no number and no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.errors.is_empty()
    }

    /// How many lines have a number or an error.
    #[must_use]
    pub fn line_count(&self) -> usize {
        let has_number = |line: &usize| self.lines.binary_search_by_key(line, |(line, _)| *line).is_ok();
        let without_number = self.errors.iter().filter(|(line, _)| !has_number(line)).count();
        self.lines.len() + without_number
    }

    /// Adds an error for each line that fits no number of the profile, more than one, or the same as an earlier line.
    /// `candidates` are the numbers that fit the line at a position. With `has_unread`, a line that fits none may fit one
    /// that could not be read. Returns the numbers of the lines without an error, in the order of the list.
    pub fn flag<'a>(
        &mut self,
        profile: &CleanText,
        wabas: &[Arc<Waba>],
        candidates: impl Fn(usize) -> Vec<&'a Number>,
        has_unread: bool,
    ) -> Vec<PhoneNumberId> {
        let (mut first_lines, mut usable) = (HashMap::new(), Vec::new());
        for (position, (line, number)) in self.lines.iter().enumerate() {
            let error = match &candidates(position)[..] {
                [found] => {
                    let first = *first_lines.entry(found.id).or_insert(*line);
                    if first == *line {
                        usable.push(found.id);
                    }
                    (first != *line).then(|| duplicate_error(number, first))
                }
                [] => (!has_unread).then(|| number.unknown_text(profile, wabas)),
                several => Some(ambiguous_line_error(number, several)),
            };
            self.errors.extend(error.map(|error| (*line, error)));
        }
        self.errors.sort_by_key(|(line, _)| *line);
        usable
    }

    /// The same for numbers that are all known. It keeps only those that fit a line.
    pub fn flag_known(
        &mut self,
        profile: &CleanText,
        wabas: &[Arc<Waba>],
        numbers: impl IntoIterator<Item = Number>,
    ) -> Vec<PhoneNumberId> {
        let requests = self.requests();
        let index = RequestIndex::new(&requests);
        let mut found: Vec<Vec<Number>> = vec![Vec::new(); requests.len()];
        for number in numbers {
            for position in index.of_number(&requests, &number) {
                found[position].push(number.clone());
            }
        }
        self.flag(profile, wabas, |position| found[position].iter().collect(), false)
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
