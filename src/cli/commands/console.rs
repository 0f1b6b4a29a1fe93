//! `pindesk`: the console on the configured numbers.

use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::cli::args::GlobalArgs;
use crate::cli::config_keys::keymap_from_config;
use crate::cli::console_setup::{
    base_setup, exit_code, has_terminal, is_in_multiplexer, names_warning, recording_config, require_terminal,
    run_console, user_name,
};
use crate::cli::discovery;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::records::config_not_found;
use crate::cli::runtime::build_runtime;
use crate::config::endpoint::Credentials;
use crate::config::{self, Config, ConsoleSettings, Env, GlyphChoice, Overrides, Profile, TokenSource};
use crate::console::runtime::{ConsoleExit, ConsoleSetup, TokenReader};
use crate::console::shared::{Environment, EscrowCommand, Message, Session};
use crate::console::worker::WorkerConfig;
use crate::domain::clock::Clock;
use crate::domain::text::CleanText;
use crate::graph::{Graph, ignored_certificates};
use crate::journal::{JournalKind, Operator};
use crate::numbers::NumberSources;
use crate::policy::rotation::Rotation;
use crate::preflight::{self, RecordingConfig};
use crate::process::{self, require_open_files};

/// Runs the console. Returns its exit code; `None` if the operator asked for the demo.
pub(crate) fn run(overrides: &Overrides, env: &Env, global: &GlobalArgs) -> Result<Option<ExitCode>, CliError> {
    let config = match preflight::load_config(overrides, env)? {
        Some(config) => Some(config),
        None if has_terminal() => None,
        None => {
            return Err(config_not_found(overrides, env));
        }
    };
    require_terminal("pindesk")?;
    let setup = match config {
        Some(config) => {
            let state_dir = config::resolve_state_dir(overrides, env)?;
            setup_from_config(config, state_dir, escrow_command(overrides, env), global.no_color)?
        }
        None => setup_without_config(config::search_paths(overrides, env), global.no_color)?,
    };
    #[cfg(debug_assertions)]
    let setup = ConsoleSetup { panics_after_start: global.panic_after_start, ..setup };
    match run_console(setup)? {
        ConsoleExit::OpenDemo => Ok(None),
        exit @ (ConsoleExit::Quit { .. } | ConsoleExit::QuitWithLostRecords | ConsoleExit::TerminalLost) => {
            Ok(Some(exit_code(exit)))
        }
    }
}

fn setup_without_config(searched: Vec<PathBuf>, no_color: bool) -> Result<ConsoleSetup, CliError> {
    let session = Session {
        profile: None,
        environment: Environment::Live,
        read_only: false,
        user: user_name(),
        operator: Operator::from_process().name(),
        host: String::new(),
        config_paths: searched,
        token_source: String::new(),
        wabas: Vec::new(),
        single_numbers: 0,
        escrow_command: EscrowCommand::default(),
        show_pin_for: None,
        concurrency: 1,
        is_in_multiplexer: is_in_multiplexer(),
        may_suspend: ConsoleSettings::default().suspend && process::can_suspend(),
        rotation: None,
        bell: false,
        names_warning: names_warning(GlyphChoice::Auto),
        hide_after: None,
        initial_message: None,
        refresh_note: None,
        waba_search: None,
    };
    Ok(base_setup(session, no_color, GlyphChoice::Auto, build_runtime()?))
}

/// The command that decrypts PINs from the state directory of this console, in any shell and any directory.
fn escrow_command(overrides: &Overrides, env: &Env) -> EscrowCommand {
    let path = |option: &Option<PathBuf>, variable: &Option<PathBuf>| {
        let path = option.as_ref().or(variable.as_ref())?;
        Some(std::path::absolute(path).unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned())
    };
    let options = [
        ("--config", path(&overrides.config, &env.config)),
        ("--state-dir", path(&overrides.state_dir, &env.state_dir)),
        ("--profile", overrides.profile.clone().or_else(|| env.profile.clone())),
    ];
    let given = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.fold(EscrowCommand::default(), |command, (name, value)| command.with_option(name, &value))
}

fn setup_from_config(
    config: Config,
    state_dir: PathBuf,
    escrow_command: EscrowCommand,
    no_color: bool,
) -> Result<ConsoleSetup, CliError> {
    let keymap = keymap_from_config(&config)?;
    // The screen would open, and could set nothing.
    preflight::load_recipients(&config.escrow)?;
    let Config { path, mut profile, console, escrow, policy, audit, .. } = config;
    require_open_files(profile.concurrency)
        .map_err(|error| CliError::new(ExitCode::MachineFailed, error.to_string()))?;
    // A token command may prompt, so it runs before the screen opens.
    let credentials = read_credentials(&profile);
    let runtime = build_runtime()?;
    let waba_search = search_wabas(&mut profile, credentials.as_ref().ok(), &runtime);
    let is_live = profile.live && !profile.is_test();
    let session = Session {
        profile: Some(profile.name.as_str().to_owned()),
        environment: if is_live { Environment::Live } else { Environment::Test },
        read_only: profile.read_only,
        user: user_name(),
        operator: Operator::from_process().name(),
        host: profile.endpoint.url.host_and_port(),
        config_paths: vec![path],
        token_source: profile.token.as_ref().map(token_source_label).unwrap_or_default(),
        wabas: profile.wabas.clone(),
        single_numbers: profile.numbers.len(),
        escrow_command,
        show_pin_for: console.show_pin,
        concurrency: profile.concurrency,
        is_in_multiplexer: is_in_multiplexer(),
        may_suspend: console.suspend && process::can_suspend(),
        rotation: policy.rotate_after.map(Rotation::after),
        bell: console.bell,
        names_warning: names_warning(console.glyphs),
        hide_after: console.hide_after,
        initial_message: ignored_certificates(&profile.endpoint)
            .map(|text| Message { at: Clock::System.now().utc, text }),
        refresh_note: None,
        waba_search,
    };
    let worker_config = WorkerConfig {
        asks_about_token: profile.may_ask_about_token(),
        endpoint: profile.endpoint.clone(),
        sources: NumberSources { wabas: profile.wabas.clone(), numbers: profile.numbers.clone() },
        concurrency: profile.concurrency,
        recording: RecordingConfig {
            syslog: audit.syslog,
            ..recording_config(state_dir, JournalKind::Real, escrow, profile.name.as_str())
        },
    };
    let may_prompt = matches!(profile.token, Some(TokenSource::Command(_)));
    Ok(ConsoleSetup {
        keymap,
        credentials,
        token_reader: TokenReader { may_prompt, read: Box::new(move || read_credentials(&profile)) },
        worker_config: Some(worker_config),
        ..base_setup(session, no_color, console.glyphs, runtime)
    })
}

/// Asks Meta for the WABAs of a profile that names none. Returns why there are none, if Meta was asked.
fn search_wabas(profile: &mut Profile, credentials: Option<&Credentials>, runtime: &Runtime) -> Option<String> {
    let graph = Graph::new(&profile.endpoint, credentials?.clone(), profile.concurrency).ok()?;
    discovery::fill_in_wabas(profile, &graph, runtime)
}

fn read_credentials(profile: &Profile) -> Result<Credentials, String> {
    preflight::load_credentials(profile).map_err(|error| error.to_string())
}

fn token_source_label(source: &TokenSource) -> String {
    match source {
        TokenSource::File(file) => CleanText::new(&file.display().to_string()).to_string(),
        TokenSource::Command(argv) => {
            format!("the command {}", CleanText::new(argv.first().map_or("", String::as_str)))
        }
    }
}
