//! Starts and resumes jobs: records each, then queues its numbers, or reports why they are not sent.
//!
//! It sends nothing itself, and no number of a job is queued before the job is recorded.

use super::{JobsActor, Recording, TaskOutput};
use crate::domain::change::{ChangeId, ChangeState, Completion, JobId};
use crate::domain::number::PhoneNumberId;
use crate::domain::outcome::SendFailure;
use crate::domain::pin_plan::PinPlan;
use crate::domain::standing::NotSentReason;
use crate::domain::text::CleanText;
use crate::jobs::job_starts::JobStart;
use crate::jobs::queue::{PlannedNumber, QueueItem, RecordedJob};
use crate::jobs::send_task::no_access_token;
use crate::journal::RecordError;
use crate::policy::quota::CallTarget;

impl JobsActor {
    /// Starts to record the jobs that wait, unless others are being recorded.
    pub(super) fn record_waiting_jobs(&mut self) {
        let starts = self.starts.begin_recording();
        if starts.is_empty() {
            return;
        }
        let count = starts.len();
        let records = starts.iter().map(|start| self.recorder.job_record(start)).collect();
        let write = self.recorder.clone().record_jobs(records);
        self.spawn_recording(Recording::Jobs(count), async move { TaskOutput::JobsRecorded(write.await) });
    }

    /// Queues the numbers of the jobs that are recorded now, and reports those of the others as not sent.
    pub(super) fn handle_jobs_recorded(&mut self, results: Vec<Result<JobId, RecordError>>) {
        for (start, result) in self.starts.end_recording().into_iter().zip(results) {
            let JobStart { plan, resumed, options, cancelled, reply } = start;
            match (&result, cancelled) {
                (Ok(job), None) => {
                    self.open_jobs.start(*job, plan.targets.len(), resumed.is_some());
                    let first_place = self.queue.reserve_places(plan.targets.len());
                    self.enqueue_job(RecordedJob { id: *job, plan, first_place }, options.send_first);
                }
                (Ok(job), Some(why)) => {
                    self.record_job_end(*job);
                    self.report_unqueued(Some(*job), plan, &why);
                }
                (Err(error), _) => {
                    match error {
                        RecordError::JournalFailed(reason) => self.handle_journal_failure(reason.clone()),
                        // The damage may be in the list of this job alone.
                        RecordError::Damaged(reason) if resumed.is_none() => {
                            self.handle_journal_failure(reason.clone());
                        }
                        RecordError::Damaged(_) | RecordError::Busy(_) | RecordError::RecipientsChanged => {}
                    }
                    let why = SendFailure::RefusedLocally(CleanText::new(&error.to_string())).into();
                    self.report_unqueued(None, plan, &why);
                }
            }
            // The caller may not wait for it.
            reply.send(result).ok();
        }
    }

    /// Queues the numbers of a job, and holds back those after the first `send_first`.
    fn enqueue_job(&mut self, job: RecordedJob, send_first: Option<usize>) {
        let numbers = job.into_numbers();
        self.busy.reserve(numbers.len());
        for (position, number) in numbers.enumerate() {
            self.enqueue(number, send_first.is_some_and(|first| position >= first));
        }
    }

    fn enqueue(&mut self, planned: PlannedNumber, is_held: bool) {
        let (job, number, is_alone) = (planned.job(), planned.target().id, planned.is_alone());
        if let Some(why) = self.reason_to_refuse(number) {
            let finished = self.progress.finished_now(0);
            let refusal = planned.refusal_record(finished, why.clone());
            drop(planned);
            let change = refusal.change;
            self.recorder.record_refusal(refusal);
            self.end_number(job, true);
            return self.report_refused(Some(job), Some(change), number, finished, why);
        }
        self.busy.insert(number);
        if is_held {
            return self.queue.hold(planned);
        }
        // Thousands of equal reports would wait in memory: the numbers of a longer job count as queued without one.
        if is_alone {
            let pause = self.pace.paused_until(CallTarget::from(planned.target()));
            let state = pause.map_or(ChangeState::Queued, |until| ChangeState::Paused { until, in_doubt: false });
            self.progress.send_state(job, None, number, state);
        }
        self.queue.push(QueueItem::Planned(planned));
    }

    /// A number of a job ended, and the journal has its outcome or not. Records the end of the job with its last number.
    pub(super) fn end_number(&mut self, job: JobId, has_outcome: bool) {
        if self.open_jobs.end_number(job, has_outcome) {
            self.record_job_end(job);
        }
    }

    /// The pause of a job ends with the work on it: a PIN of it that is sent again must not wait.
    pub(super) fn end_pause(&self, job: JobId) {
        if !self.paused.borrow().jobs.contains(&job) {
            return;
        }
        let is_running = self.running.values().any(|running| running.change.job == job);
        if !self.open_jobs.contain(job) && !is_running && !self.queue.contain(job) {
            self.paused.send_if_modified(|paused| paused.jobs.remove(&job));
        }
    }

    /// Records that this process works on a job no longer, unless it is about to end itself, or cannot record.
    fn record_job_end(&self, job: JobId) {
        if !self.is_shutting_down && self.journal_failure.borrow().is_none() {
            self.recorder.record_job_end(job);
        }
    }

    /// Why no new PIN may be sent to this number now.
    fn reason_to_refuse(&mut self, number: PhoneNumberId) -> Option<NotSentReason> {
        let why = if self.busy.contains(&number) {
            CleanText::new("another request for this number is in flight")
        } else if let Some(failure) = self.journal_failure.borrow().clone() {
            failure
        } else if let Some(until) = self.in_doubt.arrival_deadline(number, self.progress.now()) {
            CleanText::new(&format!("an earlier PIN could still take effect until {}", until.utc))
        } else if self.client.borrow().graph.is_none() {
            return Some(no_access_token());
        } else {
            return None;
        };
        Some(SendFailure::RefusedLocally(why).into())
    }

    /// Reports the numbers of a job as not sent that are not queued.
    fn report_unqueued(&self, job: Option<JobId>, plan: PinPlan, why: &NotSentReason) {
        let PinPlan { targets, pins } = plan;
        // Wipes the PIN before the end is reported.
        drop(pins);
        let finished = self.progress.finished_now(0);
        for target in targets.iter() {
            self.report_refused(job, None, target.id, finished, why.clone());
        }
    }

    fn report_refused(
        &self,
        job: Option<JobId>,
        change: Option<ChangeId>,
        number: PhoneNumberId,
        finished: Completion,
        why: NotSentReason,
    ) {
        // The state of a busy number describes its request in flight, so this refusal must not replace it.
        let state = if self.busy.contains(&number) {
            ChangeState::NotSent(finished, why)
        } else {
            self.not_sent_state(number, finished, why)
        };
        self.progress.send_state(job, change, number, state);
    }
}
