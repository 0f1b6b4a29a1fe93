//! `pindesk numbers`: the configured numbers, for people and for scripts. It changes nothing.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::mpsc;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::numbers::{NumberPrinter, NumberRecord, NumberWriter, UnreadWaba};
use crate::cli::output::stdio::{eprint_line, exit_code_after_print, print_json};
use crate::cli::pauses::{self, OutputOptions};
use crate::cli::read_failure::{self, waba_label};
use crate::cli::records::require_config;
use crate::cli::runtime::{build_runtime, open_graph};
use crate::config::{Config, Env, Overrides, Profile};
use crate::domain::number::{Number, PhoneNumberId, TwoStep, WabaId};
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::numbers::{self, NumberSources, NumbersEvent};
use crate::policy::error_catalog::Explanation;

#[derive(Debug, Subcommand)]
pub(crate) enum NumbersCommand {
    /// List the configured numbers
    List(NumbersListArgs),
    /// One number, listed or not
    Show {
        /// Phone number ID
        #[arg(value_name = "PHONE_NUMBER_ID")]
        id: PhoneNumberId,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NumbersListArgs {
    /// Only the numbers of this WABA of the config
    #[arg(long, value_name = "ID")]
    waba: Option<WabaId>,
    /// Only numbers whose two-step verification is in this state
    #[arg(long, value_name = "STATE")]
    two_step: Option<TwoStepArg>,
    /// JSON Lines, ending with a summary
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
    fn from(arg: TwoStepArg) -> Self {
        match arg {
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
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let Config { path, profile, .. } = require_config(overrides, env)?;
    if global.verbose {
        let path = CleanText::new(&path.display().to_string());
        eprint_line(&format!("pindesk: config {path}, profile {}, {}", profile.name, profile.endpoint.url));
    }
    let graph = open_graph(&profile)?;
    match command {
        NumbersCommand::List(args) => list(args, &profile, graph, global.quiet),
        NumbersCommand::Show { id, json } => show(*id, *json, &profile, &graph, global.quiet),
    }
}

fn list(args: &NumbersListArgs, profile: &Profile, graph: Graph, is_quiet: bool) -> Result<ExitCode, CliError> {
    let sources = number_sources(args, profile)?;
    // Without a list there is nothing to wait for.
    let individual_ids: HashSet<_> =
        if sources.wabas.is_empty() { HashSet::new() } else { sources.numbers.iter().map(|(id, _)| *id).collect() };
    let (sender, events) = mpsc::channel();
    let runtime = build_runtime()?;
    let pace = pauses::new_pace(profile, profile.concurrency, OutputOptions { is_json: false, is_quiet });
    let reader = std::thread::spawn(move || {
        runtime.block_on(numbers::read_numbers(&graph, &pace, sources, &|event| {
            // The receiver is dropped when the pipe is closed.
            sender.send(event).ok();
        }));
    });
    let mut output = NumberPrinter::new(args.number_writer(), args.two_step.map(TwoStep::from), individual_ids);
    let (mut unread_wabas, mut codes) = (Vec::new(), Vec::new());
    for event in events {
        let printed = match event {
            NumbersEvent::Page(numbers) => output.print_page(numbers),
            NumbersEvent::WabaFinished(_, Ok(())) => Ok(()),
            NumbersEvent::WabaFinished(waba, Err(failure)) => {
                codes.push(read_failure::exit_code(&failure));
                let reason = Explanation::for_read_failure(&failure).reason;
                if !is_quiet {
                    eprint_line(&format!("pindesk: WABA {} could not be read. {reason}", waba_label(&waba)));
                }
                unread_wabas.push(UnreadWaba { id: waba.id.to_string(), reason: reason.into_owned() });
                Ok(())
            }
            NumbersEvent::NumberFailed(id, failure) => {
                codes.push(read_failure::exit_code(&failure));
                if !is_quiet {
                    let reason = Explanation::for_read_failure(&failure).reason;
                    eprint_line(&format!("pindesk: number {id} could not be read. {reason}"));
                }
                Ok(())
            }
        };
        if let Err(error) = printed {
            return exit_code_after_print(Err(error), ExitCode::Done);
        }
    }
    if reader.join().is_err() {
        return Err(CliError::new(ExitCode::Bug, "reading ended by a bug, so the list is incomplete"));
    }
    exit_code_after_print(output.finish(unread_wabas), ExitCode::first_that_applies(codes))
}

fn number_sources(args: &NumbersListArgs, profile: &Profile) -> Result<NumberSources, CliError> {
    let Some(wanted) = args.waba else {
        let mut numbers = profile.numbers.clone();
        if args.json || args.csv {
            // `verified_name` is Meta's word. A name of the config is not.
            for (_, name) in &mut numbers {
                *name = None;
            }
        }
        return Ok(NumberSources { wabas: profile.wabas.clone(), numbers });
    };
    let wabas: Vec<_> = profile.wabas.iter().filter(|waba| waba.id == wanted).cloned().collect();
    if wabas.is_empty() {
        return Err(CliError::usage(format!("no WABA {wanted} in profile {}", profile.name)));
    }
    Ok(NumberSources { wabas, numbers: Vec::new() })
}

fn show(
    id: PhoneNumberId,
    is_json: bool,
    profile: &Profile,
    graph: &Graph,
    is_quiet: bool,
) -> Result<ExitCode, CliError> {
    let pace = pauses::new_pace(profile, 1, OutputOptions { is_json: false, is_quiet });
    let number = build_runtime()?.block_on(numbers::read_one(graph, &pace, id)).map_err(|failure| {
        let explanation = Explanation::for_read_failure(&failure);
        let what = format!("number {id} could not be read. {}", explanation.reason);
        CliError::new(read_failure::exit_code(&failure), what).remedies(explanation.advice)
    })?;
    let config_name =
        profile.numbers.iter().find(|(configured, _)| *configured == id).and_then(|(_, name)| name.clone());
    let printed = if is_json {
        print_json(&NumberRecord::from(&number))
    } else {
        print_fields(&Number { name: config_name.or(number.name.clone()), ..number })
    };
    exit_code_after_print(printed, ExitCode::Done)
}

fn print_fields(number: &Number) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let record = NumberRecord::from(number);
    let waba = record.waba_id.unwrap_or("Meta does not report it for a single number");
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
