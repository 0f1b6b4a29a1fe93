//! Numbers: JSON and CSV for scripts, and the numbers of the table for people.
//!
//! It prints each number once, as it was read, with what the journal knows about it. It does not report what could not be read.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::cli::output::csv_cell::csv_cell;
use crate::cli::output::result_fields::recorded_json;
use crate::cli::output::stdio::SCHEMA_VERSION;
use crate::domain::clock::UtcTime;
use crate::domain::json_text::write_json;
use crate::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use crate::domain::text::CleanText;
use crate::journal::LastRequest;
use crate::policy::rotation::Rotation;

/// A number as scripts see it: what is absent at Meta is null, and an unknown word is passed on unchanged.
#[derive(Serialize)]
pub(crate) struct NumberRecord<'a> {
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

impl<'a> From<&'a Number> for NumberRecord<'a> {
    /// Cleaned texts, for people.
    fn from(number: &'a Number) -> Self {
        Self::new(number, CleanText::as_str)
    }
}

impl<'a> NumberRecord<'a> {
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
pub(crate) struct NumberHistory {
    pub(crate) requests: LastRequests,
    pub(crate) last_sets: HashMap<PhoneNumberId, UtcTime>,
}

/// The last request of each number.
pub(crate) type LastRequests = HashMap<PhoneNumberId, LastRequest>;

/// A number of a list, with what the journal knows about it.
#[derive(Serialize)]
struct ListedNumber<'a> {
    #[serde(flatten)]
    number: NumberRecord<'a>,
    request: Option<&'static str>,
    last_set_at: Option<String>,
}

impl<'a> ListedNumber<'a> {
    fn new(number: NumberRecord<'a>, id: PhoneNumberId, history: &NumberHistory) -> Self {
        let request = history.requests.get(&id).map(|request| recorded_json(request.state));
        Self { number, request, last_set_at: history.last_sets.get(&id).map(|at| at.to_rfc3339()) }
    }
}

#[derive(Serialize)]
struct NumbersSummary<'a> {
    schema: u8,
    event: &'static str,
    total: usize,
    unread_wabas: Vec<UnreadWaba<'a>>,
}

#[derive(Serialize)]
struct UnreadWaba<'a> {
    id: &'a str,
    reason: &'a str,
}

/// Which numbers are printed.
#[derive(Debug, Default)]
pub(crate) struct NumberFilter {
    /// Those whose two-step verification is in this state.
    pub(crate) two_step: Option<TwoStep>,
    /// Those whose PIN is due.
    pub(crate) due: Option<DueFilter>,
}

/// When a PIN is due.
#[derive(Debug)]
pub(crate) struct DueFilter {
    pub(crate) rotation: Rotation,
    pub(crate) now: UtcTime,
}

impl NumberFilter {
    fn includes(&self, number: &Number, history: &NumberHistory) -> bool {
        self.two_step.is_none_or(|wanted| wanted == number.two_step)
            && self.due.as_ref().is_none_or(|due| {
                due.rotation.is_due(number.two_step, history.last_sets.get(&number.id).copied(), due.now.day())
            })
    }
}

/// Prints numbers as they arrive; a table when all have arrived.
pub(crate) struct NumberPrinter<'a> {
    history: &'a NumberHistory,
    writer: NumberWriter,
    filter: NumberFilter,
    total: usize,
    /// Numbers of the config that a WABA may list as well, with more details.
    individual_ids: HashSet<PhoneNumberId>,
    /// Those of them that a WABA listed.
    listed: HashSet<PhoneNumberId>,
}

pub(crate) enum NumberWriter {
    Table(Vec<Number>),
    Json(BufWriter<io::Stdout>),
    Csv(Box<csv::Writer<io::Stdout>>),
}

impl NumberWriter {
    pub(crate) fn json() -> Self {
        Self::Json(BufWriter::new(io::stdout()))
    }

    pub(crate) fn csv() -> Self {
        Self::Csv(Box::new(csv::Writer::from_writer(io::stdout())))
    }

    fn write_number(&mut self, number: Number, history: &NumberHistory, is_first: bool) -> io::Result<()> {
        match self {
            Self::Json(out) => {
                write_json(&mut *out, &ListedNumber::new(NumberRecord::exact(&number), number.id, history))?;
                writeln!(out)
            }
            Self::Csv(out) => {
                if is_first {
                    out.write_record(CSV_HEADER).map_err(csv_error)?;
                }
                let listed = ListedNumber::new(NumberRecord::from(&number), number.id, history);
                let (cells, last_set_at) = (listed.number.csv_cells(), listed.last_set_at.unwrap_or_default());
                let journal_cells = [listed.request.unwrap_or_default(), &last_set_at];
                let cells = cells.iter().map(|cell| cell.as_bytes());
                out.write_record(cells.chain(journal_cells.map(str::as_bytes))).map_err(csv_error)
            }
            Self::Table(numbers) => {
                numbers.push(number);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Json(out) => out.flush(),
            Self::Csv(out) => out.flush(),
            Self::Table(_) => Ok(()),
        }
    }
}

impl<'a> NumberPrinter<'a> {
    /// `individual_ids` are numbers that the config names. Their pages come after those of the WABAs.
    pub(crate) fn new(
        history: &'a NumberHistory,
        writer: NumberWriter,
        filter: NumberFilter,
        individual_ids: HashSet<PhoneNumberId>,
    ) -> Self {
        Self { history, writer, filter, total: 0, individual_ids, listed: HashSet::new() }
    }

    /// Prints the numbers of a page that are not printed yet.
    pub(crate) fn print_page(&mut self, numbers: Vec<Number>) -> io::Result<()> {
        // The thread that reads tells pauses, which must not be written into a line.
        let _whole_lines = io::stdout().lock();
        for number in numbers {
            let is_new = !self.individual_ids.contains(&number.id) || self.listed.insert(number.id);
            if is_new && self.filter.includes(&number, self.history) {
                self.writer.write_number(number, self.history, self.total == 0)?;
                self.total += 1;
            }
        }
        self.writer.flush()
    }

    /// Ends the output. `unread` are the WABAs that could not be read, and why. Returns the numbers of a table, which is
    /// not printed yet.
    pub(crate) fn finish(mut self, unread: &[(Arc<Waba>, String)]) -> io::Result<Vec<Number>> {
        match &mut self.writer {
            NumberWriter::Json(out) => {
                let unread_wabas = unread.iter().map(|(waba, reason)| UnreadWaba { id: waba.id.as_str(), reason });
                let unread_wabas = unread_wabas.collect();
                let summary =
                    NumbersSummary { schema: SCHEMA_VERSION, event: "summary", total: self.total, unread_wabas };
                write_json(&mut *out, &summary)?;
                writeln!(out)?;
            }
            NumberWriter::Csv(out) if self.total == 0 => out.write_record(CSV_HEADER).map_err(csv_error)?,
            NumberWriter::Csv(_) | NumberWriter::Table(_) => {}
        }
        self.writer.flush()?;
        if let NumberWriter::Table(numbers) = self.writer { Ok(numbers) } else { Ok(Vec::new()) }
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

fn csv_error(error: csv::Error) -> io::Error {
    let message = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() { error } else { io::Error::other(message) }
}
