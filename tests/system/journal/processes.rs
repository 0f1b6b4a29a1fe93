//! Several processes with one state directory: no process gets a lock error or works on a number of another process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use pindesk::domain::change::Resolution;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::standing::{DoubtCause, Standing};
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobStatus, JobSummary, JournalReader, RecordError};

use super::open_reader;
use crate::support::child::test_path;
use crate::support::journal_fixture::{
    JournalFixture, START_TIME, child_command, fixture_from_parent, job_plan, number_id, outcome_record,
};
use crate::support::tampering::rewrite_as_unbound;

/// Starts a process that records an intent for number 1, and waits until it did.
fn spawn_other_process(fixture: &JournalFixture) -> Child {
    let mut child = child_command(&test_path(module_path!(), "child_working_on_a_number"), fixture.temp_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the process starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let is_working = lines.any(|line| line.expect("readable").contains("at work"));
    assert!(is_working, "the process ended too early");
    child
}

/// The child process of the tests below. It runs until it is killed.
#[tokio::test]
async fn child_working_on_a_number() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.record_intent(fixture.intent(job, 1, START_TIME)).await.expect("recorded");
    println!("at work");
    std::io::stdin().lines().for_each(drop);
}

#[tokio::test]
async fn a_running_process_keeps_its_number_busy() {
    let mut fixture = JournalFixture::new();
    fixture.recipients = None;
    let mut other = spawn_other_process(&fixture);
    let pid = other.id();
    // Much later: time alone never frees a number of a running process.
    fixture.now = UtcTime::from_unix_seconds(START_TIME.unix_seconds() + 9_000);
    let (journal, recovered) = fixture.open();
    assert_eq!(recovered.unresolved, []);
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    // The other process was the first one with recipients.
    journal.accept_recipients().await.expect("recorded");
    let rows = fixture.open_database();
    let others_change: String =
        rows.query_row("SELECT change FROM changes", [], |row| row.get(0)).expect("the other change");
    let others_change = vec![others_change.parse().expect("a change ID")];
    let busy = format!("another pindesk is working on this number: process {pid} on desk-1, uid 1000 (ana)");
    let refused = journal.record_intent(fixture.intent(job, 1, fixture.now)).await;
    assert_eq!(refused.map_err(|refused| refused.to_string()), Err(busy));
    journal.resolve(number_id(1), others_change, Resolution::Manual, None).await.expect("recorded");
    let states = JournalReader::open(&fixture.state_dir()).expect("a journal").jobs().expect("readable");
    assert_eq!(states[1].status, JobStatus::Running);

    other.kill().expect("killed");
    other.wait().expect("the process ends");
    journal.record_intent(fixture.intent(job, 1, fixture.now)).await.expect("the time for a late arrival is over");
    let (second, recovered) = fixture.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!(
        (open.number, &open.doubt, open.last_send),
        (number_id(1), &DoubtCause::ProcessEnded.into(), START_TIME.plus(Duration::from_secs(40)))
    );
    drop(second);
    journal.close();
    let left: Vec<_> = fs::read_dir(fixture.state_path())
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("running."))
        .collect();
    assert!(left.len() <= 1, "the file of the killed process is left: {left:?}");
}

#[tokio::test]
async fn a_pin_of_a_killed_process_may_still_arrive() {
    let fixture = JournalFixture::new();
    let mut other = spawn_other_process(&fixture);
    other.kill().expect("killed");
    other.wait().expect("the process ends");
    let (journal, recovered) = fixture.open();
    assert_eq!(recovered.unresolved.len(), 1);
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.accept_recipients().await.expect("recorded");
    let refused = journal.record_intent(fixture.intent(job, 1, START_TIME)).await;
    assert!(matches!(refused, Err(RecordError::Busy(_))), "{refused:?}");
}

#[test]
fn concurrent_writers_see_no_lock_error() {
    const JOURNALS: u32 = 4;
    const CHANGES_EACH: u32 = 60;
    let fixture = JournalFixture::new();
    fixture.open().0.close();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                JournalReader::open(&fixture.state_dir()).expect("readable").jobs().expect("readable");
            }
        });
        for index in 0..JOURNALS {
            let fixture = &fixture;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let (journal, _) = fixture.open();
                runtime.block_on(async {
                    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
                    let changes = (0..CHANGES_EACH).map(|n| {
                        let journal = journal.clone();
                        async move {
                            let intent = fixture.intent(job, index * CHANGES_EACH + n, START_TIME);
                            journal.record_intent(intent.clone()).await.expect("recorded");
                            journal
                                .record_outcome(outcome_record(&intent, Standing::Set, START_TIME))
                                .await
                                .expect("recorded");
                        }
                    });
                    futures_util::future::join_all(changes).await;
                });
                journal.close();
            });
        }
    });
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    assert_eq!(reader.encrypted_pins(&[]).expect("readable").len(), (JOURNALS * CHANGES_EACH) as usize);
    assert!(reader.verify_audit().expect("readable").is_ok());
    let (_, recovered) = fixture.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
}

#[tokio::test]
async fn a_job_that_a_live_process_ended_is_resumed_by_another() {
    let fixture = JournalFixture::new();
    let [first, second] = [(); 2].map(|()| fixture.open().0);
    let reader = || open_reader(&first);
    let job = first.start_job(job_plan(&[1, 2])).await.expect("recorded");
    let status = |summary: JobSummary| {
        // Both runs belong to this process.
        let worker = summary.worker.map(|worker| worker.to_string());
        let is_running = summary.status == JobStatus::Running;
        assert_eq!(worker, is_running.then(|| format!("ana@desk-1, process {}", std::process::id())));
        summary.status
    };
    let listed = || reader().jobs().expect("readable").remove(0);
    let shown = || reader().job(job).expect("readable").expect("a job").summary;
    let both = || [listed(), shown()].map(status);
    assert_eq!(both(), [JobStatus::Running; 2]);
    let busy = RecordError::Busy(CleanText::new("another process is working on job 1"));
    assert_eq!(second.resume_job(job, vec![number_id(2)]).await, Err(busy.clone()));
    first.end_job(job).await.expect("recorded");
    assert_eq!(both(), [JobStatus::Interrupted; 2]);
    second.resume_job(job, vec![number_id(2)]).await.expect("recorded");
    assert_eq!(both(), [JobStatus::Running; 2]);
    assert_eq!(first.resume_job(job, vec![number_id(1)]).await, Err(busy));
    second.end_job(job).await.expect("recorded");
    assert_eq!(both(), [JobStatus::Interrupted; 2]);
    // An earlier end does not count for a later resumption.
    first.resume_job(job, vec![number_id(1)]).await.expect("recorded");
    assert_eq!(both(), [JobStatus::Running; 2]);
    first.end_job(job).await.expect("recorded");
    assert_eq!(both(), [JobStatus::Interrupted; 2]);
    assert_eq!(reader().verify_audit().expect("readable").map(|audit| audit.rows), Ok(6));
}

#[tokio::test]
async fn a_journal_without_ends_of_jobs_is_migrated() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.close();
    rewrite_as_unbound(&fixture.state_path(), "");
    fixture.open_database().execute_batch("DROP TABLE job_ends; PRAGMA user_version = 3").expect("altered");
    let (journal, report) = fixture.open();
    assert_eq!(report.findings, []);
    assert_eq!(open_reader(&journal).jobs().expect("readable")[0].status, JobStatus::Interrupted);
    journal.resume_job(job, vec![number_id(1)]).await.expect("recorded");
    journal.end_job(job).await.expect("recorded");
    assert_eq!(open_reader(&journal).jobs().expect("readable")[0].status, JobStatus::Interrupted);
}
