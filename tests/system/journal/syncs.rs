//! The system calls of the journal, seen by strace: what is synced before a record counts, and how records share a
//! sync.

use std::io::{self, Write as _};

use futures_util::future::join_all;
use pindesk::domain::change::ChangeId;
use pindesk::domain::standing::Standing;
use pindesk::journal::{AuditEvent, Journal, JournalOptions};

use super::run_under_strace;
use crate::support::child::test_path;
use crate::support::journal_fixture::{
    JournalFixture, START_TIME, assert_passed, fixture_from_parent, job_plan, number_id, outcome_record,
};

/// The system calls of a child process while it records. `None` without strace.
fn trace_system_calls(fixture: &JournalFixture, test: &str, calls: &str) -> Option<String> {
    let output = run_under_strace(fixture, &test_path(module_path!(), test), &[&format!("trace={calls},write")])?;
    assert_passed(&output);
    let trace = std::fs::read_to_string(fixture.temp_path().join("trace")).expect("the trace of strace");
    let recording = trace.split("\"begin\\n\"").nth(1).and_then(|rest| rest.split("\"end\\n\"").next());
    Some(recording.expect("both marks are in the trace").to_owned())
}

/// How often a child process syncs while it records.
fn count_syncs(fixture: &JournalFixture, test: &str) -> Option<usize> {
    trace_system_calls(fixture, test, "fsync,fdatasync").map(|calls| calls.matches("sync(").count())
}

#[test]
fn every_record_is_synced_in_both_files() {
    let (fixture, other) = (JournalFixture::new(), JournalFixture::new());
    let Some(syncs) = count_syncs(&fixture, "child_recording_with_syncs") else { return };
    // Two for each intent, and one for each outcome.
    assert!(syncs >= 9, "{syncs}");
    assert_eq!(count_syncs(&other, "child_recording_without_syncs"), Some(0));
}

async fn record_changes(sync_writes: bool) {
    let Some(fixture) = fixture_from_parent() else { return };
    let options = JournalOptions { sync_writes, ..fixture.open_options() };
    let (journal, _) = Journal::open(options).expect("a good journal");
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    writeln!(io::stdout(), "begin").expect("printed");
    for n in 0..3 {
        let intent = fixture.intent(job, n, START_TIME);
        journal.record_intent(intent.clone()).await.expect("recorded");
        journal.record_outcome(outcome_record(&intent, Standing::Set, START_TIME)).await.expect("recorded");
    }
    writeln!(io::stdout(), "end").expect("printed");
}

/// The child process of the test above.
#[tokio::test]
async fn child_recording_with_syncs() {
    record_changes(true).await;
}

/// The child process of the test above.
#[tokio::test]
async fn child_recording_without_syncs() {
    record_changes(false).await;
}

#[test]
fn decryptions_recorded_together_need_one_sync() {
    let Some(syncs) = count_syncs(&JournalFixture::new(), "child_recording_many_decryptions") else { return };
    assert!((1..=2).contains(&syncs), "{syncs}");
}

/// The child process of the test above.
#[tokio::test]
async fn child_recording_many_decryptions() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    writeln!(io::stdout(), "begin").expect("printed");
    let event = |n| AuditEvent::PinDecrypted { change: ChangeId::new(), number: number_id(n), waba: None };
    journal.record_events((0..50).map(event).collect()).await.expect("recorded");
    writeln!(io::stdout(), "end").expect("printed");
}

#[test]
fn opening_syncs_new_files_and_their_names() {
    let Some(calls) =
        trace_system_calls(&JournalFixture::new(), "child_opening_a_journal", "openat,fsync,fdatasync,pwrite64")
    else {
        return;
    };
    let position_from_end =
        |matches: &dyn Fn(&str) -> bool| calls.lines().rev().position(matches).unwrap_or_else(|| panic!("{calls}"));
    let calls_on =
        |name: &'static str, call: &'static str| move |line: &str| line.contains(call) && line.contains(name);
    let created = position_from_end(&|line| line.contains("O_CREAT") && line.contains("/state"));
    assert!(
        position_from_end(&calls_on("/state>", "fsync(")) < created,
        "the directory is not synced after its files: {calls}"
    );
    assert!(
        position_from_end(&calls_on("/audit.head>", "fdatasync("))
            < position_from_end(&calls_on("/audit.head>", "pwrite64(")),
        "audit.head is not synced after its last write: {calls}"
    );
}

/// The child process of the test above.
#[test]
fn child_opening_a_journal() {
    let Some(fixture) = fixture_from_parent() else { return };
    writeln!(io::stdout(), "begin").expect("printed");
    let (journal, _) = fixture.open();
    writeln!(io::stdout(), "end").expect("printed");
    journal.close();
}

#[test]
fn waiting_records_are_written_in_groups_of_256() {
    let Some(calls) = trace_system_calls(&JournalFixture::new(), "child_with_many_waiting_records", "pwrite64") else {
        return;
    };
    // Each group writes the number of its last audit row, in twenty digits.
    let last_rows = calls.lines().filter_map(|line| line.split_once("\"00000000")?.1.split(' ').next()?.parse().ok());
    assert_eq!(last_rows.collect::<Vec<u32>>(), [256, 300], "{calls}");
}

/// The child process of the test above.
#[tokio::test]
async fn child_with_many_waiting_records() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    let paused = journal.pause();
    let resume = async {
        writeln!(io::stdout(), "begin").expect("printed");
        drop(paused);
    };
    let (results, ()) =
        tokio::join!(join_all((0..300).map(|_| journal.record_event(AuditEvent::ScreenHidden))), resume);
    assert!(results.iter().all(Result::is_ok));
    writeln!(io::stdout(), "end").expect("printed");
}
