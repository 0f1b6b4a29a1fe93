//! A row of the table: which errors it fits, and what they mean.
//!
//! It decides whether one error fits, and nothing about the order of rows.

use std::ops::RangeInclusive;

use crate::domain::outcome::ApiError;
use crate::policy::error_catalog::entry::CatalogEntry;

pub(super) struct CatalogRow {
    codes: &'static [RangeInclusive<i64>],
    condition: MatchCondition,
    pub(super) entry: CatalogEntry,
}

/// What must match besides the code.
pub(super) enum MatchCondition {
    CodeOnly,
    Subcodes(&'static [i64]),
    /// Lower-case words in the message or its details.
    Phrase(&'static str),
}

pub(super) const fn row(
    codes: &'static [RangeInclusive<i64>],
    condition: MatchCondition,
    entry: CatalogEntry,
) -> CatalogRow {
    CatalogRow { codes, condition, entry }
}

impl CatalogRow {
    pub(super) fn matches(&self, error: &ApiError) -> bool {
        self.codes.iter().any(|codes| codes.contains(&error.code))
            && match self.condition {
                MatchCondition::CodeOnly => true,
                MatchCondition::Subcodes(subcodes) => error.subcode.is_some_and(|subcode| subcodes.contains(&subcode)),
                MatchCondition::Phrase(phrase) => {
                    contains_phrase(error.message.as_str(), phrase)
                        || error.details.as_ref().is_some_and(|details| contains_phrase(details.as_str(), phrase))
                }
            }
    }
}

/// True if the phrase occurs as whole words: "pin" does not occur in "opinion".
fn contains_phrase(text: &str, phrase: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let is_edge = |neighbour: Option<char>| neighbour.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(phrase).any(|(start, matched)| {
        is_edge(text[..start].chars().next_back()) && is_edge(text[start + matched.len()..].chars().next())
    })
}
