//! One change of one PIN, and the state of the work on it.
//!
//! A [`Change`] is one decision, "this number gets this PIN", with the same PIN for life: a new PIN is a new change.
//! A [`JobState`] is what the operator sees of it. This module sends nothing and waits for nothing.

use std::fmt;
use std::time::Instant;

use uuid::Uuid;

use crate::moment::UtcTime;
use crate::number::{PhoneNumberId, WabaId};
use crate::outcome::{Doubt, Fault, NotSent, Unchanged};
use crate::pin::Pin;

/// Tries of one change, the first included.
pub const MAX_TRIES: u8 = 4;

/// Names one change, in time order (a version 7 UUID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeId(Uuid);

impl ChangeId {
    /// A new id, later than all before it.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for ChangeId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One decision: this number gets this PIN.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Names this decision.
    pub id: ChangeId,
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
    /// It may be set, or not; the batch keeps the PIN.
    InDoubt(Finished, Doubt),
}

/// When a piece of work came to rest, and after how many tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// When the last answer came, or failed to.
    pub at: UtcTime,
    /// Requests made, counting those of which nobody knows whether they arrived.
    pub tries: u8,
}

impl JobState {
    /// True while something is still to come without anybody's doing.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        match self {
            Self::Queued | Self::Sending { .. } | Self::Waiting { .. } => true,
            Self::Set(_) | Self::Failed(..) | Self::NotSent(..) | Self::InDoubt(..) => false,
        }
    }

    /// True while nobody can say which PIN is in force because of this change.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        match self {
            Self::InDoubt(..) => true,
            Self::Waiting { in_doubt, .. } => *in_doubt,
            Self::Queued | Self::Sending { .. } | Self::Set(_) | Self::Failed(..) | Self::NotSent(..) => false,
        }
    }

    /// What Graph said, where it said something.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Failed(_, fault)
            | Self::InDoubt(_, Doubt::MetaFault(fault) | Doubt::OlderPin(Unchanged::Refused(fault))) => Some(fault),
            Self::Queued
            | Self::Sending { .. }
            | Self::Waiting { .. }
            | Self::Set(_)
            | Self::NotSent(..)
            | Self::InDoubt(..) => None,
        }
    }

    /// The word of JSON, the filter and the screen: `queued`, `sending`, `retry`, `set`, `failed`, `not-sent`, `no-answer`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending { .. } => "sending",
            Self::Waiting { .. } => "retry",
            Self::Set(_) => "set",
            Self::Failed(..) => "failed",
            Self::NotSent(..) => "not-sent",
            Self::InDoubt(..) => "no-answer",
        }
    }
}

/// News of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which change.
    pub change: ChangeId,
    /// Whose.
    pub number: PhoneNumberId,
    /// What it is now.
    pub state: JobState,
}
