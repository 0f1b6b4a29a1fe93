//! Reads what the journal has for the comparison with the escrow file, and reports what opening it would find.
//!
//! It writes nothing and records no finding.

use std::collections::HashSet;

use rusqlite::Connection;

use super::reader::JournalReader;
use super::{audit_log, encrypted_pins, open_changes, re_encryptions};
use crate::escrow::Fingerprint;
use crate::journal::audit::SavedHead;
use crate::journal::error::{JournalError, StorageError};
use crate::journal::integrity::{
    EscrowComparison, EscrowIndex, MissingEntries, RecoveryInput, line_of_note, unreadable_lines_finding,
};
use crate::journal::model::RecoveryReport;
use crate::journal::run_lock;
use crate::state_dir::StateDir;

/// The lines of the escrow file that were reported as unparsable. The query has the condition of the index `findings`,
/// so that SQLite uses it.
pub(super) fn reported_lines(db: &Connection) -> rusqlite::Result<HashSet<usize>> {
    const FINDING_NOTES: &str = "SELECT row ->> '$.note' FROM audit
        WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'found'";
    let mut lines = HashSet::new();
    let mut statement = db.prepare(FINDING_NOTES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let note: Option<String> = row.get(0)?;
        lines.extend(note.as_deref().and_then(line_of_note));
    }
    Ok(lines)
}

/// The encrypted PINs that the escrow file lacks or has differently.
pub(super) fn missing_entries(db: &Connection, escrow: &EscrowIndex) -> rusqlite::Result<MissingEntries> {
    let mut comparison = EscrowComparison::new(escrow);
    encrypted_pins::for_each(db, |entry, _| comparison.compare(entry))?;
    re_encryptions::for_each(db, |entry| comparison.compare_re_encryption(entry))?;
    Ok(comparison.finish())
}

/// Reports what opening the journal would find, except for PINs that only the escrow file has. Writes nothing and
/// records no finding.
pub(in crate::journal) fn inspect(dir: &StateDir, recipients: &[Fingerprint]) -> Result<RecoveryReport, JournalError> {
    // Reads in the order in which they may be behind while another process writes: the head may be behind the rows, and
    // the rows behind the escrow file.
    let saved_head = SavedHead::read(dir)?;
    match JournalReader::open(dir) {
        Ok(reader) => reader.read(|db| {
            let escrow = EscrowIndex::read(dir).map_err(|error| StorageError::new(error.to_string()))?;
            let mut findings: Vec<_> = audit_log::find_mismatch(db, saved_head)?.into_iter().collect();
            findings.extend(unreadable_lines_finding(&escrow.unreported_lines(&reported_lines(db)?)));
            findings.extend(missing_entries(db, &escrow)?.unrepaired_finding());
            let mut unresolved = Vec::new();
            for open in open_changes::all(db, None)? {
                if !open.run_id.map_or(Ok(false), |run| run_lock::is_run_alive(dir, &run))? {
                    unresolved.push(open.unresolved);
                }
            }
            Ok(RecoveryReport { unresolved, findings, recipients: super::recipients::status(db, recipients)? })
        }),
        Err(error) if error.is_missing() => {
            let input = RecoveryInput { was_empty: true, saved_head, escrow: EscrowIndex::read(dir)? };
            let escrow = &input.escrow;
            let findings = [
                input.missing_journal_finding(),
                unreadable_lines_finding(&escrow.unreadable_lines),
                escrow.torn_line_finding(),
            ];
            Ok(RecoveryReport { findings: findings.into_iter().flatten().collect(), ..RecoveryReport::default() })
        }
        Err(error) => Err(error),
    }
}
