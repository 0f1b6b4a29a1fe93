//! Meta's own words about an error, as fields of a page.
//!
//! It does not explain them: the error catalog does.

use super::sheet::Sheet;
use crate::domain::outcome::ApiError;
use crate::policy::error_catalog::{LabeledWords, meta_words};

/// Adds what Meta said about an error, its codes and its trace ID.
pub(super) fn add_meta_words(sheet: &mut Sheet, error: &ApiError) {
    for LabeledWords { label, text } in meta_words(error) {
        sheet.field(label, &text);
    }
}
