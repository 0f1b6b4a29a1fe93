//! A job as data for a ticket or a spreadsheet, with a line for each number: CSV and JSON Lines.
//!
//! A report has no PIN. It says what the journal has, and reads and decides nothing.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::record::{ExportFormat, csv_error};
use crate::domain::clock::UtcTime;
use crate::domain::csv_cell::csv_cell;
use crate::domain::json_text::{SCHEMA_VERSION, write_json};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::text::CleanText;
use crate::journal::{JobDetail, JobNumber};

/// A number of a job as scripts see it: what is not known is null.
#[derive(Serialize)]
struct ReportedNumber<'a> {
    schema: u8,
    job: u32,
    phone_number_id: &'a str,
    display_phone_number: Option<&'a str>,
    verified_name: Option<&'a str>,
    waba_id: Option<&'a str>,
    request: &'static str,
    at: Option<String>,
    tries: u8,
    code: Option<i64>,
    subcode: Option<i64>,
    http_status: Option<u16>,
    trace_id: Option<String>,
    reason: Option<String>,
}

/// The names of the columns: the fields of [`ReportedNumber`] without the version.
const CSV_HEADER: [&str; 13] = [
    "job",
    "phone_number_id",
    "display_phone_number",
    "verified_name",
    "waba_id",
    "request",
    "at",
    "tries",
    "code",
    "subcode",
    "http_status",
    "trace_id",
    "reason",
];

impl<'a> ReportedNumber<'a> {
    /// A number of a job. `known` is what is known of its names, and `text_of` gives them as the format needs them.
    fn new(job: &JobDetail, number: &'a JobNumber, known: Option<&'a Number>, text_of: fn(&CleanText) -> &str) -> Self {
        let (reply, owned) = (number.reply(), |text: CleanText| text_of(&text).to_owned());
        Self {
            schema: SCHEMA_VERSION,
            job: job.summary.id.get(),
            phone_number_id: number.number.as_str(),
            display_phone_number: known.and_then(|known| known.display_number.as_ref()).map(text_of),
            verified_name: known.and_then(|known| known.name.as_ref()).map(text_of),
            waba_id: number.waba.as_ref().map(WabaId::as_str),
            request: number.state.counted_as().as_str(),
            at: number.at.map(UtcTime::to_rfc3339),
            tries: number.attempts,
            code: reply.code,
            subcode: reply.subcode,
            http_status: reply.http_status,
            trace_id: reply.trace_id.map(owned),
            reason: number.reason().map(owned),
        }
    }

    /// The cells in the order of [`CSV_HEADER`].
    fn csv_cells(self) -> [Cow<'a, str>; CSV_HEADER.len()] {
        let text = |text: Option<&'a str>| csv_cell(text.unwrap_or_default());
        let owned = |text: Option<String>| Cow::Owned(csv_cell(&text.unwrap_or_default()).into_owned());
        [
            owned(Some(self.job.to_string())),
            csv_cell(self.phone_number_id),
            text(self.display_phone_number),
            text(self.verified_name),
            text(self.waba_id),
            csv_cell(self.request),
            owned(self.at),
            owned(Some(self.tries.to_string())),
            owned(self.code.map(|code| code.to_string())),
            owned(self.subcode.map(|code| code.to_string())),
            owned(self.http_status.map(|status| status.to_string())),
            owned(self.trace_id),
            owned(self.reason),
        ]
    }
}

impl ExportFormat {
    /// Writes the numbers of a job in this format. `known` finds a number by its ID, for its names.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write_job<'n>(
        self,
        mut out: impl Write,
        job: &JobDetail,
        known: impl Fn(PhoneNumberId) -> Option<&'n Number>,
    ) -> io::Result<()> {
        match self {
            Self::Csv => {
                let mut out = csv::Writer::from_writer(out);
                out.write_record(CSV_HEADER).map_err(csv_error)?;
                for number in &job.numbers {
                    let cells = ReportedNumber::new(job, number, known(number.number), CleanText::as_str).csv_cells();
                    out.write_record(cells.iter().map(|cell| cell.as_bytes())).map_err(csv_error)?;
                }
                out.flush()
            }
            Self::JsonLines => {
                for number in &job.numbers {
                    let reported = ReportedNumber::new(job, number, known(number.number), CleanText::original);
                    write_json(&mut out, &reported)?;
                    writeln!(out)?;
                }
                out.flush()
            }
        }
    }
}
