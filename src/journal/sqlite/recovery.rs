//! Recovery merges the database and the escrow file, and finds the open changes of earlier runs.
//!
//! It adds changes that only the escrow file has to the database, as in doubt, and entries that only the database has
//! to the escrow file. It reports each problem that the death of a process does not explain once, as a finding.
//! Recovery never sends anything.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, TransactionBehavior, params};

use super::open_changes;
use super::transaction::{JournalTx, WriterContext};
use super::{audit_log, inspection, recipients, schema};
use crate::domain::change::JobId;
use crate::domain::clock::{self, TimePoint};
use crate::domain::number::WabaId;
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, EscrowFile, EscrowLock};
use crate::journal::audit::{AuditAction, AuditEntry, ChainHead, ROWS_LOST_OUTCOME, SavedHead};
use crate::journal::error::{JournalError, StorageError};
use crate::journal::integrity::{self, EscrowIndex, LINE_NOTE_PREFIX, RecoveryInput};
use crate::journal::model::{JournalOptions, RecoveryReport, UnresolvedChange};
use crate::journal::rules::recovery;
use crate::journal::run_lock::RunLock;
use crate::state_dir::StateDir;

/// An open journal, before its writer thread starts.
#[derive(Debug)]
pub(in crate::journal) struct OpenedJournal {
    pub(in crate::journal) db: Connection,
    pub(in crate::journal) context: WriterContext,
    /// The head before recovery, and after it.
    pub(in crate::journal) old_head: ChainHead,
    pub(in crate::journal) head: ChainHead,
    pub(in crate::journal) report: RecoveryReport,
}

/// Opens and recovers the database. The caller holds the lock of all writers.
pub(in crate::journal) fn open(
    options: JournalOptions,
    sync_writes: bool,
    lock: &EscrowLock<'_>,
) -> Result<OpenedJournal, JournalError> {
    let JournalOptions { dir, operator, kind, recipients, clock, reads_after_open, .. } = options;
    let dir = &dir;
    let exists = schema::check_files(dir)?;
    let saved_head = SavedHead::read(dir)?;
    let escrow = read_escrow(dir, lock)?;
    let (mut db, info) = schema::open(dir, exists, sync_writes)?;
    let sqlite_error = |error: rusqlite::Error| StorageError::from(error).into_journal_error(dir);
    if !info.is_empty() {
        info.check_compatible(dir, Some(kind))?;
    }
    schema::migrate(&mut db, info, kind).map_err(sqlite_error)?;
    let run_lock = RunLock::acquire(dir, clock::new_uuid_v7().to_string())?;
    let recipients = recipients.map(|recipients| recipients.fingerprints()).unwrap_or_default();
    let context = WriterContext { clock, operator, run_lock, recipients, known_until: None, safe_from: HashMap::new() };
    let now = clock.now();
    let mut opened =
        recover(db, context, now, dir, &RecoveryInput { was_empty: info.is_empty(), saved_head, escrow }, lock)
            .map_err(|error| error.into_journal_error(dir))?;
    opened.context.known_until = reads_after_open.then_some(opened.head.sequence);
    Ok(opened)
}

/// Reads the escrow file, and terminates a torn last line.
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
    mut context: WriterContext,
    now: TimePoint,
    dir: &StateDir,
    input: &RecoveryInput,
    lock: &EscrowLock<'_>,
) -> Result<OpenedJournal, StorageError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let old_head = audit_log::chain_head(&tx)?;
    let mut journal_tx = JournalTx { db: &tx, context: &mut context, head: old_head, now, escrow_entries: Vec::new() };
    journal_tx.insert_run()?;
    let escrow = &input.escrow;
    let mut findings: Vec<CleanText> = match input.missing_journal_finding() {
        Some(finding) => vec![finding],
        None => audit_log::find_mismatch(journal_tx.db, input.saved_head)?.into_iter().collect(),
    };
    if input.was_empty && !findings.is_empty() {
        journal_tx.clear_recipients()?;
    }
    let is_complete = !input.was_empty && findings.is_empty();
    for finding in &findings {
        let entry =
            AuditEntry { outcome: Some(ROWS_LOST_OUTCOME), note: Some(finding.clone()), ..AuditEntry::default() };
        journal_tx.add_audit_row(AuditAction::Finding, now.utc, entry)?;
    }
    if let Some(finding) = journal_tx.record_unreadable_lines(escrow, is_complete)? {
        journal_tx.add_audit_row(
            AuditAction::Finding,
            now.utc,
            AuditEntry { note: Some(finding.clone()), ..AuditEntry::default() },
        )?;
        findings.push(finding);
    }
    journal_tx.import_unknown_changes(dir, escrow)?;
    let missing = inspection::missing_entries(journal_tx.db, escrow)?;
    for note in missing.repaired_findings() {
        journal_tx.add_audit_row(
            AuditAction::Finding,
            now.utc,
            AuditEntry { note: Some(note.clone()), ..AuditEntry::default() },
        )?;
        findings.push(note);
    }
    let unresolved = journal_tx.unresolved_changes()?;
    let recipients = recipients::status(journal_tx.db, &journal_tx.context.recipients)?;
    let head = journal_tx.head;
    lock.append(&missing.entries)?;
    tx.commit()?;
    Ok(OpenedJournal { db, context, old_head, head, report: RecoveryReport { unresolved, findings, recipients } })
}

impl JournalTx<'_> {
    fn insert_run(&self) -> Result<(), StorageError> {
        let operator = &self.context.operator;
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let claimed = operator.sudo_user.as_ref().or(operator.user.as_ref());
        let name = claimed.map(|name| format!(" ({name})")).unwrap_or_default();
        let operator_label = format!("uid {}{name}", operator.uid);
        self.db.execute(
            "INSERT INTO runs (run, at, pid, boot, version, host, uid, euid, who)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                self.context.run_lock.run_id(),
                self.now.utc.unix_seconds(),
                std::process::id(),
                boot_id.as_deref().map(str::trim),
                env!("CARGO_PKG_VERSION"),
                operator.host.as_str(),
                operator.uid,
                operator.euid,
                operator_label,
            ],
        )?;
        Ok(())
    }

    /// Records unparsable lines that were not reported before. If the journal is complete, a torn line loses nothing
    /// and is not a finding.
    fn record_unreadable_lines(
        &mut self,
        escrow: &EscrowIndex,
        is_complete: bool,
    ) -> Result<Option<CleanText>, StorageError> {
        let mut new_lines = Vec::new();
        for line in escrow.unreported_lines(&inspection::reported_lines(self.db)?) {
            let problem = if recovery::may_have_lost_a_pin(is_complete, escrow.torn_line == Some(line)) {
                new_lines.push(line);
                "cannot be parsed"
            } else {
                "was truncated: its PIN was never sent, or the journal has it"
            };
            let note = Some(CleanText::new(&format!("{LINE_NOTE_PREFIX}{line} {problem}")));
            self.add_audit_row(AuditAction::Finding, self.now.utc, AuditEntry { note, ..AuditEntry::default() })?;
        }
        Ok(integrity::unreadable_lines_finding(&new_lines))
    }

    /// Imports the changes that only the escrow file has. Reads the file a second time only if there are any, which is
    /// rare.
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
        let (mut entries, mut positions) = (Vec::new(), HashMap::new());
        // A change with two lines is imported once, with the newer line: today's keys may not open the older one.
        EscrowFile::scan_entries(dir, |entry| {
            if unknown.contains(&entry.change) {
                let position = *positions.entry(entry.change).or_insert(entries.len());
                match entries.get_mut(position) {
                    Some(older) => *older = entry,
                    None => entries.push(entry),
                }
            }
        })
        .map_err(|error| StorageError::new(error.to_string()))?;
        entries.iter().try_for_each(|entry| self.import_change(entry))
    }

    /// Imports a change that only the escrow file has.
    fn import_change(&mut self, escrow_entry: &EscrowEntry) -> Result<(), StorageError> {
        let at = self.now.utc;
        let outcome = recovery::import(escrow_entry, self.has_number_in_job(escrow_entry)?, at);
        let entry = || AuditEntry {
            number: Some(escrow_entry.number),
            change: Some(escrow_entry.change),
            job: outcome.job,
            outcome: Some(ChangeResult::NoAnswer.as_str()),
            ..AuditEntry::default()
        };
        let note = Some(CleanText::new("found only in the escrow file"));
        let finding = AuditEntry { waba: escrow_entry.waba, note, ..entry() };
        let seq = self.add_audit_row(AuditAction::Finding, at, finding)?;
        self.db
            .prepare_cached(
                "INSERT INTO changes (seq, change, job, number, waba, before, at, sealed)
                VALUES (?1, ?2, ?3, ?4, ?5, 'unknown', ?6, ?7)",
            )?
            .execute(params![
                seq,
                escrow_entry.change.to_string(),
                outcome.job.map(JobId::get),
                escrow_entry.number.as_str(),
                escrow_entry.waba.as_ref().map(WabaId::as_str),
                escrow_entry.at.unix_seconds(),
                escrow_entry.ciphertext.0,
            ])?;
        let seq = self.add_audit_row(AuditAction::Outcome, at, entry())?;
        self.insert_outcome(seq, &outcome)
    }

    /// True if the journal has the number of an entry in the job of the entry.
    fn has_number_in_job(&self, entry: &EscrowEntry) -> rusqlite::Result<bool> {
        let mut statement = self.db.prepare_cached("SELECT 1 FROM job_numbers WHERE job = ?1 AND number = ?2")?;
        statement.exists(params![entry.job.map(JobId::get), entry.number.as_str()])
    }

    fn unresolved_changes(&mut self) -> Result<Vec<UnresolvedChange>, StorageError> {
        let mut unresolved = Vec::new();
        for open in open_changes::all(self.db, Some(self.run_id()))? {
            let is_of_other_process =
                open.run_id.as_ref().map_or(Ok(false), |run| self.context.run_lock.is_other_live_run(run))?;
            let (number, last_send) = (open.unresolved.number, open.last_send);
            let uptime = self.context.clock.uptime();
            let reported = recovery::unresolved(open, is_of_other_process, self.now.utc, uptime);
            if let Some(change) = reported {
                self.context.time_until_safe(number, last_send, self.now);
                unresolved.push(change);
            }
        }
        Ok(unresolved)
    }
}
