//! `pindesk config`: which config file is in use, and what it amounts to. It shows no secret, because the file has none.

use std::io::{self, Write as _};

use clap::Subcommand;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::exit_code_after_print;
use crate::cli::records::{config_not_found, require_config};
use crate::config::{Env, Overrides};
use crate::domain::text::CleanText;
use crate::preflight;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the path of the config file that is in use
    Path,
    /// Show the config that is in use, after variables and flags
    Show {
        /// Show the values that are the defaults, too
        #[arg(long)]
        defaults: bool,
    },
}

pub(crate) fn run(command: &ConfigCommand, overrides: &Overrides, env: &Env) -> Result<ExitCode, CliError> {
    let text = match command {
        // An operator may look for the file because it has an error, so this does not read it.
        ConfigCommand::Path => {
            let path = preflight::find_config(overrides, env).ok_or_else(|| config_not_found(overrides, env))?;
            format!("{}\n", CleanText::new(&path.display().to_string()))
        }
        ConfigCommand::Show { defaults } => require_config(overrides, env)?.to_toml(*defaults),
    };
    exit_code_after_print(io::stdout().write_all(text.as_bytes()), ExitCode::Done)
}
