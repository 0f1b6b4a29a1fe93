//! `pindesk jobs report`: one job for a ticket or a spreadsheet, without any PIN.
//!
//! The text groups the numbers by what became of them; the CSV has a line for each. It changes nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write as _};

use clap::Args;

use crate::cli::arg_parsers;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::names::clean_names;
use crate::cli::output::result_fields::{recorded_label, recorded_result};
use crate::cli::output::stdio::exit_code_after_print;
use crate::cli::output::table;
use crate::domain::clock::UtcTime;
use crate::domain::csv_cell::csv_cell;
use crate::domain::number::WabaId;
use crate::domain::text::CleanText;
use crate::journal::{JobDetail, JobNumber, RecordedState};

use super::record::{print_fields, tally};

#[derive(Debug, Args)]
pub(crate) struct JobsReportArgs {
    /// Number of the job
    #[arg(value_name = "JOB", value_parser = arg_parsers::integer_at_least(1_u32))]
    pub(crate) job: u32,
    /// Comma-separated values with a header
    #[arg(long)]
    csv: bool,
}

pub(crate) fn print(args: &JobsReportArgs, job: &JobDetail, known: &KnownNumbers) -> Result<ExitCode, CliError> {
    let printed = if args.csv { print_csv(job, known) } else { print_text(job, known) };
    exit_code_after_print(printed, ExitCode::Done)
}

/// The names of the columns.
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

fn print_csv(job: &JobDetail, known: &KnownNumbers) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(io::stdout().lock());
    let csv_error = |error: csv::Error| io::Error::other(error.to_string());
    out.write_record(CSV_HEADER).map_err(csv_error)?;
    for number in &job.numbers {
        let row = csv_row(job, number, known);
        out.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(csv_error)?;
    }
    out.flush()
}

/// The cells of a number in the order of [`CSV_HEADER`].
fn csv_row<'a>(job: &JobDetail, number: &'a JobNumber, known: &'a KnownNumbers) -> [Cow<'a, str>; CSV_HEADER.len()] {
    let text = |text: Option<&'a str>| csv_cell(text.unwrap_or_default());
    let count = |count: Option<String>| Cow::Owned(count.unwrap_or_default());
    let [display, name] = clean_names(known.get(number.number));
    let reply = &number.reply;
    [
        count(Some(job.summary.id.to_string())),
        csv_cell(number.number.as_str()),
        text(display),
        text(name),
        text(number.waba.as_ref().map(WabaId::as_str)),
        csv_cell(recorded_result(number.state).as_str()),
        count(number.at.map(UtcTime::to_rfc3339)),
        count(Some(number.attempts.to_string())),
        count(reply.code.map(|code| code.to_string())),
        count(reply.subcode.map(|code| code.to_string())),
        count(reply.http_status.map(|status| status.to_string())),
        text(reply.trace_id.as_ref().map(CleanText::as_str)),
        text(number.reason.as_ref().map(CleanText::as_str)),
    ]
}

fn print_text(job: &JobDetail, known: &KnownNumbers) -> io::Result<()> {
    let mut out = io::stdout().lock();
    print_fields(&mut out, &job.summary)?;
    writeln!(out, "{}", tally(&job.summary).summary_text(job.summary.id))?;
    for ((label, reason), numbers) in groups(&job.numbers) {
        writeln!(out, "\n{}: {label}{reason}", table::numbers_label(numbers.len()))?;
        for number in numbers {
            let [display, name] = known.cells(number.number);
            let trace = number.reply.trace_id.as_ref().map_or_else(String::new, |trace| format!("  trace {trace}"));
            writeln!(out, "  {}  {display}  {name}{trace}", number.number)?;
        }
    }
    Ok(())
}

/// The numbers by what became of them and why.
fn groups(numbers: &[JobNumber]) -> BTreeMap<(&'static str, String), Vec<&JobNumber>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for number in numbers {
        let code = number.reply.code.map_or_else(String::new, |code| format!(" (code {code})"));
        let reason = match number.explanation() {
            Some(why) => format!(": {}{code}", why.summary),
            None if number.state == RecordedState::NotApplied => format!(": {}", number.short_reason()),
            None => String::new(),
        };
        groups.entry((recorded_label(number.state), reason)).or_default().push(number);
    }
    groups
}
