//! Checkpoints: how far an earlier start has checked the audit log and the escrow file, so that a start checks only what
//! is newer, however long the history is.
//!
//! A checkpoint is an audit row, so the hash chain covers it. One that is behind is only slower. One that claims more than
//! there is means damage, and then everything is checked again. In a copied directory it does not count.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::audit_log;
use super::transaction::JournalTx;
use crate::domain::text::CleanText;
use crate::escrow::{EscrowFile, EscrowPosition};
use crate::journal::audit::{AuditAction, AuditEntry, ChainHead};
use crate::journal::database_files::DATABASE_FILE;
use crate::journal::error::StorageError;
use crate::journal::model::AuditProblem;
use crate::state_dir::StateDir;

/// A start writes a checkpoint after this many rows: few enough that checking them takes less than the rest of a start.
const MIN_NEW_ROWS: i64 = 200;

/// How far an earlier start has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// The last audit row before the row of the checkpoint itself.
    pub(super) head: ChainHead,
    /// The part of the escrow file that was compared with the changes before this row.
    pub(super) escrow: EscrowPosition,
    /// The rows of the changes that were open then, as a JSON list.
    pub(super) open: String,
}

impl Checkpoint {
    /// Nothing is checked yet.
    pub(super) fn none() -> Self {
        Self { head: ChainHead::EMPTY, escrow: EscrowPosition::default(), open: "[]".to_owned() }
    }

    /// The row of the checkpoint itself; `None` if nothing is checked yet.
    fn sequence(&self) -> Option<i64> {
        (self.head != ChainHead::EMPTY).then_some(self.head.sequence + 1)
    }
}

/// What the newest checkpoint says.
#[derive(Debug)]
pub(super) enum LastCheckpoint {
    /// There is none, or it is of other files.
    None,
    /// It fits: what is before it needs no check.
    Fits(Checkpoint),
    /// Something that was checked is gone, as this finding says.
    Contradicted(CleanText),
}

impl LastCheckpoint {
    /// Reads the newest checkpoint, and compares it with the files.
    pub(super) fn read(db: &Connection, dir: &StateDir) -> Result<Self, StorageError> {
        let Some((checkpoint, files)) = newest(db)? else { return Ok(Self::None) };
        if files != FileNames::read(dir)? {
            return Ok(Self::None);
        }
        if checkpoint.head.sequence >= audit_log::chain_head(db)?.sequence {
            return Ok(Self::Contradicted(CleanText::new(&format!(
                "a checkpoint is of audit row {}, which the journal no longer has: it was truncated",
                checkpoint.head.sequence + 1
            ))));
        }
        let has_escrow =
            EscrowFile::has(dir, checkpoint.escrow).map_err(|error| StorageError::new(error.to_string()))?;
        if has_escrow {
            return Ok(Self::Fits(checkpoint));
        }
        Ok(Self::Contradicted(CleanText::new(&format!(
            "escrow.jsonl was truncated or replaced: pindesk had checked {} lines of it",
            checkpoint.escrow.lines
        ))))
    }

    /// The checkpoint to begin with.
    pub(super) fn base(&self) -> Checkpoint {
        match self {
            Self::Fits(checkpoint) => checkpoint.clone(),
            Self::None | Self::Contradicted(_) => Checkpoint::none(),
        }
    }

    /// What an operator must know.
    pub(super) fn finding(&self) -> Option<CleanText> {
        match self {
            Self::Contradicted(finding) => Some(finding.clone()),
            Self::None | Self::Fits(_) => None,
        }
    }

    /// True if a start that checked everything up to this row writes a new one.
    pub(super) fn is_due(&self, sequence: i64) -> bool {
        match self {
            // Otherwise every start would find the same again.
            Self::Contradicted(_) => true,
            Self::None => sequence > MIN_NEW_ROWS,
            Self::Fits(last) => sequence > last.head.sequence + MIN_NEW_ROWS,
        }
    }
}

/// Names the files that were checked: the device and the inode of each.
#[derive(Debug, PartialEq, Eq)]
struct FileNames {
    journal: String,
    escrow: String,
}

impl FileNames {
    fn read(dir: &StateDir) -> Result<Self, StorageError> {
        let name = |identity: Option<(u64, u64)>| identity.map(|(dev, ino)| format!("{dev}:{ino}")).unwrap_or_default();
        Ok(Self { journal: name(dir.file_identity(DATABASE_FILE)?), escrow: name(EscrowFile::identity(dir)?) })
    }
}

/// The newest checkpoint; `None` also if it was altered so that it is none, which a check of the audit log reports.
fn newest(db: &Connection) -> Result<Option<(Checkpoint, FileNames)>, StorageError> {
    let newest = db
        .prepare_cached(
            "SELECT seq, hash, journal_file, escrow_file, escrow_bytes, escrow_lines, escrow_digest, open
            FROM checkpoints ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([], |row| Ok(parse(row)))
        .optional()?;
    Ok(newest.flatten())
}

fn parse(row: &Row<'_>) -> Option<(Checkpoint, FileNames)> {
    let (sequence, bytes, lines): (i64, i64, i64) = (row.get(0).ok()?, row.get(4).ok()?, row.get(5).ok()?);
    let escrow =
        EscrowPosition { bytes: bytes.try_into().ok()?, lines: lines.try_into().ok()?, digest: row.get(6).ok()? };
    let head = ChainHead { sequence: sequence.checked_sub(1)?, hash: row.get(1).ok()? };
    let files = FileNames { journal: row.get(2).ok()?, escrow: row.get(3).ok()? };
    let open: String = row.get(7).ok()?;
    serde_json::from_str::<Vec<i64>>(&open).ok()?;
    Some((Checkpoint { head, escrow, open }, files))
}

/// The first part of the escrow file that is no longer as it was checked, as a problem of the checkpoint. Reads the whole
/// file.
pub(super) fn changed_escrow(db: &Connection, dir: &StateDir) -> Result<Option<AuditProblem>, StorageError> {
    const CHAIN: &str = "
        WITH RECURSIVE chain (seq, after, bytes, lines, digest) AS (
            SELECT seq, after, escrow_bytes, escrow_lines, escrow_digest FROM checkpoints
            WHERE seq = (SELECT max(seq) FROM checkpoints)
            UNION SELECT c.seq, c.after, c.escrow_bytes, c.escrow_lines, c.escrow_digest
            FROM checkpoints c JOIN chain ON c.seq = chain.after)
        SELECT seq, bytes, lines, digest FROM chain ORDER BY seq";
    // In a copied directory, or beside a copied file, no checkpoint counts.
    if newest(db)?.is_none_or(|(_, files)| FileNames::read(dir).is_ok_and(|current| current.escrow != files.escrow)) {
        return Ok(None);
    }
    let mut statement = db.prepare(CHAIN)?;
    let mut rows = statement.query([])?;
    let mut from = EscrowPosition::default();
    while let Some(row) = rows.next()? {
        let (sequence, bytes, lines): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (bytes, lines) = (u64::try_from(bytes).unwrap_or_default(), usize::try_from(lines).unwrap_or_default());
        let end = EscrowPosition { bytes, lines, digest: row.get(3).unwrap_or_default() };
        let digest = EscrowFile::digest(dir, from, end.bytes).map_err(|error| StorageError::new(error.to_string()))?;
        if digest != Some(end.digest) {
            let first = from.lines + 1;
            let problem = format!("lines {first} to {lines} of escrow.jsonl are no longer as they were then");
            return Ok(Some(AuditProblem::note(sequence, &problem)));
        }
        from = end;
    }
    Ok(None)
}

impl JournalTx<'_> {
    /// Records that all rows and the escrow file up to here were checked, after this checkpoint, and which changes are
    /// open.
    pub(super) fn insert_checkpoint(
        &mut self,
        dir: &StateDir,
        after: &Checkpoint,
        escrow: EscrowPosition,
        open: &[i64],
    ) -> Result<(), StorageError> {
        let (checked, files) = (self.head, FileNames::read(dir)?);
        let note = format!("audit rows 1 to {}, escrow.jsonl to line {}", checked.sequence, escrow.lines);
        let entry = AuditEntry { note: Some(CleanText::new(&note)), ..AuditEntry::default() };
        let open = serde_json::to_string(open).map_err(|error| StorageError::new(error.to_string()))?;
        self.add_record(AuditAction::Checked, self.now.utc, entry, |tx, seq| {
            tx.db
                .prepare_cached(
                    "INSERT INTO checkpoints (seq, after, hash, journal_file, escrow_file, escrow_bytes, escrow_lines,
                        escrow_digest, open)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    seq,
                    after.sequence(),
                    checked.hash,
                    files.journal,
                    files.escrow,
                    escrow.bytes.cast_signed(),
                    escrow.lines.cast_signed(),
                    escrow.digest,
                    open
                ])?;
            Ok(())
        })
    }
}
