//! Opening: the database and the escrow file are made one again, and what was cut short is found.
//!
//! Rows that only one of them has are added to the other, and come back as in doubt. What cannot be explained by a
//! process that died is a finding, told once. It never leads to sending.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::audit::{Action, Entry, Head, Noted, ROWS_LOST};
use super::error::{Failure, JournalError};
use super::findings::{self, Escrow, Evidence, LINE};
use super::ledger::{Ledger, Scribe};
use super::open_changes::{self, OpenChange};
use super::records::{Opening, Recovered, Rest, Unresolved};
use super::running::Running;
use super::schema;
use crate::escrow::{EscrowFile, EscrowEntry, EscrowLock};
use crate::job::JobId;
use crate::moment::{self, TimePoint};
use crate::outcome::{DoubtReason, Outcome};
use crate::state::StateDir;
use crate::text::CleanText;

/// An opened journal, before its thread is started.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) db: Connection,
    pub(super) scribe: Scribe,
    pub(super) head: Head,
    pub(super) recovered: Recovered,
}

/// Opens and recovers, with the lock of all writers held.
pub(super) fn open(opening: Opening, syncs: bool, lock: &EscrowLock<'_>) -> Result<Opened, JournalError> {
    let Opening { dir, actor, kind, recipients, clock, .. } = opening;
    let dir = &dir;
    let is_there = schema::judge_files(dir)?;
    let noted = Noted::read(dir)?;
    let escrow = read_escrow(dir, lock)?;
    let (mut db, found) = schema::open(dir, is_there, syncs)?;
    let of_sqlite = |error: rusqlite::Error| Failure::from(error).into_error(dir);
    if !found.is_empty() {
        found.judge(dir, Some(kind))?;
    }
    schema::migrate(&mut db, found, kind).map_err(of_sqlite)?;
    let run = moment::new_uuid_v7().to_string();
    let running = Running::start(dir, run)?;
    let recipients = recipients.map(|recipients| recipients.fingerprints()).unwrap_or_default();
    let scribe = Scribe { clock, actor, running, recipients, free_from: HashMap::new() };
    let now = clock.now();
    recover(db, scribe, now, dir, &Evidence { was_empty: found.is_empty(), noted, escrow }, lock)
        .map_err(|failure| failure.into_error(dir))
}

/// Reads the escrow file; a line that was torn until now is ended first.
fn read_escrow(dir: &StateDir, lock: &EscrowLock<'_>) -> Result<Escrow, JournalError> {
    let escrow = Escrow::read(dir)?;
    if !escrow.is_torn {
        return Ok(escrow);
    }
    lock.terminate_torn_line().map_err(|error| Failure::from(error).into_error(dir))?;
    let mut escrow = Escrow::read(dir)?;
    escrow.torn = escrow.unreadable.last().copied();
    Ok(escrow)
}

fn recover(
    mut db: Connection,
    mut scribe: Scribe,
    now: TimePoint,
    dir: &StateDir,
    evidence: &Evidence,
    lock: &EscrowLock<'_>,
) -> Result<Opened, Failure> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let head = Head::of(&tx)?;
    let mut ledger = Ledger { db: &tx, scribe: &mut scribe, head, now, lines: Vec::new() };
    ledger.add_run()?;
    let escrow = &evidence.escrow;
    let mut findings = evidence.findings(ledger.db)?;
    if evidence.was_empty && !findings.is_empty() {
        ledger.forget_recipients()?;
    }
    let is_whole = !evidence.was_empty && findings.is_empty();
    for finding in &findings {
        let entry = Entry { outcome: Some(ROWS_LOST), note: Some(finding.clone()), ..Entry::default() };
        ledger.audit(Action::Found, now.utc, entry)?;
    }
    if let Some(finding) = ledger.unreadable_lines(escrow, is_whole)? {
        ledger.audit(Action::Found, now.utc, Entry { note: Some(finding.clone()), ..Entry::default() })?;
        findings.push(finding);
    }
    ledger.import_unknown(dir, escrow)?;
    let missing = escrow.lacks(ledger.db)?;
    for note in missing.findings() {
        ledger.audit(Action::Found, now.utc, Entry { note: Some(note.clone()), ..Entry::default() })?;
        findings.push(note);
    }
    let unresolved = ledger.not_of_others()?;
    let recipients = ledger.standing()?;
    let head = ledger.head;
    lock.append(&missing.lines)?;
    tx.commit()?;
    Ok(Opened { db, scribe, head, recovered: Recovered { unresolved, findings, recipients } })
}

impl Ledger<'_> {
    fn add_run(&self) -> Result<(), Failure> {
        let actor = &self.scribe.actor;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let who = actor.sudo_user.as_ref().or(actor.user.as_ref());
        let name = who.map(|name| format!(" ({name})")).unwrap_or_default();
        let who = format!("uid {}{name}", actor.uid);
        self.db.execute(
            "INSERT INTO runs (run, at, pid, boot, version, host, uid, euid, who)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                self.scribe.running.run(),
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

    /// Whom PINs were sealed to went with the journal: those of the config now may be anybody's.
    fn forget_recipients(&mut self) -> Result<(), Failure> {
        let at = self.now.utc;
        let note = Some(CleanText::new("whom PINs were sealed to before is not known any more"));
        let seq = self.audit(Action::Found, at, Entry { note, ..Entry::default() })?;
        self.db.execute(
            "INSERT INTO recipients (seq, at, fingerprints) VALUES (?1, ?2, '[]')",
            params![seq, at.unix_seconds()],
        )?;
        Ok(())
    }

    /// Lines that cannot be read and were not told of before. A torn one loses nothing if the journal is whole.
    fn unreadable_lines(&mut self, escrow: &Escrow, is_whole: bool) -> Result<Option<CleanText>, Failure> {
        let mut new = Vec::new();
        for line in escrow.not_told(self.db)? {
            let why = if is_whole && escrow.torn == Some(line) {
                "was torn: its PIN was never sent, or the journal has it"
            } else {
                new.push(line);
                "cannot be read"
            };
            let note = Some(CleanText::new(&format!("{LINE}{line} {why}")));
            self.audit(Action::Found, self.now.utc, Entry { note, ..Entry::default() })?;
        }
        Ok(findings::unreadable(&new))
    }

    /// Takes in the changes that only the escrow file knows of. It is read again for them, as there are seldom any.
    fn import_unknown(&mut self, dir: &StateDir, escrow: &Escrow) -> Result<(), Failure> {
        let mut unknown = HashSet::new();
        for (change, _) in &escrow.lines {
            if !open_changes::is_known(self.db, *change)? {
                unknown.insert(*change);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        // A change that has two lines is one change.
        EscrowFile::scan_entries(dir, |line| lines.extend(unknown.remove(&line.change).then_some(line)))
            .map_err(|error| Failure::new(error.to_string()))?;
        lines.iter().try_for_each(|line| self.import(line))
    }

    /// Takes in a change that only the escrow file knows of. It counts to its job, so that nobody takes its number for one
    /// that was never sent.
    fn import(&mut self, line: &EscrowEntry) -> Result<(), Failure> {
        let job = self.known_job(line)?;
        let note = Some(CleanText::new("found in the escrow file alone"));
        let entry = Entry {
            number: Some(line.number),
            waba: line.waba,
            change: Some(line.change),
            job,
            outcome: Some("no_answer"),
            note,
            ..Entry::default()
        };
        let at = self.now.utc;
        let seq = self.audit(Action::Found, at, entry)?;
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
                line.waba.as_ref().map(crate::number::WabaId::as_str),
                line.at.unix_seconds(),
                line.ciphertext.0,
            ])?;
        // Nobody knows when it was sent last; by now it has been.
        let rest = Rest {
            change: line.change,
            job: JobId::new(0),
            number: line.number,
            waba: line.waba,
            tries: 1,
            outcome: Outcome::InDoubt(DoubtReason::EscrowOnly),
            will_repeat: false,
            at,
        };
        let entry = Entry {
            change: Some(line.change),
            number: Some(line.number),
            job,
            outcome: Some("no_answer"),
            ..Entry::default()
        };
        let seq = self.audit(Action::Outcome, at, entry)?;
        self.add_outcome(seq, &rest, job)
    }

    /// The job that a line names, if the journal has it with this number in it: an older copy of the journal may have none
    /// of that name, or another.
    fn known_job(&self, line: &EscrowEntry) -> rusqlite::Result<Option<JobId>> {
        let mut known = self.db.prepare_cached("SELECT job FROM job_numbers WHERE job = ?1 AND number = ?2")?;
        known
            .query_row(params![line.job.map(JobId::get), line.number.as_str()], |row| row.get(0).map(JobId::new))
            .optional()
    }

    fn not_of_others(&mut self) -> Result<Vec<Unresolved>, Failure> {
        let mut unresolved = Vec::new();
        for OpenChange { change, run, last_send } in open_changes::all(self.db, Some(self.run()))? {
            let is_others = run.as_ref().map_or(Ok(false), |run| self.scribe.running.is_another(run))?;
            if !is_others {
                self.scribe.time_left(change.number, last_send, self.now);
                let last_send = last_send.seen_from(self.now.utc, self.scribe.clock.uptime());
                unresolved.push(Unresolved { last_send, ..change });
            }
        }
        Ok(unresolved)
    }
}
