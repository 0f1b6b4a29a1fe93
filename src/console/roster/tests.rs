//! Rows keep still under the hand: filter, order, cursor and what a refresh does to them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::domain::change::{Completion, InDoubtDetails, SendHistory};
use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{TwoStep, Waba};
use crate::domain::outcome::{DoubtReason, NotSentReason};
use crate::domain::text::CleanText;

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

/// Three numbers, settled; on the screen in the order 2, 1, 3.
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
    roster.set_filter(text).expect("a good filter");
    ids(roster)
}

fn under_cursor(roster: &Roster) -> Option<&str> {
    roster.cursor_row().map(|row| row.number.id.as_str())
}

static NOW: LazyLock<TimePoint> = LazyLock::new(|| Clock::System.now());

fn in_doubt() -> ChangeState {
    ChangeState::InDoubt(Box::new(InDoubtDetails {
        send_history: SendHistory::Recorded(FINISHED),
        reason: DoubtReason::SuccessNotTrue,
        two_step_before: TwoStep::NotSet,
        candidate_count: 1,
        is_pin_in_memory: true,
        is_in_escrow: true,
        new_pin_allowed_from: *NOW,
    }))
}

#[test]
fn a_remembered_number_counts_as_unknown_until_it_is_read() {
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
    roster.set_filter("two-step:on id:1009").expect("a filter");
    assert_eq!(roster.visible_len(), 0, "what was on then is not known to be on now");
    roster.upsert(&old);
    roster.apply_updates();
    assert_eq!((roster.visible_len(), roster.counts()), (1, TwoStepCounts { on: before.on + 1, ..before }));
    roster.insert_cached(&Number { two_step: TwoStep::NotSet, ..old.clone() });
    assert_eq!(roster.get(&old.id).map(|row| row.number), Some(&old), "nothing old goes over what was read");
}

#[test]
fn remembered_numbers_are_counted_with_the_time_of_the_oldest_until_they_are_read_or_go() {
    let mut roster = three();
    let old = |digits, seconds| {
        let number = number(digits, "+1 555-010-0199", "Of an earlier run", TwoStep::On);
        Number { read_at: Some(UtcTime::from_unix_seconds(seconds)), ..number }
    };
    let remembered = |numbers, seconds| Some(StaleSummary { numbers, oldest: UtcTime::from_unix_seconds(seconds) });
    for (digits, seconds) in [("1004", 7), ("1005", 8), ("1006", 8), ("1007", 9)] {
        roster.insert_cached(&old(digits, seconds));
    }
    assert_eq!(roster.stale_summary(), remembered(4, 7));
    roster.upsert(&Number::from_config(id("1004"), None));
    assert_eq!(roster.stale_summary(), remembered(4, 7), "it could not be read");
    roster.begin_refresh();
    roster.upsert(&old("1004", 10));
    roster.upsert(&old("1005", 10));
    assert_eq!(roster.stale_summary(), remembered(2, 8));
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.apply_updates();
    assert_eq!(roster.stale_summary(), None);
}

#[test]
fn rows_stand_by_number_and_are_counted() {
    let roster = three();
    assert_eq!(ids(&roster), ["1002", "1001", "1003"]);
    assert_eq!(roster.counts(), TwoStepCounts { on: 1, not_set: 1, unknown: 1 });
    assert_eq!((roster.total(), roster.visible_len(), roster.cursor_index()), (3, 3, Some(0)));
}

#[test]
fn an_empty_roster_has_no_cursor_and_takes_every_move() {
    let mut roster = Roster::default();
    roster.move_by(1);
    roster.move_to_last();
    roster.apply_updates();
    assert_eq!((roster.cursor_index(), roster.cursor_row(), roster.row(0)), (None, None, None));
}

#[test]
fn the_cursor_stays_at_the_top_while_rows_arrive_until_it_is_moved() {
    let mut roster = three();
    roster.upsert(&number("1004", "+1 200", "First", TwoStep::On));
    roster.apply_updates();
    assert_eq!(under_cursor(&roster), Some("1004"));
    roster.move_by(1);
    roster.upsert(&number("1005", "+1 100", "Before all", TwoStep::On));
    roster.apply_updates();
    assert_eq!((under_cursor(&roster), roster.cursor_index()), (Some("1002"), Some(2)));
}

#[test]
fn news_is_read_at_once_but_no_row_moves_before_settling() {
    let mut roster = three();
    roster.upsert(&number("1003", "+1 100", "Moved", TwoStep::On));
    roster.upsert(&number("1004", "+1 100", "New", TwoStep::On));
    assert_eq!(ids(&roster), ["1002", "1001", "1003"]);
    assert_eq!(roster.row(2).and_then(|row| row.number.name.as_ref()).map(CleanText::as_str), Some("Moved"));
    assert_eq!(roster.counts(), TwoStepCounts { on: 3, not_set: 1, unknown: 0 });
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1003", "1004", "1002", "1001"]);
}

#[test]
fn a_number_that_could_not_be_read_keeps_what_was_known_of_it() {
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
fn numbers_are_taken_to_be_remembered_once_each_as_they_are_then_and_only_if_they_were_read() {
    let mut roster = three();
    roster.insert_cached(&number("1004", "+1 100", "Of an earlier run", TwoStep::On));
    roster.upsert(&Number::from_config(id("1005"), None));
    let taken = |roster: &mut Roster, most| -> Vec<String> {
        let numbers = roster.take_uncached(most);
        numbers.iter().map(|number| format!("{} {}", number.id, number.two_step.label())).collect()
    };
    assert_eq!(roster.uncached_len(), 3);
    assert_eq!(taken(&mut roster, 1), ["1001 on"]);
    roster.begin_refresh();
    roster.upsert(&number("1003", "+44 7700 900112", "Ωmega Stores", TwoStep::On));
    roster.upsert(&number("1001", "+1 555-010-0151", "Acme Support", TwoStep::NotSet));
    // 1002 goes, and those behind it move up.
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.apply_updates();
    assert_eq!(taken(&mut roster, 9), ["1003 on", "1001 not set"]);
    assert_eq!((roster.uncached_len(), taken(&mut roster, 9)), (0, Vec::new()));
    // What was taken may wait again, and so may 1005, in the place of one that waited.
    roster.upsert(&number("1003", "+44 7700 900112", "Ωmega Stores", TwoStep::NotSet));
    roster.upsert(&number("1005", "+1 555-010-0146", "Read at last", TwoStep::On));
    assert_eq!(taken(&mut roster, 9), ["1003 not set", "1005 on"]);
}

#[test]
fn a_refresh_lets_go_of_what_a_whole_waba_no_longer_lists() {
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
fn a_refresh_keeps_what_runs_or_is_in_doubt() {
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
fn a_missing_number_that_is_told_of_before_the_settling_stays() {
    let mut roster = three();
    roster.begin_refresh();
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.upsert(&number("1001", "+1 555-010-0151", "Acme Support", TwoStep::On));
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1001"]);
}

#[test]
fn the_nearest_following_row_inherits_the_cursor_of_one_that_goes() {
    for (keeps, heir) in [(["1002", "1003"], "1003"), (["1002", "1001"], "1001")] {
        let mut roster = three();
        let last = if heir == "1003" { 1 } else { 2 };
        roster.move_by(last);
        roster.begin_refresh();
        for digits in keeps {
            let kept = roster.get(&id(digits)).expect("listed").number.clone();
            roster.upsert(&kept);
        }
        roster.finish_refresh(&["900".parse().expect("an id")]);
        roster.apply_updates();
        assert_eq!(under_cursor(&roster), Some(heir));
    }
}

#[test]
fn a_filter_that_hides_the_cursor_row_gives_it_back_when_it_is_cleared() {
    let mut roster = three();
    roster.move_by(1);
    assert_eq!(filtered(&mut roster, "stores"), ["1003"]);
    assert_eq!(under_cursor(&roster), Some("1003"));
    roster.set_filter("").expect("an empty filter");
    assert_eq!(under_cursor(&roster), Some("1001"));
}

#[test]
fn a_move_under_a_filter_is_where_the_cursor_stays() {
    let mut roster = three();
    roster.set_filter("acme").expect("a good filter");
    roster.move_to_last();
    roster.set_filter("").expect("an empty filter");
    assert_eq!(under_cursor(&roster), Some("1001"));
    assert!(roster.select(&id("1003")));
    assert!(!roster.select(&id("1009")));
    assert_eq!(roster.cursor_index(), Some(2));
}

#[test]
fn a_filter_finds_words_of_every_kind() {
    let mut roster = three();
    roster.set_change(id("1001"), in_doubt());
    roster.set_change(id("1002"), ChangeState::NotSent(FINISHED, NotSentReason::Stopped));
    let cases: [(&str, &[&str]); 21] = [
        ("ACME", &["1002", "1001"]),
        ("acme support", &["1001"]),
        ("ωM", &["1003"]),
        ("5550100143", &["1002"]),
        ("+1 555-010 01", &["1002", "1001"]),
        ("+44-7700", &["1003"]),
        ("uk-ret", &["1002", "1001", "1003"]),
        ("waba:UK !acme", &["1003"]),
        ("waba:900", &["1002", "1001", "1003"]),
        ("waba:eu", &[]),
        ("two-step:not-set", &["1002"]),
        ("!two-step:on", &["1002", "1003"]),
        ("request:no-answer", &["1001"]),
        ("request:not-sent", &["1002"]),
        ("request:none", &["1003"]),
        ("request:queued", &[]),
        ("id:003", &["1003"]),
        ("1003", &["1003"]),
        ("003", &[]),
        ("support retail", &["1001"]),
        ("!", &["1002", "1001", "1003"]),
    ];
    for (text, expected) in cases {
        assert_eq!(filtered(&mut roster, text), expected, "{text}");
    }
}

#[test]
fn a_filter_that_is_not_understood_leaves_the_last_one_in_force() {
    let mut roster = three();
    assert_eq!(filtered(&mut roster, "acme"), ["1002", "1001"]);
    assert_eq!(roster.set_filter("acme two-step:"), Err(FilterError::BadValue { key: FilterKey::TwoStep }));
    assert_eq!(ids(&roster), ["1002", "1001"]);
}

#[test]
fn a_job_that_moves_takes_its_row_in_and_out_of_a_filter_for_requests() {
    let mut roster = three();
    roster.set_filter("request:queued").expect("a good filter");
    roster.set_change(id("1001"), ChangeState::Queued);
    roster.set_change(id("1003"), ChangeState::Queued);
    assert_eq!(roster.visible_len(), 0);
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1001", "1003"]);
    roster.move_to_last();
    roster.set_change(id("1001"), ChangeState::Sending { attempt: 1 });
    roster.apply_updates();
    assert_eq!((ids(&roster), under_cursor(&roster)), (vec!["1003".to_owned()], Some("1003")));
}

#[test]
fn a_changed_name_is_found_by_its_new_letters_only() {
    let mut roster = three();
    roster.upsert(&number("1001", "+1 555-010-0151", "Beta", TwoStep::On));
    assert_eq!(filtered(&mut roster, "beta"), ["1001"]);
    assert_eq!(filtered(&mut roster, "support"), Vec::<String>::new());
}

#[test]
fn a_job_may_be_told_of_before_its_number() {
    let mut roster = Roster::default();
    roster.set_change(id("1001"), in_doubt());
    roster.upsert(&number("1001", "+1", "Late", TwoStep::On));
    roster.apply_updates();
    assert_eq!(roster.row(0).and_then(|row| row.change), Some(&in_doubt()));
}

// The same rules again, written the slow way, against any sequence of events.

#[derive(Debug, Clone)]
enum Event {
    Upsert { id: u8, display: u8, name: u8, waba: u8, two_step: TwoStep },
    Job { id: u8, kind: u8 },
    Refresh { told: Vec<u8>, complete: u8 },
    Filter(usize),
    Sort(SortColumn, SortDirection),
    Move(isize),
    Last,
    Settle,
}

#[derive(Default)]
struct Model {
    rows: BTreeMap<String, Number>,
    jobs: BTreeMap<String, ChangeState>,
    gone: Vec<String>,
    filter: usize,
    sort: SortOrder,
    order: Vec<String>,
    shown: Vec<String>,
    cursor: usize,
    anchor: Option<String>,
}

type Passes = fn(&Number, Option<&ChangeState>) -> bool;

fn name_of(number: &Number) -> String {
    number.name.as_ref().map(|name| name.as_str().to_lowercase()).unwrap_or_default()
}

fn digits_of(number: &Number) -> String {
    number.label().chars().filter(char::is_ascii_digit).collect()
}

const FILTERS: [(&str, Passes); 8] = [
    ("", |_, _| true),
    ("b", |number, _| {
        name_of(number).contains('b') || number.waba.as_ref().is_some_and(|waba| waba.label().contains('b'))
    }),
    ("1-2", |number, _| digits_of(number).contains("12") || number.id.as_str() == "12"),
    ("two-step:on", |number, _| number.two_step == TwoStep::On),
    ("!request:none", |_, job| job.is_some()),
    ("request:queued !two-step:unknown", |number, job| {
        job == Some(&ChangeState::Queued) && number.two_step != TwoStep::Unknown
    }),
    ("waba:91", |number, _| number.waba.as_ref().is_some_and(|waba| waba.id.as_str().contains("91"))),
    ("id:1", |number, _| number.id.as_str().contains('1')),
];

fn job(kind: u8) -> ChangeState {
    match kind {
        0 => ChangeState::Queued,
        1 => ChangeState::Sending { attempt: 1 },
        2 => ChangeState::Waiting { attempt: 2, until: Instant::now(), in_doubt: true },
        3 => ChangeState::Set(FINISHED),
        4 => ChangeState::NotSent(FINISHED, NotSentReason::Stopped),
        _ => in_doubt(),
    }
}

impl Model {
    fn settle(&mut self) {
        let held = |id: &String| self.jobs.get(id).is_some_and(|job| job.is_running() || job.is_in_doubt());
        let gone: Vec<String> = self.gone.drain(..).filter(|id| !held(id)).collect();
        if let Some(at) = self.order.iter().position(|id| Some(id) == self.anchor.as_ref()) {
            let following = self.order[at..].iter().chain(self.order[..at].iter().rev());
            self.anchor = following.clone().find(|id| !gone.contains(id)).cloned();
        }
        for id in gone {
            self.rows.remove(&id);
            self.jobs.remove(&id);
        }
        let mut rows: Vec<&Number> = self.rows.values().collect();
        rows.sort_by_key(|row| {
            let column = match self.sort.column {
                SortColumn::Number => String::new(),
                SortColumn::Name => row.name.as_ref().map_or("\u{ff}".to_owned(), |_| name_of(row)),
                SortColumn::Waba => row.waba.as_ref().map_or("\u{ff}".to_owned(), |waba| waba.label().to_lowercase()),
                SortColumn::TwoStep => format!("{}", row.two_step as u8),
                SortColumn::Request => priority(self.jobs.get(row.id.as_str())).to_string(),
            };
            (column, digits_of(row), row.id.to_string())
        });
        if self.sort.direction == SortDirection::Descending {
            rows.reverse();
        }
        self.order = rows.iter().map(|row| row.id.to_string()).collect();
        let passes = FILTERS[self.filter].1;
        rows.retain(|row| passes(row, self.jobs.get(row.id.as_str())));
        self.shown = rows.iter().map(|row| row.id.to_string()).collect();
        let at = self.anchor.as_ref().and_then(|anchor| self.order.iter().position(|id| id == anchor)).unwrap_or(0);
        let heir = self.order[at..].iter().find_map(|id| self.shown.iter().position(|shown| shown == id));
        self.cursor = heir.unwrap_or(self.shown.len().saturating_sub(1));
    }

    fn move_to(&mut self, index: usize) {
        self.cursor = index.min(self.shown.len().saturating_sub(1));
        self.anchor = self.shown.get(self.cursor).cloned().or(self.anchor.take());
    }
}

fn any_number(id: u8, display: u8, name: u8, waba: u8, two_step: TwoStep) -> Number {
    let names = ["Bäcker", "acme bakers", "Acme", "ACME bakers 2", ""];
    let displays = ["+1 2", "+12", "+1 3-0", "+44 1", "n/a"];
    let mut number = self::number(&id.to_string(), displays[usize::from(display)], names[usize::from(name)], two_step);
    if name == 4 {
        number.name = None;
    }
    if display == 4 {
        number.display_number = None;
    }
    number.waba = [None, Some(self::waba("910", "uk-b")), Some(self::waba("900", "EU"))][usize::from(waba)].clone();
    number
}

fn apply(event: &Event, roster: &mut Roster, model: &mut Model) {
    match event {
        Event::Upsert { id, display, name, waba, two_step } => {
            let number = any_number(*id, *display, *name, *waba, *two_step);
            model.gone.retain(|gone| *gone != id.to_string());
            model.rows.insert(id.to_string(), number.clone());
            roster.upsert(&number);
        }
        Event::Job { id, kind } => {
            let state = job(*kind);
            roster.set_change(self::id(&id.to_string()), state.clone());
            model.jobs.insert(id.to_string(), state);
        }
        Event::Refresh { told, complete } => {
            let complete: WabaId = ["910", "900"][usize::from(*complete)].parse().expect("an id");
            roster.begin_refresh();
            let is_told = |row: &Number| told.iter().any(|id| id.to_string() == row.id.as_str());
            for row in model.rows.values().filter(|row| is_told(row)) {
                model.gone.retain(|gone| *gone != row.id.as_str());
                roster.upsert(row);
            }
            roster.finish_refresh(&[complete]);
            let goes = |row: &&Number| row.waba.as_ref().is_some_and(|waba| waba.id == complete) && !is_told(row);
            model.gone.extend(model.rows.values().filter(goes).map(|row| row.id.to_string()));
        }
        Event::Filter(index) => {
            roster.set_filter(FILTERS[*index].0).expect("a good filter");
            model.filter = *index;
            model.settle();
        }
        Event::Sort(by, direction) => {
            let sort = SortOrder { column: *by, direction: *direction };
            roster.set_sort(sort);
            model.sort = sort;
            model.settle();
        }
        Event::Move(rows) => {
            roster.move_by(*rows);
            model.move_to(model.cursor.saturating_add_signed(*rows));
        }
        Event::Last => {
            roster.move_to_last();
            model.move_to(usize::MAX);
        }
        Event::Settle => {
            roster.apply_updates();
            model.settle();
        }
    }
}

fn events() -> impl Strategy<Value = Event> {
    let two_step = prop_oneof![Just(TwoStep::On), Just(TwoStep::NotSet), Just(TwoStep::Unknown)];
    let by = prop_oneof![
        Just(SortColumn::Number),
        Just(SortColumn::Name),
        Just(SortColumn::Waba),
        Just(SortColumn::TwoStep),
        Just(SortColumn::Request),
    ];
    let direction = prop_oneof![Just(SortDirection::Ascending), Just(SortDirection::Descending)];
    prop_oneof![
        8 => (1u8..40, 0u8..5, 0u8..5, 0u8..3, two_step)
            .prop_map(|(id, display, name, waba, two_step)| Event::Upsert { id, display, name, waba, two_step }),
        3 => (1u8..40, 0u8..6).prop_map(|(id, kind)| Event::Job { id, kind }),
        1 => (prop::collection::vec(1u8..40, 0..40), 0u8..2).prop_map(|(told, complete)| Event::Refresh { told, complete }),
        1 => (0..FILTERS.len()).prop_map(Event::Filter),
        1 => (by, direction).prop_map(|(by, direction)| Event::Sort(by, direction)),
        2 => (-4isize..5).prop_map(Event::Move),
        1 => Just(Event::Last),
        2 => Just(Event::Settle),
    ]
}

proptest! {
    #[test]
    fn the_roster_does_what_the_slow_rules_do(events in prop::collection::vec(events(), 1..120)) {
        let (mut roster, mut model) = (Roster::default(), Model::default());
        for event in &events {
            apply(event, &mut roster, &mut model);
            prop_assert_eq!(roster.total(), model.rows.len());
            prop_assert_eq!(roster.visible_len(), model.shown.len());
            prop_assert_eq!(under_cursor(&roster), model.shown.get(model.cursor).map(String::as_str), "{:?}", event);
        }
        roster.apply_updates();
        model.settle();
        prop_assert_eq!(ids(&roster), &model.shown[..]);
        prop_assert_eq!(under_cursor(&roster), model.shown.get(model.cursor).map(String::as_str));
        let mut counts = TwoStepCounts::default();
        for row in model.rows.values() {
            *match row.two_step {
                TwoStep::On => &mut counts.on,
                TwoStep::NotSet => &mut counts.not_set,
                TwoStep::Unknown => &mut counts.unknown,
            } += 1;
        }
        prop_assert_eq!(roster.counts(), counts);
    }
}
