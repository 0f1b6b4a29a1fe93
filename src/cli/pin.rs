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

use super::checks::{self, Amount, Consent};
use super::desk;
use super::id_list::IdList;
use super::lookup;
use super::pin_file::{self, STDIN};
use super::results::Results;
use super::sending::{self, Order, Telling};
use super::{Failure, Global, complain, need_config, numbers, paint, simulate, values};
use crate::config::{self, Config, Env, Overrides, Profile};
use crate::graph::Graph;
use crate::number::{Number, PhoneNumberId};
use crate::pin::PinChoice;

/// Room for 100,000 IDs with comments.
const MAX_LIST_BYTES: u64 = 16 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Set the PIN of one number, or of many
    Set(SetOptions),
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
pub(super) struct SetOptions {
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
    #[arg(long, value_name = "N", conflicts_with = "number", value_parser = values::whole(1_usize))]
    first: Option<usize>,
    /// Requests on their way at once, instead of the config's
    #[arg(long, value_name = "N", conflicts_with = "number", value_parser = values::concurrency)]
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

pub(super) fn run(command: &Command, overrides: &Overrides, env: &Env, flags: &Global) -> Result<u8, Failure> {
    let Command::Set(options) = command;
    let mut asked = Asked::read(options)?;
    if !asked.list.is_usable() {
        // The list comes first; the config only helps to say more of it.
        asked.refuse(need_config(overrides, env).ok().as_ref())?;
    }
    let pins = pins(options.pin_file.as_deref())?;
    let place = config::resolve_state_dir(overrides, env)?;
    let config = need_config(overrides, env)?;
    checks::permission(&config.profile, flags)?;
    let (books, is_sealed) = if options.dry_run {
        let (found, recipients) = desk::try_out(&place, &config.escrow)?;
        desk::check(&found, desk::RUN_DRY_AGAIN)?;
        desk::tell_unresolved(&found, flags.quiet);
        (None, recipients.is_some())
    } else {
        let books = desk::open(&place, &config.escrow, syncs(options))?;
        desk::check(&books.recovered, desk::RUN_AGAIN)?;
        let is_sealed = books.recipients.is_some();
        (Some(books), is_sealed)
    };
    checks::sealing(&pins, asked.amount, is_sealed)?;
    let graph = numbers::open(&config.profile)?;
    let runtime = simulate::runtime()?;
    let amount = asked.amount;
    let numbers = asked.look_up(&runtime, &graph, &config.profile)?;
    let numbers = asked.first(numbers, options.first, flags.quiet);
    let consent = Consent { may_replace: options.replace, confirm: options.confirm.as_deref() };
    checks::numbers(&pins, &numbers, amount, consent)?;
    let telling = Telling { is_json: options.json, is_quiet: flags.quiet };
    let Some(books) = books else { return Ok(tell_dry(numbers, telling)) };
    desk::tell_unresolved(&books.recovered, flags.quiet);
    let concurrency = options.concurrency.unwrap_or(config.profile.concurrency);
    let order = Order { profile: config.profile.name, job: None, numbers, pins, graph, books, concurrency };
    sending::carry_out(order, runtime, telling)
}

#[cfg(debug_assertions)]
fn syncs(options: &SetOptions) -> bool {
    !options.without_sync
}

#[cfg(not(debug_assertions))]
fn syncs(_options: &SetOptions) -> bool {
    true
}

/// Where the PINs come from.
pub(super) fn pins(file: Option<&Path>) -> Result<PinChoice, Failure> {
    let pins = file.map(pin_file::read).transpose()?.map_or(PinChoice::Random, PinChoice::Fixed);
    checks::strength(&pins, &[])?;
    Ok(pins)
}

/// Tells what would be sent.
fn tell_dry(numbers: Vec<Number>, telling: Telling) -> u8 {
    let numbers = Arc::new(numbers);
    let mut results = Results::new(telling.is_json, Arc::clone(&numbers));
    for number in numbers.iter() {
        results.dry(number);
    }
    results.sum_up(None);
    results.end(0, "Nothing was sent.")
}

/// What was asked for.
struct Asked {
    amount: Amount,
    /// One number is a list of one.
    list: IdList,
    /// The file, for people.
    from: String,
}

impl Asked {
    fn read(options: &SetOptions) -> Result<Self, Failure> {
        let Some(file) = &options.from else {
            let list = IdList::parse(options.number.iter().map(ToString::to_string).collect::<String>().as_bytes());
            return Ok(Self { amount: Amount::One, list, from: String::new() });
        };
        let is_stdin = file.as_os_str() == STDIN;
        if is_stdin && options.pin_file.as_ref().is_some_and(|file| file.as_os_str() == STDIN) {
            let why = "--from and --pin-file cannot both be standard input. Nothing was sent.";
            return Err(Failure::Usage(why.to_owned()));
        }
        let from = if is_stdin { "standard input".to_owned() } else { desk::shown(file).to_string() };
        let bytes = if is_stdin { read(io::stdin()) } else { fs::File::open(file).and_then(read) };
        let bytes =
            bytes.map_err(|error| Failure::Usage(format!("{from} cannot be read: {error}. Nothing was sent.")))?;
        Ok(Self { amount: Amount::Many, list: IdList::parse(&bytes), from })
    }

    /// The numbers as Meta tells them, in the order of the list.
    fn look_up(&mut self, runtime: &Runtime, graph: &Graph, profile: &Profile) -> Result<Vec<Number>, Failure> {
        let found = lookup::look_up(runtime, graph, profile, self.list.ids());
        if self.amount == Amount::Many {
            self.list.refuse_unknown(profile.name.as_str(), |id| found.may_know(id));
            self.list.check(&self.from)?;
        }
        found.take(profile.name.as_str())
    }

    /// Refuses a list with faults; what is unknown in it is named as well, if Meta can be asked.
    fn refuse(&mut self, config: Option<&Config>) -> Result<(), Failure> {
        if let Some(Config { profile, .. }) = config
            && let (Ok(graph), Ok(runtime)) = (numbers::open(profile), simulate::runtime())
        {
            let found = lookup::look_up(&runtime, &graph, profile, self.list.ids());
            self.list.refuse_unknown(profile.name.as_str(), |id| found.may_know(id));
        }
        self.list.check(&self.from)
    }

    /// Those that are to be sent now. The list itself is not needed any more.
    fn first(self, mut numbers: Vec<Number>, first: Option<usize>, is_quiet: bool) -> Vec<Number> {
        if let Some(left) = first.and_then(|first| numbers.len().checked_sub(first)).filter(|left| *left > 0) {
            numbers.truncate(numbers.len() - left);
            if !is_quiet {
                complain(&format!("pindesk: left for later: {} of {}.", paint::numbers(left), self.from));
            }
        }
        numbers
    }
}

fn read(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LIST_BYTES {
        return Err(io::Error::other(format!("it is larger than {MAX_LIST_BYTES} bytes")));
    }
    Ok(bytes)
}
