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

use super::results::{Request, SCHEMA};
use super::{Failure, Global, closed_pipe, complain, desk, jobs, need_config, paint, simulate};
use crate::config::{self, Env, Overrides};
use crate::escrow::open::{Identities, DecryptPinError, DecryptedPin};
use crate::escrow::{self, Fingerprint, EscrowEntry};
use crate::journal::{Event, NumberState, Standing};
use crate::moment::UtcTime;
use crate::number::{PhoneNumberId, WabaId};
use crate::state::StateDir;

use store::{Fate, Kept, Opening, Source, Store};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// What is sealed, for whom; never a PIN
    List(ListOptions),
    /// Open with a private key, and show the PINs
    Open(OpenOptions),
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
pub(super) struct ListOptions {
    /// Only these numbers
    #[arg(value_name = "PHONE_NUMBER_ID")]
    numbers: Vec<PhoneNumberId>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct OpenOptions {
    /// The private key: an age key file, or an ssh-ed25519 key
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    #[command(flatten)]
    list: ListOptions,
}

pub(super) fn run(command: &Command, overrides: &Overrides, env: &Env, flags: &Global) -> Result<u8, Failure> {
    let place = config::resolve_state_dir(overrides, env)?;
    match command {
        Command::List(options) => list(options, &place),
        Command::Open(options) => open(options, &place, flags),
        Command::Ack { json } => acknowledge(*json, &place, overrides, env, flags),
        Command::Recipe => closed_pipe(write!(io::stdout(), "{}", escrow::recipe(&place)), 0),
    }
}

/// A record as scripts see it.
#[derive(Serialize)]
struct Record<'a> {
    change: String,
    phone_number_id: &'a str,
    waba_id: Option<&'a str>,
    at: String,
    /// What its change came to, as in a result; null where the journal does not know of it.
    request: Option<Request>,
    /// Of those with no answer: in doubt no longer.
    settled: bool,
    /// Null where nobody knows it.
    last_try_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> Record<'a> {
    fn of(line: &'a EscrowEntry, fate: Option<Fate>) -> Self {
        let state = fate.map(|fate| fate.state);
        Self {
            change: line.change.to_string(),
            phone_number_id: line.number.as_str(),
            waba_id: line.waba.as_ref().map(WabaId::as_str),
            at: line.at.to_rfc3339(),
            request: state.map(|state| jobs::request(state).0),
            settled: state == Some(NumberState::Settled),
            last_try_at: fate.and_then(|fate| fate.last_try).map(UtcTime::to_rfc3339),
            pin: None,
            source: None,
            reason: None,
        }
    }
}

fn list(options: &ListOptions, place: &Path) -> Result<u8, Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        schema: u8,
        records: Vec<Record<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    let store = Store::read(place, &options.numbers)?;
    store.kept.iter().for_each(Kept::tell_if_lines_differ);
    if options.json {
        let records = store.kept.iter().map(|kept| Record::of(kept.line(), kept.fate)).collect();
        let answer = Answer { schema: SCHEMA, records, unreadable_lines: &store.unreadable, is_torn: store.is_torn };
        return closed_pipe(paint::json(&answer), store.exit_code());
    }
    let mut rows = vec![row("SEALED AT", "PHONE NUMBER ID", "CHANGE")];
    rows.extend(
        store
            .kept
            .iter()
            .map(Kept::line)
            .map(|line| row(&line.at.to_rfc3339(), line.number.as_str(), &line.change.to_string())),
    );
    closed_pipe(writeln!(io::stdout(), "{}", rows.join("\n")), store.exit_code())
}

fn row(at: &str, number: &str, last: &str) -> String {
    paint::row(&[(at, 20), (number, 18)], last)
}

fn open(options: &OpenOptions, place: &Path, flags: &Global) -> Result<u8, Failure> {
    if !options.list.json && !io::stdout().is_terminal() {
        let why = "standard output is no terminal, so no PIN is shown. To write PINs there on purpose, add: --json";
        return Err(Failure::Usage(why.to_owned()));
    }
    let store = Store::read(place, &options.list.numbers)?;
    let ask = |prompt: &str| passphrase(prompt, flags.no_input);
    let identities = Identities::read(&options.identity, &ask).map_err(|error| Failure::not_ready(&error))?;
    let openings: Vec<_> = store.kept.iter().flat_map(|kept| kept.open(&identities)).collect();
    record_openings(&store.dir, openings.iter().filter(|opening| opening.found.is_ok()).map(|opening| opening.line))?;
    let printed = if options.list.json { print_json(&store, &openings) } else { print_rows(&openings) };
    let code = openings.iter().map(exit_code).fold(store.exit_code(), u8::max);
    closed_pipe(printed, code)
}

/// Asks on the terminal, whatever standard input is.
fn passphrase(prompt: &str, no_input: bool) -> Option<SecretString> {
    if no_input {
        return None;
    }
    rpassword::prompt_password(prompt).ok().map(SecretString::from)
}

/// Records what is about to be shown, by one sync for all of it. Where that cannot be, the PINs are shown all the same: they may be needed, and
/// whoever has the key can open them without this program.
fn record_openings<'a>(dir: &StateDir, lines: impl Iterator<Item = &'a EscrowEntry>) -> Result<(), Failure> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    let journal = match desk::auditor(dir) {
        Ok(journal) => journal,
        Err(why) => {
            complain(&format!("pindesk: this opening is not recorded: {why}"));
            return Ok(());
        }
    };
    let opened = |line: &EscrowEntry| Event::Opened { change: line.change, number: line.number, waba: line.waba };
    let events = lines.map(opened).collect();
    if let Err(why) = simulate::runtime()?.block_on(journal.note_all(events)) {
        complain(&format!("pindesk: this opening is not recorded: {why}."));
    }
    journal.close();
    Ok(())
}

/// A record that is not what was written is worse than one that was written for others.
const fn exit_code(opening: &Opening<'_>) -> u8 {
    match opening.found {
        Ok(_) if opening.is_disputed => config::EXIT_CODE,
        Ok(_) => 0,
        Err(DecryptPinError::NoMatchingKey) => 3,
        Err(DecryptPinError::Damaged | DecryptPinError::InvalidPlaintext | DecryptPinError::ContextMismatch { .. }) => config::EXIT_CODE,
    }
}

fn print_json(store: &Store, openings: &[Opening<'_>]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Answer<'a> {
        schema: u8,
        records: Vec<Record<'a>>,
        unopened: Vec<Record<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    /// Longer than any record, so that the text never moves and leaves a copy of PINs behind.
    const RECORD_ROOM: usize = 1 << 10;
    let (mut records, mut unopened) = (Vec::new(), Vec::new());
    for Opening { line, fate, source, found, .. } in openings {
        let record = Record { source: Some(*source), ..Record::of(line, *fate) };
        match found {
            Ok(opened) => records.push(Record { pin: Some(digits(opened)), ..record }),
            Err(error) => unopened.push(Record { reason: Some(error.to_string()), ..record }),
        }
    }
    let (unreadable_lines, is_torn) = (&store.unreadable[..], store.is_torn);
    let answer = Answer { schema: SCHEMA, records, unopened, unreadable_lines, is_torn };
    let room = RECORD_ROOM * (openings.len() + store.unreadable.len() + 1);
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *text, &answer)?;
    text.push(b'\n');
    io::stdout().write_all(&text)
}

fn print_rows(openings: &[Opening<'_>]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let row = |at: &str, number: &str, pin: &str, last: &str| paint::row(&[(at, 20), (number, 18), (pin, 6)], last);
    writeln!(out, "{}", row("SEALED AT", "PHONE NUMBER ID", "PIN", "REQUEST"))?;
    for Opening { line, fate, source, found, is_disputed } in openings {
        let (at, number) = (line.at.to_rfc3339(), line.number.as_str());
        let opened = match found {
            Ok(opened) => opened,
            Err(error) => {
                complain(&format!("pindesk: change {} of number {number}: {error}.", line.change));
                continue;
            }
        };
        let request = if *is_disputed { source.words().to_owned() } else { told(*fate) };
        writeln!(out, "{}", row(&at, number, digits(opened), &request))?;
    }
    let is_in_order = openings.iter().all(|opening| opening.fate.is_some_and(|fate| fate.last_try.is_some()));
    writeln!(out, "{}", if is_in_order { IN_ORDER } else { NOT_IN_ORDER })
}

const IN_ORDER: &str = "What was sent last stands last. Where a later PIN failed, an earlier one may be in force.";

const NOT_IN_ORDER: &str =
    "When each was sent, if ever, is not known of all of them: the last one need not be the one in force.";

/// What became of a PIN, for people.
fn told(fate: Option<Fate>) -> String {
    let Some(Fate { state, last_try, .. }) = fate else { return "not known".to_owned() };
    let words = jobs::request(state).1;
    if last_try.is_some() { words.to_owned() } else { format!("{words}, time not known") }
}

/// The PIN, for the screen and for JSON that was asked for.
fn digits(opened: &DecryptedPin) -> &str {
    std::str::from_utf8(opened.pin.expose()).unwrap_or_default()
}

fn acknowledge(is_json: bool, place: &Path, overrides: &Overrides, env: &Env, flags: &Global) -> Result<u8, Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        schema: u8,
        changed: bool,
        added: Vec<&'a str>,
        removed: Vec<&'a str>,
    }
    let config = need_config(overrides, env)?;
    if flags.read_only {
        return Err(Failure::NotReady("--read-only: the recipients stay as they were.".to_owned()));
    }
    let books = desk::open(place, &config.escrow, true)?;
    for finding in &books.recovered.findings {
        complain(&format!("pindesk: {finding}"));
    }
    let (remembered, now) = match &books.recovered.recipients {
        Standing::Known => (&[][..], &[][..]),
        Standing::Changed { remembered, now } => (&remembered[..], &now[..]),
    };
    let changed = remembered != now;
    if changed {
        let told = simulate::runtime()?.block_on(books.journal.acknowledge_recipients());
        told.map_err(|refused| Failure::NotReady(format!("{refused}. The recipients stay as they were.")))?;
    }
    let added = now.iter().filter(|key| !remembered.contains(key)).map(Fingerprint::as_str).collect();
    let removed = remembered.iter().filter(|key| !now.contains(key)).map(Fingerprint::as_str).collect();
    let printed = if is_json {
        paint::json(&Answer { schema: SCHEMA, changed, added, removed })
    } else if changed {
        let to = if now.is_empty() {
            "nobody, as no recipient is left: there is no escrow"
        } else {
            "the present recipients"
        };
        writeln!(io::stdout(), "{}From now on PINs are sealed to {to}.", desk::differences(remembered, now))
    } else {
        writeln!(io::stdout(), "The recipients are the same as before. There is nothing to acknowledge.")
    };
    books.journal.close();
    closed_pipe(printed, 0)
}
