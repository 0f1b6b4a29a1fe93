//! The words of the filter line: its keys, their values, and the states that are words of their own.
//!
//! It knows no rows: [`filter`](super::filter) matches them.

use crate::domain::number::TwoStep;
use crate::domain::standing::ChangeResult;

/// A shorter start of a state is a part of a name.
const MIN_STATE_CHARS: usize = 4;

/// The word before a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterKey {
    /// `two-step:`
    TwoStep,
    /// `waba:`
    Waba,
    /// `request:`
    Request,
    /// `set:`
    Set,
    /// `due:`
    Due,
    /// `id:`
    Id,
}

impl FilterKey {
    /// Every key.
    pub const ALL: [Self; 6] = [Self::TwoStep, Self::Waba, Self::Request, Self::Set, Self::Due, Self::Id];

    /// The key as the operator types it, with its colon.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::TwoStep => "two-step:",
            Self::Waba => "waba:",
            Self::Request => "request:",
            Self::Set => "set:",
            Self::Due => "due:",
            Self::Id => "id:",
        }
    }

    /// The values of the key, the most common first; none if it takes any text.
    #[must_use]
    pub const fn values(self) -> &'static [&'static str] {
        match self {
            Self::TwoStep => &["on", "not-set", "unknown", TURNED_OFF],
            Self::Request => &[
                "failed",
                "no-answer",
                "not-sent",
                "queued",
                "set",
                "sending",
                "retry",
                "paused",
                "resolved",
                REQUEST_NONE,
            ],
            Self::Set => &["today"],
            Self::Due => &["yes", "no"],
            Self::Waba | Self::Id => &[],
        }
    }

    /// What the key takes, for an error message.
    #[must_use]
    pub fn expected_values(self) -> String {
        match self {
            Self::Waba => "part of a name or ID".to_owned(),
            Self::Id => "digits of a phone number ID".to_owned(),
            Self::TwoStep | Self::Request | Self::Set | Self::Due => self.values().join(", "),
        }
    }

    /// Other words for a value.
    const fn value_aliases(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Request => &REQUEST_ALIASES,
            Self::TwoStep | Self::Waba | Self::Set | Self::Due | Self::Id => &[],
        }
    }

    /// The value that is this word, or has it as another name.
    pub(super) fn value(self, word: &str) -> Option<&'static str> {
        let own = self.values().iter().map(|value| (*value, *value));
        own.chain(self.value_aliases().iter().copied()).find(|(name, _)| *name == word).map(|(_, value)| value)
    }

    /// The values that an operator means with a value or its start. A complete value means only itself.
    pub(super) fn matching_values(self, typed: &str) -> Vec<&'static str> {
        // Data has underscores.
        let typed = typed.replace('_', "-");
        if let Some(value) = self.value(&typed) {
            return vec![value];
        }
        let values = self.values().iter().copied();
        let started: Vec<_> = values.filter(|value| value.starts_with(&typed)).collect();
        if !started.is_empty() {
            return started;
        }
        let aliases = self.value_aliases().iter();
        aliases.filter(|(name, _)| name.starts_with(&typed)).map(|(_, value)| *value).collect()
    }
}

/// The screen counts numbers "in doubt", and earlier versions wrote `settled`.
const REQUEST_ALIASES: [(&str, &str); 2] = [("in-doubt", ChangeResult::NoAnswer.keyword()), ("settled", "resolved")];

/// The value of `two-step:` for numbers that were set here and then turned off elsewhere.
pub(super) const TURNED_OFF: &str = "turned-off";

/// The value of `request:` for numbers without a change.
const REQUEST_NONE: &str = "none";

/// The keyword of a change's state (see [`ChangeState`](crate::domain::change::ChangeState)) that a value of `request:`
/// selects; `None` for numbers without a change.
pub(super) fn request_keyword(value: &'static str) -> Option<&'static str> {
    match value {
        REQUEST_NONE => None,
        keyword => Some(keyword),
    }
}

/// A state of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberState {
    TwoStep(TwoStep),
    /// The keyword of a change's state.
    Request(&'static str),
}

/// The states that a filter finds without a key. `set` is what became of a request, and never a two-step status; `on`
/// is part of too many names.
pub(super) const STATES: [(&str, NumberState); 12] = [
    ("not set", NumberState::TwoStep(TwoStep::NotSet)),
    ("no answer", NumberState::Request(ChangeResult::NoAnswer.keyword())),
    ("in doubt", NumberState::Request(ChangeResult::NoAnswer.keyword())),
    ("not sent", NumberState::Request(ChangeResult::NotSent.keyword())),
    ("failed", NumberState::Request(ChangeResult::Failed.keyword())),
    ("set", NumberState::Request(ChangeResult::Set.keyword())),
    ("queued", NumberState::Request("queued")),
    ("sending", NumberState::Request("sending")),
    ("retry", NumberState::Request("retry")),
    ("paused", NumberState::Request("paused")),
    ("resolved", NumberState::Request("resolved")),
    ("unknown", NumberState::TwoStep(TwoStep::Unknown)),
];

/// The state that a word means: its name, also with a hyphen, or the start of a name of one word.
pub(super) fn state_of_word(word: &str) -> Option<NumberState> {
    let spaced = word.replace('-', " ");
    let is_start = |name: &str| !name.contains(' ') && word.len() >= MIN_STATE_CHARS && name.starts_with(word);
    STATES.into_iter().find(|(name, _)| *name == spaced || is_start(name)).map(|(_, state)| state)
}

/// The state whose name is these two words.
pub(super) fn state_of_phrase(first: &str, second: &str) -> Option<NumberState> {
    STATES.into_iter().find(|(name, _)| name.split_once(' ') == Some((first, second))).map(|(_, state)| state)
}

/// Other words that operators type for a key. A mistyped word is compared with these too.
const KEY_ALIASES: [(&str, FilterKey); 14] = [
    ("twostep:", FilterKey::TwoStep),
    ("two:", FilterKey::TwoStep),
    ("step:", FilterKey::TwoStep),
    ("2fa:", FilterKey::TwoStep),
    ("2sv:", FilterKey::TwoStep),
    ("pin:", FilterKey::TwoStep),
    ("account:", FilterKey::Waba),
    ("business:", FilterKey::Waba),
    ("status:", FilterKey::Request),
    ("state:", FilterKey::Request),
    ("job:", FilterKey::Request),
    ("result:", FilterKey::Request),
    ("phone:", FilterKey::Id),
    ("number:", FilterKey::Id),
];

/// A word before and after its colon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SplitWord<'a> {
    /// It has no key. A colon without a letter before it, as in `10:30`, does not make one.
    Plain,
    /// The key, or its start, and the value.
    Keyed(FilterKey, &'a str),
    /// The part before the value is not a key.
    UnknownKey(&'a str),
}

pub(super) fn split_word(word: &str) -> SplitWord<'_> {
    let Some(colon) = word.find(':') else { return SplitWord::Plain };
    let (start, value) = (&word[..colon], &word[colon + 1..]);
    if !start.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return SplitWord::Plain;
    }
    match FilterKey::ALL.into_iter().find(|key| key.prefix().starts_with(start)) {
        Some(key) => SplitWord::Keyed(key, value),
        None => SplitWord::UnknownKey(&word[..=colon]),
    }
}

/// The key that the operator probably meant.
pub(super) fn closest_key(word: &str) -> Option<FilterKey> {
    // Two typos turn a short word into a different one.
    const MAX_TYPOS: usize = 2;
    let known = FilterKey::ALL.map(|key| (key.prefix(), key));
    let distances =
        known.into_iter().chain(KEY_ALIASES).map(|(other, key)| (strsim::damerau_levenshtein(word, other), key));
    let (typos, key) = distances.min_by_key(|(typos, _)| *typos)?;
    (typos <= MAX_TYPOS && typos + 2 < word.chars().count()).then_some(key)
}

/// A word without the sign that negates it; true if it had one.
pub(super) fn strip_negation(word: &str) -> (bool, &str) {
    word.strip_prefix(['!', '-']).map_or((false, word), |rest| (true, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_key_is_enough() {
        assert_eq!(split_word("two:not"), SplitWord::Keyed(FilterKey::TwoStep, "not"));
        assert_eq!(split_word("req:fail"), SplitWord::Keyed(FilterKey::Request, "fail"));
        assert_eq!(split_word("colour:red"), SplitWord::UnknownKey("colour:"));
        assert_eq!((split_word("10:30"), split_word("acme")), (SplitWord::Plain, SplitWord::Plain));
    }

    #[test]
    fn no_two_keys_start_with_the_same_letter() {
        let mut starts: Vec<_> = FilterKey::ALL.iter().map(|key| key.prefix().as_bytes()[0]).collect();
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts.len(), FilterKey::ALL.len());
    }

    #[test]
    fn the_start_of_a_value_means_each_value_with_it() {
        assert_eq!(FilterKey::TwoStep.matching_values("not"), ["not-set"]);
        assert_eq!(FilterKey::Request.matching_values("no"), ["no-answer", "not-sent", "none"]);
        assert_eq!(FilterKey::Request.matching_values("set"), ["set"]);
        assert_eq!(FilterKey::Request.matching_values("not_sent"), ["not-sent"]);
        assert_eq!(["settled", "settl"].map(|word| FilterKey::Request.matching_values(word)), [["resolved"]; 2]);
        assert_eq!(["in-doubt", "in_d", "i"].map(|word| FilterKey::Request.matching_values(word)), [["no-answer"]; 3]);
        assert_eq!(FilterKey::TwoStep.matching_values("off"), Vec::<&str>::new());
    }

    #[test]
    fn a_state_is_found_by_its_name() {
        let failed = Some(NumberState::Request("failed"));
        assert_eq!(["failed", "fail", "fai"].map(state_of_word), [failed, failed, None]);
        assert_eq!(state_of_word("not-set"), Some(NumberState::TwoStep(TwoStep::NotSet)));
        assert_eq!(state_of_word("sett"), None);
        assert_eq!(state_of_phrase("in", "doubt"), Some(NumberState::Request("no-answer")));
        assert_eq!(state_of_phrase("not", "se"), None);
    }
}
