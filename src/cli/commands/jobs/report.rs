//! `pindesk jobs report`: one job for a ticket or a spreadsheet, without any PIN.
//!
//! The text groups the numbers by what became of them; the CSV has a line for each. It changes nothing.

use std::io::{self, Write as _};

use clap::Args;

use crate::cli::arg_parsers;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::stdio::{exit_code_after_print, write_line};
use crate::journal::JobDetail;
use crate::numbers::record::ExportFormat;

use super::record::{groups, print_fields, print_group, tally};

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
    let printed = if args.csv {
        ExportFormat::Csv.write_job(io::stdout().lock(), job, |id| known.get(id))
    } else {
        print_text(job, known)
    };
    exit_code_after_print(printed, ExitCode::Done)
}

fn print_text(job: &JobDetail, known: &KnownNumbers) -> io::Result<()> {
    let mut out = io::stdout().lock();
    print_fields(&mut out, &job.summary)?;
    writeln!(out, "{}", tally(&job.summary).summary_text(job.summary.id))?;
    for group in groups(&job.numbers) {
        print_group(&mut out, &group)?;
        for number in group.numbers {
            let [display, name] = known.cells(number.number);
            let trace = number.reply().trace_id.map_or_else(String::new, |trace| format!("  trace {trace}"));
            write_line(&mut out, &format!("  {}  {display}  {name}{trace}", number.number))?;
        }
    }
    Ok(())
}
