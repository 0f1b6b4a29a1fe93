//! Numbers: JSON and CSV for scripts, and the numbers of the table for people.
//!
//! It prints each number once, as it was read, with what the journal knows about it. It does not report what could not be read.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::cli::output::meta_fields::MetaFields;
use crate::domain::clock::UtcTime;
use crate::domain::json_text::{SCHEMA_VERSION, write_json};
use crate::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use crate::domain::outcome::ReadFailure;
use crate::numbers::record::{NumberHistory, write_csv_header, write_csv_row, write_json_line};
use crate::policy::error_catalog::Explanation;
use crate::policy::rotation::Rotation;

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
    reason: String,
    #[serde(flatten)]
    meta: MetaFields<'a>,
}

impl<'a> UnreadWaba<'a> {
    fn new(waba: &'a Waba, failure: &'a ReadFailure) -> Self {
        let reason = Explanation::for_unread_waba(failure).reason.into_owned();
        Self { id: waba.id.as_str(), reason, meta: MetaFields::of(failure.api_error()) }
    }
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
            Self::Json(out) => write_json_line(out, &number, history),
            Self::Csv(out) => {
                if is_first {
                    write_csv_header(out)?;
                }
                write_csv_row(out, &number, history)
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
    pub(crate) fn finish(mut self, unread: &[(Arc<Waba>, ReadFailure)]) -> io::Result<Vec<Number>> {
        match &mut self.writer {
            NumberWriter::Json(out) => {
                let unread_wabas = unread.iter().map(|(waba, failure)| UnreadWaba::new(waba, failure)).collect();
                let summary =
                    NumbersSummary { schema: SCHEMA_VERSION, event: "summary", total: self.total, unread_wabas };
                write_json(&mut *out, &summary)?;
                writeln!(out)?;
            }
            NumberWriter::Csv(out) if self.total == 0 => write_csv_header(out)?,
            NumberWriter::Csv(_) | NumberWriter::Table(_) => {}
        }
        self.writer.flush()?;
        if let NumberWriter::Table(numbers) = self.writer { Ok(numbers) } else { Ok(Vec::new()) }
    }
}
