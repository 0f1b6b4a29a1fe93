//! `pindesk --demo`: the console on the embedded simulator, with a key of its own, so that escrow, doubt and recovery can
//! be tried.
//!
//! Nothing leaves the machine, and nothing stays on it unless a directory was named for it.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::cli::commands::{console, simulator as simulate};
use crate::cli::{CliError, DemoArgs, GlobalArgs};
use crate::config::endpoint::{AccessToken, Credentials, DEFAULT_GRAPH_VERSION, Endpoint};
use crate::config::{self, ConsoleSettings, EscrowSettings, GlyphChoice};
use crate::console::app::status::Message;
use crate::console::app::{Environment, Session};
use crate::console::runtime::{ConsoleSetup, TokenReader};
use crate::console::worker::WorkerConfig;
use crate::domain::clock::Clock;
use crate::domain::redact::{redacted_path, shell_quote};
use crate::journal::JournalKind;
use crate::numbers::NumberSources;
use crate::process;
use crate::simulator::{self, FaultPlan, Simulator};
use crate::state_dir::{OpenMode, StateDir};

/// The private key, in the demo's own state directory.
const KEY_FILE: &str = "key.txt";

/// The console on the embedded simulator.
pub(crate) fn run(demo: &DemoArgs, state_dir: Option<&Path>, flags: &GlobalArgs) -> Result<u8, CliError> {
    console::require_terminal("pindesk --demo")?;
    let desk = DemoSetup::prepare(state_dir)?;
    let plan = demo.faults.as_deref().map(simulate::read_fault_plan).transpose()?.unwrap_or_else(FaultPlan::demo);
    let spec = simulate::simulator_spec(demo.numbers, demo.seed, demo.latency_ms, plan);
    let runtime = simulate::build_runtime()?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let simulator = runtime
        .block_on(Simulator::start(listen, spec))
        .map_err(|source| CliError::System { context: "cannot start the simulator", source })?;
    let wabas: Vec<_> = simulator::wabas().into_iter().map(Arc::new).collect();
    let place = |what| CliError::Usage(format!("the simulator's {what} is unusable"));
    let endpoint = Endpoint {
        url: simulator.base_url().parse().map_err(|_| place("address"))?,
        version: DEFAULT_GRAPH_VERSION.parse().map_err(|_| place("version"))?,
        ca_file: None,
    };
    let credentials = || {
        let token = AccessToken::parse(simulator::FULL_ACCESS_TOKEN).map_err(|error| error.to_string())?;
        Ok(Credentials { token, app_secret: None })
    };
    let session = Session {
        profile: Some("demo".to_owned()),
        environment: Environment::Demo,
        read_only: flags.read_only,
        user: console::user_name(),
        host: endpoint.url.host().to_owned(),
        config_paths: Vec::new(),
        token_source: "the demo itself".to_owned(),
        wabas: wabas.clone(),
        show_pin_for: ConsoleSettings::default().show_pin,
        may_suspend: ConsoleSettings::default().suspend && process::can_suspend(),
        bell: false,
        hide_after: ConsoleSettings::default().hide_after,
        initial_message: Some(Message { at: Clock::System.now().utc, text: desk.note }),
    };
    let concurrency = config::profile::DEFAULT_CONCURRENCY;
    let recording = console::recording_config(desk.dir, JournalKind::Demo, desk.escrow, "demo");
    let sources = NumberSources { wabas, numbers: Vec::new() };
    let setup = ConsoleSetup {
        worker_config: Some(WorkerConfig { endpoint, sources, concurrency, recording }),
        credentials: credentials(),
        token_reader: TokenReader { may_prompt: false, read: Box::new(credentials) },
        temp_dir: desk.temporary,
        ..console::base_setup(session, flags.no_color, GlyphChoice::Auto, runtime)
    };
    Ok(console::exit_code(console::run_console(setup)?))
}

/// Where the demo records what it does, and the key that opens its escrow.
struct DemoSetup {
    dir: PathBuf,
    /// The directory, if it goes when the demo ends.
    temporary: Option<TempDir>,
    escrow: EscrowSettings,
    /// Says where the key is.
    note: String,
}

impl DemoSetup {
    /// In a directory that the operator named, which stays; or in one that goes with the demo.
    fn prepare(named: Option<&Path>) -> Result<Self, CliError> {
        let failed = |source| CliError::System { context: "cannot make a directory for the demo", source };
        let (dir, temporary) = if let Some(dir) = named {
            (dir.to_owned(), None)
        } else {
            let temporary = tempfile::Builder::new().prefix("pindesk-demo-").tempdir().map_err(failed)?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let recipient = load_or_create_key(&dir)?.to_public().to_string();
        let key = shell_quote(&dir.join(KEY_FILE));
        let stays = if temporary.is_some() { " It goes when the demo ends." } else { "" };
        let shown = shell_quote(&dir);
        let note = format!(
            "PINs are sealed to a throw-away key.{stays} To see them, in another terminal: \
             pindesk escrow open --state-dir {shown} --identity {key}"
        );
        Ok(Self { dir, temporary, escrow: EscrowSettings { recipients: vec![recipient], recipients_file: None }, note })
    }
}

/// The demo's private key: the one that lies in its directory, or a new one.
fn load_or_create_key(place: &Path) -> Result<x25519::Identity, CliError> {
    let dir = StateDir::open_or_create(place).map_err(|error| CliError::not_ready(&error))?;
    let failed = |source| CliError::System { context: "the demo's key", source };
    let has = |name| dir.has_file(name).map_err(|error| CliError::not_ready(&error));
    let is_old = has(KEY_FILE)?;
    if !is_old && (has("journal.db")? || has("escrow.jsonl")?) {
        let why = format!("{} is not a demo's. Name another directory.", redacted_path(place));
        return Err(CliError::NotReady(why));
    }
    let mut file = dir.open_file(KEY_FILE, OpenMode::ReadWrite).map_err(|error| CliError::not_ready(&error))?;
    if is_old {
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        return text.trim().parse().map_err(|what: &str| failed(io::Error::other(what)));
    }
    let key = x25519::Identity::generate();
    file.write_all(key.to_string().expose_secret().as_bytes()).map_err(failed)?;
    Ok(key)
}

impl Default for DemoArgs {
    fn default() -> Self {
        Self {
            is_on: true,
            numbers: simulate::DEFAULT_NUMBERS,
            seed: simulate::DEFAULT_SEED,
            latency_ms: simulate::DEMO_LATENCY_MS,
            faults: None,
        }
    }
}
