//! `pindesk pin set`: one number or many, checked as a whole before anything is sent.
//!
//! The order is fixed: words, list of numbers, PIN, config, state directory, recipients, the numbers at Meta, what would
//! be replaced, and the confirmation last. It asks nothing.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgGroup, Args, Subcommand};
use tokio::runtime::Runtime;

use crate::cli::checks::{self, ConfirmFlags, Selection};
use crate::cli::commands::{numbers, simulator as simulate};
use crate::cli::id_list::IdList;
use crate::cli::lookup;
use crate::cli::output::job::ResultPrinter;
use crate::cli::output::table;
use crate::cli::pin_file::{self, STDIN_PATH};
use crate::cli::preflight;
use crate::cli::run_job::{self, ConfirmedJob, OutputOptions};
use crate::cli::{CliError, GlobalArgs, arg_parsers, eprint_line, require_config};
use crate::config::{self, Config, Env, Overrides, Profile};
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::PinChoice;
use crate::graph::Graph;

/// Room for 100,000 IDs with comments.
const MAX_LIST_BYTES: u64 = 16 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum PinCommand {
    /// Set the PIN of one number, or of many
    Set(PinSetArgs),
}

/// Both ways, each within 80 columns.
const USAGE: &str = "\
pindesk pin set PHONE_NUMBER_ID (--pin-file FILE | --random) [OPTIONS]
       pindesk pin set --from FILE (--pin-file FILE | --random) [OPTIONS]";

#[derive(Debug, Args)]
#[command(
    override_usage = USAGE,
    group(ArgGroup::new("numbers").required(true)),
    group(ArgGroup::new("pins").required(true)),
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct PinSetArgs {
    /// The number's phone number ID
    #[arg(value_name = "PHONE_NUMBER_ID", group = "numbers")]
    number: Option<PhoneNumberId>,
    /// A file of phone number IDs, one a line; - is standard input
    #[arg(long, value_name = "FILE", group = "numbers")]
    from: Option<PathBuf>,
    /// The file of mode 0600 that holds the PIN; - is standard input
    #[arg(long, value_name = "FILE", group = "pins")]
    pin_file: Option<PathBuf>,
    /// A random PIN for each number, which only the escrow knows
    #[arg(long, group = "pins")]
    random: bool,
    /// The last 4 digits of the number; with --from, how many numbers
    #[arg(long, value_name = "DIGITS")]
    confirm: Option<String>,
    /// Replace the PIN where two-step verification is on
    #[arg(long)]
    replace: bool,
    /// Only the first N numbers of the file
    #[arg(long, value_name = "N", conflicts_with = "number", value_parser = arg_parsers::integer_at_least(1_usize))]
    first: Option<usize>,
    /// Requests on their way at once, instead of the config's
    #[arg(long, value_name = "N", conflicts_with = "number", value_parser = arg_parsers::parse_concurrency)]
    concurrency: Option<usize>,
    /// Check everything, say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line, and a summary
    #[arg(long)]
    json: bool,
    /// Leave out the syncs, so that a test sees that it would notice
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    without_sync: bool,
}

pub(crate) fn run(command: &PinCommand, overrides: &Overrides, env: &Env, flags: &GlobalArgs) -> Result<u8, CliError> {
    let PinCommand::Set(options) = command;
    let mut asked = RequestedNumbers::from_args(options)?;
    if !asked.id_list.is_usable() {
        // The list comes first; the config only helps to say more of it.
        asked.reject_invalid(require_config(overrides, env).ok().as_ref())?;
    }
    let pins = read_pins(options.pin_file.as_deref())?;
    let place = config::resolve_state_dir(overrides, env)?;
    let config = require_config(overrides, env)?;
    checks::require_writable(&config.profile, flags)?;
    let (books, is_sealed) = if options.dry_run {
        let (found, recipients) = preflight::inspect(&place, &config.escrow)?;
        preflight::check_recovered(&found, preflight::DRY_RUN_RERUN_HINT)?;
        preflight::warn_unresolved(&found, flags.quiet);
        (None, recipients.is_some())
    } else {
        let books = preflight::open_journal(&place, &config.escrow, is_sync_enabled(options))?;
        preflight::check_recovered(&books.recovered, preflight::RERUN_HINT)?;
        let is_sealed = books.recipients.is_some();
        (Some(books), is_sealed)
    };
    checks::require_escrow_for_random(&pins, asked.selection, is_sealed)?;
    let graph = numbers::open_graph(&config.profile)?;
    let runtime = simulate::build_runtime()?;
    let amount = asked.selection;
    let numbers = asked.look_up(&runtime, &graph, &config.profile)?;
    let numbers = asked.take_first(numbers, options.first, flags.quiet);
    let consent = ConfirmFlags { may_replace: options.replace, confirm: options.confirm.as_deref() };
    checks::check_numbers(&pins, &numbers, amount, consent)?;
    let telling = OutputOptions { is_json: options.json, is_quiet: flags.quiet };
    let Some(books) = books else { return Ok(print_dry_run(numbers, telling)) };
    preflight::warn_unresolved(&books.recovered, flags.quiet);
    let concurrency = options.concurrency.unwrap_or(config.profile.concurrency);
    let order = ConfirmedJob {
        profile: config.profile.name,
        resumed_job: None,
        numbers,
        pins,
        graph,
        session: books,
        concurrency,
    };
    run_job::run(order, runtime, telling)
}

#[cfg(debug_assertions)]
fn is_sync_enabled(options: &PinSetArgs) -> bool {
    !options.without_sync
}

#[cfg(not(debug_assertions))]
fn is_sync_enabled(_options: &PinSetArgs) -> bool {
    true
}

/// Where the PINs come from.
pub(crate) fn read_pins(file: Option<&Path>) -> Result<PinChoice, CliError> {
    let pins = file.map(pin_file::read).transpose()?.map_or(PinChoice::Random, PinChoice::Fixed);
    checks::check_strength(&pins, &[])?;
    Ok(pins)
}

/// Tells what would be sent.
fn print_dry_run(numbers: Vec<Number>, telling: OutputOptions) -> u8 {
    let numbers = Arc::new(numbers);
    let mut results = ResultPrinter::new(telling.is_json, Arc::clone(&numbers));
    for number in numbers.iter() {
        results.print_dry_run(number);
    }
    results.print_summary(None);
    results.finish(0, "Nothing was sent.")
}

/// What was asked for.
struct RequestedNumbers {
    selection: Selection,
    /// One number is a list of one.
    id_list: IdList,
    /// The file, for people.
    source_name: String,
}

impl RequestedNumbers {
    fn from_args(options: &PinSetArgs) -> Result<Self, CliError> {
        let Some(file) = &options.from else {
            let list = IdList::parse(options.number.iter().map(ToString::to_string).collect::<String>().as_bytes());
            return Ok(Self { selection: Selection::One, id_list: list, source_name: String::new() });
        };
        let is_stdin = file.as_os_str() == STDIN_PATH;
        if is_stdin && options.pin_file.as_ref().is_some_and(|file| file.as_os_str() == STDIN_PATH) {
            let why = "--from and --pin-file cannot both be standard input. Nothing was sent.";
            return Err(CliError::Usage(why.to_owned()));
        }
        let from = if is_stdin { "standard input".to_owned() } else { preflight::display_path(file).to_string() };
        let bytes = if is_stdin { read_limited(io::stdin()) } else { fs::File::open(file).and_then(read_limited) };
        let bytes =
            bytes.map_err(|error| CliError::Usage(format!("{from} cannot be read: {error}. Nothing was sent.")))?;
        Ok(Self { selection: Selection::Many, id_list: IdList::parse(&bytes), source_name: from })
    }

    /// The numbers as Meta tells them, in the order of the list.
    fn look_up(&mut self, runtime: &Runtime, graph: &Graph, profile: &Profile) -> Result<Vec<Number>, CliError> {
        let found = lookup::look_up(runtime, graph, profile, self.id_list.ids());
        if self.selection == Selection::Many {
            self.id_list.flag_unknown(profile.name.as_str(), |id| found.may_contain(id));
            self.id_list.check(&self.source_name)?;
        }
        found.into_numbers(profile.name.as_str())
    }

    /// Refuses a list with faults; what is unknown in it is named as well, if Meta can be asked.
    fn reject_invalid(&mut self, config: Option<&Config>) -> Result<(), CliError> {
        if let Some(Config { profile, .. }) = config
            && let (Ok(graph), Ok(runtime)) = (numbers::open_graph(profile), simulate::build_runtime())
        {
            let found = lookup::look_up(&runtime, &graph, profile, self.id_list.ids());
            self.id_list.flag_unknown(profile.name.as_str(), |id| found.may_contain(id));
        }
        self.id_list.check(&self.source_name)
    }

    /// Those that are to be sent now. The list itself is not needed any more.
    fn take_first(self, mut numbers: Vec<Number>, first: Option<usize>, is_quiet: bool) -> Vec<Number> {
        if let Some(left) = first.and_then(|first| numbers.len().checked_sub(first)).filter(|left| *left > 0) {
            numbers.truncate(numbers.len() - left);
            if !is_quiet {
                eprint_line(&format!(
                    "pindesk: left for later: {} of {}.",
                    table::numbers_label(left),
                    self.source_name
                ));
            }
        }
        numbers
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
