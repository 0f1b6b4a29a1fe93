//! Opening: databases that are not what they should be, and an escrow file that knows more, or less.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use pindesk::domain::change::{JobId, SendHistory};
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::TwoStep;
use pindesk::domain::outcome::{DoubtReason, Outcome};
use pindesk::escrow::EscrowFile;
use pindesk::journal::{
    Journal, JournalError, JournalKind, JournalOptions, JournalReader, RecipientsStatus, RecordedState,
    UnresolvedChange,
};

use crate::support::records::{JournalFixture, START_TIME, job_plan, number_id, outcome_record};

/// A desk whose journal was closed after one PIN was confirmed and another left in doubt.
async fn closed_journal() -> JournalFixture {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
    let first = desk.intent(job, 1, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    journal.record_outcome(outcome_record(&first, Outcome::Confirmed, START_TIME)).await.expect("recorded");
    journal.record_intent(desk.intent(job, 2, START_TIME)).await.expect("recorded");
    journal.close();
    desk
}

fn open_error(desk: &JournalFixture) -> String {
    desk.without_temp_path(desk.try_open().expect_err("it is refused"))
}

/// What two openings in a row find.
fn findings_of_two_opens(desk: &JournalFixture) -> [Vec<String>; 2] {
    [(); 2].map(|()| {
        let (journal, recovered) = desk.open();
        journal.close();
        recovered.findings.iter().map(ToString::to_string).collect()
    })
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let desk = JournalFixture::new();
    desk.state_dir();
    let db = rusqlite::Connection::open(desk.state_file("journal.db")).expect("a database");
    db.execute_batch("CREATE TABLE recipes (name TEXT)").expect("a table");
    db.close().expect("closed");
    fs::set_permissions(desk.state_file("journal.db"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let before = fs::read(desk.state_file("journal.db")).expect("the file");
    assert_eq!(
        open_error(&desk),
        "journal ~/state/journal.db: it is not a journal of pindesk. Nothing was changed. Move it away, and start \
         again: mkdir -p ~/state/damaged && mv --backup=numbered ~/state/journal.db* ~/state/damaged"
    );
    assert_eq!(fs::read(desk.state_file("journal.db")).expect("the file"), before);
    assert!(JournalReader::open(&desk.state_dir()).is_err());
}

#[tokio::test]
async fn made_up_numbers_and_real_ones_share_no_journal() {
    for (first, second, told) in [
        (JournalKind::Real, JournalKind::Demo, "one of real numbers, not a demo's"),
        (JournalKind::Demo, JournalKind::Real, "a demo's, of made-up numbers"),
    ] {
        let desk = JournalFixture::new();
        let open = |kind| Journal::open(JournalOptions { kind, ..desk.open_options() });
        open(first).expect("a good journal").0.close();
        let expected = format!(
            "journal ~/state/journal.db: it is {told}. Nothing was changed. Name another directory: --state-dir DIR"
        );
        assert_eq!(desk.without_temp_path(open(second).expect_err("it is refused")), expected);
    }
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let desk = closed_journal().await;
    desk.open_database().execute_batch("PRAGMA user_version = 99").expect("set");
    assert_eq!(
        open_error(&desk),
        "journal ~/state/journal.db: a newer pindesk made it (schema 99, this one knows 1). Nothing was changed. \
         Use that one"
    );
}

#[tokio::test]
async fn damage_that_nobody_would_read_is_refused_as_well() {
    let desk = closed_journal().await;
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'numbers'";
    let root: u32 = desk.open_database().query_row(root, [], |row| row.get(0)).expect("a page");
    let end = root as usize * 4096;
    let mut bytes = fs::read(desk.state_file("journal.db")).expect("the file");
    bytes[end - 4096..end].fill(0x5a);
    fs::write(desk.state_file("journal.db"), bytes).expect("written");
    assert!(matches!(desk.try_open(), Err(JournalError::Damaged { .. })));
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_what_is_said_then_brings_the_doubts_back() {
    let desk = closed_journal().await;
    let mut bytes = fs::read(desk.state_file("journal.db")).expect("the file");
    // From the second page on: the first says what it is.
    bytes[4096..].fill(0x5a);
    fs::write(desk.state_file("journal.db"), bytes).expect("written");
    let error = desk.try_open().expect_err("it is refused");
    let JournalError::Damaged { command, .. } = &error else { panic!("{error:?}") };
    let status = std::process::Command::new("sh").args(["-c", command.as_str()]).status().expect("a shell");
    assert!(status.success());
    let (_, recovered) = desk.open();
    let open: Vec<_> = recovered.unresolved.iter().map(|open| open.number).collect();
    assert_eq!((open, recovered.findings.len()), (vec![number_id(1), number_id(2)], 1));
}

#[tokio::test]
async fn of_a_large_database_damage_in_the_middle_is_told_by_those_who_read_it_and_keeps_no_writer_waiting() {
    let desk = closed_journal().await;
    let row = "SELECT row, hash FROM audit WHERE seq = 5";
    let more = "WITH RECURSIVE n (i) AS (SELECT 6 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)";
    let db = desk.open_database();
    db.execute_batch(&format!(
        "{more} INSERT INTO audit (seq, row, hash) SELECT i, last.row, last.hash FROM n, ({row}) AS last"
    ))
    .expect("filled");
    db.close().expect("closed");
    let mut bytes = fs::read(desk.state_file("journal.db")).expect("the file");
    assert!(bytes.len() > 16 << 20, "it is small");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64 * 1024].fill(0x5a);
    fs::write(desk.state_file("journal.db"), bytes).expect("written");
    let (journal, _) = desk.open();
    journal.start_job(job_plan(&[3])).await.expect("recorded");
    journal.close();
    let verified = JournalReader::open(&desk.state_dir()).expect("a journal").verify_audit();
    assert!(matches!(verified, Err(JournalError::Damaged { .. })), "{verified:?}");
}

#[tokio::test]
async fn a_journal_that_is_gone_is_told_once_and_all_comes_back_in_doubt() {
    let mut desk = closed_journal().await;
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        fs::remove_file(desk.state_file(name)).ok();
    }
    desk.now = UtcTime::from_unix_seconds(START_TIME.unix_seconds() + 9_000);
    let (journal, recovered) = desk.open();
    assert_eq!(
        recovered.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["journal.db is missing or empty, though there was one: what came of the changes in it is not known, and \
             each PIN in the escrow file may be in force or not"]
    );
    let of =
        |open: &UnresolvedChange| (open.number, open.job, open.two_step_before, open.reason.clone(), open.last_send);
    let expected = [1, 2].map(|n| (number_id(n), None, TwoStep::Unknown, DoubtReason::EscrowOnly, desk.now));
    assert_eq!(recovered.unresolved.iter().map(of).collect::<Vec<_>>(), expected);
    // When they were sent went with the journal; when their PINs were sealed did not.
    let sent: Vec<_> = recovered.unresolved.iter().map(UnresolvedChange::send_history).collect();
    assert_eq!(sent, [SendHistory::EscrowOnly { encrypted_at: START_TIME }; 2]);
    // With the journal went what it knew of the keys: whoever took it away could have put in their own.
    let now = desk.recipients.as_ref().expect("some").fingerprints();
    assert_eq!(recovered.recipients, RecipientsStatus::Changed { previous: vec![], current: now });
    journal.close();
    let (_, recovered) = desk.open();
    assert_eq!((recovered.findings, recovered.unresolved.len()), (vec![], 2));
}

#[tokio::test]
async fn an_older_copy_put_back_is_noticed_and_what_it_lacks_is_in_doubt() {
    let desk = closed_journal().await;
    let copy = desk.temp_path().join("copy");
    fs::copy(desk.state_file("journal.db"), &copy).expect("a copy");
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[3])).await.expect("recorded");
    let third = desk.intent(job, 3, START_TIME);
    journal.record_intent(third.clone()).await.expect("recorded");
    journal.record_outcome(outcome_record(&third, Outcome::Confirmed, START_TIME)).await.expect("recorded");
    journal.close();
    fs::copy(&copy, desk.state_file("journal.db")).expect("put back");
    let (journal, recovered) = desk.open();
    assert_eq!(
        recovered.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["the journal ends at audit row 5, but went on to row 8: an older copy was put in its place, or rows \
             were cut off"]
    );
    let open: Vec<_> = recovered.unresolved.iter().map(|open| open.number).collect();
    assert_eq!(open, [number_id(2), number_id(3)]);
    journal.close();
    assert_eq!(findings_of_two_opens(&desk), [const { Vec::<String>::new() }; 2]);
}

#[tokio::test]
async fn a_sealed_pin_that_the_escrow_file_lost_is_added_again() {
    let desk = closed_journal().await;
    let before = EscrowFile::read(&desk.state_dir()).expect("readable").entries;
    fs::remove_file(desk.state_file("escrow.jsonl")).expect("removed");
    let found = findings_of_two_opens(&desk);
    assert_eq!(found[0], ["2 sealed PINs were missing from the escrow file, and were added to it again"]);
    assert_eq!(found[1], [""; 0]);
    assert_eq!(EscrowFile::read(&desk.state_dir()).expect("readable").entries, before);
    let sealed = JournalReader::open(&desk.state_dir()).expect("a journal").encrypted_pins().expect("readable");
    assert_eq!(sealed.into_iter().map(|pin| pin.escrow_entry).collect::<Vec<_>>(), before);
}

#[tokio::test]
async fn a_torn_last_line_is_no_finding_and_stays_none() {
    let desk = closed_journal().await;
    let mut file = fs::OpenOptions::new().append(true).open(desk.state_file("escrow.jsonl")).expect("the file");
    file.write_all(br#"{"v":1,"change":"0190"#).expect("written");
    assert_eq!(findings_of_two_opens(&desk), [const { Vec::<String>::new() }; 2]);
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[3])).await.expect("recorded");
    journal.record_intent(desk.intent(job, 3, START_TIME)).await.expect("recorded");
    journal.close();
    let contents = EscrowFile::read(&desk.state_dir()).expect("readable");
    assert_eq!((contents.entries.len(), contents.unreadable_lines, contents.is_torn), (3, vec![3], false));
    assert_eq!(findings_of_two_opens(&desk), [const { Vec::<String>::new() }; 2]);
}

#[tokio::test]
async fn a_torn_last_line_is_a_finding_where_no_journal_shows_that_its_pin_was_never_sent() {
    let desk = closed_journal().await;
    let text = fs::read_to_string(desk.state_file("escrow.jsonl")).expect("the file");
    fs::write(desk.state_file("escrow.jsonl"), &text[..text.len() - 50]).expect("cut");
    fs::remove_file(desk.state_file("journal.db")).expect("removed");
    let found = findings_of_two_opens(&desk);
    assert_eq!(found[0].len(), 2, "{found:?}");
    assert_eq!(found[0][1], "a line of escrow.jsonl cannot be read (line 2): its PIN may be lost");
    assert_eq!(found[1], [""; 0]);
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_told_once() {
    let desk = closed_journal().await;
    let text = fs::read_to_string(desk.state_file("escrow.jsonl")).expect("the file");
    fs::write(desk.state_file("escrow.jsonl"), text.replacen("{\"v\"", "x", 1)).expect("written");
    let found = findings_of_two_opens(&desk);
    assert_eq!(
        found[0],
        [
            "a line of escrow.jsonl cannot be read (line 1): its PIN may be lost",
            "a sealed PIN was missing from the escrow file, and was added to it again"
        ]
    );
    assert_eq!(found[1], [""; 0]);
}

#[tokio::test]
async fn a_line_that_is_not_the_journals_is_told_once_and_the_journals_is_added() {
    let desk = closed_journal().await;
    let before = EscrowFile::read(&desk.state_dir()).expect("readable").entries;
    let text = fs::read_to_string(desk.state_file("escrow.jsonl")).expect("the file");
    for (part, other) in [("\"waba_id\":null", "\"waba_id\":\"7\""), ("T14:00:00Z", "T14:00:01Z"), ("YWdl", "YWdm")] {
        fs::write(desk.state_file("escrow.jsonl"), text.replacen(part, other, 1)).expect("altered");
        assert_eq!(findings_of_two_opens(&desk).map(|found| found.len()), [1, 0], "{part} as {other}");
        let lines = EscrowFile::read(&desk.state_dir()).expect("readable").entries;
        assert_eq!((lines.len(), &lines[2]), (3, &before[0]), "{part} as {other}");
    }
    fs::write(desk.state_file("escrow.jsonl"), text.replace(&number_id(1).to_string(), &number_id(7).to_string()))
        .expect("altered");
    let found = findings_of_two_opens(&desk);
    assert_eq!(
        found[0],
        [
            "a line of the escrow file is not the one in the journal: one of them was altered or damaged. The journal's was \
             added to the file, and `pindesk escrow open` shows every PIN that opens"
        ]
    );
    assert_eq!(found[1], [""; 0]);
    let lines = EscrowFile::read(&desk.state_dir()).expect("readable").entries;
    assert_eq!((lines.len(), &lines[2], lines[0].number), (3, &before[0], number_id(7)));
}

#[tokio::test]
async fn what_was_recorded_can_be_neither_altered_nor_deleted() {
    let desk = closed_journal().await;
    let (journal, recovered) = desk.open();
    let in_doubt = recovered.unresolved.iter().map(|open| open.change).collect();
    journal.resolve(number_id(2), in_doubt, pindesk::domain::change::Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let db = desk.open_database();
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
        assert!(rows > 0, "{table} is empty, so this shows nothing");
        let update = db.execute_batch(&format!("UPDATE {table} SET {column} = {column}"));
        let delete = db.execute_batch(&format!("DELETE FROM {table}"));
        let told = [update, delete].map(|result| result.map_or_else(|error| error.to_string(), |()| "done".to_owned()));
        let expected = ["altered", "deleted"].map(|deed| format!("rows of {table} are never {deed}"));
        assert!(told.iter().zip(&expected).all(|(told, expected)| told.contains(expected)), "{told:?}");
    }
}

#[tokio::test]
async fn a_change_that_only_the_escrow_file_knows_counts_to_its_job() {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1, 2, 3])).await.expect("recorded");
    journal.close();
    let cut_short = desk.intent(job, 2, START_TIME).escrow_entry.expect("a line");
    // Of jobs that this journal lost; of one it has given the number to another since.
    let lost_job = desk.intent(JobId::new(9), 7, START_TIME).escrow_entry.expect("a line");
    let namesake = desk.intent(job, 8, START_TIME).escrow_entry.expect("a line");
    let escrow = EscrowFile::open(&desk.state_dir()).expect("the file");
    escrow.lock(Duration::ZERO).expect("nobody has it").append(&[cut_short, lost_job, namesake]).expect("appended");

    let (journal, recovered) = desk.open();
    let jobs: Vec<_> = recovered.unresolved.iter().map(|open| (open.number, open.job)).collect();
    assert_eq!(jobs, [(number_id(2), Some(job)), (number_id(7), None), (number_id(8), None)]);
    let detail =
        JournalReader::open(&desk.state_dir()).expect("a journal").job(job).expect("readable").expect("there is one");
    let states: Vec<_> = detail.numbers.iter().map(|number| number.state).collect();
    assert_eq!(states, [RecordedState::NotStarted, RecordedState::NoAnswer, RecordedState::NotStarted]);
    journal.resume_job(job, vec![number_id(1), number_id(2), number_id(3)]).await.expect_err("number 2 is not left");
    journal.resume_job(job, vec![number_id(1), number_id(3)]).await.expect("recorded");
    journal.close();
    assert_eq!(findings_of_two_opens(&desk), [const { Vec::<String>::new() }; 2]);
}
