//! `pindesk audit`: shows the audit log and verifies its hash chain.
//!
//! It needs the state directory alone, and changes nothing in it.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use clap::Subcommand;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{SCHEMA_VERSION, eprint_line, exit_code_after_print};
use crate::cli::output::table;
use crate::cli::records::open_reader;
use crate::config::{self, Env, Overrides};
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::text::CleanText;
use crate::journal::{AuditRow, JournalError, JournalReader};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the entries, oldest first
    Show {
        /// Only entries newer than this: 90s, 15m, 24h, 7d
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        since: Option<Duration>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Verify the hash chain
    Verify,
}

pub(crate) fn run(command: &AuditCommand, overrides: &Overrides, env: &Env) -> Result<ExitCode, CliError> {
    let state_dir = config::resolve_state_dir(overrides, env)?;
    match command {
        AuditCommand::Show { since, json } => show(&state_dir, *since, *json),
        AuditCommand::Verify => verify(&state_dir),
    }
}

fn show(state_dir: &Path, since: Option<Duration>, is_json: bool) -> Result<ExitCode, CliError> {
    let now = Clock::System.now().utc;
    let since = since.map(|since| now.minus(since));
    let reader = open_reader(state_dir)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if is_json {
        print_json(&reader, since, &mut out)?
    } else {
        reader.for_each_audit_row(since, |row| writeln!(out, "{}", table_row(&row)))?
    };
    exit_code_after_print(printed.and_then(|()| out.flush()), ExitCode::Done)
}

/// Prints one object. Only one row at a time is in memory.
fn print_json(
    reader: &JournalReader,
    since: Option<UtcTime>,
    out: &mut impl Write,
) -> Result<io::Result<()>, JournalError> {
    let mut comma = "";
    if let Err(error) = write!(out, "{{\"schema\":{SCHEMA_VERSION},\"rows\":[") {
        return Ok(Err(error));
    }
    let printed = reader
        .for_each_audit_row(since, |row| write!(out, "{}{}", std::mem::replace(&mut comma, ","), row.to_json()?))?;
    Ok(printed.and_then(|()| writeln!(out, "]}}")))
}

/// Sequence, time, operator, action, and the number or the note.
fn table_row(row: &AuditRow) -> String {
    let action = serde_json::to_value(row.action).ok();
    let action = action.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let what = match &row.outcome {
        Some(outcome) => format!("{action}: {outcome}"),
        None => action.to_owned(),
    };
    let subject = row.phone_number_id.as_ref().or(row.note.as_ref()).map_or("", CleanText::as_str);
    let (sequence, operator) = (row.sequence.to_string(), row.operator_label());
    table::row(&[(&sequence, 5), (row.at.as_str(), 20), (operator.as_str(), 14), (&what, 18)], subject)
}

fn verify(state_dir: &Path) -> Result<ExitCode, CliError> {
    match open_reader(state_dir)?.verify_audit()? {
        Ok(verified) => {
            let rows = table::pluralize(usize::try_from(verified.rows).unwrap_or_default(), "row");
            exit_code_after_print(writeln!(io::stdout(), "Audit log intact ({rows})."), ExitCode::Done)
        }
        Err(problems) => {
            for problem in &problems {
                eprint_line(&format!("pindesk: audit row {}: {}.", problem.sequence, problem.description));
            }
            Ok(ExitCode::NotReady)
        }
    }
}

/// Parses a number and a unit.
fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let unit = text.chars().last().and_then(|last| UNITS.iter().find(|(unit, _)| *unit == last));
    let seconds = unit.and_then(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*seconds)
    });
    seconds.map(Duration::from_secs).ok_or_else(|| "expected a number and s, m, h or d, such as 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_hours(7 * 24)));
        for text in ["", "h", "24", "-1h", "1 h", "1w", "99999999999999999999d", "1é"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
