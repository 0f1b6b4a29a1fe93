//! Checks the settings of the operator (file, environment and flags) and combines them into a [`Config`].
//!
//! A [`Config`] has no unknown key, no impossible value, and one selected profile. This module never reads a file
//! or an environment variable (it receives text and an [`Env`]). It holds no secret, only where to read it
//! ([`TokenSource`]). Its errors never repeat a value that could be a secret pasted by mistake.

pub mod endpoint;
pub mod keys;
mod location;
pub mod error;
mod toml_reader;
pub mod settings;
pub mod profile;
mod show;

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::domain::redact::redacted_word;
use crate::domain::text::CleanText;

pub use error::ConfigError;
pub use profile::{Profile, TokenSource};
pub use settings::{AuditSettings, ConsoleSettings, EscrowSettings, GlyphChoice, KeyOverride, PolicySettings};

use error::ConfigDiagnostic;
use location::{ConfigLocation, ConfigText};
use toml_reader::ConfigTable;

/// The config file that pindesk reads if the user has none.
const SYSTEM_CONFIG_PATH: &str = "/etc/pindesk/config.toml";

/// The options of the command line. They override the environment and the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--state-dir DIR`
    pub state_dir: Option<PathBuf>,
    /// `--profile NAME`
    pub profile: Option<String>,
    /// `--read-only`, which can turn read-only on, but never off.
    pub read_only: bool,
}

/// The environment variables that pindesk reads, as a value. An empty variable counts as unset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Env {
    /// `PINDESK_CONFIG`
    pub config: Option<PathBuf>,
    /// `PINDESK_STATE_DIR`
    pub state_dir: Option<PathBuf>,
    /// `PINDESK_PROFILE`
    pub profile: Option<String>,
    /// `PINDESK_TOKEN_FILE`
    pub token_file: Option<PathBuf>,
    /// `HOME`, ignored unless it is absolute.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, ignored unless it is absolute, as the XDG specification requires.
    pub xdg_config_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`, ignored unless it is absolute.
    pub xdg_state_home: Option<PathBuf>,
}

impl Env {
    /// Reads each variable through `lookup`.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        let path = |name| set(name).map(PathBuf::from);
        let absolute = |name| path(name).filter(|path| path.is_absolute());
        Self {
            config: path("PINDESK_CONFIG"),
            state_dir: path("PINDESK_STATE_DIR"),
            // A name that is not UTF-8 matches no profile, and the error names it.
            profile: set("PINDESK_PROFILE").map(|name| name.to_string_lossy().into_owned()),
            token_file: path("PINDESK_TOKEN_FILE"),
            home: absolute("HOME"),
            xdg_config_home: absolute("XDG_CONFIG_HOME"),
            xdg_state_home: absolute("XDG_STATE_HOME"),
        }
    }
}

/// The checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file that contained the text.
    pub path: PathBuf,
    /// The selected profile.
    pub profile: Profile,
    /// The keys that PINs are encrypted to.
    pub escrow: EscrowSettings,
    /// Where each of the `recipients` of the escrow is.
    recipient_locations: Vec<ConfigLocation>,
    /// The rules of the team.
    pub policy: PolicySettings,
    /// What becomes of the audit log.
    pub audit: AuditSettings,
    /// How the console behaves.
    pub console: ConsoleSettings,
    /// The `[keys]` table in the order of the file. The keymap checks it.
    pub key_overrides: Vec<KeyOverride>,
}

impl Config {
    /// Checks the text of the config file at `path`, and selects a profile.
    ///
    /// # Errors
    /// If something in the text is wrong, or no profile can be selected.
    pub fn parse(path: PathBuf, text: &str, overrides: &Overrides, env: &Env) -> Result<Self, ConfigError> {
        let source = ConfigText { path: &path, text, home: env.home.as_deref() };
        let root = DeTable::parse(text).map_err(|error| ConfigDiagnostic::from_toml_error(&source, &error))?;
        let root_table = ConfigTable::root(&source, &root)?;
        let mut profiles = Vec::new();
        if let Some(table) = root_table.get("profile") {
            for field in table.any_table()?.fields() {
                profiles.push(profile::parse_profile(&field)?);
            }
        }
        let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        let default = default_profile_name(&root_table, &names)?;
        let (escrow, recipient_locations) = settings::parse_escrow(&root_table)?;
        let policy = settings::parse_policy(&root_table)?;
        let audit = settings::parse_audit(&root_table)?;
        let console = settings::parse_console(&root_table)?;
        let key_overrides = settings::parse_key_overrides(&root_table)?;

        let by_flag = overrides.profile.as_deref().map(|name| (name, "--profile"));
        let requested = by_flag.or_else(|| env.profile.as_deref().map(|name| (name, "PINDESK_PROFILE")));
        let default = default.map(|name| (name, "default_profile"));
        let index = select_profile(&path, &names, requested, default)?;
        let mut profile = profiles.swap_remove(index);
        profile.read_only |= overrides.read_only;
        if let Some(file) = &env.token_file {
            profile.token = Some(TokenSource::File(file.clone()));
        }
        Ok(Self { path, profile, escrow, recipient_locations, policy, audit, console, key_overrides })
    }

    /// Checks each of the `recipients`, in the order of the file. `check` says why one is not a usable key, and repeats
    /// nothing of it.
    ///
    /// # Errors
    /// At the first that `check` refuses.
    pub fn check_recipients<E: Display>(&self, check: impl Fn(&str) -> Result<(), E>) -> Result<(), ConfigError> {
        for (recipient, location) in self.escrow.recipients.iter().zip(&self.recipient_locations) {
            check(recipient).map_err(|reason| {
                ConfigDiagnostic::new(location.clone(), reason.to_string(), "one public key in each entry")
            })?;
        }
        Ok(())
    }
}

/// The index of the requested profile, or of the default one, or of the only one. A name comes with what gives it.
fn select_profile(
    file: &Path,
    names: &[&str],
    requested: Option<(&str, &'static str)>,
    default: Option<(&str, &'static str)>,
) -> Result<usize, ConfigError> {
    let available = || names.iter().map(|name| CleanText::new(name)).collect();
    let file = CleanText::new(&file.to_string_lossy());
    match (requested.or(default), names) {
        (_, []) => Err(ConfigError::NoProfile { file }),
        (Some((name, named_by)), _) => {
            names.iter().position(|known| *known == name).ok_or_else(|| ConfigError::UnknownProfile {
                file,
                requested: CleanText::new(redacted_word(name)),
                named_by,
                available: available(),
            })
        }
        (None, [_]) => Ok(0),
        (None, _) => Err(ConfigError::AmbiguousProfile { file, available: available() }),
    }
}

/// Returns `default_profile`, which must be one of `names`.
fn default_profile_name<'t>(root_table: &ConfigTable<'t>, names: &[&str]) -> Result<Option<&'t str>, ConfigError> {
    let Some(field) = root_table.get("default_profile") else { return Ok(None) };
    let name = field.string("the name of a profile")?;
    if names.contains(&name) {
        return Ok(Some(name));
    }
    let expected = if names.is_empty() {
        "a table [profile.NAME] with this name".to_owned()
    } else {
        format!("one of: {}", names.join(", "))
    };
    Err(field.value_error("there is no profile with this name", expected).with_suggestion(name, names).into())
}

/// The files to look for, in order. pindesk reads the first that exists.
#[must_use]
pub fn search_paths(overrides: &Overrides, env: &Env) -> Vec<PathBuf> {
    if let Some(path) = explicit_config_path(overrides, env) {
        return vec![path.clone()];
    }
    let config_home = env.xdg_config_home.clone().or_else(|| env.home.as_ref().map(|home| home.join(".config")));
    let user_config = config_home.map(|dir| dir.join("pindesk/config.toml"));
    user_config.into_iter().chain([PathBuf::from(SYSTEM_CONFIG_PATH)]).collect()
}

/// The file that a flag or a variable selects. It must exist.
#[must_use]
pub fn explicit_config_path<'a>(overrides: &'a Overrides, env: &'a Env) -> Option<&'a PathBuf> {
    overrides.config.as_ref().or(env.config.as_ref())
}

/// The state directory that a flag or a variable selects.
#[must_use]
pub fn explicit_state_dir<'a>(overrides: &'a Overrides, env: &'a Env) -> Option<&'a PathBuf> {
    overrides.state_dir.as_ref().or(env.state_dir.as_ref())
}

/// The directory of the journal and the escrow. It may not exist yet.
///
/// # Errors
/// If neither a flag nor a variable selects it, and there is no home directory.
pub fn resolve_state_dir(overrides: &Overrides, env: &Env) -> Result<PathBuf, ConfigError> {
    if let Some(dir) = explicit_state_dir(overrides, env) {
        return Ok(dir.clone());
    }
    let state_home = env.xdg_state_home.clone().or_else(|| env.home.as_ref().map(|home| home.join(".local/state")));
    state_home.map(|dir| dir.join("pindesk")).ok_or(ConfigError::NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_and_relative_base_directories_are_unset() {
        let env = Env::from_lookup(|name| match name {
            "PINDESK_CONFIG" | "HOME" => Some(OsString::new()),
            "XDG_CONFIG_HOME" => Some("relative".into()),
            "PINDESK_PROFILE" => Some("acme".into()),
            _ => None,
        });
        assert_eq!(env, Env { profile: Some("acme".to_owned()), ..Env::default() });
    }

    #[test]
    fn the_user_file_comes_before_the_system_file() {
        let none = Overrides::default();
        let mut env = Env { home: Some("/home/ana".into()), ..Env::default() };
        let paths = |overrides: &Overrides, env: &Env| -> Vec<String> {
            search_paths(overrides, env).iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(paths(&none, &env), ["/home/ana/.config/pindesk/config.toml", SYSTEM_CONFIG_PATH]);
        env.xdg_config_home = Some("/xdg".into());
        assert_eq!(paths(&none, &env), ["/xdg/pindesk/config.toml", SYSTEM_CONFIG_PATH]);
        env.config = Some("/env.toml".into());
        assert_eq!(paths(&none, &env), ["/env.toml"]);
        let flag = Overrides { config: Some("flag.toml".into()), ..Overrides::default() };
        assert_eq!(paths(&flag, &env), ["flag.toml"]);
        assert_eq!(paths(&none, &Env::default()), [SYSTEM_CONFIG_PATH]);
    }

    #[test]
    fn the_state_directory_is_from_flag_then_variable_then_home() {
        let mut overrides = Overrides { state_dir: Some("/flag".into()), ..Overrides::default() };
        let mut env = Env {
            state_dir: Some("/env".into()),
            xdg_state_home: Some("/xdg".into()),
            home: Some("/home/ana".into()),
            ..Env::default()
        };
        assert_eq!(resolve_state_dir(&overrides, &env).ok(), Some("/flag".into()));
        overrides.state_dir = None;
        assert_eq!(resolve_state_dir(&overrides, &env).ok(), Some("/env".into()));
        env.state_dir = None;
        assert_eq!(resolve_state_dir(&overrides, &env).ok(), Some("/xdg/pindesk".into()));
        env.xdg_state_home = None;
        assert_eq!(resolve_state_dir(&overrides, &env).ok(), Some("/home/ana/.local/state/pindesk".into()));
        env.home = None;
        assert!(matches!(resolve_state_dir(&overrides, &env), Err(ConfigError::NoHome)));
    }
}
