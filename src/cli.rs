//! The command line: parses arguments, runs a command, and turns errors into messages and exit codes.
//!
//! Only this module prints, and only this module and the tests know that a simulator exists. A command does not decide
//! what may be sent: it asks the same checks and the same actor as the console.

pub mod exit_code;
mod error;
mod terminal;
mod output;
mod typed_pin;
mod arg_parsers;
mod when;
mod arg_errors;
mod simulator_spec;
mod simulator_config;
mod args;
mod runtime;
mod read_failure;
mod number_index;
mod known_numbers;
mod suspend;
mod progress_line;
mod early_shutdown;
mod shutdown;
mod config_keys;
mod records;
mod rerun;
mod late_arrivals;
mod confirm;
mod ordered_reads;
mod checks;
mod again;
mod secret_stdin;
mod pin_file;
mod number_list;
mod pauses;
mod discovery;
mod lookup;
mod rest_question;
mod run_job;
mod checked_job;
mod console_setup;
mod commands;
mod markdown;

use std::io::{self, Write as _};
use std::process;

use clap::{CommandFactory as _, Parser, Subcommand};

use args::{DemoArgs, GlobalArgs};
use commands::{audit, backup, config, console, demo, escrow, jobs, numbers, pin, simulator, wabas};
use error::CliError;
use exit_code::ExitCode;
use output::stdio::{eprint_line, exit_code_after_print};

use crate::config::Env;
use crate::process::{LimitError, catch_file_size_signal, harden, require_file_size, require_open_files};

/// Examples come first: most readers look no further.
const HELP: &str = "\
{about}

Examples:
  pindesk --demo                                  made-up numbers
  pindesk                                         the numbers of your config
  pindesk numbers list --two-step not-set --json  the same for scripts
  pindesk pin set --from ids.txt --random         PINs without the screen

{usage-heading} {usage}

{all-args}{after-help}";

/// Set the two-step verification PINs of WhatsApp Business phone numbers.
#[derive(Debug, Parser)]
#[command(
    name = "pindesk",
    version,
    about,
    max_term_width = 80,
    help_template = HELP,
    after_help = simulator_spec::FAULT_FILE_HELP,
)]
struct Cli {
    #[command(flatten)]
    demo: DemoArgs,
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Option<CliCommand>,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// List or show phone numbers
    #[command(subcommand)]
    Numbers(numbers::NumbersCommand),
    /// List the WABAs that the access token sees
    #[command(subcommand)]
    Wabas(wabas::WabasCommand),
    /// Set PINs from the command line
    #[command(subcommand)]
    Pin(pin::PinCommand),
    /// Read the PIN escrow
    #[command(subcommand)]
    Escrow(escrow::EscrowCommand),
    /// List, inspect and resume jobs
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Show and verify the audit log, and accept damage
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copy the journal and the escrow to another directory
    Backup(backup::BackupArgs),
    /// Show which config file is in use, and what it amounts to
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Run a local fake Graph API
    #[command(long_about = crate::simulator::ABOUT)]
    Simulator(simulator::SimulatorArgs),
}

/// `docs/commands.md`: every command and its flags.
#[must_use]
pub fn commands_markdown() -> String {
    markdown::commands_markdown(Cli::command())
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> process::ExitCode {
    if let Err(error) = harden() {
        eprint_line(&format!("pindesk: {error}"));
        return ExitCode::MachineFailed.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            eprint_line(&arg_errors::error_message(&error, &Cli::command(), std::env::args().skip(1)));
            return ExitCode::Usage.into();
        }
        // Help goes to standard output and is not an error.
        Err(help) => {
            let printed = help.print().and_then(|()| io::stdout().flush());
            return reported(exit_code_after_print(printed, ExitCode::Done)).into();
        }
    };
    let result = run(&cli);
    pauses::wait_until_told();
    reported(result).into()
}

/// The exit code. Prints the error if there is one.
fn reported(result: Result<ExitCode, CliError>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprint_line(&format!("pindesk: {error}"));
        error.exit_code()
    })
}

/// Refuses limits that would stop the work in its middle.
fn check_limits() -> Result<(), CliError> {
    catch_file_size_signal().map_err(|error| CliError::machine("cannot watch for signals", &error))?;
    let to_error = |error: LimitError| CliError::new(ExitCode::MachineFailed, error.to_string());
    require_file_size().and_then(|()| require_open_files(0)).map_err(to_error)
}

fn run(cli: &Cli) -> Result<ExitCode, CliError> {
    check_limits()?;
    let (overrides, env) = (cli.global.overrides(), Env::from_lookup(|name| std::env::var_os(name)));
    if cli.demo.is_on && cli.command.is_some() {
        return Err(CliError::usage("--demo opens the console, and a command works on the numbers of your config")
            .remedy("Leave out one of them."));
    }
    match &cli.command {
        Some(CliCommand::Numbers(command)) => numbers::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Wabas(command)) => wabas::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Pin(command)) => pin::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Escrow(command)) => escrow::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Jobs(command)) => jobs::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Audit(command)) => audit::run(command, &overrides, &env, &cli.global),
        Some(CliCommand::Backup(args)) => backup::run(args, &overrides, &env),
        Some(CliCommand::Config(command)) => config::run(command, &overrides, &env),
        Some(CliCommand::Simulator(args)) => simulator::run(args),
        None if cli.demo.is_on => demo::run(&cli.demo, cli.global.state_dir.as_deref(), &cli.global),
        None => match console::run(&overrides, &env, &cli.global)? {
            Some(code) => Ok(code),
            None => demo::run(&DemoArgs::default(), None, &cli.global),
        },
    }
}
