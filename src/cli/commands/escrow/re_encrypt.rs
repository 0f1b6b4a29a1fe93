//! `pindesk escrow re-encrypt`: encrypts every PIN that may be in force again, to the recipients of the config.
//!
//! It appends lines, and changes none. It shows no PIN and sends nothing. It records nothing without a confirmation. What it
//! has recorded stays recorded if it ends early, and the next run goes on from there.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::cli::args::GlobalArgs;
use crate::cli::checks::{Unconfirmed, is_count};
use crate::cli::confirm;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print, print_json};
use crate::cli::output::table::{numbers_label, pluralize};
use crate::cli::records::{self, JournalSession, require_config};
use crate::cli::rerun::RerunOptions;
use crate::cli::runtime::build_runtime;
use crate::config::{self, Env, Overrides};
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::number::PhoneNumberId;
use crate::domain::redact::redacted_path;
use crate::escrow::decrypt::{DecryptPinError, Identities};
use crate::escrow::{EscrowEntry, Fingerprint, Recipients};
use crate::journal::{Journal, RecordError};

use super::exposure::{self, Exposure, LineRecipients};
use super::store::{EscrowStore, EscrowedChange};
use super::{identity, unopened};

/// How many PINs are recorded with one sync.
const GROUP_SIZE: usize = 256;

#[derive(Debug, Args)]
pub(crate) struct EscrowReEncryptArgs {
    /// Private key: an age key file, or an ssh-ed25519 key; - is standard
    /// input
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Write the numbers whose PIN a removed recipient can read to this new file,
    /// for pin set --from
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// The count of numbers. Without it, pindesk asks on a terminal
    #[arg(long, value_name = "COUNT")]
    confirm: Option<String>,
    /// One JSON object: docs/json.md has the fields
    #[arg(long)]
    json: bool,
}

/// A group that the journal is writing.
type Recording = BoxFuture<'static, Result<(), RecordError>>;

/// What became of the PINs.
#[derive(Default)]
struct Work<'a> {
    /// How many were recorded, and of which numbers.
    recorded: usize,
    numbers: BTreeSet<PhoneNumberId>,
    /// Those that the key did not open.
    unopened: Vec<(&'a EscrowEntry, DecryptPinError)>,
    /// How many have different PINs, of which only one was sent.
    disputed: usize,
}

/// What is encrypted again, and to what.
struct Task<'a> {
    store: &'a EscrowStore,
    changes: Vec<&'a EscrowedChange>,
    recipients: &'a Recipients,
}

pub(super) fn run(
    args: &EscrowReEncryptArgs,
    state_dir: &Path,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let config = require_config(overrides, env)?;
    if global.read_only {
        return Err(CliError::not_ready("--read-only refuses every change").nothing_changed());
    }
    args.list.as_deref().map_or(Ok(()), exposure::check_list_path)?;
    let is_explicit = config::explicit_state_dir(overrides, env).is_some();
    if !records::has_records(state_dir) {
        // A directory that the operator named must exist.
        records::open_existing_dir(state_dir, is_explicit)?;
        let text = format!("No encrypted PINs yet in {}.", redacted_path(state_dir));
        return exit_code_after_print(writeln!(io::stdout(), "{text}"), ExitCode::Done);
    }
    let rerun = RerunOptions::new(global);
    let session = records::open_checked_journal(state_dir, &config, true, &rerun).map_err(CliError::nothing_changed)?;
    let recipients = session.recipients.clone().ok_or_else(|| {
        CliError::not_ready("the config names no recipients")
            .nothing_changed()
            .remedy("Name them: [escrow] recipients = [\"age1…\"]")
    })?;
    let store = EscrowStore::read(state_dir, is_explicit, &[], &rerun)?;
    let line_recipients = LineRecipients::new(session.journal.open_reader()?.pin_recipients()?);
    let current = recipients.fingerprints();
    let changes = store.changes.iter().filter(|change| {
        let id = change.first_entry().change;
        store.may_be_in_force(id) && !line_recipients.has(id, &current)
    });
    let task = Task { store: &store, changes: changes.collect(), recipients: &recipients };
    let work = task.confirm_and_run(args, global, &session)?;
    session.journal.close();
    let exposure = Exposure::new(&store, &line_recipients, &current);
    let list = args.list.as_deref().filter(|_| !exposure.numbers.is_empty());
    list.map_or(Ok(()), |path| exposure.write_list(path))?;
    unopened::warn(&store, work.unopened.iter().map(|(entry, error)| (*entry, error)));
    let printed = if args.json {
        work.print_json(&exposure)
    } else {
        let lines = [vec![work.summary(&recipients)], exposure.lines(list)].concat();
        writeln!(io::stdout(), "{}", lines.join("\n"))
    };
    exit_code_after_print(printed, store.exit_code(work.exit_codes()))
}

impl<'a> Task<'a> {
    fn confirm_and_run(
        &self,
        args: &EscrowReEncryptArgs,
        global: &GlobalArgs,
        session: &JournalSession,
    ) -> Result<Work<'a>, CliError> {
        if self.changes.is_empty() {
            return Ok(Work::default());
        }
        // An unusable key file is reported before the question.
        let identities = identity::read(&args.identity, global)?;
        self.confirm(args.confirm.as_deref(), Unconfirmed::for_send(global))?;
        self.run(&identities, &session.journal)
    }

    fn number_count(&self) -> usize {
        self.changes.iter().map(|change| change.first_entry().number).collect::<BTreeSet<_>>().len()
    }

    /// Asks whether these PINs are encrypted again, unless `--confirm` says so.
    fn confirm(&self, given: Option<&str>, unconfirmed: Unconfirmed) -> Result<(), CliError> {
        let count = self.number_count();
        let refused = |what: &str| CliError::new(ExitCode::NotConfirmed, what).nothing_changed();
        let mismatch = |what: &str| refused(&format!("{what} does not match the count of numbers"));
        let pins = format!("{} of {}", pluralize(self.changes.len(), "PIN"), numbers_label(count));
        let labels = self.recipients.labels();
        let recipients = pluralize(labels.len(), "recipient");
        match (given, unconfirmed) {
            (Some(given), _) if is_count(given, count) => Ok(()),
            (Some(_), _) => Err(mismatch("--confirm")),
            (None, Unconfirmed::Ask) => {
                let mut lines = vec![format!("Encrypt {pins} again, to {recipients}?")];
                lines.extend(labels.iter().map(|label| format!("  {label}")));
                lines.push("The lines that are there stay as they are. Nothing is sent to Meta.".to_owned());
                lines.push("Type the count of numbers to encrypt their PINs, or press Enter to cancel: ".to_owned());
                match confirm::ask(&lines.join("\n"))? {
                    answer if is_count(&answer, count) => Ok(()),
                    answer if answer.is_empty() => Err(refused("canceled")),
                    _ => Err(mismatch("what you typed")),
                }
            }
            (None, Unconfirmed::Accept | Unconfirmed::Refuse) => Err(refused("not confirmed")
                .details([format!("{pins} would be encrypted again, to {recipients}.")])
                .remedy("To encrypt them, add --confirm with the count of numbers.")),
        }
    }

    /// Encrypts group by group. The journal writes one group while the next one is encrypted.
    fn run(&self, identities: &Identities, journal: &Journal) -> Result<Work<'a>, CliError> {
        let runtime = build_runtime()?;
        let mut work = Work::default();
        let mut waiting: Option<(Vec<PhoneNumberId>, Recording)> = None;
        for group in self.changes.chunks(GROUP_SIZE).map(Some).chain([None]) {
            let entries = group.map_or(Ok(Vec::new()), |group| work.encrypt(group, self, identities))?;
            if let Some((numbers, written)) = waiting.take() {
                runtime.block_on(written).map_err(|error| work.ended_early(&error))?;
                work.count_recorded(numbers);
            }
            if !entries.is_empty() {
                let numbers = entries.iter().map(|entry| entry.number).collect();
                waiting = Some((numbers, journal.record_re_encryptions(entries).boxed()));
            }
        }
        Ok(work)
    }
}

impl<'a> Work<'a> {
    /// Decrypts these PINs, each from all of its entries, and encrypts them again. Each PIN is wiped before the next.
    fn encrypt(
        &mut self,
        group: &[&'a EscrowedChange],
        task: &Task<'a>,
        identities: &Identities,
    ) -> Result<Vec<EscrowEntry>, CliError> {
        let mut entries = Vec::with_capacity(group.len());
        for change in group {
            let decryptions = change.decrypt(identities, &task.store.known);
            if decryptions.iter().any(|decryption| decryption.is_disputed) {
                self.disputed += 1;
                continue;
            }
            for decryption in decryptions {
                match decryption.result {
                    Ok(decrypted) => {
                        let entry = task.recipients.re_encrypt(decryption.entry, &decrypted.pin);
                        entries.push(entry.map_err(|error| self.ended_early(&error))?);
                    }
                    Err(error) => self.unopened.push((decryption.entry, error)),
                }
            }
        }
        Ok(entries)
    }

    fn count_recorded(&mut self, numbers: Vec<PhoneNumberId>) {
        self.recorded += numbers.len();
        self.numbers.extend(numbers);
    }

    /// Says what is done already.
    fn ended_early(&self, error: &dyn std::fmt::Display) -> CliError {
        let done = match self.recorded {
            0 => "Nothing was changed.".to_owned(),
            count => format!("{} were encrypted again before that, and stay so.", pluralize(count, "PIN")),
        };
        CliError::not_ready(format!("{error}. {done}")).remedy("To encrypt the others, run the command again.")
    }

    fn exit_codes(&self) -> impl Iterator<Item = ExitCode> {
        let unopened = self.unopened.iter().map(|(_, error)| unopened::exit_code(error));
        unopened.chain((self.disputed > 0).then_some(ExitCode::NotReady))
    }

    fn summary(&self, recipients: &Recipients) -> String {
        let recipients = pluralize(recipients.fingerprints().len(), "recipient");
        let left = self.unopened.len() + self.disputed;
        if self.disputed > 0 {
            let pins = pluralize(self.disputed, "PIN");
            eprint_line(&format!("pindesk: {pins} left out: each has entries with different PINs."));
        }
        match (self.recorded, left) {
            (0, 0) => {
                format!("Every PIN that may be in force is encrypted to today's {recipients}. Nothing was changed.")
            }
            (0, _) => "No PIN was encrypted again. Nothing was changed.".to_owned(),
            (count, _) => {
                let (pins, numbers) = (pluralize(count, "PIN"), numbers_label(self.numbers.len()));
                format!("Encrypted {pins} of {numbers} again, to {recipients}.")
            }
        }
    }

    fn print_json(&self, exposure: &Exposure) -> io::Result<()> {
        #[derive(Serialize)]
        struct EscrowReEncryptOutput<'a> {
            schema: u8,
            re_encrypted: usize,
            numbers: usize,
            unopened: usize,
            disputed: usize,
            removed_recipients: Vec<&'a str>,
            lines_open_to_removed_recipients: usize,
            lines_of_unknown_recipients: usize,
            numbers_to_set: Vec<&'a str>,
        }
        print_json(&EscrowReEncryptOutput {
            schema: SCHEMA_VERSION,
            re_encrypted: self.recorded,
            numbers: self.numbers.len(),
            unopened: self.unopened.len(),
            disputed: self.disputed,
            removed_recipients: exposure.removed_recipients.iter().map(Fingerprint::as_str).collect(),
            lines_open_to_removed_recipients: exposure.lines,
            lines_of_unknown_recipients: exposure.lines_of_unknown_recipients,
            numbers_to_set: exposure.numbers.iter().map(PhoneNumberId::as_str).collect(),
        })
    }
}
