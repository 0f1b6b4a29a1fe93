//! Verifies the audit log, alone or against an export that was kept elsewhere, and writes such an export.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print};
use crate::cli::output::table;
use crate::cli::rerun::RerunOptions;
use crate::domain::redact::redacted_path;
use crate::domain::text::plain_io_error;
use crate::journal::{AuditProblem, BoundRows, ExportError, JournalReader};

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    /// Also compare with this file, which `audit export` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
}

pub(crate) fn verify(
    args: &AuditVerifyArgs,
    journal: &JournalReader,
    rerun: &RerunOptions,
) -> Result<ExitCode, CliError> {
    // The export first: it may be the wrong file, and the whole journal takes longer.
    let compared = args.against.as_deref().map(|path| compare(path, journal)).transpose()?;
    let (mut facts, mut problems, mut bound, mut to_accept) = (Vec::new(), Vec::new(), None, None);
    match journal.verify_audit()? {
        Ok(verified) => {
            facts.push(format!("Audit log intact ({}).", row_count(verified.rows)));
            bound = verified.bound;
        }
        Err(found) => {
            to_accept = found.iter().filter(|problem| problem.is_damage).map(|problem| problem.until).max();
            // The next start also corrects what is only wrong and no damage.
            journal.mark_damage()?;
            problems.extend(found.iter().map(ToString::to_string));
        }
    }
    match compared {
        Some(Compared { rows, place, difference: None }) => {
            facts.push(format!("It has all of {place} ({}).", row_count(rows)));
        }
        Some(Compared { place, difference: Some(difference), .. }) => {
            problems.push(format!("compared with {place}: {difference}"));
        }
        None => {}
    }
    if problems.is_empty() {
        let lines = [Some(facts.join(" ")), bound.map(bound_line)];
        let text = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
        return exit_code_after_print(writeln!(io::stdout(), "{text}"), ExitCode::Done);
    }
    for problem in &problems {
        eprint_line(&format!("pindesk: {problem}."));
    }
    if let Some(until) = to_accept {
        eprint_line("No PIN can be set until the journal is moved away, or the damage is accepted:");
        eprint_line(&format!("  {}", rerun.command(&format!("audit accept --until {until}"))));
    }
    Ok(ExitCode::NotReady)
}

/// How the journal compares with the file of this name.
struct Compared {
    rows: i64,
    place: String,
    difference: Option<AuditProblem>,
}

fn compare(path: &Path, journal: &JournalReader) -> Result<Compared, CliError> {
    let place = redacted_path(path).to_string();
    let cannot_read = |error: &io::Error| CliError::usage(format!("cannot read {place}: {}", plain_io_error(error)));
    let file = File::open(path).map_err(|error| cannot_read(&error))?;
    match journal.compare_audit(BufReader::new(file))? {
        Ok(comparison) => Ok(Compared { rows: comparison.rows, place, difference: comparison.difference }),
        Err(ExportError::Io(error)) => Err(cannot_read(&error)),
        Err(error @ (ExportError::Altered(_) | ExportError::CutOff)) => {
            Err(CliError::usage(format!("{place} cannot be compared: {error}")).remedy("Nothing was verified."))
        }
    }
}

/// The refusal to compare where nothing was recorded: the export had rows.
pub(crate) fn no_journal(state_dir: &Path, against: &Path) -> CliError {
    let (dir, file) = (redacted_path(state_dir), redacted_path(against));
    CliError::not_ready(format!("there is no journal in {dir} to compare with {file}"))
        .remedy("If it was there before, it was deleted or moved.")
}

/// Writes the export to standard output.
pub(crate) fn export(journal: &JournalReader) -> Result<ExitCode, CliError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = journal.export_audit(&mut out)?;
    exit_code_after_print(written.and_then(|()| out.flush()), ExitCode::Done)
}

/// From which row on each row binds its own record.
fn bound_line(BoundRows { until, by, are_accepted }: BoundRows) -> String {
    let from = until.saturating_add(1);
    let why = if are_accepted { "The damage in them was accepted." } else { "An older pindesk wrote them." };
    format!(
        "From row {from} on, each row binds its own record. Rows 1 to {until} are bound together by row {by}. {why}"
    )
}

fn row_count(rows: i64) -> String {
    table::pluralize(usize::try_from(rows).unwrap_or_default(), "row")
}
