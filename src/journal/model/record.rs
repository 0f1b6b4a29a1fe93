//! Defines what the journal has about one number, from the changes of all operators.
//!
//! This module does not decide the state of a change.

use std::collections::BTreeSet;

use super::UnresolvedChange;
use crate::domain::change::{ChangeId, ChangeState, JobId, LastSet};
use crate::domain::number::PhoneNumberId;
use crate::domain::operator::OperatorName;

/// What the journal has about a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRecord {
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// Its newest change; `None` if that is in doubt, or if a process works on it.
    pub latest: Option<RecordedChange>,
    /// Its newest change that Meta confirmed.
    pub last_set: Option<LastSet>,
}

/// A change that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedChange {
    /// Its job; `None` if only the escrow file had the change, and the journal has no such job.
    pub job: Option<JobId>,
    /// Who recorded its end.
    pub operator: OperatorName,
    /// How it ended: set, failed, not sent or resolved.
    pub state: ChangeState,
}

/// What new rows of the journal say about a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberUpdate {
    /// The number; without a record if no change of it has an outcome.
    pub record: NumberRecord,
    /// The changes in doubt that no other live process can still continue, oldest first. Those of this process are left
    /// out.
    pub unresolved: Vec<UnresolvedChange>,
    /// The changes in doubt of other live processes, oldest first: only those processes can end them.
    pub held: Vec<UnresolvedChange>,
    /// The changes that are not in doubt.
    pub closed: Vec<ChangeId>,
}

/// Up to where the rows of the journal were read, and the numbers that may change without a new row: those with an open
/// change of another live process, because the process may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCursor {
    pub(in crate::journal) sequence: i64,
    pub(in crate::journal) held: BTreeSet<PhoneNumberId>,
    pub(in crate::journal) has_more: bool,
    pub(in crate::journal) jobs: BTreeSet<JobId>,
}

impl RecordCursor {
    /// True if the last read ended before the last row.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.has_more
    }

    /// The jobs that the rows of the last read name.
    #[must_use]
    pub const fn changed_jobs(&self) -> &BTreeSet<JobId> {
        &self.jobs
    }
}
