//! PINs that are encrypted again, and drills: what the journal records, refuses, and detects.

use std::fs;
use std::time::Duration;

use pindesk::domain::change::ChangeId;
use pindesk::domain::pin::Pin;
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::escrow::{EscrowEntry, EscrowFile, Recipients};
use pindesk::journal::{
    AuditAction, AuditEvent, AuditRow, EscrowDrill, JournalReader, PinRecipients, RecordError, RecoveryReport,
};

use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, new_recipients, outcome_record};

/// A journal with one PIN that is set, whose recipients have changed since. Returns its entry.
async fn journal_with_one_pin() -> (JournalFixture, EscrowEntry) {
    let mut fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = fixture.intent(job, 1, START_TIME);
    journal.record_intent(intent.clone()).await.expect("recorded");
    journal.record_outcome(outcome_record(&intent, Standing::Set, START_TIME)).await.expect("recorded");
    journal.close();
    fixture.recipients = Some(new_recipients());
    (fixture, intent.escrow_entry.expect("encrypted"))
}

fn encrypted_again(recipients: &Recipients, entry: &EscrowEntry) -> EscrowEntry {
    recipients.re_encrypt(entry, &Pin::parse(b"271828").expect("six digits")).expect("encrypted")
}

fn reader(fixture: &JournalFixture) -> JournalReader {
    JournalReader::open(&fixture.state_dir()).expect("a journal")
}

fn start_again(fixture: &JournalFixture) -> RecoveryReport {
    let (journal, report) = fixture.open();
    journal.close();
    report
}

fn lines_of(fixture: &JournalFixture) -> Vec<EscrowEntry> {
    EscrowFile::read(&fixture.state_dir()).expect("readable").entries
}

fn audit_rows(fixture: &JournalFixture) -> Vec<AuditRow> {
    let mut rows = Vec::new();
    let read = reader(fixture).for_each_audit_row(None, |row| {
        rows.push(row);
        Ok::<(), std::convert::Infallible>(())
    });
    assert_eq!(read.expect("readable"), Ok(()));
    rows
}

#[tokio::test]
async fn a_pin_encrypted_again_is_recorded_beside_the_first() {
    let (fixture, entry) = journal_with_one_pin().await;
    let recipients = fixture.recipients.clone().expect("a key");
    let again = encrypted_again(&recipients, &entry);
    let (journal, _) = fixture.open();
    assert_eq!(journal.record_re_encryptions(vec![again.clone()]).await, Err(RecordError::RecipientsChanged));
    journal.accept_recipients().await.expect("recorded");
    let unknown = EscrowEntry { change: ChangeId::new(), ..again.clone() };
    let refused = journal.record_re_encryptions(vec![again.clone(), unknown.clone()]).await;
    let why = CleanText::new(&format!("the journal has no change {}", unknown.change));
    assert_eq!(refused, Err(RecordError::Busy(why)), "all or none");
    journal.record_re_encryptions(vec![again.clone()]).await.expect("recorded");
    journal.close();

    let reader = reader(&fixture);
    let first: Vec<_> = reader.encrypted_pins(&[]).expect("readable").into_iter().map(|pin| pin.escrow_entry).collect();
    assert_eq!((first, reader.re_encrypted_pins(&[]).expect("readable")), (vec![entry.clone()], vec![again.clone()]));
    let keys = reader.pin_recipients().expect("readable");
    let [PinRecipients { recipients: Some(before), .. }, newest] = &keys[..] else { panic!("{keys:?}") };
    assert_ne!(**before, *recipients.fingerprints());
    let expected = Some(recipients.fingerprints().into());
    assert_eq!(*newest, PinRecipients { change: entry.change, recipients: expected });
    assert_eq!(lines_of(&fixture), [entry, again.clone()]);

    // It has one audit row, without the encrypted PIN, and is bound to it.
    let row = audit_rows(&fixture).pop().expect("a row");
    assert_eq!(
        (row.action, row.change),
        (AuditAction::PinReEncrypted, Some(CleanText::new(&again.change.to_string())))
    );
    assert!(reader.verify_audit().expect("readable").is_ok());
    let db = fixture.open_database();
    for statement in ["UPDATE re_encryptions SET at = 1", "DELETE FROM re_encryptions"] {
        let error = db.execute_batch(statement).expect_err("refused").to_string();
        assert!(error.contains("rows of re_encryptions are never "), "{error}");
    }
    db.execute_batch("DROP TRIGGER re_encryptions_last; DELETE FROM re_encryptions").expect("deleted");
    let problems = reader.verify_audit().expect("readable").expect_err("a record is missing");
    assert_eq!(problems.iter().map(|problem| problem.sequence).collect::<Vec<_>>(), [row.sequence]);
}

#[tokio::test]
async fn a_start_finds_nothing_wrong_with_lines_encrypted_again() {
    let (fixture, entry) = journal_with_one_pin().await;
    let again = encrypted_again(fixture.recipients.as_ref().expect("a key"), &entry);
    let (journal, _) = fixture.open();
    journal.accept_recipients().await.expect("recorded");
    journal.record_re_encryptions(vec![again]).await.expect("recorded");
    journal.close();
    let lines = fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("readable");
    let report = start_again(&fixture);
    assert_eq!((report.findings, report.unresolved), (Vec::new(), Vec::new()));
    // A line of a process that was killed before it recorded the line is no change of its own.
    let orphan = encrypted_again(fixture.recipients.as_ref().expect("a key"), &entry);
    let file = EscrowFile::open(&fixture.state_dir()).expect("the file opens");
    file.lock(Duration::ZERO).expect("the lock is free").append(&[orphan]).expect("appended");
    let report = start_again(&fixture);
    assert_eq!((report.findings, report.unresolved), (Vec::new(), Vec::new()));
    // A line that is gone is appended again.
    let (first, _) = lines.split_once('\n').expect("two lines");
    fs::write(fixture.state_file("escrow.jsonl"), format!("{first}\n")).expect("written");
    let report = start_again(&fixture);
    let finding = "an encrypted PIN was missing from the escrow file; pindesk appended it again";
    assert_eq!(report.findings, [CleanText::new(finding)]);
    assert_eq!(fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("readable"), lines);
}

#[tokio::test]
async fn the_last_drill_is_read_from_the_audit_log() {
    let (fixture, _) = journal_with_one_pin().await;
    let (journal, _) = fixture.open();
    assert_eq!(reader(&fixture).last_drill().expect("readable"), None);
    for opened in [20, 18] {
        journal.record_event(AuditEvent::EscrowDrill { opened, tried: 20 }).await.expect("recorded");
    }
    journal.close();
    let last = reader(&fixture).last_drill().expect("readable");
    assert_eq!(last, Some(EscrowDrill { at: START_TIME, opened: 18, tried: 20 }));
    let row = audit_rows(&fixture).pop().expect("a row");
    let texts = (row.outcome.as_ref().map(CleanText::as_str), row.note.as_ref().map(CleanText::as_str));
    assert_eq!(texts, (Some("18 of 20"), Some("18 of 20 PINs could be decrypted")));
    let plan: String = fixture
        .open_database()
        .query_row(
            "EXPLAIN QUERY PLAN SELECT row FROM audit
            WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'drill' ORDER BY seq DESC LIMIT 1",
            [],
            |row| row.get(3),
        )
        .expect("a plan");
    assert!(plan.contains("drills"), "{plan}");
}
