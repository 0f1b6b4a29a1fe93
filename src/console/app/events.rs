//! Handles what the worker reports: pages of the list, single numbers, the progress of changes, the access token.

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

fn set_pin_done_text(label: &str) -> String {
    format!("Set PIN for {label}: done.")
}

impl App {
    pub(super) fn page_received(&mut self, refresh_id: u32, numbers: &[Number]) {
        if refresh_id != self.refresh.id {
            return;
        }
        // The list also shows a configured number that could not be read. It says nothing about the connection.
        for number in numbers {
            if number.read_at.is_some() {
                self.connection = Connection::Online;
                self.refresh.count_number(number);
                self.update_open_prompt(number);
            }
            self.roster.upsert(number);
        }
    }

    /// Numbers from an earlier run: shown, and never counted as read.
    pub(super) fn cached_numbers_loaded(&mut self, mut numbers: Vec<Number>) {
        for number in &mut numbers {
            let waba_id = number.waba_id();
            let waba = self.session.wabas.iter().find(|waba| Some(waba.id) == waba_id).cloned();
            // The list shows no number that is no longer configured, or that a refresh has not found meanwhile.
            let is_configured = waba.is_some() || waba_id.is_none();
            let is_late = waba_id.map_or_else(|| self.is_refresh_finished(), |waba_id| self.is_fully_read(waba_id));
            if is_configured && !is_late {
                number.waba = waba;
                self.roster.insert_cached(number);
            }
        }
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
        refresh_id: u32,
        waba: Arc<Waba>,
        result: Result<(), ReadFailure>,
        now: TimePoint,
    ) {
        if refresh_id != self.refresh.id {
            return;
        }
        self.refresh.wabas_done += 1;
        match result {
            Ok(()) => self.connection = Connection::Online,
            Err(failure) => {
                let summary = Explanation::for_read_failure(&failure).summary;
                self.messages.push(now.utc, format!("WABA {} could not be read: {summary}.", waba.label()));
                self.handle_read_failure(&failure, now);
                self.refresh.unread_wabas.push((waba, failure));
            }
        }
    }

    pub(super) fn refresh_finished(&mut self, refresh_id: u32, now: TimePoint) {
        if refresh_id != self.refresh.id {
            return;
        }
        self.refresh.is_running = false;
        let waba_ids = self.session.wabas.iter().map(|waba| waba.id);
        let complete: Vec<_> = waba_ids.filter(|id| self.is_fully_read(*id)).collect();
        let unread = self.refresh.unread_wabas.len();
        self.roster.finish_refresh(&complete);
        let noun = if self.refresh.numbers_read == 1 { "number" } else { "numbers" };
        let read = format!("Read {} {noun}", format_count(self.refresh.numbers_read));
        if unread == 0 {
            self.messages.push(now.utc, format!("{read}."));
        } else {
            let all = self.session.wabas.len();
            self.messages.push(now.utc, format!("{read}; {unread} of {all} WABAs could not be read."));
        }
        self.mark_open_prompt_unlisted();
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
                Vec::new()
            }
            Err(failure) => {
                let summary = Explanation::for_read_failure(&failure).summary;
                let label = self.label(&id);
                self.messages.push(now.utc, format!("{label} could not be read: {summary}."));
                self.handle_read_failure(&failure, now);
                Vec::new()
            }
        }
    }

    fn number_refreshed(&mut self, mut number: Number, now: TimePoint) {
        if let Some(known) = self.roster.get(&number.id).map(|row| row.number) {
            // A reply for one number does not name the WABA that lists it.
            number.waba = number.waba.or_else(|| known.waba.clone());
            number.name = number.name.or_else(|| known.name.clone());
        }
        let (id, label, two_step) = (number.id, number.label(), number.two_step.label());
        let done = set_pin_done_text(label);
        // Only the refresh that the request caused joins its message. A later one gets a message of its own.
        let follows = self.messages.newest_first().next().is_some_and(|message| message.text == done);
        self.messages.push(
            now.utc,
            if follows {
                format!("{done} Two-step verification is {two_step}.")
            } else {
                format!("{label}: two-step verification is {two_step}.")
            },
        );
        if let Some(prompt) = self.screen.prompt_mut().filter(|prompt| prompt.target().id == id) {
            prompt.update_target(&number);
        }
        self.roster.upsert(&number);
    }

    /// Updates an open page that asks about this number, unless the page already has a later status.
    fn update_open_prompt(&mut self, number: &Number) {
        let is_newer = |known: &Number| known.id == number.id && known.read_at <= number.read_at;
        if let Some(prompt) = self.screen.prompt_mut().filter(|prompt| is_newer(prompt.target())) {
            prompt.update_target(number);
        }
    }

    /// Tells an open page that asks about a number that its WABA no longer lists it.
    fn mark_open_prompt_unlisted(&mut self) {
        let Some(target) = self.screen.prompt_mut().map(|prompt| prompt.target().clone()) else { return };
        if self.is_unlisted(&target)
            && let Some(prompt) = self.screen.prompt_mut()
        {
            prompt.mark_unlisted();
        }
    }

    /// Updates the connection after a failed read, and opens the token page if Meta refused the token.
    fn handle_read_failure(&mut self, failure: &ReadFailure, now: TimePoint) {
        match failure {
            ReadFailure::Api(error) => self.handle_api_error(error),
            ReadFailure::NotSent(NotSentReason::NoConnection(_) | NotSentReason::Tls(_)) | ReadFailure::NoAnswer => {
                self.set_offline(now);
            }
            ReadFailure::NotSent(_) | ReadFailure::UnexpectedReply { .. } => {}
        }
    }

    fn handle_api_error(&mut self, error: &ApiError) {
        let entry = error_catalog::lookup(error);
        if entry.scope != ErrorScope::Token {
            return;
        }
        self.connection = Connection::TokenRefused { code: error.code, reason: entry.reason };
        if matches!(self.screen, Screen::List | Screen::Token(_)) {
            self.set_screen(Screen::Token(TokenProblem::Refused { code: error.code, reason: entry.reason }));
        }
    }

    /// Updates the connection after a request that was not sent.
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
        let retry_at = now.plus(RETRY_INTERVAL);
        self.connection = Connection::Offline { since, retry_at };
        self.messages.push(now.utc, format!("No connection to {}. Next try at {}.", self.session.host, retry_at.utc));
    }

    pub(super) fn progress_received(&mut self, progress: Vec<Progress>, now: TimePoint) -> Vec<Effect> {
        let mut effects = Vec::new();
        for Progress { number, state, .. } in progress {
            let state = self.in_doubt_list.apply_state(number, state);
            if !self.is_doubt_reported(&number, &state) {
                effects.extend(self.change_progressed(number, &state, now));
            }
            self.roster.set_change(number, state);
        }
        effects.extend(self.quit_when_idle());
        effects
    }

    /// True if the same doubt was already reported, and only the possible actions have changed.
    fn is_doubt_reported(&self, id: &PhoneNumberId, state: &ChangeState) -> bool {
        match (self.roster.change(id), state) {
            (Some(ChangeState::InDoubt(before)), ChangeState::InDoubt(details)) => {
                before.send_history == details.send_history && before.reason == details.reason
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
            ChangeState::Failed(_, error) => {
                let summary = error_catalog::lookup(error).summary;
                self.messages.push(now.utc, format!("{label} failed: {summary}."));
                self.handle_api_error(error);
                true
            }
            ChangeState::NotSent(_, why) => {
                let summary = Explanation::for_not_sent(why).summary;
                self.messages.push(now.utc, format!("{label} not sent: {summary}."));
                self.handle_not_sent(why, now);
                true
            }
            ChangeState::Resolved(_, resolution) => {
                let how = match resolution {
                    Resolution::NoPinInForce => "two-step is still not set, so nothing was applied",
                    Resolution::Manual => "checked manually",
                };
                self.messages.push(now.utc, format!("{label} resolved: {how}."));
                false
            }
            ChangeState::InDoubt(details) => {
                let doubt = &details.reason;
                let summary = Explanation::for_doubt(doubt).summary;
                let is_older = matches!(doubt, DoubtReason::OlderPinInDoubt(_));
                let pin_advice = pin_advice(is_older, details.is_in_escrow);
                self.messages.push(now.utc, format!("{label} no answer: {summary}. {pin_advice}"));
                match doubt {
                    DoubtReason::ServerError(error)
                    | DoubtReason::OlderPinInDoubt(NotApplied::Refused(error))
                    | DoubtReason::EarlierAttemptInDoubt { last: NotApplied::Refused(error), .. } => {
                        self.handle_api_error(error);
                    }
                    DoubtReason::OlderPinInDoubt(NotApplied::NotSent(why))
                    | DoubtReason::EarlierAttemptInDoubt { last: NotApplied::NotSent(why), .. } => {
                        self.handle_not_sent(why, now);
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
        // Refresh at once: "set" is the outcome of this request, and not the current status of the number.
        let refresh = matches!(state, ChangeState::Set(_)).then(|| self.refresh_effect(id));
        let bell = (is_bad && self.session.bell).then_some(Effect::Bell);
        let history = self.shows_history_of(&id).then_some(Effect::ReadHistory(id));
        refresh.into_iter().chain(bell).chain(history).collect()
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

    /// True if the screen was only hidden, and the numbers that were read before are still valid.
    fn is_hidden_with_fresh_data(&self) -> bool {
        let is_read = self.refresh.id > 0 && self.refresh.unread_wabas.is_empty();
        matches!(self.screen, Screen::Hidden(_))
            && is_read
            && !matches!(self.connection, Connection::TokenRefused { .. })
    }
}

/// Where the PIN of a number in doubt is. Short, because a window of 80 columns cuts the end.
const fn pin_advice(is_older: bool, is_in_escrow: bool) -> &'static str {
    match (is_older, is_in_escrow) {
        (true, true) => "Older PIN in escrow.",
        (true, false) => "Keep the older PIN.",
        (false, true) => "PIN in escrow.",
        (false, false) => "Keep the PIN.",
    }
}
