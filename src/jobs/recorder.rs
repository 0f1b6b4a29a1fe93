//! Writes the records around a request: durably before it is sent, and again with its outcome.
//!
//! It does not send requests. If a record fails, it returns why the request must not be sent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future;

use super::Recorder;
use super::job_starts::JobStart;
use super::recording_thread::RecordingThread;
use crate::domain::change::{Change, ChangeId, Completion, JobId, Resolution};
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::outcome::SendFailure;
use crate::domain::pin::PinChoice;
use crate::domain::standing::{NotSentReason, Standing};
use crate::domain::text::CleanText;
use crate::journal::{Intent, JobPlan, OutcomeRecord, PinSource, RecordError};

/// A record older than this does not tell when its request is sent, because the process was suspended in between.
/// Readers of the record compute from its time how long the request can still arrive.
pub(super) const MAX_RECORD_AGE: Duration = Duration::from_secs(10);

/// Why an attempt could not be recorded, so that it must not be sent.
pub(super) enum RecordIntentError {
    /// Refused for this number.
    Refused(NotSentReason),
    /// The journal failed.
    JournalFailed(CleanText),
}

impl From<RecordError> for RecordIntentError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::JournalFailed(reason) | RecordError::Damaged(reason) => Self::JournalFailed(reason),
            RecordError::Busy(reason) => Self::Refused(SendFailure::RefusedLocally(reason).into()),
            RecordError::RecipientsChanged => {
                let reason = CleanText::new(&RecordError::RecipientsChanged.to_string());
                Self::Refused(SendFailure::RefusedLocally(reason).into())
            }
        }
    }
}

/// The record of a job that starts.
pub(super) enum JobRecord {
    New(JobPlan),
    Resumed(JobId, Vec<PhoneNumberId>),
}

/// Writes the records of the actor and of its tasks. A clone writes to the same journal.
#[derive(Debug, Clone)]
pub(super) struct RecordWriter {
    recorder: Recorder,
    thread: RecordingThread,
}

impl RecordWriter {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { recorder, thread: RecordingThread::default() }
    }

    /// The record of a job that starts, or of its resumption.
    pub(super) fn job_record(&self, start: &JobStart) -> JobRecord {
        let plan = &start.plan;
        let targets = plan.targets.iter();
        if let Some(job) = start.resumed {
            return JobRecord::Resumed(job, targets.map(|target| target.id).collect());
        }
        let pin_source = match plan.pins {
            PinChoice::Fixed(_) => PinSource::Given,
            PinChoice::Drawn(_) | PinChoice::Random => PinSource::Random,
        };
        let (profile, note) = (self.recorder.profile.clone(), start.options.note.clone());
        let numbers = targets.map(|target| (target.id, target.waba_id())).collect();
        JobRecord::New(JobPlan { profile, pin_source, note, numbers })
    }

    /// Records durably that these jobs start, and returns their IDs in the same order.
    pub(super) async fn record_jobs(self, records: Vec<JobRecord>) -> Vec<Result<JobId, RecordError>> {
        let _thread = self.thread.hold();
        let journal = &self.recorder.journal;
        // Together, so that the journal commits them with few syncs.
        future::join_all(records.into_iter().map(async |record| match record {
            JobRecord::New(plan) => journal.start_job(plan).await,
            JobRecord::Resumed(job, numbers) => journal.resume_job(job, numbers).await.map(|()| job),
        }))
        .await
    }

    /// Records that this process works on a job no longer, without waiting for the write. If the write fails, other
    /// processes may resume the job only when this one has ended.
    pub(super) fn record_job_end(&self, job: JobId) {
        drop(self.recorder.journal.end_job(job));
    }

    /// Encrypts the PIN if there are recipients, and records durably that it is about to be sent. Returns true if it
    /// was encrypted.
    pub(super) async fn record_intent(&self, change: &Arc<Change>, at: UtcTime) -> Result<bool, RecordIntentError> {
        let thread = self.thread.hold();
        let escrow_entry = match &self.recorder.recipients {
            Some(recipients) => {
                let (recipients, change) = (Arc::clone(recipients), Arc::clone(change));
                let encrypted = thread.run(move || recipients.encrypt(&change, at)).await?;
                Some(encrypted.map_err(|error| {
                    RecordIntentError::Refused(SendFailure::RefusedLocally(CleanText::new(&error.to_string())).into())
                })?)
            }
            None => None,
        };
        let is_in_escrow = escrow_entry.is_some();
        let intent = Intent {
            change: change.id,
            job: change.job,
            number: change.number,
            waba: change.waba,
            status_before: change.status_before,
            escrow_entry,
            at,
        };
        self.recorder.journal.record_intent(intent).await?;
        Ok(is_in_escrow)
    }

    /// Records durably that a PIN is about to be sent again.
    pub(super) async fn record_retry(&self, change: &Change, attempt: u8) -> Result<(), RecordIntentError> {
        let _thread = self.thread.hold();
        self.recorder.journal.record_retry(change.id, change.number, attempt).await?;
        Ok(())
    }

    /// Records why a change was not sent, without waiting for the write. If the write fails, the job reports the number
    /// as never started, and the next record reports what is wrong with the journal.
    pub(super) fn record_refusal(&self, record: OutcomeRecord) {
        drop(self.recorder.journal.record_refusal(record));
    }

    /// Records the outcome of a change durably. If that fails, only this process knows the outcome; the error says why.
    pub(super) async fn record_outcome(
        &self,
        change: &Change,
        finished: Completion,
        standing: Standing,
        will_retry: bool,
    ) -> Result<(), CleanText> {
        let _thread = self.thread.hold();
        let record = OutcomeRecord { will_retry, ..outcome_record(change, finished, standing) };
        failure_text(self.recorder.journal.record_outcome(record).await)
    }

    /// Records durably that the doubt about a number is resolved.
    pub(super) async fn record_resolution(
        self,
        number: PhoneNumberId,
        changes: Vec<ChangeId>,
        resolution: Resolution,
        note: Option<CleanText>,
    ) -> Result<(), CleanText> {
        let _thread = self.thread.hold();
        failure_text(self.recorder.journal.resolve(number, changes, resolution, note).await)
    }
}

/// The record of the outcome of a change that is not retried.
pub(super) fn outcome_record(change: &Change, finished: Completion, standing: Standing) -> OutcomeRecord {
    let Completion { at, attempts } = finished;
    let Change { id, job, number, waba, .. } = *change;
    OutcomeRecord { change: id, job: Some(job), number, waba, attempts, standing, will_retry: false, at }
}

/// Why a write failed.
fn failure_text(result: Result<(), RecordError>) -> Result<(), CleanText> {
    result.map_err(|error| CleanText::new(&error.to_string()))
}
