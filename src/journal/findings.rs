//! What is wrong with the records: what no death of a process explains.
//!
//! It reads, and writes nothing: who is only to be told what would be found gets the same answer as who opens the journal.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use rusqlite::Connection;

use super::audit::Noted;
use super::error::{Failure, JournalError};
use super::open_changes::{self, OpenChange};
use super::reader::Reader;
use super::records::Recovered;
use super::{ledger, running, sealed};
use crate::escrow::{EscrowFile, Fingerprint, EscrowEntry};
use crate::job::ChangeId;
use crate::state::{StateDir, StateDirError};
use crate::text::CleanText;

/// What stands beside the database.
pub(super) struct Evidence {
    pub(super) was_empty: bool,
    pub(super) noted: Noted,
    pub(super) escrow: Escrow,
}

/// What the escrow file has.
pub(super) struct Escrow {
    /// The changes it has, in its order, and what each line comes to; the lines themselves are too much for memory.
    pub(super) lines: Vec<(ChangeId, u64)>,
    /// With a key of this process alone, so that nobody makes another line that comes to the same.
    hasher: RandomState,
    /// The numbers of lines that cannot be read.
    pub(super) unreadable: Vec<usize>,
    /// True if the last line has no end.
    pub(super) is_torn: bool,
    /// The number of a last line that was torn until now.
    pub(super) torn: Option<usize>,
}

/// What an audit row says of a line begins so, and goes on with its number.
pub(super) const LINE: &str = "escrow.jsonl line ";

impl Evidence {
    /// What no death of a process explains.
    pub(super) fn findings(&self, db: &Connection) -> Result<Vec<CleanText>, Failure> {
        if let Some(gone) = self.journal_is_gone() {
            return Ok(vec![gone]);
        }
        Ok(self.noted.compare(db)?.into_iter().collect())
    }

    fn journal_is_gone(&self) -> Option<CleanText> {
        let had_rows = matches!(self.noted, Noted::Is(head) if head.sequence > 0) || self.noted == Noted::Unreadable;
        (self.was_empty && (had_rows || !self.escrow.lines.is_empty())).then(|| {
            CleanText::new(
                "journal.db is missing or empty, though there was one: what came of the changes in it is not known, and \
                 each PIN in the escrow file may be in force or not",
            )
        })
    }
}

impl Escrow {
    pub(super) fn read(dir: &StateDir) -> Result<Self, StateDirError> {
        let (mut lines, hasher) = (Vec::new(), RandomState::new());
        let contents = EscrowFile::scan_entries(dir, |line| lines.push((line.change, sum(&hasher, &line))))?;
        Ok(Self { lines, hasher, unreadable: contents.unreadable_lines, is_torn: contents.is_torn, torn: None })
    }

    /// The lines that cannot be read and were not told of before. The index of findings has this very condition.
    pub(super) fn not_told(&self, db: &Connection) -> rusqlite::Result<Vec<usize>> {
        const FOUND: &str = "SELECT row ->> '$.note' FROM audit
            WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'found'";
        if self.unreadable.is_empty() {
            return Ok(Vec::new());
        }
        let mut told = HashSet::new();
        let mut statement = db.prepare(FOUND)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let note: Option<String> = row.get(0)?;
            let line: Option<usize> =
                note.as_deref().and_then(|note| note.strip_prefix(LINE)?.split(' ').next()?.parse().ok());
            told.extend(line);
        }
        Ok(self.unreadable.iter().copied().filter(|line| !told.contains(line)).collect())
    }

    /// That the last line has no end, where no journal shows that its PIN was never sent.
    fn cut_off(&self) -> Option<CleanText> {
        self.is_torn.then(|| CleanText::new("the last line of escrow.jsonl is cut off: its PIN may be lost"))
    }

    /// What of the database it lost, or has otherwise. A change may have two lines there: one that is right is enough.
    pub(super) fn lacks(&self, db: &Connection) -> rusqlite::Result<Missing> {
        let changes: HashSet<ChangeId> = self.lines.iter().map(|(change, _)| *change).collect();
        let lines: HashSet<&(ChangeId, u64)> = self.lines.iter().collect();
        let mut missing = Missing::default();
        sealed::each(db, |line, _| {
            if !lines.contains(&(line.change, sum(&self.hasher, &line))) {
                missing.altered += usize::from(changes.contains(&line.change));
                missing.lines.push(line);
            }
        })?;
        Ok(missing)
    }
}

fn sum(hasher: &RandomState, line: &EscrowEntry) -> u64 {
    // Its job says nothing of its PIN, and may be one that the journal has lost.
    let EscrowEntry { change, number, waba, at, job: _, ciphertext: sealed } = line;
    hasher.hash_one((change, number, waba, at.unix_seconds(), &sealed.0))
}

/// That these lines cannot be read, if there are any.
pub(super) fn unreadable(lines: &[usize]) -> Option<CleanText> {
    let first = lines.first()?;
    let text = match lines.len() {
        1 => format!("a line of escrow.jsonl cannot be read (line {first}): its PIN may be lost"),
        count => {
            format!("{count} lines of escrow.jsonl cannot be read (the first is line {first}): their PINs may be lost")
        }
    };
    Some(CleanText::new(&text))
}

/// Sealed PINs as the database has them, and the escrow file does not.
#[derive(Default)]
pub(super) struct Missing {
    pub(super) lines: Vec<EscrowEntry>,
    /// How many of them the file has otherwise.
    altered: usize,
}

impl Missing {
    /// That there are any, while nothing was done about it.
    fn told(&self) -> Option<CleanText> {
        match self.lines.len() {
            0 => None,
            1 => Some("1 sealed PIN of the journal is not in the escrow file, or stands there otherwise".to_owned()),
            count => {
                Some(format!("{count} sealed PINs of the journal are not in the escrow file, or stand there otherwise"))
            }
        }
        .map(|text| CleanText::new(&text))
    }

    /// What is told of them once they were added to the file.
    pub(super) fn findings(&self) -> impl Iterator<Item = CleanText> {
        let lost = match self.lines.len() - self.altered {
            0 => None,
            1 => Some("a sealed PIN was missing from the escrow file, and was added to it again".to_owned()),
            count => Some(format!("{count} sealed PINs were missing from the escrow file, and were added to it again")),
        };
        let altered = match self.altered {
            0 => None,
            1 => Some(
                "a line of the escrow file is not the one in the journal: one of them was altered or damaged. The \
                 journal's was added to the file, and `pindesk escrow open` shows every PIN that opens"
                    .to_owned(),
            ),
            count => Some(format!(
                "{count} lines of the escrow file are not those in the journal: they were altered or damaged. The \
                 journal's were added to the file, and `pindesk escrow open` shows every PIN that opens"
            )),
        };
        lost.into_iter().chain(altered).map(|text| CleanText::new(&text))
    }
}

/// What would be found if the journal were opened, but for PINs that only the escrow file knows of. Nothing is written, and
/// what is found is not told of as found.
pub(super) fn look(dir: &StateDir, recipients: &[Fingerprint]) -> Result<Recovered, JournalError> {
    // Each lags behind the next where another process writes: the head behind the rows, and those behind the file.
    let noted = Noted::read(dir)?;
    match Reader::open(dir) {
        Ok(reader) => reader.read(|db| {
            let escrow = Escrow::read(dir).map_err(|error| Failure::new(error.to_string()))?;
            let mut findings: Vec<_> = noted.compare(db)?.into_iter().collect();
            findings.extend(unreadable(&escrow.not_told(db)?));
            findings.extend(escrow.lacks(db)?.told());
            let mut unresolved = Vec::new();
            for OpenChange { change, run, .. } in open_changes::all(db, None)? {
                if !run.map_or(Ok(false), |run| running::is_alive(dir, &run))? {
                    unresolved.push(change);
                }
            }
            Ok(Recovered { unresolved, findings, recipients: ledger::standing(db, recipients)? })
        }),
        Err(error) if error.is_missing() => {
            let evidence = Evidence { was_empty: true, noted, escrow: Escrow::read(dir)? };
            let escrow = &evidence.escrow;
            let findings = [evidence.journal_is_gone(), unreadable(&escrow.unreadable), escrow.cut_off()];
            Ok(Recovered { findings: findings.into_iter().flatten().collect(), ..Recovered::default() })
        }
        Err(error) => Err(error),
    }
}
