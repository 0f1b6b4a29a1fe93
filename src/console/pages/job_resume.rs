//! The question before what is left of a job is sent: the operator types how many numbers that is.
//!
//! It sends nothing itself. The journal checks again that the numbers are left.

use std::collections::HashSet;
use std::time::Instant;

use super::batch_event::update_remainder;
use super::guard::{Guard, TYPED_AHEAD};
use super::typed_digits::{Submission, TypedDigits};
use super::{PageBehavior, PageEvent};
use crate::console::effect::WorkCommand;
use crate::console::go::{Destination, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{JobResumeAction, KeyTable, table};
use crate::console::job_remainder::ResumeRequest;
use crate::console::shared::Shared;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin_plan::PinPlan;

/// The question before a job is resumed.
#[derive(Debug)]
pub struct JobResumePage {
    /// The job and its numbers.
    pub request: Box<ResumeRequest>,
    /// The count so far.
    pub typed: TypedDigits,
    /// What happened to the numbers while the question was open.
    pub notice: Option<String>,
    /// How many numbers were left out while the question was open.
    lost: usize,
    /// The answer to the last key.
    answer: Option<&'static str>,
    guard: Guard,
}

impl JobResumePage {
    /// Asks about these numbers.
    #[must_use]
    pub fn new(request: Box<ResumeRequest>) -> Self {
        Self { request, typed: TypedDigits::default(), notice: None, lost: 0, answer: None, guard: Guard::default() }
    }

    /// How many numbers get a PIN: what must be typed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.request.remainder.count()
    }

    /// True while the field accepts no digits yet.
    #[must_use]
    pub fn is_pausing(&self, now: Instant) -> bool {
        self.guard.is_pausing(now)
    }

    /// The line under the question.
    #[must_use]
    pub fn answer(&self, now: Instant) -> Option<&'static str> {
        self.answer.or_else(|| self.is_pausing(now).then_some(TYPED_AHEAD))
    }

    /// Asks again about the numbers as they are now: no earlier key counts.
    fn restart(&mut self, notice: Option<String>) {
        self.guard = Guard::default();
        self.typed.clear();
        self.answer = None;
        self.notice = notice.or(self.notice.take());
    }

    fn accepts_key(&mut self, arrived: Instant) -> bool {
        let is_accepted = self.guard.accepts_key(arrived);
        self.answer = (!is_accepted).then_some(TYPED_AHEAD);
        is_accepted
    }

    fn submit(mut self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let expected = self.count().to_string();
        self.answer = Some(match self.typed.submit(&mut self.guard, now.instant, &expected, 1) {
            Submission::Ignored(why) => why,
            Submission::Incomplete => "Type the count first.",
            Submission::Wrong => "That is not the number. Nothing was sent.",
            Submission::TooManyWrong => return cancel(shared, now),
            Submission::Right => return self.resume(shared, now),
        });
        Step::stay(self)
    }

    /// Sends the numbers, unless that is no longer possible because something changed since the question.
    fn resume(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let ResumeRequest { remainder, pins } = *self.request;
        let job = remainder.job;
        let Some(targets) = remainder.frozen().to_targets() else {
            shared.messages.push(now.utc, "Nothing was sent. No number is left.");
            return Step::back();
        };
        if targets.iter().any(|target| shared.is_set_since(&target.id, remainder.began)) {
            shared.messages.push(now.utc, "Nothing was sent. A PIN was set on some of them meanwhile: count again.");
            return Step::back();
        }
        let keys = shared.resend_keys_in_list();
        let reason = targets.iter().find_map(|target| shared.new_pin_block_reason(&target.id, &keys, now));
        if let Some(reason) = reason {
            shared.messages.push(now.utc, format!("Nothing was sent. {}", reason.text()));
            return Step::closed_by(reason, shared);
        }
        let sent: HashSet<_> = targets.iter().map(|target| target.id).collect();
        let others = shared.jobs.open.numbers().map(|numbers| numbers.counts_without(&sent)).unwrap_or_default();
        shared.jobs.own.prepare_resumption(job, others, now.instant);
        shared.started_jobs.start(targets.iter().map(|target| target.id));
        for target in targets.iter() {
            shared.roster.set_change(target.id, ChangeState::Queued);
        }
        shared.messages.push(now.utc, format!("Job {job} goes on."));
        Step::back().with(WorkCommand::ResumeJob { job, plan: PinPlan { targets, pins } })
    }
}

fn cancel<P>(shared: &mut Shared, now: TimePoint) -> Step<P> {
    shared.messages.push_brief(now.utc, "Canceled. Nothing was sent.");
    Step::back()
}

impl PageBehavior for JobResumePage {
    type Action = JobResumeAction;
    const ON_INTERRUPT: JobResumeAction = JobResumeAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<JobResumeAction> {
        &table::JOB_RESUME
    }

    fn on_action(mut self, action: JobResumeAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            JobResumeAction::Cancel => return cancel(shared, now),
            JobResumeAction::Submit => return self.submit(shared, now),
            JobResumeAction::ShowList => {
                self.restart(None);
                let frozen = self.request.remainder.frozen().clone();
                return Step::open(self, Destination::ManyPinsList(frozen));
            }
            JobResumeAction::DeleteDigit | JobResumeAction::ClearField => {
                if self.accepts_key(now.instant) {
                    self.typed.delete(action == JobResumeAction::ClearField);
                }
            }
        }
        Step::stay(self)
    }

    fn on_unbound_key(mut self, key: Key, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let count = self.count();
        if self.accepts_key(now.instant) && !self.typed.push_of_count(key, count) {
            self.answer = Some("Type the count and Enter, or Esc to go back.");
        }
        Step::stay(self)
    }

    fn guard(&mut self) -> Option<&mut Guard> {
        Some(&mut self.guard)
    }

    fn on_paste(mut self, _text: &str, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.restart(now.instant);
        self.typed.clear();
        self.answer = Some("Too fast: that looked like a paste. Type it again.");
        Step::stay(self)
    }

    fn on_covered(&mut self) {
        self.restart(None);
    }

    fn on_event(&mut self, event: &PageEvent<'_>, shared: &Shared) {
        if let Some(notice) = update_remainder(&mut self.request.remainder, event, &mut self.lost, shared) {
            self.restart(Some(notice));
        }
    }

    fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
        shared.messages.push(now.utc, "The screen was hidden. Your input was discarded. Nothing was sent.");
    }

    fn next_wake(&self, _shared: &Shared, now: Instant) -> Option<Instant> {
        self.guard.pause_end().filter(|end| now < *end)
    }

    fn asks(&self) -> bool {
        true
    }

    fn is_about(&self, id: &PhoneNumberId) -> bool {
        self.request.remainder.frozen().get(id).is_some()
    }

    fn has_pane(&self) -> bool {
        true
    }
}
