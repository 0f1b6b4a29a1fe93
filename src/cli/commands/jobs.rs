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
use crate::cli::checked_job::CheckedJob;
use crate::cli::checks::{self, ConfirmFlags, Unconfirmed};
use crate::cli::confirm::{QuestionNotes, Selection};
use crate::cli::discovery;
use crate::cli::early_shutdown::EarlyShutdown;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::lookup;
use crate::cli::output::dry_run;
use crate::cli::output::job::ResultPrinter;
use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::eprint_line;
use crate::cli::output::table;
use crate::cli::pauses;
use crate::cli::pin_file;
use crate::cli::records::{self, require_config};
use crate::cli::rerun::RerunOptions;
use crate::cli::run_job::{self, ConfirmedJob, StartMode};
use crate::cli::runtime::{build_runtime, open_graph};
use crate::config::{self, Env, Overrides, Profile};
use crate::domain::change::JobId;
use crate::domain::number::PhoneNumberId;
use crate::domain::number_arg::NumberArg;
use crate::domain::pin::PinChoice;
use crate::domain::pin_plan::PinPlan;
use crate::domain::redact::{redacted_path, redacted_word};
use crate::domain::standing::ChangeResult;
use crate::journal::{JobDetail, JobNumber, JobStatus, JobSummary, JournalReader, PinSource, RecordedState};

use check::{Checked, JobsCheckArgs};
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
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
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
    /// The count of numbers. Without it, pindesk asks on a terminal
    #[arg(long, value_name = "COUNT")]
    confirm: Option<String>,
    /// Replace the PIN where two-step verification is on
    #[arg(long)]
    replace: bool,
    /// Maximum concurrent requests, instead of the config's
    #[arg(long, value_name = "N", value_parser = arg_parsers::parse_concurrency)]
    concurrency: Option<usize>,
    /// Check everything, print what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// JSON Lines, ending with a summary: docs/json.md has the fields
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
        JobsCommand::List(args) => {
            show::list(args, &state_dir, records::open_to_show(&state_dir, is_explicit)?, global)
        }
        JobsCommand::Show(args) => {
            let (job, known) =
                find_job_with_names(&state_dir, is_explicit, JobId::new(args.job), &RerunOptions::new(global))?;
            show::show(args, &job, &known, global)
        }
        JobsCommand::Report(args) => {
            let (job, known) =
                find_job_with_names(&state_dir, is_explicit, JobId::new(args.job), &RerunOptions::new(global))?;
            report::print(args, &job, &known)
        }
        JobsCommand::Check(args) => check(args, &state_dir, overrides, env, global),
        JobsCommand::Resume(args) => CheckedJob::run(check_rest(args, &state_dir, overrides, env, global)),
    }
}

/// The job, and the journal that has it.
fn read_job(
    state_dir: &Path,
    is_explicit: bool,
    id: JobId,
    rerun: &RerunOptions,
) -> Result<(JobDetail, JournalReader), CliError> {
    let (place, name) = (redacted_path(state_dir), id.to_string());
    let name = redacted_word(&name);
    let Some(journal) = records::open_existing(state_dir, is_explicit)? else {
        let missing = CliError::usage(format!("no job {name}: there are no jobs yet in {place}"));
        return Err(missing.remedy("If the jobs are elsewhere, add: --state-dir DIR"));
    };
    match journal.job(id)? {
        Some(job) => Ok((job, journal)),
        None => {
            Err(CliError::usage(format!("no job {name} in {place}"))
                .remedy(format!("See {}.", rerun.command("jobs list"))))
        }
    }
}

fn find_job(state_dir: &Path, id: JobId, rerun: &RerunOptions) -> Result<JobDetail, CliError> {
    read_job(state_dir, false, id, rerun).map(|(job, _)| job)
}

/// The job, and the numbers that the journal knows.
fn find_job_with_names(
    state_dir: &Path,
    is_explicit: bool,
    id: JobId,
    rerun: &RerunOptions,
) -> Result<(JobDetail, KnownNumbers), CliError> {
    let (job, journal) = read_job(state_dir, is_explicit, id, rerun)?;
    records::warn_of_older_copy(&journal)?;
    Ok((job, KnownNumbers::read(&journal)))
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
    let rerun = RerunOptions::new(global);
    let job = find_job(state_dir, id, &rerun)?;
    if job.summary.status == JobStatus::Running {
        return Err(running_error(id, &rerun));
    }
    let config = require_config(overrides, env)?;
    require_profile(&job.summary, &config.profile)?;
    let ids = check::numbers_in_doubt(&job);
    let checked = if ids.is_empty() {
        Checked::default()
    } else {
        let graph = open_graph(&config.profile)?;
        let pace = pauses::new_pace(&config.profile, config.profile.concurrency, options);
        let session = records::open_journal(state_dir, &config, true)?;
        records::refuse_damage(&session.report, &rerun)?;
        check::read_and_resolve(&ids, config.profile.name, &graph, &pace, session, options)?
    };
    let (job, known) = find_job_with_names(state_dir, false, id, &rerun)?;
    let rerun = record::resume_options(&job, &known, rerun);
    check::print(&ids, checked, &job, &known, &rerun, options)
}

/// Refuses a job that another process works on.
fn running_error(id: JobId, rerun: &RerunOptions) -> CliError {
    let show = rerun.command(&format!("jobs show {id}"));
    CliError::not_ready(format!("another process is working on job {id}"))
        .remedy(format!("Run this command again when that process has ended. How far it is: {show}"))
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

/// True if resuming sends a PIN to it, unless another job set one since; with `failed`, if Meta refused it for whatever
/// reason.
fn is_wanted(number: &JobNumber, failed: bool) -> bool {
    number.is_left() || failed && number.state == RecordedState::Ended(ChangeResult::Failed)
}

/// Says how many numbers are left out, because another job set a PIN there.
fn warn_set_since(job: JobId, numbers: &[JobNumber], failed: bool, options: OutputOptions) {
    let set_since = numbers.iter().filter(|number| number.is_set_since && is_wanted(number, failed)).count();
    if set_since > 0 && !options.is_quiet {
        let numbers = table::numbers_label(set_since);
        eprint_line(&format!("pindesk: {numbers} left out: another job set a PIN there after job {job} began."));
    }
}

/// The numbers that resuming sends; with `failed`, all that Meta refused are among them.
fn numbers_left(numbers: &[JobNumber], failed: bool) -> Vec<PhoneNumberId> {
    let is_left = |number: &&JobNumber| !number.is_set_since && is_wanted(number, failed);
    numbers.iter().filter(is_left).map(|number| number.number).collect()
}

/// Checks and confirms the rest of a job.
fn check_rest(
    args: &JobsResumeArgs,
    state_dir: &Path,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<CheckedJob, CliError> {
    let id = JobId::new(args.job);
    let rerun = RerunOptions::new(global).with_pin_file(args.pin_file.as_deref()).with_replace(args.replace);
    let JobDetail { summary: job, numbers } = find_job(state_dir, id, &rerun)?;
    if job.status == JobStatus::Running {
        return Err(running_error(id, &rerun).nothing_sent());
    }
    if numbers_left(&numbers, args.failed).is_empty() {
        warn_set_since(id, &numbers, args.failed, OutputOptions::new(args.json, global));
        return Ok(CheckedJob::NothingToSend(report_nothing_left(
            id,
            &numbers,
            OutputOptions::new(args.json, global),
            global,
        )));
    }
    // The recorded outcomes are not needed while the rest is sent.
    drop(numbers);
    let pins = pins_for_resume(&job, args.pin_file.as_deref())?;
    let mut config = require_config(overrides, env)?;
    require_profile(&job, &config.profile)?;
    let graph = discovery::require_numbers(&mut config, global)?;
    checks::require_writable(&config.profile, global)?;
    let records = records::prepare_to_send(state_dir, &config, args.dry_run, true, &rerun)?;
    // Read again: opening the journal imports changes that only the escrow file had.
    let numbers = confirmed_numbers(id, state_dir, &rerun)?;
    let ids = numbers_left(&numbers, args.failed);
    let options = OutputOptions::new(args.json, global);
    warn_set_since(id, &numbers, args.failed, options);
    if ids.is_empty() {
        return Ok(CheckedJob::NothingToSend(report_nothing_left(id, &numbers, options, global)));
    }
    checks::require_escrow_for_random(&pins, Selection::Many, records.has_escrow)?;
    let graph = graph.map_or_else(|| open_graph(&config.profile), Ok)?;
    let runtime = build_runtime()?;
    let concurrency = args.concurrency.unwrap_or(config.profile.concurrency);
    let pace = pauses::new_pace(&config.profile, concurrency, options);
    let early = EarlyShutdown::listen(Some(id), ids.len(), options)
        .map_err(|error| CliError::machine("cannot watch for signals", &error).nothing_sent())?;
    let requests = ids.into_iter().map(NumberArg::Id).collect();
    let result = lookup::look_up(&runtime, &graph, &pace, &config.profile, requests);
    let numbers = result.into_numbers(&config.profile, &rerun).map_err(CliError::nothing_sent)?;
    let unconfirmed = if args.dry_run { Unconfirmed::Accept } else { Unconfirmed::for_send(global) };
    let (may_replace, confirm) = (args.replace, args.confirm.as_deref());
    let notes = QuestionNotes {
        late: records.late_arrivals(&numbers),
        has_escrow: records.has_escrow,
        pin_file: args.pin_file.as_deref(),
        ..QuestionNotes::default()
    };
    let flags = ConfirmFlags { may_replace, confirm, unconfirmed, notes };
    checks::check_numbers(&config.profile, &pins, &numbers, Selection::Many, flags)?;
    let Some(session) = records.session else {
        let confirmation = checks::expected_confirmation(Selection::Many, &numbers);
        return dry_run::print(&numbers, &confirmation, &[], options).map(CheckedJob::NothingToSend);
    };
    session.cache_numbers(&config.profile.name, &numbers);
    records::warn_unresolved(&session.report, &rerun);
    let (profile, start) = (config.profile.name, StartMode::Resume(id));
    let plan = PinPlan { targets: run_job::require_targets(numbers)?, pins };
    let can_ask = unconfirmed == Unconfirmed::Ask;
    let confirmed = ConfirmedJob { profile, start, plan, graph, pace, session, concurrency, rerun, can_ask, early };
    Ok(CheckedJob::Confirmed(Box::new(confirmed), runtime, options))
}

/// The numbers of a job. Refuses a job whose numbers may not be the ones that were confirmed: the journal refuses it as
/// well, but only after the question.
fn confirmed_numbers(id: JobId, state_dir: &Path, rerun: &RerunOptions) -> Result<Vec<JobNumber>, CliError> {
    let (JobDetail { numbers, .. }, journal) = read_job(state_dir, false, id, rerun)?;
    let Some(problem) = journal.job_problem(id)? else { return Ok(numbers) };
    let what = format!("the numbers of job {id} may not be the ones that were confirmed");
    Err(CliError::not_ready(what)
        .nothing_sent()
        .details([problem.to_string()])
        .remedy(format!("To see each damaged row: {}", rerun.command("audit verify")))
        .remedy("To set the remaining numbers, start a new job."))
}

fn report_nothing_left(id: JobId, numbers: &[JobNumber], options: OutputOptions, global: &GlobalArgs) -> ExitCode {
    let mut results = ResultPrinter::new(options, Arc::default(), RerunOptions::new(global));
    if options.is_json {
        results.print_summary(id);
    }
    let show = results.rerun.command(&format!("jobs show {id}"));
    eprint_line(&format!("pindesk: job {id} has no number left to send. See {show}."));
    let is_in_doubt = |number: &JobNumber| number.state == RecordedState::Ended(ChangeResult::NoAnswer);
    for (has_any, what, words) in [
        (numbers.iter().any(is_in_doubt), "To check those in doubt", format!("jobs check {id}")),
        (
            numbers.iter().any(JobNumber::has_failed),
            "To send those that failed again",
            format!("jobs resume {id} --failed"),
        ),
    ] {
        if has_any && !options.is_quiet {
            eprint_line(&format!("{what}: {}", results.rerun.command(&words)));
        }
    }
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
