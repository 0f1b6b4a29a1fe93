//! What the journal has about each number, whoever made its changes: read once, and then only what is new.

use pindesk::domain::change::{ChangeId, ChangeState, Completion, JobId, LastSet, Resolution};
use pindesk::domain::clock::{Clock, UtcTime};
use pindesk::domain::number::PhoneNumberId;
use pindesk::domain::operator::OperatorName;
use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::domain::text::CleanText;
use pindesk::journal::{
    Journal, JournalOptions, JournalReader, NumberRecord, NumberUpdate, Operator, OutcomeRecord, RecordCursor,
    RecordedChange,
};
use pindesk::state_dir::StateDir;

use super::{api_error, begin_job, no_answer, open_reader, record_intent, seconds};
use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, number_id, operator_ana, outcome_record};
use crate::support::tampering::rewrite_as_unbound;

fn ana() -> OperatorName {
    OperatorName::new(1000, Some(&CleanText::new("ana")), None, &CleanText::new("desk-1"))
}

fn after(time: u64) -> UtcTime {
    START_TIME.plus(seconds(time))
}

/// One attempt, which ended at this time.
const fn once(at: UtcTime) -> Completion {
    Completion { at, attempts: 1 }
}

fn last_set(at: UtcTime, escrow_keys: Option<u16>) -> LastSet {
    LastSet { at, by: ana(), escrow_keys }
}

fn record(n: u32, state: ChangeState, last_set: Option<LastSet>) -> NumberRecord {
    let latest = Some(RecordedChange { job: Some(JobId::new(1)), operator: ana(), state });
    NumberRecord { number: number_id(n), latest, last_set }
}

/// The records of all numbers, newest first.
fn all_records(reader: &JournalReader) -> Vec<NumberRecord> {
    let ends = reader.newest_ends().expect("readable");
    reader.number_records(&ends).expect("readable")
}

fn updates(reader: &JournalReader, cursor: &mut RecordCursor) -> Vec<NumberUpdate> {
    reader.number_updates(cursor, Clock::System).expect("readable")
}

fn numbers(updates: &[NumberUpdate]) -> Vec<PhoneNumberId> {
    updates.iter().map(|update| update.record.number).collect()
}

/// Records a change with this outcome.
async fn record_change(
    fixture: &JournalFixture,
    (journal, job): (&Journal, JobId),
    (n, standing): (u32, Standing),
    at: UtcTime,
) -> ChangeId {
    let intent = record_intent(fixture, journal, job, n, at).await;
    journal.record_outcome(outcome_record(&intent, standing, at)).await.expect("recorded");
    intent.change
}

#[tokio::test]
async fn each_number_has_its_newest_end_and_its_last_set() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2, 3, 4]).await;
    let outcomes = [
        (1, Standing::Set),
        (2, Standing::Set),
        (3, no_answer()),
        (4, Standing::NotSent(NotSentReason::Stopped)),
        (1, Standing::Failed(api_error())),
    ];
    for (outcome, at) in outcomes.into_iter().zip((0..).map(|n| after(300 * n))) {
        record_change(&fixture, (&journal, job), outcome, at).await;
    }
    let expected = [
        record(1, ChangeState::Failed(once(after(1_200)), api_error()), Some(last_set(START_TIME, Some(1)))),
        record(4, ChangeState::NotSent(once(after(900)), NotSentReason::Stopped), None),
        NumberRecord { number: number_id(3), latest: None, last_set: None },
        record(2, ChangeState::Set(once(after(300))), Some(last_set(after(300), Some(1)))),
    ];
    assert_eq!(all_records(&open_reader(&journal)), expected);
}

#[tokio::test]
async fn a_refusal_before_the_intent_counts_as_a_change() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let why = NotSentReason::WabaRefused(CleanText::new("the account is locked"));
    let refusal = OutcomeRecord {
        attempts: 0,
        ..outcome_record(&fixture.intent(job, 1, START_TIME), Standing::NotSent(why.clone()), START_TIME)
    };
    journal.record_refusal(refusal).await.expect("recorded");
    let state = ChangeState::NotSent(Completion { at: START_TIME, attempts: 0 }, why);
    assert_eq!(all_records(&open_reader(&journal)), [record(1, state, None)]);
}

#[tokio::test]
async fn a_resolved_change_is_the_newest_even_without_an_outcome() {
    let mut fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    record_change(&fixture, (&journal, job), (1, Standing::Set), START_TIME).await;
    let mut cut_short = Vec::new();
    for n in [1, 2] {
        cut_short.push(record_intent(&fixture, &journal, job, n, after(300)).await.change);
    }
    journal.close();
    fixture.now = after(600);
    let (journal, _) = fixture.open();
    let note = Some(CleanText::new("asked the shop"));
    for (n, change) in (1..).zip(cut_short) {
        journal.resolve(number_id(n), vec![change], Resolution::Manual, note.clone()).await.expect("recorded");
    }
    let mut records = all_records(&open_reader(&journal));
    records.reverse();
    let resolved = |record: &NumberRecord| {
        let Some(RecordedChange { state: ChangeState::Resolved(completion, end), .. }) = record.latest else {
            panic!("{record:?}")
        };
        (completion.attempts, end.how)
    };
    assert_eq!(records.iter().map(|record| record.number).collect::<Vec<_>>(), [number_id(1), number_id(2)]);
    assert_eq!(records.iter().map(resolved).collect::<Vec<_>>(), [(1, Resolution::Manual); 2]);
    assert_eq!(
        records.into_iter().map(|record| record.last_set).collect::<Vec<_>>(),
        [Some(last_set(START_TIME, Some(1))), None]
    );
}

#[tokio::test]
async fn without_an_escrow_no_key_opens_the_pin() {
    let mut fixture = JournalFixture::new();
    fixture.recipients = None;
    let (journal, job) = begin_job(&fixture, &[1]).await;
    record_change(&fixture, (&journal, job), (1, Standing::Set), START_TIME).await;
    let expected = record(1, ChangeState::Set(once(START_TIME)), Some(last_set(START_TIME, None)));
    assert_eq!(all_records(&open_reader(&journal)), [expected]);
}

#[tokio::test]
async fn a_sudo_user_is_marked_as_claimed() {
    let fixture = JournalFixture::new();
    let operator = Operator { sudo_user: Some(CleanText::new("bo")), ..operator_ana() };
    let (journal, _) = Journal::open(JournalOptions { operator, ..fixture.open_options() }).expect("a journal");
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    record_change(&fixture, (&journal, job), (1, Standing::Set), START_TIME).await;
    let records = all_records(&open_reader(&journal));
    let [NumberRecord { latest: Some(latest), last_set: Some(set), .. }] = &records[..] else { panic!("{records:?}") };
    assert_eq!((latest.operator.as_str(), set.by.as_str()), ("bo*@desk-1", "bo*@desk-1"));
    let history = open_reader(&journal).history(number_id(1), 1).expect("readable");
    assert_eq!(history[0].operator_label.as_str(), "bo*@desk-1");
}

#[tokio::test]
async fn only_numbers_with_new_rows_are_read_again() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    record_change(&fixture, (&journal, job), (1, Standing::Set), START_TIME).await;
    let reader = open_reader(&journal);
    let mut cursor = reader.record_cursor().expect("readable");
    let before = cursor.clone();
    assert_eq!((updates(&reader, &mut cursor), &cursor), (vec![], &before));
    let change = record_change(&fixture, (&journal, job), (2, Standing::Set), after(60)).await;
    let expected = NumberUpdate {
        record: record(2, ChangeState::Set(once(after(60))), Some(last_set(after(60), Some(1)))),
        unresolved: Vec::new(),
        held: Vec::new(),
        closed: vec![change],
    };
    assert_eq!(updates(&reader, &mut cursor), [expected]);
    assert_ne!(cursor, before);
    assert_eq!(updates(&reader, &mut cursor), []);
}

#[tokio::test]
async fn a_doubt_is_held_by_its_process_until_that_ends() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let reader = open_reader(&journal);
    let mut cursor = reader.record_cursor().expect("readable");
    let (other, job) = begin_job(&fixture, &[1]).await;
    let intent = record_intent(&fixture, &other, job, 1, START_TIME).await;
    let in_progress = updates(&reader, &mut cursor);
    let [NumberUpdate { unresolved, held, closed, .. }] = &in_progress[..] else { panic!("{in_progress:?}") };
    assert_eq!((unresolved.len(), held.len(), closed.len()), (0, 0, 0), "it may still end well");
    other.record_outcome(outcome_record(&intent, no_answer(), START_TIME)).await.expect("recorded");
    let in_doubt = updates(&reader, &mut cursor);
    let [NumberUpdate { unresolved, held, closed, .. }] = &in_doubt[..] else { panic!("{in_doubt:?}") };
    assert_eq!((unresolved.len(), &held[0].change, closed.len()), (0, &intent.change, 0));
    assert_eq!(numbers(&updates(&reader, &mut cursor)), [number_id(1)], "the process may have ended");
    other.close();
    let ended = updates(&reader, &mut cursor);
    let [NumberUpdate { unresolved, held, .. }] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!((&unresolved[0].change, held.len()), (&intent.change, 0));
    assert_eq!(updates(&reader, &mut cursor), []);
    journal.resolve(number_id(1), vec![intent.change], Resolution::Manual, None).await.expect("recorded");
    let resolved = updates(&reader, &mut cursor);
    let [NumberUpdate { unresolved, held, closed, .. }] = &resolved[..] else { panic!("{resolved:?}") };
    assert_eq!((unresolved.len(), held.len(), &closed[..]), (0, 0, &[intent.change][..]));
}

#[tokio::test]
async fn changes_of_this_process_are_not_reported_as_in_doubt() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let reader = open_reader(&journal);
    let mut cursor = reader.record_cursor().expect("readable");
    record_change(&fixture, (&journal, job), (1, no_answer()), START_TIME).await;
    let record = NumberRecord { number: number_id(1), latest: None, last_set: None };
    let expected = NumberUpdate { record, unresolved: Vec::new(), held: Vec::new(), closed: Vec::new() };
    assert_eq!(updates(&reader, &mut cursor), [expected]);
}

#[tokio::test]
async fn a_journal_without_the_index_gets_it_and_keeps_its_rows() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    record_change(&fixture, (&journal, job), (1, Standing::Set), START_TIME).await;
    journal.close();
    // The first version had no notes and no ends of jobs either.
    let old = "DROP INDEX outcomes_of_number; ALTER TABLE jobs DROP COLUMN note; DROP TABLE job_ends;
        PRAGMA user_version = 1";
    rewrite_as_unbound(&fixture.state_path(), "");
    fixture.open_database().execute_batch(old).expect("altered");
    let error = JournalReader::open(&StateDir::open(&fixture.state_path()).expect("a directory"));
    assert!(error.is_err_and(|error| error.to_string().contains("an older pindesk created it")));
    let (journal, _) = fixture.open();
    let expected = record(1, ChangeState::Set(once(START_TIME)), Some(last_set(START_TIME, Some(1))));
    assert_eq!(all_records(&open_reader(&journal)), [expected]);
    let plan: String = fixture
        .open_database()
        .query_row("EXPLAIN QUERY PLAN SELECT max(seq) FROM outcomes GROUP BY number", [], |row| row.get(3))
        .expect("a plan");
    assert_eq!(plan, "SCAN outcomes USING COVERING INDEX outcomes_of_number");
}
