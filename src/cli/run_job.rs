//! Runs a confirmed job with the same actor as the console: prints a result for each number, then the summary.
//!
//! The work runs on a thread of its own, so a reader that stops reading stops the printing, and neither the work nor its
//! records. This module does not decide what may be sent.

use std::collections::HashSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::cli::confirm;
use crate::cli::early_shutdown::EarlyShutdown;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::job::ResultPrinter;
use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::eprint_line;
use crate::cli::output::table;
use crate::cli::output::tally::Tally;
use crate::cli::progress_line::ProgressLine;
use crate::cli::records::JournalSession;
use crate::cli::rerun::RerunOptions;
use crate::cli::rest_question;
use crate::cli::shutdown::ShutdownHandler;
use crate::domain::change::{JobId, Progress};
use crate::domain::clock::Clock;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::PinChoice;
use crate::domain::pin_plan::{PinPlan, Targets};
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::jobs::{JobOptions, JobsHandle, Recorder, UnknownRefusals};
use crate::journal::RecordError;
use crate::pace::Pace;

/// How a job starts.
pub(crate) enum StartMode {
    New(JobOptions),
    Resume(JobId),
}

/// A job that was checked and confirmed, and everything that runs it.
pub(crate) struct ConfirmedJob {
    /// The name of the profile.
    pub(crate) profile: CleanText,
    pub(crate) start: StartMode,
    pub(crate) plan: PinPlan,
    pub(crate) graph: Graph,
    pub(crate) pace: Pace,
    pub(crate) session: JournalSession,
    pub(crate) concurrency: usize,
    /// For the commands that messages name.
    pub(crate) rerun: RerunOptions,
    /// Whether the operator can be asked while the job runs.
    pub(crate) can_ask: bool,
    /// What listens for signals until the job does.
    pub(crate) early: EarlyShutdown,
}

/// What the work reports.
enum JobEvent {
    Progress(Progress),
    Question(UnknownRefusals),
}

/// Records the job, sends the PINs, and returns the exit code when every number has a result.
pub(crate) fn run(confirmed: ConfirmedJob, runtime: Runtime, options: OutputOptions) -> Result<ExitCode, CliError> {
    let ConfirmedJob { profile, start, plan, graph, pace, session, concurrency, rerun, can_ask, early } = confirmed;
    let JournalSession { journal, report, recipients, suspend_handler, .. } = session;
    let escrow_hint = escrow_hint(&plan, recipients.is_some(), &rerun);
    let mut results = ResultPrinter::new(options, plan.targets.shared(), rerun.clone());
    let handle = runtime.handle().clone();
    let (jobs, mut progress) = {
        let _guard = runtime.enter();
        let recorder = Recorder { journal: journal.clone(), recipients, profile };
        JobsHandle::start(Some(graph), recorder, report.unresolved, concurrency, pace, Clock::System)
    };
    // The actor reports what an earlier run left in doubt before it does anything else.
    while progress.try_recv().is_ok() {}
    let mut line = ProgressLine::new(plan.targets.len(), options, Instant::now());
    let shutdown = ShutdownHandler::listen(jobs.clone(), line.in_flight(), rerun, options.is_quiet)
        .map_err(|error| CliError::machine("cannot watch for signals", &error).nothing_sent())?;
    early.end();
    suspend_handler.watch(jobs.clone());
    let questions = if can_ask { jobs.ask_about_refusals() } else { unbounded_channel().1 };
    let events = spawn_worker(runtime, progress, questions)?;
    // Each number ends once: this command resolves nothing and resends nothing.
    let mut pending = plan.targets.len();
    let mut pause = JobPause::new(&plan.targets, &start);
    let job = match handle.block_on(start_job(&jobs, start, plan)) {
        Ok(job) => job,
        Err(error) => {
            journal.close();
            return Err(CliError::not_ready(error.to_string()).nothing_sent());
        }
    };
    shutdown.set_job(job);
    while let Some(progress) = next_progress(&events, &mut line, &jobs) {
        let has_ended = results.handle_progress(&progress);
        line.record(&progress, has_ended, Instant::now());
        pending -= usize::from(has_ended);
        if pending == 0 {
            break;
        }
        if has_ended && pause.starts_after(progress.number) && shutdown.exit_code().is_none() {
            pause_job(&jobs, job, &results.tally, pending, can_ask);
        }
    }
    let journal_failure = jobs.journal_failure().borrow().clone();
    results.print_summary(job);
    if let Some(reason) = &journal_failure {
        eprint_line(&format!("pindesk: {reason}"));
    }
    if !options.is_quiet {
        results.print_advice(job);
        escrow_hint.iter().filter(|_| results.tally.may_have_set()).for_each(|hint| eprint_line(hint));
    }
    let code = results.tally.exit_code(shutdown.exit_code(), journal_failure.is_some());
    let show = results.rerun.command(&format!("jobs show {job}"));
    let code = results.finish(code, &format!("The journal has all of them: {show}"));
    journal.close();
    if pending == 0 { Ok(code) } else { Err(lost_numbers_error(pending, &show)) }
}

async fn start_job(jobs: &JobsHandle, start: StartMode, plan: PinPlan) -> Result<JobId, RecordError> {
    match start {
        StartMode::Resume(job) => jobs.resume_job(job, plan).await,
        StartMode::New(options) => jobs.start_job_with(plan, options).await,
    }
}

/// Where the PINs are when the job is done, if an operator must know it.
fn escrow_hint(plan: &PinPlan, has_escrow: bool, rerun: &RerunOptions) -> Option<String> {
    match &plan.pins {
        PinChoice::Fixed(_) if has_escrow => None,
        PinChoice::Fixed(_) => {
            Some("pindesk: no escrow recipients are configured: only you have this PIN. Keep it.".to_owned())
        }
        PinChoice::Drawn(_) | PinChoice::Random => {
            let pins = if plan.targets.len() == 1 { "PIN is" } else { "PINs are" };
            Some(format!("pindesk: the {pins} in the escrow: {}", rerun.command("escrow open --identity FILE")))
        }
    }
}

/// The numbers whose results come before the pause of a job.
struct JobPause(HashSet<PhoneNumberId>);

impl JobPause {
    fn new(targets: &[Number], start: &StartMode) -> Self {
        let first = match start {
            StartMode::New(JobOptions { send_first: Some(first), .. }) if *first < targets.len() => *first,
            StartMode::New(_) | StartMode::Resume(_) => 0,
        };
        Self(targets.iter().take(first).map(|target| target.id).collect())
    }

    /// True if this is the last result before the pause. The numbers that are still pending then are held back: if a
    /// failure cancels those, too, they end before it.
    fn starts_after(&mut self, number: PhoneNumberId) -> bool {
        self.0.remove(&number) && self.0.is_empty()
    }
}

/// Asks whether the numbers that are held back are sent. Without an answer they end as not sent, so that the job can be
/// resumed. The question waits on a thread of its own: a signal ends the command all the same.
fn pause_job(jobs: &JobsHandle, job: JobId, tally: &Tally, held: usize, can_ask: bool) {
    let question = format!(
        "So far: {}.\nSend the other {held}? Type yes to send them, or press Enter to leave them: ",
        tally.outcomes_text()
    );
    let asked = jobs.clone();
    let ask = move || match confirm::ask(&question) {
        Ok(answer) if answer.eq_ignore_ascii_case("yes") => asked.send_held(job),
        Ok(_) | Err(_) => asked.leave_held(job),
    };
    if !can_ask || thread::Builder::new().name("question".to_owned()).spawn(ask).is_err() {
        jobs.leave_held(job);
    }
}

/// The numbers of a plan. A command that has none ends before.
pub(crate) fn require_targets(numbers: Vec<Number>) -> Result<Targets, CliError> {
    Targets::new(numbers).ok_or_else(|| CliError::usage("there are no numbers to set").nothing_sent())
}

/// Runs the work on a thread of its own, which ends with the process. Returns what it reports: a question comes after the
/// progress before it.
fn spawn_worker(
    runtime: Runtime,
    mut progress: UnboundedReceiver<Progress>,
    mut questions: UnboundedReceiver<UnknownRefusals>,
) -> Result<mpsc::Receiver<JobEvent>, CliError> {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::Builder::new().name("work".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                let event = tokio::select! {
                    biased;
                    progress = progress.recv() => match progress {
                        Some(progress) => JobEvent::Progress(progress),
                        None => break,
                    },
                    Some(question) = questions.recv() => JobEvent::Question(question),
                };
                // The receiver is dropped when every number has a result.
                sender.send(event).ok();
            }
        });
    });
    match worker {
        Ok(_) => Ok(receiver),
        Err(error) => Err(CliError::machine("cannot start a thread", &error).nothing_sent()),
    }
}

/// The next progress; `None` after the last one. While it waits, it prints how far the job is, and asks what the work asks.
fn next_progress(events: &mpsc::Receiver<JobEvent>, line: &mut ProgressLine, jobs: &JobsHandle) -> Option<Progress> {
    loop {
        let received = match line.due_in(Instant::now()) {
            Some(time) => events.recv_timeout(time),
            None => events.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(JobEvent::Progress(progress)) => return Some(progress),
            Ok(JobEvent::Question(question)) => {
                line.pause_for_question();
                rest_question::ask(question, jobs);
            }
            Err(RecvTimeoutError::Timeout) => {
                line.take_line(Instant::now()).iter().for_each(|text| eprint_line(&format!("pindesk: {text}")));
            }
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// The actor ended without a result for these.
fn lost_numbers_error(count: usize, show: &str) -> CliError {
    let numbers = table::numbers_label(count);
    CliError::new(ExitCode::Bug, format!("the work ended by a bug before {numbers} had a result; they are in doubt"))
        .remedy(format!("See {show}."))
}
