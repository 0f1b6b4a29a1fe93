//! Loads the history of the number on the screen from the journal when the details of a number open.
//!
//! Beside the list it does not load on each step of the cursor: it waits until the cursor has stopped.

use std::time::{Duration, Instant};

use super::{App, Effect, Screen};
use crate::domain::number::PhoneNumberId;
use crate::journal::HistoryEntry;

/// How long the cursor must stay. A key repeat leaves 30 ms.
const HISTORY_DEBOUNCE: Duration = Duration::from_millis(500);

/// The history that was loaded last, of one number.
#[derive(Debug, Default)]
pub(super) struct HistoryCache {
    loaded: Option<(PhoneNumberId, Vec<HistoryEntry>)>,
    load_at: Option<Instant>,
}

impl HistoryCache {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl App {
    /// The history of a number, newest entry first; `None` if it is not loaded.
    #[must_use]
    pub fn history(&self, id: &PhoneNumberId) -> Option<&[HistoryEntry]> {
        self.history.loaded.as_ref().filter(|(loaded_id, _)| loaded_id == id).map(|(_, lines)| lines.as_slice())
    }

    pub(super) fn history_read(&mut self, id: PhoneNumberId, lines: Vec<HistoryEntry>) -> Vec<Effect> {
        if !self.hides_numbers() {
            self.history.loaded = Some((id, lines));
        }
        Vec::new()
    }

    /// Schedules a load of the history beside the list, because the cursor moved.
    pub(super) fn cursor_moved(&mut self, now: Instant) {
        self.history.load_at = self.has_pane().then(|| now + HISTORY_DEBOUNCE);
    }

    /// When the history beside the list is due; `None` if no load is scheduled.
    pub(super) fn next_history_load(&self) -> Option<Instant> {
        self.history.load_at.filter(|_| self.is_pane_visible())
    }

    fn is_pane_visible(&self) -> bool {
        self.has_pane() && matches!(self.screen, Screen::List)
    }

    /// Loads the history beside the list, if the cursor has stopped.
    pub(super) fn load_history_when_due(&mut self, now: Instant) -> Option<Effect> {
        if self.next_history_load()? > now {
            return None;
        }
        self.history.load_at = None;
        self.cursor_id().filter(|id| self.history(id).is_none()).map(Effect::ReadHistory)
    }

    /// True if the screen shows the history of this number, so that a change of it must be loaded.
    pub(super) fn shows_history_of(&self, id: &PhoneNumberId) -> bool {
        match &self.screen {
            Screen::Number(page) => page.id == *id,
            Screen::List => self.has_pane() && self.history(id).is_some(),
            Screen::Welcome
            | Screen::Token(_)
            | Screen::Filter(_)
            | Screen::Sort
            | Screen::Form(_)
            | Screen::Confirm(_)
            | Screen::ResolutionNote(_)
            | Screen::Unresolved(_)
            | Screen::Recipients(_)
            | Screen::JournalUnavailable(_)
            | Screen::Hidden(_)
            | Screen::Copy(_)
            | Screen::Copied(_)
            | Screen::Messages(_)
            | Screen::Help(_)
            | Screen::Quit(_)
            | Screen::ShuttingDown(_) => false,
        }
    }
}
