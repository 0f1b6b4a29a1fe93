//! `pindesk simulator`: a local fake Graph API. It listens on loopback only.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::arg_parsers;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print};
use crate::cli::runtime::build_runtime;
use crate::cli::simulator_config::ConfigDir;
use crate::cli::simulator_spec::{DEFAULT_NUMBERS, DEFAULT_SEED, FAULT_FILE_HELP, read_fault_plan, simulator_spec};
use crate::config::endpoint::AppSecret;
use crate::domain::text::plain_io_error;
use crate::simulator::{FaultPlan, Simulator, WabaSizes};

#[derive(Debug, Args)]
#[command(after_help = FAULT_FILE_HELP)]
pub(crate) struct SimulatorArgs {
    /// Loopback address to listen on; port 0 picks a free port. Left out: that
    /// of the config in DIR, or else 127.0.0.1:0
    #[arg(long, value_name = "ADDR", value_parser = arg_parsers::parse_address)]
    listen: Option<SocketAddr>,
    /// How many numbers to generate
    #[arg(
        long,
        value_name = "N",
        default_value_t = DEFAULT_NUMBERS,
        value_parser = arg_parsers::integer_at_least(0_usize)
    )]
    numbers: usize,
    /// Seed for the generated numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED, value_parser = arg_parsers::integer_at_least(0_u64))]
    seed: u64,
    /// Response latency, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = arg_parsers::integer_at_least(0_u64))]
    latency: u64,
    /// How many numbers each WABA has, instead of a share of all numbers, such as 9000,500
    #[arg(
        long,
        value_name = "N,...",
        conflicts_with = "numbers",
        value_delimiter = ',',
        value_parser = arg_parsers::integer_at_least(0_usize)
    )]
    waba_sizes: Vec<usize>,
    /// How many calls each WABA accepts in any hour
    #[arg(long, value_name = "N", value_parser = arg_parsers::integer_at_least(1_usize))]
    calls_per_hour: Option<usize>,
    /// Do not count refused calls among those of the hour
    #[arg(long, requires = "calls_per_hour")]
    refused_calls_are_free: bool,
    /// Check the app secret proof of requests against this made-up secret
    #[arg(long, value_name = "SECRET", value_parser = parse_app_secret)]
    app_secret: Option<AppSecret>,
    /// Refuse requests without an app secret proof
    #[arg(long)]
    require_proof: bool,
    /// Fault file (see below)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Write a config, an access token and an escrow key for it into this
    /// directory, or use those that an earlier simulator wrote there
    #[arg(long, value_name = "DIR")]
    write_config: Option<PathBuf>,
}

fn parse_app_secret(text: &str) -> Result<AppSecret, String> {
    AppSecret::parse(text).map_err(|error| error.to_string())
}

/// The sizes of all WABAs; those that are not given are empty.
fn waba_sizes(given: &[usize]) -> Result<Option<WabaSizes>, CliError> {
    let mut sizes = WabaSizes::default();
    if given.len() > sizes.len() {
        return Err(CliError::usage(format!("--waba-sizes: there are only {} WABAs", sizes.len())));
    }
    sizes[..given.len()].copy_from_slice(given);
    Ok((!given.is_empty()).then_some(sizes))
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> CliError {
    let failed = CliError::usage(format!("cannot listen on {address}: {}", plain_io_error(error)));
    if error.kind() == io::ErrorKind::AddrInUse {
        return failed.remedy("Another simulator may be running there. Stop it, or choose another address.");
    }
    failed
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(args: &SimulatorArgs) -> Result<ExitCode, CliError> {
    let plan = args.faults.as_deref().map(read_fault_plan).transpose()?.unwrap_or_else(FaultPlan::none);
    let mut spec = simulator_spec(args.numbers, args.seed, args.latency, plan);
    spec.world.waba_sizes = waba_sizes(&args.waba_sizes)?;
    spec.world.calls_per_hour = args.calls_per_hour;
    spec.world.counts_refused_calls = !args.refused_calls_are_free;
    spec.world.app_secret.clone_from(&args.app_secret);
    spec.world.requires_proof = args.require_proof;
    let config_dir =
        args.write_config.as_deref().map(|dir| ConfigDir::open(dir, args.app_secret.clone())).transpose()?;
    let written = config_dir.as_ref().map(|dir| dir.address(args.listen)).transpose()?.flatten();
    let listen = written.or(args.listen).unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    build_runtime()?.block_on(async {
        let simulator = Simulator::start(listen, spec).await.map_err(|error| cannot_listen(listen, &error))?;
        let mut signals =
            Signals::new([SIGTERM, SIGINT]).map_err(|error| CliError::machine("cannot watch for signals", &error))?;
        let base_url = simulator.base_url();
        let hint = config_dir.map(|dir| dir.write(&base_url)).transpose()?;
        // The reader may have closed the pipe. The simulator serves all the same.
        let printed = writeln!(io::stdout(), "listening on {base_url}").and_then(|()| io::stdout().flush());
        exit_code_after_print(printed, ExitCode::Done)?;
        if let Some(hint) = hint {
            eprint_line(&hint);
        }
        let stop = simulator.stop_token();
        std::thread::spawn(move || {
            signals.forever().next();
            stop.cancel();
        });
        simulator.wait_until_stopped().await.map_err(|error| CliError::machine("the simulator failed", &error))
    })?;
    Ok(ExitCode::Done)
}
