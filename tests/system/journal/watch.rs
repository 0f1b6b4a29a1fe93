//! The watch on the journal: it reports rows of every process, the end of a process, and nothing else.

use std::fs;
use std::time::Duration;

use pindesk::domain::clock::{Clock, UtcTime};
use pindesk::domain::number::Number;
use pindesk::domain::standing::Standing;
use pindesk::journal::{AuditEvent, Journal, JournalWatch};

use super::{begin_job, open_reader, record_intent};
use crate::support::journal_fixture::{JournalFixture, START_TIME, number_id, outcome_record};

/// How long a report may take on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

async fn wait_for_change(watch: &mut JournalWatch) {
    tokio::time::timeout(TIMEOUT, watch.changed()).await.expect("reported in time").expect("watched");
}

/// Long enough for a report of something that has happened already.
const REPORT_TIME: Duration = Duration::from_millis(50);

/// Asserts that nothing is reported.
async fn assert_unchanged(watch: &mut JournalWatch) {
    let unchanged = tokio::time::timeout(REPORT_TIME, watch.changed()).await;
    assert!(unchanged.is_err(), "{unchanged:?}");
}

fn start_watch(journal: &Journal) -> JournalWatch {
    journal.watch().expect("watched")
}

#[tokio::test]
async fn a_row_of_another_process_is_reported_when_it_can_be_read() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let (other, job) = begin_job(&fixture, &[1]).await;
    let mut watch = start_watch(&journal);
    let mut cursor = open_reader(&journal).record_cursor().expect("readable");
    for n in 0..50 {
        let at = UtcTime::from_unix_seconds(START_TIME.unix_seconds() + n * 300);
        let intent = record_intent(&fixture, &other, job, 1, at).await;
        other.record_outcome(outcome_record(&intent, Standing::Set, at)).await.expect("recorded");
        let mut is_set = false;
        // The intent is reported as well.
        while !is_set {
            wait_for_change(&mut watch).await;
            let updates = open_reader(&journal).number_updates(&mut cursor, Clock::System).expect("readable");
            is_set = updates.iter().any(|update| update.closed.contains(&intent.change));
        }
    }
}

#[tokio::test]
async fn reads_and_cached_numbers_are_not_reported() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let mut watch = start_watch(&journal);
    assert_unchanged(&mut watch).await;
    journal.cache_numbers("acme", vec![Number::from_config(number_id(1), None)]).await;
    assert_eq!(open_reader(&journal).cached_numbers("acme", None).expect("readable").len(), 1);
    let (other, _) = fixture.open();
    wait_for_change(&mut watch).await;
    assert_unchanged(&mut watch).await;
    drop(other);
}

#[tokio::test]
async fn the_end_of_another_process_is_reported() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let (other, _) = fixture.open();
    let mut watch = start_watch(&journal);
    other.close();
    wait_for_change(&mut watch).await;
    assert_unchanged(&mut watch).await;
}

#[tokio::test]
async fn a_watch_survives_a_new_log_and_a_new_head() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let mut watch = start_watch(&journal);
    // The checkpoint of the last writer deletes the write-ahead log.
    journal.close();
    assert!(!fixture.state_file("journal.db-wal").exists());
    wait_for_change(&mut watch).await;
    let (journal, _) = fixture.open();
    wait_for_change(&mut watch).await;
    journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    wait_for_change(&mut watch).await;
    journal.close();
    fs::remove_file(fixture.state_file("audit.head")).expect("it was there");
    wait_for_change(&mut watch).await;
    let (journal, _) = fixture.open();
    wait_for_change(&mut watch).await;
    journal.record_event(AuditEvent::ScreenShown).await.expect("recorded");
    wait_for_change(&mut watch).await;
}
