//! `pindesk numbers`: the configured numbers, for people and for scripts. It changes nothing.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tokio::runtime::Runtime;

use crate::cli::arg_parsers;
use crate::cli::args::GlobalArgs;
use crate::cli::discovery;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::lookup;
use crate::cli::ordered_reads::OrderedReads;
use crate::cli::output::number_table::{self, TableOptions};
use crate::cli::output::numbers::{DueFilter, NumberFilter, NumberPrinter, NumberWriter};
use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print, print_json, write_field};
use crate::cli::output::table::TableStyle;
use crate::cli::pauses;
use crate::cli::read_failure::{self, ReadFailures, waba_label};
use crate::cli::records::{self, require_config};
use crate::cli::rerun::RerunOptions;
use crate::cli::runtime::{build_runtime, open_graph};
use crate::cli::when;
use crate::config::{self, Config, Env, Overrides, Profile};
use crate::domain::clock::Clock;
use crate::domain::number::{Number, TwoStep, Waba, WabaId};
use crate::domain::number_arg::NumberArg;
use crate::domain::redact::{may_have_secret, redacted_word};
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::numbers::record::{NumberData, NumberHistory};
use crate::numbers::{self, NumberSources, NumbersEvent};
use crate::pace::Pace;
use crate::policy::error_catalog::Explanation;
use crate::policy::rotation::Rotation;

#[derive(Debug, Subcommand)]
pub(crate) enum NumbersCommand {
    /// List the configured numbers
    List(NumbersListArgs),
    /// One number, listed or not
    Show {
        /// Phone number ID, or the number itself: +44 7700 900001
        #[arg(value_name = "NUMBER", value_parser = arg_parsers::parse_number)]
        number: NumberArg,
        /// One JSON object: docs/json.md has the fields
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NumbersListArgs {
    /// Only the numbers of this WABA of the config: its ID, or its name there
    #[arg(long, value_name = "WABA", value_parser = parse_waba)]
    waba: Option<String>,
    /// Only numbers whose two-step verification is in this state
    #[arg(long, value_name = "STATE")]
    two_step: Option<TwoStepArg>,
    /// Only numbers whose PIN was last set here longer ago than this, or
    /// never: 180d
    #[arg(long, value_name = "AGE", value_parser = when::parse_age)]
    due: Option<Duration>,
    /// More columns, and no cell is cut
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    wide: bool,
    /// JSON Lines, ending with a summary: docs/json.md has the fields
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values with a header
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TwoStepArg {
    On,
    #[value(alias = "not_set")]
    NotSet,
    Unknown,
}

/// How many WABAs a message names before it counts the rest.
const MAX_LISTED_WABAS: usize = 5;

/// Parses the ID or the name of a WABA.
fn parse_waba(text: &str) -> Result<String, &'static str> {
    let is_id = text.parse::<WabaId>().is_ok();
    if is_id || !may_have_secret(text) {
        Ok(text.to_owned())
    } else {
        Err("expected the ID of a WABA, or its name in the config")
    }
}

impl NumbersListArgs {
    fn number_writer(&self) -> NumberWriter {
        if self.json {
            NumberWriter::json()
        } else if self.csv {
            NumberWriter::csv()
        } else {
            NumberWriter::Table(Vec::new())
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
    let mut config = require_config(overrides, env)?;
    let graph = match command {
        NumbersCommand::List(_) => discovery::require_numbers(&mut config, global)?,
        NumbersCommand::Show { .. } => None,
    };
    let Config { path, profile, .. } = config;
    if global.verbose {
        let path = CleanText::new(&path.display().to_string());
        eprint_line(&format!("pindesk: config {path}, profile {}, {}", profile.name, profile.endpoint.url));
    }
    let graph = graph.map_or_else(|| open_graph(&profile), Ok)?;
    match command {
        NumbersCommand::List(args) => list(args, &profile, graph, &config::resolve_state_dir(overrides, env)?, global),
        NumbersCommand::Show { number, json } => show(number, *json, &profile, &graph, global),
    }
}

fn list(
    args: &NumbersListArgs,
    profile: &Profile,
    graph: Graph,
    state_dir: &Path,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let sources = number_sources(args, profile)?;
    let individual_ids = sources.numbers.iter().map(|(id, _)| *id).collect();
    let history = number_history(state_dir, args.due.is_some())?;
    let mut output = NumberPrinter::new(&history, args.number_writer(), number_filter(args), individual_ids);
    let (mut failures, waba_count) = (ReadFailures::default(), sources.wabas.len());
    let pace = pauses::new_pace(profile, profile.concurrency, OutputOptions::new(args.json, global));
    let mut ordered = OrderedReads::start(graph, pace, sources)?;
    while let Some(event) = ordered.next_event() {
        let printed = match event {
            NumbersEvent::Page(numbers) => output.print_page(numbers),
            NumbersEvent::WabaFinished(_, Ok(())) => Ok(()),
            NumbersEvent::WabaFinished(waba, Err(failure)) => {
                failures.add_waba(waba, failure);
                Ok(())
            }
            NumbersEvent::NumberFailed(id, failure) => {
                failures.add_number(id, failure);
                Ok(())
            }
        };
        if let Err(error) = printed {
            return exit_code_after_print(Err(error), ExitCode::Done);
        }
    }
    if !ordered.has_ended_well() {
        return Err(CliError::new(ExitCode::Bug, "reading ended by a bug, so the list is incomplete"));
    }
    if !global.quiet {
        failures.messages(waba_count).iter().for_each(|message| eprint_line(&format!("pindesk: {message}")));
    }
    pauses::wait_until_told();
    let printed = output.finish(&failures.wabas).and_then(|mut numbers| {
        if args.json || args.csv {
            return Ok(());
        }
        use_config_names(&mut numbers, profile);
        let options = TableOptions {
            is_wide: args.wide,
            is_complete: failures.is_empty(),
            style: TableStyle::for_stdout(global.no_color, args.wide),
            now: Clock::System.now().utc,
        };
        number_table::print(numbers, &history.requests, options)
    });
    exit_code_after_print(printed, failures.exit_code())
}

fn number_filter(args: &NumbersListArgs) -> NumberFilter {
    let due = |age| DueFilter { rotation: Rotation::after(age), now: Clock::System.now().utc };
    NumberFilter { two_step: args.two_step.map(TwoStep::from), due: args.due.map(due) }
}

/// Gives the numbers the names that people gave them in the config.
fn use_config_names(numbers: &mut [Number], profile: &Profile) {
    let names: HashMap<_, _> = profile.numbers.iter().filter_map(|(id, name)| Some((*id, name.as_ref()?))).collect();
    for number in numbers {
        if let Some(name) = names.get(&number.id) {
            number.name = Some((*name).clone());
        }
    }
}

/// What the journal knows, if there is one. Unless it is required, a journal that cannot be read is told and left out.
fn number_history(state_dir: &Path, is_required: bool) -> Result<NumberHistory, CliError> {
    match read_history(state_dir) {
        Err(error) if !is_required => {
            eprint_line(&format!("pindesk: the column REQUEST is empty. {error}"));
            Ok(NumberHistory::default())
        }
        history => history,
    }
}

fn read_history(state_dir: &Path) -> Result<NumberHistory, CliError> {
    let Some(journal) = records::open_to_show(state_dir, false)? else { return Ok(NumberHistory::default()) };
    Ok(NumberHistory::read(&journal)?)
}

fn number_sources(args: &NumbersListArgs, profile: &Profile) -> Result<NumberSources, CliError> {
    let Some(wanted) = &args.waba else {
        // `verified_name` is Meta's word. A name of the config is not.
        let numbers = profile.numbers.iter().map(|(id, _)| (*id, None)).collect();
        return Ok(NumberSources { wabas: profile.wabas.clone(), numbers });
    };
    let name = |waba: &Waba| waba.name.as_ref().map(|name| name.as_str().to_owned());
    let is_wanted = |waba: &&Arc<Waba>| waba.id.as_str() == wanted || name(waba).as_ref() == Some(wanted);
    let wabas: Vec<_> = profile.wabas.iter().filter(is_wanted).cloned().collect();
    if wabas.is_empty() {
        let mut known: Vec<_> = profile.wabas.iter().take(MAX_LISTED_WABAS).map(|waba| waba_label(waba)).collect();
        let rest = profile.wabas.len() - known.len();
        known.extend((rest > 0).then(|| format!("and {rest} more")));
        return Err(CliError::usage(format!(
            "no WABA {} in profile {}",
            CleanText::new(redacted_word(wanted)),
            profile.name
        ))
        .optional_remedy((!known.is_empty()).then(|| format!("WABAs there: {}", known.join(", ")))));
    }
    Ok(NumberSources { wabas, numbers: Vec::new() })
}

fn show(
    arg: &NumberArg,
    is_json: bool,
    profile: &Profile,
    graph: &Graph,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let pace = pauses::new_pace(profile, profile.concurrency, OutputOptions::new(false, global));
    let mut number = read_shown_number(arg, profile, graph, &pace, &RerunOptions::new(global))?;
    let printed = if is_json {
        print_json(&NumberData::exact(&number))
    } else {
        use_config_names(slice::from_mut(&mut number), profile);
        print_fields(&number)
    };
    exit_code_after_print(printed, ExitCode::Done)
}

/// Reads a number, listed or not. What Meta does not know as an ID may be a display number of the profile.
fn read_shown_number(
    arg: &NumberArg,
    profile: &Profile,
    graph: &Graph,
    pace: &Pace,
    rerun: &RerunOptions,
) -> Result<Number, CliError> {
    let find = |runtime: &Runtime| lookup::find_number(runtime, graph, pace, profile, arg, rerun);
    let runtime = build_runtime()?;
    let Some(id) = arg.id() else { return find(&runtime) };
    let failure = match runtime.block_on(numbers::read_one(graph, pace, id)) {
        Ok(number) => return Ok(number),
        Err(failure) => failure,
    };
    let code = read_failure::exit_code(&failure);
    if code == ExitCode::Failed {
        match find(&runtime) {
            Err(error) if arg.may_be_end() && error.exit_code() == ExitCode::Usage => return Err(error),
            Err(_) => {}
            found @ Ok(_) => return found,
        }
    }
    let explanation = Explanation::for_unread_number(&failure);
    let what = format!("number {} could not be read. {}", arg.label(), explanation.reason);
    Err(CliError::new(code, what).remedies(read_failure::steps_and_words(&explanation, &failure, 1)))
}

fn print_fields(number: &Number) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let record = NumberData::from(number);
    let waba = record.waba_id.unwrap_or("Meta does not report it for a single number");
    for (label, value) in [
        ("Number", record.display_phone_number),
        ("Name", record.verified_name),
        ("Phone number ID", Some(record.phone_number_id)),
        ("WABA", Some(waba)),
        ("Two-step", Some(number.two_step.label())),
        ("Status", record.status),
        ("Ownership code", record.code_verification_status),
        ("Platform", record.platform_type),
        ("Quality", record.quality_rating),
        ("Name status", record.name_status),
        ("Account mode", record.account_mode),
    ] {
        write_field(&mut out, &format!("{label:<16} "), value.unwrap_or("unknown"))?;
    }
    Ok(())
}
