//! `pindesk`: everything the console is started with, put together.

use std::path::PathBuf;

use super::{Demo, Failure, Global, demo, has_terminal, keymap, simulate};
use crate::config::endpoint::Credentials;
use crate::config::{self, Config, ConsoleSettings, Env, GlyphChoice, Overrides, Profile, TokenSource};
use crate::console::app::{Place, Session};
use crate::console::decoder::{ESCAPE_PATIENCE, ESCAPE_PATIENCE_OVER_SSH};
use crate::console::keymap::Keymap;
use crate::console::runtime::{self, CannotRun, Ended, Setup, TokenReader};
use crate::console::terminal::Abilities;
use crate::console::theme::{Glyphs, Surroundings, Theme};
use crate::console::work::{Assignment, Recording};
use crate::journal::{Actor, Kind};
use crate::listing::NumberSources;
use crate::process;
use crate::text::CleanText;

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
        Some(config) => configured(config, config::resolve_state_dir(overrides, env)?, no_color)?,
        None => unconfigured(config::search_paths(overrides, env), no_color)?,
    };
    #[cfg(debug_assertions)]
    let setup = Setup { panics_after_start: flags.panic_after_start, ..setup };
    match start(setup)? {
        Ended::OpenDemo => demo::run(&Demo::default(), None, flags),
        ended @ (Ended::Quit | Ended::QuitWithoutRecords | Ended::TerminalLost) => Ok(exit_code(ended)),
    }
}

pub(super) fn start(setup: Setup) -> Result<Ended, Failure> {
    runtime::run(setup).map_err(|error| match error {
        CannotRun::Enter(error) => Failure::Usage(error.to_string()),
        CannotRun::Watch(error) => Failure::Usage(error.to_string()),
        CannotRun::Thread(source) => Failure::System { what: "cannot start a thread", source },
    })
}

/// The exit code of a console that has ended.
pub(super) const fn exit_code(ended: Ended) -> u8 {
    match ended {
        Ended::Quit | Ended::OpenDemo => 0,
        Ended::QuitWithoutRecords => config::EXIT_CODE,
        Ended::TerminalLost => 129,
    }
}

pub(super) fn need_terminal(command: &str) -> Result<(), Failure> {
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
        "the screen needs a terminal. For scripts use: pindesk numbers list, pindesk pin set, pindesk jobs. \
         See pindesk --help.{ssh}"
    )))
}

/// What every start has in common.
pub(super) fn bare(session: Session, no_color: bool, glyphs: GlyphChoice, runtime: tokio::runtime::Runtime) -> Setup {
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
        temporary: None,
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
        may_suspend: ConsoleSettings::default().suspend && process::can_suspend(),
        bell: false,
        hide_after: None,
        start_note: None,
    };
    Ok(bare(session, no_color, GlyphChoice::Auto, simulate::runtime()?))
}

fn configured(config: Config, state_dir: PathBuf, no_color: bool) -> Result<Setup, Failure> {
    let keymap = keymap(&config)?;
    let Config { path: source, profile, console, escrow, .. } = config;
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
        may_suspend: console.suspend && process::can_suspend(),
        bell: console.bell,
        hide_after: console.hide_after,
        start_note: None,
    };
    let assignment = Assignment {
        endpoint: profile.endpoint.clone(),
        sources: NumberSources { wabas: profile.wabas.clone(), numbers: profile.numbers.clone() },
        concurrency: profile.concurrency,
        recording: recording(state_dir, Kind::Real, escrow, profile.name.as_str()),
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

/// Where what is sent is recorded.
pub(super) fn recording(state_dir: PathBuf, kind: Kind, escrow: config::EscrowSettings, profile: &str) -> Recording {
    Recording {
        state_dir,
        kind,
        escrow,
        profile: CleanText::new(profile),
        actor: Actor::from_process(),
        #[cfg(debug_assertions)]
        syncs: true,
    }
}

fn credentials(profile: &Profile) -> Result<Credentials, String> {
    match profile.load_credentials() {
        Ok(Some(credentials)) => Ok(credentials),
        Ok(None) => Err("The config file names no access token.".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn token_place(source: &TokenSource) -> String {
    match source {
        TokenSource::File(file) => CleanText::new(&file.display().to_string()).to_string(),
        TokenSource::Command(words) => {
            format!("the command {}", CleanText::new(words.first().map_or("", String::as_str)))
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
pub(super) fn user() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.map_or_else(|_| rustix::process::getuid().as_raw().to_string(), |name| CleanText::new(&name).to_string())
}
