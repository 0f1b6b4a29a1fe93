//! The language of the filter line, and which rows a filter lets through.
//!
//! Words are and-ed and case-blind; digits match with or without blanks, `+` and `-` between them; `!` before a word means
//! not. A filter is read whole or refused whole: there is no half-understood filter, because people act on what is shown.

use std::sync::Arc;

use hashbrown::HashSet;
use memchr::memmem;

use super::row_store::{ChangeStates, RowStore, to_lower};
use crate::domain::number::{PhoneNumberId, TwoStep, Waba};
use crate::domain::text::CleanText;

/// What `request:` takes besides `none`: the words of [`crate::job::JobState::key`].
const REQUEST_VALUES: [&str; 8] = ["failed", "no-answer", "queued", "sending", "retry", "set", "not-sent", "settled"];
const REQUEST_NONE: &str = "none";

/// What may stand before a colon.
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

    /// As it is typed.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::TwoStep => "two-step:",
            Self::Waba => "waba:",
            Self::Request => "request:",
            Self::Id => "id:",
        }
    }

    /// What may stand behind it.
    #[must_use]
    pub const fn expected_values(self) -> &'static str {
        match self {
            Self::TwoStep => "on, not-set or unknown",
            Self::Waba => "a part of a name or of an ID",
            Self::Request => "failed, no-answer, queued, sending, retry, set, not-sent, settled or none",
            Self::Id => "digits of a phone number ID",
        }
    }
}

/// Other words that people type for a key: a slip is compared with these too.
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

/// Why a filter was not understood. The text is for the screen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A word with a colon that is no key.
    #[error("Unknown word \"{word}\".{}", suggestion_text(*.suggestion))]
    UnknownKey {
        /// The word, with its colon.
        word: CleanText,
        /// The key it resembles most, if it resembles any.
        suggestion: Option<FilterKey>,
    },
    /// A key, and behind it nothing that it takes.
    #[error("{} takes {}.", .key.prefix(), .key.expected_values())]
    BadValue {
        /// The key.
        key: FilterKey,
    },
}

fn suggestion_text(meant: Option<FilterKey>) -> String {
    match meant {
        Some(key) => format!(" Did you mean {} ?", key.prefix()),
        None => format!(" There are {}", FilterKey::ALL.map(FilterKey::prefix).join(" ")),
    }
}

/// A filter that was understood. The default lets every row through.
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
    /// In the name or the WABA's name as it is, or by its digits in the number, or the whole of an id.
    Word {
        lower: String,
        digits: Option<String>,
    },
    TwoStep(TwoStep),
    /// In the WABA's name or id.
    Waba(String),
    /// The key of a job's state; `None` for numbers without a job.
    Request(Option<&'static str>),
    /// In the phone number ID.
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
            // A lone `!` is the beginning of a word that is still being typed.
            if !word.is_empty() {
                terms.push(Term { is_negated, predicate: Predicate::parse(&to_lower(word))? });
            }
        }
        Ok(Self { terms })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True if a job that moves can move a row in or out.
    pub(super) fn depends_on_requests(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.predicate, Predicate::Request(_)))
    }

    /// For each slot, whether its row is let through.
    pub(super) fn matching_rows(&self, store: &RowStore, jobs: &ChangeStates) -> Vec<bool> {
        let mut passes = vec![true; store.len()];
        let mut hits = Vec::new();
        for term in &self.terms {
            hits.clear();
            hits.resize(store.len(), false);
            term.predicate.mark_matches(store, jobs, &mut hits);
            for (pass, hit) in passes.iter_mut().zip(&hits) {
                *pass &= *hit != term.is_negated;
            }
        }
        passes
    }
}

impl Predicate {
    fn parse(word: &str) -> Result<Self, FilterError> {
        let Some((key, value)) = split_key(word)? else {
            return Ok(Self::Word { lower: word.to_owned(), digits: search_digits(word) });
        };
        let test = match key {
            FilterKey::TwoStep => [TwoStep::On, TwoStep::NotSet, TwoStep::Unknown]
                .into_iter()
                .find(|is| is.filter_value() == value)
                .map(Self::TwoStep),
            FilterKey::Waba => (!value.is_empty()).then(|| Self::Waba(value.to_owned())),
            FilterKey::Request if value == REQUEST_NONE => Some(Self::Request(None)),
            FilterKey::Request => {
                REQUEST_VALUES.into_iter().find(|request| *request == value).map(|request| Self::Request(Some(request)))
            }
            FilterKey::Id => {
                let is_digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                is_digits.then(|| Self::Id(value.to_owned()))
            }
        };
        test.ok_or(FilterError::BadValue { key })
    }

    fn mark_matches(&self, store: &RowStore, jobs: &ChangeStates, hits: &mut [bool]) {
        match self {
            Self::Word { lower, digits } => {
                mark_text(store, lower, hits);
                mark_wabas(store, hits, |waba| self::to_lower(waba.label()).contains(lower));
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
            Self::Waba(part) => mark_wabas(store, hits, |waba| {
                self::to_lower(waba.label()).contains(part) || waba.id.as_str().contains(part)
            }),
            Self::Request(request) => mark_requests(store, jobs, *request, hits),
            Self::Id(part) => {
                let finder = memmem::Finder::new(part);
                for (hit, row) in hits.iter_mut().zip(store.rows()) {
                    *hit = finder.find(row.id.as_str().as_bytes()).is_some();
                }
            }
        }
    }
}

/// One pass over the text of all rows; the rest of a row that was hit is skipped.
fn mark_text(store: &RowStore, needle: &str, hits: &mut [bool]) {
    let finder = memmem::Finder::new(needle);
    let text = store.search_text().as_bytes();
    let (mut place, mut slot) = (0, 0);
    while let Some(found) = finder.find(&text[place..]) {
        let Some((hit, end)) = store.slot_at_offset(place + found, slot) else { return };
        hits[hit] = true;
        (place, slot) = (end, hit + 1);
    }
}

/// Asks once a WABA, not once a row.
fn mark_wabas(store: &RowStore, hits: &mut [bool], is_meant: impl Fn(&Waba) -> bool) {
    let meant: HashSet<*const Waba> = store.wabas().filter(|waba| is_meant(waba)).map(Arc::as_ptr).collect();
    if meant.is_empty() {
        return;
    }
    for (hit, row) in hits.iter_mut().zip(store.rows()) {
        *hit |= row.waba.as_ref().is_some_and(|waba| meant.contains(&Arc::as_ptr(waba)));
    }
}

fn mark_requests(store: &RowStore, jobs: &ChangeStates, request: Option<&str>, hits: &mut [bool]) {
    hits.fill(request.is_none());
    for (id, job) in jobs.iter() {
        if let Some(slot) = store.slot(id) {
            hits[slot as usize] = request == Some(job.as_str());
        }
    }
}

/// The key and the value of a word, or `None` for a word without a key. A colon behind anything but letters, as in
/// `10:30`, makes no key.
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

/// The key that a word was probably meant to be.
fn closest_key(word: &str) -> Option<FilterKey> {
    // Two slips in a short word make another word.
    const MOST_SLIPS: usize = 2;
    let known = FilterKey::ALL.map(|key| (key.prefix(), key));
    let distances =
        known.into_iter().chain(KEY_ALIASES).map(|(other, key)| (strsim::damerau_levenshtein(word, other), key));
    let (slips, key) = distances.min_by_key(|(slips, _)| *slips)?;
    (slips <= MOST_SLIPS && slips + 2 < word.chars().count()).then_some(key)
}

/// The digits of a word that is written like a number or a part of one.
fn search_digits(word: &str) -> Option<String> {
    let is_numeric = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'/' | b'(' | b')'));
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    (is_numeric && !digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        Filter::parse(text).expect_err("a bad filter").to_string()
    }

    #[test]
    fn an_unknown_key_is_told_with_the_one_that_was_meant() {
        assert_eq!(told("acme statsu:failed"), "Unknown word \"statsu:\". Did you mean request: ?");
        assert_eq!(told("Two-Stpe:on"), "Unknown word \"two-stpe:\". Did you mean two-step: ?");
        assert_eq!(told("!wabba:uk"), "Unknown word \"wabba:\". Did you mean waba: ?");
        assert_eq!(told("colour:red"), "Unknown word \"colour:\". There are two-step: waba: request: id:");
    }

    #[test]
    fn a_bad_value_is_told_with_the_good_ones() {
        assert_eq!(told("two-step:off"), "two-step: takes on, not-set or unknown.");
        assert_eq!(
            told("request:"),
            "request: takes failed, no-answer, queued, sending, retry, set, not-sent, settled or none."
        );
        assert_eq!(told("waba:"), "waba: takes a part of a name or of an ID.");
        assert_eq!(told("id:12a"), "id: takes digits of a phone number ID.");
    }

    #[test]
    fn every_value_that_is_told_is_taken() {
        for key in [FilterKey::TwoStep, FilterKey::Request] {
            for value in key.expected_values().replace(" or ", ", ").split(", ") {
                assert!(Filter::parse(&format!("{}{value}", key.prefix())).is_ok(), "{value}");
            }
        }
    }

    #[test]
    fn a_colon_among_digits_and_a_lone_sign_are_no_mistakes() {
        assert!(Filter::parse("10:30").is_ok());
        assert_eq!(Filter::parse(" ! "), Ok(Filter::default()));
    }

    #[test]
    fn only_a_word_written_like_a_number_is_searched_by_its_digits() {
        assert_eq!(search_digits("+1-555"), Some("1555".to_owned()));
        assert_eq!(search_digits("(0)7"), Some("07".to_owned()));
        assert_eq!(search_digits("a1"), None);
        assert_eq!(search_digits("+-"), None);
    }
}
