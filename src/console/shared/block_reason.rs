//! Why pindesk sends or records nothing now: the profile, journal and escrow, the connection, or the number itself.
//!
//! It shows nothing: the page that asks does.

use std::time::Duration;

use super::{Connection, RecordingStatus, Shared, TokenProblem};
use crate::console::input::keymap::{ListAction, NumberAction, table};
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin_plan::Targets;

const READ_ONLY: &str = "pindesk is read-only here: nothing can be changed.";
const JOURNAL_OPENING: &str = "The journal is still being opened. Try again in a moment.";
const IN_PROGRESS: &str = "A request for this number is already in progress.";
const NOT_LISTED: &str = "This number is no longer listed.";
const NOT_IN_DOUBT: &str = "This number is no longer in doubt.";

const ONE_SECOND: Duration = Duration::from_secs(1);

/// Why pindesk sends nothing now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockReason {
    /// A sentence for the message line.
    Message(String),
    /// Meta refused the access token. The token page says what to do.
    TokenRefused(TokenProblem),
    /// The operator must accept the escrow keys first.
    Recipients,
    /// The journal cannot record the request. Its page says why.
    JournalUnavailable,
    /// Meta does not answer. The page says when pindesk tries again.
    Offline,
}

impl BlockReason {
    /// The reason in a sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Message(text) => text,
            Self::TokenRefused(_) => "Meta refused the access token.",
            Self::Recipients => "Escrow keys have changed.",
            Self::JournalUnavailable => "The journal cannot record it.",
            Self::Offline => "Offline: no PIN can be set now.",
        }
    }
}

impl Shared {
    /// Why no resolution of this number may be recorded now; `None` if it may.
    pub(in crate::console) fn resolution_block_reason(&self, id: &PhoneNumberId) -> Option<BlockReason> {
        let message = |text: &str| Some(BlockReason::Message(text.to_owned()));
        if self.session.read_only {
            return message(READ_ONLY);
        }
        match &self.recording_status {
            RecordingStatus::Ready { .. } | RecordingStatus::RecipientsChanged { .. } => {}
            RecordingStatus::Opening => return message(JOURNAL_OPENING),
            RecordingStatus::Unusable(_) | RecordingStatus::Damaged(_) | RecordingStatus::JournalFailed(_) => {
                return Some(BlockReason::JournalUnavailable);
            }
        }
        let is_in_doubt = matches!(self.roster.change(id), Some(ChangeState::InDoubt(_)));
        if is_in_doubt { None } else { message(NOT_IN_DOUBT) }
    }

    /// The number for the PIN form, or why no new PIN may be sent to it now.
    pub(in crate::console) fn new_pin_targets(
        &self,
        id: &PhoneNumberId,
        resend_keys: &str,
        now: TimePoint,
    ) -> Result<Targets, BlockReason> {
        match (self.new_pin_block_reason(id, resend_keys, now), self.number(id)) {
            (Some(reason), _) => Err(reason),
            (None, Some(target)) => Ok(Targets::one(target)),
            (None, None) => Err(BlockReason::Message(NOT_LISTED.to_owned())),
        }
    }

    /// Why no new PIN may be sent to this number now; `None` if it may. `resend_keys` are the keys that send the PIN in
    /// doubt again, on the page that asks.
    pub(in crate::console) fn new_pin_block_reason(
        &self,
        id: &PhoneNumberId,
        resend_keys: &str,
        now: TimePoint,
    ) -> Option<BlockReason> {
        if let Some(reason) = self.sending_block_reason() {
            return Some(reason);
        }
        let details = match self.roster.change(id)? {
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. } => {
                return Some(BlockReason::Message(IN_PROGRESS.to_owned()));
            }
            ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) => return None,
            ChangeState::Resolved(..) => None,
            ChangeState::InDoubt(details) => Some(details),
        };
        let allowed_from = match details {
            Some(details) => details.new_pin_allowed_from,
            // A note does not recall a request that is on its way.
            None => self.in_doubt_list.late_arrival(id)?,
        };
        let left = allowed_from.instant.checked_duration_since(now.instant)?;
        if left.is_zero() {
            return None;
        }
        // Whole seconds round down: at the next one it is never too early. The time comes first, because a narrow window
        // cuts the end.
        let from = allowed_from.utc.plus(ONE_SECOND);
        Some(BlockReason::Message(if details.is_some_and(|details| details.is_pin_in_memory) {
            format!("New PIN from {from}. To send the same PIN: {resend_keys}.")
        } else {
            format!("New PIN from {from}. Until then the last request may still arrive.")
        }))
    }

    /// Why the PIN in doubt may not be sent to this number again now; `None` if it may.
    pub(in crate::console) fn resend_block_reason(&self, id: &PhoneNumberId) -> Option<BlockReason> {
        if let Some(reason) = self.sending_block_reason() {
            return Some(reason);
        }
        let text = match self.roster.change(id) {
            Some(
                ChangeState::Queued
                | ChangeState::Sending { .. }
                | ChangeState::Waiting { .. }
                | ChangeState::Paused { .. },
            ) => IN_PROGRESS.to_owned(),
            Some(ChangeState::InDoubt(details)) if details.is_pin_in_memory => return None,
            Some(ChangeState::InDoubt(_)) => {
                let key = self.keymap.key_label(&table::NO_ANSWER, &NumberAction::SetPin);
                format!("The PIN is no longer in memory. {key} sets a new one.")
            }
            Some(
                ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::Resolved(..),
            )
            | None => NOT_IN_DOUBT.to_owned(),
        };
        Some(BlockReason::Message(text))
    }

    /// Why nothing may be sent to any number now.
    pub(in crate::console) fn sending_block_reason(&self) -> Option<BlockReason> {
        if self.session.read_only {
            return Some(BlockReason::Message(READ_ONLY.to_owned()));
        }
        match &self.recording_status {
            RecordingStatus::Ready { .. } => {}
            RecordingStatus::Opening => return Some(BlockReason::Message(JOURNAL_OPENING.to_owned())),
            RecordingStatus::RecipientsChanged { .. } => return Some(BlockReason::Recipients),
            RecordingStatus::Unusable(_) | RecordingStatus::Damaged(_) | RecordingStatus::JournalFailed(_) => {
                return Some(BlockReason::JournalUnavailable);
            }
        }
        match &self.connection {
            Connection::TokenRefused(error) => Some(BlockReason::TokenRefused(TokenProblem::Refused(error.clone()))),
            Connection::Offline { .. } => Some(BlockReason::Offline),
            Connection::Unknown | Connection::Online => None,
        }
    }

    /// The keys that send the PIN in doubt again, from the list.
    pub(in crate::console) fn resend_keys_in_list(&self) -> String {
        let open = self.keymap.key_label(&table::LIST, &ListAction::Open);
        let send = self.keymap.key_label(&table::NO_ANSWER, &NumberAction::SendSamePin);
        format!("{open}, then {send}")
    }
}
