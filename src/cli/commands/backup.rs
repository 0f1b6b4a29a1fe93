//! `pindesk backup`: copies the journal and the escrow to a new directory, while other processes work.
//!
//! It needs the state directory alone. It records the copy in the audit log, and changes nothing else.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print};
use crate::cli::output::table;
use crate::cli::records;
use crate::cli::runtime::build_runtime;
use crate::config::{self, Env, Overrides};
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::journal::{AuditEvent, Backup, BackupError};
use crate::state_dir::StateDir;

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// A new or an empty directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) fn run(args: &BackupArgs, overrides: &Overrides, env: &Env) -> Result<ExitCode, CliError> {
    let state_dir = config::resolve_state_dir(overrides, env)?;
    let is_explicit = config::explicit_state_dir(overrides, env).is_some();
    let Some(journal) = records::open_existing(&state_dir, is_explicit)? else {
        let place = redacted_path(&state_dir);
        return exit_code_after_print(
            writeln!(io::stdout(), "No records yet in {place}: nothing to back up."),
            ExitCode::Done,
        );
    };
    let backup = journal.back_up(&args.dir)?;
    drop(journal);
    let copied = format!(
        "{} and {}",
        table::pluralize(usize::try_from(backup.rows).unwrap_or_default(), "audit row"),
        table::pluralize(backup.encrypted_pins, "encrypted PIN"),
    );
    let place = redacted_path(&args.dir);
    if let Err(error) =
        record(&StateDir::open(&state_dir)?, records::goes_to_syslog(overrides, env), &format!("{copied}, to {place}"))
    {
        eprint_line(&format!("pindesk: the journal does not record this backup: {error}"));
    }
    if !backup.problems.is_empty() {
        return Err(damaged(&backup, &place));
    }
    let printed = writeln!(io::stdout(), "Backup made and checked: {copied}, in {place}.");
    exit_code_after_print(printed, ExitCode::Done)
}

fn damaged(backup: &Backup, place: &CleanText) -> CliError {
    CliError::not_ready(format!("the backup in {place} is complete, but the journal that it copies is damaged"))
        .details(backup.problems.iter().map(ToString::to_string))
        .remedy("Keep older backups. What to do: pindesk audit verify")
}

/// Records the backup. The rows of the copy end before this row.
fn record(dir: &StateDir, to_syslog: bool, note: &str) -> Result<(), CliError> {
    let journal = records::open_for_audit(dir, to_syslog)?;
    let event = AuditEvent::BackedUp { note: CleanText::new(note) };
    let recorded = build_runtime()?.block_on(journal.record_event(event));
    journal.close();
    recorded.map_err(|error| CliError::not_ready_because(&error))
}

impl From<BackupError> for CliError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::NotEmpty(_) => Self::usage(error.to_string()).nothing_changed(),
            BackupError::Directory(_) | BackupError::Journal(_) => Self::not_ready_because(&error),
        }
    }
}
