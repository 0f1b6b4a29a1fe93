//! Stores and reads PINs that were encrypted again, and to which recipients each encrypted PIN was encrypted.
//!
//! It decrypts nothing. A change keeps its first encrypted PIN: each further one is a row of its own.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::columns::{parse_column, waba_column};
use super::transaction::JournalTx;
use super::{change_facts, open_changes};
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;
use crate::escrow::{Ciphertext, EscrowEntry, Fingerprint};
use crate::journal::audit::{AuditAction, AuditEntry};
use crate::journal::error::{RecordError, StorageError};
use crate::journal::model::PinRecipients;
use crate::journal::rules::recipients::RecipientsMatch;

impl JournalTx<'_> {
    /// Records these encrypted PINs, and appends them to the escrow file. Refuses all of them if the recipients of this
    /// process are not the stored ones, or if a change is unknown.
    pub(super) fn record_re_encryptions(
        &mut self,
        entries: &[EscrowEntry],
    ) -> Result<Result<(), RecordError>, StorageError> {
        let recipients = self.recipients_match()?;
        if recipients == RecipientsMatch::Changed {
            return Ok(Err(RecordError::RecipientsChanged));
        }
        for entry in entries {
            if !open_changes::change_exists(self.db, entry.change)? {
                let what = format!("the journal has no change {}", entry.change);
                return Ok(Err(RecordError::Busy(CleanText::new(&what))));
            }
        }
        self.store_recipients(recipients.stored_with_a_pin())?;
        for entry in entries {
            let at = self.now.utc;
            let audit_entry = AuditEntry {
                number: Some(entry.number),
                waba: entry.waba,
                change: Some(entry.change),
                job: entry.job,
                ..AuditEntry::default()
            };
            self.add_record(AuditAction::PinReEncrypted, at, audit_entry, |tx, seq| {
                tx.db
                    .prepare_cached("INSERT INTO re_encryptions (seq, change, at, sealed) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![seq, entry.change.to_string(), at.unix_seconds(), entry.ciphertext.0])?;
                Ok(())
            })?;
        }
        self.escrow_entries.extend_from_slice(entries);
        Ok(Ok(()))
    }
}

/// Calls `visit` for each PIN that was encrypted again after the row `after`, in that order. Only for these numbers, if any
/// is named.
pub(super) fn for_each(
    db: &Connection,
    after: i64,
    numbers: &[PhoneNumberId],
    mut visit: impl FnMut(EscrowEntry),
) -> rusqlite::Result<()> {
    let numbers = (!numbers.is_empty()).then(|| change_facts::json_list(numbers));
    let mut statement = db.prepare_cached(
        "SELECT c.change, c.number, c.waba, c.at, c.job, r.sealed FROM re_encryptions r JOIN changes c USING (change)
        WHERE r.seq > ?1 AND (?2 IS NULL OR c.number IN (SELECT value FROM json_each(?2))) ORDER BY r.seq",
    )?;
    let mut rows = statement.query(params![after, numbers])?;
    while let Some(row) = rows.next()? {
        visit(EscrowEntry {
            change: parse_column(row, 0)?,
            number: parse_column(row, 1)?,
            waba: waba_column(row, 2)?,
            at: UtcTime::from_unix_seconds(row.get(3)?),
            job: row.get::<_, Option<u32>>(4)?.map(JobId::new),
            ciphertext: Ciphertext(row.get(5)?),
        });
    }
    Ok(())
}

/// To which recipients each encrypted PIN of the journal was encrypted. pindesk encrypts only to the recipients that are
/// stored, so those of a row are the last ones before it.
pub(super) fn pin_recipients(db: &Connection) -> Result<Vec<PinRecipients>, StorageError> {
    let mut statement = db.prepare(
        "SELECT e.change, iif(e.is_known, (
            SELECT fingerprints FROM recipients r WHERE r.seq < e.seq ORDER BY r.seq DESC LIMIT 1
        ), NULL) FROM (
            SELECT change, seq, run IS NOT NULL AS is_known FROM changes WHERE sealed IS NOT NULL
            UNION ALL SELECT change, seq, 1 FROM re_encryptions
        ) e ORDER BY e.seq",
    )?;
    let mut lists: HashMap<String, Arc<[Fingerprint]>> = HashMap::new();
    let mut rows = statement.query([])?;
    let mut pins = Vec::new();
    while let Some(row) = rows.next()? {
        let recipients = match row.get::<_, Option<String>>(1)? {
            Some(json) => Some(parse_list(&mut lists, json)?),
            None => None,
        };
        pins.push(PinRecipients { change: parse_column(row, 0)?, recipients });
    }
    Ok(pins)
}

/// Parses a stored list, each different one once.
fn parse_list(
    lists: &mut HashMap<String, Arc<[Fingerprint]>>,
    json: String,
) -> Result<Arc<[Fingerprint]>, StorageError> {
    if let Some(list) = lists.get(&json) {
        return Ok(Arc::clone(list));
    }
    let texts: Vec<String> = serde_json::from_str(&json).map_err(|error| StorageError::new(error.to_string()))?;
    let list: Arc<[Fingerprint]> = texts.iter().map(|text| Fingerprint::new(text)).collect();
    lists.insert(json, Arc::clone(&list));
    Ok(list)
}
