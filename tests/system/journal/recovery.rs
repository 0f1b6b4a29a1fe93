//! Opening a journal: foreign, damaged, missing and older databases, and an escrow file that has more or fewer changes
//! than the journal.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use pindesk::domain::change::{JobId, Resolution, SendHistory};
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::TwoStep;
use pindesk::domain::standing::{ChangeResult, DoubtCause, Standing};
use pindesk::escrow::EscrowFile;
use pindesk::journal::{
    Journal, JournalError, JournalKind, JournalOptions, JournalReader, RecipientsStatus, RecordedState,
    UnresolvedChange,
};

use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, number_id, outcome_record};
use crate::support::tampering::append_audit_rows;

/// A fixture whose journal is closed, with one confirmed change and one in doubt.
async fn closed_journal() -> JournalFixture {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
    let first = fixture.intent(job, 1, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    journal.record_outcome(outcome_record(&first, Standing::Set, START_TIME)).await.expect("recorded");
    journal.record_intent(fixture.intent(job, 2, START_TIME)).await.expect("recorded");
    journal.close();
    fixture
}

fn open_error(fixture: &JournalFixture) -> String {
    fixture.without_temp_path(fixture.try_open().expect_err("the journal is refused"))
}

/// The findings of two opens in a row.
fn findings_of_two_opens(fixture: &JournalFixture) -> [Vec<String>; 2] {
    [(); 2].map(|()| {
        let (journal, recovered) = fixture.open();
        journal.close();
        recovered.findings.iter().map(ToString::to_string).collect()
    })
}

#[tokio::test]
async fn a_foreign_database_is_refused_and_unchanged() {
    let fixture = JournalFixture::new();
    fixture.state_dir();
    let db = rusqlite::Connection::open(fixture.state_file("journal.db")).expect("a database");
    db.execute_batch("CREATE TABLE recipes (name TEXT)").expect("a table");
    db.close().expect("closed");
    fs::set_permissions(fixture.state_file("journal.db"), Permissions::from_mode(0o600)).expect("the mode is set");
    let before = fs::read(fixture.state_file("journal.db")).expect("readable");
    assert_eq!(
        open_error(&fixture),
        "journal ~/state/journal.db: it is not a pindesk journal. Nothing was changed. Move it away, then restart pindesk. To move it: mkdir -p ~/state/damaged && mv --backup=numbered ~/state/journal.db* ~/state/damaged"
    );
    assert_eq!(fs::read(fixture.state_file("journal.db")).expect("readable"), before);
    assert!(JournalReader::open(&fixture.state_dir()).is_err());
}

#[tokio::test]
async fn demo_and_real_numbers_never_share_a_journal() {
    for (first, second, description) in [
        (JournalKind::Real, JournalKind::Demo, "a journal of real numbers"),
        (JournalKind::Demo, JournalKind::Real, "a demo journal, with simulated numbers"),
    ] {
        let fixture = JournalFixture::new();
        let open = |kind| Journal::open(JournalOptions { kind, ..fixture.open_options() });
        open(first).expect("a good journal").0.close();
        let expected = format!(
            "journal ~/state/journal.db: it is {description}. Nothing was changed. Use another directory: --state-dir DIR"
        );
        assert_eq!(fixture.without_temp_path(open(second).expect_err("the journal is refused")), expected);
    }
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let fixture = closed_journal().await;
    fixture.open_database().execute_batch("PRAGMA user_version = 99").expect("set");
    assert_eq!(
        open_error(&fixture),
        "journal ~/state/journal.db: a newer pindesk created it (schema 99, this version supports 7). Nothing was changed. Use the newer version"
    );
}

#[tokio::test]
async fn damage_in_an_unread_page_is_refused_too() {
    let fixture = closed_journal().await;
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'numbers'";
    let root: u32 = fixture.open_database().query_row(root, [], |row| row.get(0)).expect("a page");
    let end = root as usize * 4096;
    let mut bytes = fs::read(fixture.state_file("journal.db")).expect("readable");
    bytes[end - 4096..end].fill(0x5a);
    fs::write(fixture.state_file("journal.db"), bytes).expect("written");
    assert!(matches!(fixture.try_open(), Err(JournalError::Damaged { .. })));
}

#[tokio::test]
async fn moving_a_damaged_journal_away_restores_the_doubts() {
    let fixture = closed_journal().await;
    let mut bytes = fs::read(fixture.state_file("journal.db")).expect("readable");
    // The first page identifies the file, so the damage starts at the second page.
    bytes[4096..].fill(0x5a);
    fs::write(fixture.state_file("journal.db"), bytes).expect("written");
    let error = fixture.try_open().expect_err("the journal is refused");
    let JournalError::Damaged { command, .. } = &error else { panic!("{error:?}") };
    let status = Command::new("sh").args(["-c", command.as_str()]).status().expect("a shell");
    assert!(status.success());
    let (_, recovered) = fixture.open();
    let open: Vec<_> = recovered.unresolved.iter().map(|open| open.number).collect();
    assert_eq!((open, recovered.findings.len()), (vec![number_id(1), number_id(2)], 1));
}

#[tokio::test]
async fn damage_in_a_large_database_is_found_by_readers() {
    let fixture = closed_journal().await;
    append_audit_rows(&fixture.state_path(), 60_000);
    // A start that has not checked them yet reads all rows.
    let unchecked = fs::read(fixture.state_file("journal.db")).expect("readable");
    fixture.open().0.close();
    let mut bytes = fs::read(fixture.state_file("journal.db")).expect("readable");
    assert!(bytes.len() > 16 << 20, "the database is too small");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64 * 1024].fill(0x5a);
    fs::write(fixture.state_file("journal.db"), bytes).expect("written");
    let (journal, _) = fixture.open();
    journal.start_job(job_plan(&[3])).await.expect("recorded");
    journal.close();
    let verified = JournalReader::open(&fixture.state_dir()).expect("a journal").verify_audit();
    assert!(matches!(verified, Err(JournalError::Damaged { .. })), "{verified:?}");
    let mut bytes = unchecked;
    bytes[middle..middle + 64 * 1024].fill(0x5a);
    fs::write(fixture.state_file("journal.db"), bytes).expect("written");
    assert!(matches!(fixture.try_open(), Err(JournalError::Damaged { .. })));
}

#[tokio::test]
async fn a_missing_journal_is_reported_once_and_leaves_doubts() {
    let mut fixture = closed_journal().await;
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        fs::remove_file(fixture.state_file(name)).ok();
    }
    fixture.now = UtcTime::from_unix_seconds(START_TIME.unix_seconds() + 9_000);
    let (journal, recovered) = fixture.open();
    assert_eq!(
        recovered.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "journal.db is missing or empty, although it had records: the outcomes of its changes are unknown, and each PIN in the escrow file may or may not be in force"
        ]
    );
    let fields =
        |open: &UnresolvedChange| (open.number, open.job, open.two_step_before, open.doubt.clone(), open.last_send);
    let expected = [1, 2].map(|n| (number_id(n), None, TwoStep::Unknown, DoubtCause::EscrowOnly.into(), fixture.now));
    assert_eq!(recovered.unresolved.iter().map(fields).collect::<Vec<_>>(), expected);
    // The times of sending were only in the journal. The times of encryption are in the escrow file.
    let histories: Vec<_> = recovered.unresolved.iter().map(UnresolvedChange::send_history).collect();
    assert_eq!(histories, [SendHistory::EscrowOnly { encrypted_at: START_TIME }; 2]);
    // The known keys were in the journal, too. Another user could have removed it and added another key.
    let now = fixture.recipients.as_ref().expect("some").fingerprints();
    assert_eq!(recovered.recipients, RecipientsStatus::Changed { previous: vec![], current: now });
    journal.close();
    let (_, recovered) = fixture.open();
    assert_eq!((recovered.findings, recovered.unresolved.len()), (vec![], 2));
}

#[tokio::test]
async fn an_older_copy_is_noticed_and_leaves_doubts() {
    let fixture = closed_journal().await;
    let copy = fixture.temp_path().join("copy");
    fs::copy(fixture.state_file("journal.db"), &copy).expect("a copy");
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[3])).await.expect("recorded");
    let third = fixture.intent(job, 3, START_TIME);
    journal.record_intent(third.clone()).await.expect("recorded");
    journal.record_outcome(outcome_record(&third, Standing::Set, START_TIME)).await.expect("recorded");
    journal.close();
    fs::copy(&copy, fixture.state_file("journal.db")).expect("put back");
    let (journal, recovered) = fixture.open();
    assert_eq!(
        recovered.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "the journal ends at audit row 5, but it once reached row 8: it was truncated, or replaced with an older copy"
        ]
    );
    let open: Vec<_> = recovered.unresolved.iter().map(|open| open.number).collect();
    assert_eq!(open, [number_id(2), number_id(3)]);
    journal.close();
    assert_eq!(findings_of_two_opens(&fixture), [const { Vec::<String>::new() }; 2]);
}

#[tokio::test]
async fn a_pin_missing_from_the_escrow_file_is_restored() {
    let fixture = closed_journal().await;
    let before = EscrowFile::read(&fixture.state_dir()).expect("readable").entries;
    fs::remove_file(fixture.state_file("escrow.jsonl")).expect("removed");
    let findings = findings_of_two_opens(&fixture);
    assert_eq!(findings[0], ["2 encrypted PINs were missing from the escrow file; pindesk appended them again"]);
    assert_eq!(findings[1], [""; 0]);
    assert_eq!(EscrowFile::read(&fixture.state_dir()).expect("readable").entries, before);
    let encrypted =
        JournalReader::open(&fixture.state_dir()).expect("a journal").encrypted_pins(&[]).expect("readable");
    assert_eq!(encrypted.into_iter().map(|pin| pin.escrow_entry).collect::<Vec<_>>(), before);
}

#[tokio::test]
async fn a_torn_last_line_is_no_finding() {
    let fixture = closed_journal().await;
    let mut file =
        fs::OpenOptions::new().append(true).open(fixture.state_file("escrow.jsonl")).expect("the file opens");
    file.write_all(br#"{"v":1,"change":"0190"#).expect("written");
    assert_eq!(findings_of_two_opens(&fixture), [const { Vec::<String>::new() }; 2]);
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[3])).await.expect("recorded");
    journal.record_intent(fixture.intent(job, 3, START_TIME)).await.expect("recorded");
    journal.close();
    let contents = EscrowFile::read(&fixture.state_dir()).expect("readable");
    assert_eq!((contents.entries.len(), contents.unreadable_lines, contents.is_torn), (3, vec![3], false));
    assert_eq!(findings_of_two_opens(&fixture), [const { Vec::<String>::new() }; 2]);
}

#[tokio::test]
async fn a_torn_last_line_without_a_journal_is_a_finding() {
    let fixture = closed_journal().await;
    let text = fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("readable");
    fs::write(fixture.state_file("escrow.jsonl"), &text[..text.len() - 50]).expect("cut");
    fs::remove_file(fixture.state_file("journal.db")).expect("removed");
    let findings = findings_of_two_opens(&fixture);
    assert_eq!(findings[0].len(), 2, "{findings:?}");
    assert_eq!(findings[0][1], "line 2 of escrow.jsonl cannot be parsed: its PIN may be lost");
    assert_eq!(findings[1], [""; 0]);
}

#[tokio::test]
async fn an_unreadable_line_is_reported_once() {
    let fixture = closed_journal().await;
    let text = fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("readable");
    fs::write(fixture.state_file("escrow.jsonl"), text.replacen("{\"v\"", "x", 1)).expect("written");
    let findings = findings_of_two_opens(&fixture);
    assert_eq!(
        findings[0],
        [
            "line 1 of escrow.jsonl cannot be parsed: its PIN may be lost",
            "an encrypted PIN was missing from the escrow file; pindesk appended it again"
        ]
    );
    assert_eq!(findings[1], [""; 0]);
}

#[tokio::test]
async fn a_line_unlike_the_journals_is_reported_once() {
    let fixture = closed_journal().await;
    let before = EscrowFile::read(&fixture.state_dir()).expect("readable").entries;
    let text = fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("readable");
    for (part, other) in [("\"waba_id\":null", "\"waba_id\":\"7\""), ("T14:00:00Z", "T14:00:01Z"), ("YWdl", "YWdm")] {
        fs::write(fixture.state_file("escrow.jsonl"), text.replacen(part, other, 1)).expect("altered");
        assert_eq!(findings_of_two_opens(&fixture).map(|findings| findings.len()), [1, 0], "{part} as {other}");
        let lines = EscrowFile::read(&fixture.state_dir()).expect("readable").entries;
        assert_eq!((lines.len(), &lines[2]), (3, &before[0]), "{part} as {other}");
    }
    fs::write(fixture.state_file("escrow.jsonl"), text.replace(&number_id(1).to_string(), &number_id(7).to_string()))
        .expect("altered");
    let findings = findings_of_two_opens(&fixture);
    assert_eq!(
        findings[0],
        [
            "a line of the escrow file differs from the journal: one of them was altered or damaged. pindesk appended the line of the journal to the file. `pindesk escrow open` shows every PIN that your key can decrypt"
        ]
    );
    assert_eq!(findings[1], [""; 0]);
    let lines = EscrowFile::read(&fixture.state_dir()).expect("readable").entries;
    assert_eq!((lines.len(), &lines[2], lines[0].number), (3, &before[0], number_id(7)));
}

#[tokio::test]
async fn recorded_rows_can_be_neither_altered_nor_deleted() {
    let fixture = closed_journal().await;
    let (journal, recovered) = fixture.open();
    let in_doubt = recovered.unresolved.iter().map(|open| open.change).collect();
    journal.resolve(number_id(2), in_doubt, Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let db = fixture.open_database();
    let columns = [
        ("runs", "at"),
        ("jobs", "profile"),
        ("job_numbers", "number"),
        ("changes", "sealed"),
        ("tries", "at"),
        ("outcomes", "kind"),
        ("settlements", "note"),
        ("audit", "row"),
        ("recipients", "fingerprints"),
    ];
    for (table, column) in columns {
        let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counted");
        assert!(rows > 0, "{table} is empty, so this test proves nothing");
        let update = db.execute_batch(&format!("UPDATE {table} SET {column} = {column}"));
        let delete = db.execute_batch(&format!("DELETE FROM {table}"));
        let errors =
            [update, delete].map(|result| result.map_or_else(|error| error.to_string(), |()| "done".to_owned()));
        let expected = ["altered", "deleted"].map(|action| format!("rows of {table} are never {action}"));
        assert!(errors.iter().zip(&expected).all(|(error, expected)| error.contains(expected)), "{errors:?}");
    }
}

#[tokio::test]
async fn a_change_only_in_the_escrow_counts_in_its_job() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1, 2, 3])).await.expect("recorded");
    journal.close();
    let own = fixture.intent(job, 2, START_TIME).escrow_entry.expect("a line");
    // These two belong to jobs that this journal lost. It has given the number of one of them to another job since.
    let lost_job = fixture.intent(JobId::new(9), 7, START_TIME).escrow_entry.expect("a line");
    let reused_id = fixture.intent(job, 8, START_TIME).escrow_entry.expect("a line");
    let escrow = EscrowFile::open(&fixture.state_dir()).expect("the file opens");
    escrow.lock(Duration::ZERO).expect("the lock is free").append(&[own, lost_job, reused_id]).expect("appended");

    let (journal, recovered) = fixture.open();
    let jobs: Vec<_> = recovered.unresolved.iter().map(|open| (open.number, open.job)).collect();
    assert_eq!(jobs, [(number_id(2), Some(job)), (number_id(7), None), (number_id(8), None)]);
    let detail = JournalReader::open(&fixture.state_dir())
        .expect("a journal")
        .job(job)
        .expect("readable")
        .expect("the job exists");
    let states: Vec<_> = detail.numbers.iter().map(|number| number.state).collect();
    assert_eq!(
        states,
        [RecordedState::NotStarted, RecordedState::Ended(ChangeResult::NoAnswer), RecordedState::NotStarted]
    );
    journal.resume_job(job, vec![number_id(1), number_id(2), number_id(3)]).await.expect_err("number 2 is in doubt");
    journal.resume_job(job, vec![number_id(1), number_id(3)]).await.expect("recorded");
    journal.close();
    assert_eq!(findings_of_two_opens(&fixture), [const { Vec::<String>::new() }; 2]);
}
