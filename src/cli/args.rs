//! The options that every command takes, and those of the demo. It parses nothing else: each command has its own.

use std::path::PathBuf;

use clap::Args;

use crate::cli::arg_parsers;
use crate::cli::simulator_spec::{DEFAULT_NUMBERS, DEFAULT_SEED, DEMO_LATENCY_MS};
use crate::config::Overrides;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct GlobalArgs {
    /// Use this config file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// State directory (journal, escrow)
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Select this profile of the config
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Refuse every change
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// Use no colors
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Never prompt; fail instead
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Print fewer messages to standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more messages to standard error
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Panic after the first frame, for a test of the terminal's restore
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    pub(crate) panic_after_start: bool,
}

impl GlobalArgs {
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            state_dir: self.state_dir.clone(),
            profile: self.profile.clone(),
            read_only: self.read_only,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Open the console on made-up numbers; nothing leaves this machine
    #[arg(long = "demo")]
    pub(crate) is_on: bool,
    /// How many numbers the demo has
    #[arg(
        long = "demo-numbers",
        requires = "is_on",
        value_name = "N",
        default_value_t = DEFAULT_NUMBERS,
        value_parser = arg_parsers::integer_at_least(0_usize)
    )]
    pub(crate) numbers: usize,
    /// Seed for the generated numbers
    #[arg(
        long = "demo-seed",
        requires = "is_on",
        value_name = "N",
        default_value_t = DEFAULT_SEED,
        value_parser = arg_parsers::integer_at_least(0_u64)
    )]
    pub(crate) seed: u64,
    /// Response latency, in milliseconds
    #[arg(
        long = "demo-latency",
        requires = "is_on",
        value_name = "MS",
        default_value_t = DEMO_LATENCY_MS,
        value_parser = arg_parsers::integer_at_least(0_u64)
    )]
    pub(crate) latency_ms: u64,
    /// Fault file (see below); without it a few requests of each kind fail
    #[arg(long = "demo-faults", requires = "is_on", value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
}

impl Default for DemoArgs {
    fn default() -> Self {
        Self { is_on: true, numbers: DEFAULT_NUMBERS, seed: DEFAULT_SEED, latency_ms: DEMO_LATENCY_MS, faults: None }
    }
}
