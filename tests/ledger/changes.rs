//! One change after the other: what is open, what closes it, and when another PIN is refused.

use std::time::{Duration, Instant};

use pindesk::escrow::EscrowFile;
use pindesk::job::{StatusBefore, JobId, LATE_ARRIVAL_WINDOW, Resolution};
use pindesk::journal::{
    Event, Intent, JobProgress, Journal, NumberState, Opening, Reader, Recovered, Refused, Rest, Standing,
};
use pindesk::moment::{Clock, ManualClock, TimePoint, UtcTime};
use pindesk::number::{Number, TwoStep, Waba};
use pindesk::outcome::{DoubtReason, ApiError, NotSentReason, Outcome};
use pindesk::text::CleanText;

use crate::support::records::{Desk, T0, number, plan, recipients, rest};
use crate::support::skip;

const A_YEAR: Duration = Duration::from_hours(365 * 24);

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
async fn begin(desk: &Desk, numbers: &[u32]) -> (Journal, JobId) {
    let (journal, _) = desk.open();
    let job = journal.begin_job(plan(numbers)).await.expect("recorded");
    (journal, job)
}

async fn intend(desk: &Desk, journal: &Journal, job: JobId, n: u32, at: pindesk::moment::UtcTime) -> Intent {
    let intent = desk.intent(job, n, at);
    journal.intend(intent.clone()).await.expect("recorded");
    intent
}

fn busy(answer: Result<(), Refused>) -> String {
    match answer {
        Err(Refused::Busy(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_that_came_to_its_end_leaves_nothing_open() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1, 2, 3]).await;
    for (n, outcome) in
        [(1, Outcome::Confirmed), (2, Outcome::Refused(fault())), (3, Outcome::NotSent(NotSentReason::Stopped))]
    {
        let intent = intend(&desk, &journal, job, n, T0).await;
        journal.rest(rest(&intent, outcome, T0)).await.expect("recorded");
    }
    journal.close();
    let (journal, recovered) = desk.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
    assert_eq!(recovered.recipients, Standing::Known);
    let mut told = Vec::new();
    for n in 1..=3 {
        told.extend(journal.history(number(n), 5).await.into_iter().map(|line| line.what.to_string()));
    }
    assert_eq!(told, ["set", "failed: the number is not registered", "not sent: stopped before it was sent"]);
}

#[tokio::test]
async fn a_change_cut_short_comes_back_in_doubt() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let intent = intend(&desk, &journal, job, 1, T0).await;
    journal.intend_again(intent.change, intent.number, 2).await.expect("recorded");
    journal.close();
    let (_, recovered) = desk.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!((open.change, open.job, open.number), (intent.change, Some(job), number(1)));
    assert_eq!((open.tries, &open.doubt, open.before), (Some(2), &DoubtReason::ProcessEnded, TwoStep::On));
    assert_eq!((open.last_send, open.is_sealed), (T0.plus(seconds(40)), true));
}

#[tokio::test]
async fn a_doubt_keeps_its_cause_its_tries_and_its_time() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let intent = intend(&desk, &journal, job, 1, T0).await;
    let mut rest = rest(&intent, Outcome::InDoubt(DoubtReason::ServerError(fault())), T0.plus(seconds(40)));
    rest.tries = 3;
    journal.rest(rest).await.expect("recorded");
    journal.close();
    let (_, recovered) = desk.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!((open.tries, &open.doubt), (Some(3), &DoubtReason::ServerError(fault())));
    assert_eq!(open.last_send, T0.plus(seconds(40)));
}

#[tokio::test]
async fn no_other_pin_goes_out_while_one_could_still_land() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    intend(&desk, &journal, job, 1, T0).await;
    // The request may leave for 30 seconds, and land for 120 more.
    let why = busy(journal.intend(desk.intent(job, 1, T0.plus(seconds(149)))).await);
    assert_eq!(why, "an earlier PIN can still land on this number; another is possible from 14:02:40 UTC");
    intend(&desk, &journal, job, 1, T0.plus(seconds(160))).await;
    intend(&desk, &journal, job, 2, T0).await;
}

#[tokio::test]
async fn the_time_counts_from_the_outcome_where_there_is_one() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0.plus(seconds(5)))).await.expect("recorded");
    busy(journal.intend(desk.intent(job, 1, T0.plus(seconds(124)))).await);
    intend(&desk, &journal, job, 1, T0.plus(seconds(125))).await;
}

#[tokio::test]
async fn the_same_pin_may_be_sent_again_at_once_and_another_then_waits_anew() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0.plus(seconds(5)))).await.expect("recorded");
    journal.intend_again(first.change, first.number, 2).await.expect("the same PIN");
    journal.rest(rest(&first, no_answer(), T0.plus(seconds(200)))).await.expect("recorded");
    busy(journal.intend(desk.intent(job, 1, T0.plus(seconds(319)))).await);
    intend(&desk, &journal, job, 1, T0.plus(seconds(320))).await;
}

#[tokio::test]
async fn a_second_try_is_judged_by_the_time_of_the_first_at_least() {
    let mut desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0.plus(seconds(100)))).await.expect("recorded");
    let second = intend(&desk, &journal, job, 1, T0.plus(seconds(300))).await;
    // The journal's own clock still stands at T0.
    journal.intend_again(second.change, second.number, 2).await.expect("recorded");
    journal.close();
    desk.now = T0.plus(seconds(300));
    let last_sends: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.last_send).collect();
    assert_eq!(last_sends, [T0.plus(seconds(100)), T0.plus(seconds(340))]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_lengthens_the_wait_to_its_whole_and_no_more() {
    let mut desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0)).await.expect("recorded");
    journal.close();
    desk.now = T0.plus(Duration::ZERO);
    let (_, recovered) = desk.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    let instant = Instant::now();
    let from = |utc| open.new_pin_from(TimePoint { instant, utc }).instant.duration_since(instant);
    assert_eq!(from(T0), LATE_ARRIVAL_WINDOW);
    assert_eq!(from(T0.plus(seconds(100))), seconds(20));
    assert_eq!(from(T0.plus(seconds(500))), Duration::ZERO);
    let an_hour_ago = pindesk::moment::UtcTime::from_unix_seconds(T0.unix_seconds() - 3_600);
    assert_eq!(from(an_hour_ago), LATE_ARRIVAL_WINDOW + seconds(40));
}

#[tokio::test]
async fn a_confirmed_pin_settles_the_doubts_before_it() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0)).await.expect("recorded");
    let later = T0.plus(seconds(600));
    let second = intend(&desk, &journal, job, 1, later).await;
    journal.rest(rest(&second, Outcome::Confirmed, later)).await.expect("recorded");
    journal.close();
    assert_eq!(desk.open().1.unresolved, []);
}

#[tokio::test]
async fn a_later_pin_that_was_refused_settles_no_doubt() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0)).await.expect("recorded");
    let later = T0.plus(seconds(600));
    for outcome in [Outcome::Refused(fault()), Outcome::NotSent(NotSentReason::Stopped)] {
        let second = intend(&desk, &journal, job, 1, later).await;
        journal.rest(rest(&second, outcome, later)).await.expect("recorded");
    }
    journal.close();
    let open: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.change).collect();
    assert_eq!(open, [first.change]);
}

#[tokio::test]
async fn a_change_in_doubt_that_is_then_refused_stays_in_doubt() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0)).await.expect("recorded");
    journal.intend_again(first.change, first.number, 2).await.expect("recorded");
    journal.rest(rest(&first, Outcome::Refused(fault()), T0.plus(seconds(9)))).await.expect("recorded");
    journal.close();
    let unresolved = desk.open().1.unresolved;
    assert_eq!(
        unresolved.iter().map(|open| (&open.doubt, open.last_send)).collect::<Vec<_>>(),
        [(&DoubtReason::TimedOut { waited: seconds(30) }, T0.plus(seconds(9)))]
    );
}

#[tokio::test]
async fn what_was_checked_by_hand_is_settled_with_its_note() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1, 2]).await;
    let mut changes = Vec::new();
    for n in [1, 2] {
        let intent = intend(&desk, &journal, job, n, T0).await;
        journal.rest(rest(&intent, no_answer(), T0)).await.expect("recorded");
        changes.push(intent.change);
    }
    let note = Some(CleanText::new("asked the shop"));
    journal.settle(number(1), vec![changes[0]], Resolution::Manual, note).await.expect("recorded");
    // A note keeps nothing from landing.
    assert_eq!(
        busy(journal.intend(desk.intent(job, 1, T0)).await),
        "an earlier PIN can still land on this number; another is possible from 14:02:00 UTC"
    );
    intend(&desk, &journal, job, 1, T0.plus(LATE_ARRIVAL_WINDOW)).await;
    journal.settle(number(2), vec![changes[1]], Resolution::NoPinInForce, None).await.expect("recorded");
    let told = |lines: Vec<pindesk::journal::HistoryLine>| {
        lines.iter().map(|line| format!("{} {}", line.who, line.what)).collect::<Vec<_>>()
    };
    let doubt = "uid 1000 (ana) no answer: sent, no answer in 30 s";
    assert_eq!(told(journal.history(number(1), 9).await), ["uid 1000 (ana) checked by hand: asked the shop", doubt]);
    assert_eq!(
        told(journal.history(number(2), 1).await),
        ["uid 1000 (ana) no PIN in force: still not set two minutes later"]
    );
    journal.close();
    let open: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.number).collect();
    assert_eq!(open, [number(1)]);
}

#[tokio::test]
async fn sealed_pins_stand_as_they_were_last_sent_whatever_the_clock_said_and_with_what_became_of_each() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1, 2, 3]).await;
    let (later, back) = (T0.plus(LATE_ARRIVAL_WINDOW), T0.minus(seconds(3600)));
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, no_answer(), T0)).await.expect("recorded");
    let second = intend(&desk, &journal, job, 1, later).await;
    journal.rest(rest(&second, Outcome::Refused(fault()), later)).await.expect("recorded");
    journal.intend_again(first.change, first.number, 2).await.expect("recorded");
    journal.rest(rest(&first, Outcome::Confirmed, later)).await.expect("recorded");
    // The clock was set back.
    let third = intend(&desk, &journal, job, 2, back).await;
    journal.rest(rest(&third, Outcome::Confirmed, back)).await.expect("recorded");
    // What was refused in the end may have been applied before.
    let fourth = intend(&desk, &journal, job, 3, T0).await;
    journal.rest(rest(&fourth, no_answer(), T0)).await.expect("recorded");
    journal.intend_again(fourth.change, fourth.number, 2).await.expect("recorded");
    journal.rest(rest(&fourth, Outcome::Refused(fault()), T0)).await.expect("recorded");
    journal.settle(number(3), vec![fourth.change], Resolution::Manual, None).await.expect("recorded");
    journal.close();
    // Only the escrow file knows of this one.
    let fifth = desk.intent(job, 3, back);
    let escrow = EscrowFile::open(&desk.state()).expect("the file");
    let found = fifth.sealed.clone().expect("a line");
    escrow.lock(Duration::ZERO).expect("nobody has it").append(&[found]).expect("appended");
    desk.open().0.close();

    let pins = Reader::open(&desk.state()).expect("a journal").sealed_pins().expect("readable");
    let told: Vec<_> = pins.iter().map(|pin| (pin.line.change, pin.state, pin.last_try)).collect();
    assert_eq!(
        told,
        [
            (second.change, NumberState::Failed, Some(later)),
            (first.change, NumberState::Set, Some(T0)),
            (third.change, NumberState::Set, Some(back)),
            (fourth.change, NumberState::Settled, Some(T0)),
            (fifth.change, NumberState::NoAnswer, None),
        ]
    );
}

#[tokio::test]
async fn only_what_was_decided_about_is_settled() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let seen = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&seen, no_answer(), T0)).await.expect("recorded");
    let unseen = intend(&desk, &journal, job, 1, T0.plus(LATE_ARRIVAL_WINDOW)).await;
    journal.settle(number(1), vec![seen.change], Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let open: Vec<_> = desk.open().1.unresolved.into_iter().map(|open| open.change).collect();
    assert_eq!(open, [unseen.change]);
}

#[tokio::test]
async fn a_try_without_a_sure_answer_keeps_other_pins_away_whatever_became_of_its_change() {
    let mut desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let confirmed = intend(&desk, &journal, job, 1, T0).await;
    journal.intend_again(confirmed.change, confirmed.number, 2).await.expect("recorded");
    journal.rest(Rest { tries: 2, ..rest(&confirmed, Outcome::Confirmed, T0) }).await.expect("recorded");
    journal.close();

    // The next process, ten seconds later: the first try can still land.
    desk.now = T0.plus(seconds(10));
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.unresolved, []);
    let words = busy(journal.intend(desk.intent(job, 1, desk.now)).await);
    assert_eq!(words, "an earlier PIN can still land on this number; another is possible from 14:02:00 UTC");
    intend(&desk, &journal, job, 1, T0.plus(LATE_ARRIVAL_WINDOW)).await;
}

#[tokio::test]
async fn a_pin_that_another_process_set_since_the_number_was_read_is_not_replaced_unseen() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let (other, others_job) = begin(&desk, &[1]).await;
    let theirs = intend(&desk, &other, others_job, 1, T0).await;
    other.rest(rest(&theirs, Outcome::Confirmed, T0.plus(seconds(5)))).await.expect("recorded");

    let ours = |read_at| {
        let intent = desk.intent(job, 1, T0.plus(seconds(9)));
        Intent { before: StatusBefore { read_at: Some(read_at), ..intent.before }, ..intent }
    };
    assert_eq!(
        busy(journal.intend(ours(T0)).await),
        "another pindesk set a PIN on this number at 22 Nov 2026 14:00 UTC, after its status was read here; read it again \
         before another is set"
    );
    journal.intend(ours(T0.plus(seconds(6)))).await.expect("whoever confirmed saw what was on");
    // What this process set itself is no news to it.
    let again = desk.intent(others_job, 1, T0.plus(seconds(9)));
    journal.close();
    let again = Intent { before: StatusBefore { read_at: Some(T0), ..again.before }, at: T0.plus(LATE_ARRIVAL_WINDOW * 2), ..again };
    other.intend(again).await.expect("its own PIN");
}

#[tokio::test]
async fn a_change_that_waits_for_its_repeat_gives_way_to_what_another_process_sent_meanwhile() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1, 2]).await;
    let waiting = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&waiting, Outcome::Refused(fault()), T0)).await.expect("recorded");
    let (other, others_job) = begin(&desk, &[1]).await;
    let theirs = intend(&desk, &other, others_job, 1, T0.plus(seconds(9))).await;
    other.rest(rest(&theirs, Outcome::Confirmed, T0.plus(seconds(9)))).await.expect("recorded");
    let why = busy(journal.intend_again(waiting.change, waiting.number, 2).await);
    assert_eq!(why, "another pindesk sent another PIN to this number since the last try");
    // Its own later PIN is no news to a process.
    let again = other.intend_again(theirs.change, theirs.number, 2).await;
    assert_eq!(again, Ok(()));
}

#[tokio::test]
async fn what_waits_for_its_repeat_is_at_work_and_never_was_sent_once_its_process_is_gone() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let waiting = intend(&desk, &journal, job, 1, T0).await;
    let slower = Rest { will_repeat: true, ..rest(&waiting, Outcome::Refused(fault()), T0) };
    journal.rest(slower).await.expect("recorded");
    let state = || {
        let detail = Reader::open(&desk.state()).expect("a journal").job(job).expect("readable").expect("there is one");
        (detail.summary.state, detail.numbers[0].state)
    };
    assert_eq!(state(), (JobProgress::Running, NumberState::Running));
    let (other, others_job) = begin(&desk, &[1]).await;
    let why = busy(other.intend(desk.intent(others_job, 1, T0)).await);
    assert!(why.starts_with("another pindesk is at work on this number"), "{why}");
    journal.close();
    assert_eq!(state(), (JobProgress::Finished, NumberState::NotSent));
    intend(&desk, &other, others_job, 1, T0).await;
}

/// Opens the journal of a desk by the system's clock.
fn open_now(desk: &Desk) -> (Journal, Recovered) {
    let opening = Opening { clock: Clock::System, ..desk.opening() };
    Journal::open(opening).expect("a good journal")
}

/// Leaves number 1 in doubt when the clock shows this time.
async fn leave_in_doubt(desk: &Desk, at: UtcTime) -> JobId {
    let (journal, _) = open_now(desk);
    let job = journal.begin_job(plan(&[1])).await.expect("recorded");
    let intent = intend(desk, &journal, job, 1, at).await;
    journal.rest(rest(&intent, no_answer(), at)).await.expect("recorded");
    journal.close();
    job
}

/// Alters what was recorded of the time since the machine was started.
fn shift_uptimes(desk: &Desk, by: &str) {
    let db = desk.database();
    db.execute_batch("DROP TRIGGER IF EXISTS tries_stay; DROP TRIGGER IF EXISTS outcomes_stay").expect("dropped");
    db.execute_batch(&format!("UPDATE tries SET up = up {by}; UPDATE outcomes SET up = up {by}")).expect("altered");
}

/// How long after an opening now no new PIN goes to the number in doubt.
fn time_to_new_pin(desk: &Desk) -> Duration {
    let [open] = &open_now(desk).1.unresolved[..] else { panic!("one is in doubt") };
    let now = Clock::System.now();
    open.new_pin_from(now).instant - now.instant
}

#[tokio::test]
async fn a_clock_at_the_end_of_what_can_be_told_frees_no_number_early() {
    let desk = Desk::new();
    let end = UtcTime::from_unix_seconds(u32::MAX);
    let job = leave_in_doubt(&desk, end).await;
    let words = busy(open_now(&desk).0.intend(desk.intent(job, 1, end)).await);
    assert!(words.starts_with("an earlier PIN can still land on this number"), "{words}");
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_keeps_a_number_no_longer_than_a_right_one() {
    if skip::on_a_machine_younger_than(200) {
        return;
    }
    let desk = Desk::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&desk, now.plus(A_YEAR)).await;
    let left = time_to_new_pin(&desk);
    assert!(left > seconds(60) && left <= LATE_ARRIVAL_WINDOW, "{left:?}");
    let words = busy(open_now(&desk).0.intend(desk.intent(job, 1, now)).await);
    assert!(words.starts_with("an earlier PIN can still land on this number; another is possible from "), "{words}");
    // Two minutes later, whatever process asks.
    shift_uptimes(&desk, "- 125");
    assert_eq!(time_to_new_pin(&desk), Duration::ZERO);
    open_now(&desk).0.intend(desk.intent(job, 1, UtcTime::now())).await.expect("nothing can land any more");
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_before_the_machine_was_started_anew_keeps_no_number() {
    if skip::on_a_machine_younger_than(200) {
        return;
    }
    let desk = Desk::new();
    let job = leave_in_doubt(&desk, UtcTime::now().plus(A_YEAR)).await;
    desk.database().execute_batch("DROP TRIGGER runs_stay; UPDATE runs SET boot = 'before'").expect("altered");
    shift_uptimes(&desk, "+ 1e6");
    assert_eq!(time_to_new_pin(&desk), Duration::ZERO);
    open_now(&desk).0.intend(desk.intent(job, 1, UtcTime::now())).await.expect("nothing can land any more");
}

#[tokio::test]
async fn a_clock_that_was_a_day_behind_settles_no_doubt_early() {
    let desk = Desk::new();
    leave_in_doubt(&desk, UtcTime::now().minus(Duration::from_hours(24))).await;
    let left = time_to_new_pin(&desk);
    assert!(left > seconds(60) && left <= LATE_ARRIVAL_WINDOW, "{left:?}");
}

#[tokio::test]
async fn a_pin_that_was_set_by_a_clock_a_year_ahead_is_news_to_nobody_who_read_the_number_since() {
    let desk = Desk::new();
    let now = UtcTime::now();
    let (other, _) = open_now(&desk);
    let job = other.begin_job(plan(&[1])).await.expect("recorded");
    let theirs = intend(&desk, &other, job, 1, now.plus(A_YEAR)).await;
    other.rest(rest(&theirs, Outcome::Confirmed, now.plus(A_YEAR))).await.expect("recorded");
    let (journal, _) = open_now(&desk);
    let ours = |read_at| {
        let intent = desk.intent(job, 1, UtcTime::now());
        Intent { before: StatusBefore { read_at: Some(read_at), ..intent.before }, ..intent }
    };
    let words = busy(journal.intend(ours(now.minus(seconds(9)))).await);
    let start = "another pindesk set a PIN on this number at ";
    assert!(words.starts_with(start) && words.contains(", after its status was read here; read it again"), "{words}");
    assert!(!words.contains(&now.plus(A_YEAR).format_date_time()), "it is told by the clock of now: {words}");
    // The clock was set back since the number was read: before or after, nobody knows.
    let words = busy(journal.intend(ours(now.plus(A_YEAR))).await);
    let told = format!(", and its status was read by a clock that said {}; ", now.plus(A_YEAR).format_date_time());
    assert!(words.starts_with(start) && words.contains(&told), "{words}");
    journal.intend(ours(now.plus(seconds(20)))).await.expect("it was read since");
}

#[tokio::test]
async fn a_clock_that_was_set_forward_frees_no_number() {
    let desk = Desk::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&desk, now).await;
    let tomorrow = now.plus(Duration::from_hours(24));
    let words = busy(open_now(&desk).0.intend(desk.intent(job, 1, tomorrow)).await);
    assert!(words.starts_with("an earlier PIN can still land on this number; another is possible from "), "{words}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_again_and_again_frees_a_number_all_the_same() {
    let desk = Desk::new();
    let start = TimePoint { instant: Instant::now(), utc: T0.plus(Duration::from_hours(24)) };
    let time = ManualClock::new_leaked(start);
    let opening = Opening { clock: Clock::Manual(time), ..desk.opening() };
    let (journal, _) = Journal::open(opening).expect("a good journal");
    let job = journal.begin_job(plan(&[1])).await.expect("recorded");
    let first = intend(&desk, &journal, job, 1, start.utc).await;
    journal.rest(rest(&first, no_answer(), start.utc)).await.expect("recorded");
    busy(journal.intend(desk.intent(job, 1, start.utc)).await);
    // The clock on the wall says that an hour before is now.
    time.set(TimePoint { instant: start.instant + LATE_ARRIVAL_WINDOW, utc: T0.plus(Duration::from_hours(23)) });
    journal.intend(desk.intent(job, 1, time.now().utc)).await.expect("nothing can land any more");
}

#[tokio::test]
async fn a_machine_that_was_started_anew_counts_by_the_clock_on_the_wall_alone() {
    let desk = Desk::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&desk, now).await;
    // It had been up for much longer than it is now.
    desk.database().execute_batch("DROP TRIGGER runs_stay; UPDATE runs SET boot = 'before'").expect("altered");
    shift_uptimes(&desk, "+ 1e6");
    let tomorrow = now.plus(Duration::from_hours(24));
    open_now(&desk).0.intend(desk.intent(job, 1, tomorrow)).await.expect("nothing can land any more");
}

#[tokio::test]
async fn a_job_is_taken_up_only_for_numbers_that_are_left_of_it() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1, 2]).await;
    let first = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&first, Outcome::Confirmed, T0)).await.expect("recorded");
    journal.close();
    let (journal, _) = desk.open();
    let words = busy(journal.resume_job(job, vec![number(1), number(2)]).await);
    assert_eq!(words, "what is left of job 1 has changed meanwhile");
    journal.resume_job(job, vec![number(2)]).await.expect("recorded");
}

#[tokio::test]
async fn the_first_recipients_are_remembered_and_others_stop_all_setting() {
    let mut desk = Desk::new();
    desk.recipients = None;
    let (journal, job) = begin(&desk, &[1]).await;
    intend(&desk, &journal, job, 1, T0).await;
    journal.close();
    // None ever, then some: the first use.
    desk.recipients = Some(recipients());
    let first = desk.recipients.as_ref().expect("some").fingerprints();
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.recipients, Standing::Known);
    intend(&desk, &journal, job, 2, T0).await;
    journal.close();

    desk.recipients = None;
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.recipients, Standing::Changed { remembered: first.clone(), now: vec![] });
    assert_eq!(journal.intend(desk.intent(job, 3, T0)).await, Err(Refused::RecipientsChanged));
    journal.close();

    desk.recipients = Some(recipients());
    let second = desk.recipients.as_ref().expect("some").fingerprints();
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.recipients, Standing::Changed { remembered: first, now: second });
    let refused = desk.intent(job, 3, T0);
    assert_eq!(journal.intend(refused.clone()).await, Err(Refused::RecipientsChanged));
    let escrow = std::fs::read_to_string(desk.file("escrow.jsonl")).expect("the file");
    assert!(!escrow.contains(&refused.change.to_string()), "a refused change is not in the escrow");
    journal.acknowledge_recipients().await.expect("recorded");
    intend(&desk, &journal, job, 3, T0).await;
    journal.close();
    assert_eq!(desk.open().1.recipients, Standing::Known);
}

#[tokio::test]
async fn one_that_is_refused_harms_no_other_of_its_group() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1, 2]).await;
    let (good, again, other) = (desk.intent(job, 1, T0), desk.intent(job, 1, T0), desk.intent(job, 2, T0));
    let paused = journal.pause();
    let intents = [&good, &again, &other].map(|intent| journal.intend(intent.clone()));
    let mut all = Box::pin(futures_util::future::join_all(intents));
    assert!(futures_util::poll!(&mut all).is_pending(), "nothing is written while it is paused");
    drop(paused);
    let answers = all.await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    busy(answers[1].clone());
    journal.close();
    let escrow = std::fs::read_to_string(desk.file("escrow.jsonl")).expect("the file");
    let is_sealed = [&good, &again, &other].map(|intent| escrow.contains(&intent.change.to_string()));
    assert_eq!(is_sealed, [true, false, true]);
}

#[tokio::test]
async fn a_job_is_told_number_by_number() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1, 2, 3, 4, 5, 6]).await;
    let outcomes = [Outcome::Confirmed, Outcome::Refused(fault()), Outcome::NotSent(NotSentReason::Stopped), no_answer()];
    let mut last = None;
    for (n, outcome) in (1..).zip(outcomes) {
        let intent = intend(&desk, &journal, job, n, T0).await;
        journal.rest(rest(&intent, outcome, T0.plus(seconds(2)))).await.expect("recorded");
        last = Some(intent.change);
    }
    let in_doubt: Vec<_> = last.into_iter().collect();
    let at_work = intend(&desk, &journal, job, 5, T0).await;
    let states = |reader: &Reader| {
        let detail = reader.job(job).expect("readable").expect("there is one");
        (detail.numbers.iter().map(|number| number.state).collect::<Vec<_>>(), detail.summary)
    };
    let reader = Reader::open(&desk.state()).expect("a journal");
    let (found, summary) = states(&reader);
    let ended = [NumberState::Set, NumberState::Failed, NumberState::NotSent, NumberState::NoAnswer];
    assert_eq!(found[..4], ended);
    assert_eq!(found[4..], [NumberState::Running, NumberState::NeverStarted]);
    assert_eq!(summary.counts, found.into_iter().map(|state| (state, 1)).collect());
    assert_eq!((summary.id, summary.state, summary.profile.as_str()), (job, JobProgress::Running, "acme"));

    journal.settle(number(4), in_doubt, Resolution::Manual, None).await.expect("recorded");
    journal.close();
    let (found, summary) = states(&reader);
    assert_eq!(found[3..], [NumberState::Settled, NumberState::NoAnswer, NumberState::NeverStarted]);
    assert_eq!(summary.counts, found.into_iter().map(|state| (state, 1)).collect());
    assert_eq!(summary.state, JobProgress::CutShort);
    let detail = reader.job(job).expect("readable").expect("there is one");
    let failed = &detail.numbers[1];
    assert_eq!((failed.reply.code, failed.reply.http_status, failed.tries), (Some(136_025), Some(400), 1));
    assert_eq!(failed.reason.as_ref().map(CleanText::as_str), Some("the number is not registered"));
    let cut = &detail.numbers[4];
    assert_eq!((cut.change, cut.outcome.clone()), (Some(at_work.change), Some(Outcome::InDoubt(DoubtReason::ProcessEnded))));
    assert_eq!(reader.jobs().expect("readable"), [summary]);
    assert_eq!(reader.job(JobId::new(9)).expect("readable"), None);
}

#[tokio::test]
async fn numbers_come_back_as_they_were_read() {
    let desk = Desk::new();
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
            read_at: Some(T0),
            ..Number::from_config(number(n), None)
        })
        .collect();
    journal.remember("acme", numbers.clone()).await;
    let page = journal.remembered("acme", None).await;
    assert_eq!(page, numbers[..256]);
    assert!(std::sync::Arc::ptr_eq(&page[0].details, &page[255].details), "shared, for memory's sake");
    assert_eq!(journal.remembered("acme", Some(page[255].id)).await, numbers[256..512]);
    assert_eq!(journal.remembered("acme", Some(number(511))).await, numbers[512..]);
    assert_eq!(journal.remembered("acme", Some(number(599))).await, []);
    assert_eq!(journal.remembered("other", None).await, []);
    let newer = Number { two_step: TwoStep::NotSet, ..numbers[0].clone() };
    journal.remember("acme", vec![newer.clone()]).await;
    journal.close();
    let remembered = desk.open().0.remembered("acme", None).await;
    assert_eq!((&remembered[0], &remembered[1..]), (&newer, &numbers[1..256]));
}

#[tokio::test]
async fn a_number_is_forgotten_in_its_profile_unless_another_process_read_it_since() {
    let desk = Desk::new();
    let ((journal, _), (other, _)) = (desk.open(), desk.open());
    let read = |n, read_at| Number { read_at: Some(read_at), ..Number::from_config(number(n), None) };
    let since = T0.plus(Duration::from_secs(1));
    for profile in ["acme", "other"] {
        journal.remember(profile, vec![read(1, T0), read(2, T0), read(3, T0)]).await;
    }
    other.remember("acme", vec![read(2, since)]).await;
    journal.forget("acme", vec![number(1), number(2), number(9)], T0).await;
    assert_eq!(other.remembered("acme", None).await, [read(2, since), read(3, T0)]);
    assert_eq!(other.remembered("other", None).await, [read(1, T0), read(2, T0), read(3, T0)]);
}

#[tokio::test]
async fn an_opening_from_the_escrow_is_in_the_history_and_is_no_request() {
    let desk = Desk::new();
    let (journal, job) = begin(&desk, &[1]).await;
    let intent = intend(&desk, &journal, job, 1, T0).await;
    journal.rest(rest(&intent, Outcome::Confirmed, T0)).await.expect("recorded");
    let event = Event::Opened { change: intent.change, number: intent.number, waba: None };
    journal.note(event).await.expect("recorded");
    let lines = journal.history(number(1), 9).await;
    let told: Vec<_> = lines.iter().map(|line| (line.what.as_str(), line.is_of_request)).collect();
    assert_eq!(told, [("opened from escrow", false), ("set", true)]);
}
