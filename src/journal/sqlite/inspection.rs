//! Reads what the journal has for the comparison with the escrow file, and reports what opening it would find.
//!
//! It writes nothing and records no finding.

use rusqlite::Connection;

use super::checkpoint::LastCheckpoint;
use super::encrypted_pins::{self, Selection};
use super::reader::JournalReader;
use super::row_check::RowCheck;
use super::{audit_check, audit_log, escrow_lines, open_changes, re_encryptions};
use crate::escrow::{EscrowPosition, Fingerprint};
use crate::journal::audit::SavedHead;
use crate::journal::error::{JournalError, move_away_command};
use crate::journal::integrity::{
    EscrowComparison, EscrowIndex, MissingEntries, RecoveryInput, unreadable_lines_finding,
};
use crate::journal::model::{JournalDamage, RecipientsStatus, RecoveryReport};
use crate::journal::run_lock;
use crate::state_dir::StateDir;

/// The encrypted PINs, recorded after the row `after`, that the escrow file lacks or has differently.
pub(super) fn missing_entries(db: &Connection, escrow: &EscrowIndex, after: i64) -> rusqlite::Result<MissingEntries> {
    let mut comparison = EscrowComparison::new(escrow);
    encrypted_pins::for_each(db, Selection::After(after), |entry, _| comparison.compare(entry))?;
    re_encryptions::for_each(db, after, &[], |entry| comparison.compare_re_encryption(entry))?;
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
            let last = LastCheckpoint::read(db, dir)?;
            let checked = last.base();
            let escrow = EscrowIndex::read(dir, checked.escrow, |_| Ok(()))?;
            let mut findings: Vec<_> = audit_log::find_mismatch(db, saved_head)?.into_iter().collect();
            findings.extend(last.finding());
            findings.extend(unreadable_lines_finding(&escrow.unreported_lines(&escrow_lines::reported_lines(db)?)));
            findings.extend(missing_entries(db, &escrow, checked.head.sequence)?.unrepaired_finding());
            let mut unresolved = Vec::new();
            for open in open_changes::all_since(db, None, checked.head.sequence, &checked.open)? {
                if !open.run_id.map_or(Ok(false), |run| run_lock::is_run_alive(dir, &run))? {
                    unresolved.push(open.unresolved);
                }
            }
            let mut damage = audit_check::damage_at_start(db, dir, checked.head)?;
            let recipients = super::recipients::status(&mut RowCheck::new(db, None)?, recipients)?;
            let recipients = recipients.unwrap_or_else(|problem| {
                damage.extend((!damage.contains(&problem)).then_some(problem));
                RecipientsStatus::Known
            });
            let damage = JournalDamage::new(damage, move_away_command(dir.path()));
            Ok(RecoveryReport { unresolved, findings, recipients, damage })
        }),
        Err(error) if error.is_missing() => {
            let escrow = EscrowIndex::read(dir, EscrowPosition::default(), |_| Ok(()))
                .map_err(|error| error.into_journal_error(dir))?;
            let input = RecoveryInput { was_empty: true, saved_head, escrow };
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
