//! A slow model of the roster's rules, compared with the roster after random events.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Instant;

use proptest::prelude::*;

use super::super::change_states::priority;
use super::super::row_store::TwoStepCounts;
use super::super::{QuickCounts, Roster, RowMark, SortColumn, SortDirection, SortOrder};
use super::{FINISHED, id, ids, in_doubt, number, set_at, under_cursor, waba};
use crate::domain::change::{ChangeState, Completion};
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::{Number, TwoStep, WabaId};
use crate::domain::standing::NotSentReason;

#[derive(Debug, Clone)]
enum Event {
    Upsert { id: u8, display: u8, name: u8, waba: u8, two_step: TwoStep, is_listed: bool },
    Change { id: u8, kind: u8 },
    LastSet { id: u8, seconds: u32 },
    Refresh { listed: Vec<u8>, complete: u8 },
    Filter { index: usize, rows_in_sight: usize },
    ActOn { id: u8 },
    Sort(SortColumn, SortDirection),
    Move(isize),
    MoveToLast,
    Select(Selecting),
    ApplyUpdates,
}

#[derive(Debug, Clone, Copy)]
enum Selecting {
    Toggle,
    Shown,
    Invert,
    Clear,
}

#[derive(Default)]
struct Model {
    rows: BTreeMap<String, Number>,
    changes: BTreeMap<String, ChangeState>,
    /// When the PIN of a number was last set, in seconds.
    last_sets: BTreeMap<String, u32>,
    removed: Vec<String>,
    filter: usize,
    sort: SortOrder,
    /// The rows that were placed, from the top.
    order: Vec<String>,
    /// Those that the next update places, and those that keep a place that is not theirs.
    unsorted: BTreeSet<String>,
    displaced: BTreeSet<String>,
    visible: Vec<String>,
    acted_on: BTreeSet<String>,
    kept: BTreeSet<String>,
    selected: BTreeSet<String>,
    cursor: Option<String>,
    before_filters: Option<String>,
}

type Matches = fn(&Number, Option<&ChangeState>, Option<u32>) -> bool;

fn name_of(number: &Number) -> String {
    number.name.as_ref().map(|name| name.as_str().to_lowercase()).unwrap_or_default()
}

fn digits_of(number: &Number) -> String {
    number.label().chars().filter(char::is_ascii_digit).collect()
}

const FILTERS: [(&str, Matches); 11] = [
    ("", |_, _, _| true),
    ("b", |number, _, _| {
        name_of(number).contains('b') || number.waba.as_ref().is_some_and(|waba| waba.label().contains('b'))
    }),
    ("1-2", |number, _, _| digits_of(number).contains("12") || number.id.as_str() == "12"),
    ("two-step:on", |number, _, _| number.two_step == TwoStep::On),
    ("!request:none", |_, change, _| change.is_some()),
    ("request:queued !two-step:unknown", |number, change, _| {
        change == Some(&ChangeState::Queued) && number.two_step != TwoStep::Unknown
    }),
    ("waba:91", |number, _, _| number.waba.as_ref().is_some_and(|waba| waba.id.as_str().contains("91"))),
    ("id:1", |number, _, _| number.id.as_str().contains('1')),
    ("not set", |number, _, _| number.two_step == TwoStep::NotSet),
    ("-req:no", |_, change, _| change.is_some_and(|state| !matches!(state.keyword(), "no-answer" | "not-sent"))),
    ("set:today", |_, _, last_set| last_set.is_some_and(|seconds| seconds < 86_400)),
];

/// The filter of digits, which ranks numbers that end with them first.
const DIGITS_FILTER: usize = 2;

fn change_state(kind: u8) -> ChangeState {
    match kind {
        0 => ChangeState::Queued,
        1 => ChangeState::Sending { attempt: 1, in_doubt: false },
        2 => ChangeState::Waiting { attempt: 2, until: Instant::now(), in_doubt: true, error: None },
        3 => ChangeState::Set(FINISHED),
        4 => ChangeState::Set(Completion { at: UtcTime::from_unix_seconds(86_400), attempts: 1 }),
        5 => ChangeState::NotSent(FINISHED, NotSentReason::Stopped),
        6 => ChangeState::Paused { until: TimePoint { instant: Instant::now(), utc: FINISHED.at }, in_doubt: false },
        _ => in_doubt(),
    }
}

impl Model {
    fn apply_updates(&mut self) {
        self.remove_rows();
        let unsorted: Vec<String> = mem::take(&mut self.unsorted).into_iter().collect();
        self.order.retain(|id| !unsorted.contains(id));
        self.displaced.retain(|id| !unsorted.contains(id));
        for id in unsorted {
            self.place(id);
        }
        let matches =
            |id: &String| FILTERS[self.filter].1(&self.rows[id], self.changes.get(id), self.last_sets.get(id).copied());
        let stays = |id: &&String| {
            let is_kept = self.acted_on.contains(*id) || self.kept.contains(*id) || self.cursor.as_ref() == Some(*id);
            is_kept && !matches(id)
        };
        self.kept = self.visible.iter().filter(stays).cloned().collect();
        self.visible = self.order.iter().filter(|id| matches(id) || self.kept.contains(*id)).cloned().collect();
        if self.filter == DIGITS_FILTER {
            self.visible.sort_by_key(|id| !(matches(id) && digits_of(&self.rows[id]).ends_with("12")));
        }
        self.cursor = self.cursor.take().or(self.visible.first().cloned());
    }

    /// Inserts a row before the first one in its place that is after it.
    fn place(&mut self, id: String) {
        let key = self.sort_key(&id);
        let is_after = |other: &String| !self.displaced.contains(other) && self.sort_key(other) > key;
        let at = match self.sort.direction {
            SortDirection::Ascending => self.order.iter().position(is_after).unwrap_or(self.order.len()),
            // The order starts at the bottom.
            SortDirection::Descending => self.order.iter().rposition(is_after).map_or(0, |at| at + 1),
        };
        self.order.insert(at, id);
    }

    fn sort_key(&self, id: &str) -> (String, String, String) {
        let row = &self.rows[id];
        let column = match self.sort.column {
            SortColumn::Number => String::new(),
            SortColumn::Name => row.name.as_ref().map_or("\u{ff}".to_owned(), |_| name_of(row)),
            SortColumn::Waba => row.waba.as_ref().map_or("\u{ff}".to_owned(), |waba| waba.label().to_lowercase()),
            SortColumn::TwoStep => format!("{}", row.two_step as u8),
            SortColumn::Request => priority(self.changes.get(row.id.as_str())).to_string(),
        };
        (column, digits_of(row), row.id.to_string())
    }

    fn remove_rows(&mut self) {
        let is_open = |id: &String| self.changes.get(id).is_some_and(|state| state.is_running() || state.is_in_doubt());
        let removed: Vec<String> = self.removed.drain(..).filter(|id| !is_open(id)).collect();
        if let Some(at) = self.visible.iter().position(|id| Some(id) == self.cursor.as_ref()) {
            let mut nearest = self.visible[at..].iter().chain(self.visible[..at].iter().rev());
            self.cursor = nearest.find(|id| !removed.contains(id)).cloned();
        }
        for id in removed {
            self.rows.remove(&id);
            self.changes.remove(&id);
            self.last_sets.remove(&id);
            for ids in [&mut self.order, &mut self.visible] {
                ids.retain(|other| *other != id);
            }
            for ids in [&mut self.unsorted, &mut self.displaced, &mut self.acted_on, &mut self.kept, &mut self.selected]
            {
                ids.remove(&id);
            }
            self.before_filters.take_if(|before| *before == id);
        }
    }

    fn set_filter(&mut self, index: usize, rows_in_sight: usize) {
        if index == self.filter {
            return self.apply_updates();
        }
        self.filter = index;
        self.unsorted.append(&mut self.displaced);
        self.remove_rows();
        self.before_filters = self.before_filters.take().or(self.cursor.take());
        self.visible.clear();
        self.kept.clear();
        self.apply_updates();
        let at = self.visible.iter().position(|id| Some(id) == self.before_filters.as_ref());
        let is_in_sight = |at: &usize| index == 0 || *at < rows_in_sight;
        self.cursor = self.visible.get(at.filter(is_in_sight).unwrap_or(0)).cloned();
    }

    fn set_sort(&mut self, sort: SortOrder) {
        self.apply_updates();
        if sort.column != self.sort.column {
            self.unsorted.extend(self.order.drain(..));
        }
        if sort.direction != self.sort.direction {
            self.order.reverse();
        }
        self.unsorted.append(&mut self.displaced);
        self.sort = sort;
        self.apply_updates();
    }

    fn cursor_index(&self) -> usize {
        self.visible.iter().position(|id| Some(id) == self.cursor.as_ref()).unwrap_or(0)
    }

    fn move_to(&mut self, index: usize) {
        if let Some(last) = self.visible.len().checked_sub(1) {
            self.cursor = Some(self.visible[index.min(last)].clone());
            self.before_filters = None;
        }
    }

    fn select(&mut self, selecting: Selecting) {
        let shown: BTreeSet<_> = self.visible.iter().filter(|id| !self.kept.contains(*id)).cloned().collect();
        self.selected = match selecting {
            Selecting::Toggle => &self.selected ^ &self.cursor.iter().cloned().collect(),
            Selecting::Shown => &self.selected | &shown,
            Selecting::Invert => &self.selected ^ &shown,
            Selecting::Clear => BTreeSet::new(),
        };
    }

    fn set_change(&mut self, id: String, state: ChangeState) {
        let before = self.rows.contains_key(&id).then(|| self.sort_key(&id));
        self.changes.insert(id.clone(), state);
        if before.is_some_and(|before| before != self.sort_key(&id)) {
            self.displaced.insert(id);
        }
    }

    /// Stores a number, and notes that its row may have another place now.
    fn store(&mut self, number: &Number, is_listed: bool) {
        let id = number.id.to_string();
        self.removed.retain(|removed| *removed != id);
        // A changed name or display number may move a row in every order.
        let key = |model: &Self| {
            let row = model.rows.get(&id)?;
            Some((row.name.clone(), row.display_number.clone(), model.sort_key(&id)))
        };
        let before = key(self);
        self.rows.insert(id.clone(), number.clone());
        match before {
            None => self.unsorted.insert(id),
            Some(_) if before == key(self) => false,
            Some(_) if is_listed => self.unsorted.insert(id),
            Some(_) => self.displaced.insert(id),
        };
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
        Event::Upsert { id, display, name, waba, two_step, is_listed } => {
            let number = any_number(*id, *display, *name, *waba, *two_step);
            model.store(&number, *is_listed);
            if *is_listed { roster.upsert(&number) } else { roster.upsert_single(&number) }
        }
        Event::Change { id, kind } => {
            let state = change_state(*kind);
            roster.set_change(self::id(&id.to_string()), state.clone());
            model.set_change(id.to_string(), state);
        }
        Event::LastSet { id, seconds } => {
            roster.set_last_set(self::id(&id.to_string()), set_at(*seconds));
            let newest = model.last_sets.entry(id.to_string()).or_default();
            *newest = (*newest).max(*seconds);
        }
        Event::Refresh { listed, complete } => {
            let complete: WabaId = ["910", "900"][usize::from(*complete)].parse().expect("an id");
            roster.begin_refresh();
            model.unsorted.append(&mut model.displaced);
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
        Event::Filter { index, rows_in_sight } => {
            roster.set_filter(FILTERS[*index].0, *rows_in_sight).expect("a valid filter");
            model.set_filter(*index, *rows_in_sight);
        }
        Event::ActOn { id } => {
            roster.mark_acted_on(&self::id(&id.to_string()));
            model.acted_on.extend(model.rows.contains_key(&id.to_string()).then(|| id.to_string()));
        }
        Event::Sort(column, direction) => {
            let sort = SortOrder { column: *column, direction: *direction };
            roster.set_sort(sort);
            model.set_sort(sort);
        }
        Event::Move(rows) => {
            roster.move_by(*rows);
            model.move_to(model.cursor_index().saturating_add_signed(*rows));
        }
        Event::MoveToLast => {
            roster.move_to_last();
            model.move_to(usize::MAX);
        }
        Event::Select(selecting) => {
            select(*selecting, roster);
            model.select(*selecting);
        }
        Event::ApplyUpdates => {
            roster.apply_updates();
            model.apply_updates();
        }
    }
}

fn select(selecting: Selecting, roster: &mut Roster) {
    match selecting {
        Selecting::Toggle => roster.toggle_selected(),
        Selecting::Shown => roster.select_shown(),
        Selecting::Invert => roster.invert_shown(),
        Selecting::Clear => roster.clear_selection(),
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
        8 => (1u8..40, 0u8..5, 0u8..5, 0u8..3, two_step, prop::bool::weighted(0.7)).prop_map(
            |(id, display, name, waba, two_step, is_listed)| {
                Event::Upsert { id, display, name, waba, two_step, is_listed }
            }
        ),
        3 => (1u8..40, 0u8..8).prop_map(|(id, kind)| Event::Change { id, kind }),
        2 => (1u8..40, prop_oneof![0u32..3, 86_399..86_402u32]).prop_map(|(id, seconds)| Event::LastSet { id, seconds }),
        1 => (prop::collection::vec(1u8..40, 0..40), 0u8..2)
            .prop_map(|(listed, complete)| Event::Refresh { listed, complete }),
        2 => (0..FILTERS.len(), 0usize..10)
            .prop_map(|(index, rows_in_sight)| Event::Filter { index, rows_in_sight }),
        1 => (1u8..40).prop_map(|id| Event::ActOn { id }),
        1 => (column, direction).prop_map(|(column, direction)| Event::Sort(column, direction)),
        2 => (-4isize..5).prop_map(Event::Move),
        1 => Just(Event::MoveToLast),
        2 => prop_oneof![
            4 => Just(Selecting::Toggle),
            2 => Just(Selecting::Shown),
            2 => Just(Selecting::Invert),
            1 => Just(Selecting::Clear),
        ]
        .prop_map(Event::Select),
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
            prop_assert_eq!(ids(&roster), &model.visible[..], "{:?}", event);
            prop_assert_eq!(under_cursor(&roster), model.cursor.clone(), "{:?}", event);
            let selected: BTreeSet<String> = roster.selection().ids().iter().map(ToString::to_string).collect();
            prop_assert_eq!(&selected, &model.selected, "{:?}", event);
            let hidden = model.selected.iter().filter(|id| !model.visible.contains(id)).count();
            prop_assert_eq!((roster.selection().len(), roster.selection().hidden_count()), (selected.len(), hidden));
            prop_assert_eq!(roster.selection().summary().hidden, hidden, "{:?}", event);
        }
        roster.apply_updates();
        model.apply_updates();
        prop_assert_eq!(ids(&roster), &model.visible[..]);
        prop_assert_eq!(under_cursor(&roster), model.cursor);
        let kept = |id: &String| roster.get(&self::id(id)).is_some_and(|row| row.mark == Some(RowMark::Kept));
        let expected: Vec<_> = model.kept.difference(&model.selected).collect();
        prop_assert_eq!(model.rows.keys().filter(|id| kept(id)).collect::<Vec<_>>(), expected);
        for row in model.rows.values() {
            prop_assert_eq!(roster.get(&row.id).map(|found| found.number), Some(row.clone()), "the numbers are the same");
        }
        let mut counts = TwoStepCounts::default();
        for row in model.rows.values() {
            *match row.two_step {
                TwoStep::On => &mut counts.on,
                TwoStep::NotSet => &mut counts.not_set,
                TwoStep::Unknown => &mut counts.unknown,
            } += 1;
        }
        prop_assert_eq!(roster.counts(), counts);
        let changes = model.rows.keys().filter_map(|id| model.changes.get(id));
        let count = |is_counted: fn(&ChangeState) -> bool| changes.clone().filter(|state| is_counted(state)).count();
        let quick_counts = QuickCounts {
            not_set: counts.not_set,
            failed: 0,
            in_doubt: count(|state| matches!(state, ChangeState::InDoubt(_))),
            set_today: model.rows.keys().filter(|id| model.last_sets.get(*id).is_some_and(|at| *at < 86_400)).count(),
            due: None,
        };
        prop_assert_eq!(roster.quick_counts(), quick_counts);
    }
}
