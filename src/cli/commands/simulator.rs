//! `pindesk simulator`, and the simulator inside the demo.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{CliError, arg_parsers};
use crate::domain::redact::redacted_path;
use crate::simulator::{FaultPlan, Simulator, SimulatorSpec, WorldSpec};

/// Numbers in a world, where nothing else is asked for.
pub(crate) const DEFAULT_NUMBERS: usize = 12_408;

/// The world that is shown where nothing else is asked for.
pub(crate) const DEFAULT_SEED: u64 = 1;

/// What the demo's answers take: about what Meta's do.
pub(crate) const DEMO_LATENCY_MS: u64 = 120;

#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    /// The loopback address to serve on; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDR",
        default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        value_parser = arg_parsers::parse_address
    )]
    listen: SocketAddr,
    /// How many numbers there are
    #[arg(long, value_name = "N", default_value_t = DEFAULT_NUMBERS, value_parser = arg_parsers::integer_at_least(0_usize))]
    numbers: usize,
    /// Another world of numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED, value_parser = arg_parsers::integer_at_least(0_u64))]
    seed: u64,
    /// How long each answer takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = arg_parsers::integer_at_least(0_u64))]
    latency: u64,
    /// The faults to play
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// A world of so many numbers, with these faults.
pub(crate) fn simulator_spec(numbers: usize, seed: u64, latency_ms: u64, faults: FaultPlan) -> SimulatorSpec {
    SimulatorSpec { world: WorldSpec::new(numbers, seed), latency: Duration::from_millis(latency_ms), faults }
}

/// Reads a file of faults.
pub(crate) fn read_fault_plan(file: &Path) -> Result<FaultPlan, CliError> {
    let name = redacted_path(file);
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::Usage(format!("cannot read the faults file {name}: {error}")))?;
    FaultPlan::parse(&text).map_err(|error| CliError::Usage(format!("{name}: {error}")))
}

/// A tokio runtime for one thread.
pub(crate) fn build_runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|source| CliError::System { context: "cannot start the runtime", source })
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(options: &SimulatorArgs) -> Result<u8, CliError> {
    let plan = options.faults.as_deref().map(read_fault_plan).transpose()?.unwrap_or_else(FaultPlan::none);
    let spec = simulator_spec(options.numbers, options.seed, options.latency, plan);
    build_runtime()?.block_on(async {
        let cannot_serve = |error: io::Error| CliError::Usage(format!("cannot listen on {}: {error}", options.listen));
        let simulator = Simulator::start(options.listen, spec).await.map_err(cannot_serve)?;
        let mut signals = Signals::new([SIGTERM, SIGINT])
            .map_err(|source| CliError::System { context: "cannot watch for signals", source })?;
        // Whoever started us may have stopped reading; we serve all the same.
        writeln!(io::stdout(), "listening on {}", simulator.base_url()).ok();
        io::stdout().flush().ok();
        let stopper = simulator.stop_token();
        std::thread::spawn(move || {
            signals.forever().next();
            stopper.cancel();
        });
        simulator
            .wait_until_stopped()
            .await
            .map_err(|source| CliError::System { context: "the simulator failed", source })
    })?;
    Ok(0)
}
