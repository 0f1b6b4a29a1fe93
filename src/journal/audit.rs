//! The audit log: one row for each action, in a hash chain that reveals an edit, a deletion or a truncation.
//!
//! A row records what the kernel knows about the operator, and separately what the environment claims. It never holds a
//! PIN or anything derived from one, not even the ciphertext.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::model::{Operator, ReplySummary};
use crate::domain::change::{ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::json_text::json_text;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::operator::OperatorName;
use crate::domain::text::CleanText;
use crate::state_dir::{OpenMode, StateDir};

/// The file that holds the head of the hash chain. It may be behind the database, but never ahead of it.
pub(super) const HEAD_FILE: &str = "audit.head";

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

/// The head of the hash chain: the number and the hash of the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChainHead {
    pub(super) sequence: i64,
    pub(super) hash: [u8; 32],
}

/// The content of [`HEAD_FILE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SavedHead {
    Missing,
    Unreadable,
    Present(ChainHead),
}

impl AuditRow {
    pub(super) fn new(
        sequence: i64,
        at: UtcTime,
        operator: &Operator,
        action: AuditAction,
        entry: AuditEntry<'_>,
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
        Some(AuditProblem::new(self.sequence, &format!("at {} pindesk found: {note}", self.at)))
    }

    /// The row as one line of JSON, always with the same order of fields.
    ///
    /// # Errors
    /// If JSON cannot represent a field. No current field causes this.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        json_text(self)
    }
}

impl ChainHead {
    /// The head of an empty log.
    pub(super) const EMPTY: Self = Self { sequence: 0, hash: [0; 32] };

    /// The head after this row is appended.
    pub(super) fn after(self, row: &str) -> Self {
        let hash = Sha256::new().chain_update(self.hash).chain_update(row.as_bytes()).finalize();
        Self { sequence: self.sequence + 1, hash: hash.into() }
    }

    /// The hash in hexadecimal digits.
    pub(super) fn hash_text(&self) -> String {
        let mut text = String::with_capacity(2 * self.hash.len());
        for byte in self.hash {
            // Writing to a String cannot fail.
            write!(text, "{byte:02x}").unwrap_or_default();
        }
        text
    }

    /// The text for the head file. Its length never changes, so that one write replaces it.
    fn encode(&self) -> String {
        format!("{:020} {}\n", self.sequence, self.hash_text())
    }

    fn parse(line: &str) -> Option<Self> {
        let (sequence, digits) = line.strip_suffix('\n')?.split_once(' ')?;
        let mut hash = [0; 32];
        for (byte, start) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(start..start + 2)?, 16).ok()?;
        }
        let head = Self { sequence: sequence.parse().ok()?, hash };
        (head.encode() == line).then_some(head)
    }

    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        file.write_all_at(self.encode().as_bytes(), 0)
    }
}

impl SavedHead {
    pub(super) fn read(dir: &StateDir) -> Result<Self, crate::state_dir::StateDirError> {
        let mut file = match dir.open_file(HEAD_FILE, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.is_missing() => return Ok(Self::Missing),
            Err(error) => return Err(error),
        };
        let mut line = String::new();
        let is_read = file.read_to_string(&mut line).is_ok();
        Ok(ChainHead::parse(&line).filter(|_| is_read).map_or(Self::Unreadable, Self::Present))
    }

    /// How the database contradicts this head, if it does: `last_sequence` is the number of its last row, and
    /// `stored_hash` the hash of the row that this head names, if there is such a row.
    pub(super) fn find_mismatch(self, last_sequence: i64, stored_hash: Option<[u8; 32]>) -> Option<CleanText> {
        let problem = match self {
            Self::Missing if last_sequence == 0 => None,
            Self::Missing => Some(format!("{HEAD_FILE} is missing, so a truncated audit log cannot be detected")),
            Self::Unreadable => {
                Some(format!("{HEAD_FILE} cannot be read, so a truncated audit log cannot be detected"))
            }
            Self::Present(head) if head.sequence > last_sequence => Some(format!(
                "the journal ends at audit row {last_sequence}, but it once reached row {}: it was truncated, or \
                 replaced with an older copy",
                head.sequence
            )),
            Self::Present(head) => {
                let is_same = head.sequence == 0 || stored_hash == Some(head.hash);
                (!is_same).then(|| format!("audit row {} is not the original row", head.sequence))
            }
        };
        problem.map(|problem| CleanText::new(&problem))
    }
}

/// Verifies the hash chain, row by row.
#[derive(Debug)]
pub(super) struct ChainVerifier {
    head: ChainHead,
    row_count: i64,
    problems: Vec<AuditProblem>,
}

impl ChainVerifier {
    pub(super) const fn new() -> Self {
        Self { head: ChainHead::EMPTY, row_count: 0, problems: Vec::new() }
    }

    /// Verifies the next row.
    pub(super) fn verify_row(&mut self, sequence: i64, row: &str, hash: [u8; 32]) {
        self.row_count += 1;
        if sequence > self.head.sequence + 1 {
            let (from, to) = (self.head.sequence + 1, sequence - 1);
            self.problems.push(AuditProblem::new(
                from,
                &if from == to { "it is missing".to_owned() } else { format!("rows {from} to {to} are missing") },
            ));
            // The hash before this row is lost, so this row cannot be verified.
            self.head = ChainHead { sequence, hash };
            return;
        }
        let parsed = serde_json::from_str::<AuditRow>(row).ok().filter(|parsed| parsed.sequence == sequence);
        if self.head.after(row).hash != hash || parsed.is_none() {
            self.problems.push(AuditProblem::new(sequence, "it was altered"));
        }
        self.problems.extend(parsed.and_then(AuditRow::reported_loss));
        self.head = ChainHead { sequence, hash };
    }

    /// Ends with what contradicts the log: `rows` whose record in another table is missing or differs, and the saved
    /// head. Returns how many rows there were, or the problems.
    pub(super) fn finish(mut self, rows: Vec<i64>, mismatch: Option<CleanText>) -> Result<i64, Vec<AuditProblem>> {
        let unmatched = "the record that it describes was deleted or altered";
        self.problems.extend(rows.into_iter().map(|sequence| AuditProblem::new(sequence, unmatched)));
        self.problems.extend(mismatch.map(|mismatch| AuditProblem::new(self.head.sequence, mismatch.as_str())));
        if self.problems.is_empty() { Ok(self.row_count) } else { Err(self.problems) }
    }
}

/// A problem of the audit log, or a loss that the log itself reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProblem {
    /// The number of the row.
    pub sequence: i64,
    /// What is wrong, as the end of a sentence about the row.
    pub description: CleanText,
}

impl AuditProblem {
    pub(super) fn new(sequence: i64, description: &str) -> Self {
        Self { sequence, description: CleanText::new(description) }
    }
}
