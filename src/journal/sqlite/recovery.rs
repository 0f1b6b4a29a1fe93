//! Recovery merges the database and the escrow file, and finds the open changes of earlier runs.
//!
//! It adds changes that only the escrow file has to the database, as in doubt, and entries that only the database has
//! to the escrow file. It reports each problem that the death of a process does not explain once, as a finding.
//! Recovery never sends anything.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::checkpoint::{Checkpoint, LastCheckpoint};
use super::schema::DatabaseInfo;
use super::transaction::{JournalTx, WriterContext};
use super::{audit_check, audit_log, escrow_lines, inspection, open_changes, recipients, runs, schema};
use crate::domain::change::JobId;
use crate::domain::clock::{self, TimePoint};
use crate::domain::number::WabaId;
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, EscrowLock, EscrowPosition};
use crate::journal::audit::{AuditAction, AuditEntry, ChainHead, ROWS_LOST_OUTCOME, SavedHead};
use crate::journal::database_files::database_path;
use crate::journal::error::{JournalError, StorageError, move_away_command};
use crate::journal::integrity::{self, EscrowIndex, LINE_NOTE_PREFIX, RecoveryInput};
use crate::journal::model::{
    JournalDamage, JournalKind, JournalOptions, OpenChange, RecipientsStatus, RecoveryReport, UnresolvedChange,
};
use crate::journal::rules::recovery;
use crate::journal::run_lock::{self, RunLock};
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
    let (db, info) = schema::open(dir, exists, sync_writes)?;
    if !info.is_empty() {
        info.check_compatible(dir, Some(kind))?;
    }
    if info.is_older() {
        check_unused(&db, dir)?;
    }
    let run_lock = RunLock::acquire(dir, clock::new_uuid_v7().to_string())?;
    let recipients = recipients.map(|recipients| recipients.fingerprints()).unwrap_or_default();
    let context = WriterContext {
        clock,
        operator,
        run_lock,
        recipients,
        known_until: None,
        safe_from: HashMap::new(),
        binding: None,
        damage: None,
    };
    let now = clock.now();
    let mut opened = recover(db, (info, kind), context, now, dir, saved_head, lock)
        .map_err(|error| error.into_journal_error(dir))?;
    opened.context.known_until = reads_after_open.then_some(opened.head.sequence);
    Ok(opened)
}

/// Reads the escrow file from where it was checked, terminates a torn last line, and indexes every line.
fn read_escrow(
    db: &Connection,
    dir: &StateDir,
    checked: &Checkpoint,
    lock: &EscrowLock<'_>,
) -> Result<EscrowIndex, StorageError> {
    if checked.escrow == EscrowPosition::default() {
        // The index may be of another file.
        escrow_lines::clear(db)?;
    }
    let was_torn = lock.terminate_torn_line()?;
    let mut escrow =
        EscrowIndex::read(dir, checked.escrow, |line| Ok(escrow_lines::insert(db, line.place, line.entry.number)?))?;
    if was_torn {
        escrow.note_torn_line();
    }
    Ok(escrow)
}

/// Refuses to migrate while another process uses the database: it may write rows as an older version does.
fn check_unused(db: &Connection, dir: &StateDir) -> Result<(), JournalError> {
    let error = |error: StorageError| error.into_journal_error(dir);
    let Some(run) = run_lock::any_live_run(dir).map_err(|found| error(found.into()))? else { return Ok(()) };
    let label = runs::process_label(db, &run).optional().map_err(|found| error(found.into()))?;
    let holder = label.map_or_else(|| "a process".to_owned(), |label| label.to_string());
    Err(JournalError::OlderInUse { path: database_path(dir.path()), holder: CleanText::new(&holder) })
}

/// Migrates and recovers the database in one transaction.
fn recover(
    mut db: Connection,
    (info, kind): (DatabaseInfo, JournalKind),
    mut context: WriterContext,
    now: TimePoint,
    dir: &StateDir,
    saved_head: SavedHead,
    lock: &EscrowLock<'_>,
) -> Result<OpenedJournal, StorageError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    schema::migrate(&tx, info, kind)?;
    // After a verification that found damage, everything is checked and counted again.
    let is_marked = audit_check::is_marked(dir)?;
    let last = if is_marked { LastCheckpoint::None } else { LastCheckpoint::read(&tx, dir)? };
    let checked = last.base();
    let input =
        RecoveryInput { was_empty: info.is_empty(), saved_head, escrow: read_escrow(&tx, dir, &checked, lock)? };
    let old_head = audit_log::chain_head(&tx)?;
    let mut journal_tx = JournalTx::new(&tx, &mut context, old_head, now)?;
    journal_tx.insert_run()?;
    if info.is_unbound() {
        journal_tx.bind_older_rows()?;
    }
    let mut damage = audit_check::damage_at_start(&tx, dir, checked.head)?;
    let mut findings = journal_tx.record_lost_rows(&input)?;
    let is_complete = !input.was_empty && findings.is_empty();
    let escrow = &input.escrow;
    findings.extend(journal_tx.record_finding(last.finding())?);
    let unreadable = journal_tx.record_unreadable_lines(escrow, is_complete)?;
    findings.extend(journal_tx.record_finding(unreadable)?);
    journal_tx.import_unknown_changes(dir, &checked, escrow)?;
    let missing = inspection::missing_entries(journal_tx.db, escrow, checked.head.sequence)?;
    for note in missing.repaired_findings() {
        findings.extend(journal_tx.record_finding(Some(note))?);
    }
    let open = open_changes::all_since(journal_tx.db, Some(journal_tx.run_id()), checked.head.sequence, &checked.open)?;
    let recipients = recipients::status(&mut journal_tx.row_check()?, &journal_tx.context.recipients)?;
    let recipients = recipients.unwrap_or_else(|problem| {
        damage.extend((!damage.contains(&problem)).then_some(problem));
        RecipientsStatus::Known
    });
    if damage.is_empty() && last.is_due(journal_tx.head.sequence) {
        let sequences: Vec<i64> = open.iter().map(|open| open.sequence).collect();
        journal_tx.insert_checkpoint(dir, &checked, escrow.end, &sequences)?;
    }
    if is_marked {
        journal_tx.drop_all_tallies()?;
    }
    journal_tx.store_missing_tallies()?;
    let unresolved = journal_tx.unresolved_changes(open)?;
    let head = journal_tx.head;
    escrow_lines::append(&tx, dir, lock, &missing.entries)?;
    tx.commit()?;
    let damage = JournalDamage::new(damage, move_away_command(dir.path()));
    context.damage = damage.as_ref().map(|damage| CleanText::new(&damage.to_string()));
    let report = RecoveryReport { unresolved, findings, recipients, damage };
    Ok(OpenedJournal { db, context, old_head, head, report })
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

    /// Records that rows of the journal were lost, if they were.
    fn record_lost_rows(&mut self, input: &RecoveryInput) -> Result<Vec<CleanText>, StorageError> {
        let finding = match input.missing_journal_finding() {
            Some(finding) => Some(finding),
            None => audit_log::find_mismatch(self.db, input.saved_head)?,
        };
        let Some(finding) = finding else { return Ok(Vec::new()) };
        if input.was_empty {
            self.clear_recipients()?;
        }
        let entry =
            AuditEntry { outcome: Some(ROWS_LOST_OUTCOME), note: Some(finding.clone()), ..AuditEntry::default() };
        self.add_audit_row(AuditAction::Finding, self.now.utc, entry)?;
        Ok(vec![finding])
    }

    /// Records a finding, and returns it.
    fn record_finding(&mut self, finding: Option<CleanText>) -> Result<Option<CleanText>, StorageError> {
        if let Some(note) = finding.clone() {
            let entry = AuditEntry { note: Some(note), ..AuditEntry::default() };
            self.add_audit_row(AuditAction::Finding, self.now.utc, entry)?;
        }
        Ok(finding)
    }

    /// Records unparsable lines that were not reported before. If the journal is complete, a torn line loses nothing
    /// and is not a finding.
    fn record_unreadable_lines(
        &mut self,
        escrow: &EscrowIndex,
        is_complete: bool,
    ) -> Result<Option<CleanText>, StorageError> {
        let mut new_lines = Vec::new();
        for line in escrow.unreported_lines(&escrow_lines::reported_lines(self.db)?) {
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
    fn import_unknown_changes(
        &mut self,
        dir: &StateDir,
        checked: &Checkpoint,
        escrow: &EscrowIndex,
    ) -> Result<(), StorageError> {
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
        escrow_lines::scan(dir, checked.escrow, |line| {
            if unknown.contains(&line.entry.change) {
                let position = *positions.entry(line.entry.change).or_insert(entries.len());
                match entries.get_mut(position) {
                    Some(older) => *older = line.entry,
                    None => entries.push(line.entry),
                }
            }
            Ok(())
        })?;
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
        self.add_record(AuditAction::Finding, at, finding, |tx, seq| {
            tx.db
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
            Ok(())
        })?;
        self.add_record(AuditAction::Outcome, at, entry(), |tx, seq| tx.insert_outcome(seq, &outcome))?;
        outcome.job.map_or(Ok(()), |job| self.drop_tally(job))
    }

    /// True if the journal has the number of an entry in the job of the entry.
    fn has_number_in_job(&self, entry: &EscrowEntry) -> rusqlite::Result<bool> {
        let mut statement = self.db.prepare_cached("SELECT 1 FROM job_numbers WHERE job = ?1 AND number = ?2")?;
        statement.exists(params![entry.job.map(JobId::get), entry.number.as_str()])
    }

    /// The open changes that no other live process works on.
    fn unresolved_changes(&mut self, open: Vec<OpenChange>) -> Result<Vec<UnresolvedChange>, StorageError> {
        let mut unresolved = Vec::new();
        for open in open {
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
