//! Records in the audit log what an operator does with the escrow.
//!
//! It creates no journal: the escrow file may be a copy. A journal that cannot record is a warning, not an error: the PINs
//! may be needed, and the owner of the key can decrypt them without this program.

use crate::cli::error::CliError;
use crate::cli::output::stdio::eprint_line;
use crate::cli::records;
use crate::cli::runtime::build_runtime;
use crate::journal::AuditEvent;
use crate::state_dir::StateDir;

/// Records these events with one sync. `what` names them in a warning: `this decryption`.
pub(super) fn record_events(
    dir: Option<&StateDir>,
    to_syslog: bool,
    events: Vec<AuditEvent>,
    what: &str,
) -> Result<(), CliError> {
    let Some(dir) = dir.filter(|_| !events.is_empty()) else { return Ok(()) };
    let warn = |error: &str| eprint_line(&format!("pindesk: the journal does not record {what}: {error}"));
    let journal = match records::open_for_audit(dir, to_syslog) {
        Ok(journal) => journal,
        Err(error) => {
            warn(&error.to_string());
            return Ok(());
        }
    };
    if let Err(error) = build_runtime()?.block_on(journal.record_events(events)) {
        warn(&format!("{error}."));
    }
    journal.close();
    Ok(())
}
