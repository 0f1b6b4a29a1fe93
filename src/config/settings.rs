//! The tables that apply to every profile: `[console]`, `[keys]` and `[escrow]`.
//!
//! It does not check whether an action exists or a key may be bound: the keymap does, and a [`KeyOverride`] lets it
//! report errors as precisely as this module.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::error::{ConfigDiagnostic, ConfigError};
use crate::config::location::ConfigLocation;
use crate::config::toml_reader::{CONSOLE_KEYS, ConfigTable, ESCROW_KEYS};

/// Nobody can read a PIN in less than a second. A PIN shown for longer than minutes is on a screen that nobody watches.
const SHOW_PIN_BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);

/// Zero would hide the screen for good, and more than a day means "never".
const HIDE_AFTER_BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// The settings of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Which glyphs are drawn.
    pub glyphs: GlyphChoice,
    /// How long a PIN is shown; `None` if never, because sessions are recorded.
    pub show_pin: Option<Duration>,
    /// True if Ctrl-Z suspends the program. False in captive shells, which have nothing to return to.
    pub suspend: bool,
    /// The terminal's bell rings when a job ends.
    pub bell: bool,
    /// How long without a key until the screen is hidden and the token dropped; `None` for never.
    pub hide_after: Option<Duration>,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            glyphs: GlyphChoice::Auto,
            show_pin: Some(Duration::from_secs(10)),
            suspend: true,
            bell: false,
            hide_after: Some(Duration::from_mins(10)),
        }
    }
}

/// Which glyphs the console draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GlyphChoice {
    /// As the locale and the terminal allow.
    #[default]
    Auto,
    /// ASCII only.
    Ascii,
    /// Unicode, whatever the locale says.
    Unicode,
}

/// One line of `[keys]`: an action and its key, both as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOverride {
    /// The name of the action.
    pub action: String,
    /// The name of the key.
    pub key: String,
    action_location: ConfigLocation,
    key_location: ConfigLocation,
}

impl KeyOverride {
    /// The error if the action does not exist; `actions` are the existing ones. The message shows the line, so `what`
    /// need not repeat the name, which may be pasted text.
    #[must_use]
    pub fn action_error(&self, what: &str, actions: &[&str]) -> ConfigError {
        let expected = format!("one of: {}", actions.join(", "));
        ConfigDiagnostic::new(self.action_location.clone(), what, expected)
            .with_suggestion(&self.action, actions)
            .into()
    }

    /// The error if the key does not exist, is reserved, or conflicts with another.
    #[must_use]
    pub fn key_error(&self, what: &str, expected: &str) -> ConfigError {
        ConfigDiagnostic::new(self.key_location.clone(), what, expected).into()
    }
}

/// Parses `[console]`. Missing keys have the values of [`ConsoleSettings::default`].
pub(crate) fn parse_console(top: &ConfigTable<'_>) -> Result<ConsoleSettings, ConfigError> {
    let mut settings = ConsoleSettings::default();
    let Some(field) = top.get("console") else { return Ok(settings) };
    let table = field.table(&CONSOLE_KEYS)?;
    if let Some(field) = table.get("glyphs") {
        settings.glyphs = field.one_of(&[
            ("auto", GlyphChoice::Auto),
            ("ascii", GlyphChoice::Ascii),
            ("unicode", GlyphChoice::Unicode),
        ])?;
    }
    if let Some(field) = table.get("show_pin") {
        settings.show_pin = field.duration_or_never(&SHOW_PIN_BOUNDS)?;
    }
    if let Some(field) = table.get("suspend") {
        settings.suspend = field.boolean()?;
    }
    if let Some(field) = table.get("bell") {
        settings.bell = field.boolean()?;
    }
    if let Some(field) = table.get("hide_after") {
        settings.hide_after = field.duration_or_never(&HIDE_AFTER_BOUNDS)?;
    }
    Ok(settings)
}

/// Parses `[keys]`, in the order of the file.
pub(crate) fn parse_key_overrides(top: &ConfigTable<'_>) -> Result<Vec<KeyOverride>, ConfigError> {
    let Some(field) = top.get("keys") else { return Ok(Vec::new()) };
    let mut keys = Vec::new();
    for field in field.any_table()?.fields() {
        let key = field.string("the name of a key")?.to_owned();
        let (action_place, key_place) = field.locations();
        keys.push(KeyOverride {
            action: field.key.to_owned(),
            key,
            action_location: action_place,
            key_location: key_place,
        });
    }
    Ok(keys)
}

/// The keys that PINs are encrypted to, as written. The escrow parses them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EscrowSettings {
    /// `recipients`.
    pub recipients: Vec<String>,
    /// `recipients_file`.
    pub recipients_file: Option<PathBuf>,
}

/// Parses `[escrow]`.
pub(crate) fn parse_escrow(top: &ConfigTable<'_>) -> Result<EscrowSettings, ConfigError> {
    let mut escrow = EscrowSettings::default();
    let Some(field) = top.get("escrow") else { return Ok(escrow) };
    let table = field.table(&ESCROW_KEYS)?;
    if let Some(field) = table.get("recipients") {
        let texts = field.strings("a list of public keys, such as [\"age1…\", \"ssh-ed25519 AAAA…\"]")?;
        escrow.recipients = texts.into_iter().map(ToString::to_string).collect();
    }
    if let Some(field) = table.get("recipients_file") {
        escrow.recipients_file = Some(field.path()?);
    }
    Ok(escrow)
}
