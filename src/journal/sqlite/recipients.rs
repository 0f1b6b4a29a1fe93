//! Reads and stores the escrow recipients. The last row has those that an operator last accepted.

use rusqlite::{OptionalExtension as _, params};

use super::row_check::RowCheck;
use super::transaction::JournalTx;
use crate::domain::text::CleanText;
use crate::escrow::Fingerprint;
use crate::journal::audit::{AuditAction, AuditEntry};
use crate::journal::error::{RecordError, StorageError};
use crate::journal::model::{AuditProblem, RecipientsStatus};
use crate::journal::rules::recipients::{self, RecipientsMatch};

/// Whether these recipients are the stored ones; an error if the stored ones were altered.
pub(super) fn status(
    check: &mut RowCheck<'_>,
    current: &[Fingerprint],
) -> Result<Result<RecipientsStatus, AuditProblem>, StorageError> {
    Ok(stored(check)?.map(|stored| recipients::status(stored, current)))
}

/// The stored recipients. If an operator accepted damage in them, they are unknown: then the list is empty, so that an
/// operator must accept those of the config.
fn stored(check: &mut RowCheck<'_>) -> Result<Result<Option<Vec<Fingerprint>>, AuditProblem>, StorageError> {
    match check.check_recipients()? {
        Ok(true) => {}
        Ok(false) => return Ok(Ok(Some(Vec::new()))),
        Err(problem) => return Ok(Err(problem)),
    }
    let last: Option<String> = check
        .db()
        .prepare_cached("SELECT fingerprints FROM recipients ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(last) = last else { return Ok(Ok(None)) };
    let texts: Vec<String> = serde_json::from_str(&last).map_err(|error| StorageError::new(error.to_string()))?;
    Ok(Ok(Some(texts.iter().map(|text| Fingerprint::new(text)).collect())))
}

impl JournalTx<'_> {
    /// How the recipients of this process compare with the stored ones. If those were altered, this process sends nothing
    /// from now on.
    pub(super) fn recipients_match(&mut self) -> Result<RecipientsMatch, StorageError> {
        if let Some(known) = self.recipients {
            return Ok(known);
        }
        let found = match stored(&mut self.row_check()?)? {
            Ok(stored) => RecipientsMatch::new(stored.as_deref(), &self.context.recipients),
            Err(problem) => {
                self.stop_for(problem);
                RecipientsMatch::Changed
            }
        };
        self.recipients = Some(found);
        Ok(found)
    }

    /// Stores the recipients of this process because an operator accepted them, if there is something to accept.
    pub(super) fn accept_recipients(&mut self) -> Result<Result<(), RecordError>, StorageError> {
        let recipients = self.recipients_match()?;
        match self.damage() {
            Some(refusal) => Ok(Err(refusal)),
            None => Ok(Ok(self.store_recipients(recipients.stored_when_accepted())?)),
        }
    }

    /// Stores the recipients of this process with an action, if there is one.
    pub(super) fn store_recipients(&mut self, action: Option<AuditAction>) -> Result<(), StorageError> {
        let Some(action) = action else { return Ok(()) };
        let texts: Vec<&str> = self.context.recipients.iter().map(Fingerprint::as_str).collect();
        let note = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
        let fingerprints = serde_json::to_string(&texts).map_err(|error| StorageError::new(error.to_string()))?;
        self.insert_recipients(action, &note, &fingerprints)
    }

    /// Stores an empty list of recipients, so that an operator must accept those of the config: the journal was lost
    /// with the accepted ones, and the config may name those of an attacker.
    pub(super) fn clear_recipients(&mut self) -> Result<(), StorageError> {
        let note = "the previous escrow recipients are unknown, because the journal was lost";
        self.insert_recipients(AuditAction::Finding, note, "[]")
    }

    fn insert_recipients(&mut self, action: AuditAction, note: &str, fingerprints: &str) -> Result<(), StorageError> {
        let at = self.now.utc;
        let entry = AuditEntry { note: Some(CleanText::new(note)), ..AuditEntry::default() };
        self.add_record(action, at, entry, |tx, seq| {
            tx.db
                .prepare_cached("INSERT INTO recipients (seq, at, fingerprints) VALUES (?1, ?2, ?3)")?
                .execute(params![seq, at.unix_seconds(), fingerprints])?;
            Ok(())
        })?;
        self.recipients = None;
        Ok(())
    }
}
