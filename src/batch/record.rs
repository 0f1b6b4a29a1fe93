//! The records around a request: what is durable before it leaves, and what is written of its end.
//!
//! It sends nothing, and it decides nothing: it says what may not be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Records;
use crate::job::{Change, ChangeId, Finished, Settlement};
use crate::journal::{Intent, Refused, Rest};
use crate::moment::UtcTime;
use crate::number::PhoneNumberId;
use crate::outcome::{NotSent, Outcome};
use crate::text::Clean;

/// A record older than this says nothing of when its request left: the process was stopped in between, and whoever reads
/// the record counts the time that the request can still land from it.
pub(super) const MAX_AGE: Duration = Duration::from_secs(10);

/// Why a try was not recorded, so that it must not be sent.
pub(super) enum Unrecorded {
    /// For this number.
    Refused(NotSent),
    /// The journal takes nothing more.
    Dead(Clean),
}

impl From<Refused> for Unrecorded {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Dead(words) => Self::Dead(words),
            Refused::Busy(words) => Self::Refused(NotSent::RefusedHere(words)),
            Refused::RecipientsChanged => {
                Self::Refused(NotSent::RefusedHere(Clean::new(&Refused::RecipientsChanged.to_string())))
            }
        }
    }
}

impl Records {
    /// Seals the PIN where there are recipients, and records durably that it is about to be sent. True if it was sealed.
    pub(super) async fn intend(&self, change: Arc<Change>, at: UtcTime) -> Result<bool, Unrecorded> {
        let records = self.clone();
        on_waiting_thread(move |runtime| {
            let sealed = match &records.recipients {
                Some(recipients) => Some(
                    recipients
                        .seal(&change, at)
                        .map_err(|error| Unrecorded::Refused(NotSent::RefusedHere(Clean::new(&error.to_string()))))?,
                ),
                None => None,
            };
            let is_sealed = sealed.is_some();
            let intent = Intent {
                change: change.id,
                job: change.job,
                number: change.number,
                waba: change.waba,
                before: change.before,
                sealed,
                at,
            };
            // Nothing of the PIN stays here while the disk works.
            drop(change);
            runtime.block_on(records.journal.intend(intent))?;
            Ok(is_sealed)
        })
        .await?
    }

    /// Records durably that a PIN is about to be sent again.
    pub(super) async fn intend_again(&self, change: &Change, attempt: u8) -> Result<(), Unrecorded> {
        let (journal, id, number) = (self.journal.clone(), change.id, change.number);
        on_waiting_thread(move |runtime| runtime.block_on(journal.intend_again(id, number, attempt))).await??;
        Ok(())
    }

    /// Has it recorded why nothing was sent of a change. Nobody waits for that: where it cannot be written, its job tells
    /// the number as never started, and whatever is recorded next says what is wrong with the journal.
    pub(super) fn refuse(&self, rest: Rest) {
        drop(self.journal.refuse(rest));
    }

    /// Records durably what a change came to; the error says why it is known to this process only.
    pub(super) async fn rest(
        &self,
        change: &Change,
        finished: Finished,
        outcome: Outcome,
        will_repeat: bool,
    ) -> Result<(), Clean> {
        let journal = self.journal.clone();
        let rest = Rest { will_repeat, ..rest_of(change, finished, outcome) };
        settled(on_waiting_thread(move |runtime| runtime.block_on(journal.rest(rest))).await)
    }

    /// Records durably that what is in doubt on a number is settled.
    pub(super) async fn settle(
        self,
        number: PhoneNumberId,
        changes: Vec<ChangeId>,
        how: Settlement,
        note: Option<Clean>,
    ) -> Result<(), Clean> {
        let journal = self.journal;
        settled(on_waiting_thread(move |runtime| runtime.block_on(journal.settle(number, changes, how, note))).await)
    }
}

/// The end of a change.
pub(super) fn rest_of(change: &Change, finished: Finished, outcome: Outcome) -> Rest {
    let Finished { at, tries } = finished;
    let Change { id, job, number, waba, .. } = *change;
    Rest { change: id, job, number, waba, tries, outcome, will_repeat: false, at }
}

/// What is written of an end is refused for one reason only.
fn settled(written: Result<Result<(), Refused>, Refused>) -> Result<(), Clean> {
    written.flatten().map_err(|refused| Clean::new(&refused.to_string()))
}

/// Does something that keeps a thread waiting, sealing and the disk, on a thread made for that.
///
/// The journal's answers could be awaited without one. But while such a thread is at work, a paused clock stands still
/// (see `tokio::time::advance`); awaited otherwise, a test's clock would run over every deadline during one real sync.
async fn on_waiting_thread<T: Send + 'static>(work: impl FnOnce(&Handle) -> T + Send + 'static) -> Result<T, Refused> {
    let runtime = Handle::current();
    let done = tokio::task::spawn_blocking(move || work(&runtime)).await;
    done.map_err(|failure| Refused::Dead(Clean::new(&format!("the journal failed: {failure}"))))
}
