//! Checkpoints, the index of the escrow file and the tallies of jobs: what lets a start be quick after a long history, and
//! what a start makes of them when they are missing or lie.

use std::fs;
use std::path::Path;

use pindesk::domain::change::{ChangeId, JobId, Resolution};
use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::escrow::{EscrowContents, EscrowFile};
use pindesk::journal::{AuditEvent, JobStatus, JobSummary, Journal, JournalOptions, JournalReader, RecoveryReport};
use pindesk::state_dir::StateDir;

use super::{api_error, begin_job, no_answer, record_intent, seconds};
use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, number_id, outcome_record};
use crate::support::tampering::tamper;

/// More rows than a start leaves without a checkpoint.
const MANY_ROWS: usize = 201;

/// A closed journal with three numbers, of which the third is in doubt, and a checkpoint after them.
async fn checked_journal() -> JournalFixture {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2, 3]).await;
    for (n, standing) in [(1, Standing::Set), (2, Standing::Set), (3, no_answer())] {
        let intent = record_intent(&fixture, &journal, job, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, standing, START_TIME)).await.expect("recorded");
    }
    journal.record_events(vec![AuditEvent::ScreenShown; MANY_ROWS]).await.expect("recorded");
    journal.close();
    fixture.open().0.close();
    fixture
}

fn findings(report: &RecoveryReport) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

/// What opening the journal finds.
fn reopened(fixture: &JournalFixture) -> RecoveryReport {
    let (journal, report) = fixture.open();
    journal.close();
    report
}

fn reader(fixture: &JournalFixture) -> JournalReader {
    JournalReader::open(&fixture.state_dir()).expect("a journal")
}

/// The problems that a verification finds.
fn problems(fixture: &JournalFixture) -> Vec<String> {
    let verified = reader(fixture).verify_audit().expect("readable");
    verified.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Alters one digit of the first line of the escrow file.
fn alter_first_line(state_dir: &Path) {
    let path = state_dir.join("escrow.jsonl");
    let text = fs::read_to_string(&path).expect("readable");
    fs::write(path, text.replacen("T14:00:00Z", "T14:00:01Z", 1)).expect("written");
}

#[tokio::test]
async fn a_start_checks_only_what_is_newer_than_a_checkpoint() {
    let fixture = checked_journal().await;
    alter_first_line(&fixture.state_path());
    let report = reopened(&fixture);
    assert_eq!((findings(&report), report.unresolved.len(), report.damage), (vec![], 1, None));
    assert_eq!(problems(&fixture), ["audit row 210: lines 1 to 3 of escrow.jsonl are no longer as they were then"]);
    // After a verification that found something, a start checks everything again.
    reader(&fixture).mark_damage().expect("marked");
    let altered = "a line of the escrow file differs from the journal: one of them was altered or damaged. pindesk appended the line of the journal to the file. `pindesk escrow open` shows every PIN that your key can decrypt";
    assert_eq!(findings(&reopened(&fixture)), [altered]);
    assert_eq!(problems(&fixture), [""; 0]);
}

#[tokio::test]
async fn a_copied_directory_is_checked_as_a_whole() {
    let fixture = checked_journal().await;
    let copy = fixture.temp_path().join("copy");
    StateDir::open_or_create(&copy).expect("a directory");
    for name in ["journal.db", "escrow.jsonl", "audit.head"] {
        fs::copy(fixture.state_file(name), copy.join(name)).expect("copied");
    }
    alter_first_line(&copy);
    let dir = StateDir::open(&copy).expect("a directory");
    let (journal, report) = Journal::open(JournalOptions { dir, ..fixture.open_options() }).expect("opened");
    journal.close();
    assert_eq!(findings(&report).len(), 1, "{report:?}");
}

#[tokio::test]
async fn an_escrow_file_behind_its_checkpoint_is_restored() {
    let fixture = checked_journal().await;
    let before = EscrowFile::read(&fixture.state_dir()).expect("readable");
    let path = fixture.state_file("escrow.jsonl");
    let text = fs::read_to_string(&path).expect("readable");
    let first = text.find('\n').expect("a line") + 1;
    fs::write(&path, &text[..first]).expect("truncated");
    assert_eq!(
        findings(&reopened(&fixture)),
        [
            "escrow.jsonl was truncated or replaced: pindesk had checked 3 lines of it",
            "2 encrypted PINs were missing from the escrow file; pindesk appended them again"
        ]
    );
    assert_eq!(EscrowFile::read(&fixture.state_dir()).expect("readable"), before);
    assert_eq!((findings(&reopened(&fixture)), problems(&fixture)), (vec![], vec![]));
}

#[tokio::test]
async fn a_checkpoint_ahead_of_the_rows_is_a_finding() {
    let fixture = checked_journal().await;
    tamper(&fixture.state_path(), "DELETE FROM audit WHERE seq >= 210");
    let report = reopened(&fixture);
    assert_eq!(
        findings(&report)[1..],
        ["a checkpoint is of audit row 210, which the journal no longer has: it was truncated"],
        "{report:?}"
    );
}

#[tokio::test]
async fn an_altered_checkpoint_stops_setting() {
    let fixture = checked_journal().await;
    tamper(&fixture.state_path(), "UPDATE checkpoints SET open = '[]'");
    let (journal, report) = fixture.open();
    assert!(report.damage.is_some(), "{report:?}");
    journal.start_job(job_plan(&[1])).await.expect_err("the journal is damaged");
}

#[tokio::test]
async fn an_open_change_survives_many_checkpoints() {
    let fixture = checked_journal().await;
    for _ in 0..3 {
        let (journal, report) = fixture.open();
        let open: Vec<_> = report.unresolved.iter().map(|open| open.number).collect();
        assert_eq!(open, [number_id(3)]);
        journal.record_events(vec![AuditEvent::ScreenShown; MANY_ROWS]).await.expect("recorded");
        journal.close();
    }
    let (journal, report) = fixture.open();
    let changes = report.unresolved.iter().map(|open| open.change).collect();
    journal.resolve(number_id(3), changes, Resolution::Manual, None).await.expect("recorded");
    journal.close();
    assert_eq!(reopened(&fixture).unresolved, []);
}

/// The changes of a number in the escrow file, by the index.
fn indexed(fixture: &JournalFixture, n: u32) -> Option<Vec<ChangeId>> {
    let contents = reader(fixture).escrow_of(&[number_id(n)]).expect("readable")?;
    Some(contents.entries.iter().map(|entry| entry.change).collect())
}

/// The same, by reading all of it.
fn scanned(fixture: &JournalFixture, n: u32) -> Vec<ChangeId> {
    let EscrowContents { entries, .. } = EscrowFile::read(&fixture.state_dir()).expect("readable");
    entries.iter().filter(|entry| entry.number == number_id(n)).map(|entry| entry.change).collect()
}

#[tokio::test]
async fn the_index_finds_the_lines_of_one_number() {
    let fixture = checked_journal().await;
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1, 4])).await.expect("recorded");
    record_intent(&fixture, &journal, job, 4, START_TIME).await;
    // A process that died after it appended a line, and before it recorded the line.
    let lost = fixture.intent(job, 1, START_TIME).escrow_entry.expect("a line");
    let escrow = EscrowFile::open(&fixture.state_dir()).expect("the file opens");
    escrow.lock(seconds(1)).expect("locked").append(&[lost]).expect("appended");
    assert_eq!(indexed(&fixture, 1), Some(scanned(&fixture, 1)));
    record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.close();
    for (n, count) in [(1, 3), (2, 1), (4, 1), (5, 0)] {
        let lines = scanned(&fixture, n);
        assert_eq!((lines.len(), indexed(&fixture, n)), (count, Some(lines)), "{n}");
    }
}

#[tokio::test]
async fn an_index_that_lies_is_not_used() {
    for lie in [
        "DELETE FROM escrow_lines",
        "DELETE FROM escrow_lines WHERE line = 1",
        "UPDATE escrow_lines SET offset = offset + 1 WHERE line = 1",
        "UPDATE escrow_lines SET bytes = bytes + 1 WHERE line = 1",
        "UPDATE escrow_lines SET bytes = 1000000 WHERE line = 3",
        "UPDATE escrow_lines SET offset = (SELECT offset FROM escrow_lines WHERE line = 2) + 1 WHERE line = 1",
        "UPDATE escrow_lines SET number = '200000000000001'",
    ] {
        let fixture = checked_journal().await;
        assert_eq!(indexed(&fixture, 1), Some(scanned(&fixture, 1)));
        tamper(&fixture.state_path(), lie);
        assert_eq!(indexed(&fixture, 1), None, "{lie}");
    }
}

#[tokio::test]
async fn nothing_is_found_by_the_index_before_a_checkpoint() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    record_intent(&fixture, &journal, job, 1, START_TIME).await;
    assert_eq!(indexed(&fixture, 1), None);
}

/// The jobs, by their tallies and counted again.
fn jobs_both_ways(fixture: &JournalFixture) -> [Vec<JobSummary>; 2] {
    let jobs = || reader(fixture).jobs().expect("readable");
    let kept = jobs();
    let saved = fs::read(fixture.state_file("journal.db")).expect("readable");
    tamper(&fixture.state_path(), "DELETE FROM job_rests; DELETE FROM job_tallies");
    let counted = jobs();
    fs::write(fixture.state_file("journal.db"), saved).expect("written");
    [kept, counted]
}

#[tokio::test]
async fn kept_counts_are_those_of_the_records() {
    let fixture = JournalFixture::new();
    let (journal, first) = begin_job(&fixture, &[1, 2, 3, 4, 5]).await;
    let in_doubt = record_intent(&fixture, &journal, first, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&in_doubt, no_answer(), START_TIME)).await.expect("recorded");
    for (n, standing) in
        [(2, Standing::Failed(api_error())), (3, Standing::NotSent(NotSentReason::Stopped)), (4, Standing::Set)]
    {
        let intent = record_intent(&fixture, &journal, first, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, standing, START_TIME)).await.expect("recorded");
    }
    journal.end_job(first).await.expect("recorded");
    journal.close();
    let [kept, counted] = jobs_both_ways(&fixture);
    assert_eq!(kept, counted);
    assert_eq!((kept[0].status, kept[0].resumable), (JobStatus::Interrupted, 2));

    let (journal, _) = fixture.open();
    let second = journal.start_job(job_plan(&[3, 5, 6])).await.expect("recorded");
    for n in [3, 5] {
        let intent = record_intent(&fixture, &journal, second, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, Standing::Set, START_TIME)).await.expect("recorded");
    }
    journal.resolve(number_id(1), vec![in_doubt.change], Resolution::NoPinInForce, None).await.expect("recorded");
    journal.end_job(second).await.expect("recorded");
    journal.close();
    let [kept, counted] = jobs_both_ways(&fixture);
    assert_eq!(kept, counted);
    assert_eq!(kept.iter().map(|job| (job.id, job.resumable)).collect::<Vec<_>>(), [(second, 1), (JobId::new(1), 1)]);
    assert_eq!(problems(&fixture), [""; 0]);
}

#[tokio::test]
async fn wrong_counts_are_reported_and_then_corrected() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    journal.end_job(job).await.expect("recorded");
    journal.close();
    tamper(&fixture.state_path(), "UPDATE job_tallies SET was_set = 1, not_started = 0");
    assert_eq!(
        problems(&fixture),
        ["audit row 1: the counts that `jobs list` shows of job 1 are wrong; the next start corrects them"]
    );
    reader(&fixture).mark_damage().expect("marked");
    assert_eq!((findings(&reopened(&fixture)), problems(&fixture)), (vec![], vec![]));
}
