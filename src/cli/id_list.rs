//! The file of `pin set --from`: phone number IDs, one a line, checked as a whole before one of them is used.
//!
//! It repeats no line that is no ID, nor an ID that could be a PIN: somebody may have named the wrong file.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::cli::CliError;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PIN_DIGITS;

/// Faults that are named. Who has more of them has the wrong file.
const MAX_LISTED_ERRORS: usize = 100;

/// What was read, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct IdList {
    /// Each ID once, with the number of its line, the first being 1.
    lines: Vec<(usize, PhoneNumberId)>,
    errors: Vec<(usize, String)>,
}

impl IdList {
    /// Takes a file's bytes: blank lines and those that start with `#` are skipped, blanks around an ID do not matter.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut list = Self::default();
        let mut seen = HashMap::new();
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)) {
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            let Some(id) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<PhoneNumberId>().ok()) else {
                list.errors.push((line, "this is no phone number ID".to_owned()));
                continue;
            };
            if let Some(first) = seen.insert(id, line) {
                list.errors.push((line, format!("{} stands on line {first} already", id_label(id))));
                seen.insert(id, first);
            } else {
                list.lines.push((line, id));
            }
        }
        list
    }

    /// The IDs in the order of the file, each once.
    pub(crate) fn ids(&self) -> impl ExactSizeIterator<Item = PhoneNumberId> {
        self.lines.iter().map(|(_, id)| *id)
    }

    /// True if there is something in it, and nothing is wrong with it so far.
    pub(crate) fn is_usable(&self) -> bool {
        self.errors.is_empty() && !self.lines.is_empty()
    }

    /// Finds fault with each ID that is not known.
    pub(crate) fn flag_unknown(&mut self, profile: &str, is_known: impl Fn(PhoneNumberId) -> bool) {
        let unknown = self.lines.iter().filter(|(_, id)| !is_known(*id));
        let told =
            unknown.map(|(line, id)| (*line, format!("{} is no number of the profile {profile}", id_label(*id))));
        self.errors.extend(told);
        self.errors.sort_by_key(|(line, _)| *line);
    }

    /// Refuses a list that is empty or has faults, and names each with its line.
    pub(crate) fn check(&self, file: &str) -> Result<(), CliError> {
        if self.errors.is_empty() && self.lines.is_empty() {
            return Err(CliError::Usage(format!("there is no phone number ID in {file}. Nothing was sent.")));
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        let mut text = format!("{file} cannot be used as it is. Nothing was sent.");
        for (line, fault) in self.errors.iter().take(MAX_LISTED_ERRORS) {
            // Writing to a String cannot fail.
            write!(text, "\n  line {line}: {fault}").unwrap_or_default();
        }
        let rest = self.errors.len().saturating_sub(MAX_LISTED_ERRORS);
        if rest > 0 {
            write!(text, "\n  and {rest} more").unwrap_or_default();
        }
        Err(CliError::Usage(text))
    }
}

/// An ID for a message. One of six digits is no ID of Meta's and may be a PIN.
pub(crate) fn id_label(id: PhoneNumberId) -> String {
    if id.as_str().len() == PIN_DIGITS { "what stands here".to_owned() } else { id.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(list: &IdList) -> String {
        list.check("ids.txt").expect_err("it has faults").to_string()
    }

    #[test]
    fn blank_lines_comments_and_foreign_line_ends_are_skipped() {
        let list = IdList::parse(b"\xef\xbb\xbf# ours\r\n200000000000001\r\n\r\n  200000000000002  \n#3\n");
        let ids: Vec<String> = list.ids().map(|id| id.to_string()).collect();
        assert_eq!(ids, ["200000000000001", "200000000000002"]);
        assert!(list.check("ids.txt").is_ok());
    }

    #[test]
    fn every_fault_is_named_with_its_line_and_without_what_may_be_a_secret() {
        let text = b"200000000000001\n\n200000000000001\nEAAJtoken\n409726\n200000000000001\n200000000000009\n\xff\n";
        let mut list = IdList::parse(text);
        list.flag_unknown("acme", |id| id.as_str() == "200000000000001");
        assert_eq!(
            refusal(&list),
            "ids.txt cannot be used as it is. Nothing was sent.\n  \
             line 3: 200000000000001 stands on line 1 already\n  \
             line 4: this is no phone number ID\n  \
             line 5: what stands here is no number of the profile acme\n  \
             line 6: 200000000000001 stands on line 1 already\n  \
             line 7: 200000000000009 is no number of the profile acme\n  \
             line 8: this is no phone number ID"
        );
    }

    #[test]
    fn a_file_without_an_id_is_refused() {
        assert_eq!(refusal(&IdList::parse(b"# none\n\n")), "there is no phone number ID in ids.txt. Nothing was sent.");
    }
}
