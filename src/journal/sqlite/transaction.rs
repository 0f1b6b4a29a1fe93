//! Writes the rows of one transaction, each with its audit row.
//!
//! It checks each record before it writes it, so a refused record leaves no row. It never commits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::encoding::{outcome_keyword, resolution_kind};
use super::row_groups::Binding;
use super::{open_changes, record_digest};
use crate::domain::change::{ChangeId, JobId, Resolution};
use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, Fingerprint};
use crate::journal::audit::{AuditAction, AuditEntry, AuditRow, ChainHead};
use crate::journal::error::{RecordError, StorageError};
use crate::journal::model::{
    AuditEvent, EscrowDrill, Intent, JobPlan, Operator, OutcomeRecord, RecordedTime, ReplySummary, outcome_reason,
    time_until_new_pin,
};
use crate::journal::rules::recipients::RecipientsMatch;
use crate::journal::rules::{change_state, send};
use crate::journal::run_lock::RunLock;

/// One record to write.
#[derive(Debug)]
pub(in crate::journal) enum WriteOp {
    StartJob(JobPlan),
    ResumeJob {
        job: JobId,
        numbers: Vec<PhoneNumberId>,
    },
    EndJob(JobId),
    RecordIntent(Intent),
    RecordRetry {
        change: ChangeId,
        number: PhoneNumberId,
        attempt: u8,
    },
    RecordOutcome(OutcomeRecord),
    RecordRefusal(OutcomeRecord),
    Resolve {
        number: PhoneNumberId,
        changes: Vec<ChangeId>,
        resolution: Resolution,
        note: Option<CleanText>,
    },
    RecordEvents(Vec<AuditEvent>),
    RecordReEncryptions(Vec<EscrowEntry>),
    AcceptRecipients,
    /// Accept the damage in the rows until this one.
    AcceptDamage {
        until: i64,
    },
}

/// The result of one [`WriteOp`].
pub(in crate::journal) type WriteResult = Result<Option<JobId>, RecordError>;

/// The operator of this process, and what the process knows besides the rows.
#[derive(Debug)]
pub(in crate::journal) struct WriterContext {
    pub(super) clock: Clock,
    pub(super) operator: Operator,
    pub(super) run_lock: RunLock,
    /// The recipients of this process, sorted.
    pub(super) recipients: Vec<Fingerprint>,
    /// The row before which nothing is news: every status was read after it. `None` if one may have been read before.
    pub(super) known_until: Option<i64>,
    /// When each request in doubt that this process has seen no longer blocks its number, independent of the wall
    /// clock.
    pub(super) safe_from: HashMap<(PhoneNumberId, RecordedTime), Instant>,
    /// The newest row that binds older ones, after it was verified.
    pub(super) binding: Option<Binding>,
    /// Why nothing may be sent, if rows are damaged.
    pub(super) damage: Option<CleanText>,
}

impl WriterContext {
    /// The ID of this run.
    pub(in crate::journal) fn run_id(&self) -> &str {
        self.run_lock.run_id()
    }

    /// Whole seconds since the machine started.
    fn uptime_seconds(&self) -> Option<i64> {
        self.clock.uptime().map(|uptime| uptime.as_secs().cast_signed())
    }

    /// How long this request can still reach its number: at most until the time that was computed when this process
    /// first saw the request, on the monotonic clock.
    pub(super) fn time_until_safe(&mut self, number: PhoneNumberId, sent: RecordedTime, now: TimePoint) -> Duration {
        let remaining = time_until_new_pin(sent.adjusted_to(now.utc, self.clock.uptime()), now.utc);
        let until = *self.safe_from.entry((number, sent)).or_insert(now.instant + remaining);
        remaining.min(until.saturating_duration_since(now.instant))
    }
}

/// A transaction in progress.
#[derive(Debug)]
pub(super) struct JournalTx<'t> {
    pub(super) db: &'t Connection,
    pub(super) context: &'t mut WriterContext,
    pub(super) head: ChainHead,
    pub(super) now: TimePoint,
    /// The entries that are appended to the escrow file and synced before the rows are committed.
    pub(super) escrow_entries: Vec<EscrowEntry>,
    /// How the recipients of this process compare with the stored ones, once they were checked.
    pub(super) recipients: Option<RecipientsMatch>,
}

impl<'t> JournalTx<'t> {
    /// Begins to write in a transaction, after this head.
    pub(super) fn new(
        db: &'t Connection,
        context: &'t mut WriterContext,
        head: ChainHead,
        now: TimePoint,
    ) -> rusqlite::Result<Self> {
        // The digest in an audit row is computed from rows that refer to it.
        db.pragma_update(None, "defer_foreign_keys", true)?;
        Ok(Self { db, context, head, now, escrow_entries: Vec::new(), recipients: None })
    }
}

impl JournalTx<'_> {
    /// Writes one record, or refuses it. Only the outer error is a failure of the database.
    pub(super) fn apply(&mut self, op: &WriteOp) -> Result<WriteResult, StorageError> {
        let result = self.record(op)?;
        if result.is_ok() {
            self.update_tallies(op)?;
        }
        Ok(result)
    }

    fn record(&mut self, op: &WriteOp) -> Result<WriteResult, StorageError> {
        if let Some(refusal) = self.damage_refusal(op) {
            return Ok(Err(refusal));
        }
        let recorded = match op {
            WriteOp::StartJob(plan) => return self.start_job(plan).map(|job| Ok(Some(job))),
            WriteOp::ResumeJob { job, numbers } => self.resume_job(*job, numbers)?,
            WriteOp::EndJob(job) => Ok(self.end_job(*job)?),
            WriteOp::RecordIntent(intent) => self.record_intent(intent)?,
            WriteOp::RecordRetry { change, number, attempt } => self.record_retry(*change, *number, *attempt)?,
            WriteOp::RecordOutcome(record) | WriteOp::RecordRefusal(record) => Ok(self.record_outcome(record)?),
            WriteOp::Resolve { number, changes, resolution, note } => {
                Ok(self.resolve_changes(*number, changes, *resolution, note.as_ref())?)
            }
            WriteOp::RecordEvents(events) => Ok(events.iter().try_for_each(|event| self.record_event(event))?),
            WriteOp::RecordReEncryptions(entries) => self.record_re_encryptions(entries)?,
            WriteOp::AcceptRecipients => self.accept_recipients()?,
            WriteOp::AcceptDamage { until } => Ok(self.accept_damage(*until)?),
        };
        Ok(recorded.map(|()| None))
    }

    /// Records the first attempt of a change, if its PIN may be sent.
    fn record_intent(&mut self, intent: &Intent) -> Result<Result<(), RecordError>, StorageError> {
        if let Err(damage) = self.check_number(intent.number)? {
            return Ok(Err(damage));
        }
        let facts = self.facts_of_intent(intent)?;
        // The recipients may be damaged.
        if let Some(refusal) = self.damage() {
            return Ok(Err(refusal));
        }
        if let Err(refusal) = send::check(&facts) {
            return Ok(Err(refusal.into()));
        }
        Ok(Ok(self.insert_intent(intent)?))
    }

    /// Records a later attempt of a change, if its PIN may be sent again.
    fn record_retry(
        &mut self,
        change: ChangeId,
        number: PhoneNumberId,
        attempt: u8,
    ) -> Result<Result<(), RecordError>, StorageError> {
        if let Err(damage) = self.check_number(number)? {
            return Ok(Err(damage));
        }
        // Not earlier than the previous attempt, whose time is from another clock in tests that set their own.
        let at = self.last_recorded_at(change)?.max(self.now.utc);
        let facts = self.facts_of_retry(change, number, at)?;
        if let Err(refusal) = send::check(&facts) {
            return Ok(Err(refusal.into()));
        }
        let entry = AuditEntry { number: Some(number), attempts: Some(attempt), ..self.change_entry(change)? };
        self.add_record(AuditAction::Retry, at, entry, |tx, seq| tx.insert_attempt(seq, change, attempt, at))?;
        Ok(Ok(()))
    }

    /// Appends a row to the audit log, for an action that writes no other row.
    pub(super) fn add_audit_row(
        &mut self,
        action: AuditAction,
        at: UtcTime,
        entry: AuditEntry<'_>,
    ) -> Result<(), StorageError> {
        self.add_record(action, at, entry, |_, _| Ok(()))
    }

    /// Appends a row to the audit log, with the rows of other tables that `insert` writes with the same number. Their
    /// digest is in the row, so that the hash chain covers them.
    pub(super) fn add_record(
        &mut self,
        action: AuditAction,
        at: UtcTime,
        entry: AuditEntry<'_>,
        insert: impl FnOnce(&Self, i64) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let seq = self.head.sequence + 1;
        insert(self, seq)?;
        let record = record_digest::digest(self.db, record_digest::tables_of(action), seq)?;
        let row = AuditRow::new(seq, at, &self.context.operator, action, entry, record);
        let row = row.to_json().map_err(|error| StorageError::new(error.to_string()))?;
        self.head = self.head.after(&row);
        self.db.prepare_cached("INSERT INTO audit (seq, row, hash) VALUES (?1, ?2, ?3)")?.execute(params![
            self.head.sequence,
            row,
            self.head.hash
        ])?;
        Ok(())
    }

    fn insert_intent(&mut self, intent: &Intent) -> Result<(), StorageError> {
        let recipients = self.recipients_match()?;
        self.store_recipients(recipients.stored_with_a_pin())?;
        let entry = AuditEntry {
            number: Some(intent.number),
            waba: intent.waba,
            change: Some(intent.change),
            job: Some(intent.job),
            attempts: Some(1),
            ..AuditEntry::default()
        };
        self.add_record(AuditAction::Intent, intent.at, entry, |tx, seq| {
            tx.insert_change(seq, intent)?;
            tx.insert_attempt(seq, intent.change, 1, intent.at)
        })?;
        self.escrow_entries.extend(intent.escrow_entry.clone());
        Ok(())
    }

    fn insert_change(&self, seq: i64, intent: &Intent) -> Result<(), StorageError> {
        let ciphertext = intent.escrow_entry.as_ref().map(|entry| entry.ciphertext.0.as_slice());
        self.db
            .prepare_cached(
                "INSERT INTO changes (seq, change, job, run, number, waba, before, at, sealed)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                seq,
                intent.change.to_string(),
                intent.job.get(),
                self.run_id(),
                intent.number.as_str(),
                intent.waba.as_ref().map(WabaId::as_str),
                intent.status_before.two_step.json_value(),
                intent.at.unix_seconds(),
                ciphertext,
            ])?;
        Ok(())
    }

    fn insert_attempt(&self, seq: i64, change: ChangeId, attempt: u8, at: UtcTime) -> Result<(), StorageError> {
        self.db
            .prepare_cached("INSERT INTO tries (seq, change, run, attempt, at, up) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                seq,
                change.to_string(),
                self.run_id(),
                attempt,
                at.unix_seconds(),
                self.context.uptime_seconds()
            ])?;
        Ok(())
    }

    /// Records the outcome of a change. Updates no other row: what it ends is derived from the rows.
    pub(super) fn record_outcome(&mut self, record: &OutcomeRecord) -> Result<(), StorageError> {
        let kind = outcome_keyword(record);
        let entry = AuditEntry {
            number: Some(record.number),
            waba: record.waba,
            change: Some(record.change),
            job: record.job,
            outcome: Some(kind),
            attempts: Some(record.attempts),
            reply: ReplySummary::of(&record.standing),
            note: outcome_reason(&record.standing),
        };
        self.add_record(AuditAction::Outcome, record.at, entry, |tx, seq| tx.insert_outcome(seq, record))
    }

    pub(super) fn insert_outcome(&self, seq: i64, record: &OutcomeRecord) -> Result<(), StorageError> {
        let detail = serde_json::to_string(&record.standing).map_err(|error| StorageError::new(error.to_string()))?;
        self.db
            .prepare_cached(
                "INSERT INTO outcomes (seq, change, job, number, waba, at, up, tries, kind, detail, repeats)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                seq,
                record.change.to_string(),
                record.job.map(JobId::get),
                record.number.as_str(),
                record.waba.as_ref().map(WabaId::as_str),
                record.at.unix_seconds(),
                self.context.uptime_seconds(),
                record.attempts,
                record.standing.result().as_str(),
                detail,
                record.will_retry,
            ])?;
        Ok(())
    }

    /// Resolves only those changes of a number that the operator saw, because another process may have left more since.
    fn resolve_changes(
        &mut self,
        number: PhoneNumberId,
        changes: &[ChangeId],
        resolution: Resolution,
        note: Option<&CleanText>,
    ) -> Result<(), StorageError> {
        let kind = resolution_kind(resolution);
        for open in open_changes::for_number(self.db, number, self.run_id())? {
            let is_of_other_process =
                open.run_id.as_ref().map_or(Ok(false), |run| self.context.run_lock.is_other_live_run(run))?;
            if !change_state::note_resolves(open.unresolved.change, changes, is_of_other_process) {
                continue;
            }
            let change = open.unresolved;
            let entry = AuditEntry {
                number: Some(number),
                waba: change.waba,
                change: Some(change.change),
                job: change.job,
                outcome: Some(kind),
                note: note.cloned(),
                ..AuditEntry::default()
            };
            let at = self.now.utc;
            self.add_record(AuditAction::Resolved, at, entry, |tx, seq| {
                const INSERT: &str = "INSERT INTO settlements (seq, change, at, how, note) VALUES (?1, ?2, ?3, ?4, ?5)";
                let (change, note) = (change.change.to_string(), note.map(CleanText::as_str));
                tx.db.prepare_cached(INSERT)?.execute(params![seq, change, at.unix_seconds(), kind, note])?;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn record_event(&mut self, event: &AuditEvent) -> Result<(), StorageError> {
        let outcome;
        let (action, entry) = match event {
            AuditEvent::ScreenHidden => (AuditAction::ScreenHidden, AuditEntry::default()),
            AuditEvent::ScreenShown => (AuditAction::ScreenShown, AuditEntry::default()),
            AuditEvent::PinDecrypted { change, number, waba } => {
                let entry =
                    AuditEntry { number: Some(*number), waba: *waba, change: Some(*change), ..AuditEntry::default() };
                (AuditAction::PinDecrypted, entry)
            }
            AuditEvent::EscrowDrill { opened, tried } => {
                outcome = EscrowDrill::outcome(*opened, *tried);
                let note = Some(CleanText::new(&format!("{outcome} PINs could be decrypted")));
                (AuditAction::EscrowDrill, AuditEntry { outcome: Some(&outcome), note, ..AuditEntry::default() })
            }
            AuditEvent::BackedUp { note } => {
                (AuditAction::BackedUp, AuditEntry { note: Some(note.clone()), ..AuditEntry::default() })
            }
        };
        self.add_audit_row(action, self.now.utc, entry)
    }

    /// When the last row of a change was recorded.
    fn last_recorded_at(&self, change: ChangeId) -> Result<UtcTime, StorageError> {
        let seconds: u32 = self
            .db
            .prepare_cached(
                "SELECT coalesce(max(at), 0) FROM (SELECT at FROM tries WHERE change = ?1
                UNION ALL SELECT at FROM outcomes WHERE change = ?1)",
            )?
            .query_row([change.to_string()], |row| row.get(0))?;
        Ok(UtcTime::from_unix_seconds(seconds))
    }

    fn change_entry(&self, change: ChangeId) -> Result<AuditEntry<'static>, StorageError> {
        let columns = self
            .db
            .prepare_cached("SELECT job, waba FROM changes WHERE change = ?1")?
            .query_row([change.to_string()], |row| {
                Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, Option<String>>(1)?))
            })
            .optional()?;
        let (job, waba) = columns.unwrap_or_default();
        let waba = waba.and_then(|waba| waba.parse().ok());
        Ok(AuditEntry { change: Some(change), job: job.map(JobId::new), waba, ..AuditEntry::default() })
    }

    pub(super) fn run_id(&self) -> &str {
        self.context.run_id()
    }
}
