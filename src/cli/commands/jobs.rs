//! `pindesk jobs`: lists, shows, checks and reports jobs, and resumes one.
//!
//! A job is what an operator confirmed at once. Resuming sends the numbers that were not sent, and those that Meta refused
//! for a reason outside them; on request, all that Meta refused. It never resends a number that is in doubt, because an
//! operator has to look at it first.

mod check;
mod record;
mod report;
mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::checks::{self, ConfirmFlags, Unconfirmed};
use crate::cli::confirm::Selection;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::lookup;
use crate::cli::number_arg::NumberArg;
use crate::cli::output::job::ResultPrinter;
use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::eprint_line;
use crate::cli::pauses;
use crate::cli::pin_file;
use crate::cli::records::{self, require_config};
use crate::cli::run_job::{self, ConfirmedJob};
use crate::cli::runtime::{build_runtime, open_graph};
use crate::config::{self, Env, Overrides, Profile};
use crate::domain::change::JobId;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PinChoice;
use crate::domain::pin_plan::PinPlan;
use crate::journal::{JobDetail, JobNumber, JobStatus, JobSummary, PinSource};

use check::JobsCheckArgs;
use report::JobsReportArgs;
use show::{JobsListArgs, JobsShowArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the jobs, newest first
    List(JobsListArgs),
    /// Show a job, number by number
    Show(JobsShowArgs),
    /// Refresh the numbers in doubt, and resolve those whose status proves it
    Check(JobsCheckArgs),
    /// Report a job for a ticket or a spreadsheet
    Report(JobsReportArgs),
    /// Send what a job left: numbers not sent, or refused for the token, a permission or the pace
    Resume(JobsResumeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JobsResumeArgs {
    /// Number of the job
    #[arg(value_name = "JOB", value_parser = arg_parsers::integer_at_least(1_u32))]
    job: u32,
    /// File with the PIN of the job, unless its PINs are random
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// Also the numbers that Meta refused for their own reasons, each with a new change
    #[arg(long)]
    failed: bool,
    /// The count of numbers
    #[arg(long, value_name = "COUNT")]
    confirm: Option<String>,
    /// Replace the PIN where two-step verification is on
    #[arg(long)]
    replace: bool,
    /// Maximum concurrent requests, instead of the config's
    #[arg(long, value_name = "N", value_parser = arg_parsers::parse_concurrency)]
    concurrency: Option<usize>,
    /// JSON Lines, ending with a summary
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(
    command: &JobsCommand,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let state_dir = config::resolve_state_dir(overrides, env)?;
    let is_explicit = config::explicit_state_dir(overrides, env).is_some();
    match command {
        JobsCommand::List(args) => show::list(args, records::open_existing(&state_dir, is_explicit)?, global),
        JobsCommand::Show(args) => {
            let (job, known) = find_job_with_names(&state_dir, is_explicit, JobId::new(args.job))?;
            show::show(args, &job, &known, global)
        }
        JobsCommand::Report(args) => {
            let (job, known) = find_job_with_names(&state_dir, is_explicit, JobId::new(args.job))?;
            report::print(args, &job, &known)
        }
        JobsCommand::Check(args) => check(args, &state_dir, overrides, env, global),
        JobsCommand::Resume(args) => resume(args, &state_dir, overrides, env, global),
    }
}

/// The job, and the numbers that the journal knows.
fn find_job_with_names(state_dir: &Path, is_explicit: bool, id: JobId) -> Result<(JobDetail, KnownNumbers), CliError> {
    let Some(journal) = records::open_existing(state_dir, is_explicit)? else {
        return Err(CliError::usage(format!("no job {id}: there are no jobs yet")));
    };
    let job = journal.job(id)?.map(|job| (job, KnownNumbers::read(&journal)));
    job.ok_or_else(|| CliError::usage(format!("no job {id} in this state directory")).remedy("See pindesk jobs list."))
}

fn find_job(state_dir: &Path, id: JobId) -> Result<JobDetail, CliError> {
    find_job_with_names(state_dir, false, id).map(|(job, _)| job)
}

fn check(
    args: &JobsCheckArgs,
    state_dir: &Path,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let id = JobId::new(args.job);
    let options = OutputOptions::new(args.json, global);
    let job = find_job(state_dir, id)?;
    if job.summary.status == JobStatus::Running {
        return Err(CliError::not_ready(format!("another process is working on job {id}")));
    }
    let config = require_config(overrides, env)?;
    require_profile(&job.summary, &config.profile)?;
    let ids = check::numbers_in_doubt(&job);
    let codes = if ids.is_empty() {
        Vec::new()
    } else {
        let graph = open_graph(&config.profile)?;
        let pace = pauses::new_pace(&config.profile, config.profile.concurrency, options);
        let session = records::open_journal(state_dir, &config, true)?;
        check::read_and_resolve(&ids, config.profile.name, &graph, &pace, session, options)?
    };
    let (job, known) = find_job_with_names(state_dir, false, id)?;
    check::print(&ids, codes, &job, &known, options)
}

/// Refuses a job of another profile.
fn require_profile(job: &JobSummary, profile: &Profile) -> Result<(), CliError> {
    if job.profile == profile.name {
        return Ok(());
    }
    Err(CliError::usage(format!("job {} belongs to profile {}", job.id, job.profile))
        .nothing_sent()
        .remedy(format!("Add: --profile {}", job.profile)))
}

/// The numbers that resuming sends; with `failed`, all that Meta refused are among them.
fn numbers_left(numbers: &[JobNumber], failed: bool) -> Vec<PhoneNumberId> {
    let is_left = |number: &&JobNumber| number.is_resumable() || failed && number.has_failed();
    numbers.iter().filter(is_left).map(|number| number.number).collect()
}

fn resume(
    args: &JobsResumeArgs,
    state_dir: &Path,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let id = JobId::new(args.job);
    let JobDetail { summary: job, numbers } = find_job(state_dir, id)?;
    if job.status == JobStatus::Running {
        return Err(CliError::not_ready(format!("another process is working on job {id}")).nothing_sent());
    }
    if numbers_left(&numbers, args.failed).is_empty() {
        return Ok(report_nothing_left(id, OutputOptions::new(args.json, global)));
    }
    // The recorded outcomes are not needed while the rest is sent.
    drop(numbers);
    let pins = pins_for_resume(&job, args.pin_file.as_deref())?;
    let config = require_config(overrides, env)?;
    require_profile(&job, &config.profile)?;
    records::require_numbers(&config)?;
    checks::require_writable(&config.profile, global)?;
    let session = records::open_journal(state_dir, &config, true)?;
    // Read again: opening the journal imports changes that only the escrow file had.
    let ids = numbers_left(&find_job(state_dir, id)?.numbers, args.failed);
    if ids.is_empty() {
        return Ok(report_nothing_left(id, OutputOptions::new(args.json, global)));
    }
    records::check_report(&session.report, records::RERUN_HINT)?;
    checks::require_escrow_for_random(&pins, Selection::Many, session.recipients.is_some())?;
    let graph = open_graph(&config.profile)?;
    let runtime = build_runtime()?;
    let options = OutputOptions::new(args.json, global);
    let concurrency = args.concurrency.unwrap_or(config.profile.concurrency);
    let pace = pauses::new_pace(&config.profile, concurrency, options);
    let requests = ids.into_iter().map(NumberArg::Id).collect();
    let result = lookup::look_up(&runtime, &graph, &pace, &config.profile, requests);
    let numbers = result.into_numbers(config.profile.name.as_str())?;
    let unconfirmed = Unconfirmed::for_send(global);
    let flags = ConfirmFlags { may_replace: args.replace, confirm: args.confirm.as_deref(), unconfirmed };
    checks::check_numbers(&config.profile, &pins, &numbers, Selection::Many, flags)?;
    session.cache_numbers(&config.profile.name, &numbers);
    records::warn_unresolved(&session.report, global.quiet);
    let profile = config.profile.name;
    let plan = PinPlan { targets: run_job::require_targets(numbers)?, pins };
    let can_ask = unconfirmed == Unconfirmed::Ask;
    let confirmed =
        ConfirmedJob { profile, resumed_job: Some(id), note: None, plan, graph, pace, session, concurrency, can_ask };
    run_job::run(confirmed, runtime, options)
}

fn report_nothing_left(id: JobId, options: OutputOptions) -> ExitCode {
    let mut results = ResultPrinter::new(options.is_json, options.style, Arc::default());
    if options.is_json {
        results.print_summary(id);
    }
    eprint_line(&format!("pindesk: every number of job {id} was sent already. See pindesk jobs show {id}."));
    results.finish(ExitCode::Done, "Nothing was sent.")
}

/// New random PINs for a job with random PINs; otherwise its PIN, which the operator gives again.
fn pins_for_resume(job: &JobSummary, file: Option<&Path>) -> Result<PinChoice, CliError> {
    let id = job.id;
    match (job.pin_source, file) {
        (PinSource::Random, None) | (PinSource::Given, Some(_)) => pin_file::choose_pins(file),
        (PinSource::Random, Some(_)) => {
            Err(CliError::usage(format!("job {id} sets a random PIN for each number")).remedy("Leave out --pin-file."))
        }
        (PinSource::Given, None) => {
            Err(CliError::usage(format!("pindesk does not store the PIN of job {id} in readable form"))
                .remedy("Give the PIN again: --pin-file FILE, or - for standard input."))
        }
    }
}
