//! What the operator configured: file, environment and flags, checked and combined into a [`Config`].
//!
//! A [`Config`] has no unknown key, no impossible value, and one selected profile. This module reads no file and no
//! environment variable (it gets text and an [`Env`]), holds no secret (only where to read it, [`TokenSource`]), and
//! its errors repeat no value that could be a secret pasted by mistake.

pub mod endpoint;
mod location;
pub mod error;
mod toml_reader;
pub mod settings;
pub mod profile;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::domain::redact::redacted_word;
use crate::domain::text::CleanText;

pub use error::ConfigError;
pub use profile::{Profile, TokenSource};
pub use settings::{ConsoleSettings, EscrowSettings, GlyphChoice, KeyOverride};

use error::ConfigDiagnostic;
use location::ConfigText;
use toml_reader::ConfigTable;

/// Read if the user has no file of their own.
const SYSTEM_CONFIG_PATH: &str = "/etc/pindesk/config.toml";

/// The options of the command line. They override everything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--state-dir DIR`
    pub state_dir: Option<PathBuf>,
    /// `--profile NAME`
    pub profile: Option<String>,
    /// `--read-only`; it can turn read-only on, never off.
    pub read_only: bool,
}

/// The environment variables that matter here, as a value. An empty variable counts as unset.
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
    /// `HOME`; absolute, or ignored.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`; absolute, or ignored, as the XDG specification demands.
    pub xdg_config_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`; absolute, or ignored.
    pub xdg_state_home: Option<PathBuf>,
}

impl Env {
    /// Reads the variables through `variable`.
    #[must_use]
    pub fn from_lookup(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
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
    /// The file it was read from.
    pub path: PathBuf,
    /// The selected profile.
    pub profile: Profile,
    /// The keys that PINs are encrypted to.
    pub escrow: EscrowSettings,
    /// How the console behaves.
    pub console: ConsoleSettings,
    /// The `[keys]` table in the order of the file, for the keymap to check.
    pub key_overrides: Vec<KeyOverride>,
}

impl Config {
    /// Checks the text of the config file at `path`, and selects a profile.
    ///
    /// # Errors
    /// Something in the text is wrong, or no profile can be selected.
    pub fn parse(path: PathBuf, text: &str, overrides: &Overrides, env: &Env) -> Result<Self, ConfigError> {
        let source = ConfigText { path: &path, text, home: env.home.as_deref() };
        let root = DeTable::parse(text).map_err(|error| ConfigDiagnostic::from_toml_error(&source, &error))?;
        let top = ConfigTable::root(&source, &root)?;
        let mut profiles = Vec::new();
        if let Some(table) = top.get("profile") {
            for field in table.any_table()?.fields() {
                profiles.push(profile::parse_profile(&field)?);
            }
        }
        let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        let default = default_profile_name(&top, &names)?;
        let escrow = settings::parse_escrow(&top)?;
        let console = settings::parse_console(&top)?;
        let keys = settings::parse_key_overrides(&top)?;

        let asked = overrides.profile.as_deref().or(env.profile.as_deref());
        let index = select_profile(&path, &names, asked, default)?;
        let mut profile = profiles.swap_remove(index);
        profile.read_only |= overrides.read_only;
        if let Some(file) = &env.token_file {
            profile.token = Some(TokenSource::File(file.clone()));
        }
        Ok(Self { profile, escrow, console, key_overrides: keys, path })
    }
}

/// The index of the requested profile, or of the default one, or of the only one.
fn select_profile(
    file: &Path,
    names: &[&str],
    asked: Option<&str>,
    default: Option<&str>,
) -> Result<usize, ConfigError> {
    let known = || names.iter().map(|name| CleanText::new(name)).collect();
    let file = CleanText::new(&file.to_string_lossy());
    match (asked.or(default), names) {
        (_, []) => Err(ConfigError::NoProfile { file }),
        (Some(wanted), _) => names.iter().position(|name| *name == wanted).ok_or_else(|| ConfigError::UnknownProfile {
            file,
            requested: CleanText::new(redacted_word(wanted)),
            available: known(),
        }),
        (None, [_]) => Ok(0),
        (None, _) => Err(ConfigError::AmbiguousProfile { file, available: known() }),
    }
}

/// `default_profile`, which must be one of `names`.
fn default_profile_name<'t>(top: &ConfigTable<'t>, names: &[&str]) -> Result<Option<&'t str>, ConfigError> {
    let Some(field) = top.get("default_profile") else { return Ok(None) };
    let name = field.string("the name of a profile")?;
    if names.contains(&name) {
        return Ok(Some(name));
    }
    let expected = if names.is_empty() {
        "a table [profile.NAME] of that name".to_owned()
    } else {
        format!("one of: {}", names.join(", "))
    };
    Err(field.value_error("there is no profile of this name", expected).with_suggestion(name, names).into())
}

/// The files that are looked for, in order: the config is the first that exists.
#[must_use]
pub fn search_paths(overrides: &Overrides, env: &Env) -> Vec<PathBuf> {
    if let Some(path) = explicit_config_path(overrides, env) {
        return vec![path.clone()];
    }
    let config_home = env.xdg_config_home.clone().or_else(|| env.home.as_ref().map(|home| home.join(".config")));
    let of_user = config_home.map(|dir| dir.join("pindesk/config.toml"));
    of_user.into_iter().chain([PathBuf::from(SYSTEM_CONFIG_PATH)]).collect()
}

/// The file that a flag or a variable names. It must exist.
#[must_use]
pub fn explicit_config_path<'a>(overrides: &'a Overrides, env: &'a Env) -> Option<&'a PathBuf> {
    overrides.config.as_ref().or(env.config.as_ref())
}

/// The directory of the journal and the escrow. It need not exist.
///
/// # Errors
/// When neither flag nor variable names it, and there is no home directory.
pub fn resolve_state_dir(overrides: &Overrides, env: &Env) -> Result<PathBuf, ConfigError> {
    if let Some(dir) = overrides.state_dir.as_ref().or(env.state_dir.as_ref()) {
        return Ok(dir.clone());
    }
    let state_home = env.xdg_state_home.clone().or_else(|| env.home.as_ref().map(|home| home.join(".local/state")));
    state_home.map(|dir| dir.join("pindesk")).ok_or(ConfigError::NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_and_a_relative_base_directory_count_as_unset() {
        let env = Env::from_lookup(|name| match name {
            "PINDESK_CONFIG" | "HOME" => Some(OsString::new()),
            "XDG_CONFIG_HOME" => Some("relative".into()),
            "PINDESK_PROFILE" => Some("acme".into()),
            _ => None,
        });
        assert_eq!(env, Env { profile: Some("acme".to_owned()), ..Env::default() });
    }

    #[test]
    fn the_search_goes_from_the_user_to_the_system_and_a_named_file_stands_alone() {
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
    fn the_state_directory_goes_from_flag_to_variable_to_home() {
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
