//! The tokio runtime of a command, and its Graph client.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::eprint_line;
use crate::config::Profile;
use crate::graph::{Graph, ignored_certificates};
use crate::preflight;
use crate::process::require_open_files;

/// How many threads run what blocks. Each has a heap of its own, and a job would start several: one encrypts PINs, one reads
/// the journal or a host name, and one waits for the end.
const MAX_BLOCKING_THREADS: usize = 3;

/// Builds a tokio runtime that runs on one thread.
pub(crate) fn build_runtime() -> Result<Runtime, CliError> {
    let built: io::Result<Runtime> =
        Builder::new_current_thread().enable_all().max_blocking_threads(MAX_BLOCKING_THREADS).build();
    built.map_err(|error| CliError::machine("cannot start the runtime", &error))
}

/// Reads the access token of a profile and builds its client. May run `token_command`.
pub(crate) fn open_graph(profile: &Profile) -> Result<Graph, CliError> {
    require_open_files(profile.concurrency)
        .map_err(|error| CliError::new(ExitCode::MachineFailed, error.to_string()))?;
    let credentials = preflight::load_credentials(profile)?;
    if let Some(text) = ignored_certificates(&profile.endpoint) {
        eprint_line(&format!("pindesk: {text}"));
    }
    let graph = Graph::new(&profile.endpoint, credentials, profile.concurrency);
    let graph = graph.map_err(|error| CliError::not_ready_because(&error))?;
    Ok(graph.on_other_version(Arc::new(|other| eprint_line(&format!("pindesk: {other}")))))
}
