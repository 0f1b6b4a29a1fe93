//! What every start of the console needs: a terminal, its environment, and the name of the user.
//!
//! It reads no config and does not know the demo.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::eprint_line;
use crate::cli::terminal::terminal_env;
use crate::config::{EscrowSettings, GlyphChoice};
use crate::console::input::decoder::{ESC_TIMEOUT, ESC_TIMEOUT_OVER_SSH};
use crate::console::input::keymap::Keymap;
use crate::console::runtime::{self, ConsoleExit, ConsoleSetup, ConsoleStartError, TokenReader};
use crate::console::shared::{NAMES_WARNING, Session};
use crate::console::terminal::Capabilities;
use crate::console::theme::{Glyphs, Theme};
use crate::domain::text::CleanText;
use crate::journal::{JournalKind, Operator};
use crate::preflight::RecordingConfig;

/// Runs the console until it ends.
pub(crate) fn run_console(setup: ConsoleSetup) -> Result<ConsoleExit, CliError> {
    runtime::run(setup).map_err(|error| match error {
        ConsoleStartError::Terminal(error) => CliError::usage(error.to_string()),
        ConsoleStartError::Signals(error) => CliError::new(ExitCode::MachineFailed, error.to_string()),
        ConsoleStartError::Thread(error) => CliError::machine("cannot start a thread", &error),
    })
}

/// The exit code of a console that ended.
pub(crate) fn exit_code(exit: ConsoleExit) -> ExitCode {
    match exit {
        ConsoleExit::Quit { in_doubt, not_sent } => {
            // The terminal keeps these lines, so they name no number.
            if not_sent > 0 {
                let numbers = if not_sent == 1 { "1 PIN was".to_owned() } else { format!("{not_sent} PINs were") };
                eprint_line(&format!(
                    "pindesk: {numbers} not sent. To send the rest: b in the console, the job, then t."
                ));
            }
            if in_doubt > 0 {
                let numbers = if in_doubt == 1 { "1 number is".to_owned() } else { format!("{in_doubt} numbers are") };
                eprint_line(&format!(
                    "pindesk: {numbers} in doubt: a PIN may be set or not. Start pindesk and press w."
                ));
            }
            ExitCode::Done
        }
        ConsoleExit::OpenDemo => ExitCode::Done,
        ConsoleExit::QuitWithLostRecords => ExitCode::NotReady,
        ConsoleExit::TerminalLost => ExitCode::Signal(signal_hook::consts::SIGHUP),
    }
}

/// True if standard input and standard output are terminals.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Refuses to start without a terminal that can show the screen. `command` is what the operator typed.
pub(crate) fn require_terminal(command: &str) -> Result<(), CliError> {
    if has_terminal() {
        let term = std::env::var("TERM").unwrap_or_default();
        if matches!(term.as_str(), "" | "dumb" | "unknown") {
            let what = if term.is_empty() { "TERM is not set".to_owned() } else { format!("TERM is {term}") };
            return Err(CliError::usage(format!("{what}, and the console cannot draw on such a terminal"))
                .remedy("Set the type of your terminal, for example TERM=xterm-256color.")
                .remedy("Without the screen: pindesk numbers list"));
        }
        return Ok(());
    }
    let error = CliError::usage("the console needs a terminal")
        .remedy("For scripts: pindesk numbers list, pindesk pin set, pindesk jobs. See pindesk --help.");
    if std::env::var_os("SSH_CONNECTION").is_some() {
        return Err(error.remedy(format!("Over SSH, request a terminal: ssh -t HOST {command}")));
    }
    Err(error)
}

/// A setup without config, access token and worker.
pub(crate) fn base_setup(session: Session, no_color: bool, glyphs: GlyphChoice, runtime: Runtime) -> ConsoleSetup {
    let env = terminal_env(no_color);
    let glyphs = match glyphs {
        GlyphChoice::Auto => None,
        GlyphChoice::Ascii => Some(Glyphs::Ascii),
        GlyphChoice::Unicode => Some(Glyphs::Unicode),
    };
    let is_over_ssh = std::env::var_os("SSH_CONNECTION").is_some();
    ConsoleSetup {
        session,
        keymap: Keymap::default(),
        theme: Theme::new(&env, glyphs),
        capabilities: Capabilities::for_term(env.term.as_deref().unwrap_or_default()),
        escape_timeout: if is_over_ssh { ESC_TIMEOUT_OVER_SSH } else { ESC_TIMEOUT },
        credentials: Err(String::new()),
        token_reader: TokenReader { may_prompt: false, read: Box::new(|| Err("there is no config".to_owned())) },
        worker_config: None,
        temp_dir: None,
        runtime,
        #[cfg(debug_assertions)]
        panics_after_start: false,
    }
}

/// Where the console records what it sends.
pub(crate) fn recording_config(
    state_dir: PathBuf,
    kind: JournalKind,
    escrow: EscrowSettings,
    profile: &str,
) -> RecordingConfig {
    RecordingConfig {
        state_dir,
        kind,
        escrow,
        profile: CleanText::new(profile),
        syslog: false,
        operator: Operator::from_process(),
        reads_after_open: false,
        #[cfg(debug_assertions)]
        sync_writes: true,
    }
}

/// True if the console goes on when the line drops, because tmux or screen keeps its terminal.
pub(crate) fn is_in_multiplexer() -> bool {
    is_multiplexer(|name| std::env::var(name).unwrap_or_default())
}

/// Decides by the variables of tmux and screen, and by the type of the terminal: sudo keeps only that.
fn is_multiplexer(variable: impl Fn(&str) -> String) -> bool {
    let term = variable("TERM");
    let is_term_of =
        |name: &str| term.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']));
    ["TMUX", "STY"].iter().any(|name| !variable(name).is_empty()) || ["tmux", "screen"].into_iter().any(is_term_of)
}

/// The name of the user for the title. It proves nothing.
pub(crate) fn user_name() -> String {
    let Operator { uid, user, .. } = Operator::from_process();
    user.map_or_else(|| format!("uid {uid}"), |name| name.to_string())
}

/// What to say of names that are not shown, if only ASCII is shown because of the locale, which an operator can change.
pub(crate) fn names_warning(glyphs: GlyphChoice) -> Option<&'static str> {
    let is_changeable = match glyphs {
        GlyphChoice::Auto => terminal_env(false).is_ascii_by_locale(),
        GlyphChoice::Ascii | GlyphChoice::Unicode => false,
    };
    is_changeable.then_some(NAMES_WARNING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multiplexer_is_recognized_below_sudo() {
        for (variables, expected) in [
            (&[("TERM", "xterm-256color")][..], false),
            (&[], false),
            (&[("TERM", "tmux-256color")], true),
            (&[("TERM", "screen")], true),
            (&[("TERM", "screen.xterm-256color")], true),
            (&[("TERM", "screenish")], false),
            (&[("TERM", "xterm"), ("TMUX", "/tmp/tmux-0/default,1,0")], true),
            (&[("TERM", "vt100"), ("STY", "12.pts-0.host")], true),
        ] {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value).to_owned()
            };
            assert_eq!(is_multiplexer(variable), expected, "{variables:?}");
        }
    }
}
