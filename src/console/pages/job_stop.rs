//! The question before a job is stopped.
//!
//! It cancels no request in flight, and stops no other job.

use super::PageBehavior;
use super::guard::Guard;
use crate::console::effect::WorkCommand;
use crate::console::go::Step;
use crate::console::input::key::Key;
use crate::console::input::keymap::{FooterKey, JobStopAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::change::JobId;
use crate::domain::clock::TimePoint;

/// The question before a job is stopped.
#[derive(Debug)]
pub struct JobStopPage {
    /// The job.
    pub id: JobId,
    /// A confirmation takes no key that was typed ahead.
    guard: Guard,
}

impl JobStopPage {
    /// Asks about this job.
    #[must_use]
    pub fn new(id: JobId) -> Self {
        Self { id, guard: Guard::default() }
    }

    fn has_ended(&self, shared: &Shared) -> bool {
        shared.jobs.own.get(self.id).is_none()
    }
}

impl PageBehavior for JobStopPage {
    type Action = JobStopAction;
    const ON_INTERRUPT: JobStopAction = JobStopAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<JobStopAction> {
        &table::JOB_STOP
    }

    fn on_action(mut self, action: JobStopAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            JobStopAction::Cancel => Step::back(),
            JobStopAction::Confirm => match self.guard.check_yes(now.instant) {
                Err(answer) => {
                    shared.messages.set_hint(answer);
                    Step::stay(self)
                }
                Ok(()) if self.has_ended(shared) => {
                    shared.messages.push(now.utc, format!("Job {} ended before it was stopped.", self.id));
                    Step::back()
                }
                Ok(()) => {
                    let text = format!("Stopping job {}: nothing more is sent, requests in flight end.", self.id);
                    shared.messages.push(now.utc, text);
                    Step::back().with(WorkCommand::StopJob(self.id))
                }
            },
        }
    }

    fn on_unbound_key(mut self, _key: Key, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.accepts_key(now.instant);
        shared.messages.set_hint(if self.has_ended(shared) {
            "Press n to go back."
        } else {
            "Press y to stop the job, n to let it go on."
        });
        Step::stay(self)
    }

    fn footer(&self, shared: &Shared) -> Vec<FooterKey> {
        let keys = shared.keymap.footer(self.keys(shared), |action| self.is_available(action, shared));
        let has_ended = self.has_ended(shared);
        keys.map(|key| if has_ended && key.closes_page { FooterKey { label: "back".into(), ..key } } else { key })
            .collect()
    }

    fn is_available(&self, action: &JobStopAction, shared: &Shared) -> bool {
        match action {
            JobStopAction::Confirm => !self.has_ended(shared),
            JobStopAction::Cancel => true,
        }
    }

    fn guard(&mut self) -> Option<&mut Guard> {
        Some(&mut self.guard)
    }

    fn on_paste(mut self, _text: &str, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.restart(now.instant);
        shared.messages.set_hint("Too fast: that looked like a paste. Press the key again.");
        Step::stay(self)
    }

    fn asks(&self) -> bool {
        true
    }
}
