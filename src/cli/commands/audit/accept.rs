//! `pindesk audit accept`: accepts damage in the rows of the journal as it is, after an operator confirmed until which row.
//!
//! It repairs nothing. Without a confirmation it records nothing, and it sends nothing.

use std::io::{self, Write as _};

use clap::Args;

use crate::cli::args::GlobalArgs;
use crate::cli::checks::Unconfirmed;
use crate::cli::confirm;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::exit_code_after_print;
use crate::cli::records;
use crate::cli::rerun::RerunOptions;
use crate::cli::runtime::build_runtime;
use crate::journal::{AuditProblem, JournalReader};
use crate::state_dir::StateDir;

#[derive(Debug, Args)]
pub(crate) struct AuditAcceptArgs {
    /// The last row whose damage is accepted
    #[arg(long, value_name = "ROW")]
    until: i64,
    /// The same row again. Without it, pindesk asks on a terminal
    #[arg(long, value_name = "ROW")]
    confirm: Option<String>,
}

const UNCHANGED: &str = "Nothing was changed.";

pub(super) fn run(
    args: &AuditAcceptArgs,
    dir: &StateDir,
    reader: JournalReader,
    to_syslog: bool,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    if global.read_only {
        return Err(CliError::not_ready(format!("--read-only refuses every change. {UNCHANGED}")));
    }
    let Err(problems) = reader.verify_audit()? else {
        let printed = writeln!(io::stdout(), "The audit log is intact. There is nothing to accept.");
        return exit_code_after_print(printed, ExitCode::Done);
    };
    // A writer finds the journal as the only process that has it open.
    drop(reader);
    let rerun = RerunOptions::new(global);
    let damage = problems.iter().filter(|problem| problem.is_damage);
    let last = damage.map(|problem| problem.until).max().unwrap_or_default();
    if args.until < last {
        let accept = rerun.command(&format!("audit accept --until {last}"));
        return Err(CliError::usage(format!("row {last} is damaged as well. {UNCHANGED}"))
            .remedy(format!("To accept the damage in all of them: {accept}")));
    }
    confirm(args, &problems, Unconfirmed::for_send(global))?;
    let journal = records::open_for_audit(dir, to_syslog)?;
    let accepted = build_runtime()?.block_on(journal.accept_damage(args.until));
    journal.close();
    accepted.map_err(|error| CliError::not_ready(format!("{error}. {UNCHANGED}")))?;
    let text = "Accepted. From now on, the rows are compared with what they are now. A job whose list was altered is still \
                not resumed.";
    exit_code_after_print(writeln!(io::stdout(), "{text}"), ExitCode::Done)
}

/// Asks whether the damage is accepted, unless `--confirm` says so.
fn confirm(args: &AuditAcceptArgs, problems: &[AuditProblem], unconfirmed: Unconfirmed) -> Result<(), CliError> {
    let is_right = |given: &str| given.parse() == Ok(args.until);
    let refused = |what: &str| CliError::new(ExitCode::NotConfirmed, format!("{what}. {UNCHANGED}"));
    match (&args.confirm, unconfirmed) {
        (Some(given), _) if is_right(given) => Ok(()),
        (Some(_), _) => Err(refused("--confirm does not match --until")),
        (None, Unconfirmed::Ask) => match confirm::ask(&question(args.until, problems))? {
            answer if is_right(&answer) => Ok(()),
            answer if answer.is_empty() => Err(refused("canceled")),
            _ => Err(refused("what you typed does not match the row")),
        },
        (None, Unconfirmed::Accept | Unconfirmed::Refuse) => Err(refused("not confirmed")
            .details(records::listed_problems(problems))
            .remedy("To accept this damage, add --confirm with the same row as --until.")),
    }
}

fn question(until: i64, problems: &[AuditProblem]) -> String {
    let mut lines = vec!["The journal is damaged:".to_owned()];
    lines.extend(records::listed_problems(problems).into_iter().map(|line| format!("  {line}")));
    lines.push(format!("Accept the damage in rows 1 to {until}? Type the row ({until}), or press Enter to cancel: "));
    lines.join("\n")
}
