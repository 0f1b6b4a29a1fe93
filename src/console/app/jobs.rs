//! Follows the jobs: counts those of this process, tells the operator what became of them, and reads those of the journal
//! while a page shows them and only if they may have changed.
//!
//! It sends no PIN.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::App;
use crate::console::effect::{Effect, ScreenCommand, WorkCommand};
use crate::console::input::keymap::{JobAction, ListAction, table};
use crate::console::pages::Page;
use crate::console::shared::{JobCounts, JobMilestone, JobPhase, RecordingStatus};
use crate::domain::change::{ChangeState, JobId};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::NotSentReason;
use crate::domain::text::format_count;
use crate::journal::{JobDetail, JobSummary};

impl App {
    pub(super) fn job_started(
        &mut self,
        job: JobId,
        numbers: &[PhoneNumberId],
        send_first: Option<usize>,
        now: TimePoint,
    ) -> Vec<Effect> {
        // It is what the operator looks for next.
        self.shared.jobs.list.select(job);
        let milestone = self.shared.jobs.own.start(job, numbers, send_first, now.instant);
        self.shared.jobs.open.mark_stale();
        milestone.map(|milestone| self.milestone_reached(milestone, now)).unwrap_or_default()
    }

    /// A number of a job of this process has a new state.
    pub(super) fn job_progressed(
        &mut self,
        job: JobId,
        number: PhoneNumberId,
        state: &ChangeState,
        now: TimePoint,
    ) -> Vec<Effect> {
        let mut effects = self.tell_of_refused_waba(job, number, state, now);
        let milestone = self.shared.jobs.own.update(job, number, state, now.instant);
        let shared = &mut self.shared;
        // After its end, what is reported of a job is still newer than what was read.
        let stored = shared.jobs.own.get(job).and_then(|job| job.state(&number)).cloned();
        shared.jobs.open.update(job, &number, &stored.unwrap_or_else(|| Arc::new(state.clone())));
        effects.extend(milestone.into_iter().flat_map(|milestone| self.milestone_reached(milestone, now)));
        effects
    }

    /// Tells once that a job of many numbers does not send the rest of a WABA: the list would show it only number by
    /// number, while the job goes on with the others.
    fn tell_of_refused_waba(
        &mut self,
        job: JobId,
        number: PhoneNumberId,
        state: &ChangeState,
        now: TimePoint,
    ) -> Vec<Effect> {
        let ChangeState::NotSent(_, NotSentReason::WabaRefused(reason)) = state else { return Vec::new() };
        let waba = self.shared.roster.get(&number).and_then(|row| row.number.waba);
        let Some(waba) = waba.filter(|waba| self.shared.started_jobs.note_refused_waba(job, waba.id)) else {
            return Vec::new();
        };
        let text = format!("Job {job}: WABA {} is not sent further: {reason}.", waba.label());
        self.announce(text, now)
    }

    fn milestone_reached(&mut self, milestone: JobMilestone, now: TimePoint) -> Vec<Effect> {
        // The journal knows what a resumed job would send.
        self.shared.jobs.open.mark_stale();
        match milestone {
            // A single number has a message of its own.
            JobMilestone::Ended(_, counts) if counts.total() == 1 => Vec::new(),
            JobMilestone::Ended(job, counts) => {
                let text = format!("Job {job} ended: {}.", results_label(&counts));
                self.shared.messages.push_end_of_job(job, now.utc, text);
                self.ring()
            }
            JobMilestone::Held(job, counts) => {
                let text = format!(
                    "Job {job} waits: {}. {}, Enter, then {} sends the other {}.",
                    results_label(&counts),
                    self.keymap().key_label(&table::LIST, &ListAction::ShowJobs),
                    self.keymap().key_label(&table::JOB, &JobAction::PauseOrContinue),
                    format_count(counts.open())
                );
                self.announce(text, now)
            }
        }
    }

    /// Tells of a pause. If a job of many numbers is running, it is about that job, and rings the bell.
    pub(super) fn say_of_job(&mut self, sentence: &str, now: TimePoint) -> Vec<Effect> {
        if let Some(job) = self.shared.jobs.own.newest_of_many().map(|job| job.id) {
            return self.announce(format!("Job {job}: {sentence}"), now);
        }
        self.shared.messages.push(now.utc, sentence);
        Vec::new()
    }

    fn announce(&mut self, text: String, now: TimePoint) -> Vec<Effect> {
        self.shared.messages.push(now.utc, text);
        self.ring()
    }

    fn ring(&self) -> Vec<Effect> {
        self.session.bell.then(|| ScreenCommand::Bell.into()).into_iter().collect()
    }

    /// The journal has new rows of these jobs, or of any if there are none. This process reports its own jobs itself.
    pub(super) fn jobs_changed(&mut self, jobs: &BTreeSet<JobId>) {
        let shared = &mut self.shared;
        shared.jobs.list.mark_stale();
        let is_of_others = |id: &JobId| shared.jobs.own.get(*id).is_none();
        if shared.jobs.open.id().filter(is_of_others).is_some_and(|id| jobs.is_empty() || jobs.contains(&id)) {
            shared.jobs.open.mark_stale();
        }
    }

    pub(super) fn jobs_read(&mut self, jobs: Option<Vec<JobSummary>>) {
        self.shared.jobs.list.set_summaries(jobs);
    }

    pub(super) fn job_read(&mut self, id: JobId, job: Option<JobDetail>) {
        let shared = &mut self.shared;
        shared.jobs.open.set(id, job, shared.jobs.own.get(id));
    }

    /// The reads that the open page needs.
    pub(super) fn read_shown_jobs(&mut self) -> Option<Effect> {
        // Once the journal is open, it is read.
        let is_open = match self.shared.recording_status {
            RecordingStatus::Opening | RecordingStatus::Unusable(_) => false,
            RecordingStatus::Ready { .. }
            | RecordingStatus::RecipientsChanged { .. }
            | RecordingStatus::Damaged(_)
            | RecordingStatus::JournalFailed(_) => true,
        };
        let shown = if let Page::Job(page) = &self.page { Some(page.id) } else { None };
        let is_below = |page: &Page| matches!(page, Page::Job(_));
        if shown.is_some() || !self.below.iter().any(is_below) {
            self.shared.jobs.open.show(shown);
        }
        if !is_open {
            return None;
        }
        let read = if shown.is_some() {
            self.shared.jobs.open.take_stale().map(WorkCommand::ReadJob)
        } else {
            let is_due = matches!(self.page, Page::Jobs(_)) && self.shared.jobs.list.take_stale();
            is_due.then_some(WorkCommand::ReadJobs)
        };
        if read.is_some() {
            self.shared.jobs.read_at = self.shared.last_update.map(|now| now.instant);
        }
        read.map(Into::into)
    }
}

/// The numbers that have ended, by result: `2,418 set, 11 failed`.
fn results_label(counts: &JobCounts) -> String {
    let results = [
        (JobPhase::Set, "set"),
        (JobPhase::Failed, "failed"),
        (JobPhase::NoAnswer, "no answer"),
        (JobPhase::Resolved, "resolved"),
        (JobPhase::NotSent, "not sent"),
    ];
    let results = results.map(|(phase, label)| (counts.get(phase), label));
    let parts: Vec<_> = results
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, label)| format!("{} {label}", format_count(*count)))
        .collect();
    parts.join(", ")
}
