//! `pindesk pin set`: sets the PIN of one number or of many. It checks everything before it sends anything.
//!
//! The order is fixed: arguments, list of numbers, PIN, config, state directory, recipients, journal, the numbers at
//! Meta, what would be replaced, and the confirmation.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use tokio::runtime::Runtime;

use crate::cli::again::{self, RepeatedList};
use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::checked_job::CheckedJob;
use crate::cli::checks::{self, ConfirmFlags, Unconfirmed};
use crate::cli::confirm::{QuestionNotes, Selection};
use crate::cli::discovery;
use crate::cli::early_shutdown::EarlyShutdown;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::lookup::{self, LookupResult};
use crate::cli::number_list;
use crate::cli::output::dry_run;
use crate::cli::output::options::OutputOptions;
use crate::cli::pauses;
use crate::cli::pin_file;
use crate::cli::records::{self, require_config};
use crate::cli::rerun::RerunOptions;
use crate::cli::run_job::{self, ConfirmedJob, StartMode};
use crate::cli::runtime::{build_runtime, open_graph};
use crate::cli::secret_stdin::STDIN_PATH;
use crate::config::{self, Config, Env, Overrides, Profile};
use crate::domain::clock::Clock;
use crate::domain::number::Number;
use crate::domain::number_arg::NumberArg;
use crate::domain::pin_plan::PinPlan;
use crate::domain::redact::shell_quote;
use crate::domain::text::{CleanText, plain_io_error};
use crate::graph::Graph;
use crate::jobs::JobOptions;
use crate::numbers::list::{MAX_LIST_BYTES, NumberList};
use crate::pace::Pace;

#[derive(Debug, Subcommand)]
pub(crate) enum PinCommand {
    /// Set the PIN of one number, or of many
    Set(PinSetArgs),
}

/// Both forms, each within 80 columns.
const USAGE: &str = "\
pindesk pin set NUMBER (--pin-file FILE | --random) [OPTIONS]
       pindesk pin set --from FILE (--pin-file FILE | --random) [OPTIONS]";

#[derive(Debug, Args)]
#[command(
    override_usage = USAGE,
    group(ArgGroup::new("numbers").required(true)),
    group(ArgGroup::new("pins").required(true)),
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct PinSetArgs {
    /// Phone number ID, or the number itself: +44 7700 900001
    #[arg(value_name = "NUMBER", value_parser = arg_parsers::parse_number, group = "numbers")]
    number: Option<NumberArg>,
    /// File of phone number IDs or numbers, one a line; - is standard input
    #[arg(long, value_name = "FILE", group = "numbers")]
    from: Option<PathBuf>,
    /// File of mode 0600 with the PIN; - is standard input
    #[arg(long, value_name = "FILE", group = "pins")]
    pin_file: Option<PathBuf>,
    /// A random PIN for each number, stored only in the escrow
    #[arg(long, group = "pins")]
    random: bool,
    /// Last 4 digits of the number; with --from, the count of numbers.
    /// Without it, pindesk asks on a terminal
    #[arg(long, value_name = "DIGITS")]
    confirm: Option<String>,
    /// Replace the PIN where two-step verification is on
    #[arg(long)]
    replace: bool,
    /// Set numbers that a job of the last 24 h has set
    #[arg(long, conflicts_with = "number")]
    again: bool,
    /// Send N numbers, then ask for the others; without a terminal, they are
    /// left for jobs resume
    #[arg(long, value_name = "N", conflicts_with = "number", value_parser = arg_parsers::integer_at_least(1_usize))]
    first: Option<usize>,
    /// Maximum concurrent requests, instead of the config's
    #[arg(long, value_name = "N", conflicts_with = "number", value_parser = arg_parsers::parse_concurrency)]
    concurrency: Option<usize>,
    /// What this is for, such as a ticket: kept with the job
    #[arg(long, value_name = "TEXT", value_parser = arg_parsers::parse_note)]
    note: Option<CleanText>,
    /// Check everything, print what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// JSON Lines, ending with a summary: docs/json.md has the fields
    #[arg(long)]
    json: bool,
    /// Do not sync writes, for a test that must notice
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    without_sync: bool,
}

pub(crate) fn run(
    command: &PinCommand,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let PinCommand::Set(args) = command;
    CheckedJob::run(check(args, overrides, env, global))
}

/// Checks and confirms everything.
fn check(args: &PinSetArgs, overrides: &Overrides, env: &Env, global: &GlobalArgs) -> Result<CheckedJob, CliError> {
    let mut requested = RequestedNumbers::from_args(args)?;
    if !requested.is_usable() {
        // The list is checked before the config, which only adds what is unknown in it.
        requested.reject_invalid(require_config(overrides, env).ok().as_ref(), global)?;
    }
    let pins = pin_file::choose_pins(args.pin_file.as_deref())?;
    let state_dir = config::resolve_state_dir(overrides, env)?;
    let mut config = require_config(overrides, env)?;
    let graph = discovery::require_numbers(&mut config, global)?;
    checks::require_writable(&config.profile, global)?;
    let rerun = RerunOptions::new(global).with_pin_file(args.pin_file.as_deref()).with_replace(args.replace);
    let records = records::prepare_to_send(&state_dir, &config, args.dry_run, syncs_writes(args), &rerun)?;
    let unconfirmed = if args.dry_run { Unconfirmed::Accept } else { Unconfirmed::for_send(global) };
    let selection = requested.selection;
    checks::require_escrow_for_random(&pins, selection, records.has_escrow)?;
    let graph = graph.map_or_else(|| open_graph(&config.profile), Ok)?;
    let runtime = build_runtime()?;
    let options = OutputOptions::new(args.json, global);
    let concurrency = args.concurrency.unwrap_or(config.profile.concurrency);
    let pace = pauses::new_pace(&config.profile, concurrency, options);
    let early = EarlyShutdown::listen(None, requested.len(), options)
        .map_err(|error| CliError::machine("cannot watch for signals", &error).nothing_sent())?;
    let numbers =
        requested.look_up(&runtime, &graph, &pace, &config.profile, &rerun).map_err(CliError::nothing_sent)?;
    let has_jobs = records.new_state_dir().is_none();
    let is_repeated = has_jobs && is_repeated(args, &state_dir, &numbers, unconfirmed, &rerun)?;
    let (may_replace, confirm, send_first) = (args.replace, args.confirm.as_deref(), args.first);
    let notes = QuestionNotes {
        send_first,
        new_state_dir: records.new_state_dir(),
        late: records.late_arrivals(&numbers),
        has_escrow: records.has_escrow,
        pin_file: args.pin_file.as_deref(),
    };
    let flags = ConfirmFlags { may_replace, confirm, unconfirmed, notes };
    checks::check_numbers(&config.profile, &pins, &numbers, selection, flags)?;
    if args.dry_run {
        let confirmation = checks::expected_confirmation(selection, &numbers);
        let repeated: &[_] = if is_repeated { &[again::OPTION] } else { &[] };
        return dry_run::print(&numbers, &confirmation, repeated, options).map(CheckedJob::NothingToSend);
    }
    let session = records.into_session(&state_dir, &config, syncs_writes(args), &rerun)?;
    // The question names it.
    if confirm.is_some() {
        session.announce_new_state_dir(global.quiet);
    }
    // Later commands name the numbers of this job, without asking Meta.
    session.cache_numbers(&config.profile.name, &numbers);
    records::warn_unresolved(&session.report, &rerun);
    let profile = config.profile.name;
    let plan = PinPlan { targets: run_job::require_targets(numbers)?, pins };
    let start = StartMode::New(JobOptions { note: args.note.clone(), send_first });
    let can_ask = unconfirmed == Unconfirmed::Ask;
    let confirmed = ConfirmedJob { profile, start, plan, graph, pace, session, concurrency, rerun, can_ask, early };
    Ok(CheckedJob::Confirmed(Box::new(confirmed), runtime, options))
}

/// True if a dry run has to name `--again`. Without it, the operator is asked or refused where a job set numbers of the
/// list lately.
fn is_repeated(
    args: &PinSetArgs,
    state_dir: &Path,
    numbers: &[Number],
    unconfirmed: Unconfirmed,
    rerun: &RerunOptions,
) -> Result<bool, CliError> {
    if args.again || args.from.is_none() {
        return Ok(false);
    }
    let repeated = RepeatedList::read(state_dir, numbers, Clock::System.now().utc)?;
    if repeated.is_empty() {
        return Ok(false);
    }
    repeated.confirm(unconfirmed, rerun).map(|()| true)
}

#[cfg(debug_assertions)]
fn syncs_writes(args: &PinSetArgs) -> bool {
    !args.without_sync
}

#[cfg(not(debug_assertions))]
fn syncs_writes(_args: &PinSetArgs) -> bool {
    true
}

/// The numbers on the command line or in the file.
struct RequestedNumbers {
    selection: Selection,
    /// The number on the command line.
    single: Option<NumberArg>,
    number_list: NumberList,
    /// The name of the file for messages.
    source_name: String,
}

impl RequestedNumbers {
    fn from_args(args: &PinSetArgs) -> Result<Self, CliError> {
        let Some(file) = &args.from else {
            let (single, number_list) = (args.number.clone(), NumberList::default());
            return Ok(Self { selection: Selection::One, single, number_list, source_name: String::new() });
        };
        let is_stdin = file.as_os_str() == STDIN_PATH;
        if is_stdin && args.pin_file.as_ref().is_some_and(|file| file.as_os_str() == STDIN_PATH) {
            return Err(CliError::usage("--from and --pin-file cannot both be standard input").nothing_sent());
        }
        let source_name = if is_stdin { "standard input".to_owned() } else { shell_quote(file).to_string() };
        let bytes = if is_stdin { read_limited(io::stdin()) } else { fs::File::open(file).and_then(read_limited) };
        let bytes = bytes.map_err(|error| {
            CliError::usage(format!("cannot read {source_name}: {}", plain_io_error(&error))).nothing_sent()
        })?;
        Ok(Self { selection: Selection::Many, single: None, number_list: NumberList::parse(&bytes), source_name })
    }

    fn len(&self) -> usize {
        usize::from(self.single.is_some()) + self.number_list.number_count()
    }

    fn is_usable(&self) -> bool {
        self.single.is_some() || self.number_list.is_usable()
    }

    /// Reads the numbers at Meta, in the order of the list.
    fn look_up(
        &mut self,
        runtime: &Runtime,
        graph: &Graph,
        pace: &Pace,
        profile: &Profile,
        rerun: &RerunOptions,
    ) -> Result<Vec<Number>, CliError> {
        if let Some(number) = &self.single {
            return Ok(vec![lookup::find_number(runtime, graph, pace, profile, number, rerun)?]);
        }
        let result = lookup::look_up(runtime, graph, pace, profile, self.number_list.requests());
        self.flag(profile, &result);
        number_list::check(&self.number_list, &self.source_name)?;
        result.into_numbers(profile, rerun)
    }

    /// Refuses a list with errors. Lists unknown numbers as well, if Meta can be asked.
    fn reject_invalid(&mut self, config: Option<&Config>, global: &GlobalArgs) -> Result<(), CliError> {
        if let Some(Config { profile, .. }) = config
            && let (Ok(graph), Ok(runtime)) = (open_graph(profile), build_runtime())
        {
            let pace = pauses::new_pace(profile, profile.concurrency, OutputOptions::new(false, global));
            let result = lookup::look_up(&runtime, &graph, &pace, profile, self.number_list.requests());
            self.flag(profile, &result);
        }
        number_list::check(&self.number_list, &self.source_name)
    }

    /// Adds what is wrong with lines of the list, as far as Meta could be asked.
    fn flag(&mut self, profile: &Profile, result: &LookupResult) {
        let candidates = |position| result.candidates(position);
        self.number_list.flag(&profile.name, &profile.wabas, candidates, result.has_unread());
    }
}

fn read_limited(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LIST_BYTES {
        return Err(io::Error::other(format!("it is larger than {MAX_LIST_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_larger_than_its_limit_is_refused() {
        let error = read_limited(io::repeat(b'1')).expect_err("the list never ends");
        assert_eq!(error.to_string(), "it is larger than 16777216 bytes");
    }

    #[test]
    fn a_list_within_its_limit_is_read_whole() {
        assert_eq!(read_limited(&b"200000000000001\n"[..]).expect("the list is short"), b"200000000000001\n");
    }
}
