//! The lock that every writer of a state directory takes: what happens while a suspended process holds it, and that a
//! paused journal does not hold it.

use std::time::{Duration, Instant};

use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::escrow::EscrowFile;
use pindesk::journal::RecordError;

use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, number_id, outcome_record};

/// Opens the escrow file, whose lock every writer takes.
fn open_escrow_file(fixture: &JournalFixture) -> EscrowFile {
    EscrowFile::open(&fixture.state_dir()).expect("opened")
}

/// The message about a lock that this process holds.
fn lock_holder_message() -> String {
    let pid = std::process::id();
    format!(
        "process {pid} holds the lock on ~/state/escrow.jsonl and may be suspended. To resume it: kill -CONT {pid}. To end it after that: kill {pid}"
    )
}

#[tokio::test]
async fn opening_waits_for_a_suspended_writer_and_names_it() {
    let fixture = JournalFixture::new();
    let other = open_escrow_file(&fixture);
    let _held = other.lock(Duration::ZERO).expect("the lock is free");
    let start = Instant::now();
    let error = fixture.try_open().expect_err("another writer holds the lock");
    assert!(start.elapsed() >= Duration::from_secs(5), "the other writer may only be slow: {:?}", start.elapsed());
    let expected = format!("journal in ~/state: {}. Nothing was changed, and nothing was sent", lock_holder_message());
    assert_eq!(fixture.without_temp_path(error), expected);
}

#[tokio::test]
async fn a_suspended_writer_blocks_intents_not_outcomes() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
    let first = fixture.intent(job, 1, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    let other = open_escrow_file(&fixture);
    let held = other.lock(Duration::ZERO).expect("the lock is free");
    let start = Instant::now();
    let refusal =
        outcome_record(&fixture.intent(job, 2, START_TIME), Standing::NotSent(NotSentReason::Stopped), START_TIME);
    let (intent_result, refusal_result, outcome_result) = tokio::join!(
        async {
            let result = journal.record_intent(fixture.intent(job, 2, START_TIME)).await;
            assert!(
                start.elapsed() >= Duration::from_secs(10),
                "the other writer may only be slow: {:?}",
                start.elapsed()
            );
            result
        },
        async {
            let result = journal.record_refusal(refusal).await;
            drop(held);
            result
        },
        journal.record_outcome(outcome_record(&first, Standing::Set, START_TIME))
    );
    for result in [intent_result, refusal_result] {
        match result {
            Err(RecordError::Busy(reason)) => {
                assert_eq!(
                    fixture.without_temp_path(reason),
                    format!("nothing can be recorded: {}", lock_holder_message())
                );
            }
            other => panic!("{other:?}"),
        }
    }
    outcome_result.expect("the outcome is recorded");
    journal.record_intent(fixture.intent(job, 2, START_TIME)).await.expect("the journal works again");
    journal.close();
    let (_, recovered) = fixture.open();
    assert_eq!(recovered.unresolved.iter().map(|open| open.number).collect::<Vec<_>>(), [number_id(2)]);
}

#[tokio::test]
async fn a_paused_journal_lets_other_processes_write() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let paused = journal.pause();
    let (job, other_job) = tokio::join!(journal.start_job(job_plan(&[1])), async {
        let (other, _) = fixture.open();
        let job = other.start_job(job_plan(&[2])).await;
        other.close();
        drop(paused);
        job
    });
    assert_eq!([other_job, job].map(|job| job.expect("recorded").get()), [1, 2]);
}
