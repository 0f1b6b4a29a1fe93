//! Writes the keys as Markdown: the table of the README, and `docs/keys.md`.
//!
//! It has no rows of its own: it reads the key table that the dispatcher uses.

use std::fmt::Write as _;

use crate::console::input::keymap::{KeyRow, Keymap, Mode, table};

/// A row that more pages share than this is listed once under "several pages".
const MAX_LISTED_PAGES: usize = 2;

/// The rows of every page. Equal rows of several pages are listed once.
#[must_use]
pub fn readme_table() -> String {
    let keymap = Keymap::default();
    let mut rows: Vec<(Vec<&str>, String, &str)> = Vec::new();
    for mode in Mode::ALL {
        for row in table::of(mode).rows() {
            let keys = keymap.keys_label(row);
            match rows.iter_mut().find(|(_, known, description)| *known == keys && *description == row.description) {
                Some((pages, ..)) => pages.push(mode.title()),
                None => rows.push((vec![mode.title()], keys, row.description)),
            }
        }
    }
    for binding in table::GLOBAL {
        rows.push((vec!["everywhere"], keymap.keys_label(&binding.row), binding.row.description));
    }
    let is_shared = |(pages, ..): &(Vec<&str>, String, &str)| pages.len() > MAX_LISTED_PAGES;
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
    let keymap = Keymap::default();
    let mut out = KEYS_INTRODUCTION.to_owned();
    for mode in Mode::ALL {
        push_page(&mut out, &keymap, mode.title(), &table::of(mode).rows());
    }
    let everywhere: Vec<_> = table::GLOBAL.iter().map(|binding| &binding.row).collect();
    push_page(&mut out, &keymap, "everywhere", &everywhere);
    out
}

const KEYS_INTRODUCTION: &str = "\
# Keys of the console

`?` shows the keys of a page. The first key of a row is the one that the last line of the screen shows. `[keys]` in the
[config](config.md) gives an action another key: `set-pin = \"s\"`. Actions without a name keep their keys.

The code generates this page: run `UPDATE_DOCS=1 cargo test --test tidy`.
";

fn push_page(out: &mut String, keymap: &Keymap, title: &str, rows: &[&KeyRow]) {
    if rows.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let mut initial = title.chars();
    let heading: String = initial.next().into_iter().flat_map(char::to_uppercase).chain(initial).collect();
    write!(out, "\n## {heading}\n\n| key | what it does | name |\n|--|--|--|\n").ok();
    for row in rows {
        let name = if row.is_fixed { String::new() } else { format!("`{}`", row.name) };
        writeln!(out, "| {} | {} | {name} |", code_words(&keymap.keys_label(row)), row.description).ok();
    }
}

fn code_words(text: &str) -> String {
    text.split(' ').map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
}
