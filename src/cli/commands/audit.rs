//! `pindesk audit`: shows the audit log, verifies its hash chain, exports it, and accepts damage.
//!
//! It needs the state directory alone.

mod accept;
mod verify;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufWriter, Write};

use clap::{Args, Subcommand};

use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::audit_row::{AuditTable, AuditTableFacts};
use crate::cli::output::stdio::exit_code_after_print;
use crate::cli::output::table::TableStyle;
use crate::cli::records;
use crate::cli::rerun::RerunOptions;
use crate::cli::when::{self, When};
use crate::config::{self, Env, Overrides};
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::number::PhoneNumberId;
use crate::domain::number_arg::NumberArg;
use crate::domain::redact::{redacted_path, redacted_word};
use crate::domain::text::{CleanText, width};
use crate::journal::{AuditAction, AuditRow, JournalError, JournalReader, RecordedState, SentChange};
use crate::state_dir::StateDir;

use verify::AuditVerifyArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the entries, oldest first
    Show(AuditShowArgs),
    /// Verify the hash chain and every record that it covers
    Verify(AuditVerifyArgs),
    /// Accept damage that verify found, as it is
    Accept(accept::AuditAcceptArgs),
    /// Write every entry with its hash to standard output, to compare later
    Export,
}

#[derive(Debug, Args)]
pub(crate) struct AuditShowArgs {
    /// Only entries since then: 24h, 7d, today, yesterday, 2026-11-29
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    since: Option<When>,
    /// Only entries until then; a day is included
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    until: Option<When>,
    /// Only entries about this number
    #[arg(long, value_name = "NUMBER", value_parser = arg_parsers::parse_number)]
    number: Option<NumberArg>,
    /// Only entries of this operator
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// More columns, and no cell is cut
    #[arg(long, conflicts_with = "json")]
    wide: bool,
    /// One JSON object: docs/json.md has the fields
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(
    command: &AuditCommand,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let state_dir = config::resolve_state_dir(overrides, env)?;
    let is_explicit = config::explicit_state_dir(overrides, env).is_some();
    let journal = match command {
        AuditCommand::Show(_) | AuditCommand::Export => records::open_to_show(&state_dir, is_explicit)?,
        // They report the same as a problem.
        AuditCommand::Verify(_) | AuditCommand::Accept(_) => records::open_existing(&state_dir, is_explicit)?,
    };
    match (command, journal) {
        (AuditCommand::Show(args), Some(journal)) => show(args, &journal, global),
        (AuditCommand::Show(AuditShowArgs { json: true, .. }), None) => {
            exit_code_after_print(writeln!(io::stdout(), "{{\"schema\":{SCHEMA_VERSION},\"rows\":[]}}"), ExitCode::Done)
        }
        (AuditCommand::Verify(args), Some(journal)) => verify::verify(args, &journal, &RerunOptions::new(global)),
        (AuditCommand::Accept(args), Some(journal)) => {
            let to_syslog = records::goes_to_syslog(overrides, env);
            accept::run(args, &StateDir::open(&state_dir)?, journal, to_syslog, global)
        }
        (AuditCommand::Export, Some(journal)) => verify::export(&journal),
        (AuditCommand::Verify(AuditVerifyArgs { against: Some(path) }), None) => {
            Err(verify::no_journal(&state_dir, path))
        }
        (AuditCommand::Show(_) | AuditCommand::Verify(_) | AuditCommand::Accept(_) | AuditCommand::Export, None) => {
            let place = redacted_path(&state_dir);
            exit_code_after_print(writeln!(io::stdout(), "No audit entries yet in {place}."), ExitCode::Done)
        }
    }
}

/// Which entries are shown.
struct AuditFilter {
    since: Option<UtcTime>,
    /// The first second that is too late.
    until: Option<UtcTime>,
    number: Option<PhoneNumberId>,
    who: Option<String>,
}

impl AuditFilter {
    fn new(
        args: &AuditShowArgs,
        known: &KnownNumbers,
        journal: &JournalReader,
        rerun: &RerunOptions,
    ) -> Result<Self, CliError> {
        let now = Clock::System.now().utc;
        let (since, until) = (args.since.map(|since| since.start(now)), args.until.map(|until| until.end(now)));
        if since.zip(until).is_some_and(|(since, until)| until <= since) {
            return Err(CliError::usage("--until is before --since, so that no entry can match"));
        }
        Ok(Self {
            since,
            until,
            number: args.number.as_ref().map(|number| find_number(number, known, journal, rerun)).transpose()?,
            who: args.who.as_ref().map(|who| find_operator(who, journal)).transpose()?,
        })
    }

    fn includes(&self, row: &AuditRow) -> bool {
        let is_early_enough = self.until.is_none_or(|until| row.time().is_none_or(|at| at < until));
        let names_number =
            |number: PhoneNumberId| row.phone_number_id.as_ref().is_some_and(|id| id.as_str() == number.as_str());
        is_early_enough && self.number.is_none_or(names_number) && self.who.as_ref().is_none_or(|who| is_by(row, who))
    }
}

/// The number that the operator names. An entry about a number that the journal does not know cannot exist.
fn find_number(
    arg: &NumberArg,
    known: &KnownNumbers,
    journal: &JournalReader,
    rerun: &RerunOptions,
) -> Result<PhoneNumberId, CliError> {
    let id = known.resolve(arg, rerun)?;
    let has_requests = || Ok::<_, JournalError>(journal.last_requests()?.iter().any(|request| request.number == id));
    if known.get(id).is_some() || has_requests()? { Ok(id) } else { Err(known.unknown_error(arg, rerun)) }
}

/// How many operators a message names before it counts the rest.
const MAX_LISTED_OPERATORS: usize = 5;

/// The name in lowercase, if any entry is of this operator.
fn find_operator(name: &str, journal: &JournalReader) -> Result<String, CliError> {
    let who = name.to_lowercase();
    let (mut is_found, mut operators) = (false, BTreeSet::new());
    let scanned = journal.for_each_audit_row(None, |row| {
        is_found |= is_by(&row, &who);
        operators.insert(row.operator_name().to_string());
        Ok(())
    })?;
    scanned.map_err(|error| CliError::machine("cannot read the audit log", &error))?;
    if is_found {
        return Ok(who);
    }
    let mut names: Vec<String> = operators.iter().take(MAX_LISTED_OPERATORS).cloned().collect();
    let rest = operators.len().saturating_sub(MAX_LISTED_OPERATORS);
    names.extend((rest > 0).then(|| format!("and {rest} more")));
    let name = CleanText::new(redacted_word(name));
    Err(CliError::usage(format!("no entry is of an operator {name}"))
        .remedy(format!("Operators: {}", names.join(", "))))
}

/// True if the entry is of this operator: a claimed name, a user ID, or the name that the table shows.
fn is_by(row: &AuditRow, who: &str) -> bool {
    let claimed = [&row.claimed.user, &row.claimed.sudo_user].into_iter().flatten();
    claimed.map(CleanText::to_string).chain([row.uid.to_string(), row.operator_name().to_string()]).any(|name| {
        let name = name.to_lowercase();
        name == who
    })
}

fn show(args: &AuditShowArgs, journal: &JournalReader, global: &GlobalArgs) -> Result<ExitCode, CliError> {
    let known = KnownNumbers::read(journal);
    let filter = AuditFilter::new(args, &known, journal, &RerunOptions::new(global))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if args.json {
        print_json(journal, &filter, &mut out)?
    } else {
        let facts = table_facts(journal, &filter)?;
        let table = AuditTable::new(&known, facts, args.wide, TableStyle::for_stdout(global.no_color, args.wide));
        print_table(journal, &filter, &table, &mut out)?
    };
    exit_code_after_print(printed.and_then(|()| out.flush()), ExitCode::Done)
}

/// Reads the log once before it is printed. Rows of requests that have no later row about their outcome, and whose
/// process is gone, are cut off: a table that called them `sending` would say that they still are.
fn table_facts(journal: &JournalReader, filter: &AuditFilter) -> Result<AuditTableFacts, CliError> {
    let (mut without_outcome, mut who_width): (HashMap<String, i64>, usize) = (HashMap::new(), 0);
    let scanned = journal.for_each_audit_row(filter.since, |row| {
        if filter.includes(&row) {
            who_width = who_width.max(width(row.operator_name().as_str()));
        }
        let Some(change) = &row.change else { return Ok(()) };
        match row.action {
            AuditAction::Intent | AuditAction::Retry => {
                without_outcome.insert(change.to_string(), row.sequence);
            }
            AuditAction::Outcome => {
                without_outcome.remove(change.as_str());
            }
            AuditAction::JobStarted
            | AuditAction::JobResumed
            | AuditAction::JobEnded
            | AuditAction::Resolved
            | AuditAction::PinDecrypted
            | AuditAction::PinReEncrypted
            | AuditAction::EscrowDrill
            | AuditAction::RecipientsStored
            | AuditAction::RecipientsAccepted
            | AuditAction::BackedUp
            | AuditAction::ScreenHidden
            | AuditAction::ScreenShown
            | AuditAction::Finding
            | AuditAction::RowsBound
            | AuditAction::DamageAccepted
            | AuditAction::Checked => {}
        }
        Ok(())
    })?;
    scanned.map_err(|error| CliError::machine("cannot read the audit log", &error))?;
    if without_outcome.is_empty() {
        return Ok(AuditTableFacts { who_width, ..AuditTableFacts::default() });
    }
    let sent = journal.sent_changes(&[])?;
    let is_over = |change: &&SentChange| change.state != RecordedState::Running;
    let cut_off = sent.iter().filter(is_over).filter_map(|sent| without_outcome.remove(&sent.change.to_string()));
    Ok(AuditTableFacts { cut_off: cut_off.collect(), who_width })
}

/// Prints the rows as they are read: the log may not fit in memory.
fn print_table(
    journal: &JournalReader,
    filter: &AuditFilter,
    table: &AuditTable<'_>,
    out: &mut impl Write,
) -> Result<io::Result<()>, JournalError> {
    let mut count = 0;
    let printed = journal.for_each_audit_row(filter.since, |row| {
        if !filter.includes(&row) {
            return Ok(());
        }
        if count == 0 {
            writeln!(out, "{}", table.headings())?;
        }
        count += 1;
        writeln!(out, "{}", table.row(&row))
    })?;
    let total = match count {
        0 => "No entry matches.".to_owned(),
        1 => "1 entry.".to_owned(),
        _ => format!("{count} entries."),
    };
    Ok(printed.and_then(|()| writeln!(out, "{total}")))
}

/// Prints one object. Only one row at a time is in memory.
fn print_json(
    journal: &JournalReader,
    filter: &AuditFilter,
    out: &mut impl Write,
) -> Result<io::Result<()>, JournalError> {
    let mut comma = "";
    if let Err(error) = write!(out, "{{\"schema\":{SCHEMA_VERSION},\"rows\":[") {
        return Ok(Err(error));
    }
    let printed = journal.for_each_audit_row(filter.since, |row| {
        if !filter.includes(&row) {
            return Ok(());
        }
        write!(out, "{}{}", std::mem::replace(&mut comma, ","), row.to_json()?)
    })?;
    Ok(printed.and_then(|()| writeln!(out, "]}}")))
}
