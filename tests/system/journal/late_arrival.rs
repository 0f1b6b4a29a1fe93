//! How long a number waits for a different PIN after an attempt whose request may still arrive, and how long another
//! process keeps a number busy.

use std::time::{Duration, Instant};

use pindesk::domain::change::{LATE_ARRIVAL_WINDOW, StatusBefore};
use pindesk::domain::clock::{TimePoint, UtcTime};
use pindesk::domain::number::TwoStep;
use pindesk::domain::standing::{ChangeResult, Standing};
use pindesk::journal::{Intent, JobStatus, Journal, JournalOptions, JournalReader, OutcomeRecord, RecordedState};

use super::{api_error, begin_job, busy_reason, no_answer, record_intent, seconds};
use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, outcome_record};

#[tokio::test]
async fn no_new_pin_is_sent_while_one_may_still_arrive() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    record_intent(&fixture, &journal, job, 1, START_TIME).await;
    // pindesk may send the request for 30 seconds, and it may arrive for 120 more.
    let reason = busy_reason(journal.record_intent(fixture.intent(job, 1, START_TIME.plus(seconds(149)))).await);
    assert_eq!(reason, "an earlier PIN can still reach this number; a different PIN can be sent from 14:02:40 UTC");
    record_intent(&fixture, &journal, job, 1, START_TIME.plus(seconds(160))).await;
    record_intent(&fixture, &journal, job, 2, START_TIME).await;
}

#[tokio::test]
async fn the_wait_starts_at_the_outcome_if_there_is_one() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(5)))).await.expect("recorded");
    busy_reason(journal.record_intent(fixture.intent(job, 1, START_TIME.plus(seconds(124)))).await);
    record_intent(&fixture, &journal, job, 1, START_TIME.plus(seconds(125))).await;
}

#[tokio::test]
async fn a_retry_of_the_same_pin_restarts_the_wait() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(5)))).await.expect("recorded");
    journal.record_retry(first.change, first.number, 2).await.expect("the same PIN");
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(200)))).await.expect("recorded");
    busy_reason(journal.record_intent(fixture.intent(job, 1, START_TIME.plus(seconds(319)))).await);
    record_intent(&fixture, &journal, job, 1, START_TIME.plus(seconds(320))).await;
}

#[tokio::test]
async fn a_later_attempt_is_never_before_an_earlier_one() {
    let mut fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(100)))).await.expect("recorded");
    let second = record_intent(&fixture, &journal, job, 1, START_TIME.plus(seconds(300))).await;
    // The clock of the journal is still at START_TIME.
    journal.record_retry(second.change, second.number, 2).await.expect("recorded");
    journal.close();
    fixture.now = START_TIME.plus(seconds(300));
    let last_sends: Vec<_> = fixture.open().1.unresolved.into_iter().map(|open| open.last_send).collect();
    assert_eq!(last_sends, [START_TIME.plus(seconds(100)), START_TIME.plus(seconds(340))]);
}

#[tokio::test]
async fn a_clock_set_back_restores_at_most_the_whole_wait() {
    let mut fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    journal.close();
    fixture.now = START_TIME.plus(Duration::ZERO);
    let (_, recovered) = fixture.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    let instant = Instant::now();
    let from = |utc| open.new_pin_allowed_from(TimePoint { instant, utc }).instant.duration_since(instant);
    assert_eq!(from(START_TIME), LATE_ARRIVAL_WINDOW);
    assert_eq!(from(START_TIME.plus(seconds(100))), seconds(20));
    assert_eq!(from(START_TIME.plus(seconds(500))), Duration::ZERO);
    let an_hour_ago = UtcTime::from_unix_seconds(START_TIME.unix_seconds() - 3_600);
    assert_eq!(from(an_hour_ago), LATE_ARRIVAL_WINDOW + seconds(40));
}

#[tokio::test]
async fn an_unanswered_attempt_delays_new_pins_after_success() {
    let mut fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let confirmed = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_retry(confirmed.change, confirmed.number, 2).await.expect("recorded");
    journal
        .record_outcome(OutcomeRecord { attempts: 2, ..outcome_record(&confirmed, Standing::Set, START_TIME) })
        .await
        .expect("recorded");
    journal.close();

    // The next process starts ten seconds later: the first attempt can still arrive.
    fixture.now = START_TIME.plus(seconds(10));
    let (journal, recovered) = fixture.open();
    assert_eq!(recovered.unresolved, []);
    let reason = busy_reason(journal.record_intent(fixture.intent(job, 1, fixture.now)).await);
    assert_eq!(reason, "an earlier PIN can still reach this number; a different PIN can be sent from 14:02:00 UTC");
    record_intent(&fixture, &journal, job, 1, START_TIME.plus(LATE_ARRIVAL_WINDOW)).await;
}

#[tokio::test]
async fn a_pin_set_elsewhere_is_not_replaced_unseen() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let (other, others_job) = begin_job(&fixture, &[1]).await;
    let theirs = record_intent(&fixture, &other, others_job, 1, START_TIME).await;
    other.record_outcome(outcome_record(&theirs, Standing::Set, START_TIME.plus(seconds(5)))).await.expect("recorded");

    let ours = |read_at| {
        let intent = fixture.intent(job, 1, START_TIME.plus(seconds(9)));
        Intent { status_before: StatusBefore { read_at: Some(read_at), ..intent.status_before }, ..intent }
    };
    assert_eq!(
        busy_reason(journal.record_intent(ours(START_TIME)).await),
        "another pindesk set a PIN on this number at 22 Nov 2026 14:00 UTC, after its status was read here; refresh the number before you set another PIN"
    );
    journal.record_intent(ours(START_TIME.plus(seconds(6)))).await.expect("the number was refreshed since");
    // A process knows of the PINs that it set itself.
    let again = fixture.intent(others_job, 1, START_TIME.plus(seconds(9)));
    journal.close();
    let again = Intent {
        status_before: StatusBefore { read_at: Some(START_TIME), ..again.status_before },
        at: START_TIME.plus(LATE_ARRIVAL_WINDOW * 2),
        ..again
    };
    other.record_intent(again).await.expect("its own PIN");
}

#[tokio::test]
async fn a_status_read_after_opening_knows_older_pins() {
    let fixture = JournalFixture::new();
    let (other, others_job) = begin_job(&fixture, &[1]).await;
    let theirs = record_intent(&fixture, &other, others_job, 1, START_TIME).await;
    other.record_outcome(outcome_record(&theirs, Standing::Set, START_TIME)).await.expect("recorded");
    let open = |reads_after_open| {
        let options = JournalOptions { reads_after_open, ..fixture.open_options() };
        Journal::open(options).expect("a good journal").0
    };
    // Both happened in the same second.
    let ours = |job| {
        let intent = fixture.intent(job, 1, START_TIME);
        Intent { status_before: StatusBefore { read_at: Some(START_TIME), ..intent.status_before }, ..intent }
    };
    let journal = open(false);
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    busy_reason(journal.record_intent(ours(job)).await);
    journal.close();
    let journal = open(true);
    record_intent(&fixture, &journal, job, 2, START_TIME).await;
    let replacing = ours(job);
    journal.record_intent(replacing.clone()).await.expect("the status shows that PIN");
    journal.record_outcome(outcome_record(&replacing, Standing::Set, START_TIME)).await.expect("recorded");

    // A PIN that is set elsewhere after that is news again.
    let theirs = Intent { status_before: StatusBefore { read_at: None, two_step: TwoStep::On }, ..ours(others_job) };
    other.record_intent(theirs.clone()).await.expect("recorded");
    other.record_outcome(outcome_record(&theirs, Standing::Set, START_TIME)).await.expect("recorded");
    busy_reason(journal.record_intent(ours(job)).await);
}

#[tokio::test]
async fn a_retry_yields_to_a_pin_sent_by_another_process() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    let waiting = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal
        .record_outcome(outcome_record(&waiting, Standing::Failed(api_error()), START_TIME))
        .await
        .expect("recorded");
    let (other, others_job) = begin_job(&fixture, &[1]).await;
    let theirs = record_intent(&fixture, &other, others_job, 1, START_TIME.plus(seconds(9))).await;
    other.record_outcome(outcome_record(&theirs, Standing::Set, START_TIME.plus(seconds(9)))).await.expect("recorded");
    let reason = busy_reason(journal.record_retry(waiting.change, waiting.number, 2).await);
    assert_eq!(reason, "another pindesk sent a different PIN to this number since the last try");
    // A process knows of its own later PIN.
    let result = other.record_retry(theirs.change, theirs.number, 2).await;
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn a_change_waiting_to_retry_is_busy_until_closed() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let waiting = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    let record =
        OutcomeRecord { will_retry: true, ..outcome_record(&waiting, Standing::Failed(api_error()), START_TIME) };
    journal.record_outcome(record).await.expect("recorded");
    let state = || {
        let detail = JournalReader::open(&fixture.state_dir())
            .expect("a journal")
            .job(job)
            .expect("readable")
            .expect("the job exists");
        (detail.summary.status, detail.numbers[0].state)
    };
    assert_eq!(state(), (JobStatus::Running, RecordedState::Running));
    let (other, others_job) = begin_job(&fixture, &[1]).await;
    let reason = busy_reason(other.record_intent(fixture.intent(others_job, 1, START_TIME)).await);
    assert!(reason.starts_with("another pindesk is working on this number"), "{reason}");
    journal.close();
    assert_eq!(state(), (JobStatus::Interrupted, RecordedState::Ended(ChangeResult::NotSent)));
    record_intent(&fixture, &other, others_job, 1, START_TIME).await;
}
