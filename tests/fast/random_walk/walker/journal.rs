//! What the journal says about numbers, whichever process made the changes, as messages; and what it may not do.

use pindesk::console::app::Msg;
use pindesk::console::effect::{Effect, WorkCommand};
use pindesk::console::shared::Message;
use pindesk::domain::change::{ChangeId, ChangeState, JobId, LastSet, Progress, ProgressSource};
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::PhoneNumberId;
use pindesk::domain::operator::OperatorName;
use pindesk::domain::text::CleanText;
use pindesk::journal::{NumberRecord, RecordedChange};

use super::Walker;
use crate::random_walk::samples::{change_state, number_id};

fn operator() -> OperatorName {
    OperatorName::new(1000, None, Some(&CleanText::new("bo")), &CleanText::new("web2"))
}

const fn last_set(at: UtcTime, by: OperatorName) -> LastSet {
    LastSet { at, by, escrow_keys: Some(2) }
}

/// What a message of the journal leaves as it is.
pub(super) struct BeforeJournalMsg {
    newest: Option<Message>,
    running: usize,
    /// The numbers of the message that a page asks about.
    asked_about: Vec<PhoneNumberId>,
}

impl Walker {
    /// A state that the journal has. The worker never reports a number that it works on itself.
    pub(super) fn recorded_change(&self, index: usize, state: usize) -> Option<Msg> {
        let number = number_id(index);
        if self.app.roster().change(&number).is_some_and(ChangeState::is_running) {
            return None;
        }
        let progress = Progress {
            job: Some(JobId::new(1)),
            change: Some(ChangeId::new()),
            number,
            state: change_state(state, self.now),
            source: ProgressSource::Journal(Some(last_set(self.now.utc, operator()))),
        };
        Some(Msg::ProgressReceived(vec![progress]))
    }

    /// What the journal had at the start.
    pub(super) fn loaded_records(&self, numbers: &[(usize, usize)]) -> Msg {
        let record = |(index, state): &(usize, usize)| NumberRecord {
            number: number_id(*index),
            latest: Some(RecordedChange {
                job: Some(JobId::new(1)),
                operator: operator(),
                state: change_state(*state, self.now),
            }),
            last_set: Some(last_set(UtcTime::from_unix_seconds(1_700_000_000), operator())),
        };
        Msg::NumberRecordsLoaded(numbers.iter().map(record).collect())
    }

    /// What must stay as it is before a message of the journal; `None` for another message.
    pub(super) fn before_journal_msg(&self, msg: &Msg) -> Option<BeforeJournalMsg> {
        let numbers: Vec<_> = if let Msg::ProgressReceived(progress) = msg {
            let is_of_journal = progress.iter().any(|progress| progress.source != ProgressSource::Own);
            is_of_journal.then(|| progress.iter().map(|progress| progress.number).collect())?
        } else if let Msg::NumberRecordsLoaded(records) = msg {
            records.iter().map(|record| record.number).collect()
        } else {
            return None;
        };
        Some(BeforeJournalMsg {
            newest: self.app.messages().newest_first().next().cloned(),
            running: self.app.running_count(),
            asked_about: numbers.into_iter().filter(|id| self.app.is_asked_about(id)).collect(),
        })
    }

    /// What others did is shown, but not announced: no message, no bell, and no request but a refresh of a number that a
    /// page asks about. It neither starts nor ends a change of this process.
    pub(super) fn check_nothing_announced(&self, before: Option<BeforeJournalMsg>, effects: &[Effect]) {
        let Some(BeforeJournalMsg { newest, running, asked_about }) = before else { return };
        assert_eq!(self.app.messages().newest_first().next(), newest.as_ref(), "announced what others did");
        assert_eq!(self.app.running_count(), running);
        let is_read = |effect: &Effect| match effect {
            Effect::Work(WorkCommand::ReadHistory(_)) => true,
            // The page may have closed, because no other number was left.
            Effect::Work(WorkCommand::RefreshNumberAfter { number, .. }) => asked_about.contains(&number.id),
            Effect::Work(_) | Effect::Screen(_) => false,
        };
        assert!(effects.iter().all(is_read), "{effects:?}");
    }

    /// Tracks which numbers are in doubt. Only a set or a resolved change ends a doubt, or the journal, which knows whether
    /// an older PIN is in doubt.
    pub(super) fn track_in_doubt(&mut self, msg: &Msg) {
        let (Msg::ProgressReceived(changes) | Msg::RecordsOpened { unresolved: changes, .. }) = msg else { return };
        for Progress { number, state, source, .. } in changes {
            match state {
                ChangeState::InDoubt(_) => {
                    self.in_doubt.insert(*number);
                }
                ChangeState::Set(_) | ChangeState::Resolved(..) => {
                    self.in_doubt.remove(number);
                }
                ChangeState::Queued
                | ChangeState::Sending { .. }
                | ChangeState::Waiting { .. }
                | ChangeState::Paused { .. }
                | ChangeState::Failed(..)
                | ChangeState::NotSent(..) => {
                    if *source != ProgressSource::Own {
                        self.in_doubt.remove(number);
                    }
                }
            }
        }
    }
}
