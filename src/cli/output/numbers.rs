//! Numbers: JSON and CSV for scripts, and the numbers of the table for people.
//!
//! It prints each number once, as it was read. It does not report what could not be read.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::domain::clock::UtcTime;
use crate::domain::json_text::{SCHEMA_VERSION, write_json};
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::numbers::record::{NumberData, write_csv_header, write_csv_row};
use crate::policy::rotation::Rotation;

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

/// Which numbers are printed.
#[derive(Debug, Default)]
pub(crate) struct NumberFilter {
    /// Those whose two-step verification is in this state.
    pub(crate) two_step: Option<TwoStep>,
    /// Those whose PIN is due.
    pub(crate) due: Option<DueFilter>,
}

/// When a PIN is due, and what the journal knows about it.
#[derive(Debug)]
pub(crate) struct DueFilter {
    pub(crate) rotation: Rotation,
    pub(crate) last_sets: HashMap<PhoneNumberId, UtcTime>,
    pub(crate) now: UtcTime,
}

impl NumberFilter {
    fn includes(&self, number: &Number) -> bool {
        self.two_step.is_none_or(|wanted| wanted == number.two_step)
            && self.due.as_ref().is_none_or(|due| {
                due.rotation.is_due(number.two_step, due.last_sets.get(&number.id).copied(), due.now.day())
            })
    }
}

/// Prints numbers as they arrive; a table when all have arrived.
pub(crate) struct NumberPrinter {
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

    fn write_number(&mut self, number: Number, is_first: bool) -> io::Result<()> {
        match self {
            Self::Json(out) => {
                write_json(&mut *out, &NumberData::exact(&number))?;
                writeln!(out)
            }
            Self::Csv(out) => {
                if is_first {
                    write_csv_header(out)?;
                }
                write_csv_row(out, &number)
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

impl NumberPrinter {
    /// `individual_ids` are numbers that the config names. Their pages come after those of the WABAs.
    pub(crate) fn new(writer: NumberWriter, filter: NumberFilter, individual_ids: HashSet<PhoneNumberId>) -> Self {
        Self { writer, filter, total: 0, individual_ids, listed: HashSet::new() }
    }

    /// Prints the numbers of a page that are not printed yet.
    pub(crate) fn print_page(&mut self, numbers: Vec<Number>) -> io::Result<()> {
        // The thread that reads tells pauses, which must not be written into a line.
        let _whole_lines = io::stdout().lock();
        for number in numbers {
            let is_new = !self.individual_ids.contains(&number.id) || self.listed.insert(number.id);
            if is_new && self.filter.includes(&number) {
                self.writer.write_number(number, self.total == 0)?;
                self.total += 1;
            }
        }
        self.writer.flush()
    }

    /// Ends the output. Returns the numbers of a table, which is not printed yet.
    pub(crate) fn finish(mut self, unread_wabas: Vec<UnreadWaba>) -> io::Result<Vec<Number>> {
        match &mut self.writer {
            NumberWriter::Json(out) => {
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
