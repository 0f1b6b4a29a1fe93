//! The file of `pin set --from`: what a message says of the errors in it.
//!
//! It reads nothing, and repeats nothing of the file that the list itself does not.

use crate::cli::error::CliError;
use crate::numbers::list::NumberList;

/// How many errors a message lists. A file with more is the wrong file.
const MAX_LISTED_ERRORS: usize = 100;

/// How many errors a message lists if no line has a number.
const MAX_ERRORS_OF_WRONG_FILE: usize = 3;

/// What a list has to be.
const FORMAT: &str = "A list has one phone number ID or one number a line, or is what numbers list --csv printed.";

/// Refuses a list that is empty or has errors, and lists each error with its line.
pub(crate) fn check(list: &NumberList, file: &str) -> Result<(), CliError> {
    if let Some(problem) = list.file_problem() {
        return Err(CliError::usage(format!("{file}: {problem}")).nothing_sent());
    }
    if list.is_empty() {
        return Err(CliError::usage(format!("no number in {file}")).nothing_sent().remedy(FORMAT));
    }
    let errors = list.errors();
    if errors.is_empty() {
        return Ok(());
    }
    let lines_of_file = list.line_count();
    if list.number_count() == 0 && lines_of_file > MAX_ERRORS_OF_WRONG_FILE {
        let lines = errors.iter().take(MAX_ERRORS_OF_WRONG_FILE).map(|(line, error)| format!("line {line}: {error}"));
        let rest = lines_of_file.saturating_sub(MAX_ERRORS_OF_WRONG_FILE);
        return Err(CliError::usage(format!("{file} has no number in any of its {lines_of_file} lines"))
            .nothing_sent()
            .details(lines.chain([format!("and {rest} more")]))
            .remedy(format!("Is it the right file? {FORMAT}")));
    }
    let lines = errors.iter().take(MAX_LISTED_ERRORS).map(|(line, error)| format!("line {line}: {error}"));
    let rest = errors.len().saturating_sub(MAX_LISTED_ERRORS);
    let rest = (rest > 0).then(|| format!("and {rest} more"));
    Err(CliError::usage(format!("{file} has errors"))
        .nothing_sent()
        .details(lines.chain(rest))
        .optional_remedy(list.has_unrecognized_line().then(|| FORMAT.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::number::Number;
    use crate::domain::number_arg::NumberArg;
    use crate::domain::text::CleanText;

    fn error(list: &NumberList) -> String {
        check(list, "ids.txt").expect_err("the list has errors").to_string()
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
        assert!(check(&list, "ids.txt").is_ok());
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
             line 8: neither a phone number ID nor a phone number\n  \
             A list has one phone number ID or one number a line, or is what numbers list --csv printed."
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
        assert_eq!(
            error(&NumberList::parse(b"# none\n\n")),
            format!("no number in ids.txt. Nothing was sent.\n  {FORMAT}")
        );
        assert_eq!(
            error(&NumberList::parse(b"[profile.x]\nlive = false\n\n\x7fELF\nx\n")),
            format!(
                "ids.txt has no number in any of its 4 lines. Nothing was sent.\n  \
                 line 1: it is JSON. Keep only the value\n  \
                 line 2: there is a name before the value (NAME=value). Keep only the value\n  \
                 line 4: there is an invisible character (U+007F) before it. Remove it\n  and 1 more\n  \
                 Is it the right file? {FORMAT}"
            )
        );
        assert_eq!(
            error(&NumberList::parse(b"\xff\xfe1\0\n\0")),
            "ids.txt: it is UTF-16 text. Save it as UTF-8. Nothing was sent."
        );
    }
}
