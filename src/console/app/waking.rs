//! What changes on the screen by itself, and when: countdowns, a lost line, a resting cursor, an absent operator.
//!
//! There is no tick: where nothing counts, nobody is woken.

use std::time::Instant;

use super::status::{self, RETRY_EVERY};
use super::{App, Effect, Link, Screen};
use crate::job::ChangeState;
use crate::moment::TimePoint;
use crate::number::PhoneNumberId;

impl App {
    /// When the screen changes, or something is to be tried again, without anybody's doing. `None` if never.
    #[must_use]
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        // A hidden screen shows nothing that changes by itself.
        if self.conceals() {
            return None;
        }
        let page = match &self.screen {
            Screen::Form(page) => page.form.next_change(now),
            Screen::Number(page) => self.new_pin_from(&page.id).and_then(|from| status::next_tick(from, now)),
            Screen::Welcome
            | Screen::Token(_)
            | Screen::List
            | Screen::Filter(_)
            | Screen::Sort
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
            | Screen::Leaving(_) => None,
        };
        let retry = if let Link::Offline { retry, .. } = &self.link { Some(retry.instant) } else { None };
        let countdown =
            self.roster
                .jobs()
                .filter_map(|(_, state)| {
                    if let ChangeState::Waiting { until, .. } = state { status::next_tick(*until, now) } else { None }
                })
                .min();
        let rest = [self.next_history(), self.next_hiding()];
        [page, retry, countdown].into_iter().chain(rest).flatten().min()
    }

    /// From when on another PIN may be sent to a number in doubt.
    fn new_pin_from(&self, id: &PhoneNumberId) -> Option<Instant> {
        let Some(ChangeState::InDoubt(standing)) = self.roster.job(id) else { return None };
        Some(standing.new_pin_allowed_from.instant)
    }

    /// The time came: a countdown shows another second, a lost connection is tried again, the cursor has rested, or
    /// nobody has been there for long.
    pub(super) fn woken(&mut self, now: TimePoint) -> Vec<Effect> {
        let mut effects = self.hide_when_idle(now);
        if !self.conceals() {
            effects.extend(self.read_history_when_due(now.instant));
            effects.extend(self.try_line(now));
        }
        effects
    }

    fn try_line(&mut self, now: TimePoint) -> Vec<Effect> {
        let Link::Offline { since, retry } = &self.link else { return Vec::new() };
        if now.instant < retry.instant {
            return Vec::new();
        }
        self.link = Link::Offline { since: *since, retry: now.plus(RETRY_EVERY) };
        // One call finds out whether the line is back; the lists are read only where they were not.
        match self.cursor_id() {
            Some(id) => vec![Effect::ReadNumber(id)],
            None => self.read_all(),
        }
    }
}
