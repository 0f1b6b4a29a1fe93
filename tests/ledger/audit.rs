//! The audit: who did what, and whether anybody touched it since.

use std::convert::Infallible;

use pindesk::domain::clock::UtcTime;
use pindesk::domain::outcome::{ApiError, DoubtReason, Outcome};
use pindesk::domain::text::CleanText;
use pindesk::journal::{
    AuditAction, AuditEvent, AuditProblem, AuditRow, ClaimedIdentity, Journal, JournalOptions, JournalReader, Operator,
};
use sha2::{Digest as _, Sha256};

use crate::support::records::{JournalFixture, START_TIME, job_plan, number_id, operator_ana, outcome_record};

/// A desk whose journal was closed after work of every kind.
async fn journal_with_every_action() -> JournalFixture {
    let mut desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = desk.intent(job, 1, START_TIME);
    journal.record_intent(intent.clone()).await.expect("recorded");
    journal.record_retry(intent.change, intent.number, 2).await.expect("recorded");
    let doubt = Outcome::InDoubt(DoubtReason::UnexpectedReply { http_status: 502 });
    journal.record_outcome(outcome_record(&intent, doubt, START_TIME)).await.expect("recorded");
    let opened = AuditEvent::PinDecrypted { change: intent.change, number: intent.number, waba: None };
    for event in [AuditEvent::ScreenHidden, AuditEvent::ScreenShown, opened] {
        journal.record_event(event).await.expect("recorded");
    }
    let note = Some(CleanText::new("asked the shop"));
    journal
        .resolve(number_id(1), vec![intent.change], pindesk::domain::change::Resolution::Manual, note)
        .await
        .expect("recorded");
    journal.close();
    desk.recipients = Some(crate::support::records::new_recipients());
    let (journal, _) = desk.open();
    journal.accept_recipients().await.expect("recorded");
    journal.close();
    desk
}

fn audit_rows(desk: &JournalFixture) -> Vec<AuditRow> {
    audit_rows_since(desk, None)
}

fn audit_rows_since(desk: &JournalFixture, since: Option<UtcTime>) -> Vec<AuditRow> {
    let mut rows = Vec::new();
    let reader = JournalReader::open(&desk.state_dir()).expect("a journal");
    let read = reader.for_each_audit_row(since, |row| {
        rows.push(row);
        Ok::<(), Infallible>(())
    });
    assert_eq!(read.expect("readable"), Ok(()));
    rows
}

fn broken_rows(desk: &JournalFixture) -> Vec<(i64, String)> {
    let verified = JournalReader::open(&desk.state_dir()).expect("a journal").verify_audit().expect("readable");
    let told = |broken: AuditProblem| (broken.sequence, broken.description.to_string());
    verified.expect_err("it shows").into_iter().map(told).collect()
}

fn tamper(desk: &JournalFixture, sql: &str) {
    let db = desk.open_database();
    let triggers: Vec<String> = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut names| names.query_map([], |row| row.get(0))?.collect())
        .expect("their names");
    for name in triggers {
        db.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped");
    }
    db.execute_batch(&format!("PRAGMA foreign_keys = off; {sql}")).expect("done");
}

#[tokio::test]
async fn each_deed_has_a_row_and_none_holds_a_pin_or_what_was_made_of_one() {
    let desk = journal_with_every_action().await;
    let rows = audit_rows(&desk);
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
    let change = rows[4].change.as_ref().expect("one");
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
            + r#""note":"a reply that was not Meta's, HTTP 502","version":"0.1.0"}"#
    );
    let sealed = JournalReader::open(&desk.state_dir()).expect("a journal").encrypted_pins().expect("readable");
    let escrow = std::fs::read_to_string(desk.state_file("escrow.jsonl")).expect("the file");
    let sealed_text = escrow.split("\"sealed\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("sealed");
    assert_eq!(sealed.len(), 1);
    for row in &rows {
        let json = row.to_json().expect("JSON");
        assert!(!json.contains("271828") && !json.contains(sealed_text), "{json}");
    }
}

#[tokio::test]
async fn a_row_tells_who_it_is_and_apart_from_that_who_they_claim_to_be() {
    let desk = JournalFixture::new();
    let claimed = ClaimedIdentity {
        user: Some(CleanText::new("root")),
        sudo_user: Some(CleanText::new("ana")),
        ssh_connection: Some(CleanText::new("192.0.2.7 50000 192.0.2.1 22")),
    };
    let ClaimedIdentity { user, sudo_user, ssh_connection } = claimed.clone();
    let actor = Operator { uid: 1000, euid: 0, user, sudo_user, ssh_connection, ..operator_ana() };
    let (journal, _) =
        Journal::open(JournalOptions { operator: actor, ..desk.open_options() }).expect("a good journal");
    journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    let row = audit_rows(&desk).remove(0);
    assert_eq!(
        (row.uid, row.euid, row.claimed.clone(), row.operator_label().as_str()),
        (1000, 0, claimed, "uid 1000 (ana)")
    );
}

#[tokio::test]
async fn a_refusal_is_told_with_what_metas_support_asks_for() {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = desk.intent(job, 1, START_TIME);
    journal.record_intent(intent.clone()).await.expect("recorded");
    let fault = ApiError {
        http_status: 400,
        code: 136_025,
        subcode: Some(2_388_093),
        message: CleanText::new("the number is not registered"),
        details: None,
        trace_id: Some(CleanText::new("Atrace01")),
        is_transient: false,
    };
    journal.record_outcome(outcome_record(&intent, Outcome::Refused(fault), START_TIME)).await.expect("recorded");
    let row = audit_rows(&desk).pop().expect("a row");
    let told = (row.http_status, row.code, row.subcode, row.trace_id);
    assert_eq!(told, (Some(400), Some(136_025), Some(2_388_093), Some(CleanText::new("Atrace01"))));
}

#[tokio::test]
async fn a_job_and_its_resumption_say_of_how_many_numbers_they_are() {
    let desk = JournalFixture::new();
    for count in [1, 2] {
        let (journal, _) = desk.open();
        let numbers: Vec<u32> = (1..=count).collect();
        let job = journal.start_job(job_plan(&numbers)).await.expect("recorded");
        journal.close();
        let (journal, _) = desk.open();
        journal.resume_job(job, numbers.into_iter().map(number_id).collect()).await.expect("recorded");
        journal.close();
    }
    let notes: Vec<_> = audit_rows(&desk).into_iter().filter_map(|row| row.note).collect();
    let told = [
        "1 number, profile acme, PINs given",
        "taken up again: 1 number",
        "2 numbers, profile acme, PINs given",
        "taken up again: 2 numbers",
    ];
    assert_eq!(notes, told.map(CleanText::new));
}

#[tokio::test]
async fn an_untouched_audit_verifies_and_can_be_asked_from_a_time_on() {
    let desk = journal_with_every_action().await;
    let reader = JournalReader::open(&desk.state_dir()).expect("a journal");
    assert_eq!(reader.verify_audit().expect("readable").map(|verified| verified.rows), Ok(10));
    let later = START_TIME.plus(std::time::Duration::from_hours(1));
    assert_eq!(audit_rows_since(&desk, Some(later)), []);
    assert_eq!(audit_rows_since(&desk, Some(START_TIME)).len(), 10);
    let mut seen = Vec::new();
    let stopped = reader.for_each_audit_row(None, |row| {
        seen.push(row.sequence);
        if row.sequence == 3 { Err("enough") } else { Ok(()) }
    });
    assert_eq!((stopped.expect("readable"), seen), (Err("enough"), vec![1, 2, 3]));
}

#[tokio::test]
async fn an_edit_shows() {
    let desk = journal_with_every_action().await;
    tamper(&desk, "UPDATE audit SET row = replace(row, '\"ana\"', '\"bob\"') WHERE seq = 9");
    assert_eq!(broken_rows(&desk), [(9, "it was altered".to_owned())]);
}

#[tokio::test]
async fn a_deletion_shows() {
    let desk = journal_with_every_action().await;
    tamper(&desk, "DELETE FROM audit WHERE seq IN (6, 7)");
    assert_eq!(broken_rows(&desk), [(6, "rows 6 to 7 are missing".to_owned())]);
}

#[tokio::test]
async fn a_row_whose_number_was_changed_to_close_a_gap_shows() {
    let desk = journal_with_every_action().await;
    tamper(
        &desk,
        "DELETE FROM audit WHERE seq = 10; UPDATE audit SET seq = 10 WHERE seq = 9; \
         UPDATE audit SET seq = 9 WHERE seq = 8",
    );
    let told = |sequence, what: &str| (sequence, what.to_owned());
    let expected = [
        told(8, "it is missing"),
        told(10, "it was altered"),
        told(10, "what it tells of is gone, or was altered"),
        told(10, "audit row 10 is not the one that was written"),
    ];
    assert_eq!(broken_rows(&desk), expected);
}

#[tokio::test]
async fn a_cut_at_the_end_shows_and_is_a_finding_at_the_next_start() {
    let desk = journal_with_every_action().await;
    tamper(&desk, "DELETE FROM audit WHERE seq > 8");
    let cut = "the journal ends at audit row 8, but went on to row 10: an older copy was put in its place, or rows \
        were cut off";
    assert_eq!(broken_rows(&desk), [(8, cut.to_owned())]);
    let (_, recovered) = desk.open();
    assert_eq!(recovered.findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [cut]);
}

#[tokio::test]
async fn rows_that_were_lost_once_are_told_ever_after() {
    let desk = journal_with_every_action().await;
    tamper(&desk, "DELETE FROM audit WHERE seq > 8");
    for _ in 0..2 {
        let (journal, _) = desk.open();
        journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
        journal.close();
    }
    std::fs::remove_file(desk.state_file("audit.head")).expect("removed");
    desk.open().0.close();
    let told = |row, what: &str| (row, format!("at 2026-11-22T14:00:00Z it was found that {what}"));
    let expected = [
        told(
            9,
            "the journal ends at audit row 8, but went on to row 10: an older copy was put in its place, or rows were \
             cut off",
        ),
        told(12, "audit.head is missing, so nobody can tell whether rows were cut off the audit"),
    ];
    assert_eq!(broken_rows(&desk), expected);
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        std::fs::remove_file(desk.state_file(name)).ok();
    }
    desk.open().0.close();
    let expected = "journal.db is missing or empty, though there was one: what came of the changes in it is not known, \
        and each PIN in the escrow file may be in force or not";
    assert_eq!(broken_rows(&desk)[0], told(2, expected));
}

#[tokio::test]
async fn a_chain_that_was_written_anew_shows() {
    let desk = journal_with_every_action().await;
    tamper(&desk, "UPDATE audit SET row = replace(row, '\"ana\"', '\"bob\"') WHERE seq = 9");
    let db = desk.open_database();
    let of = |column: &str, row: i64| format!("SELECT {column} FROM audit WHERE seq = {row}");
    for row in 9..=10 {
        let before: Vec<u8> = db.query_row(&of("hash", row - 1), [], |row| row.get(0)).expect("a hash");
        let text: String = db.query_row(&of("row", row), [], |row| row.get(0)).expect("a row");
        let hash = Sha256::new().chain_update(before).chain_update(text).finalize().to_vec();
        db.execute("UPDATE audit SET hash = ?1 WHERE seq = ?2", (hash, row)).expect("written anew");
    }
    let told = "audit row 10 is not the one that was written";
    assert_eq!(broken_rows(&desk), [(10, told.to_owned())]);
    let (_, recovered) = desk.open();
    assert_eq!(recovered.findings, [CleanText::new(told)]);
}

#[tokio::test]
async fn an_audit_of_which_nobody_knows_the_end_is_told() {
    let desk = journal_with_every_action().await;
    let nobody_knows = "so nobody can tell whether rows were cut off the audit";
    std::fs::write(desk.state_file("audit.head"), "00000000000000000010 and no hash\n").expect("written");
    assert_eq!(broken_rows(&desk), [(10, format!("audit.head cannot be read, {nobody_knows}"))]);
    std::fs::remove_file(desk.state_file("audit.head")).expect("removed");
    assert_eq!(broken_rows(&desk), [(10, format!("audit.head is missing, {nobody_knows}"))]);
}

#[tokio::test]
async fn a_row_of_another_table_that_was_altered_shows() {
    let desk = journal_with_every_action().await;
    tamper(&desk, "UPDATE outcomes SET kind = 'set'; DELETE FROM tries WHERE attempt = 2; DELETE FROM settlements");
    let told = "what it tells of is gone, or was altered".to_owned();
    assert_eq!(broken_rows(&desk), [(4, told.clone()), (5, told.clone()), (9, told)]);
}

#[test]
fn an_actor_is_who_the_kernel_says_and_claims_stand_apart() {
    let actor = Operator::from_process();
    assert_eq!(actor.uid, rustix::process::getuid().as_raw());
    assert_eq!(actor.euid, rustix::process::geteuid().as_raw());
    assert_eq!(actor.user.as_ref().map(CleanText::as_str), std::env::var("USER").ok().as_deref());
    assert!(!actor.host.as_str().is_empty());
}
