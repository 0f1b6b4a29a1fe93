//! The tables that hold for every profile: `[console]`, `[keys]` and `[escrow]`.
//!
//! Whether an action exists and a key may be bound is not judged here: the keymap knows, and a [`KeyOverride`] lets
//! it answer as precisely as this module does.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::error::{ConfigDiagnostic, ConfigError};
use crate::config::location::ConfigLocation;
use crate::config::toml_reader::{CONSOLE_KEYS, ConfigTable, ESCROW_KEYS};

/// Less cannot be read, and a PIN shown for longer is a PIN on a screen that nobody watches.
const SHOW_PIN_BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);

/// Zero would hide the screen for good, and more than a day is "never".
const HIDE_AFTER_BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// How the console behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Which signs are drawn.
    pub glyphs: GlyphChoice,
    /// How long a PIN stays shown; `None` where it is never shown, because sessions are recorded.
    pub show_pin: Option<Duration>,
    /// Ctrl-Z stops the program; false in captive shells, which have nothing to go back to.
    pub suspend: bool,
    /// The terminal's bell rings when a job ends.
    pub bell: bool,
    /// After how long without a key the screen is hidden and the token dropped; `None` for never.
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

/// Which signs the console draws with.
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

/// One line of `[keys]`: an action and the key for it, both as written.
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
    /// There is no such action; `actions` are those there are. The line is shown, so `what` need not repeat the name,
    /// which may be anything that was pasted.
    #[must_use]
    pub fn action_error(&self, what: &str, actions: &[&str]) -> ConfigError {
        let expected = format!("one of: {}", actions.join(", "));
        ConfigDiagnostic::new(self.action_location.clone(), what, expected)
            .with_suggestion(&self.action, actions)
            .into()
    }

    /// The key is no key, is forbidden, or clashes with another.
    #[must_use]
    pub fn key_error(&self, what: &str, expected: &str) -> ConfigError {
        ConfigDiagnostic::new(self.key_location.clone(), what, expected).into()
    }
}

/// `[console]`; what is left out is as [`ConsoleSettings::default`] has it.
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

/// `[keys]`, in the order of the file.
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

/// Whom PINs are sealed to, as written: the keys themselves are judged where they are used, by the escrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EscrowSettings {
    /// `recipients`, each with its place for errors.
    pub recipients: Vec<String>,
    /// `recipients_file`.
    pub recipients_file: Option<PathBuf>,
}

/// `[escrow]`.
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
