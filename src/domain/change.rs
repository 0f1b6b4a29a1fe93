//! One change of one PIN, and the state of the work on it.
//!
//! A [`Change`] is one decision, "this number gets this PIN", with the same PIN for life: a new PIN is a new change.
//! A [`JobState`] is what the operator sees of it. This module sends nothing and waits for nothing.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::domain::clock::{self, TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, TwoStep, WabaId};
use crate::domain::outcome::{ApiError, DoubtReason, NotSentReason};
use crate::domain::pin::Pin;

/// Tries of one change, the first included.
pub const MAX_ATTEMPTS: u8 = 4;

/// A request that may have been applied can land this late; until then no other PIN goes to the number, and a status read
/// proves nothing.
pub const LATE_ARRIVAL_WINDOW: Duration = Duration::from_mins(2);

/// Names one change, in time order (a version 7 UUID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeId(Uuid);

impl ChangeId {
    /// A new id, later than all before it.
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
    /// Anything but a UUID.
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one confirmed piece of work, counted from 1 in one state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u32);

impl JobId {
    /// The number that people say.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// As a number.
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

/// What was known of a number when a change was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusBefore {
    /// What Meta said.
    pub two_step: TwoStep,
    /// When it was read; `None` if never.
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
    /// Names this decision.
    pub id: ChangeId,
    /// The job it belongs to.
    pub job: JobId,
    /// What Meta said of the number when the change was confirmed.
    pub status_before: StatusBefore,
    /// Whose PIN is set.
    pub number: PhoneNumberId,
    /// The WABA it was listed under.
    pub waba: Option<WabaId>,
    /// The PIN, the same in every try.
    pub pin: Pin,
}

/// The state of the work on one change, with exactly its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeState {
    /// Waits here for its turn.
    Queued,
    /// A request is on its way.
    Sending {
        /// 1 for the first.
        attempt: u8,
    },
    /// The next try waits for its time.
    Waiting {
        /// The try that will come.
        attempt: u8,
        /// When it starts.
        until: Instant,
        /// True if an earlier try may have been applied.
        in_doubt: bool,
    },
    /// Meta said yes.
    Set(Completion),
    /// Meta said no; nothing was changed.
    Failed(Completion, ApiError),
    /// Nothing left this host, nothing was changed.
    NotSent(Completion, NotSentReason),
    /// It may be set, or not.
    InDoubt(Box<InDoubtDetails>),
    /// It was in doubt, and no longer is.
    Resolved(Completion, Resolution),
}

/// A number whose PIN in force nobody knows, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubtDetails {
    /// What is known of the requests of the last PIN.
    pub send_history: SendHistory,
    /// Why it is in doubt.
    pub reason: DoubtReason,
    /// What Meta said of the number before.
    pub two_step_before: TwoStep,
    /// The PINs that may be in force, as far as this program can know: those in doubt, and the one that was on before.
    pub candidate_count: u32,
    /// True while the PIN sent last is in memory: it can be sent again.
    pub is_pin_in_memory: bool,
    /// True if the escrow has every PIN in doubt.
    pub is_in_escrow: bool,
    /// From then on another PIN may be sent: what was sent can land until then.
    pub new_pin_allowed_from: TimePoint,
}

/// What is known of the requests that a PIN in doubt went out with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendHistory {
    /// When the last one came to its end, and how many there were.
    Recorded(Completion),
    /// Only the escrow file knew of the PIN: whether and when it went out, nobody knows.
    EscrowOnly {
        /// When the PIN was sealed.
        encrypted_at: UtcTime,
    },
}

/// How a doubt came to its end without a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Two-step verification was not set two minutes after the last request: no PIN is in force.
    NoPinInForce,
    /// Somebody checked it, and left a note.
    Manual,
}

/// When a piece of work came to rest, and after how many tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// When the last answer came, or failed to.
    pub at: UtcTime,
    /// Requests made, counting those of which nobody knows whether they arrived.
    pub attempts: u8,
}

impl SendHistory {
    /// Requests that may have been made. Where nobody knows, one is taken for granted.
    #[must_use]
    pub const fn attempts(self) -> u8 {
        match self {
            Self::Recorded(finished) => finished.attempts,
            Self::EscrowOnly { .. } => 1,
        }
    }

    /// The last that is known of it.
    #[must_use]
    pub const fn last_known_at(self) -> UtcTime {
        match self {
            Self::Recorded(finished) => finished.at,
            Self::EscrowOnly { encrypted_at: sealed_at } => sealed_at,
        }
    }
}

impl ChangeState {
    /// True while something is still to come without anybody's doing.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        match self {
            Self::Queued | Self::Sending { .. } | Self::Waiting { .. } => true,
            Self::Set(_) | Self::Failed(..) | Self::NotSent(..) | Self::InDoubt(_) | Self::Resolved(..) => false,
        }
    }

    /// True while nobody can say which PIN is in force because of this change.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        match self {
            Self::InDoubt(_) => true,
            Self::Waiting { in_doubt, .. } => *in_doubt,
            Self::Queued
            | Self::Sending { .. }
            | Self::Set(_)
            | Self::Failed(..)
            | Self::NotSent(..)
            | Self::Resolved(..) => false,
        }
    }

    /// What Graph said, where it said something.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Failed(_, fault) => Some(fault),
            Self::InDoubt(standing) => standing.reason.api_error(),
            Self::Queued
            | Self::Sending { .. }
            | Self::Waiting { .. }
            | Self::Set(_)
            | Self::NotSent(..)
            | Self::Resolved(..) => None,
        }
    }

    /// The word of JSON, the filter and the screen: `queued`, `sending`, `retry`, `set`, `failed`, `not-sent`, `no-answer`,
    /// `settled`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending { .. } => "sending",
            Self::Waiting { .. } => "retry",
            Self::Set(_) => "set",
            Self::Failed(..) => "failed",
            Self::NotSent(..) => "not-sent",
            Self::InDoubt(_) => "no-answer",
            Self::Resolved(..) => "settled",
        }
    }
}

/// News of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which change; `None` if none was made, as its turn did not come.
    pub change: Option<ChangeId>,
    /// Whose.
    pub number: PhoneNumberId,
    /// What it is now.
    pub state: ChangeState,
}
