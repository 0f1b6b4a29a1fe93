//! Timers of the console: countdowns, the retry after a lost connection, the details beside the list, hiding.
//!
//! There is no tick: a screen on which nothing changes never wakes the process.

use std::time::{Duration, Instant};

use super::App;
use crate::console::effect::{Effect, WorkCommand};
use crate::console::pages::Page;
use crate::console::shared::{Connection, RETRY_INTERVAL, next_countdown_change};
use crate::domain::clock::TimePoint;

/// How soon a killed process is noticed while its job is shown.
const JOB_CHECK_INTERVAL: Duration = Duration::from_secs(5);

impl App {
    /// When the screen changes or pindesk retries something without a key; `None` if never.
    #[must_use]
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        // A hidden screen shows nothing that changes.
        if self.hides_numbers() {
            return None;
        }
        let retry =
            if let Connection::Offline { retry_at, .. } = &self.connection { Some(retry_at.instant) } else { None };
        let countdown = self.roster.retry_times().filter_map(|until| next_countdown_change(until, now)).min();
        let page = self.page.next_wake(&self.shared, now);
        let count = self.next_count(now).filter(|_| self.shows_newest_message());
        let details = self.pane_follows_at().filter(|_| self.shows_list());
        let pause = self.roster.next_pause_end();
        // The title counts the limits while a job runs.
        let limit = self.shared.jobs.own.newest_of_many().and_then(|_| self.shared.jobs.own.next_limit_end());
        let (hide, day, check) = (self.next_hide_event(), self.next_day(), self.next_job_check());
        let timers = [page, details, retry, countdown, count, pause, limit, hide, day, check];
        timers.into_iter().flatten().min()
    }

    /// When the jobs that are shown are read again, because another process works on one of them: if that process is
    /// killed, it writes nothing.
    fn next_job_check(&self) -> Option<Instant> {
        let open = if let Page::Job(page) = &self.page { Some(page.id) } else { None };
        let is_shown = open.is_some() || matches!(self.page, Page::Jobs(_));
        let has_other_process = is_shown && self.shared.jobs.shows_other_process(open);
        Some(self.shared.jobs.read_at.filter(|_| has_other_process)? + JOB_CHECK_INTERVAL)
    }

    /// When a time on the screen is no longer of today; `None` if none is.
    fn next_day(&self) -> Option<Instant> {
        let now = self.last_update.filter(|now| self.roster.is_set_on(now.utc.day()))?;
        Some(now.instant + now.utc.until_next_day())
    }

    /// The time of [`App::next_wake`] has come: hides the screen, updates the pane and retries the connection if due.
    pub(super) fn timer_fired(&mut self, now: TimePoint) -> Vec<Effect> {
        let mut effects = self.hide_when_idle(now);
        if !self.hides_numbers() {
            effects.extend(self.update_pane_when_due(now.instant));
            effects.extend(self.retry_connection(now));
            if self.next_job_check().is_some_and(|check| check <= now.instant) {
                self.shared.jobs.list.mark_stale();
                self.shared.jobs.open.mark_stale();
            }
        }
        effects
    }

    /// Lets the pane beside the list follow the cursor, if that rests.
    fn update_pane_when_due(&mut self, now: Instant) -> Option<Effect> {
        self.pane_follows_at().filter(|due| self.shows_list() && *due <= now)?;
        self.shared.follow_cursor_with_pane().map(|id| WorkCommand::ReadHistory(id).into())
    }

    /// True if the screen shows the newest message, so that its seconds count: a message line does, and every other page
    /// until the next key.
    fn shows_newest_message(&self) -> bool {
        let is_covered = self.is_too_small() || self.asks() || self.hide_warning().is_some();
        let has_line = matches!(self.page, Page::List(_) | Page::Sort(_)) && !self.is_compact();
        !is_covered && self.messages.current_hint().is_none() && (has_line || self.messages.has_news())
    }

    fn shows_list(&self) -> bool {
        matches!(self.page, Page::List(_) | Page::Filter(_) | Page::Sort(_))
    }

    fn retry_connection(&mut self, now: TimePoint) -> Option<Effect> {
        let Connection::Offline { since, retry_at } = &self.connection else { return None };
        if now.instant < retry_at.instant {
            return None;
        }
        self.shared.connection = Connection::Offline { since: *since, retry_at: now.plus(RETRY_INTERVAL) };
        // One call checks whether the connection is back. The lists follow only if they could not be read before.
        let command = match self.cursor_id() {
            Some(id) => Some(self.refresh_number(id)),
            None => self.shared.refresh_all(),
        };
        command.map(Into::into)
    }
}
