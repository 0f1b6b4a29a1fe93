//! `pindesk escrow ack`: accepts changed recipients, after an operator confirmed how many there are from now on.
//!
//! It records nothing without a confirmation, and sends nothing.

use std::io::{self, Write as _};
use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::cli::args::GlobalArgs;
use crate::cli::checks::{Unconfirmed, is_count};
use crate::cli::confirm;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print, print_json};
use crate::cli::output::table;
use crate::cli::records::{self, require_config};
use crate::cli::rerun::RerunOptions;
use crate::cli::runtime::build_runtime;
use crate::config::{self, Env, Overrides};
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::redact::redacted_path;
use crate::escrow::Fingerprint;
use crate::journal::RecipientsStatus;

#[derive(Debug, Args)]
pub(crate) struct EscrowAckArgs {
    /// The count of recipients from now on, 0 if none is left. Without it, pindesk
    /// asks on a terminal
    #[arg(long, value_name = "COUNT")]
    confirm: Option<String>,
    /// One JSON object: docs/json.md has the fields
    #[arg(long)]
    json: bool,
}

/// The recipients before and from now on.
struct RecipientChange<'a> {
    previous: &'a [Fingerprint],
    current: &'a [Fingerprint],
}

pub(crate) fn accept_recipients(
    args: &EscrowAckArgs,
    state_dir: &Path,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let config = require_config(overrides, env)?;
    if global.read_only {
        return Err(CliError::not_ready(format!("--read-only refuses every change. {UNCHANGED}")));
    }
    let is_explicit = config::explicit_state_dir(overrides, env).is_some();
    if records::open_existing_dir(state_dir, is_explicit)?.is_none() || !records::has_records(state_dir) {
        return accept_nothing(args, state_dir);
    }
    let session = records::open_journal(state_dir, &config, true)?;
    for finding in &session.report.findings {
        eprint_line(&format!("pindesk: {finding}"));
    }
    records::refuse_damage(&session.report, &RerunOptions::new(global))?;
    let change = match &session.report.recipients {
        RecipientsStatus::Known => RecipientChange { previous: &[], current: &[] },
        RecipientsStatus::Changed { previous, current } => RecipientChange { previous, current },
    };
    let is_changed = change.previous != change.current;
    let mut is_shown = false;
    if is_changed {
        is_shown = change.confirm(args.confirm.as_deref(), Unconfirmed::for_send(global))?;
        let accepted = build_runtime()?.block_on(session.journal.accept_recipients());
        accepted.map_err(|error| CliError::not_ready(format!("{error}. {UNCHANGED}")))?;
    }
    let printed = if args.json {
        change.print_json(is_changed)
    } else if is_changed {
        let mut lines = if is_shown { Vec::new() } else { change.indented_lines() };
        let accepted = if change.current.is_empty() { NONE_ACCEPTED } else { ACCEPTED };
        lines.push(accepted.to_owned());
        writeln!(io::stdout(), "{}", lines.join("\n"))
    } else {
        writeln!(io::stdout(), "The recipients have not changed. There is nothing to accept.")
    };
    session.journal.close();
    exit_code_after_print(printed, ExitCode::Done)
}

/// Without records there are no recipients that were used before, and nothing is created.
fn accept_nothing(args: &EscrowAckArgs, state_dir: &Path) -> Result<ExitCode, CliError> {
    let printed = if args.json {
        RecipientChange { previous: &[], current: &[] }.print_json(false)
    } else {
        let place = redacted_path(state_dir);
        writeln!(io::stdout(), "Nothing was recorded in {place} yet. There is nothing to accept.")
    };
    exit_code_after_print(printed, ExitCode::Done)
}

const UNCHANGED: &str = "The recipients are unchanged.";
const ACCEPTED: &str = "From now on, PINs are encrypted to the current recipients.";
const NONE_ACCEPTED: &str = "No recipient is left: pindesk no longer encrypts PINs, and sets no random PINs of many.";
const NONE_WOULD_BE_LEFT: &str =
    "No recipient is left: pindesk would no longer encrypt PINs, and would set no random PINs of many.";

impl RecipientChange<'_> {
    /// Asks whether these recipients are right, unless `--confirm` says so. True if the operator saw them.
    fn confirm(&self, given: Option<&str>, unconfirmed: Unconfirmed) -> Result<bool, CliError> {
        let is_right = |given: &str| is_count(given, self.current.len());
        let refused = |what: &str| CliError::new(ExitCode::NotConfirmed, format!("{what}. {UNCHANGED}"));
        let mismatch = |what: &str| refused(&format!("{what} does not match the count of recipients from now on"));
        match (given, unconfirmed) {
            (Some(given), _) if is_right(given) => Ok(false),
            (Some(_), _) => Err(mismatch("--confirm")),
            (None, Unconfirmed::Ask) => match confirm::ask(&self.question())? {
                answer if is_right(&answer) => Ok(true),
                answer if answer.is_empty() => Err(refused("canceled")),
                _ => Err(mismatch("what you typed")),
            },
            (None, Unconfirmed::Accept | Unconfirmed::Refuse) => Err(refused("not confirmed")
                .details(self.lines())
                .optional_remedy(self.current.is_empty().then(|| NONE_WOULD_BE_LEFT.to_owned()))
                .remedy("To accept them, add --confirm with the count of recipients from now on, 0 if none is left.")),
        }
    }

    fn question(&self) -> String {
        let mut lines = self.indented_lines();
        lines.insert(0, "The escrow recipients have changed:".to_owned());
        lines.extend(self.current.is_empty().then(|| NONE_WOULD_BE_LEFT.to_owned()));
        let count = self.current.len();
        let what = match count {
            0 => "Encrypt to no recipient?".to_owned(),
            1 => "Accept this recipient?".to_owned(),
            _ => format!("Accept these {}?", table::pluralize(count, "recipient")),
        };
        lines.push(format!("{what} Type the count of recipients from now on ({count}), or press Enter to cancel: "));
        lines.join("\n")
    }

    fn indented_lines(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| format!("  {line}")).collect()
    }

    /// A line for each recipient that was added, was removed, or stays.
    fn lines(&self) -> Vec<String> {
        let mut lines = records::recipient_diff(self.previous, self.current);
        let unchanged = self.current.iter().filter(|key| self.previous.contains(key));
        lines.extend(unchanged.map(|key| format!("stays    {}", key.as_str())));
        lines
    }

    fn print_json(&self, changed: bool) -> io::Result<()> {
        #[derive(Serialize)]
        struct EscrowAckOutput<'a> {
            schema: u8,
            changed: bool,
            added: Vec<&'a str>,
            removed: Vec<&'a str>,
        }
        let Self { previous, current } = self;
        let added = current.iter().filter(|key| !previous.contains(key)).map(Fingerprint::as_str).collect();
        let removed = previous.iter().filter(|key| !current.contains(key)).map(Fingerprint::as_str).collect();
        print_json(&EscrowAckOutput { schema: SCHEMA_VERSION, changed, added, removed })
    }
}
