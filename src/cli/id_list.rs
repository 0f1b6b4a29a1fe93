//! The file of `pin set --from`: phone number IDs, one a line, checked as a whole before one of them is used.
//!
//! It repeats no line that is not an ID, and no ID that could be a PIN: the operator may have named the wrong file.

use std::collections::HashMap;

use crate::cli::error::CliError;
use crate::cli::number_arg::id_label;
use crate::domain::number::PhoneNumberId;

/// How many errors a message lists. A file with more is the wrong file.
const MAX_LISTED_ERRORS: usize = 100;

/// The IDs of a file, and the errors in it.
#[derive(Debug, Default)]
pub(crate) struct IdList {
    /// Each ID once, with its line number, from 1.
    lines: Vec<(usize, PhoneNumberId)>,
    errors: Vec<(usize, String)>,
}

impl IdList {
    /// Parses the bytes of a file. Blank lines and lines that start with `#` are skipped, blanks around an ID ignored.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut list = Self::default();
        let mut first_lines = HashMap::new();
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)) {
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            let Some(id) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<PhoneNumberId>().ok()) else {
                list.errors.push((line, "not a phone number ID".to_owned()));
                continue;
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
    }
}
