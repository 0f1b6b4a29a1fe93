//! The directory with a config for a simulator, an access token and an escrow key, so that every command can be tried. A
//! later simulator uses the same files again.
//!
//! It never writes over a file, and changes the mode of nothing that exists.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519;

use crate::cli::error::CliError;
use crate::config::endpoint::AppSecret;
use crate::domain::json_text::json_text;
use crate::domain::redact::{redacted_path, shell_quote};
use crate::simulator;

const CONFIG_FILE: &str = "config.toml";
const TOKEN_FILE: &str = "token";
const KEY_FILE: &str = "key.txt";
const APP_SECRET_FILE: &str = "app-secret";
const FILES: [&str; 3] = [CONFIG_FILE, TOKEN_FILE, KEY_FILE];

/// The first line of a config that this module wrote.
const HEADER: &str = "# Made by pindesk simulator. Its numbers are made up, and it listens only while it runs.";

/// What the line with the address begins and ends with.
const ADDRESS_LINE: [&str; 2] = ["graph_url = \"http://", "\""];

/// The directory of `--write-config`.
#[derive(Debug)]
pub(crate) struct ConfigDir {
    dir: PathBuf,
    /// The directory as the operator gave it.
    given: PathBuf,
    /// Where the simulator listens, if an earlier one wrote the files.
    address: Option<SocketAddr>,
    /// The app secret of the simulator, if it checks proofs.
    app_secret: Option<AppSecret>,
}

impl ConfigDir {
    /// Looks at a directory, which may not exist. Writes nothing.
    ///
    /// # Errors
    /// If one of the files exists, and an earlier simulator did not write all of them, or had another app secret.
    pub(crate) fn open(given: &Path, app_secret: Option<AppSecret>) -> Result<Self, CliError> {
        let dir = std::path::absolute(given).map_err(|error| cannot_write(given, &error))?;
        if dir.is_file() {
            return Err(CliError::usage(format!("{} is a file", redacted_path(given)))
                .remedy("--write-config names a directory, which it creates if it is missing."));
        }
        let existing = FILES.map(|name| dir.join(name)).into_iter().find(|path| path.symlink_metadata().is_ok());
        let address = written_address(&dir);
        match existing {
            Some(path) if address.is_none() => {
                let path = redacted_path(&path);
                Err(CliError::usage(format!("{path} exists, and is not written over"))
                    .remedy("Name another directory, or leave out --write-config."))
            }
            Some(_) if written_app_secret(&dir).as_deref() != app_secret.as_ref().map(AppSecret::expose) => {
                Err(CliError::usage("the config in that directory was written with another --app-secret, or without")
                    .remedy("Give the same --app-secret, or name another directory."))
            }
            Some(_) | None => Ok(Self { dir, given: given.to_owned(), address, app_secret }),
        }
    }

    /// Where the simulator has to listen, if an earlier one wrote the files.
    ///
    /// # Errors
    /// If `listen` is another address. Port 0 is every port.
    pub(crate) fn address(&self, listen: Option<SocketAddr>) -> Result<Option<SocketAddr>, CliError> {
        let fits = |written: SocketAddr, listen: SocketAddr| {
            written == listen || (listen.port() == 0 && written.ip() == listen.ip())
        };
        match (self.address, listen) {
            (Some(written), Some(listen)) if !fits(written, listen) => {
                let config = redacted_path(&self.given.join(CONFIG_FILE)).to_string();
                Err(CliError::usage(format!("--listen {listen}: {config} is for {written}"))
                    .remedy("Leave out --listen, or name another directory."))
            }
            (written, _) => Ok(written),
        }
    }

    /// Writes the files for the simulator at `url`, if no earlier one did. Returns the commands that use them.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn write(&self, url: &str) -> Result<String, CliError> {
        if self.address.is_none() {
            self.write_files(url).map_err(|error| cannot_write(&self.given, &error))?;
        }
        let [config, state, key] =
            [CONFIG_FILE, "state", KEY_FILE].map(|name| shell_quote(&self.dir.join(name)).to_string());
        let again = self.address.map(|_| format!("{} is used again.\n", redacted_path(&self.given.join(CONFIG_FILE))));
        Ok(format!(
            "{}To use it, in another terminal:\n  \
             export PINDESK_CONFIG={config}\n  \
             export PINDESK_STATE_DIR={state}\n  \
             pindesk numbers list\n\
             To decrypt the PINs that were set:\n  \
             pindesk escrow open --identity {key}\n\
             A restart of the simulator forgets its PINs: its numbers are as at the first start.",
            again.unwrap_or_default()
        ))
    }

    fn write_files(&self, url: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let key = x25519::Identity::generate();
        let app_secret = self.app_secret.as_ref().map(AppSecret::expose);
        let config = config_text(&self.dir, url, &key.to_public().to_string(), app_secret.is_some())?;
        let key = key.to_string();
        let files = [
            (TOKEN_FILE, Some(simulator::FULL_ACCESS_TOKEN)),
            (APP_SECRET_FILE, app_secret),
            (KEY_FILE, Some(key.expose_secret())),
            (CONFIG_FILE, Some(config.as_str())),
        ];
        for (name, text) in files.into_iter().filter_map(|(name, text)| Some((name, text?))) {
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(self.dir.join(name));
            file.and_then(|mut file| writeln!(file, "{text}"))?;
        }
        Ok(())
    }
}

fn cannot_write(dir: &Path, error: &io::Error) -> CliError {
    CliError::usage(format!("cannot write to {}: {error}", redacted_path(dir)))
}

/// The address in the config that an earlier simulator wrote, if all of its files are there.
fn written_address(dir: &Path) -> Option<SocketAddr> {
    if !FILES.iter().all(|name| dir.join(name).is_file()) {
        return None;
    }
    let config = fs::read_to_string(dir.join(CONFIG_FILE)).ok()?;
    let config = config.strip_prefix(HEADER)?;
    let [start, end] = ADDRESS_LINE;
    config.lines().find_map(|line| line.strip_prefix(start)?.strip_suffix(end)?.parse().ok())
}

/// The app secret that an earlier simulator wrote, if any.
fn written_app_secret(dir: &Path) -> Option<String> {
    Some(fs::read_to_string(dir.join(APP_SECRET_FILE)).ok()?.trim_end().to_owned())
}

fn config_text(dir: &Path, url: &str, recipient: &str, has_app_secret: bool) -> io::Result<String> {
    // A string of JSON is one of TOML, too.
    let path = |name: &str| json_text(&dir.join(name).to_string_lossy());
    let token = path(TOKEN_FILE)?;
    let app_secret =
        if has_app_secret { format!("app_secret_file = {}\n", path(APP_SECRET_FILE)?) } else { String::new() };
    let wabas = simulator::wabas();
    let tables = wabas
        .iter()
        .map(|waba| format!("\n[[profile.simulator.waba]]\nid = \"{}\"\nname = \"{}\"\n", waba.id, waba.label()));
    Ok(format!(
        "{HEADER}\n\
         [profile.simulator]\nlive = false\ngraph_url = \"{url}\"\ntoken_file = {token}\n{app_secret}{}\n\
         [escrow]\nrecipients = [\"{recipient}\"]",
        tables.collect::<Vec<_>>().concat()
    ))
}
