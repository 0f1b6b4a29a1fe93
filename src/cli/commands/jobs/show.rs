//! `pindesk jobs list` and `show`: what the journal has about jobs. They change nothing.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::job::{result_layout, result_row};
use crate::cli::output::result_fields::recorded_cell;
use crate::cli::output::stdio::{exit_code_after_print, write_line};
use crate::cli::output::table::{self, Cell, Column, Layout, TableStyle};
use crate::cli::rerun::RerunOptions;
use crate::domain::json_text::write_json;
use crate::domain::redact::redacted_path;
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::journal::{JobDetail, JobNumber, JobStatus, JobSummary, JournalError, JournalReader, RecordedState};

use super::record::{
    JobRecord, groups, open_counts, pins_label, print_fields, print_group, resume_options, running_text, state_label,
    tally, with_result,
};

#[derive(Debug, Args)]
pub(crate) struct JobsListArgs {
    /// More columns, and no cell is cut
    #[arg(long, conflicts_with = "json")]
    wide: bool,
    /// JSON Lines: docs/json.md has the fields
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JobsShowArgs {
    /// Number of the job
    #[arg(value_name = "JOB", value_parser = arg_parsers::integer_at_least(1_u32))]
    pub(crate) job: u32,
    /// Only numbers in this state
    #[arg(long, value_name = "STATE")]
    state: Option<NumberState>,
    /// Only the phone number IDs, one a line, as --from reads them
    #[arg(long, conflicts_with = "json")]
    ids: bool,
    /// JSON Lines, ending with a summary: docs/json.md has the fields
    #[arg(long)]
    json: bool,
}

/// The state of a number in a job.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum NumberState {
    Set,
    Failed,
    #[value(alias = "not_sent")]
    NotSent,
    #[value(alias = "no_answer")]
    NoAnswer,
    #[value(alias = "not_applied")]
    NotApplied,
    Resolved,
    Sending,
}

impl NumberState {
    const fn includes(self, state: RecordedState) -> bool {
        match state {
            RecordedState::Ended(ChangeResult::Set) => matches!(self, Self::Set),
            RecordedState::Ended(ChangeResult::Failed) => matches!(self, Self::Failed),
            RecordedState::Ended(ChangeResult::NotSent) | RecordedState::NotStarted => matches!(self, Self::NotSent),
            RecordedState::Ended(ChangeResult::NoAnswer) => matches!(self, Self::NoAnswer),
            RecordedState::NotApplied => matches!(self, Self::NotApplied),
            RecordedState::Resolved => matches!(self, Self::Resolved),
            RecordedState::Running => matches!(self, Self::Sending),
        }
    }
}

/// The columns that fit 80 columns of a terminal. What an operator may have to look at follows the last one, and then the
/// note of the job: neither is cut.
const COLUMNS: [Column; 5] = [
    Column::count("JOB", 4),
    Column::fixed("WHEN (UTC)", 16),
    Column::flexible("WHO", 12, 6),
    Column::count("NUMBERS", 7),
    Column::fixed("STATE", 9),
];

/// The columns that `--wide` adds.
const WIDE_COLUMNS: [Column; 2] = [Column::fixed("PROFILE", 12), Column::fixed("PINS", 6)];

/// Prints the jobs, newest first, as they are read: there may be many. There is no journal on a machine where nothing was
/// set yet.
pub(crate) fn list(
    args: &JobsListArgs,
    state_dir: &Path,
    journal: Option<JournalReader>,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = match journal {
        None if args.json => Ok(()),
        None => print_no_jobs(&mut out, state_dir),
        Some(journal) if args.json => journal.for_each_job(|job| {
            write_json(&mut out, &JobRecord::new(&job, "job"))?;
            writeln!(out)
        })?,
        Some(journal) => {
            let style = TableStyle::for_stdout(global.no_color, args.wide);
            match print_table(&mut out, &journal, args.wide, style)? {
                Ok(0) => print_no_jobs(&mut out, state_dir),
                Ok(count) => writeln!(out, "{}.", table::pluralize(count, "job")),
                Err(error) => Err(error),
            }
        }
    };
    exit_code_after_print(printed.and_then(|()| out.flush()), ExitCode::Done)
}

fn print_no_jobs(out: &mut impl Write, state_dir: &Path) -> io::Result<()> {
    writeln!(out, "No jobs yet in {}.", redacted_path(state_dir))
}

/// Prints the table, and returns how many jobs it has. Reads the jobs twice: the widths of the columns come first.
fn print_table(
    out: &mut impl Write,
    journal: &JournalReader,
    is_wide: bool,
    style: TableStyle,
) -> Result<io::Result<usize>, JournalError> {
    let mut columns = COLUMNS.to_vec();
    if is_wide {
        columns.extend(WIDE_COLUMNS);
    }
    let (mut widths, mut count) = (vec![0; columns.len()], 0);
    let measured = journal.for_each_job(|job| {
        for (widest, cell) in widths.iter_mut().zip(cells(&job, is_wide)) {
            *widest = cell.width().max(*widest);
        }
        count += 1;
        Ok::<_, io::Error>(())
    })?;
    if measured.is_err() || count == 0 {
        return Ok(measured.map(|()| count));
    }
    let layout = Layout::for_content(style, &columns, &widths);
    if let Err(error) = writeln!(out, "{}", layout.headings()) {
        return Ok(Err(error));
    }
    let printed = journal.for_each_job(|job| {
        let (counts, note) = (open_counts(&job), job.note.as_ref().map_or("", CleanText::as_str));
        let gap = if counts.is_empty() || note.is_empty() { "" } else { "; " };
        writeln!(out, "{}", layout.row(&cells(&job, is_wide), &format!("{counts}{gap}{note}")))
    })?;
    Ok(printed.map(|()| count))
}

fn cells(job: &JobSummary, is_wide: bool) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell<'_>> = vec![
        job.id.to_string().into(),
        job.at.format_minute().into(),
        job.operator.name.as_str().into(),
        tally(job).total().to_string().into(),
        state_label(job.status).into(),
    ];
    if is_wide {
        cells.extend([job.profile.as_str().into(), pins_label(job.pin_source).into()]);
    }
    cells
}

pub(crate) fn show(
    args: &JobsShowArgs,
    job: &JobDetail,
    known: &KnownNumbers,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let mut numbers: Vec<&JobNumber> =
        job.numbers.iter().filter(|number| args.state.is_none_or(|state| state.includes(number.state))).collect();
    let mut out = io::stdout().lock();
    let printed = if args.ids {
        numbers.iter().try_for_each(|number| writeln!(out, "{}", number.number))
    } else if args.json {
        print_records(&mut out, &numbers, &job.summary, known)
    } else {
        numbers.sort_by_key(|number| known.sort_key(number.number));
        print_job(&mut out, &numbers, job, known, global)
    };
    exit_code_after_print(printed, ExitCode::Done)
}

/// Prints numbers and the summary of their job.
pub(crate) fn print_records(
    out: &mut impl Write,
    numbers: &[&JobNumber],
    job: &JobSummary,
    known: &KnownNumbers,
) -> io::Result<()> {
    for number in numbers {
        with_result(number, known, |record| write_json(&mut *out, record))?;
        writeln!(out)?;
    }
    write_json(&mut *out, &JobRecord::new(job, "summary"))?;
    writeln!(out)
}

fn print_job(
    out: &mut impl Write,
    numbers: &[&JobNumber],
    detail: &JobDetail,
    known: &KnownNumbers,
    global: &GlobalArgs,
) -> io::Result<()> {
    let job = &detail.summary;
    print_fields(out, job)?;
    let style = TableStyle::for_stdout(global.no_color, false);
    let layout = result_layout(style, numbers.iter().filter_map(|number| known.get(number.number)));
    if !numbers.is_empty() {
        writeln!(out, "\n{}", layout.headings())?;
    }
    for number in numbers {
        let reason = number.short_reason();
        let id = number.number;
        writeln!(out, "{}", result_row(&layout, id, known.get(id), recorded_cell(number.state), reason.as_str()))?;
    }
    // The rows have the messages already.
    let groups = groups(numbers.iter().copied());
    groups.iter().filter(|group| group.has_more_words()).try_for_each(|group| print_group(out, group))?;
    if job.status == JobStatus::Running {
        writeln!(out, "\n{}", running_text(job))?;
        return write_line(out, "Another process is working on this job, so these counts can change.");
    }
    let tally = tally(job);
    writeln!(out, "\n{}", tally.summary_text(job.id))?;
    let rerun = resume_options(detail, known, RerunOptions::new(global));
    let in_doubt = job.count(RecordedState::Ended(ChangeResult::NoAnswer));
    if in_doubt > 0 {
        let numbers = if in_doubt == 1 { "number" } else { "numbers" };
        let check = rerun.command(&format!("jobs check {}", job.id));
        write_line(out, &format!("To check the {numbers} in doubt: {check}"))?;
    }
    tally.resume_hint(job.id, &rerun).iter().try_for_each(|hint| write_line(out, hint))
}
