//! Handles the progress of changes: keeps the state of each number, and tells the operator what became of it.
//!
//! It sends nothing, except that a number whose PIN was set is refreshed.

use super::App;
use crate::console::effect::{Effect, ScreenCommand, WorkCommand};
use crate::console::go::{Destination, QuitReason, Step};
use crate::console::pages::Page;
use crate::console::shared::Connection;
use crate::domain::change::{ChangeState, Progress, Resolution};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::NotApplied;
use crate::policy::error_catalog::{self, Explanation};

pub(super) fn set_pin_done_text(label: &str) -> String {
    format!("Set PIN for {label}: done.")
}

impl App {
    pub(super) fn progress_received(&mut self, progress: Vec<Progress>, now: TimePoint) -> Vec<Effect> {
        let mut effects = Vec::new();
        for Progress { number, state, .. } in progress {
            let state = self.shared.in_doubt_list.apply_state(number, state);
            if !self.is_doubt_reported(&number, &state) {
                effects.extend(self.change_progressed(number, &state, now));
            }
            self.shared.roster.set_change(number, state);
        }
        effects.extend(self.quit_when_idle(now));
        effects
    }

    /// True if the same doubt was already reported, and only the possible actions have changed.
    fn is_doubt_reported(&self, id: &PhoneNumberId, state: &ChangeState) -> bool {
        match (self.shared.roster.change(id), state) {
            (Some(ChangeState::InDoubt(before)), ChangeState::InDoubt(details)) => {
                before.send_history == details.send_history
                    && before.doubt == details.doubt
                    && before.newer_pin == details.newer_pin
            }
            (_, _) => false,
        }
    }

    fn change_progressed(&mut self, id: PhoneNumberId, state: &ChangeState, now: TimePoint) -> Vec<Effect> {
        let label = self.label(&id);
        let is_bad = match state {
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. } => return Vec::new(),
            ChangeState::Set(_) => {
                self.shared.connection = Connection::Online;
                self.shared.messages.push(now.utc, set_pin_done_text(&label));
                false
            }
            ChangeState::Failed(_, error) => {
                let summary = error_catalog::lookup(error).summary;
                self.shared.messages.push(now.utc, format!("{label} failed: {summary}."));
                self.shared.note_api_error(error);
                true
            }
            ChangeState::NotSent(_, why) => {
                let summary = Explanation::for_not_sent(why).summary;
                self.shared.messages.push(now.utc, format!("{label} not sent: {summary}."));
                self.shared.note_not_sent(why, now);
                true
            }
            ChangeState::Resolved(_, resolution) => {
                let how = match resolution {
                    Resolution::NoPinInForce => "two-step is still not set, so nothing was applied",
                    Resolution::Manual => "checked manually",
                };
                self.shared.messages.push(now.utc, format!("{label} resolved: {how}."));
                false
            }
            ChangeState::InDoubt(details) => {
                let summary = Explanation::for_number_in_doubt(details).summary;
                let pin_advice = pin_advice(details.newer_pin.is_some(), details.is_in_escrow);
                self.shared.messages.push(now.utc, format!("{label} no answer: {summary}. {pin_advice}"));
                match details.last_not_applied() {
                    Some(NotApplied::NotSent(why)) => self.shared.note_not_sent(why, now),
                    Some(NotApplied::Refused(_)) | None => {
                        if let Some(error) = details.api_error() {
                            self.shared.note_api_error(error);
                        }
                    }
                }
                true
            }
        };
        // Refresh at once: "set" is the outcome of this request, and not the current status of the number.
        let refresh = matches!(state, ChangeState::Set(_)).then(|| self.refresh_number(id).into());
        let bell = (is_bad && self.session.bell).then(|| ScreenCommand::Bell.into());
        let is_shown = |page: &Page| page.shows_history_of(&id, &self.shared);
        let shows_history = is_shown(&self.page) || self.below.iter().any(is_shown);
        let history = shows_history.then(|| WorkCommand::ReadHistory(id).into());
        [refresh, bell, history].into_iter().flatten().collect()
    }

    /// While the program waits to quit: quits when no change is in progress, and asks again if another PIN would be
    /// lost.
    fn quit_when_idle(&mut self, now: TimePoint) -> Vec<Effect> {
        let Page::ShuttingDown(page) = &self.page else { return Vec::new() };
        let QuitReason::Operator { warned_numbers } = &page.reason else { return Vec::new() };
        if self.running_count() > 0 {
            return Vec::new();
        }
        if self.has_warned_about_all(warned_numbers) {
            return vec![ScreenCommand::Quit.into()];
        }
        let mut effects = self.apply(Step::reset(Destination::Home), now);
        effects.extend(self.step(now, |page, shared| Step::ask_to_quit(page, shared)));
        effects
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
