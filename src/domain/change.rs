//! One change of the PIN of one number, and the state of that change.
//!
//! A [`Change`] is one decision, "this number gets this PIN". Its PIN never changes: a new PIN is a new change. A
//! [`ChangeState`] is what the operator sees of it. This module does not send or wait.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::domain::clock::{self, TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, TwoStep, WabaId};
use crate::domain::operator::OperatorName;
use crate::domain::outcome::ApiError;
use crate::domain::pin::Pin;
use crate::domain::standing::{ChangeResult, Doubt, NotApplied, NotSentReason};
use crate::domain::text::CleanText;

/// The maximum number of attempts of one change, including the first.
pub const MAX_ATTEMPTS: u8 = 4;

/// How late a request that may have been applied can still take effect. Until then pindesk sends no different PIN to
/// the number, and a status read proves nothing.
pub const LATE_ARRIVAL_WINDOW: Duration = Duration::from_mins(2);

/// Identifies a change. Ids are in time order (UUID version 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeId(Uuid);

impl ChangeId {
    /// Creates an id that sorts after all ids that this process created before.
    #[must_use]
    pub fn new() -> Self {
        Self(clock::new_uuid_v7())
    }
}

impl Default for ChangeId {
    fn default() -> Self {
        Self::new()
    }
}

impl FromStr for ChangeId {
    type Err = uuid::Error;
    /// # Errors
    /// If the text is not a UUID.
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies a job, counted from 1 in one state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u32);

impl JobId {
    /// Creates an id from the number that operators see.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number that operators see.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The status of a number when its change was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusBefore {
    /// What Meta reported.
    pub two_step: TwoStep,
    /// When pindesk read it; `None` if it never did.
    pub read_at: Option<UtcTime>,
}

impl From<&Number> for StatusBefore {
    fn from(number: &Number) -> Self {
        Self { two_step: number.two_step, read_at: number.read_at }
    }
}

/// One decision: this number gets this PIN.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// The id of this decision.
    pub id: ChangeId,
    /// The job it belongs to.
    pub job: JobId,
    /// The status of the number when the change was confirmed.
    pub status_before: StatusBefore,
    /// The number whose PIN is set.
    pub number: PhoneNumberId,
    /// The WABA that listed the number.
    pub waba: Option<WabaId>,
    /// The PIN, the same in every attempt.
    pub pin: Pin,
}

/// The state of one change, with exactly its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeState {
    /// The change waits for a free request slot.
    Queued,
    /// A request is in flight.
    Sending {
        /// 1 for the first.
        attempt: u8,
        /// True if an earlier attempt may have been applied.
        in_doubt: bool,
    },
    /// The change waits to retry.
    Waiting {
        /// The next attempt.
        attempt: u8,
        /// When it starts.
        until: Instant,
        /// True if an earlier attempt may have been applied.
        in_doubt: bool,
        /// The error that Graph reported for the last attempt, if it did.
        error: Option<Box<ApiError>>,
    },
    /// The change waits because Meta limits the calls of its WABA, its token or the app.
    Paused {
        /// When the pause ends. One change probes then, and the others follow.
        until: TimePoint,
        /// True if an earlier attempt may have been applied.
        in_doubt: bool,
    },
    /// Meta confirmed the PIN.
    Set(Completion),
    /// Meta refused the PIN; nothing was changed.
    Failed(Completion, ApiError),
    /// No request was sent; nothing was changed.
    NotSent(Completion, NotSentReason),
    /// The PIN may be set or not.
    InDoubt(Box<InDoubtDetails>),
    /// It was in doubt, and an operator or a status read resolved it.
    Resolved(Completion, DoubtEnd),
}

/// What is known about a number in doubt, and what the operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubtDetails {
    /// The requests that carried the last PIN.
    pub send_history: SendHistory,
    /// Why it is in doubt.
    pub doubt: Doubt,
    /// Why a newer PIN was not applied, if there is one. Then the PIN in doubt is an older one.
    pub newer_pin: Option<NotApplied>,
    /// What Meta reported before the change.
    pub two_step_before: TwoStep,
    /// How many PINs may be in force, as far as pindesk knows: those in doubt, and the PIN that was set before.
    pub candidate_count: u32,
    /// True while the last PIN is in memory, so that pindesk can resend it.
    pub is_pin_in_memory: bool,
    /// True if the escrow has every PIN in doubt.
    pub is_in_escrow: bool,
    /// The time from which a different PIN may be sent. Until then the last request can still arrive.
    pub new_pin_allowed_from: TimePoint,
}

impl InDoubtDetails {
    /// Why the last request changed nothing, if it did not: it carried a newer PIN, or was a retry.
    #[must_use]
    pub fn last_not_applied(&self) -> Option<&NotApplied> {
        self.newer_pin.as_ref().or(self.doubt.last_retry.as_ref())
    }

    /// The last error that Graph reported, if it did.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        self.newer_pin.as_ref().map_or_else(|| self.doubt.api_error(), NotApplied::api_error)
    }

    /// The HTTP status of the last reply, if one arrived.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        match &self.newer_pin {
            Some(newer_pin) => newer_pin.api_error().map(|error| error.http_status),
            None => self.doubt.http_status(),
        }
    }
}

/// The requests that carried a PIN in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendHistory {
    /// The journal recorded them: when the last one ended, and how many there were.
    Recorded(Completion),
    /// Only the escrow file has the PIN. It is not known whether and when the PIN was sent.
    EscrowOnly {
        /// When the PIN was encrypted.
        encrypted_at: UtcTime,
    },
}

/// When and how a doubt ended without a confirmation by Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoubtEnd {
    /// When it was resolved.
    pub at: UtcTime,
    /// How.
    pub how: Resolution,
}

/// How a doubt was resolved without a confirmation by Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Two-step verification was still not set two minutes after the last request, so no PIN is in force.
    NoPinInForce,
    /// An operator checked the number and left a note.
    Manual,
}

/// When a change ended, and after how many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// When the last reply arrived, or failed to arrive.
    pub at: UtcTime,
    /// Attempts, including those that may not have reached Meta.
    pub attempts: u8,
}

/// The newest change of a number that Meta confirmed, by any process that shares the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSet {
    /// When Meta confirmed it.
    pub at: UtcTime,
    /// Who set it.
    pub by: OperatorName,
    /// How many escrow keys can open its PIN; `None` if the escrow does not have it.
    pub escrow_keys: Option<u16>,
}

impl LastSet {
    /// True if a status that was read later says that there is no PIN: then someone turned two-step verification off,
    /// outside of what shares the journal. A status that was read soon after may be older than the PIN.
    #[must_use]
    pub fn was_turned_off(&self, two_step: TwoStep, read_at: Option<UtcTime>) -> bool {
        two_step == TwoStep::NotSet && read_at.is_some_and(|read_at| read_at > self.at.plus(LATE_ARRIVAL_WINDOW))
    }
}

impl SendHistory {
    /// Attempts that may have been made; 1 if it is not known.
    #[must_use]
    pub const fn attempts(self) -> u8 {
        match self {
            Self::Recorded(completion) => completion.attempts,
            Self::EscrowOnly { .. } => 1,
        }
    }

    /// The time of the last recorded event.
    #[must_use]
    pub const fn last_known_at(self) -> UtcTime {
        match self {
            Self::Recorded(completion) => completion.at,
            Self::EscrowOnly { encrypted_at } => encrypted_at,
        }
    }
}

impl ChangeState {
    /// True while pindesk still works on the change.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        match self {
            Self::Queued | Self::Sending { .. } | Self::Waiting { .. } | Self::Paused { .. } => true,
            Self::Set(_) | Self::Failed(..) | Self::NotSent(..) | Self::InDoubt(_) | Self::Resolved(..) => false,
        }
    }

    /// True while it is not known which PIN is in force because of an attempt that ended.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        match self {
            Self::InDoubt(_) => true,
            Self::Sending { in_doubt, .. } | Self::Waiting { in_doubt, .. } | Self::Paused { in_doubt, .. } => {
                *in_doubt
            }
            Self::Queued | Self::Set(_) | Self::Failed(..) | Self::NotSent(..) | Self::Resolved(..) => false,
        }
    }

    /// The error that Meta reported last, if it did.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Failed(_, error) => Some(error),
            Self::InDoubt(details) => details.api_error(),
            Self::NotSent(_, why) => why.api_error(),
            Self::Waiting { error, .. } => error.as_deref(),
            Self::Queued | Self::Sending { .. } | Self::Paused { .. } | Self::Set(_) | Self::Resolved(..) => None,
        }
    }

    /// The text of an error that is not Graph's, if one came as the last answer.
    #[must_use]
    pub fn foreign_text(&self) -> Option<&CleanText> {
        match self {
            Self::InDoubt(details) if details.newer_pin.is_none() => details.doubt.foreign_text(),
            Self::Queued
            | Self::Sending { .. }
            | Self::Waiting { .. }
            | Self::Paused { .. }
            | Self::Set(_)
            | Self::Failed(..)
            | Self::NotSent(..)
            | Self::InDoubt(_)
            | Self::Resolved(..) => None,
        }
    }

    /// When the last request ended, or its last try if it is in doubt; `None` while it is in progress.
    #[must_use]
    pub fn ended_at(&self) -> Option<UtcTime> {
        match self {
            Self::Queued | Self::Sending { .. } | Self::Waiting { .. } | Self::Paused { .. } => None,
            Self::Set(completion) | Self::Failed(completion, _) | Self::NotSent(completion, _) => Some(completion.at),
            Self::Resolved(_, end) => Some(end.at),
            Self::InDoubt(details) => Some(details.send_history.last_known_at()),
        }
    }

    /// What became of the last request; `None` while it is in progress. If only an older PIN is in doubt, the last
    /// request is the one with the newer PIN.
    #[must_use]
    pub const fn result(&self) -> Option<ChangeResult> {
        match self {
            Self::Queued | Self::Sending { .. } | Self::Waiting { .. } | Self::Paused { .. } => None,
            Self::Set(_) => Some(ChangeResult::Set),
            Self::Failed(..) => Some(ChangeResult::Failed),
            Self::NotSent(..) => Some(ChangeResult::NotSent),
            Self::InDoubt(details) => Some(match details.newer_pin {
                Some(NotApplied::Refused(_)) => ChangeResult::Failed,
                Some(NotApplied::NotSent(_)) => ChangeResult::NotSent,
                None => ChangeResult::NoAnswer,
            }),
            Self::Resolved(..) => Some(ChangeResult::NoAnswer),
        }
    }

    /// The keyword in the filter: `queued`, `sending`, `retry`, `paused`, `resolved`, or that of a result. Every number in doubt
    /// has `no-answer`.
    #[must_use]
    pub const fn keyword(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending { .. } => "sending",
            Self::Waiting { .. } => "retry",
            Self::Paused { .. } => "paused",
            Self::Set(_) => ChangeResult::Set.keyword(),
            Self::Failed(..) => ChangeResult::Failed.keyword(),
            Self::NotSent(..) => ChangeResult::NotSent.keyword(),
            Self::InDoubt(_) => ChangeResult::NoAnswer.keyword(),
            Self::Resolved(..) => "resolved",
        }
    }
}

/// A new state of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The job of the change; `None` if the job could not be recorded, or if only the escrow file knows the change.
    pub job: Option<JobId>,
    /// The change; `None` while the number is not started.
    pub change: Option<ChangeId>,
    /// The number of the change.
    pub number: PhoneNumberId,
    /// The new state.
    pub state: ChangeState,
    /// Where it comes from.
    pub source: ProgressSource,
}

/// Where a new state of a change comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressSource {
    /// This process works or worked on the change.
    Own,
    /// The journal has it, whichever process made the change: with the number's newest confirmed change.
    Journal(Option<LastSet>),
}
