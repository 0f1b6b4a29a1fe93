//! The errors of a configuration, with everything that the operator needs to fix them.
//!
//! An error names the file, the line and what pindesk expected there. It repeats text from outside only after cleaning,
//! and never a value that could be a secret. Its `Display` is complete: it has no chain of sources.

use std::fmt;

use crate::config::location::{ConfigLocation, ConfigText, RedactionRule};
use crate::domain::text::{self, CleanText};

/// Why pindesk cannot create a [`Config`](crate::config::Config).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something in the file is wrong.
    #[error(transparent)]
    Invalid(#[from] Box<ConfigDiagnostic>),
    /// The file has no `[profile.NAME]`.
    #[error("{file} has no profile: add a table [profile.NAME]")]
    NoProfile {
        /// The config file.
        file: CleanText,
    },
    /// A flag or a variable selects a profile that does not exist.
    #[error("{file} has no profile {requested:?}, which {named_by} names; available: {}", CommaSeparated(available))]
    UnknownProfile {
        /// The config file.
        file: CleanText,
        /// The requested name.
        requested: CleanText,
        /// The flag or the variable.
        named_by: &'static str,
        /// The existing profiles.
        available: Vec<CleanText>,
    },
    /// The file has several profiles, and none is selected.
    #[error(
        "{file} has several profiles: {}. Select one with --profile NAME, PINDESK_PROFILE or default_profile",
        CommaSeparated(available)
    )]
    AmbiguousProfile {
        /// The config file.
        file: CleanText,
        /// The existing profiles.
        available: Vec<CleanText>,
    },
    /// No state directory is configured.
    #[error("no state directory: HOME is not set; use --state-dir DIR or PINDESK_STATE_DIR")]
    NoHome,
}

impl From<ConfigDiagnostic> for ConfigError {
    fn from(diagnostic: ConfigDiagnostic) -> Self {
        Self::Invalid(Box::new(diagnostic))
    }
}

struct CommaSeparated<'a>(&'a [CleanText]);

impl fmt::Display for CommaSeparated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// One error in the file: the message, the location, the line, and what pindesk expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigDiagnostic {
    location: ConfigLocation,
    message: CleanText,
    expected: CleanText,
    suggestion: Option<CleanText>,
}

impl ConfigDiagnostic {
    /// Creates an error at a location.
    pub(crate) fn new(location: ConfigLocation, message: impl AsRef<str>, expected: impl AsRef<str>) -> Self {
        Self {
            location,
            message: CleanText::new(message.as_ref()),
            expected: CleanText::new(expected.as_ref()),
            suggestion: None,
        }
    }

    /// Converts an error of the TOML parser. Its message describes the grammar and repeats no value.
    pub(crate) fn from_toml_error(source: &ConfigText<'_>, error: &toml::de::Error) -> Self {
        let full_message = error.message();
        let (message, expected) = full_message.split_once(", expected ").unwrap_or((full_message, ""));
        let message = if message.is_empty() { "this is not valid TOML" } else { message };
        Self::new(source.location(&error.span().unwrap_or_default(), RedactionRule::ByKey), message, expected)
    }

    /// Adds the candidate that `written` is close to, if there is one.
    pub(crate) fn with_suggestion(mut self, written: &str, candidates: &[&str]) -> Self {
        self.suggestion = closest_match(written, candidates).map(CleanText::new);
        self
    }
}

impl fmt::Display for ConfigDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigLocation { file, line, column, redacted_line, caret_column, caret_width } = &self.location;
        let margin = line.to_string().len();
        writeln!(f, "{file}:{line}:{column}: {}", self.message)?;
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{line} | {redacted_line}")?;
        write!(f, "{:margin$} | {:caret_column$}{:^<caret_width$}", "", "", "")?;
        if !self.expected.as_str().is_empty() {
            write!(f, "\n{:margin$} = expected {}", "", self.expected)?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n{:margin$} = did you mean \"{suggestion}\"?", "")?;
        }
        Ok(())
    }
}

/// Returns the candidate that the operator probably meant: at most a third of its characters differ.
fn closest_match<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let normalized = |text: &str| text.to_lowercase().replace('-', "_");
    let written = normalized(text::truncate(written, 100).as_ref());
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&written, &normalized(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
