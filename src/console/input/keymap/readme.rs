//! Writes the key table of the README as Markdown.
//!
//! It has no rows of its own: it reads the key table that the dispatcher uses.

use std::fmt::Write as _;

use crate::console::input::key::Key;
use crate::console::input::keymap::{HelpRow, Keymap, Mode, table};

/// A row that more pages share than this is listed once under "several pages".
const MAX_LISTED_PAGES: usize = 2;

/// The rows of every page. Equal rows of several pages are listed once.
#[must_use]
pub fn readme_table() -> String {
    let keymap = Keymap::default();
    let mut rows: Vec<(Vec<&str>, String, String)> = Vec::new();
    for mode in Mode::ALL {
        for HelpRow { keys, description, .. } in keymap.merged_rows(mode, table::of(mode).rows().into_iter()) {
            match rows.iter_mut().find(|(_, known, other)| *known == keys && *other == description) {
                Some((pages, ..)) => pages.push(mode.title()),
                None => rows.push((vec![mode.title()], keys, description)),
            }
        }
    }
    for binding in table::GLOBAL {
        let keys = binding.row.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ");
        rows.push((vec!["everywhere"], keys, binding.row.description.to_owned()));
    }
    let is_shared = |(pages, ..): &(Vec<&str>, String, String)| pages.len() > MAX_LISTED_PAGES;
    // The sort is stable, so the other rows keep the order of the pages.
    rows.sort_by_key(|row| (row.0 == ["everywhere"], is_shared(row)));
    let mut out = String::from("| page | key | what it does |\n|--|--|--|\n");
    for row in &rows {
        let pages = if is_shared(row) { "several pages".to_owned() } else { row.0.join("; ") };
        let keys = row.1.split(' ').map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" ");
        // Writing to a String cannot fail.
        writeln!(out, "| {pages} | {keys} | {} |", row.2).ok();
    }
    out
}
