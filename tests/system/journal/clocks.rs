//! Wrong clocks: a clock that is ahead, behind or set while pindesk runs neither frees a number early nor blocks it for
//! long. Across a reboot only the wall clock counts.

use std::time::{Duration, Instant};

use pindesk::domain::change::{JobId, LATE_ARRIVAL_WINDOW, StatusBefore};
use pindesk::domain::clock::{Clock, ManualClock, TimePoint, UtcTime};
use pindesk::domain::standing::Standing;
use pindesk::journal::{Intent, Journal, JournalOptions, RecoveryReport};

use super::{busy_reason, no_answer, record_intent, seconds};
use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, outcome_record};
use crate::support::skip;
use crate::support::tampering::rewrite_as_unbound;

const ONE_YEAR: Duration = Duration::from_hours(365 * 24);

/// Opens the journal with the system clock.
fn open_with_system_clock(fixture: &JournalFixture) -> (Journal, RecoveryReport) {
    let options = JournalOptions { clock: Clock::System, ..fixture.open_options() };
    Journal::open(options).expect("a good journal")
}

/// Leaves number 1 in doubt at this time of the clock.
async fn leave_in_doubt(fixture: &JournalFixture, at: UtcTime) -> JobId {
    let (journal, _) = open_with_system_clock(fixture);
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let intent = record_intent(fixture, &journal, job, 1, at).await;
    journal.record_outcome(outcome_record(&intent, no_answer(), at)).await.expect("recorded");
    journal.close();
    job
}

/// Adds to each recorded uptime.
fn shift_uptimes(fixture: &JournalFixture, by: &str) {
    rewrite_as_unbound(
        &fixture.state_path(),
        &format!("UPDATE tries SET up = up {by}; UPDATE outcomes SET up = up {by}"),
    );
}

/// Makes every earlier process one of an earlier start of the machine, with other uptimes.
fn restart_machine(fixture: &JournalFixture) {
    let uptimes = "UPDATE tries SET up = up + 1e6; UPDATE outcomes SET up = up + 1e6";
    rewrite_as_unbound(&fixture.state_path(), &format!("UPDATE runs SET boot = 'before'; {uptimes}"));
}

/// How long the number in doubt still has to wait for a new PIN, if the journal is opened now.
fn time_until_new_pin(fixture: &JournalFixture) -> Duration {
    let (journal, report) = open_with_system_clock(fixture);
    let [open] = &report.unresolved[..] else { panic!("one is in doubt") };
    let now = Clock::System.now();
    journal.close();
    open.new_pin_allowed_from(now).instant - now.instant
}

#[tokio::test]
async fn a_clock_at_its_maximum_frees_no_number_early() {
    let fixture = JournalFixture::new();
    let end = UtcTime::from_unix_seconds(u32::MAX);
    let job = leave_in_doubt(&fixture, end).await;
    let reason = busy_reason(open_with_system_clock(&fixture).0.record_intent(fixture.intent(job, 1, end)).await);
    assert!(reason.starts_with("an earlier PIN can still reach this number"), "{reason}");
}

#[tokio::test]
async fn a_clock_a_year_ahead_does_not_extend_the_wait() {
    if skip::if_uptime_below(200) {
        return;
    }
    let fixture = JournalFixture::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&fixture, now.plus(ONE_YEAR)).await;
    let wait = time_until_new_pin(&fixture);
    assert!(wait > seconds(60) && wait <= LATE_ARRIVAL_WINDOW, "{wait:?}");
    let (journal, _) = open_with_system_clock(&fixture);
    let reason = busy_reason(journal.record_intent(fixture.intent(job, 1, now)).await);
    journal.close();
    assert!(
        reason.starts_with("an earlier PIN can still reach this number; a different PIN can be sent from "),
        "{reason}"
    );
    // Two minutes later, in any process.
    shift_uptimes(&fixture, "- 125");
    assert_eq!(time_until_new_pin(&fixture), Duration::ZERO);
    open_with_system_clock(&fixture)
        .0
        .record_intent(fixture.intent(job, 1, UtcTime::now()))
        .await
        .expect("no late request can arrive");
}

#[tokio::test]
async fn a_clock_a_year_ahead_before_a_reboot_does_not_block() {
    if skip::if_uptime_below(200) {
        return;
    }
    let fixture = JournalFixture::new();
    let job = leave_in_doubt(&fixture, UtcTime::now().plus(ONE_YEAR)).await;
    restart_machine(&fixture);
    assert_eq!(time_until_new_pin(&fixture), Duration::ZERO);
    open_with_system_clock(&fixture)
        .0
        .record_intent(fixture.intent(job, 1, UtcTime::now()))
        .await
        .expect("no late request can arrive");
}

#[tokio::test]
async fn a_clock_a_day_behind_does_not_shorten_the_wait() {
    let fixture = JournalFixture::new();
    leave_in_doubt(&fixture, UtcTime::now().minus(Duration::from_hours(24))).await;
    let wait = time_until_new_pin(&fixture);
    assert!(wait > seconds(60) && wait <= LATE_ARRIVAL_WINDOW, "{wait:?}");
}

#[tokio::test]
async fn a_pin_set_by_a_fast_clock_is_known_after_a_refresh() {
    let fixture = JournalFixture::new();
    let now = UtcTime::now();
    let (other, _) = open_with_system_clock(&fixture);
    let job = other.start_job(job_plan(&[1])).await.expect("recorded");
    let theirs = record_intent(&fixture, &other, job, 1, now.plus(ONE_YEAR)).await;
    other.record_outcome(outcome_record(&theirs, Standing::Set, now.plus(ONE_YEAR))).await.expect("recorded");
    let (journal, _) = open_with_system_clock(&fixture);
    let ours = |read_at| {
        let intent = fixture.intent(job, 1, UtcTime::now());
        Intent { status_before: StatusBefore { read_at: Some(read_at), ..intent.status_before }, ..intent }
    };
    let reason = busy_reason(journal.record_intent(ours(now.minus(seconds(9)))).await);
    let expected_start = "another pindesk set a PIN on this number at ";
    assert!(
        reason.starts_with(expected_start) && reason.contains(", after its status was read here; refresh the number"),
        "{reason}"
    );
    assert!(
        !reason.contains(&now.plus(ONE_YEAR).format_date_time()),
        "the message shows the time of the fast clock: {reason}"
    );
    // The clock was set back after the number was read, so the order of the two is unknown.
    let reason = busy_reason(journal.record_intent(ours(now.plus(ONE_YEAR))).await);
    let expected =
        format!(", and the clock showed {} when its status was read; ", now.plus(ONE_YEAR).format_date_time());
    assert!(reason.starts_with(expected_start) && reason.contains(&expected), "{reason}");
    journal.record_intent(ours(now.plus(seconds(20)))).await.expect("the number was refreshed since");
}

#[tokio::test]
async fn a_clock_set_forward_frees_no_number() {
    let fixture = JournalFixture::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&fixture, now).await;
    let tomorrow = now.plus(Duration::from_hours(24));
    let reason = busy_reason(open_with_system_clock(&fixture).0.record_intent(fixture.intent(job, 1, tomorrow)).await);
    assert!(
        reason.starts_with("an earlier PIN can still reach this number; a different PIN can be sent from "),
        "{reason}"
    );
}

#[tokio::test]
async fn a_clock_set_back_repeatedly_still_frees_a_number() {
    let fixture = JournalFixture::new();
    let start = TimePoint { instant: Instant::now(), utc: START_TIME.plus(Duration::from_hours(24)) };
    let clock = ManualClock::new_leaked(start);
    let options = JournalOptions { clock: Clock::Manual(clock), ..fixture.open_options() };
    let (journal, _) = Journal::open(options).expect("a good journal");
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    let first = record_intent(&fixture, &journal, job, 1, start.utc).await;
    journal.record_outcome(outcome_record(&first, no_answer(), start.utc)).await.expect("recorded");
    busy_reason(journal.record_intent(fixture.intent(job, 1, start.utc)).await);
    // The wall clock is set back by an hour.
    clock.set(TimePoint {
        instant: start.instant + LATE_ARRIVAL_WINDOW,
        utc: START_TIME.plus(Duration::from_hours(23)),
    });
    journal.record_intent(fixture.intent(job, 1, clock.now().utc)).await.expect("no late request can arrive");
}

#[tokio::test]
async fn after_a_reboot_only_the_wall_clock_counts() {
    let fixture = JournalFixture::new();
    let now = UtcTime::now();
    let job = leave_in_doubt(&fixture, now).await;
    // The machine had been up for much longer than it is now.
    restart_machine(&fixture);
    let tomorrow = now.plus(Duration::from_hours(24));
    open_with_system_clock(&fixture)
        .0
        .record_intent(fixture.intent(job, 1, tomorrow))
        .await
        .expect("no late request can arrive");
}
