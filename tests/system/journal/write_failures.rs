//! Failed writes: after a file of the journal was moved, deleted or replaced, or a sync failed, the journal records
//! nothing more, so that nothing more is sent.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::Arc;

use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::standing::Standing;
use pindesk::journal::{AuditEvent, JournalReader};

use super::{failure_reason, open_reader, run_under_strace};
use crate::support::child::test_path;
use crate::support::journal_fixture::{
    JournalFixture, START_TIME, assert_passed, child_command, fixture_from_parent, job_plan, number_id, outcome_record,
};

#[tokio::test]
async fn a_moved_database_fails_the_journal_for_good() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
    let first = fixture.intent(job, 1, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    fs::rename(fixture.state_file("journal.db"), fixture.temp_path().join("away")).expect("moved");
    let reason = failure_reason(&fixture, journal.record_intent(fixture.intent(job, 2, START_TIME)).await);
    let start = "the journal in ~/state has stopped recording: journal.db was moved or replaced (";
    assert!(reason.starts_with(start) && reason.ends_with(" bytes free)"), "{reason}");
    // A failed journal stays failed, even if the file is back.
    fs::rename(fixture.temp_path().join("away"), fixture.state_file("journal.db")).expect("the file is moved back");
    failure_reason(&fixture, journal.record_intent(fixture.intent(job, 2, START_TIME)).await);
    failure_reason(&fixture, journal.record_outcome(outcome_record(&first, Standing::Set, START_TIME)).await);
    failure_reason(&fixture, journal.start_job(job_plan(&[2])).await.map(drop));
    let read = Number { two_step: TwoStep::On, ..Number::from_config(number_id(1), None) };
    journal.cache_numbers("acme", vec![read]).await;
    assert_eq!(open_reader(&journal).cached_numbers("acme", None).expect("readable"), []);
}

#[tokio::test]
async fn a_moved_directory_fails_only_its_own_journal() {
    for writes_after_move in [false, true] {
        let fixture = JournalFixture::new();
        let (journal, _) = fixture.open();
        let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
        journal.record_intent(fixture.intent(job, 1, START_TIME)).await.expect("recorded");
        let away = fixture.temp_path().join("away");
        fs::rename(fixture.state_path(), &away).expect("moved");
        let (second, recovered) = fixture.open();
        assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
        second.start_job(job_plan(&[3])).await.expect("recorded");
        if writes_after_move {
            let reason = failure_reason(&fixture, journal.record_intent(fixture.intent(job, 2, START_TIME)).await);
            let start = "the journal in ~/state has stopped recording: escrow.jsonl was moved or replaced (";
            assert!(reason.starts_with(start), "{reason}");
        }
        journal.close();
        second.start_job(job_plan(&[4])).await.expect("the second journal has its own files");
        second.close();
        // The directory that was moved still has all earlier records.
        fs::remove_dir_all(fixture.state_path()).expect("removed");
        fs::rename(&away, fixture.state_path()).expect("moved back");
        let (_, recovered) = fixture.open();
        let open: Vec<_> = recovered.unresolved.iter().map(|open| (open.job, open.number)).collect();
        assert_eq!((open, recovered.findings), (vec![(Some(job), number_id(1))], vec![]));
    }
}

#[tokio::test]
async fn a_deleted_or_replaced_wal_fails_the_journal() {
    for (name, is_replaced) in
        [("journal.db-wal", false), ("journal.db-shm", false), ("journal.db-wal", true), ("journal.db-shm", true)]
    {
        let fixture = JournalFixture::new();
        let (journal, _) = fixture.open();
        let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
        fs::remove_file(fixture.state_file(name)).expect("the file is removed");
        if is_replaced {
            fs::write(fixture.state_file(name), "").expect("written");
            fs::set_permissions(fixture.state_file(name), Permissions::from_mode(0o600)).expect("the mode is set");
        }
        let reason = failure_reason(&fixture, journal.record_intent(fixture.intent(job, 1, START_TIME)).await);
        let start = format!("the journal in ~/state has stopped recording: {name} was moved or replaced (");
        assert!(reason.starts_with(&start), "{reason}");
        journal.close();
        let (journal, recovered) = fixture.open();
        let is_complete = name == "journal.db-shm" || !is_replaced;
        assert_eq!(recovered.findings.is_empty(), is_complete, "{name} {is_replaced}: {:?}", recovered.findings);
        journal.close();
    }
}

#[tokio::test]
async fn a_deleted_wal_never_overwrites_a_newer_journal() {
    let fixture = JournalFixture::new();
    let mut first = child_command(&test_path(module_path!(), "child_whose_wal_is_deleted"), fixture.temp_path());
    let mut first = first.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the process starts");
    let mut lines = BufReader::new(first.stdout.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line == "started")));
    for name in ["journal.db-wal", "journal.db-shm"] {
        fs::remove_file(fixture.state_file(name)).expect("the file is removed");
    }
    let (second, recovered) = fixture.open();
    assert_eq!(recovered.findings.len(), 1, "{:?}", recovered.findings);
    let job = second.start_job(job_plan(&[2])).await.expect("recorded");
    second.close();
    // From here on the first process continues.
    drop(first.stdin.take());
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("1 passed"))));
    assert!(first.wait().expect("the process ends").success());
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    let detail = reader.job(job).expect("readable").expect("the job exists");
    assert_eq!(detail.numbers.iter().map(|row| row.number).collect::<Vec<_>>(), [number_id(2)]);
    let problems = reader.verify_audit().expect("readable").expect_err("the rows of the first process are lost");
    let descriptions: Vec<_> = problems.iter().map(|problem| problem.description.as_str()).collect();
    assert_eq!(descriptions, [format!("at 2026-11-22T14:00:00Z pindesk found: {}", recovered.findings[0])]);
}

/// The child process of the test above.
#[tokio::test]
async fn child_whose_wal_is_deleted() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    journal.start_job(job_plan(&[1])).await.expect("recorded");
    println!("\nstarted");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("read");
    failure_reason(&fixture, journal.start_job(job_plan(&[3])).await.map(drop));
    journal.close();
}

#[tokio::test]
async fn a_closed_journal_refuses_requests() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let other = journal.clone();
    journal.close();
    assert_eq!(failure_reason(&fixture, other.start_job(job_plan(&[1])).await.map(drop)), "the journal was closed");
}

#[tokio::test]
async fn a_failed_sync_is_never_retried() {
    // pindesk syncs the escrow file by fdatasync, and SQLite syncs its files by fsync or fdatasync. After a failed sync
    // the system may report success for the next one (`when=40`).
    for when in ["40+", "40"] {
        let fixture = JournalFixture::new();
        fixture.open().0.close();
        let inject = [&format!("inject=fsync,fdatasync:error=EIO:when={when}"), "trace=fsync,fdatasync,pwrite64"];
        let Some(output) = run_under_strace(&fixture, &test_path(module_path!(), "child_whose_syncs_fail"), &inject)
        else {
            return;
        };
        assert_passed(&output);
        let calls = fs::read_to_string(fixture.temp_path().join("trace")).expect("the trace of strace");
        let (_, after) = calls.split_once("EIO").expect("one sync failed");
        assert!(!after.contains("/journal.db>"), "{when}: the WAL was written into the database: {after}");
    }
}

/// The child process of the test above.
#[tokio::test]
async fn child_whose_syncs_fail() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    let mut last = None;
    for n in 0..100 {
        let intent = fixture.intent(job, n, START_TIME);
        if let Err(error) = journal.record_intent(intent.clone()).await {
            let reason = failure_reason(&fixture, Err(error));
            assert!(reason.starts_with("the journal in ~/state has stopped recording: "), "{reason}");
            break;
        }
        last = Some(intent);
    }
    let last = last.expect("some intents were recorded");
    failure_reason(&fixture, journal.record_outcome(outcome_record(&last, Standing::Set, START_TIME)).await);
    failure_reason(&fixture, journal.record_intent(fixture.intent(job, 200, START_TIME)).await);
    // A failed journal does not delay a caller that caches page after page.
    journal.cache_numbers("acme", Vec::new()).await;
    journal.close();
}

#[tokio::test]
async fn a_failed_sync_of_cached_numbers_fails_the_journal() {
    let fixture = JournalFixture::new();
    let test = test_path(module_path!(), "child_caching_numbers");
    let Some(output) = run_under_strace(&fixture, &test, &["trace=fsync,fdatasync,write"]) else { return };
    assert!(String::from_utf8_lossy(&output.stdout).contains("recorded after it: true"));
    let trace = fs::read_to_string(fixture.temp_path().join("trace")).expect("the trace of strace");
    let before = trace.split("begin\\n").next().expect("the mark");
    // strace counts the calls of each thread, and the journal thread makes most of them.
    let mut syncs = HashMap::new();
    for line in before.lines().filter(|line| line.contains("sync(")) {
        *syncs.entry(line.split(' ').next()).or_insert(0) += 1;
    }
    let nth = syncs.values().max().expect("a sync") + 1;
    let injection = format!("inject=fsync,fdatasync:error=EIO:when={nth}");
    let other = JournalFixture::new();
    let failed = run_under_strace(&other, &test, &["trace=fsync,fdatasync", &injection]).expect("strace exists");
    let stdout = String::from_utf8_lossy(&failed.stdout);
    assert!(stdout.contains("recorded after it: false"), "{nth}: {stdout}");
}

/// The child process of the test above.
#[tokio::test]
async fn child_caching_numbers() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    for _ in 0..40 {
        journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    }
    println!("\nbegin");
    let (id, details) = (number_id(1), Arc::default());
    let number = Number {
        id,
        waba: None,
        display_number: None,
        name: None,
        two_step: TwoStep::On,
        details,
        read_at: Some(START_TIME),
    };
    journal.cache_numbers("acme", vec![number]).await;
    println!("\nrecorded after it: {}", journal.record_event(AuditEvent::ScreenShown).await.is_ok());
}

#[tokio::test]
async fn a_failed_checkpoint_sync_fails_the_journal() {
    let fixture = JournalFixture::new();
    fixture.open().0.close();
    let path = format!("path={}", fixture.state_file("journal.db").display());
    let inject = ["inject=fsync,fdatasync:error=EIO:when=1", "trace=fsync,fdatasync", &path];
    let Some(output) = run_under_strace(&fixture, &test_path(module_path!(), "child_recording_many_events"), &inject)
    else {
        return;
    };
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("the journal in ") && stdout.contains(" has stopped recording: "), "{stdout}");
    // No record was lost.
    let (journal, recovered) = fixture.open();
    assert_eq!(recovered.findings, []);
    journal.close();
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    assert!(reader.verify_audit().expect("readable").is_ok());
}

/// The child process of the test above.
#[tokio::test]
async fn child_recording_many_events() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    for _ in 0..600 {
        if let Err(error) = journal.record_event(AuditEvent::ScreenHidden).await {
            println!("{error}");
        }
    }
    journal.close();
}
