//! Handles the progress of changes: keeps the state of each number, and tells the operator what became of it.
//!
//! It sends nothing, except that a number whose PIN was set is refreshed.

use super::App;
use crate::console::effect::{Effect, ScreenCommand};
use crate::console::go::{QuitReason, Step};
use crate::console::pages::Page;
use crate::console::shared::{Connection, OwnJob};
use crate::domain::change::{ChangeState, LastSet, Progress, ProgressSource};
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::NotApplied;

impl App {
    pub(super) fn progress_received(&mut self, progress: Vec<Progress>, now: TimePoint) -> Vec<Effect> {
        let mut effects = Vec::new();
        for Progress { job, number, state, source, .. } in progress {
            if let ProgressSource::Journal(last_set) = source {
                if let Some(job) = job.filter(|_| self.is_sent_elsewhere(&number, &state)) {
                    self.shared.messages.note_continued(job);
                }
                effects.extend(self.change_recorded(number, state, last_set));
                continue;
            }
            self.shared.sent_elsewhere.remove(&number);
            self.shared.note_unsent(number, &state);
            let state = self.shared.in_doubt_list.apply_state(number, state);
            // Thousands of messages would hide all others: the job has one at its end.
            let is_of_many = self.shared.started_jobs.contain(&number)
                || job.and_then(|job| self.shared.jobs.own.get(job)).is_some_and(OwnJob::is_of_many);
            if is_of_many {
                effects.extend(self.number_of_job_progressed(number, &state, now));
            } else if !self.is_doubt_reported(&number, &state) {
                effects.extend(self.change_progressed(number, &state, now));
            }
            if let Some(job) = job {
                effects.extend(self.job_progressed(job, number, &state, now));
            }
            self.shared.roster.set_change(number, state);
        }
        effects.extend(self.quit_when_idle(now));
        effects
    }

    /// True if the journal has a request of the number that this process did not send.
    fn is_sent_elsewhere(&self, id: &PhoneNumberId, state: &ChangeState) -> bool {
        let is_set = |state: &ChangeState| matches!(state, ChangeState::Set(_));
        state.is_running() || is_set(state) && !self.shared.roster.change(id).is_some_and(is_set)
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
        self.shared.report_change(id, state, now);
        let is_bad = self.note_outcome(id, state, now);
        // Refresh at once: "set" is the outcome of this request, and not the current status of the number.
        let refresh = matches!(state, ChangeState::Set(_)).then(|| self.refresh_number(id).into());
        let bell = (is_bad && self.session.bell).then(|| ScreenCommand::Bell.into());
        [refresh, bell, self.read_history_after(id, state)].into_iter().flatten().collect()
    }

    /// As [`App::change_progressed`], for one of many numbers: without a message, and without a call to Meta that would
    /// take the quota of the others. When the last one has ended, the lists are read again, because that takes far fewer.
    fn number_of_job_progressed(&mut self, id: PhoneNumberId, state: &ChangeState, now: TimePoint) -> Vec<Effect> {
        self.shared.track_sending(id, state, now.instant);
        self.note_outcome(id, state, now);
        let is_over = self.shared.started_jobs.note_progress(&id, state);
        let refresh = if is_over && !self.shared.refresh.is_running { self.shared.refresh_all() } else { None };
        // The end of the job must stay on the message line.
        self.shared.refresh.is_quiet |= refresh.is_some();
        refresh.map(Effect::from).into_iter().chain(self.read_history_after(id, state)).collect()
    }

    /// Reads the history that a page shows again, if the journal may have more of it: also a try that ended.
    fn read_history_after(&self, id: PhoneNumberId, state: &ChangeState) -> Option<Effect> {
        let is_recorded = !matches!(state, ChangeState::Queued | ChangeState::Sending { .. });
        if is_recorded { self.read_shown_history(id) } else { None }
    }

    /// Notes what the end of a change says about the connection and the access token. True if it was not set.
    fn note_outcome(&mut self, id: PhoneNumberId, state: &ChangeState, now: TimePoint) -> bool {
        match state {
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Resolved(..) => false,
            ChangeState::Set(completion) => {
                self.shared.connection = Connection::Online;
                self.note_set(id, completion.at);
                false
            }
            ChangeState::Failed(_, error) => {
                self.shared.note_api_error(error);
                true
            }
            ChangeState::NotSent(_, why) => {
                self.shared.note_not_sent(why, now);
                true
            }
            ChangeState::InDoubt(details) => {
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
        }
    }

    /// Notes that Meta confirmed a PIN of this process. The journal reports it later, and only if nothing else goes on.
    fn note_set(&mut self, id: PhoneNumberId, at: UtcTime) {
        let escrow_keys = self.recording_status.escrow_keys().map(|keys| u16::try_from(keys).unwrap_or(u16::MAX));
        let by = self.session.operator.clone();
        self.shared.roster.set_last_set(id, LastSet { at, by, escrow_keys });
    }

    /// While the program waits to quit: quits when no change is in progress, and asks again if another PIN would be
    /// lost.
    fn quit_when_idle(&mut self, now: TimePoint) -> Vec<Effect> {
        let Page::ShuttingDown(page) = &self.page else { return Vec::new() };
        let QuitReason::Operator { warned_numbers, .. } = &page.reason else { return Vec::new() };
        if self.running_count() > 0 {
            return Vec::new();
        }
        if self.has_warned_about_all(warned_numbers) {
            return vec![ScreenCommand::Quit.into()];
        }
        let mut effects = self.apply(Step::back(), now);
        effects.extend(self.step(now, |page, shared| Step::ask_to_quit(page, shared)));
        effects
    }
}
