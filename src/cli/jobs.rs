//! `pindesk jobs`: what was set, job by job, and sending what is left of one.
//!
//! A job is what somebody confirmed in one go. What is left of it is what was never sent; what failed or is in doubt is
//! never sent again from here, for somebody has to look at it first.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::checks::{self, Amount, Consent};
use super::results::{Request, ResultRecord, Results, SCHEMA, Tally};
use super::sending::{self, Order, Telling};
use super::{Failure, Global, closed_pipe, complain, desk, lookup, need_config, numbers, paint, pin, simulate, values};
use crate::catalogue::Explanation;
use crate::config::{self, Env, Overrides};
use crate::job::JobId;
use crate::journal::{JobDetail, JobNumber, JobProgress, JobSummary, NumberState, PinSource};
use crate::number::PhoneNumberId;
use crate::outcome::Outcome;
use crate::pin::PinChoice;
use crate::text::CleanText;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Every job, the newest first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One job, number by number
    Show {
        /// The number of the job
        #[arg(value_name = "JOB", value_parser = values::whole(1_u32))]
        job: u32,
        /// One JSON object a line, and a summary
        #[arg(long)]
        json: bool,
    },
    /// Send what was never sent of a job
    Resume(ResumeOptions),
}

#[derive(Debug, Args)]
pub(super) struct ResumeOptions {
    /// The number of the job
    #[arg(value_name = "JOB", value_parser = values::whole(1_u32))]
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
    #[arg(long, value_name = "N", value_parser = values::concurrency)]
    concurrency: Option<usize>,
    /// One JSON object a line, and a summary
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command, overrides: &Overrides, env: &Env, flags: &Global) -> Result<u8, Failure> {
    let place = config::resolve_state_dir(overrides, env)?;
    match command {
        Command::List { json } => list(&place, *json),
        Command::Show { job, json } => show(&place, JobId::new(*job), *json),
        Command::Resume(options) => resume(options, &place, overrides, env, flags),
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

fn list(place: &Path, is_json: bool) -> Result<u8, Failure> {
    let jobs = desk::reader(place)?.jobs().map_err(|error| Failure::not_ready(&error))?;
    let mut out = io::stdout().lock();
    if is_json {
        let printed = jobs.iter().try_for_each(|job| {
            serde_json::to_writer(&mut out, &record(job, "job"))?;
            writeln!(out)
        });
        return closed_pipe(printed, 0);
    }
    let mut rows = vec![row(["JOB", "CONFIRMED AT", "STATE", "TOTAL", "SET", "FAILED", "NOT SENT", "NO ANSWER"])];
    for job in &jobs {
        let JobRecord { at, state, total, set, failed, not_sent, no_answer, settled, .. } = record(job, "job");
        let counts = [total, set, failed, not_sent].map(|count| count.to_string());
        let [total, set, failed, not_sent] = counts.each_ref().map(String::as_str);
        let no_answer = if settled > 0 { format!("{no_answer} ({settled} settled)") } else { no_answer.to_string() };
        rows.push(row([&job.id.to_string(), &at, &state.replace('_', " "), total, set, failed, not_sent, &no_answer]));
    }
    closed_pipe(writeln!(out, "{}", rows.join("\n")), 0)
}

fn row([job, at, state, total, set, failed, not_sent, no_answer]: [&str; 8]) -> String {
    let cells = [(job, 5), (at, 20), (state, 9), (total, 6), (set, 6), (failed, 6), (not_sent, 8)];
    paint::row(&cells, no_answer)
}

fn record<'a>(job: &'a JobSummary, event: &'static str) -> JobRecord<'a> {
    let tally = tally(job);
    JobRecord {
        schema: SCHEMA,
        event,
        job: job.id.get(),
        at: job.at.to_rfc3339(),
        profile: job.profile.as_str(),
        pins: match job.pins {
            PinSource::Given => "given",
            PinSource::Random => "random",
        },
        state: match job.state {
            JobProgress::Running => "running",
            JobProgress::Finished => "finished",
            JobProgress::CutShort => "cut_short",
        },
        total: tally.total(),
        set: tally.set,
        failed: tally.failed,
        not_sent: tally.not_sent,
        no_answer: tally.no_answer,
        settled: job.count(NumberState::Settled),
        open: job.count(NumberState::NeverStarted) + job.count(NumberState::Running),
    }
}

fn tally(job: &JobSummary) -> Tally {
    let mut tally = Tally::default();
    for (state, count) in &job.counts {
        tally.add(request(*state).0, *count);
    }
    tally
}

fn find(place: &Path, id: JobId) -> Result<JobDetail, Failure> {
    let found = desk::reader(place)?.job(id).map_err(|error| Failure::not_ready(&error))?;
    found.ok_or_else(|| Failure::Usage(format!("there is no job {id} here. See pindesk jobs list.")))
}

/// What a number came to, as the end of a job counts it, and in words.
pub(super) fn request(state: NumberState) -> (Request, &'static str) {
    match state {
        NumberState::NeverStarted => (Request::NotSent, "never started"),
        NumberState::Running => (Request::NoAnswer, "on its way"),
        NumberState::Set => (Request::Set, "set"),
        NumberState::Failed => (Request::Failed, "failed"),
        NumberState::NotSent => (Request::NotSent, "not sent"),
        NumberState::NoAnswer => (Request::NoAnswer, "no answer"),
        NumberState::Settled => (Request::NoAnswer, "settled"),
    }
}

fn show(place: &Path, id: JobId, is_json: bool) -> Result<u8, Failure> {
    let job = find(place, id)?;
    let mut out = io::stdout().lock();
    let printed = job.numbers.iter().try_for_each(|number| {
        let (request, words) = request(number.state);
        if is_json {
            return print_result(&mut out, number, request, words);
        }
        let reason = number.reason.as_ref().map_or("", CleanText::as_str);
        writeln!(out, "{}", paint::row(&[(words, 13), (number.number.as_str(), 18)], reason))
    });
    closed_pipe(printed.and_then(|()| print_sum(&mut out, &job.summary, is_json)), 0)
}

fn print_sum(out: &mut impl io::Write, job: &JobSummary, is_json: bool) -> io::Result<()> {
    if is_json {
        serde_json::to_writer(&mut *out, &record(job, "summary"))?;
        return writeln!(out);
    }
    let tally = tally(job);
    writeln!(out, "{}", tally.words(job.id))?;
    if job.state == JobProgress::Running {
        return writeln!(out, "The process that works on it still runs: more may be sent and answered.");
    }
    tally.how_to_resume(job.id).iter().try_for_each(|how| writeln!(out, "{how}"))
}

fn print_result(out: &mut impl io::Write, number: &JobNumber, request: Request, words: &str) -> io::Result<()> {
    let told = number.outcome.as_ref().and_then(|outcome| match outcome {
        Outcome::Confirmed => None,
        Outcome::Refused(fault) => Some(Explanation::for_refusal(fault)),
        Outcome::NotSent(why) => Some(Explanation::for_not_sent(why)),
        Outcome::InDoubt(doubt) => Some(Explanation::for_doubt(doubt)),
    });
    let is_open = number.state == NumberState::NoAnswer;
    let record = ResultRecord {
        code: number.reply.code,
        subcode: number.reply.subcode,
        http_status: number.reply.http_status,
        trace_id: number.reply.trace_id.as_ref().map(CleanText::as_str),
        tries: number.tries,
        change: number.change.map(|change| change.to_string()),
        advice: told.as_ref().filter(|_| is_open || request == Request::Failed).map_or(&[], |told| told.advice),
        ..ResultRecord::new(&number.number, request, told.as_ref().map_or(words, |told| &told.reason))
    };
    serde_json::to_writer(&mut *out, &record)?;
    writeln!(out)
}

/// The numbers of a job that were never sent.
fn left(numbers: &[JobNumber]) -> Vec<PhoneNumberId> {
    numbers.iter().filter(|number| number.is_left()).map(|number| number.number).collect()
}

fn resume(
    options: &ResumeOptions,
    place: &Path,
    overrides: &Overrides,
    env: &Env,
    flags: &Global,
) -> Result<u8, Failure> {
    let id = JobId::new(options.job);
    let JobDetail { summary: job, numbers } = find(place, id)?;
    if job.state == JobProgress::Running {
        return Err(Failure::NotReady(format!("job {id} is at work in another process. Nothing was sent.")));
    }
    if left(&numbers).is_empty() {
        return Ok(nothing_left(id, options.json));
    }
    // What became of each number is not needed while the rest is sent.
    drop(numbers);
    let pins = pins(&job, options.pin_file.as_deref())?;
    let config = need_config(overrides, env)?;
    let profile = &config.profile;
    if job.profile != profile.name {
        let why = format!("job {id} is of the profile {0}. Nothing was sent. Add: --profile {0}", job.profile);
        return Err(Failure::Usage(why));
    }
    checks::permission(profile, flags)?;
    let books = desk::open(place, &config.escrow, true)?;
    // Once more: the opening takes in what the escrow file alone knew of.
    let ids = left(&find(place, id)?.numbers);
    if ids.is_empty() {
        return Ok(nothing_left(id, options.json));
    }
    desk::check(&books.recovered, desk::RUN_AGAIN)?;
    checks::sealing(&pins, Amount::Many, books.recipients.is_some())?;
    let graph = numbers::open(profile)?;
    let runtime = simulate::runtime()?;
    let found = lookup::look_up(&runtime, &graph, profile, ids.into_iter());
    let numbers = found.take(profile.name.as_str())?;
    let consent = Consent { may_replace: options.replace, confirm: options.confirm.as_deref() };
    checks::numbers(&pins, &numbers, Amount::Many, consent)?;
    desk::tell_unresolved(&books.recovered, flags.quiet);
    let telling = Telling { is_json: options.json, is_quiet: flags.quiet };
    let concurrency = options.concurrency.unwrap_or(profile.concurrency);
    let order = Order { profile: config.profile.name, job: Some(id), numbers, pins, graph, books, concurrency };
    sending::carry_out(order, runtime, telling)
}

fn nothing_left(id: JobId, is_json: bool) -> u8 {
    let mut results = Results::new(is_json, Arc::default());
    if is_json {
        results.sum_up(Some(id));
    }
    complain(&format!("pindesk: nothing is left of job {id}: every number was sent. See pindesk jobs show {id}."));
    results.end(0, "Nothing was sent.")
}

/// New random PINs for a job that drew its own; the PIN again for one that was given it.
fn pins(job: &JobSummary, file: Option<&Path>) -> Result<PinChoice, Failure> {
    let id = job.id;
    match (job.pins, file) {
        (PinSource::Random, None) | (PinSource::Given, Some(_)) => pin::pins(file),
        (PinSource::Random, Some(_)) => {
            Err(Failure::Usage(format!("job {id} draws a random PIN for each number. Leave out --pin-file.")))
        }
        (PinSource::Given, None) => Err(Failure::Usage(format!(
            "the PIN of job {id} is stored nowhere in the clear. Give it again: --pin-file FILE, or - for standard input."
        ))),
    }
}
