//! `pindesk jobs`: what was set, job by job, and sending what is left of one.
//!
//! A job is what somebody confirmed in one go. What is left of it is what was never sent; what failed or is in doubt is
//! never sent again from here, for somebody has to look at it first.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::checks::{self, ConfirmFlags, Selection};
use crate::cli::commands::{numbers, pin, simulator as simulate};
use crate::cli::output::job::{ChangeOutcome, ResultPrinter, ResultRecord, SCHEMA_VERSION, Tally};
use crate::cli::output::table;
use crate::cli::run_job::{self, ConfirmedJob, OutputOptions};
use crate::cli::{
    CliError, GlobalArgs, arg_parsers, eprint_line, ignore_broken_pipe, lookup, preflight, require_config,
};
use crate::config::{self, Env, Overrides};
use crate::domain::change::JobId;
use crate::domain::number::PhoneNumberId;
use crate::domain::outcome::Outcome;
use crate::domain::pin::PinChoice;
use crate::domain::text::CleanText;
use crate::journal::{JobDetail, JobNumber, JobStatus, JobSummary, PinSource, RecordedState};
use crate::policy::error_catalog::Explanation;

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Every job, the newest first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One job, number by number
    Show {
        /// The number of the job
        #[arg(value_name = "JOB", value_parser = arg_parsers::integer_at_least(1_u32))]
        job: u32,
        /// One JSON object a line, and a summary
        #[arg(long)]
        json: bool,
    },
    /// Send what was never sent of a job
    Resume(JobsResumeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JobsResumeArgs {
    /// The number of the job
    #[arg(value_name = "JOB", value_parser = arg_parsers::integer_at_least(1_u32))]
    job: u32,
    /// Its PIN, where it is not random: a PIN is stored nowhere in the clear
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// How many numbers
    #[arg(long, value_name = "COUNT")]
    confirm: Option<String>,
    /// Replace the PIN where two-step verification is on
    #[arg(long)]
    replace: bool,
    /// Requests on their way at once, instead of the config's
    #[arg(long, value_name = "N", value_parser = arg_parsers::parse_concurrency)]
    concurrency: Option<usize>,
    /// One JSON object a line, and a summary
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &JobsCommand, overrides: &Overrides, env: &Env, flags: &GlobalArgs) -> Result<u8, CliError> {
    let place = config::resolve_state_dir(overrides, env)?;
    match command {
        JobsCommand::List { json } => list(&place, *json),
        JobsCommand::Show { job, json } => show(&place, JobId::new(*job), *json),
        JobsCommand::Resume(options) => resume(options, &place, overrides, env, flags),
    }
}

/// A job as scripts see it. The counts of `set` to `no_answer` add up to `total`.
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
    /// Of those with no answer: in doubt no longer.
    settled: usize,
    /// Of those not sent and those with no answer: never started, or on their way.
    open: usize,
}

fn list(place: &Path, is_json: bool) -> Result<u8, CliError> {
    let jobs = preflight::open_reader(place)?.jobs().map_err(|error| CliError::not_ready(&error))?;
    let mut out = io::stdout().lock();
    if is_json {
        let printed = jobs.iter().try_for_each(|job| {
            serde_json::to_writer(&mut out, &job_record(job, "job"))?;
            writeln!(out)
        });
        return ignore_broken_pipe(printed, 0);
    }
    let mut rows = vec![job_row(["JOB", "CONFIRMED AT", "STATE", "TOTAL", "SET", "FAILED", "NOT SENT", "NO ANSWER"])];
    for job in &jobs {
        let JobRecord { at, state, total, set, failed, not_sent, no_answer, settled, .. } = job_record(job, "job");
        let counts = [total, set, failed, not_sent].map(|count| count.to_string());
        let [total, set, failed, not_sent] = counts.each_ref().map(String::as_str);
        let no_answer = if settled > 0 { format!("{no_answer} ({settled} settled)") } else { no_answer.to_string() };
        rows.push(job_row([
            &job.id.to_string(),
            &at,
            &state.replace('_', " "),
            total,
            set,
            failed,
            not_sent,
            &no_answer,
        ]));
    }
    ignore_broken_pipe(writeln!(out, "{}", rows.join("\n")), 0)
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
    for (state, count) in &job.counts {
        tally.add(outcome_and_label(*state).0, *count);
    }
    tally
}

fn find_job(place: &Path, id: JobId) -> Result<JobDetail, CliError> {
    let found = preflight::open_reader(place)?.job(id).map_err(|error| CliError::not_ready(&error))?;
    found.ok_or_else(|| CliError::Usage(format!("there is no job {id} here. See pindesk jobs list.")))
}

/// What a number came to, as the end of a job counts it, and in words.
pub(crate) fn outcome_and_label(state: RecordedState) -> (ChangeOutcome, &'static str) {
    match state {
        RecordedState::NotStarted => (ChangeOutcome::NotSent, "never started"),
        RecordedState::Running => (ChangeOutcome::NoAnswer, "on its way"),
        RecordedState::Set => (ChangeOutcome::Set, "set"),
        RecordedState::Failed => (ChangeOutcome::Failed, "failed"),
        RecordedState::NotSent => (ChangeOutcome::NotSent, "not sent"),
        RecordedState::NoAnswer => (ChangeOutcome::NoAnswer, "no answer"),
        RecordedState::Resolved => (ChangeOutcome::NoAnswer, "settled"),
    }
}

fn show(place: &Path, id: JobId, is_json: bool) -> Result<u8, CliError> {
    let job = find_job(place, id)?;
    let mut out = io::stdout().lock();
    let printed = job.numbers.iter().try_for_each(|number| {
        let (request, words) = outcome_and_label(number.state);
        if is_json {
            return print_result(&mut out, number, request, words);
        }
        let reason = number.reason.as_ref().map_or("", CleanText::as_str);
        writeln!(out, "{}", table::row(&[(words, 13), (number.number.as_str(), 18)], reason))
    });
    ignore_broken_pipe(printed.and_then(|()| print_summary(&mut out, &job.summary, is_json)), 0)
}

fn print_summary(out: &mut impl io::Write, job: &JobSummary, is_json: bool) -> io::Result<()> {
    if is_json {
        serde_json::to_writer(&mut *out, &job_record(job, "summary"))?;
        return writeln!(out);
    }
    let tally = tally(job);
    writeln!(out, "{}", tally.summary_text(job.id))?;
    if job.status == JobStatus::Running {
        return writeln!(out, "The process that works on it still runs: more may be sent and answered.");
    }
    tally.resume_hint(job.id).iter().try_for_each(|how| writeln!(out, "{how}"))
}

fn print_result(out: &mut impl io::Write, number: &JobNumber, request: ChangeOutcome, words: &str) -> io::Result<()> {
    let told = number.outcome.as_ref().and_then(|outcome| match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(fault) => Some(Explanation::for_refusal(fault)),
        Outcome::NotSent(why) => Some(Explanation::for_not_sent(why)),
        Outcome::InDoubt(doubt) => Some(Explanation::for_doubt(doubt)),
    });
    let is_open = number.state == RecordedState::NoAnswer;
    let record = ResultRecord {
        code: number.reply.code,
        subcode: number.reply.subcode,
        http_status: number.reply.http_status,
        trace_id: number.reply.trace_id.as_ref().map(CleanText::as_str),
        tries: number.attempts,
        change: number.change.map(|change| change.to_string()),
        advice: told.as_ref().filter(|_| is_open || request == ChangeOutcome::Failed).map_or(&[], |told| told.advice),
        ..ResultRecord::new(&number.number, request, told.as_ref().map_or(words, |told| &told.reason))
    };
    serde_json::to_writer(&mut *out, &record)?;
    writeln!(out)
}

/// The numbers of a job that were never sent.
fn unsent_numbers(numbers: &[JobNumber]) -> Vec<PhoneNumberId> {
    numbers.iter().filter(|number| number.is_resumable()).map(|number| number.number).collect()
}

fn resume(
    options: &JobsResumeArgs,
    place: &Path,
    overrides: &Overrides,
    env: &Env,
    flags: &GlobalArgs,
) -> Result<u8, CliError> {
    let id = JobId::new(options.job);
    let JobDetail { summary: job, numbers } = find_job(place, id)?;
    if job.status == JobStatus::Running {
        return Err(CliError::NotReady(format!("job {id} is at work in another process. Nothing was sent.")));
    }
    if unsent_numbers(&numbers).is_empty() {
        return Ok(report_nothing_left(id, options.json));
    }
    // What became of each number is not needed while the rest is sent.
    drop(numbers);
    let pins = pins_for_resume(&job, options.pin_file.as_deref())?;
    let config = require_config(overrides, env)?;
    let profile = &config.profile;
    if job.profile != profile.name {
        let why = format!("job {id} is of the profile {0}. Nothing was sent. Add: --profile {0}", job.profile);
        return Err(CliError::Usage(why));
    }
    checks::require_writable(profile, flags)?;
    let books = preflight::open_journal(place, &config.escrow, true)?;
    // Once more: the opening takes in what the escrow file alone knew of.
    let ids = unsent_numbers(&find_job(place, id)?.numbers);
    if ids.is_empty() {
        return Ok(report_nothing_left(id, options.json));
    }
    preflight::check_recovered(&books.recovered, preflight::RERUN_HINT)?;
    checks::require_escrow_for_random(&pins, Selection::Many, books.recipients.is_some())?;
    let graph = numbers::open_graph(profile)?;
    let runtime = simulate::build_runtime()?;
    let found = lookup::look_up(&runtime, &graph, profile, ids.into_iter());
    let numbers = found.into_numbers(profile.name.as_str())?;
    let consent = ConfirmFlags { may_replace: options.replace, confirm: options.confirm.as_deref() };
    checks::check_numbers(&pins, &numbers, Selection::Many, consent)?;
    preflight::warn_unresolved(&books.recovered, flags.quiet);
    let telling = OutputOptions { is_json: options.json, is_quiet: flags.quiet };
    let concurrency = options.concurrency.unwrap_or(profile.concurrency);
    let order = ConfirmedJob {
        profile: config.profile.name,
        resumed_job: Some(id),
        numbers,
        pins,
        graph,
        session: books,
        concurrency,
    };
    run_job::run(order, runtime, telling)
}

fn report_nothing_left(id: JobId, is_json: bool) -> u8 {
    let mut results = ResultPrinter::new(is_json, Arc::default());
    if is_json {
        results.print_summary(Some(id));
    }
    eprint_line(&format!("pindesk: nothing is left of job {id}: every number was sent. See pindesk jobs show {id}."));
    results.finish(0, "Nothing was sent.")
}

/// New random PINs for a job that drew its own; the PIN again for one that was given it.
fn pins_for_resume(job: &JobSummary, file: Option<&Path>) -> Result<PinChoice, CliError> {
    let id = job.id;
    match (job.pin_source, file) {
        (PinSource::Random, None) | (PinSource::Given, Some(_)) => pin::read_pins(file),
        (PinSource::Random, Some(_)) => {
            Err(CliError::Usage(format!("job {id} draws a random PIN for each number. Leave out --pin-file.")))
        }
        (PinSource::Given, None) => Err(CliError::Usage(format!(
            "the PIN of job {id} is stored nowhere in the clear. Give it again: --pin-file FILE, or - for standard input."
        ))),
    }
}
