//! `pindesk jobs`: lists and shows jobs, and resumes one.
//!
//! A job is what an operator confirmed at once. Resuming sends the numbers that were not sent, and those that Meta refused
//! for a reason outside them; on request, all that Meta refused. It never resends a number that is in doubt, because an
//! operator has to look at it first.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::checks::{self, ConfirmFlags, Selection};
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::lookup;
use crate::cli::output::job::{ResultPrinter, ResultRecord};
use crate::cli::output::result_fields::{recorded_label, recorded_result};
use crate::cli::output::stdio::{SCHEMA_VERSION, eprint_line, exit_code_after_print};
use crate::cli::output::table;
use crate::cli::output::tally::Tally;
use crate::cli::pauses::{self, OutputOptions};
use crate::cli::pin_file;
use crate::cli::records::{self, open_reader, require_config};
use crate::cli::run_job::{self, ConfirmedJob};
use crate::cli::runtime::{build_runtime, open_graph};
use crate::config::{self, Env, Overrides};
use crate::domain::change::JobId;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PinChoice;
use crate::domain::pin_plan::PinPlan;
use crate::domain::standing::{ChangeResult, Standing};
use crate::domain::text::CleanText;
use crate::journal::{JobDetail, JobNumber, JobStatus, JobSummary, PinSource, RecordedState};
use crate::policy::error_catalog::Explanation;

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the jobs, newest first
    List {
        /// JSON Lines
        #[arg(long)]
        json: bool,
    },
    /// Show a job, number by number
    Show {
        /// Number of the job
        #[arg(value_name = "JOB", value_parser = arg_parsers::integer_at_least(1_u32))]
        job: u32,
        /// JSON Lines, ending with a summary
        #[arg(long)]
        json: bool,
    },
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
    match command {
        JobsCommand::List { json } => list(&state_dir, *json),
        JobsCommand::Show { job, json } => show(&state_dir, JobId::new(*job), *json),
        JobsCommand::Resume(args) => resume(args, &state_dir, overrides, env, global),
    }
}

/// A job as scripts see it. The counts from `set` to `no_answer` add up to `total`.
#[derive(Serialize)]
struct JobRecord<'a> {
    schema: u8,
    event: &'static str,
    job: u32,
    at: String,
    profile: &'a str,
    pins: &'static str,
    state: &'static str,
    total: usize,
    set: usize,
    failed: usize,
    not_sent: usize,
    no_answer: usize,
    /// Numbers with no answer that are no longer in doubt.
    settled: usize,
    /// Numbers without an outcome: not started, or in progress.
    open: usize,
}

fn list(state_dir: &Path, is_json: bool) -> Result<ExitCode, CliError> {
    let jobs = open_reader(state_dir)?.jobs()?;
    let mut out = io::stdout().lock();
    if is_json {
        let printed = jobs.iter().try_for_each(|job| {
            serde_json::to_writer(&mut out, &job_record(job, "job"))?;
            writeln!(out)
        });
        return exit_code_after_print(printed, ExitCode::Done);
    }
    let mut rows = vec![job_row(["JOB", "CONFIRMED AT", "STATE", "TOTAL", "SET", "FAILED", "NOT SENT", "NO ANSWER"])];
    for job in &jobs {
        let JobRecord { at, state, total, set, failed, not_sent, no_answer, settled, .. } = job_record(job, "job");
        let counts = [total, set, failed, not_sent].map(|count| count.to_string());
        let [total, set, failed, not_sent] = counts.each_ref().map(String::as_str);
        let no_answer = if settled > 0 { format!("{no_answer} ({settled} resolved)") } else { no_answer.to_string() };
        let state = state.replace('_', " ");
        rows.push(job_row([&job.id.to_string(), &at, &state, total, set, failed, not_sent, &no_answer]));
    }
    exit_code_after_print(writeln!(out, "{}", rows.join("\n")), ExitCode::Done)
}

fn job_row([job, at, state, total, set, failed, not_sent, no_answer]: [&str; 8]) -> String {
    let cells = [(job, 5), (at, 20), (state, 9), (total, 6), (set, 6), (failed, 6), (not_sent, 8)];
    table::row(&cells, no_answer)
}

fn job_record<'a>(job: &'a JobSummary, event: &'static str) -> JobRecord<'a> {
    let tally = tally(job);
    JobRecord {
        schema: SCHEMA_VERSION,
        event,
        job: job.id.get(),
        at: job.at.to_rfc3339(),
        profile: job.profile.as_str(),
        pins: match job.pin_source {
            PinSource::Given => "given",
            PinSource::Random => "random",
        },
        state: match job.status {
            JobStatus::Running => "running",
            JobStatus::Finished => "finished",
            JobStatus::Interrupted => "cut_short",
        },
        total: tally.total(),
        set: tally.set,
        failed: tally.failed,
        not_sent: tally.not_sent,
        no_answer: tally.no_answer,
        settled: job.count(RecordedState::Resolved),
        open: job.count(RecordedState::NotStarted) + job.count(RecordedState::Running),
    }
}

fn tally(job: &JobSummary) -> Tally {
    let mut tally = Tally::default();
    tally.resumable = job.resumable;
    for (state, count) in &job.counts {
        tally.add(recorded_result(*state), *count);
    }
    tally
}

fn find_job(state_dir: &Path, id: JobId) -> Result<JobDetail, CliError> {
    let job = open_reader(state_dir)?.job(id)?;
    job.ok_or_else(|| CliError::usage(format!("no job {id} in this state directory")).remedy("See pindesk jobs list."))
}

fn show(state_dir: &Path, id: JobId, is_json: bool) -> Result<ExitCode, CliError> {
    let job = find_job(state_dir, id)?;
    let mut out = io::stdout().lock();
    let printed = job.numbers.iter().try_for_each(|number| {
        if is_json {
            return print_result(&mut out, number);
        }
        let label = recorded_label(number.state);
        let reason = number.reason.as_ref().map_or("", CleanText::as_str);
        writeln!(out, "{}", table::row(&[(label, 13), (number.number.as_str(), 18)], reason))
    });
    let printed = printed.and_then(|()| print_summary(&mut out, &job.summary, is_json));
    exit_code_after_print(printed, ExitCode::Done)
}

fn print_summary(out: &mut impl io::Write, job: &JobSummary, is_json: bool) -> io::Result<()> {
    if is_json {
        serde_json::to_writer(&mut *out, &job_record(job, "summary"))?;
        return writeln!(out);
    }
    let tally = tally(job);
    writeln!(out, "{}", tally.summary_text(job.id))?;
    if job.status == JobStatus::Running {
        return writeln!(out, "Another process is working on this job, so these counts can change.");
    }
    tally.resume_hint(job.id).iter().try_for_each(|hint| writeln!(out, "{hint}"))
}

fn print_result(out: &mut impl io::Write, number: &JobNumber) -> io::Result<()> {
    let result = recorded_result(number.state);
    let explanation = number.standing.as_ref().and_then(|standing| match standing {
        Standing::Set => None,
        Standing::Failed(error) => Some(Explanation::for_refusal(error)),
        Standing::NotSent(why) => Some(Explanation::for_not_sent(why)),
        Standing::InDoubt(doubt) => Some(Explanation::for_doubt(doubt)),
    });
    let is_in_doubt = number.state == RecordedState::Ended(ChangeResult::NoAnswer);
    let needs_advice = is_in_doubt || result == ChangeResult::Failed;
    let reason = explanation.as_ref().map_or(recorded_label(number.state), |explanation| &explanation.reason);
    let record = ResultRecord {
        code: number.reply.code,
        subcode: number.reply.subcode,
        http_status: number.reply.http_status,
        trace_id: number.reply.trace_id.as_ref().map(CleanText::as_str),
        tries: number.attempts,
        change: number.change.map(|change| change.to_string()),
        advice: explanation.as_ref().filter(|_| needs_advice).map_or(&[], |explanation| explanation.advice),
        ..ResultRecord::new(&number.number, result, reason)
    };
    serde_json::to_writer(&mut *out, &record)?;
    writeln!(out)
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
        return Ok(report_nothing_left(id, args.json));
    }
    // The recorded outcomes are not needed while the rest is sent.
    drop(numbers);
    let pins = pins_for_resume(&job, args.pin_file.as_deref())?;
    let config = require_config(overrides, env)?;
    if job.profile != config.profile.name {
        return Err(CliError::usage(format!("job {id} belongs to profile {}", job.profile))
            .nothing_sent()
            .remedy(format!("Add: --profile {}", job.profile)));
    }
    checks::require_writable(&config.profile, global)?;
    let session = records::open_journal(state_dir, &config, true)?;
    // Read again: opening the journal imports changes that only the escrow file had.
    let ids = numbers_left(&find_job(state_dir, id)?.numbers, args.failed);
    if ids.is_empty() {
        return Ok(report_nothing_left(id, args.json));
    }
    records::check_report(&session.report, records::RERUN_HINT)?;
    checks::require_escrow_for_random(&pins, Selection::Many, session.recipients.is_some())?;
    let graph = open_graph(&config.profile)?;
    let runtime = build_runtime()?;
    let options = OutputOptions { is_json: args.json, is_quiet: global.quiet };
    let concurrency = args.concurrency.unwrap_or(config.profile.concurrency);
    let pace = pauses::new_pace(&config.profile, concurrency, options);
    let result = lookup::look_up(&runtime, &graph, &pace, &config.profile, ids.into_iter());
    let numbers = result.into_numbers(config.profile.name.as_str())?;
    let flags = ConfirmFlags { may_replace: args.replace, confirm: args.confirm.as_deref() };
    checks::check_numbers(&pins, &numbers, Selection::Many, flags)?;
    records::warn_unresolved(&session.report, global.quiet);
    let profile = config.profile.name;
    let plan = PinPlan { targets: run_job::require_targets(numbers)?, pins };
    let confirmed = ConfirmedJob { profile, resumed_job: Some(id), plan, graph, pace, session, concurrency };
    run_job::run(confirmed, runtime, options)
}

fn report_nothing_left(id: JobId, is_json: bool) -> ExitCode {
    let mut results = ResultPrinter::new(is_json, Arc::default());
    if is_json {
        results.print_summary(Some(id));
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
