//! `pindesk escrow`: lists and decrypts the encrypted PINs, and accepts changed recipients.
//!
//! Listing and decrypting need the escrow file alone: no config, no journal, no network. Only `open` shows a PIN. If there
//! is a journal, it records who decrypts a PIN before the PIN is shown.

mod store;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::result_fields::{recorded_label, recorded_result};
use crate::cli::output::stdio::{SCHEMA_VERSION, eprint_line, exit_code_after_print, print_json};
use crate::cli::output::table;
use crate::cli::records::{self, require_config};
use crate::cli::runtime::build_runtime;
use crate::config::{self, Env, Overrides};
use crate::domain::clock::UtcTime;
use crate::domain::json_text::write_json;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::standing::ChangeResult;
use crate::escrow::decrypt::{DecryptPinError, DecryptedPin, Identities};
use crate::escrow::{self, EscrowEntry, Fingerprint};
use crate::journal::{AuditEvent, RecipientsStatus, RecordedState};
use crate::state_dir::StateDir;

use store::{Decryption, EscrowSource, EscrowStore, EscrowedChange, JournalStatus};

#[derive(Debug, Subcommand)]
pub(crate) enum EscrowCommand {
    /// List the encrypted PINs, without decrypting any
    List(EscrowListArgs),
    /// Decrypt the PINs with a private key, and show them
    Open(EscrowOpenArgs),
    /// Accept changed escrow keys
    Ack {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the command that decrypts the escrow file with the age program
    Recipe,
}

#[derive(Debug, Args)]
pub(crate) struct EscrowListArgs {
    /// Only these numbers
    #[arg(value_name = "PHONE_NUMBER_ID")]
    numbers: Vec<PhoneNumberId>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EscrowOpenArgs {
    /// Private key: an age key file, or an ssh-ed25519 key
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
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
    match command {
        EscrowCommand::List(args) => list(args, &state_dir),
        EscrowCommand::Open(args) => decrypt_pins(args, &state_dir, global),
        EscrowCommand::Ack { json } => accept_recipients(*json, &state_dir, overrides, env, global),
        EscrowCommand::Recipe => {
            exit_code_after_print(write!(io::stdout(), "{}", escrow::recipe(&state_dir)), ExitCode::Done)
        }
    }
}

/// An encrypted PIN as scripts see it.
#[derive(Serialize)]
struct EscrowRecord<'a> {
    change: String,
    phone_number_id: &'a str,
    waba_id: Option<&'a str>,
    at: String,
    /// The outcome of its change, as in a result; null if the journal does not know the change.
    request: Option<ChangeResult>,
    /// True if the change had no answer and is no longer in doubt.
    settled: bool,
    /// Null if it is not known.
    last_try_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<EscrowSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> EscrowRecord<'a> {
    fn new(entry: &'a EscrowEntry, status: Option<JournalStatus>) -> Self {
        let state = status.map(|status| status.state);
        Self {
            change: entry.change.to_string(),
            phone_number_id: entry.number.as_str(),
            waba_id: entry.waba.as_ref().map(WabaId::as_str),
            at: entry.at.to_rfc3339(),
            request: state.map(recorded_result),
            settled: state == Some(RecordedState::Resolved),
            last_try_at: status.and_then(|status| status.last_attempt_at).map(UtcTime::to_rfc3339),
            pin: None,
            source: None,
            reason: None,
        }
    }
}

fn list(args: &EscrowListArgs, state_dir: &Path) -> Result<ExitCode, CliError> {
    #[derive(Serialize)]
    struct EscrowListOutput<'a> {
        schema: u8,
        records: Vec<EscrowRecord<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    let store = EscrowStore::read(state_dir, &args.numbers)?;
    store.changes.iter().for_each(EscrowedChange::warn_if_entries_differ);
    if args.json {
        let changes = store.changes.iter();
        let records = changes.map(|change| EscrowRecord::new(change.first_entry(), change.journal_status)).collect();
        let output = EscrowListOutput {
            schema: SCHEMA_VERSION,
            records,
            unreadable_lines: &store.unreadable_lines,
            is_torn: store.is_torn,
        };
        return exit_code_after_print(print_json(&output), store.exit_code());
    }
    let mut rows = vec![escrow_row("ENCRYPTED AT", "PHONE NUMBER ID", "CHANGE")];
    rows.extend(
        store
            .changes
            .iter()
            .map(EscrowedChange::first_entry)
            .map(|entry| escrow_row(&entry.at.to_rfc3339(), entry.number.as_str(), &entry.change.to_string())),
    );
    exit_code_after_print(writeln!(io::stdout(), "{}", rows.join("\n")), store.exit_code())
}

fn escrow_row(at: &str, number: &str, last: &str) -> String {
    table::row(&[(at, 20), (number, 18)], last)
}

fn decrypt_pins(args: &EscrowOpenArgs, state_dir: &Path, global: &GlobalArgs) -> Result<ExitCode, CliError> {
    if !args.list.json && !io::stdout().is_terminal() {
        return Err(CliError::usage("refusing to print PINs to a pipe or file; use --json if you mean it"));
    }
    let store = EscrowStore::read(state_dir, &args.list.numbers)?;
    let ask = |prompt: &str| prompt_passphrase(prompt, global.no_input);
    let identities = Identities::read(&args.identity, &ask).map_err(|error| CliError::not_ready_because(&error))?;
    let decryptions: Vec<_> = store.changes.iter().flat_map(|change| change.decrypt(&identities)).collect();
    record_decryptions(
        &store.dir,
        decryptions.iter().filter(|decryption| decryption.result.is_ok()).map(|decryption| decryption.entry),
    )?;
    let printed = if args.list.json { print_pins_json(&store, &decryptions) } else { print_table(&decryptions) };
    let codes = decryptions.iter().map(decryption_exit_code).chain([store.exit_code()]);
    exit_code_after_print(printed, worst_record_code(codes))
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
fn record_decryptions<'a>(dir: &StateDir, entries: impl Iterator<Item = &'a EscrowEntry>) -> Result<(), CliError> {
    let mut entries = entries.peekable();
    if entries.peek().is_none() {
        return Ok(());
    }
    let journal = match records::open_for_audit(dir) {
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

/// A record that was altered is worse than one that another key decrypts, so 6 wins over 3 here: the row of code 3 fits
/// only if no row below names the reason.
fn worst_record_code(codes: impl Iterator<Item = ExitCode>) -> ExitCode {
    codes.max().unwrap_or(ExitCode::Done)
}

fn print_pins_json(store: &EscrowStore, decryptions: &[Decryption<'_>]) -> io::Result<()> {
    #[derive(Serialize)]
    struct EscrowOpenOutput<'a> {
        schema: u8,
        records: Vec<EscrowRecord<'a>>,
        unopened: Vec<EscrowRecord<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    /// Longer than any record: the buffer never grows, which would leave a copy of PINs behind.
    const MAX_RECORD_BYTES: usize = 1 << 10;
    let (mut records, mut unopened) = (Vec::new(), Vec::new());
    for Decryption { entry, journal_status, source, result, .. } in decryptions {
        let record = EscrowRecord { source: Some(*source), ..EscrowRecord::new(entry, *journal_status) };
        match result {
            Ok(decrypted) => records.push(EscrowRecord { pin: Some(pin_digits(decrypted)), ..record }),
            Err(error) => unopened.push(EscrowRecord { reason: Some(error.to_string()), ..record }),
        }
    }
    let (unreadable_lines, is_torn) = (&store.unreadable_lines[..], store.is_torn);
    let output = EscrowOpenOutput { schema: SCHEMA_VERSION, records, unopened, unreadable_lines, is_torn };
    let capacity = MAX_RECORD_BYTES * (decryptions.len() + store.unreadable_lines.len() + 1);
    let mut text = Zeroizing::new(Vec::with_capacity(capacity));
    write_json(&mut *text, &output)?;
    text.push(b'\n');
    io::stdout().write_all(&text)
}

fn print_table(decryptions: &[Decryption<'_>]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let row = |at: &str, number: &str, pin: &str, last: &str| table::row(&[(at, 20), (number, 18), (pin, 6)], last);
    writeln!(out, "{}", row("ENCRYPTED AT", "PHONE NUMBER ID", "PIN", "REQUEST"))?;
    for Decryption { entry, journal_status, source, result, is_disputed } in decryptions {
        let (at, number) = (entry.at.to_rfc3339(), entry.number.as_str());
        let decrypted = match result {
            Ok(decrypted) => decrypted,
            Err(error) => {
                eprint_line(&format!("pindesk: change {} of number {number}: {error}.", entry.change));
                continue;
            }
        };
        let request = if *is_disputed { source.label().to_owned() } else { status_label(*journal_status) };
        writeln!(out, "{}", row(&at, number, pin_digits(decrypted), &request))?;
    }
    let is_order_known = decryptions
        .iter()
        .all(|decryption| decryption.journal_status.is_some_and(|status| status.last_attempt_at.is_some()));
    writeln!(out, "{}", if is_order_known { ORDER_KNOWN_NOTE } else { ORDER_UNKNOWN_NOTE })
}

const ORDER_KNOWN_NOTE: &str =
    "In the order in which they were sent. If a later PIN failed, an earlier one may be in force.";

const ORDER_UNKNOWN_NOTE: &str = "Not all send times are known: the last PIN need not be the one in force.";

/// The state of a change in the journal, for people.
fn status_label(status: Option<JournalStatus>) -> String {
    let Some(JournalStatus { state, last_attempt_at, .. }) = status else { return "not known".to_owned() };
    let label = recorded_label(state);
    if last_attempt_at.is_some() { label.to_owned() } else { format!("{label}, time not known") }
}

/// The PIN, for the terminal and for `--json`.
fn pin_digits(decrypted: &DecryptedPin) -> &str {
    std::str::from_utf8(decrypted.pin.expose()).unwrap_or_default()
}

fn accept_recipients(
    is_json: bool,
    state_dir: &Path,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    #[derive(Serialize)]
    struct EscrowAckOutput<'a> {
        schema: u8,
        changed: bool,
        added: Vec<&'a str>,
        removed: Vec<&'a str>,
    }
    let config = require_config(overrides, env)?;
    if global.read_only {
        return Err(CliError::not_ready("--read-only refuses every change. The recipients are unchanged."));
    }
    let session = records::open_journal(state_dir, &config, true)?;
    for finding in &session.report.findings {
        eprint_line(&format!("pindesk: {finding}"));
    }
    let (previous, current) = match &session.report.recipients {
        RecipientsStatus::Known => (&[][..], &[][..]),
        RecipientsStatus::Changed { previous, current } => (&previous[..], &current[..]),
    };
    let changed = previous != current;
    if changed {
        let accepted = build_runtime()?.block_on(session.journal.accept_recipients());
        accepted.map_err(|error| CliError::not_ready(format!("{error}. The recipients are unchanged.")))?;
    }
    let added = current.iter().filter(|key| !previous.contains(key)).map(Fingerprint::as_str).collect();
    let removed = previous.iter().filter(|key| !current.contains(key)).map(Fingerprint::as_str).collect();
    let printed = if is_json {
        print_json(&EscrowAckOutput { schema: SCHEMA_VERSION, changed, added, removed })
    } else if changed {
        let mut lines: Vec<_> =
            records::recipient_diff(previous, current).into_iter().map(|line| format!("  {line}")).collect();
        lines.push(if current.is_empty() {
            "No recipient is left: pindesk no longer encrypts PINs.".to_owned()
        } else {
            "From now on, PINs are encrypted to the current recipients.".to_owned()
        });
        writeln!(io::stdout(), "{}", lines.join("\n"))
    } else {
        writeln!(io::stdout(), "The recipients have not changed. There is nothing to accept.")
    };
    session.journal.close();
    exit_code_after_print(printed, ExitCode::Done)
}
