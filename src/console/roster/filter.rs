//! The language of the filter line, and which rows match a filter.
//!
//! A row must match every word, ignoring case. Digits match with or without spaces, `+` and `-` between them; `!` or `-`
//! before a word negates it. The start of a key and of a value is enough. A filter with one invalid word is refused
//! completely, because operators act on the rows they see. This module does not sort rows.

use hashbrown::HashSet;
use memchr::memmem;

use super::Roster;
use super::change_states::ChangeStates;
use super::filter_words::{
    FilterKey, NumberState, SplitWord, TURNED_OFF, closest_key, request_keyword, split_word, state_of_phrase,
    state_of_word, strip_negation,
};
use super::pauses::ScopePauses;
use super::row_store::RowStore;
use super::row_texts::to_lower;
use crate::domain::change::ChangeState;
use crate::domain::number::{PhoneNumberId, TwoStep, Waba};
use crate::domain::text::CleanText;

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
    #[error("\"{word}\" is not a value: {}.", .key.expected_values())]
    BadValue {
        /// The word, with the key.
        word: CleanText,
        /// The key.
        key: FilterKey,
    },
    /// The key has no value yet.
    #[error("Finish the word: {} {}.", .key.prefix(), .key.expected_values())]
    NoValue {
        /// The key.
        key: FilterKey,
    },
    /// No row has the last word, which is the start of a key or of a state.
    #[error("Finish the word: {completed}")]
    Unfinished {
        /// What it can become.
        completed: String,
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
    /// Part of the name, of the WABA's name or of the number's digits, a complete phone number ID, or a state.
    Word {
        lower: String,
        digits: Option<String>,
        state: Option<NumberState>,
    },
    State(NumberState),
    /// The digits that the number starts with.
    NumberStart(String),
    /// Part of the WABA's name or ID.
    Waba(String),
    /// One of these keywords of a change's state; `None` for numbers without a change.
    Requests(Vec<Option<&'static str>>),
    /// The PIN was last set today, whatever became of a request after that.
    SetToday,
    /// The PIN was set here, and two-step verification was turned off elsewhere after that.
    TurnedOff,
    /// The PIN is due, or is not.
    Due(bool),
    /// Part of the phone number ID.
    Id(String),
}

/// The data that rows are matched with.
pub(super) struct FilterContext<'a> {
    pub(super) store: &'a RowStore,
    pub(super) changes: &'a ChangeStates,
    pub(super) pauses: &'a ScopePauses,
}

impl FilterContext<'_> {
    /// The changes, as their rows show them.
    fn shown_changes(&self) -> impl Iterator<Item = (u32, &ChangeState)> {
        let shown = |slot, state| self.pauses.shown(state, || Some(self.store.quota_scopes(slot)));
        self.changes.rows().map(move |(slot, state)| (slot, shown(slot, state)))
    }
}

/// The rows that match, by their slots.
pub(super) struct FilterMatches {
    matches: Vec<bool>,
    /// Those that come before all others, if the filter is a number.
    first: Option<Vec<bool>>,
}

impl FilterMatches {
    pub(super) fn contains(&self, slot: u32) -> bool {
        self.matches[slot as usize]
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.matches.contains(&true)
    }

    /// True if the filter puts some rows before all others.
    pub(super) fn ranks_rows(&self) -> bool {
        self.first.is_some()
    }

    pub(super) fn is_first(&self, slot: u32) -> bool {
        self.first.as_ref().is_some_and(|first| first[slot as usize])
    }
}

impl Roster {
    /// Which of these numbers match a filter, whatever the rows of the list are filtered by. Numbers without a row match
    /// only an empty filter.
    ///
    /// # Errors
    /// An invalid filter.
    pub fn numbers_that_match<'a>(
        &self,
        text: &str,
        numbers: impl Iterator<Item = &'a PhoneNumberId>,
    ) -> Result<HashSet<PhoneNumberId>, FilterError> {
        let filter = Filter::parse(text)?;
        let matches = self.matching_rows(&filter);
        let is_match = |id: &PhoneNumberId| {
            let slot = self.store.slot(id);
            filter.is_empty() || slot.is_some_and(|slot| matches.contains(slot))
        };
        Ok(numbers.filter(|id| is_match(id)).copied().collect())
    }
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let lower = to_lower(text);
        let mut words = lower.split_whitespace().peekable();
        let mut terms = Vec::new();
        while let Some(word) = words.next() {
            let (is_negated, word) = strip_negation(word);
            let phrase = words.peek().and_then(|next| state_of_phrase(word, next));
            let predicate = if let Some(state) = phrase {
                words.next();
                Some(Predicate::State(state))
            } else if let Some(mut digits) = number_start(word, words.peek().copied()) {
                // A number that starts with its country is one number, with its blanks.
                while let Some(more) = words.peek().and_then(|next| search_digits(next)) {
                    digits.push_str(&more);
                    words.next();
                }
                Some(Predicate::NumberStart(digits))
            } else if let Some(value) = words.peek().and_then(|next| value_of_phrase(word, next)) {
                words.next();
                Predicate::parse(&value)?
            } else {
                Predicate::parse(word)?
            };
            terms.extend(predicate.map(|predicate| Term { is_negated, predicate }));
        }
        Ok(Self { terms })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True if a new state of a change can add or remove a row.
    pub(super) fn depends_on_requests(&self) -> bool {
        self.terms.iter().any(|term| match term.predicate {
            Predicate::Word { state, .. } => matches!(state, Some(NumberState::Request(_))),
            Predicate::State(state) => matches!(state, NumberState::Request(_)),
            Predicate::Requests(_) => true,
            Predicate::NumberStart(_)
            | Predicate::Waba(_)
            | Predicate::SetToday
            | Predicate::TurnedOff
            | Predicate::Due(_)
            | Predicate::Id(_) => false,
        })
    }

    /// True if a new day, or a PIN that is set, can add or remove a row.
    pub(super) fn depends_on_today(&self) -> bool {
        self.terms
            .iter()
            .any(|term| matches!(term.predicate, Predicate::SetToday | Predicate::TurnedOff | Predicate::Due(_)))
    }

    /// The first part of a WABA's name or ID that the filter asks for and none of these WABAs has.
    pub(super) fn unknown_waba(&self, wabas: &[&Waba]) -> Option<&str> {
        self.terms.iter().find_map(|term| match &term.predicate {
            Predicate::Waba(part) if !term.is_negated && !wabas.iter().any(|waba| has_part(waba, part)) => {
                Some(part.as_str())
            }
            Predicate::Waba(_)
            | Predicate::Word { .. }
            | Predicate::State(_)
            | Predicate::NumberStart(_)
            | Predicate::Requests(_)
            | Predicate::SetToday
            | Predicate::TurnedOff
            | Predicate::Due(_)
            | Predicate::Id(_) => None,
        })
    }

    pub(super) fn matching_rows(&self, context: &FilterContext<'_>) -> FilterMatches {
        let rows = context.store.len();
        let mut matches = vec![true; rows];
        let mut hits = Vec::new();
        for term in &self.terms {
            hits.clear();
            hits.resize(rows, false);
            term.predicate.mark_matches(context, &mut hits);
            for (is_match, hit) in matches.iter_mut().zip(&hits) {
                *is_match &= *hit != term.is_negated;
            }
        }
        let first = self.number_digits().map(|digits| {
            let slots = matches.iter().zip(0..);
            slots.map(|(is_match, slot)| *is_match && context.store.texts().has_last_digits(slot, &digits)).collect()
        });
        FilterMatches { matches, first }
    }

    /// The digits of the filter if it is a number or part of one: operators know a number by its last digits.
    fn number_digits(&self) -> Option<String> {
        let digits = self.terms.iter().map(|term| match &term.predicate {
            Predicate::Word { digits: Some(digits), .. } | Predicate::NumberStart(digits) if !term.is_negated => {
                Some(digits.as_str())
            }
            Predicate::Word { .. }
            | Predicate::NumberStart(_)
            | Predicate::State(_)
            | Predicate::Waba(_)
            | Predicate::Requests(_)
            | Predicate::SetToday
            | Predicate::TurnedOff
            | Predicate::Due(_)
            | Predicate::Id(_) => None,
        });
        digits.collect::<Option<String>>().filter(|digits| !digits.is_empty())
    }
}

impl Predicate {
    /// What a word in lower case means. `None` for what is still no condition: a sign, or a WABA without a name.
    fn parse(word: &str) -> Result<Option<Self>, FilterError> {
        let (key, value) = match split_word(word) {
            SplitWord::Plain if word.is_empty() || word == "+" => return Ok(None),
            SplitWord::Plain => {
                let (lower, digits, state) = (word.to_owned(), search_digits(word), state_of_word(word));
                return Ok(Some(Self::Word { lower, digits, state }));
            }
            SplitWord::UnknownKey(key) => {
                return Err(FilterError::UnknownKey { word: CleanText::new(key), suggestion: closest_key(key) });
            }
            SplitWord::Keyed(FilterKey::Waba, "") => return Ok(None),
            SplitWord::Keyed(key, "") => return Err(FilterError::NoValue { key }),
            SplitWord::Keyed(key, value) => (key, value),
        };
        let values = key.matching_values(value);
        let predicate = match key {
            FilterKey::TwoStep if values == [TURNED_OFF] => Some(Self::TurnedOff),
            FilterKey::TwoStep => [TwoStep::On, TwoStep::NotSet, TwoStep::Unknown]
                .into_iter()
                .find(|two_step| values.contains(&two_step.filter_value()))
                .map(|two_step| Self::State(NumberState::TwoStep(two_step))),
            FilterKey::Waba => Some(Self::Waba(value.to_owned())),
            FilterKey::Request => {
                let keywords: Vec<_> = values.into_iter().map(request_keyword).collect();
                (!keywords.is_empty()).then_some(Self::Requests(keywords))
            }
            FilterKey::Set => (!values.is_empty()).then_some(Self::SetToday),
            FilterKey::Due => values.first().map(|value| Self::Due(*value == "yes")),
            FilterKey::Id => value.bytes().all(|byte| byte.is_ascii_digit()).then(|| Self::Id(value.to_owned())),
        };
        predicate.map(Some).ok_or_else(|| FilterError::BadValue { word: CleanText::new(word), key })
    }

    fn mark_matches(&self, context: &FilterContext<'_>, hits: &mut [bool]) {
        let store = context.store;
        match self {
            Self::Word { lower, digits, state } => {
                mark_text(store, lower, hits);
                mark_wabas(store, hits, |waba| to_lower(waba.label()).contains(lower));
                if let Some(digits) = digits {
                    if digits != lower {
                        mark_text(store, digits, hits);
                    }
                    // As people write a number in its own country.
                    if let Some(national) = digits.strip_prefix('0').filter(|rest| rest.len() >= MIN_NATIONAL_DIGITS) {
                        mark_text(store, national, hits);
                    }
                    if let Some(slot) = digits.parse::<PhoneNumberId>().ok().and_then(|id| store.slot(&id)) {
                        hits[slot as usize] = true;
                    }
                }
                if let Some(state) = state {
                    mark_state(context, *state, hits);
                }
            }
            Self::State(state) => mark_state(context, *state, hits),
            Self::NumberStart(digits) => {
                for (hit, slot) in hits.iter_mut().zip(0..) {
                    *hit = store.texts().digits(slot).starts_with(digits);
                }
            }
            Self::Waba(part) => {
                mark_wabas(store, hits, |waba| has_part(waba, part));
            }
            Self::Requests(keywords) => {
                hits.fill(keywords.contains(&None));
                for (slot, state) in context.shown_changes() {
                    hits[slot as usize] = keywords.contains(&Some(state.keyword()));
                }
            }
            Self::SetToday => {
                for (hit, slot) in hits.iter_mut().zip(0..) {
                    *hit = store.is_set_on(slot, store.today());
                }
            }
            Self::TurnedOff => {
                for (hit, slot) in hits.iter_mut().zip(0..) {
                    *hit = store.is_turned_off(slot);
                }
            }
            Self::Due(is_due) => {
                for (hit, slot) in hits.iter_mut().zip(0..) {
                    *hit = store.is_due(slot) == *is_due;
                }
            }
            Self::Id(part) => {
                let finder = memmem::Finder::new(part);
                for (hit, slot) in hits.iter_mut().zip(0..) {
                    *hit = finder.find(store.id(slot).as_str().as_bytes()).is_some();
                }
            }
        }
    }
}

fn mark_state(context: &FilterContext<'_>, state: NumberState, hits: &mut [bool]) {
    match state {
        NumberState::TwoStep(two_step) => {
            for (hit, slot) in hits.iter_mut().zip(0..) {
                *hit |= context.store.two_step(slot) == two_step;
            }
        }
        NumberState::Request(keyword) => mark_changes(context, hits, |state| state.keyword() == keyword),
    }
}

fn mark_changes(context: &FilterContext<'_>, hits: &mut [bool], is_match: impl Fn(&ChangeState) -> bool) {
    for (slot, _) in context.shown_changes().filter(|(_, state)| is_match(state)) {
        hits[slot as usize] = true;
    }
}

/// Searches the text of all rows in one pass, and skips the rest of a row that matches.
fn mark_text(store: &RowStore, needle: &str, hits: &mut [bool]) {
    let finder = memmem::Finder::new(needle);
    let texts = store.texts();
    let text = texts.search_text().as_bytes();
    let (mut offset, mut slot) = (0, 0);
    while let Some(distance) = finder.find(&text[offset..]) {
        let Some((hit, end)) = texts.slot_at_offset(offset + distance, slot) else { return };
        hits[hit] = true;
        (offset, slot) = (end, hit + 1);
    }
}

fn has_part(waba: &Waba, part: &str) -> bool {
    to_lower(waba.label()).contains(part) || waba.id.as_str().contains(part)
}

fn mark_wabas(store: &RowStore, hits: &mut [bool], is_match: impl Fn(&Waba) -> bool) {
    if !store.wabas().any(|waba| is_match(waba)) {
        return;
    }
    for (hit, has_waba) in hits.iter_mut().zip(store.has_waba(is_match)) {
        *hit |= has_waba;
    }
}

/// Fewer digits after a 0 may be the end of a number.
const MIN_NATIONAL_DIGITS: usize = 4;

/// The most digits that operators type of the end of a number.
const MAX_NUMBER_END: usize = 6;

/// The digits of a word that looks like the start of a number with its country: `+44`, or `0044` before more of it. Fewer
/// digits after `00` may be the end of a number.
fn number_start(word: &str, next: Option<&str>) -> Option<String> {
    let digits = search_digits(word)?;
    if word.starts_with('+') {
        return Some(digits);
    }
    let is_long = digits.len() > MAX_NUMBER_END || next.and_then(search_digits).is_some();
    digits.strip_prefix("00").filter(|_| is_long).map(str::to_owned)
}

/// A word with a key and the word after it, if they are one value as people write it: `two-step:not set`.
fn value_of_phrase(word: &str, next: &str) -> Option<String> {
    let SplitWord::Keyed(key, value) = split_word(word) else { return None };
    key.value(&format!("{value}-{next}")).map(|value| format!("{}{value}", key.prefix()))
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
        assert_eq!(error_text("colour:red"), "Unknown word \"colour:\". Use two-step: waba: request: set: due: id:");
    }

    #[test]
    fn a_bad_value_is_refused_with_the_valid_ones() {
        assert_eq!(
            error_text("acme -two-step:offf"),
            "\"two-step:offf\" is not a value: on, not-set, unknown, turned-off."
        );
        assert_eq!(error_text("Two:off"), "\"two:off\" is not a value: on, not-set, unknown, turned-off.");
        assert_eq!(
            error_text("request:"),
            "Finish the word: request: failed, no-answer, not-sent, queued, set, sending, retry, paused, resolved, none."
        );
        assert_eq!(error_text("due:"), "Finish the word: due: yes, no.");
        assert_eq!(error_text("set:yesterday"), "\"set:yesterday\" is not a value: today.");
        assert_eq!(error_text("id:12a"), "\"id:12a\" is not a value: digits of a phone number ID.");
    }

    #[test]
    fn only_what_can_become_valid_is_unfinished() {
        let is_unfinished = |text| matches!(Filter::parse(text), Err(FilterError::NoValue { .. }));
        assert_eq!(["two-step:", "req:", "set:", "id:"].map(is_unfinished), [true; 4]);
        assert_eq!(["two-step:off", "req:x", "id:a", "colour:"].map(is_unfinished), [false; 4]);
    }

    #[test]
    fn every_value_is_accepted_and_so_is_its_start() {
        for key in FilterKey::ALL {
            for value in key.values() {
                for end in 1..=value.len() {
                    assert!(Filter::parse(&format!("{}{}", key.prefix(), &value[..end])).is_ok(), "{value}");
                }
            }
        }
    }

    #[test]
    fn what_is_still_no_condition_is_valid() {
        assert!(Filter::parse("10:30").is_ok());
        for text in [" ! ", "-", "waba:", "!wab:"] {
            assert_eq!(Filter::parse(text), Ok(Filter::default()), "{text}");
        }
    }

    #[test]
    fn both_signs_negate_a_word_or_a_phrase() {
        assert_eq!(Filter::parse("-acme !not set"), Filter::parse("!acme -two-step:not-set"));
        assert_ne!(Filter::parse("-acme"), Filter::parse("acme"));
    }

    #[test]
    fn only_a_filter_of_digits_ranks_rows() {
        let digits = |text| Filter::parse(text).expect("a valid filter").number_digits();
        assert_eq!(digits("+44 7700-900 112"), Some("447700900112".to_owned()));
        assert_eq!(["acme 112", "-112", "id:112", ""].map(digits), [None, None, None, None]);
    }

    #[test]
    fn only_a_word_like_a_number_is_searched_by_digits() {
        assert_eq!(search_digits("+1-555"), Some("1555".to_owned()));
        assert_eq!(search_digits("(0)7"), Some("07".to_owned()));
        assert_eq!(search_digits("a1"), None);
        assert_eq!(search_digits("+-"), None);
    }
}
