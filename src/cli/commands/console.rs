//! `pindesk`: everything the console is started with, put together.

use std::path::PathBuf;

use crate::cli::commands::{demo, simulator as simulate};
use crate::cli::{CliError, DemoArgs, GlobalArgs, build_keymap, has_terminal};
use crate::config::endpoint::Credentials;
use crate::config::{self, Config, ConsoleSettings, Env, GlyphChoice, Overrides, Profile, TokenSource};
use crate::console::app::{Environment, Session};
use crate::console::input::decoder::{ESC_TIMEOUT, ESC_TIMEOUT_OVER_SSH};
use crate::console::input::keymap::Keymap;
use crate::console::runtime::{self, ConsoleExit, ConsoleSetup, ConsoleStartError, TokenReader};
use crate::console::terminal::Capabilities;
use crate::console::theme::{Glyphs, TerminalEnv, Theme};
use crate::console::worker::WorkerConfig;
use crate::domain::text::CleanText;
use crate::journal::{JournalKind, Operator};
use crate::numbers::NumberSources;
use crate::preflight::RecordingConfig;
use crate::process;

/// The console on the configured numbers.
pub(crate) fn run(overrides: &Overrides, env: &Env, flags: &GlobalArgs) -> Result<u8, CliError> {
    let no_color = flags.no_color;
    let config = match crate::preflight::load_config(overrides, env)? {
        Some(config) => Some(config),
        None if has_terminal() => None,
        None => {
            let text = crate::cli::config_not_found_message(overrides, env);
            return Err(CliError::ConfigNotFound(format!("{text}\nWithout the screen:   pindesk numbers list --json")));
        }
    };
    require_terminal("pindesk")?;
    let setup = match config {
        Some(config) => setup_from_config(config, config::resolve_state_dir(overrides, env)?, no_color)?,
        None => setup_without_config(config::search_paths(overrides, env), no_color)?,
    };
    #[cfg(debug_assertions)]
    let setup = ConsoleSetup { panics_after_start: flags.panic_after_start, ..setup };
    match run_console(setup)? {
        ConsoleExit::OpenDemo => demo::run(&DemoArgs::default(), None, flags),
        ended @ (ConsoleExit::Quit | ConsoleExit::QuitWithLostRecords | ConsoleExit::TerminalLost) => {
            Ok(exit_code(ended))
        }
    }
}

pub(crate) fn run_console(setup: ConsoleSetup) -> Result<ConsoleExit, CliError> {
    runtime::run(setup).map_err(|error| match error {
        ConsoleStartError::Terminal(error) => CliError::Usage(error.to_string()),
        ConsoleStartError::Signals(error) => CliError::Usage(error.to_string()),
        ConsoleStartError::Thread(source) => CliError::System { context: "cannot start a thread", source },
    })
}

/// The exit code of a console that has ended.
pub(crate) const fn exit_code(ended: ConsoleExit) -> u8 {
    match ended {
        ConsoleExit::Quit | ConsoleExit::OpenDemo => 0,
        ConsoleExit::QuitWithLostRecords => crate::cli::NOT_READY,
        ConsoleExit::TerminalLost => 129,
    }
}

pub(crate) fn require_terminal(command: &str) -> Result<(), CliError> {
    if has_terminal() {
        let term = std::env::var("TERM").unwrap_or_default();
        if matches!(term.as_str(), "" | "dumb" | "unknown") {
            let told = if term.is_empty() { "TERM is not set".to_owned() } else { format!("TERM is {term}") };
            return Err(CliError::Usage(format!(
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
    Err(CliError::Usage(format!(
        "the screen needs a terminal. For scripts use: pindesk numbers list, pindesk pin set, pindesk jobs. \
         See pindesk --help.{ssh}"
    )))
}

/// What every start has in common.
pub(crate) fn base_setup(
    session: Session,
    no_color: bool,
    glyphs: GlyphChoice,
    runtime: tokio::runtime::Runtime,
) -> ConsoleSetup {
    let surroundings = terminal_env(no_color);
    let glyphs = match glyphs {
        GlyphChoice::Auto => None,
        GlyphChoice::Ascii => Some(Glyphs::Ascii),
        GlyphChoice::Unicode => Some(Glyphs::Unicode),
    };
    let over_ssh = std::env::var_os("SSH_CONNECTION").is_some();
    ConsoleSetup {
        session,
        keymap: Keymap::default(),
        theme: Theme::new(&surroundings, glyphs),
        capabilities: Capabilities::for_term(surroundings.term.as_deref().unwrap_or_default()),
        escape_timeout: if over_ssh { ESC_TIMEOUT_OVER_SSH } else { ESC_TIMEOUT },
        credentials: Err(String::new()),
        token_reader: TokenReader { may_prompt: false, read: Box::new(|| Err("there is no config".to_owned())) },
        worker_config: None,
        temp_dir: None,
        runtime,
        #[cfg(debug_assertions)]
        panics_after_start: false,
    }
}

fn setup_without_config(places: Vec<PathBuf>, no_color: bool) -> Result<ConsoleSetup, CliError> {
    let session = Session {
        profile: None,
        environment: Environment::Live,
        read_only: false,
        user: user_name(),
        host: String::new(),
        config_paths: places,
        token_source: String::new(),
        wabas: Vec::new(),
        show_pin_for: None,
        may_suspend: ConsoleSettings::default().suspend && process::can_suspend(),
        bell: false,
        hide_after: None,
        initial_message: None,
    };
    Ok(base_setup(session, no_color, GlyphChoice::Auto, simulate::build_runtime()?))
}

fn setup_from_config(config: Config, state_dir: PathBuf, no_color: bool) -> Result<ConsoleSetup, CliError> {
    let keymap = build_keymap(&config)?;
    let Config { path: source, profile, console, escrow, .. } = config;
    let session = Session {
        profile: Some(profile.name.as_str().to_owned()),
        environment: if profile.live && !profile.is_test() { Environment::Live } else { Environment::Test },
        read_only: profile.read_only,
        user: user_name(),
        host: profile.endpoint.url.host().to_owned(),
        config_paths: vec![source],
        token_source: profile.token.as_ref().map(token_location).unwrap_or_default(),
        wabas: profile.wabas.clone(),
        show_pin_for: console.show_pin,
        may_suspend: console.suspend && process::can_suspend(),
        bell: console.bell,
        hide_after: console.hide_after,
        initial_message: None,
    };
    let assignment = WorkerConfig {
        endpoint: profile.endpoint.clone(),
        sources: NumberSources { wabas: profile.wabas.clone(), numbers: profile.numbers.clone() },
        concurrency: profile.concurrency,
        recording: recording_config(state_dir, JournalKind::Real, escrow, profile.name.as_str()),
    };
    let may_ask = matches!(profile.token, Some(TokenSource::Command(_)));
    Ok(ConsoleSetup {
        keymap,
        // A command may ask for something: it runs before the screen is taken.
        credentials: credentials(&profile),
        token_reader: TokenReader { may_prompt: may_ask, read: Box::new(move || credentials(&profile)) },
        worker_config: Some(assignment),
        ..base_setup(session, no_color, console.glyphs, simulate::build_runtime()?)
    })
}

/// Where what is sent is recorded.
pub(crate) fn recording_config(
    state_dir: PathBuf,
    kind: JournalKind,
    escrow: config::EscrowSettings,
    profile: &str,
) -> RecordingConfig {
    RecordingConfig {
        state_dir,
        kind,
        escrow,
        profile: CleanText::new(profile),
        operator: Operator::from_process(),
        #[cfg(debug_assertions)]
        sync_writes: true,
    }
}

fn credentials(profile: &Profile) -> Result<Credentials, String> {
    crate::preflight::load_credentials(profile).map_err(|error| error.to_string())
}

fn token_location(source: &TokenSource) -> String {
    match source {
        TokenSource::File(file) => CleanText::new(&file.display().to_string()).to_string(),
        TokenSource::Command(words) => {
            format!("the command {}", CleanText::new(words.first().map_or("", String::as_str)))
        }
    }
}

fn terminal_env(no_color: bool) -> TerminalEnv {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    TerminalEnv {
        term: variable("TERM"),
        locale: variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG")),
        no_color: no_color || variable("NO_COLOR").is_some(),
    }
}

/// The user as the system calls them, for the title only.
pub(crate) fn user_name() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.map_or_else(|_| rustix::process::getuid().as_raw().to_string(), |name| CleanText::new(&name).to_string())
}
