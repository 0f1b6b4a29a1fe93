//! The hash chain of the audit log: each row has the hash of the row before it and of its own text.
//!
//! The number and the hash of the last row are saved in a file of their own, so that a truncation is noticed. It reads
//! no database, and does not decide what a damaged row means for the work.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;

use sha2::{Digest as _, Sha256};

use super::AuditRow;
use crate::domain::text::CleanText;
use crate::journal::model::AuditProblem;
use crate::state_dir::{OpenMode, StateDir, StateDirError};

/// The file that holds the head of the hash chain. It may be behind the database, but never ahead of it.
pub(in crate::journal) const HEAD_FILE: &str = "audit.head";

/// The SHA-256 of the rows of other tables that belong to an audit row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) struct RecordDigest(pub(in crate::journal) [u8; 32]);

impl fmt::Display for RecordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The head of the hash chain: the number and the hash of the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) struct ChainHead {
    pub(in crate::journal) sequence: i64,
    pub(in crate::journal) hash: [u8; 32],
}

/// The content of [`HEAD_FILE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum SavedHead {
    Missing,
    Unreadable,
    Present(ChainHead),
}

impl ChainHead {
    /// The head of an empty log.
    pub(in crate::journal) const EMPTY: Self = Self { sequence: 0, hash: [0; 32] };

    /// The head after this row is appended.
    pub(in crate::journal) fn after(self, row: &str) -> Self {
        let hash = Sha256::new().chain_update(self.hash).chain_update(row.as_bytes()).finalize();
        Self { sequence: self.sequence.saturating_add(1), hash: hash.into() }
    }

    /// The hash in hexadecimal digits.
    pub(in crate::journal) fn hash_text(&self) -> String {
        RecordDigest(self.hash).to_string()
    }

    /// The text for the head file. Its length never changes, so that one write replaces it.
    fn encode(&self) -> String {
        format!("{:020} {}\n", self.sequence, self.hash_text())
    }

    fn parse(line: &str) -> Option<Self> {
        let (sequence, digits) = line.strip_suffix('\n')?.split_once(' ')?;
        let mut hash = [0; 32];
        for (byte, start) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(start..start + 2)?, 16).ok()?;
        }
        let head = Self { sequence: sequence.parse().ok()?, hash };
        (head.encode() == line).then_some(head)
    }

    pub(in crate::journal) fn write(&self, file: &File) -> io::Result<()> {
        file.write_all_at(self.encode().as_bytes(), 0)
    }
}

impl SavedHead {
    pub(in crate::journal) fn read(dir: &StateDir) -> Result<Self, StateDirError> {
        let mut file = match dir.open_file(HEAD_FILE, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.is_missing() => return Ok(Self::Missing),
            Err(error) => return Err(error),
        };
        let mut line = String::new();
        let is_read = file.read_to_string(&mut line).is_ok();
        Ok(ChainHead::parse(&line).filter(|_| is_read).map_or(Self::Unreadable, Self::Present))
    }

    /// How the database contradicts this head, if it does: `last_sequence` is the number of its last row, and
    /// `stored_hash` the hash of the row that this head names, if there is such a row.
    pub(in crate::journal) fn find_mismatch(
        self,
        last_sequence: i64,
        stored_hash: Option<[u8; 32]>,
    ) -> Option<CleanText> {
        let problem = match self {
            Self::Missing if last_sequence == 0 => None,
            Self::Missing => Some(format!("{HEAD_FILE} is missing, so a truncated audit log cannot be detected")),
            Self::Unreadable => {
                Some(format!("{HEAD_FILE} cannot be read, so a truncated audit log cannot be detected"))
            }
            Self::Present(head) if head.sequence > last_sequence => Some(format!(
                "the journal ends at audit row {last_sequence}, but it once reached row {}: it was truncated, or \
                 replaced with an older copy",
                head.sequence
            )),
            Self::Present(head) => {
                let is_same = head.sequence == 0 || stored_hash == Some(head.hash);
                (!is_same).then(|| format!("audit row {} is not the original row", head.sequence))
            }
        };
        problem.map(|problem| CleanText::new(&problem))
    }
}

/// An audit row as the database has it.
#[derive(Debug, Clone, Copy)]
pub(in crate::journal) struct StoredRow<'r> {
    pub(in crate::journal) sequence: i64,
    /// `None` if it is not text.
    pub(in crate::journal) text: Option<&'r str>,
    /// `None` if it has another length.
    pub(in crate::journal) hash: Option<[u8; 32]>,
    /// The digest of the rows of other tables with this number.
    pub(in crate::journal) record: Option<RecordDigest>,
}

impl StoredRow<'_> {
    /// Parses the row; `None` if it is not as it was written. `previous` is the hash of the row before it, if it is known.
    pub(in crate::journal) fn parse(&self, previous: Option<[u8; 32]>) -> Option<AuditRow> {
        let is_linked = |text: &str| {
            previous.is_none_or(|hash| Some(ChainHead { sequence: self.sequence, hash }.after(text).hash) == self.hash)
        };
        let text = self.text.filter(|text| self.hash.is_some() && is_linked(text))?;
        serde_json::from_str::<AuditRow>(text).ok().filter(|row| row.sequence == self.sequence)
    }

    /// True if the rows of other tables are those that were written with this row.
    pub(in crate::journal) fn is_bound_by(&self, row: &AuditRow) -> bool {
        row.record.as_ref().map(CleanText::as_str) == self.record.map(|digest| digest.to_string()).as_deref()
    }
}

/// What is wrong with a row whose text or hash does not fit.
pub(in crate::journal) const ALTERED: &str = "it was altered";

/// What is wrong with a row whose record in another table does not fit.
pub(in crate::journal) const UNMATCHED: &str = "the record that it describes was deleted or altered";

/// What is wrong with the number of a record that has no audit row.
pub(in crate::journal) const UNKNOWN_ROW: &str = "it does not exist, but other tables have rows of it";

/// Verifies the hash chain, row by row.
#[derive(Debug)]
pub(in crate::journal) struct ChainVerifier {
    head: ChainHead,
    row_count: i64,
    problems: Vec<AuditProblem>,
}

impl ChainVerifier {
    /// Verifies the rows after this one.
    pub(in crate::journal) const fn after(head: ChainHead) -> Self {
        Self { head, row_count: 0, problems: Vec::new() }
    }

    /// Verifies the next row. `binds` tells whether it must bind the rows of other tables.
    pub(in crate::journal) fn verify_row(&mut self, row: &StoredRow<'_>, binds: bool) {
        self.row_count += 1;
        let sequence = row.sequence;
        let is_next = sequence <= self.head.sequence.saturating_add(1);
        if !is_next {
            let (from, to) = (self.head.sequence + 1, sequence - 1);
            let missing =
                if from == to { "it is missing".to_owned() } else { format!("rows {from} to {to} are missing") };
            self.problems.push(AuditProblem { until: to, ..AuditProblem::new(from, &missing) });
        }
        // After a missing row, the hash before this row is lost.
        match row.parse(is_next.then_some(self.head.hash)) {
            Some(parsed) => {
                if binds && !row.is_bound_by(&parsed) {
                    self.problems.push(AuditProblem::new(sequence, UNMATCHED));
                }
                self.problems.extend(parsed.reported_loss());
            }
            None => self.problems.push(AuditProblem::new(sequence, ALTERED)),
        }
        let expected = row.text.map_or(ChainHead::EMPTY.hash, |text| self.head.after(text).hash);
        self.head = ChainHead { sequence, hash: row.hash.unwrap_or(expected) };
    }

    /// Reports that other tables have rows with the number of an audit row that does not exist.
    pub(in crate::journal) fn report_unknown_record(&mut self, sequence: i64) {
        self.problems.push(AuditProblem::new(sequence, UNKNOWN_ROW));
    }

    /// Ends with the last row, how many rows there were, and the problems.
    pub(in crate::journal) fn finish(self) -> (ChainHead, i64, Vec<AuditProblem>) {
        (self.head, self.row_count, self.problems)
    }
}
