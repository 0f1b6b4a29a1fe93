//! Reads what decides whether a PIN may be sent to a number. The decision is a rule of the journal.

use super::transaction::JournalTx;
use super::{open_changes, runs};
use crate::domain::change::ChangeId;
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::PhoneNumberId;
use crate::journal::error::StorageError;
use crate::journal::model::Intent;
use crate::journal::rules::send::{PinFacts, ProcessLabel, SendFacts};

impl JournalTx<'_> {
    /// The facts about the first request of a change.
    pub(super) fn facts_of_intent(&mut self, intent: &Intent) -> Result<SendFacts, StorageError> {
        let set_elsewhere =
            open_changes::last_set_by_other_run(self.db, intent.number, self.run_id(), self.context.known_until)?;
        let pin = PinFacts::New {
            status_read_at: intent.status_before.read_at,
            last_set_elsewhere: set_elsewhere.map(|set| set.adjusted_to(intent.at, self.context.clock.uptime())),
            recipients: self.recipients_match()?,
        };
        self.send_facts(intent.change, intent.number, intent.at, pin)
    }

    /// The facts about a later request of a change.
    pub(super) fn facts_of_retry(
        &mut self,
        change: ChangeId,
        number: PhoneNumberId,
        at: UtcTime,
    ) -> Result<SendFacts, StorageError> {
        let is_superseded = open_changes::is_superseded(self.db, number, change, self.run_id())?;
        self.send_facts(change, number, at, PinFacts::Same { is_superseded })
    }

    fn send_facts(
        &mut self,
        change: ChangeId,
        number: PhoneNumberId,
        at: UtcTime,
        pin: PinFacts,
    ) -> Result<SendFacts, StorageError> {
        let now = TimePoint { utc: at, ..self.now };
        let sends_in_doubt = open_changes::sends_in_doubt(self.db, number, change, self.run_id())?;
        let times = sends_in_doubt.into_iter().map(|sent| self.context.time_until_safe(number, sent, now));
        let arrival = times.max().unwrap_or_default();
        Ok(SendFacts { at, other_process: self.other_process(change, number)?, arrival, pin })
    }

    /// Another live process that works on the number, or waits to retry it.
    fn other_process(&self, change: ChangeId, number: PhoneNumberId) -> Result<Option<ProcessLabel>, StorageError> {
        let open = open_changes::for_number(self.db, number, self.run_id())?;
        let others = open.into_iter().filter(|open| open.unresolved.change != change);
        let waiting = open_changes::runs_waiting_to_retry(self.db, number, change)?;
        for run in others.filter_map(|open| open.run_id).chain(waiting) {
            if self.context.run_lock.is_other_live_run(&run)? {
                return Ok(Some(runs::process_label(self.db, &run)?));
            }
        }
        Ok(None)
    }
}
