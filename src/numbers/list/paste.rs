//! Reads numbers from what people paste: lines of a list, the columns of a spreadsheet, or a table that a terminal showed.
//!
//! Of a line with columns it takes the one that names a number, and it takes none from a text that is no number by itself.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashSet};

use zeroize::Zeroizing;

use super::NumberList;
use super::reader;
use crate::domain::number::Number;
use crate::domain::number_arg::NumberArg;
use crate::numbers::request_index::RequestIndex;

/// What separates the columns of a line, the likeliest first: a display number has commas and semicolons nowhere, and single
/// blanks everywhere.
const SEPARATORS: [&str; 4] = ["\t", ";", "  ", ","];

/// What the list of numbers shows before the number of a row.
const ROW_MARKS: [char; 3] = ['>', '*', ' '];

/// More digits than a PIN, and fewer than an ID has.
const MIN_ID_DIGITS: usize = 10;

impl NumberList {
    /// Parses a paste, as [`NumberList::parse`] does. Of a line with columns it takes the one that names one of these
    /// numbers, or else the one that does so in most lines, or else the first that can name a number.
    #[must_use]
    pub fn parse_paste(text: &str, numbers: impl IntoIterator<Item: Borrow<Number>>) -> Self {
        if reader::has_heading(text.as_bytes()) {
            return Self::parse(text.as_bytes());
        }
        let lines: Vec<_> = text.lines().map(PastedLine::new).collect();
        if let Some(series) = number_series(&lines) {
            return Self::parse(series.as_bytes());
        }
        let cells = Cells::new(&lines, numbers);
        let has_columns = lines.iter().any(|line| cells.number_of(line).is_some());
        let heading = lines.iter().position(|line| !line.text.is_empty()).filter(|at| lines[*at].may_be_heading());
        // A line of the result is the line of the paste with the same number, so that errors name it.
        let mut plain = Zeroizing::new(String::with_capacity(text.len() + 1));
        for (at, line) in lines.iter().enumerate() {
            if !(has_columns && heading == Some(at)) {
                plain.push_str(cells.number_of(line).unwrap_or(line.text));
            }
            plain.push('\n');
        }
        Self::parse(plain.as_bytes())
    }

    /// True if a line has columns, or separators between several numbers.
    #[must_use]
    pub fn has_columns(line: &str) -> bool {
        PastedLine::new(line).cells.len() > 1
    }
}

/// A line of a paste.
struct PastedLine<'t> {
    text: &'t str,
    cells: Vec<&'t str>,
}

impl<'t> PastedLine<'t> {
    fn new(line: &'t str) -> Self {
        let text = line.trim_matches([' ', '\r']);
        let separator = SEPARATORS.iter().find(|separator| text.contains(**separator));
        let cells = match separator {
            None => vec![text],
            Some(separator) => {
                let cells =
                    text.split(separator).map(|cell| cell.trim().trim_matches('"').trim_start_matches(ROW_MARKS));
                cells.filter(|cell| !cell.is_empty()).collect()
            }
        };
        Self { text, cells }
    }

    /// True for the names of columns.
    fn may_be_heading(&self) -> bool {
        self.cells.len() > 1 && !self.text.contains(|c: char| c.is_ascii_digit())
    }
}

/// The numbers of a paste that is one line of them, each on a line of its own.
fn number_series(lines: &[PastedLine<'_>]) -> Option<Zeroizing<String>> {
    let mut with_text = lines.iter().filter(|line| !line.text.is_empty());
    let (line, rest) = (with_text.next()?, with_text.next());
    let is_series = rest.is_none() && line.cells.len() > 1 && line.cells.iter().all(|cell| may_name_number(cell));
    is_series.then(|| Zeroizing::new(line.cells.join("\n")))
}

/// True for an ID, or a number with its country.
fn may_name_number(cell: &str) -> bool {
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    cell.parse::<NumberArg>().is_ok() && (cell.starts_with('+') || digits >= MIN_ID_DIGITS)
}

/// Which cells of a paste name numbers.
struct Cells {
    /// Those that name numbers that are known.
    known: HashSet<NumberArg>,
    /// The column that has most of them.
    column: Option<usize>,
}

impl Cells {
    fn new(lines: &[PastedLine<'_>], numbers: impl IntoIterator<Item: Borrow<Number>>) -> Self {
        let cells = lines.iter().filter(|line| line.cells.len() > 1).flat_map(|line| &line.cells);
        let requests: HashSet<NumberArg> = cells.filter_map(|cell| cell.parse().ok()).collect();
        if requests.is_empty() {
            return Self { known: requests, column: None };
        }
        let requests: Vec<_> = requests.into_iter().collect();
        let index = RequestIndex::new(&requests);
        let named = numbers.into_iter().flat_map(|number| index.of_number(&requests, number.borrow()));
        let mut cells = Self { known: named.map(|position| requests[position].clone()).collect(), column: None };
        let mut lines_of_column = BTreeMap::<usize, usize>::new();
        for column in lines.iter().filter_map(|line| cells.known_column(line)) {
            *lines_of_column.entry(column).or_default() += 1;
        }
        cells.column = lines_of_column.into_iter().max_by_key(|(_, lines)| *lines).map(|(column, _)| column);
        cells
    }

    fn known_column(&self, line: &PastedLine<'_>) -> Option<usize> {
        line.cells.iter().position(|cell| cell.parse().is_ok_and(|number| self.known.contains(&number)))
    }

    /// The cell that names the number of a line; `None` if the line has no columns, or none that can.
    fn number_of<'t>(&self, line: &PastedLine<'t>) -> Option<&'t str> {
        if line.cells.len() < 2 {
            return None;
        }
        let usual = || self.column.filter(|column| line.cells.get(*column).is_some_and(|cell| may_name_number(cell)));
        let first = || line.cells.iter().position(|cell| may_name_number(cell));
        let column = self.known_column(line).or_else(usual).or_else(first)?;
        line.cells.get(column).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::CleanText;

    fn number(id: &str, display: &str) -> Number {
        let display_number = Some(CleanText::new(display));
        Number { display_number, ..Number::from_config(id.parse().expect("an ID"), Some(CleanText::new("Acme"))) }
    }

    /// The numbers of a paste, and its errors, if two numbers are known.
    fn read(text: &str) -> (Vec<String>, Vec<(usize, String)>) {
        let known = [number("200000000000001", "+1 555-010-0140"), number("200000000000002", "+1 555-010-0142")];
        let list = NumberList::parse_paste(text, &known);
        (list.requests().iter().map(NumberArg::label).collect(), list.errors().to_vec())
    }

    #[test]
    fn the_column_that_names_a_number_is_read() {
        for (paste, expected) in [
            (
                "Acme\t100000000000001\t200000000000001\nAcme\t100000000000001\t200000000000002\n",
                "200000000000001 200000000000002",
            ),
            ("WABA\tID\n100000000000001\t200000000000001\n", "200000000000001"),
            ("200000000000001, Acme\n200000000000002, Acme\n", "200000000000001 200000000000002"),
            (
                "NUMBER           NAME\n+1 555-010-0140  Acme 2000  not set\n>+1 555-010-0142  Acme\n",
                "+1 555-010-0140 +1 555-010-0142",
            ),
            ("\"200000000000001\";\"x\"\r\n\"200000000000002\";\"y\"\r\n", "200000000000001 200000000000002"),
            ("1\tphone\n2\t200000000000002\n", "200000000000002"),
            ("name,phone_number_id\nx,200000000000001\n", "200000000000001"),
            ("200000000000001, 200000000000002", "200000000000001 200000000000002"),
            ("200000000000001\n+1 555-010-0142\n", "200000000000001 +1 555-010-0142"),
        ] {
            let (numbers, errors) = read(paste);
            let expected: Vec<_> = expected.split(' ').collect();
            assert_eq!(numbers.join(" ").split(' ').collect::<Vec<_>>(), expected, "{paste:?} {errors:?}");
        }
    }

    #[test]
    fn lines_that_name_no_number_keep_their_place() {
        let not_a_number = "neither a phone number ID nor a phone number: ";
        let (numbers, errors) = read("NUMBER  NAME\n+1 555-010-0140  Acme\n\n299999999999999  Acme\n2 numbers.\n");
        assert_eq!(numbers, ["+1 555-010-0140", "299999999999999"]);
        assert_eq!(errors, [(5, format!("{not_a_number}'2 numbers.'"))]);
        let (numbers, _) = read("9999999991\t200000000000001\n9999999992\t299999999999999\n");
        assert_eq!(numbers, ["200000000000001", "299999999999999"]);
        let (numbers, errors) = read("name  colour\nAcme  red\n");
        assert_eq!((numbers.len(), errors.iter().map(|(line, _)| *line).collect::<Vec<_>>()), (0, vec![1, 2]));
        let (numbers, errors) = read("200,000,000,000,001\n200000000000001\n");
        assert_eq!((numbers, errors.len()), (vec!["200000000000001".to_owned()], 1));
    }
}
