//! The queue of numbers that wait for a free slot.
//!
//! It decides neither which number is next nor what is canceled. A queued number of a long list takes two machine
//! words: its change is created, and its random PIN generated, only when it is started.

use std::sync::Arc;

use super::recorder::outcome_record;
use super::send_task::PendingChange;
use crate::domain::change::{Change, ChangeId, Completion, JobId};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::pin::{PinChoice, RandomSourceError};
use crate::domain::standing::{NotSentReason, Standing};
use crate::domain::text::CleanText;
use crate::journal::OutcomeRecord;

/// A job of many numbers, shared by its queued numbers.
pub(super) struct NumberList {
    pub(super) job: JobId,
    pub(super) numbers: Arc<Vec<Number>>,
    pub(super) pins: PinChoice,
}

impl NumberList {
    /// Queue items for its numbers, in order.
    pub(super) fn into_items(self) -> impl ExactSizeIterator<Item = QueueItem> {
        let list = Arc::new(self);
        (0..list.numbers.len()).map(move |index| QueueItem::Listed(ListedNumber { list: Arc::clone(&list), index }))
    }
}

/// A queued number.
pub(super) enum QueueItem {
    /// A change that exists already.
    Prepared(Box<PendingChange>),
    /// A number whose change is created when it is started.
    Listed(ListedNumber),
}

/// One number of a list.
pub(super) struct ListedNumber {
    list: Arc<NumberList>,
    index: usize,
}

impl ListedNumber {
    pub(super) fn number(&self) -> &Number {
        &self.list.numbers[self.index]
    }
}

impl QueueItem {
    pub(super) fn new(change: Change) -> Self {
        Self::Prepared(Box::new(PendingChange::new(Arc::new(change))))
    }

    pub(super) fn number(&self) -> PhoneNumberId {
        match self {
            Self::Prepared(pending) => pending.change.number,
            Self::Listed(listed) => listed.number().id,
        }
    }

    pub(super) fn waba(&self) -> Option<WabaId> {
        match self {
            Self::Prepared(pending) => pending.change.waba,
            Self::Listed(listed) => listed.number().waba_id(),
        }
    }

    /// The id of the change, if it exists.
    pub(super) fn change_id(&self) -> Option<ChangeId> {
        match self {
            Self::Prepared(pending) => Some(pending.change.id),
            Self::Listed(_) => None,
        }
    }

    /// The record of a refusal before the number is started. A number of a list gets a change ID for the record.
    pub(super) fn refusal_record(&self, finished: Completion, why: NotSentReason) -> OutcomeRecord {
        let standing = Standing::NotSent(why);
        match self {
            Self::Prepared(pending) => outcome_record(&pending.change, finished, standing),
            Self::Listed(listed) => {
                let (number, waba) = (self.number(), self.waba());
                let (change, job, Completion { at, attempts }) = (ChangeId::new(), listed.list.job, finished);
                OutcomeRecord { change, job, number, waba, attempts, standing, will_retry: false, at }
            }
        }
    }

    /// Creates the change of a number that is started.
    pub(super) fn into_pending(self) -> Result<PendingChange, RandomSourceError> {
        let listed = match self {
            Self::Prepared(pending) => return Ok(*pending),
            Self::Listed(listed) => listed,
        };
        let number = listed.number();
        Ok(PendingChange::new(Arc::new(Change {
            id: ChangeId::new(),
            job: listed.list.job,
            status_before: number.into(),
            number: number.id,
            waba: number.waba_id(),
            pin: listed.list.pins.pin_for(number.display_number.as_ref().map(CleanText::as_str))?,
        })))
    }
}
