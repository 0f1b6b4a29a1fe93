//! `pindesk --demo`: the console on the embedded simulator, with a key of its own, so that an operator can try the escrow,
//! a number in doubt, and recovery.
//!
//! Nothing leaves the machine, and nothing stays on it unless the operator named a state directory.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::cli::args::{DemoArgs, GlobalArgs};
use crate::cli::console_setup::{
    base_setup, exit_code, is_in_multiplexer, names_warning, recording_config, require_terminal, run_console, user_name,
};
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::runtime::build_runtime;
use crate::cli::simulator_spec::{read_fault_plan, simulator_spec};
use crate::config::endpoint::{AccessToken, Credentials, DEFAULT_GRAPH_VERSION, Endpoint};
use crate::config::{self, ConsoleSettings, EscrowSettings, GlyphChoice};
use crate::console::runtime::{ConsoleSetup, TokenReader};
use crate::console::shared::{Environment, EscrowCommand, Message, Session};
use crate::console::worker::WorkerConfig;
use crate::domain::clock::Clock;
use crate::domain::redact::redacted_path;
use crate::journal::{JournalKind, Operator};
use crate::numbers::NumberSources;
use crate::process;
use crate::simulator::{self, FAILING_DEMO_ROWS, FaultPlan, Simulator};
use crate::state_dir::{OpenMode, StateDir};

/// The private key, in the state directory of the demo.
const KEY_FILE: &str = "key.txt";

/// Runs the console on the embedded simulator.
pub(crate) fn run(args: &DemoArgs, state_dir: Option<&Path>, global: &GlobalArgs) -> Result<ExitCode, CliError> {
    require_terminal("pindesk --demo")?;
    let demo = DemoSetup::prepare(state_dir)?;
    let plan = args.faults.as_deref().map(read_fault_plan).transpose()?.unwrap_or_else(FaultPlan::demo);
    let spec = simulator_spec(args.numbers, args.seed, args.latency_ms, plan);
    let runtime = build_runtime()?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let simulator = runtime
        .block_on(Simulator::start(listen, spec))
        .map_err(|error| CliError::machine("cannot start the simulator", &error))?;
    let wabas: Vec<_> = simulator::wabas().into_iter().map(Arc::new).collect();
    let unusable = |what| CliError::new(ExitCode::Bug, format!("the simulator's {what} is unusable"));
    let endpoint = Endpoint {
        url: simulator.base_url().parse().map_err(|_| unusable("address"))?,
        version: DEFAULT_GRAPH_VERSION.parse().map_err(|_| unusable("version"))?,
        ca_file: None,
    };
    let credentials = || {
        let token = AccessToken::parse(simulator::FULL_ACCESS_TOKEN).map_err(|error| error.to_string())?;
        Ok(Credentials { token, app_secret: None })
    };
    let settings = ConsoleSettings::default();
    let failing = if args.faults.is_none() { failing_rows_message(args.numbers) } else { None };
    let session = Session {
        profile: Some("demo".to_owned()),
        environment: Environment::Demo,
        read_only: global.read_only,
        user: user_name(),
        operator: Operator::from_process().name(),
        host: endpoint.url.host().to_owned(),
        config_paths: Vec::new(),
        token_source: "the demo itself".to_owned(),
        wabas: wabas.clone(),
        single_numbers: 0,
        escrow_command: demo.escrow_command,
        show_pin_for: settings.show_pin,
        concurrency: config::profile::DEFAULT_CONCURRENCY,
        is_in_multiplexer: is_in_multiplexer(),
        may_suspend: settings.suspend && process::can_suspend(),
        rotation: None,
        bell: false,
        names_warning: names_warning(GlyphChoice::Auto),
        hide_after: settings.hide_after,
        initial_message: Some(Message { at: Clock::System.now().utc, text: demo.key_message }),
        refresh_note: failing,
        waba_search: None,
    };
    let setup = ConsoleSetup {
        worker_config: Some(WorkerConfig {
            asks_about_token: false,
            endpoint,
            sources: NumberSources { wabas, numbers: Vec::new() },
            concurrency: config::profile::DEFAULT_CONCURRENCY,
            recording: recording_config(demo.state_dir, JournalKind::Demo, demo.escrow, "demo"),
        }),
        credentials: credentials(),
        token_reader: TokenReader { may_prompt: false, read: Box::new(credentials) },
        temp_dir: demo.temp_dir,
        ..base_setup(session, global.no_color, GlyphChoice::Auto, runtime)
    };
    Ok(exit_code(run_console(setup)?))
}

/// Where the demo records what it does, and the key that decrypts its escrow.
struct DemoSetup {
    state_dir: PathBuf,
    /// The directory, if it is removed when the demo ends.
    temp_dir: Option<TempDir>,
    escrow: EscrowSettings,
    /// Says where the key is.
    key_message: String,
    /// The command that decrypts the PINs of a number with that key.
    escrow_command: EscrowCommand,
}

/// Says which rows of the list fail; `None` if there are too few numbers for one.
fn failing_rows_message(numbers: usize) -> Option<String> {
    let (first, last) = (*FAILING_DEMO_ROWS.start(), numbers.min(*FAILING_DEMO_ROWS.end()));
    match last.checked_sub(first)? {
        0 => Some(format!("Row {first} goes wrong on purpose: its name says how.")),
        _ => Some(format!("Rows {first} to {last} go wrong on purpose: their names say how.")),
    }
}

impl DemoSetup {
    /// Uses the directory that the operator named, which stays, or a temporary one.
    fn prepare(named: Option<&Path>) -> Result<Self, CliError> {
        let (state_dir, temp_dir) = if let Some(dir) = named {
            (dir.to_owned(), None)
        } else {
            let created = tempfile::Builder::new().prefix("pindesk-demo-").tempdir();
            let temp_dir =
                created.map_err(|error| CliError::machine("cannot create a directory for the demo", &error))?;
            (temp_dir.path().to_owned(), Some(temp_dir))
        };
        let recipient = load_or_create_key(&state_dir)?.to_public().to_string();
        let removal = if temp_dir.is_some() { " It is removed when the demo ends." } else { "" };
        let key_message = format!(
            "PINs are encrypted to a throwaway key.{removal} c on a number shows the command that decrypts its PIN."
        );
        // The operator may paste it into a shell in another directory.
        let absolute_dir = std::path::absolute(&state_dir).unwrap_or_else(|_| state_dir.clone());
        let escrow_command = EscrowCommand::default()
            .with_option("--state-dir", &absolute_dir.to_string_lossy())
            .with_identity(&absolute_dir.join(KEY_FILE));
        let escrow = EscrowSettings { recipients: vec![recipient], recipients_file: None };
        Ok(Self { state_dir, temp_dir, escrow, key_message, escrow_command })
    }
}

/// The private key of the demo: the one in its directory, or a new one.
fn load_or_create_key(path: &Path) -> Result<x25519::Identity, CliError> {
    let dir = StateDir::open_or_create(path)?;
    let failed = |error: io::Error| CliError::machine("cannot use the key of the demo", &error);
    let key_exists = dir.has_file(KEY_FILE)?;
    if !key_exists && (dir.has_file("journal.db")? || dir.has_file("escrow.jsonl")?) {
        let what = format!("{} is the state directory of real numbers, not of a demo", redacted_path(path));
        return Err(CliError::not_ready(what).remedy("Name another directory."));
    }
    let mut file = dir.open_file(KEY_FILE, OpenMode::ReadWrite)?;
    if key_exists {
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        return text.trim().parse().map_err(|reason: &str| failed(io::Error::other(reason)));
    }
    let key = x25519::Identity::generate();
    file.write_all(key.to_string().expose_secret().as_bytes()).map_err(failed)?;
    Ok(key)
}
