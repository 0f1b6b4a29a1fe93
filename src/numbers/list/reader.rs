//! Reads numbers from the forms in which people keep them: a list, one a line, the CSV and the JSON Lines that
//! `numbers list` writes. Only a list has display numbers.
//!
//! It repeats no text that may be a secret: the operator may have named the wrong file.

use serde::Deserialize;

use crate::domain::number::{ParseIdError, PhoneNumberId};
use crate::domain::number_arg::NumberArg;
use crate::domain::redact::may_have_secret;
use crate::domain::text::CleanText;
use crate::domain::text_problem::{TextProblem, is_utf16, without_bom};

/// The heading of the column with the IDs, and their key in JSON.
const ID_COLUMN: &str = "phone_number_id";

/// What separates the columns: a comma, or what spreadsheets write where the comma separates decimals.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Fewer columns than `numbers list --csv` has, and more than a note beside an ID.
const MIN_TABLE_COLUMNS: usize = 3;

/// More digits than a PIN, and fewer than an ID has.
const MIN_ID_DIGITS: usize = 10;

/// The line of an entry, from 1, with its number or why there is none.
pub(super) type ListEntry = (usize, Result<NumberArg, String>);

/// Reads all entries. Skips blank lines and those that start with `#`.
///
/// # Errors
/// If no line of the file can be read.
pub(super) fn read_entries(bytes: &[u8]) -> Result<Vec<ListEntry>, TextProblem> {
    if is_utf16(bytes) {
        return Err(TextProblem::Utf16);
    }
    let bytes = without_bom(bytes);
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#")).peekable();
    if lines.peek().is_some_and(|(_, line)| line.starts_with(b"{")) {
        return Ok(lines.filter_map(|(at, line)| Some((at, parse_json(line)?))).collect());
    }
    match lines.peek().and_then(|(at, line)| Some((*at, delimiter_of_heading(line)?))) {
        Some((at, delimiter)) => Ok(read_csv(bytes, at, delimiter)),
        None if lines.peek().is_some_and(|(_, line)| is_table_row(line)) => Err(TextProblem::CsvWithoutHeading),
        None => Ok(lines.map(|(at, line)| (at, parse_number(line))).collect()),
    }
}

/// True if the first line says what the others have: it is the heading of a table with IDs, or JSON.
pub(super) fn has_heading(bytes: &[u8]) -> bool {
    let mut lines = without_bom(bytes).split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    first.is_some_and(|line| line.starts_with(b"{") || delimiter_of_heading(line).is_some())
}

/// The delimiter of a line that is the heading of a table with IDs.
fn delimiter_of_heading(line: &[u8]) -> Option<u8> {
    let has_id_column =
        |delimiter: &u8| line.split(|byte| byte == delimiter).any(|cell| unquoted(cell) == ID_COLUMN.as_bytes());
    DELIMITERS.into_iter().find(has_id_column)
}

/// True for a row of several columns, one of which is an ID.
fn is_table_row(line: &[u8]) -> bool {
    let is_id = |cell: &[u8]| cell.len() >= MIN_ID_DIGITS && cell.iter().all(u8::is_ascii_digit);
    DELIMITERS.iter().any(|delimiter| {
        let cells = || line.split(|byte| byte == delimiter).map(unquoted);
        cells().count() >= MIN_TABLE_COLUMNS && cells().any(is_id)
    })
}

fn unquoted(cell: &[u8]) -> &[u8] {
    let cell = cell.trim_ascii();
    cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
}

fn read_csv(bytes: &[u8], heading_line: usize, delimiter: u8) -> Vec<ListEntry> {
    // A comment before the heading may hold a quotation mark.
    let table = bytes.splitn(heading_line, |byte| *byte == b'\n').last().unwrap_or_default();
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).comment(Some(b'#')).flexible(true).from_reader(table);
    let headings = reader.byte_headers().cloned().unwrap_or_default();
    let column = headings.iter().position(|cell| cell.trim_ascii() == ID_COLUMN.as_bytes());
    let mut lines = LineCounter { text: table, counted_to: 0, line: heading_line };
    let (mut entries, mut row) = (Vec::new(), csv::ByteRecord::new());
    // The reader reads from memory, and rows may have any number of cells, so it fails on none.
    while reader.read_byte_record(&mut row).is_ok_and(|is_row| is_row) {
        let last_line = lines.line_before(usize::try_from(reader.position().byte()).unwrap_or(usize::MAX));
        if row.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let cell = column.and_then(|column| row.get(column)).unwrap_or_default().trim_ascii();
        let id = if cell.is_empty() { Err(format!("no {ID_COLUMN} in this row")) } else { parse_id(cell) };
        entries.push((last_line - row.iter().map(count_line_ends).sum::<usize>(), id));
    }
    entries
}

/// Counts lines itself: the parser counts those between two rows, and half of a line end, to the row before or after.
struct LineCounter<'a> {
    text: &'a [u8],
    counted_to: usize,
    line: usize,
}

impl LineCounter<'_> {
    /// The line that ends at this byte, or just before it.
    fn line_before(&mut self, end: usize) -> usize {
        let end = self.text[..end.min(self.text.len())].trim_ascii_end().len().max(self.counted_to);
        self.line += count_line_ends(&self.text[self.counted_to..end]);
        self.counted_to = end;
        self.line
    }
}

fn count_line_ends(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

/// The ID of a JSON object; `None` for the summary at the end.
fn parse_json(line: &[u8]) -> Option<Result<NumberArg, String>> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        event: Option<String>,
        #[serde(default)]
        phone_number_id: Option<String>,
    }
    match serde_json::from_slice(line) {
        Ok(Line { phone_number_id: Some(id), .. }) => Some(parse_id(id.as_bytes())),
        Ok(Line { event: Some(_), .. }) => None,
        Ok(Line { .. }) => Some(Err(format!("no {ID_COLUMN} in this object"))),
        Err(_) => Some(Err("not a JSON object as `numbers list --json` writes them".to_owned())),
    }
}

/// The ID in a column of IDs.
fn parse_id(text: &[u8]) -> Result<NumberArg, String> {
    let not_an_id = || "not a phone number ID".to_owned();
    let text = std::str::from_utf8(text).map_err(|_| not_an_id())?;
    let id = text.parse::<PhoneNumberId>().map_err(|error| match error {
        ParseIdError::Wrapped(problem) => problem.to_string(),
        ParseIdError::NotDigits if text.starts_with('+') => "a phone number. Give its phone number ID".to_owned(),
        ParseIdError::NotDigits => not_an_id(),
    })?;
    Ok(NumberArg::Id(id))
}

/// What is wrong with a line of no known form. The start of the line may follow.
pub(super) const NOT_A_NUMBER: &str = "neither a phone number ID nor a phone number";
const CSV_CURE: &str = ". If it is CSV, the first line must name the column phone_number_id";

/// How much of a line a message shows: enough to find it.
const MAX_SHOWN_CHARS: usize = 20;

/// The number on a line of its own.
fn parse_number(text: &[u8]) -> Result<NumberArg, String> {
    let text = std::str::from_utf8(text).map_err(|_| NOT_A_NUMBER.to_owned())?;
    let not_a_number = || {
        let start: String = text.chars().take(MAX_SHOWN_CHARS).collect();
        let start = if may_have_secret(text) { String::new() } else { format!(": '{}'", CleanText::new(&start)) };
        let cure = if text.contains([',', ';', '\t']) { CSV_CURE } else { "" };
        format!("{NOT_A_NUMBER}{start}{cure}")
    };
    match text.parse::<PhoneNumberId>() {
        Ok(_) | Err(ParseIdError::NotDigits) => text.parse().map_err(|_| not_a_number()),
        Err(ParseIdError::Wrapped(problem)) if !may_be_in_display_number(problem) => Err(problem.to_string()),
        Err(ParseIdError::Wrapped(problem)) => text.parse().map_err(|_| problem.to_string()),
    }
}

/// True for what wraps an ID, but is usual between the digits of a display number.
fn may_be_in_display_number(problem: TextProblem) -> bool {
    match problem {
        TextProblem::Separators => true,
        TextProblem::Invisible { place, .. } => place == "inside",
        TextProblem::Utf16
        | TextProblem::CsvWithoutHeading
        | TextProblem::Json
        | TextProblem::Quoted
        | TextProblem::Assignment
        | TextProblem::Bearer
        | TextProblem::Rounded
        | TextProblem::Decimals => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, String)> {
        let entries = read_entries(text.as_bytes()).expect("a readable file");
        entries
            .into_iter()
            .map(|(line, number)| (line, number.map_or_else(|error| error, |number| number.label())))
            .collect()
    }

    fn entry(line: usize, text: &str) -> (usize, String) {
        (line, text.to_owned())
    }

    #[test]
    fn the_csv_of_a_list_is_read_by_its_heading() {
        let csv = "\u{feff}# ours\r\n\
                   schema,phone_number_id,verified_name\r\n\
                   1,200000000000001,\"two\r\nlines, and a comma\"\r\n\
                   1,200000000000002,'=1+1\r\n\
                   # skipped\r\n\
                   \r\n\
                   ,,\r\n\
                   1,,Acme\r\n\
                   1\r\n\
                   1,2.00E+14,Acme\r\n";
        assert_eq!(
            read(csv),
            [
                entry(3, "200000000000001"),
                entry(5, "200000000000002"),
                entry(9, "no phone_number_id in this row"),
                entry(10, "no phone_number_id in this row"),
                entry(11, &TextProblem::Rounded.to_string()),
            ]
        );
        for csv in ["name;phone_number_id\nx;7\n", "\"phone_number_id\"\t\"name\"\n\"7\"\tx\n", "phone_number_id\n7\n"]
        {
            assert_eq!(read(csv), [entry(2, "7")], "{csv:?}");
        }
    }

    #[test]
    fn rows_without_their_heading_are_named_for_what_they_are() {
        for rows in [
            "1,200000000000001,100000000000001,us-retail,+1 212-555-0101\n",
            "# ours\n\n1;200000000000001;us-retail\n",
            "\"1\"\t\"200000000000001\"\t\"us-retail\"\n",
        ] {
            assert_eq!(read_entries(rows.as_bytes()).err(), Some(TextProblem::CsvWithoutHeading), "{rows}");
        }
        for list in ["200000000000001\n1,200000000000002,x\n", "200000000000001,Acme\n", "200,000,000,000,001\n"] {
            assert_eq!(read_entries(list.as_bytes()).err(), None, "{list}");
        }
    }

    #[test]
    fn the_json_of_a_list_is_read() {
        let json = "{\"schema\":1,\"phone_number_id\":\"200000000000001\",\"verified_name\":\"\\u202eAcme\"}\n\
                    {\"schema\":1}\n\
                    {\n\
                    {\"schema\":1,\"event\":\"summary\",\"total\":1}\n";
        assert_eq!(
            read(json),
            [
                entry(1, "200000000000001"),
                entry(2, "no phone_number_id in this object"),
                entry(3, "not a JSON object as `numbers list --json` writes them"),
            ]
        );
    }

    #[test]
    fn a_list_has_display_numbers_as_people_write_them() {
        for line in ["+44 7700 900001", "0044 (7700) 900-001", "44 7700 900001", "+44\u{a0}7700\u{a0}900001"] {
            assert_eq!(read(line), [entry(1, &line.replace('\u{a0}', " "))], "{line}");
        }
        assert_eq!(read("phone_number_id\n+44 7700 900001\n"), [entry(2, "a phone number. Give its phone number ID")]);
        let separated = "there are separators between its digits. Remove them";
        assert_eq!(read("phone_number_id\n200 000 000 000 001\n"), [entry(2, separated)]);
        let kinds = |text: &str| read_entries(text.as_bytes()).expect("a readable file").remove(0).1;
        let id = "447700900001".parse().expect("an ID");
        assert_eq!(kinds("447700900001\n"), Ok(NumberArg::Digits(id)));
        assert_eq!(kinds("phone_number_id\n447700900001\n"), Ok(NumberArg::Id(id)));
        assert_eq!(kinds("{\"phone_number_id\":\"447700900001\"}\n"), Ok(NumberArg::Id(id)));
    }

    #[test]
    fn a_changed_id_is_named_for_what_it_is() {
        let cases = [
            (
                "7.00000000000001E+14",
                "a spreadsheet rounded this ID, and its last digits are lost. Format the column \
                                      as text, and copy the IDs again",
            ),
            ("\"200000000000001\"", "it is in quotation marks. Remove them"),
            ("200000000000001\u{a0}", "there is an invisible character (U+00A0) behind it. Remove it"),
            ("ID=200000000000001", "there is a name before the value (NAME=value). Keep only the value"),
            ("200,000,000,000,001", "there are separators between its digits. Remove them"),
            (
                "447700900001.0",
                "a spreadsheet wrote this ID with decimals. Format the column as text, and copy the IDs again",
            ),
            ("00", "neither a phone number ID nor a phone number: '00'"),
            ("EAAJtoken", "neither a phone number ID nor a phone number"),
            ("PIN 409726", "neither a phone number ID nor a phone number"),
            ("Acme Retail Mill Road", "neither a phone number ID nor a phone number: 'Acme Retail Mill Roa'"),
            (
                "name,number",
                "neither a phone number ID nor a phone number: 'name,number'. If it is CSV, the first line must name the column \
                 phone_number_id",
            ),
            (
                "Acme,409726",
                "neither a phone number ID nor a phone number. If it is CSV, the first line must name the column phone_number_id",
            ),
            (
                "number;name",
                "neither a phone number ID nor a phone number: 'number;name'. If it is CSV, the first line must name the column \
                 phone_number_id",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line), [entry(1, expected)], "{line}");
        }
        let utf16: Vec<u8> = "200000000000001\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read_entries(&utf16).err(), Some(TextProblem::Utf16));
    }
}
