//! Recorded changes: which stay unresolved, what resolves them, and how jobs, lists and histories report them.

use std::time::Duration;

use pindesk::domain::change::{JobId, LATE_ARRIVAL_WINDOW, Resolution};
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::outcome::DoubtReason;
use pindesk::domain::standing::{ChangeResult, DoubtCause, NotApplied, NotSentReason, Standing};
use pindesk::domain::text::CleanText;
use pindesk::escrow::EscrowFile;
use pindesk::journal::{
    AuditEvent, HistoryEntry, JobStatus, JournalReader, OutcomeRecord, RecipientsStatus, RecordError, RecordedState,
};

use super::{api_error, begin_job, busy_reason, no_answer, open_reader, record_intent, seconds};
use crate::support::journal_fixture::{JournalFixture, START_TIME, new_recipients, number_id, outcome_record};

#[tokio::test]
async fn a_change_with_an_outcome_leaves_nothing_open() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2, 3]).await;
    for (n, outcome) in
        [(1, Standing::Set), (2, Standing::Failed(api_error())), (3, Standing::NotSent(NotSentReason::Stopped))]
    {
        let intent = record_intent(&fixture, &journal, job, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, outcome, START_TIME)).await.expect("recorded");
    }
    journal.close();
    let (journal, recovered) = fixture.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
    assert_eq!(recovered.recipients, RecipientsStatus::Known);
    let mut descriptions = Vec::new();
    for n in 1..=3 {
        descriptions.extend(
            open_reader(&journal)
                .history(number_id(n), 5)
                .expect("readable")
                .into_iter()
                .map(|line| line.description.to_string()),
        );
    }
    assert_eq!(descriptions, ["set", "failed: the number is not registered", "not sent: stopped before it was sent"]);
}

#[tokio::test]
async fn an_interrupted_change_comes_back_in_doubt() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let intent = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_retry(intent.change, intent.number, 2).await.expect("recorded");
    journal.close();
    let (_, recovered) = fixture.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!((open.change, open.job, open.number), (intent.change, Some(job), number_id(1)));
    assert_eq!(
        (open.attempts, &open.doubt, open.two_step_before),
        (Some(2), &DoubtCause::ProcessEnded.into(), TwoStep::On)
    );
    assert_eq!((open.last_send, open.is_in_escrow), (START_TIME.plus(seconds(40)), true));
}

#[tokio::test]
async fn a_doubt_keeps_its_reason_attempts_and_time() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let intent = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    let mut record = outcome_record(
        &intent,
        Standing::in_doubt(DoubtReason::ServerError(api_error())),
        START_TIME.plus(seconds(40)),
    );
    record.attempts = 3;
    journal.record_outcome(record).await.expect("recorded");
    journal.close();
    let (_, recovered) = fixture.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!((open.attempts, &open.doubt), (Some(3), &DoubtReason::ServerError(api_error()).into()));
    assert_eq!(open.last_send, START_TIME.plus(seconds(40)));
}

#[tokio::test]
async fn a_confirmed_pin_resolves_earlier_doubts() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    let later = START_TIME.plus(seconds(600));
    let second = record_intent(&fixture, &journal, job, 1, later).await;
    journal.record_outcome(outcome_record(&second, Standing::Set, later)).await.expect("recorded");
    journal.close();
    assert_eq!(fixture.open().1.unresolved, []);
}

#[tokio::test]
async fn a_refused_later_pin_resolves_no_doubt() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    let later = START_TIME.plus(seconds(600));
    for outcome in [Standing::Failed(api_error()), Standing::NotSent(NotSentReason::Stopped)] {
        let second = record_intent(&fixture, &journal, job, 1, later).await;
        journal.record_outcome(outcome_record(&second, outcome, later)).await.expect("recorded");
    }
    journal.close();
    let open: Vec<_> = fixture.open().1.unresolved.into_iter().map(|open| open.change).collect();
    assert_eq!(open, [first.change]);
}

#[tokio::test]
async fn a_change_in_doubt_that_is_then_refused_stays_in_doubt() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    journal.record_retry(first.change, first.number, 2).await.expect("recorded");
    journal
        .record_outcome(outcome_record(&first, Standing::Failed(api_error()), START_TIME.plus(seconds(9))))
        .await
        .expect("recorded");
    journal.close();
    let unresolved = fixture.open().1.unresolved;
    assert_eq!(
        unresolved.iter().map(|open| (&open.doubt, open.last_send)).collect::<Vec<_>>(),
        [(&DoubtReason::TimedOut { waited: seconds(30) }.into(), START_TIME.plus(seconds(9)))]
    );
}

#[tokio::test]
async fn a_manual_resolution_keeps_its_note() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    let mut changes = Vec::new();
    for n in [1, 2] {
        let intent = record_intent(&fixture, &journal, job, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, no_answer(), START_TIME)).await.expect("recorded");
        changes.push(intent.change);
    }
    let note = Some(CleanText::new("asked the shop"));
    journal.resolve(number_id(1), vec![changes[0]], Resolution::Manual, note).await.expect("recorded");
    // A resolution does not stop a late request.
    assert_eq!(
        busy_reason(journal.record_intent(fixture.intent(job, 1, START_TIME)).await),
        "an earlier PIN can still reach this number; a different PIN can be sent from 14:02:00 UTC"
    );
    record_intent(&fixture, &journal, job, 1, START_TIME.plus(LATE_ARRIVAL_WINDOW)).await;
    journal.resolve(number_id(2), vec![changes[1]], Resolution::NoPinInForce, None).await.expect("recorded");
    let descriptions = |lines: Vec<HistoryEntry>| {
        lines.iter().map(|line| format!("{} {}", line.operator_label, line.description)).collect::<Vec<_>>()
    };
    let doubt = "ana@desk-1 no answer: sent, no answer in 30 s";
    assert_eq!(
        descriptions(open_reader(&journal).history(number_id(1), 9).expect("readable")),
        ["ana@desk-1 checked manually: asked the shop", doubt]
    );
    assert_eq!(
        descriptions(open_reader(&journal).history(number_id(2), 1).expect("readable")),
        ["ana@desk-1 no PIN in force: still not set after two minutes"]
    );
    journal.close();
    let open: Vec<_> = fixture.open().1.unresolved.into_iter().map(|open| open.number).collect();
    assert_eq!(open, [number_id(1)]);
}

#[tokio::test]
async fn the_history_tells_a_try_that_is_retried_from_the_end() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let intent = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    let throttled = || NotSentReason::Throttled(Box::new(api_error()));
    let after_doubt = |why| Standing::not_applied(NotApplied::NotSent(why), Some(&DoubtCause::ProcessEnded));
    let tries = [
        (0, Standing::NotSent(throttled()), true),
        (0, Standing::NotSent(NotSentReason::Paused), true),
        (1, Standing::Failed(api_error()), true),
        (2, no_answer(), true),
        (2, after_doubt(throttled()), true),
        (3, Standing::Failed(api_error()), false),
    ];
    for (attempts, standing, will_retry) in tries {
        let record = OutcomeRecord { attempts, will_retry, ..outcome_record(&intent, standing, START_TIME) };
        journal.record_outcome(record).await.expect("recorded");
    }
    let history = open_reader(&journal).history(number_id(1), 9).expect("readable");
    let message = api_error().message;
    assert_eq!(
        history.iter().map(|entry| entry.description.to_string()).collect::<Vec<_>>(),
        [
            &format!("failed: {message}"),
            "throttled, not counted as a try",
            "try 2 no answer: sent, no answer in 30 s",
            &format!("try 1 failed: {message}"),
            "paused before it was sent, not counted as a try",
            "throttled, not counted as a try",
        ]
    );
}

#[tokio::test]
async fn encrypted_pins_are_listed_in_send_order_with_outcome() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2, 3]).await;
    let (later, back) = (START_TIME.plus(LATE_ARRIVAL_WINDOW), START_TIME.minus(seconds(3600)));
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    let second = record_intent(&fixture, &journal, job, 1, later).await;
    journal.record_outcome(outcome_record(&second, Standing::Failed(api_error()), later)).await.expect("recorded");
    journal.record_retry(first.change, first.number, 2).await.expect("recorded");
    journal.record_outcome(outcome_record(&first, Standing::Set, later)).await.expect("recorded");
    // The clock was set back.
    let third = record_intent(&fixture, &journal, job, 2, back).await;
    journal.record_outcome(outcome_record(&third, Standing::Set, back)).await.expect("recorded");
    // The first attempt of a change that was refused later may have been applied.
    let fourth = record_intent(&fixture, &journal, job, 3, START_TIME).await;
    journal.record_outcome(outcome_record(&fourth, no_answer(), START_TIME)).await.expect("recorded");
    journal.record_retry(fourth.change, fourth.number, 2).await.expect("recorded");
    journal.record_outcome(outcome_record(&fourth, Standing::Failed(api_error()), START_TIME)).await.expect("recorded");
    journal.resolve(number_id(3), vec![fourth.change], Resolution::Manual, None).await.expect("recorded");
    journal.close();
    // Only the escrow file contains this change.
    let fifth = fixture.intent(job, 3, back);
    let escrow = EscrowFile::open(&fixture.state_dir()).expect("the file");
    let entry = fifth.escrow_entry.clone().expect("a line");
    escrow.lock(Duration::ZERO).expect("the lock is free").append(&[entry]).expect("appended");
    fixture.open().0.close();

    let pins = JournalReader::open(&fixture.state_dir()).expect("a journal").encrypted_pins(&[]).expect("readable");
    let pins_listed: Vec<_> =
        pins.iter().map(|pin| (pin.escrow_entry.change, pin.state, pin.last_attempt_at)).collect();
    assert_eq!(
        pins_listed,
        [
            (second.change, RecordedState::Ended(ChangeResult::Failed), Some(later)),
            (first.change, RecordedState::Ended(ChangeResult::Set), Some(START_TIME)),
            (third.change, RecordedState::Ended(ChangeResult::Set), Some(back)),
            (fourth.change, RecordedState::Resolved, Some(START_TIME)),
            (fifth.change, RecordedState::Ended(ChangeResult::NoAnswer), None),
        ]
    );
}

#[tokio::test]
async fn a_resolution_covers_only_the_named_changes() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let seen = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&seen, no_answer(), START_TIME)).await.expect("recorded");
    let unseen = record_intent(&fixture, &journal, job, 1, START_TIME.plus(LATE_ARRIVAL_WINDOW)).await;
    journal.resolve(number_id(1), vec![seen.change], Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let open: Vec<_> = fixture.open().1.unresolved.into_iter().map(|open| open.change).collect();
    assert_eq!(open, [unseen.change]);
}

#[tokio::test]
async fn a_job_resumes_only_its_remaining_numbers() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    let first = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, Standing::Set, START_TIME)).await.expect("recorded");
    journal.close();
    let (journal, _) = fixture.open();
    let reason = busy_reason(journal.resume_job(job, vec![number_id(1), number_id(2)]).await);
    assert_eq!(reason, "the remaining numbers of job 1 have changed");
    journal.resume_job(job, vec![number_id(2)]).await.expect("recorded");
}

#[tokio::test]
async fn changed_recipients_stop_intents_until_accepted() {
    let mut fixture = JournalFixture::new();
    fixture.recipients = None;
    let (journal, job) = begin_job(&fixture, &[1]).await;
    record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.close();
    // Recipients after none at all are a first use, not a change.
    fixture.recipients = Some(new_recipients());
    let first = fixture.recipients.as_ref().expect("some").fingerprints();
    let (journal, recovered) = fixture.open();
    assert_eq!(recovered.recipients, RecipientsStatus::Known);
    record_intent(&fixture, &journal, job, 2, START_TIME).await;
    journal.close();

    fixture.recipients = None;
    let (journal, recovered) = fixture.open();
    assert_eq!(recovered.recipients, RecipientsStatus::Changed { previous: first.clone(), current: vec![] });
    assert_eq!(journal.record_intent(fixture.intent(job, 3, START_TIME)).await, Err(RecordError::RecipientsChanged));
    journal.close();

    fixture.recipients = Some(new_recipients());
    let second = fixture.recipients.as_ref().expect("some").fingerprints();
    let (journal, recovered) = fixture.open();
    assert_eq!(recovered.recipients, RecipientsStatus::Changed { previous: first, current: second });
    let refused = fixture.intent(job, 3, START_TIME);
    assert_eq!(journal.record_intent(refused.clone()).await, Err(RecordError::RecipientsChanged));
    let escrow = std::fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("the file");
    assert!(!escrow.contains(&refused.change.to_string()), "a refused change is not in the escrow");
    journal.accept_recipients().await.expect("recorded");
    record_intent(&fixture, &journal, job, 3, START_TIME).await;
    journal.close();
    assert_eq!(fixture.open().1.recipients, RecipientsStatus::Known);
}

#[tokio::test]
async fn a_refused_intent_does_not_affect_its_group() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2]).await;
    let (good, again, other) =
        (fixture.intent(job, 1, START_TIME), fixture.intent(job, 1, START_TIME), fixture.intent(job, 2, START_TIME));
    let paused = journal.pause();
    let intents = [&good, &again, &other].map(|intent| journal.record_intent(intent.clone()));
    let mut records = Box::pin(futures_util::future::join_all(intents));
    assert!(futures_util::poll!(&mut records).is_pending(), "nothing is written while it is paused");
    drop(paused);
    let results = records.await;
    assert_eq!((&results[0], &results[2]), (&Ok(()), &Ok(())));
    busy_reason(results[1].clone());
    journal.close();
    let escrow = std::fs::read_to_string(fixture.state_file("escrow.jsonl")).expect("the file");
    let is_in_escrow = [&good, &again, &other].map(|intent| escrow.contains(&intent.change.to_string()));
    assert_eq!(is_in_escrow, [true, false, true]);
}

#[tokio::test]
async fn a_job_is_reported_number_by_number() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1, 2, 3, 4, 5, 6]).await;
    let outcomes =
        [Standing::Set, Standing::Failed(api_error()), Standing::NotSent(NotSentReason::Stopped), no_answer()];
    let mut last = None;
    for (n, outcome) in (1..).zip(outcomes) {
        let intent = record_intent(&fixture, &journal, job, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, outcome, START_TIME.plus(seconds(2)))).await.expect("recorded");
        last = Some(intent.change);
    }
    let in_doubt: Vec<_> = last.into_iter().collect();
    let running = record_intent(&fixture, &journal, job, 5, START_TIME).await;
    let states = |reader: &JournalReader| {
        let detail = reader.job(job).expect("readable").expect("the job exists");
        (detail.numbers.iter().map(|number| number.state).collect::<Vec<_>>(), detail.summary)
    };
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    let (states_now, summary) = states(&reader);
    let final_states = [
        RecordedState::Ended(ChangeResult::Set),
        RecordedState::Ended(ChangeResult::Failed),
        RecordedState::Ended(ChangeResult::NotSent),
        RecordedState::Ended(ChangeResult::NoAnswer),
    ];
    assert_eq!(states_now[..4], final_states);
    assert_eq!(states_now[4..], [RecordedState::Running, RecordedState::NotStarted]);
    assert_eq!(summary.counts, states_now.into_iter().map(|state| (state, 1)).collect());
    assert_eq!((summary.id, summary.status, summary.profile.as_str()), (job, JobStatus::Running, "acme"));

    journal.resolve(number_id(4), in_doubt, Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let (states_now, summary) = states(&reader);
    assert_eq!(
        states_now[3..],
        [RecordedState::Resolved, RecordedState::Ended(ChangeResult::NoAnswer), RecordedState::NotStarted]
    );
    assert_eq!(summary.counts, states_now.into_iter().map(|state| (state, 1)).collect());
    assert_eq!(summary.status, JobStatus::Interrupted);
    let detail = reader.job(job).expect("readable").expect("the job exists");
    let failed = &detail.numbers[1];
    assert_eq!((failed.reply().code, failed.reply().http_status, failed.attempts), (Some(136_025), Some(400), 1));
    assert_eq!(failed.reason(), Some(CleanText::new("the number is not registered")));
    let interrupted = &detail.numbers[4];
    assert_eq!(
        (interrupted.change, interrupted.standing.as_deref()),
        (Some(running.change), Some(&Standing::in_doubt(DoubtCause::ProcessEnded)))
    );
    assert_eq!(reader.jobs().expect("readable"), [summary]);
    assert_eq!(reader.job(JobId::new(9)).expect("readable"), None);
}

#[tokio::test]
async fn a_decryption_is_in_the_history_but_is_no_request() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let intent = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&intent, Standing::Set, START_TIME)).await.expect("recorded");
    let event = AuditEvent::PinDecrypted { change: intent.change, number: intent.number, waba: None };
    journal.record_event(event).await.expect("recorded");
    let entries = open_reader(&journal).history(number_id(1), 9).expect("readable");
    let history: Vec<_> = entries.iter().map(|entry| (entry.description.as_str(), entry.is_request)).collect();
    assert_eq!(history, [("decrypted from escrow", false), ("set", true)]);
}

#[tokio::test]
async fn a_history_has_what_was_queued_before_a_flush() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let outcome = Standing::NotSent(NotSentReason::Stopped);
    let refused = outcome_record(&fixture.intent(job, 1, START_TIME), outcome, START_TIME);
    drop(journal.record_refusal(refused));
    journal.flush().await;
    let entries = open_reader(&journal).history(number_id(1), 9).expect("readable");
    let history: Vec<_> = entries.iter().map(|entry| entry.description.as_str()).collect();
    assert_eq!(history, ["not sent: stopped before it was sent"]);
    // A closed journal has nothing queued.
    journal.clone().close();
    journal.flush().await;
}

#[tokio::test]
async fn reads_go_on_while_the_journal_is_paused() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    let intent = record_intent(&fixture, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&intent, Standing::Set, START_TIME)).await.expect("recorded");
    journal.cache_numbers("acme", vec![Number::from_config(number_id(1), None)]).await;
    let paused = journal.pause();
    let reader = open_reader(&journal);
    assert_eq!(reader.history(number_id(1), 9).expect("readable").len(), 1);
    assert_eq!(reader.cached_numbers("acme", None).expect("readable").len(), 1);
    drop(paused);
}

#[tokio::test]
async fn a_reader_that_is_closed_last_leaves_the_log() {
    let fixture = JournalFixture::new();
    let (journal, job) = begin_job(&fixture, &[1]).await;
    record_intent(&fixture, &journal, job, 1, START_TIME).await;
    let reader = open_reader(&journal);
    journal.close();
    let log_len = || std::fs::metadata(fixture.state_file("journal.db-wal")).map_or(0, |log| log.len());
    let before = log_len();
    drop(reader);
    assert!(before > 0 && log_len() == before, "{before} {}", log_len());
    assert_eq!(fixture.open().1.unresolved.len(), 1);
}
