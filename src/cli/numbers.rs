//! `pindesk numbers`: the configured numbers, for people and for scripts.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::mpsc;

use clap::{Args, Subcommand, ValueEnum};

use super::records::{Form, NumberRecord, Printer, UnreadWaba};
use super::{Failure, Global, closed_pipe, complain, need_config, paint, simulate};
use crate::catalogue::{self, Explanation, ErrorScope};
use crate::config::{Config, Env, Overrides, Profile};
use crate::graph::Graph;
use crate::listing::{self, NumbersEvent, NumberSources};
use crate::number::{Number, PhoneNumberId, TwoStep, Waba, WabaId};
use crate::outcome::{ApiError, ReadFailure};
use crate::text::CleanText;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// All of them, as they are read
    List(ListOptions),
    /// One of them, whether it is configured or not
    Show {
        /// Its phone number ID
        #[arg(value_name = "PHONE_NUMBER_ID")]
        id: PhoneNumberId,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// Only those of this WABA of the config
    #[arg(long, value_name = "ID")]
    waba: Option<WabaId>,
    /// Only those in this state
    #[arg(long, value_name = "STATE")]
    two_step: Option<TwoStepState>,
    /// One JSON object a line, and a summary
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values with a header
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TwoStepState {
    On,
    NotSet,
    Unknown,
}

impl ListOptions {
    fn form(&self) -> Form {
        if self.json {
            Form::json()
        } else if self.csv {
            Form::csv()
        } else {
            Form::table()
        }
    }
}

impl From<TwoStepState> for TwoStep {
    fn from(state: TwoStepState) -> Self {
        match state {
            TwoStepState::On => Self::On,
            TwoStepState::NotSet => Self::NotSet,
            TwoStepState::Unknown => Self::Unknown,
        }
    }
}

pub(super) fn run(command: &Command, overrides: &Overrides, env: &Env, flags: &Global) -> Result<u8, Failure> {
    let Config { path: source, profile, .. } = need_config(overrides, env)?;
    if flags.verbose {
        let source = CleanText::new(&source.display().to_string());
        complain(&format!("pindesk: config {source}, profile {}, {}", profile.name, profile.endpoint.url));
    }
    let graph = open(&profile)?;
    match command {
        Command::List(options) => list(options, &profile, graph, flags.quiet),
        Command::Show { id, json } => show(*id, *json, &profile, &graph),
    }
}

pub(super) fn open(profile: &Profile) -> Result<Graph, Failure> {
    let credentials = profile.load_credentials().map_err(|error| Failure::NoAccess(error.to_string()))?;
    let credentials = credentials.ok_or_else(|| {
        Failure::NoAccess(format!(
            "the config names no access token: add token_file or token_command under [profile.{}].",
            profile.name
        ))
    })?;
    Graph::new(&profile.endpoint, credentials, profile.concurrency)
        .map_err(|error| Failure::NoAccess(error.to_string()))
}

/// What stops a listing, in the order of the exit codes: where several fit, the upper one wins.
pub(super) fn exit_code(failure: &ReadFailure) -> u8 {
    match failure {
        ReadFailure::Api(fault) if is_about_access(fault) => 8,
        ReadFailure::Api(fault) if catalogue::lookup(fault).scope == ErrorScope::ServerError => 7,
        ReadFailure::Api(_) => 3,
        ReadFailure::NotSent(_) | ReadFailure::NoAnswer | ReadFailure::UnexpectedReply { .. } => 7,
    }
}

/// The access token was refused, or a permission is missing.
fn is_about_access(fault: &ApiError) -> bool {
    catalogue::lookup(fault).scope == ErrorScope::Token || matches!(fault.code, 3 | 10 | 200..=299)
}

fn list(options: &ListOptions, profile: &Profile, graph: Graph, quiet: bool) -> Result<u8, Failure> {
    let sources = sources(options, profile)?;
    // Without a list there is nothing to wait for.
    let singles: HashSet<_> =
        if sources.wabas.is_empty() { HashSet::new() } else { sources.numbers.iter().map(|(id, _)| *id).collect() };
    let (tell, news) = mpsc::channel();
    let runtime = simulate::runtime()?;
    let reader = std::thread::spawn(move || {
        runtime.block_on(listing::read_numbers(&graph, sources, &|news| {
            // Whoever printed is gone: a closed pipe.
            tell.send(news).ok();
        }));
    });
    let mut printer = Printer::new(options.form(), options.two_step.map(TwoStep::from), singles);
    let (mut unread, mut code) = (Vec::new(), 0);
    for piece in news {
        let result = match piece {
            NumbersEvent::Page(numbers) => printer.numbers(numbers),
            NumbersEvent::WabaFinished(_, Ok(())) => Ok(()),
            NumbersEvent::WabaFinished(waba, Err(failure)) => {
                code = worse(code, exit_code(&failure));
                let told = Explanation::for_read_failure(&failure);
                if !quiet {
                    complain(&format!("pindesk: WABA {} could not be read. {}", told_waba(&waba), told.reason));
                }
                unread.push(UnreadWaba { id: waba.id.to_string(), reason: told.reason.into_owned() });
                Ok(())
            }
            NumbersEvent::NumberFailed(id, failure) => {
                code = worse(code, exit_code(&failure));
                let told = Explanation::for_read_failure(&failure);
                if !quiet {
                    complain(&format!("pindesk: number {id} could not be read. {}", told.reason));
                }
                Ok(())
            }
        };
        if let Err(error) = result {
            return closed_pipe(Err(error), 0);
        }
    }
    if reader.join().is_err() {
        return Err(Failure::System {
            what: "the list is not whole",
            source: io::Error::other("the reading ended by a bug"),
        });
    }
    closed_pipe(printer.end(unread), code)
}

pub(super) fn told_waba(waba: &Waba) -> String {
    waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name} ({})", waba.id))
}

/// The worse of two exit codes: 3 (failed) before 7 (no connection) before 8 (no access).
pub(super) const fn worse(before: u8, now: u8) -> u8 {
    if before == 0 || (now != 0 && now < before) { now } else { before }
}

fn sources(options: &ListOptions, profile: &Profile) -> Result<NumberSources, Failure> {
    let Some(only) = options.waba else {
        let mut numbers = profile.numbers.clone();
        if options.json || options.csv {
            // `verified_name` is Meta's word; a name of the config is not.
            for (_, name) in &mut numbers {
                *name = None;
            }
        }
        return Ok(NumberSources { wabas: profile.wabas.clone(), numbers });
    };
    let wabas: Vec<_> = profile.wabas.iter().filter(|waba| waba.id == only).cloned().collect();
    if wabas.is_empty() {
        return Err(Failure::Usage(format!("WABA {only} is not in the profile {}.", profile.name)));
    }
    Ok(NumberSources { wabas, numbers: Vec::new() })
}

fn show(id: PhoneNumberId, json: bool, profile: &Profile, graph: &Graph) -> Result<u8, Failure> {
    let number = simulate::runtime()?.block_on(graph.read_number(id)).map_err(|failure| {
        let told = Explanation::for_read_failure(&failure);
        let mut text = format!("number {id} could not be read. {}", told.reason);
        for step in told.advice {
            text.push_str("\n  ");
            text.push_str(step);
        }
        Failure::Remote { text, code: exit_code(&failure) }
    })?;
    let named = profile.numbers.iter().find(|(configured, _)| *configured == id).and_then(|(_, name)| name.clone());
    let printed = if json {
        print_json(&number)
    } else {
        print_fields(&Number { name: named.or(number.name.clone()), ..number })
    };
    closed_pipe(printed, 0)
}

fn print_json(number: &Number) -> io::Result<()> {
    paint::json(&NumberRecord::from(number))
}

fn print_fields(number: &Number) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let record = NumberRecord::from(number);
    let waba = record.waba_id.unwrap_or("not told for a single number");
    for (label, value) in [
        ("Number", record.display_phone_number),
        ("Name", record.verified_name),
        ("phone number ID", Some(record.phone_number_id)),
        ("WABA", Some(waba)),
        ("Two-step", Some(number.two_step.label())),
        ("Status", record.status),
        ("Ownership code", record.code_verification_status),
        ("Platform", record.platform_type),
        ("Quality", record.quality_rating),
        ("Name status", record.name_status),
        ("Account mode", record.account_mode),
    ] {
        writeln!(out, "{label:<16} {}", value.unwrap_or("unknown"))?;
    }
    Ok(())
}
