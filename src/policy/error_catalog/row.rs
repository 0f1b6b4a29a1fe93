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
    /// One of these is the whole message, or all of its details: in lower case, without the code before it and the full
    /// stop behind it. `*` stands for any text. A part of a text would fit other errors, too.
    Texts(&'static [&'static str]),
}

pub(super) const fn row(
    codes: &'static [RangeInclusive<i64>],
    condition: MatchCondition,
    entry: CatalogEntry,
) -> CatalogRow {
    CatalogRow { codes, condition, entry }
}

impl CatalogRow {
    /// True if it fits every error with this code.
    pub(super) fn is_of_code(&self, code: i64) -> bool {
        matches!(self.condition, MatchCondition::CodeOnly) && self.codes.iter().any(|codes| codes.contains(&code))
    }

    pub(super) fn matches(&self, error: &ApiError) -> bool {
        self.codes.iter().any(|codes| codes.contains(&error.code))
            && match self.condition {
                MatchCondition::CodeOnly => true,
                MatchCondition::Subcodes(subcodes) => error.subcode.is_some_and(|subcode| subcodes.contains(&subcode)),
                MatchCondition::Texts(patterns) => [Some(&error.message), error.details.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|text| bare_text(text.as_str()))
                    .any(|text| patterns.iter().any(|pattern| fits_pattern(&text, pattern))),
            }
    }
}

/// A text of Meta in lower case, without `(#100) ` before it and the full stop behind it.
fn bare_text(text: &str) -> String {
    let text = text.trim();
    let without_code = text.strip_prefix("(#").and_then(|rest| rest.split_once(") ")).map_or(text, |(_, rest)| rest);
    without_code.trim_end_matches('.').to_ascii_lowercase()
}

/// True if the whole text fits a pattern in which `*` stands for any text.
fn fits_pattern(text: &str, pattern: &str) -> bool {
    let Some((first, others)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = others.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_only_the_whole_text() {
        let cases = [
            ("a", "a", true),
            ("ab", "a", false),
            ("ba", "a", false),
            ("ab", "a*", true),
            ("ba", "a*", false),
            ("a1b2c", "a*b*c", true),
            ("a1b2c3", "a*b*c", false),
            ("ac", "a*b*c", false),
            ("b", "*b*", true),
            ("", "*", true),
        ];
        for (text, pattern, fits) in cases {
            assert_eq!(fits_pattern(text, pattern), fits, "{text} {pattern}");
        }
        assert_eq!(bare_text(" (#100) The parameter pin is required. "), "the parameter pin is required");
        assert_eq!(bare_text("(#100)"), "(#100)");
    }
}
