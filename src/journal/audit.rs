//! The audit log: one row for each action, in a hash chain that reveals an edit, a deletion or a truncation.
//!
//! A row records what the kernel knows about the operator, and separately what the environment claims. It never holds a
//! PIN or anything derived from one, not even the ciphertext.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::StorageError;
use super::model::Operator;
use crate::domain::change::{ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::text::CleanText;
use crate::state_dir::{OpenMode, StateDir};

/// The file that holds the head of the hash chain. It may be behind the database, but never ahead of it.
pub(super) const HEAD_FILE: &str = "audit.head";

/// The `outcome` of a finding that audit rows were lost, or may have been lost.
pub(super) const ROWS_LOST_OUTCOME: &str = "rows_lost";

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
    /// The recipients of the escrow were stored for the first time.
    #[serde(rename = "recipients-first")]
    RecipientsStored,
    /// Changed recipients were accepted.
    #[serde(rename = "recipients-acknowledged")]
    RecipientsAccepted,
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
    /// `set`, `failed`, `not_sent`, `no_answer`, how a doubt was resolved, or `rows_lost`.
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
    /// The value of `USER`.
    pub user: Option<CleanText>,
    /// The value of `SUDO_USER`.
    pub sudo_user: Option<CleanText>,
    /// The value of `SSH_CONNECTION`.
    pub ssh_connection: Option<CleanText>,
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

/// The parts of a reply that are worth searching for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplySummary {
    /// The HTTP status of the reply.
    pub http_status: Option<u16>,
    /// The error code of the Graph API.
    pub code: Option<i64>,
    /// The subcode of the error.
    pub subcode: Option<i64>,
    /// `fbtrace_id`, which Meta's support asks for.
    pub trace_id: Option<CleanText>,
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
        serde_json::to_string(self)
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

    /// Reads the head from the database.
    pub(super) fn read_from(db: &Connection) -> rusqlite::Result<Self> {
        let last = db
            .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok(Self { sequence: row.get(0)?, hash: row.get(1)? }))
            .optional()?;
        Ok(last.unwrap_or(Self::EMPTY))
    }

    /// The text for the head file. Its length never changes, so that one write replaces it.
    fn encode(&self) -> String {
        let mut line = format!("{:020} ", self.sequence);
        for byte in self.hash {
            // Writing to a String cannot fail.
            write!(line, "{byte:02x}").unwrap_or_default();
        }
        line.push('\n');
        line
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

    /// How the database contradicts this head, if it does.
    pub(super) fn find_mismatch(self, db: &Connection) -> rusqlite::Result<Option<CleanText>> {
        let last = ChainHead::read_from(db)?;
        let problem = match self {
            Self::Missing if last.sequence == 0 => None,
            Self::Missing => Some(format!("{HEAD_FILE} is missing, so a truncated audit log cannot be detected")),
            Self::Unreadable => {
                Some(format!("{HEAD_FILE} cannot be read, so a truncated audit log cannot be detected"))
            }
            Self::Present(head) if head.sequence > last.sequence => Some(format!(
                "the journal ends at audit row {}, but it once reached row {}: it was truncated, or replaced with an \
                 older copy",
                last.sequence, head.sequence
            )),
            Self::Present(head) => {
                let hash: Option<[u8; 32]> = db
                    .query_row("SELECT hash FROM audit WHERE seq = ?1", [head.sequence], |row| row.get(0))
                    .optional()?;
                let is_same = head.sequence == 0 || hash == Some(head.hash);
                (!is_same).then(|| format!("audit row {} is not the original row", head.sequence))
            }
        };
        Ok(problem.map(|problem| CleanText::new(&problem)))
    }
}

/// Verifies the hash chain. Returns the number of rows, or the problems.
pub(super) fn verify_chain(
    db: &Connection,
    saved_head: SavedHead,
) -> Result<Result<i64, Vec<AuditProblem>>, StorageError> {
    let mut problems = Vec::new();
    let mut head = ChainHead::EMPTY;
    let mut rows = 0;
    let mut statement = db.prepare("SELECT seq, row, hash FROM audit ORDER BY seq")?;
    let mut cursor = statement.query([])?;
    while let Some(columns) = cursor.next()? {
        let (sequence, row, hash): (i64, String, [u8; 32]) = (columns.get(0)?, columns.get(1)?, columns.get(2)?);
        rows += 1;
        if sequence > head.sequence + 1 {
            let (from, to) = (head.sequence + 1, sequence - 1);
            problems.push(AuditProblem::new(
                from,
                &if from == to { "it is missing".to_owned() } else { format!("rows {from} to {to} are missing") },
            ));
            // The hash before this row is lost, so this row cannot be verified.
            head = ChainHead { sequence, hash };
            continue;
        }
        let parsed = serde_json::from_str::<AuditRow>(&row).ok().filter(|parsed| parsed.sequence == sequence);
        if head.after(&row).hash != hash || parsed.is_none() {
            problems.push(AuditProblem::new(sequence, "it was altered"));
        }
        problems.extend(parsed.and_then(AuditRow::reported_loss));
        head = ChainHead { sequence, hash };
    }
    drop(cursor);
    problems.extend(verify_rows(db)?);
    if let Some(mismatch) = saved_head.find_mismatch(db)? {
        problems.push(AuditProblem::new(head.sequence, mismatch.as_str()));
    }
    Ok(if problems.is_empty() { Ok(rows) } else { Err(problems) })
}

/// Finds records that the audit log names but the other tables lack or contradict.
fn verify_rows(db: &Connection) -> rusqlite::Result<Vec<AuditProblem>> {
    db.prepare(
        "WITH told AS (SELECT seq, row ->> '$.action' AS action, row ->> '$.change' AS change,
            row ->> '$.phone_number_id' AS number, row ->> '$.outcome' AS outcome FROM audit WHERE json_valid(row))
        SELECT seq FROM told WHERE CASE action
            WHEN 'intent' THEN (change, number) NOT IN (SELECT c.change, c.number FROM changes c WHERE c.seq = told.seq)
            WHEN 'try' THEN (change, number) NOT IN (SELECT t.change, c.number FROM tries t
                JOIN changes c USING (change) WHERE t.seq = told.seq)
            WHEN 'outcome' THEN (change, outcome) NOT IN (
                SELECT o.change, o.kind FROM outcomes o WHERE o.seq = told.seq)
            WHEN 'settled' THEN (change, outcome) NOT IN (
                SELECT s.change, s.how FROM settlements s WHERE s.seq = told.seq)
            ELSE 0 END
        ORDER BY seq",
    )?
    .query_map([], |row| Ok(AuditProblem::new(row.get(0)?, "the record that it describes was deleted or altered")))?
    .collect()
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
    fn new(sequence: i64, description: &str) -> Self {
        Self { sequence, description: CleanText::new(description) }
    }
}
