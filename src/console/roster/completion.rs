//! What a word of the filter line can become while it is typed.
//!
//! It changes no filter: the page does, for a key.

use std::ops::Range;

use super::filter::FilterError;
use super::filter_words::{FilterKey, STATES, SplitWord, split_word, state_of_word, strip_negation};
use super::row_texts::to_lower;
use crate::domain::number::Waba;

/// What the word at the cursor can become.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterCompletion {
    /// The key of the word, also if only its start is typed.
    pub key: Option<FilterKey>,
    /// The values of the key, or the states, that start like the word, the most common first.
    pub values: Vec<String>,
    /// The text with the word as far as it is certain, and the cursor in it, in characters. `None` if that is the text
    /// as it is.
    pub completed: Option<(String, usize)>,
}

/// What a word can become, and what of the text it replaces.
struct Candidates {
    key: Option<FilterKey>,
    values: Vec<String>,
    /// The part of the text that is replaced.
    replaced: Range<usize>,
    /// What comes in its place, before the part that all values share.
    start: String,
}

/// `cursor` counts characters.
pub(super) fn complete<'a>(text: &str, cursor: usize, wabas: impl Iterator<Item = &'a Waba>) -> FilterCompletion {
    let at = text.char_indices().nth(cursor).map_or(text.len(), |(at, _)| at);
    let word = word_at(text, at);
    let (_, typed) = strip_negation(&text[word.clone()]);
    let replaced = word.end - typed.len()..word.end;
    let typed = to_lower(typed);
    if typed.is_empty() {
        return FilterCompletion::default();
    }
    let candidates = match split_word(&typed) {
        SplitWord::UnknownKey(_) => return FilterCompletion::default(),
        SplitWord::Keyed(key, value) => Candidates {
            key: Some(key),
            values: values_of(key, value, wabas),
            replaced,
            start: key.prefix().to_owned(),
        },
        SplitWord::Plain => plain_candidates(text, &typed, replaced, wabas),
    };
    let completed = candidates.complete(text);
    FilterCompletion { key: candidates.key, values: candidates.values, completed }
}

/// The error of a text whose last word is unfinished; `None` if its last word is a word of its own.
pub(super) fn unfinished_word(text: &str) -> Option<FilterError> {
    let word = text.split_whitespace().next_back()?;
    let typed = to_lower(word);
    if text.ends_with(char::is_whitespace) || split_word(&typed) != SplitWord::Plain || state_of_word(&typed).is_some()
    {
        return None;
    }
    let end = text.len();
    let candidates = plain_candidates(text, &typed, end - word.len()..end, std::iter::empty());
    let completed = match candidates.key {
        Some(key) => key.prefix().to_owned(),
        None => candidates.values.join(" or "),
    };
    (!completed.is_empty()).then_some(FilterError::Unfinished { completed })
}

/// The word that contains a position, or ends there.
fn word_at(text: &str, at: usize) -> Range<usize> {
    let start = text[..at]
        .rfind(char::is_whitespace)
        .map_or(0, |space| space + text[space..].chars().next().map_or(1, char::len_utf8));
    let end = text[at..].find(char::is_whitespace).map_or(text.len(), |space| at + space);
    start..end
}

/// The values of a key that start with `typed`.
fn values_of<'a>(key: FilterKey, typed: &str, wabas: impl Iterator<Item = &'a Waba>) -> Vec<String> {
    match key {
        FilterKey::Waba => {
            // A space would end the word.
            let name = |waba: &Waba| {
                let label = to_lower(waba.label());
                if label.contains(char::is_whitespace) { waba.id.to_string() } else { label }
            };
            let mut names: Vec<_> = wabas.map(name).filter(|name| name.starts_with(typed)).collect();
            names.sort_unstable();
            names
        }
        FilterKey::TwoStep | FilterKey::Request | FilterKey::Set | FilterKey::Due | FilterKey::Id => {
            let values = key.values().iter().filter(|value| value.starts_with(typed));
            values.map(|value| (*value).to_owned()).collect()
        }
    }
}

/// What a word without a colon can become: the second word of a state, a key, or a state.
fn plain_candidates<'a>(
    text: &str,
    typed: &str,
    replaced: Range<usize>,
    wabas: impl Iterator<Item = &'a Waba>,
) -> Candidates {
    let states = |start: &str| {
        let names = STATES.iter().map(|(name, _)| *name);
        names.filter(|name| name.starts_with(start)).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = text[..replaced.start].trim_end();
    let previous = word_at(before, before.len());
    let (_, first_word) = strip_negation(&before[previous.clone()]);
    let phrases = states(&format!("{} {typed}", to_lower(first_word)));
    if !phrases.is_empty() && !first_word.is_empty() && before.len() < replaced.start {
        let replaced = previous.end - first_word.len()..replaced.end;
        return Candidates { key: None, values: phrases, replaced, start: String::new() };
    }
    match FilterKey::ALL.into_iter().find(|key| key.prefix().starts_with(typed)) {
        // Its values are shown, but only the key is certain.
        Some(key) => {
            Candidates { key: Some(key), values: values_of(key, "", wabas), replaced, start: key.prefix().to_owned() }
        }
        None => Candidates { key: None, values: states(typed), replaced, start: String::new() },
    }
}

impl Candidates {
    /// The text with what all values share, and a space after the only one.
    fn complete(&self, text: &str) -> Option<(String, usize)> {
        let is_key_typed = text[self.replaced.clone()].contains(':');
        let certain = match (&self.values[..], self.key) {
            (_, Some(_)) if !is_key_typed => String::new(),
            ([], _) => return None,
            ([only], _) => format!("{only} "),
            (values, _) => shared_start(values).to_owned(),
        };
        let (before, after) = (&text[..self.replaced.start], &text[self.replaced.end..]);
        // A space that follows already is not doubled.
        let certain = if after.starts_with(' ') { certain.trim_end() } else { &certain };
        let head = format!("{before}{}{certain}", self.start);
        let cursor = head.chars().count();
        let completed = head + after;
        (completed != text).then_some((completed, cursor))
    }
}

/// The start that all values share. They are ASCII or names of WABAs, compared by characters.
fn shared_start(values: &[String]) -> &str {
    let Some((first, others)) = values.split_first() else { return "" };
    let is_shared = |end: usize| others.iter().all(|other| other.get(..end) == first.get(..end));
    let ends = first.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(|end| is_shared(*end)).last().unwrap_or(0);
    &first[..end]
}
