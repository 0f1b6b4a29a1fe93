//! Writes a config for a running simulator, with an access token and an escrow key, so that every command can be tried.
//!
//! It never writes over a file, and changes the mode of nothing that exists.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519;

use crate::cli::error::CliError;
use crate::domain::json_text::json_text;
use crate::domain::redact::{redacted_path, shell_quote};
use crate::simulator;

const CONFIG_FILE: &str = "config.toml";
const TOKEN_FILE: &str = "token";
const KEY_FILE: &str = "key.txt";

/// Writes the files for the simulator at `url` into a directory, which is created if it does not exist. Returns the
/// commands that use them.
///
/// # Errors
/// If one of the files exists, or cannot be written.
pub(crate) fn write_config(dir: &Path, url: &str) -> Result<String, CliError> {
    let failed = |error: io::Error| CliError::usage(format!("cannot write to {}: {error}", redacted_path(dir)));
    let dir = std::path::absolute(dir).map_err(failed)?;
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(failed)?;
    for name in [CONFIG_FILE, TOKEN_FILE, KEY_FILE] {
        let path = dir.join(name);
        if path.symlink_metadata().is_ok() {
            let path = redacted_path(&path);
            return Err(CliError::usage(format!("{path} exists, and is not written over"))
                .remedy("Name another directory, or leave out --write-config."));
        }
    }
    let key = x25519::Identity::generate();
    let config = config_text(&dir, url, &key.to_public().to_string()).map_err(failed)?;
    for (name, text) in [
        (TOKEN_FILE, simulator::FULL_ACCESS_TOKEN),
        (KEY_FILE, key.to_string().expose_secret()),
        (CONFIG_FILE, config.as_str()),
    ] {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(dir.join(name));
        file.and_then(|mut file| writeln!(file, "{text}")).map_err(failed)?;
    }
    let (config, state, key) = (dir.join(CONFIG_FILE), dir.join("state"), dir.join(KEY_FILE));
    let options = format!("--config {} --state-dir {}", shell_quote(&config), shell_quote(&state));
    Ok(format!(
        "To use it, in another terminal:\n  pindesk {options}\n  pindesk {options} numbers list\n\
         To decrypt the PINs that were set:\n  pindesk {options} escrow open --identity {}",
        shell_quote(&key)
    ))
}

fn config_text(dir: &Path, url: &str, recipient: &str) -> io::Result<String> {
    // A string of JSON is one of TOML, too.
    let token = json_text(&dir.join(TOKEN_FILE).to_string_lossy())?;
    let wabas = simulator::wabas();
    let tables = wabas
        .iter()
        .map(|waba| format!("\n[[profile.simulator.waba]]\nid = \"{}\"\nname = \"{}\"\n", waba.id, waba.label()));
    Ok(format!(
        "# Made by pindesk simulator. Its numbers are made up, and it listens only while it runs.\n\
         [profile.simulator]\nlive = false\ngraph_url = \"{url}\"\ntoken_file = {token}\n{}\n\
         [escrow]\nrecipients = [\"{recipient}\"]",
        tables.collect::<Vec<_>>().concat()
    ))
}
