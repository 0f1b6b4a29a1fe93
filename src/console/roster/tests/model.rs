//! A slow model of the roster's rules, compared with the roster after random events.

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;

use super::super::row_store::{TwoStepCounts, priority};
use super::super::{Roster, SortColumn, SortDirection, SortOrder};
use super::{FINISHED, id, ids, in_doubt, number, under_cursor, waba};
use crate::domain::change::ChangeState;
use crate::domain::number::{Number, TwoStep, WabaId};
use crate::domain::standing::NotSentReason;

#[derive(Debug, Clone)]
enum Event {
    Upsert { id: u8, display: u8, name: u8, waba: u8, two_step: TwoStep },
    Change { id: u8, kind: u8 },
    Refresh { listed: Vec<u8>, complete: u8 },
    Filter(usize),
    Sort(SortColumn, SortDirection),
    Move(isize),
    MoveToLast,
    ApplyUpdates,
}

#[derive(Default)]
struct Model {
    rows: BTreeMap<String, Number>,
    changes: BTreeMap<String, ChangeState>,
    removed: Vec<String>,
    filter: usize,
    sort: SortOrder,
    order: Vec<String>,
    visible: Vec<String>,
    cursor: usize,
    anchor: Option<String>,
}

type Matches = fn(&Number, Option<&ChangeState>) -> bool;

fn name_of(number: &Number) -> String {
    number.name.as_ref().map(|name| name.as_str().to_lowercase()).unwrap_or_default()
}

fn digits_of(number: &Number) -> String {
    number.label().chars().filter(char::is_ascii_digit).collect()
}

const FILTERS: [(&str, Matches); 8] = [
    ("", |_, _| true),
    ("b", |number, _| {
        name_of(number).contains('b') || number.waba.as_ref().is_some_and(|waba| waba.label().contains('b'))
    }),
    ("1-2", |number, _| digits_of(number).contains("12") || number.id.as_str() == "12"),
    ("two-step:on", |number, _| number.two_step == TwoStep::On),
    ("!request:none", |_, change| change.is_some()),
    ("request:queued !two-step:unknown", |number, change| {
        change == Some(&ChangeState::Queued) && number.two_step != TwoStep::Unknown
    }),
    ("waba:91", |number, _| number.waba.as_ref().is_some_and(|waba| waba.id.as_str().contains("91"))),
    ("id:1", |number, _| number.id.as_str().contains('1')),
];

fn change_state(kind: u8) -> ChangeState {
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
    fn apply_updates(&mut self) {
        let is_open = |id: &String| self.changes.get(id).is_some_and(|state| state.is_running() || state.is_in_doubt());
        let removed: Vec<String> = self.removed.drain(..).filter(|id| !is_open(id)).collect();
        if let Some(at) = self.order.iter().position(|id| Some(id) == self.anchor.as_ref()) {
            let following = self.order[at..].iter().chain(self.order[..at].iter().rev());
            self.anchor = following.clone().find(|id| !removed.contains(id)).cloned();
        }
        for id in removed {
            self.rows.remove(&id);
            self.changes.remove(&id);
        }
        let mut rows: Vec<&Number> = self.rows.values().collect();
        rows.sort_by_key(|row| {
            let column = match self.sort.column {
                SortColumn::Number => String::new(),
                SortColumn::Name => row.name.as_ref().map_or("\u{ff}".to_owned(), |_| name_of(row)),
                SortColumn::Waba => row.waba.as_ref().map_or("\u{ff}".to_owned(), |waba| waba.label().to_lowercase()),
                SortColumn::TwoStep => format!("{}", row.two_step as u8),
                SortColumn::Request => priority(self.changes.get(row.id.as_str())).to_string(),
            };
            (column, digits_of(row), row.id.to_string())
        });
        if self.sort.direction == SortDirection::Descending {
            rows.reverse();
        }
        self.order = rows.iter().map(|row| row.id.to_string()).collect();
        let matches = FILTERS[self.filter].1;
        rows.retain(|row| matches(row, self.changes.get(row.id.as_str())));
        self.visible = rows.iter().map(|row| row.id.to_string()).collect();
        let at = self.anchor.as_ref().and_then(|anchor| self.order.iter().position(|id| id == anchor)).unwrap_or(0);
        let next = self.order[at..].iter().find_map(|id| self.visible.iter().position(|visible| visible == id));
        self.cursor = next.unwrap_or(self.visible.len().saturating_sub(1));
    }

    fn move_to(&mut self, index: usize) {
        self.cursor = index.min(self.visible.len().saturating_sub(1));
        self.anchor = self.visible.get(self.cursor).cloned().or(self.anchor.take());
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
            model.removed.retain(|removed| *removed != id.to_string());
            model.rows.insert(id.to_string(), number.clone());
            roster.upsert(&number);
        }
        Event::Change { id, kind } => {
            let state = change_state(*kind);
            roster.set_change(self::id(&id.to_string()), state.clone());
            model.changes.insert(id.to_string(), state);
        }
        Event::Refresh { listed, complete } => {
            let complete: WabaId = ["910", "900"][usize::from(*complete)].parse().expect("an id");
            roster.begin_refresh();
            let is_listed = |row: &Number| listed.iter().any(|id| id.to_string() == row.id.as_str());
            for row in model.rows.values().filter(|row| is_listed(row)) {
                model.removed.retain(|removed| *removed != row.id.as_str());
                roster.upsert(row);
            }
            roster.finish_refresh(&[complete]);
            let is_removed =
                |row: &&Number| row.waba.as_ref().is_some_and(|waba| waba.id == complete) && !is_listed(row);
            model.removed.extend(model.rows.values().filter(is_removed).map(|row| row.id.to_string()));
        }
        Event::Filter(index) => {
            roster.set_filter(FILTERS[*index].0).expect("a valid filter");
            model.filter = *index;
            model.apply_updates();
        }
        Event::Sort(column, direction) => {
            let sort = SortOrder { column: *column, direction: *direction };
            roster.set_sort(sort);
            model.sort = sort;
            model.apply_updates();
        }
        Event::Move(rows) => {
            roster.move_by(*rows);
            model.move_to(model.cursor.saturating_add_signed(*rows));
        }
        Event::MoveToLast => {
            roster.move_to_last();
            model.move_to(usize::MAX);
        }
        Event::ApplyUpdates => {
            roster.apply_updates();
            model.apply_updates();
        }
    }
}

fn events() -> impl Strategy<Value = Event> {
    let two_step = prop_oneof![Just(TwoStep::On), Just(TwoStep::NotSet), Just(TwoStep::Unknown)];
    let column = prop_oneof![
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
        3 => (1u8..40, 0u8..6).prop_map(|(id, kind)| Event::Change { id, kind }),
        1 => (prop::collection::vec(1u8..40, 0..40), 0u8..2)
            .prop_map(|(listed, complete)| Event::Refresh { listed, complete }),
        1 => (0..FILTERS.len()).prop_map(Event::Filter),
        1 => (column, direction).prop_map(|(column, direction)| Event::Sort(column, direction)),
        2 => (-4isize..5).prop_map(Event::Move),
        1 => Just(Event::MoveToLast),
        2 => Just(Event::ApplyUpdates),
    ]
}

proptest! {
    #[test]
    fn the_roster_agrees_with_the_model(events in prop::collection::vec(events(), 1..120)) {
        let (mut roster, mut model) = (Roster::default(), Model::default());
        for event in &events {
            apply(event, &mut roster, &mut model);
            prop_assert_eq!(roster.total(), model.rows.len());
            prop_assert_eq!(roster.visible_len(), model.visible.len());
            prop_assert_eq!(under_cursor(&roster), model.visible.get(model.cursor).map(String::as_str), "{:?}", event);
        }
        roster.apply_updates();
        model.apply_updates();
        prop_assert_eq!(ids(&roster), &model.visible[..]);
        prop_assert_eq!(under_cursor(&roster), model.visible.get(model.cursor).map(String::as_str));
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
