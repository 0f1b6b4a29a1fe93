//! Handles what the worker reports: pages of the list, single numbers, changes, the token.
//!
//! It queues numbers for the cache, but quitting does not wait for that: numbers read in the last moment may be missing
//! in the first list of the next start.

use std::sync::Arc;

use super::screen::TokenProblem;
use super::status::RETRY_INTERVAL;
use super::{App, Connection, Effect, Screen};
use crate::domain::change::{ChangeState, Progress, Resolution};
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId, Waba, WabaId};
use crate::domain::outcome::{ApiError, DoubtReason, NotApplied, NotSentReason, ReadFailure};
use crate::domain::text::format_count;
use crate::policy::error_catalog::{self, ErrorScope, Explanation};

/// How many numbers are cached or removed at once: few enough that a change behind them does not wait long.
const CACHE_PAGE_SIZE: usize = 256;

fn set_pin_done_text(label: &str) -> String {
    format!("Set PIN for {label}: done.")
}

impl App {
    pub(super) fn page_received(&mut self, reading: u32, numbers: &[Number]) -> Vec<Effect> {
        if reading != self.refresh.id {
            return Vec::new();
        }
        // A configured number that could not be read is listed all the same, and proves nothing.
        for number in numbers {
            if number.read_at.is_some() {
                self.connection = Connection::Online;
                self.refresh.count_number(number);
                self.update_open_prompt(number);
            }
            self.roster.upsert(number);
        }
        self.cache_next_page()
    }

    /// Sends numbers to the cache, one page at a time: they wait in the list, not in a queue. A page is full, because
    /// each costs a sync, unless no more numbers arrive or the list of a WABA has ended, because another may hang.
    fn cache_next_page(&mut self) -> Vec<Effect> {
        let waits_for_more = self.refresh.is_running && self.due_to_cache == 0;
        let is_due = self.roster.uncached_len() >= if waits_for_more { CACHE_PAGE_SIZE } else { 1 };
        if self.is_caching || !is_due {
            return Vec::new();
        }
        self.is_caching = true;
        self.due_to_cache = self.due_to_cache.saturating_sub(CACHE_PAGE_SIZE);
        vec![Effect::CacheNumbers(self.roster.take_uncached(CACHE_PAGE_SIZE))]
    }

    pub(super) fn numbers_cached(&mut self) -> Vec<Effect> {
        self.is_caching = false;
        self.cache_next_page()
    }

    /// Numbers from an earlier run: shown, and never counted as read.
    pub(super) fn cached_numbers_loaded(&mut self, mut numbers: Vec<Number>) -> Vec<Effect> {
        let mut unlisted = Vec::new();
        for number in &mut numbers {
            let of = number.waba_id();
            let waba = self.session.wabas.iter().find(|waba| Some(waba.id) == of).cloned();
            // What is no longer configured, or was missing in a refresh meanwhile, is not shown.
            let belongs = waba.is_some() || of.is_none();
            let is_late = of.map_or_else(|| self.is_refresh_finished(), |of| self.is_fully_read(of));
            if belongs && !is_late {
                number.waba = waba;
                self.roster.insert_cached(number);
            } else if waba.is_some() && self.is_unlisted(number) && !self.roster.has_open_change(&number.id) {
                unlisted.push(number.id);
            }
        }
        self.remove_unlisted_from_cache(&unlisted)
    }

    /// Removes numbers from the cache that a completely read WABA no longer lists, one page at a time.
    fn remove_unlisted_from_cache(&self, unlisted: &[PhoneNumberId]) -> Vec<Effect> {
        let Some(read_until) = self.refresh.read_since else { return Vec::new() };
        unlisted
            .chunks(CACHE_PAGE_SIZE)
            .map(|page| Effect::RemoveCachedNumbers { numbers: page.to_vec(), read_until })
            .collect()
    }

    /// True for a number that was missing when its WABA was last read completely.
    #[must_use]
    pub fn is_unlisted(&self, number: &Number) -> bool {
        number.waba_id().is_some_and(|waba| self.is_fully_read(waba)) && !self.roster.is_seen(&number.id)
    }

    /// True for a configured WABA that was last read completely.
    fn is_fully_read(&self, waba: WabaId) -> bool {
        self.is_refresh_finished() && !self.refresh.unread_wabas.iter().any(|(unread, _)| unread.id == waba)
    }

    const fn is_refresh_finished(&self) -> bool {
        self.refresh.id > 0 && !self.refresh.is_running
    }

    pub(super) fn waba_read(
        &mut self,
        reading: u32,
        waba: Arc<Waba>,
        result: Result<(), ReadFailure>,
        now: TimePoint,
    ) -> Vec<Effect> {
        if reading != self.refresh.id {
            return Vec::new();
        }
        self.refresh.wabas_done += 1;
        match result {
            Ok(()) => self.connection = Connection::Online,
            Err(failure) => {
                let told = Explanation::for_read_failure(&failure);
                self.messages.push(now.utc, format!("WABA {} could not be read: {}.", waba.label(), told.summary));
                self.handle_read_failure(&failure, now);
                self.refresh.unread_wabas.push((waba, failure));
            }
        }
        self.due_to_cache = self.roster.uncached_len();
        self.cache_next_page()
    }

    pub(super) fn refresh_finished(&mut self, reading: u32, now: TimePoint) -> Vec<Effect> {
        if reading != self.refresh.id {
            return Vec::new();
        }
        self.refresh.is_running = false;
        let wabas = self.session.wabas.iter().map(|waba| waba.id);
        let complete: Vec<_> = wabas.filter(|waba| self.is_fully_read(*waba)).collect();
        let unread = self.refresh.unread_wabas.len();
        self.refresh.read_since.get_or_insert(now.utc);
        let unlisted = self.roster.finish_refresh(&complete);
        let noun = if self.refresh.numbers_read == 1 { "number" } else { "numbers" };
        let read = format!("Read {} {noun}", format_count(self.refresh.numbers_read));
        if unread == 0 {
            self.messages.push(now.utc, format!("{read}."));
        } else {
            let all = self.session.wabas.len();
            self.messages.push(now.utc, format!("{read}; {unread} of {all} WABAs could not be read."));
        }
        self.mark_open_prompt_unlisted();
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
                let was_offline = matches!(self.connection, Connection::Offline { .. });
                self.connection = Connection::Online;
                self.number_refreshed(number, now);
                if was_offline && !self.refresh.unread_wabas.is_empty() {
                    return self.refresh_all();
                }
                self.cache_next_page()
            }
            Err(failure) => {
                let told = Explanation::for_read_failure(&failure);
                let label = self.label(&id);
                self.messages.push(now.utc, format!("{label} could not be read: {}.", told.summary));
                self.handle_read_failure(&failure, now);
                Vec::new()
            }
        }
    }

    fn number_refreshed(&mut self, mut number: Number, now: TimePoint) {
        if let Some(known) = self.roster.get(&number.id).map(|row| row.number) {
            // A number read alone comes without the WABA that listed it.
            number.waba = number.waba.or_else(|| known.waba.clone());
            number.name = number.name.or_else(|| known.name.clone());
        }
        let (id, label, words) = (number.id, number.label(), number.two_step.label());
        let done = set_pin_done_text(label);
        // Only the refresh that follows the request. A later one was not caused by it.
        let follows = self.messages.newest_first().next().is_some_and(|message| message.text == done);
        self.messages.push(
            now.utc,
            if follows {
                format!("{done} Two-step verification is {words}.")
            } else {
                format!("{label}: two-step verification is {words}.")
            },
        );
        if let Some(asking) = self.screen.prompt_mut().filter(|asking| asking.target().id == id) {
            asking.update_target(&number);
        }
        self.roster.upsert(&number);
    }

    /// Updates a page that asks about this number, unless a later refresh of its own did.
    fn update_open_prompt(&mut self, number: &Number) {
        let is_news = |known: &Number| known.id == number.id && known.read_at <= number.read_at;
        if let Some(asking) = self.screen.prompt_mut().filter(|asking| is_news(asking.target())) {
            asking.update_target(number);
        }
    }

    /// The same, if the number was missing.
    fn mark_open_prompt_unlisted(&mut self) {
        let Some(target) = self.screen.prompt_mut().map(|asking| asking.target().clone()) else { return };
        if self.is_unlisted(&target)
            && let Some(asking) = self.screen.prompt_mut()
        {
            asking.mark_unlisted();
        }
    }

    /// What a failed read says about the connection and the token.
    fn handle_read_failure(&mut self, failure: &ReadFailure, now: TimePoint) {
        match failure {
            ReadFailure::Api(fault) => self.handle_fault(fault),
            ReadFailure::NotSent(NotSentReason::NoConnection(_) | NotSentReason::Tls(_)) | ReadFailure::NoAnswer => {
                self.set_offline(now);
            }
            ReadFailure::NotSent(_) | ReadFailure::UnexpectedReply { .. } => {}
        }
    }

    fn handle_fault(&mut self, fault: &ApiError) {
        let entry = error_catalog::lookup(fault);
        if entry.scope != ErrorScope::Token {
            return;
        }
        self.connection = Connection::TokenRefused { code: fault.code, reason: entry.reason };
        if matches!(self.screen, Screen::List | Screen::Token(_)) {
            self.set_screen(Screen::Token(TokenProblem::Refused { code: fault.code, reason: entry.reason }));
        }
    }

    /// What a request that was not sent says about the connection.
    fn handle_not_sent(&mut self, why: &NotSentReason, now: TimePoint) {
        if let NotSentReason::NoConnection(_) | NotSentReason::Tls(_) = why {
            self.set_offline(now);
        }
    }

    fn set_offline(&mut self, now: TimePoint) {
        let since = match &self.connection {
            Connection::Offline { since, .. } => *since,
            Connection::Unknown | Connection::Online | Connection::TokenRefused { .. } => now.utc,
        };
        let retry = now.plus(RETRY_INTERVAL);
        self.connection = Connection::Offline { since, retry_at: retry };
        self.messages.push(now.utc, format!("No connection to {}. Next try at {}.", self.session.host, retry.utc));
    }

    pub(super) fn progress_received(&mut self, news: Vec<Progress>, now: TimePoint) -> Vec<Effect> {
        let mut effects = Vec::new();
        for Progress { number, state, .. } in news {
            let state = self.in_doubt_list.apply_state(number, state);
            if !self.is_doubt_reported(&number, &state) {
                effects.extend(self.change_progressed(number, &state, now));
            }
            self.roster.set_change(number, state);
        }
        effects.extend(self.quit_when_idle());
        effects
    }

    /// True for a doubt that was reported already, and changed only in what can be done.
    fn is_doubt_reported(&self, id: &PhoneNumberId, state: &ChangeState) -> bool {
        match (self.roster.change(id), state) {
            (Some(ChangeState::InDoubt(before)), ChangeState::InDoubt(standing)) => {
                before.send_history == standing.send_history && before.reason == standing.reason
            }
            (_, _) => false,
        }
    }

    fn change_progressed(&mut self, id: PhoneNumberId, state: &ChangeState, now: TimePoint) -> Vec<Effect> {
        let label = self.label(&id);
        let is_bad = match state {
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. } => return Vec::new(),
            ChangeState::Set(_) => {
                self.connection = Connection::Online;
                self.messages.push(now.utc, set_pin_done_text(&label));
                false
            }
            ChangeState::Failed(_, fault) => {
                let short = error_catalog::lookup(fault).summary;
                self.messages.push(now.utc, format!("{label} failed: {short}."));
                self.handle_fault(fault);
                true
            }
            ChangeState::NotSent(_, why) => {
                let short = Explanation::for_not_sent(why).summary;
                self.messages.push(now.utc, format!("{label} not sent: {short}."));
                self.handle_not_sent(why, now);
                true
            }
            ChangeState::Resolved(_, how) => {
                let how = match how {
                    Resolution::NoPinInForce => "two-step is still not set, so nothing was applied",
                    Resolution::Manual => "recorded as checked by hand",
                };
                self.messages.push(now.utc, format!("{label} settled: {how}."));
                false
            }
            ChangeState::InDoubt(standing) => {
                let doubt = &standing.reason;
                let short = Explanation::for_doubt(doubt).summary;
                let is_older = matches!(doubt, DoubtReason::OlderPinInDoubt(_));
                // Short, because the line is cut at 80 columns.
                let kept = match (is_older, standing.is_in_escrow) {
                    (true, true) => "Older PIN sealed.",
                    (true, false) => "Keep the older PIN.",
                    (false, true) => "PIN sealed.",
                    (false, false) => "Keep the PIN.",
                };
                self.messages.push(now.utc, format!("{label} no answer: {short}. {kept}"));
                match doubt {
                    DoubtReason::ServerError(fault)
                    | DoubtReason::OlderPinInDoubt(NotApplied::Refused(fault))
                    | DoubtReason::EarlierAttemptInDoubt { last: NotApplied::Refused(fault), .. } => {
                        self.handle_fault(fault)
                    }
                    DoubtReason::OlderPinInDoubt(NotApplied::NotSent(why))
                    | DoubtReason::EarlierAttemptInDoubt { last: NotApplied::NotSent(why), .. } => {
                        self.handle_not_sent(why, now)
                    }
                    DoubtReason::TimedOut { .. }
                    | DoubtReason::ConnectionLost { .. }
                    | DoubtReason::UnexpectedReply { .. }
                    | DoubtReason::SuccessNotTrue
                    | DoubtReason::ProcessEnded
                    | DoubtReason::EscrowOnly => {}
                }
                true
            }
        };
        // A refresh follows at once: "set" is the outcome of this request, not what is on now.
        let read = matches!(state, ChangeState::Set(_)).then_some(Effect::RefreshNumber(id));
        let bell = (is_bad && self.session.bell).then_some(Effect::Bell);
        let history = self.shows_history_of(&id).then_some(Effect::ReadHistory(id));
        read.into_iter().chain(bell).chain(history).collect()
    }

    pub(super) fn token_read(&mut self, result: Result<(), String>, now: TimePoint) -> Vec<Effect> {
        match result {
            Ok(()) if self.is_hidden_with_fresh_data() => {
                self.messages.push(now.utc, "The screen is shown again.");
                self.set_screen(Screen::List);
                Vec::new()
            }
            Ok(()) => {
                self.connection = Connection::Unknown;
                self.messages.push(now.utc, "The access token was read again.");
                if matches!(self.screen, Screen::Token(_) | Screen::Hidden(_)) {
                    self.set_screen(Screen::List);
                }
                self.refresh_all()
            }
            Err(why) => {
                self.messages.push(now.utc, "There is still no access token.");
                self.set_screen(Screen::Token(TokenProblem::Missing(why)));
                Vec::new()
            }
        }
    }

    /// True if the screen was only hidden: what was read before is still valid.
    fn is_hidden_with_fresh_data(&self) -> bool {
        let is_read = self.refresh.id > 0 && self.refresh.unread_wabas.is_empty();
        matches!(self.screen, Screen::Hidden(_))
            && is_read
            && !matches!(self.connection, Connection::TokenRefused { .. })
    }
}
