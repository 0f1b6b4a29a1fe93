//! Handles the reports of journal and escrow: opened, failed, keys accepted.
//!
//! It opens no files.

use super::App;
use crate::console::effect::{Effect, ScreenCommand};
use crate::console::input::keymap::{ListAction, table};
use crate::console::shared::RecordingStatus;
use crate::domain::change::Progress;
use crate::domain::clock::TimePoint;
use crate::domain::text::{CleanText, format_count};

impl App {
    pub(super) fn records_opened(
        &mut self,
        status: RecordingStatus,
        unresolved: Vec<Progress>,
        findings: Vec<CleanText>,
        now: TimePoint,
    ) {
        // If the journal has failed meanwhile, it stays failed.
        if self.shared.recording_status != RecordingStatus::Opening {
            return;
        }
        for Progress { number, state, .. } in unresolved {
            let state = self.shared.in_doubt_list.apply_state(number, state);
            self.shared.roster.set_change(number, state);
        }
        self.shared.in_doubt_list.set_findings(findings);
        if self.shared.in_doubt_list.number_count() > 0 {
            let numbers = format_count(self.shared.in_doubt_list.number_count());
            self.shared.messages.push(now.utc, format!("Numbers in doubt from an earlier run: {numbers}."));
        }
        match &status {
            RecordingStatus::Opening | RecordingStatus::Ready { .. } => {}
            RecordingStatus::RecipientsChanged { .. } => {
                let key = self.keymap.key_label(&table::LIST, &ListAction::SetPin);
                self.shared.messages.push(
                    now.utc,
                    format!("Escrow keys have changed. No PIN can be set until someone accepts them: press {key}."),
                );
            }
            RecordingStatus::Unusable(why) | RecordingStatus::Damaged(why) | RecordingStatus::JournalFailed(why) => {
                self.shared.messages.push(now.utc, format!("No PIN can be set: {why}"));
            }
        }
        self.shared.recording_status = status;
    }

    pub(super) fn journal_failed(&mut self, why: CleanText, now: TimePoint) -> Vec<Effect> {
        self.shared.messages.push(now.utc, format!("The journal failed, so nothing more is sent: {why}"));
        self.shared.recording_status = RecordingStatus::JournalFailed(why);
        self.session.bell.then(|| ScreenCommand::Bell.into()).into_iter().collect()
    }

    pub(super) fn recipients_accepted(&mut self, result: Result<RecordingStatus, CleanText>, now: TimePoint) {
        match result {
            Ok(status) if matches!(self.shared.recording_status, RecordingStatus::RecipientsChanged { .. }) => {
                self.shared.recording_status = status;
                self.shared.messages.push(now.utc, "Escrow keys accepted.");
            }
            // The journal has failed meanwhile, and stays failed.
            Ok(_) => {}
            Err(why) => self.shared.messages.push(now.utc, format!("The escrow keys were not accepted: {why}")),
        }
    }
}
