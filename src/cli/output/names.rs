//! The two names of a number, its display number and its name: for JSON, for CSV, and for the cells of a table.

use crate::cli::output::table::UNKNOWN;
use crate::domain::number::Number;
use crate::domain::text::CleanText;

/// The display number and the name exactly as Meta sent them, as far as they are known: for JSON only.
pub(crate) fn exact_names(number: Option<&Number>) -> [Option<&str>; 2] {
    names_by(number, CleanText::original)
}

/// The same as cleaned texts, for people.
pub(crate) fn clean_names(number: Option<&Number>) -> [Option<&str>; 2] {
    names_by(number, CleanText::as_str)
}

/// The same as cells of a table.
pub(crate) fn name_cells(number: Option<&Number>) -> [&str; 2] {
    clean_names(number).map(|name| name.unwrap_or(UNKNOWN))
}

fn names_by(number: Option<&Number>, text_of: fn(&CleanText) -> &str) -> [Option<&str>; 2] {
    let Some(number) = number else { return [None; 2] };
    [&number.display_number, &number.name].map(|text| text.as_ref().map(text_of))
}
