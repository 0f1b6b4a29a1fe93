//! Carries out what was checked and confirmed: the same actor as the console's, one result per number as it comes to
//! rest, and the sum.
//!
//! The work runs on a thread of its own: whoever does not read what is printed stops the printing, and neither the
//! work nor its records. It decides nothing about what may be sent.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::cli::output::job::ResultPrinter;
use crate::cli::output::table;
use crate::cli::preflight::JournalSession;
use crate::cli::shutdown::ShutdownHandler;
use crate::cli::{CliError, eprint_line};
use crate::domain::change::{JobId, Progress};
use crate::domain::clock::Clock;
use crate::domain::number::Number;
use crate::domain::pin::PinChoice;
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::jobs::{JobsHandle, Recorder};
use crate::journal::{JobPlan, PinSource, RecordError};

/// What was checked and confirmed, with everything that carries it out.
pub(crate) struct ConfirmedJob {
    /// The profile's name.
    pub(crate) profile: CleanText,
    /// The job that is taken up again, or `None` for a new one.
    pub(crate) resumed_job: Option<JobId>,
    pub(crate) numbers: Vec<Number>,
    pub(crate) pins: PinChoice,
    pub(crate) graph: Graph,
    pub(crate) session: JournalSession,
    pub(crate) concurrency: usize,
}

/// How results are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputOptions {
    pub(crate) is_json: bool,
    pub(crate) is_quiet: bool,
}

/// Records the job, sends the PINs, and returns the exit code when all are at rest.
pub(crate) fn run(order: ConfirmedJob, runtime: Runtime, telling: OutputOptions) -> Result<u8, CliError> {
    let ConfirmedJob { profile, resumed_job: job, numbers, pins, graph, session: books, concurrency } = order;
    let JournalSession { journal, recovered, recipients, suspend_handler: stops } = books;
    let job = match job {
        Some(job) => {
            let ids = numbers.iter().map(|number| number.id).collect();
            runtime.block_on(journal.resume_job(job, ids)).map(|()| job)
        }
        None => runtime.block_on(journal.start_job(build_plan(profile, &pins, &numbers))),
    };
    let job = job.map_err(|why| refused_error(&why))?;
    let numbers = Arc::new(numbers);
    let mut results = ResultPrinter::new(telling.is_json, Arc::clone(&numbers));
    let where_pins_are = match (&pins, &recipients) {
        (PinChoice::Fixed(_), Some(_)) => None,
        (PinChoice::Fixed(_), None) => {
            Some("pindesk: no escrow recipients are configured: only you have this PIN. Keep it.")
        }
        (PinChoice::Random, _) => Some("pindesk: the PINs are in the escrow: pindesk escrow open --identity FILE"),
    };
    let (batch, mut progress) = {
        let _guard = runtime.enter();
        let records = Recorder { journal: journal.clone(), recipients };
        JobsHandle::start(Some(graph), records, recovered.unresolved, concurrency, Clock::System)
    };
    // What is left of before was told before the batch did anything else.
    while progress.try_recv().is_ok() {}
    let ending = ShutdownHandler::listen(batch.clone(), job)
        .map_err(|source| CliError::System { context: "cannot watch for signals, so nothing was sent", source })?;
    stops.watch(batch.clone());
    // Each comes to rest once: nothing is settled or sent again here.
    let mut pending = numbers.len();
    batch.set_pin_of_each(job, numbers, pins);
    // Who was told to end before this had nothing to stop.
    if ending.exit_code().is_some() {
        batch.stop();
    }
    for progress in spawn_worker(runtime, progress)? {
        pending -= usize::from(results.handle_progress(&progress));
        if pending == 0 {
            break;
        }
    }
    let death = batch.journal_failure().borrow().clone();
    results.print_summary(Some(job));
    if let Some(why) = &death {
        eprint_line(&format!("pindesk: {why}"));
    }
    if !telling.is_quiet {
        results.print_advice(job);
        where_pins_are.into_iter().filter(|_| results.tally.was_sent()).for_each(eprint_line);
    }
    let code = results.tally.exit_code(ending.exit_code(), death.is_some());
    let code = results.finish(code, &format!("All of them are recorded: pindesk jobs show {job}"));
    journal.close();
    if pending == 0 { Ok(code) } else { Err(lost_numbers_error(pending)) }
}

/// Runs the work on a thread of its own, which ends with the process, and gives its news.
fn spawn_worker(
    runtime: Runtime,
    mut progress: UnboundedReceiver<Progress>,
) -> Result<impl IntoIterator<Item = Progress>, CliError> {
    let (tell, news) = mpsc::channel();
    let work = thread::Builder::new().name("work".to_owned()).spawn(move || {
        runtime.block_on(async {
            while let Some(progress) = progress.recv().await {
                // Nobody listens any more when every number is at rest.
                tell.send(progress).ok();
            }
        });
    });
    match work {
        Ok(_) => Ok(news),
        Err(source) => Err(CliError::System { context: "cannot start a thread, so nothing was sent", source }),
    }
}

fn build_plan(profile: CleanText, pins: &PinChoice, numbers: &[Number]) -> JobPlan {
    let source = match pins {
        PinChoice::Fixed(_) => PinSource::Given,
        PinChoice::Random => PinSource::Random,
    };
    JobPlan {
        profile,
        pin_source: source,
        numbers: numbers.iter().map(|number| (number.id, number.waba_id())).collect(),
    }
}

fn refused_error(refused: &RecordError) -> CliError {
    CliError::NotReady(format!("{refused}. Nothing was sent."))
}

/// The actor ended without a word on these.
fn lost_numbers_error(count: usize) -> CliError {
    let what = "the work ended by a bug; what it left open is in doubt. See pindesk jobs list";
    CliError::System { context: what, source: io::Error::other(table::pluralize(count, "number")) }
}
