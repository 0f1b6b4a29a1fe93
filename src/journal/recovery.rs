//! Recovery: merges the database and the escrow file, and finds changes that an earlier run left.
//!
//! Rows that only one of them has are added to the other, and come back as in doubt. What a dead process does not
//! explain is a finding, reported once. Recovery never sends anything.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::audit::{AuditAction, AuditEntry, ChainHead, ROWS_LOST_OUTCOME, SavedHead};
use super::error::{JournalError, StorageError};
use super::integrity::{self, EscrowIndex, LINE_NOTE_PREFIX, RecoveryInput};
use super::model::{JournalOptions, OutcomeRecord, RecoveryReport, UnresolvedChange};
use super::open_changes::{self, OpenChange};
use super::run_lock::RunLock;
use super::schema;
use super::transaction::{JournalTx, WriterContext};
use crate::domain::change::JobId;
use crate::domain::clock::{self, TimePoint};
use crate::domain::outcome::{DoubtReason, Outcome};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, EscrowFile, EscrowLock};
use crate::state_dir::StateDir;

/// An open journal, before its thread starts.
#[derive(Debug)]
pub(super) struct OpenedJournal {
    pub(super) db: Connection,
    pub(super) context: WriterContext,
    pub(super) head: ChainHead,
    pub(super) report: RecoveryReport,
}

/// Opens and recovers, holding the lock of all writers.
pub(super) fn open(opening: JournalOptions, syncs: bool, lock: &EscrowLock<'_>) -> Result<OpenedJournal, JournalError> {
    let JournalOptions { dir, operator: actor, kind, recipients, clock, .. } = opening;
    let dir = &dir;
    let is_there = schema::check_files(dir)?;
    let noted = SavedHead::read(dir)?;
    let escrow = read_escrow(dir, lock)?;
    let (mut db, found) = schema::open(dir, is_there, syncs)?;
    let of_sqlite = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
    if !found.is_empty() {
        found.check_compatible(dir, Some(kind))?;
    }
    schema::migrate(&mut db, found, kind).map_err(of_sqlite)?;
    let run = clock::new_uuid_v7().to_string();
    let running = RunLock::acquire(dir, run)?;
    let recipients = recipients.map(|recipients| recipients.fingerprints()).unwrap_or_default();
    let scribe = WriterContext { clock, operator: actor, run_lock: running, recipients, safe_from: HashMap::new() };
    let now = clock.now();
    recover(db, scribe, now, dir, &RecoveryInput { was_empty: found.is_empty(), saved_head: noted, escrow }, lock)
        .map_err(|failure| failure.into_journal_error(dir))
}

/// Reads the escrow file. Terminates a torn line first.
fn read_escrow(dir: &StateDir, lock: &EscrowLock<'_>) -> Result<EscrowIndex, JournalError> {
    let escrow = EscrowIndex::read(dir)?;
    if !escrow.is_torn {
        return Ok(escrow);
    }
    lock.terminate_torn_line().map_err(|error| StorageError::from(error).into_journal_error(dir))?;
    let mut escrow = EscrowIndex::read(dir)?;
    escrow.torn_line = escrow.unreadable_lines.last().copied();
    Ok(escrow)
}

fn recover(
    mut db: Connection,
    mut scribe: WriterContext,
    now: TimePoint,
    dir: &StateDir,
    evidence: &RecoveryInput,
    lock: &EscrowLock<'_>,
) -> Result<OpenedJournal, StorageError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let head = ChainHead::read_from(&tx)?;
    let mut ledger = JournalTx { db: &tx, context: &mut scribe, head, now, escrow_entries: Vec::new() };
    ledger.insert_run()?;
    let escrow = &evidence.escrow;
    let mut findings = evidence.findings(ledger.db)?;
    if evidence.was_empty && !findings.is_empty() {
        ledger.clear_recipients()?;
    }
    let is_whole = !evidence.was_empty && findings.is_empty();
    for finding in &findings {
        let entry =
            AuditEntry { outcome: Some(ROWS_LOST_OUTCOME), note: Some(finding.clone()), ..AuditEntry::default() };
        ledger.add_audit_row(AuditAction::Finding, now.utc, entry)?;
    }
    if let Some(finding) = ledger.record_unreadable_lines(escrow, is_whole)? {
        ledger.add_audit_row(
            AuditAction::Finding,
            now.utc,
            AuditEntry { note: Some(finding.clone()), ..AuditEntry::default() },
        )?;
        findings.push(finding);
    }
    ledger.import_unknown_changes(dir, escrow)?;
    let missing = escrow.missing_entries(ledger.db)?;
    for note in missing.repaired_findings() {
        ledger.add_audit_row(
            AuditAction::Finding,
            now.utc,
            AuditEntry { note: Some(note.clone()), ..AuditEntry::default() },
        )?;
        findings.push(note);
    }
    let unresolved = ledger.unresolved_changes()?;
    let recipients = ledger.recipients_status()?;
    let head = ledger.head;
    lock.append(&missing.entries)?;
    tx.commit()?;
    Ok(OpenedJournal { db, context: scribe, head, report: RecoveryReport { unresolved, findings, recipients } })
}

impl JournalTx<'_> {
    fn insert_run(&self) -> Result<(), StorageError> {
        let actor = &self.context.operator;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let who = actor.sudo_user.as_ref().or(actor.user.as_ref());
        let name = who.map(|name| format!(" ({name})")).unwrap_or_default();
        let who = format!("uid {}{name}", actor.uid);
        self.db.execute(
            "INSERT INTO runs (run, at, pid, boot, version, host, uid, euid, who)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                self.context.run_lock.run_id(),
                self.now.utc.unix_seconds(),
                std::process::id(),
                boot.as_deref().map(str::trim),
                env!("CARGO_PKG_VERSION"),
                actor.host.as_str(),
                actor.uid,
                actor.euid,
                who,
            ],
        )?;
        Ok(())
    }

    /// The journal was lost, and with it the accepted recipients. Those of the config may be anyone's.
    fn clear_recipients(&mut self) -> Result<(), StorageError> {
        let at = self.now.utc;
        let note = Some(CleanText::new("whom PINs were sealed to before is not known any more"));
        let seq = self.add_audit_row(AuditAction::Finding, at, AuditEntry { note, ..AuditEntry::default() })?;
        self.db.execute(
            "INSERT INTO recipients (seq, at, fingerprints) VALUES (?1, ?2, '[]')",
            params![seq, at.unix_seconds()],
        )?;
        Ok(())
    }

    /// Records unparsable lines that were not reported before. A torn one loses nothing if the journal is complete.
    fn record_unreadable_lines(
        &mut self,
        escrow: &EscrowIndex,
        is_whole: bool,
    ) -> Result<Option<CleanText>, StorageError> {
        let mut new = Vec::new();
        for line in escrow.unreported_lines(self.db)? {
            let why = if is_whole && escrow.torn_line == Some(line) {
                "was torn: its PIN was never sent, or the journal has it"
            } else {
                new.push(line);
                "cannot be read"
            };
            let note = Some(CleanText::new(&format!("{LINE_NOTE_PREFIX}{line} {why}")));
            self.add_audit_row(AuditAction::Finding, self.now.utc, AuditEntry { note, ..AuditEntry::default() })?;
        }
        Ok(integrity::unreadable_lines_finding(&new))
    }

    /// Imports the changes that only the escrow file has. Reads the file again for them, because there are seldom any.
    fn import_unknown_changes(&mut self, dir: &StateDir, escrow: &EscrowIndex) -> Result<(), StorageError> {
        let mut unknown = HashSet::new();
        for (change, _) in &escrow.entries {
            if !open_changes::change_exists(self.db, *change)? {
                unknown.insert(*change);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        // A change with two lines is one change.
        EscrowFile::scan_entries(dir, |line| lines.extend(unknown.remove(&line.change).then_some(line)))
            .map_err(|error| StorageError::new(error.to_string()))?;
        lines.iter().try_for_each(|line| self.import_change(line))
    }

    /// Imports a change that only the escrow file has. It counts for its job, so that its number is not taken for one
    /// that was never sent.
    fn import_change(&mut self, line: &EscrowEntry) -> Result<(), StorageError> {
        let job = self.find_job(line)?;
        let note = Some(CleanText::new("found in the escrow file alone"));
        let entry = AuditEntry {
            number: Some(line.number),
            waba: line.waba,
            change: Some(line.change),
            job,
            outcome: Some("no_answer"),
            note,
            ..AuditEntry::default()
        };
        let at = self.now.utc;
        let seq = self.add_audit_row(AuditAction::Finding, at, entry)?;
        self.db
            .prepare_cached(
                "INSERT INTO changes (seq, change, job, number, waba, before, at, sealed)
                VALUES (?1, ?2, ?3, ?4, ?5, 'unknown', ?6, ?7)",
            )?
            .execute(params![
                seq,
                line.change.to_string(),
                job.map(JobId::get),
                line.number.as_str(),
                line.waba.as_ref().map(crate::domain::number::WabaId::as_str),
                line.at.unix_seconds(),
                line.ciphertext.0,
            ])?;
        // It is not known when it was sent last; by now it has been.
        let rest = OutcomeRecord {
            change: line.change,
            job: JobId::new(0),
            number: line.number,
            waba: line.waba,
            attempts: 1,
            outcome: Outcome::InDoubt(DoubtReason::EscrowOnly),
            will_retry: false,
            at,
        };
        let entry = AuditEntry {
            change: Some(line.change),
            number: Some(line.number),
            job,
            outcome: Some("no_answer"),
            ..AuditEntry::default()
        };
        let seq = self.add_audit_row(AuditAction::Outcome, at, entry)?;
        self.insert_outcome(seq, &rest, job)
    }

    /// The job that an entry names, if the journal has it with this number: an older copy of the journal may have no
    /// such job, or another.
    fn find_job(&self, line: &EscrowEntry) -> rusqlite::Result<Option<JobId>> {
        let mut known = self.db.prepare_cached("SELECT job FROM job_numbers WHERE job = ?1 AND number = ?2")?;
        known
            .query_row(params![line.job.map(JobId::get), line.number.as_str()], |row| row.get(0).map(JobId::new))
            .optional()
    }

    fn unresolved_changes(&mut self) -> Result<Vec<UnresolvedChange>, StorageError> {
        let mut unresolved = Vec::new();
        for OpenChange { unresolved: change, run_id: run, last_send } in
            open_changes::all(self.db, Some(self.run_id()))?
        {
            let is_others = run.as_ref().map_or(Ok(false), |run| self.context.run_lock.is_other_live_run(run))?;
            if !is_others {
                self.context.time_until_safe(change.number, last_send, self.now);
                let last_send = last_send.adjusted_to(self.now.utc, self.context.clock.uptime());
                unresolved.push(UnresolvedChange { last_send, ..change });
            }
        }
        Ok(unresolved)
    }
}
