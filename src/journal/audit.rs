//! The audit log: one row for each action, chained by hash, so that an edit, a deletion or a truncation shows.
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

/// The file with the end of the audit log. It may lag behind the database, never lead.
pub(super) const HEAD_FILE: &str = "audit.head";

/// The outcome of a finding that rows were lost, or may have been.
pub(super) const ROWS_LOST_OUTCOME: &str = "rows_lost";

/// An action of an operator, or a finding.
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
    /// A doubt was resolved.
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
    /// Opening the journal found a problem.
    #[serde(rename = "found")]
    Finding,
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Counted from 1, without a gap.
    pub sequence: i64,
    /// The time, as RFC 3339.
    pub at: CleanText,
    /// The host's name.
    pub host: CleanText,
    /// The real user id.
    pub uid: u32,
    /// The effective user id.
    pub euid: u32,
    /// The terminal.
    pub tty: Option<CleanText>,
    /// What only the environment claims.
    pub claimed: ClaimedIdentity,
    /// The action.
    pub action: AuditAction,
    /// The WABA.
    pub waba_id: Option<CleanText>,
    /// The phone number's id.
    pub phone_number_id: Option<CleanText>,
    /// The change.
    pub change: Option<CleanText>,
    /// The job.
    pub job: Option<u32>,
    /// `set`, `failed`, `not_sent`, `no_answer`, how a doubt was resolved, or `rows_lost`.
    pub outcome: Option<CleanText>,
    /// Attempts made.
    #[serde(rename = "tries")]
    pub attempts: Option<u8>,
    /// The reply's HTTP status.
    pub http_status: Option<u16>,
    /// Graph's error code.
    pub code: Option<i64>,
    /// Its subcode.
    pub subcode: Option<i64>,
    /// The trace id, which Meta's support asks for.
    pub trace_id: Option<CleanText>,
    /// More details.
    pub note: Option<CleanText>,
    /// The version of the program.
    pub version: CleanText,
}

/// What the environment claims about the operator. Anyone can fake it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedIdentity {
    /// `USER`.
    pub user: Option<CleanText>,
    /// `SUDO_USER`.
    pub sudo_user: Option<CleanText>,
    /// `SSH_CONNECTION`.
    pub ssh_connection: Option<CleanText>,
}

/// What a row records besides operator and host.
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
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// Graph's error code.
    pub code: Option<i64>,
    /// Its subcode.
    pub subcode: Option<i64>,
    /// `fbtrace_id`, which Meta's support asks for.
    pub trace_id: Option<CleanText>,
}

/// The end of the audit log: its last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChainHead {
    pub(super) sequence: i64,
    pub(super) hash: [u8; 32],
}

/// The content of the head file.
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
        actor: &Operator,
        action: AuditAction,
        entry: AuditEntry<'_>,
    ) -> Self {
        let text = |shown: &dyn std::fmt::Display| CleanText::new(&shown.to_string());
        Self {
            sequence,
            at: CleanText::new(&at.to_rfc3339()),
            host: actor.host.clone(),
            uid: actor.uid,
            euid: actor.euid,
            tty: actor.tty.clone(),
            claimed: ClaimedIdentity {
                user: actor.user.clone(),
                sudo_user: actor.sudo_user.clone(),
                ssh_connection: actor.ssh_connection.clone(),
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

    /// The time.
    #[must_use]
    pub fn time(&self) -> Option<UtcTime> {
        UtcTime::from_rfc3339(self.at.as_str())
    }

    /// The operator: the user id, and in brackets the name that the environment claims (the user who called sudo, if
    /// any).
    #[must_use]
    pub fn operator_label(&self) -> CleanText {
        let claimed = self.claimed.sudo_user.as_ref().or(self.claimed.user.as_ref());
        let name = claimed.map(|name| format!(" ({name})")).unwrap_or_default();
        CleanText::new(&format!("uid {}{name}", self.uid))
    }

    /// The finding that rows were lost before this one, if the row reports it. Later rows do not repair a loss.
    fn reported_loss(self) -> Option<AuditProblem> {
        let tells_of_it = self.action == AuditAction::Finding
            && self.outcome.is_some_and(|outcome| outcome.as_str() == ROWS_LOST_OUTCOME);
        let note = self.note.filter(|_| tells_of_it)?;
        Some(AuditProblem::new(self.sequence, &format!("at {} it was found that {note}", self.at)))
    }

    /// The row as one line of JSON, with its fields always in the same order.
    ///
    /// # Errors
    /// None that is known: every field can be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl ChainHead {
    /// The head before the first row.
    pub(super) const EMPTY: Self = Self { sequence: 0, hash: [0; 32] };

    /// The head after this row.
    pub(super) fn after(self, row: &str) -> Self {
        let hash = Sha256::new().chain_update(self.hash).chain_update(row.as_bytes()).finalize();
        Self { sequence: self.sequence + 1, hash: hash.into() }
    }

    /// The head of the database.
    pub(super) fn read_from(db: &Connection) -> rusqlite::Result<Self> {
        let last = db
            .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok(Self { sequence: row.get(0)?, hash: row.get(1)? }))
            .optional()?;
        Ok(last.unwrap_or(Self::EMPTY))
    }

    /// Always the same number of bytes, so that one write replaces it.
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
        for (byte, place) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(place..place + 2)?, 16).ok()?;
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

    /// How the database differs from this head, if it does.
    pub(super) fn find_mismatch(self, db: &Connection) -> rusqlite::Result<Option<CleanText>> {
        let last = ChainHead::read_from(db)?;
        let what = match self {
            Self::Missing if last.sequence == 0 => None,
            Self::Missing => {
                Some(format!("{HEAD_FILE} is missing, so nobody can tell whether rows were cut off the audit"))
            }
            Self::Unreadable => {
                Some(format!("{HEAD_FILE} cannot be read, so nobody can tell whether rows were cut off the audit"))
            }
            Self::Present(head) if head.sequence > last.sequence => Some(format!(
                "the journal ends at audit row {}, but went on to row {}: an older copy was put in its place, or rows were \
                 cut off",
                last.sequence, head.sequence
            )),
            Self::Present(head) => {
                let hash: Option<[u8; 32]> = db
                    .query_row("SELECT hash FROM audit WHERE seq = ?1", [head.sequence], |row| row.get(0))
                    .optional()?;
                let is_same = head.sequence == 0 || hash == Some(head.hash);
                (!is_same).then(|| format!("audit row {} is not the one that was written", head.sequence))
            }
        };
        Ok(what.map(|what| CleanText::new(&what)))
    }
}

/// Verifies the chain. Returns the number of rows, or what is wrong.
pub(super) fn verify_chain(db: &Connection, noted: SavedHead) -> Result<Result<i64, Vec<AuditProblem>>, StorageError> {
    let mut broken = Vec::new();
    let mut head = ChainHead::EMPTY;
    let mut rows = 0;
    let mut statement = db.prepare("SELECT seq, row, hash FROM audit ORDER BY seq")?;
    let mut cursor = statement.query([])?;
    while let Some(found) = cursor.next()? {
        let (sequence, row, hash): (i64, String, [u8; 32]) = (found.get(0)?, found.get(1)?, found.get(2)?);
        rows += 1;
        if sequence > head.sequence + 1 {
            let (from, to) = (head.sequence + 1, sequence - 1);
            broken.push(AuditProblem::new(
                from,
                &if from == to { "it is missing".to_owned() } else { format!("rows {from} to {to} are missing") },
            ));
            // The rows after a gap cannot be verified against a hash that is gone.
            head = ChainHead { sequence, hash };
            continue;
        }
        let told = serde_json::from_str::<AuditRow>(&row).ok().filter(|told| told.sequence == sequence);
        if head.after(&row).hash != hash || told.is_none() {
            broken.push(AuditProblem::new(sequence, "it was altered"));
        }
        broken.extend(told.and_then(AuditRow::reported_loss));
        head = ChainHead { sequence, hash };
    }
    drop(cursor);
    broken.extend(verify_rows(db)?);
    if let Some(what) = noted.find_mismatch(db)? {
        broken.push(AuditProblem::new(head.sequence, what.as_str()));
    }
    Ok(if broken.is_empty() { Ok(rows) } else { Err(broken) })
}

/// Rows that are missing, or differ from the audit log.
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
    .query_map([], |row| Ok(AuditProblem::new(row.get(0)?, "what it tells of is gone, or was altered")))?
    .collect()
}

/// A problem of the audit log, or one that it reports itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProblem {
    /// The row.
    pub sequence: i64,
    /// What is wrong with it.
    pub description: CleanText,
}

impl AuditProblem {
    fn new(sequence: i64, what: &str) -> Self {
        Self { sequence, description: CleanText::new(what) }
    }
}
