//! What waits for its turn.
//!
//! It decides nothing: neither whose turn it is nor what is let go. A number of a long list takes two words here: its
//! change is made, and a random PIN drawn, when its turn comes.

use std::sync::Arc;

use super::record::rest_of;
use super::run::Work;
use crate::job::{Change, ChangeId, Finished, JobId};
use crate::journal::Rest;
use crate::number::{Number, PhoneNumberId, WabaId};
use crate::outcome::{NotSent, Outcome};
use crate::pin::{NoRandomness, Pins};
use crate::text::Clean;

/// A job of many numbers, shared by those of them that wait.
pub(super) struct List {
    pub(super) job: JobId,
    pub(super) numbers: Arc<Vec<Number>>,
    pub(super) pins: Pins,
}

impl List {
    /// All of them, in their order.
    pub(super) fn turns(self) -> impl ExactSizeIterator<Item = Turn> {
        let list = Arc::new(self);
        (0..list.numbers.len()).map(move |place| Turn::Listed(Listed { list: Arc::clone(&list), place }))
    }
}

/// Something that waits.
pub(super) enum Turn {
    /// A change that was made before.
    Made(Box<Work>),
    /// A number whose change is yet to be made.
    Listed(Listed),
}

/// One number of a list.
pub(super) struct Listed {
    list: Arc<List>,
    place: usize,
}

impl Listed {
    pub(super) fn number(&self) -> &Number {
        &self.list.numbers[self.place]
    }
}

impl Turn {
    pub(super) fn new(change: Change) -> Self {
        Self::Made(Box::new(Work::new(Arc::new(change))))
    }

    pub(super) fn number(&self) -> PhoneNumberId {
        match self {
            Self::Made(work) => work.change.number,
            Self::Listed(listed) => listed.number().id,
        }
    }

    pub(super) fn waba(&self) -> Option<WabaId> {
        match self {
            Self::Made(work) => work.change.waba,
            Self::Listed(listed) => listed.number().waba_id(),
        }
    }

    /// The change's name, if it was made.
    pub(super) fn change(&self) -> Option<ChangeId> {
        match self {
            Self::Made(work) => Some(work.change.id),
            Self::Listed(_) => None,
        }
    }

    /// How it ends if it is refused before its turn. A number of a list gets its change's name for that.
    pub(super) fn refused(&self, finished: Finished, why: NotSent) -> Rest {
        let outcome = Outcome::NotSent(why);
        match self {
            Self::Made(work) => rest_of(&work.change, finished, outcome),
            Self::Listed(listed) => {
                let (number, waba) = (self.number(), self.waba());
                let (change, job, Finished { at, tries }) = (ChangeId::new(), listed.list.job, finished);
                Rest { change, job, number, waba, tries, outcome, will_repeat: false, at }
            }
        }
    }

    /// The work, now that its turn has come.
    pub(super) fn work(self) -> Result<Work, NoRandomness> {
        let listed = match self {
            Self::Made(work) => return Ok(*work),
            Self::Listed(listed) => listed,
        };
        let number = listed.number();
        Ok(Work::new(Arc::new(Change {
            id: ChangeId::new(),
            job: listed.list.job,
            before: number.into(),
            number: number.id,
            waba: number.waba_id(),
            pin: listed.list.pins.of(number.display.as_ref().map(Clean::as_str))?,
        })))
    }
}
