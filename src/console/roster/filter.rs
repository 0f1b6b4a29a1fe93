//! The language of the filter line, and which rows match a filter.
//!
//! A row must match every word, ignoring case. Digits match with or without spaces, `+` and `-` between them; `!`
//! before a word negates it. A filter with one invalid word is refused completely, because operators act on the rows
//! they see. This module does not sort rows.

use std::sync::Arc;

use hashbrown::HashSet;
use memchr::memmem;

use super::row_store::{ChangeStates, RowStore, to_lower};
use crate::domain::number::{PhoneNumberId, TwoStep, Waba};
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;

const REQUEST_NONE: &str = "none";

/// The word before a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterKey {
    /// `two-step:`
    TwoStep,
    /// `waba:`
    Waba,
    /// `request:`
    Request,
    /// `id:`
    Id,
}

impl FilterKey {
    const ALL: [Self; 4] = [Self::TwoStep, Self::Waba, Self::Request, Self::Id];

    /// The key as the operator types it, with its colon.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::TwoStep => "two-step:",
            Self::Waba => "waba:",
            Self::Request => "request:",
            Self::Id => "id:",
        }
    }

    /// The values of the key, for an error message.
    #[must_use]
    pub const fn expected_values(self) -> &'static str {
        match self {
            Self::TwoStep => "on, not-set or unknown",
            Self::Waba => "part of a name or ID",
            Self::Request => "failed, no-answer, queued, sending, retry, paused, set, not-sent, resolved or none",
            Self::Id => "digits of a phone number ID",
        }
    }
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

/// Why a filter is invalid. The screen shows its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A word with a colon that is not a key.
    #[error("Unknown word \"{word}\".{}", suggestion_text(*.suggestion))]
    UnknownKey {
        /// The word, with its colon.
        word: CleanText,
        /// The most similar key, if one is similar.
        suggestion: Option<FilterKey>,
    },
    /// The key does not have this value.
    #[error("{} takes {}.", .key.prefix(), .key.expected_values())]
    BadValue {
        /// The key.
        key: FilterKey,
    },
}

fn suggestion_text(suggestion: Option<FilterKey>) -> String {
    match suggestion {
        Some(key) => format!(" Did you mean {} ?", key.prefix()),
        None => format!(" Use {}", FilterKey::ALL.map(FilterKey::prefix).join(" ")),
    }
}

/// A valid filter. The default matches every row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    is_negated: bool,
    predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Predicate {
    /// Part of the name, of the WABA's name or of the number's digits, or a complete phone number ID.
    Word {
        lower: String,
        digits: Option<String>,
    },
    TwoStep(TwoStep),
    /// Part of the WABA's name or ID.
    Waba(String),
    /// The word of a change's state; `None` for numbers without a change.
    Request(Option<&'static str>),
    /// Part of the phone number ID.
    Id(String),
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut terms = Vec::new();
        for word in text.split_whitespace() {
            let (is_negated, word) = match word.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, word),
            };
            // A lone `!` is the start of a word that is still being typed.
            if !word.is_empty() {
                terms.push(Term { is_negated, predicate: Predicate::parse(&to_lower(word))? });
            }
        }
        Ok(Self { terms })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True if a new state of a change can add or remove a row.
    pub(super) fn depends_on_requests(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.predicate, Predicate::Request(_)))
    }

    /// For each slot, true if its row matches.
    pub(super) fn matching_rows(&self, store: &RowStore, changes: &ChangeStates) -> Vec<bool> {
        let mut matches = vec![true; store.len()];
        let mut hits = Vec::new();
        for term in &self.terms {
            hits.clear();
            hits.resize(store.len(), false);
            term.predicate.mark_matches(store, changes, &mut hits);
            for (is_match, hit) in matches.iter_mut().zip(&hits) {
                *is_match &= *hit != term.is_negated;
            }
        }
        matches
    }
}

impl Predicate {
    fn parse(word: &str) -> Result<Self, FilterError> {
        let Some((key, value)) = split_key(word)? else {
            return Ok(Self::Word { lower: word.to_owned(), digits: search_digits(word) });
        };
        let predicate = match key {
            FilterKey::TwoStep => [TwoStep::On, TwoStep::NotSet, TwoStep::Unknown]
                .into_iter()
                .find(|two_step| two_step.filter_value() == value)
                .map(Self::TwoStep),
            FilterKey::Waba => (!value.is_empty()).then(|| Self::Waba(value.to_owned())),
            FilterKey::Request if value == REQUEST_NONE => Some(Self::Request(None)),
            FilterKey::Request => request_keyword(value).map(|keyword| Self::Request(Some(keyword))),
            FilterKey::Id => {
                let is_digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                is_digits.then(|| Self::Id(value.to_owned()))
            }
        };
        predicate.ok_or(FilterError::BadValue { key })
    }

    fn mark_matches(&self, store: &RowStore, changes: &ChangeStates, hits: &mut [bool]) {
        match self {
            Self::Word { lower, digits } => {
                mark_text(store, lower, hits);
                mark_wabas(store, hits, |waba| to_lower(waba.label()).contains(lower));
                if let Some(digits) = digits {
                    if digits != lower {
                        mark_text(store, digits, hits);
                    }
                    if let Some(slot) = digits.parse::<PhoneNumberId>().ok().and_then(|id| store.slot(&id)) {
                        hits[slot as usize] = true;
                    }
                }
            }
            Self::TwoStep(two_step) => {
                for (hit, slot) in hits.iter_mut().zip(0..) {
                    *hit = store.two_step(slot) == *two_step;
                }
            }
            Self::Waba(part) => {
                mark_wabas(store, hits, |waba| {
                    to_lower(waba.label()).contains(part) || waba.id.as_str().contains(part)
                });
            }
            Self::Request(request) => mark_requests(store, changes, *request, hits),
            Self::Id(part) => {
                let finder = memmem::Finder::new(part);
                for (hit, row) in hits.iter_mut().zip(store.rows()) {
                    *hit = finder.find(row.id.as_str().as_bytes()).is_some();
                }
            }
        }
    }
}

/// The keyword (see [`ChangeState`](crate::domain::change::ChangeState)) that a value of `request:` selects. Earlier
/// versions wrote `settled`.
fn request_keyword(value: &str) -> Option<&'static str> {
    if let Some(result) = ChangeResult::parse(value) {
        return Some(result.keyword());
    }
    match value {
        "queued" => Some("queued"),
        "sending" => Some("sending"),
        "retry" => Some("retry"),
        "paused" => Some("paused"),
        "resolved" | "settled" => Some("settled"),
        _ => None,
    }
}

/// Searches the text of all rows in one pass, and skips the rest of a row that matches.
fn mark_text(store: &RowStore, needle: &str, hits: &mut [bool]) {
    let finder = memmem::Finder::new(needle);
    let text = store.search_text().as_bytes();
    let (mut offset, mut slot) = (0, 0);
    while let Some(distance) = finder.find(&text[offset..]) {
        let Some((hit, end)) = store.slot_at_offset(offset + distance, slot) else { return };
        hits[hit] = true;
        (offset, slot) = (end, hit + 1);
    }
}

/// Tests each WABA once, not each row.
fn mark_wabas(store: &RowStore, hits: &mut [bool], is_match: impl Fn(&Waba) -> bool) {
    let matching: HashSet<*const Waba> = store.wabas().filter(|waba| is_match(waba)).map(Arc::as_ptr).collect();
    if matching.is_empty() {
        return;
    }
    for (hit, row) in hits.iter_mut().zip(store.rows()) {
        *hit |= row.waba.as_ref().is_some_and(|waba| matching.contains(&Arc::as_ptr(waba)));
    }
}

fn mark_requests(store: &RowStore, changes: &ChangeStates, request: Option<&str>, hits: &mut [bool]) {
    hits.fill(request.is_none());
    for (id, state) in changes.iter() {
        if let Some(slot) = store.slot(id) {
            hits[slot as usize] = request == Some(state.keyword());
        }
    }
}

/// The key and the value of a word, or `None` for a word without a key. A colon without a letter before it, as in
/// `10:30`, does not make a key.
fn split_key(word: &str) -> Result<Option<(FilterKey, &str)>, FilterError> {
    let Some(colon) = word.find(':') else {
        return Ok(None);
    };
    let (key, value) = (&word[..=colon], &word[colon + 1..]);
    if let Some(known) = FilterKey::ALL.into_iter().find(|known| known.prefix() == key) {
        return Ok(Some((known, value)));
    }
    if key.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Err(FilterError::UnknownKey { word: CleanText::new(key), suggestion: closest_key(key) });
    }
    Ok(None)
}

/// The key that the operator probably meant.
fn closest_key(word: &str) -> Option<FilterKey> {
    // Two typos turn a short word into a different one.
    const MAX_TYPOS: usize = 2;
    let known = FilterKey::ALL.map(|key| (key.prefix(), key));
    let distances =
        known.into_iter().chain(KEY_ALIASES).map(|(other, key)| (strsim::damerau_levenshtein(word, other), key));
    let (typos, key) = distances.min_by_key(|(typos, _)| *typos)?;
    (typos <= MAX_TYPOS && typos + 2 < word.chars().count()).then_some(key)
}

/// The digits of a word that looks like a number or part of one.
fn search_digits(word: &str) -> Option<String> {
    let is_numeric = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'/' | b'(' | b')'));
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    (is_numeric && !digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_text(text: &str) -> String {
        Filter::parse(text).expect_err("an invalid filter").to_string()
    }

    #[test]
    fn an_unknown_key_gets_a_suggestion() {
        assert_eq!(error_text("acme statsu:failed"), "Unknown word \"statsu:\". Did you mean request: ?");
        assert_eq!(error_text("Two-Stpe:on"), "Unknown word \"two-stpe:\". Did you mean two-step: ?");
        assert_eq!(error_text("!wabba:uk"), "Unknown word \"wabba:\". Did you mean waba: ?");
        assert_eq!(error_text("colour:red"), "Unknown word \"colour:\". Use two-step: waba: request: id:");
    }

    #[test]
    fn a_bad_value_is_refused_with_the_valid_ones() {
        assert_eq!(error_text("two-step:off"), "two-step: takes on, not-set or unknown.");
        assert_eq!(
            error_text("request:"),
            "request: takes failed, no-answer, queued, sending, retry, paused, set, not-sent, resolved or none."
        );
        assert_eq!(error_text("waba:"), "waba: takes part of a name or ID.");
        assert_eq!(error_text("id:12a"), "id: takes digits of a phone number ID.");
    }

    #[test]
    fn every_value_in_the_message_is_accepted() {
        for key in [FilterKey::TwoStep, FilterKey::Request] {
            for value in key.expected_values().replace(" or ", ", ").split(", ") {
                assert!(Filter::parse(&format!("{}{value}", key.prefix())).is_ok(), "{value}");
            }
        }
    }

    #[test]
    fn a_colon_among_digits_and_a_lone_sign_are_valid() {
        assert!(Filter::parse("10:30").is_ok());
        assert_eq!(Filter::parse(" ! "), Ok(Filter::default()));
    }

    #[test]
    fn only_a_word_like_a_number_is_searched_by_digits() {
        assert_eq!(search_digits("+1-555"), Some("1555".to_owned()));
        assert_eq!(search_digits("(0)7"), Some("07".to_owned()));
        assert_eq!(search_digits("a1"), None);
        assert_eq!(search_digits("+-"), None);
    }
}
