//! Timers of the console: countdowns, the retry after a lost connection, the history beside the list, hiding.
//!
//! There is no tick: a screen on which nothing changes never wakes the process.

use std::time::Instant;

use super::status::{self, RETRY_INTERVAL};
use super::{App, Connection, Effect, Screen};
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;

impl App {
    /// When the screen changes or pindesk retries something without a key; `None` if never.
    #[must_use]
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        // A hidden screen shows nothing that changes.
        if self.hides_numbers() {
            return None;
        }
        let page = match &self.screen {
            Screen::Form(page) => page.form.next_change(now),
            Screen::Number(page) => {
                self.new_pin_allowed_at(&page.id).and_then(|from| status::next_countdown_change(from, now))
            }
            Screen::Welcome
            | Screen::Token(_)
            | Screen::List
            | Screen::Filter(_)
            | Screen::Sort
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
            | Screen::ShuttingDown(_) => None,
        };
        let retry =
            if let Connection::Offline { retry_at, .. } = &self.connection { Some(retry_at.instant) } else { None };
        let countdown = self
            .roster
            .changes()
            .filter_map(|(_, state)| {
                if let ChangeState::Waiting { until, .. } = state {
                    status::next_countdown_change(*until, now)
                } else {
                    None
                }
            })
            .min();
        let others = [self.next_history_load(), self.next_hide_event()];
        [page, retry, countdown].into_iter().chain(others).flatten().min()
    }

    /// From when pindesk may send a different PIN to a number in doubt.
    fn new_pin_allowed_at(&self, id: &PhoneNumberId) -> Option<Instant> {
        let Some(ChangeState::InDoubt(details)) = self.roster.change(id) else { return None };
        Some(details.new_pin_allowed_from.instant)
    }

    /// The time of [`App::next_wake`] has come: hides the screen, loads a history and retries the connection if due.
    pub(super) fn timer_fired(&mut self, now: TimePoint) -> Vec<Effect> {
        let mut effects = self.hide_when_idle(now);
        if !self.hides_numbers() {
            effects.extend(self.load_history_when_due(now.instant));
            effects.extend(self.retry_connection(now));
        }
        effects
    }

    fn retry_connection(&mut self, now: TimePoint) -> Vec<Effect> {
        let Connection::Offline { since, retry_at } = &self.connection else { return Vec::new() };
        if now.instant < retry_at.instant {
            return Vec::new();
        }
        self.connection = Connection::Offline { since: *since, retry_at: now.plus(RETRY_INTERVAL) };
        // One call checks whether the connection is back. The lists follow only if they could not be read before.
        match self.cursor_id() {
            Some(id) => vec![self.refresh_effect(id)],
            None => self.refresh_all(),
        }
    }
}
