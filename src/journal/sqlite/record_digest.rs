//! The digest that binds the rows of other tables to the audit row that was written with them.
//!
//! It covers every column of every row with the number of the audit row, and the runs that those rows name, so that the
//! hash chain covers all that decides something. It never writes, and does not decide what a wrong digest means.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::{Digest as _, Sha256};

use crate::journal::audit::{AuditAction, RecordDigest};

/// A table whose rows are bound. `n` is the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BoundTable {
    name: &'static str,
    source: &'static str,
    /// The number of the audit row.
    sequence: &'static str,
    /// The order of rows with one number.
    order: &'static str,
}

const fn table(name: &'static str, source: &'static str) -> BoundTable {
    BoundTable { name, source, sequence: "n.seq", order: "n.seq" }
}

const JOBS: BoundTable = table("jobs", "jobs n");
const JOB_NUMBERS: BoundTable = BoundTable {
    name: "job_numbers",
    source: "jobs j CROSS JOIN job_numbers n ON n.job = j.job",
    sequence: "j.seq",
    order: "n.job, n.place",
};
const RESUMPTIONS: BoundTable = table("resumptions", "resumptions n");
const CHANGES: BoundTable = table("changes", "changes n");
const TRIES: BoundTable = table("tries", "tries n");
const OUTCOMES: BoundTable = table("outcomes", "outcomes n");
const SETTLEMENTS: BoundTable = table("settlements", "settlements n");
const RECIPIENTS: BoundTable = table("recipients", "recipients n");
const JOB_ENDS: BoundTable = table("job_ends", "job_ends n");
const ROW_GROUPS: BoundTable = BoundTable { order: "n.first", ..table("row_groups", "row_groups n") };
const CHECKPOINTS: BoundTable = table("checkpoints", "checkpoints n");
const RE_ENCRYPTIONS: BoundTable = table("re_encryptions", "re_encryptions n");

/// Every bound table. The order is part of the digest.
pub(super) const BOUND_TABLES: [BoundTable; 12] = [
    JOBS,
    JOB_NUMBERS,
    RESUMPTIONS,
    CHANGES,
    TRIES,
    OUTCOMES,
    SETTLEMENTS,
    RECIPIENTS,
    JOB_ENDS,
    ROW_GROUPS,
    CHECKPOINTS,
    RE_ENCRYPTIONS,
];

/// The tables that get a row with an action, in the order of [`BOUND_TABLES`]. The writer reads no others.
pub(super) const fn tables_of(action: AuditAction) -> &'static [BoundTable] {
    match action {
        AuditAction::JobStarted => &[JOBS, JOB_NUMBERS],
        AuditAction::JobResumed => &[RESUMPTIONS],
        AuditAction::JobEnded => &[JOB_ENDS],
        AuditAction::Intent => &[CHANGES, TRIES],
        AuditAction::Retry => &[TRIES],
        AuditAction::Outcome => &[OUTCOMES],
        AuditAction::Resolved => &[SETTLEMENTS],
        AuditAction::RecipientsStored | AuditAction::RecipientsAccepted => &[RECIPIENTS],
        // A change that only the escrow file had, or recipients that are unknown.
        AuditAction::Finding => &[CHANGES, RECIPIENTS],
        AuditAction::RowsBound | AuditAction::DamageAccepted => &[ROW_GROUPS],
        AuditAction::Checked => &[CHECKPOINTS],
        AuditAction::PinReEncrypted => &[RE_ENCRYPTIONS],
        AuditAction::PinDecrypted
        | AuditAction::BackedUp
        | AuditAction::EscrowDrill
        | AuditAction::ScreenHidden
        | AuditAction::ScreenShown => &[],
    }
}

impl BoundTable {
    fn select(&self, condition: &str) -> String {
        let Self { source, sequence, order, .. } = self;
        format!("SELECT {sequence}, n.* FROM {source} WHERE {sequence} {condition} ORDER BY {sequence}, {order}")
    }
}

/// The digest of the rows of these tables with a number; `None` without rows.
pub(super) fn digest(db: &Connection, tables: &[BoundTable], sequence: i64) -> rusqlite::Result<Option<RecordDigest>> {
    let mut record = RecordHasher::default();
    for table in tables {
        let mut statement = db.prepare_cached(&table.select("= ?1"))?;
        let mut rows = statement.query([sequence])?;
        while let Some(row) = rows.next()? {
            record.add(table.name, row)?;
        }
    }
    record.finish(&mut RunTexts::new(db))
}

/// The digests of all records with these numbers.
pub(super) fn digests_between(
    runs: &mut RunTexts<'_>,
    first: i64,
    last: i64,
) -> rusqlite::Result<BTreeMap<i64, RecordDigest>> {
    let mut records: BTreeMap<i64, RecordHasher> = BTreeMap::new();
    for table in BOUND_TABLES {
        let mut statement = runs.db.prepare_cached(&table.select("BETWEEN ?1 AND ?2"))?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            records.entry(row.get(0)?).or_default().add(table.name, row)?;
        }
    }
    let mut digests = BTreeMap::new();
    for (sequence, record) in records {
        digests.extend(record.finish(runs)?.map(|digest| (sequence, digest)));
    }
    Ok(digests)
}

/// The largest number of a record, which may have no audit row.
pub(super) fn last_record(db: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut last = None;
    for BoundTable { source, sequence, .. } in BOUND_TABLES {
        let in_table = db.query_row(&format!("SELECT max({sequence}) FROM {source}"), [], |row| row.get(0))?;
        last = last.max(in_table);
    }
    Ok(last)
}

/// A job that has numbers, but no row: no digest covers them.
pub(super) fn job_without_row(db: &Connection) -> rusqlite::Result<Option<i64>> {
    db.query_row("SELECT min(job) FROM job_numbers WHERE job NOT IN (SELECT job FROM jobs)", [], |row| row.get(0))
}

/// Collects the rows of one record.
#[derive(Debug, Default)]
struct RecordHasher {
    hasher: Sha256,
    has_rows: bool,
    runs: BTreeSet<Vec<u8>>,
}

impl RecordHasher {
    /// Adds a row whose first column is the number of the audit row.
    fn add(&mut self, table: &str, row: &Row<'_>) -> rusqlite::Result<()> {
        let mut text = Vec::new();
        encode_row(&mut text, table, row, 1, &mut self.runs)?;
        self.has_rows = true;
        self.hasher.update(text);
        Ok(())
    }

    fn finish(self, texts: &mut RunTexts<'_>) -> rusqlite::Result<Option<RecordDigest>> {
        if !self.has_rows {
            return Ok(None);
        }
        let mut hasher = self.hasher;
        for run in self.runs {
            hasher.update(texts.get(&run)?);
        }
        Ok(Some(RecordDigest(hasher.finalize().into())))
    }
}

/// The encoded rows of runs. Keeps a few, because consecutive records are mostly of one run.
#[derive(Debug)]
pub(super) struct RunTexts<'d> {
    db: &'d Connection,
    known: HashMap<Vec<u8>, Vec<u8>>,
}

impl<'d> RunTexts<'d> {
    const MAX_KNOWN: usize = 64;

    pub(super) fn new(db: &'d Connection) -> Self {
        Self { db, known: HashMap::new() }
    }

    pub(super) const fn db(&self) -> &'d Connection {
        self.db
    }

    /// Empty if there is no such run.
    fn get(&mut self, run: &[u8]) -> rusqlite::Result<&[u8]> {
        if !self.known.contains_key(run) {
            let mut text = Vec::new();
            let mut statement = self.db.prepare_cached("SELECT * FROM runs WHERE run = CAST(?1 AS TEXT)")?;
            let mut rows = statement.query([run])?;
            if let Some(row) = rows.next()? {
                encode_row(&mut text, "runs", row, 0, &mut BTreeSet::new())?;
            }
            if self.known.len() == Self::MAX_KNOWN {
                self.known.clear();
            }
            self.known.insert(run.to_vec(), text);
        }
        Ok(self.known.get(run).map_or(&[], Vec::as_slice))
    }
}

/// Appends a row: its table, then the name, the type and the value of each column from `first` on. Every part has its
/// length, so that no two rows have one encoding. Leaves out empty columns, so that a column that a later version adds
/// changes no digest.
fn encode_row(
    text: &mut Vec<u8>,
    table: &str,
    row: &Row<'_>,
    first: usize,
    runs: &mut BTreeSet<Vec<u8>>,
) -> rusqlite::Result<()> {
    put(text, b'R', table.as_bytes());
    for column in first..row.as_ref().column_count() {
        let name = row.as_ref().column_name(column)?;
        let (kind, integer, real);
        let value: &[u8] = match row.get_ref(column)? {
            ValueRef::Null => continue,
            ValueRef::Integer(value) => {
                integer = value.to_be_bytes();
                kind = b'i';
                &integer
            }
            ValueRef::Real(value) => {
                real = value.to_bits().to_be_bytes();
                kind = b'r';
                &real
            }
            ValueRef::Text(value) => {
                kind = b't';
                value
            }
            ValueRef::Blob(value) => {
                kind = b'b';
                value
            }
        };
        put(text, b'C', name.as_bytes());
        put(text, kind, value);
        if name == "run" {
            runs.insert(value.to_vec());
        }
    }
    Ok(())
}

fn put(text: &mut Vec<u8>, kind: u8, value: &[u8]) {
    text.push(kind);
    text.extend((value.len() as u64).to_be_bytes());
    text.extend(value);
}
