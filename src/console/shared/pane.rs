//! The details beside the list: which number they show, and its history, which the journal has.
//!
//! They do not follow each step of the cursor, but wait until it rests: a held key draws only rows, and reads nothing
//! from the journal. Keys always act on the row of the cursor, never on the number in the pane.

use std::time::{Duration, Instant};

use super::Shared;
use crate::domain::number::PhoneNumberId;
use crate::journal::HistoryEntry;

/// How long the cursor must rest. A key repeat leaves 30 ms.
const REST_TIME: Duration = Duration::from_millis(100);

/// The details beside the list.
#[derive(Debug, Default)]
pub(in crate::console) struct DetailsPane {
    /// The number that is shown.
    number: Option<PhoneNumberId>,
    /// The row to which the cursor moved, and when the pane follows it.
    next: Option<(Option<PhoneNumberId>, Instant)>,
    /// The number whose history is being read for the pane.
    awaited: Option<PhoneNumberId>,
}

impl Shared {
    /// The number that the pane beside the list shows; `None` if there is none yet.
    #[must_use]
    pub const fn pane_number(&self) -> Option<PhoneNumberId> {
        self.pane.number
    }

    /// The history of a number, newest entry first; `None` if it is not loaded.
    #[must_use]
    pub fn history(&self, id: &PhoneNumberId) -> Option<&[HistoryEntry]> {
        self.histories.get(id).map(Vec::as_slice)
    }

    /// When the pane follows the cursor; `None` if it shows the cursor row already.
    pub(in crate::console) fn pane_follows_at(&self) -> Option<Instant> {
        self.pane.next.map(|(_, at)| at)
    }

    /// Starts the wait of the pane again if the cursor is on another row than before, for whatever reason.
    pub(in crate::console) fn track_cursor(&mut self, now: Instant) {
        if !self.has_pane() {
            self.pane = DetailsPane::default();
            return;
        }
        let cursor = self.cursor_id();
        if cursor == self.pane.number {
            (self.pane.next, self.pane.awaited) = (None, None);
        } else if cursor.is_some() && cursor == self.pane.awaited {
            self.pane.next = None;
        } else if self.pane.next.is_none_or(|(number, _)| number != cursor) {
            (self.pane.next, self.pane.awaited) = (Some((cursor, now + REST_TIME)), None);
        }
    }

    /// Lets the pane show the cursor row now, and returns its number.
    pub(in crate::console) fn show_cursor_row_in_pane(&mut self) -> Option<PhoneNumberId> {
        self.pane = DetailsPane { number: self.cursor_id(), next: None, awaited: None };
        self.pane.number
    }

    /// Lets the pane follow the cursor. Returns the number whose history must be read first: the pane then changes once,
    /// when it arrives, and its lines do not move twice.
    pub(in crate::console) fn follow_cursor_with_pane(&mut self) -> Option<PhoneNumberId> {
        let cursor = self.cursor_id();
        let Some(id) = cursor.filter(|id| self.history(id).is_none()) else {
            self.show_cursor_row_in_pane();
            return None;
        };
        (self.pane.next, self.pane.awaited) = (None, Some(id));
        Some(id)
    }

    /// The history of this number was read: the pane shows it if it waited for it.
    pub(in crate::console) fn show_awaited_history(&mut self, id: PhoneNumberId) {
        if self.pane.awaited == Some(id) && self.cursor_id() == Some(id) {
            self.show_cursor_row_in_pane();
        }
    }
}
