//! The WABAs of a profile that names none: Meta is asked which of them the access token sees.
//!
//! It never asks a server that must not get the access token in a URL.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::eprint_line;
use crate::cli::pauses;
use crate::cli::records;
use crate::cli::runtime::{build_runtime, open_graph};
use crate::config::{Config, Profile};
use crate::domain::clock::Clock;
use crate::domain::number::Waba;
use crate::graph::Graph;
use crate::numbers::discovery::{TokenSight, read_token_sight};
use crate::pace::Pace;
use crate::policy::error_catalog::Explanation;

/// How long the console waits for the answer before its screen opens without one.
pub(crate) const CONSOLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a profile that names no WABA has none, as a sentence: Meta was not asked.
pub(crate) const NOT_ASKED: &str = "Nothing was asked.";

/// Refuses a profile without numbers, after Meta was asked for the WABAs of its access token. Returns the client that
/// asked, if one did.
pub(crate) fn require_numbers(config: &mut Config, global: &GlobalArgs) -> Result<Option<Graph>, CliError> {
    if !config.profile.is_empty() {
        return Ok(None);
    }
    if !can_discover(&config.profile) {
        return Err(records::names_nothing(config, NOT_ASKED));
    }
    let graph = open_graph(&config.profile)?;
    let pace = pauses::new_pace(&config.profile, config.profile.concurrency, OutputOptions::new(false, global));
    match build_runtime()?.block_on(discover(&config.profile, &graph, &pace)) {
        Ok(wabas) => config.profile.wabas = wabas,
        Err(why) => return Err(records::names_nothing(config, &why)),
    }
    if global.verbose {
        let count = config.profile.wabas.len();
        eprint_line(&format!("pindesk: the access token sees {count} WABAs, and all are listed"));
    }
    Ok(Some(graph))
}

/// The same for the console, whose screen opens with or without WABAs. Returns why there are none.
pub(crate) fn fill_in_wabas(profile: &mut Profile, graph: &Graph, runtime: &Runtime) -> Option<String> {
    if !profile.is_empty() || !can_discover(profile) {
        return None;
    }
    let pace = Pace::new(profile.concurrency, Clock::System, |_| {});
    let found =
        runtime.block_on(async { tokio::time::timeout(CONSOLE_TIMEOUT, discover(profile, graph, &pace)).await });
    match found {
        Ok(Ok(wabas)) => {
            profile.wabas = wabas;
            None
        }
        Ok(Err(why)) => Some(why),
        Err(_) => Some("Meta did not answer in time which WABAs the access token sees.".to_owned()),
    }
}

/// True if Meta can be asked: there is an access token, and it may stand in a URL.
fn can_discover(profile: &Profile) -> bool {
    profile.token.is_some() && profile.may_ask_about_token()
}

/// The WABAs of the access token, or a sentence that says why there are none.
async fn discover(profile: &Profile, graph: &Graph, pace: &Pace) -> Result<Vec<Arc<Waba>>, String> {
    match read_token_sight(graph, pace, profile.business).await {
        Ok(TokenSight { wabas, .. }) if !wabas.is_empty() => Ok(wabas),
        Ok(TokenSight { token, .. }) if !token.is_valid => {
            Err("Meta does not accept the access token any longer.".to_owned())
        }
        Ok(TokenSight { .. }) => Err("The access token sees no WABA.".to_owned()),
        Err(failure) => {
            let reason = Explanation::for_unread_token(&failure).reason;
            Err(format!("Which WABAs the access token sees could not be read. {reason}"))
        }
    }
}
