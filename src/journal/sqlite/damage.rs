//! What a writer does about damage: it records what has happened, and nothing that leads to a request.
//!
//! It checks the rows that decide whether a PIN may be sent, and binds rows that an operator accepted as they are. It
//! repairs nothing.

use super::row_check::RowCheck;
use super::transaction::{JournalTx, WriteOp};
use super::{record_digest, row_groups};
use crate::domain::change::JobId;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;
use crate::journal::audit::{AuditAction, AuditEntry};
use crate::journal::error::{RecordError, StorageError, move_away_command};
use crate::journal::model::{AuditProblem, JournalDamage};

impl<'t> JournalTx<'t> {
    /// Why a record is refused on a damaged journal: it leads to a request, or decides something about one.
    pub(super) fn damage_refusal(&self, op: &WriteOp) -> Option<RecordError> {
        match op {
            WriteOp::StartJob(_)
            | WriteOp::ResumeJob { .. }
            | WriteOp::RecordIntent(_)
            | WriteOp::RecordRetry { .. }
            | WriteOp::Resolve { .. }
            | WriteOp::RecordReEncryptions(_)
            | WriteOp::AcceptRecipients => self.damage(),
            WriteOp::EndJob(_)
            | WriteOp::RecordOutcome(_)
            | WriteOp::RecordRefusal(_)
            | WriteOp::RecordEvents(_)
            | WriteOp::AcceptDamage { .. } => None,
        }
    }

    /// Why this process sends nothing more, if rows are damaged.
    pub(super) fn damage(&self) -> Option<RecordError> {
        self.context.damage.clone().map(RecordError::Damaged)
    }

    /// Checks the rows that decide whether a PIN may be sent to a number.
    pub(super) fn check_number(&mut self, number: PhoneNumberId) -> Result<Result<(), RecordError>, StorageError> {
        let checked = self.row_check()?.check_number(number)?;
        Ok(checked.map_err(|problem| self.stop_for(problem)))
    }

    /// Checks that a job has the list that was confirmed. Damage that an operator accepted is no confirmation.
    pub(super) fn check_job(&mut self, job: JobId) -> Result<Result<(), RecordError>, StorageError> {
        let mut check = self.row_check()?;
        let Err(problem) = check.check_job(job)? else { return Ok(Ok(())) };
        let is_accepted = check.binding.is_some_and(|binding| problem.until <= binding.until);
        let text = format!(
            "{problem}, so the numbers of job {job} may not be the ones that were confirmed. To see each damaged row: \
             pindesk audit verify. To set the remaining numbers, start a new job"
        );
        if !is_accepted {
            self.stop_for(problem);
        }
        Ok(Err(RecordError::Damaged(CleanText::new(&text))))
    }

    /// A check of the rows of this transaction.
    pub(super) fn row_check(&mut self) -> rusqlite::Result<RowCheck<'t>> {
        let check = RowCheck::new(self.db, self.context.binding)?;
        self.context.binding = check.binding;
        Ok(check)
    }

    /// From now on, this process sends nothing.
    pub(super) fn stop_for(&mut self, problem: AuditProblem) -> RecordError {
        let damage =
            JournalDamage { problems: vec![problem], move_away: move_away_command(self.context.run_lock.dir().path()) };
        RecordError::Damaged(self.context.damage.insert(CleanText::new(&damage.to_string())).clone())
    }

    /// Binds all rows of older versions, which have no digests.
    pub(super) fn bind_older_rows(&mut self) -> Result<(), StorageError> {
        let until = self.head.sequence;
        if until == 0 {
            return Ok(());
        }
        let note = format!("rows 1 to {until} of an older pindesk");
        self.bind_rows(AuditAction::RowsBound, &note, until)
    }

    /// Accepts the damage in all rows until this one, as they are.
    pub(super) fn accept_damage(&mut self, until: i64) -> Result<(), StorageError> {
        // If the row is missing, the next one cannot be compared with it, and is bound as well.
        const NEXT: &str = "SELECT coalesce(min(seq), ?1) FROM audit WHERE seq >= ?1";
        // The log continues after rows of other tables that have no audit row: they are never deleted.
        let last = record_digest::last_record(self.db)?.unwrap_or_default().max(self.head.sequence);
        if last == i64::MAX {
            return Err(StorageError::new("a row has an impossible number"));
        }
        self.head.sequence = last;
        let bound = row_groups::newest(self.db)?.map_or(0, |binding| binding.until);
        let until = self.db.query_row(NEXT, [until.max(bound).min(last)], |row| row.get(0))?;
        // The rows are accepted as they are, and so are the counts that follow from them.
        self.drop_all_tallies()?;
        self.bind_rows(AuditAction::DamageAccepted, &format!("damage in rows 1 to {until}"), until)
    }

    fn bind_rows(&mut self, action: AuditAction, note: &str, until: i64) -> Result<(), StorageError> {
        let entry = AuditEntry { note: Some(CleanText::new(note)), ..AuditEntry::default() };
        self.add_record(action, self.now.utc, entry, |tx, seq| Ok(row_groups::insert(tx.db, seq, until)?))
    }
}
