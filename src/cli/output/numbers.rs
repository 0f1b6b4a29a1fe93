//! Numbers: a table for people, JSON and CSV for scripts.
//!
//! It prints each number once, as it was read. It does not report what could not be read.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::cli::output::csv_cell::csv_cell;
use crate::cli::output::stdio::SCHEMA_VERSION;
use crate::cli::output::table;
use crate::domain::json_text::write_json;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::text::CleanText;

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

    /// The cells in the order of [`CSV_HEADER`].
    fn csv_row(&self) -> [Cow<'a, str>; CSV_HEADER.len()] {
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

#[derive(Serialize)]
struct NumbersSummary {
    schema: u8,
    event: &'static str,
    total: usize,
    unread_wabas: Vec<UnreadWaba>,
}

#[derive(Serialize)]
pub(crate) struct UnreadWaba {
    pub(crate) id: String,
    pub(crate) reason: String,
}

/// Prints numbers as they arrive.
pub(crate) struct NumberPrinter {
    writer: NumberWriter,
    two_step_filter: Option<TwoStep>,
    total: usize,
    /// Numbers of the config that a WABA may list as well, with more details. Those that none lists are printed last.
    deferred: HashMap<PhoneNumberId, Number>,
    individual_ids: HashSet<PhoneNumberId>,
}

pub(crate) enum NumberWriter {
    Table(BufWriter<io::Stdout>),
    Json(BufWriter<io::Stdout>),
    Csv(Box<csv::Writer<io::Stdout>>),
}

impl NumberWriter {
    pub(crate) fn table() -> Self {
        Self::Table(BufWriter::new(io::stdout()))
    }

    pub(crate) fn json() -> Self {
        Self::Json(BufWriter::new(io::stdout()))
    }

    pub(crate) fn csv() -> Self {
        Self::Csv(Box::new(csv::Writer::from_writer(io::stdout())))
    }

    fn write_number(&mut self, number: &Number, is_first: bool) -> io::Result<()> {
        match self {
            Self::Json(out) => {
                write_json(&mut *out, &NumberRecord::exact(number))?;
                writeln!(out)
            }
            Self::Csv(out) => {
                if is_first {
                    out.write_record(CSV_HEADER).map_err(csv_error)?;
                }
                let record = NumberRecord::from(number);
                out.write_record(record.csv_row().iter().map(|cell| cell.as_bytes())).map_err(csv_error)
            }
            Self::Table(out) => {
                if is_first {
                    writeln!(out, "{}", table_row("NUMBER", "PHONE NUMBER ID", "WABA", "TWO-STEP", "STATUS", "NAME"))?;
                }
                let text = |value: &Option<CleanText>| value.as_ref().map_or("-", CleanText::as_str).to_owned();
                let waba = number.waba.as_ref().map_or("-", |waba| waba.label());
                let (status, name) = (text(&number.details.status), text(&number.name));
                let two_step = number.two_step.label();
                writeln!(out, "{}", table_row(number.label(), number.id.as_str(), waba, two_step, &status, &name))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Json(out) | Self::Table(out) => out.flush(),
            Self::Csv(out) => out.flush(),
        }
    }
}

impl NumberPrinter {
    /// `individual_ids` are numbers that arrive alone and may arrive in a list as well.
    pub(crate) fn new(
        writer: NumberWriter,
        two_step_filter: Option<TwoStep>,
        individual_ids: HashSet<PhoneNumberId>,
    ) -> Self {
        Self { writer, two_step_filter, total: 0, deferred: HashMap::new(), individual_ids }
    }

    /// Prints a page as soon as it arrives.
    pub(crate) fn print_page(&mut self, numbers: Vec<Number>) -> io::Result<()> {
        for number in numbers {
            if !self.individual_ids.contains(&number.id) {
                self.print_number(&number)?;
            } else if number.waba.is_none() {
                self.deferred.insert(number.id, number);
            } else {
                self.deferred.remove(&number.id);
                self.print_number(&number)?;
            }
        }
        self.writer.flush()
    }

    fn print_number(&mut self, number: &Number) -> io::Result<()> {
        if self.two_step_filter.is_some_and(|wanted| wanted != number.two_step) {
            return Ok(());
        }
        self.total += 1;
        self.writer.write_number(number, self.total == 1)
    }

    pub(crate) fn finish(mut self, unread_wabas: Vec<UnreadWaba>) -> io::Result<()> {
        let mut deferred: Vec<_> = self.deferred.drain().map(|(_, number)| number).collect();
        deferred.sort_by_key(|number| number.id.to_string());
        for number in deferred {
            self.print_number(&number)?;
        }
        match &mut self.writer {
            NumberWriter::Json(out) => {
                let summary =
                    NumbersSummary { schema: SCHEMA_VERSION, event: "summary", total: self.total, unread_wabas };
                write_json(&mut *out, &summary)?;
                writeln!(out)?;
            }
            NumberWriter::Csv(out) if self.total == 0 => out.write_record(CSV_HEADER).map_err(csv_error)?,
            NumberWriter::Csv(_) | NumberWriter::Table(_) => {}
        }
        self.writer.flush()
    }
}

/// The names of the columns.
const CSV_HEADER: [&str; 13] = [
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
];

fn csv_error(error: csv::Error) -> io::Error {
    let message = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() { error } else { io::Error::other(message) }
}

fn table_row(number: &str, id: &str, waba: &str, two_step: &str, status: &str, name: &str) -> String {
    table::row(&[(number, 18), (id, 18), (waba, 17), (two_step, 8), (status, 12)], name)
}
