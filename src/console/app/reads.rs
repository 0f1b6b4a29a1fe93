//! Handles what was read: pages of the list, single numbers, the access token.
//!
//! It queues numbers for the cache, but quitting does not wait for that: the last numbers may be missing in the first
//! list of the next start.

use std::sync::Arc;

use super::App;
use super::progress::set_pin_done_text;
use crate::console::effect::{Effect, WorkCommand};
use crate::console::go::{Destination, Step};
use crate::console::pages::{Page, PageEvent};
use crate::console::shared::{Connection, TokenProblem};
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::text::format_count;
use crate::policy::error_catalog::Explanation;

/// How many numbers are cached or removed at once: few enough that a change behind them does not wait long.
const CACHE_PAGE_SIZE: usize = 256;

impl App {
    pub(super) fn page_received(&mut self, refresh_id: u32, numbers: &[Number]) -> Vec<Effect> {
        if refresh_id != self.shared.refresh.id {
            return Vec::new();
        }
        // The list also shows a configured number that could not be read. It says nothing about the connection.
        for number in numbers {
            if number.read_at.is_some() {
                self.shared.connection = Connection::Online;
                self.shared.refresh.count_number(number);
                self.notify(&PageEvent::Listed(number));
            }
            self.shared.roster.upsert(number);
        }
        self.cache_next_page()
    }

    /// Sends numbers to the cache, one page at a time: they wait in the list, not in a queue. A page costs a sync, so
    /// it waits until it is full. It does not wait after the last number, or after the end of a WABA's list,
    /// because the list of another WABA may hang.
    fn cache_next_page(&mut self) -> Vec<Effect> {
        let waits_for_more = self.shared.refresh.is_running && self.shared.due_to_cache == 0;
        let is_due = self.shared.roster.uncached_len() >= if waits_for_more { CACHE_PAGE_SIZE } else { 1 };
        if self.shared.is_caching || !is_due {
            return Vec::new();
        }
        self.shared.is_caching = true;
        self.shared.due_to_cache = self.shared.due_to_cache.saturating_sub(CACHE_PAGE_SIZE);
        vec![WorkCommand::CacheNumbers(self.shared.roster.take_uncached(CACHE_PAGE_SIZE)).into()]
    }

    pub(super) fn numbers_cached(&mut self) -> Vec<Effect> {
        self.shared.is_caching = false;
        self.cache_next_page()
    }

    /// Numbers from an earlier run: shown, and never counted as read.
    pub(super) fn cached_numbers_loaded(&mut self, mut numbers: Vec<Number>) -> Vec<Effect> {
        let mut unlisted = Vec::new();
        for number in &mut numbers {
            let waba_id = number.waba_id();
            let waba = self.shared.session.wabas.iter().find(|waba| Some(waba.id) == waba_id).cloned();
            // The list shows no number that is no longer configured, or that a refresh has not found meanwhile.
            let is_configured = waba.is_some() || waba_id.is_none();
            let is_late = waba_id.map_or_else(|| self.is_refresh_finished(), |waba_id| self.is_fully_read(waba_id));
            if is_configured && !is_late {
                number.waba = waba;
                self.shared.roster.insert_cached(number);
            } else if waba.is_some() && self.is_unlisted(number) && !self.shared.roster.has_open_change(&number.id) {
                unlisted.push(number.id);
            }
        }
        self.remove_unlisted_from_cache(&unlisted)
    }

    /// Removes numbers from the cache that a completely read WABA no longer lists, one page at a time.
    fn remove_unlisted_from_cache(&self, unlisted: &[PhoneNumberId]) -> Vec<Effect> {
        let Some(read_until) = self.shared.refresh.read_since else { return Vec::new() };
        unlisted
            .chunks(CACHE_PAGE_SIZE)
            .map(|page| WorkCommand::RemoveCachedNumbers { numbers: page.to_vec(), read_until }.into())
            .collect()
    }

    pub(super) fn waba_read(
        &mut self,
        refresh_id: u32,
        waba: Arc<Waba>,
        result: Result<(), ReadFailure>,
        now: TimePoint,
    ) -> Vec<Effect> {
        if refresh_id != self.shared.refresh.id {
            return Vec::new();
        }
        self.shared.refresh.wabas_done += 1;
        match result {
            Ok(()) => self.shared.connection = Connection::Online,
            Err(failure) => {
                let summary = Explanation::for_read_failure(&failure).summary;
                self.shared.messages.push(now.utc, format!("WABA {} could not be read: {summary}.", waba.label()));
                self.shared.note_read_failure(&failure, now);
                self.shared.refresh.unread_wabas.push((waba, failure));
            }
        }
        self.shared.due_to_cache = self.shared.roster.uncached_len();
        self.cache_next_page()
    }

    pub(super) fn refresh_finished(&mut self, refresh_id: u32, now: TimePoint) -> Vec<Effect> {
        if refresh_id != self.shared.refresh.id {
            return Vec::new();
        }
        self.shared.refresh.is_running = false;
        let waba_ids = self.shared.session.wabas.iter().map(|waba| waba.id);
        let complete: Vec<_> = waba_ids.filter(|id| self.is_fully_read(*id)).collect();
        let unread = self.shared.refresh.unread_wabas.len();
        self.shared.refresh.read_since.get_or_insert(now.utc);
        let unlisted = self.shared.roster.finish_refresh(&complete);
        let noun = if self.shared.refresh.numbers_read == 1 { "number" } else { "numbers" };
        let read = format!("Read {} {noun}", format_count(self.shared.refresh.numbers_read));
        if unread == 0 {
            self.shared.messages.push(now.utc, format!("{read}."));
        } else {
            let all = self.shared.session.wabas.len();
            self.shared.messages.push(now.utc, format!("{read}; {unread} of {all} WABAs could not be read."));
        }
        self.notify(&PageEvent::ListsRead);
        let mut effects = self.remove_unlisted_from_cache(&unlisted);
        effects.extend(self.cache_next_page());
        effects
    }

    pub(super) fn number_read(
        &mut self,
        id: PhoneNumberId,
        result: Result<Number, ReadFailure>,
        now: TimePoint,
    ) -> Vec<Effect> {
        match result {
            Ok(number) => {
                let was_offline = matches!(self.shared.connection, Connection::Offline { .. });
                self.shared.connection = Connection::Online;
                self.number_refreshed(number, now);
                if was_offline && !self.shared.refresh.unread_wabas.is_empty() {
                    return vec![self.shared.refresh_all().into()];
                }
                self.cache_next_page()
            }
            Err(failure) => {
                let summary = Explanation::for_read_failure(&failure).summary;
                let label = self.label(&id);
                self.shared.messages.push(now.utc, format!("{label} could not be read: {summary}."));
                self.shared.note_read_failure(&failure, now);
                Vec::new()
            }
        }
    }

    fn number_refreshed(&mut self, mut number: Number, now: TimePoint) {
        if let Some(known) = self.shared.roster.get(&number.id).map(|row| row.number) {
            // A reply for one number does not name the WABA that lists it.
            number.waba = number.waba.or_else(|| known.waba.clone());
            number.name = number.name.or_else(|| known.name.clone());
        }
        let (label, two_step) = (number.label(), number.two_step.label());
        let done = set_pin_done_text(label);
        // Only the refresh that the request caused joins its message. A later one gets a message of its own.
        let follows = self.shared.messages.newest_first().next().is_some_and(|message| message.text == done);
        self.shared.messages.push(
            now.utc,
            if follows {
                format!("{done} Two-step verification is {two_step}.")
            } else {
                format!("{label}: two-step verification is {two_step}.")
            },
        );
        self.notify(&PageEvent::Refreshed(&number));
        self.shared.roster.upsert(&number);
    }

    pub(super) fn token_read(&mut self, result: Result<(), String>, now: TimePoint) -> Vec<Effect> {
        match result {
            Ok(()) if self.is_hidden_with_fresh_data() => {
                self.shared.messages.push(now.utc, "The screen is shown again.");
                self.apply(Step::reset(Destination::List), now)
            }
            Ok(()) => {
                self.shared.connection = Connection::Unknown;
                self.shared.messages.push(now.utc, "The access token was read again.");
                let mut effects = vec![self.shared.refresh_all().into()];
                if let Page::Token(_) | Page::Hidden(_) = self.page {
                    effects.extend(self.apply(Step::reset(Destination::List), now));
                }
                effects
            }
            Err(why) => {
                self.shared.messages.push(now.utc, "There is still no access token.");
                self.apply(Step::reset(Destination::Token(TokenProblem::Missing(why))), now)
            }
        }
    }

    /// True if the screen was only hidden, and the numbers that were read before are still valid.
    fn is_hidden_with_fresh_data(&self) -> bool {
        let is_read = self.refresh.id > 0 && self.refresh.unread_wabas.is_empty();
        matches!(self.page, Page::Hidden(_)) && is_read && !matches!(self.connection, Connection::TokenRefused { .. })
    }
}
