//! Why a configuration is refused, told so that a person can mend it.
//!
//! An error names the file, the line and what was expected there. It repeats outside text only cleaned, and no
//! value that could be a secret. Its `Display` is the whole of it: there is no chain of sources to walk.

use std::fmt;

use crate::config::guarded::FileError;
use crate::config::source::{Place, Source, Trust};
use crate::text::{self, Clean};

/// The exit code of every error of this module, [`FileError`] and [`TokenError`](crate::config::TokenError) included:
/// config, access token or state directory missing, unreadable or unsafe.
pub const EXIT_CODE: u8 = 6;

/// No [`Config`](crate::config::Config) can be made. Ends the program with [`EXIT_CODE`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file itself is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something in the file is wrong.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The file has no `[profile.NAME]`.
    #[error("{file} has no profile: add a table [profile.NAME]")]
    NoProfile {
        /// The config file.
        file: Clean,
    },
    /// Flag or variable ask for a profile that is not there.
    #[error("{file} has no profile {wanted:?}; there is: {}", List(known))]
    UnknownProfile {
        /// The config file.
        file: Clean,
        /// What was asked for.
        wanted: Clean,
        /// What is there.
        known: Vec<Clean>,
    },
    /// Several profiles, and nothing says which.
    #[error(
        "{file} has several profiles: {}. Choose one with --profile NAME, PINDESK_PROFILE or default_profile",
        List(known)
    )]
    WhichProfile {
        /// The config file.
        file: Clean,
        /// What is there.
        known: Vec<Clean>,
    },
    /// There is no place for the state.
    #[error("no state directory: HOME is not set; use --state-dir DIR or PINDESK_STATE_DIR")]
    NoHome,
}

impl From<Refusal> for ConfigError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

struct List<'a>(&'a [Clean]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// One place in the file that is wrong: what, where, the line, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    place: Place,
    what: Clean,
    expected: Clean,
    meant: Option<Clean>,
}

impl Refusal {
    /// Something wrong at a place.
    pub(crate) fn new(place: Place, what: impl AsRef<str>, expected: impl AsRef<str>) -> Self {
        Self { place, what: Clean::new(what.as_ref()), expected: Clean::new(expected.as_ref()), meant: None }
    }

    /// What the parser of TOML refuses. Its own message speaks of the grammar and repeats no value.
    pub(crate) fn syntax(source: &Source<'_>, error: &toml::de::Error) -> Self {
        let message = error.message();
        let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
        let what = if what.is_empty() { "this is not TOML" } else { what };
        Self::new(source.place(&error.span().unwrap_or_default(), Trust::ByKey), what, expected)
    }

    /// Adds the candidate that `written` comes close to, if one does.
    pub(crate) fn suggest(mut self, written: &str, candidates: &[&str]) -> Self {
        self.meant = nearest(written, candidates).map(Clean::new);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column, shown, caret, caret_width } = &self.place;
        let margin = line.to_string().len();
        writeln!(f, "{file}:{line}:{column}: {}", self.what)?;
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{line} | {shown}")?;
        write!(f, "{:margin$} | {:caret$}{:^<caret_width$}", "", "", "")?;
        if !self.expected.as_str().is_empty() {
            write!(f, "\n{:margin$} = expected {}", "", self.expected)?;
        }
        if let Some(meant) = &self.meant {
            write!(f, "\n{:margin$} = did you mean \"{meant}\"?", "")?;
        }
        Ok(())
    }
}

/// The candidate that a slip of the finger explains: at most a third of its characters differ.
fn nearest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let written = plain(text::cut(written, 100).as_ref());
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&written, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
