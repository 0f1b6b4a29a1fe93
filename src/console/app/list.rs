//! Keys of the number list: moving, filtering, sorting, refreshing, opening pages.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use tui_input::Input;

use super::screen::{CopyPage, FilterLine, NumberPage};
use super::{App, Effect, ListLayout, MIN_PANE_WIDTH, Screen};
use crate::console::input::keymap::{Action, Mode};
use crate::console::roster::{SortColumn, SortDirection, SortOrder};
use crate::domain::clock::TimePoint;

/// For longer lists, the cost of a refresh is shown first.
const CONFIRM_REFRESH_ABOVE: usize = 1_000;

/// How many numbers one call returns.
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
            moving => {
                self.move_cursor(moving);
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
            self.messages.set_hint("The numbers are being read already.");
            return Vec::new();
        }
        if total > CONFIRM_REFRESH_ABOVE && !self.asked_to_refresh_all {
            self.asked_to_refresh_all = true;
            let calls = crate::domain::text::format_count(total.div_ceil(NUMBERS_PER_CALL));
            let key = self.keymap.key_label(Mode::List, Action::RefreshAll);
            self.messages
                .set_hint(format!("Reading all again takes {calls} calls of Meta's quota. Press {key} again."));
            return Vec::new();
        }
        self.asked_to_refresh_all = false;
        self.refresh_all()
    }

    pub(super) fn act_on_filter(&mut self, action: Action) -> Vec<Effect> {
        match (action, self.take_screen()) {
            (Action::ApplyFilter, Screen::Filter(line)) if line.error.is_some() => {
                self.set_screen(Screen::Filter(line))
            }
            (Action::ApplyFilter, Screen::Filter(_)) => self.set_screen(Screen::List),
            (Action::RestoreFilter | Action::Interrupt, Screen::Filter(line)) => self.set_filter(&line.previous),
            (Action::ClearField, Screen::Filter(mut line)) => {
                // A fresh field: a reset one would still hold the text for yanking.
                line.input = Input::default();
                self.set_screen(Screen::Filter(line));
                self.filter_changed();
            }
            (moving, screen) => {
                self.set_screen(screen);
                self.move_cursor(moving);
            }
        }
        Vec::new()
    }

    pub(super) fn filter_changed(&mut self) {
        let Screen::Filter(line) = &mut self.screen else { return };
        match self.roster.set_filter(line.input.value()) {
            Ok(()) => {
                self.filter = line.input.value().to_owned();
                line.error = None;
            }
            Err(error) => line.error = Some(error.to_string()),
        }
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        if self.roster.set_filter(text).is_ok() {
            text.clone_into(&mut self.filter);
        }
    }

    pub(super) fn act_on_sort(&mut self, action: Action) -> Vec<Effect> {
        let by = match action {
            Action::SortByNumber => Some(SortColumn::Number),
            Action::SortByName => Some(SortColumn::Name),
            Action::SortByWaba => Some(SortColumn::Waba),
            Action::SortByTwoStep => Some(SortColumn::TwoStep),
            Action::SortByRequest => Some(SortColumn::Request),
            _ => None,
        };
        if let Some(by) = by {
            let present = self.roster.sort();
            let is_again = present.column == by && present.direction == SortDirection::Ascending;
            let direction = if is_again { SortDirection::Descending } else { SortDirection::Ascending };
            self.roster.set_sort(SortOrder { column: by, direction });
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
