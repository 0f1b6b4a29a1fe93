//! The records around a request: what is durable before it is sent, and what is recorded about its end.
//!
//! It sends nothing. It reports what must not be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Recorder;
use crate::domain::change::{Change, ChangeId, Completion, Resolution};
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::outcome::{NotSentReason, Outcome};
use crate::domain::text::CleanText;
use crate::journal::{Intent, OutcomeRecord, RecordError};

/// A record older than this does not say when its request was sent: the process was suspended in between, and the
/// readers of the record count from it how long the request can still arrive.
pub(super) const MAX_RECORD_AGE: Duration = Duration::from_secs(10);

/// Why an attempt was not recorded, so that it must not be sent.
pub(super) enum RecordIntentError {
    /// Refused for this number.
    Refused(NotSentReason),
    /// The journal failed.
    JournalFailed(CleanText),
}

impl From<RecordError> for RecordIntentError {
    fn from(refused: RecordError) -> Self {
        match refused {
            RecordError::JournalFailed(words) => Self::JournalFailed(words),
            RecordError::Busy(words) => Self::Refused(NotSentReason::RefusedLocally(words)),
            RecordError::RecipientsChanged => Self::Refused(NotSentReason::RefusedLocally(CleanText::new(
                &RecordError::RecipientsChanged.to_string(),
            ))),
        }
    }
}

impl Recorder {
    /// Encrypts the PIN if there are recipients, and records durably that it is about to be sent. True if it was
    /// encrypted.
    pub(super) async fn record_intent(&self, change: Arc<Change>, at: UtcTime) -> Result<bool, RecordIntentError> {
        let records = self.clone();
        on_blocking_thread(move |runtime| {
            let sealed = match &records.recipients {
                Some(recipients) => Some(recipients.encrypt(&change, at).map_err(|error| {
                    RecordIntentError::Refused(NotSentReason::RefusedLocally(CleanText::new(&error.to_string())))
                })?),
                None => None,
            };
            let is_sealed = sealed.is_some();
            let intent = Intent {
                change: change.id,
                job: change.job,
                number: change.number,
                waba: change.waba,
                status_before: change.status_before,
                escrow_entry: sealed,
                at,
            };
            // No copy of the PIN stays here during the write.
            drop(change);
            runtime.block_on(records.journal.record_intent(intent))?;
            Ok(is_sealed)
        })
        .await?
    }

    /// Records durably that a PIN is about to be sent again.
    pub(super) async fn record_retry(&self, change: &Change, attempt: u8) -> Result<(), RecordIntentError> {
        let (journal, id, number) = (self.journal.clone(), change.id, change.number);
        on_blocking_thread(move |runtime| runtime.block_on(journal.record_retry(id, number, attempt))).await??;
        Ok(())
    }

    /// Records why a change was not sent, without waiting. If that fails, the job reports the number as never started,
    /// and the next record reports what is wrong with the journal.
    pub(super) fn record_refusal(&self, rest: OutcomeRecord) {
        drop(self.journal.record_refusal(rest));
    }

    /// Records the outcome of a change durably. The error says why only this process knows it.
    pub(super) async fn record_outcome(
        &self,
        change: &Change,
        finished: Completion,
        outcome: Outcome,
        will_repeat: bool,
    ) -> Result<(), CleanText> {
        let journal = self.journal.clone();
        let rest = OutcomeRecord { will_retry: will_repeat, ..outcome_record(change, finished, outcome) };
        flatten_write_result(on_blocking_thread(move |runtime| runtime.block_on(journal.record_outcome(rest))).await)
    }

    /// Records durably that the doubt about a number is resolved.
    pub(super) async fn record_resolution(
        self,
        number: PhoneNumberId,
        changes: Vec<ChangeId>,
        how: Resolution,
        note: Option<CleanText>,
    ) -> Result<(), CleanText> {
        let journal = self.journal;
        flatten_write_result(
            on_blocking_thread(move |runtime| runtime.block_on(journal.resolve(number, changes, how, note))).await,
        )
    }
}

/// The end of a change.
pub(super) fn outcome_record(change: &Change, finished: Completion, outcome: Outcome) -> OutcomeRecord {
    let Completion { at, attempts: tries } = finished;
    let Change { id, job, number, waba, .. } = *change;
    OutcomeRecord { change: id, job, number, waba, attempts: tries, outcome, will_retry: false, at }
}

/// Recording an outcome is refused for one reason only.
fn flatten_write_result(written: Result<Result<(), RecordError>, RecordError>) -> Result<(), CleanText> {
    written.flatten().map_err(|refused| CleanText::new(&refused.to_string()))
}

/// Runs blocking work (encryption, disk) on a thread of its own.
///
/// The journal's replies could be awaited without one. But a paused clock stands still while such a thread runs (see
/// `tokio::time::advance`). Otherwise the clock of a test would pass every deadline during one real sync.
async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce(&Handle) -> T + Send + 'static,
) -> Result<T, RecordError> {
    let runtime = Handle::current();
    let done = tokio::task::spawn_blocking(move || work(&runtime)).await;
    done.map_err(|failure| RecordError::JournalFailed(CleanText::new(&format!("the journal failed: {failure}"))))
}
