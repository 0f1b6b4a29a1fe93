//! Handles what the journal has about numbers, whichever process made the changes.
//!
//! It announces nothing: only what this process does becomes a message.

use super::App;
use crate::console::effect::{Effect, WorkCommand};
use crate::console::pages::PageEvent;
use crate::console::shared::TargetNotice;
use crate::domain::change::{ChangeState, LastSet};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;
use crate::journal::NumberRecord;

impl App {
    /// The records of the start: older than every state that is known already.
    pub(super) fn records_loaded(&mut self, records: Vec<NumberRecord>) {
        for NumberRecord { number, latest, last_set } in records {
            if let Some(latest) = latest.filter(|_| self.shared.roster.change(&number).is_none()) {
                self.shared.note_sent_elsewhere(number, &latest.state);
                self.shared.roster.set_change(number, latest.state);
            }
            if let Some(last_set) = last_set {
                self.shared.roster.set_last_set(number, last_set);
            }
        }
    }

    /// A new state of a number, as the journal has it.
    pub(super) fn change_recorded(
        &mut self,
        id: PhoneNumberId,
        state: ChangeState,
        last_set: Option<LastSet>,
    ) -> Vec<Effect> {
        let refresh = self.notify_asking_pages(id, &state, last_set.as_ref());
        self.shared.note_sent_elsewhere(id, &state);
        self.shared.in_doubt_list.apply_recorded(id, &state);
        self.shared.roster.set_change(id, state);
        if let Some(last_set) = last_set {
            self.shared.roster.set_last_set(id, last_set);
        }
        refresh.into_iter().chain(self.read_shown_history(id)).collect()
    }

    /// Tells a form or question about the number what another process does. Once a PIN was set, the status that the
    /// page shows is an old one: refreshes it.
    fn notify_asking_pages(
        &mut self,
        id: PhoneNumberId,
        state: &ChangeState,
        last_set: Option<&LastSet>,
    ) -> Option<Effect> {
        if !self.is_asked_about(&id) || self.shared.roster.change(&id) == Some(state) {
            return None;
        }
        let notice = TargetNotice::about_change_elsewhere(state, last_set)?;
        self.notify(&PageEvent::ChangedElsewhere(id, &notice));
        if let TargetNotice::SetElsewhere { at, .. } = notice {
            return Some(self.shared.refresh_number_after(id, at).into());
        }
        None
    }

    /// The command that reads the history of a number again, if a page shows it.
    pub(super) fn read_shown_history(&self, id: PhoneNumberId) -> Option<Effect> {
        let mut pages = self.pages();
        pages.any(|page| page.shows_history_of(&id, &self.shared)).then(|| WorkCommand::ReadHistory(id).into())
    }

    pub(super) fn journal_watch_failed(&mut self, why: &CleanText, now: TimePoint) {
        self.shared
            .messages
            .push(now.utc, format!("What other processes set appears only after a refresh of all numbers: {why}."));
    }
}
