//! Defines jobs as they are recorded: with their counts, and number by number.
//!
//! This module does not decide the state of a number.

use std::collections::HashMap;
use std::fmt;

use super::{PinSource, ReplySummary};
use crate::domain::change::{ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, TwoStep, WabaId};
use crate::domain::operator::OperatorName;
use crate::domain::outcome::ApiError;
use crate::domain::standing::{ChangeResult, Standing};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::{self, Explanation};

/// What a status read showed of a change that was not applied.
const NOT_APPLIED: &str = "two-step verification was still not set two minutes later";

/// A job with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// The ID of the job.
    pub id: JobId,
    /// When the operator confirmed it.
    pub at: UtcTime,
    /// The name of its profile.
    pub profile: CleanText,
    /// How the PINs were chosen.
    pub pin_source: PinSource,
    /// Who confirmed it.
    pub operator: JobOperator,
    /// What the operator noted about it, such as the number of a ticket.
    pub note: Option<CleanText>,
    /// How many numbers are in each state, without zero counts. The sum is the number of confirmed numbers.
    pub counts: HashMap<RecordedState, usize>,
    /// How many numbers a resumed job sends, as [`JobNumber::is_resumable`] says.
    pub resumable: usize,
    /// Whether the job still runs.
    pub status: JobStatus,
    /// The process that works on it: the one that started or resumed it. `None` if none does.
    pub worker: Option<JobWorker>,
}

/// The process that works on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobWorker {
    /// The operator who started it, and its host.
    pub name: OperatorName,
    /// The process ID on that host.
    pub pid: u32,
}

impl fmt::Display for JobWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, process {}", self.name, self.pid)
    }
}

impl JobSummary {
    /// How many numbers of the job are in this state.
    #[must_use]
    pub fn count(&self, state: RecordedState) -> usize {
        self.counts.get(&state).copied().unwrap_or_default()
    }
}

/// Who confirmed a job, as the environment of its process claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOperator {
    /// The short name for lists.
    pub name: OperatorName,
    /// The claimed `USER`.
    pub user: Option<CleanText>,
    /// The claimed `SUDO_USER`.
    pub claimed_user: Option<CleanText>,
}

/// Whether a job still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// A live process works on it.
    Running,
    /// Every number has an outcome, and none is left to send.
    Finished,
    /// Numbers are left to send: they were not sent, or Meta refused them for a reason outside them.
    Interrupted,
}

/// A job, number by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDetail {
    /// The job with its counts.
    pub summary: JobSummary,
    /// Every confirmed number, in the order of the plan.
    pub numbers: Vec<JobNumber>,
}

/// One number of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNumber {
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// The WABA that listed the number.
    pub waba: Option<WabaId>,
    /// The state of the number in this job.
    pub state: RecordedState,
    /// Its latest change in this job.
    pub change: Option<ChangeId>,
    /// When that change ended, or if it has not ended, when pindesk was about to send it.
    pub at: Option<UtcTime>,
    /// How many attempts were made.
    pub attempts: u8,
    /// The status of the number before that change.
    pub two_step_before: TwoStep,
    /// What that change is left with, recorded or deduced; `None` if its PIN was set. Boxed, because most numbers of a
    /// long job have none.
    pub standing: Option<Box<Standing>>,
    /// True if a PIN was set on the number since, by another job: it is newer than the decision of this one.
    pub is_set_since: bool,
}

/// The state of a number in a job, or of a single change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordedState {
    /// The job has recorded no change for it yet.
    NotStarted,
    /// A live process works on it.
    Running,
    /// It has ended, or it is in doubt.
    Ended(ChangeResult),
    /// It was in doubt until a status read showed that no PIN is in force: nothing was changed.
    NotApplied,
    /// It was in doubt, and no longer is: an operator checked it, or another PIN was confirmed.
    Resolved,
}

impl RecordedState {
    /// What a summary of results counts a number in this state as.
    #[must_use]
    pub const fn counted_as(self) -> ChangeResult {
        match self {
            Self::NotStarted => ChangeResult::NotSent,
            Self::Running | Self::Resolved => ChangeResult::NoAnswer,
            Self::Ended(result) => result,
            Self::NotApplied => ChangeResult::Failed,
        }
    }

    /// True if a resumed job sends a PIN to a number in this state. `error` is what Meta reported, if it refused the
    /// last one.
    #[must_use]
    pub fn is_resumable(self, error: Option<&ApiError>) -> bool {
        match self {
            Self::NotStarted | Self::NotApplied | Self::Ended(ChangeResult::NotSent) => true,
            Self::Ended(ChangeResult::Failed) => error.is_some_and(error_catalog::is_cause_outside_number),
            Self::Running | Self::Ended(ChangeResult::Set | ChangeResult::NoAnswer) | Self::Resolved => false,
        }
    }
}

/// What Meta reported, if it refused the PIN of a change that is left with this.
fn refusal(standing: Option<&Standing>) -> Option<&ApiError> {
    if let Some(Standing::Failed(error)) = standing { Some(error) } else { None }
}

/// The reason for an outcome, in words. A confirmed change has none.
pub(in crate::journal) fn outcome_reason(standing: &Standing) -> Option<CleanText> {
    match standing {
        Standing::Set => None,
        Standing::Failed(error) => Some(error.message.clone()),
        Standing::NotSent(reason) => Some(CleanText::new(&reason.to_string())),
        Standing::InDoubt(doubt) => Some(CleanText::new(&doubt.to_string())),
    }
}

/// The newest request of a number, in any job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRequest {
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// What became of the request.
    pub state: RecordedState,
    /// When it ended, or if it has not ended, when pindesk was about to send it.
    pub at: UtcTime,
}

/// A PIN of a job that Meta confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSet {
    /// The ID of the job.
    pub job: JobId,
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// When Meta confirmed it.
    pub at: UtcTime,
}

impl JobNumber {
    /// True if a resumed job sends a PIN to it: if none was sent, if the one that was sent was certainly not applied, or
    /// if Meta refused the last one because of the access token, a permission or too many calls. False for other numbers
    /// that failed or are in doubt, because an operator must check them first.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        !self.is_set_since && self.is_left()
    }

    /// True if a resumed job would send a PIN to it, if no other job had set one since.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.state.is_resumable(refusal(self.standing.as_deref()))
    }

    /// True if Meta refused its last PIN, for whatever reason. A resumed job may send a new one if the operator asks for
    /// it.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.is_set_since && self.state == RecordedState::Ended(ChangeResult::Failed)
    }

    /// Why it was not set; `None` if it was, or if it has no outcome.
    #[must_use]
    pub fn explanation(&self) -> Option<Explanation> {
        if self.state == RecordedState::NotApplied {
            return None;
        }
        match self.standing.as_deref()? {
            Standing::Set => None,
            Standing::Failed(error) => Some(Explanation::for_refusal(error)),
            Standing::NotSent(why) => Some(Explanation::for_not_sent(why)),
            Standing::InDoubt(doubt) => Some(Explanation::for_doubt(doubt, self.two_step_before)),
        }
    }

    /// Why it has its state, in a few words; empty if nothing is to be said.
    #[must_use]
    pub fn short_reason(&self) -> CleanText {
        match self.state {
            RecordedState::NotApplied => CleanText::new(NOT_APPLIED),
            RecordedState::NotStarted | RecordedState::Running | RecordedState::Ended(_) | RecordedState::Resolved => {
                self.reason().unwrap_or_default()
            }
        }
    }

    /// The reason for the outcome, in words.
    #[must_use]
    pub fn reason(&self) -> Option<CleanText> {
        outcome_reason(self.standing.as_deref()?)
    }

    /// The parts of the reply that are worth searching for.
    #[must_use]
    pub fn reply(&self) -> ReplySummary {
        match self.standing.as_deref() {
            Some(standing) => ReplySummary::of(standing),
            None if self.state == RecordedState::Ended(ChangeResult::Set) => ReplySummary::of(&Standing::Set),
            None => ReplySummary::default(),
        }
    }

    /// The error that Meta reported last, if it did.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        match self.standing.as_deref()? {
            Standing::Failed(error) => Some(error),
            Standing::NotSent(why) => why.api_error(),
            Standing::InDoubt(doubt) => doubt.api_error(),
            Standing::Set => None,
        }
    }

    /// The text of an error that is not Graph's, if one came as the last answer.
    #[must_use]
    pub fn foreign_text(&self) -> Option<&CleanText> {
        if let Some(Standing::InDoubt(doubt)) = self.standing.as_deref() { doubt.foreign_text() } else { None }
    }

    /// A number for which the job has recorded nothing yet.
    pub(in crate::journal) fn not_started(number: PhoneNumberId, waba: Option<WabaId>) -> Self {
        Self {
            number,
            waba,
            state: RecordedState::NotStarted,
            change: None,
            at: None,
            attempts: 0,
            two_step_before: TwoStep::Unknown,
            standing: None,
            is_set_since: false,
        }
    }
}
