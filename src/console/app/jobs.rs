//! Reads jobs of the journal, while a page shows them and only if they may have changed.
//!
//! It sends nothing.

use std::collections::BTreeSet;

use super::App;
use crate::console::effect::{Effect, WorkCommand};
use crate::console::pages::Page;
use crate::console::shared::RecordingStatus;
use crate::domain::change::JobId;

impl App {
    pub(super) const fn jobs_changed(&mut self, _jobs: &BTreeSet<JobId>) {
        self.shared.job_list.mark_stale();
    }

    /// The reads that the open page needs.
    pub(super) fn read_shown_jobs(&mut self) -> Option<Effect> {
        // Once the journal is open, it is read.
        let is_open = match self.shared.recording_status {
            RecordingStatus::Opening | RecordingStatus::Unusable(_) => false,
            RecordingStatus::Ready { .. }
            | RecordingStatus::RecipientsChanged { .. }
            | RecordingStatus::JournalFailed(_) => true,
        };
        let is_due = is_open && matches!(self.page, Page::Jobs(_)) && self.shared.job_list.take_stale();
        is_due.then(|| WorkCommand::ReadJobs.into())
    }
}
