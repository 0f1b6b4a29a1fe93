//! Plain tables for people: aligned, without colors.

use crate::domain::text::{truncate, width};

/// A row: cells of a fixed number of columns with two blanks between them, then a last cell of any length.
pub(crate) fn row(cells: &[(&str, usize)], last: &str) -> String {
    let mut row = String::new();
    for (text, columns) in cells {
        let cell = truncate(text, *columns);
        row.push_str(&cell);
        row.push_str(&" ".repeat(columns.saturating_sub(width(&cell)) + 2));
    }
    row.push_str(last);
    row.truncate(row.trim_end().len());
    row
}

/// `1 number`, `3 numbers`.
pub(crate) fn numbers_label(count: usize) -> String {
    pluralize(count, "number")
}

/// `1 line`, `3 lines`.
pub(crate) fn pluralize(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
