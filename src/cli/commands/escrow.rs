//! `pindesk escrow`: lists and decrypts the encrypted PINs, and accepts changed recipients.
//!
//! Listing and decrypting need no config and no network. The escrow file is enough; a journal adds the PINs that only it
//! has, the names of the numbers, and what became of each PIN. Only `open` shows a PIN. If there is a journal, it records
//! who decrypts a PIN before the PIN is shown.

mod ack;
mod in_force;
mod store;
mod unopened;
mod print;

use std::io::{self, IsTerminal as _, Write as _};
use std::iter;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::SecretString;

use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print};
use crate::cli::output::table::{self, TableStyle};
use crate::cli::records;
use crate::cli::rerun::RerunOptions;
use crate::cli::runtime::build_runtime;
use crate::cli::secret_stdin::{self, STDIN_PATH};
use crate::config::{self, Env, Overrides};
use crate::domain::number_arg::NumberArg;
use crate::domain::text::CleanText;
use crate::escrow::decrypt::{DecryptPinError, Identities};
use crate::escrow::{self, EscrowEntry};
use crate::journal::AuditEvent;
use crate::secure_file::MAX_SECRET_BYTES;
use crate::state_dir::StateDir;

use ack::EscrowAckArgs;
use store::{Decryption, EscrowStore};

#[derive(Debug, Subcommand)]
pub(crate) enum EscrowCommand {
    /// List the encrypted PINs, without decrypting any
    List(EscrowListArgs),
    /// Decrypt the PINs with a private key, and show them
    Open(EscrowOpenArgs),
    /// Accept changed escrow keys
    Ack(EscrowAckArgs),
    /// Print the command that decrypts the escrow file with the age program
    Recipe,
}

#[derive(Debug, Args)]
pub(crate) struct EscrowListArgs {
    /// Only these numbers
    #[arg(value_name = "NUMBER")]
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
        EscrowCommand::Recipe => {
            exit_code_after_print(write!(io::stdout(), "{}", escrow::recipe(&state_dir)), ExitCode::Done)
        }
    }
}

fn list(args: &EscrowListArgs, state_dir: &Path, is_explicit: bool, global: &GlobalArgs) -> Result<ExitCode, CliError> {
    let rerun = RerunOptions::new(global);
    let store = EscrowStore::read(state_dir, is_explicit, &args.numbers, &rerun)?;
    store.changes.iter().for_each(|change| change.warn_if_entries_differ(&store.known, &rerun));
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
    let ask = |prompt: &str| prompt_passphrase(prompt, global.no_input);
    let identities = if args.identity.as_os_str() == STDIN_PATH {
        let key = secret_stdin::read(MAX_SECRET_BYTES, "private key")?;
        Identities::parse(&key, &CleanText::new("(standard input)"), &ask)
    } else {
        Identities::read(&args.identity, &ask)
    };
    let identities = identities.map_err(|error| CliError::not_ready_because(&error))?;
    // A PIN that was never in force is not shown, and so not decrypted, unless it is asked for.
    let (hidden, shown): (Vec<_>, Vec<_>) =
        store.changes.iter().partition(|change| !args.all && change.was_never_set());
    let decryptions: Vec<_> = shown.iter().flat_map(|change| change.decrypt(&identities, &store.known)).collect();
    let decrypted = decryptions.iter().filter(|decryption| decryption.result.is_ok());
    record_decryptions(store.dir.as_ref(), to_syslog, decrypted.map(|decryption| decryption.entry))?;
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

/// Asks on the terminal, even if standard input is not one.
fn prompt_passphrase(prompt: &str, no_input: bool) -> Option<SecretString> {
    if no_input {
        return None;
    }
    rpassword::prompt_password(prompt).ok().map(SecretString::from)
}

/// Records what is about to be shown, with one sync for all of it. If that fails, the PINs are shown all the same: they
/// may be needed, and the owner of the key can decrypt them without this program.
fn record_decryptions<'a>(
    dir: Option<&StateDir>,
    to_syslog: bool,
    entries: impl Iterator<Item = &'a EscrowEntry>,
) -> Result<(), CliError> {
    let mut entries = entries.peekable();
    let Some(dir) = dir.filter(|_| entries.peek().is_some()) else { return Ok(()) };
    let journal = match records::open_for_audit(dir, to_syslog) {
        Ok(journal) => journal,
        Err(error) => {
            eprint_line(&format!("pindesk: the journal does not record this decryption: {error}"));
            return Ok(());
        }
    };
    let event =
        |entry: &EscrowEntry| AuditEvent::PinDecrypted { change: entry.change, number: entry.number, waba: entry.waba };
    let events = entries.map(event).collect();
    if let Err(error) = build_runtime()?.block_on(journal.record_events(events)) {
        eprint_line(&format!("pindesk: the journal does not record this decryption: {error}."));
    }
    journal.close();
    Ok(())
}

const fn decryption_exit_code(decryption: &Decryption<'_>) -> ExitCode {
    match decryption.result {
        Ok(_) if decryption.is_disputed => ExitCode::NotReady,
        Ok(_) => ExitCode::Done,
        Err(DecryptPinError::NoMatchingKey) => ExitCode::Failed,
        Err(DecryptPinError::Damaged | DecryptPinError::InvalidPlaintext | DecryptPinError::ContextMismatch { .. }) => {
            ExitCode::NotReady
        }
    }
}
