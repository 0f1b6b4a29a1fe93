//! The history of the number on the screen, which the journal has.
//!
//! Beside the list it is not read on each step of the cursor: it waits until the cursor has stopped.

use std::time::{Duration, Instant};

use super::Shared;
use crate::domain::number::PhoneNumberId;
use crate::journal::HistoryEntry;

/// How long the cursor must stay. A key repeat leaves 30 ms.
const HISTORY_DEBOUNCE: Duration = Duration::from_millis(500);

/// The history that was loaded last, of one number.
#[derive(Debug, Default)]
pub(in crate::console) struct HistoryCache {
    pub(in crate::console) loaded: Option<(PhoneNumberId, Vec<HistoryEntry>)>,
    /// When the history beside the list is due.
    pub(in crate::console) load_at: Option<Instant>,
}

impl Shared {
    /// The history of a number, newest entry first; `None` if it is not loaded.
    #[must_use]
    pub fn history(&self, id: &PhoneNumberId) -> Option<&[HistoryEntry]> {
        self.history.loaded.as_ref().filter(|(loaded_id, _)| loaded_id == id).map(|(_, lines)| lines.as_slice())
    }

    /// Schedules a load of the history beside the list, because the cursor moved.
    pub(in crate::console) fn cursor_moved(&mut self, now: Instant) {
        self.history.load_at = self.has_pane().then(|| now + HISTORY_DEBOUNCE);
    }
}
