//! `pindesk escrow`: what was sealed, opening it with a key, and acknowledging other recipients.
//!
//! Listing and opening need the escrow file alone: no config, no journal, no network. A PIN is shown by `open` and by
//! nothing else, and who opened it is recorded before it is shown wherever there is a journal.

mod store;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::commands::{jobs, simulator as simulate};
use crate::cli::output::job::{ChangeOutcome, SCHEMA_VERSION};
use crate::cli::output::table;
use crate::cli::{CliError, GlobalArgs, eprint_line, ignore_broken_pipe, preflight, require_config};
use crate::config::{self, Env, Overrides};
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::escrow::decrypt::{DecryptPinError, DecryptedPin, Identities};
use crate::escrow::{self, EscrowEntry, Fingerprint};
use crate::journal::{AuditEvent, RecipientsStatus, RecordedState};
use crate::state_dir::StateDir;

use store::{Decryption, EscrowSource, EscrowStore, EscrowedChange, JournalStatus};

#[derive(Debug, Subcommand)]
pub(crate) enum EscrowCommand {
    /// What is sealed, for whom; never a PIN
    List(EscrowListArgs),
    /// Open with a private key, and show the PINs
    Open(EscrowOpenArgs),
    /// Accept that PINs are sealed to other keys than before
    Ack {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// How to read the escrow file with the age program alone
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
    /// The private key: an age key file, or an ssh-ed25519 key
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    #[command(flatten)]
    list: EscrowListArgs,
}

pub(crate) fn run(
    command: &EscrowCommand,
    overrides: &Overrides,
    env: &Env,
    flags: &GlobalArgs,
) -> Result<u8, CliError> {
    let place = config::resolve_state_dir(overrides, env)?;
    match command {
        EscrowCommand::List(options) => list(options, &place),
        EscrowCommand::Open(options) => decrypt_pins(options, &place, flags),
        EscrowCommand::Ack { json } => acknowledge(*json, &place, overrides, env, flags),
        EscrowCommand::Recipe => ignore_broken_pipe(write!(io::stdout(), "{}", escrow::recipe(&place)), 0),
    }
}

/// A record as scripts see it.
#[derive(Serialize)]
struct EscrowRecord<'a> {
    change: String,
    phone_number_id: &'a str,
    waba_id: Option<&'a str>,
    at: String,
    /// What its change came to, as in a result; null where the journal does not know of it.
    request: Option<ChangeOutcome>,
    /// Of those with no answer: in doubt no longer.
    settled: bool,
    /// Null where nobody knows it.
    last_try_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<EscrowSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> EscrowRecord<'a> {
    fn new(line: &'a EscrowEntry, fate: Option<JournalStatus>) -> Self {
        let state = fate.map(|fate| fate.state);
        Self {
            change: line.change.to_string(),
            phone_number_id: line.number.as_str(),
            waba_id: line.waba.as_ref().map(WabaId::as_str),
            at: line.at.to_rfc3339(),
            request: state.map(|state| jobs::outcome_and_label(state).0),
            settled: state == Some(RecordedState::Resolved),
            last_try_at: fate.and_then(|fate| fate.last_attempt_at).map(UtcTime::to_rfc3339),
            pin: None,
            source: None,
            reason: None,
        }
    }
}

fn list(options: &EscrowListArgs, place: &Path) -> Result<u8, CliError> {
    #[derive(Serialize)]
    struct EscrowListOutput<'a> {
        schema: u8,
        records: Vec<EscrowRecord<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    let store = EscrowStore::read(place, &options.numbers)?;
    store.changes.iter().for_each(EscrowedChange::warn_if_entries_differ);
    if options.json {
        let records =
            store.changes.iter().map(|kept| EscrowRecord::new(kept.first_entry(), kept.journal_status)).collect();
        let answer = EscrowListOutput {
            schema: SCHEMA_VERSION,
            records,
            unreadable_lines: &store.unreadable_lines,
            is_torn: store.is_torn,
        };
        return ignore_broken_pipe(table::print_json(&answer), store.exit_code());
    }
    let mut rows = vec![escrow_row("SEALED AT", "PHONE NUMBER ID", "CHANGE")];
    rows.extend(
        store
            .changes
            .iter()
            .map(EscrowedChange::first_entry)
            .map(|line| escrow_row(&line.at.to_rfc3339(), line.number.as_str(), &line.change.to_string())),
    );
    ignore_broken_pipe(writeln!(io::stdout(), "{}", rows.join("\n")), store.exit_code())
}

fn escrow_row(at: &str, number: &str, last: &str) -> String {
    table::row(&[(at, 20), (number, 18)], last)
}

fn decrypt_pins(options: &EscrowOpenArgs, place: &Path, flags: &GlobalArgs) -> Result<u8, CliError> {
    if !options.list.json && !io::stdout().is_terminal() {
        let why = "standard output is no terminal, so no PIN is shown. To write PINs there on purpose, add: --json";
        return Err(CliError::Usage(why.to_owned()));
    }
    let store = EscrowStore::read(place, &options.list.numbers)?;
    let ask = |prompt: &str| prompt_passphrase(prompt, flags.no_input);
    let identities = Identities::read(&options.identity, &ask).map_err(|error| CliError::not_ready(&error))?;
    let openings: Vec<_> = store.changes.iter().flat_map(|kept| kept.decrypt(&identities)).collect();
    record_decryptions(
        &store.dir,
        openings.iter().filter(|opening| opening.result.is_ok()).map(|opening| opening.entry),
    )?;
    let printed = if options.list.json { print_json(&store, &openings) } else { print_table(&openings) };
    let code = openings.iter().map(decryption_exit_code).fold(store.exit_code(), u8::max);
    ignore_broken_pipe(printed, code)
}

/// Asks on the terminal, whatever standard input is.
fn prompt_passphrase(prompt: &str, no_input: bool) -> Option<SecretString> {
    if no_input {
        return None;
    }
    rpassword::prompt_password(prompt).ok().map(SecretString::from)
}

/// Records what is about to be shown, by one sync for all of it. Where that cannot be, the PINs are shown all the same: they may be needed, and
/// whoever has the key can open them without this program.
fn record_decryptions<'a>(dir: &StateDir, lines: impl Iterator<Item = &'a EscrowEntry>) -> Result<(), CliError> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    let journal = match preflight::open_for_audit(dir) {
        Ok(journal) => journal,
        Err(why) => {
            eprint_line(&format!("pindesk: this opening is not recorded: {why}"));
            return Ok(());
        }
    };
    let opened =
        |line: &EscrowEntry| AuditEvent::PinDecrypted { change: line.change, number: line.number, waba: line.waba };
    let events = lines.map(opened).collect();
    if let Err(why) = simulate::build_runtime()?.block_on(journal.record_events(events)) {
        eprint_line(&format!("pindesk: this opening is not recorded: {why}."));
    }
    journal.close();
    Ok(())
}

/// A record that is not what was written is worse than one that was written for others.
const fn decryption_exit_code(opening: &Decryption<'_>) -> u8 {
    match opening.result {
        Ok(_) if opening.is_disputed => crate::cli::NOT_READY,
        Ok(_) => 0,
        Err(DecryptPinError::NoMatchingKey) => 3,
        Err(DecryptPinError::Damaged | DecryptPinError::InvalidPlaintext | DecryptPinError::ContextMismatch { .. }) => {
            crate::cli::NOT_READY
        }
    }
}

fn print_json(store: &EscrowStore, openings: &[Decryption<'_>]) -> io::Result<()> {
    #[derive(Serialize)]
    struct EscrowOpenOutput<'a> {
        schema: u8,
        records: Vec<EscrowRecord<'a>>,
        unopened: Vec<EscrowRecord<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    /// Longer than any record, so that the text never moves and leaves a copy of PINs behind.
    const RECORD_ROOM: usize = 1 << 10;
    let (mut records, mut unopened) = (Vec::new(), Vec::new());
    for Decryption { entry: line, journal_status: fate, source, result: found, .. } in openings {
        let record = EscrowRecord { source: Some(*source), ..EscrowRecord::new(line, *fate) };
        match found {
            Ok(opened) => records.push(EscrowRecord { pin: Some(pin_digits(opened)), ..record }),
            Err(error) => unopened.push(EscrowRecord { reason: Some(error.to_string()), ..record }),
        }
    }
    let (unreadable_lines, is_torn) = (&store.unreadable_lines[..], store.is_torn);
    let answer = EscrowOpenOutput { schema: SCHEMA_VERSION, records, unopened, unreadable_lines, is_torn };
    let room = RECORD_ROOM * (openings.len() + store.unreadable_lines.len() + 1);
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *text, &answer)?;
    text.push(b'\n');
    io::stdout().write_all(&text)
}

fn print_table(openings: &[Decryption<'_>]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let row = |at: &str, number: &str, pin: &str, last: &str| table::row(&[(at, 20), (number, 18), (pin, 6)], last);
    writeln!(out, "{}", row("SEALED AT", "PHONE NUMBER ID", "PIN", "REQUEST"))?;
    for Decryption { entry: line, journal_status: fate, source, result: found, is_disputed } in openings {
        let (at, number) = (line.at.to_rfc3339(), line.number.as_str());
        let opened = match found {
            Ok(opened) => opened,
            Err(error) => {
                eprint_line(&format!("pindesk: change {} of number {number}: {error}.", line.change));
                continue;
            }
        };
        let request = if *is_disputed { source.label().to_owned() } else { status_label(*fate) };
        writeln!(out, "{}", row(&at, number, pin_digits(opened), &request))?;
    }
    let is_in_order =
        openings.iter().all(|opening| opening.journal_status.is_some_and(|fate| fate.last_attempt_at.is_some()));
    writeln!(out, "{}", if is_in_order { ORDER_KNOWN_NOTE } else { ORDER_UNKNOWN_NOTE })
}

const ORDER_KNOWN_NOTE: &str =
    "What was sent last stands last. Where a later PIN failed, an earlier one may be in force.";

const ORDER_UNKNOWN_NOTE: &str =
    "When each was sent, if ever, is not known of all of them: the last one need not be the one in force.";

/// What became of a PIN, for people.
fn status_label(fate: Option<JournalStatus>) -> String {
    let Some(JournalStatus { state, last_attempt_at: last_try, .. }) = fate else { return "not known".to_owned() };
    let words = jobs::outcome_and_label(state).1;
    if last_try.is_some() { words.to_owned() } else { format!("{words}, time not known") }
}

/// The PIN, for the screen and for JSON that was asked for.
fn pin_digits(opened: &DecryptedPin) -> &str {
    std::str::from_utf8(opened.pin.expose()).unwrap_or_default()
}

fn acknowledge(
    is_json: bool,
    place: &Path,
    overrides: &Overrides,
    env: &Env,
    flags: &GlobalArgs,
) -> Result<u8, CliError> {
    #[derive(Serialize)]
    struct EscrowAckOutput<'a> {
        schema: u8,
        changed: bool,
        added: Vec<&'a str>,
        removed: Vec<&'a str>,
    }
    let config = require_config(overrides, env)?;
    if flags.read_only {
        return Err(CliError::NotReady("--read-only: the recipients stay as they were.".to_owned()));
    }
    let books = preflight::open_journal(place, &config.escrow, true)?;
    for finding in &books.recovered.findings {
        eprint_line(&format!("pindesk: {finding}"));
    }
    let (remembered, now) = match &books.recovered.recipients {
        RecipientsStatus::Known => (&[][..], &[][..]),
        RecipientsStatus::Changed { previous: remembered, current: now } => (&remembered[..], &now[..]),
    };
    let changed = remembered != now;
    if changed {
        let told = simulate::build_runtime()?.block_on(books.journal.accept_recipients());
        told.map_err(|refused| CliError::NotReady(format!("{refused}. The recipients stay as they were.")))?;
    }
    let added = now.iter().filter(|key| !remembered.contains(key)).map(Fingerprint::as_str).collect();
    let removed = remembered.iter().filter(|key| !now.contains(key)).map(Fingerprint::as_str).collect();
    let printed = if is_json {
        table::print_json(&EscrowAckOutput { schema: SCHEMA_VERSION, changed, added, removed })
    } else if changed {
        let to = if now.is_empty() {
            "nobody, as no recipient is left: there is no escrow"
        } else {
            "the present recipients"
        };
        writeln!(io::stdout(), "{}From now on PINs are sealed to {to}.", preflight::recipient_diff(remembered, now))
    } else {
        writeln!(io::stdout(), "The recipients are the same as before. There is nothing to acknowledge.")
    };
    books.journal.close();
    ignore_broken_pipe(printed, 0)
}
