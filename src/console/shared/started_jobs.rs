//! The jobs for many numbers that this console started: which numbers they work on, and whether one waits after its
//! first.
//!
//! It sends nothing, and does not count: it only knows whose progress is that of a job, and not of a number.

use std::collections::HashSet;

use super::Shared;
use crate::domain::change::{ChangeState, JobId};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::format_count;
use crate::policy::error_catalog::{self, Explanation};

/// The numbers of all such jobs that are not ended.
#[derive(Debug, Default)]
pub(in crate::console) struct StartedJobs {
    open: HashSet<PhoneNumberId>,
    /// The jobs that wait after their first number.
    first: Vec<FirstNumber>,
    /// A PIN was set since the last refresh.
    has_set: bool,
    /// Identifies the last question about many numbers.
    question_id: u32,
}

/// The first number of a job, whose others wait for its outcome.
#[derive(Debug)]
struct FirstNumber {
    id: PhoneNumberId,
    /// How many others wait.
    others: usize,
}

impl StartedJobs {
    /// Adds a job that was just confirmed. `waits` if its other numbers wait for the first.
    pub(in crate::console) fn start(&mut self, numbers: impl ExactSizeIterator<Item = PhoneNumberId>, waits: bool) {
        let others = numbers.len().saturating_sub(1);
        for (place, id) in numbers.enumerate() {
            self.open.insert(id);
            if place == 0 && waits {
                self.first.push(FirstNumber { id, others });
            }
        }
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
}

impl Shared {
    /// Notes the progress of a number of such a job. Returns true once no number is left, if a PIN was set: the lists are
    /// then read again.
    pub(in crate::console) fn note_job_progress(
        &mut self,
        id: PhoneNumberId,
        job: Option<JobId>,
        state: &ChangeState,
        now: TimePoint,
    ) -> bool {
        self.send_times.track(id, state, now.instant);
        if state.is_running() {
            return false;
        }
        let jobs = &mut self.started_jobs;
        jobs.open.remove(&id);
        jobs.has_set |= matches!(state, ChangeState::Set(_));
        let ends = jobs.open.is_empty() && std::mem::take(&mut jobs.has_set);
        if let Some(at) = jobs.first.iter().position(|first| first.id == id) {
            let others = jobs.first.swap_remove(at).others;
            let text = first_outcome(state, job, others);
            self.messages.push(now.utc, text);
        }
        ends
    }
}

/// What became of the first number, and how the others are sent.
fn first_outcome(state: &ChangeState, job: Option<JobId>, others: usize) -> String {
    let outcome = match state {
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Paused { .. }
        | ChangeState::Set(_) => "1 set.".to_owned(),
        ChangeState::Failed(_, error) => format!("1 failed: {}.", error_catalog::lookup(error).summary),
        ChangeState::NotSent(_, why) => format!("1 not sent: {}.", Explanation::for_not_sent(why).summary),
        ChangeState::InDoubt(details) => format!("1 no answer: {}.", Explanation::for_number_in_doubt(details).summary),
        ChangeState::Resolved(..) => "1 resolved.".to_owned(),
    };
    // Without an ID the job was not recorded, and nothing of it waits.
    let Some(job) = job else { return outcome };
    let others = format_count(others);
    format!("{outcome} Job {job} waits: b, Enter, then w sends the other {others}.")
}
