//! One change of one PIN, and the state of the work on it.
//!
//! A [`Change`] is one decision, "this number gets this PIN", with the same PIN for life: a new PIN is a new change.
//! A [`JobState`] is what the operator sees of it. This module sends nothing and waits for nothing.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::moment::{self, Moment, UtcTime};
use crate::number::{Number, PhoneNumberId, TwoStep, WabaId};
use crate::outcome::{Doubt, Fault, NotSent};
use crate::pin::Pin;

/// Tries of one change, the first included.
pub const MAX_TRIES: u8 = 4;

/// A request that may have been applied can land this late; until then no other PIN goes to the number, and a status read
/// proves nothing.
pub const LATE_LANDING: Duration = Duration::from_mins(2);

/// Names one change, in time order (a version 7 UUID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeId(Uuid);

impl ChangeId {
    /// A new id, later than all before it.
    #[must_use]
    pub fn new() -> Self {
        Self(moment::ordered_id())
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
pub struct Before {
    /// What Meta said.
    pub two_step: TwoStep,
    /// When it was read; `None` if never.
    pub read_at: Option<UtcTime>,
}

impl From<&Number> for Before {
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
    pub before: Before,
    /// Whose PIN is set.
    pub number: PhoneNumberId,
    /// The WABA it was listed under.
    pub waba: Option<WabaId>,
    /// The PIN, the same in every try.
    pub pin: Pin,
}

/// The state of the work on one change, with exactly its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
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
    Set(Finished),
    /// Meta said no; nothing was changed.
    Failed(Finished, Fault),
    /// Nothing left this host, nothing was changed.
    NotSent(Finished, NotSent),
    /// It may be set, or not.
    InDoubt(Box<InDoubt>),
    /// It was in doubt, and no longer is.
    Settled(Finished, Settlement),
}

/// A number whose PIN in force nobody knows, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// What is known of the requests of the last PIN.
    pub sent: Sent,
    /// Why it is in doubt.
    pub doubt: Doubt,
    /// What Meta said of the number before.
    pub before: TwoStep,
    /// The PINs that may be in force, as far as this program can know: those in doubt, and the one that was on before.
    pub candidates: u32,
    /// True while the PIN sent last is in memory: it can be sent again.
    pub is_held: bool,
    /// True if the escrow has every PIN in doubt.
    pub is_sealed: bool,
    /// From then on another PIN may be sent: what was sent can land until then.
    pub new_pin_from: Moment,
}

/// What is known of the requests that a PIN in doubt went out with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// When the last one came to its end, and how many there were.
    Recorded(Finished),
    /// Only the escrow file knew of the PIN: whether and when it went out, nobody knows.
    Unrecorded {
        /// When the PIN was sealed.
        sealed_at: UtcTime,
    },
}

/// How a doubt came to its end without a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// Two-step verification was not set two minutes after the last request: no PIN is in force.
    NothingInForce,
    /// Somebody checked it, and left a note.
    ByHand,
}

/// When a piece of work came to rest, and after how many tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// When the last answer came, or failed to.
    pub at: UtcTime,
    /// Requests made, counting those of which nobody knows whether they arrived.
    pub tries: u8,
}

impl Sent {
    /// Requests that may have been made. Where nobody knows, one is taken for granted.
    #[must_use]
    pub const fn tries(self) -> u8 {
        match self {
            Self::Recorded(finished) => finished.tries,
            Self::Unrecorded { .. } => 1,
        }
    }

    /// The last that is known of it.
    #[must_use]
    pub const fn at(self) -> UtcTime {
        match self {
            Self::Recorded(finished) => finished.at,
            Self::Unrecorded { sealed_at } => sealed_at,
        }
    }
}

impl JobState {
    /// True while something is still to come without anybody's doing.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        match self {
            Self::Queued | Self::Sending { .. } | Self::Waiting { .. } => true,
            Self::Set(_) | Self::Failed(..) | Self::NotSent(..) | Self::InDoubt(_) | Self::Settled(..) => false,
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
            | Self::Settled(..) => false,
        }
    }

    /// What Graph said, where it said something.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Failed(_, fault) => Some(fault),
            Self::InDoubt(standing) => standing.doubt.fault(),
            Self::Queued
            | Self::Sending { .. }
            | Self::Waiting { .. }
            | Self::Set(_)
            | Self::NotSent(..)
            | Self::Settled(..) => None,
        }
    }

    /// The word of JSON, the filter and the screen: `queued`, `sending`, `retry`, `set`, `failed`, `not-sent`, `no-answer`,
    /// `settled`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending { .. } => "sending",
            Self::Waiting { .. } => "retry",
            Self::Set(_) => "set",
            Self::Failed(..) => "failed",
            Self::NotSent(..) => "not-sent",
            Self::InDoubt(_) => "no-answer",
            Self::Settled(..) => "settled",
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
    pub state: JobState,
}
