//! What is printed: plain tables for people, aligned and without colours, and JSON for scripts, an object a line.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::domain::text::{truncate, width};

/// Cells of so many columns, two blanks between them, and a last one that may be as long as it is.
pub(crate) fn row(cells: &[(&str, usize)], last: &str) -> String {
    let mut row = String::new();
    for (text, columns) in cells {
        let shown = truncate(text, *columns);
        row.push_str(&shown);
        row.push_str(&" ".repeat(columns.saturating_sub(width(&shown)) + 2));
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

/// Prints one object on a line of its own.
pub(crate) fn print_json(object: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(object)?;
    writeln!(io::stdout(), "{line}")
}
