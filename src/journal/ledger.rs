//! The rows of one transaction, each with its audit row.
//!
//! It checks before it writes: what is refused leaves no row. It never commits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::audit::{Action, AuditRow, Entry, Head};
use super::error::{Failure, Refused};
use super::open_changes;
use super::records::{Actor, Event, Intent, Plan, Recorded, Rest, Standing, lies_ahead, time_to_new_pin};
use super::running::Running;
use super::words::{kind_of, reply_of, settlement_word, words_of};
use crate::escrow::{Fingerprint, EscrowEntry};
use crate::job::{ChangeId, JobId, Resolution};
use crate::moment::{Clock, TimePoint, UtcTime};
use crate::number::{PhoneNumberId, WabaId};
use crate::text::CleanText;

/// One thing to be recorded.
#[derive(Debug)]
pub(super) enum Write {
    BeginJob(Plan),
    ResumeJob { job: JobId, numbers: Vec<PhoneNumberId> },
    Intend(Intent),
    IntendAgain { change: ChangeId, number: PhoneNumberId, attempt: u8 },
    Rest(Rest),
    Refusal(Rest),
    Settle { number: PhoneNumberId, changes: Vec<ChangeId>, how: Resolution, note: Option<CleanText> },
    Notes(Vec<Event>),
    Acknowledge,
}

/// What came of one [`Write`].
pub(super) type Answer = Result<Option<JobId>, Refused>;

/// Who writes, and what this process knows beside the rows.
#[derive(Debug)]
pub(super) struct Scribe {
    pub(super) clock: Clock,
    pub(super) actor: Actor,
    pub(super) running: Running,
    /// Those that this process would seal to, sorted.
    pub(super) recipients: Vec<Fingerprint>,
    /// From when on a request without a sure answer is no hindrance, whatever the clock on the wall says: for each that
    /// this process saw.
    pub(super) free_from: HashMap<(PhoneNumberId, Recorded), Instant>,
}

impl Scribe {
    /// Whole seconds since the machine started.
    fn up(&self) -> Option<i64> {
        self.clock.uptime().map(|up| up.as_secs().cast_signed())
    }

    /// How long this request of a number can still land: no later than was reckoned when this process first saw it, by the
    /// clock that nobody sets.
    pub(super) fn time_left(&mut self, number: PhoneNumberId, sent: Recorded, now: TimePoint) -> Duration {
        let left = time_to_new_pin(sent.seen_from(now.utc, self.clock.uptime()), now.utc);
        let until = *self.free_from.entry((number, sent)).or_insert(now.instant + left);
        left.min(until.saturating_duration_since(now.instant))
    }
}

/// A transaction being filled.
#[derive(Debug)]
pub(super) struct Ledger<'t> {
    pub(super) db: &'t Connection,
    pub(super) scribe: &'t mut Scribe,
    pub(super) head: Head,
    pub(super) now: TimePoint,
    /// For the escrow file, to be synced there before the rows are.
    pub(super) lines: Vec<EscrowEntry>,
}

impl Ledger<'_> {
    /// Writes one thing, unless it has to be refused.
    pub(super) fn write(&mut self, write: &Write) -> Result<Answer, Failure> {
        match write {
            Write::BeginJob(plan) => return self.begin_job(plan).map(|job| Ok(Some(job))),
            Write::ResumeJob { job, numbers } => {
                if let Err(refused) = self.resume_job(*job, numbers)? {
                    return Ok(Err(refused));
                }
            }
            Write::Intend(intent) => {
                if let Err(refused) = self.check(intent.change, intent.number, intent.at)? {
                    return Ok(Err(refused));
                }
                if let Err(refused) = self.check_news(intent)? {
                    return Ok(Err(refused));
                }
                if let Standing::Changed { .. } = self.standing()? {
                    return Ok(Err(Refused::RecipientsChanged));
                }
                self.intend(intent)?;
            }
            Write::IntendAgain { change, number, attempt } => {
                // The time of the try before it is another clock's where tests own time.
                let at = self.last_seen(*change)?.max(self.now.utc);
                if let Err(refused) = self.check(*change, *number, at)? {
                    return Ok(Err(refused));
                }
                if open_changes::is_overtaken(self.db, *number, *change, self.run())? {
                    let why = "another pindesk sent another PIN to this number since the last try";
                    return Ok(Err(Refused::Busy(CleanText::new(why))));
                }
                let entry = Entry { number: Some(*number), tries: Some(*attempt), ..self.of_change(*change)? };
                let seq = self.audit(Action::Try, at, entry)?;
                self.add_try(seq, *change, *attempt, at)?;
            }
            Write::Rest(rest) | Write::Refusal(rest) => self.rest(rest)?,
            Write::Settle { number, changes, how, note } => self.settle(*number, changes, *how, note.as_ref())?,
            Write::Notes(events) => events.iter().try_for_each(|event| self.event(event))?,
            Write::Acknowledge => self.acknowledge()?,
        }
        Ok(Ok(None))
    }

    /// Adds a row to the audit; its number is that of the row it belongs to as well.
    pub(super) fn audit(&mut self, action: Action, at: UtcTime, entry: Entry<'_>) -> Result<i64, Failure> {
        let row = AuditRow::new(self.head.sequence + 1, at, &self.scribe.actor, action, entry);
        let row = row.json().map_err(|error| Failure::new(error.to_string()))?;
        self.head = self.head.after(&row);
        self.db.prepare_cached("INSERT INTO audit (seq, row, hash) VALUES (?1, ?2, ?3)")?.execute(params![
            self.head.sequence,
            row,
            self.head.hash
        ])?;
        Ok(self.head.sequence)
    }

    /// Whether another PIN may go to the number.
    fn check(&mut self, change: ChangeId, number: PhoneNumberId, at: UtcTime) -> Result<Result<(), Refused>, Failure> {
        for open in open_changes::of_number(self.db, number, self.run())? {
            if open.change.change == change {
                continue;
            }
            if let Some(run) = &open.run
                && self.scribe.running.is_another(run)?
            {
                return Ok(Err(Refused::Busy(self.who_runs(run)?)));
            }
        }
        for run in open_changes::waiting(self.db, number, change)? {
            if self.scribe.running.is_another(&run)? {
                return Ok(Err(Refused::Busy(self.who_runs(&run)?)));
            }
        }
        // Of changes that came to their end as well: a confirmed PIN, or a note, keeps nothing from landing.
        let now = TimePoint { utc: at, ..self.now };
        let unsure = open_changes::unsure_sends(self.db, number, change, self.run())?;
        let left = unsure.into_iter().map(|sent| self.scribe.time_left(number, sent, now)).max().unwrap_or_default();
        if left.is_zero() {
            return Ok(Ok(()));
        }
        let from = at.plus(left);
        let text = format!("an earlier PIN can still land on this number; another is possible from {from}");
        Ok(Err(Refused::Busy(CleanText::new(&text))))
    }

    /// Whether another process set a PIN since the number was read: whoever confirmed did not know of it.
    fn check_news(&self, intent: &Intent) -> Result<Result<(), Refused>, Failure> {
        let Some(read_at) = intent.before.read_at else { return Ok(Ok(())) };
        let Some(set) = open_changes::last_set_elsewhere(self.db, intent.number, self.run())? else {
            return Ok(Ok(()));
        };
        let set_at = set.seen_from(intent.at, self.scribe.clock.uptime());
        let when = if lies_ahead(read_at, intent.at) {
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
        Ok(Err(Refused::Busy(CleanText::new(&text))))
    }

    fn who_runs(&self, run: &str) -> Result<CleanText, Failure> {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (pid, host, who): (u32, String, String) =
            self.db.prepare_cached("SELECT pid, host, who FROM runs WHERE run = ?1")?.query_row([run], row)?;
        let text = format!("another pindesk is at work on this number: process {pid} on {host}, {who}");
        Ok(CleanText::new(&text))
    }

    fn intend(&mut self, intent: &Intent) -> Result<(), Failure> {
        if remembered_recipients(self.db)?.is_none() && !self.scribe.recipients.is_empty() {
            self.remember_recipients(Action::RecipientsFirst)?;
        }
        let entry = Entry {
            number: Some(intent.number),
            waba: intent.waba,
            change: Some(intent.change),
            job: Some(intent.job),
            tries: Some(1),
            ..Entry::default()
        };
        let seq = self.audit(Action::Intent, intent.at, entry)?;
        let sealed = intent.sealed.as_ref().map(|line| line.ciphertext.0.as_slice());
        self.db
            .prepare_cached(
                "INSERT INTO changes (seq, change, job, run, number, waba, before, at, sealed)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                seq,
                intent.change.to_string(),
                intent.job.get(),
                self.run(),
                intent.number.as_str(),
                intent.waba.as_ref().map(WabaId::as_str),
                intent.before.two_step.json_value(),
                intent.at.unix_seconds(),
                sealed,
            ])?;
        self.add_try(seq, intent.change, 1, intent.at)?;
        self.lines.extend(intent.sealed.clone());
        Ok(())
    }

    fn add_try(&self, seq: i64, change: ChangeId, attempt: u8, at: UtcTime) -> Result<(), Failure> {
        self.db
            .prepare_cached("INSERT INTO tries (seq, change, run, attempt, at, up) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![seq, change.to_string(), self.run(), attempt, at.unix_seconds(), self.scribe.up()])?;
        Ok(())
    }

    /// Records what a change came to. What it closes is read from the rows.
    pub(super) fn rest(&mut self, rest: &Rest) -> Result<(), Failure> {
        let kind = kind_of(&rest.outcome);
        let entry = Entry {
            number: Some(rest.number),
            waba: rest.waba,
            change: Some(rest.change),
            job: Some(rest.job),
            outcome: Some(kind),
            tries: Some(rest.tries),
            reply: reply_of(&rest.outcome),
            note: words_of(&rest.outcome),
        };
        let seq = self.audit(Action::Outcome, rest.at, entry)?;
        self.add_outcome(seq, rest, Some(rest.job))
    }

    pub(super) fn add_outcome(&self, seq: i64, rest: &Rest, job: Option<JobId>) -> Result<(), Failure> {
        let detail = serde_json::to_string(&rest.outcome).map_err(|error| Failure::new(error.to_string()))?;
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
                self.scribe.up(),
                rest.tries,
                kind_of(&rest.outcome),
                detail,
                rest.will_repeat,
            ])?;
        Ok(())
    }

    /// Settles those changes of a number that whoever decided was told of: another process may have left more since.
    fn settle(
        &mut self,
        number: PhoneNumberId,
        changes: &[ChangeId],
        how: Resolution,
        note: Option<&CleanText>,
    ) -> Result<(), Failure> {
        let word = settlement_word(how);
        for open in open_changes::of_number(self.db, number, self.run())? {
            let is_others = open.run.as_ref().map_or(Ok(false), |run| self.scribe.running.is_another(run))?;
            if is_others || !changes.contains(&open.change.change) {
                continue;
            }
            let change = open.change;
            let entry = Entry {
                number: Some(number),
                waba: change.waba,
                change: Some(change.change),
                job: change.job,
                outcome: Some(word),
                note: note.cloned(),
                ..Entry::default()
            };
            let at = self.now.utc;
            let seq = self.audit(Action::Settled, at, entry)?;
            self.db
                .prepare_cached("INSERT INTO settlements (seq, change, at, how, note) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![seq, change.change.to_string(), at.unix_seconds(), word, note.map(CleanText::as_str)])?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        let (action, entry) = match event {
            Event::ScreenHidden => (Action::ScreenHidden, Entry::default()),
            Event::ScreenShown => (Action::ScreenShown, Entry::default()),
            Event::Opened { change, number, waba } => {
                let entry = Entry { number: Some(*number), waba: *waba, change: Some(*change), ..Entry::default() };
                (Action::Opened, entry)
            }
        };
        self.audit(action, self.now.utc, entry).map(drop)
    }

    /// How this process's recipients stand to the remembered ones.
    pub(super) fn standing(&self) -> Result<Standing, Failure> {
        standing(self.db, &self.scribe.recipients)
    }

    fn acknowledge(&mut self) -> Result<(), Failure> {
        match self.standing()? {
            Standing::Known if remembered_recipients(self.db)?.is_none() && !self.scribe.recipients.is_empty() => {
                self.remember_recipients(Action::RecipientsFirst)
            }
            Standing::Known => Ok(()),
            Standing::Changed { .. } => self.remember_recipients(Action::RecipientsAcknowledged),
        }
    }

    fn remember_recipients(&mut self, action: Action) -> Result<(), Failure> {
        let texts: Vec<&str> = self.scribe.recipients.iter().map(Fingerprint::as_str).collect();
        let note = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
        let fingerprints = serde_json::to_string(&texts).map_err(|error| Failure::new(error.to_string()))?;
        let seq = self.audit(action, self.now.utc, Entry { note: Some(CleanText::new(&note)), ..Entry::default() })?;
        self.db
            .prepare_cached("INSERT INTO recipients (seq, at, fingerprints) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, self.now.utc.unix_seconds(), fingerprints])?;
        Ok(())
    }

    /// The time of the last row of a change.
    fn last_seen(&self, change: ChangeId) -> Result<UtcTime, Failure> {
        let seconds: u32 = self
            .db
            .prepare_cached(
                "SELECT coalesce(max(at), 0) FROM (SELECT at FROM tries WHERE change = ?1
                UNION ALL SELECT at FROM outcomes WHERE change = ?1)",
            )?
            .query_row([change.to_string()], |row| row.get(0))?;
        Ok(UtcTime::from_unix_seconds(seconds))
    }

    fn of_change(&self, change: ChangeId) -> Result<Entry<'static>, Failure> {
        let found = self
            .db
            .prepare_cached("SELECT job, waba FROM changes WHERE change = ?1")?
            .query_row([change.to_string()], |row| {
                Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, Option<String>>(1)?))
            })
            .optional()?;
        let (job, waba) = found.unwrap_or_default();
        let waba = waba.and_then(|waba| waba.parse().ok());
        Ok(Entry { change: Some(change), job: job.map(JobId::new), waba, ..Entry::default() })
    }

    pub(super) fn run(&self) -> &str {
        self.scribe.running.run()
    }
}

/// How these recipients stand to the remembered ones.
pub(super) fn standing(db: &Connection, now: &[Fingerprint]) -> Result<Standing, Failure> {
    Ok(match remembered_recipients(db)? {
        Some(remembered) if remembered != now => Standing::Changed { remembered, now: now.to_vec() },
        Some(_) | None => Standing::Known,
    })
}

fn remembered_recipients(db: &Connection) -> Result<Option<Vec<Fingerprint>>, Failure> {
    let last: Option<String> = db
        .prepare_cached("SELECT fingerprints FROM recipients ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(last) = last else { return Ok(None) };
    let texts: Vec<String> = serde_json::from_str(&last).map_err(|error| Failure::new(error.to_string()))?;
    Ok(Some(texts.iter().map(|text| Fingerprint::new(text)).collect()))
}
