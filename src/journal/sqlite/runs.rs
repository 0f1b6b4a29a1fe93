//! Reads which process a run is. It does not decide whether the process is alive.

use rusqlite::{Connection, Row};

use crate::journal::rules::send::ProcessLabel;

/// The process of a run.
pub(super) fn process_label(db: &Connection, run: &str) -> rusqlite::Result<ProcessLabel> {
    let label = |row: &Row<'_>| Ok(ProcessLabel { pid: row.get(0)?, host: row.get(1)?, operator: row.get(2)? });
    db.prepare_cached("SELECT pid, host, who FROM runs WHERE run = ?1")?.query_row([run], label)
}
