//! The numbers that jobs for many numbers of this console work on.
//!
//! It sends nothing, and does not count: it only knows whose progress is that of a job, and not of a number, before the
//! journal gave the job its ID, and what the operator was told of a job.

use std::collections::HashSet;

use crate::domain::change::{ChangeState, JobId};
use crate::domain::number::{PhoneNumberId, WabaId};

/// The numbers of all such jobs that are not ended.
#[derive(Debug, Default)]
pub(in crate::console) struct StartedJobs {
    open: HashSet<PhoneNumberId>,
    /// A PIN was set since the last refresh.
    has_set: bool,
    /// The WABAs of which Meta refused everything, and the job in which it did.
    refused_wabas: HashSet<(JobId, WabaId)>,
    /// Identifies the last question about many numbers.
    question_id: u32,
}

impl StartedJobs {
    /// Adds the numbers of a job that was just confirmed.
    pub(in crate::console) fn start(&mut self, numbers: impl IntoIterator<Item = PhoneNumberId>) {
        self.open.extend(numbers);
    }

    /// The ID of a new question about many numbers.
    pub(in crate::console) const fn next_question_id(&mut self) -> u32 {
        self.question_id = self.question_id.wrapping_add(1);
        self.question_id
    }

    /// True if a job for many numbers works on it.
    pub(in crate::console) fn contain(&self, id: &PhoneNumberId) -> bool {
        self.open.contains(id)
    }

    /// Notes that a job does not send the rest of a WABA. True for the first time.
    pub(in crate::console) fn note_refused_waba(&mut self, job: JobId, waba: WabaId) -> bool {
        self.refused_wabas.insert((job, waba))
    }

    /// Notes the progress of a number. True once no number is left, if a PIN was set: the lists are then read again.
    pub(in crate::console) fn note_progress(&mut self, id: &PhoneNumberId, state: &ChangeState) -> bool {
        if state.is_running() || !self.open.remove(id) {
            return false;
        }
        self.has_set |= matches!(state, ChangeState::Set(_));
        self.open.is_empty() && std::mem::take(&mut self.has_set)
    }
}
