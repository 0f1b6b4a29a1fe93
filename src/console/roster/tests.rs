//! Unit tests of the roster: what it stores, counts and removes; in the modules its cursor and its filter.

mod cursor;
mod filter;
mod model;
mod open_changes;
mod selection;

use std::sync::{Arc, LazyLock};

use super::*;
use crate::domain::change::{Completion, InDoubtDetails, Resolution, SendHistory};
use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{TwoStep, Waba};
use crate::domain::operator::OperatorName;
use crate::domain::outcome::DoubtReason;
use crate::domain::standing::NotSentReason;
use crate::domain::text::CleanText;

/// A window that shows only the first row, so that each filter moves the cursor.
const ROWS_IN_SIGHT: usize = 1;

const FINISHED: Completion = Completion { at: UtcTime::from_unix_seconds(0), attempts: 1 };

fn id(digits: &str) -> PhoneNumberId {
    digits.parse().expect("an id")
}

fn waba(digits: &str, name: &str) -> Arc<Waba> {
    Arc::new(Waba { id: digits.parse().expect("an id"), name: Some(CleanText::new(name)) })
}

fn number(digits: &str, display: &str, name: &str, two_step: TwoStep) -> Number {
    let mut number = Number::from_config(id(digits), Some(CleanText::new(name)));
    number.display_number = Some(CleanText::new(display));
    number.two_step = two_step;
    number.read_at = Some(UtcTime::from_unix_seconds(0));
    number.waba = Some(waba("900", "uk-retail"));
    number
}

/// Three numbers, visible in the order 2, 1, 3.
fn three() -> Roster {
    let mut roster = Roster::default();
    roster.upsert(&number("1001", "+1 555-010-0151", "Acme Support", TwoStep::On));
    roster.upsert(&number("1002", "+1 555-010-0143", "acme retail", TwoStep::NotSet));
    roster.upsert(&number("1003", "+44 7700 900112", "Ωmega Stores", TwoStep::Unknown));
    roster.apply_updates();
    roster
}

fn ids(roster: &Roster) -> Vec<String> {
    (0..).map_while(|index| roster.row(index)).map(|row| row.number.id.to_string()).collect()
}

fn filtered(roster: &mut Roster, text: &str) -> Vec<String> {
    roster.set_filter(text, ROWS_IN_SIGHT).expect("a valid filter");
    ids(roster)
}

fn under_cursor(roster: &Roster) -> Option<String> {
    roster.cursor_row().map(|row| row.number.id.to_string())
}

static NOW: LazyLock<TimePoint> = LazyLock::new(|| Clock::System.now());

fn in_doubt() -> ChangeState {
    ChangeState::InDoubt(Box::new(InDoubtDetails {
        send_history: SendHistory::Recorded(FINISHED),
        doubt: DoubtReason::SuccessNotTrue.into(),
        newer_pin: None,
        two_step_before: TwoStep::NotSet,
        candidate_count: 1,
        is_pin_in_memory: true,
        is_in_escrow: true,
        new_pin_allowed_from: *NOW,
    }))
}

fn set_at(seconds: u32) -> LastSet {
    let by = OperatorName::new(1000, None, None, &CleanText::new("web1"));
    LastSet { at: UtcTime::from_unix_seconds(seconds), by, escrow_keys: None }
}

#[test]
fn a_cached_number_counts_as_unknown_until_it_is_read() {
    let mut roster = three();
    let before = roster.counts();
    let old = Number { two_step: TwoStep::On, read_at: Some(FINISHED.at), ..Number::from_config(id("1009"), None) };
    roster.insert_cached(&old);
    roster.apply_updates();
    assert_eq!(roster.counts(), TwoStepCounts { unknown: before.unknown + 1, ..before });
    assert_eq!(
        (roster.get(&old.id).map(|row| row.is_stale), roster.stale_summary()),
        (Some(true), Some(StaleSummary { numbers: 1, oldest: FINISHED.at }))
    );
    roster.set_filter("two-step:on id:1009", ROWS_IN_SIGHT).expect("a filter");
    assert_eq!(roster.visible_len(), 0, "the status of an earlier run is not the current one");
    roster.upsert(&old);
    roster.apply_updates();
    assert_eq!((roster.visible_len(), roster.counts()), (1, TwoStepCounts { on: before.on + 1, ..before }));
    roster.insert_cached(&Number { two_step: TwoStep::NotSet, ..old.clone() });
    assert_eq!(
        roster.get(&old.id).map(|row| row.number),
        Some(old),
        "a cached number must not replace one that was read"
    );
}

#[test]
fn stale_numbers_are_counted_with_the_oldest_read_time() {
    let mut roster = three();
    let old = |digits, seconds| {
        let number = number(digits, "+1 555-010-0199", "Of an earlier run", TwoStep::On);
        Number { read_at: Some(UtcTime::from_unix_seconds(seconds)), ..number }
    };
    let summary = |numbers, seconds| Some(StaleSummary { numbers, oldest: UtcTime::from_unix_seconds(seconds) });
    for (digits, seconds) in [("1004", 7), ("1005", 8), ("1006", 8), ("1007", 9)] {
        roster.insert_cached(&old(digits, seconds));
    }
    assert_eq!(roster.stale_summary(), summary(4, 7));
    roster.upsert(&Number::from_config(id("1004"), None));
    assert_eq!(roster.stale_summary(), summary(4, 7), "a failed read leaves it stale");
    roster.begin_refresh();
    roster.upsert(&old("1004", 10));
    roster.upsert(&old("1005", 10));
    assert_eq!(roster.stale_summary(), summary(2, 8));
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.apply_updates();
    assert_eq!(roster.stale_summary(), None);
}

#[test]
fn rows_are_sorted_by_number_and_counted() {
    let roster = three();
    assert_eq!(ids(&roster), ["1002", "1001", "1003"]);
    assert_eq!(roster.counts(), TwoStepCounts { on: 1, not_set: 1, unknown: 1 });
    assert_eq!((roster.total(), roster.visible_len(), roster.cursor_index()), (3, 3, Some(0)));
}

#[test]
fn an_empty_roster_has_no_cursor_and_ignores_moves() {
    let mut roster = Roster::default();
    roster.move_by(1);
    roster.move_to_last();
    roster.apply_updates();
    assert_eq!((roster.cursor_index(), roster.cursor_row(), roster.row(0)), (None, None, None));
}

#[test]
fn data_changes_at_once_but_rows_move_on_apply() {
    let mut roster = three();
    roster.upsert(&number("1003", "+1 100", "Moved", TwoStep::On));
    roster.upsert(&number("1004", "+1 100", "New", TwoStep::On));
    assert_eq!(ids(&roster), ["1002", "1001", "1003"]);
    assert_eq!(roster.row(2).and_then(|row| row.number.name), Some(CleanText::new("Moved")));
    assert_eq!(roster.counts(), TwoStepCounts { on: 3, not_set: 1, unknown: 0 });
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1003", "1004", "1002", "1001"]);
}

#[test]
fn a_failed_read_keeps_the_known_data() {
    let mut roster = three();
    let known = roster.get(&id("1002")).map(|row| row.number.clone());
    roster.begin_refresh();
    roster.upsert(&Number::from_config(id("1002"), None));
    roster.finish_refresh(&[]);
    roster.apply_updates();
    assert_eq!(roster.get(&id("1002")).map(|row| row.number.clone()), known);
    assert_eq!(ids(&roster), ["1002", "1001", "1003"]);
}

#[test]
fn a_refresh_removes_unlisted_numbers_of_a_complete_waba() {
    let mut roster = three();
    let mut lone = number("1004", "+9", "Configured alone", TwoStep::On);
    lone.waba = None;
    roster.upsert(&lone);
    let mut other = number("1005", "+8", "Unreadable WABA", TwoStep::On);
    other.waba = Some(waba("901", "eu"));
    roster.upsert(&other);
    roster.begin_refresh();
    roster.upsert(&number("1002", "+1 555-010-0143", "acme retail", TwoStep::On));
    roster.finish_refresh(&["900".parse().expect("an id")]);
    assert_eq!(ids(&roster), ["1002", "1001", "1003"]);
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1002", "1005", "1004"]);
    assert_eq!(roster.counts(), TwoStepCounts { on: 3, not_set: 0, unknown: 0 });
    assert_eq!(roster.get(&id("1001")), None);
    assert_eq!(roster.get(&id("1005")).map(|row| row.number.id), Some(id("1005")));
}

#[test]
fn a_refresh_keeps_numbers_with_an_open_change() {
    let mut roster = three();
    roster.set_change(id("1001"), ChangeState::Queued);
    roster.set_change(id("1002"), in_doubt());
    roster.set_change(id("1003"), ChangeState::Set(FINISHED));
    roster.begin_refresh();
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1002", "1001"]);
}

#[test]
fn a_missing_number_that_returns_before_apply_stays() {
    let mut roster = three();
    roster.begin_refresh();
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.upsert(&number("1001", "+1 555-010-0151", "Acme Support", TwoStep::On));
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1001"]);
}

#[test]
fn a_state_may_arrive_before_its_number() {
    let mut roster = Roster::default();
    roster.set_change(id("1001"), in_doubt());
    roster.upsert(&number("1001", "+1", "Late", TwoStep::On));
    roster.apply_updates();
    assert_eq!(roster.row(0).and_then(|row| row.change), Some(&in_doubt()));
}
