//! What the journal reports for commands: the operator and the note of a job, the last request of each number, and every
//! change in the order in which it was sent.

use pindesk::domain::change::JobId;
use pindesk::domain::standing::{ChangeResult, Standing};
use pindesk::domain::text::CleanText;
use pindesk::journal::{Intent, JobPlan, JournalReader, LastRequest, RecordedState, SentChange};

use super::{api_error, begin_job, no_answer, open_reader, record_intent, seconds};
use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, number_id, outcome_record};
use crate::support::tampering::rewrite_as_unbound;

#[tokio::test]
async fn a_job_keeps_its_note_and_its_operator() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let note = Some(CleanText::new("TICKET-123"));
    journal.start_job(JobPlan { note: note.clone(), ..job_plan(&[1]) }).await.expect("recorded");
    journal.start_job(job_plan(&[2])).await.expect("recorded");
    let reader = open_reader(&journal);
    let jobs = reader.jobs().expect("readable");
    let told: Vec<_> = jobs.iter().map(|job| (job.note.clone(), job.operator.name.as_str())).collect();
    assert_eq!(told, [(None, "ana@desk-1"), (note.clone(), "ana@desk-1")]);
    let shown = reader.job(JobId::new(1)).expect("readable").expect("a job").summary;
    assert_eq!((&shown, shown.operator.user.as_ref()), (&jobs[1], Some(&CleanText::new("ana"))));
    let mut notes = Vec::new();
    reader
        .for_each_audit_row(None, |row| {
            notes.push(row.note.map(|note| note.to_string()).unwrap_or_default());
            Ok::<_, ()>(())
        })
        .expect("readable")
        .expect("visited");
    assert_eq!(notes, ["1 number, profile acme, PINs given, note: TICKET-123", "1 number, profile acme, PINs given"]);
}

#[tokio::test]
async fn a_journal_without_notes_is_migrated() {
    let fixture = JournalFixture::new();
    let (journal, _) = begin_job(&fixture, &[1]).await;
    journal.close();
    let old = "ALTER TABLE jobs DROP COLUMN note; DROP TABLE job_ends; PRAGMA user_version = 2";
    rewrite_as_unbound(&fixture.state_path(), "");
    fixture.open_database().execute_batch(old).expect("altered");
    assert!(JournalReader::open(&fixture.state_dir()).is_err(), "a reader does not migrate");
    let (journal, report) = fixture.open();
    assert_eq!(report.findings, []);
    let jobs = open_reader(&journal).jobs().expect("readable");
    assert_eq!(jobs.iter().map(|job| (job.id, job.note.clone())).collect::<Vec<_>>(), [(JobId::new(1), None)]);
}

#[tokio::test]
async fn the_last_request_of_each_number_is_reported() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    let set = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&set, Standing::Set, START_TIME)).await.expect("recorded");
    let doubtful = record_intent(&fixture, &journal, job, 2, START_TIME).await;
    journal.record_outcome(outcome_record(&doubtful, no_answer(), START_TIME)).await.expect("recorded");
    let refused_at = START_TIME.plus(seconds(200));
    let refused = record_intent(&fixture, &journal, job, 1, refused_at).await;
    journal
        .record_outcome(outcome_record(&refused, Standing::Failed(api_error()), refused_at))
        .await
        .expect("recorded");
    let [failed, no_answer, was_set] =
        [ChangeResult::Failed, ChangeResult::NoAnswer, ChangeResult::Set].map(RecordedState::Ended);
    let reader = open_reader(&journal);
    let mut requests = reader.last_requests().expect("readable");
    requests.sort_by_key(|request| request.number);
    assert_eq!(
        requests,
        [
            LastRequest { number: number_id(1), state: failed, at: refused_at },
            LastRequest { number: number_id(2), state: no_answer, at: START_TIME },
        ]
    );
    let change = |intent: &Intent, state| SentChange {
        change: intent.change,
        number: intent.number,
        state,
        last_attempt_at: Some(intent.at),
        ended_at: Some(intent.at),
    };
    assert_eq!(
        reader.sent_changes(&[]).expect("readable"),
        [change(&set, was_set), change(&doubtful, no_answer), change(&refused, failed)]
    );
}

#[tokio::test]
async fn a_sent_change_ends_with_its_outcome() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    let answered_at = START_TIME.plus(seconds(25));
    let set = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&set, Standing::Set, answered_at)).await.expect("recorded");
    let in_flight = record_intent(&fixture, &journal, job, 2, START_TIME).await;
    let changes = open_reader(&journal).sent_changes(&[]).expect("readable");
    let times: Vec<_> = changes.iter().map(|sent| (sent.change, sent.last_attempt_at, sent.ended_at)).collect();
    let start = Some(START_TIME);
    assert_eq!(times, [(set.change, start, Some(answered_at)), (in_flight.change, start, start)]);
}
