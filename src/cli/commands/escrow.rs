//! `pindesk escrow`: lists and decrypts the encrypted PINs, and accepts changed recipients.
//!
//! Listing, decrypting and the drill need no config and no network. The escrow file is enough; a journal adds the PINs that only it
//! has, the names of the numbers, and what became of each PIN. Only `open` shows a PIN. If there is a journal, it records
//! who decrypts a PIN before the PIN is shown.

mod identity;
mod record;
mod ack;
mod in_force;
mod store;
mod unopened;
mod print;
mod drill;
mod exposure;
mod re_encrypt;

use std::io::{self, IsTerminal as _, Write as _};
use std::iter;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print};
use crate::cli::output::table::{self, TableStyle};
use crate::cli::records;
use crate::cli::rerun::RerunOptions;
use crate::config::{self, Env, Overrides};
use crate::domain::number_arg::NumberArg;
use crate::escrow::{self, EscrowEntry};
use crate::journal::AuditEvent;

use ack::EscrowAckArgs;
use drill::EscrowDrillArgs;
use re_encrypt::EscrowReEncryptArgs;
use store::{Decryption, EscrowStore};

#[derive(Debug, Subcommand)]
pub(crate) enum EscrowCommand {
    /// List the encrypted PINs, without decrypting any
    List(EscrowListArgs),
    /// Decrypt the PINs with a private key, and show them
    Open(EscrowOpenArgs),
    /// Accept changed recipients
    Ack(EscrowAckArgs),
    /// Try whether a private key opens the escrow, without showing a PIN
    Drill(EscrowDrillArgs),
    /// Encrypt the PINs again, to the recipients of the config
    ReEncrypt(EscrowReEncryptArgs),
    /// Print the command that decrypts the escrow file with the age program
    Recipe,
}

#[derive(Debug, Args)]
pub(crate) struct EscrowListArgs {
    /// Only these numbers
    #[arg(value_name = "NUMBER", value_parser = arg_parsers::parse_number)]
    numbers: Vec<NumberArg>,
    /// More columns, and no cell is cut
    #[arg(long, conflicts_with = "json")]
    wide: bool,
    /// One JSON object: docs/json.md has the fields
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EscrowOpenArgs {
    /// Private key: an age key file, or an ssh-ed25519 key; - is standard
    /// input
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Also the PINs that were refused or not sent
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    list: EscrowListArgs,
}

pub(crate) fn run(
    command: &EscrowCommand,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let state_dir = config::resolve_state_dir(overrides, env)?;
    let is_explicit = config::explicit_state_dir(overrides, env).is_some();
    match command {
        EscrowCommand::List(args) => list(args, &state_dir, is_explicit, global),
        EscrowCommand::Open(args) => {
            decrypt_pins(args, &state_dir, is_explicit, records::goes_to_syslog(overrides, env), global)
        }
        EscrowCommand::Ack(args) => ack::accept_recipients(args, &state_dir, overrides, env, global),
        EscrowCommand::Drill(args) => {
            drill::run(args, &state_dir, is_explicit, records::goes_to_syslog(overrides, env), global)
        }
        EscrowCommand::ReEncrypt(args) => re_encrypt::run(args, &state_dir, overrides, env, global),
        EscrowCommand::Recipe => {
            exit_code_after_print(write!(io::stdout(), "{}", escrow::recipe(&state_dir)), ExitCode::Done)
        }
    }
}

fn list(args: &EscrowListArgs, state_dir: &Path, is_explicit: bool, global: &GlobalArgs) -> Result<ExitCode, CliError> {
    let rerun = RerunOptions::new(global);
    let store = EscrowStore::read(state_dir, is_explicit, &args.numbers, &rerun)?;
    store.changes.iter().for_each(|change| change.warn_if_entries_differ(&store.known, &rerun));
    store.warn_of_unrecorded_entries(&rerun);
    let printed = if args.json {
        print::list_json(&store)
    } else {
        print::list_table(&store, args.wide, TableStyle::for_stdout(global.no_color, args.wide))
    };
    exit_code_after_print(printed, store.exit_code(iter::empty()))
}

fn decrypt_pins(
    args: &EscrowOpenArgs,
    state_dir: &Path,
    is_explicit: bool,
    to_syslog: bool,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    if !args.list.json && !io::stdout().is_terminal() {
        return Err(CliError::usage("refusing to print PINs to a pipe or file; use --json if you mean it"));
    }
    let store = EscrowStore::read(state_dir, is_explicit, &args.list.numbers, &RerunOptions::new(global))?;
    let identities = identity::read(&args.identity, global)?;
    // A PIN that was never in force is not shown, and so not decrypted, unless it is asked for.
    let (hidden, shown): (Vec<_>, Vec<_>) =
        store.changes.iter().partition(|change| !args.all && change.was_never_set());
    let decryptions: Vec<_> = shown.iter().flat_map(|change| change.decrypt(&identities, &store.known)).collect();
    let decrypted = decryptions.iter().filter(|decryption| decryption.result.is_ok());
    let event = |entry: &EscrowEntry| {
        let EscrowEntry { change, number, waba, .. } = *entry;
        AuditEvent::PinDecrypted { change, number, waba }
    };
    // What is about to be shown.
    let events = decrypted.map(|decryption| event(decryption.entry)).collect();
    record::record_events(store.dir.as_ref(), to_syslog, events, "this decryption")?;
    if !hidden.is_empty() && !global.quiet {
        let pins = table::pluralize(hidden.len(), "PIN");
        eprint_line(&format!("pindesk: {pins} refused or not sent, and left out here. To see all: --all"));
    }
    let printed = if args.list.json {
        print::pins_json(&store, &decryptions)
    } else {
        print::pins_table(&store, &decryptions, args.list.wide, TableStyle::for_stdout(global.no_color, args.list.wide))
    };
    exit_code_after_print(printed, store.exit_code(decryptions.iter().map(decryption_exit_code)))
}

const fn decryption_exit_code(decryption: &Decryption<'_>) -> ExitCode {
    match &decryption.result {
        Ok(_) if decryption.is_disputed => ExitCode::NotReady,
        Ok(_) => ExitCode::Done,
        Err(error) => unopened::exit_code(error),
    }
}
