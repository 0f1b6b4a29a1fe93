//! Handles what new rows of the journal say about numbers, whichever process wrote them.
//!
//! What this process is doing wins: a number in its hands keeps its state. It writes and sends nothing.

use super::JobsActor;
use crate::domain::change::{Progress, ProgressSource};
use crate::jobs::in_doubt::InDoubtChanges;
use crate::journal::NumberUpdate;

impl JobsActor {
    /// Learns which changes of a number are in doubt, and reports its state.
    pub(super) fn handle_update(&mut self, update: NumberUpdate) {
        let NumberUpdate { record, unresolved, held, closed } = update;
        let number = record.number;
        // The rows that follow from this work are an update of their own.
        if self.busy.contains(&number) || self.starts.contain(number) {
            return;
        }
        let source = ProgressSource::Journal(record.last_set);
        let now = self.progress.now();
        let has_changed = self.in_doubt.reconcile(number, unresolved, &closed, now);
        if let Some(progress) = self.in_doubt.progress(number) {
            // The state that was reported before may say more: why a newer PIN was not applied.
            if has_changed {
                self.progress.send(Progress { source, ..progress });
            }
        } else if let Some(progress) = InDoubtChanges::from_unresolved(held, now).progress(number) {
            self.progress.send(Progress { source, ..progress });
        } else if let Some(latest) = record.latest {
            self.progress.send(Progress { job: latest.job, change: None, number, state: latest.state, source });
        }
    }
}
