//! The command line: arguments in, a command run, errors made into words and exit codes.
//!
//! Only here does anything print, and only here (and in tests) is it known that a simulator exists.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use commands::{audit, console, demo, escrow, jobs, numbers, pin, simulator as simulate};

use crate::config::{self, Config, ConfigError, Env, Overrides};
use crate::console::input::keymap::{Keymap, RebindError};
use crate::domain::text::{CleanText, error_chain};
use crate::preflight::PreflightError;
use crate::process;

mod commands;
mod output;
mod checks;
mod preflight;
mod shutdown;
mod id_list;
mod lookup;
mod pin_file;
mod index;
mod arg_errors;
mod run_job;
mod suspend;
mod arg_parsers;

/// Examples first: most people look no further.
const HELP: &str = "\
{about}

Examples:
  pindesk --demo                                  made-up numbers
  pindesk                                         the numbers of your config
  pindesk numbers list --two-step not-set --json  the same for scripts
  pindesk pin set --from ids.txt --random         PINs without the screen

{usage-heading} {usage}

{all-args}";

/// Set the two-step verification PINs of WhatsApp Business phone numbers.
#[derive(Debug, Parser)]
#[command(
    name = "pindesk",
    version,
    about,
    max_term_width = 80,
    help_template = HELP,
)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(flatten)]
    demo: DemoArgs,
    #[command(subcommand)]
    command: Option<CliCommand>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct GlobalArgs {
    /// The config file, instead of the usual places
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory for what pindesk keeps
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The profile of the config file
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Change nothing, whatever the config says
    #[arg(long, global = true)]
    read_only: bool,
    /// No colours
    #[arg(long, global = true)]
    no_color: bool,
    /// Never ask anything: fail instead
    #[arg(long, global = true)]
    no_input: bool,
    /// Fewer messages on standard error
    #[arg(short, long, global = true)]
    quiet: bool,
    /// More messages on standard error
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Fail after the first frame, so that a test sees the terminal given back
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    panic_after_start: bool,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Made-up numbers on an embedded simulator: nothing leaves this machine
    #[arg(long = "demo")]
    is_on: bool,
    /// How many numbers the demo has
    #[arg(
        long = "demo-numbers",
        requires = "is_on",
        value_name = "N",
        default_value_t = simulate::DEFAULT_NUMBERS,
        value_parser = arg_parsers::integer_at_least(0_usize)
    )]
    numbers: usize,
    /// Another world of numbers
    #[arg(
        long = "demo-seed",
        requires = "is_on",
        value_name = "N",
        default_value_t = simulate::DEFAULT_SEED,
        value_parser = arg_parsers::integer_at_least(0_u64)
    )]
    seed: u64,
    /// How long each answer takes, in milliseconds
    #[arg(
        long = "demo-latency",
        requires = "is_on",
        value_name = "MS",
        default_value_t = simulate::DEMO_LATENCY_MS,
        value_parser = arg_parsers::integer_at_least(0_u64)
    )]
    latency_ms: u64,
    /// The faults to play, instead of a few of each kind
    #[arg(long = "demo-faults", requires = "is_on", value_name = "FILE")]
    faults: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// The configured numbers
    #[command(subcommand)]
    Numbers(numbers::NumbersCommand),
    /// Set PINs without the screen
    #[command(subcommand)]
    Pin(pin::PinCommand),
    /// The PINs that were sealed before they were sent
    #[command(subcommand)]
    Escrow(escrow::EscrowCommand),
    /// What was set, by job, and what is left of one
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Who did what, and whether the record of it is whole
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// A stand-in for the Graph API on this machine, for trying things out
    #[command(long_about = crate::simulator::ABOUT)]
    Simulator(simulate::SimulatorArgs),
}

pub(crate) const NOT_READY: u8 = 6;

/// Why a command ended without having done its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A check before any work failed.
    #[error("{}", error_chain(.0))]
    Preflight(#[from] PreflightError),
    /// The config cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is none.
    #[error("{0}")]
    ConfigNotFound(String),
    /// The access token cannot be read, or the client not be set up.
    #[error("{0}")]
    ClientSetup(String),
    /// The state directory, the journal, the recipients or the profile keep PINs from being set.
    #[error("{0}")]
    NotReady(String),
    /// Nobody confirmed what would be done.
    #[error("{0}")]
    NotConfirmed(String),
    /// The words or the surroundings are wrong.
    #[error("{0}")]
    Usage(String),
    /// Meta, or the line to it: the text says what, the code how bad.
    #[error("{message}")]
    Remote {
        /// For people.
        message: String,
        /// 3, 7 or 8.
        exit_code: u8,
    },
    /// The system failed us.
    #[error("{context}: {source}")]
    System {
        /// What was being done.
        context: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl CliError {
    /// What keeps PINs from being set, with what lies behind it.
    fn not_ready(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut behind = error.source();
        while let Some(source) = behind {
            text = format!("{text}: {source}");
            behind = source.source();
        }
        Self::NotReady(text)
    }

    /// The exit code, as the README lists them.
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Preflight(_)
            | Self::Config(_)
            | Self::ConfigNotFound(_)
            | Self::ClientSetup(_)
            | Self::NotReady(_) => NOT_READY,
            Self::NotConfirmed(_) => 5,
            Self::Usage(_) => 2,
            Self::Remote { exit_code: code, .. } => *code,
            Self::System { .. } => 1,
        }
    }
}

/// Runs the program with the process's own arguments.
#[must_use]
pub fn main() -> ExitCode {
    if let Err(error) = process::harden() {
        eprint_line(&format!("pindesk: {error}"));
        return ExitCode::FAILURE;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            eprint_line(&arg_errors::error_message(&error));
            return ExitCode::from(2);
        }
        Err(help) => {
            // Goes to standard output and is no error; a closed pipe is none either.
            help.print().ok();
            return ExitCode::SUCCESS;
        }
    };
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprint_line(&format!("pindesk: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<u8, CliError> {
    let (overrides, env) = (cli.global.overrides(), Env::from_lookup(|name| std::env::var_os(name)));
    if cli.demo.is_on && cli.command.is_some() {
        let why = "--demo opens the console; a command would go to the numbers of your config. Leave one of them out.";
        return Err(CliError::Usage(why.to_owned()));
    }
    match &cli.command {
        Some(CliCommand::Numbers(command)) => numbers::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Pin(command)) => pin::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Escrow(command)) => escrow::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Jobs(command)) => jobs::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Audit(command)) => audit::run(command, &overrides, &env),
        Some(CliCommand::Simulator(options)) => simulate::run(options),
        None if cli.demo.is_on => demo::run(&cli.demo, cli.global.state_dir.as_deref(), &cli.global),
        None => console::run(&overrides, &env, &cli.global),
    }
}

impl GlobalArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            state_dir: self.state_dir.clone(),
            profile: self.profile.clone(),
            read_only: self.read_only,
        }
    }
}

/// Says something on standard error. A closed one is no reason to fail.
fn eprint_line(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// The exit code of what was printed. Nobody reads any more: that is the reader's good right.
fn ignore_broken_pipe(printed: io::Result<()>, code: u8) -> Result<u8, CliError> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::System { context: "cannot write", source: error })
        }
        Ok(()) | Err(_) => Ok(code),
    }
}

/// True if the screen can be shown.
fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The config, for a command that cannot do without.
fn require_config(overrides: &Overrides, env: &Env) -> Result<Config, CliError> {
    crate::preflight::load_config(overrides, env)?
        .ok_or_else(|| CliError::ConfigNotFound(config_not_found_message(overrides, env)))
}

/// What is said where no config file was found.
fn config_not_found_message(overrides: &Overrides, env: &Env) -> String {
    let places: Vec<_> = config::search_paths(overrides, env).iter().map(|path| path.display().to_string()).collect();
    let places = CleanText::new(&places.join(", "));
    format!("no config file found ({places}).\nLook around safely:   pindesk --demo")
}

/// The key table with the operator's own keys in it.
fn build_keymap(config: &Config) -> Result<Keymap, ConfigError> {
    let mut keymap = Keymap::default();
    for own in &config.key_overrides {
        keymap.rebind(&own.action, &own.key).map_err(|bad| {
            let told = bad.to_string();
            match bad {
                RebindError::UnknownAction { .. } | RebindError::FixedAction(_) => own.action_error(&told, &[]),
                RebindError::UnknownKey(_)
                | RebindError::ReservedKey(_)
                | RebindError::AlsoConfirms(_)
                | RebindError::Conflict { .. }
                | RebindError::TypedAsText { .. } => {
                    own.key_error(&told, "a key that is free on every page of this action")
                }
            }
        })?;
    }
    Ok(keymap)
}
