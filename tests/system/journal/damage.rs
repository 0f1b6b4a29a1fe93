//! Damage stops setting: where a row is used, at a start, and after `audit verify` found it. An operator can accept it.

use std::fs;
use std::time::Duration;

use pindesk::domain::change::{JobId, Resolution};
use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::journal::{
    AuditEvent, BoundRows, Journal, JournalReader, RecipientsStatus, RecordError, RecoveryReport, VerifiedAudit,
};

use super::no_answer;
use crate::support::journal_fixture::{
    JournalFixture, START_TIME, job_plan, new_recipients, number_id, outcome_record,
};
use crate::support::tampering::{append_audit_rows, rewrite_as_unbound, tamper};

/// Enough for a checkpoint.
const MANY_ROWS: usize = 300;

/// A closed journal with a stopped job of numbers 1 to 4: number 1 was resolved, 2 was set, the others were not sent.
async fn stopped_job() -> JournalFixture {
    let mut fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1, 2, 3, 4])).await.expect("recorded");
    for (n, standing) in [(1, no_answer()), (2, Standing::Set), (3, Standing::NotSent(NotSentReason::Stopped))] {
        let intent = fixture.intent(job, n, START_TIME);
        journal.record_intent(intent.clone()).await.expect("recorded");
        journal.record_outcome(outcome_record(&intent, standing, START_TIME)).await.expect("recorded");
        if n == 1 {
            journal.resolve(number_id(1), vec![intent.change], Resolution::Manual, None).await.expect("recorded");
        }
    }
    journal.end_job(job).await.expect("recorded");
    journal.close();
    fixture.now = START_TIME.plus(Duration::from_hours(1));
    fixture
}

/// The same, long ago: a start has checked all rows.
async fn old_stopped_job() -> JournalFixture {
    let fixture = stopped_job().await;
    write_checkpoint(&fixture);
    fixture
}

/// Appends rows and lets a start check all of them.
fn write_checkpoint(fixture: &JournalFixture) {
    append_audit_rows(&fixture.state_path(), MANY_ROWS);
    fixture.open().0.close();
}

const JOB: JobId = JobId::new(1);

/// The first damaged row that a report names.
fn damaged_row(report: &RecoveryReport) -> Option<i64> {
    Some(report.damage.as_ref()?.problems[0].sequence)
}

fn reader(fixture: &JournalFixture) -> JournalReader {
    JournalReader::open(&fixture.state_dir()).expect("a journal")
}

fn verify(fixture: &JournalFixture) -> Result<VerifiedAudit, Vec<i64>> {
    let problems = reader(fixture).verify_audit().expect("readable");
    problems.map_err(|problems| problems.into_iter().map(|problem| problem.sequence).collect())
}

/// Asserts that a record is refused because of damage in a row.
fn assert_damaged<T: std::fmt::Debug>(result: &Result<T, RecordError>, row: i64) {
    let Err(RecordError::Damaged(why)) = result else { panic!("{result:?}") };
    assert!(why.as_str().contains(&format!("audit row {row}: ")) && why.as_str().contains("audit verify"), "{why}");
}

/// Starts a job of one number and records that its PIN is about to be sent.
async fn send(fixture: &JournalFixture, journal: &Journal, n: u32) -> Result<(), RecordError> {
    let job = journal.start_job(job_plan(&[n])).await?;
    journal.record_intent(fixture.intent(job, n, fixture.now)).await
}

#[tokio::test]
async fn a_number_whose_rows_were_altered_is_not_sent() {
    for (sql, row) in [
        ("UPDATE settlements SET how = 'nothing_in_force'", 5),
        ("DELETE FROM settlements", 5),
        ("UPDATE outcomes SET at = at - 600 WHERE seq = 4", 4),
        ("UPDATE changes SET number = '200000000000002' WHERE seq = 3", 3),
        ("UPDATE tries SET up = 0 WHERE seq = 3", 3),
        ("DELETE FROM tries WHERE seq = 3", 3),
        ("UPDATE audit SET row = replace(row, 'no_answer', 'failed') WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("INSERT INTO settlements SELECT 6, change, at, 'by_hand', NULL FROM changes WHERE seq = 3", 6),
        ("INSERT INTO settlements SELECT 9000, change, at, 'by_hand', NULL FROM changes WHERE seq = 3", 9_000),
    ] {
        let fixture = old_stopped_job().await;
        tamper(&fixture.state_path(), sql);
        let (journal, report) = fixture.open();
        if row < 9_000 {
            assert_eq!(damaged_row(&report), None, "{sql}");
            send(&fixture, &journal, 9).await.expect("another number");
        }
        assert_damaged(&send(&fixture, &journal, 1).await, row);
        // From then on, this process sends nothing, and records what has happened.
        assert_damaged(&journal.start_job(job_plan(&[8])).await, row);
        journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
        journal.close();
    }
}

#[tokio::test]
async fn a_job_whose_list_was_altered_is_not_resumed() {
    for sql in [
        "UPDATE job_numbers SET number = '200000000000077' WHERE place = 4",
        "INSERT INTO job_numbers VALUES (1, 5, '200000000000077', NULL)",
        "DELETE FROM job_numbers WHERE place = 4",
        "UPDATE jobs SET profile = 'other'",
        "UPDATE audit SET row = replace(row, 'acme', 'other') WHERE seq = 1",
    ] {
        let fixture = old_stopped_job().await;
        tamper(&fixture.state_path(), sql);
        let (journal, report) = fixture.open();
        assert_eq!(damaged_row(&report), None, "{sql}");
        assert_damaged(&journal.resume_job(JOB, vec![number_id(3)]).await, 1);
        assert_damaged(&journal.start_job(job_plan(&[8])).await, 1);
        journal.close();
    }
}

#[tokio::test]
async fn altered_recipients_are_found_at_a_start() {
    let mut fixture = old_stopped_job().await;
    let attacker = new_recipients();
    let fingerprints: Vec<String> = attacker.fingerprints().iter().map(|key| key.as_str().to_owned()).collect();
    let fingerprints = serde_json::to_string(&fingerprints).expect("JSON");
    for sql in [format!("UPDATE recipients SET fingerprints = '{fingerprints}'"), "DELETE FROM recipients".to_owned()] {
        tamper(&fixture.state_path(), &sql);
        fixture.recipients = Some(attacker.clone());
        let (journal, report) = fixture.open();
        assert_eq!(damaged_row(&report), Some(2), "{sql}");
        assert_damaged(&send(&fixture, &journal, 9).await, 2);
        journal.close();
    }
}

#[tokio::test]
async fn accepted_recipients_must_be_acknowledged_again() {
    let mut fixture = old_stopped_job().await;
    let attacker = new_recipients();
    let fingerprints: Vec<String> = attacker.fingerprints().iter().map(|key| key.as_str().to_owned()).collect();
    let fingerprints = serde_json::to_string(&fingerprints).expect("JSON");
    tamper(&fixture.state_path(), &format!("UPDATE recipients SET fingerprints = '{fingerprints}'"));
    fixture.recipients = Some(attacker);
    accept(&fixture, 2).await;
    let (journal, report) = fixture.open();
    assert!(matches!(report.recipients, RecipientsStatus::Changed { .. }), "{report:?}");
    assert_eq!(send(&fixture, &journal, 9).await, Err(RecordError::RecipientsChanged));
    journal.accept_recipients().await.expect("recorded");
    send(&fixture, &journal, 9).await.expect("accepted");
    journal.close();
}

async fn accept(fixture: &JournalFixture, until: i64) {
    let (journal, _) = fixture.open();
    journal.accept_damage(until).await.expect("recorded");
    journal.close();
}

#[tokio::test]
async fn damage_in_new_rows_stops_every_start() {
    let fixture = stopped_job().await;
    tamper(&fixture.state_path(), "UPDATE outcomes SET kind = 'set' WHERE seq = 4");
    for _ in 0..2 {
        let (journal, report) = fixture.open();
        assert_eq!(damaged_row(&report), Some(4));
        assert_damaged(&journal.start_job(job_plan(&[8])).await, 4);
        assert_damaged(&journal.resume_job(JOB, vec![number_id(3)]).await, 4);
        journal.close();
    }
    let inspected = Journal::inspect(&fixture.state_dir(), fixture.recipients.as_deref()).expect("readable");
    assert_eq!(damaged_row(&inspected), Some(4));
}

#[tokio::test]
async fn damage_that_was_verified_stops_every_start() {
    let fixture = old_stopped_job().await;
    let original = fs::read(fixture.state_file("journal.db")).expect("readable");
    tamper(&fixture.state_path(), "UPDATE outcomes SET kind = 'set' WHERE seq = 4");
    let (journal, report) = fixture.open();
    assert_eq!(damaged_row(&report), None, "the row is old");
    journal.close();
    assert_eq!(verify(&fixture), Err(vec![4]));
    reader(&fixture).mark_damage().expect("marked");
    let (journal, report) = fixture.open();
    assert_eq!(damaged_row(&report), Some(4));
    assert_damaged(&journal.start_job(job_plan(&[8])).await, 4);
    journal.close();
    // Repaired.
    for name in ["journal.db-wal", "journal.db-shm", "audit.head"] {
        fs::remove_file(fixture.state_file(name)).ok();
    }
    fs::write(fixture.state_file("journal.db"), original).expect("written");
    let (journal, report) = fixture.open();
    assert_eq!(damaged_row(&report), None);
    journal.start_job(job_plan(&[8])).await.expect("recorded");
    journal.close();
    assert!(!fixture.state_file("audit.damaged").exists());
}

#[tokio::test]
async fn accepted_damage_no_longer_stops_a_start() {
    let fixture = stopped_job().await;
    tamper(&fixture.state_path(), "UPDATE outcomes SET kind = 'set' WHERE seq = 4; DELETE FROM audit WHERE seq = 6");
    // Row 6 is missing, and its record is left.
    assert_eq!(verify(&fixture), Err(vec![4, 6, 6]));
    accept(&fixture, 6).await;
    let VerifiedAudit { rows, bound } = verify(&fixture).expect("accepted");
    // The row after the missing one cannot be compared with it.
    assert_eq!(bound, Some(BoundRows { until: 7, by: rows + 1, are_accepted: true }));
    let (journal, report) = fixture.open();
    assert_eq!((damaged_row(&report), reader(&fixture).verify_audit().expect("readable").is_ok()), (None, true));
    send(&fixture, &journal, 1).await.expect("accepted");
    journal.resume_job(JOB, vec![number_id(3)]).await.expect("its list was not altered");
    journal.close();
    // The rows are bound as they were accepted.
    tamper(&fixture.state_path(), "UPDATE outcomes SET kind = 'failed' WHERE seq = 4");
    assert_eq!(verify(&fixture), Err(vec![1]));
    reader(&fixture).mark_damage().expect("marked");
    let (journal, report) = fixture.open();
    assert_eq!(damaged_row(&report), Some(1));
    journal.close();
}

#[tokio::test]
async fn a_job_whose_altered_list_was_accepted_is_not_resumed() {
    let fixture = stopped_job().await;
    tamper(&fixture.state_path(), "UPDATE job_numbers SET number = '200000000000077' WHERE place = 4");
    accept(&fixture, 1).await;
    let (journal, report) = fixture.open();
    assert_eq!(damaged_row(&report), None);
    assert_damaged(&journal.resume_job(JOB, vec![number_id(3)]).await, 1);
    send(&fixture, &journal, 3).await.expect("a new job may set it");
    journal.close();
}

#[tokio::test]
async fn records_after_the_last_row_can_be_accepted() {
    let fixture = stopped_job().await;
    tamper(&fixture.state_path(), "DELETE FROM audit WHERE seq > 7");
    let last = verify(&fixture).expect_err("rows are missing").into_iter().max().expect("a row");
    accept(&fixture, last).await;
    let (journal, report) = fixture.open();
    assert_eq!(damaged_row(&report), None);
    send(&fixture, &journal, 4).await.expect("accepted");
    journal.close();
    assert!(verify(&fixture).is_ok());
}

/// A stopped job that an older version wrote long ago. The recipients are newer.
async fn older_stopped_job() -> JournalFixture {
    let mut fixture = stopped_job().await;
    rewrite_as_unbound(&fixture.state_path(), "");
    fixture.recipients = Some(new_recipients());
    let (journal, _) = fixture.open();
    journal.accept_recipients().await.expect("recorded");
    journal.close();
    write_checkpoint(&fixture);
    fixture
}

#[tokio::test]
async fn rows_of_an_older_version_are_checked_when_used() {
    for (sql, n) in
        [("UPDATE settlements SET note = 'x'", 1), ("UPDATE outcomes SET at = at - 1 WHERE kind = 'set'", 2)]
    {
        let fixture = older_stopped_job().await;
        tamper(&fixture.state_path(), sql);
        let (journal, report) = fixture.open();
        assert_eq!(damaged_row(&report), None, "{sql}");
        send(&fixture, &journal, 9).await.expect("another number");
        assert_damaged(&send(&fixture, &journal, n).await, 1);
        journal.close();
    }
    let fixture = older_stopped_job().await;
    tamper(&fixture.state_path(), "UPDATE job_numbers SET number = '200000000000077' WHERE place = 4");
    let (journal, _) = fixture.open();
    assert_damaged(&journal.resume_job(JOB, vec![number_id(3)]).await, 1);
    journal.close();
}

#[tokio::test]
async fn a_forged_binding_hides_nothing() {
    let fixture = old_stopped_job().await;
    tamper(
        &fixture.state_path(),
        "UPDATE outcomes SET at = at - 600 WHERE seq = 4;
        INSERT INTO row_groups VALUES (1000, -9223372036854775808, 64, zeroblob(32)), (9000, 1, 8999, zeroblob(32))",
    );
    let (journal, _) = fixture.open();
    assert!(send(&fixture, &journal, 1).await.is_err());
    journal.close();
    assert!(verify(&fixture).is_err_and(|rows| rows.contains(&4)));
}
