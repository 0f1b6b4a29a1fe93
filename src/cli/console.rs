//! `pindesk` and `pindesk --demo`: everything the console is started with, put together.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Demo, Failure, Global, has_terminal, keymap, simulate};
use crate::config::endpoint::{AccessToken, Credentials, DEFAULT_GRAPH_VERSION, Endpoint};
use crate::config::{self, Config, ConsoleSettings, Env, GlyphChoice, Overrides, Profile, TokenSource};
use crate::console::app::{Place, Session};
use crate::console::decoder::{ESCAPE_PATIENCE, ESCAPE_PATIENCE_OVER_SSH};
use crate::console::keymap::Keymap;
use crate::console::runtime::{self, CannotRun, Ended, Setup, TokenReader};
use crate::console::terminal::Abilities;
use crate::console::theme::{Glyphs, Surroundings, Theme};
use crate::console::work::Assignment;
use crate::listing::Sources;
use crate::simulator::{self, FaultPlan, Simulator};
use crate::text::Clean;

/// The console on the configured numbers.
pub(super) fn run(overrides: &Overrides, env: &Env, flags: &Global) -> Result<u8, Failure> {
    let no_color = flags.no_color;
    let config = match Config::load(overrides, env)? {
        Some(config) => Some(config),
        None if has_terminal() => None,
        None => {
            let text = super::no_config(overrides, env);
            return Err(Failure::NoConfig(format!("{text}\nWithout the screen:   pindesk numbers list --json")));
        }
    };
    need_terminal("pindesk")?;
    let setup = match config {
        Some(config) => configured(config, no_color)?,
        None => unconfigured(config::search_path(overrides, env), no_color)?,
    };
    #[cfg(debug_assertions)]
    let setup = Setup { panics_after_start: flags.panic_after_start, ..setup };
    match start(setup)? {
        Ended::OpenDemo => run_demo(&Demo::default(), flags),
        Ended::Quit => Ok(0),
        Ended::TerminalLost => Ok(129),
    }
}

/// The console on the embedded simulator.
pub(super) fn run_demo(demo: &Demo, flags: &Global) -> Result<u8, Failure> {
    need_terminal("pindesk --demo")?;
    let plan = demo.faults.as_deref().map(simulate::faults).transpose()?.unwrap_or_else(FaultPlan::demo);
    let spec = simulate::spec(demo.numbers, demo.seed, demo.latency_ms, plan);
    let runtime = simulate::runtime()?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let simulator = runtime
        .block_on(Simulator::start(listen, spec))
        .map_err(|source| Failure::System { what: "cannot start the simulator", source })?;
    let wabas: Vec<_> = simulator::wabas().into_iter().map(Arc::new).collect();
    let place = |what| Failure::Usage(format!("the simulator's {what} is unusable"));
    let endpoint = Endpoint {
        url: simulator.base_url().parse().map_err(|_| place("address"))?,
        version: DEFAULT_GRAPH_VERSION.parse().map_err(|_| place("version"))?,
        ca_file: None,
    };
    let credentials = || {
        let token = AccessToken::parse(simulator::TOKEN).map_err(|error| error.to_string())?;
        Ok(Credentials { token, app_secret: None })
    };
    let session = Session {
        profile: Some("demo".to_owned()),
        place: Place::Demo,
        read_only: flags.read_only,
        user: user(),
        host: endpoint.url.host().to_owned(),
        config_places: Vec::new(),
        token_place: "the demo itself".to_owned(),
        wabas: wabas.clone(),
        show_pin_for: ConsoleSettings::default().show_pin,
        may_suspend: true,
        bell: false,
    };
    let concurrency = config::profile::DEFAULT_CONCURRENCY;
    let setup = Setup {
        assignment: Some(Assignment { endpoint, sources: Sources { wabas, numbers: Vec::new() }, concurrency }),
        credentials: credentials(),
        token: TokenReader { may_ask: false, read: Box::new(credentials) },
        ..bare(session, flags.no_color, GlyphChoice::Auto, runtime)
    };
    match start(setup)? {
        Ended::Quit | Ended::OpenDemo => Ok(0),
        Ended::TerminalLost => Ok(129),
    }
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            is_on: true,
            numbers: simulate::NUMBERS,
            seed: simulate::SEED,
            latency_ms: simulate::DEMO_LATENCY_MS,
            faults: None,
        }
    }
}

fn start(setup: Setup) -> Result<Ended, Failure> {
    runtime::run(setup).map_err(|error| match error {
        CannotRun::Enter(error) => Failure::Usage(error.to_string()),
        CannotRun::Watch(error) => Failure::Usage(error.to_string()),
        CannotRun::Thread(source) => Failure::System { what: "cannot start a thread", source },
    })
}

fn need_terminal(command: &str) -> Result<(), Failure> {
    if has_terminal() {
        let term = std::env::var("TERM").unwrap_or_default();
        if matches!(term.as_str(), "" | "dumb" | "unknown") {
            let told = if term.is_empty() { "TERM is not set".to_owned() } else { format!("TERM is {term}") };
            return Err(Failure::Usage(format!(
                "{told}, so this terminal cannot show the screen. Name its kind, for example TERM=xterm-256color, or \
                 use: pindesk numbers list."
            )));
        }
        return Ok(());
    }
    let ssh = if std::env::var_os("SSH_CONNECTION").is_some() {
        format!("\nOver SSH, ask for one: ssh -t HOST {command}")
    } else {
        String::new()
    };
    Err(Failure::Usage(format!(
        "the screen needs a terminal. For scripts use: pindesk numbers list. See pindesk --help.{ssh}"
    )))
}

/// What every start has in common.
fn bare(session: Session, no_color: bool, glyphs: GlyphChoice, runtime: tokio::runtime::Runtime) -> Setup {
    let surroundings = surroundings(no_color);
    let glyphs = match glyphs {
        GlyphChoice::Auto => None,
        GlyphChoice::Ascii => Some(Glyphs::Ascii),
        GlyphChoice::Unicode => Some(Glyphs::Unicode),
    };
    let over_ssh = std::env::var_os("SSH_CONNECTION").is_some();
    Setup {
        session,
        keymap: Keymap::default(),
        theme: Theme::new(&surroundings, glyphs),
        abilities: Abilities::for_term(surroundings.term.as_deref().unwrap_or_default()),
        escape_patience: if over_ssh { ESCAPE_PATIENCE_OVER_SSH } else { ESCAPE_PATIENCE },
        credentials: Err(String::new()),
        token: TokenReader { may_ask: false, read: Box::new(|| Err("there is no config".to_owned())) },
        assignment: None,
        runtime,
        #[cfg(debug_assertions)]
        panics_after_start: false,
    }
}

fn unconfigured(places: Vec<PathBuf>, no_color: bool) -> Result<Setup, Failure> {
    let session = Session {
        profile: None,
        place: Place::Live,
        read_only: false,
        user: user(),
        host: String::new(),
        config_places: places,
        token_place: String::new(),
        wabas: Vec::new(),
        show_pin_for: None,
        may_suspend: ConsoleSettings::default().suspend,
        bell: false,
    };
    Ok(bare(session, no_color, GlyphChoice::Auto, simulate::runtime()?))
}

fn configured(config: Config, no_color: bool) -> Result<Setup, Failure> {
    let keymap = keymap(&config)?;
    let Config { source, profile, console, .. } = config;
    let session = Session {
        profile: Some(profile.name.as_str().to_owned()),
        place: if profile.live && !profile.is_test() { Place::Live } else { Place::Test },
        read_only: profile.read_only,
        user: user(),
        host: profile.endpoint.url.host().to_owned(),
        config_places: vec![source],
        token_place: profile.token.as_ref().map(token_place).unwrap_or_default(),
        wabas: profile.wabas.clone(),
        show_pin_for: console.show_pin,
        may_suspend: console.suspend,
        bell: console.bell,
    };
    let assignment = Assignment {
        endpoint: profile.endpoint.clone(),
        sources: Sources { wabas: profile.wabas.clone(), numbers: profile.numbers.clone() },
        concurrency: profile.concurrency,
    };
    let may_ask = matches!(profile.token, Some(TokenSource::Command(_)));
    Ok(Setup {
        keymap,
        // A command may ask for something: it runs before the screen is taken.
        credentials: credentials(&profile),
        token: TokenReader { may_ask, read: Box::new(move || credentials(&profile)) },
        assignment: Some(assignment),
        ..bare(session, no_color, console.glyphs, simulate::runtime()?)
    })
}

fn credentials(profile: &Profile) -> Result<Credentials, String> {
    match profile.credentials() {
        Ok(Some(credentials)) => Ok(credentials),
        Ok(None) => Err("The config file names no access token.".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn token_place(source: &TokenSource) -> String {
    match source {
        TokenSource::File(file) => Clean::new(&file.display().to_string()).to_string(),
        TokenSource::Command(words) => {
            format!("the command {}", Clean::new(words.first().map_or("", String::as_str)))
        }
    }
}

fn surroundings(no_color: bool) -> Surroundings {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Surroundings {
        term: variable("TERM"),
        locale: variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG")),
        no_color: no_color || variable("NO_COLOR").is_some(),
    }
}

/// The user as the system calls them, for the title only.
fn user() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.map_or_else(|_| rustix::process::getuid().as_raw().to_string(), |name| Clean::new(&name).to_string())
}
