//! The rows of one transaction, each with its audit row.
//!
//! It checks before it writes: what is refused leaves no row. It never commits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::audit::{AuditAction, AuditEntry, AuditRow, ChainHead};
use super::encoding::{outcome_kind, outcome_reason, reply_summary, resolution_kind};
use super::error::{RecordError, StorageError};
use super::model::{
    AuditEvent, Intent, JobPlan, Operator, OutcomeRecord, RecipientsStatus, RecordedTime, is_in_future,
    time_until_new_pin,
};
use super::open_changes;
use super::run_lock::RunLock;
use crate::domain::change::{ChangeId, JobId, Resolution};
use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, Fingerprint};

/// One record to write.
#[derive(Debug)]
pub(super) enum WriteOp {
    StartJob(JobPlan),
    ResumeJob { job: JobId, numbers: Vec<PhoneNumberId> },
    RecordIntent(Intent),
    RecordRetry { change: ChangeId, number: PhoneNumberId, attempt: u8 },
    RecordOutcome(OutcomeRecord),
    RecordRefusal(OutcomeRecord),
    Resolve { number: PhoneNumberId, changes: Vec<ChangeId>, resolution: Resolution, note: Option<CleanText> },
    RecordEvents(Vec<AuditEvent>),
    AcceptRecipients,
}

/// The result of one [`WriteOp`].
pub(super) type WriteResult = Result<Option<JobId>, RecordError>;

/// The operator, and what this process knows besides the rows.
#[derive(Debug)]
pub(super) struct WriterContext {
    pub(super) clock: Clock,
    pub(super) operator: Operator,
    pub(super) run_lock: RunLock,
    /// The recipients of this process, sorted.
    pub(super) recipients: Vec<Fingerprint>,
    /// From when a request in doubt no longer blocks its number, whatever the wall clock says: for each that this
    /// process saw.
    pub(super) safe_from: HashMap<(PhoneNumberId, RecordedTime), Instant>,
}

impl WriterContext {
    /// Whole seconds since the machine started.
    fn uptime_seconds(&self) -> Option<i64> {
        self.clock.uptime().map(|up| up.as_secs().cast_signed())
    }

    /// How long this request of a number can still arrive: at most until the time computed when this process first saw
    /// it, on the clock that cannot be set.
    pub(super) fn time_until_safe(&mut self, number: PhoneNumberId, sent: RecordedTime, now: TimePoint) -> Duration {
        let left = time_until_new_pin(sent.adjusted_to(now.utc, self.clock.uptime()), now.utc);
        let until = *self.safe_from.entry((number, sent)).or_insert(now.instant + left);
        left.min(until.saturating_duration_since(now.instant))
    }
}

/// A transaction in progress.
#[derive(Debug)]
pub(super) struct JournalTx<'t> {
    pub(super) db: &'t Connection,
    pub(super) context: &'t mut WriterContext,
    pub(super) head: ChainHead,
    pub(super) now: TimePoint,
    /// Synced to the escrow file before the rows are committed.
    pub(super) escrow_entries: Vec<EscrowEntry>,
}

impl JournalTx<'_> {
    /// Writes one record, unless it must be refused.
    pub(super) fn apply(&mut self, write: &WriteOp) -> Result<WriteResult, StorageError> {
        match write {
            WriteOp::StartJob(plan) => return self.start_job(plan).map(|job| Ok(Some(job))),
            WriteOp::ResumeJob { job, numbers } => {
                if let Err(refused) = self.resume_job(*job, numbers)? {
                    return Ok(Err(refused));
                }
            }
            WriteOp::RecordIntent(intent) => {
                if let Err(refused) = self.check_can_send(intent.change, intent.number, intent.at)? {
                    return Ok(Err(refused));
                }
                if let Err(refused) = self.check_status_is_current(intent)? {
                    return Ok(Err(refused));
                }
                if let RecipientsStatus::Changed { .. } = self.recipients_status()? {
                    return Ok(Err(RecordError::RecipientsChanged));
                }
                self.record_intent(intent)?;
            }
            WriteOp::RecordRetry { change, number, attempt } => {
                // In tests with their own clock, the time of the previous attempt is from another clock.
                let at = self.last_recorded_at(*change)?.max(self.now.utc);
                if let Err(refused) = self.check_can_send(*change, *number, at)? {
                    return Ok(Err(refused));
                }
                if open_changes::is_superseded(self.db, *number, *change, self.run_id())? {
                    let why = "another pindesk sent another PIN to this number since the last try";
                    return Ok(Err(RecordError::Busy(CleanText::new(why))));
                }
                let entry =
                    AuditEntry { number: Some(*number), attempts: Some(*attempt), ..self.change_entry(*change)? };
                let seq = self.add_audit_row(AuditAction::Retry, at, entry)?;
                self.insert_attempt(seq, *change, *attempt, at)?;
            }
            WriteOp::RecordOutcome(rest) | WriteOp::RecordRefusal(rest) => self.record_outcome(rest)?,
            WriteOp::Resolve { number, changes, resolution: how, note } => {
                self.resolve_changes(*number, changes, *how, note.as_ref())?;
            }
            WriteOp::RecordEvents(events) => events.iter().try_for_each(|event| self.record_event(event))?,
            WriteOp::AcceptRecipients => self.accept_recipients()?,
        }
        Ok(Ok(None))
    }

    /// Adds a row to the audit log. Its number is also that of the row it belongs to.
    pub(super) fn add_audit_row(
        &mut self,
        action: AuditAction,
        at: UtcTime,
        entry: AuditEntry<'_>,
    ) -> Result<i64, StorageError> {
        let row = AuditRow::new(self.head.sequence + 1, at, &self.context.operator, action, entry);
        let row = row.to_json().map_err(|error| StorageError::new(error.to_string()))?;
        self.head = self.head.after(&row);
        self.db.prepare_cached("INSERT INTO audit (seq, row, hash) VALUES (?1, ?2, ?3)")?.execute(params![
            self.head.sequence,
            row,
            self.head.hash
        ])?;
        Ok(self.head.sequence)
    }

    /// Whether a different PIN may be sent to the number.
    fn check_can_send(
        &mut self,
        change: ChangeId,
        number: PhoneNumberId,
        at: UtcTime,
    ) -> Result<Result<(), RecordError>, StorageError> {
        for open in open_changes::for_number(self.db, number, self.run_id())? {
            if open.unresolved.change == change {
                continue;
            }
            if let Some(run) = &open.run_id
                && self.context.run_lock.is_other_live_run(run)?
            {
                return Ok(Err(RecordError::Busy(self.describe_run(run)?)));
            }
        }
        for run in open_changes::runs_waiting_to_retry(self.db, number, change)? {
            if self.context.run_lock.is_other_live_run(&run)? {
                return Ok(Err(RecordError::Busy(self.describe_run(&run)?)));
            }
        }
        // Includes changes that ended: neither a confirmed PIN nor a note keeps a request from arriving.
        let now = TimePoint { utc: at, ..self.now };
        let unsure = open_changes::sends_in_doubt(self.db, number, change, self.run_id())?;
        let left =
            unsure.into_iter().map(|sent| self.context.time_until_safe(number, sent, now)).max().unwrap_or_default();
        if left.is_zero() {
            return Ok(Ok(()));
        }
        let from = at.plus(left);
        let text = format!("an earlier PIN can still land on this number; another is possible from {from}");
        Ok(Err(RecordError::Busy(CleanText::new(&text))))
    }

    /// Whether another process set a PIN since the number was read, so that the operator who confirmed did not know of
    /// it.
    fn check_status_is_current(&self, intent: &Intent) -> Result<Result<(), RecordError>, StorageError> {
        let Some(read_at) = intent.status_before.read_at else { return Ok(Ok(())) };
        let Some(set) = open_changes::last_set_by_other_run(self.db, intent.number, self.run_id())? else {
            return Ok(Ok(()));
        };
        let set_at = set.adjusted_to(intent.at, self.context.clock.uptime());
        let when = if is_in_future(read_at, intent.at) {
            format!("and its status was read by a clock that said {}", read_at.format_date_time())
        } else if read_at <= set_at {
            "after its status was read here".to_owned()
        } else {
            return Ok(Ok(()));
        };
        let text = format!(
            "another pindesk set a PIN on this number at {}, {when}; read it again before another is set",
            set_at.format_date_time()
        );
        Ok(Err(RecordError::Busy(CleanText::new(&text))))
    }

    fn describe_run(&self, run: &str) -> Result<CleanText, StorageError> {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (pid, host, who): (u32, String, String) =
            self.db.prepare_cached("SELECT pid, host, who FROM runs WHERE run = ?1")?.query_row([run], row)?;
        let text = format!("another pindesk is at work on this number: process {pid} on {host}, {who}");
        Ok(CleanText::new(&text))
    }

    fn record_intent(&mut self, intent: &Intent) -> Result<(), StorageError> {
        if stored_recipients(self.db)?.is_none() && !self.context.recipients.is_empty() {
            self.store_recipients(AuditAction::RecipientsStored)?;
        }
        let entry = AuditEntry {
            number: Some(intent.number),
            waba: intent.waba,
            change: Some(intent.change),
            job: Some(intent.job),
            attempts: Some(1),
            ..AuditEntry::default()
        };
        let seq = self.add_audit_row(AuditAction::Intent, intent.at, entry)?;
        let sealed = intent.escrow_entry.as_ref().map(|line| line.ciphertext.0.as_slice());
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
                sealed,
            ])?;
        self.insert_attempt(seq, intent.change, 1, intent.at)?;
        self.escrow_entries.extend(intent.escrow_entry.clone());
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

    /// Records the outcome of a change. What it closes is read from the rows.
    pub(super) fn record_outcome(&mut self, rest: &OutcomeRecord) -> Result<(), StorageError> {
        let kind = outcome_kind(&rest.outcome);
        let entry = AuditEntry {
            number: Some(rest.number),
            waba: rest.waba,
            change: Some(rest.change),
            job: Some(rest.job),
            outcome: Some(kind),
            attempts: Some(rest.attempts),
            reply: reply_summary(&rest.outcome),
            note: outcome_reason(&rest.outcome),
        };
        let seq = self.add_audit_row(AuditAction::Outcome, rest.at, entry)?;
        self.insert_outcome(seq, rest, Some(rest.job))
    }

    pub(super) fn insert_outcome(
        &self,
        seq: i64,
        rest: &OutcomeRecord,
        job: Option<JobId>,
    ) -> Result<(), StorageError> {
        let detail = serde_json::to_string(&rest.outcome).map_err(|error| StorageError::new(error.to_string()))?;
        self.db
            .prepare_cached(
                "INSERT INTO outcomes (seq, change, job, number, waba, at, up, tries, kind, detail, repeats)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                seq,
                rest.change.to_string(),
                job.map(JobId::get),
                rest.number.as_str(),
                rest.waba.as_ref().map(WabaId::as_str),
                rest.at.unix_seconds(),
                self.context.uptime_seconds(),
                rest.attempts,
                outcome_kind(&rest.outcome),
                detail,
                rest.will_retry,
            ])?;
        Ok(())
    }

    /// Resolves those changes of a number that the operator was told of: another process may have left more since.
    fn resolve_changes(
        &mut self,
        number: PhoneNumberId,
        changes: &[ChangeId],
        how: Resolution,
        note: Option<&CleanText>,
    ) -> Result<(), StorageError> {
        let word = resolution_kind(how);
        for open in open_changes::for_number(self.db, number, self.run_id())? {
            let is_others =
                open.run_id.as_ref().map_or(Ok(false), |run| self.context.run_lock.is_other_live_run(run))?;
            if is_others || !changes.contains(&open.unresolved.change) {
                continue;
            }
            let change = open.unresolved;
            let entry = AuditEntry {
                number: Some(number),
                waba: change.waba,
                change: Some(change.change),
                job: change.job,
                outcome: Some(word),
                note: note.cloned(),
                ..AuditEntry::default()
            };
            let at = self.now.utc;
            let seq = self.add_audit_row(AuditAction::Resolved, at, entry)?;
            self.db
                .prepare_cached("INSERT INTO settlements (seq, change, at, how, note) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![
                    seq,
                    change.change.to_string(),
                    at.unix_seconds(),
                    word,
                    note.map(CleanText::as_str)
                ])?;
        }
        Ok(())
    }

    fn record_event(&mut self, event: &AuditEvent) -> Result<(), StorageError> {
        let (action, entry) = match event {
            AuditEvent::ScreenHidden => (AuditAction::ScreenHidden, AuditEntry::default()),
            AuditEvent::ScreenShown => (AuditAction::ScreenShown, AuditEntry::default()),
            AuditEvent::PinDecrypted { change, number, waba } => {
                let entry =
                    AuditEntry { number: Some(*number), waba: *waba, change: Some(*change), ..AuditEntry::default() };
                (AuditAction::PinDecrypted, entry)
            }
        };
        self.add_audit_row(action, self.now.utc, entry).map(drop)
    }

    /// Whether the recipients of this process are those that were stored.
    pub(super) fn recipients_status(&self) -> Result<RecipientsStatus, StorageError> {
        recipients_status(self.db, &self.context.recipients)
    }

    fn accept_recipients(&mut self) -> Result<(), StorageError> {
        match self.recipients_status()? {
            RecipientsStatus::Known if stored_recipients(self.db)?.is_none() && !self.context.recipients.is_empty() => {
                self.store_recipients(AuditAction::RecipientsStored)
            }
            RecipientsStatus::Known => Ok(()),
            RecipientsStatus::Changed { .. } => self.store_recipients(AuditAction::RecipientsAccepted),
        }
    }

    fn store_recipients(&mut self, action: AuditAction) -> Result<(), StorageError> {
        let texts: Vec<&str> = self.context.recipients.iter().map(Fingerprint::as_str).collect();
        let note = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
        let fingerprints = serde_json::to_string(&texts).map_err(|error| StorageError::new(error.to_string()))?;
        let seq = self.add_audit_row(
            action,
            self.now.utc,
            AuditEntry { note: Some(CleanText::new(&note)), ..AuditEntry::default() },
        )?;
        self.db
            .prepare_cached("INSERT INTO recipients (seq, at, fingerprints) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, self.now.utc.unix_seconds(), fingerprints])?;
        Ok(())
    }

    /// The time of the last row of a change.
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
        let found = self
            .db
            .prepare_cached("SELECT job, waba FROM changes WHERE change = ?1")?
            .query_row([change.to_string()], |row| {
                Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, Option<String>>(1)?))
            })
            .optional()?;
        let (job, waba) = found.unwrap_or_default();
        let waba = waba.and_then(|waba| waba.parse().ok());
        Ok(AuditEntry { change: Some(change), job: job.map(JobId::new), waba, ..AuditEntry::default() })
    }

    pub(super) fn run_id(&self) -> &str {
        self.context.run_lock.run_id()
    }
}

/// Whether these recipients are those that were stored.
pub(super) fn recipients_status(db: &Connection, now: &[Fingerprint]) -> Result<RecipientsStatus, StorageError> {
    Ok(match stored_recipients(db)? {
        Some(remembered) if remembered != now => {
            RecipientsStatus::Changed { previous: remembered, current: now.to_vec() }
        }
        Some(_) | None => RecipientsStatus::Known,
    })
}

fn stored_recipients(db: &Connection) -> Result<Option<Vec<Fingerprint>>, StorageError> {
    let last: Option<String> = db
        .prepare_cached("SELECT fingerprints FROM recipients ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(last) = last else { return Ok(None) };
    let texts: Vec<String> = serde_json::from_str(&last).map_err(|error| StorageError::new(error.to_string()))?;
    Ok(Some(texts.iter().map(|text| Fingerprint::new(text)).collect()))
}
