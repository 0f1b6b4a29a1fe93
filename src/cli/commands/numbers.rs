//! `pindesk numbers`: the configured numbers, for people and for scripts.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::mpsc;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::commands::simulator as simulate;
use crate::cli::output::numbers::{NumberPrinter, NumberRecord, NumberWriter, UnreadWaba};
use crate::cli::output::table;
use crate::cli::{CliError, GlobalArgs, eprint_line, ignore_broken_pipe, require_config};
use crate::config::{Config, Env, Overrides, Profile};
use crate::domain::number::{Number, PhoneNumberId, TwoStep, Waba, WabaId};
use crate::domain::outcome::{ApiError, ReadFailure};
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::numbers::{self, NumberSources, NumbersEvent};
use crate::policy::error_catalog::{self, ErrorScope, Explanation};

#[derive(Debug, Subcommand)]
pub(crate) enum NumbersCommand {
    /// All of them, as they are read
    List(NumbersListArgs),
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
pub(crate) struct NumbersListArgs {
    /// Only those of this WABA of the config
    #[arg(long, value_name = "ID")]
    waba: Option<WabaId>,
    /// Only those in this state
    #[arg(long, value_name = "STATE")]
    two_step: Option<TwoStepArg>,
    /// One JSON object a line, and a summary
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values with a header
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TwoStepArg {
    On,
    NotSet,
    Unknown,
}

impl NumbersListArgs {
    fn number_writer(&self) -> NumberWriter {
        if self.json {
            NumberWriter::json()
        } else if self.csv {
            NumberWriter::csv()
        } else {
            NumberWriter::table()
        }
    }
}

impl From<TwoStepArg> for TwoStep {
    fn from(state: TwoStepArg) -> Self {
        match state {
            TwoStepArg::On => Self::On,
            TwoStepArg::NotSet => Self::NotSet,
            TwoStepArg::Unknown => Self::Unknown,
        }
    }
}

pub(crate) fn run(
    command: &NumbersCommand,
    overrides: &Overrides,
    env: &Env,
    flags: &GlobalArgs,
) -> Result<u8, CliError> {
    let Config { path: source, profile, .. } = require_config(overrides, env)?;
    if flags.verbose {
        let source = CleanText::new(&source.display().to_string());
        eprint_line(&format!("pindesk: config {source}, profile {}, {}", profile.name, profile.endpoint.url));
    }
    let graph = open_graph(&profile)?;
    match command {
        NumbersCommand::List(options) => list(options, &profile, graph, flags.quiet),
        NumbersCommand::Show { id, json } => show(*id, *json, &profile, &graph),
    }
}

pub(crate) fn open_graph(profile: &Profile) -> Result<Graph, CliError> {
    let credentials = crate::preflight::load_credentials(profile)?;
    Graph::new(&profile.endpoint, credentials, profile.concurrency)
        .map_err(|error| CliError::ClientSetup(error.to_string()))
}

/// What stops a listing, in the order of the exit codes: where several fit, the upper one wins.
pub(crate) fn read_failure_exit_code(failure: &ReadFailure) -> u8 {
    match failure {
        ReadFailure::Api(fault) if is_access_error(fault) => 8,
        ReadFailure::Api(fault) if error_catalog::lookup(fault).scope == ErrorScope::ServerError => 7,
        ReadFailure::Api(_) => 3,
        ReadFailure::NotSent(_) | ReadFailure::NoAnswer | ReadFailure::UnexpectedReply { .. } => 7,
    }
}

/// The access token was refused, or a permission is missing.
fn is_access_error(fault: &ApiError) -> bool {
    error_catalog::lookup(fault).scope == ErrorScope::Token || matches!(fault.code, 3 | 10 | 200..=299)
}

fn list(options: &NumbersListArgs, profile: &Profile, graph: Graph, quiet: bool) -> Result<u8, CliError> {
    let sources = sources(options, profile)?;
    // Without a list there is nothing to wait for.
    let singles: HashSet<_> =
        if sources.wabas.is_empty() { HashSet::new() } else { sources.numbers.iter().map(|(id, _)| *id).collect() };
    let (tell, news) = mpsc::channel();
    let runtime = simulate::build_runtime()?;
    let reader = std::thread::spawn(move || {
        runtime.block_on(numbers::read_numbers(&graph, sources, &|news| {
            // Whoever printed is gone: a closed pipe.
            tell.send(news).ok();
        }));
    });
    let mut printer = NumberPrinter::new(options.number_writer(), options.two_step.map(TwoStep::from), singles);
    let (mut unread, mut code) = (Vec::new(), 0);
    for piece in news {
        let result = match piece {
            NumbersEvent::Page(numbers) => printer.print_page(numbers),
            NumbersEvent::WabaFinished(_, Ok(())) => Ok(()),
            NumbersEvent::WabaFinished(waba, Err(failure)) => {
                code = worse_exit_code(code, read_failure_exit_code(&failure));
                let told = Explanation::for_read_failure(&failure);
                if !quiet {
                    eprint_line(&format!("pindesk: WABA {} could not be read. {}", waba_label(&waba), told.reason));
                }
                unread.push(UnreadWaba { id: waba.id.to_string(), reason: told.reason.into_owned() });
                Ok(())
            }
            NumbersEvent::NumberFailed(id, failure) => {
                code = worse_exit_code(code, read_failure_exit_code(&failure));
                let told = Explanation::for_read_failure(&failure);
                if !quiet {
                    eprint_line(&format!("pindesk: number {id} could not be read. {}", told.reason));
                }
                Ok(())
            }
        };
        if let Err(error) = result {
            return ignore_broken_pipe(Err(error), 0);
        }
    }
    if reader.join().is_err() {
        return Err(CliError::System {
            context: "the list is not whole",
            source: io::Error::other("the reading ended by a bug"),
        });
    }
    ignore_broken_pipe(printer.finish(unread), code)
}

pub(crate) fn waba_label(waba: &Waba) -> String {
    waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name} ({})", waba.id))
}

/// The worse of two exit codes: 3 (failed) before 7 (no connection) before 8 (no access).
pub(crate) const fn worse_exit_code(before: u8, now: u8) -> u8 {
    if before == 0 || (now != 0 && now < before) { now } else { before }
}

fn sources(options: &NumbersListArgs, profile: &Profile) -> Result<NumberSources, CliError> {
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
        return Err(CliError::Usage(format!("WABA {only} is not in the profile {}.", profile.name)));
    }
    Ok(NumberSources { wabas, numbers: Vec::new() })
}

fn show(id: PhoneNumberId, json: bool, profile: &Profile, graph: &Graph) -> Result<u8, CliError> {
    let number = simulate::build_runtime()?.block_on(graph.read_number(id)).map_err(|failure| {
        let told = Explanation::for_read_failure(&failure);
        let mut text = format!("number {id} could not be read. {}", told.reason);
        for step in told.advice {
            text.push_str("\n  ");
            text.push_str(step);
        }
        CliError::Remote { message: text, exit_code: read_failure_exit_code(&failure) }
    })?;
    let named = profile.numbers.iter().find(|(configured, _)| *configured == id).and_then(|(_, name)| name.clone());
    let printed = if json {
        print_json(&number)
    } else {
        print_fields(&Number { name: named.or(number.name.clone()), ..number })
    };
    ignore_broken_pipe(printed, 0)
}

fn print_json(number: &Number) -> io::Result<()> {
    table::print_json(&NumberRecord::from(number))
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
