//! The config as an operator uses it: files, environment variables and flags, and the messages about mistakes.

mod credentials;
mod loading;
mod secrets;
mod show;
mod structure;
mod values;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use pindesk::config::{Config, Env, Overrides};
use pindesk::preflight::{self, PreflightError};
use tempfile::TempDir;

/// A temporary home directory, deleted when the test ends.
struct ConfigHome(TempDir);

impl ConfigHome {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write_file(&self, name: &str, mode: u32, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent directory")).expect("its directory");
        fs::write(&path, content).expect("the file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn env(&self) -> Env {
        Env { home: Some(self.0.path().to_owned()), ..Env::default() }
    }

    /// Loads `content` as the config of this home.
    fn load_config(&self, content: &str, overrides: &Overrides, env: &Env) -> Result<Config, PreflightError> {
        self.write_file(".config/pindesk/config.toml", 0o600, content);
        preflight::load_config(overrides, env).map(|config| config.expect("the file exists"))
    }

    /// The message with `~` for the temporary directory.
    fn without_temp_path(&self, error: impl std::fmt::Display) -> String {
        error.to_string().replace(&*self.0.path().to_string_lossy(), "~").replace("~/.config/pindesk/", "")
    }
}

/// The config from a file with this content.
fn parse_config(content: &str) -> Config {
    let home = ConfigHome::new();
    home.load_config(content, &Overrides::default(), &home.env()).expect("a valid config")
}

/// The error message for a file with this content.
fn config_error(content: &str) -> String {
    let home = ConfigHome::new();
    home.without_temp_path(
        home.load_config(content, &Overrides::default(), &home.env()).expect_err("an invalid config"),
    )
}
