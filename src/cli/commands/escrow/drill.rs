//! `pindesk escrow drill`: tries whether a private key opens the newest encrypted PIN of some numbers drawn at random, and
//! every PIN of the last job. It leaves out PINs that were refused, not sent or replaced.
//!
//! It decrypts, and shows no PIN. It changes nothing but the audit log, which records the drill.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{exit_code_after_print, print_json};
use crate::cli::output::table::{numbers_label, pluralize};
use crate::cli::rerun::RerunOptions;
use crate::domain::change::{ChangeId, JobId};
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::number::PhoneNumberId;
use crate::escrow::EscrowEntry;
use crate::escrow::decrypt::{DecryptPinError, Identities};
use crate::journal::AuditEvent;

use super::store::{EscrowStore, EscrowedChange};
use super::{identity, record, unopened};

/// How many numbers are drawn, if the operator does not say.
const DEFAULT_NUMBERS: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct EscrowDrillArgs {
    /// Private key: an age key file, or an ssh-ed25519 key; - is standard
    /// input
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// How many numbers to draw at random
    #[arg(
        long,
        value_name = "N",
        default_value_t = DEFAULT_NUMBERS,
        value_parser = arg_parsers::integer_at_least(1_usize)
    )]
    numbers: usize,
    /// One JSON object: docs/json.md has the fields
    #[arg(long)]
    json: bool,
}

/// What was tried, and how each ended.
struct Drill<'a> {
    /// The numbers that were drawn, of so many.
    drawn: (usize, usize),
    /// The last job with an encrypted PIN, and how many of its PINs were tried.
    job: Option<(JobId, usize)>,
    results: Vec<(&'a EscrowEntry, Result<(), DecryptPinError>)>,
}

pub(super) fn run(
    args: &EscrowDrillArgs,
    state_dir: &Path,
    is_explicit: bool,
    to_syslog: bool,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let store = EscrowStore::read(state_dir, is_explicit, &[], &RerunOptions::new(global))?;
    if let Some(place) = &store.empty_place {
        let text = format!("No encrypted PINs yet in {place}.");
        return exit_code_after_print(writeln!(io::stdout(), "{text}"), store.exit_code(std::iter::empty()));
    }
    let identities = identity::read(&args.identity, global)?;
    let drill = Drill::run(&store, args.numbers, &identities)?;
    let (opened, tried) = (drill.opened(), drill.results.len());
    let event = AuditEvent::EscrowDrill { opened, tried };
    record::record_events(store.dir.as_ref(), to_syslog, vec![event], "this drill")?;
    let code = store.exit_code(drill.errors().map(|(_, error)| unopened::exit_code(error)));
    unopened::warn(&store, drill.errors());
    let printed = if args.json { drill.print_json() } else { writeln!(io::stdout(), "{}", drill.summary()) };
    exit_code_after_print(printed, code)
}

impl<'a> Drill<'a> {
    fn run(store: &'a EscrowStore, numbers: usize, identities: &Identities) -> Result<Self, CliError> {
        // No key has to open what was refused or replaced. The others are in the order in which they were sent, so that the last of a number is its newest. An altered entry
        // names another number, and hides neither that one nor its own.
        let is_wanted = |change: &&EscrowedChange| store.may_be_in_force(change.first_entry().change);
        let changes: Vec<&EscrowedChange> = store.changes.iter().filter(is_wanted).collect();
        let of_numbers = changes.iter().flat_map(|change| change.numbers().map(move |number| (number, *change)));
        let newest: BTreeMap<PhoneNumberId, &EscrowedChange> = of_numbers.collect();
        let entries = || changes.iter().map(|change| change.newest_entry());
        let last_job = entries().filter_map(|entry| entry.job).max();
        let of_last_job: Vec<_> = entries().filter(|entry| entry.job.is_some() && entry.job == last_job).collect();
        let job = last_job.map(|job| (job, of_last_job.len()));
        let mut pool: Vec<_> = newest.into_values().map(EscrowedChange::newest_entry).collect();
        let all = pool.len();
        draw(&mut pool, numbers).map_err(|error| CliError::machine("cannot draw numbers at random", &error))?;
        let drawn = (pool.len(), all);
        let mut seen: BTreeSet<ChangeId> = BTreeSet::new();
        let tried = pool.into_iter().chain(of_last_job).filter(|entry| seen.insert(entry.change));
        // The PIN is wiped as soon as it is known that the entry opens, and is of its number and change.
        let results = tried.map(|entry| (entry, identities.decrypt(entry).map(drop))).collect();
        Ok(Self { drawn, job, results })
    }

    fn errors(&self) -> impl Iterator<Item = (&'a EscrowEntry, &DecryptPinError)> {
        self.results.iter().filter_map(|(entry, result)| result.as_ref().err().map(|error| (*entry, error)))
    }

    fn opened(&self) -> usize {
        self.results.iter().filter(|(_, result)| result.is_ok()).count()
    }

    /// `This key opens 20 of 20 PINs: the newest of 20 of 44 numbers, and …`.
    fn summary(&self) -> String {
        let (drawn, all) = self.drawn;
        let of_job =
            self.job.map_or_else(String::new, |(job, count)| format!(", and {count} of job {job}, the last one"));
        format!(
            "This key opens {} of {}: the newest of {drawn} of {}{of_job}. No PIN was shown.",
            self.opened(),
            pluralize(self.results.len(), "PIN"),
            numbers_label(all),
        )
    }

    fn print_json(&self) -> io::Result<()> {
        #[derive(Serialize)]
        struct EscrowDrillOutput {
            schema: u8,
            tried: usize,
            opened: usize,
            numbers: usize,
            job: Option<u32>,
            unopened: Vec<UnopenedEntry>,
        }
        #[derive(Serialize)]
        struct UnopenedEntry {
            change: String,
            phone_number_id: String,
            reason: String,
        }
        let unopened = self.errors().map(|(entry, error)| UnopenedEntry {
            change: entry.change.to_string(),
            phone_number_id: entry.number.to_string(),
            reason: error.to_string(),
        });
        print_json(&EscrowDrillOutput {
            schema: SCHEMA_VERSION,
            tried: self.results.len(),
            opened: self.opened(),
            numbers: self.drawn.0,
            job: self.job.map(|(job, _)| job.get()),
            unopened: unopened.collect(),
        })
    }
}

/// Keeps `count` items, each choice equally likely.
fn draw<T>(items: &mut Vec<T>, count: usize) -> io::Result<()> {
    let len = items.len();
    for position in 0..count.min(len) {
        let other = position + random_below(len - position)?;
        items.swap(position, other);
    }
    items.truncate(count);
    Ok(())
}

/// A random number below `limit`, which is not 0. The high half of a product of 128 bits favors no number by more than a
/// part in 2^32.
fn random_below(limit: usize) -> io::Result<usize> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let product = u128::from(u64::from_ne_bytes(bytes)) * limit as u128;
    Ok(usize::try_from(product >> 64).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_drawn_once_and_all_can_be_drawn() {
        let mut all: Vec<u32> = (0..50).collect();
        draw(&mut all, 80).expect("random numbers");
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        let mut seen = BTreeSet::new();
        for _ in 0..400 {
            let mut some: Vec<u32> = (0..5).collect();
            draw(&mut some, 2).expect("random numbers");
            assert_eq!(some.iter().collect::<BTreeSet<_>>().len(), 2);
            seen.extend(some);
        }
        assert_eq!(seen, (0..5).collect());
    }
}
