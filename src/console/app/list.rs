//! What keys do on the number list: moving, filtering, sorting, reading again, opening pages.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use tui_input::Input;

use super::screen::{CopyPage, FilterLine, NumberPage};
use super::{App, Effect, Layout, MIN_PANE_WIDTH, Screen};
use crate::console::keymap::{Action, Mode};
use crate::console::roster::{Direction, Sort, SortBy};
use crate::moment::TimePoint;

/// Lists above this size say first what reading them again costs.
const ASK_BEFORE_READING: usize = 1_000;

/// Numbers that one call of the list brings.
const NUMBERS_A_CALL: usize = 100;

impl App {
    pub(super) fn act_on_list(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        match action {
            Action::SetPin => {
                let id = self.take_cursor();
                return self.open_form(id, now);
            }
            Action::ReadThis => {
                let id = self.take_cursor();
                return self.read_this(id);
            }
            Action::ReadAll => return self.ask_to_read_all(),
            Action::TryAgain => return vec![Effect::ReadToken],
            Action::Back => return self.ask_to_quit(),
            Action::EditFilter => {
                let input = Input::new(self.filter.clone());
                self.go(Screen::Filter(FilterLine { input, before: self.filter.clone(), error: None }));
            }
            Action::ClearFilter => self.set_filter(""),
            Action::PickSort => self.go(Screen::Sort),
            Action::Open => {
                if let Some(id) = self.take_cursor() {
                    self.go(Screen::Number(NumberPage { id, scroll: 0 }));
                    return vec![Effect::ReadHistory(id)];
                }
            }
            Action::PickCopy => self.pick_copy(),
            Action::TogglePane => {
                self.toggle_pane();
                let id = self.cursor_id().filter(|_| self.has_pane());
                return id.map(Effect::ReadHistory).into_iter().collect();
            }
            Action::Review => self.open_review(),
            Action::Messages => self.cover(Screen::Messages),
            Action::Help => self.cover(Screen::Help),
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
            Action::First => self.roster.first(),
            Action::Last => self.roster.last(),
            _ => {}
        }
    }

    fn toggle_pane(&mut self) {
        self.layout = match self.layout {
            Layout::Rows => Layout::RowsAndDetails,
            Layout::RowsAndDetails => Layout::Rows,
        };
        if self.size.width < MIN_PANE_WIDTH {
            self.messages.hint(format!("Details beside the list need {MIN_PANE_WIDTH} columns."));
        }
    }

    fn ask_to_read_all(&mut self) -> Vec<Effect> {
        let total = self.roster.total();
        if self.reading.is_running {
            self.messages.hint("The numbers are being read already.");
            return Vec::new();
        }
        if total > ASK_BEFORE_READING && !self.asked_to_read_all {
            self.asked_to_read_all = true;
            let calls = crate::text::format_count(total.div_ceil(NUMBERS_A_CALL));
            let key = self.keymap.key_of(Mode::List, Action::ReadAll);
            self.messages.hint(format!("Reading all again takes {calls} calls of Meta's quota. Press {key} again."));
            return Vec::new();
        }
        self.asked_to_read_all = false;
        self.read_all()
    }

    pub(super) fn act_on_filter(&mut self, action: Action) -> Vec<Effect> {
        match (action, self.take_screen()) {
            (Action::KeepFilter, Screen::Filter(line)) if line.error.is_some() => self.go(Screen::Filter(line)),
            (Action::KeepFilter, Screen::Filter(_)) => self.go(Screen::List),
            (Action::UndoFilter | Action::Interrupt, Screen::Filter(line)) => self.set_filter(&line.before),
            (Action::ClearField, Screen::Filter(mut line)) => {
                // A fresh field: a reset one would still hold the text for yanking.
                line.input = Input::default();
                self.go(Screen::Filter(line));
                self.filter_changed();
            }
            (moving, screen) => {
                self.go(screen);
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
            Action::SortByNumber => Some(SortBy::Number),
            Action::SortByName => Some(SortBy::Name),
            Action::SortByWaba => Some(SortBy::Waba),
            Action::SortByTwoStep => Some(SortBy::TwoStep),
            Action::SortByRequest => Some(SortBy::Request),
            _ => None,
        };
        if let Some(by) = by {
            let present = self.roster.sort();
            let is_again = present.by == by && present.direction == Direction::Up;
            let direction = if is_again { Direction::Down } else { Direction::Up };
            self.roster.set_sort(Sort { by, direction });
        }
        self.go(Screen::List);
        Vec::new()
    }

    fn pick_copy(&mut self) {
        if let Some(id) = self.take_cursor() {
            self.go(Screen::Copy(CopyPage { id, back: Box::new(Screen::List) }));
        }
    }
}
