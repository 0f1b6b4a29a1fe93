//! Writes the keys as Markdown: the table of the README, and `docs/keys.md`.
//!
//! It has no rows of its own: it reads the key table that the dispatcher uses.

use std::fmt::Write as _;

use crate::console::input::key::Key;
use crate::console::input::keymap::{HelpRow, KeyRow, Keymap, Mode, table};

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
        rows.push((vec!["everywhere"], key_names(&binding.row), binding.row.description.to_owned()));
    }
    let is_shared = |(pages, ..): &(Vec<&str>, String, String)| pages.len() > MAX_LISTED_PAGES;
    // The sort is stable, so the other rows keep the order of the pages.
    rows.sort_by_key(|row| (row.0 == ["everywhere"], is_shared(row)));
    let mut out = String::from("| page | key | what it does |\n|--|--|--|\n");
    for row in &rows {
        let pages = if is_shared(row) { "several pages".to_owned() } else { row.0.join("; ") };
        let keys = code_words(&row.1);
        // Writing to a String cannot fail.
        writeln!(out, "| {pages} | {keys} | {} |", row.2).ok();
    }
    out
}

/// `docs/keys.md`: the keys of every page, with the names that the config gives their actions.
#[must_use]
pub fn keys_markdown() -> String {
    let mut out = KEYS_INTRODUCTION.to_owned();
    for mode in Mode::ALL {
        push_page(&mut out, mode.title(), &table::of(mode).rows());
    }
    let everywhere: Vec<_> = table::GLOBAL.iter().map(|binding| &binding.row).collect();
    push_page(&mut out, "everywhere", &everywhere);
    out
}

const KEYS_INTRODUCTION: &str = "\
# Keys of the console

`?` shows the keys of a page. The first key of a row is the one that the last line of the screen shows. `[keys]` in the
[config](config.md) gives an action another key: `set-pin = \"s\"`. Actions without a name keep their keys.

The code generates this page: run `UPDATE_DOCS=1 cargo test --test tidy`.
";

fn push_page(out: &mut String, title: &str, rows: &[&KeyRow]) {
    if rows.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let mut initial = title.chars();
    let heading: String = initial.next().into_iter().flat_map(char::to_uppercase).chain(initial).collect();
    write!(out, "\n## {heading}\n\n| key | what it does | name |\n|--|--|--|\n").ok();
    for row in rows {
        let name = if row.is_fixed { String::new() } else { format!("`{}`", row.name) };
        writeln!(out, "| {} | {} | {name} |", code_words(&key_names(row)), row.description).ok();
    }
}

/// The built-in keys of a row.
fn key_names(row: &KeyRow) -> String {
    row.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

fn code_words(text: &str) -> String {
    text.split(' ').map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
}
