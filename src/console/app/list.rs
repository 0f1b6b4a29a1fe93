//! Performs the actions of the number list: moves, filters, sorts, refreshes and opens pages.
//!
//! It sends no PIN: it opens the PIN form.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use tui_input::Input;

use super::screen::{CopyPage, FilterLine, NumberPage};
use super::{App, Effect, ListLayout, MIN_PANE_WIDTH, Screen};
use crate::console::input::keymap::{Action, Mode};
use crate::console::roster::{SortColumn, SortDirection, SortOrder};
use crate::domain::clock::TimePoint;

/// For a longer list, the first key press only shows how many calls a refresh costs.
const CONFIRM_REFRESH_ABOVE: usize = 1_000;

/// How many numbers one call to Meta returns.
const NUMBERS_PER_CALL: usize = 100;

impl App {
    pub(super) fn act_on_list(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        match action {
            Action::SetPin => {
                let id = self.select_under_cursor();
                return self.open_form(id, now);
            }
            Action::RefreshNumber => {
                let id = self.select_under_cursor();
                return self.refresh_number(id);
            }
            Action::RefreshAll => return self.ask_to_refresh_all(),
            Action::Retry => return vec![Effect::ReadToken],
            Action::Back => return self.ask_to_quit(),
            Action::EditFilter => {
                let input = Input::new(self.filter.clone());
                self.set_screen(Screen::Filter(FilterLine { input, previous: self.filter.clone(), error: None }));
            }
            Action::ClearFilter => self.set_filter(""),
            Action::PickSort => self.set_screen(Screen::Sort),
            Action::Open => {
                if let Some(id) = self.select_under_cursor() {
                    self.set_screen(Screen::Number(NumberPage { id, scroll: 0 }));
                    return vec![Effect::ReadHistory(id)];
                }
            }
            Action::PickCopy => self.open_copy(),
            Action::TogglePane => {
                self.toggle_pane();
                let id = self.cursor_id().filter(|_| self.has_pane());
                return id.map(Effect::ReadHistory).into_iter().collect();
            }
            Action::ShowInDoubt => self.open_in_doubt_list(),
            Action::Messages => self.open_overlay(Screen::Messages),
            Action::Help => self.open_overlay(Screen::Help),
            motion => {
                self.move_cursor(motion);
                self.cursor_moved(now.instant);
            }
        }
        Vec::new()
    }

    fn move_cursor(&mut self, action: Action) {
        let page = isize::try_from(self.list_rows().saturating_sub(1).max(1)).unwrap_or(1);
        match action {
            Action::Up => self.roster.move_by(-1),
            Action::Down => self.roster.move_by(1),
            Action::PageUp => self.roster.move_by(-page),
            Action::PageDown => self.roster.move_by(page),
            Action::First => self.roster.move_to_first(),
            Action::Last => self.roster.move_to_last(),
            _ => {}
        }
    }

    fn toggle_pane(&mut self) {
        self.layout = match self.layout {
            ListLayout::ListOnly => ListLayout::ListAndDetails,
            ListLayout::ListAndDetails => ListLayout::ListOnly,
        };
        if self.size.width < MIN_PANE_WIDTH {
            self.messages.set_hint(format!("Details beside the list need {MIN_PANE_WIDTH} columns."));
        }
    }

    fn ask_to_refresh_all(&mut self) -> Vec<Effect> {
        let total = self.roster.total();
        if self.refresh.is_running {
            self.messages.set_hint("A refresh is already running.");
            return Vec::new();
        }
        if total > CONFIRM_REFRESH_ABOVE && !self.asked_to_refresh_all {
            self.asked_to_refresh_all = true;
            let calls = crate::domain::text::format_count(total.div_ceil(NUMBERS_PER_CALL));
            let key = self.keymap.key_label(Mode::List, Action::RefreshAll);
            self.messages.set_hint(format!("Refreshing all takes {calls} calls of Meta's quota. Press {key} again."));
            return Vec::new();
        }
        self.asked_to_refresh_all = false;
        self.refresh_all()
    }

    pub(super) fn act_on_filter(&mut self, action: Action) -> Vec<Effect> {
        match (action, self.take_screen()) {
            (Action::ApplyFilter, Screen::Filter(filter)) if filter.error.is_some() => {
                self.set_screen(Screen::Filter(filter));
            }
            (Action::ApplyFilter, Screen::Filter(_)) => self.set_screen(Screen::List),
            (Action::RestoreFilter | Action::Interrupt, Screen::Filter(filter)) => self.set_filter(&filter.previous),
            (Action::ClearField, Screen::Filter(mut filter)) => {
                // A new field, because a reset one keeps the text for yanking.
                filter.input = Input::default();
                self.set_screen(Screen::Filter(filter));
                self.filter_changed();
            }
            (motion, screen) => {
                self.set_screen(screen);
                self.move_cursor(motion);
            }
        }
        Vec::new()
    }

    pub(super) fn filter_changed(&mut self) {
        let Screen::Filter(filter) = &mut self.screen else { return };
        match self.roster.set_filter(filter.input.value()) {
            Ok(()) => {
                self.filter = filter.input.value().to_owned();
                filter.error = None;
            }
            Err(error) => filter.error = Some(error.to_string()),
        }
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        if self.roster.set_filter(text).is_ok() {
            text.clone_into(&mut self.filter);
        }
    }

    pub(super) fn act_on_sort(&mut self, action: Action) -> Vec<Effect> {
        let column = match action {
            Action::SortByNumber => Some(SortColumn::Number),
            Action::SortByName => Some(SortColumn::Name),
            Action::SortByWaba => Some(SortColumn::Waba),
            Action::SortByTwoStep => Some(SortColumn::TwoStep),
            Action::SortByRequest => Some(SortColumn::Request),
            _ => None,
        };
        if let Some(column) = column {
            let current = self.roster.sort();
            let is_ascending = current.column == column && current.direction == SortDirection::Ascending;
            let direction = if is_ascending { SortDirection::Descending } else { SortDirection::Ascending };
            self.roster.set_sort(SortOrder { column, direction });
        }
        self.set_screen(Screen::List);
        Vec::new()
    }

    fn open_copy(&mut self) {
        if let Some(id) = self.select_under_cursor() {
            self.set_screen(Screen::Copy(CopyPage { id, back: Box::new(Screen::List) }));
        }
    }
}
