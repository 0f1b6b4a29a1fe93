//! The two names of a number, its display number and its name: for JSON, and for the cells of a table.

use crate::cli::output::table::UNKNOWN;
use crate::domain::number::Number;
use crate::domain::text::CleanText;

/// The display number and the name, as far as they are known.
pub(crate) fn names(number: Option<&Number>) -> [Option<&str>; 2] {
    let Some(number) = number else { return [None; 2] };
    [&number.display_number, &number.name].map(|text| text.as_ref().map(CleanText::as_str))
}

/// The same as cells.
pub(crate) fn name_cells(number: Option<&Number>) -> [&str; 2] {
    names(number).map(|name| name.unwrap_or(UNKNOWN))
}
