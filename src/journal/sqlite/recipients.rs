//! Reads and stores the escrow recipients. The last row has those that an operator last accepted.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::transaction::JournalTx;
use crate::domain::text::CleanText;
use crate::escrow::Fingerprint;
use crate::journal::audit::{AuditAction, AuditEntry};
use crate::journal::error::StorageError;
use crate::journal::model::RecipientsStatus;
use crate::journal::rules::recipients::{self, RecipientsMatch};

/// Whether these recipients are the stored ones.
pub(super) fn status(db: &Connection, current: &[Fingerprint]) -> Result<RecipientsStatus, StorageError> {
    Ok(recipients::status(stored(db)?, current))
}

fn stored(db: &Connection) -> Result<Option<Vec<Fingerprint>>, StorageError> {
    let last: Option<String> = db
        .prepare_cached("SELECT fingerprints FROM recipients ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(last) = last else { return Ok(None) };
    let texts: Vec<String> = serde_json::from_str(&last).map_err(|error| StorageError::new(error.to_string()))?;
    Ok(Some(texts.iter().map(|text| Fingerprint::new(text)).collect()))
}

impl JournalTx<'_> {
    /// How the recipients of this process compare with the stored ones.
    pub(super) fn recipients_match(&self) -> Result<RecipientsMatch, StorageError> {
        Ok(RecipientsMatch::new(stored(self.db)?.as_deref(), &self.context.recipients))
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
        let seq = self.add_audit_row(action, at, entry)?;
        self.db
            .prepare_cached("INSERT INTO recipients (seq, at, fingerprints) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, at.unix_seconds(), fingerprints])?;
        Ok(())
    }
}
