//! One change after the other: what is open, what closes it, and when another PIN is refused.

use std::time::{Duration, Instant};

use pindesk::domain::change::{JobId, LATE_ARRIVAL_WINDOW, Resolution, StatusBefore};
use pindesk::domain::clock::{Clock, ManualClock, TimePoint, UtcTime};
use pindesk::domain::number::{Number, TwoStep, Waba};
use pindesk::domain::outcome::{ApiError, DoubtReason, NotSentReason, Outcome};
use pindesk::domain::text::CleanText;
use pindesk::escrow::EscrowFile;
use pindesk::journal::{
    AuditEvent, Intent, JobStatus, Journal, JournalOptions, JournalReader, OutcomeRecord, RecipientsStatus,
    RecordError, RecordedState, RecoveryReport,
};

use crate::support::records::{JournalFixture, START_TIME, job_plan, new_recipients, number_id, outcome_record};
use crate::support::skip;

const ONE_YEAR: Duration = Duration::from_hours(365 * 24);

fn fault() -> ApiError {
    ApiError {
        http_status: 400,
        code: 136_025,
        subcode: Some(2_388_093),
        message: CleanText::new("the number is not registered"),
        details: None,
        trace_id: Some(CleanText::new("Atrace01")),
        is_transient: false,
    }
}

fn no_answer() -> Outcome {
    Outcome::InDoubt(DoubtReason::TimedOut { waited: Duration::from_secs(30) })
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Opens the journal of a desk and begins a job of these numbers.
async fn begin_job(desk: &JournalFixture, numbers: &[u32]) -> (Journal, JobId) {
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(numbers)).await.expect("recorded");
    (journal, job)
}

async fn record_intent(
    desk: &JournalFixture,
    journal: &Journal,
    job: JobId,
    n: u32,
    at: pindesk::domain::clock::UtcTime,
) -> Intent {
    let intent = desk.intent(job, n, at);
    journal.record_intent(intent.clone()).await.expect("recorded");
    intent
}

fn busy_reason(answer: Result<(), RecordError>) -> String {
    match answer {
        Err(RecordError::Busy(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_that_came_to_its_end_leaves_nothing_open() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1, 2, 3]).await;
    for (n, outcome) in
        [(1, Outcome::Confirmed), (2, Outcome::Refused(fault())), (3, Outcome::NotSent(NotSentReason::Stopped))]
    {
        let intent = record_intent(&desk, &journal, job, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, outcome, START_TIME)).await.expect("recorded");
    }
    journal.close();
    let (journal, recovered) = desk.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
    assert_eq!(recovered.recipients, RecipientsStatus::Known);
    let mut told = Vec::new();
    for n in 1..=3 {
        told.extend(journal.history(number_id(n), 5).await.into_iter().map(|line| line.description.to_string()));
    }
    assert_eq!(told, ["set", "failed: the number is not registered", "not sent: stopped before it was sent"]);
}

#[tokio::test]
async fn a_change_cut_short_comes_back_in_doubt() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let intent = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_retry(intent.change, intent.number, 2).await.expect("recorded");
    journal.close();
    let (_, recovered) = desk.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!((open.change, open.job, open.number), (intent.change, Some(job), number_id(1)));
    assert_eq!((open.attempts, &open.reason, open.two_step_before), (Some(2), &DoubtReason::ProcessEnded, TwoStep::On));
    assert_eq!((open.last_send, open.is_in_escrow), (START_TIME.plus(seconds(40)), true));
}

#[tokio::test]
async fn a_doubt_keeps_its_cause_its_tries_and_its_time() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let intent = record_intent(&desk, &journal, job, 1, START_TIME).await;
    let mut rest =
        outcome_record(&intent, Outcome::InDoubt(DoubtReason::ServerError(fault())), START_TIME.plus(seconds(40)));
    rest.attempts = 3;
    journal.record_outcome(rest).await.expect("recorded");
    journal.close();
    let (_, recovered) = desk.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!((open.attempts, &open.reason), (Some(3), &DoubtReason::ServerError(fault())));
    assert_eq!(open.last_send, START_TIME.plus(seconds(40)));
}

#[tokio::test]
async fn no_other_pin_goes_out_while_one_could_still_land() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    record_intent(&desk, &journal, job, 1, START_TIME).await;
    // The request may leave for 30 seconds, and land for 120 more.
    let why = busy_reason(journal.record_intent(desk.intent(job, 1, START_TIME.plus(seconds(149)))).await);
    assert_eq!(why, "an earlier PIN can still land on this number; another is possible from 14:02:40 UTC");
    record_intent(&desk, &journal, job, 1, START_TIME.plus(seconds(160))).await;
    record_intent(&desk, &journal, job, 2, START_TIME).await;
}

#[tokio::test]
async fn the_time_counts_from_the_outcome_where_there_is_one() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(5)))).await.expect("recorded");
    busy_reason(journal.record_intent(desk.intent(job, 1, START_TIME.plus(seconds(124)))).await);
    record_intent(&desk, &journal, job, 1, START_TIME.plus(seconds(125))).await;
}

#[tokio::test]
async fn the_same_pin_may_be_sent_again_at_once_and_another_then_waits_anew() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(5)))).await.expect("recorded");
    journal.record_retry(first.change, first.number, 2).await.expect("the same PIN");
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(200)))).await.expect("recorded");
    busy_reason(journal.record_intent(desk.intent(job, 1, START_TIME.plus(seconds(319)))).await);
    record_intent(&desk, &journal, job, 1, START_TIME.plus(seconds(320))).await;
}

#[tokio::test]
async fn a_second_try_is_judged_by_the_time_of_the_first_at_least() {
    let mut desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME.plus(seconds(100)))).await.expect("recorded");
    let second = record_intent(&desk, &journal, job, 1, START_TIME.plus(seconds(300))).await;
    // The journal's own clock still stands at START_TIME.
    journal.record_retry(second.change, second.number, 2).await.expect("recorded");
    journal.close();
    desk.now = START_TIME.plus(seconds(300));
    let last_sends: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.last_send).collect();
    assert_eq!(last_sends, [START_TIME.plus(seconds(100)), START_TIME.plus(seconds(340))]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_lengthens_the_wait_to_its_whole_and_no_more() {
    let mut desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    journal.close();
    desk.now = START_TIME.plus(Duration::ZERO);
    let (_, recovered) = desk.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    let instant = Instant::now();
    let from = |utc| open.new_pin_allowed_from(TimePoint { instant, utc }).instant.duration_since(instant);
    assert_eq!(from(START_TIME), LATE_ARRIVAL_WINDOW);
    assert_eq!(from(START_TIME.plus(seconds(100))), seconds(20));
    assert_eq!(from(START_TIME.plus(seconds(500))), Duration::ZERO);
    let an_hour_ago = pindesk::domain::clock::UtcTime::from_unix_seconds(START_TIME.unix_seconds() - 3_600);
    assert_eq!(from(an_hour_ago), LATE_ARRIVAL_WINDOW + seconds(40));
}

#[tokio::test]
async fn a_confirmed_pin_settles_the_doubts_before_it() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    let later = START_TIME.plus(seconds(600));
    let second = record_intent(&desk, &journal, job, 1, later).await;
    journal.record_outcome(outcome_record(&second, Outcome::Confirmed, later)).await.expect("recorded");
    journal.close();
    assert_eq!(desk.open().1.unresolved, []);
}

#[tokio::test]
async fn a_later_pin_that_was_refused_settles_no_doubt() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    let later = START_TIME.plus(seconds(600));
    for outcome in [Outcome::Refused(fault()), Outcome::NotSent(NotSentReason::Stopped)] {
        let second = record_intent(&desk, &journal, job, 1, later).await;
        journal.record_outcome(outcome_record(&second, outcome, later)).await.expect("recorded");
    }
    journal.close();
    let open: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.change).collect();
    assert_eq!(open, [first.change]);
}

#[tokio::test]
async fn a_change_in_doubt_that_is_then_refused_stays_in_doubt() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    journal.record_retry(first.change, first.number, 2).await.expect("recorded");
    journal
        .record_outcome(outcome_record(&first, Outcome::Refused(fault()), START_TIME.plus(seconds(9))))
        .await
        .expect("recorded");
    journal.close();
    let unresolved = desk.open().1.unresolved;
    assert_eq!(
        unresolved.iter().map(|open| (&open.reason, open.last_send)).collect::<Vec<_>>(),
        [(&DoubtReason::TimedOut { waited: seconds(30) }, START_TIME.plus(seconds(9)))]
    );
}

#[tokio::test]
async fn what_was_checked_by_hand_is_settled_with_its_note() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1, 2]).await;
    let mut changes = Vec::new();
    for n in [1, 2] {
        let intent = record_intent(&desk, &journal, job, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, no_answer(), START_TIME)).await.expect("recorded");
        changes.push(intent.change);
    }
    let note = Some(CleanText::new("asked the shop"));
    journal.resolve(number_id(1), vec![changes[0]], Resolution::Manual, note).await.expect("recorded");
    // A note keeps nothing from landing.
    assert_eq!(
        busy_reason(journal.record_intent(desk.intent(job, 1, START_TIME)).await),
        "an earlier PIN can still land on this number; another is possible from 14:02:00 UTC"
    );
    record_intent(&desk, &journal, job, 1, START_TIME.plus(LATE_ARRIVAL_WINDOW)).await;
    journal.resolve(number_id(2), vec![changes[1]], Resolution::NoPinInForce, None).await.expect("recorded");
    let told = |lines: Vec<pindesk::journal::HistoryEntry>| {
        lines.iter().map(|line| format!("{} {}", line.operator_label, line.description)).collect::<Vec<_>>()
    };
    let doubt = "uid 1000 (ana) no answer: sent, no answer in 30 s";
    assert_eq!(told(journal.history(number_id(1), 9).await), ["uid 1000 (ana) checked by hand: asked the shop", doubt]);
    assert_eq!(
        told(journal.history(number_id(2), 1).await),
        ["uid 1000 (ana) no PIN in force: still not set two minutes later"]
    );
    journal.close();
    let open: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.number).collect();
    assert_eq!(open, [number_id(1)]);
}

#[tokio::test]
async fn sealed_pins_stand_as_they_were_last_sent_whatever_the_clock_said_and_with_what_became_of_each() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1, 2, 3]).await;
    let (later, back) = (START_TIME.plus(LATE_ARRIVAL_WINDOW), START_TIME.minus(seconds(3600)));
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, no_answer(), START_TIME)).await.expect("recorded");
    let second = record_intent(&desk, &journal, job, 1, later).await;
    journal.record_outcome(outcome_record(&second, Outcome::Refused(fault()), later)).await.expect("recorded");
    journal.record_retry(first.change, first.number, 2).await.expect("recorded");
    journal.record_outcome(outcome_record(&first, Outcome::Confirmed, later)).await.expect("recorded");
    // The clock was set back.
    let third = record_intent(&desk, &journal, job, 2, back).await;
    journal.record_outcome(outcome_record(&third, Outcome::Confirmed, back)).await.expect("recorded");
    // What was refused in the end may have been applied before.
    let fourth = record_intent(&desk, &journal, job, 3, START_TIME).await;
    journal.record_outcome(outcome_record(&fourth, no_answer(), START_TIME)).await.expect("recorded");
    journal.record_retry(fourth.change, fourth.number, 2).await.expect("recorded");
    journal.record_outcome(outcome_record(&fourth, Outcome::Refused(fault()), START_TIME)).await.expect("recorded");
    journal.resolve(number_id(3), vec![fourth.change], Resolution::Manual, None).await.expect("recorded");
    journal.close();
    // Only the escrow file knows of this one.
    let fifth = desk.intent(job, 3, back);
    let escrow = EscrowFile::open(&desk.state_dir()).expect("the file");
    let found = fifth.escrow_entry.clone().expect("a line");
    escrow.lock(Duration::ZERO).expect("nobody has it").append(&[found]).expect("appended");
    desk.open().0.close();

    let pins = JournalReader::open(&desk.state_dir()).expect("a journal").encrypted_pins().expect("readable");
    let told: Vec<_> = pins.iter().map(|pin| (pin.escrow_entry.change, pin.state, pin.last_attempt_at)).collect();
    assert_eq!(
        told,
        [
            (second.change, RecordedState::Failed, Some(later)),
            (first.change, RecordedState::Set, Some(START_TIME)),
            (third.change, RecordedState::Set, Some(back)),
            (fourth.change, RecordedState::Resolved, Some(START_TIME)),
            (fifth.change, RecordedState::NoAnswer, None),
        ]
    );
}

#[tokio::test]
async fn only_what_was_decided_about_is_settled() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let seen = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&seen, no_answer(), START_TIME)).await.expect("recorded");
    let unseen = record_intent(&desk, &journal, job, 1, START_TIME.plus(LATE_ARRIVAL_WINDOW)).await;
    journal.resolve(number_id(1), vec![seen.change], Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let open: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.change).collect();
    assert_eq!(open, [unseen.change]);
}

#[tokio::test]
async fn a_try_without_a_sure_answer_keeps_other_pins_away_whatever_became_of_its_change() {
    let mut desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let confirmed = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_retry(confirmed.change, confirmed.number, 2).await.expect("recorded");
    journal
        .record_outcome(OutcomeRecord { attempts: 2, ..outcome_record(&confirmed, Outcome::Confirmed, START_TIME) })
        .await
        .expect("recorded");
    journal.close();

    // The next process, ten seconds later: the first try can still land.
    desk.now = START_TIME.plus(seconds(10));
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.unresolved, []);
    let words = busy_reason(journal.record_intent(desk.intent(job, 1, desk.now)).await);
    assert_eq!(words, "an earlier PIN can still land on this number; another is possible from 14:02:00 UTC");
    record_intent(&desk, &journal, job, 1, START_TIME.plus(LATE_ARRIVAL_WINDOW)).await;
}

#[tokio::test]
async fn a_pin_that_another_process_set_since_the_number_was_read_is_not_replaced_unseen() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let (other, others_job) = begin_job(&desk, &[1]).await;
    let theirs = record_intent(&desk, &other, others_job, 1, START_TIME).await;
    other
        .record_outcome(outcome_record(&theirs, Outcome::Confirmed, START_TIME.plus(seconds(5))))
        .await
        .expect("recorded");

    let ours = |read_at| {
        let intent = desk.intent(job, 1, START_TIME.plus(seconds(9)));
        Intent { status_before: StatusBefore { read_at: Some(read_at), ..intent.status_before }, ..intent }
    };
    assert_eq!(
        busy_reason(journal.record_intent(ours(START_TIME)).await),
        "another pindesk set a PIN on this number at 22 Nov 2026 14:00 UTC, after its status was read here; read it again \
         before another is set"
    );
    journal.record_intent(ours(START_TIME.plus(seconds(6)))).await.expect("whoever confirmed saw what was on");
    // What this process set itself is no news to it.
    let again = desk.intent(others_job, 1, START_TIME.plus(seconds(9)));
    journal.close();
    let again = Intent {
        status_before: StatusBefore { read_at: Some(START_TIME), ..again.status_before },
        at: START_TIME.plus(LATE_ARRIVAL_WINDOW * 2),
        ..again
    };
    other.record_intent(again).await.expect("its own PIN");
}

#[tokio::test]
async fn a_change_that_waits_for_its_repeat_gives_way_to_what_another_process_sent_meanwhile() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1, 2]).await;
    let waiting = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&waiting, Outcome::Refused(fault()), START_TIME)).await.expect("recorded");
    let (other, others_job) = begin_job(&desk, &[1]).await;
    let theirs = record_intent(&desk, &other, others_job, 1, START_TIME.plus(seconds(9))).await;
    other
        .record_outcome(outcome_record(&theirs, Outcome::Confirmed, START_TIME.plus(seconds(9))))
        .await
        .expect("recorded");
    let why = busy_reason(journal.record_retry(waiting.change, waiting.number, 2).await);
    assert_eq!(why, "another pindesk sent another PIN to this number since the last try");
    // Its own later PIN is no news to a process.
    let again = other.record_retry(theirs.change, theirs.number, 2).await;
    assert_eq!(again, Ok(()));
}

#[tokio::test]
async fn what_waits_for_its_repeat_is_at_work_and_never_was_sent_once_its_process_is_gone() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let waiting = record_intent(&desk, &journal, job, 1, START_TIME).await;
    let slower = OutcomeRecord { will_retry: true, ..outcome_record(&waiting, Outcome::Refused(fault()), START_TIME) };
    journal.record_outcome(slower).await.expect("recorded");
    let state = || {
        let detail = JournalReader::open(&desk.state_dir())
            .expect("a journal")
            .job(job)
            .expect("readable")
            .expect("there is one");
        (detail.summary.status, detail.numbers[0].state)
    };
    assert_eq!(state(), (JobStatus::Running, RecordedState::Running));
    let (other, others_job) = begin_job(&desk, &[1]).await;
    let why = busy_reason(other.record_intent(desk.intent(others_job, 1, START_TIME)).await);
    assert!(why.starts_with("another pindesk is at work on this number"), "{why}");
    journal.close();
    assert_eq!(state(), (JobStatus::Finished, RecordedState::NotSent));
    record_intent(&desk, &other, others_job, 1, START_TIME).await;
}

/// Opens the journal of a desk by the system's clock.
fn open_with_system_clock(desk: &JournalFixture) -> (Journal, RecoveryReport) {
    let opening = JournalOptions { clock: Clock::System, ..desk.open_options() };
    Journal::open(opening).expect("a good journal")
}

/// Leaves number 1 in doubt when the clock shows this time.
async fn leave_in_doubt(desk: &JournalFixture, at: UtcTime) -> JobId {
    let (journal, _) = open_with_system_clock(desk);
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = record_intent(desk, &journal, job, 1, at).await;
    journal.record_outcome(outcome_record(&intent, no_answer(), at)).await.expect("recorded");
    journal.close();
    job
}

/// Alters what was recorded of the time since the machine was started.
fn shift_uptimes(desk: &JournalFixture, by: &str) {
    let db = desk.open_database();
    db.execute_batch("DROP TRIGGER IF EXISTS tries_stay; DROP TRIGGER IF EXISTS outcomes_stay").expect("dropped");
    db.execute_batch(&format!("UPDATE tries SET up = up {by}; UPDATE outcomes SET up = up {by}")).expect("altered");
}

/// How long after an opening now no new PIN goes to the number in doubt.
fn time_until_new_pin(desk: &JournalFixture) -> Duration {
    let [open] = &open_with_system_clock(desk).1.unresolved[..] else { panic!("one is in doubt") };
    let now = Clock::System.now();
    open.new_pin_allowed_from(now).instant - now.instant
}

#[tokio::test]
async fn a_clock_at_the_end_of_what_can_be_told_frees_no_number_early() {
    let desk = JournalFixture::new();
    let end = UtcTime::from_unix_seconds(u32::MAX);
    let job = leave_in_doubt(&desk, end).await;
    let words = busy_reason(open_with_system_clock(&desk).0.record_intent(desk.intent(job, 1, end)).await);
    assert!(words.starts_with("an earlier PIN can still land on this number"), "{words}");
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_keeps_a_number_no_longer_than_a_right_one() {
    if skip::if_uptime_below(200) {
        return;
    }
    let desk = JournalFixture::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&desk, now.plus(ONE_YEAR)).await;
    let left = time_until_new_pin(&desk);
    assert!(left > seconds(60) && left <= LATE_ARRIVAL_WINDOW, "{left:?}");
    let words = busy_reason(open_with_system_clock(&desk).0.record_intent(desk.intent(job, 1, now)).await);
    assert!(words.starts_with("an earlier PIN can still land on this number; another is possible from "), "{words}");
    // Two minutes later, whatever process asks.
    shift_uptimes(&desk, "- 125");
    assert_eq!(time_until_new_pin(&desk), Duration::ZERO);
    open_with_system_clock(&desk)
        .0
        .record_intent(desk.intent(job, 1, UtcTime::now()))
        .await
        .expect("nothing can land any more");
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_before_the_machine_was_started_anew_keeps_no_number() {
    if skip::if_uptime_below(200) {
        return;
    }
    let desk = JournalFixture::new();
    let job = leave_in_doubt(&desk, UtcTime::now().plus(ONE_YEAR)).await;
    desk.open_database().execute_batch("DROP TRIGGER runs_stay; UPDATE runs SET boot = 'before'").expect("altered");
    shift_uptimes(&desk, "+ 1e6");
    assert_eq!(time_until_new_pin(&desk), Duration::ZERO);
    open_with_system_clock(&desk)
        .0
        .record_intent(desk.intent(job, 1, UtcTime::now()))
        .await
        .expect("nothing can land any more");
}

#[tokio::test]
async fn a_clock_that_was_a_day_behind_settles_no_doubt_early() {
    let desk = JournalFixture::new();
    leave_in_doubt(&desk, UtcTime::now().minus(Duration::from_hours(24))).await;
    let left = time_until_new_pin(&desk);
    assert!(left > seconds(60) && left <= LATE_ARRIVAL_WINDOW, "{left:?}");
}

#[tokio::test]
async fn a_pin_that_was_set_by_a_clock_a_year_ahead_is_news_to_nobody_who_read_the_number_since() {
    let desk = JournalFixture::new();
    let now = UtcTime::now();
    let (other, _) = open_with_system_clock(&desk);
    let job = other.start_job(job_plan(&[1])).await.expect("recorded");
    let theirs = record_intent(&desk, &other, job, 1, now.plus(ONE_YEAR)).await;
    other.record_outcome(outcome_record(&theirs, Outcome::Confirmed, now.plus(ONE_YEAR))).await.expect("recorded");
    let (journal, _) = open_with_system_clock(&desk);
    let ours = |read_at| {
        let intent = desk.intent(job, 1, UtcTime::now());
        Intent { status_before: StatusBefore { read_at: Some(read_at), ..intent.status_before }, ..intent }
    };
    let words = busy_reason(journal.record_intent(ours(now.minus(seconds(9)))).await);
    let start = "another pindesk set a PIN on this number at ";
    assert!(words.starts_with(start) && words.contains(", after its status was read here; read it again"), "{words}");
    assert!(!words.contains(&now.plus(ONE_YEAR).format_date_time()), "it is told by the clock of now: {words}");
    // The clock was set back since the number was read: before or after, nobody knows.
    let words = busy_reason(journal.record_intent(ours(now.plus(ONE_YEAR))).await);
    let told = format!(", and its status was read by a clock that said {}; ", now.plus(ONE_YEAR).format_date_time());
    assert!(words.starts_with(start) && words.contains(&told), "{words}");
    journal.record_intent(ours(now.plus(seconds(20)))).await.expect("it was read since");
}

#[tokio::test]
async fn a_clock_that_was_set_forward_frees_no_number() {
    let desk = JournalFixture::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&desk, now).await;
    let tomorrow = now.plus(Duration::from_hours(24));
    let words = busy_reason(open_with_system_clock(&desk).0.record_intent(desk.intent(job, 1, tomorrow)).await);
    assert!(words.starts_with("an earlier PIN can still land on this number; another is possible from "), "{words}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_again_and_again_frees_a_number_all_the_same() {
    let desk = JournalFixture::new();
    let start = TimePoint { instant: Instant::now(), utc: START_TIME.plus(Duration::from_hours(24)) };
    let time = ManualClock::new_leaked(start);
    let opening = JournalOptions { clock: Clock::Manual(time), ..desk.open_options() };
    let (journal, _) = Journal::open(opening).expect("a good journal");
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let first = record_intent(&desk, &journal, job, 1, start.utc).await;
    journal.record_outcome(outcome_record(&first, no_answer(), start.utc)).await.expect("recorded");
    busy_reason(journal.record_intent(desk.intent(job, 1, start.utc)).await);
    // The clock on the wall says that an hour before is now.
    time.set(TimePoint {
        instant: start.instant + LATE_ARRIVAL_WINDOW,
        utc: START_TIME.plus(Duration::from_hours(23)),
    });
    journal.record_intent(desk.intent(job, 1, time.now().utc)).await.expect("nothing can land any more");
}

#[tokio::test]
async fn a_machine_that_was_started_anew_counts_by_the_clock_on_the_wall_alone() {
    let desk = JournalFixture::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&desk, now).await;
    // It had been up for much longer than it is now.
    desk.open_database().execute_batch("DROP TRIGGER runs_stay; UPDATE runs SET boot = 'before'").expect("altered");
    shift_uptimes(&desk, "+ 1e6");
    let tomorrow = now.plus(Duration::from_hours(24));
    open_with_system_clock(&desk)
        .0
        .record_intent(desk.intent(job, 1, tomorrow))
        .await
        .expect("nothing can land any more");
}

#[tokio::test]
async fn a_job_is_taken_up_only_for_numbers_that_are_left_of_it() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1, 2]).await;
    let first = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&first, Outcome::Confirmed, START_TIME)).await.expect("recorded");
    journal.close();
    let (journal, _) = desk.open();
    let words = busy_reason(journal.resume_job(job, vec![number_id(1), number_id(2)]).await);
    assert_eq!(words, "what is left of job 1 has changed meanwhile");
    journal.resume_job(job, vec![number_id(2)]).await.expect("recorded");
}

#[tokio::test]
async fn the_first_recipients_are_remembered_and_others_stop_all_setting() {
    let mut desk = JournalFixture::new();
    desk.recipients = None;
    let (journal, job) = begin_job(&desk, &[1]).await;
    record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.close();
    // None ever, then some: the first use.
    desk.recipients = Some(new_recipients());
    let first = desk.recipients.as_ref().expect("some").fingerprints();
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.recipients, RecipientsStatus::Known);
    record_intent(&desk, &journal, job, 2, START_TIME).await;
    journal.close();

    desk.recipients = None;
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.recipients, RecipientsStatus::Changed { previous: first.clone(), current: vec![] });
    assert_eq!(journal.record_intent(desk.intent(job, 3, START_TIME)).await, Err(RecordError::RecipientsChanged));
    journal.close();

    desk.recipients = Some(new_recipients());
    let second = desk.recipients.as_ref().expect("some").fingerprints();
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.recipients, RecipientsStatus::Changed { previous: first, current: second });
    let refused = desk.intent(job, 3, START_TIME);
    assert_eq!(journal.record_intent(refused.clone()).await, Err(RecordError::RecipientsChanged));
    let escrow = std::fs::read_to_string(desk.state_file("escrow.jsonl")).expect("the file");
    assert!(!escrow.contains(&refused.change.to_string()), "a refused change is not in the escrow");
    journal.accept_recipients().await.expect("recorded");
    record_intent(&desk, &journal, job, 3, START_TIME).await;
    journal.close();
    assert_eq!(desk.open().1.recipients, RecipientsStatus::Known);
}

#[tokio::test]
async fn one_that_is_refused_harms_no_other_of_its_group() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1, 2]).await;
    let (good, again, other) =
        (desk.intent(job, 1, START_TIME), desk.intent(job, 1, START_TIME), desk.intent(job, 2, START_TIME));
    let paused = journal.pause();
    let intents = [&good, &again, &other].map(|intent| journal.record_intent(intent.clone()));
    let mut all = Box::pin(futures_util::future::join_all(intents));
    assert!(futures_util::poll!(&mut all).is_pending(), "nothing is written while it is paused");
    drop(paused);
    let answers = all.await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    busy_reason(answers[1].clone());
    journal.close();
    let escrow = std::fs::read_to_string(desk.state_file("escrow.jsonl")).expect("the file");
    let is_sealed = [&good, &again, &other].map(|intent| escrow.contains(&intent.change.to_string()));
    assert_eq!(is_sealed, [true, false, true]);
}

#[tokio::test]
async fn a_job_is_told_number_by_number() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1, 2, 3, 4, 5, 6]).await;
    let outcomes =
        [Outcome::Confirmed, Outcome::Refused(fault()), Outcome::NotSent(NotSentReason::Stopped), no_answer()];
    let mut last = None;
    for (n, outcome) in (1..).zip(outcomes) {
        let intent = record_intent(&desk, &journal, job, n, START_TIME).await;
        journal.record_outcome(outcome_record(&intent, outcome, START_TIME.plus(seconds(2)))).await.expect("recorded");
        last = Some(intent.change);
    }
    let in_doubt: Vec<_> = last.into_iter().collect();
    let at_work = record_intent(&desk, &journal, job, 5, START_TIME).await;
    let states = |reader: &JournalReader| {
        let detail = reader.job(job).expect("readable").expect("there is one");
        (detail.numbers.iter().map(|number| number.state).collect::<Vec<_>>(), detail.summary)
    };
    let reader = JournalReader::open(&desk.state_dir()).expect("a journal");
    let (found, summary) = states(&reader);
    let ended = [RecordedState::Set, RecordedState::Failed, RecordedState::NotSent, RecordedState::NoAnswer];
    assert_eq!(found[..4], ended);
    assert_eq!(found[4..], [RecordedState::Running, RecordedState::NotStarted]);
    assert_eq!(summary.counts, found.into_iter().map(|state| (state, 1)).collect());
    assert_eq!((summary.id, summary.status, summary.profile.as_str()), (job, JobStatus::Running, "acme"));

    journal.resolve(number_id(4), in_doubt, Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let (found, summary) = states(&reader);
    assert_eq!(found[3..], [RecordedState::Resolved, RecordedState::NoAnswer, RecordedState::NotStarted]);
    assert_eq!(summary.counts, found.into_iter().map(|state| (state, 1)).collect());
    assert_eq!(summary.status, JobStatus::Interrupted);
    let detail = reader.job(job).expect("readable").expect("there is one");
    let failed = &detail.numbers[1];
    assert_eq!((failed.reply.code, failed.reply.http_status, failed.attempts), (Some(136_025), Some(400), 1));
    assert_eq!(failed.reason.as_ref().map(CleanText::as_str), Some("the number is not registered"));
    let cut = &detail.numbers[4];
    assert_eq!(
        (cut.change, cut.outcome.clone()),
        (Some(at_work.change), Some(Outcome::InDoubt(DoubtReason::ProcessEnded)))
    );
    assert_eq!(reader.jobs().expect("readable"), [summary]);
    assert_eq!(reader.job(JobId::new(9)).expect("readable"), None);
}

#[tokio::test]
async fn numbers_come_back_as_they_were_read() {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let waba = std::sync::Arc::new(Waba {
        id: "100000000000001".parse().expect("an id"),
        name: Some(CleanText::new("uk-retail")),
    });
    let numbers: Vec<Number> = (0..600)
        .map(|n| Number {
            waba: Some(std::sync::Arc::clone(&waba)),
            display_number: Some(CleanText::new(&format!("+1 555-555-0{n:03}"))),
            two_step: TwoStep::On,
            read_at: Some(START_TIME),
            ..Number::from_config(number_id(n), None)
        })
        .collect();
    journal.cache_numbers("acme", numbers.clone()).await;
    let page = journal.cached_numbers("acme", None).await;
    assert_eq!(page, numbers[..256]);
    assert!(std::sync::Arc::ptr_eq(&page[0].details, &page[255].details), "shared, for memory's sake");
    assert_eq!(journal.cached_numbers("acme", Some(page[255].id)).await, numbers[256..512]);
    assert_eq!(journal.cached_numbers("acme", Some(number_id(511))).await, numbers[512..]);
    assert_eq!(journal.cached_numbers("acme", Some(number_id(599))).await, []);
    assert_eq!(journal.cached_numbers("other", None).await, []);
    let newer = Number { two_step: TwoStep::NotSet, ..numbers[0].clone() };
    journal.cache_numbers("acme", vec![newer.clone()]).await;
    journal.close();
    let remembered = desk.open().0.cached_numbers("acme", None).await;
    assert_eq!((&remembered[0], &remembered[1..]), (&newer, &numbers[1..256]));
}

#[tokio::test]
async fn a_number_is_forgotten_in_its_profile_unless_another_process_read_it_since() {
    let desk = JournalFixture::new();
    let ((journal, _), (other, _)) = (desk.open(), desk.open());
    let read = |n, read_at| Number { read_at: Some(read_at), ..Number::from_config(number_id(n), None) };
    let since = START_TIME.plus(Duration::from_secs(1));
    for profile in ["acme", "other"] {
        journal.cache_numbers(profile, vec![read(1, START_TIME), read(2, START_TIME), read(3, START_TIME)]).await;
    }
    other.cache_numbers("acme", vec![read(2, since)]).await;
    journal.remove_cached_numbers("acme", vec![number_id(1), number_id(2), number_id(9)], START_TIME).await;
    assert_eq!(other.cached_numbers("acme", None).await, [read(2, since), read(3, START_TIME)]);
    assert_eq!(
        other.cached_numbers("other", None).await,
        [read(1, START_TIME), read(2, START_TIME), read(3, START_TIME)]
    );
}

#[tokio::test]
async fn an_opening_from_the_escrow_is_in_the_history_and_is_no_request() {
    let desk = JournalFixture::new();
    let (journal, job) = begin_job(&desk, &[1]).await;
    let intent = record_intent(&desk, &journal, job, 1, START_TIME).await;
    journal.record_outcome(outcome_record(&intent, Outcome::Confirmed, START_TIME)).await.expect("recorded");
    let event = AuditEvent::PinDecrypted { change: intent.change, number: intent.number, waba: None };
    journal.record_event(event).await.expect("recorded");
    let lines = journal.history(number_id(1), 9).await;
    let told: Vec<_> = lines.iter().map(|line| (line.description.as_str(), line.is_request)).collect();
    assert_eq!(told, [("opened from escrow", false), ("set", true)]);
}
