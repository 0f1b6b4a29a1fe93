//! `pindesk jobs report`: one job for a ticket or a spreadsheet, without any PIN.
//!
//! The text groups the numbers by what became of them; the CSV has a line for each. It changes nothing.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use clap::Args;
use serde::Serialize;

use crate::cli::arg_parsers;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::names::names;
use crate::cli::output::result_fields::{recorded_label, recorded_result};
use crate::cli::output::stdio::exit_code_after_print;
use crate::cli::output::table;
use crate::domain::clock::UtcTime;
use crate::domain::number::WabaId;
use crate::domain::text::CleanText;
use crate::journal::{JobDetail, JobNumber};

use super::record::{explanation, print_fields, tally};

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

/// A line of the CSV.
#[derive(Serialize)]
struct ReportLine<'a> {
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
    trace_id: Option<&'a str>,
    reason: &'a str,
}

fn print_csv(job: &JobDetail, known: &KnownNumbers) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(io::stdout().lock());
    for number in &job.numbers {
        let [display_phone_number, verified_name] = names(known.get(number.number));
        let line = ReportLine {
            job: job.summary.id.get(),
            phone_number_id: number.number.as_str(),
            display_phone_number,
            verified_name,
            waba_id: number.waba.as_ref().map(WabaId::as_str),
            request: recorded_result(number.state).as_str(),
            at: number.at.map(UtcTime::to_rfc3339),
            tries: number.attempts,
            code: number.reply.code,
            subcode: number.reply.subcode,
            http_status: number.reply.http_status,
            trace_id: number.reply.trace_id.as_ref().map(CleanText::as_str),
            reason: number.reason.as_ref().map_or("", CleanText::as_str),
        };
        out.serialize(line).map_err(|error| io::Error::other(error.to_string()))?;
    }
    out.flush()
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
        let reason = explanation(number).map_or_else(String::new, |why| format!(": {}{code}", why.summary));
        groups.entry((recorded_label(number.state), reason)).or_default().push(number);
    }
    groups
}
