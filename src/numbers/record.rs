//! A number as data, for scripts and spreadsheets: JSON Lines and CSV.
//!
//! A record has no PIN. It says what Meta reported, and apart from that what the journal knows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::domain::clock::UtcTime;
use crate::domain::csv_cell::csv_cell;
use crate::domain::json_text::{SCHEMA_VERSION, write_json};
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::journal::{JournalError, JournalReader, LastRequest, RecordedState};

/// A number as scripts see it: what is absent at Meta is null, and an unknown word is passed on unchanged.
#[derive(Serialize)]
pub(crate) struct NumberData<'a> {
    schema: u8,
    pub(crate) phone_number_id: &'a str,
    pub(crate) waba_id: Option<&'a str>,
    pub(crate) waba_name: Option<&'a str>,
    pub(crate) display_phone_number: Option<&'a str>,
    pub(crate) verified_name: Option<&'a str>,
    pub(crate) two_step: &'static str,
    pub(crate) status: Option<&'a str>,
    pub(crate) quality_rating: Option<&'a str>,
    pub(crate) code_verification_status: Option<&'a str>,
    pub(crate) name_status: Option<&'a str>,
    pub(crate) platform_type: Option<&'a str>,
    pub(crate) account_mode: Option<&'a str>,
}

impl<'a> From<&'a Number> for NumberData<'a> {
    /// Cleaned texts, for people.
    fn from(number: &'a Number) -> Self {
        Self::new(number, CleanText::as_str)
    }
}

impl<'a> NumberData<'a> {
    /// Meta's texts exactly, for JSON.
    pub(crate) fn exact(number: &'a Number) -> Self {
        Self::new(number, CleanText::original)
    }

    fn new(number: &'a Number, text_of: fn(&CleanText) -> &str) -> Self {
        let text = |value: &'a Option<CleanText>| value.as_ref().map(text_of);
        let waba = number.waba.as_deref();
        Self {
            schema: SCHEMA_VERSION,
            phone_number_id: number.id.as_str(),
            waba_id: waba.map(|waba| waba.id.as_str()),
            waba_name: waba.and_then(|waba| waba.name.as_ref()).map(text_of),
            display_phone_number: text(&number.display_number),
            verified_name: text(&number.name),
            two_step: number.two_step.json_value(),
            status: text(&number.details.status),
            quality_rating: text(&number.details.quality_rating),
            code_verification_status: text(&number.details.code_verification_status),
            name_status: text(&number.details.name_status),
            platform_type: text(&number.details.platform_type),
            account_mode: text(&number.details.account_mode),
        }
    }

    /// The cells in the order of [`CSV_HEADER`], without those of the journal.
    fn csv_cells(&self) -> [Cow<'a, str>; CSV_HEADER.len() - JOURNAL_COLUMNS] {
        let optional = |text: Option<&'a str>| csv_cell(text.unwrap_or_default());
        [
            Cow::Owned(self.schema.to_string()),
            csv_cell(self.phone_number_id),
            optional(self.waba_id),
            optional(self.waba_name),
            optional(self.display_phone_number),
            optional(self.verified_name),
            csv_cell(self.two_step),
            optional(self.status),
            optional(self.quality_rating),
            optional(self.code_verification_status),
            optional(self.name_status),
            optional(self.platform_type),
            optional(self.account_mode),
        ]
    }
}

/// What the journal knows about numbers.
#[derive(Debug, Default)]
pub struct NumberHistory {
    pub(crate) requests: LastRequests,
    pub(crate) last_sets: HashMap<PhoneNumberId, UtcTime>,
}

/// The last request of each number.
pub(crate) type LastRequests = HashMap<PhoneNumberId, LastRequest>;

impl NumberHistory {
    /// Reads it for every number.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn read(journal: &JournalReader) -> Result<Self, JournalError> {
        let requests = journal.last_requests()?.into_iter().map(|request| (request.number, request)).collect();
        Ok(Self { requests, last_sets: journal.last_sets()?.into_iter().collect() })
    }
}

/// A number of a list, with what the journal knows about it.
#[derive(Serialize)]
struct ListedNumber<'a> {
    #[serde(flatten)]
    number: NumberData<'a>,
    request: Option<&'static str>,
    last_set_at: Option<String>,
}

impl<'a> ListedNumber<'a> {
    fn new(number: NumberData<'a>, id: PhoneNumberId, history: &NumberHistory) -> Self {
        let request = history.requests.get(&id).map(|request| recorded_json(request.state));
        Self { number, request, last_set_at: history.last_sets.get(&id).map(|at| at.to_rfc3339()) }
    }
}

/// The recorded state of a number for scripts. It says "resolved" where the table does.
const fn recorded_json(state: RecordedState) -> &'static str {
    match state {
        RecordedState::NotStarted => "not_started",
        RecordedState::Running => "sending",
        RecordedState::Ended(result) => result.as_str(),
        RecordedState::NotApplied | RecordedState::Resolved => "resolved",
    }
}

/// How many of the columns the journal fills.
const JOURNAL_COLUMNS: usize = 2;

/// The names of the columns.
const CSV_HEADER: [&str; 15] = [
    "schema",
    "phone_number_id",
    "waba_id",
    "waba_name",
    "display_phone_number",
    "verified_name",
    "two_step",
    "status",
    "quality_rating",
    "code_verification_status",
    "name_status",
    "platform_type",
    "account_mode",
    "request",
    "last_set_at",
];

/// Writes a number as JSON on a line of its own.
pub(crate) fn write_json_line(out: &mut impl Write, number: &Number, history: &NumberHistory) -> io::Result<()> {
    write_json(&mut *out, &ListedNumber::new(NumberData::exact(number), number.id, history))?;
    writeln!(out)
}

/// Writes the names of the columns.
pub(crate) fn write_csv_header(out: &mut csv::Writer<impl Write>) -> io::Result<()> {
    out.write_record(CSV_HEADER).map_err(csv_error)
}

/// Writes the cells of a number.
pub(crate) fn write_csv_row(
    out: &mut csv::Writer<impl Write>,
    number: &Number,
    history: &NumberHistory,
) -> io::Result<()> {
    let listed = ListedNumber::new(NumberData::from(number), number.id, history);
    let (cells, last_set_at) = (listed.number.csv_cells(), listed.last_set_at.unwrap_or_default());
    let journal_cells = [listed.request.unwrap_or_default(), &last_set_at];
    let cells = cells.iter().map(|cell| cell.as_bytes());
    out.write_record(cells.chain(journal_cells.map(str::as_bytes))).map_err(csv_error)
}

pub(super) fn csv_error(error: csv::Error) -> io::Error {
    let message = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() { error } else { io::Error::other(message) }
}

/// What a file has to which numbers were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedNumbers {
    /// The whole path of the file.
    pub path: PathBuf,
    /// How many numbers.
    pub count: usize,
    /// False if the journal could not be read, so that what it knows is left out.
    pub has_history: bool,
}

/// The format of a file with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A table with a heading.
    Csv,
    /// One object a line.
    JsonLines,
}

impl ExportFormat {
    /// The format that the ending of a path names; `None` if it names none.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// Writes numbers in this format.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write(self, mut out: impl Write, numbers: &[Number], history: &NumberHistory) -> io::Result<()> {
        match self {
            Self::Csv => {
                let mut out = csv::Writer::from_writer(out);
                write_csv_header(&mut out)?;
                numbers.iter().try_for_each(|number| write_csv_row(&mut out, number, history))?;
                out.flush()
            }
            Self::JsonLines => {
                numbers.iter().try_for_each(|number| write_json_line(&mut out, number, history))?;
                out.flush()
            }
        }
    }
}
