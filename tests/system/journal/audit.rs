//! The audit log: its rows name who did what, and every later edit, deletion or truncation is detected.

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use pindesk::domain::change::Resolution;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::outcome::{DoubtReason, ReplyForm};
use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::domain::text::CleanText;
use pindesk::journal::{
    AuditAction, AuditEvent, AuditProblem, AuditRow, ClaimedIdentity, Journal, JournalOptions, JournalReader, Operator,
    OutcomeRecord,
};

use super::api_error;
use crate::support::journal_fixture::{
    JournalFixture, START_TIME, job_plan, new_recipients, number_id, operator_ana, outcome_record,
};
use crate::support::tampering::{next_hash, tamper};

/// A fixture whose closed journal has audit rows of almost every action.
async fn journal_with_every_action() -> JournalFixture {
    let mut fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = fixture.intent(job, 1, START_TIME);
    journal.record_intent(intent.clone()).await.expect("recorded");
    journal.record_retry(intent.change, intent.number, 2).await.expect("recorded");
    let doubt = Standing::in_doubt(DoubtReason::UnexpectedReply { http_status: 502, form: ReplyForm::Unrecognized });
    journal.record_outcome(outcome_record(&intent, doubt, START_TIME)).await.expect("recorded");
    let opened = AuditEvent::PinDecrypted { change: intent.change, number: intent.number, waba: None };
    for event in [AuditEvent::ScreenHidden, AuditEvent::ScreenShown, opened] {
        journal.record_event(event).await.expect("recorded");
    }
    let note = Some(CleanText::new("asked the shop"));
    journal.resolve(number_id(1), vec![intent.change], Resolution::Manual, note).await.expect("recorded");
    journal.close();
    fixture.recipients = Some(new_recipients());
    let (journal, _) = fixture.open();
    journal.accept_recipients().await.expect("recorded");
    journal.close();
    fixture
}

fn audit_rows(fixture: &JournalFixture) -> Vec<AuditRow> {
    audit_rows_since(fixture, None)
}

fn audit_rows_since(fixture: &JournalFixture, since: Option<UtcTime>) -> Vec<AuditRow> {
    let mut rows = Vec::new();
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    let result = reader.for_each_audit_row(since, |row| {
        rows.push(row);
        Ok::<(), Infallible>(())
    });
    assert_eq!(result.expect("readable"), Ok(()));
    rows
}

fn broken_rows(fixture: &JournalFixture) -> Vec<(i64, String)> {
    let verified = JournalReader::open(&fixture.state_dir()).expect("a journal").verify_audit().expect("readable");
    let row = |problem: AuditProblem| (problem.sequence, problem.description.to_string());
    verified.expect_err("the audit is not intact").into_iter().map(row).collect()
}

#[tokio::test]
async fn each_action_has_a_row_and_no_row_has_a_pin() {
    let fixture = journal_with_every_action().await;
    let rows = audit_rows(&fixture);
    let expected = [
        AuditAction::JobStarted,
        AuditAction::RecipientsStored,
        AuditAction::Intent,
        AuditAction::Retry,
        AuditAction::Outcome,
        AuditAction::ScreenHidden,
        AuditAction::ScreenShown,
        AuditAction::PinDecrypted,
        AuditAction::Resolved,
        AuditAction::RecipientsAccepted,
    ];
    assert_eq!(rows.iter().map(|row| row.action).collect::<Vec<_>>(), expected);
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert_eq!(rows[0].note.as_ref().map(CleanText::as_str), Some("1 number, profile acme, PINs given"));
    let outcome = rows[4].to_json().expect("JSON");
    let change = rows[4].change.as_ref().expect("a change");
    let record = rows[4].record.as_ref().expect("a digest");
    assert_eq!(
        outcome,
        r#"{"sequence":5,"at":"2026-11-22T14:00:00Z","host":"desk-1","uid":1000,"euid":1000,"tty":"/dev/pts/3","#
            .to_owned()
            + r#""claimed":{"user":"ana","sudo_user":null,"ssh_connection":null},"action":"outcome","waba_id":null,"#
            + &format!(
                r#""phone_number_id":"{}","change":"{change}","job":1,"outcome":"no_answer","tries":1,"#,
                number_id(1)
            )
            + r#""http_status":502,"code":null,"subcode":null,"trace_id":null,"#
            + &format!(r#""note":"a reply that was not Meta's, HTTP 502","version":"0.1.0","record":"{record}"}}"#)
    );
    assert!(record.as_str().len() == 64 && rows[5].record.is_none(), "{record}");
    let encrypted =
        JournalReader::open(&fixture.state_dir()).expect("a journal").encrypted_pins(&[]).expect("readable");
    let escrow = fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("the file");
    let ciphertext =
        escrow.split("\"sealed\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an encrypted PIN");
    assert_eq!(encrypted.len(), 1);
    for row in &rows {
        let json = row.to_json().expect("JSON");
        assert!(!json.contains("271828") && !json.contains(ciphertext), "{json}");
    }
}

#[tokio::test]
async fn a_row_separates_the_kernel_identity_from_claims() {
    let fixture = JournalFixture::new();
    let claimed = ClaimedIdentity {
        user: Some(CleanText::new("root")),
        sudo_user: Some(CleanText::new("ana")),
        ssh_connection: Some(CleanText::new("192.0.2.7 50000 192.0.2.1 22")),
    };
    let ClaimedIdentity { user, sudo_user, ssh_connection } = claimed.clone();
    let operator = Operator { uid: 1000, euid: 0, user, sudo_user, ssh_connection, ..operator_ana() };
    let (journal, _) = Journal::open(JournalOptions { operator, ..fixture.open_options() }).expect("a good journal");
    journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    let row = audit_rows(&fixture).remove(0);
    assert_eq!(
        (row.uid, row.euid, row.claimed.clone(), row.operator_label().as_str()),
        (1000, 0, claimed, "uid 1000 (ana)")
    );
}

#[tokio::test]
async fn a_refusal_keeps_its_codes_and_trace_id() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = fixture.intent(job, 1, START_TIME);
    journal.record_intent(intent.clone()).await.expect("recorded");
    journal.record_outcome(outcome_record(&intent, Standing::Failed(api_error()), START_TIME)).await.expect("recorded");
    let row = audit_rows(&fixture).pop().expect("a row");
    let fields = (row.http_status, row.code, row.subcode, row.trace_id);
    assert_eq!(fields, (Some(400), Some(136_025), Some(2_388_093), Some(CleanText::new("Atrace01"))));
}

#[tokio::test]
async fn a_started_and_a_resumed_job_note_their_size() {
    let fixture = JournalFixture::new();
    for count in [1, 2] {
        let (journal, _) = fixture.open();
        let numbers: Vec<u32> = (1..=count).collect();
        let job = journal.start_job(job_plan(&numbers)).await.expect("recorded");
        journal.close();
        let (journal, _) = fixture.open();
        journal.resume_job(job, numbers.into_iter().map(number_id).collect()).await.expect("recorded");
        journal.close();
    }
    let notes: Vec<_> = audit_rows(&fixture).into_iter().filter_map(|row| row.note).collect();
    let expected = [
        "1 number, profile acme, PINs given",
        "resumed: 1 number",
        "2 numbers, profile acme, PINs given",
        "resumed: 2 numbers",
    ];
    assert_eq!(notes, expected.map(CleanText::new));
}

#[tokio::test]
async fn an_intact_audit_verifies_and_filters_by_time() {
    let fixture = journal_with_every_action().await;
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    assert_eq!(reader.verify_audit().expect("readable").map(|verified| verified.rows), Ok(10));
    let later = START_TIME.plus(Duration::from_hours(1));
    assert_eq!(audit_rows_since(&fixture, Some(later)), []);
    assert_eq!(audit_rows_since(&fixture, Some(START_TIME)).len(), 10);
    let mut seen = Vec::new();
    let result = reader.for_each_audit_row(None, |row| {
        seen.push(row.sequence);
        if row.sequence == 3 { Err("enough") } else { Ok(()) }
    });
    assert_eq!((result.expect("readable"), seen), (Err("enough"), vec![1, 2, 3]));
}

#[tokio::test]
async fn a_throttled_request_does_not_break_the_audit() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = fixture.intent(job, 1, START_TIME);
    journal.record_intent(intent.clone()).await.expect("recorded");
    let throttled = Standing::NotSent(NotSentReason::Throttled(Box::new(api_error())));
    let record = OutcomeRecord { will_retry: true, ..outcome_record(&intent, throttled, START_TIME) };
    journal.record_outcome(record).await.expect("recorded");
    let row = audit_rows(&fixture).pop().expect("a row");
    assert_eq!(row.outcome, Some(CleanText::new("throttled")));
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    assert_eq!(reader.verify_audit().expect("readable").map(|verified| verified.rows), Ok(4));
    tamper(&fixture.state_path(), "UPDATE outcomes SET kind = 'set'");
    assert_eq!(broken_rows(&fixture).len(), 1);
}

#[tokio::test]
async fn an_edited_row_is_detected() {
    let fixture = journal_with_every_action().await;
    tamper(&fixture.state_path(), "UPDATE audit SET row = replace(row, '\"ana\"', '\"bob\"') WHERE seq = 9");
    assert_eq!(broken_rows(&fixture), [(9, "it was altered".to_owned())]);
}

#[tokio::test]
async fn a_deleted_row_is_detected() {
    let fixture = journal_with_every_action().await;
    tamper(&fixture.state_path(), "DELETE FROM audit WHERE seq IN (6, 7)");
    assert_eq!(broken_rows(&fixture), [(6, "rows 6 to 7 are missing".to_owned())]);
}

#[tokio::test]
async fn renumbered_rows_are_detected() {
    let fixture = journal_with_every_action().await;
    tamper(
        &fixture.state_path(),
        "DELETE FROM audit WHERE seq = 10; UPDATE audit SET seq = 10 WHERE seq = 9; \
         UPDATE audit SET seq = 9 WHERE seq = 8",
    );
    let row = |sequence, what: &str| (sequence, what.to_owned());
    let expected = [
        row(8, "it is missing"),
        row(9, "it was altered"),
        row(10, "it was altered"),
        row(10, "audit row 10 is not the original row"),
    ];
    assert_eq!(broken_rows(&fixture), expected);
}

#[tokio::test]
async fn a_truncated_audit_is_reported_at_the_next_open() {
    let fixture = journal_with_every_action().await;
    tamper(&fixture.state_path(), "DELETE FROM audit WHERE seq > 8");
    let message =
        "the journal ends at audit row 8, but it once reached row 10: it was truncated, or replaced with an older copy";
    let unknown = |row| (row, "it does not exist, but other tables have rows of it".to_owned());
    assert_eq!(broken_rows(&fixture), [unknown(9), unknown(10), (8, message.to_owned())]);
    let (_, recovered) = fixture.open();
    assert_eq!(recovered.findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
}

#[tokio::test]
async fn lost_rows_stay_reported() {
    let fixture = journal_with_every_action().await;
    // What is left is an older copy.
    let delete = ["audit", "settlements", "recipients"].map(|table| format!("DELETE FROM {table} WHERE seq > 8"));
    tamper(&fixture.state_path(), &delete.join(";"));
    for _ in 0..2 {
        let (journal, _) = fixture.open();
        journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
        journal.close();
    }
    fs::remove_file(fixture.state_file("audit.head")).expect("removed");
    fixture.open().0.close();
    let row_found = |row, what: &str| (row, format!("at 2026-11-22T14:00:00Z pindesk found: {what}"));
    let expected = [
        row_found(
            9,
            "the journal ends at audit row 8, but it once reached row 10: it was truncated, or replaced with an older copy",
        ),
        row_found(12, "audit.head is missing, so a truncated audit log cannot be detected"),
    ];
    assert_eq!(broken_rows(&fixture), expected);
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        fs::remove_file(fixture.state_file(name)).ok();
    }
    fixture.open().0.close();
    let expected = "journal.db is missing or empty, although it had records: the outcomes of its changes are unknown, and each PIN in the escrow file may or may not be in force";
    assert_eq!(broken_rows(&fixture)[0], row_found(2, expected));
}

#[tokio::test]
async fn a_recomputed_hash_chain_is_detected() {
    let fixture = journal_with_every_action().await;
    tamper(&fixture.state_path(), "UPDATE audit SET row = replace(row, '\"ana\"', '\"bob\"') WHERE seq = 9");
    let db = fixture.open_database();
    db.execute_batch("DROP TRIGGER audit_stays").expect("dropped");
    let select = |column: &str, row: i64| format!("SELECT {column} FROM audit WHERE seq = {row}");
    for row in 9..=10 {
        let before = db.query_row(&select("hash", row - 1), [], |row| row.get(0)).expect("a hash");
        let text: String = db.query_row(&select("row", row), [], |row| row.get(0)).expect("a row");
        db.execute("UPDATE audit SET hash = ?1 WHERE seq = ?2", (next_hash(before, &text), row)).expect("altered");
    }
    let message = "audit row 10 is not the original row";
    assert_eq!(broken_rows(&fixture), [(10, message.to_owned())]);
    let (_, recovered) = fixture.open();
    assert_eq!(recovered.findings, [CleanText::new(message)]);
}

#[tokio::test]
async fn a_missing_or_invalid_audit_head_is_reported() {
    let fixture = journal_with_every_action().await;
    let consequence = "so a truncated audit log cannot be detected";
    fs::write(fixture.state_file("audit.head"), "00000000000000000010 and no hash\n").expect("written");
    assert_eq!(broken_rows(&fixture), [(10, format!("audit.head cannot be read, {consequence}"))]);
    fs::remove_file(fixture.state_file("audit.head")).expect("removed");
    assert_eq!(broken_rows(&fixture), [(10, format!("audit.head is missing, {consequence}"))]);
}

#[tokio::test]
async fn an_altered_row_of_another_table_is_detected() {
    let fixture = journal_with_every_action().await;
    tamper(
        &fixture.state_path(),
        "UPDATE outcomes SET kind = 'set'; DELETE FROM tries WHERE attempt = 2; DELETE FROM settlements",
    );
    let message = "the record that it describes was deleted or altered".to_owned();
    assert_eq!(broken_rows(&fixture), [(4, message.clone()), (5, message.clone()), (9, message)]);
}

#[test]
fn an_operator_is_identified_by_the_kernel() {
    let operator = Operator::from_process();
    assert_eq!(operator.uid, rustix::process::getuid().as_raw());
    assert_eq!(operator.euid, rustix::process::geteuid().as_raw());
    // Without a claim, the system knows the name.
    let known = || uzers::get_user_by_uid(operator.uid).map(|user| user.name().to_string_lossy().into_owned());
    let expected = std::env::var("USER").ok().or_else(known);
    assert_eq!(operator.user.as_ref().map(CleanText::as_str), expected.as_deref());
    assert!(!operator.host.as_str().is_empty());
}
