//! `pindesk jobs check`: reads the numbers of a job that are in doubt at Meta, and resolves those whose status proves what
//! became of them.
//!
//! It sends no PIN. Only the rules of the actor resolve a doubt: two-step verification that is still not set two minutes
//! after the last request. Where it is on, Meta does not say which PIN is in force.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::PoisonError;

use clap::Args;
use tokio::task;

use crate::cli::arg_parsers;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::late_arrivals::LateArrivals;
use crate::cli::output::job::{result_layout, result_row};
use crate::cli::output::options::OutputOptions;
use crate::cli::output::result_fields::recorded_cell;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print};
use crate::cli::output::table;
use crate::cli::pauses;
use crate::cli::read_failure::ReadFailures;
use crate::cli::records::JournalSession;
use crate::cli::rerun::RerunOptions;
use crate::cli::runtime::build_runtime;
use crate::domain::clock::Clock;
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::jobs::{JobsHandle, Recorder, StatusRead};
use crate::journal::{JobDetail, JobNumber, RecordedState};
use crate::numbers::{self, NumberSources, NumbersEvent};
use crate::pace::Pace;

use super::record;
use super::show::print_records;

#[derive(Debug, Args)]
pub(crate) struct JobsCheckArgs {
    /// Number of the job
    #[arg(value_name = "JOB", value_parser = arg_parsers::integer_at_least(1_u32))]
    pub(crate) job: u32,
    /// JSON Lines, ending with a summary: docs/json.md has the fields
    #[arg(long)]
    pub(crate) json: bool,
}

/// The numbers of a job that are in doubt.
pub(crate) fn numbers_in_doubt(job: &JobDetail) -> Vec<PhoneNumberId> {
    job.numbers.iter().filter(|number| is_in_doubt(number)).map(|number| number.number).collect()
}

fn is_in_doubt(number: &JobNumber) -> bool {
    number.state == RecordedState::Ended(ChangeResult::NoAnswer)
}

/// What became of the reads.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// An exit code for each number that could not be read.
    failures: ReadFailures,
    /// How many numbers were read while their request could still arrive, which proves nothing, and until when the last
    /// of those requests can.
    too_early: Option<LateArrivals>,
}

/// Reads these numbers, and records which of them are resolved.
pub(crate) fn read_and_resolve(
    ids: &[PhoneNumberId],
    profile: CleanText,
    graph: &Graph,
    pace: &Pace,
    session: JournalSession,
    options: OutputOptions,
) -> Result<Checked, CliError> {
    let JournalSession { journal, report, recipients, suspend_handler, .. } = session;
    let runtime = build_runtime()?;
    let failures = Mutex::new(ReadFailures::default());
    let too_early = runtime.block_on(async {
        let recorder = Recorder { journal: journal.clone(), recipients, profile };
        let too_early = LateArrivals::among(&report.unresolved, ids.iter().copied(), Clock::System.now());
        // It sends nothing, so it needs no client.
        let (jobs, _progress) = JobsHandle::start(None, recorder, report.unresolved, 1, pace.clone(), Clock::System);
        suspend_handler.watch(jobs.clone());
        // All reads are requested after this.
        let asked_at = Clock::System.now();
        let receive = |event| match event {
            NumbersEvent::Page(listed) => {
                for number in listed.into_iter().filter(|number| number.read_at.is_some()) {
                    jobs.handle_status_read(StatusRead { number: number.id, two_step: number.two_step, asked_at });
                }
            }
            NumbersEvent::NumberFailed(id, failure) => {
                failures.lock().unwrap_or_else(PoisonError::into_inner).add_number(id, failure);
            }
            NumbersEvent::WabaFinished(..) => {}
        };
        let sources = NumberSources { wabas: Vec::new(), numbers: ids.iter().map(|id| (*id, None)).collect() };
        numbers::read_numbers(graph, pace, sources, &receive).await;
        let records = jobs.shut_down();
        // The wait blocks, and the actor runs on this thread.
        task::spawn_blocking(move || records.wait()).await.ok();
        too_early
    });
    journal.close();
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !options.is_quiet {
        failures.messages(0).iter().for_each(|message| eprint_line(&format!("pindesk: {message}")));
    }
    Ok(Checked { failures, too_early })
}

/// Prints what became of the numbers, and returns the exit code.
pub(crate) fn print(
    ids: &[PhoneNumberId],
    checked_now: Checked,
    job: &JobDetail,
    known: &KnownNumbers,
    rerun: &RerunOptions,
    options: OutputOptions,
) -> Result<ExitCode, CliError> {
    pauses::wait_until_told();
    let Checked { failures, too_early } = checked_now;
    let ids: HashSet<_> = ids.iter().collect();
    let mut checked: Vec<&JobNumber> = job.numbers.iter().filter(|number| ids.contains(&number.number)).collect();
    checked.sort_by_key(|number| known.sort_key(number.number));
    let left = checked.iter().filter(|number| is_in_doubt(number)).count();
    let printed = if options.is_json {
        print_records(&mut io::stdout().lock(), &checked, &job.summary, known)
    } else {
        print_table(&checked, left, job, known, options)
    };
    if !options.is_quiet {
        let too_early = too_early.filter(|_| left > 0);
        if let Some(LateArrivals { count, until }) = too_early {
            eprint_line(&format!(
                "pindesk: too early for {}: the request can still arrive until {until}. Run this command again then.",
                table::numbers_label(count)
            ));
        }
        if left > too_early.map_or(0, |early| early.count) {
            eprint_line(&format!("{WHY_IN_DOUBT} {}", rerun.resolve_hint("such numbers")));
        }
        if let Some(hint) = record::tally(&job.summary).resume_hint(job.summary.id, rerun) {
            eprint_line(&format!("pindesk: {hint}"));
        }
    }
    let in_doubt = if left > 0 { ExitCode::NoAnswer } else { ExitCode::Done };
    exit_code_after_print(printed, ExitCode::first_that_applies([failures.exit_code(), in_doubt]))
}

const WHY_IN_DOUBT: &str = "pindesk: where two-step verification is on, Meta does not say which PIN is in force.";

fn print_table(
    checked: &[&JobNumber],
    left: usize,
    job: &JobDetail,
    known: &KnownNumbers,
    options: OutputOptions,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let layout = result_layout(options.style, checked.iter().filter_map(|number| known.get(number.number)));
    if checked.is_empty() {
        return writeln!(out, "No number of job {} is in doubt.", job.summary.id);
    }
    writeln!(out, "{}", layout.headings())?;
    for number in checked {
        let id = number.number;
        writeln!(out, "{}", result_row(&layout, id, known.get(id), recorded_cell(number.state), ""))?;
    }
    let numbers = table::numbers_label(checked.len());
    let resolved = checked.len() - left;
    writeln!(out, "Job {}, {numbers} checked: {resolved} resolved, {left} in doubt.", job.summary.id)
}
