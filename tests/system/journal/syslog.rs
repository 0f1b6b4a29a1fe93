//! Audit rows that also go to syslog: here a socket of the test.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use pindesk::domain::standing::Standing;
use pindesk::journal::{AuditEvent, JournalReader};

use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, outcome_record};

/// The rows that come until the sender has closed its socket, without their headers.
fn received(server: &UnixDatagram) -> Vec<String> {
    server.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let mut rows = Vec::new();
    let mut message = [0; 4096];
    while let Ok(len) = server.recv(&mut message) {
        let message = String::from_utf8(message[..len].to_vec()).expect("UTF-8");
        let start = message.find('{').expect("a row");
        rows.push(message[start..].to_owned());
    }
    rows
}

fn audit_rows(fixture: &JournalFixture) -> Vec<String> {
    let mut rows = Vec::new();
    let read = JournalReader::open(&fixture.state_dir()).expect("a journal").for_each_audit_row(None, |row| {
        rows.push(row.to_json()?);
        Ok::<_, serde_json::Error>(())
    });
    read.expect("readable").expect("JSON");
    rows
}

#[tokio::test]
async fn syslog_gets_the_rows_of_this_process_byte_for_byte() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    // Rows of another process.
    journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    journal.close();
    let socket = fixture.temp_path().join("log");
    let server = UnixDatagram::bind(&socket).expect("a socket");
    let (journal, _) = fixture.open();
    journal.forward_to_syslog(&socket).expect("syslog");
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = fixture.intent(job, 1, START_TIME);
    journal.record_intent(intent.clone()).await.expect("recorded");
    journal.record_outcome(outcome_record(&intent, Standing::Set, START_TIME)).await.expect("recorded");
    journal.close();
    assert_eq!(received(&server), audit_rows(&fixture)[1..]);
}

#[tokio::test]
async fn syslog_gets_what_recovery_found() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    journal.close();
    std::fs::remove_file(fixture.state_file("journal.db")).expect("the file exists");
    let socket = fixture.temp_path().join("log");
    let server = UnixDatagram::bind(&socket).expect("a socket");
    let (journal, report) = fixture.open();
    journal.forward_to_syslog(&socket).expect("syslog");
    journal.close();
    let rows = received(&server);
    assert_eq!(rows, audit_rows(&fixture));
    assert!(!report.findings.is_empty() && rows[0].contains(r#""action":"found""#), "{rows:?}");
}
