//! What one kind of error means, and the words for it in each situation.
//!
//! The words depend on where and when an operator meets the error: a refusal proves that nothing was changed, the same
//! error with HTTP 500 does not, and a read is not about a PIN. This module has no texts of single codes, and decides
//! nothing about retries.

use std::borrow::Cow;

use crate::domain::outcome::ApiError;
use crate::policy::error_catalog::{ErrorScope, ThrottleScope};

/// When and where an operator meets an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Situation {
    /// A change that has not ended: pindesk sends the same PIN again.
    Waiting,
    /// A change that has ended, and certainly changed nothing.
    GaveUp,
    /// A change that may have been applied.
    InDoubt,
    /// A WABA whose numbers could not be read.
    ReadingWaba,
    /// A number that could not be read.
    ReadingNumber,
    /// The access token or the config has to be corrected before anything can be read.
    Configuring,
}

/// What to say about an error in one situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// A few words for a table cell, at most 48 columns, no full stop.
    pub summary: Cow<'static, str>,
    /// One or two sentences.
    pub reason: Cow<'static, str>,
    /// What removes the cause, one step each; empty if nothing is to be done.
    pub steps: &'static [&'static str],
    /// What to do then.
    pub next: &'static [&'static str],
}

/// What one kind of error means.
#[derive(Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// How far the failure reaches.
    pub scope: ErrorScope,
    /// What it is about, for a reply that proves nothing: `the access token`.
    topic: &'static str,
    /// The words for a refused change.
    refusal: FixedWords,
    /// What removes the cause while the PIN may be in force, if that is something else.
    doubt_steps: Option<&'static [&'static str]>,
    /// The words for a failed read.
    read: ReadWords,
    /// The words for a failed question about the access token, if those of a refusal are about a number.
    config: Option<FixedWords>,
    /// True if the same PIN, or another one, can be set when the steps are done.
    can_set_again: bool,
    /// True if the steps change the config, which pindesk reads when it starts.
    pub changes_config: bool,
    /// The minimum wait before a retry can help, in seconds; 0 if Meta names none.
    pub min_wait_seconds: u64,
}

/// Words without a variable part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FixedWords {
    pub(super) summary: &'static str,
    pub(super) reason: &'static str,
    pub(super) steps: &'static [&'static str],
}

/// What to say if a read failed.
#[derive(Debug, PartialEq, Eq)]
enum ReadWords {
    /// The same as of a refused change.
    Same,
    /// The error is about one number, so it does not fit the list of a WABA.
    AboutNumber,
    /// The error is about a PIN, so it fits no read.
    AboutPin,
    /// Words of its own for a WABA and for a number.
    Own { waba: FixedWords, number: FixedWords },
}

/// The step after a change of the config.
pub(super) const RESTART: &str = "Restart a console that is open: it has read the config already.";

const RESUME: &[&str] = &["Then resume the job, or set the PIN of this number again."];

const SET_AGAIN: &[&str] = &["Then set the PIN again."];

/// What to do when the cause of a failed read is removed.
pub(super) const TRY_AGAIN: &[&str] = &["Then try again."];

/// The next steps for a number in doubt.
pub(super) const RESOLVE_DOUBT: &[&str] = &[
    "Set a PIN again 2 minutes after the last try, or later: then it is known.",
    "Or read the status then. Still not set: nothing was changed.",
    "On now, and not set before: this request set it, or someone else did.",
];

const SENT_AGAIN: &[&str] = &["pindesk sends the same PIN again by itself."];

/// What to do about an error that does not fit the request.
const REPORT: &[&str] = &["Try again. If it stays, give Meta's words and the trace ID to support."];

impl CatalogEntry {
    pub(super) const fn new(scope: ErrorScope, topic: &'static str, refusal: FixedWords) -> Self {
        let (can_set_again, changes_config, min_wait_seconds) = (true, false, 0);
        let (doubt_steps, read, config) = (None, ReadWords::Same, None);
        Self { scope, topic, refusal, doubt_steps, read, config, can_set_again, changes_config, min_wait_seconds }
    }

    pub(super) const fn about_number(self) -> Self {
        Self { read: ReadWords::AboutNumber, ..self }
    }

    pub(super) const fn about_pin(self) -> Self {
        Self { read: ReadWords::AboutPin, ..self }
    }

    pub(super) const fn with_read_words(self, waba: FixedWords, number: FixedWords) -> Self {
        Self { read: ReadWords::Own { waba, number }, ..self }
    }

    pub(super) const fn with_config_words(self, words: FixedWords) -> Self {
        Self { config: Some(words), ..self }
    }

    /// The steps for a number in doubt. Those for a refusal would contradict that the PIN is to be kept.
    pub(super) const fn with_doubt_steps(self, steps: &'static [&'static str]) -> Self {
        Self { doubt_steps: Some(steps), ..self }
    }

    /// The steps say all: the PIN is not to be set again after them.
    pub(super) const fn with_complete_steps(self) -> Self {
        Self { can_set_again: false, ..self }
    }

    pub(super) const fn with_config_change(self) -> Self {
        Self { changes_config: true, ..self }
    }

    pub(super) const fn with_min_wait(self, min_wait_seconds: u64) -> Self {
        Self { min_wait_seconds, ..self }
    }

    /// The summary for a refused change: a few words for a table cell, at most 48 columns, no full stop.
    #[must_use]
    pub const fn summary(&self) -> &'static str {
        self.refusal.summary
    }

    /// The reason for a refused change: one or two sentences.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.refusal.reason
    }

    /// What removes the cause, one step each; empty if only time does.
    #[must_use]
    pub const fn steps(&self) -> &'static [&'static str] {
        self.refusal.steps
    }

    /// What removes the cause while a PIN may be in force: never a step that replaces that PIN or guesses it.
    #[must_use]
    pub fn doubt_steps(&self) -> &'static [&'static str] {
        self.doubt_steps.unwrap_or(self.refusal.steps)
    }

    /// The words for an error of this kind.
    #[must_use]
    pub fn words(&self, situation: Situation, error: &ApiError) -> Words {
        match situation {
            Situation::Waiting => self.waiting_words(error),
            Situation::GaveUp => Words { next: self.next_after_refusal(), ..self.refusal.into() },
            Situation::InDoubt => Words { steps: self.doubt_steps(), next: RESOLVE_DOUBT, ..self.doubt_words(error) },
            Situation::ReadingWaba => self.read_words(true),
            Situation::ReadingNumber => self.read_words(false),
            Situation::Configuring => self.config_words(),
        }
    }

    const fn next_after_refusal(&self) -> &'static [&'static str] {
        match (self.can_set_again, self.scope.is_outside_number()) {
            (false, _) => &[],
            (true, true) => RESUME,
            (true, false) => SET_AGAIN,
        }
    }

    /// A throttle ends sooner if the other programs of the app wait, too. All else that is waited for ends by itself.
    fn waiting_words(&self, error: &ApiError) -> Words {
        let steps: &[&str] = match self.scope {
            ErrorScope::Throttle(ThrottleScope::App | ThrottleScope::Token | ThrottleScope::Waba) => {
                &["If other programs use the same app, pause them meanwhile."]
            }
            ErrorScope::Throttle(ThrottleScope::Number)
            | ErrorScope::App
            | ErrorScope::Endpoint
            | ErrorScope::Token
            | ErrorScope::Permission
            | ErrorScope::Waba
            | ErrorScope::NumberThenWaba
            | ErrorScope::Number
            | ErrorScope::ServerError => &[],
        };
        let words = if error.is_definite_refusal() { self.refusal.into() } else { self.doubt_words(error) };
        Words { steps, next: SENT_AGAIN, ..words }
    }

    /// Never words of a refusal: the reply does not prove one.
    fn doubt_words(&self, error: &ApiError) -> Words {
        let ApiError { http_status, code, .. } = error;
        if self.scope == ErrorScope::ServerError {
            return self.refusal.into();
        }
        let topic = self.topic;
        Words {
            summary: format!("an error about {topic}, HTTP {http_status}").into(),
            reason: format!(
                "Meta answered with HTTP {http_status} and an error about {topic} (code {code}). That does not prove \
                 that nothing was changed."
            )
            .into(),
            ..self.refusal.into()
        }
    }

    fn config_words(&self) -> Words {
        let about = match (self.config, &self.read) {
            (Some(words), _) => return words.into(),
            (None, ReadWords::Same | ReadWords::Own { .. }) => return self.refusal.into(),
            (None, ReadWords::AboutNumber) => "one number",
            (None, ReadWords::AboutPin) => "setting a PIN",
        };
        let what = "Meta answered a question about the access token with an error about";
        self.unexpected_words(format!("{what} {about}: {}.", self.refusal.summary))
    }

    fn unexpected_words(&self, reason: String) -> Words {
        Words { summary: self.refusal.summary.into(), reason: reason.into(), steps: REPORT, next: &[] }
    }

    fn read_words(&self, is_waba: bool) -> Words {
        let FixedWords { summary, .. } = self.refusal;
        let unexpected = |reason: String| self.unexpected_words(reason);
        let fixed = |words: FixedWords| Words { next: TRY_AGAIN, ..words.into() };
        match &self.read {
            ReadWords::Own { waba, .. } if is_waba => fixed(*waba),
            ReadWords::Own { number, .. } => fixed(*number),
            ReadWords::AboutPin => {
                unexpected(format!("Meta answered a read with an error about setting a PIN: {summary}."))
            }
            ReadWords::AboutNumber if is_waba => {
                unexpected(format!("Meta answered the read of this WABA with an error about one number: {summary}."))
            }
            ReadWords::Same | ReadWords::AboutNumber => fixed(self.refusal),
        }
    }
}

/// An error that reaches only one number, or one request.
pub(super) const fn number_entry(
    topic: &'static str,
    summary: &'static str,
    reason: &'static str,
    steps: &'static [&'static str],
) -> CatalogEntry {
    CatalogEntry::new(ErrorScope::Number, topic, FixedWords { summary, reason, steps })
}

impl From<FixedWords> for Words {
    fn from(FixedWords { summary, reason, steps }: FixedWords) -> Self {
        Self { summary: summary.into(), reason: reason.into(), steps, next: &[] }
    }
}
