//! The journal, the escrow file and the state directory that holds both, with real files and locks but made-up numbers.

mod audit;
mod bound_records;
mod cached_numbers;
mod changes;
mod checkpoints;
mod clocks;
mod damage;
mod damaged_files;
mod full_disk;
mod late_arrival;
mod number_records;
mod processes;
mod re_encryptions;
mod recovery;
mod requests;
mod state_dir;
mod syncs;
mod syslog;
mod watch;
mod write_failures;
mod writer_lock;

use std::process::{Command, Output};
use std::time::Duration;

use pindesk::domain::change::JobId;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::outcome::{ApiError, DoubtReason};
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::journal::{Intent, Journal, JournalReader, RecordError};

use crate::support::journal_fixture::{JournalFixture, child_command, job_plan};
use crate::support::skip;

fn api_error() -> ApiError {
    ApiError {
        http_status: 400,
        code: 136_025,
        subcode: Some(2_388_093),
        message: CleanText::new("the number is not registered"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: Some(CleanText::new("Atrace01")),
        is_transient: false,
    }
}

fn no_answer() -> Standing {
    Standing::in_doubt(DoubtReason::TimedOut { waited: Duration::from_secs(30) })
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Opens the journal and starts a job of these numbers.
async fn begin_job(fixture: &JournalFixture, numbers: &[u32]) -> (Journal, JobId) {
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(numbers)).await.expect("recorded");
    (journal, job)
}

/// Records an intent for the `n`th number and returns it.
async fn record_intent(fixture: &JournalFixture, journal: &Journal, job: JobId, n: u32, at: UtcTime) -> Intent {
    let intent = fixture.intent(job, n, at);
    journal.record_intent(intent.clone()).await.expect("recorded");
    intent
}

/// Opens a journal for reading beside its writer.
fn open_reader(journal: &Journal) -> JournalReader {
    journal.open_reader().expect("readable")
}

/// Why the journal refused a record because of another change.
fn busy_reason(result: Result<(), RecordError>) -> String {
    match result {
        Err(RecordError::Busy(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Why the journal records nothing more.
fn failure_reason(fixture: &JournalFixture, result: Result<(), RecordError>) -> String {
    match result {
        Err(RecordError::JournalFailed(why)) => fixture.without_temp_path(why),
        other => panic!("{other:?}"),
    }
}

/// Runs a test by its full path in its own process under strace, with these injections and filters. `None` without
/// strace.
fn run_under_strace(fixture: &JournalFixture, test: &str, filters: &[&str]) -> Option<Output> {
    let child = child_command(test, fixture.temp_path());
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-o"]).arg(fixture.temp_path().join("trace")).args(["-e", "signal=none"]);
    for filter in filters {
        match filter.strip_prefix("path=") {
            Some(path) => command.arg("-P").arg(path),
            None => command.args(["-e", filter]),
        };
    }
    command.arg(child.get_program()).args(child.get_args());
    command.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().ok();
    if output.is_none() {
        skip::missing_program("strace");
    }
    output
}
