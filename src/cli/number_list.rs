//! The file of `pin set --from`: phone number IDs, checked as a whole before one of them is used.
//!
//! It repeats no line that is not an ID, and no ID that could be a PIN: the operator may have named the wrong file.

mod reader;

use std::collections::HashMap;

use crate::cli::error::CliError;
use crate::cli::number_arg::id_label;
use crate::domain::number::PhoneNumberId;
use crate::domain::text_problem::TextProblem;

/// How many errors a message lists. A file with more is the wrong file.
const MAX_LISTED_ERRORS: usize = 100;

/// The IDs of a file, and the errors in it.
#[derive(Debug, Default)]
pub(crate) struct IdList {
    /// Each ID once, with its line number, from 1.
    lines: Vec<(usize, PhoneNumberId)>,
    errors: Vec<(usize, String)>,
    /// Why no line of the file can be read.
    file_problem: Option<TextProblem>,
}

impl IdList {
    /// Parses the bytes of a file: a list with one ID a line, or the CSV or JSON of `numbers list`.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let entries = match reader::read_entries(bytes) {
            Ok(entries) => entries,
            Err(problem) => return Self { file_problem: Some(problem), ..Self::default() },
        };
        let mut list = Self::default();
        let mut first_lines = HashMap::new();
        for (line, entry) in entries {
            let id = match entry {
                Ok(id) => id,
                Err(error) => {
                    list.errors.push((line, error));
                    continue;
                }
            };
            let first = *first_lines.entry(id).or_insert(line);
            if first == line {
                list.lines.push((line, id));
            } else {
                list.errors.push((line, format!("{}: duplicate of line {first}", id_label(id))));
            }
        }
        list
    }

    /// The IDs in the order of the file, each once.
    pub(crate) fn ids(&self) -> impl ExactSizeIterator<Item = PhoneNumberId> {
        self.lines.iter().map(|(_, id)| *id)
    }

    /// True if the file has IDs and no error was found so far.
    pub(crate) fn is_usable(&self) -> bool {
        self.errors.is_empty() && !self.lines.is_empty()
    }

    /// Adds an error for each ID that is not known.
    pub(crate) fn flag_unknown(&mut self, profile: &str, is_known: impl Fn(PhoneNumberId) -> bool) {
        let unknown = self.lines.iter().filter(|(_, id)| !is_known(*id));
        let errors = unknown.map(|(line, id)| (*line, format!("no number {} in profile {profile}", id_label(*id))));
        self.errors.extend(errors);
        self.errors.sort_by_key(|(line, _)| *line);
    }

    /// Refuses a list that is empty or has errors, and lists each error with its line.
    pub(crate) fn check(&self, file: &str) -> Result<(), CliError> {
        if let Some(problem) = self.file_problem {
            return Err(CliError::usage(format!("{file}: {problem}")).nothing_sent());
        }
        if self.errors.is_empty() && self.lines.is_empty() {
            return Err(CliError::usage(format!("no phone number ID in {file}")).nothing_sent());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn error(list: &IdList) -> String {
        list.check("ids.txt").expect_err("the list has errors").to_string()
    }

    #[test]
    fn blank_lines_comments_and_other_line_ends_are_skipped() {
        let list = IdList::parse(b"\xef\xbb\xbf# ours\r\n200000000000001\r\n\r\n  200000000000002  \n#3\n");
        let ids: Vec<String> = list.ids().map(|id| id.to_string()).collect();
        assert_eq!(ids, ["200000000000001", "200000000000002"]);
        assert!(list.check("ids.txt").is_ok());
    }

    #[test]
    fn each_error_has_its_line_and_repeats_no_possible_secret() {
        let text = b"200000000000001\n\n200000000000001\nEAAJtoken\n409726\n200000000000001\n200000000000009\n\xff\n";
        let mut list = IdList::parse(text);
        list.flag_unknown("acme", |id| id.as_str() == "200000000000001");
        assert_eq!(
            error(&list),
            "ids.txt has errors. Nothing was sent.\n  \
             line 3: 200000000000001: duplicate of line 1\n  \
             line 4: not a phone number ID\n  \
             line 5: no number (six digits) in profile acme\n  \
             line 6: 200000000000001: duplicate of line 1\n  \
             line 7: no number 200000000000009 in profile acme\n  \
             line 8: not a phone number ID"
        );
    }

    #[test]
    fn a_file_without_an_id_is_refused() {
        assert_eq!(error(&IdList::parse(b"# none\n\n")), "no phone number ID in ids.txt. Nothing was sent.");
        assert_eq!(
            error(&IdList::parse(b"\xff\xfe1\0\n\0")),
            "ids.txt: it is UTF-16 text. Save it as UTF-8. Nothing was sent."
        );
    }
}
