//! Handles what was read: pages of the list, single numbers, the access token.

use std::sync::Arc;

use super::App;
use crate::console::effect::Effect;
use crate::console::go::{Destination, Step};
use crate::console::pages::{Page, PageEvent};
use crate::console::shared::{Connection, TokenProblem};
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::text::format_count;
use crate::pace::Pause;
use crate::policy::error_catalog::{Explanation, meta_lines};
use crate::policy::quota::QuotaScope;

/// Why something could not be read, what to do, and what Meta said: the only place for it beside what was read.
fn unread_reason(explanation: &Explanation, failure: &ReadFailure) -> String {
    let mut parts = vec![format!("{}.", explanation.summary)];
    parts.extend(explanation.advice.iter().map(|step| (*step).to_owned()));
    if let Some(error) = failure.api_error() {
        parts.push(meta_lines(error).join("; "));
    }
    parts.join(" ")
}

impl App {
    pub(super) fn page_received(&mut self, refresh_id: u32, numbers: &[Number]) {
        if refresh_id != self.shared.refresh.id {
            return;
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
    }

    /// Numbers from an earlier run: shown, and never counted as read.
    pub(super) fn cached_numbers_loaded(&mut self, mut numbers: Vec<Number>) {
        // They would look like numbers that the profile still names.
        if self.names_no_numbers() {
            return;
        }
        for number in &mut numbers {
            let waba_id = number.waba_id();
            let waba = self.shared.session.wabas.iter().find(|waba| Some(waba.id) == waba_id).cloned();
            // The list shows no number that is no longer configured, or that a refresh has not found meanwhile.
            let is_configured = waba.is_some() || waba_id.is_none();
            let is_late = waba_id.map_or_else(|| self.is_refresh_finished(), |waba_id| self.is_fully_read(waba_id));
            if is_configured && !is_late {
                number.waba = waba;
                self.shared.roster.insert_cached(number);
            }
        }
    }

    pub(super) fn waba_read(
        &mut self,
        refresh_id: u32,
        waba: Arc<Waba>,
        result: Result<(), ReadFailure>,
        now: TimePoint,
    ) {
        if refresh_id != self.shared.refresh.id {
            return;
        }
        self.shared.refresh.wabas_done += 1;
        match result {
            Ok(()) => self.shared.connection = Connection::Online,
            Err(failure) => {
                let why = unread_reason(&Explanation::for_unread_waba(&failure), &failure);
                self.shared.messages.push(now.utc, format!("WABA {} could not be read: {why}", waba.label()));
                self.shared.note_read_failure(&failure, now);
                self.shared.refresh.unread_wabas.push((waba, failure));
            }
        }
    }

    pub(super) fn calls_paused(&mut self, pause: &Pause, now: TimePoint) -> Vec<Effect> {
        self.shared.roster.pause_scope(pause.scope, pause.until);
        self.shared.jobs.own.add_limit(*pause);
        let label = self.scope_label(pause.scope);
        let sentence = pause.sentence(label.as_deref(), now.utc);
        self.say_of_job(&sentence, now)
    }

    pub(super) fn refresh_finished(&mut self, refresh_id: u32, now: TimePoint) {
        if refresh_id != self.shared.refresh.id {
            return;
        }
        self.shared.refresh.is_running = false;
        self.shared.refresh.finished_at = Some(now.utc);
        let waba_ids = self.shared.session.wabas.iter().map(|waba| waba.id);
        let complete: Vec<_> = waba_ids.filter(|id| self.is_fully_read(*id)).collect();
        let unread = self.shared.refresh.unread_wabas.len();
        if unread == 0 {
            self.shared.refresh.last_complete_at = Some(now.utc);
        }
        self.shared.roster.finish_refresh(&complete);
        let noun = if self.shared.refresh.numbers_read == 1 { "number" } else { "numbers" };
        let read = format!("Read {} {noun}", format_count(self.shared.refresh.numbers_read));
        let sentence = if unread == 0 {
            format!("{read}.")
        } else {
            let all = self.shared.session.wabas.len();
            format!("{read}; {unread} of {all} WABAs could not be read.")
        };
        let warning = self.shared.session.names_warning.filter(|_| self.shared.refresh.has_name_outside_ascii);
        let note = self.shared.session.refresh_note.take();
        // The note is said once: the warning must not take its place on the message line.
        let (before, after) = if note.is_some() { (warning, None) } else { (None, warning) };
        let note = note.map_or(String::new(), |note| format!(" {note}"));
        if let Some(warning) = before {
            self.shared.messages.push_once(now.utc, warning);
        }
        if !self.shared.refresh.is_quiet || unread > 0 {
            self.shared.messages.push(now.utc, format!("{sentence}{note}"));
        }
        if let Some(warning) = after {
            self.shared.messages.push_once(now.utc, warning);
        }
        self.notify(&PageEvent::ListsRead);
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
                    return self.shared.refresh_all().into_iter().map(Into::into).collect();
                }
                Vec::new()
            }
            Err(failure) => {
                let why = unread_reason(&Explanation::for_unread_number(&failure), &failure);
                let label = self.label(&id);
                self.shared.messages.forget_status(id);
                // The read after a PIN was set must not look like the end of that change.
                let set = match self.shared.roster.change(&id) {
                    Some(ChangeState::Set(completion)) => format!("{label} was set at {}. ", completion.at),
                    Some(_) | None => String::new(),
                };
                self.shared.messages.push(now.utc, format!("{set}{label} could not be read: {why}"));
                self.shared.note_read_failure(&failure, now);
                Vec::new()
            }
        }
    }

    fn number_refreshed(&mut self, mut number: Number, now: TimePoint) {
        if let Some(known) = self.shared.roster.get(&number.id).map(|row| row.number) {
            // A reply for one number does not name the WABA that lists it.
            number.waba = number.waba.or(known.waba);
            number.name = number.name.or(known.name);
        }
        let (label, two_step) = (number.label(), number.two_step.label());
        // Only the refresh that the change caused joins its message. A later one gets a message of its own.
        let status = format!("Two-step verification is {two_step}.");
        if !self.shared.messages.add_status(number.id, now.utc, &status) {
            self.shared.messages.push(now.utc, format!("{label}: two-step verification is {two_step}."));
        }
        self.notify(&PageEvent::Refreshed(&number));
        self.shared.roster.upsert_single(&number);
    }

    pub(super) fn token_read(&mut self, result: Result<(), String>, now: TimePoint) -> Vec<Effect> {
        if result.is_ok() {
            // The limits of the old access token do not apply to the new one.
            self.shared.roster.end_pauses(|scope, _| scope == QuotaScope::Token);
            self.shared.jobs.own.end_limits(|pause| pause.scope == QuotaScope::Token);
        }
        match result {
            Ok(()) if self.is_hidden_with_fresh_data() => {
                self.shared.messages.push(now.utc, "The screen is shown again.");
                self.apply(Step::reset(Destination::List), now)
            }
            Ok(()) => {
                self.shared.connection = Connection::Unknown;
                self.shared.messages.push(now.utc, "The access token was read again.");
                let mut effects: Vec<_> = self.shared.refresh_all().into_iter().map(Into::into).collect();
                if matches!(&self.page, Page::Token(page) if !page.is_first) {
                    effects.extend(self.apply(Step::back(), now));
                } else if let Page::Token(_) | Page::Hidden(_) = self.page {
                    effects.extend(self.apply(Step::reset(Destination::List), now));
                }
                effects
            }
            Err(why) => {
                self.shared.messages.push(now.utc, "The access token could not be read.");
                self.show_token_problem(TokenProblem::Missing(why), now)
            }
        }
    }

    /// True if the screen was only hidden, and the numbers that were read before are still valid.
    fn is_hidden_with_fresh_data(&self) -> bool {
        let is_read = self.refresh.id > 0 && self.refresh.unread_wabas.is_empty();
        matches!(self.page, Page::Hidden(_)) && is_read && !matches!(self.connection, Connection::TokenRefused(_))
    }
}
