//! Parses the tables that apply to every profile: `[console]`, `[keys]`, `[escrow]`, `[audit]` and `[policy]`.
//!
//! It does not check whether an action exists or a key can be bound: the keymap does. A [`KeyOverride`] lets the keymap
//! report errors as precisely as this module.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::error::{ConfigDiagnostic, ConfigError};
use crate::config::keys::ConfigSection;
use crate::config::location::ConfigLocation;
use crate::config::toml_reader::ConfigTable;

/// An operator needs at least a second to read a PIN. After minutes the operator may have left the screen.
const SHOW_PIN_BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);

/// Zero would hide the screen permanently, and more than a day means "never".
const HIDE_AFTER_BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// The settings of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Which glyphs the console draws.
    pub glyphs: GlyphChoice,
    /// How long the console shows a PIN; `None` to never show one, for example because sessions are recorded.
    pub show_pin: Option<Duration>,
    /// True if Ctrl-Z suspends the program. False in captive shells, which have nothing to return to.
    pub suspend: bool,
    /// True if the bell of the terminal rings when a job ends.
    pub bell: bool,
    /// How long the console waits without a key before it hides the screen and drops the token; `None` for never.
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
    /// Unicode if the locale and the terminal support it.
    #[default]
    Auto,
    /// ASCII only.
    Ascii,
    /// Unicode, regardless of the locale.
    Unicode,
}

/// One line of `[keys]`: an action and its key, both as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOverride {
    /// The name of the action, as written.
    pub action: String,
    /// The name of the key, as written.
    pub key: String,
    action_location: ConfigLocation,
    key_location: ConfigLocation,
}

impl KeyOverride {
    /// Creates the error that the action does not exist; `actions` lists those that exist. The message shows the line,
    /// so `message` need not repeat the name, which may be pasted text.
    #[must_use]
    pub fn action_error(&self, message: &str, actions: &[&str]) -> ConfigError {
        let expected = format!("one of: {}", actions.join(", "));
        ConfigDiagnostic::new(self.action_location.clone(), message, expected)
            .with_suggestion(&self.action, actions)
            .into()
    }

    /// Creates the error that the key does not exist, is reserved, or conflicts with another.
    #[must_use]
    pub fn key_error(&self, message: &str, expected: &str) -> ConfigError {
        ConfigDiagnostic::new(self.key_location.clone(), message, expected).into()
    }
}

/// Parses `[console]`. Missing keys have the values of [`ConsoleSettings::default`].
pub(crate) fn parse_console(root_table: &ConfigTable<'_>) -> Result<ConsoleSettings, ConfigError> {
    let mut settings = ConsoleSettings::default();
    let Some(field) = root_table.get("console") else { return Ok(settings) };
    let table = field.table(ConfigSection::Console)?;
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
pub(crate) fn parse_key_overrides(root_table: &ConfigTable<'_>) -> Result<Vec<KeyOverride>, ConfigError> {
    let Some(field) = root_table.get("keys") else { return Ok(Vec::new()) };
    let mut overrides = Vec::new();
    for field in field.any_table()?.fields() {
        let key = field.string("the name of a key")?.to_owned();
        let (action_location, key_location) = field.locations();
        overrides.push(KeyOverride { action: field.key.to_owned(), key, action_location, key_location });
    }
    Ok(overrides)
}

/// The keys that PINs are encrypted to, as written. The escrow parses them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EscrowSettings {
    /// `recipients`: public keys.
    pub recipients: Vec<String>,
    /// `recipients_file`: a file of public keys, one a line.
    pub recipients_file: Option<PathBuf>,
}

/// Parses `[escrow]`. Returns the location of each of the `recipients` as well, because only the escrow can say whether
/// it is a key.
pub(crate) fn parse_escrow(root_table: &ConfigTable<'_>) -> Result<(EscrowSettings, Vec<ConfigLocation>), ConfigError> {
    let (mut escrow, mut locations) = (EscrowSettings::default(), Vec::new());
    let Some(field) = root_table.get("escrow") else { return Ok((escrow, locations)) };
    let table = field.table(ConfigSection::Escrow)?;
    if let Some(field) = table.get("recipients") {
        for (text, location) in
            field.located_strings("a list of public keys, such as [\"age1…\", \"ssh-ed25519 AAAA…\"]")?
        {
            escrow.recipients.push(text.to_owned());
            locations.push(location);
        }
    }
    if let Some(field) = table.get("recipients_file") {
        escrow.recipients_file = Some(field.path()?);
    }
    Ok((escrow, locations))
}

/// A PIN that was set today is not due. After ten years nobody remembers why there is a date.
const ROTATE_AFTER_BOUNDS: RangeInclusive<Duration> = Duration::from_hours(24)..=Duration::from_hours(24 * 3_650);

/// The rules of the team.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicySettings {
    /// How old a PIN may get before it is due; `None` if no PIN is ever due.
    pub rotate_after: Option<Duration>,
}

/// What becomes of the audit log besides the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditSettings {
    /// True if each row also goes to the local syslog.
    pub syslog: bool,
}

/// Parses `[audit]`.
pub(crate) fn parse_audit(root_table: &ConfigTable<'_>) -> Result<AuditSettings, ConfigError> {
    let Some(field) = root_table.get("audit") else { return Ok(AuditSettings::default()) };
    let syslog = field.table(ConfigSection::Audit)?.get("syslog");
    Ok(AuditSettings { syslog: syslog.map(|field| field.boolean()).transpose()?.unwrap_or_default() })
}

/// Parses `[policy]`.
pub(crate) fn parse_policy(root_table: &ConfigTable<'_>) -> Result<PolicySettings, ConfigError> {
    let Some(field) = root_table.get("policy") else { return Ok(PolicySettings::default()) };
    let rotate_after = field.table(ConfigSection::Policy)?.get("rotate_after");
    Ok(PolicySettings { rotate_after: rotate_after.map(|field| field.days(&ROTATE_AFTER_BOUNDS)).transpose()? })
}
