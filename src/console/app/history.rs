//! What was done with the number on the screen, as the journal tells it: read when a number's details open.
//!
//! Beside the list it is read once the cursor has rested, not on each step.

use std::time::{Duration, Instant};

use super::{App, Effect, Screen};
use crate::journal::HistoryLine;
use crate::number::PhoneNumberId;

/// A cursor that stays for so long has arrived; a key repeat leaves 30 ms.
const RESTS_AFTER: Duration = Duration::from_millis(500);

/// The history of one number, the last that was asked for.
#[derive(Debug, Default)]
pub(super) struct History {
    read: Option<(PhoneNumberId, Vec<HistoryLine>)>,
    due: Option<Instant>,
}

impl History {
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl App {
    /// What was done with a number, newest first; `None` if it was not read.
    #[must_use]
    pub fn history(&self, id: &PhoneNumberId) -> Option<&[HistoryLine]> {
        self.history.read.as_ref().filter(|(of, _)| of == id).map(|(_, lines)| lines.as_slice())
    }

    pub(super) fn history_read(&mut self, id: PhoneNumberId, lines: Vec<HistoryLine>) -> Vec<Effect> {
        if !self.conceals() {
            self.history.read = Some((id, lines));
        }
        Vec::new()
    }

    /// The cursor moved.
    pub(super) fn cursor_moved(&mut self, now: Instant) {
        self.history.due = self.has_pane().then(|| now + RESTS_AFTER);
    }

    /// When the cursor has rested.
    pub(super) fn next_history(&self) -> Option<Instant> {
        self.history.due.filter(|_| self.shows_pane())
    }

    fn shows_pane(&self) -> bool {
        self.has_pane() && matches!(self.screen, Screen::List)
    }

    /// Reads the history beside the list, where the cursor has rested.
    pub(super) fn read_history_when_due(&mut self, now: Instant) -> Option<Effect> {
        if self.next_history()? > now {
            return None;
        }
        self.history.due = None;
        self.cursor_id().filter(|id| self.history(id).is_none()).map(Effect::ReadHistory)
    }

    /// True where the history of this number is on the screen, and so has to keep up.
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
            | Screen::CheckNote(_)
            | Screen::Unresolved(_)
            | Screen::Recipients(_)
            | Screen::Unrecorded(_)
            | Screen::Hidden(_)
            | Screen::Copy(_)
            | Screen::Copied(_)
            | Screen::Messages(_)
            | Screen::Help(_)
            | Screen::Quit(_)
            | Screen::Leaving(_) => false,
        }
    }
}
