//! The audit log as a file: every row with its hash, and the head of the chain. Kept elsewhere, it shows later whether
//! the whole state directory was replaced with an older copy, which nothing in that directory can show.
//!
//! It compares rows only by their hashes, and does not say which of two logs is the original.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use super::audit::ChainHead;
use super::sqlite::reader::JournalReader;
use super::{AuditProblem, JournalError};
use crate::domain::json_text::{SCHEMA_VERSION, json_text};

/// A line of an export: a row, or as the last line the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum ExportLine {
    Row {
        schema: u8,
        sequence: i64,
        hash: String,
        /// The text of the row, byte for byte, so that its hash can be computed again.
        row: String,
    },
    Head {
        schema: u8,
        sequence: i64,
        hash: String,
    },
}

/// Why a file cannot be compared with the journal.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line is not what `pindesk audit export` writes, or was altered.
    #[error("line {0} is not as `pindesk audit export` wrote it: the file was altered, or it is another file")]
    Altered(usize),
    /// The last line is missing.
    #[error("it ends without its last line: it was cut off")]
    CutOff,
}

/// How an export compares with the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportComparison {
    /// How many rows the export has.
    pub rows: i64,
    /// The first row that the journal has no longer, or has differently.
    pub difference: Option<AuditProblem>,
}

impl JournalReader {
    /// Writes every row of the audit log with its hash, and then the head, each as one line of JSON.
    ///
    /// # Errors
    /// If the database cannot be read. The inner error is the one of the writer.
    pub fn export_audit(&self, out: &mut impl Write) -> Result<io::Result<()>, JournalError> {
        let mut head = ChainHead::EMPTY;
        let written = self.for_each_chain_row(|sequence, row, hash| {
            head = ChainHead { sequence, hash };
            let line =
                ExportLine::Row { schema: SCHEMA_VERSION, sequence, hash: head.hash_text(), row: row.to_owned() };
            writeln!(out, "{}", json_text(&line)?)
        })?;
        let last = ExportLine::Head { schema: SCHEMA_VERSION, sequence: head.sequence, hash: head.hash_text() };
        Ok(written.and_then(|()| writeln!(out, "{}", json_text(&last)?)))
    }

    /// Compares an export with the journal, row by row, up to the first difference. Checks that the export itself is
    /// one chain.
    ///
    /// # Errors
    /// If the database cannot be read. The inner error says what is wrong with the export.
    pub fn compare_audit(&self, export: impl BufRead) -> Result<Result<ExportComparison, ExportError>, JournalError> {
        let mut rows = ExportedRows { lines: export.lines(), line: 0, head: ChainHead::EMPTY, is_ended: false };
        let mut difference = None;
        let compared = self.for_each_chain_row(|sequence, _, hash| {
            if difference.is_none()
                && let Some(exported) = rows.next_row()?
                && (exported != ChainHead { sequence, hash })
            {
                let what = "it is not the row that the file has: one of the two was altered, or the file is of another \
                            journal";
                difference = Some(AuditProblem::new(exported.sequence, what));
            }
            Ok(())
        })?;
        Ok(compared.and_then(|()| {
            while let Some(exported) = rows.next_row()? {
                let what = "it is missing, although the file has it: rows were deleted, or the state directory was \
                            replaced with an older copy";
                difference.get_or_insert_with(|| AuditProblem::new(exported.sequence, what));
            }
            Ok(ExportComparison { rows: rows.head.sequence, difference })
        }))
    }
}

/// Reads an export row by row, and verifies its chain.
struct ExportedRows<L> {
    lines: L,
    /// The number of the last line that was read.
    line: usize,
    /// The last row that was read.
    head: ChainHead,
    /// True after the last line.
    is_ended: bool,
}

impl<L: Iterator<Item = io::Result<String>>> ExportedRows<L> {
    /// The next row; `None` after the last line, which must be the head.
    fn next_row(&mut self) -> Result<Option<ChainHead>, ExportError> {
        let Some(line) = self.lines.next().transpose()? else {
            return if self.is_ended { Ok(None) } else { Err(ExportError::CutOff) };
        };
        self.line += 1;
        let altered = ExportError::Altered(self.line);
        match serde_json::from_str(&line) {
            _ if self.is_ended => Err(altered),
            Ok(ExportLine::Row { schema: SCHEMA_VERSION, sequence, hash, row }) => {
                let next = self.head.after(&row);
                if next.sequence != sequence || next.hash_text() != hash {
                    return Err(altered);
                }
                self.head = next;
                Ok(Some(next))
            }
            Ok(ExportLine::Head { schema: SCHEMA_VERSION, sequence, hash }) => {
                if self.head.sequence != sequence || self.head.hash_text() != hash {
                    return Err(altered);
                }
                self.is_ended = true;
                self.next_row()
            }
            Ok(_) | Err(_) => Err(altered),
        }
    }
}
