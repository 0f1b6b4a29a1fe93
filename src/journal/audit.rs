//! The audit log: one row for each action. The hash chain of `chain` reveals an edit, a deletion or a truncation.
//!
//! A row records what the kernel knows about the operator, and separately what the environment claims, and binds the rows
//! of other tables that were written with it by their digest. It never holds a PIN, not even an encrypted one.

mod chain;

use serde::{Deserialize, Serialize};

use super::model::{AuditProblem, Operator, ReplySummary};
use crate::domain::change::{ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::json_text::json_text;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::operator::OperatorName;
use crate::domain::text::CleanText;

pub(super) use chain::{
    ALTERED, ChainHead, ChainVerifier, HEAD_FILE, RecordDigest, SavedHead, StoredRow, UNKNOWN_ROW, UNMATCHED,
};

/// The `outcome` of a finding that audit rows were lost, or may have been lost.
pub(super) const ROWS_LOST_OUTCOME: &str = "rows_lost";

/// The `outcome` of a request that Meta asked to send later. It is no attempt, and is sent again.
pub const THROTTLED_OUTCOME: &str = "throttled";

/// What an audit row records: an action of an operator, or a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditAction {
    /// An operator confirmed a job.
    #[serde(rename = "job")]
    JobStarted,
    /// An operator resumed a job.
    #[serde(rename = "resumed")]
    JobResumed,
    /// The process that worked on a job does so no longer.
    #[serde(rename = "job-ended")]
    JobEnded,
    /// A PIN was about to be sent.
    Intent,
    /// A PIN was about to be sent again.
    #[serde(rename = "try")]
    Retry,
    /// The outcome of a change.
    Outcome,
    /// The doubt about a change was resolved.
    #[serde(rename = "settled")]
    Resolved,
    /// A PIN was decrypted from the escrow.
    #[serde(rename = "opened")]
    PinDecrypted,
    /// A PIN of the escrow was encrypted again, to the recipients of that time.
    #[serde(rename = "re-encrypted")]
    PinReEncrypted,
    /// An operator tried whether a private key opens the escrow. No PIN was shown.
    #[serde(rename = "drill")]
    EscrowDrill,
    /// The recipients of the escrow were stored for the first time.
    #[serde(rename = "recipients-first")]
    RecipientsStored,
    /// Changed recipients were accepted.
    #[serde(rename = "recipients-acknowledged")]
    RecipientsAccepted,
    /// The journal and the escrow were copied to another directory.
    #[serde(rename = "backup")]
    BackedUp,
    /// The screen was hidden.
    ScreenHidden,
    /// The screen was shown again.
    ScreenShown,
    /// Recovery found a problem when the journal was opened.
    #[serde(rename = "found")]
    Finding,
    /// An older pindesk wrote the rows before this one without a digest, so this one binds all of them.
    #[serde(rename = "chained")]
    RowsBound,
    /// An operator accepted damage in earlier rows. This row binds them as they are.
    #[serde(rename = "accepted")]
    DamageAccepted,
    /// A start had checked everything up to here.
    Checked,
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The position in the log, counted from 1 without gaps.
    pub sequence: i64,
    /// When it happened, in RFC 3339 format.
    pub at: CleanText,
    /// The host name.
    pub host: CleanText,
    /// The real user ID.
    pub uid: u32,
    /// The effective user ID.
    pub euid: u32,
    /// The terminal, if there is one.
    pub tty: Option<CleanText>,
    /// What only the environment claims about the operator.
    pub claimed: ClaimedIdentity,
    /// What happened.
    pub action: AuditAction,
    /// The WABA of the number.
    pub waba_id: Option<CleanText>,
    /// The phone number ID.
    pub phone_number_id: Option<CleanText>,
    /// The ID of the change.
    pub change: Option<CleanText>,
    /// The job of the change, or the job that was started or resumed.
    pub job: Option<u32>,
    /// `set`, `failed`, `not_sent`, `no_answer`, [`THROTTLED_OUTCOME`], how a doubt was resolved, how much of a drill was
    /// opened (`20 of 20`), or `rows_lost`.
    pub outcome: Option<CleanText>,
    /// How many attempts were made.
    #[serde(rename = "tries")]
    pub attempts: Option<u8>,
    /// The HTTP status of the reply.
    pub http_status: Option<u16>,
    /// The error code of the Graph API.
    pub code: Option<i64>,
    /// The subcode of the error.
    pub subcode: Option<i64>,
    /// The trace ID, which Meta's support asks for.
    pub trace_id: Option<CleanText>,
    /// Details in words.
    pub note: Option<CleanText>,
    /// The version of pindesk that wrote the row.
    pub version: CleanText,
    /// The SHA-256 of the rows of other tables that were written with this one, so that the hash chain covers them. It
    /// covers an encrypted PIN as well, which tells nothing about the PIN. `None` without such rows, and in the rows of
    /// older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<CleanText>,
}

/// What the environment claims about the operator. Anyone can fake it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedIdentity {
    /// The value of `USER`; without one, the name of the real user ID in the system's user database.
    pub user: Option<CleanText>,
    /// The value of `SUDO_USER`.
    pub sudo_user: Option<CleanText>,
    /// The value of `SSH_CONNECTION`.
    pub ssh_connection: Option<CleanText>,
}

/// Who wrote a row: the fields of [`AuditRow`] that name the operator, without the others.
#[derive(Debug, Deserialize)]
pub(super) struct RowOperator {
    host: CleanText,
    uid: u32,
    claimed: ClaimedNames,
}

#[derive(Debug, Deserialize)]
struct ClaimedNames {
    user: Option<CleanText>,
    sudo_user: Option<CleanText>,
}

impl RowOperator {
    /// The short name of the operator.
    pub(super) fn name(&self) -> OperatorName {
        OperatorName::new(self.uid, self.claimed.user.as_ref(), self.claimed.sudo_user.as_ref(), &self.host)
    }
}

/// The fields of a row that depend on the action.
#[derive(Debug, Default)]
pub(super) struct AuditEntry<'a> {
    pub(super) number: Option<PhoneNumberId>,
    pub(super) waba: Option<WabaId>,
    pub(super) change: Option<ChangeId>,
    pub(super) job: Option<JobId>,
    pub(super) outcome: Option<&'a str>,
    pub(super) attempts: Option<u8>,
    pub(super) reply: ReplySummary,
    pub(super) note: Option<CleanText>,
}

impl AuditRow {
    pub(super) fn new(
        sequence: i64,
        at: UtcTime,
        operator: &Operator,
        action: AuditAction,
        entry: AuditEntry<'_>,
        record: Option<RecordDigest>,
    ) -> Self {
        let text = |value: &dyn std::fmt::Display| CleanText::new(&value.to_string());
        Self {
            sequence,
            at: CleanText::new(&at.to_rfc3339()),
            host: operator.host.clone(),
            uid: operator.uid,
            euid: operator.euid,
            tty: operator.tty.clone(),
            claimed: ClaimedIdentity {
                user: operator.user.clone(),
                sudo_user: operator.sudo_user.clone(),
                ssh_connection: operator.ssh_connection.clone(),
            },
            action,
            waba_id: entry.waba.map(|id| text(&id)),
            phone_number_id: entry.number.map(|id| text(&id)),
            change: entry.change.map(|id| text(&id)),
            job: entry.job.map(JobId::get),
            outcome: entry.outcome.map(CleanText::new),
            attempts: entry.attempts,
            http_status: entry.reply.http_status,
            code: entry.reply.code,
            subcode: entry.reply.subcode,
            trace_id: entry.reply.trace_id,
            note: entry.note,
            version: CleanText::new(env!("CARGO_PKG_VERSION")),
            record: record.map(|digest| text(&digest)),
        }
    }

    /// The parsed time of the row; `None` if it is not valid.
    #[must_use]
    pub fn time(&self) -> Option<UtcTime> {
        UtcTime::from_rfc3339(self.at.as_str())
    }

    /// The operator: the user ID, and in parentheses the name that the environment claims (`SUDO_USER` before `USER`).
    #[must_use]
    pub fn operator_label(&self) -> CleanText {
        let claimed = self.claimed.sudo_user.as_ref().or(self.claimed.user.as_ref());
        let name = claimed.map(|name| format!(" ({name})")).unwrap_or_default();
        CleanText::new(&format!("uid {}{name}", self.uid))
    }

    /// The short name of the operator.
    #[must_use]
    pub fn operator_name(&self) -> OperatorName {
        OperatorName::new(self.uid, self.claimed.user.as_ref(), self.claimed.sudo_user.as_ref(), &self.host)
    }

    /// The loss of earlier rows, if this row reports one. Later rows do not repair it.
    fn reported_loss(self) -> Option<AuditProblem> {
        let is_loss = self.action == AuditAction::Finding
            && self.outcome.is_some_and(|outcome| outcome.as_str() == ROWS_LOST_OUTCOME);
        let note = self.note.filter(|_| is_loss)?;
        let description = format!("at {} pindesk found: {note}", self.at);
        Some(AuditProblem::note(self.sequence, &description))
    }

    /// The row as one line of JSON, always with the same order of fields.
    ///
    /// # Errors
    /// If JSON cannot represent a field. No current field causes this.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        json_text(self)
    }
}
