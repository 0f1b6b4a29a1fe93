//! Reads TOML tables and fields with their locations in the file, for precise errors.
//!
//! Callers open a table with its allowed keys, and pindesk refuses any other key, because an operator would not notice
//! that it ignored a misspelled one (`read_onyl`). This module does not know what a key means.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::error::{ConfigDiagnostic, ConfigError};
use crate::config::keys::{ConfigSection, KEYS};
use crate::config::location::{ConfigLocation, ConfigText, RedactionRule, is_safe_key};
use crate::domain::text::CleanText;

/// The maximum length of a string. A longer name or path is a mistake.
const MAX_STRING_BYTES: usize = 4_096;

/// A table without unknown keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigTable<'t> {
    text: &'t ConfigText<'t>,
    entries: &'t DeTable<'t>,
}

impl<'t> ConfigTable<'t> {
    /// Opens the top of the file.
    pub(crate) fn root(source: &'t ConfigText<'t>, root: &'t Spanned<DeTable<'t>>) -> Result<Self, ConfigError> {
        let table = Self { text: source, entries: root.get_ref() };
        table.reject_unknown_keys(&ConfigSection::Root.keys())
    }

    fn reject_unknown_keys(self, allowed: &[&str]) -> Result<Self, ConfigError> {
        match self.fields().into_iter().find(|field| !allowed.contains(&field.key)) {
            Some(unknown) => Err(unknown.unknown_key_error(allowed).into()),
            None => Ok(self),
        }
    }

    /// Returns a field, if it exists.
    pub(crate) fn get(&self, key: &str) -> Option<ConfigField<'t>> {
        let (key, value) = self.entries.get_key_value(key)?;
        Some(ConfigField { source: self.text, key: key.get_ref(), key_span: key.span(), value })
    }

    /// Parses the field, or the default. The message shows the error of `T`.
    pub(crate) fn parse_or_default<T>(&self, key: &str, default: &str, expected: &str) -> Result<T, ConfigError>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let field = self.get(key);
        let text = field.as_ref().map_or(Ok(default), |field| field.string(expected))?;
        let span = field.map_or(0..0, |field| field.value.span());
        let to_diagnostic = |error: T::Err| {
            ConfigDiagnostic::new(self.text.location(&span, RedactionRule::ByKey), error.to_string(), expected)
        };
        text.parse().map_err(|error| to_diagnostic(error).into())
    }

    /// All fields in the order of the file.
    pub(crate) fn fields(&self) -> Vec<ConfigField<'t>> {
        let field = |(key, value): (&'t Spanned<_>, &'t _)| -> ConfigField<'t> {
            let name: &'t std::borrow::Cow<'t, str> = key.get_ref();
            ConfigField { source: self.text, key: name, key_span: key.span(), value }
        };
        let mut fields: Vec<_> = self.entries.iter().map(field).collect();
        fields.sort_by_key(|field| field.key_span.start);
        fields
    }
}

/// A key and its value, with their locations.
#[derive(Debug, Clone)]
pub(crate) struct ConfigField<'t> {
    source: &'t ConfigText<'t>,
    pub(crate) key: &'t str,
    key_span: Range<usize>,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> ConfigField<'t> {
    /// Creates an error about the value. The caret points at it.
    pub(crate) fn value_error(&self, message: impl AsRef<str>, expected: impl AsRef<str>) -> ConfigDiagnostic {
        self.error_at(self.value, message, expected)
    }

    /// Creates an error about the key. The caret points at it.
    pub(crate) fn key_error(&self, message: impl AsRef<str>, expected: impl AsRef<str>) -> ConfigDiagnostic {
        ConfigDiagnostic::new(self.source.location(&self.key_span, RedactionRule::ByKey), message, expected)
    }

    fn error_at(
        &self,
        value: &Spanned<DeValue<'t>>,
        message: impl AsRef<str>,
        expected: impl AsRef<str>,
    ) -> ConfigDiagnostic {
        ConfigDiagnostic::new(self.source.location(&value.span(), RedactionRule::ByKey), message, expected)
    }

    /// The line of the value, from 1.
    pub(crate) fn line(&self) -> usize {
        self.locations().1.line
    }

    /// The locations of key and value, for a table whose values are names of keys on the keyboard.
    pub(crate) fn locations(&self) -> (ConfigLocation, ConfigLocation) {
        let location = |span: &Range<usize>| self.source.location(span, RedactionRule::KeyBinding);
        (location(&self.key_span), location(&self.value.span()))
    }

    fn type_error(&self, value: &Spanned<DeValue<'t>>, expected_type: &str, expected: &str) -> ConfigError {
        let found_type = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error_at(value, format!("expected {expected_type}, found {found_type}"), expected).into()
    }

    fn unknown_key_error(&self, allowed: &[&str]) -> ConfigDiagnostic {
        let secret = secret_kind(self.key);
        let shown_key = if is_safe_key(self.key) { self.key } else { "…" };
        let error = format!("unknown key \"{shown_key}\"");
        if let Some((kind, instead)) = secret {
            return self.key_error(format!("{error}: {kind} does not belong in this file"), instead);
        }
        match KEYS.iter().find(|key| key.name == self.key) {
            Some(key) => self.key_error(format!("{error} here"), format!("it in {}", key.section.place())),
            None => self.key_error(error, format!("one of: {}", allowed.join(", "))).with_suggestion(self.key, allowed),
        }
    }

    /// Reads a non-empty string.
    pub(crate) fn string(&self, expected: &str) -> Result<&'t str, ConfigError> {
        self.string_from(self.value, expected)
    }

    fn string_from(&self, value: &'t Spanned<DeValue<'t>>, expected: &str) -> Result<&'t str, ConfigError> {
        let type_error = || self.type_error(value, "a string", &format!("{expected}, in quotes"));
        let text = value.get_ref().as_str().ok_or_else(type_error)?;
        match text.len() {
            0 => Err(self.error_at(value, "this is empty", expected).into()),
            1..=MAX_STRING_BYTES => Ok(text),
            _ => Err(self.error_at(value, "this is too long", expected).into()),
        }
    }

    /// Parses a string as `T`. The message shows the error of `T`.
    pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, expected: &str) -> Result<T, ConfigError> {
        let text = self.string(expected)?;
        text.parse().map_err(|error: T::Err| self.value_error(error.to_string(), expected).into())
    }

    /// Reads one of a few words.
    pub(crate) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of: {}", names.join(", "));
        let text = self.string(&expected)?;
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| self.value_error("unknown value", &expected).with_suggestion(text, &names).into())
    }

    /// Reads a name and cleans it.
    pub(crate) fn name(&self) -> Result<CleanText, ConfigError> {
        self.string("a name").map(CleanText::new)
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&self) -> Result<bool, ConfigError> {
        const EXPECTED: &str = "true or false, without quotes";
        self.value.get_ref().as_bool().ok_or_else(|| self.type_error(self.value, "true or false", EXPECTED))
    }

    /// Reads an integer within bounds.
    pub(crate) fn integer(&self, bounds: &RangeInclusive<usize>) -> Result<usize, ConfigError> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let integer =
            self.value.get_ref().as_integer().ok_or_else(|| self.type_error(self.value, "an integer", &expected))?;
        usize::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| self.value_error("this is out of range", &expected).into())
    }

    /// Reads the absolute path of a file. `~/` means the home directory.
    pub(crate) fn path(&self) -> Result<PathBuf, ConfigError> {
        const EXPECTED: &str = "the path of a file that starts with / or ~/";
        let text = self.string(EXPECTED)?;
        if text.contains('\0') {
            return Err(self.value_error("a path cannot contain a zero byte", EXPECTED).into());
        }
        // A relative path would depend on the current directory, and a pasted token would look like one.
        match (text.strip_prefix("~/"), self.source.home) {
            (Some(rest), Some(home)) => Ok(home.join(rest)),
            (Some(_), None) => {
                Err(self.value_error("there is no home directory: HOME is not set", "a path that starts with /").into())
            }
            (None, _) if text.starts_with('/') => Ok(PathBuf::from(text)),
            (None, _) => Err(self.value_error("must be an absolute path", EXPECTED).into()),
        }
    }

    /// Reads a list of one or more non-empty strings.
    pub(crate) fn strings(&self, expected: &str) -> Result<Vec<&'t str>, ConfigError> {
        Ok(self.located_strings(expected)?.into_iter().map(|(text, _)| text).collect())
    }

    /// Reads a list of one or more non-empty strings, each with its location.
    pub(crate) fn located_strings(&self, expected: &str) -> Result<Vec<(&'t str, ConfigLocation)>, ConfigError> {
        let array = self.value.get_ref().as_array().ok_or_else(|| self.type_error(self.value, "a list", expected))?;
        if array.is_empty() {
            return Err(self.value_error("this list is empty", expected).into());
        }
        let located = |item: &'t Spanned<DeValue<'t>>| {
            let location = self.source.location(&item.span(), RedactionRule::ByKey);
            self.string_from(item, expected).map(|text| (text, location))
        };
        array.iter().map(located).collect()
    }

    /// Reads a duration such as `10s`, or `never`, which is `None`.
    pub(crate) fn duration_or_never(&self, bounds: &RangeInclusive<Duration>) -> Result<Option<Duration>, ConfigError> {
        let expected = format!("\"never\", or {}", bounds_text(&TIME_UNITS, bounds, &["10s", "2m", "1h"]));
        if self.value.get_ref().as_str() == Some("never") {
            return Ok(None);
        }
        self.duration_in(&TIME_UNITS, bounds, &expected).map(Some)
    }

    /// Reads a number of days or weeks, such as `180d`.
    pub(crate) fn days(&self, bounds: &RangeInclusive<Duration>) -> Result<Duration, ConfigError> {
        self.duration_in(&DAY_UNITS, bounds, &bounds_text(&DAY_UNITS, bounds, &["180d", "26w"]))
    }

    fn duration_in(
        &self,
        units: &[TimeUnit],
        bounds: &RangeInclusive<Duration>,
        expected: &str,
    ) -> Result<Duration, ConfigError> {
        let text = self.value.get_ref().as_str().ok_or_else(|| self.type_error(self.value, "a string", expected))?;
        let duration =
            parse_duration(units, text).ok_or_else(|| self.value_error("this is not a duration", expected))?;
        if bounds.contains(&duration) {
            Ok(duration)
        } else {
            Err(self.value_error("this is out of range", expected).into())
        }
    }

    /// Opens a table with the keys of this section and no others.
    pub(crate) fn table(&self, section: ConfigSection) -> Result<ConfigTable<'t>, ConfigError> {
        self.any_table()?.reject_unknown_keys(&section.keys())
    }

    /// Opens a table whose keys are names that the operator chooses.
    pub(crate) fn any_table(&self) -> Result<ConfigTable<'t>, ConfigError> {
        let expected = format!("a table: [{}] on its own line", self.key);
        let entries =
            self.value.get_ref().as_table().ok_or_else(|| self.type_error(self.value, "a table", &expected))?;
        Ok(ConfigTable { text: self.source, entries })
    }

    /// Returns each table of an array of tables, as a field, so that it has a location.
    pub(crate) fn tables(&self) -> Result<Vec<Self>, ConfigError> {
        let expected = format!("a list of tables: [[….{}]] on its own line", self.key);
        let type_error = || self.type_error(self.value, "a list of tables", &expected);
        let array = self.value.get_ref().as_array().ok_or_else(type_error)?;
        let item = |value: &'t Spanned<DeValue<'t>>| {
            if value.get_ref().is_table() {
                Ok(Self { source: self.source, key: self.key, key_span: value.span(), value })
            } else {
                Err(self.type_error(value, "a table", &expected))
            }
        };
        array.iter().map(item).collect()
    }
}

/// Returns which secret a key would hold, and what to use instead.
fn secret_kind(key: &str) -> Option<(&'static str, &'static str)> {
    const TOKEN: (&str, &str) =
        ("an access token", "token_file with the path of a file of mode 0600, or token_command");
    const APP: (&str, &str) = ("an app secret", "app_secret_file with the path of a file of mode 0600");
    const PIN: (&str, &str) = ("a PIN", "no PIN: type it into the console, or use pindesk pin set --pin-file");
    let normalized = key.to_ascii_lowercase().replace('-', "_");
    match normalized.as_str() {
        "token" | "access_token" | "accesstoken" | "auth_token" | "bearer" | "bearer_token" | "system_user_token"
        | "api_key" | "apikey" | "password" => Some(TOKEN),
        "app_secret" | "appsecret" | "secret" | "client_secret" | "appsecret_proof" => Some(APP),
        "pin" | "pins" | "two_step_pin" | "two_step_verification_pin" => Some(PIN),
        _ => None,
    }
}

/// The letter of a unit, and its seconds.
type TimeUnit = (char, u64);

/// The units of a duration, the smallest first.
const TIME_UNITS: [TimeUnit; 3] = [('s', 1), ('m', 60), ('h', 3_600)];

/// The units of an age, the smallest first. A month is not one: its length varies, and `m` is a minute.
const DAY_UNITS: [TimeUnit; 2] = [('d', 86_400), ('w', 7 * 86_400)];

/// Parses a number and a unit: `10s`, `2m`.
fn parse_duration(units: &[TimeUnit], text: &str) -> Option<Duration> {
    let (digits, seconds) = units.iter().find_map(|(letter, seconds)| Some((text.strip_suffix(*letter)?, *seconds)))?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// The bounds of a duration, with those of the examples that are within them.
fn bounds_text(units: &[TimeUnit], bounds: &RangeInclusive<Duration>, examples: &[&str]) -> String {
    let is_possible =
        |example: &&&str| parse_duration(units, example).is_some_and(|duration| bounds.contains(&duration));
    let examples: Vec<String> = examples.iter().filter(is_possible).map(|example| format!("\"{example}\"")).collect();
    let examples = match examples.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    let (min, max) = (format_in_units(units, *bounds.start()), format_in_units(units, *bounds.end()));
    format!("a duration from \"{min}\" to \"{max}\", such as {examples}")
}

/// A duration as the file writes it: `10s`.
pub(crate) fn time_text(duration: Duration) -> String {
    format_in_units(&TIME_UNITS, duration)
}

/// An age as the file writes it: `180d`.
pub(crate) fn days_text(duration: Duration) -> String {
    format_in_units(&DAY_UNITS, duration)
}

/// Formats a duration as the file would write it, in the largest unit that fits.
fn format_in_units(units: &[TimeUnit], bound: Duration) -> String {
    let unit = units.iter().rev().find(|(_, seconds)| bound.as_secs().is_multiple_of(*seconds));
    unit.map_or_else(
        || format!("{}s", bound.as_secs()),
        |(letter, seconds)| format!("{}{letter}", bound.as_secs() / seconds),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_an_integer_and_a_unit() {
        let cases = [("10s", Some(10)), ("2m", Some(120)), ("1h", Some(3_600)), ("0s", Some(0))];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(&TIME_UNITS, text), seconds.map(Duration::from_secs), "{text}");
        }
        let days = |text| parse_duration(&DAY_UNITS, text).map(|duration| duration.as_secs() / 86_400);
        assert_eq!(["180d", "26w", "0d", "6m", "180"].map(days), [Some(180), Some(182), Some(0), None, None]);
        for text in [
            "",
            "s",
            "10",
            "10 s",
            "-1s",
            "+1s",
            "1.5m",
            "1d",
            "10S",
            "99999999999999999999s",
            "9999999999999999999h",
            "1秒",
        ] {
            assert_eq!(parse_duration(&TIME_UNITS, text), None, "{text}");
        }
    }

    #[test]
    fn a_bound_is_formatted_as_it_is_written() {
        let formatted =
            [1, 59, 60, 90, 3_600].map(|seconds| format_in_units(&TIME_UNITS, Duration::from_secs(seconds)));
        assert_eq!(formatted, ["1s", "59s", "1m", "90s", "1h"]);
    }
}
